/* SPDX-License-Identifier: MIT */
/*
 * Keyed groups: tasks that are found, joined and cancelled by a key, or taken in the order in which
 * they end. What groups do otherwise (nothing outlives the close; policies; limits) holds here,
 * too: @group is an ordinary group, for coil_group_limit, coil_group_cancel and the failures.
 */
#ifndef COIL_KEYED_GROUP_H
#define COIL_KEYED_GROUP_H

#include "coil/group.h"
#include "coil/key.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory. Private but for @group. */
struct coil_keyed_group {
	struct coil_group group;
	struct coil_key_table keys;
	struct coil_list ended;
	struct coil_list waiting;
	void *taken;
	uint32_t running;
	uint32_t users;
};

/**
 * coil_keyed_open - begin a keyed group
 * @keyed:  uninitialised memory in the caller's frame; must stay until coil_keyed_close
 * @policy: enum coil_group_policy
 *
 * As coil_group_open. Does not suspend.
 * Since 0.1. See tokio's JoinMap.
 */
void coil_keyed_open(struct coil_keyed_group *keyed, int policy);

/**
 * coil_keyed_go - start a task under a key
 * @keyed: open, of this loop
 * @key:   copied; of a text it is the task's name as well
 * @entry: as coil_spawn
 * @arg:   passed to @entry; stays the caller's on any error
 *
 * The key is taken until its task has been joined or handed out, however long ago that ended.
 * Suspends while the group's limit is reached.
 * Return: 0; -EEXIST if the key is taken; -ENOMEM; the reason of a cancelled scope if it had to
 * wait.
 * Since 0.1.
 */
int coil_keyed_go(struct coil_keyed_group *keyed, struct coil_key key, int (*entry)(void *arg),
		  void *arg);

/**
 * coil_keyed_go_at - coil_keyed_go with the place of the call, for reports
 */
int coil_keyed_go_at(const char *place, struct coil_keyed_group *keyed, struct coil_key key,
		     int (*entry)(void *arg), void *arg);
#define coil_keyed_go(keyed, key, entry, arg) coil_keyed_go_at(COIL_PLACE, keyed, key, entry, arg)

/**
 * coil_keyed_join - wait for the task under a key, and free the key
 * @keyed:      open, of this loop
 * @key:        of the task
 * @ret_result: the task's result; may be NULL; untouched on failure
 *
 * Suspends unless the task has ended already. A cancel of the caller is passed on to the task, and
 * the join goes on until it has ended, as coil_join does. Any task may call it: the closer does not
 * let the group go before it has returned.
 * Return: 0; -ENOENT if there is no such key; -EALREADY if another task joins it; -EDEADLK as
 * coil_join; the caller's reason if it was cancelled and the task ended so (the key is freed then).
 * Since 0.1.
 */
int coil_keyed_join(struct coil_keyed_group *keyed, struct coil_key key, int *ret_result);

/**
 * coil_keyed_next - take the next task that has ended, and free its key
 * @keyed:      open, of this loop
 * @ret_key:    its key, good until the next call of coil_keyed_next, or the close; may be NULL
 * @ret_result: its result; may be NULL; both are untouched on failure
 *
 * In the order in which they ended. Suspends while none has ended that nobody joins by its key;
 * several callers are served first come first served. A cancelled one leaves the line; one that was
 * given a task already returns it.
 * Return: 0; -ENOENT when none is left to end; the reason of a cancelled scope.
 * Since 0.1. See JoinMap::join_next of tokio.
 */
int coil_keyed_next(struct coil_keyed_group *keyed, struct coil_key *ret_key, int *ret_result);

/**
 * coil_keyed_cancel - ask the task under a key to end
 * @keyed: open, of this loop
 * @key:   of the task
 *
 * As coil_cancel: a request. The key stays until the task is joined. Does not suspend.
 * Return: 0; -ENOENT; -EALREADY if the task has ended.
 * Since 0.1.
 */
int coil_keyed_cancel(struct coil_keyed_group *keyed, struct coil_key key);

/**
 * coil_keyed_task - the task under a key
 * @keyed: open, of this loop
 * @key:   of the task
 *
 * For its name, number, priority, or to cancel it with a reason; to be joined by its key alone.
 * Good until then. Does not suspend.
 * Return: the task, running or ended; NULL if there is no such key.
 * Since 0.1.
 */
struct coil_task *coil_keyed_task(struct coil_keyed_group *keyed, struct coil_key key);

/**
 * coil_keyed_count - how many keys are taken?
 * @keyed: open
 *
 * Does not suspend.
 * Return: tasks that run, and tasks that have ended and were not taken.
 * Since 0.1.
 */
unsigned coil_keyed_count(const struct coil_keyed_group *keyed);

/**
 * coil_keyed_close - wait for the tasks of a keyed group, and leave it
 * @keyed: its group is the calling task's innermost scope
 *
 * As coil_group_close. Results that were not taken are dropped.
 * Return: as coil_group_close.
 * Since 0.1.
 */
int coil_keyed_close(struct coil_keyed_group *keyed);

/**
 * coil_keyed_left - behind COIL_AUTO(keyed): stops the program if the group is still open
 */
void coil_keyed_left(const struct coil_keyed_group *keyed);

#ifdef __cplusplus
}
#endif

#endif
