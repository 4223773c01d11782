/* SPDX-License-Identifier: MIT */
/* Lines of those who wait: the rare paths. See handover.h. */
#include "exchange/handover.h"

#include <errno.h>

/* From the front, one by one: settling one of a select takes its others out, too. */
void line_settle_all(struct coil_list *line, int32_t result)
{
	while (!list_is_empty(line))
		handover_settle(line_first(line), result);
}

uint64_t line_length(const struct coil_list *line)
{
	const struct coil_list *node;
	uint64_t length = 0;

	list_for_each(node, line)
		length++;
	return length;
}

void line_take(struct coil_list *line, struct coil_list *into)
{
	list_init(into);
	if (list_is_empty(line))
		return;
	*into = *line;
	into->next->prev = into;
	into->prev->next = into;
	list_init(line);
}

void handover_cancel(struct coil_future *future)
{
	struct task_handover *wait = container_of(future, struct task_handover, future);

	list_remove(&wait->handover.node);
	future_resolve(future, -ECANCELED);
}

int handover_refuse(struct coil_task *task)
{
	int reason = scope_reason_met(task);

	task_yield(task_scheduler(task), task);
	return reason;
}
