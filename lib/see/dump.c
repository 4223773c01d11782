/* SPDX-License-Identifier: MIT */
/* The loop, its counters, its groups, and the walk. See dump.h. */
#include "see/dump.h"

#include "base/clock.h"
#include "coil/error.h"
#include "coil/stats.h"
#include "coro/backtrace.h"
#include "loop/op.h"
#include "ring/calls.h"
#include "loop/inbox.h"
#include "task/group.h"
#include "task/run.h"
#include "task/scope.h"
#include "task/view.h"

#define BUFFER_BYTES 2048
#define OPS_MAX 1000u
#define FRAMES_MAX 48u

struct counter {
	const char *name;
	size_t offset;
};

#define COUNTER(name) { #name, offsetof(struct coil_stats, name) }

static const struct counter counters[] = {
	COUNTER(turns),		 COUNTER(enters),	 COUNTER(waits),
	COUNTER(spins_won),	 COUNTER(spins_lost),	 COUNTER(sqes),
	COUNTER(cqes),		 COUNTER(cq_overflows),	 COUNTER(enter_retries),
	COUNTER(backlogged),	 COUNTER(cancels),	 COUNTER(fallbacks), COUNTER(at_once),
	COUNTER(timers_started), COUNTER(timers_fired),	 COUNTER(posts),
	COUNTER(hooks),		 COUNTER(spawned),	 COUNTER(switches),
	COUNTER(allocations),	 COUNTER(allocated_bytes), COUNTER(owed),
	COUNTER(timers),	 COUNTER(tasks),	 COUNTER(stacks),
	COUNTER(stacks_idle),	 COUNTER(stack_mapped_bytes),
};

static void dump_counters(struct dump *dump)
{
	struct coil_stats stats = { .size = sizeof stats };

	scheduler_count(dump->scheduler, &stats);
	text_line(dump->text, 1);
	text_add(dump->text, "counters:");
	for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
		const char *value = (const char *)&stats + counters[i].offset;

		dump_fact(dump, 2, counters[i].name);
		text_number(dump->text, *(const uint64_t *)(const void *)value);
	}
}

static void dump_flags(struct dump *dump)
{
	static const char *const names[] = { "slow", "unseen", "fds", "cancel", "dump" };
	unsigned flags = dump->scheduler->debug;

	text_line(dump->text, 1);
	text_add(dump->text, flags ? "debug:" : "debug: off");
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!(flags >> i & 1))
			continue;
		text_add(dump->text, " ");
		text_add(dump->text, names[i]);
	}
}

/* -- What the loop itself does -------------------------------------------------------------------
 */

static void dump_own_stack(struct dump *dump)
{
	const struct backtrace_bounds unknown = { NULL, NULL };
	void *frames[FRAMES_MAX];
	void *pc, *sp;

	if (!dump->context || dump->scheduler->current ||
	    backtrace_is_arriving(dump->context, &dump->scheduler->main))
		return;
	backtrace_interrupted(dump->context, &pc, &sp);
	dump_fact(dump, 1, "stack");
	text_add(dump->text, "the loop's own");
	dump_frames(dump, frames, backtrace_running(pc, unknown, frames, FRAMES_MAX), 2);
}

static void dump_head(struct dump *dump)
{
	struct scheduler *s = dump->scheduler;

	text_add(dump->text, "coil dump 1\nloop");
	dump_fact(dump, 1, "thread");
	text_number(dump->text, (uint64_t)call_thread_id());
	dump_fact(dump, 1, "time");
	text_seconds(dump->text, dump->now);
	dump_fact(dump, 1, "written");
	text_add(dump->text, dump->context ? "by signal" : "by call");
	dump_fact(dump, 1, "running");
	if (s->current)
		text_number(dump->text, s->current->id);
	else
		text_add(dump->text, atomic_load(&s->loop.inbox.parked) == INBOX_AWAKE
					     ? "the loop"
					     : "nobody, it sleeps");
	dump_flags(dump);
	dump_own_stack(dump);
	dump_counters(dump);
}

/* -- Operations, which debug mode knows ----------------------------------------------------------
 */

