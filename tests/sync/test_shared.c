/* SPDX-License-Identifier: MIT */
/* The mutex and the event that tasks share with threads. */
#include "task/rig.h"

#include <pthread.h>
#include <time.h>

static struct coil_shared_mutex mutex;
static struct coil_shared_event event;

static void nap(void)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	nanosleep(&pause, NULL);
}

static uint64_t waiters_of_mutex(void)
{
	struct coil_shared_mutex_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_shared_mutex_stats(&mutex, &stats), 0);
	return stats.waiters;
}

static uint64_t waiters_of_event(void)
{
	struct coil_shared_event_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_shared_event_stats(&event, &stats), 0);
	return stats.waiters;
}

/* -- Threads alone ------------------------------------------------------------ */

TEST(shared, a_thread_without_a_loop_uses_them)
{
	coil_shared_mutex_init(&mutex);
	EXPECT(!coil_shared_mutex_is_locked(&mutex));
	EXPECT_EQ(coil_shared_mutex_lock(&mutex), 0);
	EXPECT(coil_shared_mutex_is_locked(&mutex));
	EXPECT_EQ(coil_shared_mutex_try_lock(&mutex), -EAGAIN);
	coil_shared_mutex_unlock(&mutex);
	EXPECT_EQ(coil_shared_mutex_try_lock(&mutex), 0);
	coil_shared_mutex_unlock(&mutex);
	coil_shared_mutex_deinit(&mutex);
	coil_shared_event_init(&event);
	EXPECT_EQ(coil_shared_event_wait_until(&event, coil_now() + 2 * COIL_MSEC), -ETIME);
	EXPECT_EQ(coil_shared_event_wait_until(&event, -5), -ETIME);
	EXPECT_EQ(waiters_of_event(), 0);
	coil_shared_event_set(&event);
	EXPECT(coil_shared_event_is_set(&event));
	EXPECT_EQ(coil_shared_event_wait(&event), 0);
	EXPECT_EQ(coil_shared_event_wait_until(&event, 0), 0);
	coil_shared_event_clear(&event);
	EXPECT(!coil_shared_event_is_set(&event));
	coil_shared_event_deinit(&event);
	coil_shared_event_deinit(NULL);
	coil_shared_mutex_deinit(NULL);
}

static void *times_out(void *ret)
{
	int *rc = ret;

	*rc = coil_shared_mutex_lock_until(&mutex, coil_now() + 2 * COIL_MSEC);
	return NULL;
}

TEST(shared, a_threads_lock_times_out)
{
	static struct coil_shared_mutex ready = COIL_SHARED_MUTEX_INIT;
	pthread_t thread;
	int rc = 0;

	coil_shared_mutex_init(&mutex);
	EXPECT_EQ(coil_shared_mutex_lock(&mutex), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, times_out, &rc), 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(rc, -ETIME);
	EXPECT_EQ(waiters_of_mutex(), 0);
	coil_shared_mutex_unlock(&mutex); /* nobody waits any more: one step */
	EXPECT_EQ(coil_shared_mutex_lock_until(&mutex, coil_now() + COIL_SEC), 0);
	coil_shared_mutex_unlock(&mutex);
	coil_shared_mutex_deinit(&mutex);
	EXPECT_EQ(coil_shared_mutex_lock(&ready), 0);
	coil_shared_mutex_unlock(&ready);
	coil_shared_mutex_deinit(&ready);
}

/* -- One loop alone ------------------------------------------------------------ */

static int locks(void *letter)
{
	int rc = coil_shared_mutex_lock(&mutex);

	if (rc < 0)
		return rc;
	rig_note((char)(intptr_t)letter);
	coil_yield();
	coil_shared_mutex_unlock(&mutex);
	return 0;
}

IN_REAL_TASK(shared, tasks_of_one_loop_take_turns)
{
	struct coil_task *tasks[4];

	rig_forget();
	coil_shared_mutex_init(&mutex);
	EXPECT_EQ(coil_shared_mutex_lock(&mutex), 0);
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(locks, WORD('a' + i));
	coil_yield();
	EXPECT_EQ(waiters_of_mutex(), 4);
	coil_cancel(tasks[1]);
	coil_shared_mutex_unlock(&mutex);
	EXPECT_EQ(coil_shared_mutex_try_lock(&mutex), -EAGAIN); /* it is on its way */
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_EQ(coil_join(tasks[3]), 0);
	EXPECT_STR_EQ(rig_order, "acd");
	coil_shared_mutex_deinit(&mutex);
}

