/* SPDX-License-Identifier: MIT */
/*
 * What a handler reads: what has come for it is in the connection's queue, or in the socket, from
 * which plain calls take it. Beyond that it waits as other streams do (socket_read.c), or for the
 * receive that stays.
 *
 * Must not know: when a connection is parked, and who wakes it (serve_conn.c).
 */
#include "net/serve.h"

#include <errno.h>
#include <sys/socket.h>

#include "task/await.h"

/* By a call: how much there is now; 0 at the end; -EAGAIN: nothing yet. */
static int receive_now(struct serve_conn *conn, void *buf, size_t len, int flags)
{
	struct socket_stream *socket = &conn->socket;
	int rc = conn->serve->loop->driver->ops->calls->recv(socket->fd, buf, len,
							     flags | MSG_DONTWAIT);

	socket->is_drained = rc > 0 ? !(flags & MSG_PEEK) && (size_t)rc < len : rc == -EAGAIN;
	return rc;
}

int conn_peek(struct serve_conn *conn)
{
	char byte;

	return receive_now(conn, &byte, 1, MSG_PEEK);
}

/* What a poll has told of, or is left in the socket. -EAGAIN: nothing is. */
static int read_now(struct serve_conn *conn, void *buf, size_t len)
{
	int rc = receive_now(conn, buf, len, 0);

	if (rc > 0)
		conn->socket.is_large = (size_t)rc > BUFFERS_BYTES;
	return rc;
}

/* More than the buffer has room for had come: what is there now belongs to the same read. An error
 * is told by the next one, for the kernel tells it once. */
static size_t read_on(struct serve_conn *conn, void *buf, size_t len)
{
	int rc = receive_now(conn, buf, len, 0);

	if (rc < 0 && rc != -EAGAIN) {
		conn->result = rc;
		conn->is_ended = true;
	}
	return rc > 0 ? (size_t)rc : 0;
}

static inline int read_queued(struct serve_conn *conn, struct coil_task *task, void *buf,
			      size_t len)
{
	size_t got;
	int rc = stream_refuse();

	if (unlikely(rc < 0))
		return rc;
	got = buffer_queue_take(&conn->queue, conn->serve->buffers, buf, len);
	if (unlikely(got < len && !conn->socket.is_drained) && !conn->armed)
		got += read_on(conn, (char *)buf + got, len - got);
	task_pay(task);
	return (int)got;
}

static rarely int read_unqueued(struct serve_conn *conn, struct coil_task *task, void *buf,
				size_t len)
{
	int rc = stream_refuse();

	if (rc < 0)
		return rc;
	rc = conn->socket.is_drained ? -EAGAIN : read_now(conn, buf, len);
	if (rc == -EAGAIN)
		return socket_read(&conn->socket.stream, buf, len);
	task_pay(task);
	return rc;
}

/* 0: the receive has brought something, or has ended; or the reason of a cancelled scope. */
static int await_receive(struct serve_conn *conn, struct coil_task *task)
{
	struct coil_future told;
	int rc;

	future_init(&told, &conn->serve->loop->ready, &conn_reader_ops);
	conn->socket.waiting = &told;
	rc = task_await(task_scheduler(task), task, &told);
	conn->socket.waiting = NULL;
	return rc;
}

enum conn_source {
	CONN_QUEUE,
	CONN_SOCKET,
	CONN_NOTHING	/* but the end, or an error: the read returns it */
};

/* Where the next bytes are, or will be. */
static inline enum conn_source find_source(struct serve_conn *conn, struct coil_task *task,
					   int *ret_rc)
{
	int rc = 0;

	for (;;) {
		if (likely(!buffer_queue_is_empty(&conn->queue)))
			return CONN_QUEUE;
		if (unlikely(conn->is_ended)) {
			conn->is_ended = false;
			rc = conn->result;
			break;
		}
		if (!conn->armed && !conn_arm_for_many(conn))
			return CONN_SOCKET;
		rc = await_receive(conn, task);
		if (rc < 0)
			break;
	}
	*ret_rc = rc;
	return CONN_NOTHING;
}

int conn_read(struct coil_stream *stream, void *buf, size_t len)
{
	struct coil_task *task = task_required("coil_stream_read");
	struct serve_conn *conn = conn_of(stream);
	int rc;

	if (len > COIL_STREAM_BYTES_MAX)
		len = COIL_STREAM_BYTES_MAX;
	switch (find_source(conn, task, &rc)) {
	case CONN_QUEUE:
		return read_queued(conn, task, buf, len);
	case CONN_SOCKET:
		return read_unqueued(conn, task, buf, len);
	case CONN_NOTHING:
		break;
	}
	return rc;
}

/* What is there is taken by a call. */
static int lease_unqueued(struct serve_conn *conn, struct coil_lease *lease)
{
	conn->socket.is_large |= !conn->socket.is_drained;
	return socket_lease(&conn->socket.stream, lease);
}

int conn_lease(struct coil_stream *stream, struct coil_lease *lease)
{
	struct coil_task *task = task_required("coil_stream_read_lease");
	struct serve_conn *conn = conn_of(stream);
	int rc;

	switch (find_source(conn, task, &rc)) {
	case CONN_QUEUE:
		return lease_of_queue(lease, &conn->queue, conn->serve->buffers);
	case CONN_SOCKET:
		return lease_unqueued(conn, lease);
	case CONN_NOTHING:
		break;
	}
	return rc;
}

size_t conn_received(const struct coil_stream *stream)
{
	const struct serve_conn *conn = conn_of((struct coil_stream *)(uintptr_t)stream);

	return conn->serve->buffers ? buffer_queue_bytes(&conn->queue, conn->serve->buffers) : 0;
}
