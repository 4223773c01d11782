/* SPDX-License-Identifier: MIT */
/*
 * Futures: everything that can be waited for. A future is embedded in what produces it (an
 * operation, a timer, a task, a promise), is pending until it is resolved, once, and belongs to the
 * loop of one thread.
 */
#ifndef COIL_FUTURE_H
#define COIL_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_future;
struct coil_ready;

/*
 * The other of the two shapes of function pointer inside: ready queue to code. A hook is in one
 * list at a time, either a future's waiters or a loop's ready queue. @fire runs on the loop's own
 * stack, not in a task.
 */
struct coil_hook {
	struct coil_hook *next;
	void (*fire)(struct coil_hook *hook);
};

/* What kind of producer stands behind a future, and how to ask it to finish soon. Private. */
struct coil_future_ops {
	const char *kind;
	void (*cancel)(struct coil_future *future);
	/* Or NULL: what is known of a pending one beyond its kind. Also in a signal handler. */
	void (*describe)(struct coil_future *future, char *text, size_t bytes);
};

/* Private by convention: read it through the functions below. */
struct coil_future {
	struct coil_hook *waiters;
	struct coil_ready *ready;
	const struct coil_future_ops *ops;
	int32_t result;
	uint8_t state;
	uint8_t flags;
	uint16_t reserved;
};

/**
 * coil_future_done - is this future resolved?
 * @future: of the calling thread's loop
 *
 * Does not suspend.
 * Return: true once the future has its result.
 * Since 0.1.
 */
bool coil_future_done(const struct coil_future *future);

/**
 * coil_future_result - the result of a resolved future
 * @future: resolved; reading the result of a pending one is misuse and stops the program
 *
 * Does not suspend. May be read any number of times.
 * Return: what its producer resolved it with: >= 0, or a negative errno.
 * Since 0.1.
 */
int coil_future_result(const struct coil_future *future);

/**
 * coil_await - wait for a future
 * @future: of the calling task's loop; an operation or a timer must have been started
 *
 * Suspends the calling task until the future is resolved; returns at once if it is already, but
 * for the fairness budget: of 128 waits in a row that need not suspend the last one lets a turn
 * pass (COIL_NO_BUDGET in coil_task_options switches that off). Any number of tasks may await one
 * future; they wake in the order in which they came. A cancel is forwarded to operations, timers,
 * combinators and tasks, and the wait goes on until they are done; from a promise the waiter is
 * detached and the promise stays pending.
 * Return: the future's result; -EDEADLK if it is a task's and would close a ring of tasks that
 * wait for each other; -ECANCELED, -ETIME or another reason if a scope around the call was
 * cancelled.
 * Since 0.1.
 */
int coil_await(struct coil_future *future);

/**
 * coil_future_then - have a hook fired when a future resolves
 * @future: of the calling thread's loop
 * @hook:   its fire is set; in no list; must live until it has fired, or was taken back by
 *          coil_future_unthen
 *
 * The callback face of futures. Does not suspend. The hook is fired from the ready queue, on the
 * loop's own stack, in a turn after the future was resolved; it must not wait.
 * Since 0.1.
 */
void coil_future_then(struct coil_future *future, struct coil_hook *hook);

/**
 * coil_future_unthen - take a hook back before it fires
 * @future: the one that @hook was given to by coil_future_then
 * @hook:   perhaps fired already
 *
 * Works while the future is pending, and also between its being resolved and the hook's firing.
 * After it the hook's memory is the caller's own again. Does not suspend. O(hooks that wait or are
 * ready).
 * Return: 0; -ENOENT if it has fired, or was never given.
 * Since 0.1.
 */
int coil_future_unthen(struct coil_future *future, struct coil_hook *hook);

#ifdef __cplusplus
}
#endif

#endif
