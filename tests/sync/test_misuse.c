/* SPDX-License-Identifier: MIT */
/* Programs that use what tasks share in a wrong way: each stops, with words. */
#include "task/rig.h"

#include <pthread.h>

#define MISUSE(name, words) STOPS_IN_TASK(sync_misuse, name, words)

static struct coil_mutex mutex;
static struct coil_cond cond;
static struct coil_rwlock rwlock;
static struct coil_event event;
static struct coil_semaphore semaphore;
static struct coil_barrier barrier;
static struct coil_once once;
static struct coil_wait_group wait_group;
static struct coil_limiter limiter;

/* -- Mutex ------------------------------------------------------------------ */

MISUSE(unlocking_a_free_mutex, "coil_mutex_unlock: task 1 \"main\": nobody holds the mutex")
{
	coil_mutex_unlock(&mutex);
}

static int unlocks(void *arg)
{
	(void)arg;
	coil_mutex_unlock(&mutex);
	return 0;
}

MISUSE(unlocking_anothers_mutex, "task 1 holds the mutex, not the caller")
{
	coil_mutex_lock(&mutex);
	coil_join(coil_spawn(unlocks, NULL));
}

MISUSE(locking_twice, "the caller holds this mutex already and would wait for itself")
{
	coil_mutex_lock(&mutex);
	coil_mutex_lock(&mutex);
}

static int locks(void *arg)
{
	(void)arg;
	return coil_mutex_lock(&mutex);
}

MISUSE(ending_with_a_mutex, "this task ends with 1 locks of its own held")
{
	coil_join(coil_spawn(locks, NULL));
}

MISUSE(deinit_of_a_mutex_that_is_held, "coil_mutex_deinit: task 1 \"main\": task 1 holds the mutex")
{
	coil_mutex_lock(&mutex);
	coil_mutex_deinit(&mutex);
}

MISUSE(deinit_of_a_mutex_with_waiters, "coil_mutex_deinit: task 1 \"main\": 1 tasks wait for it")
{
	coil_mutex_lock(&mutex);
	coil_spawn(locks, NULL);
	coil_yield();
	coil_mutex_deinit(&mutex);
}

MISUSE(locking_after_deinit, "coil_mutex_lock: task 1 \"main\": used after its deinit")
{
	coil_mutex_deinit(&mutex);
	coil_mutex_lock(&mutex);
}

static int uses_foreign(void *arg)
{
	(void)arg;
	coil_mutex_try_lock(&mutex);
	return 0;
}

static void *runs_a_loop(void *arg)
{
	rig_run_real(uses_foreign, arg);
	return NULL;
}

MISUSE(a_mutex_of_another_loop, "coil_mutex_try_lock: task 1 \"main\": it belongs to the loop")
{
	pthread_t thread;

	coil_mutex_lock(&mutex);
	coil_mutex_unlock(&mutex);
	if (pthread_create(&thread, NULL, runs_a_loop, NULL) == 0)
		pthread_join(thread, NULL);
}

static void locks_in_a_hook(struct coil_hook *hook)
{
	(void)hook;
	coil_mutex_lock(&mutex);
}

MISUSE(locking_outside_of_a_task, "coil_mutex_lock: called outside of a task: only a task can")
{
	struct coil_hook hook = { .fire = locks_in_a_hook };
	struct coil_promise promise;

	coil_promise_init(&promise);
	coil_future_then(&promise.future, &hook);
	coil_promise_resolve(&promise, 0);
	coil_yield();
}

static int waits_for_a_task_that_waits_for_it(void *arg)
{
	struct coil_task *task;

	(void)arg;
	coil_mutex_lock(&mutex);
	task = coil_spawn(locks, NULL);
	alarm(1); /* the report comes once, and the program sleeps on */
	return coil_join(task);
}

TEST_SIGNAL(sync_misuse, a_deadlock_is_reported_with_what_is_waited_for, SIGALRM,
	    "waits for mutex")
{
	rig_run_real(waits_for_a_task_that_waits_for_it, NULL);
}

/* -- Condition --------------------------------------------------------------- */

MISUSE(waiting_without_the_mutex, "coil_cond_wait: task 1 \"main\": nobody holds the mutex")
{
	coil_cond_init(&cond, &mutex);
	coil_cond_wait(&cond);
}

static int never(void *arg)
{
	(void)arg;
	return 0;
}

MISUSE(waiting_for_without_the_mutex, "coil_cond_wait_for: task 1 \"main\": nobody holds the mutex")
{
	coil_cond_init(&cond, &mutex);
	coil_cond_wait_for(&cond, never, NULL);
}

MISUSE(notifying_without_the_mutex, "coil_cond_notify: task 1 \"main\": nobody holds the mutex")
{
	coil_cond_init(&cond, &mutex);
	coil_cond_notify(&cond, 1);
}

MISUSE(notifying_all_without_the_mutex, "coil_cond_notify_all: task 1 \"main\": nobody holds")
{
	coil_cond_init(&cond, &mutex);
	coil_cond_notify_all(&cond);
}

static int waits_on_cond(void *arg)
{
	(void)arg;
	coil_mutex_lock(&mutex);
	return coil_cond_wait(&cond);
}

MISUSE(deinit_of_a_condition_with_waiters, "coil_cond_deinit: task 1 \"main\": 1 tasks wait for it")
{
	coil_cond_init(&cond, &mutex);
	coil_spawn(waits_on_cond, NULL);
	coil_yield();
	coil_cond_deinit(&cond);
}

/* -- Rwlock ------------------------------------------------------------------ */

