/* SPDX-License-Identifier: MIT */
/*
 * The inbox: the only way into a loop for other threads and for signal handlers. A lock-free list
 * of hooks, pushed by compare-and-swap and taken whole by the loop (which makes it free of the ABA
 * problem), and one wake: an eventfd that the loop keeps a read on. The parked flag saves the wake
 * while the loop is awake:
 *
 *   sender: push the hook,  then swap parked to 0; it was not 0 -> wake
 *   loop:   parked = how,   then is the list empty? yes -> sleep, no -> do not
 *
 * Both pairs are sequentially consistent, so that at least one side sees what the other one wrote.
 */
#ifndef COIL_LOOP_INBOX_H
#define COIL_LOOP_INBOX_H

#include "loop/loop.h"

void inbox_init(struct inbox *inbox);

/* From any thread: @hook is fired by @loop in one of its next turns. It must stay until then. */
void inbox_post(struct coil_loop *loop, struct coil_hook *hook);

/* From a signal handler: makes on_signal ready. */
void inbox_signal(struct coil_loop *loop, int signum);

/* The read on the eventfd. inbox_disarm asks the kernel to end it; loop_drain waits for that. False
 * if the SQ is full: ask again. */
void inbox_arm(struct coil_loop *loop);
bool inbox_disarm(struct coil_loop *loop);

void inbox_drain_slow(struct coil_loop *loop);

/* Moves what came in to the ready queue. */
static inline void inbox_drain(struct coil_loop *loop)
{
	struct inbox *inbox = &loop->inbox;

	if (unlikely(!inbox->is_armed ||
		     atomic_load_explicit(&inbox->messages, memory_order_relaxed) ||
		     atomic_load_explicit(&inbox->signals, memory_order_relaxed)))
		inbox_drain_slow(loop);
}

static inline bool inbox_is_empty(struct inbox *inbox)
{
	return atomic_load(&inbox->messages) == NULL &&
	       (!inbox->on_signal || atomic_load(&inbox->signals) == 0);
}

/* About to sleep: false if there is something in the inbox. */
static inline bool inbox_park(struct inbox *inbox, enum inbox_state how)
{
	atomic_store(&inbox->parked, how);
	return inbox_is_empty(inbox);
}

static inline void inbox_unpark(struct inbox *inbox)
{
	if (atomic_load_explicit(&inbox->parked, memory_order_relaxed))
		atomic_store_explicit(&inbox->parked, INBOX_AWAKE, memory_order_relaxed);
}

#endif
