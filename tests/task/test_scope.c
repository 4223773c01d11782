/* SPDX-License-Identifier: MIT */
/* Scopes: deadlines, shields, timeouts. */
#include "task/rig.h"

static int sleep_ms(void *ms)
{
	return coil_sleep((intptr_t)ms * COIL_MSEC);
}

IN_TASK(scope, a_deadline_ends_the_wait_and_close_says_so)
{
	struct coil_scope scope;
	int64_t end = coil_now() + 5 * COIL_MSEC;

	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, end), 0);
	EXPECT_EQ(coil_effective_deadline(), end);
	EXPECT_EQ(coil_sleep(5 * COIL_SEC), -ETIME);
	EXPECT_GE(coil_now(), end);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
	EXPECT_EQ(coil_effective_deadline(), COIL_FOREVER);
}

IN_TASK(scope, a_deadline_that_did_not_pass_leaves_no_timer)
{
	struct coil_scope scope;
	uint64_t timers = rig_stats().timers;

	for (int i = 0; i < 100; i++) {
		coil_scope_open(&scope);
		EXPECT_EQ(coil_scope_deadline(&scope, coil_now() + COIL_SEC), 0);
		EXPECT_EQ(coil_yield(), 0);
		EXPECT_EQ(coil_scope_close(&scope), 0);
	}
	EXPECT_EQ(rig_stats().timers, timers);
}

IN_TASK(scope, a_deadline_can_be_moved_and_removed)
{
	struct coil_scope scope;

	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() + 1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() + 1 * COIL_SEC), 0);
	EXPECT_EQ(coil_sleep(4 * COIL_MSEC), 0);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() + 1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_scope_deadline(&scope, COIL_FOREVER), 0);
	EXPECT_EQ(coil_sleep(4 * COIL_MSEC), 0);
	EXPECT_EQ(coil_effective_deadline(), COIL_FOREVER);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() - 1), 0);
	EXPECT_EQ(coil_sleep(1 * COIL_SEC), -ETIME);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
}

IN_TASK(scope, a_deadline_that_has_expired_and_not_been_delivered_can_be_moved)
{
	struct coil_scope scope;
	int64_t end = coil_now() + 1 * COIL_MSEC;
	int rc;

	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, end), 0);
	while (coil_now() < end + COIL_MSEC)
		;
	rc = coil_nop(); /* the turn that finds it due */
	EXPECT(rc == 0 || rc == -ETIME);
	EXPECT_EQ(coil_scope_deadline(&scope, COIL_FOREVER), 0);
	coil_scope_close(&scope);
	EXPECT_EQ(rig_stats().timers, 0);
}

IN_TASK(scope, the_effective_deadline_is_the_nearest_up_to_the_innermost_shield)
{
	struct coil_scope outer, shield, inner;
	int64_t now = coil_now();

	coil_scope_open(&outer);
	coil_scope_deadline(&outer, now + 3 * COIL_SEC);
	coil_scope_open(&inner);
	coil_scope_deadline(&inner, now + 5 * COIL_SEC);
	EXPECT_EQ(coil_effective_deadline(), now + 3 * COIL_SEC);
	coil_scope_deadline(&inner, now + 2 * COIL_SEC);
	EXPECT_EQ(coil_effective_deadline(), now + 2 * COIL_SEC);
	EXPECT_EQ(coil_shield_open(&shield, COIL_FOREVER), 0);
	EXPECT_EQ(coil_effective_deadline(), COIL_FOREVER);
	coil_scope_deadline(&shield, now + 9 * COIL_SEC);
	EXPECT_EQ(coil_effective_deadline(), now + 9 * COIL_SEC);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	EXPECT_EQ(coil_scope_close(&inner), 0);
	EXPECT_EQ(coil_scope_close(&outer), 0);
}

static int children_see_it(void *end)
{
	EXPECT_EQ(coil_effective_deadline(), *(int64_t *)end);
	return 0;
}

IN_TASK(scope, children_are_under_the_deadline_of_the_scope_around_their_group)
{
	struct coil_scope scope;
	struct coil_group group;
	int64_t end = coil_now() + 5 * COIL_MSEC;

	coil_scope_open(&scope);
	coil_scope_deadline(&scope, end);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_go(&group, children_see_it, &end);
	coil_go(&group, rig_sleep_for_ever, NULL);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(group.failure_count, 0);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
}

/* -- Shields --------------------------------------------------------------- */

static int shielded(void *arg)
{
	struct coil_scope shield, inner;

	(void)arg;
	EXPECT_EQ(coil_shield_open(&shield, 3 * COIL_MSEC), 0);
	coil_scope_open(&inner);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_cancelling(), 0);
	EXPECT_EQ(coil_sleep(1 * COIL_SEC), -ETIME);
	EXPECT_EQ(coil_scope_close(&inner), 0);
	EXPECT_EQ(coil_scope_close(&shield), -ETIME);
	return coil_yield();
}

IN_TASK(scope, a_shield_keeps_the_cancel_out_and_has_a_deadline_of_its_own)
{
	struct coil_task *task = coil_spawn(shielded, NULL);

	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
}