MISUSE(read_unlock_of_what_nobody_reads, "nobody holds this lock to read")
{
	coil_rwlock_read_unlock(&rwlock);
}

static int read_unlocks(void *arg)
{
	(void)arg;
	coil_rwlock_read_unlock(&rwlock);
	return 0;
}

MISUSE(read_unlock_by_who_holds_nothing, "coil_rwlock_read_unlock: task 2 \"task\"")
{
	coil_rwlock_read_lock(&rwlock);
	coil_join(coil_spawn(read_unlocks, NULL));
}

MISUSE(write_unlock_by_a_reader, "the caller does not hold this lock to write")
{
	coil_rwlock_read_lock(&rwlock);
	coil_rwlock_write_unlock(&rwlock);
}

MISUSE(downgrade_by_a_reader, "coil_rwlock_downgrade: task 1 \"main\": the caller does not hold")
{
	coil_rwlock_read_lock(&rwlock);
	coil_rwlock_downgrade(&rwlock);
}

MISUSE(reading_while_writing, "the caller holds this lock to write and would wait for itself")
{
	coil_rwlock_write_lock(&rwlock);
	coil_rwlock_read_lock(&rwlock);
}

MISUSE(writing_twice, "the caller holds this lock already and would wait for itself")
{
	coil_rwlock_write_lock(&rwlock);
	coil_rwlock_write_lock(&rwlock);
}

MISUSE(deinit_of_a_lock_that_is_read, "1 readers hold the lock still")
{
	coil_rwlock_read_lock(&rwlock);
	coil_rwlock_deinit(&rwlock);
}

MISUSE(deinit_of_a_lock_that_is_written, "task 1 holds the lock to write still")
{
	coil_rwlock_write_lock(&rwlock);
	coil_rwlock_deinit(&rwlock);
}

/* -- The others -------------------------------------------------------------- */

static int waits_for_event(void *arg)
{
	(void)arg;
	return coil_event_wait(&event);
}

MISUSE(deinit_of_an_event_with_waiters, "coil_event_deinit: task 1 \"main\": 2 tasks wait for it")
{
	coil_spawn(waits_for_event, NULL);
	coil_spawn(waits_for_event, NULL);
	coil_yield();
	coil_event_deinit(&event);
}

TEST_SIGNAL(sync_misuse, setting_an_event_on_a_thread_without_a_loop, SIGABRT,
	    "coil_event_set: called on a thread that runs no loop")
{
	coil_event_set(&event);
}

MISUSE(more_permits_than_the_bound, "3 permits are more than the bound, 2")
{
	coil_semaphore_init_bounded(&semaphore, 3, 2);
}

MISUSE(a_semaphore_that_overflows, "all 4294967295 permits are free")
{
	coil_semaphore_init(&semaphore, UINT32_MAX);
	coil_semaphore_release(&semaphore);
}

MISUSE(a_barrier_for_nobody, "coil_barrier_init: task 1 \"main\": 0 parties: from 1 to 2147483647")
{
	coil_barrier_init(&barrier, 0);
}

static int runs_once_again(void *arg)
{
	return coil_once_run(&once, runs_once_again, arg);
}

MISUSE(a_once_inside_itself, "called from inside its own entry: the caller would wait for itself")
{
	coil_once_run(&once, runs_once_again, NULL);
}

static int ends_the_once(void *arg)
{
	(void)arg;
	coil_once_deinit(&once);
	return 0;
}

MISUSE(deinit_of_a_once_from_inside, "coil_once_deinit: task 1 \"main\": task 1 does it still")
{
	coil_once_run(&once, ends_the_once, NULL);
}

MISUSE(done_too_often, "coil_wait_group_done: task 1 \"main\": called more often than")
{
	coil_wait_group_add(&wait_group, 1);
	coil_wait_group_done(&wait_group);
	coil_wait_group_done(&wait_group);
}

MISUSE(more_to_be_done_than_can_be_counted, "4294967295 and 1 are more than 4294967295")
{
	coil_wait_group_add(&wait_group, UINT32_MAX);
	coil_wait_group_add(&wait_group, 1);
}

MISUSE(borrowing_twice, "this borrower has a token already, or waits for one")
{
	coil_limiter_init(&limiter, 2);
	coil_limiter_acquire(&limiter);
	coil_limiter_acquire(&limiter);
}

static int borrows_for_the_key(void *key)
{
	return coil_limiter_acquire_for(&limiter, key);
}

MISUSE(waiting_twice_for_one_borrower, "coil_limiter_acquire_for: task 3 \"task\" (spawned at")
{
	static char key;

	coil_limiter_init(&limiter, 0);
	coil_spawn(borrows_for_the_key, &key);
	coil_spawn(borrows_for_the_key, &key);
	coil_yield();
}

MISUSE(releasing_what_only_waits, "this borrower has no token")
{
	static char key;

	coil_limiter_init(&limiter, 0);
	coil_spawn(borrows_for_the_key, &key);
	coil_yield();
	coil_limiter_release_for(&limiter, &key);
}

MISUSE(releasing_what_was_not_borrowed, "coil_limiter_release: task 1 \"main\": this borrower")
{
	coil_limiter_init(&limiter, 2);
	coil_limiter_release(&limiter);
}

MISUSE(borrowing_for_nobody, "NULL cannot borrow a token")
{
	coil_limiter_init(&limiter, 2);
	coil_limiter_acquire_for(&limiter, NULL);
}

MISUSE(deinit_of_a_limiter_with_borrowers, "1 tokens are borrowed still")
{
	coil_limiter_init(&limiter, 2);
	coil_limiter_acquire(&limiter);
	coil_limiter_deinit(&limiter);
}
