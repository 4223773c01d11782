/* SPDX-License-Identifier: MIT */
/* Queues: their kinds, their bounds and limits, and what stops the program. */
#include "support/shortage.h"
#include "task/rig.h"

#include <pthread.h>

struct job {
	int32_t priority;
	int32_t number;
	char text[20];
};

static int by_priority(const void *left, const void *right, void *context)
{
	const struct job *a = left;
	const struct job *b = right;

	++*(int *)context;
	return (a->priority > b->priority) - (a->priority < b->priority);
}

IN_TASK(exchange, b13_6_a_priority_queue_gives_the_smallest_and_of_equals_the_oldest)
{
	int comparisons = 0;
	const struct coil_queue_options options = {
		.size = sizeof options,
		.item_bytes = sizeof(struct job),
		.kind = COIL_QUEUE_PRIORITY,
		.compare = by_priority,
		.context = &comparisons,
	};
	struct coil_queue queue;
	struct job last = { .priority = -1 };

	EXPECT_EQ(coil_queue_init_with(&queue, &options), 0);
	for (int i = 0; i < 1000; i++) {
		struct job job = { .priority = i * 7919 % 10, .number = i };

		EXPECT_EQ(coil_queue_put(&queue, &job), 0);
	}
	for (int i = 0; i < 1000; i++) {
		struct job job;

		EXPECT_EQ(coil_queue_get(&queue, &job), 0);
		EXPECT(last.priority < job.priority ||
		       (last.priority == job.priority && last.number < job.number));
		last = job;
	}
	EXPECT_GT(comparisons, 1000);
	coil_queue_deinit(&queue);
}

IN_TASK(exchange, b13_6_a_lifo_queue_gives_the_newest)
{
	const struct coil_queue_options options = {
		.size = sizeof options,
		.item_bytes = 3,
		.capacity = 3,
		.kind = COIL_QUEUE_LIFO,
	};
	struct coil_queue queue;
	char item[3];

	EXPECT_EQ(coil_queue_init_with(&queue, &options), 0);
	EXPECT_EQ(coil_queue_put(&queue, "aaa"), 0);
	EXPECT_EQ(coil_queue_put(&queue, "bbb"), 0);
	EXPECT_EQ(coil_queue_put(&queue, "ccc"), 0);
	EXPECT_EQ(coil_queue_try_put(&queue, "ddd"), -EAGAIN);
	EXPECT_EQ(coil_queue_get(&queue, item), 0);
	EXPECT_MEM_EQ(item, "ccc", 3);
	EXPECT_EQ(coil_queue_get(&queue, item), 0);
	EXPECT_MEM_EQ(item, "bbb", 3);
	EXPECT_EQ(coil_queue_put(&queue, "ddd"), 0);
	EXPECT_EQ(coil_queue_get(&queue, item), 0);
	EXPECT_MEM_EQ(item, "ddd", 3);
	coil_queue_deinit(&queue);
}

IN_TASK(queue, carries_items_of_no_bytes)
{
	struct coil_queue queue;

	EXPECT_EQ(coil_queue_init(&queue, 0, 0), 0);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(coil_queue_put(&queue, NULL), 0);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(coil_queue_get(&queue, NULL), 0);
	EXPECT_EQ(coil_queue_try_get(&queue, NULL), -EAGAIN);
	coil_queue_deinit(&queue);
}

IN_TASK(queue, refuses_what_is_out_of_bounds)
{
	struct coil_queue_options options = { .size = sizeof options, .item_bytes = 8 };
	struct coil_queue queue;

	EXPECT_EQ(coil_queue_init(&queue, COIL_ITEM_BYTES_MAX + 1, 1), -EINVAL);
	coil_queue_deinit(&queue);
	EXPECT_EQ(coil_queue_init(&queue, 8, COIL_ITEMS_MAX + 1), -EINVAL);
	options.kind = COIL_QUEUE_PRIORITY;
	EXPECT_EQ(coil_queue_init_with(&queue, &options), -EINVAL);
	options.kind = 7;
	EXPECT_EQ(coil_queue_init_with(&queue, &options), -EINVAL);
	options.kind = 0;
	options.size = 0;
	EXPECT_EQ(coil_queue_init_with(&queue, &options), -EINVAL);
	coil_queue_deinit(&queue);
	coil_queue_deinit(NULL);
}

IN_TASK(queue, a_bounded_one_allocates_at_its_beginning_alone)
{
	uint64_t before = rig_stats().allocations;
	struct coil_queue queue;
	long item = 0;

	EXPECT_EQ(coil_queue_init(&queue, sizeof item, 100), 0);
	EXPECT_EQ(rig_stats().allocations, before + 1);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 100; i++)
			EXPECT_EQ(coil_queue_put(&queue, &item), 0);
		for (int i = 0; i < 100; i++)
			EXPECT_EQ(coil_queue_get(&queue, &item), 0);
	}
	EXPECT_EQ(rig_stats().allocations, before + 1);
	coil_queue_deinit(&queue);
}

/* -- An allocator that says no -------------------------------------------------------------------
 */

#define TIMERS 4096

