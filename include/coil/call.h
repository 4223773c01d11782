/* SPDX-License-Identifier: MIT */
/*
 * Into a loop from other threads. The loop must not be closed before such a call has returned: a
 * task of it that awaits a promise which the thread resolves last sees to that, as does
 * coil_offload for the threads of pools.
 */
#ifndef COIL_CALL_H
#define COIL_CALL_H

#include <stdbool.h>

#include "coil/promise.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_task;

/**
 * coil_post - have a function called on a loop's thread
 * @loop: any thread's, open until the call returns
 * @fn:   called in one of the loop's next turns, on the loop's own stack: it must not wait
 * @arg:  passed to @fn
 *
 * From any thread. What one thread posts is called in that order; what was posted before the loop
 * is closed is called. Does not suspend, takes no lock.
 * Return: 0; -ENOMEM.
 * Since 0.1. See asyncio's call_soon_threadsafe.
 */
int coil_post(struct coil_loop *loop, void (*fn)(void *arg), void *arg);

/**
 * coil_spawn_on - start a task on another thread's loop
 * @loop:  as coil_post
 * @entry: run as a task of @loop's outermost group
 * @arg:   passed to @entry
 *
 * From any thread. Nobody joins the task; should the loop have no memory for its stack, that is
 * said on standard error. Does not suspend.
 * Return: 0; -ENOMEM.
 * Since 0.1.
 */
int coil_spawn_on(struct coil_loop *loop, int (*entry)(void *arg), void *arg);

/* A call into another loop. In the caller's memory. Private. */
struct coil_call {
	struct coil_promise answer;
	struct coil_hook arrival;
	struct coil_hook cancelled;
	struct coil_loop *loop;
	struct coil_task *task;
	int (*entry)(void *arg);
	void *arg;
	uint32_t *owner;
	int32_t result;
	uint32_t state;
	uint32_t is_answered;
	uint32_t reserved;
};

/**
 * coil_call_on - run a function as a task of another thread's loop, and wait for its result
 * @loop:  as coil_post; not the caller's own unless it is called in a task
 * @entry: run as a task of @loop's outermost group: it may wait
 * @arg:   passed to @entry; need not outlive the call
 *
 * From any thread. In a task it suspends, and a cancel of the caller is passed on to the task that
 * runs @entry, which is waited for. On a thread without a loop it blocks; on a thread of a pool, a
 * cancel of the work that is done there is passed on likewise.
 * Return: what @entry returned; the reason of a cancelled scope, if @entry ended with -ECANCELED
 * for it; -ENOMEM if @loop has no stack for a task; -EOPNOTSUPP on a simulated kernel's helper
 * threads, which cannot block.
 * Since 0.1. See asyncio's run_coroutine_threadsafe.
 */
int coil_call_on(struct coil_loop *loop, int (*entry)(void *arg), void *arg);

/**
 * coil_call_start - begin a call into another loop
 * @call:  uninitialised memory; must stay until coil_call_wait has returned
 * @loop:  as coil_call_on
 * @entry: as coil_call_on
 * @arg:   as coil_call_on; must stay likewise
 *
 * The first half of coil_call_on. Does not suspend.
 * Return: 0; -EOPNOTSUPP as coil_call_on; then nothing was begun.
 * Since 0.1.
 */
int coil_call_start(struct coil_call *call, struct coil_loop *loop, int (*entry)(void *arg),
		    void *arg);

/**
 * coil_call_cancel - ask a call to finish soon
 * @call: started; coil_call_wait has not returned yet
 *
 * Cancels the task that runs it, which may refuse. From any thread. Does not suspend. Idempotent.
 * Since 0.1.
 */
void coil_call_cancel(struct coil_call *call);

/**
 * coil_call_wait - wait for a call's result
 * @call: started on this thread; once
 *
 * The second half of coil_call_on: suspends a task, blocks a thread without a loop.
 * Return: as coil_call_on.
 * Since 0.1.
 */
int coil_call_wait(struct coil_call *call);

/**
 * coil_call_done - is a call over?
 * @call: started on this thread
 *
 * Does not suspend.
 * Return: true once coil_call_wait would return at once.
 * Since 0.1.
 */
bool coil_call_done(const struct coil_call *call);

#ifdef __cplusplus
}
#endif

#endif
