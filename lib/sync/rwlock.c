/* SPDX-License-Identifier: MIT */
/*
 * Readers' and writers' locks. One queue for both: whoever finds it not empty stands in it, and
 * admit() lets in from its head what fits. So the head never fits while anybody waits.
 */
#include "coil/rwlock.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "base/words.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_rwlock) == 64, "growth is a decision");

enum rwlock_want {
	RWLOCK_READ,
	RWLOCK_WRITE
};

static struct coil_rwlock *rwlock_of(struct coil_waiters *waiters)
{
	return container_of(waiters, struct coil_rwlock, waiters);
}

static void admit(struct coil_rwlock *rwlock)
{
	struct coil_waiter *next;

	while (!rwlock->writer && (next = rwlock->waiters.first)) {
		if (next->want == RWLOCK_READ)
			rwlock->readers++;
		else if (rwlock->readers == 0)
			rwlock->writer = next->task->id;
		else
			return;
		waiters_wake(next, 0);
	}
}

/* Readers may have stood behind a writer alone. */
static void rwlock_left(struct coil_waiters *waiters, struct coil_waiter *waiter)
{
	(void)waiter;
	admit(rwlock_of(waiters));
}

static void tell(struct words *words, struct coil_waiters *waiters)
{
	const struct coil_rwlock *rwlock = container_of(waiters, struct coil_rwlock, waiters);

	waiters_describe_holder(&rwlock->waiters, words, rwlock->writer);
	if (rwlock->readers == 0)
		return;
	words_add(words, " held by ");
	words_number(words, rwlock->readers);
	words_add(words, rwlock->readers == 1 ? " reader" : " readers");
}

static const struct waiters_kind read_kind =
	WAITERS_KIND("rwlock to read", rwlock_left, tell);
static const struct waiters_kind write_kind =
	WAITERS_KIND("rwlock to write", rwlock_left, tell);

void coil_rwlock_init(struct coil_rwlock *rwlock)
{
	memset(rwlock, 0, sizeof *rwlock);
}

void coil_rwlock_deinit(struct coil_rwlock *rwlock)
{
	if (!rwlock)
		return;
	waiters_deinit(&rwlock->waiters, __func__);
	check_use(!rwlock->writer, "task %llu holds the lock to write still",
		  (unsigned long long)rwlock->writer);
	check_use(rwlock->readers == 0, "%u readers hold the lock still", rwlock->readers);
}

/* Takes it if that is possible at once. */
static bool take(struct coil_rwlock *rwlock, struct coil_task *task, enum rwlock_want want)
{
	if (rwlock->writer || rwlock->waiters.first)
		return false;
	if (want == RWLOCK_READ)
		rwlock->readers++;
	else if (rwlock->readers == 0)
		rwlock->writer = task->id;
	else
		return false;
	rwlock->locks++;
	task->locks_held++;
	return true;
}

static rarely int lock_later(struct coil_rwlock *rwlock, struct coil_task *task,
			     enum rwlock_want want)
{
	struct coil_waiter waiter;
	int rc;

	waiter_init(&waiter, task, want == RWLOCK_READ ? &read_kind : &write_kind);
	waiter.want = want;
	waiters_push(&rwlock->waiters, &waiter);
	rc = waiter_await(&waiter);
	if (rc == 0)
		task->locks_held++;
	return rc;
}

int coil_rwlock_read_lock(struct coil_rwlock *rwlock)
{
	struct coil_task *task = waiters_enter(&rwlock->waiters, __func__);
	int rc = waiters_begin_lock(task);

	if (unlikely(rc < 0))
		return rc;
	if (likely(take(rwlock, task, RWLOCK_READ)))
		return 0;
	check_use(rwlock->writer != task->id,
		  "the caller holds this lock to write and would wait for itself");
	return lock_later(rwlock, task, RWLOCK_READ);
}

int coil_rwlock_try_read_lock(struct coil_rwlock *rwlock)
{
	struct coil_task *task = waiters_enter(&rwlock->waiters, __func__);

	return take(rwlock, task, RWLOCK_READ) ? 0 : -EAGAIN;
}

void coil_rwlock_read_unlock(struct coil_rwlock *rwlock)
{
	struct coil_task *task = waiters_enter(&rwlock->waiters, __func__);

	check_use(rwlock->readers > 0, "nobody holds this lock to read");
	check_use(task->locks_held > 0, "the caller holds no lock");
	rwlock->readers--;
	task->locks_held--;
	admit(rwlock);
}

int coil_rwlock_write_lock(struct coil_rwlock *rwlock)
{
	struct coil_task *task = waiters_enter(&rwlock->waiters, __func__);
	int rc = waiters_begin_lock(task);

	if (unlikely(rc < 0))
		return rc;
	if (likely(take(rwlock, task, RWLOCK_WRITE)))
		return 0;
	check_use(rwlock->writer != task->id,
		  "the caller holds this lock already and would wait for itself");
	return lock_later(rwlock, task, RWLOCK_WRITE);
}

int coil_rwlock_try_write_lock(struct coil_rwlock *rwlock)
{
	struct coil_task *task = waiters_enter(&rwlock->waiters, __func__);

	return take(rwlock, task, RWLOCK_WRITE) ? 0 : -EAGAIN;
}

static struct coil_task *check_writes(struct coil_rwlock *rwlock, const char *function)
{
	struct coil_task *task = waiters_enter(&rwlock->waiters, function);

	if (unlikely(rwlock->writer != task->id))
		check_misused(function, "the caller does not hold this lock to write");
	return task;
}

void coil_rwlock_write_unlock(struct coil_rwlock *rwlock)
{
	struct coil_task *task = check_writes(rwlock, __func__);

	rwlock->writer = 0;
	task->locks_held--;
	admit(rwlock);
}

void coil_rwlock_downgrade(struct coil_rwlock *rwlock)
{
	(void)check_writes(rwlock, __func__);
	rwlock->writer = 0;
	rwlock->readers = 1;
	admit(rwlock);
}

bool coil_rwlock_is_locked(const struct coil_rwlock *rwlock)
{
	return rwlock->writer != 0 || rwlock->readers > 0;
}

int coil_rwlock_stats(const struct coil_rwlock *rwlock, struct coil_rwlock_stats *ret_stats)
{
	const struct coil_rwlock_stats stats = {
		.writer = rwlock->writer,
		.readers = rwlock->readers,
		.waiters = rwlock->waiters.count,
		.waits = rwlock->waiters.waits,
		.locks = rwlock->locks,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
