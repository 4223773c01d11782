/* SPDX-License-Identifier: MIT */
/*
 * What the tools are told: AddressSanitizer, ThreadSanitizer and valgrind must know of every
 * stack, the first two of every switch as well. All of it stands here. Without a sanitizer struct
 * coro_hooks does not exist, and the functions are empty.
 *
 * AddressSanitizer's order: start_switch_fiber before the switch, with the place to keep the fake
 * stack (NULL: free it, this stack is done); finish_switch_fiber first thing after it, with what
 * was kept (NULL: a stack's first moment). finish tells the bounds of the stack just left; so the
 * bounds of a thread's own stack are learnt when the first coroutine arrives. MemorySanitizer has
 * no such interface: programs that switch stacks cannot run under it.
 */
#ifndef COIL_CORO_HOOKS_H
#define COIL_CORO_HOOKS_H

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HOOKS_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define HOOKS_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HOOKS_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define HOOKS_TSAN 1
#endif

#ifdef HOOKS_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef HOOKS_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#if defined HOOKS_ASAN || defined HOOKS_TSAN

#define HOOKS_SWITCH 1

struct coro_hooks {
	struct coro_hooks *previous; /* who switched to us last */
	void (*body)(void *arg);
	void *arg;
	const void *low; /* the stack's bounds; a thread's own are learnt when it is first left */
	size_t bytes;
	void *fake_stack; /* AddressSanitizer's */
	void *fiber;      /* ThreadSanitizer's */
};

static inline void hooks_init(struct coro_hooks *hooks, const void *low, size_t bytes)
{
	*hooks = (struct coro_hooks){ .low = low, .bytes = bytes };
#ifdef HOOKS_TSAN
	hooks->fiber = __tsan_create_fiber(0);
#endif
}

static inline void hooks_init_thread(struct coro_hooks *hooks)
{
	*hooks = (struct coro_hooks){ .low = NULL };
#ifdef HOOKS_TSAN
	hooks->fiber = __tsan_get_current_fiber();
#endif
}

static inline void hooks_deinit(struct coro_hooks *hooks)
{
#ifdef HOOKS_TSAN
	if (hooks->fiber)
		__tsan_destroy_fiber(hooks->fiber);
#endif
	hooks->fiber = NULL;
}

static inline void hooks_name(struct coro_hooks *hooks, const char *name)
{
#ifdef HOOKS_TSAN
	__tsan_set_fiber_name(hooks->fiber, name);
#endif
	(void)hooks;
	(void)name;
}

static inline __attribute__((always_inline)) void
hooks_leave(struct coro_hooks *from, struct coro_hooks *to, void **fake_stack)
{
	to->previous = from;
#ifdef HOOKS_ASAN
	__sanitizer_start_switch_fiber(fake_stack, to->low, to->bytes);
#endif
#ifdef HOOKS_TSAN
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	(void)fake_stack;
}

static inline __attribute__((always_inline)) void hooks_arrive(struct coro_hooks *self)
{
#ifdef HOOKS_ASAN
	/* No locals: this frame may be laid out before the fake stack is back. */
	__sanitizer_finish_switch_fiber(self->fake_stack, &self->previous->low,
					&self->previous->bytes);
#endif
	(void)self;
}

#endif

/*
 * A stack that was left without returning keeps red zones: it is cleaned before it is used again.
 */
static inline void hooks_stack_unpoison(const void *low, size_t bytes)
{
#ifdef HOOKS_ASAN
	__asan_unpoison_memory_region(low, bytes);
#endif
	(void)low;
	(void)bytes;
}

static inline int hooks_on_valgrind(void)
{
#ifdef RUNNING_ON_VALGRIND
	return RUNNING_ON_VALGRIND != 0;
#else
	return 0;
#endif
}

/* valgrind's own number for the stack. */
static inline unsigned hooks_stack_register(void *low, void *top)
{
#ifdef VALGRIND_STACK_REGISTER
	return (unsigned)VALGRIND_STACK_REGISTER(low, top);
#else
	(void)low;
	(void)top;
	return 0;
#endif
}

static inline void hooks_stack_deregister(unsigned number)
{
#ifdef VALGRIND_STACK_DEREGISTER
	VALGRIND_STACK_DEREGISTER(number);
#else
	(void)number;
#endif
}

#endif
