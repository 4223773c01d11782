/* SPDX-License-Identifier: MIT */
/*
 * A number of permits. Any task may release, and so may hooks. See coil/waiters.h for what all of
 * its kind have in common.
 */
#ifndef COIL_SEMAPHORE_H
#define COIL_SEMAPHORE_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. */
struct coil_semaphore {
	struct coil_waiters waiters;
	uint64_t acquired;
	uint32_t value;
	uint32_t bound;
};

/* Totals since the init, unless marked as a state. */
struct coil_semaphore_stats {
	size_t size;	   /* set by the caller: sizeof(struct coil_semaphore_stats) */
	uint64_t value;	   /* state: permits that are free */
	uint64_t bound;	   /* state: more are never free */
	uint64_t waiters;  /* state: tasks that wait for a permit */
	uint64_t waits;	   /* tasks that had to wait */
	uint64_t acquired; /* permits that were taken without waiting */
};

/**
 * coil_semaphore_init - make a semaphore
 * @semaphore: uninitialised memory; must stay until coil_semaphore_deinit
 * @value:     permits that are free
 *
 * Does not suspend; needs no loop.
 * Since 0.1. See asyncio.Semaphore.
 */
void coil_semaphore_init(struct coil_semaphore *semaphore, unsigned value);

/**
 * coil_semaphore_init_bounded - make a semaphore that watches over its bound
 * @semaphore: uninitialised memory; must stay until coil_semaphore_deinit
 * @value:     permits that are free
 * @bound:     permits that there are; at least @value. A release that would make more than these
 *             free is misuse and stops the program
 *
 * Does not suspend; needs no loop.
 * Since 0.1. See asyncio.BoundedSemaphore, whose two numbers are the same.
 */
void coil_semaphore_init_bounded(struct coil_semaphore *semaphore, unsigned value, unsigned bound);

/**
 * coil_semaphore_deinit - end the use of a semaphore
 * @semaphore: without waiters; NULL is allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_semaphore_deinit(struct coil_semaphore *semaphore);

/**
 * coil_semaphore_acquire - take a permit
 * @semaphore: of the calling thread's loop
 *
 * Suspends while none is free. A cancelled waiter leaves the queue; one that was handed a permit
 * already has it, and the next wait meets the cancellation.
 * Return: 0; the reason of a cancelled scope.
 * Since 0.1. See asyncio.Semaphore.acquire.
 */
int coil_semaphore_acquire(struct coil_semaphore *semaphore);

/**
 * coil_semaphore_try_acquire - take a permit if one is free
 * @semaphore: of the calling thread's loop
 *
 * Does not suspend; works in a cancelled scope and outside of tasks.
 * Return: 0; -EAGAIN.
 * Since 0.1.
 */
int coil_semaphore_try_acquire(struct coil_semaphore *semaphore);

/**
 * coil_semaphore_release - give a permit
 * @semaphore: of the calling thread's loop; below its bound, or 4,294,967,295 if it has none
 *
 * It goes to who has waited longest. Does not suspend, works in a cancelled scope and outside of
 * tasks. Above the bound it is misuse and stops the program.
 * Since 0.1. See asyncio.Semaphore.release.
 */
void coil_semaphore_release(struct coil_semaphore *semaphore);

/**
 * coil_semaphore_value - how many permits are free?
 * @semaphore: of the calling thread's loop
 *
 * Does not suspend.
 * Return: count; 0 while anybody waits.
 * Since 0.1.
 */
unsigned coil_semaphore_value(const struct coil_semaphore *semaphore);

/**
 * coil_semaphore_is_locked - would an acquire have to wait?
 * @semaphore: of the calling thread's loop
 *
 * Does not suspend.
 * Return: true if no permit is free.
 * Since 0.1. See asyncio.Semaphore.locked.
 */
bool coil_semaphore_is_locked(const struct coil_semaphore *semaphore);

/**
 * coil_semaphore_stats - read the counters of a semaphore
 * @semaphore: of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_semaphore_stats(const struct coil_semaphore *semaphore,
			 struct coil_semaphore_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
