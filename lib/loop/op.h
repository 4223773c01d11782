/* SPDX-License-Identifier: MIT */
/*
 * Operations: a future that a CQE resolves.
 *
 *   IDLE        staged, inert
 *   QUEUED      started, in the loop's backlog: the SQ was full
 *   IN_KERNEL   pushed; the kernel owes @owed CQEs
 *   DONE        all CQEs are in; may be started again
 *
 * owed counts the CQE of a cancel, too: a cancel that is still on its way could otherwise hit the
 * next operation at the same address. The operation's own CQE alone decides its result.
 */
#ifndef COIL_LOOP_OP_H
#define COIL_LOOP_OP_H

#include <liburing/io_uring.h>

#include "coil/op.h"
#include "loop/loop.h"

enum op_state {
	OP_IDLE,
	OP_QUEUED,
	OP_IN_KERNEL,
	OP_DONE
};

enum op_flag {
	OP_CANCEL_ASKED = 1 << 0,
	OP_CANCEL_QUEUED = 1 << 1, /* in loop->cancels */
	OP_HEADS_CHAIN = 1 << 2,   /* the linked steps behind it in memory are pushed with it */
	OP_FOLLOWS = 1 << 3,	   /* a later step of a chain */
	OP_OBSERVED = 1 << 4,	   /* debug mode wants to know of its end */
	OP_BORROWS = 1 << 5,	   /* a normal descriptor, for a direct one: files.c */
	OP_IN_TABLE = 1 << 6	   /* its staged SQE speaks of slots: files.c */
};

enum op_fallback_state {
	OP_NATIVE,
	OP_POLLS /* a poll is in the kernel in its stead; the call follows when it fires */
};

static inline struct io_uring_sqe *op_sqe(struct coil_op *op)
{
	return (struct io_uring_sqe *)(void *)op->sqe;
}

static inline const struct io_uring_sqe *op_sqe_const(const struct coil_op *op)
{
	return (const struct io_uring_sqe *)(const void *)op->sqe;
}

static inline bool op_is_started(const struct coil_op *op)
{
	return op->state == OP_QUEUED || op->state == OP_IN_KERNEL;
}

extern const struct coil_future_ops op_future_ops;

void op_complete(struct coil_completion *completion, int32_t result, uint32_t cqe_flags);
void op_start_otherwise(struct coil_loop *loop, struct coil_op *op, uint32_t *owner);

/* Nothing stands for it, nobody is told of it, no file of it needs to be looked after. */
static inline bool op_is_plain(const struct coil_loop *loop, const struct coil_op *op)
{
	unsigned opcode = op->sqe[0];

	return opcode < 64 && (loop->opcodes_plain >> opcode & 1) != 0;
}

/* Can @n more SQEs be pushed, with nobody waiting to push some before? */
static inline bool op_fits(const struct coil_loop *loop, uint32_t n)
{
	return ring_room(&loop->ring) >= n && !loop->operations.first;
}

static inline void op_start_plain(struct coil_loop *loop, struct coil_op *op, uint32_t *owner,
				  unsigned flags)
{
	ring_place(&loop->ring, op->sqe, &op->completion);
	future_init(&op->future, &loop->ready, &op_future_ops);
	op->completion.complete = op_complete;
	op->owner = owner;
	op->cqe_flags = 0;
	op->owed = 1;
	op->state = OP_IN_KERNEL;
	op->flags = (uint8_t)flags;
	op->fallback = OP_NATIVE;
}

/*
 * Starts an inert or done operation. @owner, if not NULL, is counted up until it is done: who may
 * not end before.
 */
static inline void op_start(struct coil_loop *loop, struct coil_op *op, uint32_t *owner)
{
	if (unlikely(!op_is_plain(loop, op) || !op_fits(loop, 1) || op_is_started(op))) {
		op_start_otherwise(loop, op, owner);
		return;
	}
	op_start_plain(loop, op, owner, 0);
	if (owner)
		(*owner)++;
}

/* Starts @n operations, already marked with link flags, as one unsplit run of SQEs. @n fits the SQ.
 */
void op_start_chain(struct coil_loop *loop, struct coil_op *steps, uint32_t n);

/* Asks a started operation to finish soon. */
void op_cancel(struct coil_loop *loop, struct coil_op *op);

/* Makes an inert operation done without starting it. */
void op_refuse(struct coil_loop *loop, struct coil_op *op, int32_t result);

/* Does this kernel have the operation, or must something else stand for it? */
bool op_is_native(const struct coil_loop *loop, const struct coil_op *op);

/* Pushes what a backlog holds for @op; needs room. For backlog.c. */
void op_push(struct coil_loop *loop, struct coil_op *op);
void op_push_cancel(struct coil_loop *loop, struct coil_op *op);

/* The descriptors that a done operation has opened, for who will not take them: 0, 1 or 2. */
int op_opened(const struct coil_op *op, int ret_fds[2]);

/* When the time of an IORING_OP_LINK_TIMEOUT step that starts at @now is over. */
int64_t op_link_timeout_deadline(const struct coil_op *op, int64_t now);

/* "recv"; NULL for what has no name here. */
const char *op_name(const struct coil_op *op);

/* The descriptor that it is on; -1 if it has none. */
int op_fd(const struct coil_op *op);

/* "recv on fd 5" */
void op_describe(const struct coil_op *op, char *text, size_t bytes);

/* The operation behind a future, or NULL if something else is. */
struct coil_op *op_of_future(struct coil_future *future);

#endif
