/* SPDX-License-Identifier: MIT */
/* Mutexes: the rules of semantics.md B13.1, and the races of a hand-over with a cancel. */
#include "task/rig.h"

static struct coil_mutex mutex;

/* Locks, notes its letter, keeps the mutex for a turn. */
static int locks(void *letter)
{
	int rc = coil_mutex_lock(&mutex);

	if (rc < 0)
		return rc;
	rig_note((char)(intptr_t)letter);
	coil_yield();
	coil_mutex_unlock(&mutex);
	return 0;
}

static void begin(void)
{
	rig_forget();
	coil_mutex_init(&mutex);
}

static struct coil_mutex_stats stats(void)
{
	struct coil_mutex_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_mutex_stats(&mutex, &stats), 0);
	return stats;
}

/* -- B13.1 ----------------------------------------------------------------- */

IN_TASK(mutex, b13_1_first_come_first_served)
{
	struct coil_task *tasks[5];

	begin();
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	for (int i = 0; i < 5; i++)
		tasks[i] = coil_spawn(locks, WORD('a' + i));
	coil_yield();
	EXPECT_STR_EQ(rig_order, "");
	coil_mutex_unlock(&mutex);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	EXPECT_STR_EQ(rig_order, "abcde");
	EXPECT(!coil_mutex_is_locked(&mutex));
	coil_mutex_deinit(&mutex);
}

IN_TASK(mutex, b13_1_a_lock_on_its_way_to_a_waiter_is_not_stolen)
{
	struct coil_task *task;

	begin();
	coil_mutex_lock(&mutex);
	task = coil_spawn(locks, WORD('w'));
	coil_yield();
	coil_mutex_unlock(&mutex);
	EXPECT(coil_mutex_is_locked(&mutex));
	EXPECT_EQ(coil_mutex_try_lock(&mutex), -EAGAIN);
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	rig_note('m');
	EXPECT_STR_EQ(rig_order, "wm");
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(task), 0);
	coil_mutex_deinit(&mutex);
}

IN_TASK(mutex, b13_1_a_cancelled_waiter_leaves_the_queue)
{
	struct coil_task *tasks[3];

	begin();
	coil_mutex_lock(&mutex);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(locks, WORD('a' + i));
	coil_yield();
	EXPECT_EQ(stats().waiters, 3);
	coil_cancel(tasks[1]);
	EXPECT_EQ(stats().waiters, 2);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_STR_EQ(rig_order, "ac");
	coil_mutex_deinit(&mutex);
}

static int has_it_in_spite_of_the_cancel(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	rig_note('h');
	EXPECT_EQ(coil_sleep(COIL_SEC), -ECANCELED);
	coil_mutex_unlock(&mutex);
	return -ECANCELED;
}

IN_TASK(mutex, b13_1_a_cancelled_waiter_that_was_woken_passes_the_wake_on)
{
	struct coil_task *first, *second;

	begin();
	coil_mutex_lock(&mutex);
	first = coil_spawn(has_it_in_spite_of_the_cancel, NULL);
	second = coil_spawn(locks, WORD('n'));
	coil_yield();
	coil_mutex_unlock(&mutex);
	coil_cancel(first); /* it is its own already, and has not run yet */
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_STR_EQ(rig_order, "hn");
	coil_mutex_deinit(&mutex);
}

IN_TASK(mutex, b13_1_a_cancel_and_an_unlock_in_one_turn_lose_no_wake)
{
	struct coil_task *first, *second;

	begin();
	coil_mutex_lock(&mutex);
	first = coil_spawn(locks, WORD('x'));
	second = coil_spawn(locks, WORD('n'));
	coil_yield();
	coil_cancel(first);
	coil_mutex_unlock(&mutex); /* the first has left already */
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_STR_EQ(rig_order, "n");
	coil_mutex_deinit(&mutex);
}