static void dump_op(struct dump *dump, const struct seen_op *seen)
{
	struct text *text = dump->text;

	text_line(text, 2);
	text_add(text, seen->op ? (seen->name ? seen->name : "unnamed") : "timer");
	if (seen->fd >= 0) {
		text_add(text, " on fd ");
		text_number(text, (uint64_t)seen->fd);
	}
	text_add(text, ": of task ");
	text_number(text, seen->task);
	text_add(text, ", for ");
	text_seconds(text, dump->now - seen->began);
	if (seen->is_done)
		text_add(text, ", done and not looked at");
}

static void dump_ops(struct dump *dump)
{
	const struct see *see = dump->scheduler->see;
	const struct seen_op *seen;
	unsigned told = 0;
	size_t at = 0;

	if (!see)
		return;
	dump_fact(dump, 1, "operations");
	if (see->ops.is_changing) {
		text_add(dump->text, "interrupted in a change, not read");
		return;
	}
	text_number(dump->text, see->ops.count);
	while (told++ < OPS_MAX && (seen = table_next(&see->ops, &at)) != NULL)
		dump_op(dump, seen);
}

/* -- Groups and the walk -------------------------------------------------------------------------
 */

static void dump_group(struct dump *dump, const struct coil_group *group, unsigned level)
{
	struct text *text = dump->text;
	unsigned told = group->failure_count < COIL_GROUP_FAILURES ? group->failure_count
								   : COIL_GROUP_FAILURES;

	text_line(text, level);
	text_add(text, group == &dump->scheduler->root ? "root group: " : "group: ");
	text_add(text, group->policy == COIL_GROUP_FAIL_FAST ? "fail fast" : "supervise");
	text_add(text, ", alive ");
	text_number(text, group->alive);
	if (group->limit) {
		text_add(text, " of at most ");
		text_number(text, group->limit);
	}
	if (group->flags & GROUP_CLOSING)
		text_add(text, ", closing");
	if (group->failure_count > 0) {
		dump_fact(dump, level + 1, "failures");
		text_number(text, group->failure_count);
	}
	for (unsigned i = 0; i < told; i++) {
		dump_fact(dump, level + 1, "failure");
		text_add(text, "task ");
		text_number(text, group->failures[i].task_id);
		text_add(text, " with ");
		text_error(text, group->failures[i].result);
	}
}

static unsigned depth_of(const struct coil_task *task)
{
	unsigned depth = 0;

	for (; task->group->scope.task; task = task->group->scope.task)
		depth++;
	return depth;
}

/* What has been linked by halves, because the handler came in between, is not followed. */
static bool is_sound(const struct coil_task *task)
{
	return task->check_word == TASK_CHECK_WORD && task->siblings.next != &task->siblings &&
	       task->group;
}

static void dump_tasks(struct dump *dump)
{
	struct coil_group *root = &dump->scheduler->root;
	struct coil_task *task = NULL;

	dump_group(dump, root, 1);
	while ((task = task_next_inside(root, task)) != NULL) {
		unsigned level;

		if (!is_sound(task)) {
			text_add(dump->text, "\n  interrupted in a change of a list: the rest is "
					     "not read");
			return;
		}
		level = 2 * depth_of(task) + 2;
		if (task->group != root && task->group->tasks.next == &task->siblings)
			dump_group(dump, task->group, level - 1);
		dump_task(dump, task, level);
	}
}

static int dump(struct scheduler *s, int fd, const void *context)
{
	char bytes[BUFFER_BYTES];
	struct text text;
	struct dump dump = {
		.text = &text,
		.scheduler = s,
		.now = s->loop.driver->ops->now(s->loop.driver),
		.context = context,
	};

	text_begin(&text, bytes, sizeof bytes, fd);
	dump_head(&dump);
	dump_ops(&dump);
	dump_tasks(&dump);
	text_add(&text, "\nend of dump\n");
	return text_end(&text);
}

int dump_now(struct scheduler *s, int fd)
{
	return dump(s, fd, NULL);
}

int dump_interrupted(struct scheduler *s, int fd, const void *context)
{
	return dump(s, fd, context);
}
