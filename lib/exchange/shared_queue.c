/* SPDX-License-Identifier: MIT */
/*
 * Queues that tasks and threads share: queue_body.c under a lock. Who waits stands in the same
 * lines as in other queues, threads and tasks of any loop side by side. Being served is: under the
 * lock the item is copied, he leaves the line and is marked done. A thread is then signalled, still
 * under the lock, so that its frame cannot go away meanwhile. A task is woken after the unlock, by
 * a promise of its own, for that may take a system call: it does not leave its frame before the
 * promise has come, also if it was cancelled.
 */
#include <errno.h>
#include <time.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "coil/promise.h"
#include "coil/queue.h"
#include "coil/scope.h"
#include "exchange/queue_body.h"

_Static_assert(sizeof(struct coil_shared_queue) <= 272, "growth is a decision");

struct shared_wait {
	struct handover handover;
	struct coil_shared_queue *queue;
	int32_t result;
	bool is_done; /* under the lock */
	bool is_task;
	struct coil_promise promise; /* of a task */
	pthread_cond_t served;	     /* of a thread */
};

enum errand_kind {
	ERRAND_PUT,
	ERRAND_GET,
	ERRAND_JOIN
};

/* What somebody came for. */
struct errand {
	enum errand_kind what;
	union {
		const void *source;
		void *target;
	};
};

/* -- Under the lock ------------------------------------------------------------------------------
 */

static void lock(struct coil_shared_queue *queue)
{
	int rc = pthread_mutex_lock(&queue->lock);

	check(rc == 0);
}

/* A task leaves its frame when its promise is resolved: not touched after that. */
static void wake(struct shared_wait *wait)
{
	if (wait->promise.loop == loop_current)
		coil_promise_resolve(&wait->promise, wait->result);
	else
		coil_promise_resolve_from_thread(&wait->promise, wait->result);
}

/* ... and wakes the tasks that were served meanwhile. */
static void unlock(struct coil_shared_queue *queue)
{
	struct coil_list settled;
	int rc;

	line_take(&queue->settled, &settled);
	rc = pthread_mutex_unlock(&queue->lock);
	check(rc == 0);
	while (!list_is_empty(&settled)) {
		struct handover *handover = line_first(&settled);

		list_remove(&handover->node);
		wake(container_of(handover, struct shared_wait, handover));
	}
}

void shared_settle(struct handover *handover, int32_t result)
{
	struct shared_wait *wait = container_of(handover, struct shared_wait, handover);

	wait->result = result;
	wait->is_done = true;
	if (wait->is_task)
		list_push_back(&wait->queue->settled, &handover->node);
	else
		pthread_cond_signal(&wait->served);
}

static int attempt(struct coil_queue_body *body, const struct errand *errand)
{
	switch (errand->what) {
	case ERRAND_PUT:
		return body_put(body, errand->source);
	case ERRAND_GET:
		return body_get(body, errand->target);
	case ERRAND_JOIN:
		break;
	}
	return body_join(body);
}

static struct coil_list *line_of(struct coil_queue_body *body, const struct errand *errand)
{
	switch (errand->what) {
	case ERRAND_PUT:
		return &body->putters;
	case ERRAND_GET:
		return &body->getters;
	case ERRAND_JOIN:
		break;
	}
	return &body->joiners;
}

/* The lock is held: @wait stands in its line from here on. */
static void stand(struct coil_shared_queue *queue, struct shared_wait *wait,
		  const struct errand *errand)
{
	handover_init(&wait->handover, HANDOVER_SHARED);
	wait->handover.target = errand->target;
	wait->queue = queue;
	wait->is_done = false;
	if (errand->what != ERRAND_JOIN)
		queue->body.waits++;
	list_push_back(line_of(&queue->body, errand), &wait->handover.node);
}

/* -- Waiting -------------------------------------------------------------------------------------
 */

/* Was he served after all? Then he is out of his line; else he leaves it now. */
static bool take_back(struct coil_shared_queue *queue, struct shared_wait *wait)
{
	bool was_served;

	lock(queue);
	was_served = wait->is_done;
	if (!was_served)
		list_remove(&wait->handover.node);
	unlock(queue);
	return was_served;
}

