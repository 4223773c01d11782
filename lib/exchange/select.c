/* SPDX-License-Identifier: MIT */
/*
 * Select, in the manner of Go's: look whether a case is ready and do it; otherwise stand in every
 * case's line, and whoever comes first settles the select. Being on one loop it needs no locks, and
 * the one who settles takes the select out of all its lines at once: nobody ever meets in a line a
 * select that has been decided.
 *
 * Futures are watched by hooks among their waiters, the nearest deadline by an alarm; both are
 * fired on the loop's stack in a later turn, and come too late if the select is decided by then.
 */
#include "exchange/select.h"

#include <errno.h>
#include <limits.h>

#include "base/alloc.h"
#include "coil/combine.h"
#include "coil/time.h"
#include "loop/timers.h"

struct select;

struct select_node {
	struct handover handover;
	struct coil_hook hook;
	struct coil_future *watched; /* NULL: not, or its hook was fired */
	struct select *select;
};

struct select {
	struct coil_future future; /* resolves with the index */
	struct scheduler *scheduler;
	struct coil_case *cases;
	struct select_node *nodes;
	size_t n;
	struct hook_alarm alarm;
	size_t alarm_index;
	bool is_alarm_on; /* set, or its hook is in the ready queue */
	struct select_node own[COIL_COMBINE_NODES];
};

/* -- The cases that are not queues ---------------------------------------------------------------
 */

static bool future_is_ready(const struct coil_case *c)
{
	const struct coil_future *future = c->object;
	struct scheduler *s = scheduler_required("coil_select");

	if (unlikely(future->state == FUTURE_IDLE))
		check_misused("coil_select", "one of the futures was never started");
	if (unlikely(future->ready != &s->loop.ready))
		check_misused("coil_select",
			      "one of the futures belongs to the loop of another thread");
	if (unlikely(s->current && future == &s->current->future))
		check_misused("coil_select", "a task cannot await itself");
	return future_is_resolved(future);
}

static int future_take(const struct coil_case *c)
{
	return ((const struct coil_future *)c->object)->result;
}

static bool deadline_is_ready(const struct coil_case *c)
{
	return c->item.deadline != COIL_FOREVER &&
	       c->item.deadline <= loop_read_clock(loop_required("coil_select"));
}

static int nothing_to_take(const struct coil_case *c)
{
	(void)c;
	return 0;
}

static bool default_is_ready(const struct coil_case *c)
{
	(void)c;
	return false;
}

static const struct coil_case_ops future_case = { future_is_ready, future_take, NULL };
static const struct coil_case_ops deadline_case = { deadline_is_ready, nothing_to_take, NULL };
static const struct coil_case_ops default_case = { default_is_ready, nothing_to_take, NULL };

struct coil_case coil_case_future(struct coil_future *future)
{
	return (struct coil_case){ .ops = future ? &future_case : NULL, .object = future };
}

struct coil_case coil_case_deadline(int64_t deadline)
{
	return (struct coil_case){ .ops = &deadline_case, .item = { .deadline = deadline } };
}

struct coil_case coil_case_default(void)
{
	return (struct coil_case){ .ops = &default_case };
}

/* -- Being decided -------------------------------------------------------------------------------
 */

static void leave_lines(struct select *select)
{
	for (size_t i = 0; i < select->n; i++)
		list_remove(&select->nodes[i].handover.node);
}

static void decide(struct select *select, size_t index, int32_t result)
{
	leave_lines(select);
	select->cases[index].result = result;
	future_resolve(&select->future, (int32_t)index);
}

void select_settle(struct handover *handover, int32_t result)
{
	decide(container_of(handover, struct select_node, handover)->select, handover->index,
	       result);
}

static void future_fired(struct coil_hook *hook)
{
	struct select_node *node = container_of(hook, struct select_node, hook);
	int32_t result = node->watched->result;

	node->watched = NULL;
	if (future_is_pending(&node->select->future))
		decide(node->select, node->handover.index, result);
}

static void alarm_fired(struct coil_hook *hook)
{
	struct select *select = container_of(hook, struct select, alarm.hook);

	select->is_alarm_on = false;
	if (future_is_pending(&select->future))
		decide(select, select->alarm_index, 0);
}