static void select_runs_out_of_memory(void)
{
	static struct coil_timer timers[TIMERS];
	struct coil_channel channel;
	struct coil_case cases[20] = { 0 };
	int count = 0;

	/* Until the heap of deadlines is full. */
	while (count < TIMERS && coil_timer_start(&timers[count], COIL_FOREVER - 1) == 0)
		count++;
	EXPECT_LT(count, TIMERS);

	EXPECT_EQ(coil_channel_init(&channel, 8, 0), 0);
	cases[0] = coil_case_receive(&channel, NULL);
	EXPECT_EQ(coil_select(cases, 20, 0), -ENOMEM);
	cases[1] = coil_case_deadline(coil_now() + COIL_SEC);
	EXPECT_EQ(coil_select(cases, 2, 0), -ENOMEM);
	shortage_after(1);
	EXPECT_EQ(coil_select(cases, 20, 0), -ENOMEM);
	EXPECT_EQ(coil_channel_try_send(&channel, "8 bytes"), -EAGAIN); /* nobody was left */
	coil_channel_deinit(&channel);
	while (count > 0)
		coil_timer_cancel(&timers[--count]);
	shortage_after(0);
}

static int runs_out_of_memory(void *arg)
{
	struct coil_queue queue;
	struct coil_channel channel;
	struct coil_broadcast broadcast;
	long count = 0;
	int rc;

	(void)arg;
	shortage_after(0);
	select_runs_out_of_memory();
	EXPECT_EQ(coil_queue_init(&queue, 8, 10), -ENOMEM);
	coil_queue_deinit(&queue);
	EXPECT_EQ(coil_channel_init(&channel, 8, 10), -ENOMEM);
	coil_channel_deinit(&channel);
	EXPECT_EQ(coil_broadcast_init(&broadcast, 8, 10), -ENOMEM);
	coil_broadcast_deinit(&broadcast);
	EXPECT_EQ(coil_queue_init(&queue, 8, 0), 0);
	shortage_after(2);
	while ((rc = coil_queue_put(&queue, &count)) == 0)
		count++;
	EXPECT_EQ(rc, -ENOMEM);
	EXPECT_EQ(coil_queue_size(&queue), count);
	for (long i = 0, item; i < count; i++)
		EXPECT(coil_queue_get(&queue, &item) == 0 && item == i);
	coil_queue_deinit(&queue);
	shortage.is_on = false;
	return 0;
}

TEST(queue, an_allocation_that_fails_loses_nothing)
{
	struct coil_options options = rig_options();

	options.alloc = &shortage_alloc;
	EXPECT_EQ(coil_run_with(&options, runs_out_of_memory, NULL), 0);
}

IN_REAL_TASK(queue, has_a_limit_also_without_a_capacity)
{
	struct coil_queue queue;
	size_t count = 0;
	int rc;

	EXPECT_EQ(coil_queue_init(&queue, 0, 0), 0);
	while ((rc = coil_queue_try_put(&queue, NULL)) == 0)
		count++;
	EXPECT_EQ(rc, -ENOBUFS);
	EXPECT_EQ(count, COIL_ITEMS_MAX);
	EXPECT_EQ(coil_queue_get(&queue, NULL), 0);
	EXPECT_EQ(coil_queue_put(&queue, NULL), 0);
	coil_queue_deinit(&queue);
}

/* -- Misuse --------------------------------------------------------------------------------------
 */

static struct coil_queue shared_by_mistake;

static int gets_it(void *queue)
{
	return coil_queue_get(queue, NULL);
}

static int deinit_while_somebody_waits(void *arg)
{
	struct coil_queue queue;

	(void)arg;
	coil_queue_init(&queue, 0, 1);
	coil_spawn(gets_it, &queue);
	rig_turns(2);
	coil_queue_deinit(&queue);
	return 0;
}

TEST_SIGNAL(queue, deinit_while_somebody_waits_stops, SIGABRT,
	    "coil_queue_deinit: task 1 \"main\": somebody waits on this queue: shut it down first")
{
	rig_run_real(deinit_while_somebody_waits, NULL);
}

static int puts_on_another_loop(void *arg)
{
	(void)arg;
	return coil_queue_put(&shared_by_mistake, NULL);
}

static void *runs_another_loop(void *arg)
{
	(void)arg;
	rig_run(puts_on_another_loop, NULL);
	return NULL;
}

static int lends_its_queue(void *arg)
{
	pthread_t thread;

	(void)arg;
	coil_queue_init(&shared_by_mistake, 0, 1);
	pthread_create(&thread, NULL, runs_another_loop, NULL);
	pthread_join(thread, NULL);
	return 0;
}

TEST_SIGNAL(queue, of_another_loop_stops, SIGABRT,
	    "task 1 \"main\": this queue was not made by coil_queue_init, or not on this thread's")
{
	rig_run_real(lends_its_queue, NULL);
}

static int shuts_with_odd_flags(void *arg)
{
	struct coil_queue queue;

	(void)arg;
	coil_queue_init(&queue, 0, 1);
	coil_queue_shutdown(&queue, 8);
	return 0;
}

TEST_SIGNAL(queue, unknown_flags_of_a_shutdown_stop, SIGABRT, "8 is no flag of a shutdown")
{
	rig_run_real(shuts_with_odd_flags, NULL);
}

TEST_SIGNAL(queue, outside_of_a_loop_stops, SIGABRT, "coil_queue_init: called on a thread that")
{
	struct coil_queue queue;

	coil_queue_init(&queue, 0, 1);
}
