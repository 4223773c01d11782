/* SPDX-License-Identifier: MIT */
/* Scopes, deadlines, shields, and how a cancellation spreads. See scope.h. */
#include "task/scope.h"

#include <errno.h>

#include "base/clock.h"
#include "task/audit.h"
#include "task/await.h"

_Static_assert(sizeof(struct coil_scope) == 96, "a scope is a line and a half");
_Static_assert(offsetof(struct coil_scope, alarm) - offsetof(struct coil_scope, expired) ==
		       offsetof(struct hook_alarm, alarm),
	       "a scope's hook and alarm are a hook_alarm");

/* -- Effective reasons ---------------------------------------------------------------------------
 */

/*
 * The reason that is effective in @scope, given that that of @base, at or around it, is up to date.
 * Walks outwards; the last reason found is the outermost one, and wins.
 */
static int32_t effective_reason(const struct coil_scope *scope, const struct coil_scope *base)
{
	int32_t reason = 0;

	for (;; scope = scope->parent) {
		if (scope == base)
			return base->effective ? base->effective : reason;
		if (scope->reason)
			reason = scope->reason;
		if (scope->flags & SCOPE_SHIELD)
			return reason;
	}
}

/* Brings @base, and all that its task has opened inside of it, up to date. */
static void refresh_inwards(struct coil_scope *base, struct coil_task *task)
{
	scope_refresh(base);
	if (!task)
		return;
	for (struct coil_scope *scope = task->scope; scope != base; scope = scope->parent)
		scope->effective = effective_reason(scope, base);
}

void scope_refresh_task(struct coil_task *task)
{
	refresh_inwards(&task->own, task);
}

int scope_reason_met(struct coil_task *task)
{
	struct coil_scope *scope = task->scope;
	struct coil_scope *source = scope;
	int reason = scope->effective;

	check(reason != 0);
	for (; scope; scope = scope->parent) {
		if (scope->reason)
			source = scope;
		if (scope->flags & SCOPE_SHIELD)
			break;
	}
	source->flags |= SCOPE_MET;
	if (unlikely(++task->cancels_met == AUDIT_CANCELS_MET))
		audit_cancels_met(task, source);
	return reason;
}

/* -- How a cancellation spreads ------------------------------------------------------------------
 */

static struct coil_task *task_at(struct coil_list *siblings)
{
	return list_entry(siblings, struct coil_task, siblings);
}

static struct coil_task *first_in_groups(struct coil_group *group)
{
	for (; group; group = group->outer)
		if (!list_is_empty(&group->tasks))
			return task_at(group->tasks.next);
	return NULL;
}

struct coil_task *task_next_inside(struct coil_group *top, struct coil_task *task)
{
	struct coil_task *next;

	if (!task)
		return list_is_empty(&top->tasks) ? NULL : task_at(top->tasks.next);
	next = first_in_groups(task->groups);
	while (!next) {
		if (task->siblings.next != &task->group->tasks)
			return task_at(task->siblings.next);
		if (task->group == top)
			return NULL;
		next = first_in_groups(task->group->outer);
		task = task->group->scope.task;
	}
	return next;
}

static void refresh_and_meet(struct coil_task *task)
{
	scope_refresh_task(task);
	if (task->scope->effective)
		task_meet_cancel(task);
}

static void spread_in_group(struct coil_group *group)
{
	struct coil_task *task = NULL;

	while ((task = task_next_inside(group, task)))
		refresh_and_meet(task);
}

static struct coil_group *group_of_scope(struct coil_scope *scope)
{
	return container_of(scope, struct coil_group, scope);
}

/* Everything inside @cancelled: the rest of its task's scopes, and the groups that were opened
 * among them. */
static void spread(struct coil_scope *cancelled)
{
	struct coil_task *task = cancelled->task;

	refresh_inwards(cancelled, task);
	if (!task) {
		spread_in_group(group_of_scope(cancelled));
		return;
	}
	for (struct coil_scope *scope = task->scope;; scope = scope->parent) {
		if (scope->flags & SCOPE_GROUP)
			spread_in_group(group_of_scope(scope));
		if (scope == cancelled)
			break;
	}
	if (task->scope->effective)
		task_meet_cancel(task);
}

/*
 * Meeting a cancellation may cancel further scopes: a task that joins another passes it on. They
 * queue here, so that a chain of joins, however long, takes no stack.
 */
static void spread_all(struct scheduler *s)
{
	if (s->is_cancelling)
		return;
	s->is_cancelling = true;
	while (s->cancelled) {
		struct coil_scope *scope = s->cancelled;

		s->cancelled = scope->next_cancelled;
		scope->flags &= (uint16_t)~SCOPE_QUEUED;
		spread(scope);
	}
	s->is_cancelling = false;
}

