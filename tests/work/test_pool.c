/* SPDX-License-Identifier: MIT */
/* Pools: limits, queues, shutdown. */
#include "task/rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static _Atomic int begun;
static _Atomic int at_once;
static _Atomic int at_once_max;
static _Atomic int gate;

static void reset(void)
{
	atomic_store(&begun, 0);
	atomic_store(&at_once, 0);
	atomic_store(&at_once_max, 0);
	atomic_store(&gate, 0);
}

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

static int waits_for_gate(void *result)
{
	int now = atomic_fetch_add(&at_once, 1) + 1;
	int max = atomic_load(&at_once_max);

	while (now > max && !atomic_compare_exchange_weak(&at_once_max, &max, now))
		;
	atomic_fetch_add(&begun, 1);
	while (!atomic_load(&gate))
		nap();
	atomic_fetch_sub(&at_once, 1);
	return (int)(intptr_t)result;
}

static void until_begun(int count)
{
	while (atomic_load(&begun) < count)
		coil_sleep(1 * COIL_MSEC);
}

static struct coil_pool *open_pool(unsigned threads_max, unsigned queue_max, int64_t idle_ns)
{
	const struct coil_pool_options options = {
		.size = sizeof options,
		.name = "tests",
		.threads_max = threads_max,
		.queue_max = queue_max,
		.idle_ns = idle_ns,
	};
	struct coil_pool *pool = NULL;

	EXPECT_EQ(coil_pool_open(&pool, &options), 0);
	return pool;
}

static struct coil_pool_stats stats_of(struct coil_pool *pool)
{
	struct coil_pool_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_pool_stats(pool, &stats), 0);
	return stats;
}

static int notes(void *what)
{
	rig_note((char)(intptr_t)what);
	return 0;
}

IN_TASK(pool, work_begins_in_the_order_in_which_it_was_handed_over)
{
	struct coil_pool *pool = open_pool(1, 0, 0);
	struct coil_work work[5];

	rig_forget();
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], pool, notes, WORD('a' + i)), 0);
	for (int i = 5; i-- > 0;)
		EXPECT_EQ(coil_await(&work[i].future), 0);
	EXPECT_STR_EQ(rig_order, "abcde");
	EXPECT_EQ(stats_of(pool).threads_started, 1);
	EXPECT_EQ(coil_pool_offload(pool, rig_return, WORD(4)), 4);
	coil_pool_close(pool);
	coil_pool_close(NULL);
}

IN_TASK(pool, threads_are_started_when_needed_and_up_to_the_limit)
{
	struct coil_pool *pool = open_pool(3, 0, 0);
	struct coil_work work[8];

	reset();
	EXPECT_EQ(stats_of(pool).threads, 0);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], pool, waits_for_gate, WORD(i)), 0);
	until_begun(3);
	EXPECT_EQ(stats_of(pool).threads, 3);
	EXPECT_EQ(stats_of(pool).running, 3);
	EXPECT_EQ(stats_of(pool).queued, 5);
	atomic_store(&gate, 1);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(coil_await(&work[i].future), i);
	EXPECT_EQ(atomic_load(&at_once_max), 3);
	EXPECT_EQ(stats_of(pool).completed, 8);
	EXPECT_EQ(stats_of(pool).submitted, 8);
	coil_pool_close(pool);
}

IN_TASK(pool, an_idle_thread_is_used_again_and_ends_after_a_while)
{
	struct coil_pool *pool = open_pool(4, 0, 20 * COIL_MSEC);

	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(coil_pool_offload(pool, rig_return, WORD(i)), i);
		while (stats_of(pool).idle == 0 && stats_of(pool).threads > 0)
			coil_yield();
	}
	EXPECT_LT(stats_of(pool).threads_started, 20);
	while (stats_of(pool).threads > 0)
		coil_sleep(1 * COIL_MSEC);
	EXPECT_EQ(coil_pool_offload(pool, rig_return, WORD(5)), 5);
	coil_pool_close(pool);
}

static struct coil_pool *shared;

