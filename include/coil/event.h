/* SPDX-License-Identifier: MIT */
/* A flag that tasks wait for. See coil/waiters.h for what all of its kind have in common. */
#ifndef COIL_EVENT_H
#define COIL_EVENT_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. Zeroed memory is an event that is not set. */
struct coil_event {
	struct coil_waiters waiters;
	uint64_t sets;
	uint32_t is_set;
	uint32_t reserved;
};

/* Totals since the init, unless marked as a state. */
struct coil_event_stats {
	size_t size;	  /* set by the caller: sizeof(struct coil_event_stats) */
	uint64_t is_set;  /* state: 1 or 0 */
	uint64_t waiters; /* state: tasks that wait for it */
	uint64_t waits;	  /* tasks that had to wait */
	uint64_t sets;	  /* times that it became set */
};

/**
 * coil_event_init - make an event that is not set
 * @event: uninitialised memory; must stay until coil_event_deinit
 *
 * Does not suspend; needs no loop.
 * Since 0.1.
 */
void coil_event_init(struct coil_event *event);

/**
 * coil_event_deinit - end the use of an event
 * @event: without waiters; NULL is allowed. Those that a coil_event_set has woken do not count
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_event_deinit(struct coil_event *event);

/**
 * coil_event_set - set an event
 * @event: of the calling thread's loop
 *
 * All who wait run in the next turn, in the order in which they came, even if it is cleared
 * meanwhile. Does not suspend, works in a cancelled scope and outside of tasks.
 * Since 0.1. See asyncio.Event.set.
 */
void coil_event_set(struct coil_event *event);

/**
 * coil_event_clear - make an event not set
 * @event: of the calling thread's loop
 *
 * Does not suspend.
 * Since 0.1. See asyncio.Event.clear.
 */
void coil_event_clear(struct coil_event *event);

/**
 * coil_event_wait - wait until an event is set
 * @event: of the calling thread's loop
 *
 * Suspends unless it is set. A cancelled waiter leaves; one that was woken by a set returns 0.
 * Return: 0; the reason of a cancelled scope if it had to wait.
 * Since 0.1. See asyncio.Event.wait.
 */
int coil_event_wait(struct coil_event *event);

/**
 * coil_event_is_set - is an event set?
 * @event: of the calling thread's loop
 *
 * Does not suspend.
 * Return: true if so.
 * Since 0.1. See asyncio.Event.is_set.
 */
bool coil_event_is_set(const struct coil_event *event);

/**
 * coil_event_stats - read the counters of an event
 * @event:     of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_event_stats(const struct coil_event *event, struct coil_event_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
