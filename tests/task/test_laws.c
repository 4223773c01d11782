/* SPDX-License-Identifier: MIT */
/* The seven laws of semantics.md A3; each was once a bug in somebody's engine. */
#include "task/rig.h"

/* -- 1. A pending future is never freed ------------------------------------ */

static int frame_with_an_op(void *fd)
{
	char byte = 0;
	struct coil_op op = coil_op_recv((int)(intptr_t)fd, &byte, 1, 0);
	int rc = coil_op_await(&op);

	EXPECT(coil_future_done(&op.future));
	EXPECT_NE(coil_op_outcome(&op), COIL_OUTCOME_PENDING);
	return rc;
}

IN_TASK(laws, law_1_a_pending_future_is_never_freed)
{
	uint64_t owed = rig_stats().owed;
	int fds[2];

	rig_pair(fds);
	for (int i = 0; i < 50; i++) {
		struct coil_task *task = coil_spawn(frame_with_an_op, WORD(fds[0]));

		rig_turns(1 + i % 3);
		if (i % 2)
			coil_nop();
		coil_cancel(task);
		EXPECT_EQ(coil_join(task), -ECANCELED);
		/* Neither the operation nor its cancel is owed when the frame is gone. */
		EXPECT_EQ(rig_stats().owed, owed);
	}
	rig_close(fds);
}

/* -- 2. Waiting ends when the target resolves, not at the first wake ------- */

static int await_promise(void *promise)
{
	return coil_await(&((struct coil_promise *)promise)->future);
}

IN_TASK(laws, law_2_waiting_ends_when_the_target_resolves_not_at_the_first_wake)
{
	struct coil_promise gate;
	struct coil_task *task;

	coil_promise_init(&gate);
	task = coil_spawn(rig_ignores_cancel, &gate);
	coil_yield();
	/* Each of these is a reason to look, none is a reason to wake. */
	for (int i = 0; i < 5; i++) {
		coil_cancel(task);
		coil_yield();
	}
	EXPECT(!coil_future_done(coil_task_future(task)));
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), 7);
	coil_promise_deinit(&gate);
}

/* -- 3. A task is driven to its end even while the loop is stopping -------- */

static bool cleaned_up;

static int cleans_up_slowly(void *arg)
{
	struct coil_scope shield;
	int rc = coil_sleep(COIL_FOREVER);

	(void)arg;
	EXPECT_EQ(rc, -ECANCELED);
	coil_shield_open(&shield, 2 * COIL_SEC);
	EXPECT_EQ(coil_sleep(5 * COIL_MSEC), 0);
	rig_turns(3);
	EXPECT_EQ(coil_join(coil_spawn(rig_sleep_and_return, WORD(4))), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	cleaned_up = true;
	return rc;
}

static int spawn_and_leave(void *arg)
{
	(void)arg;
	EXPECT(coil_spawn(cleans_up_slowly, NULL));
	coil_yield();
	return 5;
}

TEST(laws, law_3_a_task_is_driven_to_its_end_even_while_the_loop_is_stopping)
{
	cleaned_up = false;
	EXPECT_EQ(rig_run(spawn_and_leave, NULL), 5);
	EXPECT(cleaned_up);
}

/* -- 4. A child's completion never wakes a parent out of an unrelated wait - */

IN_TASK(laws, law_4_a_childs_completion_never_wakes_a_parent_out_of_an_unrelated_wait)
{
	int64_t began = coil_now();
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(coil_go(&group, rig_yield_and_return, WORD(i % 2 ? 0 : -EIO)), 0);
	EXPECT_EQ(coil_sleep(20 * COIL_MSEC), 0);
	EXPECT_GE(coil_now() - began, 20 * COIL_MSEC);
	EXPECT_EQ(coil_group_close(&group), -EIO);
}

/* -- 5. A cancel or deadline that arrives while the task is queued is kept - */

static int yields_and_waits(void *arg)
{
	(void)arg;
	rig_note('a');
	coil_yield();
	rig_note('b');
	return coil_sleep(1 * COIL_SEC);
}

IN_TASK(laws, law_5_a_cancel_that_arrives_while_the_task_is_queued_is_kept)
{
	struct coil_task *task = coil_spawn(yields_and_waits, NULL);

	rig_forget();
	coil_yield();
	EXPECT_STR_EQ(rig_order, "a");
	coil_cancel(task); /* it is in the ready queue now */
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_STR_EQ(rig_order, "ab");
}

IN_TASK(laws, law_5_a_deadline_that_passes_while_the_task_is_queued_is_kept)
{
	struct coil_scope scope;
	int64_t end = coil_now() + 2 * COIL_MSEC;

	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, end), 0);
	while (coil_now() < end + COIL_MSEC)
		;
	coil_yield();
	coil_yield();
	EXPECT_EQ(coil_sleep(1 * COIL_SEC), -ETIME);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
}

