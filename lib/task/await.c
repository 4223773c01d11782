/* SPDX-License-Identifier: MIT */
/* Await, yield and sleep. See await.h for the rules. */
#include "task/await.h"

#include <errno.h>

#include "base/clock.h"
#include "loop/observe.h"
#include "loop/timers.h"
#include "task/scope.h"

void task_wait_to_the_end(struct scheduler *s, struct coil_task *task, struct coil_future *future)
{
	task->flags |= TASK_ASKED;
	while (future_is_pending(future))
		task_wait_for(s, task, future);
	task->flags &= ~(uint32_t)TASK_ASKED;
}

static inline __attribute__((always_inline)) void yield(struct scheduler *s,
							struct coil_task *task)
{
	ready_push(&s->loop.ready, &task->hook);
	task_park(s, task);
	task->budget = TASK_BUDGET;
}

void task_yield(struct scheduler *s, struct coil_task *task)
{
	yield(s, task);
}

rarely void task_budget_spent(struct coil_task *task)
{
	if (task->flags & TASK_NO_BUDGET)
		task->budget = TASK_BUDGET;
	else
		task_yield(scheduler_here(), task);
}

void task_meet_cancel(struct coil_task *task)
{
	struct coil_future *future = task->awaits;

	if (!future || !future_is_pending(future) || (task->flags & TASK_ASKED))
		return;
	task->flags |= TASK_ASKED;
	if (future_cancel(future))
		return;
	future_remove_waiter(future, &task->hook);
	task->awaits = NULL;
	ready_push(&task_scheduler(task)->loop.ready, &task->hook);
}

/* After a wait during which the task was asked to stop: what does the await return? */
rarely int await_asked_result(struct coil_task *task, const struct coil_future *future)
{
	task->flags &= ~(uint32_t)TASK_ASKED;
	if (future_is_resolved(future) && !result_is_cancel(future->result))
		return future->result;
	return scope_reason_met(task);
}

/* The scope is cancelled and the target pending: ask it to finish, wait for that, and let a turn
 * pass in any case. */
rarely int await_cancelled(struct scheduler *s, struct coil_task *task,
			   struct coil_future *future)
{
	task->flags |= TASK_ASKED;
	if (!future_cancel(future) || !future_is_pending(future))
		task_yield(s, task);
	else
		task_wait_for(s, task, future);
	return await_asked_result(task, future);
}

int task_await(struct scheduler *s, struct coil_task *task, struct coil_future *future)
{
	return task_await_here(s, task, future);
}

int future_await(struct coil_future *future)
{
	struct scheduler *s = scheduler_required("coil_await");
	struct coil_task *task = task_running(s, "coil_await");

	check_use_of("coil_await", future->state != FUTURE_IDLE, "this future was never started");
	check_use_of("coil_await", future->ready == &s->loop.ready,
		     "this future belongs to the loop of another thread");
	check_use_of("coil_await", future != &task->future, "a task cannot await itself");
	future_look(future);
	if (unlikely(task_closes_a_ring(task, future)))
		return -EDEADLK;
	return task_await(s, task, future);
}

int coil_await(struct coil_future *future)
{
	return future_await(future);
}

rarely int await_refused(struct scheduler *s, struct coil_task *task, struct coil_op *op)
{
	int reason = scope_reason_met(task);

	op_refuse(&s->loop, op, reason);
	task_yield(s, task);
	return reason;
}

int op_await(struct coil_op *op)
{
	struct scheduler *s = scheduler_required("coil_op_await");
	struct coil_task *task = task_running(s, "coil_op_await");

	if (unlikely(op->state != OP_IDLE))
		return future_await(&op->future);
	return op_await_here(s, task, op);
}

int coil_op_await(struct coil_op *op)
{
	return op_await(op);
}

void coil_op_start(struct coil_op *op)
{
	struct scheduler *s = scheduler_required(__func__);

	op_start(&s->loop, op, s->current ? &s->current->started : &s->loop.started);
}

int coil_timer_start(struct coil_timer *timer, int64_t deadline)
{
	struct scheduler *s = scheduler_required(__func__);
	int rc;

#ifdef COIL_EXPENSIVE_CHECKS
	check_use(!heap_holds(&s->loop.timers, &timer->alarm.node), "this timer is armed already");
#endif
	rc = timer_start(&s->loop, timer, deadline,
			 s->current ? &s->current->started : &s->loop.started);
	if (unlikely(s->loop.observer) && rc == 0) {
		timer->future.flags |= FUTURE_OBSERVED;
		s->loop.observer->timer_begins(&s->loop, timer);
	}
	return rc;
}

int coil_yield(void)
{
	struct scheduler *s = scheduler_required(__func__);
	struct coil_task *task = task_running(s, __func__);

	yield(s, task);
	return unlikely(task->scope->effective) ? scope_reason_met(task) : 0;
}

bool coil_should_yield(void)
{
	struct scheduler *s = scheduler_required(__func__);

	if (loop_enter_is_due(&s->loop))
		return true;
	return s->loop.driver->ops->now(s->loop.driver) - s->loop.now > INT64_C(1000000);
}

int coil_sleep_until(int64_t deadline)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct coil_timer timer;
	int rc;

	if (unlikely(task->scope->effective)) {
		task_yield(s, task);
		return scope_reason_met(task);
	}
	rc = timer_start(&s->loop, &timer, deadline, &task->started);
	if (rc < 0)
		return rc;
	return task_await_here(s, task, &timer.future);
}

int coil_sleep(int64_t duration)
{
	struct coil_task *task = task_required(__func__);

	if (duration <= 0)
		return coil_yield();
	return coil_sleep_until(clock_add(loop_read_clock(&task_scheduler(task)->loop), duration));
}
