/* SPDX-License-Identifier: MIT */
/*
 * A pool from its threads' side: a queue of work under a lock, and threads that take from it.
 *
 *   IDLE      nobody's business
 *   QUEUED    in the queue; who takes it out, under the lock, decides: a thread, or a cancel
 *   RUNNING   a thread runs it; it cannot be stopped, only told
 *   ENDED     its result is in the loop's inbox
 *   DONE      the loop has resolved its future
 *
 * The loop is touched under the lock alone, and only while @loop is set: so a thread that comes
 * late finds it gone instead of freed. The pool itself is freed by whoever lets go of it last; it
 * is on the C library's heap, since a loop's allocator is its thread's alone.
 *
 * A thread that finds no work waits for the next by a call of the driver's. Where nobody can block,
 * on a simulated kernel, that call says so, and the thread ends: the next work starts another one.
 */
#ifndef COIL_WORK_CREW_H
#define COIL_WORK_CREW_H

#include <pthread.h>

#include "coil/pool.h"
#include "task/task.h"

enum work_state { WORK_IDLE, WORK_QUEUED, WORK_RUNNING, WORK_ENDED, WORK_DONE };

struct coil_pool {
	/* The threads' and the loop's, under the lock. */
	pthread_mutex_t lock;
	struct coil_list queue;
	struct coil_list running;
	struct coil_loop *loop;
	const struct driver_calls *calls;
	uint32_t word; /* changes when threads without work should look again */
	uint32_t references;
	uint32_t threads;
	uint32_t idle;
	uint32_t queue_count;
	uint32_t running_count;
	uint64_t threads_started;
	uint64_t completed;
	/* The loop's alone. */
	struct companion companion;
	struct scheduler *scheduler;
	struct coil_list waiting; /* for room in the queue */
	struct coil_future empty;
	struct coil_pool_options options;
	uint32_t jobs;	   /* handed over, and not back yet */
	uint32_t entering; /* tasks on their way to hand over */
	uint32_t reserved; /* of these, the ones that have room */
	bool is_shut;
	bool is_closing;
	uint64_t submitted;
	uint64_t cancelled;
	uint64_t left;
};

/* Work that may be left behind, by the side of its copied argument. On the C library's heap. */
struct left_work {
	struct coil_work work;
	void (*on_left)(void *arg, int result);
	const char *name;
	size_t arg_bytes;
	max_align_t copy[];
};

static inline struct left_work *left_work_of(struct coil_work *work)
{
	return container_of(work, struct left_work, work);
}

void left_work_free(struct left_work *left);

/* Queues @work, and starts a thread for it if none is idle. 0, or what refused the only thread. */
int crew_push(struct coil_pool *pool, struct coil_work *work);

/*
 * Tells work that it was cancelled. Returns the state that it was in; QUEUED work is out of the
 * queue, and DONE.
 */
enum work_state crew_cancel(struct coil_pool *pool, struct coil_work *work);

/* The same for work that the caller goes away from: RUNNING work belongs to its thread then. */
enum work_state crew_leave_behind(struct coil_pool *pool, struct left_work *left);

/* The next work that no thread has taken, out of the queue and DONE; NULL if there is none. */
struct coil_work *crew_withdraw_any(struct coil_pool *pool);

/* The loop lets go of the pool; the threads end when they have done what they do. */
void crew_dismiss(struct coil_pool *pool);

/* What the calling thread works on, or NULL. */
struct coil_work *crew_current(void);

/* The calling thread, at work, waits for @call from now on (NULL: not any more). */
struct coil_call;
void crew_note_call(struct coil_work *work, struct coil_call *call);

#endif
