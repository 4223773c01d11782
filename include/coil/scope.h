/* SPDX-License-Identifier: MIT */
/*
 * Scopes: the one mechanism of cancellation. A scope is a region of a task's run with perhaps a
 * deadline, perhaps a shield, and a reason once it is cancelled. Every wait inside a cancelled
 * scope fails with the reason until the scope is left; the outermost reason wins.
 */
#ifndef COIL_SCOPE_H
#define COIL_SCOPE_H

#include "coil/future.h"
#include "coil/node.h"
#include "coil/time.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_task;

/* In the caller's memory. Private. */
struct coil_scope {
	struct coil_scope *parent;
	int32_t reason;
	int32_t effective;
	struct coil_task *task;
	struct coil_hook expired;
	struct coil_alarm alarm;
	struct coil_scope *next_cancelled;
	const char *text;
	uint32_t requests;
	uint32_t canceller;
	uint32_t started;
	uint16_t flags;
	uint16_t check_word;
};

/**
 * coil_scope_open - begin a scope
 * @scope: uninitialised memory in the caller's frame; must stay until coil_scope_close
 *
 * Becomes the calling task's innermost scope. Scopes are closed in the reverse order of their
 * opening, by the task that opened them. Does not suspend, never fails.
 * Since 0.1.
 */
void coil_scope_open(struct coil_scope *scope);

/**
 * coil_shield_open - begin a scope that its ancestors' cancellation does not enter
 * @scope:    as coil_scope_open
 * @duration: nanoseconds until the shield's own deadline; COIL_FOREVER for none
 *
 * For cleanup that must wait. Inside, waits work although the task is cancelled; after its own
 * deadline they fail with -ETIME. Does not suspend.
 * Return: 0; -ENOMEM if the heap of timers cannot grow (the shield is open then, without a
 * deadline).
 * Since 0.1.
 */
int coil_shield_open(struct coil_scope *scope, int64_t duration);

/**
 * coil_scope_deadline - set, move or remove the deadline of a scope
 * @scope:    open, of the calling task
 * @deadline: absolute, on coil_now()'s clock; a past one takes effect in the next turn;
 * COIL_FOREVER removes it
 *
 * When it passes, the scope is cancelled with -ETIME. A scope that is cancelled already stays so.
 * Does not suspend.
 * Return: 0; -ENOMEM.
 * Since 0.1.
 */
int coil_scope_deadline(struct coil_scope *scope, int64_t deadline);

/**
 * coil_scope_cancel - cancel a scope and everything inside it
 * @scope:  open, of any task of this loop
 * @reason: a negative errno: what waits inside return from now on
 * @text:   a string that outlives the scope, or NULL: shown in reports
 *
 * A request: what waits inside is asked to finish soon. The first reason stays. Does not suspend.
 * Since 0.1.
 */
void coil_scope_cancel(struct coil_scope *scope, int reason, const char *text);

/**
 * coil_scope_close - leave a scope
 * @scope: the calling task's innermost scope, with no group open inside and no operation or timer
 * in flight that was started inside; anything else is misuse and stops the program
 *
 * Does not suspend, works in a cancelled scope too.
 * Return: the scope's own reason if some wait inside returned it, else 0.
 * Since 0.1.
 */
int coil_scope_close(struct coil_scope *scope);

/**
 * coil_cancelling - is the calling task being cancelled here?
 *
 * Does not suspend.
 * Return: the reason that a wait would fail with now, or 0.
 * Since 0.1.
 */
int coil_cancelling(void);

/**
 * coil_effective_deadline - the nearest deadline around the caller
 *
 * The smallest deadline of the open scopes up to and including the innermost shield. Does not
 * suspend.
 * Return: on coil_now()'s clock; COIL_FOREVER if there is none.
 * Since 0.1.
 */
int64_t coil_effective_deadline(void);

/**
 * coil_timeout - run a function under a deadline
 * @duration: nanoseconds from now; 0 or less: the first wait inside fails
 * @entry:    run in the calling task
 * @arg:      passed to @entry
 *
 * Suspends as @entry does.
 * Return: -ETIME only if this deadline was delivered to a wait and @entry failed with it;
 * otherwise what @entry returned. -ENOMEM before @entry ran.
 * Since 0.1.
 */
int coil_timeout(int64_t duration, int (*entry)(void *arg), void *arg);

/**
 * coil_scope_left - behind COIL_AUTO(scope): stops the program if the scope is still open
 */
void coil_scope_left(const struct coil_scope *scope);

#ifdef __cplusplus
}
#endif

#endif
