/* SPDX-License-Identifier: MIT */
/* Channels: meeting, buffering, closing, and a cancel before, during and after the hand-over. */
#include "task/rig.h"

#define ITEM(value) (&(long){ value })

struct actor {
	struct coil_channel *channel;
	long item;
	int result;
	char mark;
};

static int sends_item(void *arg)
{
	struct actor *actor = arg;

	actor->result = coil_channel_send(actor->channel, &actor->item);
	rig_note(actor->mark);
	return actor->result;
}

static int receives_item(void *arg)
{
	struct actor *actor = arg;

	actor->result = coil_channel_receive(actor->channel, &actor->item);
	rig_note(actor->mark);
	return actor->result;
}

static struct actor actor_on(struct coil_channel *channel, long item, char mark)
{
	return (struct actor){ .channel = channel, .item = item, .result = 1, .mark = mark };
}

static struct coil_item_stats stats_of(const struct coil_channel *channel)
{
	struct coil_item_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_channel_stats(channel, &stats), 0);
	return stats;
}

IN_TASK(channel, a_rendezvous_hands_the_item_to_who_waits)
{
	struct coil_channel channel;
	struct actor a, b;
	struct coil_task *task_a, *task_b;

	rig_forget();
	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 0), 0);
	EXPECT_EQ(coil_channel_try_send(&channel, ITEM(1)), -EAGAIN);
	EXPECT_EQ(coil_channel_try_receive(&channel, NULL), -EAGAIN);
	a = actor_on(&channel, 0, 'a');
	b = actor_on(&channel, 0, 'b');
	task_a = coil_spawn(receives_item, &a);
	task_b = coil_spawn(receives_item, &b);
	rig_turns(2);
	EXPECT_EQ(stats_of(&channel).receivers, 2);
	EXPECT_EQ(coil_channel_send(&channel, ITEM(1)), 0); /* without a turn */
	EXPECT_STR_EQ(rig_order, "");
	EXPECT_EQ(a.item, 1);
	EXPECT_EQ(coil_channel_try_send(&channel, ITEM(2)), 0);
	EXPECT_EQ(coil_channel_try_send(&channel, ITEM(3)), -EAGAIN);
	EXPECT_EQ(coil_join(task_a), 0);
	EXPECT_EQ(coil_join(task_b), 0);
	EXPECT_EQ(b.item, 2);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_channel_deinit(&channel);
}

IN_TASK(channel, a_rendezvous_takes_the_item_from_who_waits)
{
	struct coil_channel channel;
	struct actor a, b;
	struct coil_task *task_a, *task_b;
	long item = 0;

	rig_forget();
	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 0), 0);
	a = actor_on(&channel, 1, 'a');
	b = actor_on(&channel, 2, 'b');
	task_a = coil_spawn(sends_item, &a);
	task_b = coil_spawn(sends_item, &b);
	rig_turns(2);
	EXPECT_EQ(stats_of(&channel).senders, 2);
	EXPECT_EQ(coil_channel_receive(&channel, &item), 0);
	EXPECT_EQ(item, 1);
	EXPECT_EQ(coil_channel_try_receive(&channel, &item), 0);
	EXPECT_EQ(item, 2);
	EXPECT_EQ(coil_join(task_a), 0);
	EXPECT_EQ(coil_join(task_b), 0);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_channel_deinit(&channel);
}

static int echoes(void *arg)
{
	struct coil_channel *channels = arg;
	long item;
	int rc;

	while ((rc = coil_channel_receive(&channels[0], &item)) == 0)
		EXPECT_EQ(coil_channel_send(&channels[1], &item), 0);
	return rc;
}

IN_TASK(channel, ping_pong_allocates_nothing_and_takes_two_switches_a_round)
{
	struct coil_channel channels[2];
	struct coil_task *task;
	struct coil_stats before, after;
	long item;

	EXPECT_EQ(coil_channel_init(&channels[0], sizeof(long), 0), 0);
	EXPECT_EQ(coil_channel_init(&channels[1], sizeof(long), 0), 0);
	task = coil_spawn(echoes, channels);
	rig_turns(2);
	before = rig_stats();
	for (long i = 0; i < 1000; i++) {
		EXPECT_EQ(coil_channel_send(&channels[0], &i), 0);
		EXPECT_EQ(coil_channel_receive(&channels[1], &item), 0);
		EXPECT_EQ(item, i);
	}
	after = rig_stats();
	EXPECT_EQ(after.allocations, before.allocations);
	EXPECT_LE(after.switches - before.switches, 2010);
	coil_channel_close(&channels[0]);
	EXPECT_EQ(coil_join(task), -EPIPE);
	coil_channel_deinit(&channels[0]);
	coil_channel_deinit(&channels[1]);
}

