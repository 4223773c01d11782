/* SPDX-License-Identifier: MIT */
/* Groups: policies, limits, handshakes, failures. */
#include "task/rig.h"

static int sees_a_cancel(void *count)
{
	int rc = coil_sleep(COIL_FOREVER);

	if (rc == -ECANCELED)
		++*(int *)count;
	return rc;
}

IN_TASK(group, fail_fast_cancels_the_siblings_and_the_body)
{
	struct coil_group group;
	int cancelled = 0;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 5; i++)
		coil_go(&group, sees_a_cancel, &cancelled);
	coil_go(&group, rig_sleep_and_return, WORD(-EIO));
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_group_close(&group), -EIO);
	EXPECT_EQ(cancelled, 5);
	EXPECT_EQ(group.failure_count, 1);
	EXPECT_EQ(coil_yield(), 0);
}

IN_TASK(group, supervise_cancels_nobody)
{
	struct coil_group group;
	struct coil_task *task;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	task = coil_spawn(rig_sleep_and_return, WORD(8));
	coil_go(&group, rig_return, WORD(-EIO));
	coil_go(&group, rig_yield_and_return, WORD(-EPERM));
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_join(task), 8);
	EXPECT_EQ(coil_group_close(&group), -EIO);
	EXPECT_EQ(group.failure_count, 2);
	EXPECT_EQ(group.failures[1].result, -EPERM);
}

IN_TASK(group, an_empty_one_closes_at_once)
{
	struct coil_group group;
	uint64_t turns = rig_stats().turns;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(rig_stats().turns, turns);
}

IN_TASK(group, keeps_the_first_eight_failures_in_time_and_counts_all)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 20; i++)
		coil_go(&group, rig_return, WORD(-1 - i));
	EXPECT_EQ(coil_group_close(&group), -1);
	EXPECT_EQ(group.failure_count, 20);
	for (int i = 0; i < COIL_GROUP_FAILURES; i++) {
		EXPECT_EQ(group.failures[i].result, -1 - i);
		EXPECT_EQ(group.failures[i].task_id, group.failures[0].task_id + (uint64_t)i);
	}
}

IN_TASK(group, ending_with_ones_own_cancels_reason_is_no_failure)
{
	struct coil_group group;
	struct coil_task *task;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	task = coil_spawn(rig_sleep_for_ever, NULL);
	coil_yield();
	coil_cancel_with(task, -ESHUTDOWN, NULL);
	coil_go(&group, rig_sleep_and_return, WORD(1));
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(group.failure_count, 0);
}

IN_TASK(group, cancel_ends_it_without_an_error_of_its_own)
{
	struct coil_group group;
	int cancelled = 0;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_go(&group, sees_a_cancel, &cancelled);
	coil_go(&group, sees_a_cancel, &cancelled);
	coil_yield();
	coil_group_cancel(&group);
	coil_group_cancel(&group);
	EXPECT_EQ(coil_sleep(1), -ECANCELED);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(cancelled, 2);
	EXPECT_EQ(coil_yield(), 0);
}

static int fails_when_cancelled(void *arg)
{
	(void)arg;
	coil_sleep(COIL_FOREVER);
	return -EBADMSG;
}

IN_TASK(group, a_real_failure_comes_out_of_a_cancelled_one)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_go(&group, fails_when_cancelled, NULL);
	coil_yield();
	coil_group_cancel(&group);
	EXPECT_EQ(coil_group_close(&group), -EBADMSG);
}

static int adds_a_child(void *arg)
{
	struct coil_group *group = arg;

	coil_yield();
	if (group->failure_count == 0 && rig_order[0] != 'x')
		EXPECT_EQ(coil_go(group, adds_a_child, group), 0);
	rig_note('c');
	return 0;
}

static int stops_adding(void *arg)
{
	(void)arg;
	coil_sleep(3 * COIL_MSEC);
	rig_order[0] = 'x';
	return 0;
}

IN_TASK(group, children_may_add_children_while_it_closes)
{
	struct coil_group group;

	rig_forget();
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_go(&group, adds_a_child, &group);
	coil_go(&group, stops_adding, NULL);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(group.alive, 0);
}

