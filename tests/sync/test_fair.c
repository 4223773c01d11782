/* SPDX-License-Identifier: MIT */
/* Who never has to wait lets the others run all the same (semantics.md A7). */
#include "task/rig.h"

static struct coil_mutex mutex;
static struct coil_cond cond;
static struct coil_rwlock rwlock;
static struct coil_semaphore semaphore;
static struct coil_limiter limiter;
static struct coil_barrier barrier;
static struct coil_event event;
static struct coil_wait_group wait_group;
static struct coil_once once;
static struct coil_shared_mutex shared_mutex;
static struct coil_shared_event shared_event;

static int locks(void)
{
	int rc = coil_mutex_lock(&mutex);

	if (rc == 0)
		coil_mutex_unlock(&mutex);
	return rc;
}

static int reads(void)
{
	int rc = coil_rwlock_read_lock(&rwlock);

	if (rc == 0)
		coil_rwlock_read_unlock(&rwlock);
	return rc;
}

static int writes(void)
{
	int rc = coil_rwlock_write_lock(&rwlock);

	if (rc == 0)
		coil_rwlock_write_unlock(&rwlock);
	return rc;
}

static int acquires(void)
{
	int rc = coil_semaphore_acquire(&semaphore);

	if (rc == 0)
		coil_semaphore_release(&semaphore);
	return rc;
}

static int borrows(void)
{
	int rc = coil_limiter_acquire(&limiter);

	if (rc == 0)
		coil_limiter_release(&limiter);
	return rc;
}

static int locks_shared(void)
{
	int rc = coil_shared_mutex_lock(&shared_mutex);

	if (rc == 0)
		coil_shared_mutex_unlock(&shared_mutex);
	return rc;
}

static int is_true(void *arg)
{
	(void)arg;
	return 1;
}

static int looks(void)
{
	return coil_cond_wait_for(&cond, is_true, NULL) == 1 ? 0 : -EIO;
}

static int passes_barrier(void)
{
	return coil_barrier_wait(&barrier);
}

static int meets_broken_barrier(void)
{
	return coil_barrier_wait(&barrier) == -EPIPE ? 0 : -EIO;
}

static int sees_event(void)
{
	return coil_event_wait(&event);
}

static int waits_for_nothing(void)
{
	return coil_wait_group_wait(&wait_group);
}

static int runs_once(void)
{
	return coil_once_run(&once, rig_return, NULL);
}

static int sees_shared_event(void)
{
	return coil_shared_event_wait(&shared_event);
}

static int notes(void *flag)
{
	*(bool *)flag = true;
	return 0;
}

static void check_budget(int (*does)(void), const char *name)
{
	bool has_run = false;
	struct coil_task *task;
	int times = 0;

	coil_yield(); /* the budget is whole */
	task = coil_spawn(notes, &has_run);
	while (!has_run && times < 1000) {
		EXPECT_EQ(does(), 0);
		times++;
	}
	if (times != 128)
		FAIL(name);
	EXPECT_EQ(coil_join(task), 0);
}

IN_TASK(sync, a7_locks_that_are_free_yield_after_a_budget)
{
	coil_mutex_init(&mutex);
	coil_rwlock_init(&rwlock);
	coil_semaphore_init(&semaphore, 1);
	coil_limiter_init(&limiter, 1);
	coil_shared_mutex_init(&shared_mutex);
	check_budget(locks, "mutex");
	check_budget(reads, "rwlock to read");
	check_budget(writes, "rwlock to write");
	check_budget(acquires, "semaphore");
	check_budget(borrows, "limiter");
	check_budget(locks_shared, "shared mutex");
	coil_shared_mutex_deinit(&shared_mutex);
	coil_limiter_deinit(&limiter);
	coil_semaphore_deinit(&semaphore);
	coil_rwlock_deinit(&rwlock);
	coil_mutex_deinit(&mutex);
}

