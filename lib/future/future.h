/* SPDX-License-Identifier: MIT */
/*
 * The core of waiting: a future is pending, is resolved exactly once, and its waiters then move to
 * the ready queue in the order in which they came. Resolving is a list splice: it runs nobody's
 * code and allocates nothing.
 *
 *   IDLE      not started: nobody may wait for it
 *   PENDING   its producer will resolve it
 *   RESOLVED  it has its result; a producer that can be started again makes it PENDING once more
 *
 * The waiters are a circular list of hooks of which the future holds the last one: one word, and
 * both ends at hand. A counted future has no hooks but one countdown in that place: an operation
 * inside a gather or a chain.
 *
 * Must not know: who produces, who waits.
 */
#ifndef COIL_FUTURE_FUTURE_H
#define COIL_FUTURE_FUTURE_H

#include "base/check.h"
#include "coil/future.h"
#include "future/ready.h"

enum future_state {
	FUTURE_IDLE,
	FUTURE_PENDING,
	FUTURE_RESOLVED
};

enum future_flag {
	FUTURE_COUNTED = 1 << 0, /* @waiters is a struct countdown */
	FUTURE_OBSERVED = 1 << 1 /* debug mode waits for somebody to look at it */
};

_Static_assert(sizeof(struct coil_future) == 32, "a future is half a cache line");

/* Several futures that are waited for as one, by counting. Wakes early only where its flags say so.
 */
struct countdown {
	struct coil_future future;
	uint32_t left;
	bool wakes_on_failure;
	bool wakes_on_each;
};

static inline void future_init(struct coil_future *future, struct coil_ready *ready,
			       const struct coil_future_ops *ops)
{
	future->waiters = NULL;
	future->ready = ready;
	future->ops = ops;
	future->result = 0;
	future->state = FUTURE_PENDING;
	future->flags = 0;
	future->reserved = 0;
}

static inline bool future_is_pending(const struct coil_future *future)
{
	return future->state == FUTURE_PENDING;
}

static inline bool future_is_resolved(const struct coil_future *future)
{
	return future->state == FUTURE_RESOLVED;
}

/* A countdown of @left children; the first future_resolve of a child after this finds it. */
static inline void countdown_init(struct countdown *countdown, struct coil_ready *ready,
				  const struct coil_future_ops *ops, uint32_t left)
{
	future_init(&countdown->future, ready, ops);
	countdown->left = left;
	countdown->wakes_on_failure = false;
	countdown->wakes_on_each = false;
	if (left == 0)
		countdown->future.state = FUTURE_RESOLVED;
}

/* @future, pending and without waiters, counts @countdown down when it is resolved. */
static inline void future_count(struct coil_future *future, struct countdown *countdown)
{
	check(future->waiters == NULL);
	future->waiters = (struct coil_hook *)(void *)countdown;
	future->flags |= FUTURE_COUNTED;
}

void countdown_note(struct countdown *countdown, int32_t result);

/* Makes an early wake of a countdown undone: it is waited for again. Nothing happens if no child is
 * left. */
void countdown_rearm(struct countdown *countdown);

static inline void future_resolve(struct coil_future *future, int32_t result)
{
	struct coil_hook *last = future->waiters;

	check(future->state == FUTURE_PENDING);
	future->result = result;
	future->state = FUTURE_RESOLVED;
	if (!last)
		return;
	future->waiters = NULL;
	if (unlikely(future->flags & FUTURE_COUNTED)) {
		future->flags &= (uint8_t)~FUTURE_COUNTED;
		countdown_note((struct countdown *)(void *)last, result);
		return;
	}
	hook_queue_append(&future->ready->next, last->next, last);
}

/* @hook is in no list; it moves to the ready queue when @future, which is pending, is resolved. */
static inline void future_add_waiter(struct coil_future *future, struct coil_hook *hook)
{
	struct coil_hook *last = future->waiters;

	check(future->state == FUTURE_PENDING);
	check(!(future->flags & FUTURE_COUNTED));
	if (last) {
		hook->next = last->next;
		last->next = hook;
	} else {
		hook->next = hook;
	}
	future->waiters = hook;
}

/* Takes @hook out of the waiters of a pending future; false if it is not there. O(waiters). */
bool future_try_remove_waiter(struct coil_future *future, struct coil_hook *hook);

/* The same, where it must be. */
void future_remove_waiter(struct coil_future *future, struct coil_hook *hook);

/* Debug mode's: told of observed futures when somebody looks at them first. Set once. */
extern void (*_Atomic future_on_look)(struct coil_future *future);

void future_looked_at(struct coil_future *future);

/* Somebody is going to learn the result of @future, in one way or another. */
static inline void future_look(struct coil_future *future)
{
	if (unlikely(future->flags & FUTURE_OBSERVED))
		future_looked_at(future);
}

/* Asks the producer to finish soon. False if it cannot be asked (a promise): the waiter detaches
 * itself then. */
static inline bool future_cancel(struct coil_future *future)
{
	check(future->state == FUTURE_PENDING);
	if (!future->ops->cancel)
		return false;
	future->ops->cancel(future);
	return true;
}

/* "mutex held by task 3 \"x\"", or its kind alone. Changes nothing. */
void future_describe(struct coil_future *future, char *text, size_t bytes);

/* Did the producer end because it was asked to? Linux reports an interrupted request in several
 * ways. */
static inline bool result_is_cancel(int32_t result)
{
	/* -ECANCELED, -EINTR, and what leaks from kernel workers: ERESTARTSYS (512) ..
	 * ERESTART_RESTARTBLOCK (516) */
	return result == -125 || result == -4 || (result <= -512 && result >= -516);
}

#endif