IN_TASK(group, a_deadline_on_its_scope_ends_the_children_and_is_reported)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_scope_deadline(&group.scope, coil_now() + 2 * COIL_MSEC), 0);
	coil_go(&group, rig_sleep_for_ever, NULL);
	coil_go(&group, rig_return, WORD(1));
	EXPECT_EQ(coil_group_close(&group), -ETIME);
	EXPECT_EQ(group.failure_count, 0);
	EXPECT_EQ(coil_yield(), 0);
}

static int closes_a_group(void *gate)
{
	struct coil_group group;
	int rc;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_go(&group, rig_ignores_cancel, gate);
	rc = coil_group_close(&group);
	rig_note('z');
	EXPECT_EQ(rc, 0);
	return coil_yield();
}

IN_TASK(group, close_goes_on_waiting_when_it_is_cancelled_again_and_again)
{
	struct coil_promise gate;
	struct coil_task *task;

	rig_forget();
	coil_promise_init(&gate);
	task = coil_spawn(closes_a_group, &gate);
	for (int i = 0; i < 5; i++) {
		rig_turns(2);
		coil_cancel(task);
	}
	rig_turns(2);
	EXPECT_STR_EQ(rig_order, "");
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_STR_EQ(rig_order, "z");
	coil_promise_deinit(&gate);
}

IN_TASK(group, close_frees_the_tasks_that_nobody_joined)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 50; i++)
		EXPECT(coil_spawn(rig_return, NULL));
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(rig_stats().tasks, 1);
	EXPECT_LE(rig_stats().stacks, 1 + 64); /* checking builds keep some in quarantine */
}

/* -- The limit
 * ---------------------------------------------------------------------------------------- */

struct crowd {
	int running;
	int most;
};

static int counts_itself(void *arg)
{
	struct crowd *crowd = arg;

	if (++crowd->running > crowd->most)
		crowd->most = crowd->running;
	rig_turns(3);
	crowd->running--;
	return 0;
}

IN_TASK(group, the_limit_bounds_what_runs_at_once)
{
	struct coil_group group;
	struct crowd crowd = { 0 };

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_group_limit(&group, 4);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(coil_go(&group, counts_itself, &crowd), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(crowd.most, 4);
}

struct applicant {
	struct coil_group *group;
	struct coil_promise *gate;
	char letter;
};

static int notes_and_leaves(void *arg)
{
	const struct applicant *applicant = arg;

	rig_note(applicant->letter);
	return coil_await(&applicant->gate->future);
}

static int applies(void *arg)
{
	const struct applicant *applicant = arg;

	return coil_go(applicant->group, notes_and_leaves, arg);
}

static int applies_from_outside(void *arg)
{
	return applies(arg);
}

IN_TASK(group, the_limit_is_first_come_first_served_and_a_cancelled_waiter_leaves)
{
	struct coil_group group;
	struct coil_promise gate;
	struct applicant applicants[5];
	struct coil_task *tasks[5];

	rig_forget();
	coil_promise_init(&gate);
	/* Spawned into the root: the group is opened after. */
	for (int i = 0; i < 5; i++) {
		applicants[i] = (struct applicant){ &group, &gate, (char)('a' + i) };
		tasks[i] = coil_spawn(applies_from_outside, &applicants[i]);
	}
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_group_limit(&group, 1);
	rig_turns(3);
	EXPECT_STR_EQ(rig_order, "a");
	coil_cancel(tasks[2]);
	EXPECT_EQ(coil_join(tasks[2]), -ECANCELED);
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(tasks[4]), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_STR_EQ(rig_order, "abde");
	for (int i = 0; i < 5; i++)
		if (i != 2 && i != 4)
			EXPECT_EQ(coil_join(tasks[i]), 0);
	coil_promise_deinit(&gate);
}

IN_TASK(group, a_raised_limit_lets_waiters_in)
{
	struct coil_group group;
	struct coil_promise gate;
	struct applicant applicants[5];

	rig_forget();
	coil_promise_init(&gate);
	for (int i = 0; i < 5; i++) {
		applicants[i] = (struct applicant){ &group, &gate, (char)('a' + i) };
		EXPECT(coil_spawn(applies_from_outside, &applicants[i]));
	}
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_group_limit(&group, 1);
	rig_turns(3);
	coil_group_limit(&group, 3);
	rig_turns(3);
	EXPECT_STR_EQ(rig_order, "abc");
	coil_group_limit(&group, 0);
	rig_turns(3);
	EXPECT_STR_EQ(rig_order, "abcde");
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	coil_promise_deinit(&gate);
}

static int keeps_adding(void *arg)
{
	struct applicant *applicant = arg;

	for (int i = 0; i < 200; i++)
		EXPECT_EQ(coil_go(applicant->group, counts_itself, (void *)applicant->gate), 0);
	return 0;
}

IN_TASK(group, a_lowered_limit_holds_for_those_who_wait_already)
{
	struct coil_group group;
	struct crowd crowd = { 0 };
	struct applicant adder = { &group, (struct coil_promise *)(void *)&crowd, 'x' };
	struct coil_task *task = coil_spawn(keeps_adding, &adder);

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_group_limit(&group, 6);
	rig_turns(4);
	EXPECT_GT(crowd.most, 2);
	coil_group_limit(&group, 2);
	rig_turns(12);
	crowd.most = 0;
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_LE(crowd.most, 2);
}

/* -- The handshake
 * -------------------------------------------------------------------------------------- */

static int gets_ready(void *arg)
{
	coil_yield();
	coil_group_started(arg);
	rig_note('r');
	return coil_sleep(2 * COIL_MSEC) < 0 ? -EINTR : -EIO;
}

IN_TASK(group, start_waits_until_the_child_is_ready_and_hands_over_its_value)
{
	struct coil_group group;
	void *value = NULL;
	int word;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_group_start(&group, gets_ready, &word, &value), 0);
	EXPECT_EQ(value, &word);
	EXPECT_EQ(coil_group_start(&group, gets_ready, &word, NULL), 0);
	EXPECT_EQ(coil_group_close(&group), -EIO); /* a failure after it is the group's */
	EXPECT_EQ(group.failure_count, 2);
}

