/* SPDX-License-Identifier: MIT */
/* The queue that tasks wait in. See waiters.h. */
#include "sync/waiters.h"

#include <errno.h>
#include <string.h>

#include "base/words.h"
#include "task/scope.h"

_Static_assert(sizeof(struct coil_waiters) == 40, "growth is a decision");

/* Stands for the loop of what is not to be used any more. */
static struct coil_loop *const no_loop = (struct coil_loop *)(uintptr_t)-1;

void waiters_bind(struct coil_waiters *waiters, const char *function)
{
	struct coil_loop *loop = loop_required(function);

	if (waiters->loop == no_loop)
		check_misused(function, "used after its deinit");
	if (waiters->loop)
		check_misused(function, "it belongs to the loop of another thread, or to one that "
					"is closed");
	waiters->loop = loop;
}

rarely int waiters_refuse(struct coil_task *task)
{
	int reason = scope_reason_met(task);

	task_yield(task_scheduler(task), task);
	return reason;
}

rarely int waiters_begin_late(struct coil_task *task)
{
	task_budget_spent(task);
	return task->scope->effective ? scope_reason_met(task) : 0;
}

void waiters_deinit(struct coil_waiters *waiters, const char *function)
{
	if (unlikely(waiters->first != NULL))
		check_misused(function, "%u tasks wait for it", waiters->count);
	waiters->loop = no_loop;
}

void waiters_remove(struct coil_waiter *waiter)
{
	struct coil_waiters *waiters = waiter->queue;

	check(waiters && waiters->count > 0);
	*(waiter->prev ? &waiter->prev->next : &waiters->first) = waiter->next;
	*(waiter->next ? &waiter->next->prev : &waiters->last) = waiter->prev;
	waiters->count--;
	waiter->queue = NULL;
}

static const struct waiters_kind *kind_of(const struct coil_future *future)
{
	return (const struct waiters_kind *)(const void *)future->ops; /* its first member */
}

void waiters_cancel(struct coil_future *future)
{
	struct coil_waiter *waiter = container_of(future, struct coil_waiter, future);
	const struct waiters_kind *kind = kind_of(future);
	struct coil_waiters *waiters = waiter->queue;

	waiters_wake(waiter, -ECANCELED);
	if (kind->left)
		kind->left(waiters, waiter);
}

void waiters_describe(struct coil_future *future, char *text, size_t bytes)
{
	struct coil_waiters *waiters = container_of(future, struct coil_waiter, future)->queue;
	const struct waiters_kind *kind = kind_of(future);
	struct words words;

	words_begin(&words, text, bytes);
	words_add(&words, future->ops->kind);
	if (waiters && kind->tell)
		kind->tell(&words, waiters);
}

void waiters_describe_holder(const struct coil_waiters *waiters, struct words *words,
			     uint64_t holder)
{
	if (!holder)
		return;
	words_add(words, " held by ");
	task_describe_id(words, scheduler_of(waiters->loop), holder);
}

void waiters_wake_all(struct coil_waiters *waiters, int32_t result)
{
	while (waiters->first)
		waiters_wake(waiters->first, result);
}

int waiter_await(struct coil_waiter *waiter)
{
	return task_await(task_scheduler(waiter->task), waiter->task, &waiter->future);
}

int waiters_await(struct coil_waiters *waiters, struct coil_task *task,
		  const struct waiters_kind *kind)
{
	return waiters_await_here(waiters, task, kind);
}
