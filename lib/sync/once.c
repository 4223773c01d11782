/* SPDX-License-Identifier: MIT */
/*
 * Once. While nobody has succeeded there is a runner if anybody waits: it is handed over as a
 * mutex is.
 */
#include "coil/once.h"

#include <string.h>

#include "base/sized.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_once) == 64, "growth is a decision");

/* A waiter's result: it is the runner now. No entry returns it to others. */
#define ONCE_IS_YOURS INT32_MIN

static const struct waiters_kind once_kind = WAITERS_KIND("once", NULL, NULL);

void coil_once_init(struct coil_once *once)
{
	memset(once, 0, sizeof *once);
}

void coil_once_deinit(struct coil_once *once)
{
	if (!once)
		return;
	waiters_deinit(&once->waiters, __func__);
	check_use(!once->runner, "task %llu does it still", (unsigned long long)once->runner);
}

static void note_failure(struct coil_once *once)
{
	struct coil_waiter *next = once->waiters.first;

	once->failures++;
	if (!next)
		return;
	once->runner = next->task->id;
	waiters_wake(next, ONCE_IS_YOURS);
}

static int run(struct coil_once *once, int (*entry)(void *arg), void *arg)
{
	int rc = entry(arg);

	once->runner = 0;
	if (rc < 0) {
		note_failure(once);
		return rc;
	}
	once->is_done = true;
	once->result = rc;
	waiters_wake_all(&once->waiters, rc);
	return rc;
}

static rarely int run_or_wait(struct coil_once *once, struct coil_task *task,
			      int (*entry)(void *arg), void *arg)
{
	int rc = waiters_begin(task);

	if (rc < 0)
		return rc;
	if (!once->runner) {
		once->runner = task->id;
		return run(once, entry, arg);
	}
	if (once->runner == task->id)
		check_misused("coil_once_run", "called from inside its own entry: the caller "
					       "would wait for itself");
	rc = waiters_await(&once->waiters, task, &once_kind);
	return rc == ONCE_IS_YOURS ? run(once, entry, arg) : rc;
}

int coil_once_run(struct coil_once *once, int (*entry)(void *arg), void *arg)
{
	struct coil_task *task = waiters_enter(&once->waiters, __func__);

	if (likely(once->is_done))
		return waiters_end(task, once->result);
	return run_or_wait(once, task, entry, arg);
}

bool coil_once_is_done(const struct coil_once *once)
{
	return once->is_done;
}

int coil_once_stats(const struct coil_once *once, struct coil_once_stats *ret_stats)
{
	const struct coil_once_stats stats = {
		.is_done = once->is_done,
		.runner = once->runner,
		.waiters = once->waiters.count,
		.waits = once->waiters.waits,
		.failures = once->failures,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
