/* SPDX-License-Identifier: MIT */
/* Cancellation: the numbered points of semantics.md A2 that are not races, and requests that are
 * counted. */
#include "task/rig.h"

#include <fcntl.h>

/* -- A2.1: it lasts -------------------------------------------------------- */

static int meets_it_in_every_wait(void *arg)
{
	struct coil_op op = coil_op_nop();
	struct coil_timer timer;
	struct coil_promise promise;

	(void)arg;
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_sleep(1), -ECANCELED);
	EXPECT_EQ(coil_sleep(0), -ECANCELED);
	EXPECT_EQ(coil_sleep_until(0), -ECANCELED);
	EXPECT_EQ(coil_yield(), -ECANCELED);
	EXPECT_EQ(coil_nop(), -ECANCELED);
	EXPECT_EQ(coil_op_await(&op), -ECANCELED);
	EXPECT_EQ(coil_gather_ops(&op, 1, 0), -ECANCELED);
	EXPECT_EQ(coil_chain(&op, 1, 0), -ECANCELED);
	EXPECT_EQ(coil_timer_start(&timer, COIL_FOREVER), 0);
	EXPECT_EQ(coil_await(&timer.future), -ECANCELED);
	coil_promise_init(&promise);
	EXPECT_EQ(coil_await(&promise.future), -ECANCELED);
	coil_promise_deinit(&promise);
	EXPECT_EQ(coil_join(coil_spawn(rig_sleep_for_ever, NULL)), -ECANCELED);
	EXPECT_EQ(coil_cancelling(), -ECANCELED);
	return 0;
}

IN_TASK(cancel, it_lasts_until_the_scope_is_left)
{
	struct coil_task *task = coil_spawn(meets_it_in_every_wait, NULL);

	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 0);
}

static int refuses_it(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 0);
	EXPECT_EQ(coil_cancelling(), 0);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_uncancel(), 0);
	return 11;
}

IN_TASK(cancel, a_task_may_refuse_it)
{
	struct coil_task *task = coil_spawn(refuses_it, NULL);

	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 11);
}

static int refuses_three(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 2);
	EXPECT_EQ(coil_yield(), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 1);
	EXPECT_EQ(coil_yield(), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 0);
	return coil_yield();
}

IN_TASK(cancel, requests_are_counted_and_each_has_to_be_refused)
{
	struct coil_task *task = coil_spawn(refuses_three, NULL);

	coil_yield();
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 0);
}

static int has_a_cancelled_child(void *arg)
{
	struct coil_group group;
	struct coil_task *child;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	child = coil_spawn(rig_sleep_for_ever, NULL);
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 0);
	EXPECT_EQ(coil_join(child), -ECANCELED);
	EXPECT_EQ(coil_yield(), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	return 0;
}

IN_TASK(cancel, children_that_were_cancelled_stay_so_after_a_refusal)
{
	struct coil_task *task = coil_spawn(has_a_cancelled_child, NULL);

	rig_turns(2);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 0);
}

/* -- A2.2: it cannot starve the loop --------------------------------------- */

static bool stop_spinning;

static int spins_in_a_cancelled_scope(void *arg)
{
	int turns = 0;

	(void)arg;
	while (!stop_spinning) {
		EXPECT_EQ(coil_nop(), -ECANCELED);
		turns++;
	}
	return turns;
}

IN_TASK(cancel, a_wait_that_fails_for_it_lets_a_turn_pass_first)
{
	struct coil_task *task = coil_spawn(spins_in_a_cancelled_scope, NULL);

	stop_spinning = false;
	coil_cancel(task);
	EXPECT_EQ(coil_sleep(3 * COIL_MSEC), 0); /* the loop turns: this comes back */
	stop_spinning = true;
	EXPECT_GT(coil_join(task), 1);
}

/* -- A2.3: the outermost reason wins --------------------------------------- */

static int expired_inside(void *arg)
{
	struct coil_scope scope;

	(void)arg;
	coil_scope_open(&scope);
	coil_scope_deadline(&scope, coil_now() + 1 * COIL_MSEC);
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ETIME);
	EXPECT_EQ(coil_join(coil_spawn(rig_sleep_for_ever, NULL)), -ETIME);
	EXPECT_EQ(coil_join(coil_spawn(rig_return, WORD(1))), 1);
	coil_cancel(coil_self());
	EXPECT_EQ(coil_sleep(1), -ECANCELED);
	EXPECT_EQ(coil_cancelling(), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
	return coil_sleep(1);
}

IN_TASK(cancel, the_outermost_reason_wins)
{
	EXPECT_EQ(coil_join(coil_spawn(expired_inside, NULL)), -ECANCELED);
}

IN_TASK(cancel, the_first_reason_of_a_scope_stays)
{
	struct coil_scope scope;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EHOSTDOWN, "first");
	coil_scope_cancel(&scope, -ENETDOWN, "second");
	EXPECT_EQ(coil_yield(), -EHOSTDOWN);
	EXPECT_EQ(coil_scope_close(&scope), -EHOSTDOWN);
	EXPECT_EQ(coil_yield(), 0);
}

/* -- A2.4: what happened is what close reports
 * ------------------------------------------------------ */

IN_TASK(cancel, a_timeout_that_no_wait_met_has_lost)
{
	struct coil_scope scope;

	coil_scope_open(&scope);
	coil_scope_deadline(&scope, coil_now() + 1 * COIL_MSEC);
	coil_scope_cancel(&scope, -ETIME, NULL);
	EXPECT_EQ(coil_cancelling(), -ETIME);
	EXPECT_EQ(coil_scope_close(&scope), 0);
}

/* -- A2.5, A2.6: releasing, cleanup
 * ------------------------------------------------------------------ */

