/* SPDX-License-Identifier: MIT */
/* The frames of a coroutine that does not run: from where it parked to its entry, no further. */
#include "support/test.h"

#include "coro/backtrace.h"
#include "coro/memory.h"
#include "coro/stack.h"

#define FRAMES_MAX 32
/* With all that sanitizers put into it. */
#define FUNCTION_BYTES_MAX 2048

static struct test_memory memory;
static struct stack_pool pool;
static struct coro home;
static struct coro side;
static struct stack *stack;
static void *frames[FRAMES_MAX];

static void begin(void (*body)(void *arg))
{
	test_memory_init(&memory);
	ASSERT_EQ(stack_pool_init(&pool, &memory.interface, &memory.alloc, 256u << 10), 0);
	coro_init_thread(&home);
	stack = stack_acquire(&pool, 0);
	ASSERT(stack);
	coro_init(&side, stack_low(stack), stack_top(stack), body, &side);
}

static void end(void)
{
	coro_deinit(&side);
	stack_release(&pool, stack);
	stack_pool_deinit(&pool);
}

static struct backtrace_bounds bounds(void)
{
	return (struct backtrace_bounds){ stack_low(stack), stack_top(stack) };
}

/* Is one of the frames in the code that begins at @function, and is not longer than so? */
static int find(size_t count, void *function)
{
	for (size_t i = 0; i < count; i++)
		if ((char *)frames[i] > (char *)function &&
		    (char *)frames[i] < (char *)function + FUNCTION_BYTES_MAX)
			return (int)i;
	return -1;
}

static __attribute__((noinline)) void parks(int depth)
{
	if (depth > 0)
		parks(depth - 1);
	else
		coro_switch(&side, &home);
	__asm__ volatile("" : : : "memory"); /* no tail calls */
}

static void body(void *arg)
{
	(void)arg;
	parks(3);
	coro_switch_final(&side, &home);
}

TEST(backtrace, of_a_parked_coroutine_goes_from_where_it_parked_to_its_entry)
{
	size_t count;

	begin(body);
	coro_switch(&home, &side);
	count = backtrace_parked(&side, bounds(), frames, FRAMES_MAX);
	EXPECT_GE(count, 2);
	EXPECT_LT(count, FRAMES_MAX);
	EXPECT_GE(find(count, (void *)body), 0);
#ifndef CORO_USES_UCONTEXT
	EXPECT_EQ(find(1, (void *)parks), 0);
	EXPECT_EQ(find(count, (void *)coro_entry), (int)count - 1);
#endif
	coro_switch(&home, &side);
	end();
}

TEST(backtrace, of_a_coroutine_that_never_ran_is_its_entry)
{
	begin(body);
#ifndef CORO_USES_UCONTEXT
	EXPECT_EQ(backtrace_parked(&side, bounds(), frames, FRAMES_MAX), 1);
	EXPECT_EQ(frames[0], (void *)coro_entry);
#endif
	coro_switch(&home, &side);
	coro_switch(&home, &side);
	end();
}

TEST(backtrace, is_cut_at_the_number_of_frames_that_there_is_room_for)
{
	begin(body);
	coro_switch(&home, &side);
	frames[2] = NULL;
	EXPECT_LE(backtrace_parked(&side, bounds(), frames, 2), 2);
	EXPECT_EQ(frames[2], NULL);
	EXPECT_EQ(backtrace_parked(&side, bounds(), frames, 0), 0);
	coro_switch(&home, &side);
	end();
}

static size_t own;

static __attribute__((noinline)) void looks_at_itself(void)
{
	own = backtrace_running(NULL, bounds(), frames, FRAMES_MAX);
	__asm__ volatile("" : : : "memory");
}

static void body_that_looks(void *arg)
{
	(void)arg;
	looks_at_itself();
	coro_switch_final(&side, &home);
}

TEST(backtrace, of_the_running_coroutine_stays_on_its_stack)
{
	begin(body_that_looks);
	coro_switch(&home, &side);
	EXPECT_GE(find(own, (void *)body_that_looks), 1);
	end();
}

static size_t interrupted;

static void on_signal(int signum, siginfo_t *info, void *context)
{
	void *pc, *sp;

	(void)signum;
	(void)info;
	backtrace_interrupted(context, &pc, &sp);
	EXPECT(sp >= stack_low(stack) && sp < stack_top(stack));
	interrupted = backtrace_running(pc, bounds(), frames, FRAMES_MAX);
	EXPECT_EQ(frames[0], pc);
}

static void body_that_is_interrupted(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	coro_switch_final(&side, &home);
}

TEST(backtrace, in_a_signal_handler_begins_where_it_interrupted)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct sigaction before;

	ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
	begin(body_that_is_interrupted);
	coro_switch(&home, &side);
	EXPECT_GE(interrupted, 2);
	EXPECT_GE(find(interrupted, (void *)body_that_is_interrupted), 1);
	end();
	ASSERT_EQ(sigaction(SIGUSR1, &before, NULL), 0);
}

/* -- Interrupted in the middle of a switch --------------------------------------------------------
 */

#if !defined CORO_USES_UCONTEXT

static void set_registers(ucontext_t *context, const void *argument, const void *sp)
{
#if defined __x86_64__
	context->uc_mcontext.gregs[REG_RSI] = (greg_t)(uintptr_t)argument;
	context->uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)sp;
#else
	context->uc_mcontext.regs[1] = (uintptr_t)argument;
	context->uc_mcontext.sp = (uintptr_t)sp;
#endif
}

/* On its stack, with the switch's argument still in its register: the rest may be another's. */
TEST(backtrace, of_who_is_arriving_is_none)
{
	static char bytes[4096];
	struct coro coro = { 0 };
	ucontext_t context = { 0 };

#if defined __x86_64__
	coro.registers.rsp = bytes + 2048;
#else
	coro.registers.sp = bytes + 2048;
#endif
	set_registers(&context, &coro.registers, bytes + 2048);
	EXPECT(backtrace_is_arriving(&context, &coro));
	set_registers(&context, &coro.registers, bytes + 2064);
	EXPECT(!backtrace_is_arriving(&context, &coro));
	set_registers(&context, bytes, bytes + 2048);
	EXPECT(!backtrace_is_arriving(&context, &coro));
}

#endif
