/* SPDX-License-Identifier: MIT */
/* Switches: who runs when, where a backtrace ends, and stacks that are used again. */
#include "support/test.h"

#include <execinfo.h>
#include <pthread.h>
#include <string.h>
#include <unwind.h>

#include "base/alloc.h"
#include "coro/coro.h"
#include "coro/memory.h"
#include "coro/stack.h"

static struct test_memory memory;
static struct stack_pool pool;
static struct coro home;
static struct coro sides[2];

static void pool_open(void)
{
	test_memory_init(&memory);
	ASSERT_EQ(stack_pool_init(&pool, &memory.interface, &memory.alloc, 256u << 10), 0);
	coro_init_thread(&home);
}

static struct stack *begin(struct coro *coro, void (*body)(void *arg), void *arg)
{
	struct stack *stack = stack_acquire(&pool, 0);

	ASSERT(stack);
	coro_init(coro, stack_low(stack), stack_top(stack), body, arg);
	return stack;
}

static void end(struct coro *coro, struct stack *stack)
{
	coro_deinit(coro);
	stack_release(&pool, stack);
}

static char order[32];

static void note(char what)
{
	size_t length = strlen(order);

	order[length] = what;
	order[length + 1] = '\0';
}

static void ping(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		note('i');
		coro_switch(&sides[0], &sides[1]);
	}
	coro_switch_final(&sides[0], &home);
}

static void pong(void *arg)
{
	(void)arg;
	for (;;) {
		note('o');
		coro_switch(&sides[1], &sides[0]);
	}
}

TEST(coro, ping_pong_takes_turns)
{
	struct stack *first, *second;

	pool_open();
	first = begin(&sides[0], ping, NULL);
	second = begin(&sides[1], pong, NULL);
	coro_switch(&home, &sides[0]);
	EXPECT_STR_EQ(order, "ioioio");
	end(&sides[0], first);
	end(&sides[1], second);
	stack_pool_deinit(&pool);
}

static void forth_and_back(void *arg)
{
	long *count = arg;

	coro_set_name(&sides[0], "forth_and_back");
	while (++*count < 1000000)
		coro_switch(&sides[0], &home);
	coro_switch_final(&sides[0], &home);
}

TEST(coro, a_million_switches)
{
	struct stack *stack;
	long count = 0, wanted = 0;

	pool_open();
	stack = begin(&sides[0], forth_and_back, &count);
	while (wanted < 1000000) {
		coro_switch(&home, &sides[0]);
		wanted++;
		if (count != wanted)
			break;
	}
	EXPECT_EQ(count, 1000000);
	end(&sides[0], stack);
	stack_pool_deinit(&pool);
}

/* Releases its own stack, as a task does. */
static void use_and_leave(void *arg)
{
	struct stack *stack = arg;
	char frame[2000];

	for (size_t i = 0; i < sizeof(frame); i++)
		((volatile char *)frame)[i] = (char)i;
	EXPECT_EQ(((volatile char *)frame)[1999], (char)1999);
	coro_switch(&sides[0], &home);
	stack_release(&pool, stack);
	coro_switch_final(&sides[0], &home);
}

TEST(coro, stack_is_used_again_after_the_final_switch)
{
	struct stack *first = NULL;

	pool_open();
	for (int i = 0; i < 500; i++) {
		struct stack *stack = stack_acquire(&pool, 0);

		ASSERT(stack);
		first = first ? first : stack;
		EXPECT_EQ(stack, first);
		/* AddressSanitizer would find red zones that frames left behind. */
		memset(stack_low(stack), 1, stack_bytes(stack));
		coro_init(&sides[0], stack_low(stack), stack_top(stack), use_and_leave, stack);
		coro_switch(&home, &sides[0]);
		coro_switch(&home, &sides[0]);
		coro_deinit(&sides[0]);
	}
	stack_pool_deinit(&pool);
}

TEST(coro, one_that_never_ran_can_be_dropped)
{
	struct stack *stack;

	pool_open();
	stack = begin(&sides[0], ping, NULL);
	end(&sides[0], stack);
	stack_pool_deinit(&pool);
}