static int has_it_in_spite_of_the_cancel(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_shared_mutex_lock(&mutex), 0);
	EXPECT_EQ(coil_sleep(COIL_SEC), -ECANCELED);
	coil_shared_mutex_unlock(&mutex);
	return 0;
}

IN_REAL_TASK(shared, a_cancelled_task_that_was_handed_it_passes_it_on)
{
	struct coil_task *first, *second;

	coil_shared_mutex_init(&mutex);
	coil_shared_mutex_lock(&mutex);
	first = coil_spawn(has_it_in_spite_of_the_cancel, NULL);
	second = coil_spawn(locks, WORD('n'));
	coil_yield();
	coil_shared_mutex_unlock(&mutex);
	coil_cancel(first);
	EXPECT_EQ(coil_join(first), 0);
	EXPECT_EQ(coil_join(second), 0);
	coil_shared_mutex_deinit(&mutex);
}

IN_REAL_TASK(shared, cancelled_before_and_timed_out)
{
	struct coil_task *holder;
	struct coil_scope scope;

	coil_shared_mutex_init(&mutex);
	coil_shared_event_init(&event);
	holder = coil_spawn(has_it_in_spite_of_the_cancel, NULL);
	coil_yield();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_shared_mutex_lock(&mutex), -EIO);
	EXPECT_EQ(coil_shared_mutex_lock_until(&mutex, 0), -EIO);
	EXPECT_EQ(coil_shared_event_wait(&event), -EIO);
	EXPECT_EQ(coil_shared_event_wait_until(&event, 0), -EIO); /* the outermost reason */
	coil_shared_event_set(&event);
	EXPECT_EQ(coil_shared_event_wait(&event), 0);
	coil_scope_close(&scope);
	coil_shared_event_clear(&event);
	EXPECT_EQ(coil_timeout(COIL_MSEC, locks, WORD('x')), -ETIME);
	EXPECT_EQ(coil_shared_mutex_lock_until(&mutex, coil_now() + COIL_MSEC), -ETIME);
	EXPECT_EQ(coil_shared_mutex_lock_until(&mutex, 0), -ETIME);
	EXPECT_EQ(coil_shared_event_wait_until(&event, coil_now() + COIL_MSEC), -ETIME);
	EXPECT_EQ(waiters_of_mutex(), 0);
	EXPECT_EQ(waiters_of_event(), 0);
	coil_cancel(holder);
	EXPECT_EQ(coil_join(holder), 0);
	EXPECT_EQ(coil_shared_mutex_lock_until(&mutex, 0), 0); /* need not wait */
	coil_shared_mutex_unlock(&mutex);
	coil_shared_event_deinit(&event);
	coil_shared_mutex_deinit(&mutex);
}

/* -- Tasks and threads ---------------------------------------------------------- */

static void *sets_later(void *arg)
{
	while (waiters_of_event() < (uintptr_t)arg)
		nap();
	coil_shared_event_set(&event);
	return NULL;
}

static int waits(void *letter)
{
	int rc = coil_shared_event_wait(&event);

	if (rc == 0)
		rig_note((char)(intptr_t)letter);
	return rc;
}

/* The loop sleeps meanwhile, and does not call it a deadlock. */
IN_REAL_TASK(shared, a_thread_wakes_tasks_in_order)
{
	struct coil_task *tasks[3];
	pthread_t thread;

	rig_forget();
	coil_shared_event_init(&event);
	EXPECT_EQ(pthread_create(&thread, NULL, sets_later, WORD(3)), 0);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(waits, WORD('a' + i));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	EXPECT_STR_EQ(rig_order, "abc");
	pthread_join(thread, NULL);
	coil_shared_event_deinit(&event);
}

static void *waits_in_a_thread(void *ret)
{
	*(int *)ret = coil_shared_event_wait(&event);
	return NULL;
}

IN_REAL_TASK(shared, a_task_wakes_threads)
{
	pthread_t threads[3];
	int results[3] = { 1, 1, 1 };

	coil_shared_event_init(&event);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(pthread_create(&threads[i], NULL, waits_in_a_thread, &results[i]), 0);
	while (waiters_of_event() < 3)
		coil_sleep(COIL_MSEC);
	coil_shared_event_set(&event);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(results[i], 0);
	}
	coil_shared_event_deinit(&event);
}

