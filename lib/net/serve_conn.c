/* SPDX-License-Identifier: MIT */
/*
 * A connection of a server. While it is parked a receive is in the kernel that takes a buffer of
 * the loop's when it has data: with that a burst begins, and the handler's first read takes it from
 * there. Where there are no buffers to be had, or COIL_SERVE_UNREAD wants none, it is a poll.
 * Completions only move the record to another list.
 */
#include "net/serve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "coil/scope.h"
#include "loop/op.h"
#include "loop/prep_net.h"
#include "task/await.h"

/* -- Parked --------------------------------------------------------------------------------------
 */

/* A burst begins. */
static void begin_burst(struct serve_conn *conn)
{
	if (conn->early_count > 0)
		conn->socket.stream.flags |= STREAM_AHEAD;
	conn->result = 0;
	conn->limit = CONN_NO_LIMIT;
}

static bool has_bytes_only(const struct serve_conn *conn)
{
	return conn->serve->buffers ? conn->result > 0 : conn->result == POLLIN;
}

static void conn_arrive(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct serve_conn *conn = container_of(completion, struct serve_conn, completion);
	struct serve *serve = conn->serve;

	check(conn->state == CONN_PARKED);
	conn->state = CONN_ARRIVED;
	conn->result = result;
	conn->socket.is_drained = !(cqe_flags & IORING_CQE_F_SOCK_NONEMPTY);
	if (cqe_flags & IORING_CQE_F_BUFFER) {
		conn->buffer = buffers_take(serve->buffers, cqe_flags);
		conn->early_start = 0;
		conn->early_count = result > 0 ? (uint32_t)result : 0;
	}
	serve->owed--;
	serve->counts.parked--;
	list_remove(&conn->link);
	if (likely(has_bytes_only(conn)) && serve_hand_over(serve, conn)) {
		begin_burst(conn);
		return;
	}
	list_push_back(&serve->arrived, &conn->link);
	serve_wake(serve);
}

static void stage(struct serve_conn *conn, struct coil_op *op)
{
	const struct buffers *buffers = conn->serve->buffers;

	if (!buffers) {
		op_prep_poll(op, conn->socket.io_fd, POLLIN | POLLRDHUP);
		return;
	}
	op_prep_recv(op, conn->socket.io_fd, NULL, 0, 0);
	op_sqe(op)->flags |= IOSQE_BUFFER_SELECT;
	op_sqe(op)->buf_group = buffers->group;
	if (conn->socket.is_drained)
		op_sqe(op)->ioprio |= IORING_RECVSEND_POLL_FIRST;
}

static void await_ring(struct coil_loop *loop)
{
	struct coil_task *task = task_required("coil_serve");

	while (ring_room(&loop->ring) == 0)
		task_yield(task_scheduler(task), task);
}

/* A new one has not had its first byte. */
static void put_in_line(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;
	const struct coil_serve_options *options = &serve->options;
	bool is_fresh = conn->limit == CONN_FIRST_BYTE;

	conn->deadline = clock_add(serve->loop->now,
				   is_fresh ? options->first_byte_ns : options->idle_ns);
	conn->limit = CONN_NO_LIMIT;
	list_push_back(is_fresh ? &serve->fresh : &serve->idle, &conn->link);
}

void conn_park(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;
	struct coil_op op;

	check(conn->state == CONN_RUNNING && conn->early_count == 0);
	await_ring(serve->loop);
	if (serve->is_ending) {
		conn_close(conn, 0);
		return;
	}
	stage(conn, &op);
	ring_push(&serve->loop->ring, op.sqe, &conn->completion);
	conn->state = CONN_PARKED;
	serve->owed++;
	serve->counts.parked++;
	put_in_line(conn);
}

void conn_ask(struct serve_conn *conn, enum conn_limit limit)
{
	struct serve *serve = conn->serve;
	struct io_uring_sqe sqe;

	check(conn->state == CONN_PARKED);
	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_cancel64(&sqe, (uintptr_t)&conn->completion, 0);
	/* The ring keeps the order: this cannot meet a later operation of the same record. */
	ring_push(&serve->loop->ring, &sqe, &serve->cancelled);
	serve->owed++;
	conn->limit = (uint8_t)limit;
	list_remove(&conn->link);
	list_push_back(&serve->asked, &conn->link);
}

/* -- What has come -------------------------------------------------------------------------------
 */

