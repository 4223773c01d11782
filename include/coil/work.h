/* SPDX-License-Identifier: MIT */
/*
 * What blocks runs elsewhere: a function on a helper thread, while other tasks run on. See
 * coil/pool.h for what holds for pools, coil/call.h for the way back into the loop.
 */
#ifndef COIL_WORK_H
#define COIL_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "coil/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of struct coil_offload_options. */
enum coil_offload_flags {
	COIL_OFFLOAD_ABANDON = 1 << 0 /* a cancel does not wait for work that has begun */
};

/* How to offload. Zero is the default of each field. */
struct coil_offload_options {
	size_t size;		/* sizeof(struct coil_offload_options) */
	struct coil_pool *pool; /* default: the loop's own */
	unsigned flags;		/* enum coil_offload_flags */
	/* With COIL_OFFLOAD_ABANDON: */
	size_t arg_bytes; /* so many bytes at @arg are copied, and copied back at the end */
	void (*on_left)(void *arg, int result); /* on the helper thread, when work that was left
						   behind has ended: releases what it has made */
	const char *name; /* shown if the work outlives the loop; must outlive it; default "work" */
};

/**
 * coil_offload - run a function on a helper thread, and wait for it
 * @fn:  may block; >= 0 or a negative errno. It may not call what needs a loop, except coil_post,
 *       coil_spawn_on and coil_call_on; task locals are those of the caller (coil/local.h)
 * @arg: passed to @fn; need not outlive the call
 *
 * Suspends the calling task; the loop runs on. Runs on the loop's own pool: if all its threads are
 * busy and its queue is full, the call waits for room first. A cancel takes what has not begun out
 * of the queue; what has begun runs to its end, which the call waits for, since it may use the
 * caller's frame: coil_work_cancelled() tells @fn so. A result that came in spite of the cancel is
 * returned, and the next wait meets the cancellation.
 * Return: what @fn returned; -ENOMEM if no thread could be started (coil_last_error() says why);
 * the reason of a cancelled scope if @fn had not begun, or has returned -ECANCELED after a cancel.
 * Since 0.1. See asyncio.to_thread.
 */
int coil_offload(int (*fn)(void *arg), void *arg);

/**
 * coil_offload_with - coil_offload, with options
 * @options: NULL for the defaults
 * @fn:      as coil_offload; with COIL_OFFLOAD_ABANDON it may outlive the call and the loop, may
 *           use no memory of the caller's but its copy of @arg, and sees none of its task locals
 * @arg:     as coil_offload; with arg_bytes, @fn gets a copy of it, aligned for any type
 *
 * With COIL_OFFLOAD_ABANDON a cancel of work that has begun does not wait for it: the caller gets
 * its scope's reason at once, the work runs on, and on_left gets the copy and the result. For what
 * cannot be interrupted and would take too long, as getaddrinfo(3).
 * Return: as coil_offload; -EINVAL if options contradict each other; -ENOMEM for the copy.
 * Since 0.1.
 */
int coil_offload_with(const struct coil_offload_options *options, int (*fn)(void *arg), void *arg);

/**
 * coil_work_cancelled - should the function that runs here finish soon?
 *
 * On a thread of a pool: was the work that it does cancelled, or left behind? May be called as
 * often as one likes. Does not suspend.
 * Return: true if so; false elsewhere.
 * Since 0.1.
 */
bool coil_work_cancelled(void);

#ifdef __cplusplus
}
#endif

#endif
