/* SPDX-License-Identifier: MIT */
/* Broadcasts. */
#include "task/rig.h"

#define ITEM(value) (&(long){ value })

struct actor {
	struct coil_subscriber subscriber;
	long item;
};

static int receives(void *arg)
{
	struct actor *actor = arg;

	return coil_broadcast_receive(&actor->subscriber, &actor->item);
}

static int receives_after(void *arg)
{
	struct actor *actor = arg;
	int rc = coil_broadcast_receive(&actor->subscriber, &actor->item);

	return rc < 0 ? rc : (int)actor->item;
}

static long next_of(struct coil_subscriber *subscriber)
{
	long item = -1;
	int rc = coil_broadcast_receive(subscriber, &item);

	return rc < 0 ? rc : item;
}

IN_TASK(broadcast, each_subscriber_receives_all_since_its_subscription)
{
	struct coil_broadcast broadcast;
	struct coil_subscriber early, late;

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 4), 0);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(0)), 0); /* nobody listens */
	coil_broadcast_subscribe(&broadcast, &early);
	EXPECT_EQ(coil_broadcast_try_receive(&early, NULL), -EAGAIN);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(1)), 1);
	coil_broadcast_subscribe(&broadcast, &late);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(2)), 2);
	EXPECT_EQ(next_of(&early), 1);
	EXPECT_EQ(next_of(&early), 2);
	EXPECT_EQ(next_of(&late), 2);
	EXPECT_EQ(coil_broadcast_try_receive(&late, NULL), -EAGAIN);
	coil_broadcast_unsubscribe(&early);
	coil_broadcast_unsubscribe(&early);
	coil_broadcast_unsubscribe(NULL);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(3)), 1);
	coil_broadcast_unsubscribe(&late);
	coil_broadcast_deinit(&broadcast);
	coil_broadcast_deinit(NULL);
}

IN_TASK(broadcast, who_is_too_slow_is_told_how_many_it_lost)
{
	struct coil_broadcast broadcast;
	struct coil_subscriber slow;
	struct coil_item_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 3), 0);
	coil_broadcast_subscribe(&broadcast, &slow);
	EXPECT_EQ(coil_broadcast_lost(&slow), 0);
	for (long i = 0; i < 10; i++)
		EXPECT_EQ(coil_broadcast_send(&broadcast, &i), 1);
	EXPECT_EQ(next_of(&slow), -EOVERFLOW);
	EXPECT_EQ(coil_broadcast_lost(&slow), 7);
	EXPECT_EQ(next_of(&slow), 7);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(10)), 1);
	EXPECT_EQ(next_of(&slow), 8);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(11)), 1);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(12)), 1);
	EXPECT_EQ(coil_broadcast_try_receive(&slow, NULL), -EOVERFLOW);
	EXPECT_EQ(coil_broadcast_lost(&slow), 1);
	EXPECT_EQ(next_of(&slow), 10);
	EXPECT_EQ(coil_broadcast_stats(&broadcast, &stats), 0);
	EXPECT_EQ(stats.sent, 13);
	EXPECT_EQ(stats.received, 3);
	EXPECT_EQ(stats.lost, 8);
	EXPECT_EQ(stats.length, 3);
	coil_broadcast_unsubscribe(&slow);
	coil_broadcast_deinit(&broadcast);
}

IN_TASK(broadcast, all_who_wait_are_served_at_once)
{
	struct coil_broadcast broadcast;
	struct actor actors[20];
	struct coil_task *tasks[20];

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 1), 0);
	for (int i = 0; i < 20; i++) {
		coil_broadcast_subscribe(&broadcast, &actors[i].subscriber);
		tasks[i] = coil_spawn(receives, &actors[i]);
	}
	rig_turns(2);
	EXPECT_EQ(coil_cancel(tasks[3]), 0); /* this one leaves */
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(5)), 20);
	EXPECT_EQ(coil_cancel(tasks[4]), 0); /* this one has it */
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(6)), 20);
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(coil_join(tasks[i]), i == 3 ? -ECANCELED : 0);
		EXPECT_EQ(next_of(&actors[i].subscriber), i == 3 ? -EOVERFLOW : 6);
		EXPECT(i == 3 || actors[i].item == 5);
		coil_broadcast_unsubscribe(&actors[i].subscriber);
	}
	coil_broadcast_deinit(&broadcast);
}

IN_TASK(broadcast, two_tasks_on_one_subscriber_share_its_items)
{
	struct coil_broadcast broadcast;
	struct actor actor;
	struct coil_task *a, *b;

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 4), 0);
	coil_broadcast_subscribe(&broadcast, &actor.subscriber);
	a = coil_spawn(receives_after, &actor);
	b = coil_spawn(receives_after, &actor);
	rig_turns(2);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(1)), 1);
	EXPECT_EQ(coil_join(a), 1);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(2)), 1);
	EXPECT_EQ(coil_join(b), 2);
	coil_broadcast_unsubscribe(&actor.subscriber);
	coil_broadcast_deinit(&broadcast);
}

IN_TASK(broadcast, closing_wakes_who_waits_and_leaves_what_was_sent)
{
	struct coil_broadcast broadcast;
	struct actor waits, drains;
	struct coil_task *task;

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 4), 0);
	coil_broadcast_subscribe(&broadcast, &drains.subscriber);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(1)), 1);
	coil_broadcast_subscribe(&broadcast, &waits.subscriber);
	task = coil_spawn(receives, &waits);
	rig_turns(2);
	coil_broadcast_close(&broadcast);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(2)), -EPIPE);
	EXPECT_EQ(coil_join(task), -EPIPE);
	EXPECT_EQ(next_of(&drains.subscriber), 1);
	EXPECT_EQ(next_of(&drains.subscriber), -EPIPE);
	EXPECT_EQ(coil_broadcast_try_receive(&drains.subscriber, NULL), -EPIPE);
	coil_broadcast_unsubscribe(&drains.subscriber);
	coil_broadcast_unsubscribe(&waits.subscriber);
	coil_broadcast_deinit(&broadcast);
}

