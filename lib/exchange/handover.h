/* SPDX-License-Identifier: MIT */
/*
 * Hand-over: how somebody who waits for an item, or to be rid of one, gets what he waits for. He
 * stands in a line, with the place of his item in his own frame; who comes with the other half
 * copies the item there, takes him out of the line and resolves his future, all in one step. So
 *
 *   - whoever stands in a line is still waiting, and may be served;
 *   - a hand-over is complete when it is made: a cancel that comes later, even before the task has
 *     run, finds a resolved future and changes nothing; the item was received, the wait returns 0,
 *     and the next wait meets the cancel. No item is lost or doubled, and no wake is passed on;
 *   - after its wait a task looks at its own frame alone: the queue may be gone by then.
 */
#ifndef COIL_EXCHANGE_HANDOVER_H
#define COIL_EXCHANGE_HANDOVER_H

#include "base/list.h"
#include "exchange/items.h"
#include "task/await.h"
#include "task/scope.h"

enum handover_kind {
	HANDOVER_TASK,	 /* in a struct task_handover */
	HANDOVER_SELECT, /* in a node of a select */
	HANDOVER_SHARED	 /* in a wait for a queue that is shared with threads */
};

struct handover {
	struct coil_list node;
	union {
		const void *source; /* where the item is */
		void *target;	    /* where it goes; NULL: nowhere */
	};
	void *object; /* of whom: a subscriber of a broadcast or a latest value */
	uint32_t kind;
	uint32_t index;
};

/* One task that waits in one line. */
struct task_handover {
	struct handover handover;
	struct coil_future future;
};

void select_settle(struct handover *handover, int32_t result);
void shared_settle(struct handover *handover, int32_t result);

static inline void handover_init(struct handover *handover, enum handover_kind kind)
{
	list_init(&handover->node);
	handover->object = NULL;
	handover->kind = kind;
	handover->index = 0;
}

/* He leaves the line, and wakes with @result. His item has been copied. */
static inline void handover_settle(struct handover *handover, int32_t result)
{
	list_remove(&handover->node);
	if (likely(handover->kind == HANDOVER_TASK))
		future_resolve(&container_of(handover, struct task_handover, handover)->future,
			       result);
	else if (handover->kind == HANDOVER_SELECT)
		select_settle(handover, result);
	else
		shared_settle(handover, result);
}

/* The one who has waited longest; the line is not empty. */
static inline struct handover *line_first(struct coil_list *line)
{
	return list_entry(line->next, struct handover, node);
}

void line_settle_all(struct coil_list *line, int32_t result);
uint64_t line_length(const struct coil_list *line);

/* Moves everybody from @line to @into, an uninitialised head. */
void line_take(struct coil_list *line, struct coil_list *into);

/* The cancel of every future in a task_handover: it leaves the line with -ECANCELED. */
void handover_cancel(struct coil_future *future);

/* The reason of a cancelled scope, after a turn; or 0. What may wait begins with it. */
int handover_refuse(struct coil_task *task);

static inline int handover_begin(struct coil_task *task)
{
	return unlikely(task->scope->effective) ? handover_refuse(task) : 0;
}

/* The end of what need not wait, with @rc in hand: the fairness budget is paid. */
static inline int handover_end(struct coil_task *task, int rc)
{
	task_pay(task);
	return rc;
}

/* Suspends @task, which runs, in @line until it is settled. The scope was asked before. */
static inline __attribute__((always_inline)) int
handover_await(struct coil_task *task, struct coil_list *line, struct task_handover *wait,
	       const struct coil_future_ops *ops)
{
	struct scheduler *s = scheduler_here();

	future_init(&wait->future, &s->loop.ready, ops);
	list_push_back(line, &wait->handover.node);
	return task_await_here(s, task, &wait->future);
}

#endif
