/* SPDX-License-Identifier: MIT */
/*
 * Combinators over any futures: gather, wait, race, as_completed. Each child gets a node among its
 * future's waiters; when the child is resolved the node is fired from the ready queue and counts. A
 * frame is left only when none of its nodes is in a list any more: nodes of pending futures are
 * taken out, nodes that are on their way through the ready queue, too.
 */
#include "coil/combine.h"

#include <errno.h>
#include <limits.h>

#include "base/alloc.h"
#include "loop/files.h"
#include "loop/timers.h"
#include "task/await.h"
#include "task/combine.h"
#include "task/scope.h"

enum settle {
	SETTLE_ALL,	    /* when every child is done */
	SETTLE_FIRST,	    /* when one is */
	SETTLE_FAILURE,	    /* when one failed, or all are done */
	SETTLE_ERROR	    /* the same, but a cancelled child is no error */
};

#define NOBODY UINT32_MAX

static bool settles(const struct coil_combinator *c, int32_t result)
{
	if (c->left == 0)
		return true;
	switch ((enum settle)c->settle) {
	case SETTLE_ALL:
		return false;
	case SETTLE_FIRST:
		return true;
	case SETTLE_FAILURE:
		return result < 0;
	case SETTLE_ERROR:
		return result < 0 && result != -ECANCELED;
	}
	return false;
}

static void node_done(struct coil_combine_node *node)
{
	struct coil_combinator *c = node->combinator;
	int32_t result = node->future->result;

	node->fired = 1;
	node->next_done = NULL;
	*c->last_done = node;
	c->last_done = &node->next_done;
	c->left--;
	if (future_is_pending(&c->future) && settles(c, result))
		future_resolve(&c->future, 0);
}

static void child_done(struct coil_hook *hook)
{
	node_done(container_of(hook, struct coil_combine_node, hook));
}

static void detach(struct coil_combine_node *node)
{
	if (node->fired)
		return;
	node->fired = 1;
	if (future_is_pending(node->future))
		future_remove_waiter(node->future, &node->hook);
	else
		ready_remove(node->future->ready, &node->hook);
}

/* Asks every child that is not done to finish soon; one that cannot be asked (a promise) is not
 * waited for any more. */
static void cancel_children(struct coil_combinator *c)
{
	c->was_cancelled = true;
	for (size_t i = 0; i < c->n; i++) {
		struct coil_combine_node *node = &c->nodes[i];

		if (node->fired || !future_is_pending(node->future) || future_cancel(node->future))
			continue;
		detach(node);
		c->left--;
	}
	if (c->left == 0 && future_is_pending(&c->future))
		future_resolve(&c->future, 0);
}

static void combinator_cancel(struct coil_future *future)
{
	struct coil_combinator *c = container_of(future, struct coil_combinator, future);

	c->settle = SETTLE_ALL;
	cancel_children(c);
}

static const struct coil_future_ops gather_ops = { .kind = "gather", .cancel = combinator_cancel };
static const struct coil_future_ops wait_ops = { .kind = "wait" };
static const struct coil_future_ops arrival_ops = { .kind = "as_completed" };

static void check_child(struct coil_future *future, const struct scheduler *s,
			const char *function)
{
	if (unlikely(future->state == FUTURE_IDLE))
		check_misused(function, "one of the futures was never started");
	if (unlikely(future->ready != &s->loop.ready))
		check_misused(function, "one of the futures belongs to the loop of another thread");
	future_look(future);
}

static int nodes_get(struct coil_combinator *c, const struct coil_alloc *alloc, size_t n)
{
	c->nodes = c->own;
	if (n <= COIL_COMBINE_NODES)
		return 0;
	if (n > INT_MAX / sizeof *c->nodes)
		return -ENOMEM;
	c->nodes = alloc->alloc(alloc->context, n * sizeof *c->nodes);
	return c->nodes ? 0 : -ENOMEM;
}