IN_TASK(channel, a_buffer_keeps_the_order_and_bounds_the_senders)
{
	struct coil_channel channel;
	struct actor a;
	struct coil_task *task;
	long item;

	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 2), 0);
	EXPECT_EQ(coil_channel_send(&channel, ITEM(1)), 0);
	EXPECT_EQ(coil_channel_try_send(&channel, ITEM(2)), 0);
	EXPECT_EQ(coil_channel_try_send(&channel, ITEM(9)), -EAGAIN);
	a = actor_on(&channel, 3, 'a');
	task = coil_spawn(sends_item, &a);
	rig_turns(2);
	EXPECT_EQ(stats_of(&channel).length, 2);
	for (long i = 1; i <= 3; i++) {
		EXPECT_EQ(coil_channel_receive(&channel, &item), 0);
		EXPECT_EQ(item, i);
	}
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(stats_of(&channel).sent, 3);
	EXPECT_EQ(stats_of(&channel).received, 3);
	EXPECT_EQ(stats_of(&channel).waits, 1);
	coil_channel_deinit(&channel);
}

IN_TASK(channel, closing_wakes_who_waits_and_leaves_what_is_buffered)
{
	struct coil_channel full, empty;
	struct actor a, b;
	struct coil_task *task_a, *task_b;
	long item = 0;

	EXPECT_EQ(coil_channel_init(&full, sizeof(long), 1), 0);
	EXPECT_EQ(coil_channel_init(&empty, sizeof(long), 0), 0);
	EXPECT_EQ(coil_channel_send(&full, ITEM(1)), 0);
	a = actor_on(&full, 2, 'a');
	b = actor_on(&empty, -7, 'b');
	task_a = coil_spawn(sends_item, &a);
	task_b = coil_spawn(receives_item, &b);
	rig_turns(2);
	coil_channel_close(&full);
	coil_channel_close(&full);
	coil_channel_close(&empty);
	coil_channel_deinit(&empty); /* who was woken does not touch it */
	memset(&empty, 0xee, sizeof empty);
	EXPECT_EQ(coil_join(task_a), -EPIPE);
	EXPECT_EQ(coil_join(task_b), -EPIPE);
	EXPECT_EQ(b.item, -7);
	EXPECT_EQ(coil_channel_send(&full, ITEM(3)), -EPIPE);
	EXPECT_EQ(coil_channel_try_send(&full, ITEM(3)), -EPIPE);
	EXPECT_EQ(coil_channel_receive(&full, &item), 0);
	EXPECT_EQ(item, 1);
	EXPECT_EQ(coil_channel_receive(&full, &item), -EPIPE);
	EXPECT_EQ(coil_channel_try_receive(&full, &item), -EPIPE);
	coil_channel_deinit(&full);
}

/* -- Cancel --------------------------------------------------------------------------------------
 */

static int tries_in_a_cancelled_scope(struct coil_channel *channel)
{
	struct coil_scope scope;
	uint64_t turns = rig_stats().turns;
	long item = 0;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_channel_send(channel, ITEM(5)), -ECANCELED);
	EXPECT_EQ(coil_channel_receive(channel, &item), -ECANCELED);
	EXPECT_GE(rig_stats().turns, turns + 2); /* each lets a turn pass */
	EXPECT_EQ(coil_channel_try_send(channel, ITEM(6)), 0);
	EXPECT_EQ(coil_channel_try_receive(channel, &item), 0);
	EXPECT_EQ(item, 6);
	return coil_scope_close(&scope);
}

IN_TASK(channel, cancelled_before_neither_sends_nor_receives)
{
	struct coil_channel channel;

	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 4), 0);
	EXPECT_EQ(tries_in_a_cancelled_scope(&channel), -ECANCELED);
	EXPECT_EQ(stats_of(&channel).length, 0);
	coil_channel_deinit(&channel);
}

IN_TASK(channel, cancelled_while_it_waits_leaves_nothing_behind)
{
	struct coil_channel channel;
	struct actor a, b;
	struct coil_task *task;

	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 0), 0);
	a = actor_on(&channel, 1, 'a');
	b = actor_on(&channel, -7, 'b');
	task = coil_spawn(sends_item, &a);
	rig_turns(2);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_channel_try_receive(&channel, NULL), -EAGAIN);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	task = coil_spawn(receives_item, &b);
	rig_turns(2);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_channel_try_send(&channel, ITEM(1)), -EAGAIN);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(b.item, -7);
	coil_channel_deinit(&channel);
}

static int receives_and_goes_on(void *arg)
{
	struct actor *actor = arg;

	actor->result = coil_channel_receive(actor->channel, &actor->item);
	return coil_yield();
}

