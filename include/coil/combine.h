/* SPDX-License-Identifier: MIT */
/*
 * Combinators: waiting for several things at once. Each takes any mix of operations, tasks,
 * promises and timers. Whatever the policy, the outcome may be settled early, but gather, chain and
 * race return only when every child is done; wait and as_completed cancel nobody and leave the rest
 * running.
 *
 * Up to 16 futures cost no allocation; for more, the loop's allocator is used, and -ENOMEM is
 * returned before anything was started.
 */
#ifndef COIL_COMBINE_H
#define COIL_COMBINE_H

#include <stddef.h>

#include "coil/future.h"
#include "coil/op.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_task;

/* Flags of gather and chain. */
enum coil_combine_flags {
	COIL_KEEP_GOING = 1 << 0, /* gather: return the number of failures */
	COIL_FAIL_FAST = 1 << 1,  /* gather: the first failure cancels the siblings */
	COIL_HARD = 1 << 2	  /* chain: a failed step does not stop the later ones */
};

enum coil_wait_mode {
	COIL_FIRST_COMPLETED,
	COIL_FIRST_ERROR,
	COIL_ALL
};

/**
 * coil_gather - wait for all of several futures
 * @futures: @n futures of this loop; the same one may stand there twice
 * @n:       count; 0 returns 0 at once
 * @flags:   0, COIL_FAIL_FAST or COIL_KEEP_GOING
 *
 * Suspends. Returns when every future is resolved, each result stays readable with
 * coil_future_result. A cancel is forwarded to every child that is not done.
 * Return: flags 0 and COIL_FAIL_FAST: 0 or the first failure in the order of the arguments (a
 * sibling that was only cancelled does not count); COIL_KEEP_GOING: the number of failures; the
 * scope's reason if the gather was cancelled and a child ended so; -EINVAL for other flags;
 * -ENOMEM.
 * Since 0.1.
 */
int coil_gather(struct coil_future *const *futures, size_t n, int flags);

/**
 * coil_gather_ops - start operations in one submission and wait for all of them
 * @ops:   @n inert operations, started by this call
 * @n:     count
 * @flags: as coil_gather
 *
 * All SQEs are pushed in a row, side by side, not linked: one system call submits them (more if @n
 * is larger than the submission queue), one wake ends the wait; nothing is allocated.
 * ops[i].future has each result. In an already cancelled scope nothing is started: each result is
 * -ECANCELED.
 * Return: as coil_gather.
 * Since 0.1. Kernel 5.1.
 */
int coil_gather_ops(struct coil_op *ops, size_t n, int flags);

/**
 * coil_gather_tasks - wait for all of several tasks
 * @tasks: @n tasks; NULL stands for a spawn that failed and counts as -ENOMEM
 * @n:     count
 * @flags: as coil_gather
 *
 * Suspends. The tasks stay joinable. A cancel is forwarded to every task that is not done.
 * Return: as coil_gather.
 * Since 0.1.
 */
int coil_gather_tasks(struct coil_task *const *tasks, size_t n, int flags);

/**
 * coil_wait - wait until some or all of several futures are done
 * @futures:  @n futures of this loop
 * @n:        count, at least 1
 * @mode:     enum coil_wait_mode; a result of -ECANCELED is not an error for COIL_FIRST_ERROR
 * @deadline: absolute, on coil_now()'s clock; COIL_FOREVER for none
 *
 * Suspends. Cancels nobody, also if the waiter is cancelled.
 * Return: the number of futures that are done, 0 if the deadline passed before any was; the
 * scope's reason if the wait was cancelled; -EINVAL; -ENOMEM.
 * Since 0.1.
 */
int coil_wait(struct coil_future *const *futures, size_t n, int mode, int64_t deadline);

