/* SPDX-License-Identifier: MIT */
/* Multishot receives. See receiver.h. */
#include "loop/receiver.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "loop/watch.h"

#define OWED (RECEIVER_ARMED | RECEIVER_CANCEL_OWED)

static struct coil_loop *loop_of(const struct receiver *receiver)
{
	return container_of(receiver->told.ready, struct coil_loop, ready);
}

/* -- The queue -----------------------------------------------------------------------------------
 */

size_t receiver_copy(struct receiver *receiver, void *buf, size_t len)
{
	check(receiver_has_bytes(receiver));
	return buffer_queue_take(&receiver->queue, loop_of(receiver)->buffers, buf, len);
}

size_t receiver_bytes(const struct receiver *receiver)
{
	return buffer_queue_bytes(&receiver->queue, loop_of(receiver)->buffers);
}

/* -- CQEs ----------------------------------------------------------------------------------------
 */

static void tell_reader(struct receiver *receiver)
{
	if (!receiver->is_waited)
		return;
	receiver->is_waited = false;
	future_resolve(&receiver->told, 0);
}

/* Nothing is owed any more, for now; who was left goes. */
static rarely void settle(struct receiver *receiver)
{
	if (receiver->flags & OWED)
		return;
	list_remove(&receiver->link);
	receiver->flags &= (uint8_t)~RECEIVER_CANCEL_ASKED;
	if (receiver->flags & RECEIVER_RETRIES)
		ready_remove(&loop_of(receiver)->ready, &receiver->retry);
	receiver->flags &= (uint8_t)~RECEIVER_RETRIES;
	if (receiver->flags & RECEIVER_ABANDONED)
		alloc_free(loop_of(receiver)->alloc, receiver, sizeof *receiver);
}

/* The last CQE: what it means, other than that it was the last. */
static void note_ending(struct receiver *receiver, int32_t result)
{
	switch (result) {
	case -ENOBUFS:
		receiver->flags |= RECEIVER_STARVED;
		return;
	case -EINVAL:
	case -EOPNOTSUPP:
		receiver->flags |= RECEIVER_REFUSED;
		return;
	default:
		if (result > 0 || result == -EAGAIN || result_is_cancel(result))
			return;
		receiver->ending = result;
		receiver->flags |= RECEIVER_ENDED;
	}
}

static rarely void end(struct receiver *receiver, int32_t result)
{
	struct coil_loop *loop = loop_of(receiver);

	check(receiver->flags & RECEIVER_ARMED);
	receiver->flags &= (uint8_t)~RECEIVER_ARMED;
	loop->receivers_armed--;
	if (!(receiver->flags & RECEIVER_ABANDONED)) {
		note_ending(receiver, result);
		tell_reader(receiver);
	}
	settle(receiver);
}

void receiver_complete(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct receiver *receiver = container_of(completion, struct receiver, completion);

	if (likely(cqe_flags & IORING_CQE_F_BUFFER)) {
		struct buffers *buffers = loop_of(receiver)->buffers;
		uint16_t id = buffers_take(buffers, cqe_flags);

		if (unlikely(result <= 0 || (receiver->flags & RECEIVER_ABANDONED))) {
			buffers_give(buffers, id);
		} else {
			watch_filled(buffers_data(buffers, id), (size_t)result);
			buffer_queue_append(&receiver->queue, buffers, id, (uint32_t)result);
			receiver->is_overrun |= (uint32_t)result == BUFFERS_BYTES &&
						(cqe_flags & IORING_CQE_F_SOCK_NONEMPTY);
			tell_reader(receiver);
		}
	}
	if (unlikely(!(cqe_flags & IORING_CQE_F_MORE)))
		end(receiver, result);
	else if (unlikely(receiver->queue.count >= receiver->queue_high))
		receiver_cancel(receiver);
}

/* -- Arm and cancel ------------------------------------------------------------------------------
 */

/* Whatever it says: the receive's own CQE decides. */
static void cancel_complete(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct receiver *receiver = container_of(completion, struct receiver, cancel);

	(void)result;
	(void)cqe_flags;
	receiver->flags &= (uint8_t)~RECEIVER_CANCEL_OWED;
	settle(receiver);
}

/* False: no room. */
static bool push_cancel(struct receiver *receiver)
{
	struct ring *ring = &loop_of(receiver)->ring;
	struct io_uring_sqe sqe;

	if (ring_room(ring) == 0)
		return false;
	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_cancel64(&sqe, (uintptr_t)&receiver->completion, 0);
	ring_push(ring, &sqe, &receiver->cancel);
	receiver->flags |= RECEIVER_CANCEL_OWED;
	loop_of(receiver)->cancels_pushed++;
	return true;
}

