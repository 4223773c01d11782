/* SPDX-License-Identifier: MIT */
/*
 * A mutex and an event that tasks share with plain threads, and with the tasks of other loops. A
 * task that has to wait suspends, and its loop goes on; a thread without a loop sleeps where it
 * stands. On a loop's thread outside of a task nothing may wait: that is misuse.
 *
 * Tasks and threads stand in one queue. What is given up is handed over to who has waited longest,
 * whatever it is, so that neither starves the other; a lock that many threads fight for is dearer
 * than pthread's for it. A thread's wait is no cancellation point of pthread_cancel. No operation
 * of the ring is needed, so that every kernel will do; they are not for several processes. A waiter
 * that was woken may free them; see deinit.
 */
#ifndef COIL_SHARED_H
#define COIL_SHARED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_shared_waiter;

/* A queue of tasks and threads; @guard is held for a few steps at a time. Private. */
struct coil_shared_waiters {
	pthread_mutex_t guard;
	struct coil_shared_waiter *first;
	struct coil_shared_waiter *last;
	uint64_t waits;
	uint64_t count;
};

/* In the caller's memory; private. */
struct coil_shared_mutex {
	uintptr_t word;
	struct coil_shared_waiters waiters;
};

/* In the caller's memory; private. */
struct coil_shared_event {
	uint32_t is_set;
	uint32_t reserved;
	struct coil_shared_waiters waiters;
};

/* Instead of an init: struct coil_shared_mutex m = COIL_SHARED_MUTEX_INIT; */
#define COIL_SHARED_MUTEX_INIT { 0, { PTHREAD_MUTEX_INITIALIZER, NULL, NULL, 0, 0 } }
#define COIL_SHARED_EVENT_INIT { 0, 0, { PTHREAD_MUTEX_INITIALIZER, NULL, NULL, 0, 0 } }

/* Totals since the init, unless marked as a state. Outdated when they are read, if others go on. */
struct coil_shared_mutex_stats {
	size_t size;	    /* set by the caller: sizeof(struct coil_shared_mutex_stats) */
	uint64_t is_locked; /* state: 1 or 0 */
	uint64_t waiters;   /* state: tasks and threads that wait for it */
	uint64_t waits;	    /* tasks and threads that had to wait */
};

/* Totals since the init, unless marked as a state. Outdated when they are read, if others go on. */
struct coil_shared_event_stats {
	size_t size;	  /* set by the caller: sizeof(struct coil_shared_event_stats) */
	uint64_t is_set;  /* state: 1 or 0 */
	uint64_t waiters; /* state: tasks and threads that wait for it */
	uint64_t waits;	  /* tasks and threads that had to wait */
};

/**
 * coil_shared_mutex_init - make a mutex that tasks and threads share
 * @mutex: uninitialised memory; must stay until coil_shared_mutex_deinit
 *
 * From any thread. Does not suspend.
 * Since 0.1.
 */
void coil_shared_mutex_init(struct coil_shared_mutex *mutex);

/**
 * coil_shared_mutex_deinit - end the use of a mutex
 * @mutex: held by nobody, without waiters; NULL is allowed
 *
 * From any thread; waits, without suspending, for an unlock that is still on its way out. Does not
 * suspend.
 * Since 0.1.
 */
void coil_shared_mutex_deinit(struct coil_shared_mutex *mutex);

/**
 * coil_shared_mutex_lock - take a mutex
 * @mutex: not held by the caller, task or thread: waiting for oneself is misuse and stops the
 *         program
 *
 * Suspends a task, and lets a thread sleep, while another holds it or came before. A cancelled task
 * leaves the queue; one that was handed the mutex already has it, and the next wait meets the
 * cancellation. A task may wait for other things while it holds it. A task that ends while it holds
 * a mutex stops the program.
 * Return: 0: the mutex is the caller's; the reason of a cancelled scope.
 * Since 0.1.
 */
int coil_shared_mutex_lock(struct coil_shared_mutex *mutex);

/**
 * coil_shared_mutex_lock_until - take a mutex, or give it a miss
 * @mutex:    as coil_shared_mutex_lock
 * @deadline: absolute, on coil_now()'s clock; COIL_FOREVER: none; a past one does not wait
 *
 * As coil_shared_mutex_lock; for threads, which have no scopes with deadlines, but for tasks, too.
 * Return: as coil_shared_mutex_lock; -ETIME if the deadline passed; -ENOMEM, in a task.
 * Since 0.1.
 */
