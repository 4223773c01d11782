/* SPDX-License-Identifier: MIT */
/*
 * Keyed groups. Each task has a slot, which goes
 *
 *   running -> ended -> handed out            by coil_keyed_next
 *   running or ended -> claimed -> freed      by coil_keyed_join
 *
 * A slot is in the table until it is handed out or freed; among @ended while nobody has claimed it.
 * @running counts the slots that run unclaimed: when it is 0 and none has ended, who waits for the
 * next one is told so.
 */
#include "coil/keyed_group.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/list.h"
#include "flow/keys.h"
#include "task/await.h"
#include "task/group.h"
#include "task/scope.h"

struct slot {
	struct coil_key_node node;
	struct coil_list ended;
	struct coil_keyed_group *keyed;
	struct coil_task *task;
	int (*entry)(void *arg);
	void *arg;
	const char *place;
	int result;
	bool has_ended;
	bool is_claimed;
	char name[]; /* the key's bytes */
};

/* Somebody who waits for the next one. In its frame. */
struct next_wait {
	struct coil_future future;
	struct coil_list node;
	struct slot *slot; /* what it was given */
};

/* -- Slots ---------------------------------------------------------------------------------------
 */

static size_t slot_bytes(const struct coil_key *key)
{
	return sizeof(struct slot) + key_copy_bytes(key);
}

static void slot_free(struct scheduler *s, struct slot *slot)
{
	if (slot)
		alloc_free(s->loop.alloc, slot, slot_bytes(&slot->node.key));
}

static struct slot *slot_find(const struct coil_keyed_group *keyed, const struct coil_key *key)
{
	struct coil_key_node *node = keys_find(&keyed->keys, key);

	return node ? container_of(node, struct slot, node) : NULL;
}

static struct next_wait *next_in_line(struct coil_keyed_group *keyed)
{
	struct coil_list *node = list_pop_front(&keyed->waiting);

	return node ? list_entry(node, struct next_wait, node) : NULL;
}

/* Nothing is left that could become the next one. */
static void tell_if_none_is_left(struct coil_keyed_group *keyed)
{
	struct next_wait *wait;

	if (keyed->running > 0)
		return;
	while ((wait = next_in_line(keyed)))
		future_resolve(&wait->future, -ENOENT);
}

static void hand_out(struct coil_keyed_group *keyed, struct slot *slot)
{
	struct next_wait *wait = next_in_line(keyed);

	if (!wait) {
		list_push_back(&keyed->ended, &slot->ended);
		return;
	}
	keys_remove(&keyed->keys, &slot->node);
	wait->slot = slot;
	future_resolve(&wait->future, 0);
}

/* The task of every slot. It ends right after this: whoever is told runs later. */
static int slot_run(void *arg)
{
	struct slot *slot = arg;
	struct coil_keyed_group *keyed = slot->keyed;
	int result = slot->entry(slot->arg);

	slot->result = result;
	slot->has_ended = true;
	if (slot->is_claimed)
		return result;
	keyed->running--;
	hand_out(keyed, slot);
	tell_if_none_is_left(keyed);
	return result;
}

/* -- Starting ------------------------------------------------------------------------------------
 */

static struct slot *slot_new(struct scheduler *s, struct coil_keyed_group *keyed,
			     const struct coil_key *key)
{
	struct slot *slot = alloc_zeroed(s->loop.alloc, slot_bytes(key));

	if (!slot)
		return NULL;
	slot->node.key = key_copy(key, slot->name);
	slot->keyed = keyed;
	list_init(&slot->ended);
	if (keys_add(&keyed->keys, s->loop.alloc, &slot->node) < 0) {
		slot_free(s, slot);
		return NULL;
	}
	return slot;
}