static int offloads_to_shared(void *result)
{
	int rc = coil_pool_offload(shared, waits_for_gate, result);

	rig_note((char)('a' + (intptr_t)result));
	return rc;
}

IN_TASK(pool, a_full_queue_makes_the_caller_wait_or_try_again)
{
	struct coil_work work[3];
	struct coil_work more;
	struct coil_task *task;

	reset();
	shared = open_pool(1, 2, 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_pool_try_submit(&work[i], shared, waits_for_gate, WORD(i)), 0);
	EXPECT_EQ(coil_pool_try_submit(&more, shared, waits_for_gate, NULL), -EAGAIN);
	task = coil_spawn(offloads_to_shared, WORD(7));
	rig_turns(3);
	EXPECT_EQ(stats_of(shared).waiting, 1);
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_join(task), 7);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_await(&work[i].future), i);
	EXPECT_EQ(stats_of(shared).waiting, 0);
	coil_pool_close(shared);
}

IN_TASK(pool, who_waits_for_room_comes_in_order_and_may_be_cancelled)
{
	struct coil_work work[2];
	struct coil_work late;
	struct coil_task *tasks[3];

	reset();
	rig_forget();
	shared = open_pool(1, 1, 0);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], shared, waits_for_gate, WORD(i)), 0);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(offloads_to_shared, WORD(i));
	rig_turns(3);
	coil_cancel(tasks[1]);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_await(&work[0].future), 0);
	EXPECT_EQ(coil_pool_try_submit(&late, shared, rig_return, NULL), -EAGAIN); /* no barging */
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(coil_join(tasks[2]), 2);
	EXPECT_EQ(coil_await(&work[1].future), 1);
	EXPECT_STR_EQ(rig_order, "bac");
	coil_pool_close(shared);
}

/* Room and the cancel come in one turn: whoever wins, the next one gets his. */
IN_TASK(pool, room_that_came_with_a_cancel_is_not_lost)
{
	struct coil_work work[2];
	struct coil_task *tasks[2];
	int rc;

	reset();
	shared = open_pool(1, 1, 0);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], shared, waits_for_gate, WORD(i)), 0);
	for (int i = 0; i < 2; i++)
		tasks[i] = coil_spawn(offloads_to_shared, WORD(i));
	rig_turns(2);
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_await(&work[0].future), 0);
	EXPECT_EQ(stats_of(shared).waiting, 2);
	coil_cancel(tasks[0]);
	rc = coil_join(tasks[0]);
	EXPECT(rc == 0 || rc == -ECANCELED);
	EXPECT_EQ(coil_join(tasks[1]), 1);
	EXPECT_EQ(coil_await(&work[1].future), 1);
	coil_pool_close(shared);
}

IN_TASK(pool, what_has_not_begun_is_taken_out_of_the_queue)
{
	struct coil_pool *pool = open_pool(1, 0, 0);
	struct coil_work first;
	struct coil_work second;

	reset();
	EXPECT_EQ(coil_pool_submit(&first, pool, waits_for_gate, WORD(1)), 0);
	EXPECT_EQ(coil_pool_submit(&second, pool, waits_for_gate, WORD(2)), 0);
	until_begun(1);
	EXPECT_EQ(coil_work_cancel(&second), 0);
	EXPECT_EQ(coil_await(&second.future), -ECANCELED);
	EXPECT_EQ(coil_work_cancel(&second), -EALREADY);
	EXPECT_EQ(coil_work_cancel(&first), 0); /* told, and goes on */
	EXPECT(!coil_future_done(&first.future));
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_await(&first.future), 1);
	EXPECT_EQ(coil_work_cancel(&first), -EALREADY);
	EXPECT_EQ(atomic_load(&begun), 1);
	EXPECT_EQ(stats_of(pool).cancelled, 1);
	EXPECT_EQ(coil_pool_submit(&first, pool, rig_return, WORD(3)), 0); /* used again */
	EXPECT_EQ(coil_await(&first.future), 3);
	coil_pool_close(pool);
}

