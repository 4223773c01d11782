/* SPDX-License-Identifier: MIT */
/* Debug mode: on and off, and what is seen of tasks as they run. See debug.h. */
#include "see/debug.h"

#include <errno.h>
#include <stdio.h>

#include "loop/observe.h"
#include "see/on_signal.h"
#include "task/audit.h"
#include "task/observe.h"
#include "task/priority.h"
#include "task/scope.h"

/* For loops that are opened from now on. */
static _Atomic unsigned default_flags;

const struct seen_task *see_task(const struct see *see, const struct coil_task *task)
{
	const struct seen_task *seen;

	if (see->tasks.is_changing)
		return NULL;
	seen = table_find(&see->tasks, task);
	return seen && seen->id == task->id ? seen : NULL;
}

uint64_t see_running_id(const struct see *see)
{
	const struct coil_task *task = see->scheduler->current;

	return task ? task->id : 0;
}

static bool tells(const struct see *see, unsigned flag)
{
	return (see->scheduler->debug & flag) &&
	       !(see->scheduler->options.off & COIL_NO_REPORTS);
}

/* -- Failures that nobody comes for --------------------------------------------------------------
 */

#define AUDIT_AFTER COIL_SEC

static void audit_later(struct see *see)
{
	struct scheduler *s = see->scheduler;

	if (see->is_auditing || !tells(see, COIL_DEBUG_UNSEEN))
		return;
	see->is_auditing =
		alarm_set(&s->loop, &see->audit.alarm, see_now(see) + AUDIT_AFTER) == 0;
}

/* Failed a second ago, and nobody has come for the result: who waits for the end of the program to
 * tell may wait for long. Younger ones get their second. */
static void audit_now(struct coil_hook *hook)
{
	struct see *see = container_of(hook, struct see, audit.hook);
	struct coil_list *tasks = &see->scheduler->root.tasks;
	struct coil_list *node;

	see->is_auditing = false;
	list_for_each(node, tasks) {
		struct coil_task *task = list_entry(node, struct coil_task, siblings);
		const struct seen_task *seen = see_task(see, task);

		if (!seen || !audit_is_unseen_failure(task))
			continue;
		if (see_now(see) - seen->paused >= AUDIT_AFTER)
			audit_failure(task);
		else
			audit_later(see);
	}
}

static void audit_stop(struct see *see)
{
	struct coil_loop *loop = &see->scheduler->loop;

	if (!see->is_auditing)
		return;
	if (alarm_is_set(&see->audit.alarm))
		alarm_clear(loop, &see->audit.alarm);
	else
		ready_remove(&loop->ready, &see->audit.hook);
}

/* -- Tasks that run ------------------------------------------------------------------------------
 */

static void note_run(struct see *see, const struct coil_task *task, int64_t now, int64_t took)
{
	struct seen_task *seen = table_get(&see->tasks, task);

	see->turn_tasks++;
	see->turn_busy += took;
	if (took > see->turn_longest) {
		see->turn_longest = took;
		see->turn_longest_task = task->id;
	}
	if (!seen)
		return; /* no memory: this one's times stay unknown */
	if (seen->id != task->id)
		*seen = (struct seen_task){ .key = seen->key, .id = task->id };
	seen->paused = now;
	seen->busy += took;
	seen->runs++;
}

static void tell_slow_task(struct see *see, const struct coil_task *task, int64_t now, int64_t took)
{
	char who[160];

	if (!tells(see, COIL_DEBUG_SLOW) || !pulse_may_tell(&see->pulse, now))
		return;
	task_describe(task, who, sizeof who);
	report_about(REPORT_ABOUT(COIL_REPORT_SLOW, REPORT_TASK(task), .duration = took),
		     "%s held the loop for %.3f s", who, (double)took / 1e9);
}

/* In place of task_fire. It never runs on a task's stack, and while it has a task running, no other
 * one begins. */
static void fire(struct coil_hook *hook)
{
	struct coil_task *task = container_of(hook, struct coil_task, hook);
	struct scheduler *s = task_scheduler(task);
	struct see *see = s->see;
	int64_t began = see_now(see);
	int64_t now;

	pulse_beat(&see->pulse);
	task_fire(hook);
	if (s->see != see)
		return; /* it has turned debug mode off */
	pulse_beat(&see->pulse);
	now = see_now(see);
	note_run(see, task, now, now - began);
	if (unlikely(now - began >= pulse_threshold()))
		tell_slow_task(see, task, now, now - began);
	if (!future_is_resolved(&task->future))
		return;
	unseen_task_ended(see, task);
	if (task->group == &s->root && task != s->main_task && audit_is_unseen_failure(task))
		audit_later(see);
}

/* -- Turns ---------------------------------------------------------------------------------------
 */