/* For reports: otherwise they are promises, which cannot be asked to finish soon. */
static const struct coil_future_ops errand_ops[] = {
	[ERRAND_PUT] = { .kind = "shared queue put" },
	[ERRAND_GET] = { .kind = "shared queue get" },
	[ERRAND_JOIN] = { .kind = "shared queue join" },
};

/* The lock is held, and given back. */
static int wait_as_task(struct coil_task *task, struct coil_shared_queue *queue,
			const struct errand *errand)
{
	struct shared_wait wait = { .is_task = true };
	int rc;

	coil_promise_init(&wait.promise);
	wait.promise.future.ops = &errand_ops[errand->what];
	stand(queue, &wait, errand);
	unlock(queue);
	rc = task_await(task_scheduler(task), task, &wait.promise.future);
	if (future_is_pending(&wait.promise.future) && take_back(queue, &wait)) {
		task_wait_to_the_end(task_scheduler(task), task, &wait.promise.future);
		rc = wait.promise.future.result;
	}
	coil_promise_deinit(&wait.promise);
	return rc;
}

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;
	int rc;

	pthread_condattr_init(&attributes);
	rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	check(rc == 0);
	rc = pthread_cond_init(cond, &attributes);
	check(rc == 0);
	pthread_condattr_destroy(&attributes);
}

/* False once the deadline has passed. */
static bool sleep_until(struct coil_shared_queue *queue, struct shared_wait *wait,
			int64_t deadline)
{
	const struct timespec at = {
		.tv_sec = deadline > 0 ? (time_t)(deadline / COIL_SEC) : 0,
		.tv_nsec = deadline > 0 ? (long)(deadline % COIL_SEC) : 0,
	};

	if (deadline != COIL_FOREVER)
		return pthread_cond_timedwait(&wait->served, &queue->lock, &at) != ETIMEDOUT;
	pthread_cond_wait(&wait->served, &queue->lock);
	return true;
}

/* The lock is held, and given back. */
static int wait_as_thread(struct coil_shared_queue *queue, const struct errand *errand,
			  int64_t deadline)
{
	struct shared_wait wait = { .is_task = false };
	bool has_time = true;

	cond_init(&wait.served);
	stand(queue, &wait, errand);
	while (!wait.is_done && has_time)
		has_time = sleep_until(queue, &wait, deadline);
	if (!wait.is_done) {
		list_remove(&wait.handover.node);
		wait.result = -ETIME;
	}
	unlock(queue);
	pthread_cond_destroy(&wait.served);
	return wait.result;
}

/* The calling task, or NULL on a thread without a loop. */
static struct coil_task *caller(const char *function)
{
	struct coil_task *task;

	if (!loop_current)
		return NULL;
	task = scheduler_of(loop_current)->current;
	if (unlikely(!task))
		check_misused(function, "it might block the loop of this thread: call it in a "
					"task, or take the form with try");
	return task;
}

static void check_queue(const struct coil_shared_queue *queue, const char *function)
{
	if (unlikely(!queue->is_made))
		check_misused(function, "this queue was not made by coil_shared_queue_init");
}

static int run_errand(struct coil_shared_queue *queue, struct coil_task *task,
		      const struct errand *errand, int64_t deadline)
{
	int rc = task ? handover_begin(task) : 0;

	if (rc < 0)
		return rc;
	lock(queue);
	rc = attempt(&queue->body, errand);
	if (rc == -EAGAIN)
		return task ? wait_as_task(task, queue, errand)
			    : wait_as_thread(queue, errand, deadline);
	unlock(queue);
	return task ? handover_end(task, rc) : rc;
}

static int try_errand(struct coil_shared_queue *queue, const struct errand *errand)
{
	int rc;

	lock(queue);
	rc = attempt(&queue->body, errand);
	unlock(queue);
	return rc;
}

/* A task's deadline is a scope's. */
static int run_errand_until(struct coil_shared_queue *queue, struct coil_task *task,
			    const struct errand *errand, int64_t deadline)
{
	struct coil_scope scope;
	int rc;

	if (!task || deadline == COIL_FOREVER)
		return run_errand(queue, task, errand, deadline);
	rc = handover_begin(task);
	if (rc == 0)
		rc = try_errand(queue, errand); /* which needs no time */
	if (rc != -EAGAIN)
		return rc < 0 ? rc : handover_end(task, rc);
	coil_scope_open(&scope);
	rc = coil_scope_deadline(&scope, deadline);
	if (rc == 0)
		rc = run_errand(queue, task, errand, deadline);
	coil_scope_close(&scope);
	return rc;
}