/* -- 6. A cancel that arrives during cleanup is met after the cleanup ------ */

static int cleans_up(void *gate)
{
	struct coil_promise *promise = gate;
	struct coil_scope shield;

	coil_shield_open(&shield, COIL_FOREVER);
	EXPECT_EQ(coil_await(&promise->future), 0);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_cancelling(), 0);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	EXPECT_EQ(coil_cancelling(), -ECANCELED);
	return coil_sleep(1 * COIL_SEC);
}

IN_TASK(laws, law_6_a_cancel_that_arrives_during_cleanup_is_met_after_the_cleanup)
{
	struct coil_promise gate;
	struct coil_task *task;

	coil_promise_init(&gate);
	task = coil_spawn(cleans_up, &gate);
	coil_yield();
	coil_cancel(task);
	coil_yield();
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	coil_promise_deinit(&gate);
}

/* -- 7. An ordinary wake neither overwrites a pending cancel nor survives -- */

IN_TASK(laws, law_7_an_ordinary_wake_never_overwrites_a_pending_cancel)
{
	struct coil_promise gate;
	struct coil_task *task;

	/* Cancelled first, resolved in the same turn: the result is kept, and so is the cancel. */
	coil_promise_init(&gate);
	task = coil_spawn(await_promise, &gate);
	coil_yield();
	coil_cancel(task);
	coil_promise_resolve(&gate, 9);
	EXPECT_EQ(coil_join(task), 9);
	coil_promise_deinit(&gate);
}

static int two_waits(void *gate)
{
	struct coil_promise *promise = gate;
	int first = coil_await(&promise->future);
	int64_t began = coil_now();

	EXPECT_EQ(first, -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 0);
	EXPECT_EQ(coil_sleep(10 * COIL_MSEC), 0);
	EXPECT_GE(coil_now() - began, 10 * COIL_MSEC);
	return 1;
}

IN_TASK(laws, law_7_an_ordinary_wake_never_survives_into_a_later_wait)
{
	struct coil_promise gate;
	struct coil_task *task;

	coil_promise_init(&gate);
	task = coil_spawn(two_waits, &gate);
	coil_yield();
	coil_cancel(task);
	rig_turns(2);
	coil_promise_resolve(&gate, 0); /* its waiter sleeps elsewhere by now */
	EXPECT_EQ(coil_join(task), 1);
	coil_promise_deinit(&gate);
}

static int cancelled_while_ready(void *gate)
{
	struct coil_promise *promise = gate;

	EXPECT_EQ(coil_await(&promise->future), 3);
	EXPECT_EQ(coil_cancelling(), -ECANCELED);
	return coil_sleep(1 * COIL_SEC);
}

IN_TASK(laws, law_7_a_cancel_after_the_wake_and_before_the_run_is_met_at_the_next_wait)
{
	struct coil_promise gate;
	struct coil_task *task;

	coil_promise_init(&gate);
	task = coil_spawn(cancelled_while_ready, &gate);
	coil_yield();
	coil_promise_resolve(&gate, 3);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	coil_promise_deinit(&gate);
}
