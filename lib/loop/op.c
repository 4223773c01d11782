/* SPDX-License-Identifier: MIT */
/* Operations: start, complete, cancel. The states are in op.h. */
#include "loop/op.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "loop/abi.h"
#include "loop/backlog.h"
#include "loop/fallback.h"
#include "loop/files.h"
#include "loop/observe.h"
#include "loop/receiver.h"
#include "loop/silent.h"
#include "loop/watch.h"
#include "ring/offer.h"

static struct coil_loop *op_loop(const struct coil_op *op)
{
	return container_of(op->future.ready, struct coil_loop, ready);
}

static void op_future_cancel(struct coil_future *future)
{
	struct coil_op *op = container_of(future, struct coil_op, future);

	op_cancel(op_loop(op), op);
}

const struct coil_future_ops op_future_ops = { .kind = "operation", .cancel = op_future_cancel };

struct coil_op *op_of_future(struct coil_future *future)
{
	return future->ops == &op_future_ops ? container_of(future, struct coil_op, future) : NULL;
}

/* -- Completion ----------------------------------------------------------------------------------
 */

static rarely int32_t op_finish_flagged(struct coil_op *op, int32_t result)
{
	struct coil_loop *loop = op_loop(op);

	result = files_finish(loop, op, result);
	if (op->flags & OP_CANCEL_QUEUED) {
		backlog_remove(&loop->cancels, op);
		op->flags &= (uint8_t)~OP_CANCEL_QUEUED;
	}
	if ((op->flags & OP_OBSERVED) && loop->observer)
		loop->observer->op_ends(loop, op, result);
	op->flags &= (uint8_t)~OP_OBSERVED;
	return result;
}

static inline void op_finish_plain(struct coil_op *op, int32_t result)
{
	op->state = OP_DONE;
	if (op->owner)
		(*op->owner)--;
	watch_written(op_sqe_const(op), result);
	future_resolve(&op->future, result);
}

static inline void op_finish(struct coil_op *op, int32_t result)
{
	if (unlikely(op->flags & (OP_CANCEL_QUEUED | OP_OBSERVED | OP_BORROWS | OP_IN_TABLE)))
		result = op_finish_flagged(op, result);
	op_finish_plain(op, result);
}

/*
 * The poll that stands for an operation has fired: the call itself, or another poll if somebody
 * else was quicker.
 */
static rarely void op_finish_poll(struct coil_op *op)
{
	struct coil_loop *loop = op_loop(op);
	int rc = fallback_poll_finish(loop->driver->ops->calls, op_sqe(op), op->future.result);

	if (rc == -EAGAIN && (op->flags & OP_CANCEL_ASKED))
		rc = fallback_poll_finish(loop->driver->ops->calls, op_sqe(op), -ECANCELED);
	if (rc == -EAGAIN) {
		op->state = OP_QUEUED;
		backlog_add(&loop->operations, op);
		return;
	}
	op->cqe_flags = 0;
	op_finish(op, rc);
}

static inline void op_count_down(struct coil_op *op)
{
	check(op->state == OP_IN_KERNEL);
	check(op->owed > 0);
	if (--op->owed > 0)
		return;
	if (unlikely(op->fallback == OP_POLLS))
		op_finish_poll(op);
	else
		op_finish(op, op->future.result);
}

/* In the kernel by its one CQE, as it was started: no cancel, no fallback. */
static inline bool is_untouched(const struct coil_op *op)
{
	return op->owed == 1 && op->state == OP_IN_KERNEL &&
	       (op->flags & ~(OP_HEADS_CHAIN | OP_FOLLOWS)) == 0 && op->fallback == OP_NATIVE;
}

