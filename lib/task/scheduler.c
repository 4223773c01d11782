/* SPDX-License-Identifier: MIT */
/* A loop with tasks: how it comes and goes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sized.h"
#include "coil/loop.h"
#include "coil/stats.h"
#include "coro/overflow.h"
#include "loop/inbox.h"
#include "loop/leases.h"
#include "loop/timers.h"
#include "task/audit.h"
#include "task/error.h"
#include "task/group.h"
#include "task/priority.h"
#include "task/observe.h"
#include "task/run.h"
#include "task/scope.h"
#include "task/signals.h"

/* -- Stacks by way of the driver -----------------------------------------------------------------
 */

static void *memory_map(void *context, size_t bytes)
{
	struct driver *driver = context;

	return driver->ops->map(driver, bytes);
}

static void memory_unmap(void *context, void *memory, size_t bytes)
{
	struct driver *driver = context;

	driver->ops->unmap(driver, memory, bytes);
}

static int memory_guard(void *context, void *memory, size_t bytes)
{
	struct driver *driver = context;

	return driver->ops->guard(driver, memory, bytes);
}

static int memory_discard(void *context, void *memory, size_t bytes)
{
	struct driver *driver = context;

	return driver->ops->discard(driver, memory, bytes);
}

static int memory_resident(void *context, void *memory, size_t bytes, unsigned char *ret_pages)
{
	struct driver *driver = context;

	return driver->ops->resident(driver, memory, bytes, ret_pages);
}

static int stacks_open(struct scheduler *s, struct driver *driver)
{
	const struct stack_memory memory = {
		.map = memory_map,
		.unmap = memory_unmap,
		.guard = memory_guard,
		.discard = memory_discard,
		.resident = memory_resident,
		.context = driver,
	};

	return stack_pool_init(&s->stacks, &memory, s->loop.alloc, s->options.stack_bytes);
}

/* -- Words ---------------------------------------------------------------------------------------
 */

const struct scheduler_observer *scheduler_observer;

static void describe_caller(char *text, size_t bytes)
{
	struct coil_task *task = coil_self();

	if (task)
		task_describe(task, text, bytes);
}

/* The task lies right below its stack's header: see place_task. */
static bool describe_overflown(struct stack *stack, char *text, size_t bytes)
{
	uintptr_t at = ((uintptr_t)stack_top(stack) - sizeof(struct coil_task)) & ~(uintptr_t)15;
	const struct coil_task *task = (const struct coil_task *)at;

	if (task->check_word != TASK_CHECK_WORD)
		return false;
	task_describe(task, text, bytes);
	snprintf(text + strlen(text), bytes - strlen(text), ", whose stack has %zu bytes",
		 stack_slot_bytes(stack));
	return true;
}

static bool describe_running(char *text, size_t bytes)
{
	const struct coil_task *task = coil_self();

	if (loop_is_forked())
		snprintf(text, bytes,
			 "the child of a fork, whose loop is the parent's: only exec and _exit are "
			 "safe there");
	else if (task)
		task_describe(task, text, bytes);
	else
		return false;
	return true;
}

/* -- Open, turn, close ---------------------------------------------------------------------------
 */

int scheduler_open(struct scheduler **ret_scheduler, struct driver *driver,
		   const struct coil_options *options)
{
	const struct coil_alloc *alloc = options->alloc;
	struct scheduler *s = alloc_zeroed(alloc, sizeof *s);
	int rc;

	if (!s) {
		driver->ops->close(driver, false);
		error_explain("coil_run: ENOMEM: no memory for a loop");
		return -ENOMEM;
	}
	s->options = *options;
	list_init(&s->companions);
	s->fire = task_fire;
	loop_init(&s->loop, driver, options);
	rc = stacks_open(s, driver);
	check(rc == 0);
	coro_init_thread(&s->main);
	group_init_root(s);
	background_init(s);
	sigpipe_block(s);
	check_describe_caller = describe_caller;
	if (!(options->off & COIL_NO_OVERFLOW))
		overflow_watch(&s->stacks, describe_overflown, describe_running);
	*ret_scheduler = s;
	if (scheduler_observer)
		scheduler_observer->opened(s);
	return 0;
}

int scheduler_turn(struct scheduler *s, bool may_wait)
{
	int rc;

	check(s->current == NULL);
	scheduler_tidy(s);
	if (unlikely(s->see))
		scheduler_observer->turn(s, true);
	rc = loop_turn(&s->loop, may_wait);
	if (unlikely(s->see))
		scheduler_observer->turn(s, false);
	if (unlikely(rc < 0))
		error_explain("io_uring_enter: %s: the ring is lost%s", strerrorname_np(-rc),
			      rc == -EPERM || rc == -EACCES || rc == -ENOSYS
				      ? "; a seccomp filter may allow io_uring_setup and not this"
				      : "");
	return rc;
}

