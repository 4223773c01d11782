/* SPDX-License-Identifier: MIT */
/* A loop without coil_run: for life inside a program that has a loop of its own. */
#ifndef COIL_LOOP_H
#define COIL_LOOP_H

#include "coil/run.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of coil_loop_step. */
enum coil_step_flags {
	COIL_STEP_NOWAIT = 1 << 0, /* never sleep */
	COIL_STEP_EMBED = 1 << 1 /* never sleep, and leave the nearest deadline with the kernel, so
				    that coil_loop_fd suffices */
};

/**
 * coil_loop_open - open a loop on the calling thread
 * @ret_loop: the loop
 * @options:  as coil_run_with; NULL for the defaults. Signals are not handled
 *
 * Tasks may be spawned at once, by coil_spawn from outside of any task; they run in
 * coil_loop_step. One loop per thread.
 * Return: 0; -EBUSY is misuse and stops the program; else as coil_run_with.
 * Since 0.1.
 */
int coil_loop_open(struct coil_loop **ret_loop, const struct coil_options *options);

/**
 * coil_loop_step - take one turn
 * @loop:  the calling thread's
 * @flags: enum coil_step_flags, or 0: sleep until something happens
 *
 * Runs what is ready, submits, and reaps. Not from inside a task.
 * Return: 1 if there is more to do at once, 0 if all waits, a negative errno if the ring is lost.
 * Since 0.1.
 */
int coil_loop_step(struct coil_loop *loop, int flags);

/**
 * coil_loop_fd - a descriptor that becomes readable when coil_loop_step has something to do
 * @loop: the calling thread's
 *
 * For poll, epoll and their kind, after a step with COIL_STEP_EMBED. Not to be read, written or
 * closed.
 * Return: the descriptor; -EOPNOTSUPP where the loop has none.
 * Since 0.1.
 */
int coil_loop_fd(struct coil_loop *loop);

/**
 * coil_loop_alive - the tasks of a loop that have not ended
 * @loop: the calling thread's
 *
 * Return: count.
 * Since 0.1.
 */
unsigned coil_loop_alive(const struct coil_loop *loop);

/**
 * coil_loop_close - cancel what is left, wait for it, and close the loop
 * @loop: the calling thread's; not from inside a task
 *
 * Waits as long as options->shutdown_ns says.
 * Return: 0, or -ETIME if tasks were left: the ring and the stacks are leaked then, on purpose.
 * Since 0.1.
 */
int coil_loop_close(struct coil_loop *loop);

/**
 * coil_loop_current - the calling thread's loop
 *
 * Return: the loop, NULL if there is none.
 * Since 0.1.
 */
struct coil_loop *coil_loop_current(void);

#ifdef __cplusplus
}
#endif

#endif
