/* SPDX-License-Identifier: MIT */
/*
 * Barriers. The queue is the generation that fills; when the last one comes all are woken with
 * their places in it, and it is empty for the next generation. So asyncio's states of draining and
 * resetting, in which newcomers have to be held off, do not exist.
 */
#include "coil/barrier.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/sized.h"
#include "base/words.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_barrier) == 56, "growth is a decision");

static void tell(struct words *words, struct coil_waiters *waiters)
{
	const struct coil_barrier *barrier = container_of(waiters, struct coil_barrier, waiters);

	words_add(words, ", ");
	words_part(words, barrier->waiters.count, barrier->parties, " there");
}

static const struct waiters_kind barrier_kind = WAITERS_KIND("barrier", NULL, tell);

void coil_barrier_init(struct coil_barrier *barrier, unsigned parties)
{
	check_use(parties >= 1 && parties <= INT_MAX, "%u parties: from 1 to 2147483647", parties);
	memset(barrier, 0, sizeof *barrier);
	barrier->parties = parties;
}

void coil_barrier_deinit(struct coil_barrier *barrier)
{
	if (barrier)
		waiters_deinit(&barrier->waiters, __func__);
}

/* The last one is there. Returns its own place. */
static int open_barrier(struct coil_barrier *barrier)
{
	int place = 0;

	barrier->generation++;
	while (barrier->waiters.first)
		waiters_wake(barrier->waiters.first, place++);
	return place;
}

int coil_barrier_wait(struct coil_barrier *barrier)
{
	struct coil_task *task = waiters_enter(&barrier->waiters, __func__);
	int rc = waiters_begin(task);

	if (unlikely(rc < 0))
		return rc;
	if (barrier->is_broken)
		return waiters_end(task, -EPIPE);
	if (barrier->waiters.count + 1 >= barrier->parties)
		return waiters_end(task, open_barrier(barrier));
	return waiters_await(&barrier->waiters, task, &barrier_kind);
}

void coil_barrier_reset(struct coil_barrier *barrier)
{
	waiters_use(&barrier->waiters, __func__);
	barrier->is_broken = false;
	waiters_wake_all(&barrier->waiters, -EPIPE);
}

void coil_barrier_abort(struct coil_barrier *barrier)
{
	waiters_use(&barrier->waiters, __func__);
	barrier->is_broken = true;
	waiters_wake_all(&barrier->waiters, -EPIPE);
}

unsigned coil_barrier_parties(const struct coil_barrier *barrier)
{
	return barrier->parties;
}

unsigned coil_barrier_waiting(const struct coil_barrier *barrier)
{
	return barrier->waiters.count;
}

bool coil_barrier_is_broken(const struct coil_barrier *barrier)
{
	return barrier->is_broken;
}

int coil_barrier_stats(const struct coil_barrier *barrier, struct coil_barrier_stats *ret_stats)
{
	const struct coil_barrier_stats stats = {
		.parties = barrier->parties,
		.waiters = barrier->waiters.count,
		.is_broken = barrier->is_broken,
		.waits = barrier->waiters.waits,
		.generation = barrier->generation,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
