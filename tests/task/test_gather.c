/* SPDX-License-Identifier: MIT */
/* gather over any futures. */
#include "task/rig.h"

IN_TASK(gather, of_nothing_is_done_at_once)
{
	uint64_t turns = rig_stats().turns;

	EXPECT_EQ(coil_gather(NULL, 0, 0), 0);
	EXPECT_EQ(coil_gather(NULL, 0, COIL_KEEP_GOING), 0);
	EXPECT_EQ(coil_gather_ops(NULL, 0, 0), 0);
	EXPECT_EQ(coil_gather_tasks(NULL, 0, COIL_FAIL_FAST), 0);
	EXPECT_EQ(coil_chain(NULL, 0, 0), 0);
	EXPECT_EQ(rig_stats().turns, turns);
}

IN_TASK(gather, refuses_unknown_flags)
{
	EXPECT_EQ(coil_gather(NULL, 0, 64), -EINVAL);
	EXPECT_EQ(coil_gather(NULL, 0, COIL_HARD), -EINVAL);
	EXPECT_EQ(coil_gather_ops(NULL, 0, COIL_KEEP_GOING | COIL_FAIL_FAST), -EINVAL);
	EXPECT_EQ(coil_gather_tasks(NULL, 0, -1), -EINVAL);
	EXPECT_EQ(coil_chain(NULL, 0, COIL_FAIL_FAST), -EINVAL);
}

static void spawn_three(struct coil_task *tasks[3])
{
	tasks[0] = coil_spawn(rig_sleep_and_return, WORD(-EIO)); /* later than the next */
	tasks[1] = coil_spawn(rig_return, WORD(-EPERM));
	tasks[2] = coil_spawn(rig_sleep_and_return, WORD(3));
}

static void join_three(struct coil_task *tasks[3], int zero, int one, int two)
{
	EXPECT_EQ(coil_join(tasks[0]), zero);
	EXPECT_EQ(coil_join(tasks[1]), one);
	EXPECT_EQ(coil_join(tasks[2]), two);
}

IN_TASK(gather, drains_and_returns_the_first_failure_in_the_order_of_the_arguments)
{
	struct coil_task *tasks[3];

	spawn_three(tasks);
	EXPECT_EQ(coil_gather_tasks(tasks, 3, 0), -EIO);
	join_three(tasks, -EIO, -EPERM, 3);
}

IN_TASK(gather, fail_fast_cancels_the_siblings_and_they_do_not_count)
{
	struct coil_task *tasks[3];

	spawn_three(tasks);
	EXPECT_EQ(coil_gather_tasks(tasks, 3, COIL_FAIL_FAST), -EPERM);
	for (int i = 0; i < 3; i++)
		EXPECT(coil_future_done(coil_task_future(tasks[i])));
	join_three(tasks, -ECANCELED, -EPERM, -ECANCELED);
}

IN_TASK(gather, keep_going_returns_the_number_of_failures)
{
	struct coil_task *tasks[3];

	spawn_three(tasks);
	EXPECT_EQ(coil_gather_tasks(tasks, 3, COIL_KEEP_GOING), 2);
	join_three(tasks, -EIO, -EPERM, 3);
}

IN_TASK(gather, the_same_future_may_stand_there_twice)
{
	struct coil_task *task = coil_spawn(rig_sleep_and_return, WORD(-EIO));
	struct coil_future *twice[] = { coil_task_future(task), coil_task_future(task),
					coil_task_future(task) };

	EXPECT_EQ(coil_gather(twice, 3, COIL_KEEP_GOING), 3);
	EXPECT_EQ(coil_gather(twice, 3, COIL_FAIL_FAST), -EIO);
	EXPECT_EQ(coil_join(task), -EIO);
}

IN_TASK(gather, a_task_that_could_not_be_spawned_fails_in_its_place)
{
	struct coil_task *tasks[3] = { coil_spawn(rig_sleep_and_return, WORD(-EIO)), NULL,
				       coil_spawn(rig_sleep_and_return, WORD(1)) };

	EXPECT_EQ(coil_gather_tasks(tasks, 3, COIL_KEEP_GOING), 2);
	EXPECT_EQ(coil_gather_tasks(tasks, 3, 0), -EIO);
	EXPECT_EQ(coil_gather_tasks(tasks + 1, 2, 0), -ENOMEM);
	coil_join(tasks[0]);
	coil_join(tasks[2]);
}

IN_TASK(gather, fail_fast_with_a_task_that_could_not_be_spawned_cancels_the_others)
{
	struct coil_task *tasks[2] = { NULL, coil_spawn(rig_sleep_for_ever, NULL) };
	struct coil_scope scope;

	coil_scope_open(&scope);
	coil_scope_deadline(&scope, coil_now() + COIL_SEC);
	EXPECT_EQ(coil_gather_tasks(tasks, 2, COIL_FAIL_FAST), -ENOMEM);
	EXPECT_EQ(coil_scope_close(&scope), 0);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
}

