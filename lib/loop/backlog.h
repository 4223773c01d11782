/* SPDX-License-Identifier: MIT */
/*
 * What found the SQ full. Two queues, linked through the user_data word of the staged SQEs:
 * operations that are not in the kernel yet (a chain stands there by its first step and is pushed
 * whole or not at all), and operations in the kernel whose cancel is not.
 */
#ifndef COIL_LOOP_BACKLOG_H
#define COIL_LOOP_BACKLOG_H

#include "loop/op.h"

void backlog_add(struct backlog *backlog, struct coil_op *op);
void backlog_remove(struct backlog *backlog, struct coil_op *op);

/* Pushes what fits, first come first served, cancels first. */
void backlog_drain_slow(struct coil_loop *loop);

static inline void backlog_drain(struct coil_loop *loop)
{
	if (unlikely(loop->cancels.first || loop->operations.first))
		backlog_drain_slow(loop);
}

static inline bool backlog_wants_enter(const struct coil_loop *loop)
{
	return loop->cancels.first != NULL || loop->operations.first != NULL;
}

bool backlog_is_valid(const struct backlog *backlog);

/* SQEs that an operation in the backlog takes: more than one for the head of a chain. */
uint32_t backlog_sqes(const struct coil_op *op);

#endif
