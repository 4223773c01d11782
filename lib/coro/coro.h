/* SPDX-License-Identifier: MIT */
/*
 * "Switch from this stack to that one." A coro is the place where a stack that does not run keeps
 * its registers; the one that runs is known to its caller alone, and switching to it is a mistake
 * that nothing here notices.
 *
 * A coroutine begins in its body, with the floating-point control words of its creator, and never
 * returns from it: it leaves for good by coro_switch_final. It stays on the thread that first ran
 * it. This room does not know what the code does, nor why it switches.
 */
#ifndef COIL_CORO_CORO_H
#define COIL_CORO_CORO_H

#include <stddef.h>

#include "coro/hooks.h"

#if defined COIL_CORO_UCONTEXT
#define CORO_USES_UCONTEXT 1
#include "coro/switch_ucontext.h"
#elif defined __x86_64__ && defined __LP64__
#include "coro/switch_x86_64.h"
#elif defined __aarch64__ && defined __LP64__
#include "coro/switch_aarch64.h"
#else
#define CORO_USES_UCONTEXT 1
#include "coro/switch_ucontext.h"
#endif

struct coro {
	struct coro_registers registers;
#ifdef HOOKS_SWITCH
	struct coro_hooks hooks;
#endif
};

#ifndef HOOKS_SWITCH
_Static_assert(sizeof(struct coro) <= 40, "a task holds one: growth is a decision");
#endif

#ifdef HOOKS_SWITCH
/* A coroutine's first moment, as the sanitizers have to be told of it. */
static inline void coro_begin(void *arg)
{
	struct coro *coro = arg;

	hooks_arrive(&coro->hooks);
	coro->hooks.body(coro->hooks.arg);
}
#endif

/**
 * coro_init - make a coroutine, which runs when it is first switched to
 * @coro:      the caller's; stays where it is until coro_deinit
 * @stack_low: the lowest usable byte of its stack; a guard lies below
 * @stack_top: the first byte above its stack; aligned down to 16
 * @body:      what it runs; does not return
 * @arg:       passed to @body
 */
static inline void coro_init(struct coro *coro, void *stack_low, void *stack_top,
			     void (*body)(void *arg), void *arg)
{
#ifdef HOOKS_SWITCH
	hooks_init(&coro->hooks, stack_low, (size_t)((char *)stack_top - (char *)stack_low));
	coro->hooks.body = body;
	coro->hooks.arg = arg;
	body = coro_begin;
	arg = coro;
#endif
	coro_registers_init(&coro->registers, stack_low, stack_top, body, arg);
}

/*
 * Makes @coro the running stack's own: the place to come back to. Its registers are stored as it
 * leaves.
 */
static inline void coro_init_thread(struct coro *coro)
{
#ifdef HOOKS_SWITCH
	hooks_init_thread(&coro->hooks);
#endif
	(void)coro;
}

/*
 * After a coroutine's last switch, or instead of its first; never while on it, nor for a thread's
 * own.
 */
static inline void coro_deinit(struct coro *coro)
{
#ifdef HOOKS_SWITCH
	hooks_deinit(&coro->hooks);
#endif
	(void)coro;
}

/* What sanitizers call it in their reports. */
static inline void coro_set_name(struct coro *coro, const char *name)
{
#ifdef HOOKS_SWITCH
	hooks_name(&coro->hooks, name);
#endif
	(void)coro;
	(void)name;
}

/*
 * Stores the running stack's registers in @from and goes on in @to. Returns when somebody
 * switches to @from.
 */
static inline __attribute__((always_inline)) void coro_switch(struct coro *from, struct coro *to)
{
#ifdef HOOKS_SWITCH
	hooks_leave(&from->hooks, &to->hooks, &from->hooks.fake_stack);
#endif
	coro_registers_switch(&from->registers, &to->registers);
#ifdef HOOKS_SWITCH
	hooks_arrive(&from->hooks);
#endif
}

/*
 * Has the caches fetch what a parked coroutine returns to, and what it calls then will have below.
 * The processor drops what is beyond its means. Always in line: gcc 12 takes a function that only
 * prefetches for one without effects, and drops its calls.
 */
static inline __attribute__((always_inline)) void coro_prefetch(const struct coro *coro)
{
#ifdef CORO_USES_UCONTEXT
	(void)coro;
#else
	const char *sp = CORO_SP(&coro->registers);

#define FETCH(line) __builtin_prefetch(sp + (line) * 64, 1)
	/* A loop would be one: three instructions more for each. */
	FETCH(-6), FETCH(-5), FETCH(-4), FETCH(-3), FETCH(-2), FETCH(-1), FETCH(0), FETCH(1),
		FETCH(2), FETCH(3), FETCH(4), FETCH(5), FETCH(6);
#undef FETCH
#endif
}

/*
 * As coro_switch, for good: @from's stack holds nothing that is needed. It may be reused as soon
 * as @to runs.
 */
static inline __attribute__((always_inline)) _Noreturn void coro_switch_final(struct coro *from,
									      struct coro *to)
{
#ifdef HOOKS_SWITCH
	hooks_leave(&from->hooks, &to->hooks, NULL);
#endif
	coro_registers_switch_final(&from->registers, &to->registers);
}

#endif
