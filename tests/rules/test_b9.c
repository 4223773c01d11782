/* SPDX-License-Identifier: MIT */
/* semantics.md B9: groups. */
#include "rules/child.h"

STOPS(b9_1_a_group_that_was_not_opened_takes_no_children, "this group is not open")
{
	struct coil_group group;

	memset(&group, 0, sizeof group);
	coil_go(&group, rig_return, NULL);
}

STOPS(b9_1_a_group_that_was_closed_takes_no_children, "this group is not open")
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_group_close(&group);
	coil_go(&group, rig_return, NULL);
}

static int notes_its_cancel(void *arg)
{
	(void)arg;
	if (coil_yield() == -ECANCELED)
		rig_note('c');
	return -ECANCELED;
}

/* asyncio refuses it and drops the coroutine. Coil runs the body, to release what it was given. */
IN_TASK(rules, b9_1_a_child_of_a_group_that_is_being_cancelled_runs_and_meets_that)
{
	struct coil_group group;

	rig_forget();
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_group_cancel(&group);
	EXPECT_EQ(coil_go(&group, notes_its_cancel, NULL), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_STR_EQ(rig_order, "c");
}

static int adds_children(void *arg)
{
	struct coil_group *group = arg;

	coil_yield();
	rig_note('p');
	EXPECT_EQ(coil_go(group, rig_sleep_and_return, NULL), 0);
	return 0;
}

IN_TASK(rules, b9_2_children_may_add_children_while_the_group_waits)
{
	struct coil_group group;

	rig_forget();
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, adds_children, &group), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_STR_EQ(rig_order, "p");
}

IN_TASK(rules, b9_3_the_first_failure_cancels_the_siblings_and_the_body_once)
{
	struct coil_group group;
	struct coil_task *sibling;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	sibling = coil_spawn(rig_sleep_for_ever, NULL);
	EXPECT_EQ(coil_go(&group, rig_yield_and_return, WORD(-EIO)), 0);
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_join(sibling), -ECANCELED);
	EXPECT_EQ(coil_group_close(&group), -EIO);
	EXPECT_EQ(coil_yield(), 0); /* undone at the exit */
}

IN_TASK(rules, b9_4_cancelled_children_are_ignored)
{
	struct coil_group group;
	struct coil_task *child;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	child = coil_spawn(rig_sleep_for_ever, NULL);
	EXPECT_EQ(coil_go(&group, rig_sleep_and_return, WORD(1)), 0);
	coil_yield();
	coil_cancel(child);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(group.failure_count, 0);
}

static int body_fails(void *arg)
{
	struct coil_group group;
	int failure = -EPERM;
	int rc;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, rig_sleep_for_ever, NULL), 0);
	coil_group_cancel(&group);
	rc = coil_group_close(&group);
	return rc < 0 ? rc : failure;
}

/* A body has no exception to leave with: it says so by coil_group_cancel. */
IN_TASK(rules, b9_5_a_body_that_fails_aborts_and_joins)
{
	EXPECT_EQ(coil_join(coil_spawn(body_fails, NULL)), -EPERM);
}

static int closes_over(void *gate)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, rig_ignores_cancel, gate), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	rig_note('z');
	return coil_yield();
}

IN_TASK(rules, b9_6_the_exit_waits_for_all_also_if_it_is_cancelled_again_and_again)
{
	struct coil_promise gate;
	struct coil_task *task;

	rig_forget();
	coil_promise_init(&gate);
	task = coil_spawn(closes_over, &gate);
	for (int i = 0; i < 4; i++) {
		rig_turns(2);
		coil_cancel(task);
	}
	EXPECT_STR_EQ(rig_order, "");
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_STR_EQ(rig_order, "z");
	coil_promise_deinit(&gate);
}

static int fails_when_cancelled(void *arg)
{
	int rc = coil_sleep(COIL_FOREVER);

	EXPECT_EQ(rc, -ECANCELED);
	return (int)(intptr_t)arg;
}

static int has_failures_and_a_cancel(void *arg)
{
	struct coil_group group;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, fails_when_cancelled, WORD(-EIO)), 0);
	EXPECT_EQ(coil_go(&group, fails_when_cancelled, WORD(-EXDEV)), 0);
	EXPECT_EQ(coil_group_close(&group), -EIO);
	EXPECT_EQ(group.failure_count, 2); /* all of them can be walked */
	EXPECT_EQ(group.failures[1].result, -EXDEV);
	EXPECT_EQ(coil_yield(), -ECANCELED); /* the cancel from outside is kept */
	return 1;
}

IN_TASK(rules, b9_7_failures_beat_the_cancel_and_the_next_wait_meets_it)
{
	struct coil_task *task = coil_spawn(has_failures_and_a_cancel, NULL);

	rig_turns(2);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 1);
}

IN_TASK(rules, b9_8_cancelling_a_group_has_no_failure_of_its_own)
{
	struct coil_group group;

	for (int failure = 0; failure >= -EIO; failure -= EIO) {
		coil_group_open(&group, COIL_GROUP_SUPERVISE);
		EXPECT_EQ(coil_go(&group, fails_when_cancelled, WORD(failure)), 0);
		coil_yield();
		coil_group_cancel(&group);
		coil_group_cancel(&group);
		EXPECT_EQ(coil_yield(), -ECANCELED); /* the body, too */
		EXPECT_EQ(coil_group_close(&group), failure); /* real ones still come out */
		EXPECT_EQ(coil_yield(), 0);
	}
}

IN_TASK(rules, b9_9_a_supervisor_cancels_nobody)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_go(&group, rig_return, WORD(-EIO)), 0);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_group_close(&group), -EIO);
}

static int gets_ready(void *value)
{
	coil_yield();
	coil_group_started(value);
	return 0;
}

IN_TASK(rules, b9_9_start_waits_for_a_ready_value)
{
	struct coil_group group;
	void *value = NULL;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_group_start(&group, gets_ready, &group, &value), 0);
	EXPECT_EQ(value, &group);
	EXPECT_EQ(coil_group_close(&group), 0);
}

static int running, most;

static int counts_itself(void *arg)
{
	(void)arg;
	if (++running > most)
		most = running;
	rig_turns(2);
	running--;
	return 0;
}

IN_TASK(rules, b9_9_a_limit_bounds_what_runs_at_once)
{
	struct coil_group group;

	running = most = 0;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_group_limit(&group, 3);
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(coil_go(&group, counts_itself, NULL), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(most, 3);
}

IN_TASK(rules, b9_9_a_cancel_may_have_a_reason)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, rig_sleep_for_ever, NULL), 0);
	coil_scope_cancel(&group.scope, -ESHUTDOWN, "maintenance");
	EXPECT_EQ(coil_yield(), -ESHUTDOWN);
	EXPECT_EQ(coil_group_close(&group), -ESHUTDOWN);
}

IN_TASK(rules, b9_9_results_are_collected_by_key)
{
	struct coil_keyed_group keyed;
	int result;

	coil_keyed_open(&keyed, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number((uint64_t)i), rig_yield_and_return,
					WORD(10 * i)),
			  0);
	for (int i = 4; i >= 0; i--) {
		EXPECT_EQ(coil_keyed_join(&keyed, coil_key_number((uint64_t)i), &result), 0);
		EXPECT_EQ(result, 10 * i);
	}
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}