static void tell_slow_turn(struct see *see)
{
	int64_t now = see_now(see);

	if (see->turn_busy < pulse_threshold() || see->turn_longest >= pulse_threshold() ||
	    !tells(see, COIL_DEBUG_SLOW) || !pulse_may_tell(&see->pulse, now))
		return;
	report_about(REPORT_ABOUT(COIL_REPORT_SLOW, .task = see->turn_longest_task,
				  .duration = see->turn_busy),
		     "a turn held the loop for %.3f s: %u tasks ran, task %llu the longest, for "
		     "%.3f s",
		     (double)see->turn_busy / 1e9, see->turn_tasks,
		     (unsigned long long)see->turn_longest_task, (double)see->turn_longest / 1e9);
}

static void turn(struct scheduler *s, bool begins)
{
	struct see *see = s->see;

	if (!begins)
		tell_slow_turn(see);
	see->turn_busy = see->turn_longest = 0;
	see->turn_tasks = 0;
	pulse_beat(&see->pulse);
	pulse_turn(&see->pulse, begins);
}

/* -- On and off ----------------------------------------------------------------------------------
 */

static void set_fire(struct scheduler *s, void (*new_fire)(struct coil_hook *hook))
{
	struct coil_task *task = NULL;

	s->fire = new_fire;
	while ((task = task_next_inside(&s->root, task)))
		priority_choose_hook(task);
}

static void turn_off(struct scheduler *s)
{
	struct see *see = s->see;

	s->debug = 0;
	if (!see)
		return;
	pulse_unwatch(&see->pulse);
	audit_stop(see);
	loop_observe(&s->loop, NULL);
	set_fire(s, task_fire);
	s->see = NULL;
	s->asks = s->main_task != NULL;
	table_deinit(&see->tasks);
	table_deinit(&see->ops);
	alloc_free(s->loop.alloc, see, sizeof *see);
}

static struct see *see_new(struct scheduler *s)
{
	struct see *see = alloc_zeroed(s->loop.alloc, sizeof *see);

	if (!see)
		return NULL;
	see->scheduler = s;
	see->audit.hook.fire = audit_now;
	alarm_init(&see->audit.alarm, ALARM_HOOK);
	table_init(&see->tasks, sizeof(struct seen_task), s->loop.alloc);
	table_init(&see->ops, sizeof(struct seen_op), s->loop.alloc);
	return see;
}

static int watch_pulse(struct see *see, unsigned flags)
{
	struct scheduler *s = see->scheduler;
	bool is_watched = !list_is_empty(&see->pulse.link);
	bool is_wanted = flags & COIL_DEBUG_SLOW;

	if (is_wanted == is_watched)
		return 0;
	if (is_wanted)
		return pulse_watch(&see->pulse, s);
	pulse_unwatch(&see->pulse);
	return 0;
}

static int turn_on(struct scheduler *s, unsigned flags)
{
	struct see *see = s->see ? s->see : see_new(s);
	int rc;

	if (!see)
		return -ENOMEM;
	/* A simulated kernel's time does not pass by what a task does; its threads wait for what
	 * that kernel knows alone. */
	if (s->loop.driver->is_simulated)
		flags &= ~(unsigned)COIL_DEBUG_SLOW;
	if (!s->see)
		list_init(&see->pulse.link);
	rc = watch_pulse(see, flags);
	if (rc < 0) {
		if (!s->see)
			alloc_free(s->loop.alloc, see, sizeof *see);
		return rc;
	}
	/* In the middle of a task's run the turn has begun. */
	pulse_turn(&see->pulse, s->current != NULL);
	s->debug = flags;
	if (s->see)
		return 0;
	s->see = see;
	s->asks = false;
	set_fire(s, fire);
	loop_observe(&s->loop, &unseen_observer);
	return 0;
}

int coil_set_debug(unsigned flags)
{
	struct scheduler *s = loop_current ? scheduler_of(loop_current) : NULL;
	int rc = 0;

	if (flags & ~(unsigned)COIL_DEBUG_ALL)
		return -EINVAL;
	atomic_store(&future_on_look, unseen_looked_at);
	if (s && flags)
		rc = turn_on(s, flags);
	else if (s)
		turn_off(s);
	if (rc < 0)
		return rc;
	on_signal_set_debug(flags & COIL_DEBUG_DUMP);
	atomic_store(&default_flags, flags);
	return 0;
}

/* -- Loops come and go ---------------------------------------------------------------------------
 */

static void opened(struct scheduler *s)
{
	unsigned flags = atomic_load(&default_flags);

	on_signal_add_loop(s);
	if (flags && turn_on(s, flags) < 0 && !(s->options.off & COIL_NO_REPORTS))
		report("debug mode: no memory, or no thread, for this loop: it goes without");
}

static void closing(struct scheduler *s)
{
	turn_off(s);
	on_signal_remove_loop(s);
}

static const struct scheduler_observer observer = { opened, closing, turn };

__attribute__((constructor)) static void begin(void)
{
	unsigned flags = environment_read();

	scheduler_observer = &observer;
	if (flags)
		coil_set_debug(flags);
}