/* A poll that tells of an end: are there bytes before it? */
static int look_behind(struct serve_conn *conn)
{
	struct coil_op op;
	char byte;

	op_prep_recv(&op, conn->socket.io_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return op_await(&op);
}

static void give_buffer(struct serve_conn *conn)
{
	if (conn->buffer == BUFFERS_NONE)
		return;
	buffers_give(conn->serve->buffers, conn->buffer);
	conn->buffer = BUFFERS_NONE;
	conn->early_count = 0;
	conn->socket.stream.flags &= ~(uint32_t)STREAM_AHEAD;
}

/* All buffers are out: the handler's own read brings the bytes. So does it where another poll was
 * in order (-EAGAIN). */
static bool is_for_handler(int result)
{
	return result > 0 || result == -EAGAIN;
}

enum conn_news conn_look(struct serve_conn *conn)
{
	bool is_poll = !conn->serve->buffers && conn->result > 0;

	if ((is_poll && (conn->result & ~POLLIN)) || conn->result == -ENOBUFS)
		conn->result = look_behind(conn);
	if (!is_for_handler(conn->result)) {
		give_buffer(conn);
		return CONN_ENDED;
	}
	begin_burst(conn);
	return CONN_HAS_BYTES;
}

bool conn_has_bytes(const struct serve_conn *conn)
{
	const struct stream_in *in = conn->socket.stream.in;

	return conn->early_count > 0 || (in && in->count > 0);
}

/* -- The stream ----------------------------------------------------------------------------------
 */

static size_t take_early(struct serve_conn *conn, void *buf, size_t len)
{
	const char *data = buffers_data(conn->serve->buffers, conn->buffer);

	if (len > conn->early_count)
		len = conn->early_count;
	memcpy(buf, data + conn->early_start, len);
	conn->early_start += (uint32_t)len;
	conn->early_count -= (uint32_t)len;
	if (conn->early_count == 0)
		give_buffer(conn);
	return len;
}

/* More than the buffer has room for had come: what is there now belongs to the same read. An error
 * is told by the next one, for the kernel tells it once. */
static size_t read_on(struct serve_conn *conn, void *buf, size_t len)
{
	struct coil_op op;
	int rc;

	op_prep_recv(&op, conn->socket.io_fd, buf, len, MSG_DONTWAIT);
	conn->socket.reading = &op;
	rc = op_await(&op);
	conn->socket.reading = NULL;
	if (rc > 0)
		conn->socket.is_drained = !(op.cqe_flags & IORING_CQE_F_SOCK_NONEMPTY);
	else if (rc == -EAGAIN || rc == 0)
		conn->socket.is_drained = rc != 0;
	else if (rc != coil_cancelling())
		conn->result = rc;
	return rc > 0 ? (size_t)rc : 0;
}

static int read_early(struct serve_conn *conn, void *buf, size_t len)
{
	struct coil_task *task = task_required("coil_stream_read");
	size_t got;
	int rc = stream_refuse();

	if (rc < 0)
		return rc;
	if (len > COIL_STREAM_BYTES_MAX)
		len = COIL_STREAM_BYTES_MAX;
	got = take_early(conn, buf, len);
	if (got < len && !conn->socket.is_drained)
		got += read_on(conn, (char *)buf + got, len - got);
	else
		task_pay(task_scheduler(task), task);
	return (int)got;
}

static int conn_read(struct coil_stream *stream, void *buf, size_t len)
{
	struct serve_conn *conn = conn_of(stream);
	int rc = conn->result;

	if (likely(conn->early_count > 0))
		return read_early(conn, buf, len);
	if (unlikely(rc < 0)) {
		conn->result = 0;
		return rc;
	}
	return socket_read(stream, buf, len);
}

static size_t conn_received(const struct coil_stream *stream)
{
	return conn_of((struct coil_stream *)(uintptr_t)stream)->early_count;
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

static void conn_end(struct coil_stream *stream)
{
	struct serve_conn *conn = conn_of(stream);
	struct serve *serve = conn->serve;

	check_use(conn->state == CONN_ARRIVED,
		  "coil_serve closes this stream: return a negative value from its handler");
	check(list_is_empty(&conn->link));
	give_buffer(conn);
	socket_stream_end(&conn->socket);
	conn_free(conn);
	serve->counts.open--;
	serve->counts.closed++;
	if (serve->is_full && future_is_pending(&serve->room))
		future_resolve(&serve->room, 0);
	if (serve->is_ending)
		serve_wake(serve);
}

void conn_close(struct serve_conn *conn, int reason)
{
	const struct coil_serve_options *options = &conn->serve->options;

	if (options->on_close)
		options->on_close(&conn->socket.stream, reason, options->arg);
	conn->state = CONN_ARRIVED; /* nobody's any more */
	coil_stream_close(&conn->socket.stream);
}

void conn_ops_init(struct stream_ops *ops)
{
	*ops = socket_stream_ops;
	ops->read = conn_read;
	ops->lease = NULL; /* by a copy: what came early has been lent by the kernel already */
	ops->received = conn_received;
	ops->close = conn_end;
}

struct socket_stream *conn_make(struct coil_loop *loop, void *context)
{
	struct serve *serve = context;
	struct serve_conn *conn = alloc_zeroed(loop->alloc, sizeof *conn);

	if (!conn)
		return NULL;
	socket_stream_init(&conn->socket, &serve->ops, loop);
	conn->socket.is_drained = true;
	/* Between bursts it waits by a receive of its own: there is no room for two. */
	conn->socket.receive = COIL_RECEIVE_ONESHOT;
	conn->completion.complete = conn_arrive;
	conn->serve = serve;
	conn->buffer = BUFFERS_NONE;
	conn->state = CONN_RUNNING;
	conn->limit = CONN_FIRST_BYTE;
	list_init(&conn->link);
	return &conn->socket;
}

void conn_free(struct serve_conn *conn)
{
	alloc_free(conn->serve->loop->alloc, conn, sizeof *conn);
}

static struct serve_conn *conn_required(const struct coil_stream *stream, const char *function)
{
	stream_check_use(stream);
	if (stream->ops->close != conn_end)
		check_misused(function, "this stream is no connection of coil_serve");
	return conn_of((struct coil_stream *)(uintptr_t)stream);
}

void coil_serve_set_user(struct coil_stream *stream, void *user)
{
	conn_required(stream, __func__)->user = user;
}

void *coil_serve_user(const struct coil_stream *stream)
{
	return conn_required(stream, __func__)->user;
}
