/* SPDX-License-Identifier: MIT */
/* Promises, timers, and the callback face of futures. */
#include "task/rig.h"

#include <pthread.h>
#include <stdatomic.h>

IN_TASK(promise, is_pending_until_it_is_resolved)
{
	struct coil_promise promise;

	coil_promise_init(&promise);
	EXPECT(!coil_future_done(&promise.future));
	coil_promise_resolve(&promise, -EIO);
	EXPECT(coil_future_done(&promise.future));
	EXPECT_EQ(coil_await(&promise.future), -EIO);
	EXPECT_EQ(coil_future_result(&promise.future), -EIO);
	EXPECT_EQ(coil_future_result(&promise.future), -EIO);
	coil_promise_deinit(&promise);
	coil_promise_deinit(NULL);
}

IN_TASK(promise, a_pending_one_that_nobody_awaits_may_be_dropped)
{
	struct coil_promise promise;

	coil_promise_init(&promise);
	coil_promise_deinit(&promise);
	coil_promise_init(&promise);
	coil_promise_resolve(&promise, 1);
	EXPECT_EQ(coil_await(&promise.future), 1);
	coil_promise_deinit(&promise);
}

/* -- From another thread
 * -------------------------------------------------------------------------------- */

#define ROUNDS 10000

struct ball {
	struct coil_promise *_Atomic promise;
	int rounds;
};

static void *plays(void *arg)
{
	struct ball *ball = arg;

	for (int i = 0; i < ball->rounds; i++) {
		struct coil_promise *promise;

		while (!(promise = atomic_exchange(&ball->promise, NULL)))
			sched_yield();
		coil_promise_resolve_from_thread(promise, i);
	}
	return NULL;
}

IN_REAL_TASK(promise, another_thread_resolves_it_ten_thousand_times)
{
	struct ball ball = { .rounds = ROUNDS };
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, plays, &ball), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct coil_promise promise;

		coil_promise_init(&promise);
		atomic_store(&ball.promise, &promise);
		EXPECT_EQ(coil_await(&promise.future), i);
		coil_promise_deinit(&promise);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(rig_stats().posts, ROUNDS);
}

static void *resolves_late(void *promise)
{
	const struct timespec pause = { .tv_nsec = 3000000 };

	nanosleep(&pause, NULL);
	coil_promise_resolve_from_thread(promise, 77);
	return NULL;
}

IN_REAL_TASK(promise, another_thread_wakes_a_loop_that_sleeps)
{
	struct coil_promise promise;
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		coil_promise_init(&promise);
		EXPECT_EQ(pthread_create(&thread, NULL, resolves_late, &promise), 0);
		EXPECT_EQ(coil_await(&promise.future), 77);
		coil_promise_deinit(&promise);
		pthread_join(thread, NULL);
	}
}

#define THREADS 4
#define EACH 500

static struct coil_promise shared[THREADS][EACH];

static void *resolves_its_own(void *index)
{
	for (int i = 0; i < EACH; i++)
		coil_promise_resolve_from_thread(&shared[(intptr_t)index][i], i);
	return NULL;
}

IN_REAL_TASK(promise, several_threads_resolve_at_once)
{
	pthread_t threads[THREADS];

	for (int t = 0; t < THREADS; t++)
		for (int i = 0; i < EACH; i++)
			coil_promise_init(&shared[t][i]);
	for (int t = 0; t < THREADS; t++)
		EXPECT_EQ(pthread_create(&threads[t], NULL, resolves_its_own, WORD(t)), 0);
	for (int t = 0; t < THREADS; t++)
		for (int i = 0; i < EACH; i++)
			EXPECT_EQ(coil_await(&shared[t][i].future), i);
	for (int t = 0; t < THREADS; t++) {
		pthread_join(threads[t], NULL);
		for (int i = 0; i < EACH; i++)
			coil_promise_deinit(&shared[t][i]);
	}
}

/* -- Callbacks ------------------------------------------------------------- */

static int fired;

static void count_fire(struct coil_hook *hook)
{
	(void)hook;
	EXPECT_EQ(coil_self(), NULL);
	fired++;
}

IN_TASK(promise, then_fires_a_hook_in_a_turn_after)
{
	struct coil_promise promise;
	struct coil_hook before = { .fire = count_fire }, after = { .fire = count_fire };

	fired = 0;
	coil_promise_init(&promise);
	coil_future_then(&promise.future, &before);
	coil_yield();
	EXPECT_EQ(fired, 0);
	coil_promise_resolve(&promise, 0);
	EXPECT_EQ(fired, 0);
	coil_yield();
	EXPECT_EQ(fired, 1);
	coil_future_then(&promise.future, &after);
	EXPECT_EQ(fired, 1);
	coil_yield();
	EXPECT_EQ(fired, 2);
	coil_promise_deinit(&promise);
}

/* -- Timers ---------------------------------------------------------------- */

IN_TASK(timer, resolves_at_its_deadline_and_can_be_started_again)
{
	struct coil_timer timer;

	for (int i = 0; i < 3; i++) {
		int64_t end = coil_now() + 2 * COIL_MSEC;

		EXPECT_EQ(coil_timer_start(&timer, end), 0);
		EXPECT(!coil_future_done(&timer.future));
		EXPECT_EQ(coil_await(&timer.future), 0);
		EXPECT_GE(coil_now(), end);
	}
}

IN_TASK(timer, cancel_resolves_it)
{
	struct coil_timer timer;
	uint64_t timers = rig_stats().timers;

	EXPECT_EQ(coil_timer_start(&timer, coil_now() + COIL_SEC), 0);
	EXPECT_EQ(rig_stats().timers, timers + 1);
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
	EXPECT_EQ(coil_await(&timer.future), -ECANCELED);
	EXPECT_EQ(coil_timer_cancel(&timer), -EALREADY);
	EXPECT_EQ(rig_stats().timers, timers);
	EXPECT_EQ(coil_timer_start(&timer, COIL_FOREVER), 0);
	EXPECT_EQ(rig_stats().timers, timers);
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
}

IN_TASK(timer, a_thousand_cancelled_in_any_order_leave_nothing)
{
	static struct coil_timer timers[1000];

	for (int i = 0; i < 1000; i++)
		coil_timer_start(&timers[i], coil_now() + COIL_SEC + (i * 7919) % 1000);
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(coil_timer_cancel(&timers[(i * 37) % 1000]), 0);
	EXPECT_EQ(rig_stats().timers, 0);
}
