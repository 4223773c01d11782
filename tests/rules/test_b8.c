/* SPDX-License-Identifier: MIT */
/* semantics.md B8: timeout, timeout_at, wait_for. */
#include "rules/child.h"

STOPS(b8_1_a_scope_is_left_once, "this scope is not open")
{
	static struct coil_scope scope;

	coil_scope_open(&scope);
	coil_scope_close(&scope);
	coil_scope_close(&scope);
}

TEST_SIGNAL(rules, b8_1_a_scope_is_entered_inside_of_a_task_alone, SIGABRT,
	    "called on a thread that runs no loop")
{
	struct coil_scope scope;

	coil_scope_open(&scope);
}

IN_TASK(rules, b8_2_never_is_never_and_a_deadline_can_be_moved_and_read)
{
	struct coil_scope scope;
	int64_t end = coil_now() + COIL_SEC;

	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, COIL_FOREVER), 0);
	EXPECT_EQ(coil_effective_deadline(), COIL_FOREVER);
	EXPECT_EQ(coil_scope_deadline(&scope, end), 0);
	EXPECT_EQ(coil_effective_deadline(), end);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() - COIL_SEC), 0);
	EXPECT_EQ(coil_yield(), -ETIME); /* a past one fires at the next turn */
	EXPECT_EQ(coil_cancelling(), -ETIME);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
}

static int sleeps_for_ever(void *arg)
{
	return rig_sleep_for_ever(arg);
}

IN_TASK(rules, b8_3_expiry_ends_the_body_with_etime)
{
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, sleeps_for_ever, NULL), -ETIME);
	EXPECT_EQ(coil_yield(), 0);
}

static int times_out_and_is_cancelled(void *arg)
{
	struct coil_scope scope;
	int rc;

	(void)arg;
	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() - 1), 0);
	coil_cancel(coil_self());
	rc = coil_sleep(COIL_SEC);
	EXPECT_EQ(rc, -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), 0); /* not its own reason: nobody met that */
	return rc;
}

IN_TASK(rules, b8_3_if_somebody_else_cancelled_as_well_that_wins)
{
	EXPECT_EQ(coil_join(coil_spawn(times_out_and_is_cancelled, NULL)), -ECANCELED);
}

static int fails_after_expiry(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ETIME);
	return -EBADMSG;
}

IN_TASK(rules, b8_3_another_failure_of_the_body_stays)
{
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, fails_after_expiry, NULL), -EBADMSG);
}

static int computes_past_the_deadline(void *arg)
{
	int64_t end = coil_now() + 2 * COIL_MSEC;

	while (coil_now() < end)
		;
	return (int)(intptr_t)arg;
}

IN_TASK(rules, b8_4_a_body_that_ends_after_the_expiry_and_before_its_delivery_has_its_result)
{
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, computes_past_the_deadline, WORD(3)), 3);
	EXPECT_EQ(coil_yield(), 0); /* nothing is left of it outside */
	EXPECT_EQ(coil_nop(), 0);
	EXPECT_EQ(rig_stats().timers, 0);
}

IN_TASK(rules, b8_5_with_no_time_at_all_what_is_done_is_returned_and_the_rest_is_cancelled)
{
	struct coil_task *done = coil_spawn_eager(rig_return, WORD(4));
	struct coil_task *pending = coil_spawn(rig_sleep_for_ever, NULL);

	EXPECT_EQ(coil_timeout(0, child_awaits_any, coil_task_future(done)), 4);
	EXPECT_EQ(coil_timeout(-1, child_awaits_any, coil_task_future(pending)), -ETIME);
	EXPECT(coil_future_done(coil_task_future(pending))); /* it was waited for */
	EXPECT_EQ(coil_join(done), 4);
	EXPECT_EQ(coil_join(pending), -ECANCELED);
}

IN_TASK(rules, b8_5_one_that_suppresses_the_cancel_has_its_result)
{
	struct coil_promise gate;
	struct coil_task *stubborn;

	coil_promise_init(&gate);
	stubborn = coil_spawn(rig_ignores_cancel, &gate);
	coil_yield();
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_timeout(0, child_awaits_any, coil_task_future(stubborn)), 7);
	EXPECT_EQ(coil_join(stubborn), 7);
	coil_promise_deinit(&gate);
}

static int receives_late(void *fd)
{
	int rc = rig_recv_byte(fd);

	EXPECT_EQ(coil_yield(), -ETIME); /* it is met by the next wait */
	return rc;
}

static int writes_late(void *fd)
{
	int64_t end = coil_now() + 3 * COIL_MSEC;

	EXPECT_EQ(write((int)(intptr_t)fd, "!", 1), 1);
	while (coil_now() < end) /* byte and deadline are there when the loop looks next */
		;
	return 0;
}

/* asyncio drops the result and raises TimeoutError. */
IN_REAL_TASK(rules, b8_6_a_completion_that_was_reaped_first_wins_over_the_deadline)
{
	struct coil_task *writer;
	int fds[2];

	rig_pair(fds);
	writer = coil_spawn(writes_late, WORD(fds[1]));
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, receives_late, WORD(fds[0])), '!');
	EXPECT_EQ(coil_join(writer), 0);
	rig_close(fds);
}

static int times_out_inside(void *arg)
{
	int64_t end = coil_now() + 3 * COIL_MSEC;
	int rc = coil_timeout(1 * COIL_MSEC, computes_past_the_deadline, WORD(1));

	EXPECT_EQ(rc, 1);
	while (coil_now() < end)
		;
	return coil_timeout(0, sleeps_for_ever, arg);
}

IN_TASK(rules, b8_7_the_outer_of_two_that_expire_at_once_is_told)
{
	struct coil_scope outer;
	struct coil_scope inner;
	int64_t end = coil_now() + 1 * COIL_MSEC;

	coil_scope_open(&outer);
	EXPECT_EQ(coil_scope_deadline(&outer, end), 0);
	coil_scope_open(&inner);
	EXPECT_EQ(coil_scope_deadline(&inner, end), 0);
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ETIME);
	coil_yield();
	EXPECT_EQ(coil_yield(), -ETIME);
	coil_scope_close(&inner);
	EXPECT_EQ(coil_yield(), -ETIME); /* it lasts in the outer one */
	EXPECT_EQ(coil_scope_close(&outer), -ETIME);
	EXPECT_EQ(coil_yield(), 0);
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, times_out_inside, NULL), -ETIME);
}
