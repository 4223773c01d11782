/* SPDX-License-Identifier: MIT */
/*
 * Combinators over inert operations: a gather is an unlinked batch, a chain a linked one. No nodes:
 * each operation counts one countdown down when it is done.
 */
#include <errno.h>
#include <sys/uio.h>

#include "coil/combine.h"
#include "task/await.h"
#include "task/combine.h"
#include "task/scope.h"

struct batch {
	struct countdown countdown;
	struct coil_loop *loop;
	struct coil_op *ops;
	size_t n;
	bool is_chain;
	bool was_asked;
};

static bool is_link_timeout(const struct coil_op *op)
{
	return op_sqe_const(op)->opcode == IORING_OP_LINK_TIMEOUT;
}

/* A chain runs one step at a time: cancelling that one severs the rest, unless it succeeds; then
 * the next one is asked. */
static void cancel_running_step(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		if (op_is_started(&batch->ops[i]) && !is_link_timeout(&batch->ops[i])) {
			op_cancel(batch->loop, &batch->ops[i]);
			return;
		}
}

static void batch_cancel(struct batch *batch)
{
	if (batch->is_chain) {
		batch->countdown.wakes_on_each = true;
		cancel_running_step(batch);
		return;
	}
	for (size_t i = 0; i < batch->n; i++)
		if (op_is_started(&batch->ops[i]))
			op_cancel(batch->loop, &batch->ops[i]);
}

static void batch_future_cancel(struct coil_future *future)
{
	struct batch *batch = container_of(future, struct batch, countdown.future);

	batch->was_asked = true;
	batch_cancel(batch);
}

static const struct coil_future_ops batch_ops = { .kind = "batch", .cancel = batch_future_cancel };

/* One is left: the batch itself, until all are counted. */
static inline void batch_open(struct batch *batch, struct coil_loop *loop, struct coil_op *ops,
			      size_t n, bool is_chain)
{
	batch->loop = loop;
	batch->ops = ops;
	batch->n = n;
	batch->is_chain = is_chain;
	batch->was_asked = false;
	countdown_init(&batch->countdown, &loop->ready, &batch_ops, 1);
}

static inline void batch_count(struct batch *batch, struct coil_op *op)
{
	if (unlikely(!future_is_pending(&op->future)))
		return;
	future_count(&op->future, &batch->countdown);
	batch->countdown.left++;
}

static inline void batch_close(struct batch *batch)
{
	if (unlikely(--batch->countdown.left == 0))
		batch->countdown.future.state = FUTURE_RESOLVED;
}

/* In a cancelled scope: nothing is started, and one turn passes. */
static int refuse_all(struct scheduler *s, struct coil_task *task, struct coil_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		op_refuse(&s->loop, &ops[i], -ECANCELED);
	task_yield(s, task);
	return scope_reason_met(task);
}

static inline void check_inert(const struct coil_op *ops, size_t i, const char *function)
{
	if (unlikely(op_is_started(&ops[i])))
		check_misused(function, "operation %zu is in flight already", i);
}

/* -- gather --------------------------------------------------------------------------------------
 */

static bool has_failed(const struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		if (future_is_resolved(&batch->ops[i].future) && batch->ops[i].future.result < 0)
			return true;
	return false;
}

static inline __attribute__((always_inline)) void
batch_await(struct scheduler *s, struct coil_task *task, struct batch *batch, bool fail_fast)
{
	batch->countdown.wakes_on_failure = fail_fast;
	s->loop.batch = fail_fast ? 0 : batch->countdown.left;
	if (!(fail_fast && has_failed(batch)))
		task_await_kernel(s, task, &batch->countdown.future);
	if (batch->countdown.left == 0)
		return;
	/* Woken by the first failure: the outcome is settled, the others are asked to finish soon.
	 */
	batch->countdown.wakes_on_failure = false;
	batch_cancel(batch);
	if (future_is_resolved(&batch->countdown.future))
		countdown_rearm(&batch->countdown);
	task_wait_to_the_end(s, task, &batch->countdown.future);
}

static int gather_result(struct batch *batch, struct coil_task *task, int flags)
{
	bool has_cancelled = false;
	int failures = 0;
	int first = 0;
	int32_t all = 0;

	for (size_t i = 0; i < batch->n; i++)
		all |= batch->ops[i].future.result;
	if (likely(all >= 0))
		return 0;
	for (size_t i = 0; i < batch->n; i++) {
		int result = batch->ops[i].future.result;

		failures += result < 0;
		has_cancelled = has_cancelled || result_is_cancel(result);
		if (!first && result < 0 && !result_is_cancel(result))
			first = result;
	}
	if (batch->was_asked && has_cancelled && task->scope->effective)
		return scope_reason_met(task);
	if (flags & COIL_KEEP_GOING)
		return failures;
	return first || !has_cancelled ? first : -ECANCELED;
}