IN_TASK(gather, takes_more_than_sixteen)
{
	struct coil_task *tasks[300];
	struct coil_stats before = rig_stats();

	for (int i = 0; i < 300; i++)
		tasks[i] = coil_spawn(i % 2 ? rig_return : rig_sleep_and_return, WORD(i));
	EXPECT_EQ(coil_gather_tasks(tasks, 300, 0), 0);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(coil_join(tasks[i]), i);
	EXPECT_GT(rig_stats().allocations, before.allocations);
}

IN_TASK(gather, sixteen_cost_no_allocation)
{
	struct coil_task *tasks[16];
	struct coil_stats before;

	for (int i = 0; i < 16; i++)
		tasks[i] = coil_spawn(rig_yield_and_return, WORD(i));
	before = rig_stats();
	EXPECT_EQ(coil_gather_tasks(tasks, 16, 0), 0);
	if (!RIG_IS_DEBUGGED)
		EXPECT_EQ(rig_stats().allocations, before.allocations);
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(coil_join(tasks[i]), i);
}

static int resolves_soon(void *promise)
{
	coil_sleep(1 * COIL_MSEC);
	coil_promise_resolve(promise, 4);
	return 0;
}

static int sends_soon(void *fd)
{
	coil_yield();
	return coil_send((int)(intptr_t)fd, "x", 1, 0);
}

IN_TASK(gather, takes_any_mix_of_operations_tasks_promises_and_timers)
{
	struct coil_task *task = coil_spawn(rig_yield_and_return, WORD(2));
	struct coil_promise promise;
	struct coil_timer timer;
	struct coil_op op;
	struct coil_future *all[] = { &op.future, coil_task_future(task), &promise.future,
				      &timer.future };
	int fds[2];
	char byte;

	rig_pair(fds);
	coil_promise_init(&promise);
	EXPECT_EQ(coil_timer_start(&timer, coil_now() + 2 * COIL_MSEC), 0);
	op = coil_op_recv(fds[0], &byte, 1, 0);
	coil_op_start(&op);
	coil_spawn(resolves_soon, &promise);
	coil_spawn(sends_soon, WORD(fds[1]));
	EXPECT_EQ(coil_gather(all, 4, 0), 0);
	EXPECT_EQ(coil_future_result(all[0]), 1);
	EXPECT_EQ(coil_future_result(all[1]), 2);
	EXPECT_EQ(coil_future_result(all[2]), 4);
	EXPECT_EQ(coil_future_result(all[3]), 0);
	EXPECT_EQ(coil_gather(all, 4, COIL_KEEP_GOING), 0); /* of resolved ones: at once */
	coil_join(task);
	coil_promise_deinit(&promise);
	rig_close(fds);
}

struct mix {
	struct coil_promise promise;
	struct coil_task *task;
	int fd;
};

static int gathers_a_mix(void *arg)
{
	struct mix *mix = arg;
	struct coil_timer timer;
	char byte;
	struct coil_op op = coil_op_recv(mix->fd, &byte, 1, 0);
	struct coil_future *all[] = { &mix->promise.future, coil_task_future(mix->task), &op.future,
				      &timer.future };
	int rc;

	coil_timer_start(&timer, COIL_FOREVER);
	coil_op_start(&op);
	rc = coil_gather(all, 4, COIL_KEEP_GOING);
	EXPECT(!coil_future_done(all[0]));
	for (int i = 1; i < 4; i++)
		EXPECT_EQ(coil_future_result(all[i]), -ECANCELED);
	return rc;
}

IN_TASK(gather, a_cancel_is_forwarded_to_every_child_but_promises)
{
	struct mix mix = { .task = coil_spawn(rig_sleep_for_ever, NULL) };
	struct coil_task *task;
	int fds[2];

	rig_pair(fds);
	mix.fd = fds[0];
	coil_promise_init(&mix.promise);
	task = coil_spawn(gathers_a_mix, &mix);
	coil_sleep(1 * COIL_MSEC);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_join(mix.task), -ECANCELED);
	coil_promise_deinit(&mix.promise);
	rig_close(fds);
}

static int gathers_a_stubborn_one(void *task)
{
	struct coil_task *tasks[] = { task };

	EXPECT_EQ(coil_gather_tasks(tasks, 1, 0), 0);
	return coil_yield();
}

IN_TASK(gather, a_cancel_that_every_child_ignored_leaves_the_results)
{
	struct coil_promise gate;
	struct coil_task *stubborn, *task;

	coil_promise_init(&gate);
	stubborn = coil_spawn(rig_ignores_cancel, &gate);
	task = coil_spawn(gathers_a_stubborn_one, stubborn);
	rig_turns(2);
	coil_cancel(task);
	rig_turns(2);
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_join(stubborn), 7);
	coil_promise_deinit(&gate);
}
