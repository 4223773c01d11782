/* SPDX-License-Identifier: MIT */
/* Queues between tasks and threads. */
#include "task/rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define ITEM(value) (&(long){ value })

static struct coil_queue_options options_of(size_t capacity)
{
	return (struct coil_queue_options){
		.size = sizeof(struct coil_queue_options),
		.item_bytes = sizeof(long),
		.capacity = capacity,
	};
}

static void make(struct coil_shared_queue *queue, size_t capacity)
{
	struct coil_queue_options options = options_of(capacity);

	EXPECT_EQ(coil_shared_queue_init(queue, &options), 0);
}

static struct coil_item_stats stats_of(struct coil_shared_queue *queue)
{
	struct coil_item_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_shared_queue_stats(queue, &stats), 0);
	return stats;
}

static void pause_ms(long ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000 };

	nanosleep(&pause, NULL);
}

/* -- On one thread -------------------------------------------------------------------------------
 */

TEST(shared_queue, works_on_a_thread_without_a_loop)
{
	struct coil_shared_queue queue;
	int64_t began = coil_now();
	long item = 0;

	make(&queue, 2);
	EXPECT_EQ(coil_shared_queue_try_get(&queue, &item), -EAGAIN);
	EXPECT_EQ(coil_shared_queue_get_until(&queue, &item, began + 2 * COIL_MSEC), -ETIME);
	EXPECT_GE(coil_now() - began, 2 * COIL_MSEC);
	EXPECT_EQ(coil_shared_queue_get_until(&queue, &item, -5), -ETIME);
	EXPECT_EQ(coil_shared_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_shared_queue_put_until(&queue, ITEM(2), 0), 0); /* needs no wait */
	EXPECT_EQ(coil_shared_queue_try_put(&queue, ITEM(3)), -EAGAIN);
	EXPECT_EQ(coil_shared_queue_put_until(&queue, ITEM(3), 0), -ETIME);
	EXPECT_EQ(coil_shared_queue_get(&queue, &item), 0);
	EXPECT_EQ(item, 1);
	coil_shared_queue_task_done(&queue);
	coil_shared_queue_shutdown(&queue, 0);
	EXPECT_EQ(coil_shared_queue_put(&queue, ITEM(3)), -EPIPE);
	EXPECT_EQ(coil_shared_queue_try_get(&queue, &item), 0);
	EXPECT_EQ(coil_shared_queue_get(&queue, &item), -EPIPE);
	coil_shared_queue_task_done(&queue);
	EXPECT_EQ(coil_shared_queue_join(&queue), 0);
	EXPECT_EQ(stats_of(&queue).sent, 2);
	EXPECT_EQ(stats_of(&queue).senders + stats_of(&queue).receivers, 0);
	coil_shared_queue_deinit(&queue);
	coil_shared_queue_deinit(&queue);
	coil_shared_queue_deinit(NULL);
}

TEST(shared_queue, refuses_what_is_out_of_bounds)
{
	struct coil_queue_options options = options_of(0);
	struct coil_shared_queue queue;

	EXPECT_EQ(coil_shared_queue_init(&queue, &options), -EINVAL);
	options.capacity = 1;
	options.kind = COIL_QUEUE_PRIORITY;
	EXPECT_EQ(coil_shared_queue_init(&queue, &options), -EINVAL);
	options.size = 0;
	EXPECT_EQ(coil_shared_queue_init(&queue, &options), -EINVAL);
	coil_shared_queue_deinit(&queue);
}

/* -- Between tasks -------------------------------------------------------------------------------
 */

struct actor {
	struct coil_shared_queue *queue;
	long item;
	int result;
};

static int takes_it(void *arg)
{
	struct actor *actor = arg;

	return actor->result = coil_shared_queue_get(actor->queue, &actor->item);
}

static int puts_it(void *arg)
{
	struct actor *actor = arg;

	return actor->result = coil_shared_queue_put(actor->queue, &actor->item);
}

static int joins(void *arg)
{
	struct actor *actor = arg;

	return actor->result = coil_shared_queue_join(actor->queue);
}

