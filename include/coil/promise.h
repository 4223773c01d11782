/* SPDX-License-Identifier: MIT */
/* Promises: futures that the program resolves, on the loop's thread or from another one. */
#ifndef COIL_PROMISE_H
#define COIL_PROMISE_H

#include "coil/future.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

/* In the caller's memory. Await @future; the rest is private. */
struct coil_promise {
	struct coil_future future;
	struct coil_hook arrival;
	struct coil_loop *loop;
	int32_t posted_result;
	uint32_t posting;
};

/**
 * coil_promise_init - make a pending promise
 * @promise: uninitialised memory; must stay until coil_promise_deinit
 *
 * Belongs to the calling thread's loop. Does not suspend.
 * Since 0.1.
 */
void coil_promise_init(struct coil_promise *promise);

/**
 * coil_promise_resolve - give a promise its result
 * @promise: pending, of the calling thread's loop
 * @result:  >= 0, or a negative errno
 *
 * The waiters run in the next turn, in the order in which they came. Does not suspend. Resolving
 * twice is misuse and stops the program.
 * Since 0.1.
 */
void coil_promise_resolve(struct coil_promise *promise, int result);

/**
 * coil_promise_resolve_from_thread - give a promise its result from any thread
 * @promise: pending; nobody else resolves it
 * @result:  >= 0, or a negative errno
 *
 * Wakes the promise's loop if it sleeps. Does not suspend, takes no lock, may be called from a
 * thread without a loop. What the calling thread wrote before is visible to the waiters. The
 * promise's owner may free it as soon as coil_promise_deinit has returned, even while this call is
 * still returning.
 * Since 0.1.
 */
void coil_promise_resolve_from_thread(struct coil_promise *promise, int result);

/**
 * coil_promise_deinit - end the use of a promise
 * @promise: without waiters; NULL is allowed
 *
 * A promise that nobody awaits may be dropped while it is pending, provided that no other thread
 * is going to resolve it. Waits, without suspending, for a coil_promise_resolve_from_thread that
 * is still on its way out.
 * Since 0.1.
 */
void coil_promise_deinit(struct coil_promise *promise);

#ifdef __cplusplus
}
#endif

#endif