/* By now the SQ has been submitted. */
static void retry(struct coil_hook *hook)
{
	struct receiver *receiver = container_of(hook, struct receiver, retry);

	if (push_cancel(receiver))
		receiver->flags &= (uint8_t)~RECEIVER_RETRIES;
	else
		ready_push(&loop_of(receiver)->ready, hook);
}

void receiver_cancel(struct receiver *receiver)
{
	if ((receiver->flags & (RECEIVER_ARMED | RECEIVER_CANCEL_ASKED)) != RECEIVER_ARMED)
		return;
	receiver->flags |= RECEIVER_CANCEL_ASKED;
	if (push_cancel(receiver))
		return;
	receiver->flags |= RECEIVER_RETRIES;
	ready_push(&loop_of(receiver)->ready, &receiver->retry);
}

static void wait_cancel(struct coil_future *future)
{
	struct receiver *receiver = container_of(future, struct receiver, told);

	receiver->is_waited = false;
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops wait_ops = {.kind = "receive", .cancel = wait_cancel};

struct receiver *receiver_new(struct coil_loop *loop)
{
	struct receiver *receiver = alloc_zeroed(loop->alloc, sizeof *receiver);

	if (!receiver)
		return NULL;
	receiver->completion.complete = receiver_complete;
	receiver->cancel.complete = cancel_complete;
	receiver->retry.fire = retry;
	future_init(&receiver->told, &loop->ready, &wait_ops);
	buffer_queue_init(&receiver->queue);
	receiver->queue_high = RECEIVER_QUEUE_HIGH;
	list_init(&receiver->link);
	return receiver;
}

/*
 * Never POLL_FIRST: on unix sockets the end that is there already would be lost with it
 * (bench/README.md).
 */
bool receiver_arm(struct receiver *receiver, struct io_uring_sqe *sqe)
{
	struct coil_loop *loop = loop_of(receiver);

	check(!(receiver->flags & (RECEIVER_ARMED | RECEIVER_ENDED)));
	if ((receiver->flags & RECEIVER_CANCEL_OWED) || ring_room(&loop->ring) == 0)
		return false;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFERS_GROUP;
	ring_push(&loop->ring, sqe, &receiver->completion);
	receiver->flags = RECEIVER_ARMED;
	receiver->is_overrun = false;
	list_push_back(&loop->receivers, &receiver->link);
	loop->receivers_armed++;
	return true;
}

/* -- Waiting -------------------------------------------------------------------------------------
 */

struct coil_future *receiver_wait_begin(struct receiver *receiver)
{
	check(!receiver->is_waited);
	future_init(&receiver->told, receiver->told.ready, &wait_ops);
	receiver->is_waited = true;
	return &receiver->told;
}

void receiver_interrupt(struct receiver *receiver)
{
	if (receiver->is_waited)
		wait_cancel(&receiver->told);
}

/* -- The end -------------------------------------------------------------------------------------
 */

void receiver_abandon(struct receiver *receiver)
{
	if (!receiver)
		return;
	check(!receiver->is_waited);
	while (receiver_has_bytes(receiver))
		buffer_queue_drop(&receiver->queue, loop_of(receiver)->buffers);
	if (!(receiver->flags & OWED)) {
		alloc_free(loop_of(receiver)->alloc, receiver, sizeof *receiver);
		return;
	}
	receiver->flags |= RECEIVER_ABANDONED;
	receiver_cancel(receiver);
}

bool receivers_disarm(struct coil_loop *loop)
{
	struct coil_list *link;
	bool all = true;

	list_for_each(link, &loop->receivers) {
		struct receiver *receiver = list_entry(link, struct receiver, link);

		receiver_cancel(receiver);
		if ((receiver->flags & RECEIVER_RETRIES) && push_cancel(receiver)) {
			ready_remove(&loop->ready, &receiver->retry);
			receiver->flags &= (uint8_t)~RECEIVER_RETRIES;
		}
		all &= !(receiver->flags & RECEIVER_RETRIES);
	}
	return all;
}

/* Most often the first is enough to see that somebody is read. */
uint64_t receivers_unread(const struct coil_loop *loop)
{
	struct coil_list *link;

	list_for_each(link, &loop->receivers)
		if (list_entry(link, struct receiver, link)->is_waited)
			return 0;
	return loop->receivers_armed;
}
