/* SPDX-License-Identifier: MIT */
/*
 * Pools of threads for what blocks: functions that have no operation of the kernel's, or that
 * compute for long. A loop has a pool of its own, opened at its first use; more of them keep kinds
 * of work apart. Threads are started when work waits and none is idle, take no signals, are named
 * "coil-work", and end when nothing came for a while.
 */
#ifndef COIL_POOL_H
#define COIL_POOL_H

#include <stddef.h>

#include "coil/future.h"
#include "coil/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_pool;

/* How a pool works. Zero is the default of each field. */
struct coil_pool_options {
	size_t size;	      /* sizeof(struct coil_pool_options) */
	const char *name;     /* shown in reports; must outlive the pool; default "pool" */
	unsigned threads_max; /* 1..4096; default: CPUs that may be used + 4, at most 32 */
	unsigned queue_max;   /* work that waits for a thread; default 1024 */
	int64_t idle_ns;      /* how long a thread without work stays; default 10 s; COIL_FOREVER:
				 until the pool is closed */
};

/* Totals since the pool was opened, unless marked as a state. */
struct coil_pool_stats {
	size_t size;		  /* set by the caller: sizeof(struct coil_pool_stats) */
	uint64_t submitted;	  /* work that was accepted */
	uint64_t completed;	  /* of it, what has run to its end */
	uint64_t cancelled;	  /* of it, what was cancelled before it began */
	uint64_t left;		  /* of it, what was left behind while it ran */
	uint64_t threads_started; /* threads */
	uint64_t threads;	  /* state: threads now */
	uint64_t idle;		  /* state: of these, without work */
	uint64_t queued;	  /* state: work that waits for a thread */
	uint64_t running;	  /* state: work that runs */
	uint64_t waiting;	  /* state: tasks that wait for room in the queue */
};

/* One piece of work. In the caller's memory. Await @future; the rest is private. */
struct coil_work {
	struct coil_future future;
	struct coil_hook arrival;
	struct coil_list node;
	struct coil_pool *pool;
	int (*fn)(void *arg);
	void *arg;
	void *calling;
	struct local_table *locals;
	uint32_t *owner;
	int32_t result;
	uint16_t state;
	uint8_t is_left;
	uint8_t is_cancelled;
};

/**
 * coil_pool_open - open a pool
 * @ret_pool: the pool; belongs to the calling thread's loop
 * @options:  copied; NULL for the defaults
 *
 * Starts no thread yet. Does not suspend.
 * Return: 0; -EINVAL if an option is out of bounds (coil_last_error() names it); -ENOMEM.
 * Since 0.1. See Python's concurrent.futures.ThreadPoolExecutor.
 */
int coil_pool_open(struct coil_pool **ret_pool, const struct coil_pool_options *options);

/**
 * coil_pool_submit - hand work to a pool
 * @work: uninitialised memory, or work that is done; must stay until it is done
 * @pool: open, of this loop; NULL: the loop's own
 * @fn:   run on a thread of the pool; may block; >= 0 or a negative errno. It may not call what
 *        needs a loop, except coil_post, coil_spawn_on and coil_call_on
 * @arg:  passed to @fn
 *
 * Work begins in the order in which it was handed over. Await @work->future: it resolves with what
 * @fn returned. Suspends while the queue is full, first come first served. A cancel of that wait
 * ends it. A cancel of the await, or coil_work_cancel, takes work out of the queue, which then
 * resolves with -ECANCELED; work that has begun runs to its end, which the await waits for:
 * coil_work_cancelled() tells @fn so. What @fn wrote is visible to who has awaited it.
 * Return: 0; -EPIPE if the pool is shut down; -ENOMEM if no thread could be started, or there is no
 * memory for the loop's own pool; the reason of a cancelled scope if it had to wait.
 * Since 0.1.
 */
int coil_pool_submit(struct coil_work *work, struct coil_pool *pool, int (*fn)(void *arg),
		     void *arg);

/**
 * coil_pool_try_submit - hand work to a pool unless its queue is full
 * @work: as coil_pool_submit
 * @pool: as coil_pool_submit
 * @fn:   as coil_pool_submit
 * @arg:  as coil_pool_submit
 *
 * Does not suspend.
 * Return: 0; -EAGAIN if the queue is full, or others wait for room in it; -EPIPE, -ENOMEM as
 * coil_pool_submit.
 * Since 0.1.
 */
int coil_pool_try_submit(struct coil_work *work, struct coil_pool *pool, int (*fn)(void *arg),
			 void *arg);

/**
 * coil_pool_offload - run a function on a thread of a pool, and wait for it
 * @pool: as coil_pool_submit
 * @fn:   as coil_pool_submit
 * @arg:  as coil_pool_submit; need not outlive the call
 *
 * As coil_offload, on this pool.
 * Return: what @fn returned; or as coil_pool_submit; the reason of a cancelled scope if @fn had not
 * begun, or has returned -ECANCELED after a cancel.
 * Since 0.1.
 */
int coil_pool_offload(struct coil_pool *pool, int (*fn)(void *arg), void *arg);

/**
 * coil_work_cancel - ask work to finish soon
 * @work: submitted
 *
 * As a cancel of its await. Does not suspend.
 * Return: 0; -EALREADY if it was done.
 * Since 0.1.
 */
int coil_work_cancel(struct coil_work *work);

/**
 * coil_pool_stats - read the counters of a pool
 * @pool:      open, of this loop; NULL: the loop's own
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_pool_stats(struct coil_pool *pool, struct coil_pool_stats *ret_stats);

/* Flags of coil_pool_shutdown. */
enum coil_pool_flags {
	COIL_POOL_CANCEL = 1 << 0 /* what has not begun is cancelled */
};

/**
 * coil_pool_shutdown - take no more work
 * @pool:  open, of this loop
 * @flags: enum coil_pool_flags, or 0: what waits in the queue is still done
 *
 * Who waits for room in the queue gets -EPIPE. Does not suspend. May be called again.
 * Since 0.1.
 */
void coil_pool_shutdown(struct coil_pool *pool, int flags);

/**
 * coil_pool_close - shut a pool down, wait for its work, and free it
 * @pool: open, of this loop, and not being closed by another task; NULL is allowed
 *
 * Suspends until all work has ended, work that was left behind included; in a cancelled scope too.
 * A cancel of the caller takes what has not begun out of the queue. What a program does not close
 * is closed with its loop, which waits for it as long as for its tasks; work that has not ended
 * then is named, and left behind.
 * Since 0.1.
 */
void coil_pool_close(struct coil_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
