/* SPDX-License-Identifier: MIT */
/* Events: a flag, and all who wait are woken when it is set. */
#include "coil/event.h"

#include <string.h>

#include "base/sized.h"
#include "sync/waiters.h"

_Static_assert(sizeof(struct coil_event) == 56, "growth is a decision");

static const struct waiters_kind event_kind = WAITERS_KIND("event", NULL, NULL);

void coil_event_init(struct coil_event *event)
{
	memset(event, 0, sizeof *event);
}

void coil_event_deinit(struct coil_event *event)
{
	if (event)
		waiters_deinit(&event->waiters, __func__);
}

void coil_event_set(struct coil_event *event)
{
	waiters_use(&event->waiters, __func__);
	event->sets += !event->is_set;
	event->is_set = true;
	waiters_wake_all(&event->waiters, 0);
}

void coil_event_clear(struct coil_event *event)
{
	waiters_use(&event->waiters, __func__);
	event->is_set = false;
}

int coil_event_wait(struct coil_event *event)
{
	struct coil_task *task = waiters_enter(&event->waiters, __func__);

	if (event->is_set)
		return waiters_end(task, 0);
	return waiters_await(&event->waiters, task, &event_kind);
}

bool coil_event_is_set(const struct coil_event *event)
{
	return event->is_set;
}

int coil_event_stats(const struct coil_event *event, struct coil_event_stats *ret_stats)
{
	const struct coil_event_stats stats = {
		.is_set = event->is_set,
		.waiters = event->waiters.count,
		.waits = event->waiters.waits,
		.sets = event->sets,
	};

	return sized_write(ret_stats, &stats, sizeof stats);
}
