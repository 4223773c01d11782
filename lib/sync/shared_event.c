/* SPDX-License-Identifier: MIT */
/*
 * Events that tasks share with threads. The flag is set under the guard, so that deinit, which
 * takes it, comes after a set whose flag has been seen.
 */
#include "coil/shared.h"

#include <errno.h>

#include "base/clock.h"
#include "base/sized.h"
#include "sync/shared.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_shared_event) == sizeof(struct coil_shared_waiters) + 8,
	       "growth is a decision");

static const struct shared_kind event_kind = SHARED_KIND("shared event", NULL);

void coil_shared_event_init(struct coil_shared_event *event)
{
	event->is_set = false;
	event->reserved = 0;
	shared_init(&event->waiters);
}

void coil_shared_event_deinit(struct coil_shared_event *event)
{
	if (event)
		shared_deinit(&event->waiters, __func__);
}

void coil_shared_event_set(struct coil_shared_event *event)
{
	struct coil_shared_waiters *waiters = &event->waiters;

	shared_guard(waiters);
	__atomic_store_n(&event->is_set, true, __ATOMIC_RELEASE);
	while (waiters->first)
		shared_grant_first(waiters);
	shared_unguard(waiters);
}

void coil_shared_event_clear(struct coil_shared_event *event)
{
	shared_guard(&event->waiters);
	__atomic_store_n(&event->is_set, false, __ATOMIC_RELAXED);
	shared_unguard(&event->waiters);
}

bool coil_shared_event_is_set(const struct coil_shared_event *event)
{
	return __atomic_load_n(&event->is_set, __ATOMIC_ACQUIRE);
}

static int wait_later(void *object, int64_t deadline)
{
	struct coil_shared_event *event = object;

	shared_guard(&event->waiters);
	if (!event->is_set)
		return shared_wait(&event->waiters, &event_kind, deadline,
				   "coil_shared_event_wait");
	shared_unguard(&event->waiters);
	return 0;
}

int coil_shared_event_wait_until(struct coil_shared_event *event, int64_t deadline)
{
	struct coil_task *task = shared_task();

	if (coil_shared_event_is_set(event))
		return task ? waiters_end(task, 0) : 0;
	return shared_wait_until(wait_later, event, deadline);
}

int coil_shared_event_wait(struct coil_shared_event *event)
{
	return coil_shared_event_wait_until(event, CLOCK_FOREVER);
}

int coil_shared_event_stats(struct coil_shared_event *event,
			    struct coil_shared_event_stats *ret_stats)
{
	struct coil_shared_event_stats stats = { .is_set = coil_shared_event_is_set(event) };

	shared_guard(&event->waiters);
	stats.waiters = event->waiters.count;
	stats.waits = event->waiters.waits;
	shared_unguard(&event->waiters);
	return sized_write(ret_stats, &stats, sizeof stats);
}
