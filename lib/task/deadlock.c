/* SPDX-License-Identifier: MIT */
/* Telling that nothing can ever happen again. See deadlock.h. */
#include "task/deadlock.h"

#include <stdio.h>
#include <string.h>

#include "loop/op.h"
#include "task/combine.h"
#include "task/scope.h"

void task_describe_wait(const struct coil_task *task, char *text, size_t bytes)
{
	struct coil_future *future = task->awaits;
	const struct coil_task *other;
	const struct coil_op *op;
	struct combine_progress progress;

	if (!future) {
		snprintf(text, bytes, "nothing");
		return;
	}
	op = op_of_future(future);
	other = task_of_future(future);
	if (op)
		op_describe(op, text, bytes);
	else if (other)
		task_describe(other, text, bytes);
	else
		future_describe(future, text, bytes);
	if (combine_progress(future, &progress)) {
		size_t length = strlen(text);

		snprintf(text + length, bytes - length, ", %u of %u done", progress.done,
			 progress.of);
	}
}

void deadlock_tell(struct scheduler *s, void (*tell)(void *context, const char *line),
		   void *context)
{
	struct coil_task *task = NULL;
	char who[160];
	char what[160];
	char line[340];

	while ((task = task_next_inside(&s->root, task))) {
		/* Not by its state: the one that parks, and asks the kernel, runs. */
		if (!task->awaits || !future_is_pending(task->awaits))
			continue;
		task_describe(task, who, sizeof who);
		task_describe_wait(task, what, sizeof what);
		snprintf(line, sizeof line, "%s waits for %s", who, what);
		tell(context, line);
	}
}

static void tell_report(void *context, const char *line)
{
	(void)context;
	report_about(REPORT_ABOUT(COIL_REPORT_DEADLOCK), "%s", line);
}

static void stuck(struct coil_hook *hook)
{
	struct scheduler *s = container_of(hook, struct scheduler, stuck);

	report_about(REPORT_ABOUT(COIL_REPORT_DEADLOCK),
		     "deadlock: every task waits, and nothing is in flight that could end a wait");
	deadlock_tell(s, tell_report, NULL);
}

void deadlock_watch(struct scheduler *s)
{
	s->stuck.fire = stuck;
	s->loop.on_stuck = &s->stuck;
}
