/* SPDX-License-Identifier: MIT */
/*
 * Task locals: values that a task and the tasks it starts find without being handed them (asyncio's
 * context variables). A child sees the values of its spawner at the time of the spawn; what either
 * sets afterwards the other does not see. A value is destroyed with the last task that shares it.
 *
 * What runs on a helper thread (coil_offload, coil_pool_submit) sees the values of the task that
 * submitted it, and may set others, which are gone when it returns; but for work that may be left
 * behind, which outlives them. Tasks of coil_on_signal have those of the task that registered them.
 * Hooks and other threads have none.
 */
#ifndef COIL_LOCAL_H
#define COIL_LOCAL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A key. Usually static, with COIL_LOCAL; in any case it outlives every task that has a value
 * under it. It holds nothing that changes: threads with loops of their own may share it.
 */
struct coil_local {
	const char *name;		/* for reports */
	void (*destroy)(void *value);	/* or NULL; must not wait */
	void *fallback;			/* what get returns where nothing was set */
};

/* The value of a static key: struct coil_local user = COIL_LOCAL("user", free); */
#define COIL_LOCAL(name_, destroy_) { (name_), (destroy_), 0 }

/* What coil_local_reset goes back to. Private. */
struct coil_local_token {
	const struct coil_local *key;
	uint64_t number;
	uint64_t task_id;
};

/**
 * coil_local_init - make a key
 * @key:     uninitialised memory
 * @name:    must outlive the key
 * @destroy: called with each value when the last task that shares it drops it, on the stack of
 *           that task, or, where work on a helper thread or a signal's registration had it last,
 *           on the loop's own; must not wait; NULL: nothing is
 *
 * Does not suspend. May be called outside of a loop.
 * Since 0.1.
 */
void coil_local_init(struct coil_local *key, const char *name, void (*destroy)(void *value));

/**
 * coil_local_get - the calling task's value
 * @key: initialised
 *
 * Does not suspend. O(values that the task has).
 * Return: what the task set or inherited; @key->fallback if nothing.
 * Since 0.1. See ContextVar.get of Python.
 */
void *coil_local_get(const struct coil_local *key);

/**
 * coil_local_set - give the calling task a value
 * @key:   initialised
 * @value: the task's from now on, also NULL; stays the caller's on failure
 *
 * The old value is dropped. Tasks that share it keep it. Does not suspend.
 * Return: 0; -ENOMEM.
 * Since 0.1. See ContextVar.set of Python.
 */
int coil_local_set(const struct coil_local *key, void *value);

/**
 * coil_local_swap - give the calling task a value for a while
 * @key:       initialised
 * @value:     as coil_local_set
 * @ret_token: for coil_local_reset
 *
 * The old value is kept for coil_local_reset; where that is never called, until the task ends.
 * Does not suspend.
 * Return: 0; -ENOMEM.
 * Since 0.1. See ContextVar.set of Python.
 */
int coil_local_swap(const struct coil_local *key, void *value, struct coil_local_token *ret_token);

/**
 * coil_local_reset - go back to the value before coil_local_swap
 * @token: filled by coil_local_swap in the calling task; once
 *
 * Also where there was none. What was set after the swap, and swaps inside of it, are undone too.
 * Another task's token, one that was used, or whose outer one was, is misuse and stops the
 * program. Does not suspend.
 * Return: 0; -ENOMEM: only while tasks that were spawned since share the values; nothing has
 * changed then.
 * Since 0.1. See ContextVar.reset of Python.
 */
int coil_local_reset(const struct coil_local_token *token);

/**
 * coil_locals_run - run a function whose sets are undone after it
 * @entry: run in the calling task, with a copy of its values
 * @arg:   passed to @entry
 *
 * Suspends as @entry does. The copy costs nothing until something is set.
 * Return: what @entry returned.
 * Since 0.1. See Context.run of Python.
 */
int coil_locals_run(int (*entry)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
