/* SPDX-License-Identifier: MIT */
/* Semaphores. A permit is free only while nobody waits: it is handed over. */
#include "coil/semaphore.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "base/words.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_semaphore) == 56, "growth is a decision");

static void tell(struct words *words, struct coil_waiters *waiters)
{
	const struct coil_semaphore *semaphore =
		container_of(waiters, struct coil_semaphore, waiters);

	words_add(words, ", ");
	words_number(words, semaphore->waiters.count);
	words_add(words, " waiting");
}

static const struct waiters_kind semaphore_kind = WAITERS_KIND("semaphore", NULL, tell);

void coil_semaphore_init(struct coil_semaphore *semaphore, unsigned value)
{
	coil_semaphore_init_bounded(semaphore, value, UINT32_MAX);
}

void coil_semaphore_init_bounded(struct coil_semaphore *semaphore, unsigned value, unsigned bound)
{
	check_use(value <= bound, "%u permits are more than the bound, %u", value, bound);
	memset(semaphore, 0, sizeof *semaphore);
	semaphore->value = value;
	semaphore->bound = bound;
}

void coil_semaphore_deinit(struct coil_semaphore *semaphore)
{
	if (semaphore)
		waiters_deinit(&semaphore->waiters, __func__);
}

static bool take(struct coil_semaphore *semaphore)
{
	if (semaphore->value == 0)
		return false;
	check(!semaphore->waiters.first);
	semaphore->value--;
	semaphore->acquired++;
	return true;
}

int coil_semaphore_acquire(struct coil_semaphore *semaphore)
{
	struct coil_task *task = waiters_enter(&semaphore->waiters, __func__);
	int rc = semaphore->value > 0 ? waiters_begin_lock(task) : waiters_begin(task);

	if (unlikely(rc < 0))
		return rc;
	if (likely(take(semaphore)))
		return 0;
	return waiters_await(&semaphore->waiters, task, &semaphore_kind);
}

int coil_semaphore_try_acquire(struct coil_semaphore *semaphore)
{
	waiters_use(&semaphore->waiters, __func__);
	return take(semaphore) ? 0 : -EAGAIN;
}

void coil_semaphore_release(struct coil_semaphore *semaphore)
{
	waiters_use(&semaphore->waiters, __func__);
	if (semaphore->waiters.first) {
		waiters_wake(semaphore->waiters.first, 0);
		return;
	}
	check_use(semaphore->value < semaphore->bound,
		  "released more often than acquired: all %u permits are free", semaphore->bound);
	semaphore->value++;
}

unsigned coil_semaphore_value(const struct coil_semaphore *semaphore)
{
	return semaphore->value;
}

bool coil_semaphore_is_locked(const struct coil_semaphore *semaphore)
{
	return semaphore->value == 0;
}

int coil_semaphore_stats(const struct coil_semaphore *semaphore,
			 struct coil_semaphore_stats *ret_stats)
{
	const struct coil_semaphore_stats stats = {
		.value = semaphore->value,
		.bound = semaphore->bound,
		.waiters = semaphore->waiters.count,
		.waits = semaphore->waiters.waits,
		.acquired = semaphore->acquired,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
