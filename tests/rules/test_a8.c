/* SPDX-License-Identifier: MIT */
/* semantics.md A8: where Coil departs from asyncio, row by row. */
#include "rules/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

static int ignores_errors(void *count)
{
	for (int i = 0; i < 5; i++)
		if (coil_sleep(COIL_FOREVER) == -ECANCELED)
			++*(int *)count;
	return coil_cancelling();
}

/* asyncio throws a cancel once. */
IN_TASK(rules, a8_1_a_cancel_lasts_until_the_scope_is_left)
{
	int count = 0;
	struct coil_task *task = coil_spawn(ignores_errors, &count);
	struct coil_scope scope;

	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(count, 5);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_yield(), -ECANCELED);
	EXPECT_EQ(coil_yield(), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(coil_yield(), 0);
}

struct canceller {
	struct coil_hook hook;
	struct coil_task *task;
};

static void cancel_now(struct coil_hook *hook)
{
	coil_cancel(((struct canceller *)(void *)hook)->task);
}

static int receives_and_waits(void *op)
{
	int rc = coil_op_await(op);

	EXPECT_EQ(coil_yield(), -ECANCELED);
	return rc;
}

/* asyncio drops a result that is there when the cancel or the timeout comes. */
IN_REAL_TASK(rules, a8_2_completion_wins)
{
	struct canceller canceller = { .hook.fire = cancel_now };
	struct coil_op op;
	char byte = 0;
	int fds[2];

	rig_pair(fds);
	op = coil_op_recv(fds[0], &byte, 1, 0);
	coil_op_start(&op);
	coil_future_then(&op.future, &canceller.hook); /* after the end, before the task runs */
	canceller.task = coil_spawn(receives_and_waits, &op);
	coil_yield();
	EXPECT_EQ(write(fds[1], "!", 1), 1);
	EXPECT_EQ(coil_join(canceller.task), 1);
	EXPECT_EQ(byte, '!');
	rig_close(fds);
}

static int releases_and_returns(void *memory)
{
	free(memory);
	return 14;
}

/* asyncio: never runs; a value is dropped. */
IN_TASK(rules, a8_3_a_body_that_is_cancelled_before_its_first_step_runs_and_its_value_is_kept)
{
	struct coil_task *task = coil_spawn(releases_and_returns, malloc(1));

	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 14);
}

static int ends;

static int ends_later(void *arg)
{
	(void)arg;
	coil_sleep(1 * COIL_MSEC);
	ends++;
	return 0;
}

/* asyncio's tasks may vanish. */
IN_TASK(rules, a8_4_tasks_are_held_until_they_are_done)
{
	ends = 0;
	for (int i = 0; i < 20; i++)
		EXPECT(coil_spawn(ends_later, NULL));
	while (ends < 20)
		EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
}

static int terminates_itself(void *arg)
{
	(void)arg;
	raise(SIGTERM);
	EXPECT_EQ(coil_sleep(5 * COIL_SEC), -ECANCELED);
	return 15;
}

/* asyncio does not handle it. */
TEST(rules, a8_5_sigterm_ends_the_program_gracefully)
{
	EXPECT_EQ(coil_run(terminates_itself, NULL), 15);
}

/* The child ends at once; its child holds @out until nobody has the other end of @gate any more. */
static pid_t fork_twice(const int out[2], const int gate[2])
{
	pid_t child = fork();
	char byte;

	if (child != 0)
		return child;
	if (fork() != 0)
		_exit(3);
	close(out[0]);
	close(gate[1]);
	_exit(read(gate[0], &byte, 1) != 0);
}

/* asyncio's wait, since 3.13, is for the pipes as well, which a grandchild may hold. */
IN_REAL_TASK(rules, a8_6_a_child_is_waited_for_and_not_its_pipes)
{
	siginfo_t info = { .si_status = 0 };
	int out[2], gate[2];
	pid_t child;
	char byte;

	EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
	EXPECT_EQ(pipe2(gate, O_CLOEXEC), 0);
	child = fork_twice(out, gate);
	EXPECT_GT(child, 0);
	close(out[1]);
	close(gate[0]);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)child, &info, WEXITED), 0);
	EXPECT_EQ(info.si_status, 3);
	EXPECT_EQ(poll(&(struct pollfd){ .fd = out[0], .events = POLLIN }, 1, 0), 0);
	close(gate[1]);
	EXPECT_EQ(coil_read(out[0], &byte, 1), 0);
	close(out[0]);
}

/* As in asyncio since 3.14. */
TEST(rules, a8_7_there_is_a_loop_only_inside_of_a_running_one)
{
	EXPECT_EQ(coil_loop_current(), NULL);
	EXPECT_EQ(coil_self(), NULL);
	EXPECT_EQ(rig_run(rig_return, WORD(1)), 1);
	EXPECT_EQ(coil_loop_current(), NULL);
}