static rarely void complete_slowly(struct coil_op *op, int32_t result, uint32_t cqe_flags)
{
	/* A zero-copy send says its result first and lets the buffer go in a second CQE, which
	 * carries none. */
	if (likely(!(cqe_flags & IORING_CQE_F_NOTIF))) {
		op->future.result = result;
		if (op->fallback == OP_NATIVE)
			op->cqe_flags = cqe_flags;
	}
	if (likely(!(cqe_flags & IORING_CQE_F_MORE)))
		op_count_down(op);
}

static inline __attribute__((always_inline)) void
complete_here(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct coil_op *op = container_of(completion, struct coil_op, completion);

	if (likely(is_untouched(op) &&
		   !(cqe_flags & (IORING_CQE_F_NOTIF | IORING_CQE_F_MORE)))) {
		op->cqe_flags = cqe_flags;
		op->owed = 0;
		op_finish_plain(op, result);
		return;
	}
	complete_slowly(op, result, cqe_flags);
}

void op_complete(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	complete_here(completion, result, cqe_flags);
}

/*
 * Who reads has been asleep since the last message: the hook of its task is to be written. Who
 * waits for an operation was awake when that was started.
 */
static inline __attribute__((always_inline)) const void *
reader_of(struct coil_completion *completion)
{
	if (completion->complete != receiver_complete)
		return NULL;
	return container_of(completion, struct receiver, completion)->told.waiters;
}

void loop_reap(struct coil_loop *loop)
{
	ring_reap_here(&loop->ring, op_complete, complete_here, reader_of);
	if (silents_unsettled(loop) > 0)
		silents_settle(loop);
}

/*
 * The cancel of a chain's step found nothing, and the step is not done: it is between its
 * predecessor's end and its own begin, which the same enter may have brought. So it is asked again,
 * not for ever: what is with a disk is not found either, and ends by itself. The count is kept in a
 * word that is free until the step is done.
 */
static rarely void ask_again(struct coil_op *op)
{
	enum { ASKS_MAX = 8 };

	if (op->cqe_flags >= ASKS_MAX)
		return;
	op->cqe_flags++;
	op->flags |= OP_CANCEL_QUEUED;
	backlog_add(&op_loop(op)->cancels, op);
	op_loop(op)->is_called = true;
}

/* Whatever the cancel says (0, 1, a count, -ENOENT, -EALREADY): the operation's own CQE decides. */
static void op_cancel_complete(struct coil_completion *completion, int32_t result,
			       uint32_t cqe_flags)
{
	struct coil_op *op = container_of(completion, struct coil_op, cancel);

	(void)cqe_flags;
#ifdef COIL_CANARY
	/* The planted bug: who was cancelled does not wait for the operation's own CQE. */
	if (op->owed > 1) {
		op->owed = 0;
		op_finish(op, -ECANCELED);
		return;
	}
#endif
	if (unlikely(result == -ENOENT && op->owed > 1 &&
		     (op->flags & (OP_HEADS_CHAIN | OP_FOLLOWS))))
		ask_again(op);
	op_count_down(op);
}

/* -- Start ---------------------------------------------------------------------------------------
 */

static inline void op_begin(struct coil_loop *loop, struct coil_op *op, uint32_t *owner)
{
	check_use(!op_is_started(op), "this operation is in flight already");
	future_init(&op->future, &loop->ready, &op_future_ops);
	op->completion.complete = op_complete;
	op->owner = owner;
	op->cqe_flags = 0;
	op->owed = 0;
	op->flags = 0;
	op->fallback = OP_NATIVE;
	if (owner)
		(*owner)++;
}

bool op_is_native(const struct coil_loop *loop, const struct coil_op *op)
{
	const struct io_uring_sqe *sqe = op_sqe_const(op);

	if (unlikely(sqe->opcode == IORING_OP_URING_CMD))
		return !fallback_needed(loop->driver, sqe);
	/* What the probe has no bit for is the kernel's to refuse. */
	return sqe->opcode > 63 || loop->driver->opcodes >> sqe->opcode & 1;
}

/* While a poll stands for the operation, what it polls is kept in two words that are free until it
 * is done. */
