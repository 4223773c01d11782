/* SPDX-License-Identifier: MIT */
/* A lock that one task holds at a time. See coil/waiters.h for what all of its kind have in common.
 */
#ifndef COIL_MUTEX_H
#define COIL_MUTEX_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. Zeroed memory is a mutex that nobody holds. */
struct coil_mutex {
	struct coil_waiters waiters;
	uint64_t holder;
	uint64_t locks;
};

/* Totals since the init, unless marked as a state. */
struct coil_mutex_stats {
	size_t size;	  /* set by the caller: sizeof(struct coil_mutex_stats) */
	uint64_t holder;  /* state: the number of the task that holds it; 0: nobody */
	uint64_t waiters; /* state: tasks that wait for it */
	uint64_t waits;	  /* tasks that had to wait */
	uint64_t locks;	  /* times that it was taken without waiting */
};

/**
 * coil_mutex_init - make a mutex
 * @mutex: uninitialised memory; must stay until coil_mutex_deinit
 *
 * Does not suspend; needs no loop.
 * Since 0.1.
 */
void coil_mutex_init(struct coil_mutex *mutex);

/**
 * coil_mutex_deinit - end the use of a mutex
 * @mutex: held by nobody, without waiters; NULL is allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_mutex_deinit(struct coil_mutex *mutex);

/**
 * coil_mutex_lock - take a mutex
 * @mutex: not held by the calling task: waiting for oneself is misuse and stops the program
 *
 * Suspends while another task holds it, or came before. A cancelled waiter leaves the queue; one
 * that was handed the mutex already has it, and the next wait meets the cancellation. A task that
 * ends while it holds a mutex stops the program.
 * Return: 0: the mutex is the caller's; the reason of a cancelled scope.
 * Since 0.1. See asyncio.Lock.acquire.
 */
int coil_mutex_lock(struct coil_mutex *mutex);

/**
 * coil_mutex_try_lock - take a mutex if nobody has it
 * @mutex: as coil_mutex_lock; held by the calling task is an error, no misuse
 *
 * Does not suspend; works in a cancelled scope.
 * Return: 0; -EAGAIN if a task holds it.
 * Since 0.1.
 */
int coil_mutex_try_lock(struct coil_mutex *mutex);

/**
 * coil_mutex_unlock - give a mutex up
 * @mutex: held by the calling task; anything else is misuse and stops the program. What one task
 *         takes and another gives up is a semaphore
 *
 * Hands it to who has waited longest, which runs in the next turn. Does not suspend, works in a
 * cancelled scope.
 * Since 0.1. See asyncio.Lock.release.
 */
void coil_mutex_unlock(struct coil_mutex *mutex);

/**
 * coil_mutex_is_locked - does anybody hold a mutex?
 * @mutex: of the calling thread's loop
 *
 * Does not suspend.
 * Return: true if a task holds it.
 * Since 0.1. See asyncio.Lock.locked.
 */
bool coil_mutex_is_locked(const struct coil_mutex *mutex);

/**
 * coil_mutex_stats - read the counters of a mutex
 * @mutex:     of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_mutex_stats(const struct coil_mutex *mutex, struct coil_mutex_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