static int unlocks_what_nobody_holds(void *arg)
{
	(void)arg;
	coil_mutex_unlock(&mutex);
	return 0;
}

TEST_SIGNAL(mutex, b13_1_unlocking_what_nobody_holds_is_an_error, SIGABRT,
	    "coil_mutex_unlock: task 1 \"main\": nobody holds the mutex")
{
	rig_run(unlocks_what_nobody_holds, NULL);
}

/* What asyncio's rule "any task may release" is for is a semaphore; a mutex has a holder. */
static struct coil_semaphore one;

static int releases(void *arg)
{
	(void)arg;
	coil_semaphore_release(&one);
	return 0;
}

IN_TASK(mutex, b13_1_what_any_task_may_release_is_a_semaphore_of_one)
{
	coil_semaphore_init_bounded(&one, 1, 1);
	EXPECT_EQ(coil_semaphore_acquire(&one), 0);
	coil_spawn(releases, NULL);
	EXPECT_EQ(coil_semaphore_acquire(&one), 0);
	coil_semaphore_release(&one);
	coil_semaphore_deinit(&one);
}

/* -- Cancelled before, timed out -------------------------------------------- */

IN_TASK(mutex, in_a_cancelled_scope_a_free_one_is_only_taken_in_a_shield)
{
	struct coil_scope scope, shield;

	begin();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_mutex_lock(&mutex), -ECANCELED);
	EXPECT(!coil_mutex_is_locked(&mutex));
	EXPECT_EQ(coil_mutex_try_lock(&mutex), 0);
	coil_mutex_unlock(&mutex);
	coil_shield_open(&shield, COIL_SEC);
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_scope_close(&shield), 0);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	coil_mutex_deinit(&mutex);
}

static int notes_a_turn(void *arg)
{
	(void)arg;
	rig_note('t');
	return 0;
}

static int holds(void *gate)
{
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	coil_event_wait(gate);
	coil_mutex_unlock(&mutex);
	return 0;
}

IN_TASK(mutex, a_lock_in_a_cancelled_scope_does_not_queue_and_lets_a_turn_pass)
{
	struct coil_event gate = { .is_set = 0 };
	struct coil_task *holder = coil_spawn(holds, &gate);
	struct coil_scope scope;

	begin();
	coil_yield();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	coil_spawn(notes_a_turn, NULL);
	EXPECT_EQ(coil_mutex_lock(&mutex), -EIO);
	EXPECT_STR_EQ(rig_order, "t");
	EXPECT_EQ(stats().waiters, 0);
	EXPECT_EQ(coil_scope_close(&scope), -EIO);
	coil_event_set(&gate);
	EXPECT_EQ(coil_join(holder), 0);
	coil_mutex_deinit(&mutex);
	coil_event_deinit(&gate);
}

IN_TASK(mutex, a_lock_times_out)
{
	struct coil_event gate = { .is_set = 0 };
	struct coil_task *holder = coil_spawn(holds, &gate);

	begin();
	coil_yield();
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, locks, WORD('x')), -ETIME);
	EXPECT_EQ(coil_timeout(0, locks, WORD('x')), -ETIME);
	EXPECT_EQ(stats().waiters, 0);
	coil_event_set(&gate);
	EXPECT_EQ(coil_join(holder), 0);
	EXPECT_EQ(coil_timeout(COIL_SEC, locks, WORD('y')), 0);
	EXPECT_STR_EQ(rig_order, "y");
	coil_mutex_deinit(&mutex);
}

/* -- The small ones --------------------------------------------------------- */