IN_REAL_TASK(shared_queue, tasks_are_served_in_order_and_meet_a_cancel_late)
{
	struct coil_shared_queue queue;
	struct actor actors[3];
	struct coil_task *tasks[3];

	make(&queue, 1);
	for (int i = 0; i < 3; i++) {
		actors[i] = (struct actor){ &queue, -7, 1 };
		tasks[i] = coil_spawn(takes_it, &actors[i]);
	}
	rig_turns(2);
	EXPECT_EQ(stats_of(&queue).receivers, 3);
	EXPECT_EQ(coil_cancel(tasks[0]), 0); /* leaves the line */
	rig_turns(2);
	EXPECT_EQ(coil_shared_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_cancel(tasks[1]), 0); /* has it already */
	EXPECT_EQ(coil_shared_queue_put(&queue, ITEM(2)), 0);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_EQ(actors[0].item, -7);
	EXPECT_EQ(actors[1].item, 1);
	EXPECT_EQ(actors[2].item, 2);
	coil_shared_queue_deinit(&queue);
}

/* Served after the cancel was asked for, before the task has left: it keeps the item. */
IN_REAL_TASK(shared_queue, an_item_that_comes_before_the_cancelled_task_has_left_is_kept)
{
	struct coil_shared_queue queue;
	struct actor actor = { &queue, -7, 1 };
	struct coil_task *task;

	make(&queue, 1);
	task = coil_spawn(takes_it, &actor);
	rig_turns(2);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_shared_queue_put(&queue, ITEM(1)), 0);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(actor.item, 1);
	EXPECT_EQ(coil_shared_queue_try_get(&queue, NULL), -EAGAIN);
	coil_shared_queue_deinit(&queue);
}

IN_REAL_TASK(shared_queue, work_and_shutdown_are_as_of_other_queues)
{
	struct coil_shared_queue queue;
	struct actor putter = { &queue, 2, 1 };
	struct actor joiner = { &queue, 0, 1 };
	struct coil_task *puts_task, *join_task;

	make(&queue, 1);
	EXPECT_EQ(coil_shared_queue_put(&queue, ITEM(1)), 0);
	puts_task = coil_spawn(puts_it, &putter);
	join_task = coil_spawn(joins, &joiner);
	rig_turns(2);
	EXPECT_EQ(coil_shared_queue_get(&queue, NULL), 0);
	EXPECT_EQ(coil_join(puts_task), 0);
	coil_shared_queue_shutdown(&queue, COIL_IMMEDIATE);
	EXPECT_EQ(stats_of(&queue).lost, 1);
	EXPECT_EQ(coil_shared_queue_get(&queue, NULL), -EPIPE);
	EXPECT_EQ(joiner.result, 1);
	coil_shared_queue_task_done(&queue);
	EXPECT_EQ(coil_join(join_task), 0);
	coil_shared_queue_deinit(&queue);
}

static int gets_for_a_while(void *queue)
{
	return coil_shared_queue_get(queue, NULL);
}

IN_REAL_TASK(shared_queue, a_task_meets_scopes_and_deadlines)
{
	struct coil_shared_queue queue;
	struct coil_scope scope;

	make(&queue, 1);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, gets_for_a_while, &queue), -ETIME);
	EXPECT_EQ(coil_shared_queue_get_until(&queue, NULL, coil_now() + COIL_MSEC), -ETIME);
	EXPECT_EQ(coil_shared_queue_get_until(&queue, NULL, 0), -ETIME);
	EXPECT_EQ(coil_shared_queue_put_until(&queue, ITEM(1), 0), 0);
	EXPECT_EQ(coil_shared_queue_put_until(&queue, ITEM(1), coil_now() + COIL_MSEC), -ETIME);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_shared_queue_get(&queue, NULL), -ECANCELED);
	EXPECT_EQ(coil_shared_queue_try_get(&queue, NULL), 0);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(stats_of(&queue).senders + stats_of(&queue).receivers, 0);
	coil_shared_queue_deinit(&queue);
}

/* -- Between threads and tasks -------------------------------------------------------------------
 */

#define EACH (RIG_IS_SLOW ? 1000 : 5000)
#define THREADS 3

static void *puts_many(void *arg)
{
	struct actor *actor = arg;

	for (long i = 0; i < EACH; i++) {
		long item = actor->item * EACH + i;

		if (coil_shared_queue_put(actor->queue, &item) < 0)
			FAIL("a thread's put failed");
	}
	return NULL;
}

