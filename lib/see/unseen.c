/* SPDX-License-Identifier: MIT */
/*
 * What was started and never looked at, and descriptors that are closed under an operation. Every
 * operation in flight has a record; one that somebody has to await keeps it until somebody does.
 */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "coil/promise.h"
#include "loop/observe.h"
#include "loop/op.h"
#include "loop/timers.h"
#include "see/debug.h"

static struct see *see_of(struct coil_loop *loop)
{
	return scheduler_of(loop)->see;
}

static bool tells(const struct see *see, unsigned flag)
{
	return (see->scheduler->debug & flag) &&
	       !(see->scheduler->options.off & COIL_NO_REPORTS);
}

static void describe_record(const struct seen_op *seen, char *text, size_t bytes)
{
	const char *name = seen->name ? seen->name : "an operation";

	if (!seen->op)
		snprintf(text, bytes, "timer");
	else if (seen->fd >= 0)
		snprintf(text, bytes, "%s on fd %d", name, seen->fd);
	else
		snprintf(text, bytes, "%s", name);
}

static void forget(struct see *see, const void *key)
{
	struct seen_op *seen = table_find(&see->ops, key);

	if (!seen)
		return;
	see->watched -= seen->is_watched;
	table_remove(&see->ops, key);
}

/* -- Never awaited -------------------------------------------------------------------------------
 */

static void tell_unseen(struct see *see, const struct seen_op *seen)
{
	char what[80];

	if (!tells(see, COIL_DEBUG_UNSEEN))
		return;
	describe_record(seen, what, sizeof what);
	if (!seen->op)
		report_about(REPORT_ABOUT(COIL_REPORT_NEVER_AWAITED, .task = seen->task),
			     "a timer that task %llu started was never awaited",
			     (unsigned long long)seen->task);
	else
		report_about(REPORT_ABOUT_FD(COIL_REPORT_NEVER_AWAITED, seen->fd,
					     .task = seen->task,
					     .error = seen->result < 0 ? seen->result : 0),
			     "%s, which task %llu started, ended with %d, and nobody looked at it",
			     what, (unsigned long long)seen->task, seen->result);
}

/* Something else begins at the same address: what was there before is over. */
static struct seen_op *new_record(struct see *see, const void *key)
{
	struct seen_op *seen = table_find(&see->ops, key);

	if (seen && seen->is_watched && (seen->is_done || !seen->op))
		tell_unseen(see, seen);
	forget(see, key);
	seen = table_get(&see->ops, key);
	if (!seen)
		return NULL;
	seen->began = see_now(see);
	seen->task = see_running_id(see);
	seen->fd = -1;
	return seen;
}

void unseen_looked_at(struct coil_future *future)
{
	struct see *see = loop_current ? see_of(loop_current) : NULL;
	struct coil_timer *timer = timer_of_future(future);
	struct coil_op *op = op_of_future(future);
	struct seen_op *seen;

	if (!see || (!timer && !op))
		return;
	seen = table_find(&see->ops, op ? (void *)op : (void *)timer);
	if (!seen)
		return;
	if (timer || seen->is_done) {
		forget(see, op ? (void *)op : (void *)timer);
		return;
	}
	see->watched -= seen->is_watched;
	seen->is_watched = false;
}

void unseen_task_ended(struct see *see, const struct coil_task *task)
{
	size_t at = 0;
	const struct seen_op *seen;

	while (see->watched > 0 && (seen = table_next(&see->ops, &at)) != NULL) {
		if (!seen->is_watched || seen->task != task->id)
			continue;
		tell_unseen(see, seen);
		forget(see, (const void *)seen->key);
		at = 0; /* they have moved */
	}
}

static void promise_ends(struct coil_loop *loop, struct coil_promise *promise)
{
	struct see *see = see_of(loop);
	int result = promise->future.result;

	if (!future_is_resolved(&promise->future) || !tells(see, COIL_DEBUG_UNSEEN))
		return;
	report_about(REPORT_ABOUT(COIL_REPORT_NEVER_AWAITED, .task = see_running_id(see),
				  .error = result < 0 ? result : 0),
		     "a promise that task %llu ends was resolved with %d, and nobody looked at it",
		     (unsigned long long)see_running_id(see), result);
}

