/* SPDX-License-Identifier: MIT */
/*
 * Scopes: who is cancelled, and why. The scopes of a task form a stack, the tasks of a loop a tree:
 * a task's own scope has its group's scope for parent, and a group's scope stands in the stack of
 * the task that opened it.
 *
 * Each scope keeps the reason that is effective in it: its own, or that of the outermost cancelled
 * scope around it up to the innermost shield. It is brought up to date when something is cancelled,
 * so that a wait reads one word.
 */
#ifndef COIL_TASK_SCOPE_H
#define COIL_TASK_SCOPE_H

#include "loop/timers.h"
#include "task/task.h"

enum scope_flag {
	SCOPE_OPEN = 1 << 0,
	SCOPE_SHIELD = 1 << 1,
	SCOPE_GROUP = 1 << 2,	/* in a struct coil_group */
	SCOPE_MET = 1 << 3,	/* a wait inside returned its reason */
	SCOPE_QUIET = 1 << 4,	/* cancelled by its group: no failure of its own */
	SCOPE_QUEUED = 1 << 5	/* in scheduler->cancelled */
};

#define SCOPE_CHECK_WORD 0x5c0e

/* Brings a scope's effective reason up to date with its own and its parent's. */
static inline void scope_refresh(struct coil_scope *scope)
{
	const struct coil_scope *parent = scope->parent;
	bool sees_parent = parent && !(scope->flags & SCOPE_SHIELD);

	scope->effective = sees_parent && parent->effective ? parent->effective : scope->reason;
}

static inline void scope_init(struct coil_scope *scope, struct coil_scope *parent,
			      struct coil_task *task, uint16_t flags)
{
	scope->parent = parent;
	scope->task = task;
	scope->expired.fire = NULL;
	alarm_init(&scope->alarm, ALARM_HOOK);
	scope->next_cancelled = NULL;
	scope->text = NULL;
	scope->reason = 0;
	scope->requests = 0;
	scope->canceller = 0;
	scope->flags = (uint16_t)(flags | SCOPE_OPEN);
	scope->check_word = SCOPE_CHECK_WORD;
	scope->started = task ? task->started : 0;
	scope_refresh(scope);
}

/* Makes @scope the innermost one of @task; @task is NULL for the root. */
void scope_enter(struct coil_scope *scope, struct coil_task *task, uint16_t flags);

/* Takes a scope's deadline back and leaves it. */
void scope_leave(struct scheduler *s, struct coil_scope *scope);

/* 0 or -ENOMEM. */
int scope_set_deadline(struct scheduler *s, struct coil_scope *scope, int64_t deadline);

void scope_cancel(struct scheduler *s, struct coil_scope *scope, int reason, const char *text);

/* Brings a task's stack of scopes up to date, from its own scope inwards. */
void scope_refresh_task(struct coil_task *task);

/*
 * A walk over everything inside a group, parents before children, without recursion: the task after
 * @task, NULL for the first one; NULL at the end.
 */
struct coil_task *task_next_inside(struct coil_group *top, struct coil_task *task);

/* The reason that @task meets now; the scope that it comes from takes note. */
int scope_reason_met(struct coil_task *task);

#endif
