/* SPDX-License-Identifier: MIT */
/*
 * What all that tasks of one loop share and wait for has in common: mutex, rwlock, event,
 * condition, semaphore, barrier, once, wait group, limiter.
 *
 *   - First come, first served. What is given up is handed over: it belongs to the one who has
 *     waited longest before that one has run again, so that nobody who comes later can take it.
 *   - What need not wait does not suspend, but for the fairness budget (see coil_await): a lock, or
 *     a permit, is taken after that turn, the others have their result before it. In a cancelled
 *     scope whatever may wait fails, also where it would not have to: it lets one turn pass and
 *     returns the reason. What has happened already (an event is set) is told there, too; try forms
 *     and giving up work as ever.
 *   - A cancelled waiter leaves the queue. If it was handed something before, that counts: the call
 *     returns success, the next wait meets the cancellation, and giving up what was got passes it
 *     on. So no wake is lost.
 *   - They live in the caller's memory and belong to the loop that uses them first, until deinit. A
 *     waiter that was woken does not touch them any more. From other threads: see coil/shared.h.
 *   - Waiting, waking and cancelling allocate nothing.
 */
#ifndef COIL_WAITERS_H
#define COIL_WAITERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;
struct coil_waiter;

/* A queue of tasks. Private. */
struct coil_waiters {
	struct coil_loop *loop;
	struct coil_waiter *first;
	struct coil_waiter *last;
	uint64_t waits;
	uint32_t count;
	uint32_t reserved;
};

#ifdef __cplusplus
}
#endif

#endif
