/* SPDX-License-Identifier: MIT */
/*
 * Await: a task parks on a future. The rules of cancellation live here:
 *
 *   - waiting ends when the target is resolved, not at the first wake;
 *   - a wait in a cancelled scope asks its target to finish soon, waits for that, and yields at
 * least one turn;
 *   - the target's own result decides: one that came in spite of the cancel is returned, and the
 * next wait fails.
 */
#ifndef COIL_TASK_AWAIT_H
#define COIL_TASK_AWAIT_H

#include "loop/op.h"
#include "loop/turn.h"
#include "task/task.h"

#define TASKS_AHEAD 4	/* the one after so many others has its frames fetched */

/* coil_op_await and coil_await, for the rooms above. */
int op_await(struct coil_op *op);
int future_await(struct coil_future *future);

/* The same, of a task that is known. */
int task_await(struct scheduler *s, struct coil_task *task, struct coil_future *future);

/* Waits until @future is resolved, whatever is cancelled meanwhile. */
void task_wait_to_the_end(struct scheduler *s, struct coil_task *task, struct coil_future *future);

/* Exactly one turn. */
void task_yield(struct scheduler *s, struct coil_task *task);

/* A wait that has completed without suspending too often in a row: yields one turn. */
void task_budget_spent(struct coil_task *task);

/*
 * To be called by every wait that completes without suspending, whoever offers it, with the result
 * in hand: other tasks may run here.
 */
static inline void task_pay(struct coil_task *task)
{
	if (unlikely(--task->budget == 0))
		task_budget_spent(task);
}

/*
 * Parks on @future until it is resolved, or until a cancel has detached the task from it. In line,
 * as is the switch inside: a call around a switch ends in a return, and the processor predicts it
 * wrongly where the task that ran before sleeps at another depth.
 */
static inline __attribute__((always_inline)) void
task_wait_for_asking(struct scheduler *s, struct coil_task *task, struct coil_future *future,
		     task_asker *ask)
{
	task->awaits = future;
	future_add_waiter(future, &task->hook);
	do {
		task_park_asking(s, task, ask);
	} while (unlikely(future_is_pending(future) && task->awaits == future));
	task->awaits = NULL;
	task->budget = TASK_BUDGET;
}

static inline __attribute__((always_inline)) void
task_wait_for(struct scheduler *s, struct coil_task *task, struct coil_future *future)
{
	task_wait_for_asking(s, task, future, task_ask);
}

/* The rare halves of task_await. */
int await_asked_result(struct coil_task *task, const struct coil_future *future);
int await_cancelled(struct scheduler *s, struct coil_task *task, struct coil_future *future);

/* task_await in line, for the waits that tasks meet most often. */
static inline __attribute__((always_inline)) int
task_await_asking(struct scheduler *s, struct coil_task *task, struct coil_future *future,
		  task_asker *ask)
{
	if (future_is_resolved(future)) {
		int result = future->result; /* its owner may free it while others run */

		task_pay(task);
		return result;
	}
	if (unlikely(task->scope->effective))
		return await_cancelled(s, task, future);
	task_wait_for_asking(s, task, future, ask);
	if (unlikely(task->flags & TASK_ASKED))
		return await_asked_result(task, future);
	return future->result;
}

static inline __attribute__((always_inline)) int
task_await_here(struct scheduler *s, struct coil_task *task, struct coil_future *future)
{
	return task_await_asking(s, task, future, task_ask);
}

/* What a task that is behind a hook returns to, and what is hot of itself. */
static inline __attribute__((always_inline)) void task_look_at(struct coil_hook *hook)
{
	const struct coil_task *task = container_of(hook, struct coil_task, hook);

	if (unlikely(hook->fire != task_fire))
		return;
	__builtin_prefetch(&task->flags, 1);
	coro_prefetch(&task->coro);
}

/*
 * The tasks that are ready were woken by the ring, most likely, and have not run for a while: by
 * the time the fourth does, the caches have its frames (docs/decisions/0030). The hooks before it
 * were written when they were woken.
 */
static inline __attribute__((always_inline)) void task_look_ahead(const struct scheduler *s)
{
	struct coil_hook *hook = s->loop.ready.turn;

	if (!s->loop.ring.is_many || !hook)
		return;
	_Static_assert(TASKS_AHEAD == 4, "as many steps; as a loop they cost an operation 3 ns");
	if ((hook = hook->next) && (hook = hook->next) && (hook = hook->next))
		task_look_at(hook);
}

/* The same for the first ones, before which nobody looks. */
static inline __attribute__((always_inline)) void task_look_at_first(const struct scheduler *s,
								     struct coil_hook *first)
{
	struct coil_hook *hook = s->loop.ready.turn;

	if (!s->loop.ring.is_many)
		return;
	task_look_at(first);
	for (int i = 1; hook && i < TASKS_AHEAD; i++, hook = hook->next)
		task_look_at(hook);
}

/* task_ask in line. */
static inline __attribute__((always_inline)) struct coil_hook *task_ask_here(struct scheduler *s)
{
	struct coil_hook *hook;

	if (unlikely(!s->asks))
		return NULL;
	scheduler_tidy(s);
	hook = turn_wait_for_next(&s->loop);
	if (likely(hook))
		task_look_at_first(s, hook);
	return hook;
}

/*
 * task_await of what operations resolve, and nobody else will before the kernel is entered: all of
 * the turn is in line, down to the system call.
 */
static inline __attribute__((always_inline)) int
task_await_kernel(struct scheduler *s, struct coil_task *task, struct coil_future *future)
{
	task_look_ahead(s);
	return task_await_asking(s, task, future, task_ask_here);
}

/* In a cancelled scope an inert operation is not started. */
int await_refused(struct scheduler *s, struct coil_task *task, struct coil_op *op);

/* op_await in line, of an inert operation: for the one that is awaited most often. */
static inline __attribute__((always_inline)) int
op_await_here(struct scheduler *s, struct coil_task *task, struct coil_op *op)
{
	if (unlikely(task->scope->effective))
		return await_refused(s, task, op);
	op_start(&s->loop, op, NULL);
	return task_await_kernel(s, task, &op->future);
}

/* Makes a task that waits meet its scope's cancellation. Called when that has changed. */
void task_meet_cancel(struct coil_task *task);

#endif