static void timer_begins(struct coil_loop *loop, struct coil_timer *timer)
{
	struct see *see = see_of(loop);
	struct seen_op *seen = new_record(see, timer);

	if (!seen)
		return;
	seen->is_watched = true;
	see->watched++;
}

/* -- Descriptors ---------------------------------------------------------------------------------
 */

static void note_closed(struct see *see, int fd)
{
	see->closed[see->closed_next++ % CLOSED_FDS] =
		(struct closed_fd){ fd, see_running_id(see), see_now(see) };
}

static const struct closed_fd *find_closed(const struct see *see, int fd)
{
	for (uint32_t i = 0; i < CLOSED_FDS && i < see->closed_next; i++) {
		const struct closed_fd *closed =
			&see->closed[(see->closed_next - 1 - i) % CLOSED_FDS];

		if (closed->fd == fd)
			return closed;
	}
	return NULL;
}

static void tell_closing(const struct see *see, const struct seen_op *seen)
{
	char what[80];

	describe_record(seen, what, sizeof what);
	report_about(REPORT_ABOUT_FD(COIL_REPORT_CLOSED_FD, seen->fd, .task = seen->task,
				  .duration = see_now(see) - seen->began),
		     "fd %d is closed by task %llu while %s of task %llu is in flight: cancel that "
		     "first",
		     seen->fd, (unsigned long long)see_running_id(see), what,
		     (unsigned long long)seen->task);
}

static void fd_closes(struct coil_loop *loop, int fd)
{
	struct see *see = see_of(loop);
	const struct seen_op *seen;
	size_t at = 0;

	if (!tells(see, COIL_DEBUG_FDS))
		return;
	while ((seen = table_next(&see->ops, &at)) != NULL)
		if (seen->op && seen->fd == fd && !seen->is_done)
			tell_closing(see, seen);
	note_closed(see, fd);
}

static void tell_bad_fd(const struct see *see, const struct seen_op *seen)
{
	const struct closed_fd *closed = find_closed(see, seen->fd);
	char what[80];

	if (!closed)
		return;
	describe_record(seen, what, sizeof what);
	report_about(REPORT_ABOUT_FD(COIL_REPORT_CLOSED_FD, seen->fd, .task = seen->task,
				  .error = -EBADF, .duration = see_now(see) - closed->when),
		     "%s of task %llu: task %llu closed that %.3f s ago", what,
		     (unsigned long long)seen->task, (unsigned long long)closed->task,
		     (double)(see_now(see) - closed->when) / 1e9);
}

/* -- Operations ----------------------------------------------------------------------------------
 */

/* In a chain the close comes when the steps before it are done. */
static bool closes_now(const struct coil_op *op)
{
	return op_sqe_const(op)->opcode == IORING_OP_CLOSE && !(op->flags & OP_FOLLOWS);
}

static void op_begins(struct coil_loop *loop, struct coil_op *op)
{
	struct see *see = see_of(loop);
	struct seen_op *seen;

	if (closes_now(op))
		fd_closes(loop, op_fd(op));
	seen = new_record(see, op);
	if (!seen)
		return;
	seen->op = op;
	seen->name = op_name(op);
	seen->fd = op_fd(op);
	seen->is_watched = op->future.flags & FUTURE_OBSERVED;
	see->watched += seen->is_watched;
}

static void op_ends(struct coil_loop *loop, struct coil_op *op, int32_t result)
{
	struct see *see = see_of(loop);
	struct seen_op *seen = table_find(&see->ops, op);

	if (!seen)
		return;
	if (result == -EBADF && seen->fd >= 0 && tells(see, COIL_DEBUG_FDS))
		tell_bad_fd(see, seen);
	seen->is_done = true;
	seen->result = result;
	if (!seen->is_watched)
		forget(see, op);
}

const struct loop_observer unseen_observer = {
	.op_begins = op_begins,
	.op_ends = op_ends,
	.timer_begins = timer_begins,
	.promise_ends = promise_ends,
	.fd_closes = fd_closes,
};