static void *locks_in_a_thread(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_shared_mutex_lock(&mutex), 0);
	rig_note('t');
	nap();
	rig_note('.');
	coil_shared_mutex_unlock(&mutex);
	return NULL;
}

IN_REAL_TASK(shared, tasks_and_threads_stand_in_one_queue)
{
	struct coil_task *first, *last;
	pthread_t thread;

	rig_forget();
	coil_shared_mutex_init(&mutex);
	coil_shared_mutex_lock(&mutex);
	first = coil_spawn(locks, WORD('a'));
	coil_yield();
	EXPECT_EQ(pthread_create(&thread, NULL, locks_in_a_thread, NULL), 0);
	while (waiters_of_mutex() < 2)
		coil_sleep(COIL_MSEC);
	last = coil_spawn(locks, WORD('z'));
	coil_yield();
	coil_shared_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(first), 0);
	EXPECT_EQ(coil_join(last), 0);
	EXPECT_STR_EQ(rig_order, "at.z");
	pthread_join(thread, NULL);
	coil_shared_mutex_deinit(&mutex);
}

/* -- Many of all kinds, for ThreadSanitizer --------------------------------------- */

#define ROUNDS 300
#define LOOPS 2
#define TASKS 4
#define THREADS 2

static long counter;
static long expected;

static int count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		if (coil_shared_mutex_lock(&mutex) < 0)
			return -ECANCELED;
		counter++;
		__atomic_fetch_add(&expected, 1, __ATOMIC_RELAXED);
		if (i % 3 == 0)
			coil_yield();
		coil_shared_mutex_unlock(&mutex);
		if (i % 5 == 0)
			coil_yield();
	}
	return 0;
}

static int runs_counters(void *arg)
{
	struct coil_task *tasks[TASKS];

	(void)arg;
	for (int i = 0; i < TASKS; i++)
		tasks[i] = coil_spawn(count_up, NULL);
	/* Some are cancelled while they are handed the mutex by another thread. */
	for (int i = 0; i < TASKS / 2; i++) {
		rig_turns(40);
		coil_cancel(tasks[i]);
	}
	for (int i = 0; i < TASKS; i++)
		coil_join(tasks[i]);
	return 0;
}

static void *runs_a_loop(void *arg)
{
	EXPECT_EQ(rig_run_real(runs_counters, arg), 0);
	return NULL;
}

