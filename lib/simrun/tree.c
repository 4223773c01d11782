/* SPDX-License-Identifier: MIT */
/*
 * Checks of an engine that is about to enter: everything in it stands still then, each task is
 * parked. See simrun.h.
 */
#include "loop/backlog.h"
#include "simrun/simrun.h"
#include "task/priority.h"
#include "task/scope.h"

/* Larger trees are walked now and then. */
#define TASKS_EACH_TURN 128u

/* -- Tasks ---------------------------------------------------------------------------------------
 */

/* Hooks of tasks in a queue of those that are ready. A ring in it would not end. */
static uint32_t count_ready(const struct scheduler *s, struct coil_hook *hook)
{
	uint32_t count = 0;
	uint32_t steps = 0;

	for (; hook; hook = hook->next) {
		check(++steps < 1u << 24);
		if (!priority_is_task(s, hook))
			continue;
		count++;
		/* Ready, and nowhere else: what it awaited is resolved, or it awaits nothing. */
		const struct coil_task *task = container_of(hook, struct coil_task, hook);

		check(task->check_word == TASK_CHECK_WORD);
		check(!future_is_resolved(&task->future));
		check(!task->awaits || !future_is_pending(task->awaits));
	}
	return count;
}

static void check_waits(const struct coil_task *task)
{
	const struct coil_future *future = task->awaits;
	const struct coil_hook *hook = future->waiters;
	uint32_t found = 0;

	check(future->ready == task->future.ready);
	check(!(future->flags & FUTURE_COUNTED));
	check(hook != NULL);
	do {
		found += hook == &task->hook;
		hook = hook->next;
	} while (hook != future->waiters);
	check(found == 1);
}

static void check_tree(struct scheduler *s)
{
	struct coil_task *task = NULL;
	uint32_t alive = 0;
	uint32_t ready = 0;

	while ((task = task_next_inside(&s->root, task))) {
		check(task->check_word == TASK_CHECK_WORD);
		check(task->group == &s->root || task->group->scope.task != NULL);
		if (future_is_resolved(&task->future))
			continue;
		alive++;
		if (task->awaits && future_is_pending(task->awaits))
			check_waits(task);
		else
			ready++;
	}
	check(alive == s->alive);
	check(ready == count_ready(s, s->loop.ready.turn) +
			       count_ready(s, s->loop.ready.next.first) +
			       count_ready(s, s->background.queue.first));
}

/* -- What the kernel owes ------------------------------------------------------------------------
 */

static uint64_t count_owed(struct sim_ring *ring, const struct ring *engine)
{
	const struct driver_rings *memory = &engine->memory;
	uint64_t owed = engine->sq_tail - *memory->sq_head;
	struct coil_list *node;

	list_for_each(node, &ring->all)
		owed++;
	list_for_each(node, &ring->overflown)
		owed += !(container_of(node, struct sim_record, node)->cqe.flags &
			  IORING_CQE_F_MORE);
	for (unsigned head = engine->cq_head; head != *memory->cq_tail; head++)
		owed += !(memory->cqes[head & engine->cq_mask].flags & IORING_CQE_F_MORE);
	return owed;
}

/* -- A turn --------------------------------------------------------------------------------------
 */

void simrun_check(struct simrun_loop *loop)
{
	struct scheduler *s = loop->scheduler;
	uint64_t every = 1 + s->alive / TASKS_EACH_TURN;

	check(ring_owed(&s->loop.ring) == count_owed(loop->ring, &s->loop.ring));
	if (loop->run->sim->enters % every != 0)
		return;
	check(loop_is_valid(&s->loop));
	check_tree(s);
	check(simrun_timers_hold(&loop->timers, &s->loop, loop->run->sim->now));
	check(simrun_progress_holds(&loop->progress, &s->loop));
}

/* Any order of what is ready is one that the engine allows: nobody may rely on it. */
void simrun_shuffle(struct simrun_loop *loop)
{
	struct sim *sim = loop->run->sim;
	struct hook_queue *queue = &loop->scheduler->loop.ready.next;
	struct hook_queue shuffled = {0};
	uint32_t count = 0;

	if (!queue->first || !queue->first->next || !sim_happens(sim, SIM_SHUFFLE))
		return;
	for (const struct coil_hook *hook = queue->first; hook; hook = hook->next)
		count++;
	for (; count > 0; count--) {
		struct coil_hook *hook = queue->first;

		for (uint32_t n = sim_pick(sim, count); n > 0; n--)
			hook = hook->next;
		hook_queue_remove(queue, hook);
		hook_queue_append(&shuffled, hook, hook);
	}
	*queue = shuffled;
}
