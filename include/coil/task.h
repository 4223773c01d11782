/* SPDX-License-Identifier: MIT */
/*
 * Tasks: functions that can wait, each on a stack of its own. Tasks form a tree: every task belongs
 * to a group, the outermost group is coil_run's own. A task's result is what its entry returns: >=
 * 0, or a negative errno.
 */
#ifndef COIL_TASK_H
#define COIL_TASK_H

#include <stddef.h>

#include "coil/future.h"
#include "coil/group.h"
#include "coil/time.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_task;

/* What distinguishes a task from the default one. Zero is the default of each field. */
struct coil_task_options {
	size_t size;		  /* sizeof(struct coil_task_options) */
	const char *name;	  /* shown in reports; must outlive the task; default "task" */
	size_t stack_bytes;	  /* address space, 16 KiB..1 GiB; default 64 KiB */
	size_t arg_bytes;	  /* > 0: so many bytes at @arg are copied onto the task's stack */
	struct coil_group *group; /* default: the innermost open group, else coil_run's own */
	const char *place;	  /* where it is spawned; the macros below fill it in */
	int flags;		  /* enum coil_task_flags */
	int priority;		  /* enum coil_priority */
};

enum coil_task_flags {
	COIL_EAGER = 1 << 0,	    /* run at once, until it suspends: see coil_spawn_eager */
	COIL_NO_BUDGET = 1 << 1,    /* waits that need not suspend never do: see coil_await */
	COIL_FRESH_LOCALS = 1 << 2  /* inherits no task locals */
};

enum coil_priority {
	COIL_PRIORITY_INHERIT,	  /* its spawner's; normal outside of a task */
	COIL_PRIORITY_NORMAL,
	COIL_PRIORITY_BACKGROUND  /* runs when no normal task is ready, and now and then */
};

#define COIL_STRING_2(text) #text
#define COIL_STRING(text) COIL_STRING_2(text)
/* "file:line" of the place where it stands. */
#define COIL_PLACE __FILE__ ":" COIL_STRING(__LINE__)

/**
 * coil_spawn - start a task
 * @entry: run with @arg in the next turn; always runs, even if it is cancelled before
 * @arg:   passed to @entry; stays the caller's if the spawn fails
 *
 * The task belongs to the innermost group that the calling task has open, to coil_run's own if
 * there is none. Its slot is kept until it is joined or its group is closed; after that the handle
 * is stale. Does not suspend.
 * Return: the task; NULL if memory or mappings are exhausted (coil_last_error() says which limit).
 * Since 0.1.
 */
struct coil_task *coil_spawn(int (*entry)(void *arg), void *arg);

/**
 * coil_spawn_with - start a task with options
 * @options: copied; NULL for the defaults
 * @entry:   as coil_spawn
 * @arg:     as coil_spawn, or what is copied if @options->arg_bytes is set, which may be at most a
 *           quarter of the stack
 *
 * Waits while the group's limit is reached.
 * Return: as coil_spawn; also NULL if options are out of bounds or that wait was cancelled.
 * Since 0.1.
 */
struct coil_task *coil_spawn_with(const struct coil_task_options *options, int (*entry)(void *arg),
				  void *arg);

/**
 * coil_spawn_with_at - coil_spawn_with with the place of the call, unless @options have one
 */
struct coil_task *coil_spawn_with_at(const char *place, const struct coil_task_options *options,
				     int (*entry)(void *arg), void *arg);
#define coil_spawn_with(options, entry, arg) coil_spawn_with_at(COIL_PLACE, options, entry, arg)

/**
 * coil_spawn_at - coil_spawn with the place of the call, "server.c:88", for reports
 */
struct coil_task *coil_spawn_at(const char *place, int (*entry)(void *arg), void *arg);
#define coil_spawn(entry, arg) coil_spawn_at(COIL_PLACE, entry, arg)

/**
 * coil_spawn_eager - start a task, and run it until it suspends for the first time
 * @entry: as coil_spawn; begins at once, on its own stack
 * @arg:   as coil_spawn
 *
 * The calling task goes on, ahead of all that is ready, when the new one suspends or ends; one that
 * ends at once never queues. Its side effects are seen before this returns, unlike coil_spawn's.
 * Called outside of a task (in a hook, or before a loop's first step), as coil_spawn. Does not
 * suspend.
 * Return: as coil_spawn.
 * Since 0.1. See asyncio.eager_task_factory of Python.
 */
struct coil_task *coil_spawn_eager(int (*entry)(void *arg), void *arg);

/**
 * coil_spawn_eager_at - coil_spawn_eager with the place of the call, for reports
 */
struct coil_task *coil_spawn_eager_at(const char *place, int (*entry)(void *arg), void *arg);
#define coil_spawn_eager(entry, arg) coil_spawn_eager_at(COIL_PLACE, entry, arg)

/**
 * coil_go_with - coil_go with options
 * @options: as coil_spawn_with
 * @entry:   as coil_spawn
 * @arg:     as coil_spawn_with
 *
 * The task has no handle and is freed when it ends. Suspends while the group's limit is reached.
 * Return: 0; -EINVAL if options are out of bounds; else as coil_go.
 * Since 0.1.
 */
int coil_go_with(const struct coil_task_options *options, int (*entry)(void *arg), void *arg);

/**
 * coil_go_with_at - coil_go_with with the place of the call, unless @options have one
 */