IN_TASK(broadcast, a_cancelled_scope_or_a_deadline_takes_nothing)
{
	struct coil_broadcast broadcast;
	struct coil_scope scope;
	struct actor actor;

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 4), 0);
	coil_broadcast_subscribe(&broadcast, &actor.subscriber);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, receives, &actor), -ETIME);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(1)), 1);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(next_of(&actor.subscriber), -ECANCELED);
	EXPECT_EQ(coil_broadcast_try_receive(&actor.subscriber, &actor.item), 0);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(actor.item, 1);
	coil_broadcast_unsubscribe(&actor.subscriber);
	coil_broadcast_deinit(&broadcast);
}

/* -- Against a reference -------------------------------------------------------------------------
 */

#define SUBSCRIBERS 6

IN_TASK(broadcast, agrees_with_its_reference)
{
	struct coil_broadcast broadcast;
	struct coil_subscriber subscribers[SUBSCRIBERS];
	long wanted[SUBSCRIBERS];
	bool is_on[SUBSCRIBERS] = { false };
	uint32_t random = 12345;
	long sent = 0;

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 5), 0);
	for (int step = 0; step < 100000; step++) {
		int who = (int)(random >> 8) % SUBSCRIBERS;
		long item = -1;

		random = random * 1664525u + 1013904223u;
		if (random >> 30 == 0) {
			EXPECT_GE(coil_broadcast_send(&broadcast, &sent), 0);
			sent++;
		} else if (!is_on[who] || random >> 23 == 511) {
			if (is_on[who])
				coil_broadcast_unsubscribe(&subscribers[who]);
			else
				coil_broadcast_subscribe(&broadcast, &subscribers[who]);
			is_on[who] = !is_on[who];
			wanted[who] = sent;
		} else if (wanted[who] == sent) {
			EXPECT_EQ(coil_broadcast_try_receive(&subscribers[who], &item), -EAGAIN);
		} else if (wanted[who] < sent - 5) {
			EXPECT_EQ(next_of(&subscribers[who]), -EOVERFLOW);
			EXPECT_EQ(coil_broadcast_lost(&subscribers[who]), sent - 5 - wanted[who]);
			wanted[who] = sent - 5;
		} else {
			EXPECT_EQ(next_of(&subscribers[who]), wanted[who]);
			wanted[who]++;
		}
	}
	for (int i = 0; i < SUBSCRIBERS; i++)
		if (is_on[i])
			coil_broadcast_unsubscribe(&subscribers[i]);
	coil_broadcast_deinit(&broadcast);
}

/* -- Bounds and misuse ---------------------------------------------------------------------------
 */

IN_TASK(broadcast, refuses_what_is_out_of_bounds)
{
	struct coil_broadcast broadcast;
	struct coil_subscriber subscriber;

	EXPECT_EQ(coil_broadcast_init(&broadcast, 8, 0), -EINVAL);
	EXPECT_EQ(coil_broadcast_init(&broadcast, 8, COIL_ITEMS_MAX + 1), -EINVAL);
	EXPECT_EQ(coil_broadcast_init(&broadcast, COIL_ITEM_BYTES_MAX + 1, 1), -EINVAL);
	coil_broadcast_deinit(&broadcast);
	EXPECT_EQ(coil_broadcast_init(&broadcast, 0, 2), 0);
	coil_broadcast_subscribe(&broadcast, &subscriber);
	EXPECT_EQ(coil_broadcast_send(&broadcast, NULL), 1);
	EXPECT_EQ(coil_broadcast_receive(&subscriber, NULL), 0);
	coil_broadcast_unsubscribe(&subscriber);
	coil_broadcast_deinit(&broadcast);
}

static int deinit_with_a_subscriber(void *arg)
{
	struct coil_broadcast broadcast;
	struct coil_subscriber subscriber;

	(void)arg;
	coil_broadcast_init(&broadcast, 8, 1);
	coil_broadcast_subscribe(&broadcast, &subscriber);
	coil_broadcast_deinit(&broadcast);
	return 0;
}

TEST_SIGNAL(broadcast, deinit_with_a_subscriber_stops, SIGABRT,
	    "coil_broadcast_deinit: task 1 \"main\": this broadcast has subscribers")
{
	rig_run_real(deinit_with_a_subscriber, NULL);
}

static int unsubscribes_under_a_waiter(void *arg)
{
	struct coil_broadcast broadcast;
	struct actor actor;

	(void)arg;
	coil_broadcast_init(&broadcast, 8, 1);
	coil_broadcast_subscribe(&broadcast, &actor.subscriber);
	coil_spawn(receives, &actor);
	rig_turns(2);
	coil_broadcast_unsubscribe(&actor.subscriber);
	return 0;
}

TEST_SIGNAL(broadcast, unsubscribing_under_a_waiter_stops, SIGABRT,
	    "coil_broadcast_unsubscribe: task 1 \"main\": somebody waits on this subscriber")
{
	rig_run_real(unsubscribes_under_a_waiter, NULL);
}

static int receives_unsubscribed(void *arg)
{
	struct coil_subscriber subscriber = { .broadcast = NULL };

	(void)arg;
	return coil_broadcast_receive(&subscriber, NULL);
}

TEST_SIGNAL(broadcast, receiving_unsubscribed_stops, SIGABRT,
	    "coil_broadcast_receive: task 1 \"main\": this subscriber is not subscribed")
{
	rig_run_real(receives_unsubscribed, NULL);
}