int coil_shared_mutex_lock_until(struct coil_shared_mutex *mutex, int64_t deadline);

/**
 * coil_shared_mutex_try_lock - take a mutex if nobody has it
 * @mutex: any state
 *
 * From any thread. Does not suspend; works in a cancelled scope.
 * Return: 0; -EAGAIN.
 * Since 0.1.
 */
int coil_shared_mutex_try_lock(struct coil_shared_mutex *mutex);

/**
 * coil_shared_mutex_unlock - give a mutex up
 * @mutex: held by the calling task, or by the calling thread outside of a task; anything else is
 *         misuse and stops the program
 *
 * Hands it to who has waited longest. What was written before is visible to the next holder. Does
 * not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_shared_mutex_unlock(struct coil_shared_mutex *mutex);

/**
 * coil_shared_mutex_is_locked - does anybody hold a mutex?
 * @mutex: any state
 *
 * From any thread; outdated when it is returned, unless the caller holds it. Does not suspend.
 * Return: true if so.
 * Since 0.1.
 */
bool coil_shared_mutex_is_locked(const struct coil_shared_mutex *mutex);

/**
 * coil_shared_mutex_stats - read the counters of a mutex
 * @mutex:     any state
 * @ret_stats: its size is set; filled up to it
 *
 * From any thread. Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_shared_mutex_stats(struct coil_shared_mutex *mutex,
			    struct coil_shared_mutex_stats *ret_stats);

/**
 * coil_shared_event_init - make an event that tasks and threads share, not set
 * @event: uninitialised memory; must stay until coil_shared_event_deinit
 *
 * From any thread. Does not suspend.
 * Since 0.1.
 */
void coil_shared_event_init(struct coil_shared_event *event);

/**
 * coil_shared_event_deinit - end the use of an event
 * @event: without waiters; NULL is allowed
 *
 * From any thread; waits, without suspending, for a set that is still on its way out, so that who
 * was woken by it may deinit. Does not suspend.
 * Since 0.1.
 */
void coil_shared_event_deinit(struct coil_shared_event *event);

/**
 * coil_shared_event_set - set an event
 * @event: any state
 *
 * From any thread, with or without a loop; not from a signal handler. Wakes all who wait, in the
 * order in which they came, even if it is cleared meanwhile; what was written before is visible to
 * them. Does not suspend, works in a cancelled scope.
 * Since 0.1.
 */
void coil_shared_event_set(struct coil_shared_event *event);

/**
 * coil_shared_event_clear - make an event not set
 * @event: any state
 *
 * From any thread. Does not suspend.
 * Since 0.1.
 */
void coil_shared_event_clear(struct coil_shared_event *event);

/**
 * coil_shared_event_wait - wait until an event is set
 * @event: any state
 *
 * Suspends a task, and lets a thread sleep, unless it is set. A cancelled task leaves; one that was
 * woken by a set returns 0.
 * Return: 0; the reason of a cancelled scope if it had to wait.
 * Since 0.1.
 */
int coil_shared_event_wait(struct coil_shared_event *event);

/**
 * coil_shared_event_wait_until - wait until an event is set, or a time has come
 * @event:    any state
 * @deadline: absolute, on coil_now()'s clock; COIL_FOREVER: none; a past one does not wait
 *
 * As coil_shared_event_wait; for threads, which have no scopes with deadlines, but for tasks, too.
 * Return: as coil_shared_event_wait; -ETIME if the deadline passed; -ENOMEM, in a task.
 * Since 0.1.
 */
int coil_shared_event_wait_until(struct coil_shared_event *event, int64_t deadline);

/**
 * coil_shared_event_is_set - is an event set?
 * @event: any state
 *
 * From any thread. Does not suspend. If it is, what was written before the set is visible.
 * Return: true if so.
 * Since 0.1.
 */
bool coil_shared_event_is_set(const struct coil_shared_event *event);

/**
 * coil_shared_event_stats - read the counters of an event
 * @event:     any state
 * @ret_stats: its size is set; filled up to it
 *
 * From any thread. Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_shared_event_stats(struct coil_shared_event *event,
			    struct coil_shared_event_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