static int slot_start(struct scheduler *s, struct slot *slot)
{
	struct coil_task_options options = {
		.size = sizeof options, .name = slot->node.key.bytes ? slot->name : NULL
	};
	struct task_spec spec = { .options = &options,
				  .group = &slot->keyed->group,
				  .entry = slot_run,
				  .arg = slot,
				  .place = slot->place,
				  .has_handle = true };

	slot->task = task_new(s, &spec);
	if (slot->task) {
		slot->keyed->running++;
		return 0;
	}
	keys_remove(&slot->keyed->keys, &slot->node);
	slot_free(s, slot);
	return -ENOMEM;
}

static int start_under(struct scheduler *s, struct coil_keyed_group *keyed,
		       const struct slot *given)
{
	struct slot *slot;

	/* Somebody else may have taken the key while this one waited for room. */
	if (slot_find(keyed, &given->node.key))
		return -EEXIST;
	slot = slot_new(s, keyed, &given->node.key);
	if (!slot)
		return -ENOMEM;
	slot->entry = given->entry;
	slot->arg = given->arg;
	slot->place = given->place;
	return slot_start(s, slot);
}

int coil_keyed_go_at(const char *place, struct coil_keyed_group *keyed, struct coil_key key,
		     int (*entry)(void *arg), void *arg)
{
	struct scheduler *s = scheduler_required("coil_keyed_go");
	struct slot given = { .node.key = key, .entry = entry, .arg = arg, .place = place };
	int rc;

	group_check_open(&keyed->group, "coil_keyed_go");
	if (slot_find(keyed, &key))
		return -EEXIST;
	rc = group_take_slot(s, &keyed->group);
	if (rc < 0)
		return rc;
	rc = start_under(s, keyed, &given);
	if (rc < 0)
		group_give_slot(&keyed->group);
	return rc;
}

int(coil_keyed_go)(struct coil_keyed_group *keyed, struct coil_key key, int (*entry)(void *arg),
		   void *arg)
{
	return coil_keyed_go_at(NULL, keyed, key, entry, arg);
}

/* -- By key --------------------------------------------------------------------------------------
 */

/* From now on it is the caller's to join, and nobody's next one. */
static void slot_claim(struct coil_keyed_group *keyed, struct slot *slot)
{
	slot->is_claimed = true;
	if (slot->has_ended) {
		list_remove(&slot->ended);
	} else {
		keyed->running--;
		tell_if_none_is_left(keyed);
	}
}

static int join_claimed(struct scheduler *s, struct slot *slot, int *ret_result)
{
	struct coil_keyed_group *keyed = slot->keyed;
	struct coil_task *self = s->current;
	bool has_waited = !slot->has_ended;
	int rc;

	keyed->users++;
	rc = coil_join(slot->task);
	keyed->users--;
	keys_remove(&keyed->keys, &slot->node);
	if (has_waited && rc < 0 && rc == self->scope->effective) {
		slot_free(s, slot);
		return rc;
	}
	if (ret_result)
		*ret_result = slot->result;
	slot_free(s, slot);
	return 0;
}

int coil_keyed_join(struct coil_keyed_group *keyed, struct coil_key key, int *ret_result)
{
	struct coil_task *self = task_required(__func__);
	struct slot *slot;

	group_check_open(&keyed->group, __func__);
	slot = slot_find(keyed, &key);
	if (!slot)
		return -ENOENT;
	if (slot->is_claimed)
		return -EALREADY;
	check_use(slot->task != self, "a task cannot await itself");
	if (!slot->has_ended && task_closes_a_ring(self, &slot->task->future))
		return -EDEADLK;
	slot_claim(keyed, slot);
	return join_claimed(task_scheduler(self), slot, ret_result);
}

int coil_keyed_cancel(struct coil_keyed_group *keyed, struct coil_key key)
{
	struct scheduler *s = scheduler_required(__func__);
	struct slot *slot;

	group_check_open(&keyed->group, __func__);
	slot = slot_find(keyed, &key);
	if (!slot)
		return -ENOENT;
	if (slot->has_ended)
		return -EALREADY;
	scope_cancel(s, &slot->task->own, -ECANCELED, "cancelled by its key");
	return 0;
}