int coil_gather_ops(struct coil_op *ops, size_t n, int flags)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct batch batch;

	if ((flags != 0 && flags != COIL_KEEP_GOING && flags != COIL_FAIL_FAST) || n > UINT32_MAX)
		return -EINVAL;
	if (n == 0)
		return 0;
	if (unlikely(task->scope->effective))
		return refuse_all(s, task, ops, n);
	batch_open(&batch, &s->loop, ops, n, false);
	for (size_t i = 0; i < n; i++) {
		check_inert(ops, i, __func__);
		op_start(&s->loop, &ops[i], NULL);
		batch_count(&batch, &ops[i]);
	}
	batch_close(&batch);
	batch_await(s, task, &batch, flags == COIL_FAIL_FAST);
	return gather_result(&batch, task, flags);
}

/* -- chain ---------------------------------------------------------------------------------------
 */

/* The kernel arms a linked timeout when it issues the step; what blocks in a worker it arms only
 * afterwards. */
static bool can_be_timed(const struct coil_op *step)
{
	switch (op_sqe_const(step)->opcode) {
	case IORING_OP_SEND:
	case IORING_OP_RECV:
	case IORING_OP_SENDMSG:
	case IORING_OP_RECVMSG:
	case IORING_OP_ACCEPT:
	case IORING_OP_CONNECT:
	case IORING_OP_POLL_ADD:
	case IORING_OP_NOP:
		return true;
	default:
		return false;
	}
}

static bool chain_is_valid(const struct coil_op *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_link_timeout(&steps[i]) && (i == 0 || !can_be_timed(&steps[i - 1])))
			return false;
	return true;
}

static void link_steps(struct coil_op *steps, size_t n, int flags)
{
	const uint8_t links = IOSQE_IO_LINK | IOSQE_IO_HARDLINK;
	uint8_t link = flags & COIL_HARD ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK;

	for (size_t i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = op_sqe(&steps[i]);

		sqe->flags &= (uint8_t)~links;
		if (i + 1 < n)
			/* A timeout belongs to the step before it by a plain link. */
			sqe->flags |=
				is_link_timeout(&steps[i + 1]) ? (uint8_t)IOSQE_IO_LINK : link;
	}
}

