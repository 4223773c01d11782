/* SPDX-License-Identifier: MIT */
/*
 * Groups: a scope with tasks. alive counts the children that have not ended, and slots that were
 * handed to somebody who is about to spawn; close waits until it is 0.
 */
#include "task/group.h"

#include <errno.h>

#include "base/words.h"
#include "task/audit.h"
#include "task/await.h"
#include "task/scope.h"

_Static_assert(sizeof(struct coil_group) <= 336, "growth is a decision");

/* Somebody who waits for room under a group's limit. In its frame. */
struct slot_wait {
	struct coil_future future;
	struct coil_list node;
};

/* -- The limit -----------------------------------------------------------------------------------
 */

static void slot_wait_cancel(struct coil_future *future)
{
	struct slot_wait *wait = container_of(future, struct slot_wait, future);

	list_remove(&wait->node);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops slot_wait_ops = {
	.kind = "group limit", .cancel = slot_wait_cancel
};

int group_take_slot_slow(struct scheduler *s, struct coil_group *group)
{
	struct slot_wait wait;

	if (group->alive < group->limit && list_is_empty(&group->waiting)) {
		group->alive++;
		return 0;
	}
	check_use(s->current != NULL, "the group's limit is reached, and only a task can wait");
	future_init(&wait.future, &s->loop.ready, &slot_wait_ops);
	list_init(&wait.node);
	list_push_back(&group->waiting, &wait.node);
	return task_await(s, s->current, &wait.future);
}

/* The slot goes to who has waited longest, unless a lowered limit takes it away; or it is free, and
 * who closes the group may be waiting for the last one. */
void group_give_slot_slow(struct coil_group *group)
{
	bool is_kept = !group->limit || group->alive <= group->limit;
	struct coil_list *next = is_kept ? list_pop_front(&group->waiting) : NULL;

	check(group->alive > 0);
	if (next) {
		future_resolve(&list_entry(next, struct slot_wait, node)->future, 0);
		return;
	}
	if (--group->alive == 0 && (group->flags & GROUP_CLOSING) &&
	    future_is_pending(&group->idle))
		future_resolve(&group->idle, 0);
}

/* -- Children that end ---------------------------------------------------------------------------
 */

static void note_failure(struct scheduler *s, struct coil_group *group, struct coil_task *child,
			 int result)
{
	if (group->failure_count == 0)
		group->first_failure = result;
	if (group->failure_count < COIL_GROUP_FAILURES)
		group->failures[group->failure_count] = (struct coil_failure){ child->id, result };
	group->failure_count++;
	if (group->policy == COIL_GROUP_FAIL_FAST && group->failure_count == 1) {
		if (!group->scope.reason)
			group->scope.flags |= SCOPE_QUIET;
		scope_cancel(s, &group->scope, -ECANCELED, "a sibling failed");
	}
}

/* Ending with one's own cancellation's reason is what was asked for. */
static bool is_failure(const struct coil_task *child, int result)
{
	int reason = child->own.effective;

	return result < 0 && !(reason && (result == reason || result == -ECANCELED));
}

static bool answer_handshake(struct coil_task *child, int result)
{
	struct handshake *handshake = child->handshake;

	if (!handshake)
		return false;
	child->handshake = NULL;
	future_resolve(&handshake->future, result < 0 ? result : -EPROTO);
	return true;
}

void group_note_end_slow(struct scheduler *s, struct coil_task *child, int result)
{
	bool is_told = answer_handshake(child, result);

	if (!is_told && is_failure(child, result))
		note_failure(s, child->group, child, result);
}

void group_free_ended(struct scheduler *s, struct coil_group *group)
{
	if (unlikely(s->debug & COIL_DEBUG_UNSEEN))
		audit_never_joined(s, group);
	while (!list_is_empty(&group->tasks))
		task_free(list_entry(group->tasks.next, struct coil_task, siblings));
}

/* Nobody asks a group to finish soon: its children are cancelled as members of its scope. */
static void group_describe(struct coil_future *future, char *text, size_t bytes)
{
	const struct coil_group *group = container_of(future, struct coil_group, idle);
	struct words words;

	words_begin(&words, text, bytes);
	words_add(&words, "group, ");
	words_number(&words, group->alive);
	words_add(&words, " alive");
}

static const struct coil_future_ops idle_ops = { .kind = "group", .describe = group_describe };

/* -- Begin and end -------------------------------------------------------------------------------
 */

static void group_init(struct coil_group *group, int policy)
{
	list_init(&group->tasks);
	list_init(&group->waiting);
	group->idle.state = FUTURE_IDLE;
	group->outer = NULL;
	group->alive = 0;
	group->limit = 0;
	group->policy = (uint32_t)policy;
	group->first_failure = 0;
	group->failure_count = 0;
	group->flags = GROUP_OPEN;
}

void group_init_root(struct scheduler *s)
{
	group_init(&s->root, COIL_GROUP_SUPERVISE);
	scope_init(&s->root.scope, NULL, NULL, SCOPE_GROUP);
}

void group_check_open(const struct coil_group *group, const char *function)
{
	if (unlikely(group->scope.check_word != SCOPE_CHECK_WORD || !(group->flags & GROUP_OPEN)))
		check_misused(function, "this group is not open");
}

void coil_group_open(struct coil_group *group, int policy)
{
	struct coil_task *task = task_required(__func__);

	check_use(policy == COIL_GROUP_FAIL_FAST || policy == COIL_GROUP_SUPERVISE,
		  "%d is no policy of a group", policy);
	group_init(group, policy);
	scope_enter(&group->scope, task, SCOPE_GROUP);
	group->outer = task->groups;
	task->groups = group;
}

void coil_group_limit(struct coil_group *group, unsigned n)
{
	(void)scheduler_required(__func__);
	group_check_open(group, __func__);
	group->limit = n;
	while (!list_is_empty(&group->waiting) && (!n || group->alive < n)) {
		group->alive++;
		group_give_slot(group);
	}
}

void coil_group_cancel(struct coil_group *group)
{
	struct scheduler *s = scheduler_required(__func__);

	group_check_open(group, __func__);
	if (!group->scope.reason)
		group->scope.flags |= SCOPE_QUIET;
	scope_cancel(s, &group->scope, -ECANCELED, "its group was cancelled");
}

void group_check_closable(const struct coil_group *group, const struct coil_task *task,
			  const char *function)
{
	group_check_open(group, function);
	if (unlikely(group->scope.task != task))
		check_misused(function, "this group belongs to another task");
	if (unlikely(task->scope != &group->scope))
		check_misused(function, "a scope is open inside this group: close it first");
	if (unlikely(task->started > group->scope.started))
		check_misused(function,
			      "%u operations or timers that were started in this group are still "
			      "in flight",
			      task->started - group->scope.started);
}

void group_wait(struct scheduler *s, struct coil_task *task, struct coil_group *group)
{
	group->flags |= GROUP_CLOSING;
	while (group->alive > 0) {
		future_init(&group->idle, &s->loop.ready, &idle_ops);
		task_wait_to_the_end(s, task, &group->idle);
	}
}

int coil_group_close(struct coil_group *group)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);

	group_check_closable(group, task, __func__);
	group_wait(s, task, group);
	group_free_ended(s, group);
	check(task->groups == group);
	task->groups = group->outer;
	scope_leave(s, &group->scope);
	group->flags = 0;
	if (group->failure_count > 0)
		return group->first_failure;
	return (group->scope.flags & (SCOPE_MET | SCOPE_QUIET)) == SCOPE_MET ? group->scope.reason
									     : 0;
}

