/* SPDX-License-Identifier: MIT */
/*
 * Something that is done once, by whoever needs it first. See coil/waiters.h for what all of its
 * kind have in common.
 */
#ifndef COIL_ONCE_H
#define COIL_ONCE_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. Zeroed memory is a once that was not done. */
struct coil_once {
	struct coil_waiters waiters;
	uint64_t runner;
	uint64_t failures;
	int32_t result;
	uint32_t is_done;
};

/* Totals since the init, unless marked as a state. */
struct coil_once_stats {
	size_t size;	   /* set by the caller: sizeof(struct coil_once_stats) */
	uint64_t is_done;  /* state: 1 or 0 */
	uint64_t runner;   /* state: the number of the task that does it now; 0: nobody */
	uint64_t waiters;  /* state: tasks that wait for it */
	uint64_t waits;	   /* tasks that had to wait */
	uint64_t failures; /* tries that failed */
};

/**
 * coil_once_init - make a once
 * @once: uninitialised memory; must stay until coil_once_deinit
 *
 * Does not suspend; needs no loop.
 * Since 0.1.
 */
void coil_once_init(struct coil_once *once);

/**
 * coil_once_deinit - end the use of a once
 * @once: nobody is in coil_once_run; NULL is allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_once_deinit(struct coil_once *once);

/**
 * coil_once_run - do something unless it was done
 * @once:  of the calling thread's loop; not from inside its own @entry: that is misuse and stops
 *         the program
 * @entry: run in the calling task, if it is the first; may wait
 * @arg:   passed to @entry
 *
 * One task runs its @entry, the others wait for it. Once an entry has returned >= 0 it is done for
 * ever; if it fails (or is cancelled) its caller alone gets the error, and the one who has waited
 * longest tries its own. A cancelled waiter leaves; one whose turn to try had come tries, and its
 * waits fail. Does not suspend when it is done.
 * Return: what the entry that succeeded returned, >= 0; what the caller's own @entry failed with;
 * the reason of a cancelled scope.
 * Since 0.1. See pthread_once(3), Go's sync.Once.
 */
int coil_once_run(struct coil_once *once, int (*entry)(void *arg), void *arg);

/**
 * coil_once_is_done - was it done?
 * @once: of the calling thread's loop
 *
 * Does not suspend.
 * Return: true once an entry has succeeded.
 * Since 0.1.
 */
bool coil_once_is_done(const struct coil_once *once);

/**
 * coil_once_stats - read the counters of a once
 * @once:      of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_once_stats(const struct coil_once *once, struct coil_once_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
