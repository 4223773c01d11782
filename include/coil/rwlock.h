/* SPDX-License-Identifier: MIT */
/*
 * A lock that many readers or one writer hold. Readers and writers stand in one queue, so that
 * neither starves: who comes after a waiting writer waits behind it. See coil/waiters.h for what
 * all of its kind have in common.
 */
#ifndef COIL_RWLOCK_H
#define COIL_RWLOCK_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. Zeroed memory is a lock that nobody holds. */
struct coil_rwlock {
	struct coil_waiters waiters;
	uint64_t writer;
	uint64_t locks;
	uint32_t readers;
	uint32_t reserved;
};

/* Totals since the init, unless marked as a state. */
struct coil_rwlock_stats {
	size_t size;	  /* set by the caller: sizeof(struct coil_rwlock_stats) */
	uint64_t writer;  /* state: the number of the task that holds it to write; 0: nobody */
	uint64_t readers; /* state: how many hold it to read */
	uint64_t waiters; /* state: tasks that wait for it */
	uint64_t waits;	  /* tasks that had to wait */
	uint64_t locks;	  /* times that it was taken without waiting */
};

/**
 * coil_rwlock_init - make a readers' and writer's lock
 * @rwlock: uninitialised memory; must stay until coil_rwlock_deinit
 *
 * Does not suspend; needs no loop.
 * Since 0.1.
 */
void coil_rwlock_init(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_deinit - end the use of a lock
 * @rwlock: held by nobody, without waiters; NULL is allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_rwlock_deinit(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_read_lock - take a lock to read
 * @rwlock: not held to write by the calling task: that is misuse and stops the program. A task that
 *          reads already must not take it again: a writer may have queued meanwhile, and the two
 *          would wait for each other
 *
 * Suspends while a writer holds it or waits for it. A cancelled waiter leaves the queue; one that
 * was handed the lock already has it, and the next wait meets the cancellation.
 * Return: 0; the reason of a cancelled scope.
 * Since 0.1.
 */
int coil_rwlock_read_lock(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_try_read_lock - take a lock to read, if no writer has it or waits for it
 * @rwlock: any state
 *
 * Does not suspend; works in a cancelled scope.
 * Return: 0; -EAGAIN.
 * Since 0.1.
 */
int coil_rwlock_try_read_lock(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_read_unlock - read no more
 * @rwlock: held to read by the calling task; anything else is misuse, and stops the program where
 *          it is seen: nobody reads, or the task holds no lock at all
 *
 * Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_rwlock_read_unlock(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_write_lock - take a lock to write
 * @rwlock: not held by the calling task in any way; holding it to write is misuse and stops the
 *          program
 *
 * Suspends while anybody holds it, or came before. Cancel: as coil_rwlock_read_lock; readers that
 * waited behind a writer that leaves go ahead.
 * Return: 0; the reason of a cancelled scope.
 * Since 0.1.
 */
int coil_rwlock_write_lock(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_try_write_lock - take a lock to write, if nobody has it
 * @rwlock: any state
 *
 * Does not suspend; works in a cancelled scope.
 * Return: 0; -EAGAIN.
 * Since 0.1.
 */
int coil_rwlock_try_write_lock(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_write_unlock - write no more
 * @rwlock: held to write by the calling task; anything else is misuse and stops the program
 *
 * Hands it to who has waited longest: a writer, or all readers up to the next writer. Does not
 * suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_rwlock_write_unlock(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_downgrade - go on reading what was written
 * @rwlock: held to write by the calling task; anything else is misuse and stops the program
 *
 * The caller holds it to read from now on, with no writer in between; readers that wait at the head
 * of the queue join it. Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_rwlock_downgrade(struct coil_rwlock *rwlock);

/**
 * coil_rwlock_is_locked - does anybody hold a lock?
 * @rwlock: of the calling thread's loop
 *
 * Does not suspend.
 * Return: true if a task holds it, to read or to write.
 * Since 0.1.
 */
bool coil_rwlock_is_locked(const struct coil_rwlock *rwlock);

/**
 * coil_rwlock_stats - read the counters of a lock
 * @rwlock:    of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_rwlock_stats(const struct coil_rwlock *rwlock, struct coil_rwlock_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
