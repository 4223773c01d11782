/* SPDX-License-Identifier: MIT */
/* semantics.md B3: tasks and cancel. */
#include "rules/child.h"

#include <pthread.h>

static int notes(void *letter)
{
	rig_note((char)(intptr_t)letter);
	return 0;
}

IN_TASK(rules, b3_1_the_first_step_is_scheduled)
{
	struct coil_task *task;

	rig_forget();
	task = coil_spawn(notes, WORD('a'));
	EXPECT_STR_EQ(rig_order, "");
	coil_yield();
	EXPECT_STR_EQ(rig_order, "a");
	EXPECT_EQ(coil_join(task), 0);
}

IN_TASK(rules, b3_2_cancel_says_whether_the_task_had_ended)
{
	struct coil_task *task = coil_spawn(rig_return, NULL);

	coil_yield();
	EXPECT_EQ(coil_cancel(task), -EALREADY);
	EXPECT_EQ(coil_join(task), 0);
}

static int joins(void *task)
{
	return coil_join(task);
}

IN_TASK(rules, b3_2_cancel_goes_through_to_what_the_task_awaits)
{
	struct coil_task *inner = coil_spawn(rig_sleep_for_ever, NULL);
	struct coil_task *outer = coil_spawn(joins, inner);

	rig_turns(2);
	EXPECT_EQ(coil_cancel(outer), 0);
	EXPECT_EQ(coil_join(outer), -ECANCELED);
	EXPECT_EQ(rig_stats().tasks, 1);
}

static int yields_then_sleeps(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_yield(), -ECANCELED);
	return coil_sleep(COIL_FOREVER);
}

IN_TASK(rules, b3_2_a_cancel_of_one_that_is_ready_is_met_at_its_next_step)
{
	struct coil_task *task = coil_spawn(yields_then_sleeps, NULL);

	coil_yield(); /* it yields in turn */
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
}

static int releases(void *arg)
{
	free(arg);
	rig_note('r');
	return coil_sleep(COIL_FOREVER);
}

/* asyncio's body never runs then. Coil's does, to release what it was given. */
IN_TASK(rules, b3_3_a_task_that_is_cancelled_before_its_first_step_runs)
{
	struct coil_task *task = coil_spawn(releases, malloc(10));

	rig_forget();
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_STR_EQ(rig_order, "r");
}

static int refuses(void *arg)
{
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 0);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	return (int)(intptr_t)arg;
}

IN_TASK(rules, b3_4_cancellation_can_be_refused)
{
	struct coil_task *task = coil_spawn(refuses, WORD(8));

	coil_yield();
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 8);
}

/* asyncio drops the value and ends the task cancelled. Coil keeps it. */
IN_TASK(rules, b3_5_a_value_that_is_returned_after_a_cancel_is_kept)
{
	struct coil_task *task = coil_spawn(rig_return, WORD(5));

	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 5);
}

static int counts_requests(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 2);
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 1);
	EXPECT_EQ(coil_cancelling(), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 0);
	EXPECT_EQ(coil_cancelling(), 0);
	EXPECT_EQ(coil_uncancel(), 0);
	return coil_sleep(1);
}

IN_TASK(rules, b3_6_several_cancels_are_met_as_one_and_counted)
{
	struct coil_task *task = coil_spawn(counts_requests, NULL);

	coil_yield();
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 0);
}

static int uncancels_before_it_waits(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_cancelling(), -ECANCELED);
	EXPECT_EQ(coil_uncancel(), 0);
	return coil_yield();
}

IN_TASK(rules, b3_7_uncancel_to_zero_clears_a_cancel_that_was_not_met_yet)
{
	struct coil_task *task = coil_spawn(uncancels_before_it_waits, NULL);

	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 0);
}

STOPS(b3_8_awaiting_itself_is_misuse, "a task cannot await itself")
{
	coil_await(coil_task_future(coil_self()));
}

static void *awaits_in_another_loop(void *future)
{
	rig_run(child_awaits_any, future);
	return NULL;
}

STOPS(b3_8_awaiting_a_future_of_another_loop_is_misuse, "belongs to the loop of another thread")
{
	static struct coil_promise promise;
	pthread_t thread;

	coil_promise_init(&promise);
	if (pthread_create(&thread, NULL, awaits_in_another_loop, &promise.future) == 0)
		pthread_join(thread, NULL);
}

/* Beyond asyncio, which would hang. */
IN_TASK(rules, b3_8_a_ring_of_tasks_that_await_each_other_is_refused)
{
	struct coil_task *self = coil_self();
	struct coil_task *task = coil_spawn(child_awaits_any, coil_task_future(self));
	int rc = coil_join(task);

	EXPECT_EQ(rc, -EDEADLK);
}

static int collected;

static int ends_much_later(void *arg)
{
	(void)arg;
	coil_sleep(2 * COIL_MSEC);
	collected++;
	return 0;
}

/* asyncio keeps weak references alone: a task without a holder may vanish. */
IN_TASK(rules, b3_9_a_task_that_nobody_holds_is_held_until_it_is_done)
{
	struct coil_group group;

	collected = 0;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(coil_go(&group, ends_much_later, NULL), 0);
	while (collected < 10)
		EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
}

static int raises_sigint(void *arg)
{
	(void)arg;
	raise(SIGINT);
	return coil_sleep(COIL_FOREVER);
}

static int spawns_who_raises(void *arg)
{
	(void)arg;
	EXPECT(coil_spawn(raises_sigint, NULL));
	EXPECT_EQ(coil_sleep(5 * COIL_SEC), -ECANCELED);
	return 12;
}

/* asyncio stores a KeyboardInterrupt in the task that ran, and raises it through the loop. */
TEST(rules, b3_10_sigint_in_a_task_goes_to_the_main_task)
{
	EXPECT_EQ(coil_run(spawns_who_raises, NULL), 12);
}

static struct coil_local local = COIL_LOCAL("local", NULL);

static int reads_local(void *arg)
{
	(void)arg;
	return (int)(intptr_t)coil_local_get(&local);
}

IN_TASK(rules, b3_11_context_is_copied_at_creation_unless_it_is_to_be_fresh)
{
	struct coil_task_options fresh = { .size = sizeof fresh, .flags = COIL_FRESH_LOCALS };
	struct coil_task *copied;

	EXPECT_EQ(coil_local_set(&local, WORD(1)), 0);
	copied = coil_spawn(reads_local, NULL);
	EXPECT_EQ(coil_local_set(&local, WORD(2)), 0);
	EXPECT_EQ(coil_join(copied), 1);
	EXPECT_EQ(coil_join(coil_spawn_with(&fresh, reads_local, NULL)), 0);
}
