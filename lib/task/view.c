/* SPDX-License-Identifier: MIT */
/* The snapshot. See view.h. */
#include "task/view.h"

#include "base/clock.h"
#include "base/words.h"
#include "loop/op.h"
#include "loop/timers.h"
#include "task/scope.h"

void task_view_read(const struct coil_task *task, struct task_view *ret_view)
{
	const struct coil_task *parent = task->group->scope.task;

	*ret_view = (struct task_view){
		.id = task->id,
		.parent = parent ? parent->id : 0,
		.name = coil_task_name(task),
		.place = task->place,
		.state = task_state(task),
		.result = task->future.result,
		.has_handle = task->flags & TASK_HAS_HANDLE,
		.is_looked_at = task->flags & (TASK_JOINED | TASK_LOOKED_AT),
		.is_asked = task->flags & TASK_ASKED,
		.started = task->started,
		.awaits = task->awaits,
	};
}

static void read_op(struct wait_view *view, const struct coil_op *op)
{
	view->op = op;
	view->opcode = op_sqe_const(op)->opcode;
	view->op_name = op_name(op);
	view->fd = op_fd(op);
}

void wait_view_read(struct coil_future *future, struct wait_view *ret_view)
{
	const struct coil_timer *timer = timer_of_future(future);
	const struct coil_op *op = op_of_future(future);

	*ret_view = (struct wait_view){
		.kind = future->ops ? future->ops->kind : "nothing",
		.fd = -1,
		.task = task_of_future(future),
		.deadline = timer && alarm_is_set(&timer->alarm) ? timer->alarm.node.key
								 : CLOCK_FOREVER,
		.is_done = future_is_resolved(future),
		.result = future->result,
	};
	if (op)
		read_op(ret_view, op);
	if (!combine_progress(future, &ret_view->progress))
		ret_view->progress = (struct combine_progress){ 0, 0 };
}

void scope_view_read(const struct coil_scope *scope, struct scope_view *ret_view)
{
	*ret_view = (struct scope_view){
		.deadline = alarm_is_set(&scope->alarm) ? scope->alarm.node.key : CLOCK_FOREVER,
		.reason = scope->reason,
		.text = scope->text,
		.canceller = scope->canceller,
		.requests = scope->requests,
		.is_shield = scope->flags & SCOPE_SHIELD,
		.is_group = scope->flags & SCOPE_GROUP,
	};
}

#define TASKS_LOOKED_AT 1000u

void task_describe_id(struct words *words, struct scheduler *s, uint64_t id)
{
	struct coil_task *task = NULL;
	unsigned looks = 0;

	words_add(words, "task ");
	words_number(words, id);
	while (looks++ < TASKS_LOOKED_AT && (task = task_next_inside(&s->root, task)))
		if (task->id == id) {
			words_add(words, " \"");
			words_add(words, coil_task_name(task));
			words_add(words, "\"");
			return;
		}
}

const char *task_state_words(enum task_state state)
{
	static const char *const words[] = {
		[TASK_NEW] = "new",	    [TASK_READY] = "ready", [TASK_RUNNING] = "running",
		[TASK_WAITING] = "waiting", [TASK_DONE] = "done",
	};

	return state <= TASK_DONE ? words[state] : "?";
}