IN_TASK(pool, work_can_be_gathered_and_raced)
{
	struct coil_pool *pool = open_pool(2, 0, 0);
	struct coil_work work[3];
	struct coil_future *futures[3];

	reset();
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(coil_pool_submit(&work[i], pool, rig_return, WORD(i)), 0);
		futures[i] = &work[i].future;
	}
	EXPECT_EQ(coil_gather(futures, 3, 0), 0);
	EXPECT_EQ(coil_future_result(futures[2]), 2);
	EXPECT_EQ(coil_pool_submit(&work[0], pool, rig_return, WORD(1)), 0);
	EXPECT_EQ(coil_pool_submit(&work[1], pool, rig_return, WORD(2)), 0);
	EXPECT_GE(coil_race(futures, 2), 0);
	coil_pool_close(pool);
}

IN_TASK(pool, a_shut_pool_takes_no_more_and_does_what_it_has)
{
	struct coil_work work[2];
	struct coil_work more;
	struct coil_task *task;

	reset();
	shared = open_pool(1, 1, 0);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], shared, waits_for_gate, WORD(i)), 0);
	task = coil_spawn(offloads_to_shared, NULL);
	rig_turns(2);
	coil_pool_shutdown(shared, 0);
	coil_pool_shutdown(shared, 0);
	EXPECT_EQ(coil_join(task), -EPIPE);
	EXPECT_EQ(coil_pool_submit(&more, shared, rig_return, NULL), -EPIPE);
	EXPECT_EQ(coil_pool_try_submit(&more, shared, rig_return, NULL), -EPIPE);
	EXPECT_EQ(coil_pool_offload(shared, rig_return, NULL), -EPIPE);
	atomic_store(&gate, 1);
	coil_pool_close(shared);
	EXPECT_EQ(coil_future_result(&work[0].future), 0);
	EXPECT_EQ(coil_future_result(&work[1].future), 1);
}

IN_TASK(pool, a_shutdown_can_cancel_the_queue)
{
	struct coil_pool *pool = open_pool(1, 0, 0);
	struct coil_work work[3];

	reset();
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], pool, waits_for_gate, WORD(i)), 0);
	until_begun(1);
	coil_pool_shutdown(pool, COIL_POOL_CANCEL);
	EXPECT_EQ(coil_await(&work[1].future), -ECANCELED);
	EXPECT_EQ(coil_await(&work[2].future), -ECANCELED);
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_await(&work[0].future), 0);
	coil_pool_close(pool);
}

static int closes_shared(void *arg)
{
	(void)arg;
	coil_pool_close(shared);
	return 1;
}

IN_TASK(pool, a_cancelled_close_empties_the_queue_and_waits_for_the_rest)
{
	struct coil_work work[2];
	struct coil_task *task;

	reset();
	shared = open_pool(1, 0, 0);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], shared, waits_for_gate, WORD(i)), 0);
	until_begun(1);
	task = coil_spawn(closes_shared, NULL);
	rig_turns(2);
	coil_cancel(task);
	EXPECT_EQ(coil_await(&work[1].future), -ECANCELED);
	EXPECT(!coil_future_done(coil_task_future(task)));
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_join(task), 1);
	EXPECT_EQ(coil_await(&work[0].future), 0);
}

static int leaves_a_pool_open(void *arg)
{
	struct coil_pool *pool = open_pool(2, 0, COIL_FOREVER);

	return coil_pool_offload(pool, rig_return, arg);
}

TEST(pool, one_that_is_left_open_is_closed_with_its_loop)
{
	EXPECT_EQ(rig_run(leaves_a_pool_open, WORD(3)), 3);
}