int coil_go_with_at(const char *place, const struct coil_task_options *options,
		    int (*entry)(void *arg), void *arg);
#define coil_go_with(options, entry, arg) coil_go_with_at(COIL_PLACE, options, entry, arg)

/**
 * coil_join - wait for a task to end, and free it
 * @task: from coil_spawn, not joined yet; NULL gives -ENOMEM, as from a spawn that failed
 *
 * Suspends unless the task has ended already (then it works in a cancelled scope, too, and counts
 * for the budget of coil_await). A cancel of the caller is passed on to the task, and the join goes
 * on until it has ended. One join per task; others use coil_task_future.
 * Return: the task's result; if the caller was cancelled and the task ended so, the caller's
 * reason; -EDEADLK if the join would close a ring of tasks that wait for each other (the task is
 * not freed then); -ENOMEM.
 * Since 0.1.
 */
int coil_join(struct coil_task *task);

/**
 * coil_cancel - ask a task to end
 * @task: of this loop, not joined yet; NULL does nothing
 *
 * Cancels the task's own scope with -ECANCELED; each request is counted. coil_join says how it
 * ended. Does not suspend.
 * Return: 0; -EALREADY if the task has ended.
 * Since 0.1.
 */
int coil_cancel(struct coil_task *task);

/**
 * coil_cancel_with - ask a task to end, with a reason
 * @task:   as coil_cancel
 * @reason: a negative errno, what the task's waits return
 * @text:   a string that outlives the task, or NULL
 *
 * Return: as coil_cancel.
 * Since 0.1.
 */
int coil_cancel_with(struct coil_task *task, int reason, const char *text);

/**
 * coil_uncancel - refuse one cancel request
 *
 * Lowers the request count of the calling task's own scope; at zero the scope is not cancelled any
 * more and waits work again. Children that were cancelled with it stay so. Does not suspend.
 * Return: the requests that are left.
 * Since 0.1.
 */
int coil_uncancel(void);

/**
 * coil_self - the calling task
 *
 * Return: the task, NULL outside of one.
 * Since 0.1.
 */
struct coil_task *coil_self(void);

/**
 * coil_task_name - the name of a task
 * @task: not joined yet
 *
 * Return: the name, never NULL.
 * Since 0.1.
 */
const char *coil_task_name(const struct coil_task *task);

/**
 * coil_task_set_name - name a task
 * @task: not joined yet
 * @name: must outlive the task; NULL for the default name
 *
 * Since 0.1.
 */
void coil_task_set_name(struct coil_task *task, const char *name);

/**
 * coil_task_id - the number of a task
 * @task: not joined yet
 *
 * Return: unique in its loop, counted from 1 in the order of spawning.
 * Since 0.1.
 */
uint64_t coil_task_id(const struct coil_task *task);

/**
 * coil_task_set_priority - let a task run before others, or after
 * @task:     not joined yet, of this loop
 * @priority: COIL_PRIORITY_NORMAL or COIL_PRIORITY_BACKGROUND; else misuse
 *
 * A background task runs when no normal task is ready and the kernel has nothing for this loop. It
 * is not starved: while normal tasks are ready without a pause one background task runs in each
 * turn, at most one after 64 of theirs. It is never interrupted: its steps should be short. What a
 * task holds, a lock for example, keeps the task's priority. Tasks that it spawns inherit it. Does
 * not suspend.
 * Since 0.1.
 */
void coil_task_set_priority(struct coil_task *task, int priority);

/**
 * coil_task_priority - the class of a task
 * @task: not joined yet
 *
 * Return: COIL_PRIORITY_NORMAL or COIL_PRIORITY_BACKGROUND.
 * Since 0.1.
 */
int coil_task_priority(const struct coil_task *task);

/**
 * coil_task_future - the future that resolves with a task's result
 * @task: not joined yet; the future is gone when the task is freed
 *
 * Return: the future.
 * Since 0.1.
 */
struct coil_future *coil_task_future(struct coil_task *task);

/**
 * coil_task_stack_used - how much of a task's stack was touched so far
 * @task: not joined yet
 *
 * Return: bytes, rounded up to pages.
 * Since 0.1. See mincore(2).
 */
size_t coil_task_stack_used(const struct coil_task *task);

/**
 * coil_yield - let the others run
 *
 * Suspends for exactly one turn: what is ready now runs first. In a cancelled scope, too.
 * Return: 0, or the reason of a cancelled scope.
 * Since 0.1.
 */
int coil_yield(void);

/**
 * coil_should_yield - has this task computed for long enough?
 *
 * For loops that compute without waiting. Does not suspend.
 * Return: true if the kernel has completions for this loop, or the task's turn has lasted for more
 * than a millisecond.
 * Since 0.1.
 */
bool coil_should_yield(void);

/**
 * coil_sleep - wait for a time
 * @duration: nanoseconds; 0 or less is exactly one coil_yield
 *
 * Suspends.
 * Return: 0; the reason of a cancelled scope; -ENOMEM if the heap of timers cannot grow.
 * Since 0.1.
 */
int coil_sleep(int64_t duration);

/**
 * coil_sleep_until - wait until a time
 * @deadline: absolute, on coil_now()'s clock
 *
 * Suspends; never wakes early.
 * Return: as coil_sleep.
 * Since 0.1.
 */
int coil_sleep_until(int64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
