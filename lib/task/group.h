/* SPDX-License-Identifier: MIT */
/* Groups, as the rest of the room sees them: who counts a task in and out. */
#ifndef COIL_TASK_GROUP_H
#define COIL_TASK_GROUP_H

#include "task/task.h"

enum group_flag {
	GROUP_OPEN = 1 << 0,
	GROUP_CLOSING = 1 << 1
};

/* A child that coil_group_start waits for. In the starter's frame. */
struct handshake {
	struct coil_future future;
	struct coil_task *child;
	void *value;
};

/* The root of a loop: a group without a task. */
void group_init_root(struct scheduler *s);

/* The innermost group that the calling task has open, or the root. */
static inline struct coil_group *group_default(struct scheduler *s)
{
	return s->current && s->current->groups ? s->current->groups : &s->root;
}

int group_take_slot_slow(struct scheduler *s, struct coil_group *group);
void group_give_slot_slow(struct coil_group *group);
void group_note_end_slow(struct scheduler *s, struct coil_task *child, int result);

/* Waits for room under the group's limit. 0, or the reason of a cancelled scope. Needs a task if it
 * has to wait. */
static inline int group_take_slot(struct scheduler *s, struct coil_group *group)
{
	if (unlikely(group->limit))
		return group_take_slot_slow(s, group);
	group->alive++;
	return 0;
}

static inline void group_give_slot(struct coil_group *group)
{
	if (unlikely(group->limit || group->alive <= 1 || !list_is_empty(&group->waiting)))
		group_give_slot_slow(group);
	else
		group->alive--;
}

/* @child has ended with @result: its failure is recorded, its handshake answered. Not its slot. */
static inline void group_note_end(struct scheduler *s, struct coil_task *child, int result)
{
	if (unlikely(result < 0 || child->handshake))
		group_note_end_slow(s, child, result);
}

/* Frees what is left in @group after its tasks have ended. */
void group_free_ended(struct scheduler *s, struct coil_group *group);

/* The first half of coil_group_close: waits until no child is alive. */
void group_wait(struct scheduler *s, struct coil_task *task, struct coil_group *group);

/* Otherwise the program stops, with words. */
void group_check_closable(const struct coil_group *group, const struct coil_task *task,
			  const char *function);
/* A task of the outermost group, without a handle; @spec's group is filled in. NULL: no memory. */
struct coil_task *group_spawn_root(struct scheduler *s, const struct task_spec *spec);

void group_check_open(const struct coil_group *group, const char *function);

#endif