static void select_cancel(struct coil_future *future)
{
	leave_lines(container_of(future, struct select, future));
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops select_ops = { .kind = "select", .cancel = select_cancel };

/* -- Waiting -------------------------------------------------------------------------------------
 */

static int set_alarm(struct select *select)
{
	int64_t nearest = COIL_FOREVER;
	int rc;

	alarm_init(&select->alarm.alarm, ALARM_HOOK);
	select->alarm.hook.fire = alarm_fired;
	select->is_alarm_on = false;
	for (size_t i = 0; i < select->n; i++) {
		const struct coil_case *c = &select->cases[i];

		if (c->ops != &deadline_case || c->item.deadline >= nearest)
			continue;
		nearest = c->item.deadline;
		select->alarm_index = i;
	}
	if (nearest == COIL_FOREVER)
		return 0;
	rc = alarm_set(&select->scheduler->loop, &select->alarm.alarm, nearest);
	select->is_alarm_on = rc == 0;
	return rc;
}

static void clear_alarm(struct select *select)
{
	struct coil_loop *loop = &select->scheduler->loop;

	if (!select->is_alarm_on)
		return;
	if (alarm_is_set(&select->alarm.alarm))
		alarm_clear(loop, &select->alarm.alarm);
	else
		ready_remove(&loop->ready, &select->alarm.hook);
}

static void stand_in_line(struct select *select, size_t index)
{
	const struct coil_case *c = &select->cases[index];
	struct select_node *node = &select->nodes[index];

	handover_init(&node->handover, HANDOVER_SELECT);
	node->handover.index = (uint32_t)index;
	node->select = select;
	node->watched = NULL;
	if (!c->ops)
		return;
	if (c->ops->line) {
		node->handover.target = c->item.target;
		node->handover.object = c->object;
		list_push_back(c->ops->line(c), &node->handover.node);
	} else if (c->ops == &future_case) {
		node->hook.fire = future_fired;
		node->watched = c->object;
		future_add_waiter(node->watched, &node->hook);
	}
}

static void stop_watching(struct select_node *node)
{
	if (!node->watched)
		return;
	if (future_is_pending(node->watched))
		future_remove_waiter(node->watched, &node->hook);
	else
		ready_remove(node->watched->ready, &node->hook);
}

static int nodes_get(struct select *select)
{
	const struct coil_alloc *alloc = select->scheduler->loop.alloc;
	size_t bytes;

	select->nodes = select->own;
	if (select->n <= COIL_COMBINE_NODES)
		return 0;
	if (__builtin_mul_overflow(select->n, sizeof *select->nodes, &bytes))
		return -ENOMEM;
	select->nodes = alloc->alloc(alloc->context, bytes);
	return select->nodes ? 0 : -ENOMEM;
}

static void nodes_put(struct select *select)
{
	if (select->nodes != select->own)
		alloc_free(select->scheduler->loop.alloc, select->nodes,
			   select->n * sizeof *select->nodes);
}

/* Out of line: its frame is large, and a select that finds a case ready needs none of it. */
static __attribute__((noinline)) int wait_for_a_case(struct coil_task *task,
						     struct coil_case *cases, size_t n)
{
	struct scheduler *s = task_scheduler(task);
	struct select select;
	int rc;

	select.scheduler = s;
	select.cases = cases;
	select.n = n;
	rc = nodes_get(&select);
	if (rc < 0)
		return rc;
	rc = set_alarm(&select);
	if (rc < 0) {
		nodes_put(&select);
		return rc;
	}
	future_init(&select.future, &s->loop.ready, &select_ops);
	for (size_t i = 0; i < n; i++)
		stand_in_line(&select, i);
	rc = task_await(s, task, &select.future);
	clear_alarm(&select);
	for (size_t i = 0; i < n; i++)
		stop_watching(&select.nodes[i]);
	nodes_put(&select);
	return rc;
}

/* -- Choosing ------------------------------------------------------------------------------------
 */

#define NOBODY SIZE_MAX

/* The @wanted-th of the cases that are ready; how many there are up to it in *@ret_count. */
static size_t find_ready(const struct coil_case *cases, size_t n, size_t wanted, size_t *ret_count)
{
	*ret_count = 0;
	for (size_t i = 0; i < n; i++)
		if (cases[i].ops && cases[i].ops->is_ready(&cases[i]) && (*ret_count)++ == wanted)
			return i;
	return NOBODY;
}

/* Evenly: a random start alone would favour the case behind a gap. */
static size_t choose(struct coil_loop *loop, const struct coil_case *cases, size_t n, int flags)
{
	size_t count;
	size_t ready = find_ready(cases, n, flags & COIL_IN_ORDER ? 0 : n, &count);

	if (count == 0 || ready != NOBODY)
		return ready;
	ready = find_ready(cases, n, count > 1 ? loop_random_below(loop, (uint32_t)count) : 0,
			   &count);
	/* A deadline may have come between the two looks; then there are but more. */
	check(ready != NOBODY);
	return ready;
}

static int find_default(const struct coil_case *cases, size_t n, size_t *ret_index)
{
	*ret_index = NOBODY;
	for (size_t i = 0; i < n; i++) {
		if (cases[i].ops != &default_case)
			continue;
		if (*ret_index != NOBODY)
			return -EINVAL;
		*ret_index = i;
	}
	return 0;
}

int coil_select(struct coil_case *cases, size_t n, int flags)
{
	struct coil_task *task = task_required(__func__);
	size_t otherwise;
	size_t chosen;
	int rc;

	if (n == 0 || n > INT_MAX || (flags & ~COIL_IN_ORDER))
		return -EINVAL;
	rc = find_default(cases, n, &otherwise);
	if (rc == 0 && otherwise == NOBODY)
		rc = handover_begin(task);
	if (rc < 0)
		return rc;
	chosen = choose(&task_scheduler(task)->loop, cases, n, flags);
	if (chosen == NOBODY && otherwise == NOBODY)
		return wait_for_a_case(task, cases, n);
	if (chosen == NOBODY)
		chosen = otherwise;
	cases[chosen].result = cases[chosen].ops->take(&cases[chosen]);
	return otherwise == NOBODY ? handover_end(task, (int)chosen) : (int)chosen;
}
