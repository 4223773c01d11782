/* SPDX-License-Identifier: MIT */
/* The queue that tasks and threads wait in. See shared.h. */
#include "sync/shared.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "loop/inbox.h"
#include "task/await.h"
#include "task/scope.h"

_Thread_local uint64_t shared_thread_mark;

void shared_guard(struct coil_shared_waiters *waiters)
{
	int rc = pthread_mutex_lock(&waiters->guard);

	check(rc == 0);
}

void shared_unguard(struct coil_shared_waiters *waiters)
{
	int rc = pthread_mutex_unlock(&waiters->guard);

	check(rc == 0);
}

void shared_init(struct coil_shared_waiters *waiters)
{
	int rc = pthread_mutex_init(&waiters->guard, NULL);

	check(rc == 0);
	waiters->first = NULL;
	waiters->last = NULL;
	waiters->waits = 0;
	waiters->count = 0;
}

void shared_deinit(struct coil_shared_waiters *waiters, const char *function)
{
	shared_guard(waiters);
	if (waiters->first)
		check_misused(function, "%u tasks or threads wait for it",
			      (unsigned)waiters->count);
	shared_unguard(waiters);
	pthread_mutex_destroy(&waiters->guard);
}

/* -- The queue, guarded --------------------------------------------------------------------------
 */

static void push(struct coil_shared_waiters *waiters, struct coil_shared_waiter *waiter)
{
	waiter->next = NULL;
	waiter->prev = waiters->last;
	if (waiters->last)
		waiters->last->next = waiter;
	else
		waiters->first = waiter;
	waiters->last = waiter;
	waiters->count++;
	waiters->waits++;
}

static void take_out(struct coil_shared_waiter *waiter)
{
	struct coil_shared_waiters *waiters = waiter->queue;

	check(waiters->count > 0);
	*(waiter->prev ? &waiter->prev->next : &waiters->first) = waiter->next;
	*(waiter->next ? &waiter->next->prev : &waiters->last) = waiter->prev;
	waiters->count--;
}

/* It leaves, unless it has got what it waited for. */
static bool leave(struct coil_shared_waiter *waiter)
{
	if (waiter->is_granted)
		return false;
	take_out(waiter);
	if (!waiter->queue->first && waiter->kind->emptied)
		waiter->kind->emptied(waiter->queue);
	return true;
}

void shared_grant_first(struct coil_shared_waiters *waiters)
{
	struct coil_shared_waiter *waiter = waiters->first;

	take_out(waiter);
	waiter->is_granted = true;
	if (!waiter->task)
		pthread_cond_signal(&waiter->granted);
	else if (waiter->loop == loop_current)
		future_resolve(&waiter->future, 0);
	else
		inbox_post(waiter->loop, &waiter->arrival);
}

/* -- A task waits --------------------------------------------------------------------------------
 */

static void arrive(struct coil_hook *hook)
{
	struct coil_shared_waiter *waiter =
		container_of(hook, struct coil_shared_waiter, arrival);

	future_resolve(&waiter->future, 0);
}

void shared_cancel(struct coil_future *future)
{
	struct coil_shared_waiter *waiter =
		container_of(future, struct coil_shared_waiter, future);
	bool has_left;

	shared_guard(waiter->queue);
	has_left = leave(waiter);
	shared_unguard(waiter->queue);
	if (has_left)
		future_resolve(future, -ECANCELED);
}

/* The loop does not call it a deadlock: another thread may end this wait. */
static int wait_in_task(struct coil_shared_waiter *waiter)
{
	struct coil_shared_waiters *waiters = waiter->queue;
	struct coil_task *task = waiter->task;
	int rc;

	waiter->loop = &task_scheduler(task)->loop;
	waiter->arrival.fire = arrive;
	future_init(&waiter->future, &waiter->loop->ready, &waiter->kind->future);
	push(waiters, waiter);
	shared_unguard(waiters);
	waiter->loop->promises_open++;
	rc = task_await(task_scheduler(task), task, &waiter->future);
	waiter->loop->promises_open--;
	if (rc == 0) {
		shared_guard(waiters);
		shared_unguard(waiters);
	}
	return rc;
}

/* -- A thread waits ------------------------------------------------------------------------------
 */

/* On the clock of coil_now(). */
static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	int rc = pthread_condattr_init(&attributes);

	check(rc == 0);
	rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	check(rc == 0);
	rc = pthread_cond_init(condition, &attributes);
	check(rc == 0);
	pthread_condattr_destroy(&attributes);
}

/* 0, or ETIMEDOUT. Spurious wakes happen. */
static int sleep_until(struct coil_shared_waiter *waiter, int64_t deadline)
{
	pthread_mutex_t *guard = &waiter->queue->guard;
	struct timespec until = { 0 };

	if (deadline == CLOCK_FOREVER)
		return pthread_cond_wait(&waiter->granted, guard);
	if (deadline > 0) {
		until.tv_sec = (time_t)(deadline / COIL_SEC);
		until.tv_nsec = (long)(deadline % COIL_SEC);
	}
	return pthread_cond_timedwait(&waiter->granted, guard, &until);
}

/* As in pthread_mutex_lock, pthread_cancel has to wait: a queue must not keep a frame that is gone.
 */
static int wait_in_thread(struct coil_shared_waiter *waiter, int64_t deadline)
{
	struct coil_shared_waiters *waiters = waiter->queue;
	bool has_left = false;
	int cancel_state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	init_condition(&waiter->granted);
	push(waiters, waiter);
	while (!waiter->is_granted && !has_left)
		if (sleep_until(waiter, deadline) == ETIMEDOUT)
			has_left = leave(waiter);
	shared_unguard(waiters);
	pthread_cond_destroy(&waiter->granted);
	pthread_setcancelstate(cancel_state, NULL);
	return has_left ? -ETIME : 0;
}

/* -- Both ----------------------------------------------------------------------------------------
 */

int shared_wait(struct coil_shared_waiters *waiters, const struct shared_kind *kind,
		int64_t deadline, const char *function)
{
	struct coil_shared_waiter waiter = { .queue = waiters, .kind = kind };

	waiter.task = shared_task();
	waiter.self = shared_self(waiter.task);
	if (waiter.task)
		return wait_in_task(&waiter);
	if (unlikely(loop_current != NULL))
		check_misused(function, "it has to wait, and only a task, or a thread without a "
					"loop, can wait");
	return wait_in_thread(&waiter, deadline);
}

int shared_wait_until(int (*wait)(void *object, int64_t deadline), void *object,
		      int64_t deadline)
{
	struct coil_task *task = shared_task();
	struct coil_scope scope;
	int rc;

	if (!task || deadline == CLOCK_FOREVER)
		return wait(object, deadline);
	scope_enter(&scope, task, 0);
	rc = scope_set_deadline(task_scheduler(task), &scope, deadline);
	if (rc == 0)
		rc = wait(object, CLOCK_FOREVER);
	scope_leave(task_scheduler(task), &scope);
	return rc;
}
