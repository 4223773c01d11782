/* SPDX-License-Identifier: MIT */
/* Oneshots. */
#include "task/rig.h"

#define ITEM(value) (&(long){ value })

struct actor {
	struct coil_oneshot *oneshot;
	long item;
};

static int receives(void *arg)
{
	struct actor *actor = arg;

	return coil_oneshot_receive(actor->oneshot, &actor->item);
}

static int waits_for_the_close(void *oneshot)
{
	return coil_oneshot_closed(oneshot);
}

IN_TASK(oneshot, hands_the_item_to_who_waits)
{
	struct coil_oneshot oneshot;
	struct actor actor = { .oneshot = &oneshot };
	struct coil_item_stats stats = { .size = sizeof stats };
	struct coil_task *task;
	long slot;

	coil_oneshot_init(&oneshot, &slot, sizeof slot);
	EXPECT_EQ(coil_oneshot_try_receive(&oneshot, &actor.item), -EAGAIN);
	task = coil_spawn(receives, &actor);
	rig_turns(2);
	EXPECT_EQ(coil_oneshot_stats(&oneshot, &stats), 0);
	EXPECT_EQ(stats.receivers, 1);
	EXPECT_EQ(coil_oneshot_send(&oneshot, ITEM(5)), 0);
	EXPECT_EQ(coil_cancel(task), 0); /* too late */
	coil_oneshot_drop(&oneshot);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(actor.item, 5);
	EXPECT_EQ(coil_oneshot_receive(&oneshot, &actor.item), -EPIPE);
	coil_oneshot_deinit(&oneshot);
	coil_oneshot_deinit(NULL);
}

IN_TASK(oneshot, keeps_the_item_until_it_is_received)
{
	struct coil_oneshot oneshot;
	long slot;
	long item = 0;

	coil_oneshot_init(&oneshot, &slot, sizeof slot);
	EXPECT_EQ(coil_oneshot_send(&oneshot, ITEM(5)), 0);
	coil_oneshot_close(&oneshot);
	EXPECT_EQ(coil_oneshot_receive(&oneshot, &item), 0);
	EXPECT_EQ(item, 5);
	EXPECT_EQ(coil_oneshot_try_receive(&oneshot, &item), -EPIPE);
	coil_oneshot_deinit(&oneshot);
}

IN_TASK(oneshot, of_two_who_wait_one_gets_it)
{
	struct coil_oneshot oneshot;
	struct actor a = { .oneshot = &oneshot };
	struct actor b = { .oneshot = &oneshot, .item = -7 };
	struct coil_task *task_a = coil_spawn(receives, &a);
	struct coil_task *task_b = coil_spawn(receives, &b);
	long slot;

	coil_oneshot_init(&oneshot, &slot, sizeof slot);
	rig_turns(2);
	EXPECT_EQ(coil_oneshot_send(&oneshot, ITEM(5)), 0);
	EXPECT_EQ(coil_join(task_a), 0);
	EXPECT_EQ(coil_join(task_b), -EPIPE);
	EXPECT_EQ(a.item, 5);
	EXPECT_EQ(b.item, -7);
	coil_oneshot_deinit(&oneshot);
}

IN_TASK(oneshot, a_sender_that_gives_up_is_told)
{
	struct coil_oneshot oneshot;
	struct actor actor = { .oneshot = &oneshot };
	struct coil_task *task = coil_spawn(receives, &actor);

	coil_oneshot_init(&oneshot, NULL, 0);
	rig_turns(2);
	coil_oneshot_drop(&oneshot);
	coil_oneshot_drop(&oneshot);
	coil_oneshot_deinit(&oneshot);
	EXPECT_EQ(coil_join(task), -EPIPE);
}

IN_TASK(oneshot, a_receiver_that_gives_up_is_told)
{
	struct coil_oneshot oneshot;
	struct coil_task *task = coil_spawn(waits_for_the_close, &oneshot);

	coil_oneshot_init(&oneshot, NULL, 0);
	rig_turns(2);
	coil_oneshot_close(&oneshot);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(coil_oneshot_closed(&oneshot), 0);
	EXPECT_EQ(coil_oneshot_send(&oneshot, NULL), -EPIPE);
	EXPECT_EQ(coil_oneshot_receive(&oneshot, NULL), -EPIPE);
	coil_oneshot_deinit(&oneshot);
}

IN_TASK(oneshot, a_cancel_before_or_during_the_wait_takes_nothing)
{
	struct coil_oneshot oneshot;
	struct actor actor = { .oneshot = &oneshot };
	struct coil_task *task = coil_spawn(receives, &actor);
	struct coil_scope scope;
	long slot;

	coil_oneshot_init(&oneshot, &slot, sizeof slot);
	rig_turns(2);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_oneshot_send(&oneshot, ITEM(5)), 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_oneshot_receive(&oneshot, &actor.item), -ECANCELED);
	EXPECT_EQ(coil_oneshot_closed(&oneshot), 0); /* has happened already */
	EXPECT_EQ(coil_oneshot_try_receive(&oneshot, &actor.item), 0);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(actor.item, 5);
	coil_oneshot_deinit(&oneshot);
	coil_oneshot_init(&oneshot, &slot, sizeof slot);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_oneshot_closed(&oneshot), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, receives, &actor), -ETIME);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, waits_for_the_close, &oneshot), -ETIME);
	coil_oneshot_deinit(&oneshot);
}

static int sends_twice(void *arg)
{
	struct coil_oneshot oneshot;

	(void)arg;
	coil_oneshot_init(&oneshot, NULL, 0);
	coil_oneshot_send(&oneshot, NULL);
	return coil_oneshot_send(&oneshot, NULL);
}

TEST_SIGNAL(oneshot, a_second_send_stops, SIGABRT,
	    "coil_oneshot_send: task 1 \"main\": a oneshot carries one item alone")
{
	rig_run_real(sends_twice, NULL);
}

static int sends_after_a_drop(void *arg)
{
	struct coil_oneshot oneshot;

	(void)arg;
	coil_oneshot_init(&oneshot, NULL, 0);
	coil_oneshot_drop(&oneshot);
	return coil_oneshot_send(&oneshot, NULL);
}

TEST_SIGNAL(oneshot, a_send_after_giving_up_stops, SIGABRT,
	    "coil_oneshot_send: task 1 \"main\": its sender has given it up")
{
	rig_run_real(sends_after_a_drop, NULL);
}

static int deinit_while_somebody_waits(void *arg)
{
	struct coil_oneshot oneshot;

	(void)arg;
	coil_oneshot_init(&oneshot, NULL, 0);
	coil_spawn(waits_for_the_close, &oneshot);
	rig_turns(2);
	coil_oneshot_deinit(&oneshot);
	return 0;
}

TEST_SIGNAL(oneshot, deinit_while_somebody_waits_stops, SIGABRT,
	    "coil_oneshot_deinit: task 1 \"main\": somebody waits on this oneshot")
{
	rig_run_real(deinit_while_somebody_waits, NULL);
}
