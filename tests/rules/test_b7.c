/* SPDX-License-Identifier: MIT */
/*
 * semantics.md B7: shield. asyncio's is a wrapper around a future whose waiter leaves; Coil's is a
 * scope, in which waits work on. A waiter that leaves while the inner one goes on is coil_wait.
 */
#include "rules/child.h"

static int shields(void *future)
{
	struct coil_scope shield;
	int rc;

	EXPECT_EQ(coil_shield_open(&shield, COIL_FOREVER), 0);
	rc = coil_await(future);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	return rc;
}

IN_TASK(rules, b7_1_what_is_done_is_returned_as_it_is)
{
	struct coil_task *task = coil_spawn_eager(rig_return, WORD(5));

	EXPECT_EQ(shields(coil_task_future(task)), 5);
	EXPECT_EQ(coil_join(task), 5);
}

IN_TASK(rules, b7_2_cancelling_the_outer_one_does_not_touch_the_inner_one)
{
	struct coil_task *inner = coil_spawn(rig_sleep_and_return, WORD(6));
	struct coil_task *outer = coil_spawn(shields, coil_task_future(inner));

	rig_turns(2);
	coil_cancel(outer);
	EXPECT_EQ(coil_join(outer), 6);
	EXPECT_EQ(coil_join(inner), 6);
}

static int leaves_the_inner_one(void *future)
{
	struct coil_future *inner = future;

	return coil_wait(&inner, 1, COIL_ALL, COIL_FOREVER);
}

IN_TASK(rules, b7_2_a_waiter_may_leave_and_the_inner_one_goes_on)
{
	struct coil_task *inner = coil_spawn(rig_sleep_and_return, WORD(6));
	struct coil_task *outer = coil_spawn(leaves_the_inner_one, coil_task_future(inner));

	rig_turns(2);
	coil_cancel(outer);
	EXPECT_EQ(coil_join(outer), -ECANCELED);
	EXPECT(!coil_future_done(coil_task_future(inner)));
	EXPECT_EQ(coil_join(inner), 6);
}

IN_TASK(rules, b7_2_cancelling_the_inner_one_ends_the_outer_one_so)
{
	struct coil_task *inner = coil_spawn(rig_sleep_for_ever, NULL);
	struct coil_task *outer = coil_spawn(shields, coil_task_future(inner));

	rig_turns(2);
	coil_cancel(inner);
	EXPECT_EQ(coil_join(outer), -ECANCELED);
	EXPECT_EQ(coil_join(inner), -ECANCELED);
}

static bool has_failed;

static int fails_late(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	has_failed = true;
	return -EXDEV;
}

/* As in asyncio since 3.14. */
static int leaves_one_that_fails(void *arg)
{
	EXPECT(coil_spawn(fails_late, NULL));
	while (!has_failed)
		coil_sleep(1 * COIL_MSEC);
	return (int)(intptr_t)arg;
}

static void reports(void)
{
	rig_run(leaves_one_that_fails, NULL);
}

TEST(rules, b7_3_a_failure_of_the_inner_one_that_nobody_is_left_to_see_is_reported)
{
	char text[4096];

	EXPECT_EQ(test_run_in_child(reports, text, sizeof text), 0);
	EXPECT(strstr(text, "failed with EXDEV, and nobody looked at it"));
}

static int shields_for_ever(void *arg)
{
	struct coil_scope shield;

	(void)arg;
	EXPECT_EQ(coil_shield_open(&shield, 2 * COIL_MSEC), 0);
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ETIME);
	EXPECT_EQ(coil_scope_close(&shield), -ETIME);
	return coil_sleep(COIL_FOREVER);
}

/* In asyncio the caller has to keep the inner one alive; a scope needs nothing of the kind. It may
 * have a deadline of its own, which asyncio's has not. */
IN_TASK(rules, b7_4_a_shield_keeps_what_is_inside_for_as_long_as_it_says)
{
	struct coil_task *task = coil_spawn(shields_for_ever, NULL);

	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
}