static void unlink_steps(struct coil_op *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		op_sqe(&steps[i])->flags &= (uint8_t) ~(IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
}

static inline __attribute__((always_inline)) void
chain_await(struct scheduler *s, struct coil_task *task, struct batch *batch)
{
	s->loop.batch = batch->countdown.left;
	task_await_kernel(s, task, &batch->countdown.future);
	while (batch->countdown.left > 0) {
		cancel_running_step(batch);
		countdown_rearm(&batch->countdown);
		task_wait_to_the_end(s, task, &batch->countdown.future);
	}
}

/* What a step says of the chain: its result, and -ETIME if its own timeout ended it. */
static int step_result(const struct coil_op *steps, size_t n, size_t i)
{
	int result = steps[i].future.result;

	if (result_is_cancel(result) && i + 1 < n && is_link_timeout(&steps[i + 1]) &&
	    steps[i + 1].future.result == -ETIME)
		return -ETIME;
	return result;
}

static int chain_result(const struct coil_op *steps, size_t n, struct coil_task *task,
			bool was_asked)
{
	bool has_cancelled = false;

	for (size_t i = 0; i < n; i++) {
		int result = step_result(steps, n, i);

		if (is_link_timeout(&steps[i]))
			continue;
		if (result < 0 && !result_is_cancel(result))
			return result;
		has_cancelled = has_cancelled || result < 0;
	}
	if (!has_cancelled)
		return 0;
	return was_asked && task->scope->effective ? scope_reason_met(task) : -ECANCELED;
}

static size_t vector_bytes(const struct io_uring_sqe *sqe)
{
	const struct iovec *iov = (const void *)(uintptr_t)sqe->addr;
	size_t bytes = 0;

	for (uint32_t i = 0; i < sqe->len; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

/* Did this step, in the kernel's eyes, succeed, so that a soft link goes on? */
static bool lets_next_start(const struct coil_op *step)
{
	const struct io_uring_sqe *sqe = op_sqe_const(step);
	int result = step->future.result;

	if (result < 0)
		return false;
	switch (sqe->opcode) {
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_READ_FIXED:
	case IORING_OP_WRITE_FIXED:
		return (uint32_t)result == sqe->len;
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		return (size_t)result == vector_bytes(sqe);
	case IORING_OP_SEND:
	case IORING_OP_RECV:
		return !(sqe->msg_flags & MSG_WAITALL) || (uint32_t)result == sqe->len;
	default:
		return true;
	}
}

/* The kernel cannot run it as a chain: the same results, one operation after the other. Linked
 * timeouts become scopes. */
static void run_step(struct scheduler *s, struct coil_task *task, struct coil_op *step,
		     struct coil_op *timeout)
{
	struct coil_scope scope;
	int32_t late = -ECANCELED;

	if (!timeout) {
		op_await(step);
		return;
	}
	scope_enter(&scope, task, 0);
	if (scope_set_deadline(s, &scope,
			       op_link_timeout_deadline(timeout, loop_read_clock(&s->loop))) == 0)
		op_await(step);
	else
		op_refuse(&s->loop, step, -ENOMEM);
	if (scope.reason == -ETIME && step->future.result < 0)
		late = -ETIME;
	scope_leave(s, &scope);
	op_refuse(&s->loop, timeout, late);
}

static void refuse_step(struct scheduler *s, struct coil_op *step, struct coil_op *timeout)
{
	op_refuse(&s->loop, step, -ECANCELED);
	if (timeout)
		op_refuse(&s->loop, timeout, -ECANCELED);
}

static int chain_one_by_one(struct scheduler *s, struct coil_task *task, struct coil_op *steps,
			    size_t n, int flags)
{
	bool goes_on = true;

	for (size_t i = 0; i < n; i++) {
		bool is_timed = i + 1 < n && is_link_timeout(&steps[i + 1]);

		if (is_link_timeout(&steps[i]))
			continue; /* seen to with the step before it */
		if (goes_on && !task->scope->effective)
			run_step(s, task, &steps[i], is_timed ? &steps[i + 1] : NULL);
		else
			refuse_step(s, &steps[i], is_timed ? &steps[i + 1] : NULL);
		if (goes_on && !(flags & COIL_HARD))
			goes_on = lets_next_start(&steps[i]);
	}
	return chain_result(steps, n, task, true);
}

/*
 * A failure of these does not break a soft link: the kernel posts their errno, but does not mark
 * the request as failed (all kernels up to 6.18). write, fsync, rename would rename what was not
 * written.
 */
static bool hides_failure(const struct coil_op *step)
{
	switch (op_sqe_const(step)->opcode) {
	case IORING_OP_FSYNC:
	case IORING_OP_SYNC_FILE_RANGE:
	case IORING_OP_FALLOCATE:
	case IORING_OP_MADVISE:
	case IORING_OP_FTRUNCATE:
	case IORING_OP_STATX:
	case IORING_OP_RENAMEAT:
	case IORING_OP_UNLINKAT:
	case IORING_OP_MKDIRAT:
	case IORING_OP_SYMLINKAT:
	case IORING_OP_LINKAT:
	case IORING_OP_FSETXATTR:
	case IORING_OP_SETXATTR:
	case IORING_OP_FGETXATTR:
	case IORING_OP_GETXATTR:
		return true;
	default:
		return false;
	}
}

/* Can the kernel itself run the chain, with the meaning that it has here? */
static bool can_be_linked(const struct coil_loop *loop, const struct coil_op *steps, size_t n,
			  int flags)
{
	for (size_t i = 0; i < n; i++)
		if (!(op_is_plain(loop, &steps[i]) || op_is_native(loop, &steps[i])) ||
		    (i + 1 < n && !(flags & COIL_HARD) && hides_failure(&steps[i])))
			return false;
	return true;
}

int coil_chain(struct coil_op *steps, size_t n, int flags)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct batch batch;

	if (flags != 0 && flags != COIL_HARD)
		return -EINVAL;
	if (n > s->loop.ring.memory.sq_entries)
		return -E2BIG;
	if (!chain_is_valid(steps, n))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		check_inert(steps, i, __func__);
	if (n == 0)
		return 0;
	if (unlikely(task->scope->effective))
		return refuse_all(s, task, steps, n);
	if (unlikely(!can_be_linked(&s->loop, steps, n, flags)))
		return chain_one_by_one(s, task, steps, n, flags);
	link_steps(steps, n, flags);
	op_start_chain(&s->loop, steps, (uint32_t)n);
	batch_open(&batch, &s->loop, steps, n, true);
	for (size_t i = 0; i < n; i++)
		batch_count(&batch, &steps[i]);
	batch_close(&batch);
	chain_await(s, task, &batch);
	unlink_steps(steps, n);
	return chain_result(steps, n, task, batch.was_asked);
}

/* -- How far it has come -------------------------------------------------------------------------
 */

bool combine_ops_progress(struct coil_future *future, struct combine_progress *ret_progress)
{
	const struct batch *batch = container_of(future, struct batch, countdown.future);

	if (future->ops != &batch_ops)
		return false;
	*ret_progress = (struct combine_progress){ (uint32_t)batch->n - batch->countdown.left,
						    (uint32_t)batch->n };
	return true;
}

struct coil_future *combine_ops_child(struct coil_future *future, uint32_t i)
{
	if (future->ops != &batch_ops)
		return NULL;
	return &container_of(future, struct batch, countdown.future)->ops[i].future;
}
