/* SPDX-License-Identifier: MIT */
/* Telling of tasks that nobody looked after. See audit.h. */
#include "task/audit.h"

#include <string.h>

#include "task/scope.h"

/* Has it ended with its own cancellation's reason, as was asked for? */
static bool is_cancelled(const struct coil_task *task)
{
	int result = task->future.result;

	return result < 0 && (result_is_cancel(result) || result == task->own.effective);
}

bool audit_is_unseen_failure(const struct coil_task *task)
{
	const uint32_t seen = TASK_LOOKED_AT | TASK_FAILURE_TOLD;

	return future_is_resolved(&task->future) && task->future.result < 0 &&
	       !(task->flags & seen) && !is_cancelled(task);
}

void audit_failure(struct coil_task *task)
{
	int result = task->future.result;
	char text[160];

	task->flags |= TASK_FAILURE_TOLD;
	task_describe(task, text, sizeof text);
	report_about(REPORT_ABOUT(COIL_REPORT_FAILURE, REPORT_TASK(task), .error = result),
		     "%s failed with %s, and nobody looked at it", text, strerrorname_np(-result));
}

void audit_failures(struct scheduler *s)
{
	struct coil_list *node;

	list_for_each(node, &s->root.tasks) {
		struct coil_task *task = list_entry(node, struct coil_task, siblings);

		if (audit_is_unseen_failure(task))
			audit_failure(task);
	}
}

static bool is_unused(const struct coil_task *task)
{
	return (task->flags & TASK_HAS_HANDLE) &&
	       !(task->flags & (TASK_JOINED | TASK_LOOKED_AT | TASK_FAILURE_TOLD)) &&
	       !is_cancelled(task);
}

void audit_never_joined(struct scheduler *s, const struct coil_group *group)
{
	struct coil_list *node;
	char text[160];

	if (s->options.off & COIL_NO_REPORTS)
		return;
	list_for_each(node, &group->tasks) {
		const struct coil_task *task = list_entry(node, struct coil_task, siblings);

		if (!is_unused(task))
			continue;
		task_describe(task, text, sizeof text);
		report_about(REPORT_ABOUT(COIL_REPORT_NEVER_JOINED, REPORT_TASK(task)),
			     "%s ended with %d and was never joined: coil_go is for tasks that "
			     "nobody joins",
			     text, task->future.result);
	}
}

void audit_left_tasks(struct scheduler *s)
{
	struct coil_task *task = NULL;
	char text[160];

	while ((task = task_next_inside(&s->root, task))) {
		if (future_is_resolved(&task->future))
			continue;
		task_describe(task, text, sizeof text);
		report_about(REPORT_ABOUT(COIL_REPORT_LEFT_BEHIND, REPORT_TASK(task)),
			     "%s did not end in time and is left behind", text);
	}
}

void audit_cancels_met(const struct coil_task *task, const struct coil_scope *source)
{
	const struct scheduler *s = task_scheduler(task);
	const char *why = source->text ? source->text : "no reason given";
	char text[160];

	if (!(s->debug & COIL_DEBUG_CANCEL) || (s->options.off & COIL_NO_REPORTS))
		return;
	task_describe(task, text, sizeof text);
	report_about(REPORT_ABOUT(COIL_REPORT_IGNORES_CANCEL, REPORT_TASK(task),
				  .error = source->reason),
		     "%s met its cancellation (%s, %s) %u times and goes on", text,
		     strerrorname_np(-source->reason), why, AUDIT_CANCELS_MET);
}
