/* SPDX-License-Identifier: MIT */
/*
 * Debug mode of one loop: what it remembers, and who tells it. It lives while
 * scheduler->see points to it. Tasks come by see's own fire, so that it knows when each one began
 * and stopped; operations that it does not know of began before it did.
 */
#ifndef COIL_SEE_DEBUG_H
#define COIL_SEE_DEBUG_H

#include "loop/timers.h"
#include "see/pulse.h"
#include "see/table.h"
#include "task/task.h"

/* Of a task, by its address; of another task that had the same slot if the id differs. */
struct seen_task {
	uintptr_t key;
	uint64_t id;
	int64_t paused; /* when it last stopped running */
	int64_t busy;	/* nanoseconds that it has run */
	uint64_t runs;
};

/* Of an operation or a timer in somebody's frame, by its address. */
struct seen_op {
	uintptr_t key;
	int64_t began;
	uint64_t task;	/* who started it; 0: nobody */
	const struct coil_op *op; /* NULL: a timer */
	const char *name;
	int fd;
	int32_t result;
	bool is_done;
	bool is_watched; /* somebody has to look at it */
};

/* An fd that this loop has closed. */
struct closed_fd {
	int fd;
	uint64_t task;
	int64_t when;
};

#define CLOSED_FDS 64u

struct see {
	struct scheduler *scheduler;
	struct table tasks;
	struct table ops;
	uint32_t watched; /* records of ops with is_watched */
	struct closed_fd closed[CLOSED_FDS]; /* a ring */
	uint32_t closed_next;
	struct hook_alarm audit; /* while a failed task waits for somebody to look at it */
	bool is_auditing;
	int64_t turn_busy;    /* nanoseconds that tasks took in this turn */
	int64_t turn_longest;
	uint64_t turn_longest_task;
	uint32_t turn_tasks;
	struct pulse pulse;
};

/* Sees to it that the library observes its loops; called once, when it is loaded. */
unsigned environment_read(void);

static inline int64_t see_now(const struct see *see)
{
	struct driver *driver = see->scheduler->loop.driver;

	return driver->ops->now(driver);
}

/* What is remembered of @task, or NULL. */
const struct seen_task *see_task(const struct see *see, const struct coil_task *task);

/* The running task's id, or 0. */
uint64_t see_running_id(const struct see *see);

/* Of unseen.c: operations, timers, promises and descriptors. */

extern const struct loop_observer unseen_observer;

void unseen_looked_at(struct coil_future *future);

/* @task has ended: what it started, and nobody looked at. */
void unseen_task_ended(struct see *see, const struct coil_task *task);

#endif
