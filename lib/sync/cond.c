/* SPDX-License-Identifier: MIT */
/*
 * Conditions. Who waits stands in the condition's queue first, in the mutex's then, and is woken
 * when it has the mutex: one wait, one wake. What moves it is a notify (its result stays 0) or a
 * cancel (its result becomes -ECANCELED); the first of the two decides.
 */
#include "coil/cond.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "sync/mutex.h"

_Static_assert(sizeof(struct coil_cond) == 56, "growth is a decision");

static void cond_cancel(struct coil_future *future)
{
	struct coil_waiter *waiter = container_of(future, struct coil_waiter, future);
	struct coil_cond *cond = container_of(waiter->queue, struct coil_cond, waiters);

	waiters_remove(waiter);
	waiter->result = -ECANCELED;
	mutex_retake(cond->mutex, waiter);
}

static const struct waiters_kind cond_kind = { { "condition", cond_cancel, NULL }, NULL, NULL };

void coil_cond_init(struct coil_cond *cond, struct coil_mutex *mutex)
{
	memset(cond, 0, sizeof *cond);
	cond->mutex = mutex;
}

void coil_cond_deinit(struct coil_cond *cond)
{
	if (cond)
		waiters_deinit(&cond->waiters, __func__);
}

static int cond_wait(struct coil_cond *cond, struct coil_task *task)
{
	struct coil_waiter waiter;
	int rc;

	waiter_init(&waiter, task, &cond_kind);
	waiters_push(&cond->waiters, &waiter);
	mutex_give(cond->mutex);
	task->locks_held--;
	rc = waiter_await(&waiter);
	task->locks_held++;
	return rc;
}

/* The calling task, which holds the condition's mutex. */
static struct coil_task *enter(struct coil_cond *cond, const char *function)
{
	waiters_use(&cond->waiters, function);
	check(cond->mutex != NULL);
	return mutex_check_held(cond->mutex, function);
}

int coil_cond_wait(struct coil_cond *cond)
{
	return cond_wait(cond, enter(cond, __func__));
}

int coil_cond_wait_for(struct coil_cond *cond, int (*predicate)(void *arg), void *arg)
{
	struct coil_task *task = enter(cond, __func__);
	int rc = predicate(arg);

	if (rc != 0)
		return waiters_end(task, rc);
	do {
		rc = cond_wait(cond, enter(cond, __func__));
		if (rc == 0)
			rc = predicate(arg);
	} while (rc == 0);
	return rc;
}

void coil_cond_notify(struct coil_cond *cond, unsigned n)
{
	struct coil_waiter *waiter;

	(void)enter(cond, __func__);
	for (; n > 0 && (waiter = cond->waiters.first); n--) {
		waiters_remove(waiter);
		cond->notified++;
		mutex_retake(cond->mutex, waiter);
	}
}

void coil_cond_notify_all(struct coil_cond *cond)
{
	(void)enter(cond, __func__);
	coil_cond_notify(cond, cond->waiters.count);
}

int coil_cond_stats(const struct coil_cond *cond, struct coil_cond_stats *ret_stats)
{
	const struct coil_cond_stats stats = {
		.waiters = cond->waiters.count,
		.waits = cond->waiters.waits,
		.notified = cond->notified,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
