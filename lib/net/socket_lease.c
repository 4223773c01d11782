/* SPDX-License-Identifier: MIT */
/*
 * Leases of what a socket receives: the first buffer that a multishot has brought, or one of the
 * same group that a receive of its own chooses; after a large message, and where those are all out
 * or the kernel has none, memory that is taken once the socket is readable.
 */
#include "net/socket_stream.h"

#include "coil/lease.h"
#include "loop/leases.h"
#include "loop/op.h"
#include "loop/prep_net.h"
#include "loop/watch.h"
#include "task/await.h"

#include <errno.h>
#include <poll.h>

/* Bytes; the buffer is in @ret_flags. */
static int receive_into(struct socket_stream *socket, struct buffers *buffers, uint32_t *ret_flags)
{
	struct coil_op op;
	int rc;

	op_prep_recv(&op, socket->io_fd, NULL, 0, 0);
	op_sqe(&op)->flags |= IOSQE_BUFFER_SELECT;
	op_sqe(&op)->buf_group = BUFFERS_GROUP;
	if (socket->is_drained)
		op_sqe(&op)->ioprio |= IORING_RECVSEND_POLL_FIRST;
	socket->reading = &op;
	rc = op_await(&op);
	socket->reading = NULL;
	*ret_flags = op.state == OP_DONE ? op.cqe_flags : 0;
	socket->is_drained = rc > 0 && !(*ret_flags & IORING_CQE_F_SOCK_NONEMPTY);
	return rc;
}

/* -ENOBUFS: there is none left, or this kernel has none. */
static int lease_small(struct socket_stream *socket, struct coil_lease *lease)
{
	struct buffers *buffers;
	uint32_t flags;
	uint16_t id;
	int rc;

	if (buffers_open(socket->stream.loop, &buffers) < 0)
		return -ENOBUFS;
	rc = receive_into(socket, buffers, &flags);
	if (!(flags & IORING_CQE_F_BUFFER))
		return rc;
	id = buffers_take(buffers, flags);
	if (rc <= 0) {
		buffers_give(buffers, id);
		return rc;
	}
	socket_note_size(socket, rc);
	buffers->notes[id].bytes = (uint32_t)rc;
	lease_of_buffer(lease, buffers, id);
	lease->data = buffers_data(buffers, id);
	lease->bytes = (size_t)rc;
	watch_filled(buffers_data(buffers, id), (size_t)rc);
	return rc;
}

/*
 * One receive by a call once there is something: so its buffer is taken late and is the one that
 * was given back last, which the caches still have; and what is read is sent before the next is.
 */
static int lease_large(struct socket_stream *socket, struct coil_lease *lease)
{
	struct coil_loop *loop = socket->stream.loop;
	const struct lease_taker taker = lease_taker_now();
	struct lease_copy *copy;
	int rc = 0;

	for (;;) {
		if (socket->is_drained)
			rc = socket_poll(socket, POLLIN, &socket->reading);
		if (rc < 0)
			return rc;
		if (socket->stream.closer)
			return -EPIPE;
		copy = lease_copy_new(loop, &taker);
		if (!copy)
			return -ENOMEM;
		rc = loop->driver->ops->calls->recv(socket->fd, copy->data, sizeof copy->data,
						    MSG_DONTWAIT);
		socket->is_drained = rc > 0 ? (size_t)rc < sizeof copy->data : rc == -EAGAIN;
		if (rc > 0)
			break;
		lease_copy_free(loop, copy);
		if (rc != -EAGAIN)
			return rc;
		rc = 0;
	}
	socket_note_size(socket, rc);
	copy->bytes = (size_t)rc;
	return lease_of_copy(lease, loop, copy);
}

int socket_lease_once(struct socket_stream *socket, struct coil_lease *lease)
{
	int rc = socket->is_large ? -ENOBUFS : lease_small(socket, lease);

	return rc == -ENOBUFS ? lease_large(socket, lease) : rc;
}

int socket_lease(struct coil_stream *stream, struct coil_lease *lease)
{
	struct socket_stream *socket = socket_stream_of(stream);

	return socket->is_multishot ? socket_lease_shot(stream, lease) :
				      socket_lease_once(socket, lease);
}
