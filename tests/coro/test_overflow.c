/* SPDX-License-Identifier: MIT */
/*
 * A stack overflow says whose it was, and still kills; what is not ours reaches who was there
 * before.
 */
#include "support/test.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "coro/coro.h"
#include "coro/memory.h"
#include "coro/overflow.h"
#include "coro/stack.h"

/* These tests want the kernel's way to die, not the sanitizers'. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "handle_segv=0:handle_sigbus=0";
}

__attribute__((visibility("default"))) const char *__tsan_default_options(void)
{
	return "handle_segv=0:handle_sigbus=0";
}

static struct test_memory memory;
static struct stack_pool pool;
static struct coro home;
static struct coro coro;
static struct stack *the_stack;

static bool describe(struct stack *stack, char *text, size_t bytes)
{
	if (stack != the_stack)
		return false;
	snprintf(text, bytes, "task 7 \"reader\" (stack of 65536 bytes, spawned at server.c:88)");
	return true;
}

static __attribute__((noinline)) int fall(int depth)
{
	volatile char frame[300];

	frame[depth % 300] = (char)depth;
	__asm__ volatile("" : : : "memory");
	if (depth < 0)
		return 0;
	return fall(depth + 1) + frame[depth % 300];
}

static __attribute__((noinline)) int leap(void)
{
	volatile char frame[1u << 20];

	/* The address leaves: no compiler makes the frame smaller. */
	__asm__ volatile("" : : "r"(frame) : "memory");
	frame[0] = 1;
	return frame[0];
}

static void fall_body(void *arg)
{
	fall(0);
	coro_switch_final(arg, &home);
}

static void leap_body(void *arg)
{
	leap();
	coro_switch_final(arg, &home);
}

static void pool_open(void)
{
	if (hooks_on_valgrind())
		SKIP("a fault is an error to valgrind");
	test_memory_init(&memory);
	ASSERT_EQ(stack_pool_init(&pool, &memory.interface, &memory.alloc, 0), 0);
}

/* On the @number-th stack. */
static void overflow(size_t number, void (*body)(void *arg), overflow_describe *by)
{
	pool_open();
	while (number--)
		ASSERT(the_stack = stack_acquire(&pool, 0));
	ASSERT_EQ(overflow_watch(&pool, by, NULL), 0);
	coro_init_thread(&home);
	coro_init(&coro, stack_low(the_stack), stack_top(the_stack), body, &coro);
	coro_switch(&home, &coro);
}

TEST_SIGNAL(overflow, recursion_is_named, SIGSEGV,
	    "coil: stack overflow in task 7 \"reader\" (stack of 65536 bytes, spawned at "
	    "server.c:88); give it more with stack_bytes of coil_task_options, or of "
	    "coil_options\n")
{
	overflow(1, fall_body, describe);
}

TEST_SIGNAL(overflow, last_of_many_is_named, SIGSEGV, "stack overflow in task 7 \"reader\"")
{
	overflow(test_stacks_max(), fall_body, describe);
}

/*
 * Needs -fstack-clash-protection, on aarch64 with a guard size of 4 KiB, which is not the default
 * there.
 */
TEST_SIGNAL(overflow, one_large_frame_cannot_leap_the_guard, SIGSEGV,
	    "stack overflow in task 7 \"reader\"")
{
#if defined __clang__ && defined __aarch64__ && __clang_major__ < 19
	SKIP("this compiler does not probe large frames");
#endif
	overflow(2, leap_body, describe);
}

TEST_SIGNAL(overflow, stack_without_a_name_has_a_size, SIGSEGV,
	    "coil: stack overflow in a stack of ")
{
	overflow(1, fall_body, NULL);
}

static volatile sig_atomic_t chained;
static sigjmp_buf out;

static void plain_handler(int number)
{
	chained = number;
	siglongjmp(out, 1);
}

static void info_handler(int number, siginfo_t *info, void *context)
{
	(void)context;
	chained = info->si_addr == (void *)16 ? number : -1;
	siglongjmp(out, 1);
}

static void fault(void)
{
	uintptr_t address = 16;

	__asm__ volatile("" : "+r"(address));
	*(volatile char *)address = 1;
}