IN_TASK(group, a_child_that_ends_before_it_is_ready_tells_its_starter_alone)
{
	struct coil_group group;
	void *value = &group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_group_start(&group, rig_yield_and_return, WORD(-EACCES), &value), -EACCES);
	EXPECT_EQ(coil_group_start(&group, rig_return, WORD(5), &value), -EPROTO);
	EXPECT_EQ(value, &group);
	EXPECT_EQ(coil_yield(), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
}

static int starts_a_sleeper(void *group)
{
	return coil_group_start(group, rig_sleep_for_ever, NULL, NULL);
}

IN_TASK(group, a_cancelled_starter_cancels_the_child_and_waits_for_it)
{
	struct coil_group group;
	struct coil_task *starter = coil_spawn(starts_a_sleeper, &group);

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	rig_turns(2);
	EXPECT_EQ(group.alive, 1);
	coil_cancel(starter);
	EXPECT_EQ(coil_join(starter), -ECANCELED);
	EXPECT_EQ(group.alive, 0);
	EXPECT_EQ(coil_group_close(&group), 0);
}

static int gets_ready_in_spite(void *gate)
{
	EXPECT_EQ(rig_ignores_cancel(gate), 7);
	coil_group_started(gate);
	return coil_sleep(COIL_FOREVER);
}

struct starting {
	struct coil_group *group;
	struct coil_promise gate;
};

static int starts_stubborn(void *arg)
{
	struct starting *starting = arg;
	void *value;

	EXPECT_EQ(coil_group_start(starting->group, gets_ready_in_spite, &starting->gate, &value),
		  0);
	EXPECT_EQ(value, &starting->gate);
	return coil_yield();
}

IN_TASK(group, a_child_that_gets_ready_in_spite_of_the_cancel_counts_as_started)
{
	struct coil_group group;
	struct starting starting = { .group = &group };
	struct coil_task *starter = coil_spawn(starts_stubborn, &starting);

	coil_promise_init(&starting.gate);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	rig_turns(2);
	coil_cancel(starter);
	rig_turns(2);
	coil_promise_resolve(&starting.gate, 0);
	EXPECT_EQ(coil_join(starter), -ECANCELED);
	EXPECT_EQ(coil_group_close(&group), 0);
	coil_promise_deinit(&starting.gate);
}