static rarely void push_poll(struct coil_loop *loop, struct coil_op *op)
{
	struct io_uring_sqe poll;

	memset(&poll, 0, sizeof poll);
	io_uring_prep_poll_add(&poll, (int)op->cqe_flags, op->future.reserved);
	ring_push(&loop->ring, &poll, &op->completion);
}

void op_push(struct coil_loop *loop, struct coil_op *op)
{
	if (unlikely(op->fallback == OP_POLLS))
		push_poll(loop, op);
	else
		ring_push(&loop->ring, op->sqe, &op->completion);
	op->owed++;
	op->state = OP_IN_KERNEL;
}

static inline void tell_observer(struct coil_loop *loop, struct coil_op *op)
{
	if (likely(!loop->observer))
		return;
	op->flags |= OP_OBSERVED;
	if (op->owner) /* by coil_op_start, to be awaited later */
		op->future.flags |= FUTURE_OBSERVED;
	loop->observer->op_begins(loop, op);
}

static void push_or_queue(struct coil_loop *loop, struct coil_op *op)
{
	if (likely(op_fits(loop, 1))) {
		op_push(loop, op);
		return;
	}
	loop->backlogged++;
	op->state = OP_QUEUED;
	backlog_add(&loop->operations, op);
}

static rarely void start_fallback(struct coil_loop *loop, struct coil_op *op)
{
	const struct driver_calls *calls = loop->driver->ops->calls;
	unsigned events = 0;
	int fd = -1;
	int rc;

	loop->fallbacks++;
	switch (fallback_kind(op_sqe_const(op))) {
	case FALLBACK_CALL:
		op_finish(op, fallback_call(calls, op_sqe_const(op)));
		return;
	case FALLBACK_POLL:
		rc = fallback_poll_begin(calls, op_sqe(op), &fd, &events);
		if (rc < 0) {
			op_finish(op, rc);
			return;
		}
		op->fallback = OP_POLLS;
		op->cqe_flags = (uint32_t)fd;
		op->future.reserved = (uint16_t)events;
		push_or_queue(loop, op);
		return;
	case FALLBACK_NONE:
		op_finish(op, -ENOSYS);
		return;
	}
}

void op_start_otherwise(struct coil_loop *loop, struct coil_op *op, uint32_t *owner)
{
	int rc;

	op_begin(loop, op, owner);
	tell_observer(loop, op);
	watch_given(op_sqe_const(op));
	rc = files_begin(loop, op, false);
	if (unlikely(rc < 0))
		op_finish(op, rc);
	else if (likely(op_is_native(loop, op)))
		push_or_queue(loop, op);
	else
		start_fallback(loop, op);
}

static unsigned chain_flag(uint32_t i)
{
	return i == 0 ? OP_HEADS_CHAIN : OP_FOLLOWS;
}

static bool chain_is_plain(const struct coil_loop *loop, const struct coil_op *steps, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!op_is_plain(loop, &steps[i]) || op_is_started(&steps[i]))
			return false;
	return op_fits(loop, n);
}

void op_start_chain(struct coil_loop *loop, struct coil_op *steps, uint32_t n)
{
	bool fits;

	check(n > 0 && n <= loop->ring.memory.sq_entries);
	if (likely(chain_is_plain(loop, steps, n))) {
		for (uint32_t i = 0; i < n; i++)
			op_start_plain(loop, &steps[i], NULL, chain_flag(i));
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		op_begin(loop, &steps[i], NULL);
		steps[i].flags = (uint8_t)chain_flag(i);
		tell_observer(loop, &steps[i]);
		/* What could not be lent is met as a descriptor that the kernel does not know. */
		(void)files_begin(loop, &steps[i], true);
	}
	fits = op_fits(loop, n);
	for (uint32_t i = 0; i < n; i++) {
		steps[i].state = OP_QUEUED;
		if (fits)
			op_push(loop, &steps[i]);
	}
	if (fits)
		return;
	loop->backlogged += n;
	backlog_add(&loop->operations, &steps[0]);
}

