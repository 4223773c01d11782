/* SPDX-License-Identifier: MIT */
/*
 * The room's snapshot: what a task, a wait and a scope are at this moment, in plain values, for
 * dumps and monitors. Nothing is allocated or changed: it may be taken in a signal handler that
 * interrupts the loop's own thread. A walk is task_next_inside, or a group's list.
 */
#ifndef COIL_TASK_VIEW_H
#define COIL_TASK_VIEW_H

#include "task/combine.h"
#include "task/task.h"

/* What is waited for. */
struct wait_view {
	const char *kind;		/* "operation", "timer", "task", "promise", "gather", ... */
	const struct coil_op *op;	/* or NULL; then its words: */
	const char *op_name;		/* "recv"; NULL for one without a name */
	unsigned opcode;
	int fd;				/* -1: none */
	const struct coil_task *task;	/* or NULL */
	int64_t deadline;		/* a timer's; CLOCK_FOREVER: none */
	struct combine_progress progress; /* of a combinator; of nothing: it is none */
	bool is_done;
	int result;			/* if it is done */
};

struct task_view {
	uint64_t id;
	uint64_t parent;	/* whose group it is in; 0: the root's */
	const char *name;
	const char *place;	/* or NULL */
	enum task_state state;
	int result;		/* of a task that is done */
	bool has_handle;
	bool is_looked_at;	/* somebody joins it, or has asked for its future */
	bool is_asked;		/* what it waits for was asked to finish soon */
	uint32_t started;	/* operations and timers of its own in flight */
	struct coil_future *awaits; /* for wait_view_read; or NULL */
};

struct scope_view {
	int64_t deadline;	/* CLOCK_FOREVER: none */
	int reason;		/* 0: not cancelled */
	const char *text;	/* or NULL */
	uint64_t canceller;	/* the id of a task; 0: the loop, or the thread itself */
	uint32_t requests;
	bool is_shield;
	bool is_group;
};

void task_view_read(const struct coil_task *task, struct task_view *ret_view);
void wait_view_read(struct coil_future *future, struct wait_view *ret_view);
void scope_view_read(const struct coil_scope *scope, struct scope_view *ret_view);

/* "running", "waiting", ... */
const char *task_state_words(enum task_state state);

#endif
