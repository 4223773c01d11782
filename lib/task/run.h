/* SPDX-License-Identifier: MIT */
/* Opening and closing a scheduler: what coil_run and coil_loop_open have in common. */
#ifndef COIL_TASK_RUN_H
#define COIL_TASK_RUN_H

#include "task/task.h"

/* Copies @given (NULL: nothing) and fills in the defaults. 0, or -EINVAL with the words in
 * coil_last_error(). */
int run_read_options(const struct coil_options *given, struct coil_options *ret_options);

/*
 * coil_run_with on a driver that is open already, and its own from now on; @options as
 * run_read_options made them.
 */
int run_on_driver(struct driver *driver, const struct coil_options *options,
		  int (*entry)(void *arg), void *arg);

/*
 * A scheduler on the calling thread; @driver is its own from now on, also if this fails.
 */
int scheduler_open(struct scheduler **ret_scheduler, struct driver *driver,
		   const struct coil_options *options);

/* One turn, and what goes with it. */
int scheduler_turn(struct scheduler *s, bool may_wait);

/*
 * Cancels what is left, waits for it up to @bound_ns, and frees everything. 0; -ETIME if tasks were
 * left: they are named, and the ring and the stacks leak.
 */
int scheduler_close(struct scheduler *s, int64_t bound_ns);

/* All the counters; its size stays as it is. */
void scheduler_count(const struct scheduler *s, struct coil_stats *ret_stats);

#endif
