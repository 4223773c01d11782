/* SPDX-License-Identifier: MIT */
/*
 * Debug mode's eyes: what a loop tells whoever observes it. Without one, nothing is called, and the
 * frequent paths do not even ask: operations leave op_start's short way because opcodes_plain is 0,
 * and an operation carries a bit that says that its end is told.
 */
#ifndef COIL_LOOP_OBSERVE_H
#define COIL_LOOP_OBSERVE_H

#include <stdint.h>

#include "loop/loop.h"

struct coil_op;
struct coil_promise;
struct coil_timer;

struct loop_observer {
	void (*op_begins)(struct coil_loop *loop, struct coil_op *op);
	/* Before its future is resolved. */
	void (*op_ends)(struct coil_loop *loop, struct coil_op *op, int32_t result);
	void (*timer_begins)(struct coil_loop *loop, struct coil_timer *timer);
	/* A promise that was made under observation, at its deinit. */
	void (*promise_ends)(struct coil_loop *loop, struct coil_promise *promise);
	/* @fd is about to be closed, by operation or by call. */
	void (*fd_closes)(struct coil_loop *loop, int fd);
};

/* NULL: nobody any more. */
void loop_observe(struct coil_loop *loop, const struct loop_observer *observer);

static inline void loop_note_close(struct coil_loop *loop, int fd)
{
	if (unlikely(loop->observer))
		loop->observer->fd_closes(loop, fd);
}

#endif
