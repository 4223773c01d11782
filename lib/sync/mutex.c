/* SPDX-License-Identifier: MIT */
/*
 * Mutexes. The holder is kept by its number, which is never used twice. While anybody waits there
 * is a holder: it is handed over, never free in between.
 */
#include "sync/mutex.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "base/words.h"

_Static_assert(sizeof(struct coil_mutex) == 56, "growth is a decision");

static void tell(struct words *words, struct coil_waiters *waiters)
{
	const struct coil_mutex *mutex = container_of(waiters, struct coil_mutex, waiters);

	waiters_describe_holder(&mutex->waiters, words, mutex->holder);
}

static const struct waiters_kind mutex_kind = WAITERS_KIND("mutex", NULL, tell);

/* Asked to finish soon, it cannot: it waits on. */
static void wait_on(struct coil_future *future)
{
	check(future_is_pending(future));
}

static const struct waiters_kind retake_kind = {
	{ "mutex", wait_on, waiters_describe }, NULL, tell,
};

void mutex_give(struct coil_mutex *mutex)
{
	struct coil_waiter *next = mutex->waiters.first;

	if (likely(!next)) {
		mutex->holder = 0;
		return;
	}
	mutex->holder = next->task->id;
	waiters_wake(next, next->result);
}

void mutex_retake(struct coil_mutex *mutex, struct coil_waiter *waiter)
{
	waiter->future.ops = &retake_kind.future;
	if (mutex->holder) {
		waiters_push(&mutex->waiters, waiter);
		return;
	}
	mutex->holder = waiter->task->id;
	future_resolve(&waiter->future, waiter->result);
}

static rarely _Noreturn void refuse_not_held(const struct coil_mutex *mutex, const char *function)
{
	if (mutex->holder)
		check_misused(function, "task %llu holds the mutex, not the caller",
			      (unsigned long long)mutex->holder);
	check_misused(function, "nobody holds the mutex");
}

struct coil_task *mutex_check_held(struct coil_mutex *mutex, const char *function)
{
	struct coil_task *task = waiters_enter(&mutex->waiters, function);

	if (unlikely(mutex->holder != task->id))
		refuse_not_held(mutex, function);
	return task;
}

void coil_mutex_init(struct coil_mutex *mutex)
{
	memset(mutex, 0, sizeof *mutex);
}

void coil_mutex_deinit(struct coil_mutex *mutex)
{
	if (!mutex)
		return;
	waiters_deinit(&mutex->waiters, __func__);
	check_use(!mutex->holder, "task %llu holds the mutex still",
		  (unsigned long long)mutex->holder);
}

/* One frame around the switch, and its caller's last call: a return here is mispredicted. */
static __attribute__((noinline)) int lock_later(struct coil_mutex *mutex, struct coil_task *task)
{
	int rc;

	if (unlikely(mutex->holder == task->id))
		check_misused("coil_mutex_lock", "the caller holds this mutex already and would "
						 "wait for itself");
	rc = waiters_await_here(&mutex->waiters, task, &mutex_kind);
	if (rc == 0)
		task->locks_held++;
	return rc;
}

int coil_mutex_lock(struct coil_mutex *mutex)
{
	struct coil_task *task = waiters_enter(&mutex->waiters, __func__);
	int rc = waiters_begin_lock(task);

	if (unlikely(rc < 0))
		return rc;
	if (unlikely(mutex->holder))
		return lock_later(mutex, task);
	mutex->holder = task->id;
	mutex->locks++;
	task->locks_held++;
	return 0;
}

int coil_mutex_try_lock(struct coil_mutex *mutex)
{
	struct coil_task *task = waiters_enter(&mutex->waiters, __func__);

	if (mutex->holder)
		return -EAGAIN;
	mutex->holder = task->id;
	mutex->locks++;
	task->locks_held++;
	return 0;
}

void coil_mutex_unlock(struct coil_mutex *mutex)
{
	struct coil_task *task = mutex_check_held(mutex, __func__);

	task->locks_held--;
	mutex_give(mutex);
}

bool coil_mutex_is_locked(const struct coil_mutex *mutex)
{
	return mutex->holder != 0;
}

int coil_mutex_stats(const struct coil_mutex *mutex, struct coil_mutex_stats *ret_stats)
{
	const struct coil_mutex_stats stats = {
		.holder = mutex->holder,
		.waiters = mutex->waiters.count,
		.waits = mutex->waiters.waits,
		.locks = mutex->locks,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