void coil_group_left(const struct coil_group *group)
{
	check_use(!(group->flags & GROUP_OPEN), "a frame was left with a group of its own open");
}

/* -- Starting children ---------------------------------------------------------------------------
 */

static int go(const char *function, struct coil_group *group, const struct task_spec *spec,
	      struct coil_task **ret_task)
{
	struct scheduler *s = scheduler_required(function);
	int rc;

	group_check_open(group, function);
	rc = group_take_slot(s, group);
	if (rc < 0)
		return rc;
	*ret_task = task_new(s, spec);
	if (*ret_task)
		return 0;
	group_give_slot(group);
	return -ENOMEM;
}

struct coil_task *group_spawn_root(struct scheduler *s, const struct task_spec *given)
{
	struct task_spec spec = *given;
	struct coil_task *task;

	/* Not group_take_slot: the outermost group has no limit. */
	spec.group = &s->root;
	s->root.alive++;
	task = task_new(s, &spec);
	if (!task)
		group_give_slot(&s->root);
	return task;
}

int coil_go_at(const char *place, struct coil_group *group, int (*entry)(void *arg), void *arg)
{
	struct task_spec spec = { .group = group, .entry = entry, .arg = arg, .place = place };
	struct coil_task *task;

	return go("coil_go", group, &spec, &task);
}

int coil_go_with_at(const char *place, const struct coil_task_options *options,
		    int (*entry)(void *arg), void *arg)
{
	struct scheduler *s = scheduler_required("coil_go_with");
	struct coil_task_options read;
	struct task_spec spec = { .options = &read, .entry = entry, .arg = arg };
	struct coil_task *task;
	int rc = task_read_options(options, &read);

	if (rc < 0)
		return rc;
	spec.group = read.group ? read.group : group_default(s);
	spec.place = read.place ? read.place : place;
	return go("coil_go_with", spec.group, &spec, &task);
}

int(coil_go_with)(const struct coil_task_options *options, int (*entry)(void *arg), void *arg)
{
	return coil_go_with_at(NULL, options, entry, arg);
}

int(coil_go)(struct coil_group *group, int (*entry)(void *arg), void *arg)
{
	return coil_go_at(NULL, group, entry, arg);
}

static void handshake_cancel(struct coil_future *future)
{
	struct handshake *handshake = container_of(future, struct handshake, future);

	scope_cancel(task_scheduler(handshake->child), &handshake->child->own, -ECANCELED,
		     "who started it was cancelled");
}

static const struct coil_future_ops handshake_ops = {
	.kind = "handshake", .cancel = handshake_cancel
};

int coil_group_start(struct coil_group *group, int (*entry)(void *arg), void *arg, void **ret_value)
{
	struct coil_task *self = task_required(__func__);
	struct scheduler *s = task_scheduler(self);
	struct handshake handshake = { .value = NULL };
	struct task_spec spec = {
		.group = group, .entry = entry, .arg = arg, .handshake = &handshake
	};
	int rc = go(__func__, group, &spec, &handshake.child);

	if (rc < 0)
		return rc;
	future_init(&handshake.future, &s->loop.ready, &handshake_ops);
	rc = task_await(s, self, &handshake.future);
	if (future_is_pending(&handshake.future))
		task_wait_to_the_end(s, self, &handshake.future);
	if (rc == 0 && ret_value)
		*ret_value = handshake.value;
	return rc;
}

void coil_group_started(void *value)
{
	struct coil_task *task = task_required(__func__);
	struct handshake *handshake = task->handshake;

	check_use(handshake != NULL,
		  "nobody waits for this task to be ready: only once, and only in a task "
		  "from coil_group_start");
	task->handshake = NULL;
	handshake->value = value;
	future_resolve(&handshake->future, 0);
}
