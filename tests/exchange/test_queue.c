/* SPDX-License-Identifier: MIT */
/* Queues: asyncio's rules (semantics.md B13.6), each errno, each moment of a cancel. */
#include "task/rig.h"

#define ITEM(value) (&(long){ value })

struct actor {
	struct coil_queue *queue;
	long item;
	int result;
	char mark;
};

static int puts_item(void *arg)
{
	struct actor *actor = arg;

	actor->result = coil_queue_put(actor->queue, &actor->item);
	rig_note(actor->mark);
	return actor->result;
}

static int gets_item(void *arg)
{
	struct actor *actor = arg;

	actor->result = coil_queue_get(actor->queue, &actor->item);
	rig_note(actor->mark);
	return actor->result;
}

static int joins_queue(void *arg)
{
	struct actor *actor = arg;

	actor->result = coil_queue_join(actor->queue);
	rig_note(actor->mark);
	return actor->result;
}

static struct actor actor_on(struct coil_queue *queue, long item, char mark)
{
	return (struct actor){ .queue = queue, .item = item, .result = 1, .mark = mark };
}

static struct coil_item_stats stats_of(const struct coil_queue *queue)
{
	struct coil_item_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_queue_stats(queue, &stats), 0);
	return stats;
}

static long next_of(struct coil_queue *queue)
{
	long item = -1;

	EXPECT_EQ(coil_queue_try_get(queue, &item), 0);
	return item;
}

/* -- The rules -----------------------------------------------------------------------------------
 */

IN_TASK(exchange, b13_6_a_queue_without_a_capacity_is_never_full)
{
	struct coil_queue queue;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 0), 0);
	for (long i = 0; i < 5000; i++)
		EXPECT_EQ(coil_queue_put(&queue, &i), 0);
	EXPECT(!coil_queue_full(&queue));
	EXPECT_EQ(coil_queue_size(&queue), 5000);
	for (long i = 0; i < 5000; i++)
		EXPECT_EQ(next_of(&queue), i);
	EXPECT(coil_queue_empty(&queue));
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_growing_keeps_the_order_of_a_ring_that_wraps)
{
	struct coil_queue queue;
	long in = 0;
	long out = 0;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 0), 0);
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 7; i++, in++)
			EXPECT_EQ(coil_queue_try_put(&queue, &in), 0);
		for (int i = 0; i < 5; i++)
			EXPECT_EQ(next_of(&queue), out++);
	}
	while (out < in)
		EXPECT_EQ(next_of(&queue), out++);
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_puts_wait_while_it_is_full_and_are_served_in_order)
{
	struct coil_queue queue;
	struct actor a, b;
	struct coil_group group;

	rig_forget();
	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 2), 0);
	a = actor_on(&queue, 3, 'a');
	b = actor_on(&queue, 4, 'b');
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(2)), 0);
	EXPECT(coil_queue_full(&queue));
	EXPECT_EQ(coil_queue_try_put(&queue, ITEM(9)), -EAGAIN);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, puts_item, &a), 0);
	EXPECT_EQ(coil_go(&group, puts_item, &b), 0);
	rig_turns(3);
	EXPECT_EQ(stats_of(&queue).senders, 2);
	EXPECT_EQ(next_of(&queue), 1);
	EXPECT(coil_queue_full(&queue));
	EXPECT_EQ(coil_queue_try_put(&queue, ITEM(9)), -EAGAIN);
	rig_turns(2);
	EXPECT_STR_EQ(rig_order, "a");
	EXPECT_EQ(next_of(&queue), 2);
	EXPECT_EQ(next_of(&queue), 3);
	EXPECT_EQ(next_of(&queue), 4);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_gets_wait_while_it_is_empty_and_are_served_in_order)
{
	struct coil_queue queue;
	struct actor a, b;
	struct coil_group group;

	rig_forget();
	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 2), 0);
	a = actor_on(&queue, 0, 'a');
	b = actor_on(&queue, 0, 'b');
	EXPECT_EQ(coil_queue_try_get(&queue, NULL), -EAGAIN);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, gets_item, &a), 0);
	EXPECT_EQ(coil_go(&group, gets_item, &b), 0);
	rig_turns(3);
	EXPECT_EQ(stats_of(&queue).receivers, 2);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(2)), 0);
	EXPECT_EQ(coil_queue_try_get(&queue, NULL), -EAGAIN); /* both are given away */
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(a.item, 1);
	EXPECT_EQ(b.item, 2);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_a_getter_cancelled_while_it_waits_takes_nothing)
{
	struct coil_queue queue;
	struct actor a, b;
	struct coil_task *task_a, *task_b;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 2), 0);
	a = actor_on(&queue, -7, 'a');
	b = actor_on(&queue, 0, 'b');
	task_a = coil_spawn(gets_item, &a);
	task_b = coil_spawn(gets_item, &b);
	rig_turns(2);
	EXPECT_EQ(coil_cancel(task_a), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_join(task_a), -ECANCELED);
	EXPECT_EQ(coil_join(task_b), 0);
	EXPECT_EQ(a.item, -7);
	EXPECT_EQ(b.item, 1);
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_a_getter_cancelled_after_the_hand_over_keeps_the_item)
{
	struct coil_queue queue;
	struct actor a;
	struct coil_task *task;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 2), 0);
	a = actor_on(&queue, 0, 'a');
	task = coil_spawn(gets_item, &a);
	rig_turns(2);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(a.item, 1);
	EXPECT(coil_queue_empty(&queue));
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_a_putter_cancelled_while_it_waits_puts_nothing)
{
	struct coil_queue queue;
	struct actor a, b;
	struct coil_task *task_a, *task_b;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 1), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	a = actor_on(&queue, 2, 'a');
	b = actor_on(&queue, 3, 'b');
	task_a = coil_spawn(puts_item, &a);
	task_b = coil_spawn(puts_item, &b);
	rig_turns(2);
	EXPECT_EQ(coil_cancel(task_a), 0);
	EXPECT_EQ(next_of(&queue), 1);
	EXPECT_EQ(coil_join(task_a), -ECANCELED);
	EXPECT_EQ(coil_join(task_b), 0);
	EXPECT_EQ(next_of(&queue), 3);
	EXPECT_EQ(stats_of(&queue).sent, 2);
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_a_putter_cancelled_after_the_hand_over_has_put)
{
	struct coil_queue queue;
	struct actor a;
	struct coil_task *task;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 1), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	a = actor_on(&queue, 2, 'a');
	task = coil_spawn(puts_item, &a);
	rig_turns(2);
	EXPECT_EQ(next_of(&queue), 1);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(next_of(&queue), 2);
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_in_a_cancelled_scope_put_and_get_fail_and_try_works)
{
	struct coil_queue queue;
	struct coil_scope scope;
	long item = 0;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 2), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EINTR, "enough");
	EXPECT_EQ(coil_queue_put(&queue, ITEM(2)), -EINTR);
	EXPECT_EQ(coil_queue_get(&queue, &item), -EINTR);
	EXPECT_EQ(coil_queue_join(&queue), -EINTR);
	EXPECT_EQ(item, 0);
	EXPECT_EQ(coil_queue_size(&queue), 1);
	EXPECT_EQ(coil_queue_try_put(&queue, ITEM(2)), 0);
	EXPECT_EQ(next_of(&queue), 1);
	EXPECT_EQ(next_of(&queue), 2);
	coil_queue_task_done(&queue);
	coil_queue_task_done(&queue);
	EXPECT_EQ(coil_queue_join(&queue), 0); /* has happened already */
	coil_queue_shutdown(&queue, 0);
	EXPECT_EQ(coil_scope_close(&scope), -EINTR);
	coil_queue_deinit(&queue);
}

