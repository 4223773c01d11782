/* SPDX-License-Identifier: MIT */
/* The rare paths of futures; the frequent ones are inline in future.h. */
#include "future/future.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/words.h"

/* Takes @hook out of the list at @first; who stood before it is in @ret_previous. */
static bool list_take(struct coil_hook **first, const struct coil_hook *hook,
		      struct coil_hook **ret_previous)
{
	struct coil_hook **link = first;

	*ret_previous = NULL;
	for (; *link; link = &(*link)->next) {
		if (*link == hook) {
			*link = hook->next;
			return true;
		}
		*ret_previous = *link;
	}
	return false;
}

bool hook_queue_remove(struct hook_queue *queue, struct coil_hook *hook)
{
	struct coil_hook *previous;

	if (!list_take(&queue->first, hook, &previous))
		return false;
	if (queue->last == hook)
		queue->last = previous;
	return true;
}

bool ready_try_remove(struct coil_ready *ready, struct coil_hook *hook)
{
	struct coil_hook *previous;

	return list_take(&ready->turn, hook, &previous) || hook_queue_remove(&ready->next, hook);
}

void ready_remove(struct coil_ready *ready, struct coil_hook *hook)
{
	bool was_there = ready_try_remove(ready, hook);

	check(was_there);
}

bool future_try_remove_waiter(struct coil_future *future, struct coil_hook *hook)
{
	struct coil_hook *last = future->waiters;
	struct coil_hook *previous = last;

	check(future->state == FUTURE_PENDING);
	check(!(future->flags & FUTURE_COUNTED));
	if (!last)
		return false;
	while (previous->next != hook) {
		previous = previous->next;
		if (previous == last)
			return false;
	}
	previous->next = hook->next;
	if (hook == last)
		future->waiters = previous == hook ? NULL : previous;
	return true;
}

void future_remove_waiter(struct coil_future *future, struct coil_hook *hook)
{
	bool was_there = future_try_remove_waiter(future, hook);

	check(was_there);
}

void countdown_note(struct countdown *countdown, int32_t result)
{
	check(countdown->left > 0);
	countdown->left--;
	if (!future_is_pending(&countdown->future))
		return;
	if (countdown->left == 0 || countdown->wakes_on_each ||
	    (countdown->wakes_on_failure && result < 0))
		future_resolve(&countdown->future, 0);
}

void countdown_rearm(struct countdown *countdown)
{
	check(future_is_resolved(&countdown->future));
	if (countdown->left > 0)
		countdown->future.state = FUTURE_PENDING;
}

void (*_Atomic future_on_look)(struct coil_future *future);

void future_looked_at(struct coil_future *future)
{
	void (*on_look)(struct coil_future *future) = future_on_look;

	future->flags &= (uint8_t)~FUTURE_OBSERVED;
	if (on_look)
		on_look(future);
}

bool coil_future_done(const struct coil_future *future)
{
	return future_is_resolved(future);
}

int coil_future_result(const struct coil_future *future)
{
	check_use(future->state != FUTURE_IDLE, "this future was never started");
	check_use(future->state == FUTURE_RESOLVED, "this future is still pending: await it first");
	future_look((struct coil_future *)(uintptr_t)future);
	return future->result;
}

void coil_future_then(struct coil_future *future, struct coil_hook *hook)
{
	check_use(future->state != FUTURE_IDLE, "this future was never started");
	check_use(!(future->flags & FUTURE_COUNTED),
		  "this operation is in a gather or a chain, which alone waits for it");
	future_look(future);
	if (future_is_resolved(future))
		ready_push(future->ready, hook);
	else
		future_add_waiter(future, hook);
}

int coil_future_unthen(struct coil_future *future, struct coil_hook *hook)
{
	bool was_there = false;

	check_use(future->state != FUTURE_IDLE, "this future was never started");
	if (future_is_resolved(future))
		was_there = ready_try_remove(future->ready, hook);
	else if (!(future->flags & FUTURE_COUNTED))
		was_there = future_try_remove_waiter(future, hook);
	return was_there ? 0 : -ENOENT;
}

void future_describe(struct coil_future *future, char *text, size_t bytes)
{
	struct words words;

	words_begin(&words, text, bytes);
	if (future->ops && future->ops->describe && future_is_pending(future))
		future->ops->describe(future, text, bytes);
	else
		words_add(&words, future->ops ? future->ops->kind : "nothing");
}
