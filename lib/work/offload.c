/* SPDX-License-Identifier: MIT */
/* Running a function elsewhere and waiting for it, in the caller's frame or by the side of it. */
#include "coil/work.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "task/await.h"
#include "task/error.h"
#include "task/scope.h"
#include "work/pool.h"

/* A wait in a cancelled scope starts nothing: 0, or the reason. */
static int refuse_if_cancelled(struct scheduler *s, struct coil_task *task)
{
	if (likely(!task->scope->effective))
		return 0;
	task_yield(s, task);
	return scope_reason_met(task);
}

static int offload(const char *function, struct coil_pool *pool, int (*fn)(void *arg), void *arg)
{
	struct coil_task *task = task_required(function);
	struct scheduler *s = task_scheduler(task);
	struct coil_work work = { .fn = fn, .arg = arg };
	int rc = refuse_if_cancelled(s, task);

	if (rc < 0)
		return rc;
	pool = pool_or_default(s, pool, function);
	if (!pool)
		return -ENOMEM;
	rc = pool_submit(pool, &work, &pool_work_ops);
	return rc < 0 ? rc : task_await(s, task, &work.future);
}

int coil_offload(int (*fn)(void *arg), void *arg)
{
	return offload(__func__, NULL, fn, arg);
}

int coil_pool_offload(struct coil_pool *pool, int (*fn)(void *arg), void *arg)
{
	return offload(__func__, pool, fn, arg);
}

/* -- Work that may be left behind ----------------------------------------------------------------
 */

/* No cancel: a waiter detaches itself, and then sees to the work. */
static const struct coil_future_ops left_ops = { .kind = "offload" };

static struct left_work *left_work_new(const struct coil_offload_options *options, void *arg)
{
	struct left_work *left =
		alloc_zeroed(&alloc_libc, sizeof *left + options->arg_bytes);

	if (!left)
		return NULL;
	left->on_left = options->on_left;
	left->name = options->name ? options->name : "work";
	left->arg_bytes = options->arg_bytes;
	left->work.arg = arg;
	if (options->arg_bytes) {
		memcpy(left->copy, arg, options->arg_bytes);
		left->work.arg = left->copy;
	}
	return left;
}

/* Waits for @left and frees it, or leaves it to its thread. */
static int await_or_leave(struct coil_pool *pool, struct coil_task *task, struct left_work *left,
			  void *arg)
{
	struct scheduler *s = task_scheduler(task);
	struct coil_future *future = &left->work.future;
	int rc = task_await(s, task, future);

	if (future_is_pending(future)) {
		switch (pool_leave_behind(pool, left)) {
		case WORK_RUNNING:
			return rc;
		case WORK_ENDED: /* it takes no longer than a wake of this loop */
			task_wait_to_the_end(s, task, future);
			rc = future->result;
			break;
		case WORK_IDLE:
		case WORK_QUEUED:
		case WORK_DONE:
			break;
		}
	}
	if (left->arg_bytes)
		memcpy(arg, left->copy, left->arg_bytes);
	left_work_free(left);
	return rc;
}

static int offload_or_leave(const struct coil_offload_options *options, int (*fn)(void *arg),
			    void *arg)
{
	struct coil_task *task = task_required("coil_offload_with");
	struct scheduler *s = task_scheduler(task);
	struct left_work *left;
	struct coil_pool *pool;
	int rc = refuse_if_cancelled(s, task);

	if (rc < 0)
		return rc;
	pool = pool_or_default(s, options->pool, "coil_offload_with");
	left = pool ? left_work_new(options, arg) : NULL;
	if (!left)
		return -ENOMEM;
	left->work.fn = fn;
	rc = pool_submit(pool, &left->work, &left_ops);
	if (rc < 0) {
		left_work_free(left);
		return rc;
	}
	return await_or_leave(pool, task, left, arg);
}

static int refuse(const char *words)
{
	error_explain("coil_offload_options: %s", words);
	return -EINVAL;
}

int coil_offload_with(const struct coil_offload_options *given, int (*fn)(void *arg), void *arg)
{
	struct coil_offload_options options;
	int rc = error_sized(sized_read(&options, given, sizeof options), "coil_offload_options");

	if (rc < 0)
		return rc;
	if (options.flags & ~(unsigned)COIL_OFFLOAD_ABANDON)
		return refuse("flags has an unknown bit");
	if (options.flags & COIL_OFFLOAD_ABANDON)
		return offload_or_leave(&options, fn, arg);
	if (options.arg_bytes || options.on_left)
		return refuse("arg_bytes and on_left need COIL_OFFLOAD_ABANDON");
	return offload("coil_offload_with", options.pool, fn, arg);
}
