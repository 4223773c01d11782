/* SPDX-License-Identifier: MIT */
/* Timers: futures that the clock resolves. They live on a heap in user space and cost the kernel
 * nothing. */
#ifndef COIL_TIMER_H
#define COIL_TIMER_H

#include "coil/future.h"
#include "coil/node.h"
#include "coil/time.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory. Await @future; the rest is private. */
struct coil_timer {
	struct coil_future future;
	uint32_t *owner;
	struct coil_alarm alarm;
};

/**
 * coil_timer_start - arm a timer
 * @timer:    uninitialised memory, or a timer that is done; must stay until the timer is done
 * @deadline: on coil_now()'s clock, in nanoseconds; a past one fires in the next turn; COIL_FOREVER
 * never does
 *
 * The future resolves with 0 at the deadline, never before it; timers with equal deadlines fire in
 * the order in which they were started. Does not suspend.
 * Return: 0; -ENOMEM if the heap of timers cannot grow (the timer is not started then).
 * Since 0.1.
 */
int coil_timer_start(struct coil_timer *timer, int64_t deadline);

/**
 * coil_timer_cancel - take a timer back
 * @timer: started at least once
 *
 * A pending timer is resolved with -ECANCELED. Does not suspend.
 * Return: 0; -EALREADY if it was done.
 * Since 0.1.
 */
int coil_timer_cancel(struct coil_timer *timer);

#ifdef __cplusplus
}
#endif

#endif