static int gets_for_a_while(void *queue)
{
	return coil_queue_get(queue, NULL);
}

static int puts_for_a_while(void *queue)
{
	return coil_queue_put(queue, ITEM(5));
}

static int joins_for_a_while(void *queue)
{
	return coil_queue_join(queue);
}

IN_TASK(exchange, b13_6_a_deadline_ends_the_wait_and_takes_nothing)
{
	struct coil_queue queue;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 1), 0);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, gets_for_a_while, &queue), -ETIME);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, puts_for_a_while, &queue), -ETIME);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, joins_for_a_while, &queue), -ETIME);
	EXPECT_EQ(next_of(&queue), 1);
	EXPECT_EQ(stats_of(&queue).senders + stats_of(&queue).receivers, 0);
	coil_queue_deinit(&queue);
}

/* -- Work ----------------------------------------------------------------------------------------
 */

IN_TASK(exchange, b13_6_join_waits_for_each_task_done)
{
	struct coil_queue queue;
	struct actor a, b;
	struct coil_group group;

	rig_forget();
	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 4), 0);
	a = actor_on(&queue, 0, 'a');
	b = actor_on(&queue, 0, 'b');
	EXPECT_EQ(coil_queue_join(&queue), 0); /* nothing is unfinished */
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(2)), 0);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, joins_queue, &a), 0);
	EXPECT_EQ(coil_go(&group, joins_queue, &b), 0);
	next_of(&queue);
	next_of(&queue);
	rig_turns(3);
	coil_queue_task_done(&queue);
	rig_turns(3);
	EXPECT_STR_EQ(rig_order, "");
	EXPECT_EQ(stats_of(&queue).unfinished, 1);
	coil_queue_task_done(&queue);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_an_item_that_was_handed_over_is_unfinished_too)
{
	struct coil_queue queue;
	struct actor a;
	struct coil_task *task;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 1), 0);
	a = actor_on(&queue, 0, 'a');
	task = coil_spawn(gets_item, &a);
	rig_turns(2);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, joins_for_a_while, &queue), -ETIME);
	coil_queue_task_done(&queue);
	EXPECT_EQ(coil_queue_join(&queue), 0);
	coil_queue_deinit(&queue);
}