void scope_cancel(struct scheduler *s, struct coil_scope *scope, int reason, const char *text)
{
	check(scope->check_word == SCOPE_CHECK_WORD);
	check(reason < 0);
	scope->requests++;
	if (scope->reason)
		return;
	scope->reason = reason;
	scope->text = text;
	scope->canceller = s->current ? (uint32_t)s->current->id : 0;
	if (!(scope->flags & SCOPE_QUEUED)) {
		scope->flags |= SCOPE_QUEUED;
		scope->next_cancelled = s->cancelled;
		s->cancelled = scope;
	}
	spread_all(s);
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

static void deadline_passed(struct coil_hook *hook)
{
	struct coil_scope *scope = container_of(hook, struct coil_scope, expired);

	scope->expired.fire = NULL;
	scope_cancel(scheduler_of(loop_current), scope, -ETIME, "its deadline passed");
}

void scope_enter(struct coil_scope *scope, struct coil_task *task, uint16_t flags)
{
	scope_init(scope, task->scope, task, flags);
	task->scope = scope;
}

/* The hook is set while the deadline is on its way: in the heap, or expired and in the ready queue.
 */
static void clear_deadline(struct scheduler *s, struct coil_scope *scope)
{
	if (!scope->expired.fire)
		return;
	if (alarm_is_set(&scope->alarm))
		alarm_clear(&s->loop, &scope->alarm);
	else
		ready_remove(&s->loop.ready, &scope->expired);
	scope->expired.fire = NULL;
}

void scope_leave(struct scheduler *s, struct coil_scope *scope)
{
	clear_deadline(s, scope);
	check(!(scope->flags & SCOPE_QUEUED));
	scope->flags &= (uint16_t)~SCOPE_OPEN;
	scope->check_word = 0;
	if (!scope->task)
		return;
	scope->task->scope = scope->parent;
	if (scope->flags & SCOPE_MET)
		scope->task->cancels_met = 0;
}

int scope_set_deadline(struct scheduler *s, struct coil_scope *scope, int64_t deadline)
{
	int rc;

	clear_deadline(s, scope);
	if (deadline == CLOCK_FOREVER)
		return 0;
	if (deadline <= s->loop.now) {
		scope_cancel(s, scope, -ETIME, "its deadline passed");
		return 0;
	}
	rc = alarm_set(&s->loop, &scope->alarm, deadline);
	if (rc == 0)
		scope->expired.fire = deadline_passed;
	return rc;
}

/* -- The public face -----------------------------------------------------------------------------
 */

static void check_scope(const struct coil_scope *scope, const char *function)
{
	if (unlikely(scope->check_word != SCOPE_CHECK_WORD))
		check_misused(function, "this scope is not open");
}

void coil_scope_open(struct coil_scope *scope)
{
	scope_enter(scope, task_required(__func__), 0);
}

int coil_shield_open(struct coil_scope *scope, int64_t duration)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);

	scope_enter(scope, task, SCOPE_SHIELD);
	if (duration == COIL_FOREVER)
		return 0;
	return scope_set_deadline(s, scope, clock_add(loop_read_clock(&s->loop), duration));
}

int coil_scope_deadline(struct coil_scope *scope, int64_t deadline)
{
	struct coil_task *task = task_required(__func__);

	check_scope(scope, __func__);
	check_use(scope->task == task, "this scope belongs to another task");
	return scope_set_deadline(task_scheduler(task), scope, deadline);
}

void coil_scope_cancel(struct coil_scope *scope, int reason, const char *text)
{
	struct scheduler *s = scheduler_required(__func__);

	check_scope(scope, __func__);
	check_use(reason < 0, "the reason %d is not a negative errno", reason);
	scope_cancel(s, scope, reason, text);
}

int coil_scope_close(struct coil_scope *scope)
{
	struct coil_task *task = task_required(__func__);

	check_scope(scope, __func__);
	check_use(scope->task == task, "this scope belongs to another task");
	check_use(!(scope->flags & SCOPE_GROUP), "this scope is a group's: use coil_group_close");
	check_use(task->scope == scope,
		  "this scope is not the innermost one: close the ones inside first");
	check_use(task->started <= scope->started,
		  "%u operations or timers that were started in this scope are still in flight",
		  task->started - scope->started);
	scope_leave(task_scheduler(task), scope);
	return scope->flags & SCOPE_MET ? scope->reason : 0;
}

void coil_scope_left(const struct coil_scope *scope)
{
	check_use(scope->check_word != SCOPE_CHECK_WORD,
		  "a frame was left with a scope of its own open");
}

int coil_cancelling(void)
{
	return task_required(__func__)->scope->effective;
}

int64_t coil_effective_deadline(void)
{
	struct coil_scope *scope = task_required(__func__)->scope;
	int64_t deadline = COIL_FOREVER;

	for (; scope; scope = scope->parent) {
		if (alarm_is_set(&scope->alarm) && scope->alarm.node.key < deadline)
			deadline = scope->alarm.node.key;
		if (scope->reason == -ETIME)
			deadline = INT64_MIN;
		if (scope->flags & SCOPE_SHIELD)
			break;
	}
	return deadline;
}

int coil_timeout(int64_t duration, int (*entry)(void *arg), void *arg)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct coil_scope scope;
	int rc;

	scope_enter(&scope, task, 0);
	rc = scope_set_deadline(s, &scope, clock_add(loop_read_clock(&s->loop), duration));
	if (rc == 0)
		rc = entry(arg);
	coil_scope_close(&scope);
	return rc;
}
