/* SPDX-License-Identifier: MIT */
/* Many operations at once: gather_ops, the backlog of a full submission queue, CQ overflow. */
#include "task/rig.h"

#include <fcntl.h>

#define MANY 3000

static struct coil_op many[MANY];

IN_TASK(ops, a_gather_is_one_submission)
{
	struct coil_op ops[100];
	struct coil_stats before, after;

	for (int i = 0; i < 100; i++)
		ops[i] = coil_op_nop();
	coil_nop();
	before = rig_stats();
	EXPECT_EQ(coil_gather_ops(ops, 100, 0), 0);
	after = rig_stats();
	EXPECT_EQ(after.sqes - before.sqes, 100);
	EXPECT_EQ(after.cqes - before.cqes, 100);
	EXPECT_LE(after.enters - before.enters, 2);
	EXPECT_EQ(after.backlogged, before.backlogged);
	if (!RIG_IS_DEBUGGED)
		EXPECT_EQ(after.allocations, before.allocations);
	EXPECT_LE(after.switches - before.switches, 2); /* at most one park, one wake */
}

IN_TASK(ops, a_gather_keeps_each_result_and_the_first_failure_is_that_of_the_arguments)
{
	char byte;
	struct coil_op ops[] = { coil_op_nop(), coil_op_recv(-1, &byte, 1, 0),
				 coil_op_openat(AT_FDCWD, "/no/such/file", O_RDONLY, 0),
				 coil_op_nop() };

	EXPECT_EQ(coil_gather_ops(ops, 4, 0), -EBADF);
	EXPECT_EQ(coil_future_result(&ops[0].future), 0);
	EXPECT_EQ(coil_future_result(&ops[2].future), -ENOENT);
	EXPECT_EQ(coil_gather_ops(ops, 4, COIL_KEEP_GOING), 2);
	EXPECT_EQ(coil_gather_ops(&ops[2], 2, COIL_FAIL_FAST), -ENOENT);
}

IN_TASK(ops, fail_fast_cancels_the_operations_that_are_left)
{
	char bytes[3];
	int fds[2];
	struct coil_op ops[3];
	struct coil_stats before;

	rig_pair(fds);
	ops[0] = coil_op_recv(fds[0], &bytes[0], 1, 0);
	ops[1] = coil_op_recv(-1, &bytes[1], 1, 0);
	ops[2] = coil_op_recv(fds[1], &bytes[2], 1, 0);
	before = rig_stats();
	EXPECT_EQ(coil_gather_ops(ops, 3, COIL_FAIL_FAST), -EBADF);
	EXPECT_EQ(coil_future_result(&ops[0].future), -ECANCELED);
	EXPECT_EQ(coil_future_result(&ops[2].future), -ECANCELED);
	EXPECT_EQ(rig_stats().cancels, before.cancels + 2);
	EXPECT_EQ(rig_stats().owed, before.owed);
	rig_close(fds);
}

static int gather_100(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		many[i] = coil_op_nop();
	EXPECT_EQ(coil_gather_ops(many, 100, 0), 0);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(coil_op_outcome(&many[i]), COIL_OUTCOME_COMPLETED);
	EXPECT_GE(rig_stats().backlogged, 92);
	return 0;
}

TEST(ops, a_gather_larger_than_the_queue_takes_as_many_submissions_as_it_needs)
{
	EXPECT_EQ(rig_run_on(8, 64, gather_100, NULL), 0);
}

static int gather_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < MANY; i++)
		many[i] = coil_op_nop();
	EXPECT_EQ(coil_gather_ops(many, MANY, COIL_KEEP_GOING), 0);
	return rig_stats().owed <= 1 ? 0 : -EPROTO;
}

TEST(ops, thousands_go_through_the_smallest_queues)
{
	for (unsigned entries = 1; entries <= 8; entries++)
		EXPECT_EQ(rig_run_on(entries, 0, gather_many, NULL), 0);
}

static int recv_many(void *arg)
{
	static char bytes[MANY];
	int *fds = arg;

	for (int i = 0; i < 1000; i++)
		many[i] = coil_op_recv(fds[0], &bytes[i], 1, 0);
	return coil_gather_ops(many, 1000, COIL_KEEP_GOING);
}

