/* SPDX-License-Identifier: MIT */
/*
 * A count of things that are still to be done, and tasks that wait until it is zero. Tasks that
 * belong together are better waited for as a group (coil/group.h), which nothing outlives. See
 * coil/waiters.h for what all of its kind have in common.
 */
#ifndef COIL_WAIT_GROUP_H
#define COIL_WAIT_GROUP_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. Zeroed memory is a wait group with nothing to be done. */
struct coil_wait_group {
	struct coil_waiters waiters;
	uint64_t added;
	uint32_t count;
	uint32_t reserved;
};

/* Totals since the init, unless marked as a state. */
struct coil_wait_group_stats {
	size_t size;	  /* set by the caller: sizeof(struct coil_wait_group_stats) */
	uint64_t count;	  /* state: what is still to be done */
	uint64_t waiters; /* state: tasks that wait */
	uint64_t waits;	  /* tasks that had to wait */
	uint64_t added;	  /* what was added */
};

/**
 * coil_wait_group_init - make a wait group with nothing to be done
 * @wait_group: uninitialised memory; must stay until coil_wait_group_deinit
 *
 * Does not suspend; needs no loop.
 * Since 0.1.
 */
void coil_wait_group_init(struct coil_wait_group *wait_group);

/**
 * coil_wait_group_deinit - end the use of a wait group
 * @wait_group: without waiters; NULL is allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_wait_group_deinit(struct coil_wait_group *wait_group);

/**
 * coil_wait_group_add - there is more to be done
 * @wait_group: of the calling thread's loop
 * @n:          count; more than 4,294,967,295 in all is misuse and stops the program
 *
 * Does not suspend, works outside of tasks.
 * Since 0.1. See Go's sync.WaitGroup.
 */
void coil_wait_group_add(struct coil_wait_group *wait_group, unsigned n);

/**
 * coil_wait_group_done - one thing is done
 * @wait_group: of the calling thread's loop; more often than it was added is misuse and stops the
 *              program
 *
 * With the last one all who wait run in the next turn, even if something is added meanwhile. Does
 * not suspend, works in a cancelled scope and outside of tasks.
 * Since 0.1.
 */
void coil_wait_group_done(struct coil_wait_group *wait_group);

/**
 * coil_wait_group_wait - wait until nothing is left to be done
 * @wait_group: of the calling thread's loop
 *
 * Suspends unless that is so. A cancelled waiter leaves; one that was woken returns 0.
 * Return: 0; the reason of a cancelled scope if it had to wait.
 * Since 0.1.
 */
int coil_wait_group_wait(struct coil_wait_group *wait_group);

/**
 * coil_wait_group_count - how much is left to be done?
 * @wait_group: of the calling thread's loop
 *
 * Does not suspend.
 * Return: count.
 * Since 0.1.
 */
unsigned coil_wait_group_count(const struct coil_wait_group *wait_group);

/**
 * coil_wait_group_stats - read the counters of a wait group
 * @wait_group: of the calling thread's loop
 * @ret_stats:  its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_wait_group_stats(const struct coil_wait_group *wait_group,
			  struct coil_wait_group_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