static void task_done_too_often(void)
{
	struct coil_queue queue;

	coil_queue_init(&queue, sizeof(long), 1);
	coil_queue_task_done(&queue);
}

static int task_done_too_often_entry(void *arg)
{
	(void)arg;
	task_done_too_often();
	return 0;
}

TEST_SIGNAL(exchange, b13_6_task_done_too_often_is_an_error, SIGABRT,
	    "coil_queue_task_done: task 1 \"main\": called more often than items were put")
{
	rig_run_real(task_done_too_often_entry, NULL);
}

/* -- Shutdown ------------------------------------------------------------------------------------
 */

IN_TASK(exchange, b13_6_after_a_shutdown_puts_fail_and_gets_drain)
{
	struct coil_queue queue;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 2), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(2)), 0);
	coil_queue_shutdown(&queue, 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(3)), -EPIPE);
	EXPECT_EQ(coil_queue_try_put(&queue, ITEM(3)), -EPIPE);
	EXPECT_EQ(coil_queue_get(&queue, NULL), 0);
	EXPECT_EQ(next_of(&queue), 2);
	EXPECT_EQ(coil_queue_get(&queue, NULL), -EPIPE);
	EXPECT_EQ(coil_queue_try_get(&queue, NULL), -EPIPE);
	EXPECT_EQ(stats_of(&queue).unfinished, 2); /* the work goes on */
	coil_queue_shutdown(&queue, 0);
	coil_queue_deinit(&queue);
}

static void shutdown_wakes_waiters(int flags)
{
	struct coil_queue full, empty;
	struct actor a, b;
	struct coil_task *task_a, *task_b;

	EXPECT_EQ(coil_queue_init(&full, sizeof(long), 1), 0);
	EXPECT_EQ(coil_queue_init(&empty, sizeof(long), 1), 0);
	EXPECT_EQ(coil_queue_put(&full, ITEM(1)), 0);
	a = actor_on(&full, 2, 'a');
	b = actor_on(&empty, -7, 'b');
	task_a = coil_spawn(puts_item, &a);
	task_b = coil_spawn(gets_item, &b);
	rig_turns(2);
	coil_queue_shutdown(&full, flags);
	coil_queue_shutdown(&empty, flags);
	coil_queue_deinit(&empty); /* who was woken does not touch it */
	memset(&empty, 0xee, sizeof empty);
	EXPECT_EQ(coil_join(task_a), -EPIPE);
	EXPECT_EQ(coil_join(task_b), -EPIPE);
	EXPECT_EQ(b.item, -7);
	EXPECT_EQ(coil_queue_try_get(&full, NULL), flags ? -EPIPE : 0);
	EXPECT_EQ(coil_queue_try_get(&full, NULL), -EPIPE);
	coil_queue_deinit(&full);
}

IN_TASK(exchange, b13_6_a_shutdown_wakes_everyone_who_waits)
{
	shutdown_wakes_waiters(0);
	shutdown_wakes_waiters(COIL_IMMEDIATE);
}

IN_TASK(exchange, b13_6_an_immediate_shutdown_empties_it_and_lets_join_return)
{
	struct coil_queue queue;
	struct actor a;
	struct coil_task *task;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 4), 0);
	for (long i = 0; i < 3; i++)
		EXPECT_EQ(coil_queue_put(&queue, &i), 0);
	next_of(&queue); /* this one is being worked on */
	a = actor_on(&queue, 0, 'a');
	task = coil_spawn(joins_queue, &a);
	rig_turns(2);
	coil_queue_shutdown(&queue, COIL_IMMEDIATE);
	EXPECT(coil_queue_empty(&queue));
	EXPECT_EQ(coil_queue_get(&queue, NULL), -EPIPE);
	EXPECT_EQ(stats_of(&queue).unfinished, 1);
	EXPECT_EQ(stats_of(&queue).lost, 2);
	rig_turns(2);
	EXPECT_EQ(a.result, 1); /* waits for the one that was taken */
	coil_queue_task_done(&queue);
	EXPECT_EQ(coil_join(task), 0);
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_a_shutdown_may_become_immediate)
{
	struct coil_queue queue;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 2), 0);
	EXPECT_EQ(coil_queue_put(&queue, ITEM(1)), 0);
	coil_queue_shutdown(&queue, 0);
	EXPECT_EQ(coil_queue_size(&queue), 1);
	coil_queue_shutdown(&queue, COIL_IMMEDIATE);
	EXPECT_EQ(coil_queue_join(&queue), 0);
	EXPECT_EQ(coil_queue_try_get(&queue, NULL), -EPIPE);
	coil_queue_deinit(&queue);
}