void op_refuse(struct coil_loop *loop, struct coil_op *op, int32_t result)
{
	op_begin(loop, op, NULL);
	op->completion.complete = NULL; /* so coil_op_outcome knows it, whatever the reason */
	op->flags = OP_CANCEL_ASKED;
	op->state = OP_DONE;
	op->future.result = result;
	op->future.state = FUTURE_RESOLVED;
}

/* -- Cancel --------------------------------------------------------------------------------------
 */

void op_push_cancel(struct coil_loop *loop, struct coil_op *op)
{
	struct io_uring_sqe sqe;

	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_cancel64(&sqe, (uintptr_t)&op->completion, 0);
	op->cancel.complete = op_cancel_complete;
	ring_push(&loop->ring, &sqe, &op->cancel);
	op->owed++;
	loop->cancels_pushed++;
}

/* Never given to the kernel: nothing to ask, and a chain is withdrawn whole. */
static void withdraw(struct coil_loop *loop, struct coil_op *op)
{
	uint32_t n = backlog_sqes(op);

	backlog_remove(&loop->operations, op);
	for (uint32_t i = 0; i < n; i++) {
		if (op[i].fallback == OP_POLLS)
			fallback_poll_finish(loop->driver->ops->calls, op_sqe(&op[i]), -ECANCELED);
		op_finish(&op[i], -ECANCELED);
	}
}

void op_cancel(struct coil_loop *loop, struct coil_op *op)
{
	check(op_is_started(op));
	if (op->flags & OP_CANCEL_ASKED)
		return;
	op->flags |= OP_CANCEL_ASKED;
	if (op->state == OP_QUEUED) {
		if (!(op->flags & OP_FOLLOWS))
			withdraw(loop, op);
		return;
	}
	if (likely(ring_room(&loop->ring) > 0 && !loop->cancels.first)) {
		op_push_cancel(loop, op);
		return;
	}
	loop->backlogged++;
	op->flags |= OP_CANCEL_QUEUED;
	backlog_add(&loop->cancels, op);
}

/* -- In words ------------------------------------------------------------------------------------
 */

const char *op_name(const struct coil_op *op)
{
	return driver_opcode_name(op_sqe_const(op)->opcode);
}

int op_fd(const struct coil_op *op)
{
	const struct io_uring_sqe *sqe = op_sqe_const(op);

	switch (sqe->opcode) {
	case IORING_OP_WAITID: /* a process */
	case IORING_OP_NOP:
	case IORING_OP_TIMEOUT:
	case IORING_OP_LINK_TIMEOUT:
	case IORING_OP_SOCKET: /* a domain */
	case IORING_OP_MADVISE:
	case IORING_OP_FUTEX_WAIT:
	case IORING_OP_FUTEX_WAKE:
	case ABI_OP_PIPE:
		return -1;
	default:
		return sqe->flags & IOSQE_FIXED_FILE ? -1 : sqe->fd;
	}
}

void op_describe(const struct coil_op *op, char *text, size_t bytes)
{
	const char *name = op_name(op);
	int fd = op_fd(op);

	if (!name)
		snprintf(text, bytes, "operation %u", op_sqe_const(op)->opcode);
	else if (ring_fd_is_direct(fd))
		snprintf(text, bytes, "%s on direct fd %d", name, fd - RING_DIRECT);
	else if (fd >= 0)
		snprintf(text, bytes, "%s on fd %d", name, fd);
	else
		snprintf(text, bytes, "%s", name);
}

/* -- What an operation did -----------------------------------------------------------------------
 */