static int releases(void *fds)
{
	struct coil_task *done = coil_spawn(rig_return, WORD(6));
	struct coil_group group;
	struct coil_scope shield;

	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_close(((int *)fds)[0]), 0);
	EXPECT_EQ(fcntl(((int *)fds)[0], F_GETFD), -1);
	EXPECT_EQ(coil_join(done), 6);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, rig_return, NULL), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(coil_shield_open(&shield, 2 * COIL_SEC), 0);
	EXPECT_EQ(coil_send(((int *)fds)[1], "x", 1, MSG_NOSIGNAL), -EPIPE);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	return 0;
}

IN_TASK(cancel, releasing_and_shielded_cleanup_work_in_a_cancelled_scope)
{
	struct coil_task *task;
	int fds[2];

	rig_pair(fds);
	task = coil_spawn(releases, fds);
	rig_turns(2);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 0);
	rig_close_fd(fds[1]);
}

/* -- A2.10: reasons are errnos; A2.11: a body always runs
 * ------------------------------------------- */

static int runs_anyway(void *ran)
{
	*(bool *)ran = true;
	EXPECT_EQ(coil_cancelling(), -EINTR);
	return coil_sleep(1 * COIL_SEC);
}

IN_TASK(cancel, before_its_first_step_a_task_runs_and_meets_it_at_its_first_wait)
{
	bool ran = false;
	struct coil_task *task = coil_spawn(runs_anyway, &ran);

	EXPECT_EQ(coil_cancel_with(task, -EINTR, "changed our mind"), 0);
	EXPECT_EQ(coil_join(task), -EINTR);
	EXPECT(ran);
}

IN_TASK(cancel, a_body_that_returns_a_value_keeps_it)
{
	struct coil_task *task = coil_spawn(rig_return, WORD(12));

	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 12);
}

IN_TASK(cancel, of_an_ended_task_says_so_and_of_nobody_does_nothing)
{
	struct coil_task *task = coil_spawn(rig_return, WORD(2));

	coil_yield();
	EXPECT_EQ(coil_cancel(task), -EALREADY);
	EXPECT_EQ(coil_cancel(NULL), 0);
	EXPECT_EQ(coil_join(task), 2);
}

/* -- A2.12: nothing is started in a cancelled scope
 * --------------------------------------------------- */

IN_TASK(cancel, a_wait_in_a_cancelled_scope_starts_no_operation)
{
	struct coil_scope scope;
	struct coil_op ops[20];
	struct coil_stats before, after;

	for (int i = 0; i < 20; i++)
		ops[i] = coil_op_nop();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	before = rig_stats();
	EXPECT_EQ(coil_op_await(&ops[0]), -ECANCELED);
	EXPECT_EQ(rig_stats().turns, before.turns + 1);
	EXPECT_EQ(coil_op_outcome(&ops[0]), COIL_OUTCOME_CANCELLED);
	EXPECT_EQ(coil_gather_ops(ops, 20, 0), -ECANCELED);
	EXPECT_EQ(coil_future_result(&ops[19].future), -ECANCELED);
	EXPECT_EQ(coil_chain(ops, 20, 0), -ECANCELED);
	EXPECT_EQ(coil_future_result(&ops[0].future), -ECANCELED);
	after = rig_stats();
	EXPECT_EQ(after.sqes, before.sqes);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	coil_op_start(&ops[0]); /* a refused operation may be started again */
	EXPECT_EQ(coil_op_await(&ops[0]), 0);
}

IN_TASK(cancel, a_resolved_future_gives_its_result_in_a_cancelled_scope)
{
	struct coil_scope scope;
	struct coil_promise promise;
	uint64_t turns;

	coil_promise_init(&promise);
	coil_promise_resolve(&promise, 8);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	turns = rig_stats().turns;
	EXPECT_EQ(coil_await(&promise.future), 8);
	EXPECT_EQ(rig_stats().turns, turns);
	EXPECT_EQ(coil_scope_close(&scope), 0);
	coil_promise_deinit(&promise);
}

/* -- A2.13: forwarded, but not to promises
 * ------------------------------------------------------------- */

static int await_promise(void *promise)
{
	return coil_await(&((struct coil_promise *)promise)->future);
}

IN_TASK(cancel, from_a_promise_the_waiter_is_detached_and_the_promise_stays_pending)
{
	struct coil_promise promise;
	struct coil_task *one, *two, *three;

	coil_promise_init(&promise);
	one = coil_spawn(await_promise, &promise);
	two = coil_spawn(await_promise, &promise);
	three = coil_spawn(await_promise, &promise);
	coil_yield();
	coil_cancel(two);
	EXPECT_EQ(coil_join(two), -ECANCELED);
	EXPECT(!coil_future_done(&promise.future));
	coil_promise_resolve(&promise, 5);
	EXPECT_EQ(coil_join(one), 5);
	EXPECT_EQ(coil_join(three), 5);
	coil_promise_deinit(&promise);
}

IN_TASK(cancel, of_a_started_operation_is_one_request_however_often_asked)
{
	int fds[2];
	char byte;
	struct coil_op op;
	uint64_t cancels = rig_stats().cancels;

	rig_pair(fds);
	op = coil_op_recv(fds[0], &byte, 1, 0);
	coil_op_start(&op);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_PENDING);
	coil_yield();
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_op_cancel(&op), 0);
	EXPECT_EQ(coil_op_await(&op), -ECANCELED);
	EXPECT_EQ(coil_op_cancel(&op), -EALREADY);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_CANCELLED);
	EXPECT_EQ(rig_stats().cancels, cancels + 1);
	rig_close(fds);
}