IN_TASK(channel, cancelled_after_the_hand_over_keeps_it_and_meets_the_cancel_next)
{
	struct coil_channel channel;
	struct actor a, b;
	struct coil_task *task;

	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 0), 0);
	a = actor_on(&channel, 0, 'a');
	task = coil_spawn(receives_and_goes_on, &a);
	rig_turns(2);
	EXPECT_EQ(coil_channel_try_send(&channel, ITEM(1)), 0);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(a.result, 0);
	EXPECT_EQ(a.item, 1);
	b = actor_on(&channel, 2, 'b');
	task = coil_spawn(sends_item, &b);
	rig_turns(2);
	EXPECT_EQ(coil_channel_try_receive(&channel, NULL), 0);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 0);
	coil_channel_deinit(&channel);
}

static int receives_for_a_while(void *channel)
{
	return coil_channel_receive(channel, NULL);
}

static int sends_for_a_while(void *channel)
{
	return coil_channel_send(channel, ITEM(1));
}

IN_TASK(channel, a_deadline_ends_the_wait)
{
	struct coil_channel channel;

	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 0), 0);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, receives_for_a_while, &channel), -ETIME);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, sends_for_a_while, &channel), -ETIME);
	EXPECT_EQ(stats_of(&channel).senders + stats_of(&channel).receivers, 0);
	coil_channel_deinit(&channel);
}

/* -- Many ----------------------------------------------------------------------------------------
 */

#define SENDERS 50
#define EACH 100

static int sends_many(void *arg)
{
	struct actor *actor = arg;

	for (long i = 0; i < EACH; i++) {
		long item = actor->item * EACH + i;

		EXPECT_EQ(coil_channel_send(actor->channel, &item), 0);
	}
	return 0;
}

static void many_senders(size_t capacity)
{
	struct coil_channel channel;
	struct coil_group group;
	struct actor actors[SENDERS];
	long last[SENDERS];
	long item = 0;

	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), capacity), 0);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < SENDERS; i++) {
		last[i] = -1;
		actors[i] = actor_on(&channel, i, 'x');
		EXPECT_EQ(coil_go(&group, sends_many, &actors[i]), 0);
	}
	for (int i = 0; i < SENDERS * EACH; i++) {
		EXPECT_EQ(coil_channel_receive(&channel, &item), 0);
		EXPECT_EQ(item % EACH, last[item / EACH] + 1);
		last[item / EACH] = item % EACH;
	}
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(coil_channel_try_receive(&channel, NULL), -EAGAIN);
	EXPECT_EQ(stats_of(&channel).sent, SENDERS * EACH);
	coil_channel_deinit(&channel);
}

IN_TASK(channel, many_senders_each_keep_their_order)
{
	many_senders(0);
	many_senders(1);
	many_senders(64);
}

/* -- Bounds and misuse ---------------------------------------------------------------------------
 */

IN_TASK(channel, refuses_what_is_out_of_bounds)
{
	struct coil_channel channel;
	struct coil_item_stats stats = { .size = 0 };

	EXPECT_EQ(coil_channel_init(&channel, COIL_ITEM_BYTES_MAX + 1, 0), -EINVAL);
	EXPECT_EQ(coil_channel_init(&channel, 8, COIL_ITEMS_MAX + 1), -EINVAL);
	coil_channel_deinit(&channel);
	coil_channel_deinit(NULL);
	EXPECT_EQ(coil_channel_init(&channel, 0, 0), 0);
	EXPECT_EQ(coil_channel_stats(&channel, &stats), -EINVAL);
	stats.size = offsetof(struct coil_item_stats, sent);
	stats.sent = 77;
	EXPECT_EQ(coil_channel_stats(&channel, &stats), 0);
	EXPECT_EQ(stats.sent, 77);
	coil_channel_deinit(&channel);
}

static int deinit_while_somebody_waits(void *arg)
{
	struct coil_channel channel;

	(void)arg;
	coil_channel_init(&channel, 0, 0);
	coil_spawn(receives_for_a_while, &channel);
	rig_turns(2);
	coil_channel_deinit(&channel);
	return 0;
}

TEST_SIGNAL(channel, deinit_while_somebody_waits_stops, SIGABRT,
	    "coil_channel_deinit: task 1 \"main\": somebody waits on this channel: close it first")
{
	rig_run_real(deinit_while_somebody_waits, NULL);
}

static int sends_on_none(void *arg)
{
	struct coil_channel channel = { .loop = NULL };

	(void)arg;
	return coil_channel_send(&channel, NULL);
}

TEST_SIGNAL(channel, that_was_never_made_stops, SIGABRT,
	    "coil_channel_send: task 1 \"main\": this channel was not made by coil_channel_init")
{
	rig_run_real(sends_on_none, NULL);
}
