/* SPDX-License-Identifier: MIT */
/*
 * Conditions: tasks that hold a mutex wait for something to become true under it. See
 * coil/waiters.h for what all of its kind have in common.
 */
#ifndef COIL_COND_H
#define COIL_COND_H

#include "coil/mutex.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. */
struct coil_cond {
	struct coil_waiters waiters;
	struct coil_mutex *mutex;
	uint64_t notified;
};

/* Totals since the init, unless marked as a state. */
struct coil_cond_stats {
	size_t size;	   /* set by the caller: sizeof(struct coil_cond_stats) */
	uint64_t waiters;  /* state: tasks that wait to be notified */
	uint64_t waits;	   /* waits that began */
	uint64_t notified; /* waiters that were notified */
};

/**
 * coil_cond_init - make a condition
 * @cond:  uninitialised memory; must stay until coil_cond_deinit
 * @mutex: what is held around each use of @cond; several conditions may have the same one; must
 *         stay as long as @cond
 *
 * Does not suspend; needs no loop.
 * Since 0.1. See asyncio.Condition; its acquire, release and locked are the mutex's.
 */
void coil_cond_init(struct coil_cond *cond, struct coil_mutex *mutex);

/**
 * coil_cond_deinit - end the use of a condition
 * @cond: without waiters; NULL is allowed. Who was notified and takes the mutex again waits for the
 *        mutex alone
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_cond_deinit(struct coil_cond *cond);

/**
 * coil_cond_wait - give the mutex up, wait to be notified, and take the mutex again
 * @cond: its mutex is held by the calling task; anything else is misuse and stops the program
 *
 * Suspends, at least for a turn. The mutex is held again whatever is returned: a cancelled waiter
 * goes from the condition's queue to the mutex's, and waits there to the end. One that was notified
 * before returns 0 and owes the condition a look, in spite of the cancel, which the next wait
 * meets. What is waited for may have become untrue in the meantime: wait in a loop.
 * Return: 0: notified; the reason of a cancelled scope.
 * Since 0.1. See asyncio.Condition.wait.
 */
int coil_cond_wait(struct coil_cond *cond);

/**
 * coil_cond_wait_for - wait until a predicate holds
 * @cond:      as coil_cond_wait
 * @predicate: called with the mutex held, before the first wait and after each; 0 goes on waiting,
 *             anything else ends it. It may wait, for anything but @cond's mutex
 * @arg:       passed to @predicate
 *
 * Suspends unless @predicate holds already.
 * Return: what @predicate returned at last: > 0, or a negative errno of its own; the reason of a
 * cancelled scope. The mutex is held in every case.
 * Since 0.1. See asyncio.Condition.wait_for.
 */
int coil_cond_wait_for(struct coil_cond *cond, int (*predicate)(void *arg), void *arg);

/**
 * coil_cond_notify - wake some who wait
 * @cond: its mutex is held by the calling task; anything else is misuse and stops the program
 * @n:    how many at most; those who have waited longest
 *
 * They queue for the mutex. Does not suspend, works in a cancelled scope.
 * Since 0.1. See asyncio.Condition.notify.
 */
void coil_cond_notify(struct coil_cond *cond, unsigned n);

/**
 * coil_cond_notify_all - wake all who wait
 * @cond: as coil_cond_notify
 *
 * They take the mutex one after the other, in the order in which they came. Does not suspend.
 * Since 0.1. See asyncio.Condition.notify_all.
 */
void coil_cond_notify_all(struct coil_cond *cond);

/**
 * coil_cond_stats - read the counters of a condition
 * @cond:      of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_cond_stats(const struct coil_cond *cond, struct coil_cond_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
