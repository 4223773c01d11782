/* SPDX-License-Identifier: MIT */
/* The child of a fork, and faults: what the process dies of has words, and its task. */
#include "task/rig.h"

#include <sys/wait.h>

#include "ring/hooks.h"

/* As in a program of its own: neither a sanitizer nor a test framework has a handler. */
static void let_faults_be(void)
{
	const struct sigaction none = { .sa_handler = SIG_DFL };

	sigaction(SIGSEGV, &none, NULL);
}

/* -- Fork ------------------------------------------------------------------ */

STOPS_IN_TASK(misuse, sleeping_in_the_child_of_a_fork,
	      "called in the child of a fork: the loop is the parent's")
{
	pid_t child = fork();
	int status = 0;

	if (child == 0)
		coil_sleep(1);
	if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
		raise(WTERMSIG(status));
}

TEST_ENTRY(returns_in_the_child_of_a_fork)
TEST_SIGNAL(misuse, returning_in_the_child_of_a_fork, SIGSEGV,
	    "coil: SIGSEGV in the child of a fork, whose loop is the parent's: only exec and _exit")
{
	if (HOOKS_ON_VALGRIND)
		SKIP("it hands the ring's memory to the child");
	let_faults_be();
	rig_run_real(returns_in_the_child_of_a_fork_entry, NULL);
}

static void returns_in_the_child_of_a_fork_steps(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0)
		return;
	if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
		raise(WTERMSIG(status));
}

/* -- Faults ---------------------------------------------------------------- */

static volatile int *nowhere;

/* What a sanitizer would say of it is not what is tested. */
static __attribute__((no_sanitize("address"), no_sanitize("undefined"))) int
follows_a_null_pointer(void *arg)
{
	(void)arg;
	return *nowhere;
}

TEST_SIGNAL(misuse, a_null_pointer_is_told_with_its_task, SIGSEGV,
	    "coil: SIGSEGV in task 1 \"main\": a fault at address 0x0, a null pointer\n")
{
	let_faults_be();
	rig_run_real(follows_a_null_pointer, NULL);
}

TEST_SIGNAL(misuse, a_task_without_an_entry, SIGSEGV, "coil: SIGSEGV in task 1 \"main\": a fault")
{
	let_faults_be();
	rig_run_real(NULL, NULL);
}

static void tells_of_its_own(int signum, siginfo_t *info, void *context)
{
	(void)signum;
	(void)info;
	(void)context;
	_exit(33);
}

static void handles_its_fault(void)
{
	const struct sigaction own = { .sa_sigaction = tells_of_its_own, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &own, NULL);
	rig_run_real(follows_a_null_pointer, NULL);
}

TEST(misuse, a_fault_that_the_program_handles_is_its_own)
{
	char text[1024];
	int status = test_run_in_child(handles_its_fault, text, sizeof text);

	EXPECT_EQ(status, W_EXITCODE(33, 0));
	EXPECT_STR_EQ(text, "");
}

/* As in tests/coro: nothing may make a loop of it. */
static __attribute__((noinline)) int falls(int depth)
{
	volatile char frame[300];

	frame[depth % 300] = (char)depth;
	__asm__ volatile("" : : : "memory");
	if (depth < 0)
		return 0;
	depth = falls(depth + 1);
	__asm__ volatile("" : : "r"(frame) : "memory");
	return depth + frame[0];
}

static int overflows(void *arg)
{
	(void)arg;
	return falls(0);
}

TEST_SIGNAL(misuse, an_overflown_stack_is_told_with_its_task_and_size, SIGSEGV,
	    "coil: stack overflow in task 1 \"main\", whose stack has ")
{
	let_faults_be();
	rig_run_real(overflows, NULL);
}
