/* SPDX-License-Identifier: MIT */
/* Threads that take work from a queue. See crew.h for the states. */
#include "work/crew.h"

#include <errno.h>

#include "coil/call.h"
#include "coil/time.h"
#include "coil/work.h"
#include "loop/inbox.h"
#include "task/local.h"

/* Initial-exec, as the loop: one read. */
static _Thread_local struct coil_work *work_current __attribute__((tls_model("initial-exec")));

void left_work_free(struct left_work *left)
{
	alloc_free(&alloc_libc, left, sizeof *left + left->arg_bytes);
}

/* -- On a thread ---------------------------------------------------------------------------------
 */

/* A simulated thread runs on the loop's own; the work must not see that. */
static int run_alone(struct coil_work *work)
{
	struct coil_work *outer = work_current;
	struct coil_loop *loop = loop_current;
	struct local_worker values = { .inherited = work->locals };
	struct local_worker *outer_values;
	int result;

	work_current = work;
	loop_current = NULL;
	outer_values = locals_enter(&values);
	result = work->fn(work->arg);
	locals_leave(&values, outer_values);
	loop_current = loop;
	work_current = outer;
	return result;
}

/* With the lock, which is released while the work runs. */
static void run(struct coil_pool *pool, struct coil_work *work)
{
	pool->queue_count--;
	pool->running_count++;
	list_push_back(&pool->running, &work->node);
	work->state = WORK_RUNNING;
	pthread_mutex_unlock(&pool->lock);
	work->result = run_alone(work);
	pthread_mutex_lock(&pool->lock);
	if (work->is_left && left_work_of(work)->on_left) {
		pthread_mutex_unlock(&pool->lock);
		left_work_of(work)->on_left(work->arg, work->result);
		pthread_mutex_lock(&pool->lock);
	}
	list_remove(&work->node);
	pool->running_count--;
	pool->completed++;
	work->state = WORK_ENDED;
	if (pool->loop)
		inbox_post(pool->loop, &work->arrival);
	else if (work->is_left)
		left_work_free(left_work_of(work));
}

/* With the lock. False: the thread has waited long enough, or cannot wait. */
static bool wait_for_work(struct coil_pool *pool)
{
	uint32_t seen = pool->word;
	int rc;

	pool->idle++;
	pthread_mutex_unlock(&pool->lock);
	rc = pool->calls->wait_word(&pool->word, seen, pool->options.idle_ns);
	pthread_mutex_lock(&pool->lock);
	pool->idle--;
	return rc != -ETIMEDOUT && rc != -EOPNOTSUPP;
}

/* With the lock, which is released. */
static void let_go(struct coil_pool *pool)
{
	bool is_last = --pool->references == 0;

	pthread_mutex_unlock(&pool->lock);
	if (!is_last)
		return;
	pthread_mutex_destroy(&pool->lock);
	alloc_free(&alloc_libc, pool, sizeof *pool);
}

/* Work that came while the thread was about to end is still taken. */
static void thread_body(void *arg)
{
	struct coil_pool *pool = arg;
	bool stays = true;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct coil_list *node = list_pop_front(&pool->queue);

		if (node)
			run(pool, list_entry(node, struct coil_work, node));
		else if (stays && pool->loop)
			stays = wait_for_work(pool);
		else
			break;
	}
	pool->threads--;
	let_go(pool);
}

struct coil_work *crew_current(void)
{
	return work_current;
}

bool coil_work_cancelled(void)
{
	return work_current && __atomic_load_n(&work_current->is_cancelled, __ATOMIC_ACQUIRE);
}

void crew_note_call(struct coil_work *work, struct coil_call *call)
{
	struct coil_pool *pool = work->pool;

	pthread_mutex_lock(&pool->lock);
	work->calling = call;
	if (call && work->is_cancelled)
		coil_call_cancel(call);
	pthread_mutex_unlock(&pool->lock);
}