struct coil_task *coil_keyed_task(struct coil_keyed_group *keyed, struct coil_key key)
{
	struct slot *slot;

	group_check_open(&keyed->group, __func__);
	slot = slot_find(keyed, &key);
	return slot ? slot->task : NULL;
}

unsigned coil_keyed_count(const struct coil_keyed_group *keyed)
{
	group_check_open(&keyed->group, __func__);
	return keyed->keys.count;
}

/* -- In the order of their ends ------------------------------------------------------------------
 */

static void next_wait_cancel(struct coil_future *future)
{
	struct next_wait *wait = container_of(future, struct next_wait, future);

	list_remove(&wait->node);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops next_wait_ops = {
	.kind = "next of a keyed group", .cancel = next_wait_cancel
};

/* The first that has ended, out of the table; waits for it. 0, -ENOENT or the caller's reason. */
static int next_slot(struct scheduler *s, struct coil_keyed_group *keyed, struct slot **ret_slot)
{
	struct coil_list *node = list_pop_front(&keyed->ended);
	struct next_wait wait = { .slot = NULL };
	int rc;

	if (node) {
		*ret_slot = list_entry(node, struct slot, ended);
		keys_remove(&keyed->keys, &(*ret_slot)->node);
		keyed->users++;
		task_pay(s->current);
		keyed->users--;
		return 0;
	}
	if (keyed->running == 0)
		return -ENOENT;
	future_init(&wait.future, &s->loop.ready, &next_wait_ops);
	list_init(&wait.node);
	list_push_back(&keyed->waiting, &wait.node);
	keyed->users++;
	rc = task_await(s, s->current, &wait.future);
	keyed->users--;
	*ret_slot = wait.slot;
	return wait.slot ? 0 : rc;
}

int coil_keyed_next(struct coil_keyed_group *keyed, struct coil_key *ret_key, int *ret_result)
{
	struct coil_task *self = task_required(__func__);
	struct scheduler *s = task_scheduler(self);
	struct slot *slot;
	int rc;

	group_check_open(&keyed->group, __func__);
	rc = next_slot(s, keyed, &slot);
	if (rc < 0)
		return rc;
	task_free(slot->task);
	slot_free(s, keyed->taken);
	keyed->taken = slot;
	if (ret_key)
		*ret_key = slot->node.key;
	if (ret_result)
		*ret_result = slot->result;
	return 0;
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

void coil_keyed_open(struct coil_keyed_group *keyed, int policy)
{
	coil_group_open(&keyed->group, policy);
	keys_init(&keyed->keys, task_scheduler(coil_self())->loop.now);
	list_init(&keyed->ended);
	list_init(&keyed->waiting);
	keyed->taken = NULL;
	keyed->running = 0;
	keyed->users = 0;
}

/* Who joins, or was given, one of the tasks has to have looked before they are freed. */
static void wait_for_users(struct scheduler *s, struct coil_task *task,
			   struct coil_keyed_group *keyed)
{
	for (;;) {
		group_wait(s, task, &keyed->group);
		if (keyed->users == 0)
			return;
		task_yield(s, task);
	}
}

int coil_keyed_close(struct coil_keyed_group *keyed)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct coil_key_node *node;
	int rc;

	group_check_closable(&keyed->group, task, __func__);
	wait_for_users(s, task, keyed);
	rc = coil_group_close(&keyed->group);
	while ((node = keys_any(&keyed->keys))) {
		keys_remove(&keyed->keys, node);
		slot_free(s, container_of(node, struct slot, node));
	}
	slot_free(s, keyed->taken);
	keys_deinit(&keyed->keys, s->loop.alloc);
	return rc;
}

void coil_keyed_left(const struct coil_keyed_group *keyed)
{
	coil_group_left(&keyed->group);
}