static int cancel_many(void *fds)
{
	struct coil_task *task = coil_spawn(recv_many, fds);

	coil_yield();
	coil_cancel(task); /* most of them have never been in the kernel */
	EXPECT_EQ(coil_join(task), -ECANCELED);
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(coil_future_result(&many[i].future), -ECANCELED);
	EXPECT_LE(rig_stats().cancels, 16);
	/* and once more when all of them are */
	task = coil_spawn(recv_many, fds);
	while (rig_stats().owed < 1000)
		coil_sleep(1 * COIL_MSEC);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_GE(rig_stats().cancels, 1000);
	return 0;
}

TEST(ops, a_cancel_takes_out_of_the_backlog_and_waits_for_room_itself)
{
	int fds[2];

	NEEDS_KERNEL();
	rig_pair(fds);
	EXPECT_EQ(rig_run_on(4, 4096, cancel_many, fds), 0);
	rig_close(fds);
}

static int cancels_one_of_the_backlog(void *arg)
{
	struct coil_op op[8];

	(void)arg;
	for (int i = 0; i < 8; i++) {
		op[i] = coil_op_nop();
		coil_op_start(&op[i]);
	}
	EXPECT_EQ(coil_op_cancel(&op[5]), 0);
	EXPECT_EQ(coil_op_outcome(&op[5]), COIL_OUTCOME_CANCELLED);
	EXPECT_EQ(coil_op_cancel(&op[7]), 0); /* the last one */
	EXPECT_EQ(coil_op_cancel(&op[2]), 0);
	EXPECT_EQ(coil_await(&op[5].future), -ECANCELED);
	for (int i = 0; i < 8; i++) {
		int rc = coil_await(&op[i].future);

		EXPECT(i == 5 || i == 7 || i == 2 ? rc == -ECANCELED || rc == 0 : rc == 0);
	}
	return 0;
}

TEST(ops, one_operation_of_the_backlog_can_be_cancelled)
{
	EXPECT_EQ(rig_run_on(1, 8, cancels_one_of_the_backlog, NULL), 0);
	EXPECT_EQ(rig_run_on(2, 8, cancels_one_of_the_backlog, NULL), 0);
}

static int nops(void *count)
{
	for (int i = 0; i < (int)(intptr_t)count; i++)
		EXPECT_EQ(coil_nop(), 0);
	return 0;
}

static int floods(void *arg)
{
	struct coil_group group;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 500; i++)
		EXPECT_EQ(coil_go(&group, nops, WORD(20)), 0);
	return coil_group_close(&group);
}

TEST(ops, every_completion_arrives_through_the_smallest_completion_queue)
{
	EXPECT_EQ(rig_run_on(1, 1, floods, NULL), 0);
	EXPECT_EQ(rig_run_on(4, 4, floods, NULL), 0);
	EXPECT_EQ(rig_run_on(256, 256, floods, NULL), 0);
}

static int recv_one(void *fd)
{
	char byte;

	return coil_recv((int)(intptr_t)fd, &byte, 1, 0);
}

static int wakes_all_at_once(void *arg)
{
	int *fds = arg;
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 400; i++)
		EXPECT_EQ(coil_go(&group, recv_one, WORD(fds[0])), 0);
	coil_sleep(10 * COIL_MSEC);
	shutdown(fds[1], SHUT_WR); /* 400 completions, room for 4 */
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_GT(rig_stats().cq_overflows, 0);
	return 0;
}

TEST(ops, an_overflow_of_the_completion_queue_loses_nothing)
{
	int fds[2];

	NEEDS_KERNEL();
	rig_pair(fds);
	EXPECT_EQ(rig_run_on(4, 4, wakes_all_at_once, fds), 0);
	rig_close(fds);
}

IN_TASK(ops, a_done_operation_may_be_started_again)
{
	struct coil_op op = coil_op_nop();

	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(coil_op_await(&op), 0);
		coil_op_start(&op);
		EXPECT_EQ(coil_await(&op.future), 0);
	}
}

IN_TASK(ops, a_scope_may_be_closed_when_its_operations_are_done)
{
	struct coil_op op = coil_op_nop();
	struct coil_scope scope;

	coil_scope_open(&scope);
	coil_op_start(&op);
	EXPECT_EQ(coil_await(&op.future), 0);
	EXPECT_EQ(coil_scope_close(&scope), 0);
}

IN_TASK(ops, awaiting_one_that_was_done_meanwhile_does_not_run_it_again)
{
	struct coil_op op = coil_op_nop();
	uint64_t sqes;

	coil_op_start(&op);
	coil_sleep(1 * COIL_MSEC);
	EXPECT(coil_future_done(&op.future));
	sqes = rig_stats().sqes;
	EXPECT_EQ(coil_op_await(&op), 0);
	EXPECT_EQ(rig_stats().sqes, sqes);
}
