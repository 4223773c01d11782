/* SPDX-License-Identifier: MIT */
/* Tasks in the background: their queue and its pump. See priority.h. */
#include "task/priority.h"

static void start_pump(struct scheduler *s)
{
	if (s->background.pump_is_ready)
		return;
	s->background.pump_is_ready = true;
	ready_push(&s->loop.ready, &s->background.pump);
}

/* Is nobody else ready, also after a look at what came in, or are they due for their share? */
static bool may_run(struct scheduler *s)
{
	struct coil_loop *loop = &s->loop;

	if (loop->hooks - s->background.served >= BACKGROUND_SHARE)
		return true;
	if (ready_is_empty(&loop->ready))
		loop_glance(loop);
	return ready_is_empty(&loop->ready);
}

/* Resuming is the last thing that it does: who runs next finds its way by itself. */
static void run(struct scheduler *s, struct coil_hook *hook)
{
	s->background.served = s->loop.hooks;
	s->fire(hook);
}

static void pump_fire(struct coil_hook *pump)
{
	struct scheduler *s = container_of(pump, struct scheduler, background.pump);
	struct coil_hook *hook = NULL;

	s->background.pump_is_ready = false;
	if (s->background.queue.first && may_run(s))
		hook = hook_queue_pop(&s->background.queue);
	if (s->background.queue.first)
		start_pump(s);
	if (hook)
		run(s, hook);
}

static void background_fire(struct coil_hook *hook)
{
	struct coil_task *task = container_of(hook, struct coil_task, hook);
	struct scheduler *s = task_scheduler(task);

	if (!s->background.queue.first && may_run(s)) {
		run(s, hook);
		return;
	}
	hook_queue_append(&s->background.queue, hook, hook);
	start_pump(s);
}

void background_init(struct scheduler *s)
{
	s->background.pump.fire = pump_fire;
}

bool priority_is_task(const struct scheduler *s, const struct coil_hook *hook)
{
	return hook->fire == task_fire || hook->fire == s->fire || hook->fire == background_fire;
}

void priority_choose_hook(struct coil_task *task)
{
	task->hook.fire = task->flags & TASK_BACKGROUND ? background_fire
							: task_scheduler(task)->fire;
}

void priority_set(struct coil_task *task, int priority)
{
	struct scheduler *s = task_scheduler(task);

	if (priority == COIL_PRIORITY_BACKGROUND) {
		task->flags |= TASK_BACKGROUND;
	} else if (task->flags & TASK_BACKGROUND) {
		task->flags &= ~(uint32_t)TASK_BACKGROUND;
		if (hook_queue_remove(&s->background.queue, &task->hook))
			ready_push(&s->loop.ready, &task->hook);
	}
	priority_choose_hook(task);
}

void coil_task_set_priority(struct coil_task *task, int priority)
{
	task_check_handle(task, __func__);
	check_use(priority == COIL_PRIORITY_NORMAL || priority == COIL_PRIORITY_BACKGROUND,
		  "%d is no class of tasks", priority);
	check_use(task_scheduler(task) == scheduler_required(__func__),
		  "this task belongs to the loop of another thread");
	if (!future_is_resolved(&task->future))
		priority_set(task, priority);
}

int coil_task_priority(const struct coil_task *task)
{
	task_check_handle(task, __func__);
	return task->flags & TASK_BACKGROUND ? COIL_PRIORITY_BACKGROUND : COIL_PRIORITY_NORMAL;
}
