/* SPDX-License-Identifier: MIT */
/*
 * Groups: tasks that are waited for together. Nothing outlives coil_group_close. A group is a scope
 * with tasks: it is cancelled with the scope that it was opened in.
 */
#ifndef COIL_GROUP_H
#define COIL_GROUP_H

#include "coil/scope.h"

#ifdef __cplusplus
extern "C" {
#endif

enum coil_group_policy {
	COIL_GROUP_FAIL_FAST, /* the first failure cancels the siblings and the body */
	COIL_GROUP_SUPERVISE  /* a failure cancels nobody */
};

#define COIL_GROUP_FAILURES 8

/* A child that failed: its number and its result. */
struct coil_failure {
	uint64_t task_id;
	int result;
};

/* In the caller's memory. @failure_count and @failures may be read after the close; the rest is
 * private. */
struct coil_group {
	struct coil_scope scope;
	struct coil_group *outer;
	struct coil_list tasks;
	struct coil_list waiting;
	struct coil_future idle;
	uint32_t alive;
	uint32_t limit;
	uint32_t policy;
	int32_t first_failure;
	uint32_t failure_count;
	uint32_t flags;
	struct coil_failure failures[COIL_GROUP_FAILURES];
};

/**
 * coil_group_open - begin a group
 * @group:  uninitialised memory in the caller's frame; must stay until coil_group_close
 * @policy: enum coil_group_policy
 *
 * The group's scope becomes the calling task's innermost scope: with COIL_GROUP_FAIL_FAST a
 * failing child cancels the body, too. Does not suspend.
 * Since 0.1.
 */
void coil_group_open(struct coil_group *group, int policy);

/**
 * coil_group_limit - bound the tasks that run at once in a group
 * @group: open
 * @n:     count; 0 is no bound. Tasks that run already are not stopped
 *
 * A child that waits for a slot of its own group keeps the one that it has: where all do so,
 * nobody gets one. Does not suspend.
 * Since 0.1.
 */
void coil_group_limit(struct coil_group *group, unsigned n);

/**
 * coil_go - start a task in a group, without a handle
 * @group: open, of this loop; a child may add children while the group is being closed
 * @entry: as coil_spawn
 * @arg:   passed to @entry; stays the caller's on any error
 *
 * The task is freed when it ends. Suspends while the group's limit is reached, first come first
 * served.
 * Return: 0; -ENOMEM (coil_last_error() says which limit); the reason of a cancelled scope if it
 * had to wait.
 * Since 0.1.
 */
int coil_go(struct coil_group *group, int (*entry)(void *arg), void *arg);

/**
 * coil_go_at - coil_go with the place of the call, for reports; what the macro below calls
 */
int coil_go_at(const char *place, struct coil_group *group, int (*entry)(void *arg), void *arg);
#define coil_go(group, entry, arg) coil_go_at(COIL_PLACE, group, entry, arg)

/**
 * coil_group_start - start a task and wait until it says that it is ready
 * @group:     open, of this loop
 * @entry:     calls coil_group_started once
 * @arg:       passed to @entry
 * @ret_value: what the child passed to coil_group_started; may be NULL; untouched on failure
 *
 * Suspends. A cancel of the caller is passed on to the child, until it is ready or ends. A child
 * that fails before it is ready is told here alone: it is no failure of the group.
 * Return: 0 when the child is ready; the child's result if it ends before, -EPROTO if that is not
 * negative; -ENOMEM; the caller's reason if it was cancelled and the child ended so.
 * Since 0.1. See Trio's nursery.start.
 */
int coil_group_start(struct coil_group *group, int (*entry)(void *arg), void *arg,
		     void **ret_value);

/**
 * coil_group_started - say that the calling task is ready
 * @value: handed to the task that waits in coil_group_start
 *
 * Only in a task from coil_group_start, once. Does not suspend.
 * Since 0.1.
 */
void coil_group_started(void *value);

/**
 * coil_group_cancel - cancel what is inside a group
 * @group: open
 *
 * The children and the body; the group gets no failure of its own from it. Does not suspend.
 * Idempotent.
 * Since 0.1.
 */
void coil_group_cancel(struct coil_group *group);

/**
 * coil_group_close - wait for the tasks of a group, and leave it
 * @group: the calling task's innermost scope
 *
 * Suspends until every child has ended; children that were never joined are freed. A cancel of the
 * caller reaches the children as members of its scope, and the close goes on waiting for them.
 * Return: the first failure in time (a child that ended with its own cancellation's reason is
 * none), or 0.
 * Since 0.1.
 */
int coil_group_close(struct coil_group *group);

/**
 * coil_group_left - behind COIL_AUTO(group): stops the program if the group is still open
 */
void coil_group_left(const struct coil_group *group);

#ifdef __cplusplus
}
#endif

#endif