static int gets_many(void *arg)
{
	struct actor *actor = arg;
	long item;

	while ((actor->result = coil_shared_queue_get(actor->queue, &item)) == 0) {
		actor->item += item;
		coil_shared_queue_task_done(actor->queue);
	}
	return 0;
}

IN_REAL_TASK(shared_queue, threads_put_and_tasks_get)
{
	struct coil_shared_queue queue;
	struct actor putters[THREADS], getters[4];
	pthread_t threads[THREADS];
	struct coil_group group;
	long total = (long)THREADS * EACH;
	long sum = 0;

	make(&queue, 8);
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 4; i++) {
		getters[i] = (struct actor){ &queue, 0, 1 };
		EXPECT_EQ(coil_go(&group, gets_many, &getters[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		putters[i] = (struct actor){ &queue, i, 1 };
		EXPECT_EQ(pthread_create(&threads[i], NULL, puts_many, &putters[i]), 0);
	}
	while (stats_of(&queue).sent < (uint64_t)total)
		EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_shared_queue_join(&queue), 0);
	coil_shared_queue_shutdown(&queue, 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++)
		sum += getters[i].item;
	EXPECT_EQ(sum, total * (total - 1) / 2);
	coil_shared_queue_deinit(&queue);
}

static void *drains(void *arg)
{
	gets_many(arg);
	return NULL;
}

IN_REAL_TASK(shared_queue, tasks_put_and_threads_get)
{
	struct coil_shared_queue queue;
	struct actor getters[THREADS];
	pthread_t threads[THREADS];
	long sum = 0;

	make(&queue, 2);
	for (int i = 0; i < THREADS; i++) {
		getters[i] = (struct actor){ &queue, 0, 1 };
		EXPECT_EQ(pthread_create(&threads[i], NULL, drains, &getters[i]), 0);
	}
	for (long i = 0; i < EACH; i++)
		EXPECT_EQ(coil_shared_queue_put(&queue, &i), 0);
	EXPECT_EQ(coil_shared_queue_join(&queue), 0);
	coil_shared_queue_shutdown(&queue, 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(getters[i].result, -EPIPE);
		sum += getters[i].item;
	}
	EXPECT_EQ(sum, (long)EACH * (EACH - 1) / 2);
	coil_shared_queue_deinit(&queue);
}

static void *puts_late(void *queue)
{
	pause_ms(3);
	coil_shared_queue_put(queue, ITEM(42));
	return NULL;
}

IN_REAL_TASK(shared_queue, a_put_wakes_a_loop_that_sleeps)
{
	struct coil_shared_queue queue;
	pthread_t thread;
	long item;

	make(&queue, 1);
	for (int i = 0; i < 10; i++) {
		item = 0;
		EXPECT_EQ(pthread_create(&thread, NULL, puts_late, &queue), 0);
		EXPECT_EQ(coil_shared_queue_get(&queue, &item), 0);
		EXPECT_EQ(item, 42);
		pthread_join(thread, NULL);
	}
	coil_shared_queue_deinit(&queue);
}

static void *waits_for_work(void *arg)
{
	takes_it(arg);
	return NULL;
}

static void *waits_to_put(void *arg)
{
	puts_it(arg);
	return NULL;
}

static void *waits_for_the_end(void *arg)
{
	joins(arg);
	return NULL;
}

TEST(shared_queue, a_shutdown_wakes_threads)
{
	struct coil_shared_queue empty, full;
	struct actor getter = { &empty, 0, 1 };
	struct actor putter = { &full, 0, 1 };
	struct actor joiner = { &full, 0, 1 };
	pthread_t threads[3];

	make(&empty, 1);
	make(&full, 1);
	EXPECT_EQ(coil_shared_queue_put(&full, ITEM(1)), 0);
	EXPECT_EQ(pthread_create(&threads[0], NULL, waits_for_work, &getter), 0);
	EXPECT_EQ(pthread_create(&threads[1], NULL, waits_to_put, &putter), 0);
	EXPECT_EQ(pthread_create(&threads[2], NULL, waits_for_the_end, &joiner), 0);
	while (stats_of(&empty).receivers + stats_of(&full).senders < 2)
		pause_ms(1);
	coil_shared_queue_shutdown(&empty, 0);
	coil_shared_queue_shutdown(&full, COIL_IMMEDIATE);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(getter.result, -EPIPE);
	EXPECT_EQ(putter.result, -EPIPE);
	EXPECT_EQ(joiner.result, 0);
	coil_shared_queue_deinit(&empty);
	coil_shared_queue_deinit(&full);
}

/* -- Two loops, threads, cancels and deadlines: no item is lost or doubled -----------------------
 */

#define STORM_ITEMS (RIG_IS_SLOW ? 3000 : 20000)

struct storm {
	struct coil_shared_queue queue;
	atomic_uchar received[20000];
	atomic_long next_item, taken;
};

static struct storm storm;

static void take(long item)
{
	atomic_fetch_add(&storm.received[item], 1);
	atomic_fetch_add(&storm.taken, 1);
}

/* Tries again until the item is in: each failure must have left it out. */
static int storm_puts(void *arg)
{
	long item;

	(void)arg;
	while ((item = atomic_fetch_add(&storm.next_item, 1)) < STORM_ITEMS) {
		int64_t patience = coil_now() + (item % 3) * 10 * COIL_USEC;

		while (coil_shared_queue_put_until(&storm.queue, &item, patience) == -ETIME)
			patience = coil_now() + 20 * COIL_USEC;
	}
	return 0;
}

static int storm_gets(void *arg)
{
	int rc = 0;

	(void)arg;
	while (rc != -EPIPE) {
		long item = -1;
		int64_t patience = coil_now() + 10 * COIL_USEC;

		rc = coil_shared_queue_get_until(&storm.queue, &item, patience);
		if (rc == 0)
			take(item);
		else
			EXPECT_EQ(item, -1);
	}
	return 0;
}

static void *storm_thread(void *arg)
{
	if (arg)
		storm_gets(NULL);
	else
		storm_puts(NULL);
	return NULL;
}

static int storm_loop(void *arg)
{
	struct coil_group group;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(coil_go(&group, storm_puts, NULL), 0);
		EXPECT_EQ(coil_go(&group, storm_gets, NULL), 0);
	}
	while (atomic_load(&storm.taken) < STORM_ITEMS)
		coil_sleep(1 * COIL_MSEC);
	coil_shared_queue_shutdown(&storm.queue, 0);
	return coil_group_close(&group);
}

