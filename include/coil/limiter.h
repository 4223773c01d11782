/* SPDX-License-Identifier: MIT */
/*
 * A number of tokens and who has borrowed them: a semaphore that knows its users, and whose size
 * may change while it is in use. See coil/waiters.h for what all of its kind have in common.
 */
#ifndef COIL_LIMITER_H
#define COIL_LIMITER_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_borrower;

/* In the caller's memory; private. */
struct coil_limiter {
	struct coil_waiters waiters;
	struct coil_borrower *slots;
	uint64_t acquired;
	uint32_t slot_count;
	uint32_t known;
	uint32_t borrowed;
	uint32_t total;
};

/* Totals since the init, unless marked as a state. */
struct coil_limiter_stats {
	size_t size;	   /* set by the caller: sizeof(struct coil_limiter_stats) */
	uint64_t total;	   /* state: tokens that there are */
	uint64_t borrowed; /* state: tokens that are out; above the total after it was lowered */
	uint64_t waiters;  /* state: tasks that wait for one */
	uint64_t waits;	   /* tasks that had to wait */
	uint64_t acquired; /* tokens that were taken without waiting */
};

/**
 * coil_limiter_init - make a limiter
 * @limiter: uninitialised memory; must stay until coil_limiter_deinit
 * @total:   tokens; 0: nobody gets one until coil_limiter_set_total
 *
 * Does not suspend; needs no loop.
 * Since 0.1. See Trio's CapacityLimiter.
 */
void coil_limiter_init(struct coil_limiter *limiter, unsigned total);

/**
 * coil_limiter_deinit - end the use of a limiter
 * @limiter: without waiters and borrowers; NULL is allowed
 *
 * Gives back the memory of the list of borrowers: before the end of the loop. Does not suspend.
 * Since 0.1.
 */
void coil_limiter_deinit(struct coil_limiter *limiter);

/**
 * coil_limiter_acquire - borrow a token
 * @limiter: of the calling thread's loop; a second token for the same borrower is misuse and stops
 *           the program: it would wait for itself where there is but one
 *
 * The borrower is the calling task. Suspends while no token is free. A cancelled waiter leaves the
 * queue; one that was handed a token already has it, and the next wait meets the cancellation.
 * Return: 0; -ENOMEM if the list of borrowers cannot grow; the reason of a cancelled
 * scope.
 * Since 0.1.
 */
int coil_limiter_acquire(struct coil_limiter *limiter);

/**
 * coil_limiter_acquire_for - borrow a token on behalf of something else
 * @limiter:  as coil_limiter_acquire
 * @borrower: any address but NULL; not looked at
 *
 * Suspends, and is cancelled, as coil_limiter_acquire.
 * Return: as coil_limiter_acquire.
 * Since 0.1. See Trio's acquire_on_behalf_of.
 */
int coil_limiter_acquire_for(struct coil_limiter *limiter, const void *borrower);

/**
 * coil_limiter_try_acquire - borrow a token if one is free
 * @limiter: as coil_limiter_acquire
 *
 * The borrower is the calling task. Does not suspend; works in a cancelled scope.
 * Return: 0; -EAGAIN; -ENOMEM.
 * Since 0.1.
 */
int coil_limiter_try_acquire(struct coil_limiter *limiter);

/**
 * coil_limiter_try_acquire_for - borrow a token on behalf of something else, if one is free
 * @limiter:  as coil_limiter_acquire
 * @borrower: any address but NULL; not looked at
 *
 * Does not suspend; works in a cancelled scope and outside of tasks.
 * Return: 0; -EAGAIN; -ENOMEM.
 * Since 0.1.
 */
int coil_limiter_try_acquire_for(struct coil_limiter *limiter, const void *borrower);

/**
 * coil_limiter_release - give a token back
 * @limiter: the calling task has borrowed one; otherwise it is misuse and stops the program
 *
 * It goes to who has waited longest, unless a lowered total takes it away. Does not suspend, works
 * in a cancelled scope.
 * Since 0.1.
 */
void coil_limiter_release(struct coil_limiter *limiter);

/**
 * coil_limiter_release_for - give a token back that something else has borrowed
 * @limiter:  of the calling thread's loop
 * @borrower: it has borrowed a token; otherwise it is misuse and stops the program
 *
 * As coil_limiter_release; works outside of tasks, too.
 * Since 0.1.
 */
void coil_limiter_release_for(struct coil_limiter *limiter, const void *borrower);

/**
 * coil_limiter_set_total - change the number of tokens
 * @limiter: of the calling thread's loop
 * @total:   tokens. More: those who have waited longest get them at once. Fewer: nothing is taken
 *           away, and nobody gets one until enough have come back
 *
 * Does not suspend, works in a cancelled scope and outside of tasks.
 * Since 0.1. See Trio's total_tokens.
 */
void coil_limiter_set_total(struct coil_limiter *limiter, unsigned total);

/**
 * coil_limiter_total - how many tokens are there?
 * @limiter: of the calling thread's loop
 *
 * Does not suspend.
 * Return: count.
 * Since 0.1. See Trio's total_tokens.
 */
unsigned coil_limiter_total(const struct coil_limiter *limiter);

/**
 * coil_limiter_borrowed - how many tokens are out?
 * @limiter: of the calling thread's loop
 *
 * Does not suspend.
 * Return: count; above the total after it was lowered.
 * Since 0.1. See Trio's borrowed_tokens.
 */
unsigned coil_limiter_borrowed(const struct coil_limiter *limiter);

/**
 * coil_limiter_available - how many tokens are free?
 * @limiter: of the calling thread's loop
 *
 * Does not suspend.
 * Return: count.
 * Since 0.1. See Trio's available_tokens.
 */
unsigned coil_limiter_available(const struct coil_limiter *limiter);

/**
 * coil_limiter_borrowers - who has borrowed tokens?
 * @limiter:       of the calling thread's loop
 * @ret_borrowers: room for @n, filled in no particular order: tasks (struct coil_task *), and what
 *                 was passed to coil_limiter_acquire_for
 * @n:             count
 *
 * Does not suspend.
 * Return: how many have, which may be more than @n.
 * Since 0.1.
 */
unsigned coil_limiter_borrowers(const struct coil_limiter *limiter, const void **ret_borrowers,
				unsigned n);

/**
 * coil_limiter_stats - read the counters of a limiter
 * @limiter:   of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1. See Trio's statistics.
 */
int coil_limiter_stats(const struct coil_limiter *limiter, struct coil_limiter_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