static void *counts_in_a_thread(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int rc = i % 7 ? coil_shared_mutex_lock(&mutex)
			       : coil_shared_mutex_lock_until(&mutex, coil_now() + COIL_USEC);

		if (rc == -ETIME)
			continue;
		EXPECT_EQ(rc, 0);
		counter++;
		__atomic_fetch_add(&expected, 1, __ATOMIC_RELAXED);
		coil_shared_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(shared, one_at_a_time_over_loops_and_threads)
{
	pthread_t threads[LOOPS + THREADS];

	counter = expected = 0;
	coil_shared_mutex_init(&mutex);
	for (int i = 0; i < LOOPS + THREADS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL,
					 i < LOOPS ? runs_a_loop : counts_in_a_thread, NULL),
			  0);
	for (int i = 0; i < LOOPS + THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(counter, expected);
	EXPECT_GE(counter, LOOPS * TASKS / 2 * ROUNDS);
	EXPECT(!coil_shared_mutex_is_locked(&mutex));
	EXPECT_EQ(waiters_of_mutex(), 0);
	coil_shared_mutex_deinit(&mutex);
}

/* Who was woken frees the event at once, and ends its loop; the thread may be in the call still. */
static int waits_and_frees(void *arg)
{
	struct coil_shared_event *own = arg;

	EXPECT_EQ(coil_shared_event_wait(own), 0);
	coil_shared_event_deinit(own);
	free(own);
	return 0;
}

static void *sets_at_once(void *own)
{
	coil_shared_event_set(own);
	return NULL;
}

TEST(shared, who_was_woken_may_free_it_and_end_its_loop)
{
	for (int i = 0; i < 50; i++) {
		struct coil_shared_event *own = malloc(sizeof *own);
		pthread_t thread;

		ASSERT(own != NULL);
		coil_shared_event_init(own);
		ASSERT_EQ(pthread_create(&thread, NULL, sets_at_once, own), 0);
		if (i % 3 == 0)
			nap();
		EXPECT_EQ(rig_run_real(waits_and_frees, own), 0);
		pthread_join(thread, NULL);
	}
}

/* A thread's wait that pthread_cancel hits goes on: its frame stands in the queue. */
static void *waits_and_is_cancelled(void *ret)
{
	*(int *)ret = coil_shared_event_wait(&event);
	pthread_testcancel();
	return NULL;
}

TEST(shared, a_threads_wait_is_no_cancellation_point)
{
	pthread_t thread;
	int rc = 1;

	coil_shared_event_init(&event);
	ASSERT_EQ(pthread_create(&thread, NULL, waits_and_is_cancelled, &rc), 0);
	while (waiters_of_event() < 1)
		nap();
	pthread_cancel(thread);
	nap();
	EXPECT_EQ(waiters_of_event(), 1);
	coil_shared_event_set(&event);
	pthread_join(thread, NULL);
	EXPECT_EQ(rc, 0);
	coil_shared_event_deinit(&event);
}

/* -- Misuse ----------------------------------------------------------------------- */

TEST_SIGNAL(shared, unlocking_what_nobody_holds, SIGABRT,
	    "coil_shared_mutex_unlock: nobody holds this mutex")
{
	coil_shared_mutex_init(&mutex);
	coil_shared_mutex_unlock(&mutex);
}

static void *locks_and_keeps(void *arg)
{
	coil_shared_mutex_lock(&mutex);
	return arg;
}

TEST_SIGNAL(shared, unlocking_what_another_thread_holds, SIGABRT,
	    "another task or thread holds this mutex, not the caller")
{
	pthread_t thread;

	coil_shared_mutex_init(&mutex);
	if (pthread_create(&thread, NULL, locks_and_keeps, NULL) == 0)
		pthread_join(thread, NULL);
	coil_shared_mutex_unlock(&mutex);
}

TEST_SIGNAL(shared, locking_twice, SIGABRT,
	    "coil_shared_mutex_lock: the caller holds this mutex already and would wait for itself")
{
	coil_shared_mutex_init(&mutex);
	coil_shared_mutex_lock(&mutex);
	coil_shared_mutex_lock(&mutex);
}

TEST_SIGNAL(shared, deinit_of_a_mutex_that_is_held, SIGABRT,
	    "coil_shared_mutex_deinit: a task or a thread holds the mutex still")
{
	coil_shared_mutex_init(&mutex);
	coil_shared_mutex_lock(&mutex);
	coil_shared_mutex_deinit(&mutex);
}

static int deinits_with_a_waiter(void *arg)
{
	(void)arg;
	coil_shared_event_init(&event);
	coil_spawn(waits, WORD('x'));
	coil_yield();
	coil_shared_event_deinit(&event);
	return 0;
}

TEST_SIGNAL(shared, deinit_of_an_event_with_waiters, SIGABRT,
	    "coil_shared_event_deinit: task 1 \"main\": 1 tasks or threads wait for it")
{
	rig_run_real(deinits_with_a_waiter, NULL);
}

static int ends_with_it(void *arg)
{
	(void)arg;
	coil_shared_mutex_init(&mutex);
	return coil_shared_mutex_lock(&mutex);
}

TEST_SIGNAL(shared, ending_with_a_mutex, SIGABRT, "this task ends with 1 locks of its own held")
{
	rig_run_real(ends_with_it, NULL);
}

static void waits_in_a_hook(struct coil_hook *hook)
{
	(void)hook;
	coil_shared_event_wait(&event);
}

static int fires_a_hook(void *arg)
{
	struct coil_hook hook = { .fire = waits_in_a_hook };
	struct coil_promise promise;

	(void)arg;
	coil_shared_event_init(&event);
	coil_promise_init(&promise);
	coil_future_then(&promise.future, &hook);
	coil_promise_resolve(&promise, 0);
	return coil_yield();
}

TEST_SIGNAL(shared, waiting_on_a_loops_thread_outside_of_tasks, SIGABRT,
	    "it has to wait, and only a task, or a thread without a loop, can wait")
{
	rig_run_real(fires_a_hook, NULL);
}