IN_TASK(sync, a7_what_has_happened_already_yields_after_a_budget)
{
	coil_event_init(&event);
	coil_event_set(&event);
	coil_wait_group_init(&wait_group);
	coil_once_init(&once);
	coil_shared_event_init(&shared_event);
	coil_shared_event_set(&shared_event);
	check_budget(sees_event, "event");
	check_budget(waits_for_nothing, "wait group");
	EXPECT_EQ(runs_once(), 0);
	check_budget(runs_once, "once");
	check_budget(sees_shared_event, "shared event");
	coil_shared_event_deinit(&shared_event);
	coil_once_deinit(&once);
	coil_wait_group_deinit(&wait_group);
	coil_event_deinit(&event);
}

IN_TASK(sync, a7_a_barrier_of_one_and_a_true_predicate_yield_after_a_budget)
{
	coil_mutex_init(&mutex);
	coil_cond_init(&cond, &mutex);
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	check_budget(looks, "condition");
	coil_mutex_unlock(&mutex);
	coil_cond_deinit(&cond);
	coil_mutex_deinit(&mutex);
	coil_barrier_init(&barrier, 1);
	check_budget(passes_barrier, "barrier");
	coil_barrier_abort(&barrier);
	check_budget(meets_broken_barrier, "broken barrier");
	coil_barrier_deinit(&barrier);
}

/* A holder that lets others run would have them queue up behind it, and hand it over for ever. */
IN_TASK(sync, a7_nobody_holds_a_lock_over_the_turn_that_it_pays)
{
	struct coil_mutex_stats stats = { .size = sizeof stats };
	bool has_run = false;
	struct coil_task *task = coil_spawn(notes, &has_run);

	coil_mutex_init(&mutex);
	while (!has_run) {
		EXPECT_EQ(coil_mutex_lock(&mutex), 0);
		if (has_run)
			EXPECT_EQ(coil_mutex_stats(&mutex, &stats), 0);
		coil_mutex_unlock(&mutex);
	}
	EXPECT_EQ(stats.locks, 128);
	EXPECT_EQ(coil_join(task), 0);
	coil_mutex_deinit(&mutex);
}

static int takes_and_gives(void *rounds)
{
	for (int i = 0; i < (int)(intptr_t)rounds; i++)
		EXPECT_EQ(locks(), 0);
	return 0;
}

IN_TASK(sync, a7_two_tasks_with_one_free_lock_never_wait_for_each_other)
{
	struct coil_mutex_stats stats = { .size = sizeof stats };
	struct coil_task *other;

	coil_mutex_init(&mutex);
	other = coil_spawn(takes_and_gives, WORD(1000));
	takes_and_gives(WORD(1000));
	EXPECT_EQ(coil_join(other), 0);
	EXPECT_EQ(coil_mutex_stats(&mutex, &stats), 0);
	EXPECT_EQ(stats.waits, 0);
	EXPECT_EQ(stats.locks, 2000);
	coil_mutex_deinit(&mutex);
}

static int cancels(void *task)
{
	return coil_cancel(task);
}

static int locks_until_it_fails(void *count)
{
	int rc;

	while ((rc = coil_mutex_lock(&mutex)) == 0) {
		++*(int *)count;
		coil_mutex_unlock(&mutex);
	}
	return rc;
}

IN_TASK(sync, a7_a_cancel_in_the_turn_that_a_lock_pays_is_met_and_nothing_is_held)
{
	int count = 0;
	struct coil_task *task, *canceller;

	coil_mutex_init(&mutex);
	task = coil_spawn(locks_until_it_fails, &count);
	canceller = coil_spawn(cancels, task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_join(canceller), 0);
	EXPECT_EQ(count, 127);
	EXPECT(!coil_mutex_is_locked(&mutex));
	coil_mutex_deinit(&mutex);
}

static int sees_what_is_freed(void *arg)
{
	struct coil_event *own = arg;
	int rc = 0;

	for (int i = 0; i < 128 && rc == 0; i++)
		rc = coil_event_wait(own);
	return rc;
}

/* Whoever set it may take it away: who has seen it does not touch it after the turn. */
IN_TASK(sync, a7_an_event_may_be_gone_after_the_turn_that_it_cost)
{
	struct coil_event *own = malloc(sizeof *own);
	struct coil_task *task = coil_spawn(sees_what_is_freed, own);

	coil_event_init(own);
	coil_event_set(own);
	coil_yield();
	coil_event_deinit(own);
	free(own);
	EXPECT_EQ(coil_join(task), 0);
}
