/* SPDX-License-Identifier: MIT */
/* The inbox from other threads and from signal handlers, on the real kernel. */
#include "coil/promise.h"
#include "loop/rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 4
#define POSTS 100000

struct letter {
	struct coil_hook hook;
	int sender;
	int number;
};

static struct letter *letters[THREADS];
static int arrived[THREADS];
static int out_of_order;
static int total;

static void letter_fire(struct coil_hook *hook)
{
	struct letter *letter = container_of(hook, struct letter, hook);

	out_of_order += letter->number != arrived[letter->sender]++;
	total++;
	rig_loop.is_called = true; /* it may be what the test waits for */
}

static void *post_all(void *arg)
{
	struct letter *mine = arg;

	for (int i = 0; i < POSTS; i++) {
		mine[i].number = i;
		inbox_post(&rig_loop, &mine[i].hook);
	}
	return NULL;
}

static void write_letters(void)
{
	for (int sender = 0; sender < THREADS; sender++) {
		letters[sender] = calloc(POSTS, sizeof *letters[sender]);
		ASSERT(letters[sender] != NULL);
		for (int i = 0; i < POSTS; i++) {
			letters[sender][i].hook.fire = letter_fire;
			letters[sender][i].sender = sender;
		}
	}
}

static void post_from_threads(void)
{
	pthread_t threads[THREADS];

	write_letters();
	rig_open_kernel();
	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, post_all, letters[i]), 0);
	while (total < THREADS * POSTS)
		rig_wait();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		EXPECT_EQ(arrived[i], POSTS);
		free(letters[i]);
	}
	EXPECT_EQ(out_of_order, 0);
	EXPECT_EQ(rig_loop.posts, THREADS * POSTS);
	rig_close();
}

TEST(threads, all_posts_arrive_and_in_order)
{
	post_from_threads();
}

TEST(threads, all_posts_arrive_while_it_spins)
{
	rig_options.spin = COIL_SPIN_FIXED;
	post_from_threads();
}

static void *post_slowly(void *arg)
{
	struct letter *mine = arg;

	for (int i = 0; i < 50; i++) {
		struct timespec pause = { .tv_nsec = 2 * MS };

		nanosleep(&pause, NULL);
		mine[i].number = i;
		inbox_post(&rig_loop, &mine[i].hook);
	}
	return NULL;
}

TEST(threads, each_slow_post_wakes_a_sleeping_loop)
{
	pthread_t thread;

	write_letters();
	rig_open_kernel();
	ASSERT_EQ(pthread_create(&thread, NULL, post_slowly, letters[0]), 0);
	while (total < 50)
		rig_wait();
	pthread_join(thread, NULL);
	EXPECT_EQ(out_of_order, 0);
	EXPECT_GT(rig_loop.ring.waits, 0);
	for (int i = 0; i < THREADS; i++)
		free(letters[i]);
	rig_close();
}

static int alarms;

static void alarm_fire(struct coil_hook *hook)
{
	(void)hook;
	alarms++;
	rig_loop.is_called = true; /* with nothing else to do, this turn would sleep */
}

static void on_alarm(int signum)
{
	inbox_signal(&rig_loop, signum);
}

TEST(threads, a_signal_handler_wakes_it)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct coil_hook hook = { .fire = alarm_fire };
	timer_t timer;
	struct itimerspec in = { .it_value.tv_nsec = 20 * MS };

	rig_open_kernel();
	rig_loop.inbox.on_signal = &hook;
	ASSERT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	ASSERT_EQ(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
	ASSERT_EQ(timer_settime(timer, 0, &in, NULL), 0);
	while (alarms == 0)
		rig_wait();
	EXPECT_EQ(alarms, 1);
	EXPECT_EQ(atomic_exchange(&rig_loop.inbox.signals, 0), UINT64_C(1) << SIGALRM);
	timer_delete(timer);
	rig_close();
}

struct sender {
	struct coil_promise *promises;
	int count;
};

static void *resolve_all(void *arg)
{
	struct sender *sender = arg;

	for (int i = 0; i < sender->count; i++)
		coil_promise_resolve_from_thread(&sender->promises[i], i);
	return NULL;
}

/* Freed at once: the call may still be on its way out. */
TEST(threads, promises_end_as_soon_as_deinit_returns)
{
	enum { ROUNDS = 2000 };
	struct sender sender = { .count = ROUNDS };
	pthread_t thread;

	rig_open_kernel();
	sender.promises = calloc(ROUNDS, sizeof *sender.promises);
	ASSERT(sender.promises != NULL);
	for (int i = 0; i < ROUNDS; i++)
		coil_promise_init(&sender.promises[i]);
	ASSERT_EQ(pthread_create(&thread, NULL, resolve_all, &sender), 0);
	for (int i = 0; i < ROUNDS; i++) {
		rig_await(&sender.promises[i].future);
		EXPECT_EQ(coil_future_result(&sender.promises[i].future), i);
		coil_promise_deinit(&sender.promises[i]);
		memset(&sender.promises[i], 0xaa, sizeof sender.promises[i]);
	}
	pthread_join(thread, NULL);
	free(sender.promises);
	rig_close();
}
