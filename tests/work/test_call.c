/* SPDX-License-Identifier: MIT */
/* Into a loop from other threads: posts, spawns, calls. semantics.md B17. */
#include "task/rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static struct coil_loop *home;
static pthread_t home_thread;

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

static int settle_home(void)
{
	home = coil_loop_current();
	home_thread = pthread_self();
	return 0;
}

/* -- Posts ------------------------------------------------------------------------------------ */

static _Atomic int posted;
static struct coil_promise all_posted;

static void count_post(void *count)
{
	EXPECT(pthread_equal(home_thread, pthread_self()));
	EXPECT(coil_self() == NULL);
	EXPECT_EQ(posted, (int)(intptr_t)count);
	atomic_fetch_add(&posted, 1);
}

static void resolve_all(void *arg)
{
	(void)arg;
	coil_promise_resolve(&all_posted, 0);
}

static int posts_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(coil_post(home, count_post, WORD(i)), 0);
	return coil_post(home, resolve_all, NULL);
}

IN_TASK(call, b1_9_posts_are_called_in_order_on_the_loops_thread)
{
	settle_home();
	atomic_store(&posted, 0);
	coil_promise_init(&all_posted);
	EXPECT_EQ(coil_offload(posts_many, NULL), 0);
	EXPECT_EQ(coil_await(&all_posted.future), 0);
	EXPECT_EQ(atomic_load(&posted), 1000);
	coil_promise_deinit(&all_posted);
}

static int posts_and_returns(void *arg)
{
	settle_home();
	atomic_store(&posted, 0);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(coil_post(home, count_post, WORD(i)), 0);
	return (int)(intptr_t)arg;
}

TEST(call, what_was_posted_before_the_end_is_called)
{
	EXPECT_EQ(rig_run(posts_and_returns, WORD(2)), 2);
	EXPECT_EQ(atomic_load(&posted), 10);
}

static void waits_in_a_post(void *arg)
{
	(void)arg;
	coil_sleep(1);
}

static int posts_what_waits(void *arg)
{
	coil_post(coil_loop_current(), waits_in_a_post, arg);
	return coil_sleep(1 * COIL_SEC);
}

TEST_SIGNAL(call, a_post_may_not_wait, SIGABRT, "coil_sleep: called outside of a task")
{
	rig_run(posts_what_waits, NULL);
}

/* -- Spawns ----------------------------------------------------------------------------------- */

static int resolves_after_a_wait(void *promise)
{
	EXPECT(pthread_equal(home_thread, pthread_self()));
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	coil_promise_resolve(promise, 12);
	return 0;
}

static int spawns_on_home(void *promise)
{
	return coil_spawn_on(home, resolves_after_a_wait, promise);
}

IN_TASK(call, a_thread_can_spawn)
{
	struct coil_promise promise;

	settle_home();
	coil_promise_init(&promise);
	EXPECT_EQ(coil_offload(spawns_on_home, &promise), 0);
	EXPECT_EQ(coil_await(&promise.future), 12);
	coil_promise_deinit(&promise);
}

/* -- Calls ------------------------------------------------------------------------------------ */

static int sleeps_and_returns(void *result)
{
	EXPECT(pthread_equal(home_thread, pthread_self()));
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	return (int)(intptr_t)result;
}

static int calls_home(void *result)
{
	return coil_call_on(home, sleeps_and_returns, result);
}

IN_TASK(call, b17_1_a_worker_gets_the_result_and_the_error)
{
	settle_home();
	EXPECT_EQ(coil_offload(calls_home, WORD(31)), 31);
	EXPECT_EQ(coil_offload(calls_home, WORD(-EXDEV)), -EXDEV);
}

static _Atomic int asleep;

static int sleeps_for_ever(void *arg)
{
	(void)arg;
	atomic_store(&asleep, 1);
	return coil_sleep(COIL_FOREVER);
}

static int starts_and_cancels(void *arg)
{
	struct coil_call call;

	(void)arg;
	EXPECT_EQ(coil_call_start(&call, home, sleeps_for_ever, NULL), 0);
	while (!atomic_load(&asleep))
		nap();
	EXPECT(!coil_call_done(&call));
	coil_call_cancel(&call);
	coil_call_cancel(&call);
	return coil_call_wait(&call);
}