static void *storm_loop_thread(void *arg)
{
	EXPECT_EQ(rig_run_real(storm_loop, arg), 0);
	return NULL;
}

TEST(shared_queue, a_storm_loses_and_doubles_nothing)
{
	pthread_t threads[4];
	long wrong = 0;

	make(&storm.queue, 3);
	for (intptr_t i = 0; i < 4; i++)
		EXPECT_EQ(pthread_create(&threads[i], NULL,
					 i < 2 ? storm_thread : storm_loop_thread, WORD(i % 2)),
			  0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (long i = 0; i < STORM_ITEMS; i++)
		wrong += atomic_load(&storm.received[i]) != 1;
	EXPECT_EQ(wrong, 0);
	coil_shared_queue_deinit(&storm.queue);
}

/* -- Misuse --------------------------------------------------------------------------------------
 */

TEST_SIGNAL(shared_queue, task_done_too_often_stops, SIGABRT,
	    "coil_shared_queue_task_done: called more often than items were put")
{
	struct coil_shared_queue queue;

	make(&queue, 1);
	coil_shared_queue_task_done(&queue);
}

TEST_SIGNAL(shared_queue, blocking_a_loop_stops, SIGABRT,
	    "coil_shared_queue_get: it might block the loop of this thread")
{
	struct coil_shared_queue queue;
	struct coil_loop *loop;

	make(&queue, 1);
	coil_loop_open(&loop, NULL);
	coil_shared_queue_get(&queue, NULL);
}

TEST_SIGNAL(shared_queue, that_was_never_made_stops, SIGABRT,
	    "coil_shared_queue_put: this queue was not made by coil_shared_queue_init")
{
	struct coil_shared_queue queue = { .is_made = false };

	coil_shared_queue_put(&queue, NULL);
}
