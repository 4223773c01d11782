/* SPDX-License-Identifier: MIT */
/*
 * The queue in which tasks wait for something of their own loop, and the one place where such a
 * wait is cancelled. The public rules stand in coil/waiters.h. They are kept like this:
 *
 *   - A waiter is a future in the frame of the task that waits, and a link of the queue.
 *   - Who gives something up takes the first waiter, writes down that the thing is its own, and
 *     resolves it (waiters_wake). From then on the waiter is in no queue and touches the object no
 *     more; a cancel finds its future resolved and cannot take anything away.
 *   - A cancel takes a waiter that is still in the queue out of it and resolves it with -ECANCELED,
 *     from which the await makes the scope's reason. Who stood behind it may have to be looked at:
 *     that is the kind's left().
 *
 * So the thing is either handed over or not, and there is no third case in which a wake could be
 * lost. Zeroed memory is an empty queue, which belongs to no loop yet.
 */
#ifndef COIL_SYNC_WAITERS_H
#define COIL_SYNC_WAITERS_H

#include "coil/waiters.h"
#include "task/await.h"

struct words;

struct waiters_kind {
	struct coil_future_ops future;
	/* @waiter was cancelled and is out of the queue; NULL: nothing is to be done. */
	void (*left)(struct coil_waiters *waiters, struct coil_waiter *waiter);
	/* Adds what there is to tell of the object, behind the kind; NULL: nothing. */
	void (*tell)(struct words *words, struct coil_waiters *waiters);
};

#define WAITERS_KIND(name, left_, tell_)                                                           \
	{ { (name), waiters_cancel, waiters_describe }, (left_), (tell_) }

/* In the frame of the task that waits. */
struct coil_waiter {
	struct coil_future future;
	struct coil_waiter *next;
	struct coil_waiter *prev;
	struct coil_waiters *queue; /* where it stands */
	struct coil_task *task;
	int32_t result;		    /* for who hands something over and does not know what to say */
	uint32_t want;		    /* the kind's own */
};

/* The description of every kind. */
void waiters_describe(struct coil_future *future, char *text, size_t bytes);

/* " held by task 3 \"x\"", if there is one. */
void waiters_describe_holder(const struct coil_waiters *waiters, struct words *words,
			     uint64_t holder);

/* The cancel of every kind. */
void waiters_cancel(struct coil_future *future);

/* Binds @waiters to the calling thread's loop, or stops the program, with words. */
void waiters_bind(struct coil_waiters *waiters, const char *function);

/* Whoever uses an object says so: it must be of the calling thread's loop. */
static inline void waiters_use(struct coil_waiters *waiters, const char *function)
{
	if (unlikely(waiters->loop != loop_current || !waiters->loop))
		waiters_bind(waiters, function);
}

/* The calling task, which may have to wait. */
static inline struct coil_task *waiters_enter(struct coil_waiters *waiters, const char *function)
{
	struct coil_task *task;

	waiters_use(waiters, function);
	task = scheduler_of(waiters->loop)->current;
	if (unlikely(!task))
		task_missing(function);
	return task;
}

int waiters_refuse(struct coil_task *task);

/*
 * What may have to wait begins with it, before it looks at anything. 0; or, in a cancelled scope,
 * the reason, after a turn: also where there is nothing to wait for, so that a program does not
 * depend on that, and a loop that is never held up meets its cancel.
 */
static inline int waiters_begin(struct coil_task *task)
{
	return unlikely(task->scope->effective) ? waiters_refuse(task) : 0;
}

int waiters_begin_late(struct coil_task *task);

/*
 * The same for locks, with the fairness budget paid: before the lock is taken, since a holder that
 * let others run would have them all queue up behind it. For what is given back only: its deinit
 * comes after that, so that the object is there when the turn is over.
 */
static inline int waiters_begin_lock(struct coil_task *task)
{
	if (unlikely(task->scope->effective))
		return waiters_refuse(task);
	return unlikely(--task->budget == 0) ? waiters_begin_late(task) : 0;
}

/* The end of other waits that did not suspend, with @rc in hand: the object may be gone after it.
 */
static inline int waiters_end(struct coil_task *task, int rc)
{
	task_pay(task);
	return rc;
}

/* Nobody may wait for it. After this the object is not to be used. */
void waiters_deinit(struct coil_waiters *waiters, const char *function);

static inline void waiter_init(struct coil_waiter *waiter, struct coil_task *task,
			       const struct waiters_kind *kind)
{
	future_init(&waiter->future, task->future.ready, &kind->future);
	waiter->queue = NULL;
	waiter->task = task;
	waiter->result = 0;
	waiter->want = 0;
}

static inline void waiters_push(struct coil_waiters *waiters, struct coil_waiter *waiter)
{
	check(waiter->queue == NULL);
	waiter->queue = waiters;
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

void waiters_remove(struct coil_waiter *waiter);

/* Takes @waiter, which got what it waited for, out of its queue; its wait returns @result, >= 0 or
 * an error that is no cancellation. */
static inline void waiters_wake(struct coil_waiter *waiter, int32_t result)
{
	waiters_remove(waiter);
	future_resolve(&waiter->future, result);
}

void waiters_wake_all(struct coil_waiters *waiters, int32_t result);

/* Suspends until @waiter, in a queue, is woken or cancelled. */
int waiter_await(struct coil_waiter *waiter);

/* All of it, for kinds that need no more; in line for those that are met most often. */
static inline __attribute__((always_inline)) int
waiters_await_here(struct coil_waiters *waiters, struct coil_task *task,
		   const struct waiters_kind *kind)
{
	struct coil_waiter waiter;

	waiter_init(&waiter, task, kind);
	waiters_push(waiters, &waiter);
	return task_await_here(scheduler_here(), task, &waiter.future);
}

int waiters_await(struct coil_waiters *waiters, struct coil_task *task,
		  const struct waiters_kind *kind);

#endif
