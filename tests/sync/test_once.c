/* SPDX-License-Identifier: MIT */
/* Once. */
#include "task/rig.h"

static struct coil_once once;
static int tries;

static int returns_after_a_turn(void *result)
{
	tries++;
	coil_yield();
	return (int)(intptr_t)result;
}

static int runs(void *result)
{
	return coil_once_run(&once, returns_after_a_turn, result);
}

static int sleeps(void *arg)
{
	(void)arg;
	tries++;
	return coil_sleep(COIL_SEC);
}

static int runs_sleeper(void *arg)
{
	return coil_once_run(&once, sleeps, arg);
}

static void begin(void)
{
	tries = 0;
	coil_once_init(&once);
}

static struct coil_once_stats stats(void)
{
	struct coil_once_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_once_stats(&once, &stats), 0);
	return stats;
}

IN_TASK(once, one_runs_and_the_others_wait)
{
	struct coil_task *tasks[4];
	uint64_t turns;

	begin();
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(runs, WORD(10 + i));
	coil_yield();
	EXPECT(!coil_once_is_done(&once));
	EXPECT_EQ(stats().runner, coil_task_id(tasks[0]));
	EXPECT_EQ(stats().waiters, 3);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(coil_join(tasks[i]), 10);
	EXPECT_EQ(tries, 1);
	EXPECT(coil_once_is_done(&once));
	turns = rig_stats().turns;
	EXPECT_EQ(runs(WORD(99)), 10);
	EXPECT_EQ(rig_stats().turns, turns);
	EXPECT_EQ(stats().is_done, 1);
	EXPECT_EQ(stats().waits, 3);
	EXPECT_EQ(stats().failures, 0);
	coil_once_deinit(&once);
	coil_once_deinit(NULL);
}

IN_TASK(once, a_failure_is_its_own_and_the_next_one_tries)
{
	struct coil_task *tasks[3];

	begin();
	tasks[0] = coil_spawn(runs, WORD(-EIO));
	tasks[1] = coil_spawn(runs, WORD(-EBUSY));
	tasks[2] = coil_spawn(runs, WORD(5));
	EXPECT_EQ(coil_join(tasks[0]), -EIO);
	EXPECT_EQ(coil_join(tasks[1]), -EBUSY);
	EXPECT_EQ(coil_join(tasks[2]), 5);
	EXPECT_EQ(tries, 3);
	EXPECT_EQ(stats().failures, 2);
	coil_once_deinit(&once);
}

IN_TASK(once, it_may_be_tried_again_after_a_failure)
{
	begin();
	EXPECT_EQ(runs(WORD(-EIO)), -EIO);
	EXPECT_EQ(stats().runner, 0);
	EXPECT_EQ(runs(WORD(3)), 3);
	coil_once_deinit(&once);
}

IN_TASK(once, a_cancelled_runner_lets_the_next_one_try)
{
	struct coil_task *first, *second;

	begin();
	first = coil_spawn(runs_sleeper, NULL);
	second = coil_spawn(runs, WORD(8));
	coil_yield();
	coil_cancel(first);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 8);
	coil_once_deinit(&once);
}

IN_TASK(once, a_cancelled_waiter_leaves)
{
	struct coil_task *first, *second, *third;

	begin();
	first = coil_spawn(runs, WORD(-EIO));
	second = coil_spawn(runs, WORD(1));
	third = coil_spawn(runs, WORD(2));
	coil_yield();
	coil_cancel(second);
	EXPECT_EQ(coil_join(second), -ECANCELED);
	EXPECT_EQ(coil_join(first), -EIO);
	EXPECT_EQ(coil_join(third), 2);
	coil_once_deinit(&once);
}

/* Its turn to try had come: it tries, its waits fail, and the next one tries. */
IN_TASK(once, a_waiter_that_is_cancelled_when_its_turn_has_come_passes_it_on)
{
	struct coil_task *second, *third;
	struct coil_scope scope;

	begin();
	coil_scope_open(&scope);
	second = coil_spawn(runs_sleeper, NULL);
	coil_yield();
	third = coil_spawn(runs, WORD(6));
	coil_yield();
	coil_cancel(second);
	EXPECT_EQ(coil_join(second), -ECANCELED);
	EXPECT_EQ(coil_join(third), 6);
	coil_scope_close(&scope);
	coil_once_deinit(&once);
}

static int fails_and_cancels_the_next(void *next)
{
	coil_yield();
	(void)next;
	return -EIO;
}

static struct coil_task *victim;

static int runs_failing(void *arg)
{
	int rc = coil_once_run(&once, fails_and_cancels_the_next, arg);

	coil_cancel(victim); /* handed the turn, and has not run */
	return rc;
}

IN_TASK(once, handed_the_turn_then_cancelled_it_tries_and_fails)
{
	struct coil_task *first, *third;

	begin();
	first = coil_spawn(runs_failing, NULL);
	victim = coil_spawn(runs_sleeper, NULL);
	third = coil_spawn(runs, WORD(4));
	EXPECT_EQ(coil_join(first), -EIO);
	EXPECT_EQ(coil_join(victim), -ECANCELED);
	EXPECT_EQ(coil_join(third), 4);
	EXPECT_EQ(tries, 2);
	EXPECT_EQ(stats().failures, 2);
	coil_once_deinit(&once);
}

IN_TASK(once, cancelled_before_and_timed_out)
{
	struct coil_task *runner;
	struct coil_scope scope;

	begin();
	runner = coil_spawn(runs_sleeper, NULL);
	coil_yield();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(runs(WORD(1)), -EIO);
	coil_scope_close(&scope);
	EXPECT_EQ(coil_timeout(COIL_MSEC, runs, WORD(1)), -ETIME);
	coil_cancel(runner);
	EXPECT_EQ(coil_join(runner), -ECANCELED);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_once_run(&once, rig_return, WORD(2)), -EIO);
	EXPECT_EQ(coil_scope_close(&scope), -EIO);
	EXPECT_EQ(coil_once_run(&once, rig_return, WORD(2)), 2);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(runs(WORD(1)), 2); /* done: not a wait */
	EXPECT_EQ(coil_scope_close(&scope), 0);
	coil_once_deinit(&once);
}