static int combinator_open(struct coil_combinator *c, struct scheduler *s,
			   struct coil_future *const *futures, size_t n, enum settle settle,
			   const struct coil_future_ops *ops)
{
	int rc = nodes_get(c, s->loop.alloc, n);

	if (rc < 0)
		return rc;
	future_init(&c->future, &s->loop.ready, ops);
	c->first_done = NULL;
	c->last_done = &c->first_done;
	c->n = (uint32_t)n;
	c->left = (uint32_t)n;
	c->settle = settle;
	c->was_cancelled = false;
	for (uint32_t i = 0; i < n; i++)
		c->nodes[i] = (struct coil_combine_node){
			.hook.fire = child_done, .future = futures[i], .combinator = c, .index = i
		};
	for (uint32_t i = 0; i < n; i++)
		if (future_is_resolved(futures[i]))
			node_done(&c->nodes[i]);
		else
			future_add_waiter(futures[i], &c->nodes[i].hook);
	if (n == 0)
		future_resolve(&c->future, 0);
	return 0;
}

static void combinator_close(struct coil_combinator *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		detach(&c->nodes[i]);
	if (c->nodes != c->own)
		alloc_free(container_of(c->future.ready, struct coil_loop, ready)->alloc, c->nodes,
			   c->n * sizeof *c->nodes);
}

/* The outcome is settled: waits for the children that are left. */
static void drain(struct coil_combinator *c, struct coil_task *task)
{
	c->settle = SETTLE_ALL;
	if (c->left == 0)
		return;
	c->future.state = FUTURE_PENDING;
	task_wait_to_the_end(task_scheduler(task), task, &c->future);
}

static bool is_done(const struct coil_combine_node *node)
{
	return future_is_resolved(node->future);
}

/* -- gather --------------------------------------------------------------------------------------
 */

struct tally {
	int failures;
	int first_failure;  /* in the order of the arguments; one that was only cancelled does not
			       count */
	bool has_cancelled; /* some child ended cancelled */
};

static void tally_add(struct tally *tally, int result)
{
	if (result >= 0)
		return;
	tally->failures++;
	if (result_is_cancel(result))
		tally->has_cancelled = true;
	else if (!tally->first_failure)
		tally->first_failure = result;
}

/* @asked: the caller's scope was cancelled during the gather; @sparing: fail-fast cancelled the
 * siblings. */
static int tally_result(const struct tally *tally, struct coil_task *task, int flags, bool asked)
{
	if (asked && tally->has_cancelled && task->scope->effective)
		return scope_reason_met(task);
	if (flags & COIL_KEEP_GOING)
		return tally->failures;
	if (!tally->first_failure && tally->has_cancelled)
		return -ECANCELED;
	return tally->first_failure;
}

static bool gather_flags_are_valid(int flags)
{
	return flags == 0 || flags == COIL_KEEP_GOING || flags == COIL_FAIL_FAST;
}

static int gather(struct coil_task *task, struct coil_future *const *futures, size_t n, int flags,
		  struct tally *tally)
{
	struct scheduler *s = task_scheduler(task);
	enum settle settle = flags & COIL_FAIL_FAST ? SETTLE_FAILURE : SETTLE_ALL;
	struct coil_combinator c;
	bool asked;
	int rc;

	for (size_t i = 0; i < n; i++)
		check_child(futures[i], s, "coil_gather");
	rc = combinator_open(&c, s, futures, n, settle, &gather_ops);
	if (rc < 0)
		return rc;
	task_await(s, task, &c.future);
	asked = c.was_cancelled;
	if (c.left > 0 && !asked)
		cancel_children(&c);
	drain(&c, task);
	for (size_t i = 0; i < n; i++)
		tally_add(tally, is_done(&c.nodes[i]) ? futures[i]->result : -ECANCELED);
	combinator_close(&c);
	return tally_result(tally, task, flags, asked);
}

int coil_gather(struct coil_future *const *futures, size_t n, int flags)
{
	struct coil_task *task = task_required(__func__);
	struct tally tally = { 0 };

	if (!gather_flags_are_valid(flags))
		return -EINVAL;
	return gather(task, futures, n, flags, &tally);
}