static int frames_seen;
static int frames_by_unwinder;
static _Unwind_Reason_Code unwind_result;

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *arg)
{
	int *count = arg;

	(void)context;
	return ++*count < 50 ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static __attribute__((noinline)) void look_up(void)
{
	void *addresses[50];

	frames_seen = backtrace(addresses, 50);
	unwind_result = _Unwind_Backtrace(count_frame, &frames_by_unwinder);
	__asm__ volatile("" : : : "memory");
}

static void traced(void *arg)
{
	look_up();
	coro_switch_final(arg, &home);
}

TEST(coro, backtrace_ends_at_the_entry)
{
	struct stack *stack;
	uintptr_t *above;

	pool_open();
	stack = begin(&sides[0], traced, &sides[0]);
	coro_deinit(&sides[0]);
	/* What lies above looks like return addresses: nobody may follow them. */
	above = (uintptr_t *)stack_top(stack) - 32;
	for (int i = 0; i < 32; i++)
		above[i] = (uintptr_t)look_up + 4;
	coro_init(&sides[0], stack_low(stack), above, traced, &sides[0]);
	coro_switch(&home, &sides[0]);
	/* look_up, traced, perhaps coro_begin, coro_entry; sanitizers' own above. */
	EXPECT_GE(frames_seen, 2);
	EXPECT_LE(frames_seen, 7);
	EXPECT_GE(frames_by_unwinder, 2);
	EXPECT_LE(frames_by_unwinder, 7);
	EXPECT_EQ(unwind_result, _URC_END_OF_STACK);
	end(&sides[0], stack);
	stack_pool_deinit(&pool);
}

static void *frame_pointer_above;

static void climb(void *arg)
{
	void *const *frame = __builtin_frame_address(0);

	/* Up by the frame pointers, as perf goes, to the one that is 0. */
	for (int i = 0; i < 8 && *frame; i++)
		frame = *frame;
	frame_pointer_above = *frame;
	coro_switch_final(arg, &home);
}

TEST(coro, frame_pointers_end_at_the_entry)
{
	struct stack *stack;

#ifdef CORO_USES_UCONTEXT
	SKIP("the C library's entry keeps no frame pointer");
#endif
	pool_open();
	frame_pointer_above = &pool;
	stack = begin(&sides[0], climb, &sides[0]);
	coro_switch(&home, &sides[0]);
	EXPECT_EQ(frame_pointer_above, NULL);
	end(&sides[0], stack);
	stack_pool_deinit(&pool);
}

/*
 * On a coroutine, a home of its own: two levels of switching, as a loop inside of somebody else's
 * coroutine.
 */
static void inner(void *arg)
{
	struct coro *back = arg;

	note('n');
	coro_switch(&sides[1], back);
	note('m');
	coro_switch_final(&sides[1], back);
}

static void outer(void *arg)
{
	struct coro place;
	struct stack *stack;

	(void)arg;
	coro_init_thread(&place);
	stack = stack_acquire(&pool, 0);
	EXPECT(stack);
	coro_init(&sides[1], stack_low(stack), stack_top(stack), inner, &place);
	coro_switch(&place, &sides[1]);
	coro_switch(&sides[0], &home);
	coro_switch(&place, &sides[1]);
	end(&sides[1], stack);
	note('o');
	coro_switch_final(&sides[0], &home);
}

TEST(coro, homes_nest)
{
	struct stack *stack;

	pool_open();
	stack = begin(&sides[0], outer, NULL);
	coro_switch(&home, &sides[0]);
	coro_switch(&home, &sides[0]);
	EXPECT_STR_EQ(order, "nmo");
	end(&sides[0], stack);
	stack_pool_deinit(&pool);
}

struct worker {
	struct test_memory memory;
	struct stack_pool pool;
	struct coro home;
	struct coro coro;
	long count;
};

static long shared_total;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void work(void *arg)
{
	struct worker *worker = arg;

	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&shared_lock);
		shared_total++;
		pthread_mutex_unlock(&shared_lock);
		worker->count++;
		coro_switch(&worker->coro, &worker->home);
	}
	coro_switch_final(&worker->coro, &worker->home);
}

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	struct test_memory *own = &worker->memory;
	struct stack *stack;

	test_memory_init(own);
	stack_pool_init(&worker->pool, &own->interface, &own->alloc, 256u << 10);
	stack = stack_acquire(&worker->pool, 0);
	EXPECT(stack);
	coro_init_thread(&worker->home);
	coro_init(&worker->coro, stack_low(stack), stack_top(stack), work, worker);
	for (int i = 0; i <= 100; i++)
		coro_switch(&worker->home, &worker->coro);
	coro_deinit(&worker->coro);
	stack_release(&worker->pool, stack);
	stack_pool_deinit(&worker->pool);
	return NULL;
}

TEST(coro, threads_have_pools_of_their_own)
{
	static struct worker workers[3];
	pthread_t threads[3];

	pool_open(); /* probes the kernel before there are threads */
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(workers[i].count, 100);
	}
	EXPECT_EQ(shared_total, 300);
	stack_pool_deinit(&pool);
}

/*
 * A realigned frame of unknown size: clang addresses it by rbx (x19), which the switch must not
 * destroy.
 */
static __attribute__((noinline)) long with_base_pointer(size_t bytes, struct coro *self)
{
	_Alignas(64) volatile char aligned[64];
	volatile char *dynamic = __builtin_alloca(bytes);

	aligned[63] = 5;
	dynamic[bytes - 1] = 7;
	coro_switch(self, &home);
	return aligned[63] * 10 + dynamic[bytes - 1];
}

static long base_pointer_result[2];

static void base_pointer_body(void *arg)
{
	struct coro *self = arg;

	base_pointer_result[self - sides] = with_base_pointer(100 + (size_t)(self - sides), self);
	coro_switch_final(self, &home);
}

TEST(coro, realigned_dynamic_frames_survive)
{
	struct stack *stack[2];

	pool_open();
	for (int i = 0; i < 2; i++)
		stack[i] = begin(&sides[i], base_pointer_body, &sides[i]);
	for (int i = 0; i < 4; i++)
		coro_switch(&home, &sides[i & 1]);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(base_pointer_result[i], 57);
		end(&sides[i], stack[i]);
	}
	stack_pool_deinit(&pool);
}