static void install(void (*plain)(int), void (*info)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_flags = info ? SA_SIGINFO : 0 };

	if (info)
		action.sa_sigaction = info;
	else
		action.sa_handler = plain;
	sigaction(SIGSEGV, &action, NULL);
}

static void fault_and_come_back(void)
{
	chained = 0;
	if (sigsetjmp(out, 1) == 0)
		fault();
	EXPECT_EQ(chained, SIGSEGV);
}

TEST(overflow, other_faults_reach_the_handler_before)
{
	pool_open();
	install(plain_handler, NULL);
	ASSERT_EQ(overflow_watch(&pool, describe, NULL), 0);
	fault_and_come_back();
	overflow_unwatch();

	install(NULL, info_handler);
	ASSERT_EQ(overflow_watch(&pool, describe, NULL), 0);
	fault_and_come_back();
	overflow_unwatch();
	EXPECT_EQ(memory.allocated_bytes, 0);
	stack_pool_deinit(&pool);
}

TEST_SIGNAL(overflow, other_faults_kill_as_before, SIGSEGV, "")
{
	pool_open();
	ASSERT_EQ(overflow_watch(&pool, describe, NULL), 0);
	fault();
}

TEST_SIGNAL(overflow, sent_signal_kills_as_before, SIGSEGV, "")
{
	pool_open();
	ASSERT_EQ(overflow_watch(&pool, describe, NULL), 0);
	kill(getpid(), SIGSEGV);
	sleep(1);
}

static void name_and_die(int number)
{
	static const char words[] = "the host's own handler\n";
	ssize_t ignored = write(STDERR_FILENO, words, sizeof(words) - 1);

	(void)ignored;
	install(SIG_DFL, NULL);
	(void)number;
}

/* The report, then the handler before: it needs the alternate stack itself. */
TEST_SIGNAL(overflow, host_handler_runs_after_the_report, SIGSEGV, "the host's own handler")
{
	struct sigaction action = { .sa_handler = name_and_die, .sa_flags = SA_ONSTACK };

	sigaction(SIGSEGV, &action, NULL);
	overflow(1, fall_body, describe);
}

static bool handler_is(void (*plain)(int))
{
	struct sigaction now;

	sigaction(SIGSEGV, NULL, &now);
	return !(now.sa_flags & SA_SIGINFO) && now.sa_handler == plain;
}

TEST(overflow, last_unwatch_restores_the_handlers)
{
	stack_t alternate;

	pool_open();
	install(plain_handler, NULL);
	overflow_unwatch();
	ASSERT_EQ(overflow_watch(&pool, describe, NULL), 0);
	EXPECT_EQ(overflow_watch(&pool, describe, NULL), -EBUSY);
	EXPECT(!handler_is(plain_handler));
	overflow_unwatch();
	EXPECT(handler_is(plain_handler));
	EXPECT_EQ(memory.allocated_bytes, 0);
	sigaltstack(NULL, &alternate);
	EXPECT((alternate.ss_flags & SS_DISABLE) || alternate.ss_size > 0);
	stack_pool_deinit(&pool);
}

TEST(overflow, handler_put_over_ours_stays)
{
	pool_open();
	install(NULL, info_handler);
	ASSERT_EQ(overflow_watch(&pool, describe, NULL), 0);
	install(plain_handler, NULL);
	overflow_unwatch();
	EXPECT(handler_is(plain_handler));

	/* Ours is below it still: watching again must not make a circle. */
	ASSERT_EQ(overflow_watch(&pool, describe, NULL), 0);
	EXPECT(handler_is(plain_handler));
	fault_and_come_back();
	overflow_unwatch();
	stack_pool_deinit(&pool);
}

TEST(overflow, alternate_stack_that_fails_is_no_watch)
{
	stack_t alternate;

	sigaltstack(NULL, &alternate);
	if (!(alternate.ss_flags & SS_DISABLE))
		SKIP("this thread has an alternate stack already");
	pool_open();
	memory.fail_alloc = 0;
	EXPECT_EQ(overflow_watch(&pool, describe, NULL), -ENOMEM);
	EXPECT_EQ(overflow_watch(&pool, describe, NULL), 0);
	overflow_unwatch();
	stack_pool_deinit(&pool);
}