IN_TASK(pool, options_out_of_bounds_are_refused_in_words)
{
	struct coil_pool_options options = { .size = 0 };
	struct coil_pool_stats stats = { .size = 0 };
	struct coil_pool *pool;

	EXPECT_EQ(coil_pool_open(&pool, &options), -EINVAL);
	options.size = sizeof options;
	options.threads_max = 4097;
	EXPECT_EQ(coil_pool_open(&pool, &options), -EINVAL);
	EXPECT(strstr(coil_last_error(), "threads_max"));
	options.threads_max = 0;
	options.idle_ns = -1;
	EXPECT_EQ(coil_pool_open(&pool, &options), -EINVAL);
	EXPECT(strstr(coil_last_error(), "idle_ns"));
	EXPECT_EQ(coil_pool_stats(NULL, &stats), -EINVAL);
	stats.size = sizeof stats;
	EXPECT_EQ(coil_pool_stats(NULL, &stats), 0);
	EXPECT_EQ(stats.threads, 0);
	EXPECT_EQ(coil_offload(rig_return, WORD(1)), 1);
	EXPECT_EQ(coil_pool_stats(NULL, &stats), 0);
	EXPECT_EQ(stats.completed, 1);
}

/* Cancels at every moment of a work's life; nothing is lost or done twice. */
static int storms(void *arg)
{
	struct coil_work work[16];
	int cancelled = 0;
	int done = 0;

	(void)arg;
	shared = open_pool(2, 4, 1 * COIL_MSEC);
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 6; i++)
			EXPECT_EQ(coil_pool_submit(&work[i], shared, rig_return, WORD(1)), 0);
		for (int i = 5; i >= 0; i -= 2)
			coil_work_cancel(&work[i]);
		for (int i = 0; i < 6; i++) {
			int rc = coil_await(&work[i].future);

			EXPECT(rc == 1 || rc == -ECANCELED);
			done += rc == 1;
			cancelled += rc == -ECANCELED;
		}
	}
	EXPECT_EQ(stats_of(shared).completed, done);
	EXPECT_EQ(stats_of(shared).cancelled, cancelled);
	EXPECT_EQ(done + cancelled, 1200);
	coil_pool_close(shared);
	return 0;
}

TEST(pool, cancels_race_with_threads)
{
	EXPECT_EQ(rig_run(storms, NULL), 0);
}

static int leaves_a_frame(void *arg)
{
	static struct coil_work work;

	(void)arg;
	reset();
	return coil_pool_submit(&work, NULL, waits_for_gate, NULL);
}

TEST_SIGNAL(pool, a_task_may_not_end_with_work_of_its_own_in_flight, SIGABRT,
	    "this task ends with 1 operations or timers of its own in flight")
{
	rig_run(leaves_a_frame, NULL);
}

static void *uses_a_foreign_pool(void *pool)
{
	struct coil_options options = rig_options();
	struct coil_loop *loop;

	if (coil_loop_open(&loop, &options) == 0)
		coil_pool_shutdown(pool, 0);
	return NULL;
}

static int lends_a_pool(void *arg)
{
	pthread_t thread;

	(void)arg;
	if (pthread_create(&thread, NULL, uses_a_foreign_pool, open_pool(1, 0, 0)) == 0)
		pthread_join(thread, NULL);
	return 0;
}

TEST_SIGNAL(pool, another_loops_pool_stops_the_program, SIGABRT,
	    "coil_pool_shutdown: this pool belongs to the loop of another thread")
{
	rig_run(lends_a_pool, NULL);
}

static int closes_twice(void *arg)
{
	struct coil_work work;

	(void)arg;
	reset();
	shared = open_pool(1, 0, 0);
	if (coil_pool_submit(&work, shared, waits_for_gate, NULL) == 0 &&
	    coil_spawn(closes_shared, NULL)) {
		rig_turns(2);
		coil_pool_close(shared);
	}
	return 0;
}

TEST_SIGNAL(pool, a_pool_is_closed_once, SIGABRT,
	    "coil_pool_close: task 1 \"main\": this pool is being closed already")
{
	rig_run(closes_twice, NULL);
}

static void fills_up(void *arg)
{
	static struct coil_work work[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		coil_pool_submit(&work[i], shared, waits_for_gate, NULL);
}

static int posts_too_much(void *arg)
{
	reset();
	shared = open_pool(1, 1, 0);
	coil_post(coil_loop_current(), fills_up, arg);
	return coil_sleep(1 * COIL_SEC);
}

TEST_SIGNAL(pool, only_a_task_can_wait_for_room, SIGABRT,
	    "the pool's queue is full, and only a task can wait")
{
	rig_run(posts_too_much, NULL);
}