int coil_gather_tasks(struct coil_task *const *tasks, size_t n, int flags)
{
	struct coil_task *self = task_required(__func__);
	const struct coil_alloc *alloc = task_scheduler(self)->loop.alloc;
	struct coil_future *own[COIL_COMBINE_NODES] = { NULL };
	struct coil_future **futures = own;
	/* Stands for a spawn that failed. */
	struct coil_future missing = { .result = -ENOMEM, .state = FUTURE_RESOLVED };
	struct tally tally = { 0 };
	int rc;

	if (!gather_flags_are_valid(flags) || n > INT_MAX / sizeof *futures)
		return -EINVAL;
	if (n > COIL_COMBINE_NODES)
		futures = alloc->alloc(alloc->context, n * sizeof *futures);
	if (!futures)
		return -ENOMEM;
	missing.ready = self->future.ready;
	for (size_t i = 0; i < n; i++) {
		check_use(tasks[i] != self, "a task cannot await itself");
		futures[i] = tasks[i] ? coil_task_future(tasks[i]) : &missing;
	}
	rc = gather(self, futures, n, flags, &tally);
	if (futures != own)
		alloc_free(alloc, futures, n * sizeof *futures);
	return rc;
}

/* -- wait ----------------------------------------------------------------------------------------
 */

struct wait_deadline {
	struct hook_alarm alarm;
	struct coil_combinator *combinator;
};

static void wait_deadline_passed(struct coil_hook *hook)
{
	struct wait_deadline *deadline = container_of(hook, struct wait_deadline, alarm.hook);

	deadline->alarm.hook.fire = NULL;
	if (future_is_pending(&deadline->combinator->future))
		future_resolve(&deadline->combinator->future, 0);
}

static int wait_until(struct coil_combinator *c, struct coil_task *task, int64_t at)
{
	struct scheduler *s = task_scheduler(task);
	struct wait_deadline deadline = { .combinator = c };
	int rc;

	alarm_init(&deadline.alarm.alarm, ALARM_HOOK);
	rc = alarm_set(&s->loop, &deadline.alarm.alarm, at);
	if (rc < 0)
		return rc;
	deadline.alarm.hook.fire = wait_deadline_passed;
	rc = task_await(s, task, &c->future);
	if (alarm_is_set(&deadline.alarm.alarm))
		alarm_clear(&s->loop, &deadline.alarm.alarm);
	else if (deadline.alarm.hook.fire && at != COIL_FOREVER)
		ready_remove(&s->loop.ready, &deadline.alarm.hook);
	return rc;
}

static int wait_settles_at(int mode, enum settle *ret_settle)
{
	static const enum settle settles_at[] = {
		[COIL_FIRST_COMPLETED] = SETTLE_FIRST,
		[COIL_FIRST_ERROR] = SETTLE_ERROR,
		[COIL_ALL] = SETTLE_ALL,
	};

	if (mode < COIL_FIRST_COMPLETED || mode > COIL_ALL)
		return -EINVAL;
	*ret_settle = settles_at[mode];
	return 0;
}

int coil_wait(struct coil_future *const *futures, size_t n, int mode, int64_t deadline)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct coil_combinator c;
	enum settle settle;
	int done = 0;
	int rc;

	if (n == 0 || wait_settles_at(mode, &settle) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		check_child(futures[i], s, __func__);
	rc = combinator_open(&c, s, futures, n, settle, &wait_ops);
	if (rc < 0)
		return rc;
	rc = wait_until(&c, task, deadline);
	for (size_t i = 0; i < n; i++)
		done += is_done(&c.nodes[i]);
	combinator_close(&c);
	return rc < 0 ? rc : done;
}

/* -- race ----------------------------------------------------------------------------------------
 */