int op_opened(const struct coil_op *op, int ret_fds[2])
{
	const struct io_uring_sqe *sqe = op_sqe_const(op);

	if (op->state != OP_DONE || op->future.result < 0 ||
	    (sqe->file_index != 0 && sqe->file_index != IORING_FILE_INDEX_ALLOC))
		return 0;
	switch (sqe->opcode) {
	case IORING_OP_ACCEPT:
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
	case IORING_OP_SOCKET:
		ret_fds[0] = op->future.result;
		return 1;
	case ABI_OP_PIPE:
		memcpy(ret_fds, (const void *)(uintptr_t)sqe->addr, 2 * sizeof(int));
		return 2;
	default:
		return 0;
	}
}

int64_t op_link_timeout_deadline(const struct coil_op *op, int64_t now)
{
	const struct __kernel_timespec *ts = (const void *)(uintptr_t)op_sqe_const(op)->addr;
	int64_t duration;

	if (__builtin_mul_overflow(ts->tv_sec, CLOCK_SECOND, &duration))
		return CLOCK_FOREVER;
	return clock_add(now, clock_add(duration, ts->tv_nsec));
}

/* -- The public face that needs no task ----------------------------------------------------------
 */

int coil_op_cancel(struct coil_op *op)
{
	struct coil_loop *loop = loop_required(__func__);

	check_use(op->state != OP_IDLE, "this operation was never started");
	if (op->state == OP_DONE)
		return -EALREADY;
	check_use(op->future.ready == &loop->ready,
		  "this operation belongs to the loop of another thread");
	op_cancel(loop, op);
	return 0;
}

static bool is_partial(const struct io_uring_sqe *sqe, int32_t result)
{
	switch (sqe->opcode) {
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
		return (uint32_t)result < sqe->len;
	case IORING_OP_RECV:
		return (sqe->msg_flags & MSG_WAITALL) && (uint32_t)result < sqe->len;
	case IORING_OP_WRITE:
	case IORING_OP_WRITE_FIXED:
		return (uint32_t)result < sqe->len;
	default:
		return false;
	}
}

int coil_op_outcome(const struct coil_op *op)
{
	check_use(op->state != OP_IDLE, "this operation was never started");
	if (op->state != OP_DONE)
		return COIL_OUTCOME_PENDING;
	future_look((struct coil_future *)(uintptr_t)&op->future);
	if (!(op->flags & OP_CANCEL_ASKED))
		return COIL_OUTCOME_COMPLETED;
	if (result_is_cancel(op->future.result) || op->completion.complete == NULL)
		return COIL_OUTCOME_CANCELLED;
	if (op->future.result > 0 && is_partial(op_sqe_const(op), op->future.result))
		return COIL_OUTCOME_PARTIAL;
	return COIL_OUTCOME_COMPLETED_FIRST;
}

static bool is_multishot(const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_ACCEPT:
		return sqe->ioprio & IORING_ACCEPT_MULTISHOT;
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
		return sqe->ioprio & IORING_RECV_MULTISHOT;
	case IORING_OP_POLL_ADD:
		return sqe->len & IORING_POLL_ADD_MULTI;
	case IORING_OP_TIMEOUT:
		return sqe->timeout_flags & IORING_TIMEOUT_MULTISHOT;
	default:
		return sqe->opcode == IORING_OP_READ_MULTISHOT;
	}
}

struct coil_op coil_op_raw(const struct io_uring_sqe *sqe)
{
	struct coil_op op;

	check_use(!is_multishot(sqe), "a multishot operation completes many times, a future once");
	memset(&op, 0, sizeof op);
	memcpy(op.sqe, sqe, sizeof op.sqe);
	op_sqe(&op)->flags &= (uint8_t) ~(IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_IO_DRAIN |
					  IOSQE_CQE_SKIP_SUCCESS);
	op_sqe(&op)->user_data = 0;
	return op;
}

void coil_op_left(const struct coil_op *op)
{
	check_use(!op_is_started(op),
		  "a frame was left with an operation of its own in flight: await it before");
}