static int tasks_in_a_shield(void *gate)
{
	struct coil_promise *promise = gate;
	struct coil_scope shield;
	struct coil_group group;

	coil_shield_open(&shield, COIL_FOREVER);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_go(&group, rig_sleep_and_return, WORD(1));
	EXPECT_EQ(coil_await(&promise->future), 0);
	coil_go(&group, rig_sleep_and_return, WORD(1));
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	return coil_yield();
}

IN_TASK(scope, a_group_inside_a_shield_is_shielded_too)
{
	struct coil_promise gate;
	struct coil_task *task;

	coil_promise_init(&gate);
	task = coil_spawn(tasks_in_a_shield, &gate);
	coil_yield();
	coil_cancel(task);
	coil_yield();
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	coil_promise_deinit(&gate);
}

IN_TASK(scope, a_shield_can_be_cancelled_itself)
{
	struct coil_scope shield;

	coil_shield_open(&shield, COIL_FOREVER);
	coil_scope_cancel(&shield, -ECANCELED, NULL);
	EXPECT_EQ(coil_sleep(COIL_SEC), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&shield), -ECANCELED);
}

static int cancels_a_scope(void *scope)
{
	coil_scope_cancel(scope, -EPIPE, "from elsewhere");
	return 0;
}

IN_TASK(scope, another_task_may_cancel_it)
{
	struct coil_scope outer, scope;

	coil_scope_open(&outer);
	coil_scope_open(&scope);
	EXPECT_GE(coil_join(coil_spawn(cancels_a_scope, &scope)), -EPIPE);
	EXPECT_EQ(coil_sleep(COIL_SEC), -EPIPE);
	EXPECT_EQ(coil_scope_close(&scope), -EPIPE);
	EXPECT_EQ(coil_yield(), 0);
	EXPECT_EQ(coil_scope_close(&outer), 0);
}

IN_TASK(scope, a_hundred_nested_ones_are_cancelled_from_the_outside)
{
	struct coil_scope scopes[100];

	for (int i = 0; i < 100; i++)
		coil_scope_open(&scopes[i]);
	coil_scope_cancel(&scopes[50], -EPROTO, NULL);
	EXPECT_EQ(coil_yield(), -EPROTO);
	for (int i = 99; i > 50; i--)
		EXPECT_EQ(coil_scope_close(&scopes[i]), 0);
	EXPECT_EQ(coil_scope_close(&scopes[50]), -EPROTO);
	EXPECT_EQ(coil_yield(), 0);
	for (int i = 49; i >= 0; i--)
		EXPECT_EQ(coil_scope_close(&scopes[i]), 0);
}

/* -- coil_timeout
 * ----------------------------------------------------------------------------------- */

IN_TASK(scope, timeout_gives_etime_only_if_the_entry_failed_with_it)
{
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, sleep_ms, WORD(1000)), -ETIME);
	EXPECT_EQ(coil_timeout(1 * COIL_SEC, sleep_ms, WORD(1)), 0);
	EXPECT_EQ(coil_timeout(1 * COIL_SEC, rig_return, WORD(-EIO)), -EIO);
	EXPECT_EQ(coil_timeout(COIL_FOREVER, sleep_ms, WORD(1)), 0);
	EXPECT_EQ(rig_stats().timers, 0);
}

IN_TASK(scope, timeout_of_zero_or_less_fails_the_first_wait)
{
	EXPECT_EQ(coil_timeout(0, sleep_ms, WORD(1)), -ETIME);
	EXPECT_EQ(coil_timeout(-5, sleep_ms, WORD(1)), -ETIME);
	EXPECT_EQ(coil_timeout(0, rig_return, WORD(4)), 4);
}

static int ignores_the_timeout(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(COIL_SEC), -ETIME);
	return 33;
}

static int turns_it_into_its_own(void *arg)
{
	EXPECT_EQ(coil_sleep(COIL_SEC), -ETIME);
	return arg ? -EIO : 0;
}

IN_TASK(scope, timeout_keeps_the_bodys_own_result)
{
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, ignores_the_timeout, NULL), 33);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, turns_it_into_its_own, WORD(1)), -EIO);
}

static int inner_is_longer(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_timeout(1 * COIL_SEC, sleep_ms, WORD(2000)), -ETIME);
	return coil_sleep(1 * COIL_MSEC);
}

static int inner_is_shorter(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, sleep_ms, WORD(2000)), -ETIME);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	return 1;
}

IN_TASK(scope, nested_timeouts_the_outer_one_ends_both_the_inner_one_only_itself)
{
	EXPECT_EQ(coil_timeout(3 * COIL_MSEC, inner_is_longer, NULL), -ETIME);
	EXPECT_EQ(coil_timeout(1 * COIL_SEC, inner_is_shorter, NULL), 1);
}

static int times_out_a_recv(void *fd)
{
	char byte;

	return coil_recv((int)(intptr_t)fd, &byte, 1, 0);
}

IN_TASK(scope, timeout_of_an_operation_costs_one_cancel_and_no_byte)
{
	int fds[2];
	uint64_t cancels = rig_stats().cancels;

	rig_pair(fds);
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, times_out_a_recv, WORD(fds[0])), -ETIME);
	EXPECT_EQ(rig_stats().cancels, cancels + 1);
	EXPECT_EQ(rig_write(fds[1], "x", 1), 1);
	EXPECT_EQ(coil_timeout(1 * COIL_SEC, times_out_a_recv, WORD(fds[0])), 1);
	rig_close(fds);
}
