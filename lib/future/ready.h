/* SPDX-License-Identifier: MIT */
/*
 * The ready queue: hooks in the order in which they became ready. It has two halves: @turn is what
 * the running turn still has to fire, @next is what became ready meanwhile and belongs to the next
 * turn. Singly linked with a tail: a doubly linked list costs a chain of dependent stores at each
 * switch. Nothing is appended to @turn, so it has no tail: a turn opens by moving one word.
 */
#ifndef COIL_FUTURE_READY_H
#define COIL_FUTURE_READY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "coil/future.h"

struct hook_queue {
	struct coil_hook *first;
	struct coil_hook *last; /* valid while first is not NULL */
};

struct coil_ready {
	struct coil_hook *turn; /* the first one of a list that ends with NULL */
	struct hook_queue next;
};

/* Appends a chain of hooks that ends at @last. */
static inline void hook_queue_append(struct hook_queue *queue, struct coil_hook *first,
				     struct coil_hook *last)
{
	last->next = NULL;
	if (queue->first)
		queue->last->next = first;
	else
		queue->first = first;
	queue->last = last;
}

static inline struct coil_hook *hook_queue_pop(struct hook_queue *queue)
{
	struct coil_hook *hook = queue->first;

	if (hook)
		queue->first = hook->next;
	return hook;
}

/* Takes @hook out, wherever it stands. O(n): for the rare frame that is left before its hook was
 * fired. */
bool hook_queue_remove(struct hook_queue *queue, struct coil_hook *hook);

/* It runs in the next turn. */
static inline void ready_push(struct coil_ready *ready, struct coil_hook *hook)
{
	hook_queue_append(&ready->next, hook, hook);
}

static inline bool ready_is_empty(const struct coil_ready *ready)
{
	return !ready->turn && !ready->next.first;
}

/* Takes @hook out of the ready queue; false if it is not there. O(n). */
bool ready_try_remove(struct coil_ready *ready, struct coil_hook *hook);

/* The same, where it must be. */
void ready_remove(struct coil_ready *ready, struct coil_hook *hook);

#endif
