/* SPDX-License-Identifier: MIT */
/*
 * Pools as their loop sees them: room in the queue, first come first served, and results that come
 * back through the inbox. What is counted here, the loop's thread alone counts: work is in the pool
 * from its submission until its result has arrived, whatever the threads are at meanwhile.
 */
#include "work/pool.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "coil/time.h"
#include "task/await.h"
#include "task/error.h"
#include "task/local.h"
#include "task/scope.h"

#define THREADS_LIMIT 4096u
#define THREADS_DEFAULT 32u
#define QUEUE_DEFAULT 1024u
#define IDLE_DEFAULT (10 * COIL_SEC)

_Static_assert(sizeof(struct coil_work) == 120, "growth is a decision");

/* Somebody who waits for room in the queue. In its frame. */
struct room_wait {
	struct coil_future future;
	struct coil_list node;
};

/* -- Room ----------------------------------------------------------------------------------------
 */

static void room_wait_cancel(struct coil_future *future)
{
	struct room_wait *wait = container_of(future, struct room_wait, future);

	list_remove(&wait->node);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops room_wait_ops = {
	.kind = "room in a pool", .cancel = room_wait_cancel
};

static bool has_room(const struct coil_pool *pool)
{
	return (uint64_t)pool->jobs + pool->reserved <
	       (uint64_t)pool->options.threads_max + pool->options.queue_max;
}

static void give_room(struct coil_pool *pool)
{
	while (!list_is_empty(&pool->waiting) && has_room(pool)) {
		struct coil_list *node = list_pop_front(&pool->waiting);

		pool->reserved++;
		future_resolve(&list_entry(node, struct room_wait, node)->future, 0);
	}
}

static bool is_empty(const struct coil_pool *pool)
{
	return pool->jobs == 0 && pool->entering == 0;
}

/* Who closes the pool, or the loop, waits for this. */
static void note_if_empty(struct coil_pool *pool)
{
	if (!is_empty(pool))
		return;
	if (pool->scheduler->is_ending)
		pool->scheduler->loop.is_called = true;
	if (future_is_pending(&pool->empty))
		future_resolve(&pool->empty, 0);
}

/* Waits until the caller may hand over. 0, -EPIPE, or a reason. */
static int enter(struct coil_pool *pool)
{
	struct scheduler *s = pool->scheduler;
	struct room_wait wait;
	int rc;

	if (pool->is_shut)
		return -EPIPE;
	if (list_is_empty(&pool->waiting) && has_room(pool))
		return 0;
	if (unlikely(!s->current))
		check_misused("coil_pool_submit",
			      "the pool's queue is full, and only a task can wait");
	future_init(&wait.future, &s->loop.ready, &room_wait_ops);
	list_init(&wait.node);
	list_push_back(&pool->waiting, &wait.node);
	pool->entering++;
	rc = task_await(s, s->current, &wait.future);
	pool->entering--;
	if (rc == 0)
		pool->reserved--;
	if (rc == 0 && pool->is_shut)
		rc = -EPIPE;
	if (rc < 0)
		note_if_empty(pool);
	return rc;
}

/* -- Work ----------------------------------------------------------------------------------------
 */

/* Who submitted it may end before it from now on. */
static void disown(struct coil_work *work)
{
	if (work->owner)
		(*work->owner)--;
	work->owner = NULL;
}

/* @work, handed over once, is back. */
static void note_end(struct coil_pool *pool, struct coil_work *work)
{
	struct coil_loop *loop = &pool->scheduler->loop;

	pool->jobs--;
	loop->promises_open--;
	disown(work);
	locals_drop(pool->scheduler, work->locals);
	work->locals = NULL;
	give_room(pool);
	note_if_empty(pool);
}

static void work_arrive(struct coil_hook *hook)
{
	struct coil_work *work = container_of(hook, struct coil_work, arrival);
	struct coil_pool *pool = work->pool;

	work->state = WORK_DONE;
	if (!work->is_left)
		future_resolve(&work->future, work->result);
	note_end(pool, work);
	if (work->is_left)
		left_work_free(left_work_of(work));
}

void pool_note_withdrawn(struct coil_pool *pool, struct coil_work *work)
{
	pool->cancelled++;
	if (future_is_pending(&work->future))
		future_resolve(&work->future, -ECANCELED);
	note_end(pool, work);
}

enum work_state pool_leave_behind(struct coil_pool *pool, struct left_work *left)
{
	enum work_state state = crew_leave_behind(pool, left);

	if (state == WORK_QUEUED) {
		pool_note_withdrawn(pool, &left->work);
	} else if (state == WORK_RUNNING) {
		disown(&left->work);
		pool->left++;
	}
	return state;
}

static void work_cancel(struct coil_future *future)
{
	struct coil_work *work = container_of(future, struct coil_work, future);

	if (crew_cancel(work->pool, work) == WORK_QUEUED)
		pool_note_withdrawn(work->pool, work);
}

const struct coil_future_ops pool_work_ops = { .kind = "offload", .cancel = work_cancel };

static int hand_over(struct coil_pool *pool, struct coil_work *work,
		     const struct coil_future_ops *ops)
{
	struct scheduler *s = pool->scheduler;
	int rc;

	future_init(&work->future, &s->loop.ready, ops);
	work->arrival.fire = work_arrive;
	list_init(&work->node);
	work->pool = pool;
	work->calling = NULL;
	work->owner = s->current ? &s->current->started : &s->loop.started;
	work->is_left = 0;
	work->is_cancelled = 0;
	work->locals = NULL;
	if (s->current && ops == &pool_work_ops) /* what may be left behind has nobody's memory */
		work->locals = locals_share(s->current->locals);
	(*work->owner)++;
	pool->jobs++;
	s->loop.promises_open++;
	rc = crew_push(pool, work);
	if (rc == 0) {
		pool->submitted++;
		return 0;
	}
	error_explain("no thread could be started for pool \"%s\": %s", pool->options.name,
		      strerrorname_np(-rc));
	work->future.state = FUTURE_IDLE;
	note_end(pool, work);
	return -ENOMEM;
}

int pool_submit(struct coil_pool *pool, struct coil_work *work, const struct coil_future_ops *ops)
{
	int rc = enter(pool);

	return rc < 0 ? rc : hand_over(pool, work, ops);
}

int coil_pool_submit(struct coil_work *work, struct coil_pool *pool, int (*fn)(void *arg),
		     void *arg)
{
	pool = pool_or_default(scheduler_required(__func__), pool, __func__);
	if (!pool)
		return -ENOMEM;
	work->fn = fn;
	work->arg = arg;
	return pool_submit(pool, work, &pool_work_ops);
}

int coil_pool_try_submit(struct coil_work *work, struct coil_pool *pool, int (*fn)(void *arg),
			 void *arg)
{
	pool = pool_or_default(scheduler_required(__func__), pool, __func__);
	if (!pool)
		return -ENOMEM;
	if (!pool->is_shut && (!list_is_empty(&pool->waiting) || !has_room(pool)))
		return -EAGAIN;
	work->fn = fn;
	work->arg = arg;
	return pool_submit(pool, work, &pool_work_ops);
}

int coil_work_cancel(struct coil_work *work)
{
	/* Once it is done, its pool may be gone. */
	check_use(work->future.ready == &loop_required(__func__)->ready,
		  "this work belongs to the loop of another thread, or was never submitted");
	if (!future_is_pending(&work->future))
		return -EALREADY;
	work_cancel(&work->future);
	return 0;
}

/* -- Open, shutdown, close -----------------------------------------------------------------------
 */

static int refuse(const char *field, long long value, const char *bounds)
{
	error_explain("coil_pool_options: %s is %lld: it has to be %s", field, value, bounds);
	return -EINVAL;
}

static unsigned threads_default(struct scheduler *s)
{
	unsigned threads = (unsigned)s->loop.driver->ops->calls->cpu_count() + 4;

	return threads < THREADS_DEFAULT ? threads : THREADS_DEFAULT;
}

static int read_options(struct scheduler *s, const struct coil_pool_options *given,
			struct coil_pool_options *options)
{
	int rc = error_sized(sized_read(options, given, sizeof *options), "coil_pool_options");

	if (rc < 0)
		return rc;
	if (!options->name)
		options->name = "pool";
	if (!options->threads_max)
		options->threads_max = threads_default(s);
	if (!options->queue_max)
		options->queue_max = QUEUE_DEFAULT;
	if (!options->idle_ns)
		options->idle_ns = IDLE_DEFAULT;
	if (options->threads_max > THREADS_LIMIT)
		return refuse("threads_max", options->threads_max, "1 to 4096");
	if (options->idle_ns < 0)
		return refuse("idle_ns", options->idle_ns, "at least 0");
	return 0;
}

static bool companion_is_idle(struct companion *companion)
{
	return is_empty(container_of(companion, struct coil_pool, companion));
}

static void dismiss(struct companion *companion)
{
	struct coil_pool *pool = container_of(companion, struct coil_pool, companion);

	if (pool->scheduler->pool == pool)
		pool->scheduler->pool = NULL;
	list_remove(&companion->node);
	crew_dismiss(pool);
}

static struct coil_pool *pool_new(struct scheduler *s, const struct coil_pool_options *options)
{
	struct coil_pool *pool = alloc_zeroed(&alloc_libc, sizeof *pool);

	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	list_init(&pool->queue);
	list_init(&pool->running);
	pool->loop = &s->loop;
	pool->calls = s->loop.driver->ops->calls;
	pool->references = 1;
	pool->companion.is_idle = companion_is_idle;
	pool->companion.leave = dismiss;
	list_init(&pool->companion.node);
	list_push_back(&s->companions, &pool->companion.node);
	pool->scheduler = s;
	list_init(&pool->waiting);
	pool->options = *options;
	return pool;
}

struct coil_pool *pool_or_default(struct scheduler *s, struct coil_pool *pool, const char *function)
{
	struct coil_pool_options options;

	if (pool && unlikely(pool->scheduler != s))
		check_misused(function, "this pool belongs to the loop of another thread");
	if (pool || s->pool)
		return pool ? pool : s->pool;
	read_options(s, NULL, &options);
	options.name = "default";
	s->pool = pool_new(s, &options);
	if (!s->pool)
		error_explain("no memory for the loop's own pool of threads");
	return s->pool;
}

int coil_pool_open(struct coil_pool **ret_pool, const struct coil_pool_options *given)
{
	struct scheduler *s = scheduler_required(__func__);
	struct coil_pool_options options;
	struct coil_pool *pool;
	int rc = read_options(s, given, &options);

	if (rc < 0)
		return rc;
	pool = pool_new(s, &options);
	if (!pool)
		return -ENOMEM;
	*ret_pool = pool;
	return 0;
}

static void withdraw_all(struct coil_pool *pool)
{
	struct coil_work *work;

	while ((work = crew_withdraw_any(pool)))
		pool_note_withdrawn(pool, work);
}

static void shut(struct coil_pool *pool)
{
	struct coil_list *node;

	pool->is_shut = true;
	while ((node = list_pop_front(&pool->waiting)))
		future_resolve(&list_entry(node, struct room_wait, node)->future, -EPIPE);
}

static void check_is_own(const struct coil_pool *pool, const char *function)
{
	if (unlikely(pool->scheduler != scheduler_required(function)))
		check_misused(function, "this pool belongs to the loop of another thread");
}

void coil_pool_shutdown(struct coil_pool *pool, int flags)
{
	check_is_own(pool, __func__);
	shut(pool);
	if (flags & COIL_POOL_CANCEL)
		withdraw_all(pool);
}

static void empty_cancel(struct coil_future *future)
{
	withdraw_all(container_of(future, struct coil_pool, empty));
}

static const struct coil_future_ops empty_ops = { .kind = "pool", .cancel = empty_cancel };

void coil_pool_close(struct coil_pool *pool)
{
	struct scheduler *s = scheduler_required(__func__);

	if (!pool)
		return;
	check_is_own(pool, __func__);
	check_use(!pool->is_closing, "this pool is being closed already");
	check_use(is_empty(pool) || s->current, "the pool has work, and only a task can wait");
	pool->is_closing = true;
	shut(pool);
	while (!is_empty(pool)) {
		future_init(&pool->empty, &s->loop.ready, &empty_ops);
		(void)task_await(s, s->current, &pool->empty);
	}
	dismiss(&pool->companion);
}

int coil_pool_stats(struct coil_pool *pool, struct coil_pool_stats *ret_stats)
{
	struct scheduler *s = scheduler_required(__func__);
	struct coil_pool_stats stats = { .size = sizeof stats };

	if (pool)
		check_is_own(pool, __func__);
	pool = pool ? pool : s->pool;
	if (pool) {
		pthread_mutex_lock(&pool->lock);
		stats.completed = pool->completed;
		stats.threads_started = pool->threads_started;
		stats.threads = pool->threads;
		stats.idle = pool->idle;
		stats.queued = pool->queue_count;
		stats.running = pool->running_count;
		pthread_mutex_unlock(&pool->lock);
		stats.submitted = pool->submitted;
		stats.cancelled = pool->cancelled;
		stats.left = pool->left;
		stats.waiting = pool->entering;
	}
	return sized_write(ret_stats, &stats, sizeof stats);
}