IN_TASK(mutex, a_zeroed_one_is_ready_and_the_counters_tell)
{
	static struct coil_mutex zeroed;
	struct coil_mutex_stats all = { .size = sizeof all };
	struct coil_mutex_stats none = { .size = 0 };
	struct {
		size_t size;
		uint64_t holder;
		uint64_t untouched;
	} shorter = { .size = 16, .untouched = 77 };

	memset(&zeroed, 0, sizeof zeroed);
	EXPECT_EQ(coil_mutex_try_lock(&zeroed), 0);
	EXPECT_EQ(coil_mutex_try_lock(&zeroed), -EAGAIN);
	EXPECT_EQ(coil_mutex_stats(&zeroed, &all), 0);
	EXPECT_EQ(all.holder, coil_task_id(coil_self()));
	EXPECT_EQ(all.locks, 1);
	EXPECT_EQ(all.waits, 0);
	EXPECT_EQ(all.size, sizeof all);
	EXPECT_EQ(coil_mutex_stats(&zeroed, &none), -EINVAL);
	EXPECT_EQ(coil_mutex_stats(&zeroed, (struct coil_mutex_stats *)(void *)&shorter), 0);
	EXPECT_EQ(shorter.holder, coil_task_id(coil_self()));
	EXPECT_EQ(shorter.untouched, 77);
	coil_mutex_unlock(&zeroed);
	coil_mutex_deinit(&zeroed);
	coil_mutex_deinit(NULL);
}

IN_TASK(mutex, waits_are_counted_and_nothing_is_allocated)
{
	uint64_t allocations;
	struct coil_task *tasks[3];

	begin();
	coil_mutex_lock(&mutex);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(locks, WORD('a' + i));
	allocations = rig_stats().allocations;
	coil_yield();
	coil_mutex_unlock(&mutex);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	EXPECT_EQ(rig_stats().allocations, allocations);
	EXPECT_EQ(stats().waits, 3);
	EXPECT_EQ(stats().locks, 1);
	EXPECT_EQ(stats().holder, 0);
	coil_mutex_deinit(&mutex);
}

/* Whoever was handed it may free it. */
static int locks_and_frees(void *memory)
{
	struct coil_mutex *own = memory;

	EXPECT_EQ(coil_mutex_lock(own), 0);
	coil_mutex_unlock(own);
	coil_mutex_deinit(own);
	free(own);
	return 0;
}

IN_TASK(mutex, who_comes_last_may_free_it)
{
	struct coil_mutex *own = malloc(sizeof *own);
	struct coil_task *task;

	coil_mutex_init(own);
	coil_mutex_lock(own);
	task = coil_spawn(locks_and_frees, own);
	coil_yield();
	coil_mutex_unlock(own);
	EXPECT_EQ(coil_join(task), 0);
}

/* -- Many, cancelled at random ---------------------------------------------- */

static int inside, entered, refused;

static int enters(void *seed)
{
	unsigned random = (unsigned)(uintptr_t)seed * 2654435761u;

	for (int i = 0; i < 20; i++) {
		random = random * 1664525u + 1013904223u;
		if (coil_mutex_lock(&mutex) < 0) {
			refused++;
			break;
		}
		EXPECT_EQ(inside++, 0);
		entered++;
		for (unsigned turn = random >> 30; turn > 0; turn--)
			coil_yield();
		inside--;
		coil_mutex_unlock(&mutex);
		if (random & 1)
			coil_yield();
	}
	return 0;
}

IN_TASK(mutex, one_at_a_time_whatever_is_cancelled)
{
	struct coil_task *tasks[40];
	unsigned random = 1;

	begin();
	inside = entered = refused = 0;
	for (int i = 0; i < 40; i++)
		tasks[i] = coil_spawn(enters, WORD(i + 1));
	for (int i = 0; i < 20; i++) {
		random = random * 1664525u + 1013904223u;
		for (unsigned turn = random >> 28; turn > 0; turn--)
			coil_yield();
		coil_cancel(tasks[i * 2]);
	}
	for (int i = 0; i < 40; i++)
		coil_join(tasks[i]);
	EXPECT_GE(entered, 20 * 20);
	EXPECT_GT(refused, 0);
	EXPECT(!coil_mutex_is_locked(&mutex));
	coil_mutex_deinit(&mutex);
}
