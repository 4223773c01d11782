/* SPDX-License-Identifier: MIT */
/*
 * Checks of an engine that is about to enter: everything in it stands still then, each task is
 * parked. See simrun.h.
 */
#include "loop/backlog.h"
#include "loop/silent.h"
#include "simrun/simrun.h"
#include "task/priority.h"
#include "task/scope.h"

/*
 * Up to so many tasks are walked whole before each enter. A larger tree is walked whole, too, but
 * only before every n-th one, so that an enter costs what this many cost: what is broken in it
 * stays broken and is found then, and what ends the run, its last tasks, is walked each time. What
 * is owed is compared before each enter, whatever the size.
 */
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

/* How many times @task is in the ring of those that wait for @future. */
static uint32_t count_place(const struct coil_task *task, const struct coil_future *future)
{
	const struct coil_hook *hook = future->waiters;
	uint32_t found = 0;

	do {
		found += hook == &task->hook;
		hook = hook->next;
	} while (hook != future->waiters);
	return found;
}

/* Tasks in the ring of those that wait for @future; each must say the same. */
static uint32_t count_waiters(const struct scheduler *s, const struct coil_future *future)
{
	struct coil_hook *hook = future->waiters;
	uint32_t found = 0;

	do {
		if (priority_is_task(s, hook)) {
			check(container_of(hook, struct coil_task, hook)->awaits == future);
			found++;
		}
		hook = hook->next;
	} while (hook != future->waiters);
	return found;
}

/*
 * Each task that waits has one place in the ring of its future. Thousands may wait for one: that
 * ring is walked once, for the task that ends it, and finds as many places as tasks look for one,
 * all of them by tasks that look for theirs there. A ring that ends with another's hook is walked
 * for each. Returns how many places were found.
 */
static uint32_t check_waits(const struct scheduler *s, const struct coil_task *task)
{
	const struct coil_future *future = task->awaits;

	check(future->ready == task->future.ready);
	check(!(future->flags & FUTURE_COUNTED));
	check(future->waiters != NULL);
	if (future->waiters == &task->hook)
		return count_waiters(s, future);
	if (priority_is_task(s, future->waiters))
		return 0;
	check(count_place(task, future) == 1);
	return 1;
}

static void check_tree(struct scheduler *s)
{
	struct coil_task *task = NULL;
	uint32_t alive = 0;
	uint32_t ready = 0;
	uint32_t waiting = 0;
	uint32_t places = 0;

	while ((task = task_next_inside(&s->root, task))) {
		check(task->check_word == TASK_CHECK_WORD);
		check(task->group == &s->root || task->group->scope.task != NULL);
		if (future_is_resolved(&task->future))
			continue;
		alive++;
		if (task->awaits && future_is_pending(task->awaits)) {
			places += check_waits(s, task);
			waiting++;
		} else {
			ready++;
		}
	}
	check(alive == s->alive);
	check(places == waiting);
	/* Who runs is in no queue. */
	ready -= s->loop.files.is_installing;
	check(ready == count_ready(s, s->loop.ready.turn) +
			       count_ready(s, s->loop.ready.next.first) +
			       count_ready(s, s->background.queue.first));
}

/* -- What the kernel owes ------------------------------------------------------------------------
 */

static uint64_t count_requests(const struct sim_ring *ring)
{
	struct coil_list *node;
	uint64_t count = 0;

	list_for_each(node, &ring->all)
		count++;
	return count;
}

/* A silent send is owed until it is settled, whether its CQE is here or not. */
static bool is_owed(const struct coil_loop *loop, uint64_t user_data, uint32_t cqe_flags)
{
	uintptr_t silents = (uintptr_t)loop->silents.sends;

	if (user_data - silents < SILENTS_MOST * sizeof(struct silent_send))
		return false;
	return !(cqe_flags & IORING_CQE_F_MORE);
}

static uint64_t count_silent(const struct coil_loop *loop)
{
	const struct silents *silents = &loop->silents;
	uint64_t count = 0;

	for (uint64_t serial = silents->settled + 1; serial <= silents->begun; serial++)
		count += (int)(loop->ring.sq_entered - silent_of(silents, serial)->sq_end) >= 0;
	return count;
}

static uint64_t count_owed(struct sim_ring *ring, const struct coil_loop *loop)
{
	const struct ring *engine = &loop->ring;
	const struct driver_rings *memory = &engine->memory;
	uint64_t owed = engine->sq_tail - *memory->sq_head + ring->all_count + count_silent(loop);
	struct coil_list *node;

	list_for_each(node, &ring->overflown) {
		const struct sim_cqe *cqe = &container_of(node, struct sim_record, node)->cqe;

		owed += is_owed(loop, cqe->user_data, cqe->flags);
	}
	for (unsigned head = engine->cq_head; head != *memory->cq_tail; head++) {
		const struct io_uring_cqe *cqe = &memory->cqes[head & engine->cq_mask];

		owed += is_owed(loop, cqe->user_data, cqe->flags);
	}
	return owed;
}

/* -- A turn --------------------------------------------------------------------------------------
 */

void simrun_check(struct simrun_loop *loop)
{
	struct scheduler *s = loop->scheduler;
	uint64_t every = 1 + s->alive / TASKS_EACH_TURN;

	check(ring_owed(&s->loop.ring) == count_owed(loop->ring, &s->loop));
	if (loop->run->sim->enters % every != 0)
		return;
	check(loop->ring->all_count == count_requests(loop->ring));
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
	struct coil_hook **hooks;
	uint32_t count = 0;
	uint32_t i = 0;

	if (!queue->first || !queue->first->next || !sim_happens(sim, SIM_SHUFFLE))
		return;
	for (const struct coil_hook *hook = queue->first; hook; hook = hook->next)
		count++;
	hooks = sim_alloc(sim, count * sizeof(struct coil_hook *));
	for (struct coil_hook *hook = queue->first; hook; hook = hook->next)
		hooks[i++] = hook;
	*queue = (struct hook_queue){0};
	for (i = 0; i < count; i++) {
		uint32_t chosen = i + sim_pick(sim, count - i);
		struct coil_hook *hook = hooks[chosen];

		hooks[chosen] = hooks[i];
		hook_queue_append(queue, hook, hook);
	}
	sim_free(sim, hooks, count * sizeof(struct coil_hook *));
}