struct bound {
	struct hook_alarm alarm;
	bool has_passed;
};

static void bound_passed(struct coil_hook *hook)
{
	struct bound *bound = container_of(hook, struct bound, alarm.hook);

	bound->has_passed = true;
	loop_current->is_called = true;
}

/* Is somebody left who will end by himself? */
static bool is_busy(const struct scheduler *s)
{
	struct coil_list *node;

	if (s->alive > 0)
		return true;
	list_for_each(node, &s->companions) {
		struct companion *companion = list_entry(node, struct companion, node);

		if (!companion->is_idle(companion))
			return true;
	}
	return false;
}

/* What was posted to the loop is still called. */
static bool is_over(struct scheduler *s)
{
	return !is_busy(s) && ready_is_empty(&s->loop.ready) && inbox_is_empty(&s->loop.inbox);
}

/* Turns until that is over, or the bound has passed. */
static void let_tasks_end(struct scheduler *s, int64_t bound_ns)
{
	struct bound bound = { .alarm.hook.fire = bound_passed };
	int64_t end = clock_add(loop_read_clock(&s->loop), bound_ns);
	bool is_on_its_way = end != CLOCK_FOREVER;

	alarm_init(&bound.alarm.alarm, ALARM_HOOK);
	if (alarm_set(&s->loop, &bound.alarm.alarm, end) < 0) {
		bound.has_passed = bound_ns <= 0;
		is_on_its_way = false;
	}
	while (!is_over(s) && !bound.has_passed)
		if (scheduler_turn(s, is_busy(s)) < 0)
			break;
	if (bound.has_passed)
		return;
	if (alarm_is_set(&bound.alarm.alarm))
		alarm_clear(&s->loop, &bound.alarm.alarm);
	else if (is_on_its_way)
		ready_remove(&s->loop.ready, &bound.alarm.hook);
}

static void leave_companions(struct scheduler *s)
{
	while (!list_is_empty(&s->companions)) {
		struct companion *companion =
			list_entry(s->companions.next, struct companion, node);

		companion->leave(companion);
	}
}

static void forget_thread(struct scheduler *s)
{
	sigpipe_restore(s);
	if (!(s->options.off & COIL_NO_OVERFLOW))
		overflow_unwatch();
	check_describe_caller = NULL;
}

/* Tasks or the kernel still hold on to memory of ours: it stays where it is. */
static int abandon(struct scheduler *s)
{
	if (scheduler_observer)
		scheduler_observer->closing(s);
	if (!(s->options.off & COIL_NO_REPORTS))
		audit_left_tasks(s);
	error_explain("%u tasks did not end in time: the ring and the stacks are left behind",
		      s->alive);
	forget_thread(s);
	stack_pool_abandon(&s->stacks);
	loop_deinit(&s->loop, true);
	return -ETIME;
}

int scheduler_close(struct scheduler *s, int64_t bound_ns)
{
	const struct coil_alloc *alloc = s->options.alloc;
	int64_t deadline = clock_add(loop_read_clock(&s->loop), bound_ns);

	s->is_ending = true;
	scope_cancel(s, &s->root.scope, -ECANCELED, "the program ends");
	let_tasks_end(s, bound_ns);
	leave_companions(s);
	check_use(s->alive > 0 || s->loop.broken || s->loop.listeners_open == 0,
		  "%u listeners were not closed before the end of their loop",
		  s->loop.listeners_open);
	if (s->alive > 0 || loop_drain(&s->loop, deadline) < 0)
		return abandon(s);
	if (!(s->options.off & COIL_NO_REPORTS)) {
		audit_failures(s);
		leases_audit(&s->loop);
	}
	group_free_ended(s, &s->root);
	if (scheduler_observer)
		scheduler_observer->closing(s);
	scope_leave(s, &s->root.scope);
	task_reap_ended(s);
	task_free_quarantine(s);
	forget_thread(s);
	stack_pool_deinit(&s->stacks);
	loop_deinit(&s->loop, false);
	alloc->free(alloc->context, s, sizeof *s);
	return 0;
}

void scheduler_count(const struct scheduler *s, struct coil_stats *ret_stats)
{
	struct stack_counters stacks;

	loop_count(&s->loop, ret_stats);
	stack_pool_count(&s->stacks, &stacks);
	ret_stats->spawned = s->spawned;
	ret_stats->switches = s->switches;
	ret_stats->tasks = s->alive;
	ret_stats->stacks = stacks.in_use;
	ret_stats->stacks_idle = stacks.idle;
	ret_stats->stack_mapped_bytes = stacks.mapped_bytes;
}

int coil_stats(struct coil_stats *ret_stats)
{
	const struct scheduler *s = scheduler_required(__func__);
	struct coil_stats stats = { .size = sizeof stats };

	scheduler_count(s, &stats);
	return sized_write(ret_stats, &stats, sizeof stats);
}