/* -- On the loop ---------------------------------------------------------------------------------
 */

/* With the lock. */
static void withdraw(struct coil_pool *pool, struct coil_work *work)
{
	list_remove(&work->node);
	work->state = WORK_DONE;
	pool->queue_count--;
}

/* The thread that was counted on cannot be had: 0 if another one will do the work. */
static int do_without(struct coil_pool *pool, struct coil_work *work, int error)
{
	pthread_mutex_lock(&pool->lock);
	pool->references--;
	pool->threads_started--;
	if (--pool->threads > 0)
		error = 0;
	else
		withdraw(pool, work);
	pthread_mutex_unlock(&pool->lock);
	return error;
}

int crew_push(struct coil_pool *pool, struct coil_work *work)
{
	struct driver *driver = pool->scheduler->loop.driver;
	bool wants_thread;
	bool wakes;
	int rc = 0;

	pthread_mutex_lock(&pool->lock);
	list_push_back(&pool->queue, &work->node);
	work->state = WORK_QUEUED;
	pool->queue_count++;
	pool->word++;
	wakes = pool->idle > 0;
	wants_thread =
		pool->queue_count > pool->idle && pool->threads < pool->options.threads_max;
	if (wants_thread) {
		pool->threads++;
		pool->threads_started++;
		pool->references++;
	}
	pthread_mutex_unlock(&pool->lock);
	if (wakes)
		pool->calls->wake_word(&pool->word, 1);
	if (wants_thread)
		rc = driver->ops->run_elsewhere(driver, thread_body, pool);
	return rc < 0 ? do_without(pool, work, rc) : 0;
}

/* With the lock. */
static enum work_state tell(struct coil_pool *pool, struct coil_work *work)
{
	enum work_state state = work->state;

	__atomic_store_n(&work->is_cancelled, 1, __ATOMIC_RELEASE);
	if (state == WORK_QUEUED)
		withdraw(pool, work);
	else if (state == WORK_RUNNING && work->calling)
		coil_call_cancel(work->calling);
	return state;
}

enum work_state crew_cancel(struct coil_pool *pool, struct coil_work *work)
{
	enum work_state state;

	pthread_mutex_lock(&pool->lock);
	state = tell(pool, work);
	pthread_mutex_unlock(&pool->lock);
	return state;
}

enum work_state crew_leave_behind(struct coil_pool *pool, struct left_work *left)
{
	enum work_state state;

	pthread_mutex_lock(&pool->lock);
	state = tell(pool, &left->work);
	left->work.is_left = state == WORK_RUNNING;
	pthread_mutex_unlock(&pool->lock);
	return state;
}

struct coil_work *crew_withdraw_any(struct coil_pool *pool)
{
	struct coil_work *work = NULL;

	pthread_mutex_lock(&pool->lock);
	if (!list_is_empty(&pool->queue)) {
		work = list_entry(pool->queue.next, struct coil_work, node);
		withdraw(pool, work);
	}
	pthread_mutex_unlock(&pool->lock);
	return work;
}

static void name_what_runs(const struct coil_pool *pool)
{
	struct coil_list *node;

	list_for_each(node, &pool->running) {
		struct coil_work *work = list_entry(node, struct coil_work, node);

		report("\"%s\" of pool \"%s\" has not ended in time: its thread is left behind",
		       work->is_left ? left_work_of(work)->name : "work", pool->options.name);
	}
}

void crew_dismiss(struct coil_pool *pool)
{
	bool is_quiet = pool->scheduler->options.off & COIL_NO_REPORTS;

	pthread_mutex_lock(&pool->lock);
	if (!is_quiet)
		name_what_runs(pool);
	while (list_pop_front(&pool->queue))
		; /* in frames of tasks that are left behind, too */
	pool->loop = NULL;
	pool->word++;
	pool->calls->wake_word(&pool->word, INT32_MAX);
	let_go(pool);
}
