/* SPDX-License-Identifier: MIT */
/*
 * Leases of what a socket receives: the first buffer that a multishot has brought, or one that a
 * receive chooses from the large ones. Where all of those are out it waits for one.
 */
#include "net/socket_stream.h"

#include "coil/lease.h"
#include "loop/leases.h"
#include "loop/op.h"
#include "loop/prep_net.h"
#include "loop/receiver.h"
#include "loop/watch.h"
#include "task/await.h"

#include <errno.h>

/* In the frame of who waits for a buffer. */
struct shortage {
	struct buffers_waiter waiter;
	struct buffers *buffers;
	struct coil_future future;
};

static void told(struct coil_hook *hook)
{
	struct shortage *shortage = container_of(hook, struct shortage, waiter.hook);

	shortage->waiter.is_told = false;
	future_resolve(&shortage->future, 0);
}

static void shortage_cancel(struct coil_future *future)
{
	struct shortage *shortage = container_of(future, struct shortage, future);

	buffers_unwait(shortage->buffers, &shortage->waiter);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops shortage_ops = {.kind = "buffer", .cancel = shortage_cancel};

static int wait_for_buffer(struct socket_stream *socket, struct buffers *buffers)
{
	struct shortage shortage = {.buffers = buffers};
	int rc;

	buffers_waiter_init(&shortage.waiter, told);
	future_init(&shortage.future, &buffers->loop->ready, &shortage_ops);
	buffers_wait(buffers, &shortage.waiter);
	socket->waiting = &shortage.future;
	rc = future_await(&shortage.future);
	socket->waiting = NULL;
	return rc;
}

/* Bytes; the buffer is in @ret_flags. */
static int receive_into(struct socket_stream *socket, struct buffers *buffers, uint32_t *ret_flags)
{
	struct coil_op op;
	int rc;

	op_prep_recv(&op, socket->io_fd, NULL, 0, 0);
	op_sqe(&op)->flags |= IOSQE_BUFFER_SELECT;
	op_sqe(&op)->buf_group = buffers->group;
	if (socket->is_drained)
		op_sqe(&op)->ioprio |= IORING_RECVSEND_POLL_FIRST;
	socket->reading = &op;
	rc = op_await(&op);
	socket->reading = NULL;
	*ret_flags = op.state == OP_DONE ? op.cqe_flags : 0;
	socket->is_drained = rc > 0 && !(*ret_flags & IORING_CQE_F_SOCK_NONEMPTY);
	return rc;
}

static int lease_once(struct socket_stream *socket, struct coil_lease *lease)
{
	struct buffers *buffers;
	uint32_t flags;
	uint16_t id;
	int rc = buffers_open(socket->stream.loop, BUFFERS_LARGE, &buffers);

	if (rc < 0)
		return -EOPNOTSUPP;
	while ((rc = receive_into(socket, buffers, &flags)) == -ENOBUFS) {
		rc = wait_for_buffer(socket, buffers);
		if (rc < 0 || socket->stream.closer)
			return rc < 0 ? rc : -EPIPE;
	}
	if (!(flags & IORING_CQE_F_BUFFER))
		return rc;
	id = buffers_take(buffers, flags);
	if (rc <= 0) {
		buffers_give(buffers, id);
		return rc;
	}
	buffers->notes[id].bytes = (uint32_t)rc;
	lease_of_buffer(lease, buffers, id);
	lease->data = buffers_data(buffers, id);
	lease->bytes = (size_t)rc;
	watch_filled(buffers_data(buffers, id), (size_t)rc);
	return rc;
}

int socket_lease(struct coil_stream *stream, struct coil_lease *lease)
{
	struct socket_stream *socket = socket_stream_of(stream);
	struct receiver *receiver;
	void *data;
	uint16_t id;
	int rc = 0;

	if (socket->is_multishot) {
		bool is_end;

		rc = socket_wait_for_queue(stream, &is_end);
		if (is_end || rc < 0)
			return rc;
		socket->is_multishot = rc > 0;
	}
	if (rc == 0)
		return lease_once(socket, lease);
	receiver = socket->receiver;
	id = receiver_take_buffer(receiver, &data, &lease->bytes);
	rc = (int)lease->bytes;
	lease_of_buffer(lease, receiver->buffers, id);
	lease->data = data;
	lease->bytes = (size_t)rc;
	return rc;
}
