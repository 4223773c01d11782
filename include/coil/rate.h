/* SPDX-License-Identifier: MIT */
/*
 * Rate limiters: so many tokens in a period, and so many at once after a pause (a token bucket).
 * Who acquires waits until its tokens are there, first come first served.
 */
#ifndef COIL_RATE_H
#define COIL_RATE_H

#include "coil/future.h"
#include "coil/node.h"
#include "coil/time.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

/* In the caller's memory. Private. */
struct coil_rate {
	struct coil_hook refilled;
	struct coil_alarm alarm;
	struct coil_list waiting;
	struct coil_loop *loop;
	uint64_t tokens;
	uint64_t period;
	uint64_t full;
	uint64_t level;
	int64_t updated;
	uint32_t is_armed;
	uint32_t check_word;
};

/**
 * coil_rate_init - make a rate limiter, full
 * @rate:   uninitialised memory; must stay until coil_rate_deinit
 * @tokens: that come in each @period, evenly; at least 1
 * @period: nanoseconds, at least 1; COIL_SEC for a rate per second
 * @burst:  tokens that there are at most, at least 1; @burst times @period below 2^63
 *
 * Belongs to the calling thread's loop. The count is exact: no fraction of a token is lost, and a
 * wake that comes late costs none as long as it is late by less than its tokens take. Does not
 * suspend.
 * Return: 0; -EINVAL if an argument is out of bounds.
 * Since 0.1.
 */
int coil_rate_init(struct coil_rate *rate, uint64_t tokens, int64_t period, uint64_t burst);

/**
 * coil_rate_acquire - take tokens, wait until they are there
 * @rate: of the calling task's loop
 * @n:    tokens; 0 takes none and returns at once
 *
 * Suspends unless they are there and nobody waits. First come first served: one that wants few
 * tokens does not overtake one that wants many. A cancelled waiter leaves the line and has taken
 * nothing; one that was given its tokens already keeps them and returns 0.
 * Return: 0; -EINVAL if @n is more than the burst; -ENOMEM if the heap of timers cannot grow; the
 * reason of a cancelled scope.
 * Since 0.1.
 */
int coil_rate_acquire(struct coil_rate *rate, uint64_t n);

/**
 * coil_rate_try_acquire - take tokens if they are there
 * @rate: of the calling thread's loop
 * @n:    as coil_rate_acquire
 *
 * Does not suspend; works in a cancelled scope and outside of tasks, too.
 * Return: 0; -EAGAIN if they are not there, or somebody waits; -EINVAL.
 * Since 0.1.
 */
int coil_rate_try_acquire(struct coil_rate *rate, uint64_t n);

/**
 * coil_rate_available - how many tokens are there now?
 * @rate: of the calling thread's loop
 *
 * Does not suspend.
 * Return: whole tokens, 0 while somebody waits.
 * Since 0.1.
 */
uint64_t coil_rate_available(struct coil_rate *rate);

/**
 * coil_rate_deinit - end the use of a rate limiter
 * @rate: nobody waits; NULL, and one whose init failed, are allowed
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_rate_deinit(struct coil_rate *rate);

#ifdef __cplusplus
}
#endif

#endif
