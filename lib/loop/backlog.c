/* SPDX-License-Identifier: MIT */
/* The backlog's queues. See backlog.h. */
#include "loop/backlog.h"

static struct coil_op *next_of(const struct coil_op *op)
{
	return (struct coil_op *)(uintptr_t)op_sqe_const(op)->user_data;
}

static void set_next(struct coil_op *op, struct coil_op *next)
{
	op_sqe(op)->user_data = (uintptr_t)next;
}

void backlog_add(struct backlog *backlog, struct coil_op *op)
{
	set_next(op, NULL);
	if (backlog->first)
		set_next(backlog->last, op);
	else
		backlog->first = op;
	backlog->last = op;
}

void backlog_remove(struct backlog *backlog, struct coil_op *op)
{
	struct coil_op *previous = NULL;
	struct coil_op *at = backlog->first;

	while (at != op) {
		check(at != NULL);
		previous = at;
		at = next_of(at);
	}
	if (previous)
		set_next(previous, next_of(op));
	else
		backlog->first = next_of(op);
	if (backlog->last == op)
		backlog->last = previous;
}

uint32_t backlog_sqes(const struct coil_op *op)
{
	uint32_t n = 1;

	if (!(op->flags & OP_HEADS_CHAIN))
		return 1;
	for (; op_sqe_const(op)->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK); op++)
		n++;
	return n;
}

static void push_run(struct coil_loop *loop, struct coil_op *op)
{
	uint32_t n = backlog_sqes(op);

	for (uint32_t i = 0; i < n; i++)
		op_push(loop, &op[i]);
	/* Asked for while it waited here; what has not begun answers -ENOENT. */
	for (uint32_t i = 0; i < n; i++)
		if (op[i].flags & OP_CANCEL_ASKED) {
			op[i].flags |= OP_CANCEL_QUEUED;
			backlog_add(&loop->cancels, &op[i]);
		}
}

void backlog_drain_slow(struct coil_loop *loop)
{
	struct coil_op *op;

	while ((op = loop->cancels.first) && ring_room(&loop->ring) > 0) {
		backlog_remove(&loop->cancels, op);
		op->flags &= (uint8_t)~OP_CANCEL_QUEUED;
		op_push_cancel(loop, op);
	}
	while ((op = loop->operations.first) && ring_room(&loop->ring) >= backlog_sqes(op)) {
		backlog_remove(&loop->operations, op);
		push_run(loop, op);
	}
	/* The rest goes as soon as this turn's enter has made room: it must not sleep, since what
	 * is in the kernel already may never complete by itself. */
	if (backlog_wants_enter(loop))
		loop->is_called = true;
}

bool backlog_is_valid(const struct backlog *backlog)
{
	const struct coil_op *last = NULL;

	for (const struct coil_op *op = backlog->first; op; op = next_of(op)) {
		if (!op_is_started(op))
			return false;
		last = op;
	}
	return !backlog->first || last == backlog->last;
}
