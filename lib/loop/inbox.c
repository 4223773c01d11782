/* SPDX-License-Identifier: MIT */
/* Messages from other threads and from signal handlers. See inbox.h for the protocol. */
#include "loop/inbox.h"

#include <liburing.h>
#include <string.h>

static void inbox_woken(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct inbox *inbox = container_of(completion, struct inbox, woken);

	(void)result;
	(void)cqe_flags;
	check(inbox->is_armed);
	inbox->is_armed = false; /* inbox_drain arms it again: completions push nothing */
}

static void disarm_done(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	(void)completion;
	(void)result;
	(void)cqe_flags;
}

void inbox_init(struct inbox *inbox)
{
	memset(inbox, 0, sizeof *inbox);
	inbox->woken.complete = inbox_woken;
}

void inbox_arm(struct coil_loop *loop)
{
	struct inbox *inbox = &loop->inbox;
	struct io_uring_sqe sqe;

	if (inbox->is_armed || inbox->is_closing || ring_room(&loop->ring) == 0)
		return;
	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_read(&sqe, loop->driver->wake_fd, &inbox->wake_count,
			   sizeof inbox->wake_count, 0);
	ring_push(&loop->ring, &sqe, &inbox->woken);
	inbox->is_armed = true;
}

bool inbox_disarm(struct coil_loop *loop)
{
	static struct coil_completion done = { disarm_done };
	struct inbox *inbox = &loop->inbox;
	struct io_uring_sqe sqe;

	if (inbox->is_closing)
		return true;
	if (inbox->is_armed && ring_room(&loop->ring) == 0)
		return false;
	inbox->is_closing = true;
	if (!inbox->is_armed)
		return true;
	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_cancel64(&sqe, (uintptr_t)&inbox->woken, 0);
	ring_push(&loop->ring, &sqe, &done);
	return true;
}

/* The sequentially consistent swap pairs with inbox_park. */
static void wake_if_parked(struct coil_loop *loop)
{
	switch (atomic_exchange(&loop->inbox.parked, INBOX_AWAKE)) {
	case INBOX_SLEEPS:
		loop->driver->ops->wake(loop->driver);
		break;
	case INBOX_IS_POLLED:
		loop->driver->ops->poll_wake(loop->driver);
		break;
	}
}

void inbox_post(struct coil_loop *loop, struct coil_hook *hook)
{
	struct coil_hook *top = atomic_load_explicit(&loop->inbox.messages, memory_order_relaxed);

	if (loop->driver->ops->check_poster)
		loop->driver->ops->check_poster(loop->driver);
	do {
		hook->next = top;
	} while (!atomic_compare_exchange_weak(&loop->inbox.messages, &top, hook));
	wake_if_parked(loop);
}

void inbox_signal(struct coil_loop *loop, int signum)
{
	atomic_fetch_or(&loop->inbox.signals, UINT64_C(1) << (signum & 63));
	wake_if_parked(loop);
}

static void take_messages(struct coil_loop *loop)
{
	struct coil_hook *newest = atomic_exchange(&loop->inbox.messages, NULL);
	struct coil_hook *first = NULL;

	for (struct coil_hook *hook = newest, *next; hook; hook = next) {
		next = hook->next;
		hook->next = first;
		first = hook;
		loop->posts++;
	}
	hook_queue_append(&loop->ready.next, first, newest);
}

void inbox_drain_slow(struct coil_loop *loop)
{
	struct inbox *inbox = &loop->inbox;

	if (!inbox->is_armed)
		inbox_arm(loop);
	if (atomic_load_explicit(&inbox->messages, memory_order_relaxed))
		take_messages(loop);
	if (atomic_load_explicit(&inbox->signals, memory_order_relaxed) &&
	    inbox->on_signal) {
		ready_push(&loop->ready, inbox->on_signal);
		inbox->on_signal = NULL; /* its owner sets it again when it has looked */
	}
}