/**
 * coil_race - wait for the first of several futures, cancel the others
 * @futures: @n futures of this loop; promises among the losers stay pending
 * @n:       count, 1..INT_MAX
 *
 * Suspends until one future is done and then until the cancelled others are. A loser that
 * succeeded nevertheless keeps its result; if it is an operation that opened a descriptor (accept,
 * openat, socket, pipe), that is closed.
 * Return: the index of the first one that was done; the scope's reason if the race was cancelled
 * before; -EINVAL; -ENOMEM.
 * Since 0.1.
 */
int coil_race(struct coil_future *const *futures, size_t n);

struct coil_combinator;

/* One place in a combinator's list of children. Private. */
struct coil_combine_node {
	struct coil_hook hook;
	struct coil_future *future;
	struct coil_combinator *combinator;
	struct coil_combine_node *next_done;
	uint32_t index;
	uint32_t fired;
};

#define COIL_COMBINE_NODES 16

/* Several futures that are waited for as one. Private. */
struct coil_combinator {
	struct coil_future future;
	struct coil_combine_node *nodes;
	struct coil_combine_node *first_done;
	struct coil_combine_node **last_done;
	uint32_t n;
	uint32_t left;
	uint32_t settle;
	uint32_t was_cancelled;
	struct coil_combine_node own[COIL_COMBINE_NODES];
};

/* In the caller's memory. Private. */
struct coil_as_completed {
	struct coil_combinator combinator;
};

/**
 * coil_as_completed_open - begin to take futures in the order in which they are done
 * @walk:    uninitialised memory; must stay until coil_as_completed_close
 * @futures: @n futures of this loop; the array is not needed after the call
 * @n:       count
 *
 * Does not suspend.
 * Return: 0; -ENOMEM.
 * Since 0.1.
 */
int coil_as_completed_open(struct coil_as_completed *walk, struct coil_future *const *futures,
			   size_t n);

/**
 * coil_as_completed_next - the next future that is done
 * @walk: opened
 *
 * Suspends until one more is done. Cancels nobody, also if the waiter is cancelled.
 * Return: its index; -ENOENT when all have been taken; the scope's reason.
 * Since 0.1.
 */
int coil_as_completed_next(struct coil_as_completed *walk);

/**
 * coil_as_completed_close - end the walk
 * @walk: opened; the futures that were not taken go on
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_as_completed_close(struct coil_as_completed *walk);

/**
 * coil_chain - run operations one after the other, as linked SQEs
 * @steps: @n inert operations: each starts when the one before it has succeeded; started by this
 * call
 * @n:     count, at most the size of the submission queue
 * @flags: 0, or COIL_HARD: a failed step does not stop the later ones
 *
 * One submission. A step succeeds unless it fails, or is a short read or write, or a short send or
 * recv with MSG_WAITALL; the steps after a failed one end with -ECANCELED. steps[i].future has
 * each result. coil_op_link_timeout(&ts) directly behind a step bounds that step's own time; its
 * result is not counted. It is accepted behind socket operations and polls alone: the kernel does
 * not time what blocks in its workers. The steps are run one by one, with the same results, where
 * the kernel lacks an operation of the chain, or, without COIL_HARD, would not stop at its failure:
 * up to Linux 6.18 that is so for fsync, sync_file_range, fallocate, ftruncate, madvise, statx, the
 * calls on paths (rename, unlink, mkdir, symlink, link) and on attributes. A cancel ends the
 * running step, and the later ones do not start; a step that succeeds nevertheless keeps its
 * result. In an already cancelled scope nothing is started.
 * Return: 0, or the first failure in the order of the steps, -ETIME where a step's own timeout
 * ended it (a step that was not started does not count unless nothing else failed: then
 * -ECANCELED, as after a short read); the scope's reason; -E2BIG; -EINVAL.
 * Since 0.1. Kernel 5.3, COIL_HARD 5.5.
 */
int coil_chain(struct coil_op *steps, size_t n, int flags);

#ifdef __cplusplus
}
#endif

#endif