/* A loser that opened something nobody will take: closed. */
static void undo(struct scheduler *s, struct coil_future *const *futures, uint32_t loser)
{
	struct coil_op *op = op_of_future(futures[loser]);
	int fds[2];
	int count = op ? op_opened(op, fds) : 0;

	for (uint32_t i = 0; count > 0 && i < loser; i++)
		if (futures[i] == futures[loser])
			return; /* it stands there twice */
	for (int i = 0; i < count; i++)
		files_close(&s->loop, fds[i]);
}

/* The first that was done, unless a cancel made it so: then the first of those that nothing could
 * stop. */
static uint32_t race_winner(const struct coil_combinator *c)
{
	const struct coil_combine_node *first = c->first_done;

	if (!first)
		return NOBODY;
	if (!c->was_cancelled || !result_is_cancel(first->future->result))
		return first->index;
	for (uint32_t i = 0; i < c->n; i++)
		if (is_done(&c->nodes[i]) && !result_is_cancel(c->nodes[i].future->result))
			return i;
	return NOBODY;
}

int coil_race(struct coil_future *const *futures, size_t n)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct coil_combinator c;
	uint32_t winner;
	int rc;

	if (n == 0 || n > INT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		check_child(futures[i], s, __func__);
	rc = combinator_open(&c, s, futures, n, SETTLE_FIRST, &gather_ops);
	if (rc < 0)
		return rc;
	task_await(s, task, &c.future);
	winner = race_winner(&c);
	cancel_children(&c);
	drain(&c, task);
	if (winner == NOBODY)
		winner = race_winner(&c);
	for (uint32_t i = 0; i < n; i++)
		if (is_done(&c.nodes[i]) && (winner == NOBODY || futures[i] != futures[winner]))
			undo(s, futures, i);
	combinator_close(&c);
	if (winner != NOBODY)
		return (int)winner;
	return task->scope->effective ? scope_reason_met(task) : -ECANCELED;
}

/* -- as_completed --------------------------------------------------------------------------------
 */

int coil_as_completed_open(struct coil_as_completed *walk, struct coil_future *const *futures,
			   size_t n)
{
	struct scheduler *s = scheduler_required(__func__);

	for (size_t i = 0; i < n; i++)
		check_child(futures[i], s, __func__);
	return combinator_open(&walk->combinator, s, futures, n, SETTLE_FIRST, &arrival_ops);
}

int coil_as_completed_next(struct coil_as_completed *walk)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct coil_combinator *c = &walk->combinator;
	bool has_waited = !c->first_done;
	struct coil_combine_node *node;

	if (has_waited && c->left == 0)
		return -ENOENT;
	if (has_waited) {
		int rc;

		future_init(&c->future, &s->loop.ready, &arrival_ops);
		rc = task_await(s, task, &c->future);
		if (rc < 0)
			return rc;
	}
	node = c->first_done;
	c->first_done = node->next_done;
	if (!c->first_done)
		c->last_done = &c->first_done;
	if (!has_waited)
		task_pay(task);
	return (int)node->index;
}

void coil_as_completed_close(struct coil_as_completed *walk)
{
	scheduler_required(__func__);
	combinator_close(&walk->combinator);
}

/* -- How far it has come -------------------------------------------------------------------------
 */

static const struct coil_combinator *combinator_of(struct coil_future *future)
{
	bool is_one = future->ops == &gather_ops || future->ops == &wait_ops ||
		      future->ops == &arrival_ops;

	return is_one ? container_of(future, struct coil_combinator, future) : NULL;
}

bool combine_progress(struct coil_future *future, struct combine_progress *ret_progress)
{
	const struct coil_combinator *c = combinator_of(future);

	if (!c)
		return combine_ops_progress(future, ret_progress);
	*ret_progress = (struct combine_progress){ c->n - c->left, c->n };
	return true;
}

struct coil_future *combine_child(struct coil_future *future, uint32_t i)
{
	const struct coil_combinator *c = combinator_of(future);

	return c ? c->nodes[i].future : combine_ops_child(future, i);
}