IN_TASK(call, b17_1_a_thread_can_cancel_what_it_called)
{
	settle_home();
	atomic_store(&asleep, 0);
	EXPECT_EQ(coil_offload(starts_and_cancels, NULL), -ECANCELED);
}

static int calls_for_ever(void *arg)
{
	return coil_call_on(home, sleeps_for_ever, arg);
}

static int offloads_for_ever(void *arg)
{
	return coil_offload(calls_for_ever, arg);
}

/* Task -> worker -> task: the cancel goes all the way. */
IN_TASK(call, b17_1_a_cancel_goes_through_a_worker)
{
	struct coil_task *task;

	settle_home();
	atomic_store(&asleep, 0);
	task = coil_spawn(offloads_for_ever, NULL);
	while (!atomic_load(&asleep))
		coil_sleep(1 * COIL_MSEC);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
}

/* -- Two loops -------------------------------------------------------------------------------- */

static struct coil_promise other_is_done;

static int sleeps_quietly(void *result)
{
	int rc = coil_sleep(100 * COIL_USEC);

	return rc < 0 ? rc : (int)(intptr_t)result;
}

static int calls_quietly(void *result)
{
	return coil_call_on(home, sleeps_quietly, result);
}

static int races(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_call_on(home, sleeps_and_returns, WORD(5)), 5);
	EXPECT_EQ(coil_call_on(home, sleeps_and_returns, WORD(-EIO)), -EIO);
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, calls_for_ever, NULL), -ETIME);
	for (int i = 0; i < 300; i++) {
		int rc = coil_timeout((i % 40) * 10 * COIL_USEC, calls_quietly, WORD(i));

		EXPECT(rc == i || rc == -ETIME);
	}
	return 0;
}

static void *runs_other_loop(void *entry)
{
	int rc = rig_run((int (*)(void *))(intptr_t)entry, NULL);

	coil_promise_resolve_from_thread(&other_is_done, rc);
	return NULL;
}

IN_TASK(call, b17_1_between_two_loops_results_errors_and_cancels)
{
	pthread_t thread;

	settle_home();
	coil_promise_init(&other_is_done);
	EXPECT_EQ(pthread_create(&thread, NULL, runs_other_loop, (void *)(intptr_t)races), 0);
	EXPECT_EQ(coil_await(&other_is_done.future), 0);
	coil_promise_deinit(&other_is_done);
	pthread_join(thread, NULL);
}

IN_TASK(call, on_the_own_loop_it_is_a_task_more)
{
	settle_home();
	EXPECT_EQ(coil_call_on(home, sleeps_and_returns, WORD(6)), 6);
}

static void calls_in_a_post(void *arg)
{
	(void)arg;
	coil_call_on(coil_loop_current(), rig_return, NULL);
}

static int posts_what_calls(void *arg)
{
	coil_post(coil_loop_current(), calls_in_a_post, arg);
	return coil_sleep(1 * COIL_SEC);
}

TEST_SIGNAL(call, outside_of_a_task_on_a_loops_thread_it_stops_the_program, SIGABRT,
	    "on a thread that runs a loop: it would wait for ever")
{
	rig_run(posts_what_calls, NULL);
}

TEST_SIGNAL(call, a_call_into_no_loop_stops_the_program, SIGABRT, "there is no loop")
{
	coil_call_on(NULL, rig_return, NULL);
}

/* A cancel that is on its way when the task ends: the frame stays until it has arrived. */
static int cancels_at_once(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		struct coil_call call;
		int rc;

		EXPECT_EQ(coil_call_start(&call, home, rig_return, WORD(i)), 0);
		if (i % 3)
			nap();
		coil_call_cancel(&call);
		rc = coil_call_wait(&call);
		EXPECT_EQ(rc, i);
	}
	return 0;
}

IN_TASK(call, a_cancel_races_with_the_end)
{
	settle_home();
	EXPECT_EQ(coil_offload(cancels_at_once, NULL), 0);
}