/* -- The public face -----------------------------------------------------------------------------
 */

int coil_shared_queue_init(struct coil_shared_queue *queue,
			   const struct coil_queue_options *options)
{
	struct coil_queue_options filled;
	int rc = sized_read(&filled, options, sizeof filled);

	memset(queue, 0, sizeof *queue);
	if (rc < 0)
		return rc;
	if (filled.capacity == 0)
		return -EINVAL;
	queue->alloc = filled.alloc ? filled.alloc : &alloc_libc;
	rc = body_init(&queue->body, queue->alloc, &filled);
	if (rc < 0)
		return rc;
	rc = pthread_mutex_init(&queue->lock, NULL);
	check(rc == 0);
	list_init(&queue->settled);
	queue->is_made = true;
	return 0;
}

void coil_shared_queue_deinit(struct coil_shared_queue *queue)
{
	if (!queue || !queue->is_made)
		return;
	check_use(!body_has_waiters(&queue->body), "somebody waits on this queue: shut it down, "
						   "and wait until they have returned");
	body_deinit(&queue->body);
	pthread_mutex_destroy(&queue->lock);
	queue->is_made = false;
}

int coil_shared_queue_put(struct coil_shared_queue *queue, const void *item)
{
	const struct errand errand = { .what = ERRAND_PUT, .source = item };

	check_queue(queue, __func__);
	return run_errand(queue, caller(__func__), &errand, COIL_FOREVER);
}

int coil_shared_queue_put_until(struct coil_shared_queue *queue, const void *item,
				int64_t deadline)
{
	const struct errand errand = { .what = ERRAND_PUT, .source = item };

	check_queue(queue, __func__);
	return run_errand_until(queue, caller(__func__), &errand, deadline);
}

int coil_shared_queue_try_put(struct coil_shared_queue *queue, const void *item)
{
	const struct errand errand = { .what = ERRAND_PUT, .source = item };

	check_queue(queue, __func__);
	return try_errand(queue, &errand);
}

int coil_shared_queue_get(struct coil_shared_queue *queue, void *ret_item)
{
	const struct errand errand = { .what = ERRAND_GET, .target = ret_item };

	check_queue(queue, __func__);
	return run_errand(queue, caller(__func__), &errand, COIL_FOREVER);
}

int coil_shared_queue_get_until(struct coil_shared_queue *queue, void *ret_item, int64_t deadline)
{
	const struct errand errand = { .what = ERRAND_GET, .target = ret_item };

	check_queue(queue, __func__);
	return run_errand_until(queue, caller(__func__), &errand, deadline);
}

int coil_shared_queue_try_get(struct coil_shared_queue *queue, void *ret_item)
{
	const struct errand errand = { .what = ERRAND_GET, .target = ret_item };

	check_queue(queue, __func__);
	return try_errand(queue, &errand);
}

void coil_shared_queue_task_done(struct coil_shared_queue *queue)
{
	uint64_t unfinished;

	check_queue(queue, __func__);
	lock(queue);
	unfinished = queue->body.unfinished;
	if (unfinished > 0)
		body_task_done(&queue->body);
	unlock(queue);
	check_use(unfinished > 0, "called more often than items were put");
}

int coil_shared_queue_join(struct coil_shared_queue *queue)
{
	const struct errand errand = { .what = ERRAND_JOIN, .target = NULL };

	check_queue(queue, __func__);
	if (try_errand(queue, &errand) == 0)
		return 0;
	return run_errand(queue, caller(__func__), &errand, COIL_FOREVER);
}

void coil_shared_queue_shutdown(struct coil_shared_queue *queue, int flags)
{
	check_queue(queue, __func__);
	check_use((flags & ~COIL_IMMEDIATE) == 0, "%d is no flag of a shutdown", flags);
	lock(queue);
	body_shutdown(&queue->body, flags);
	unlock(queue);
}

int coil_shared_queue_stats(struct coil_shared_queue *queue, struct coil_item_stats *ret_stats)
{
	int rc;

	check_queue(queue, __func__);
	lock(queue);
	rc = body_stats(&queue->body, ret_stats);
	unlock(queue);
	return rc;
}
