/* SPDX-License-Identifier: MIT */
/*
 * The queue in which tasks of several loops, and plain threads, wait for the same thing. A small
 * lock guards it, held for a few steps and never over a wait. A thread sleeps on a condition of its
 * own; a task suspends, and is woken by a message to its loop's inbox.
 *
 * As in waiters.h the thing is handed over under the guard, and what was handed over counts: a
 * cancel or a deadline that comes later finds is_granted and waits for the message that is on its
 * way. Who was woken takes the guard once more before it returns: whoever woke it is out of the
 * queue and of the loop's inbox then, and both may be freed.
 */
#ifndef COIL_SYNC_SHARED_H
#define COIL_SYNC_SHARED_H

#include "coil/shared.h"
#include "task/task.h"

struct shared_kind {
	struct coil_future_ops future;
	/* Guarded: the last one who waited has left without getting anything; NULL: so what. */
	void (*emptied)(struct coil_shared_waiters *waiters);
};

#define SHARED_KIND(name, emptied_) { { (name), shared_cancel, NULL }, (emptied_) }

/* In the frame of who waits. */
struct coil_shared_waiter {
	struct coil_future future;  /* of a task */
	struct coil_hook arrival;   /* its wake from another thread */
	struct coil_shared_waiter *next;
	struct coil_shared_waiter *prev;
	struct coil_shared_waiters *queue;
	const struct shared_kind *kind;
	struct coil_task *task;	    /* NULL: a thread */
	struct coil_loop *loop;	    /* the task's */
	uintptr_t self;
	pthread_cond_t granted;	    /* of a thread */
	bool is_granted;
};

/* The cancel of every kind. */
void shared_cancel(struct coil_future *future);

void shared_init(struct coil_shared_waiters *waiters);

/* Waits for the guard, so that who wakes is out of it. Nobody may wait for anything. */
void shared_deinit(struct coil_shared_waiters *waiters, const char *function);

/* The calling task, NULL in a thread. */
static inline struct coil_task *shared_task(void)
{
	return loop_current ? scheduler_of(loop_current)->current : NULL;
}

extern _Thread_local uint64_t shared_thread_mark;

/* A word for the caller, task or thread: never 0, and even. */
static inline uintptr_t shared_self(const struct coil_task *task)
{
	return task ? (uintptr_t)task : (uintptr_t)&shared_thread_mark;
}

void shared_guard(struct coil_shared_waiters *waiters);
void shared_unguard(struct coil_shared_waiters *waiters);

/* Guarded: who has waited longest gets what it waits for. It runs when the guard is free. */
void shared_grant_first(struct coil_shared_waiters *waiters);

/*
 * Guarded when called, not guarded when it returns: waits. @deadline is for threads. 0; the reason
 * of a cancelled scope; -ETIME.
 */
int shared_wait(struct coil_shared_waiters *waiters, const struct shared_kind *kind,
		int64_t deadline, const char *function);

/* Runs @wait(@object, @deadline) in a task's scope with that deadline, or, in a thread, so. */
int shared_wait_until(int (*wait)(void *object, int64_t deadline), void *object,
		      int64_t deadline);

#endif
