/* SPDX-License-Identifier: MIT */
/*
 * A connection of a server. While it is parked a receive is in the kernel that takes a buffer of
 * the loop's when it has data: with that a burst begins, and the handler's reads take it from
 * there. One that was busy with small messages gets a receive for many of them, which stays from
 * burst to burst, so that to park costs nothing; what it brings meanwhile is queued. As with other
 * streams (socket_read.c), it is asked to end where messages are large or the handler is behind.
 * After a large message, where there are no buffers to be had, or COIL_SERVE_UNREAD wants none, the
 * operation is a poll; what it tells of is received by a plain call, into memory of the handler's
 * or that a lease has chosen: as late as can be, so that it is hot (docs/decisions/0020).
 *
 * Completions only move the record to another list.
 */
#include "net/serve.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "coil/scope.h"
#include "loop/op.h"
#include "loop/prep_net.h"
#include "loop/watch.h"
#include "task/await.h"

/* Buffers that wait for the handler; then the receive is asked to end, until they are read. */
#define QUEUE_HIGH 8u

/* -- What the kernel brings ----------------------------------------------------------------------
 */

/* Asks what is armed to end. The ring keeps the order: this cannot meet a later operation of the
 * same record. There is room. */
static void push_cancel(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;
	struct io_uring_sqe sqe;

	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_cancel64(&sqe, (uintptr_t)&conn->completion, 0);
	ring_push(&serve->loop->ring, &sqe, &serve->cancelled);
	serve->owed++;
	conn->is_asked = true;
}

/* Without room the next that comes asks again. */
static rarely void give_up_many(struct serve_conn *conn)
{
	conn->socket.streak = SOCKET_STREAK_LARGE;
	conn->socket.is_large = true;
	if (conn->armed == CONN_ARMED_FOR_MANY && !conn->is_asked &&
	    ring_room(&conn->serve->loop->ring) > 0)
		push_cancel(conn);
}

/* More was there than a buffer has room for? Else it was a small message. */
static inline void judge(struct serve_conn *conn, uint32_t bytes)
{
	struct socket_stream *socket = &conn->socket;

	if (unlikely((bytes == BUFFERS_BYTES && !socket->is_drained) ||
		     conn->queue.count >= QUEUE_HIGH))
		give_up_many(conn);
	else if (socket->streak < SOCKET_STREAK_ARMS)
		socket->streak++;
}

static inline void keep(struct serve_conn *conn, int32_t result, uint32_t cqe_flags)
{
	struct buffers *buffers = conn->serve->buffers;
	uint16_t id = buffers_take(buffers, cqe_flags);

	if (unlikely(result <= 0 || conn->state == CONN_LEFT)) {
		buffers_give(buffers, id);
		return;
	}
	watch_filled(buffers_data(buffers, id), (size_t)result);
	buffer_queue_append(&conn->queue, buffers, id, (uint32_t)result);
	judge(conn, (uint32_t)result);
}

/* Is that the end of the stream, or an error of the socket's? */
static bool is_ending(const struct serve_conn *conn, int32_t result)
{
	if (conn->is_polled)
		return false;
	return result <= 0 && result != -ENOBUFS && result != -EAGAIN && !result_is_cancel(result);
}

/* The last completion of what was armed. */
static inline void disarm(struct serve_conn *conn, int32_t result)
{
	struct serve *serve = conn->serve;

	if (unlikely(conn->armed == CONN_ARMED_FOR_MANY)) {
		conn->is_starved = result == -ENOBUFS;
		if (result == -EINVAL || result == -EOPNOTSUPP) {
			serve->has_multishot = false; /* another way, then */
			result = -ECANCELED;
		}
	}
	conn->armed = CONN_UNARMED;
	conn->is_asked = false;
	conn->is_ended = is_ending(conn, result);
	conn->result = result;
	serve->owed--;
}

static inline bool has_bytes_only(const struct serve_conn *conn)
{
	return conn->is_polled ? conn->result == POLLIN : !buffer_queue_is_empty(&conn->queue);
}

static inline void unpark(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;

	conn->state = CONN_ARRIVED;
	serve->counts.parked--;
	list_remove(&conn->link);
	if (likely(has_bytes_only(conn))) {
		conn->limit = CONN_NO_LIMIT;
		serve_hand_over(serve, conn);
	} else {
		list_push_back(&serve->arrived, &conn->link);
		serve_wake(serve);
	}
}

/* Nobody's any more. */
static rarely void leave(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;

	if (conn->armed)
		return;
	conn_free(conn);
	if (serve->is_ending)
		serve_wake(serve);
}

static void tell_reader(struct serve_conn *conn)
{
	struct coil_future *reader = conn->socket.waiting;

	if (reader && future_is_pending(reader))
		future_resolve(reader, 0);
}

static void conn_arrive(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct serve_conn *conn = container_of(completion, struct serve_conn, completion);

	conn->socket.is_drained = !(cqe_flags & IORING_CQE_F_SOCK_NONEMPTY) && !conn->is_polled;
	if (likely(cqe_flags & IORING_CQE_F_BUFFER))
		keep(conn, result, cqe_flags);
	if (!(cqe_flags & IORING_CQE_F_MORE))
		disarm(conn, result);
	if (likely(conn->state == CONN_PARKED))
		unpark(conn);
	else if (unlikely(conn->state == CONN_LEFT))
		leave(conn);
	else
		tell_reader(conn);
}

/* -- Parked --------------------------------------------------------------------------------------
 */

static void stage_receive(const struct serve_conn *conn, struct coil_op *op)
{
	op_prep_recv(op, conn->socket.io_fd, NULL, 0, 0);
	op_sqe(op)->flags |= IOSQE_BUFFER_SELECT;
	op_sqe(op)->buf_group = BUFFERS_GROUP;
}

static void push(struct serve_conn *conn, struct coil_op *op, enum conn_armed armed)
{
	ring_push(&conn->serve->loop->ring, op->sqe, &conn->completion);
	conn->serve->owed++;
	conn->armed = (uint8_t)armed;
}

/* If it has shown that this pays. Never POLL_FIRST: loop/receiver.c. */
bool conn_arm_for_many(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;
	struct coil_op op;

	if (likely(conn->socket.streak < SOCKET_STREAK_ARMS) || !serve->has_multishot ||
	    ring_room(&serve->loop->ring) == 0)
		return false;
	if (!buffers_are_enough(serve->buffers, conn->is_starved)) {
		conn->is_starved = false;
		conn->socket.streak = SOCKET_STREAK_STARVED;
		return false;
	}
	conn->is_starved = false;
	stage_receive(conn, &op);
	op_sqe(&op)->ioprio |= IORING_RECV_MULTISHOT;
	conn->is_polled = false;
	push(conn, &op, CONN_ARMED_FOR_MANY);
	return true;
}

static void arm_once(struct serve_conn *conn)
{
	struct coil_op op;

	conn->is_polled = !conn->serve->buffers || conn->socket.is_large;
	if (conn->is_polled)
		op_prep_poll(&op, conn->socket.io_fd, POLLIN | POLLRDHUP);
	else
		stage_receive(conn, &op);
	if (!conn->is_polled && conn->socket.is_drained)
		op_sqe(&op)->ioprio |= IORING_RECVSEND_POLL_FIRST;
	push(conn, &op, CONN_ARMED_ONCE);
}

static void await_ring(struct coil_loop *loop)
{
	struct coil_task *task = task_required("coil_serve");

	while (ring_room(&loop->ring) == 0)
		task_yield(task_scheduler(task), task);
}

static void reader_cancel(struct coil_future *future)
{
	future_resolve(future, -ECANCELED);
}

const struct coil_future_ops conn_reader_ops = {.kind = "receive", .cancel = reader_cancel};

/* What is armed must not be parked on, for it ends without bytes, soon. */
static rarely void await_disarmed(struct serve_conn *conn)
{
	struct coil_task *task = task_required("coil_serve");
	struct coil_future told;

	while (conn->armed) {
		future_init(&told, &conn->serve->loop->ready, &conn_reader_ops);
		conn->socket.waiting = &told;
		task_wait_to_the_end(task_scheduler(task), task, &told);
		conn->socket.waiting = NULL;
	}
}

/* A new one has not had its first byte. */
static inline void put_in_line(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;
	const struct coil_serve_options *options = &serve->options;
	bool is_fresh = conn->limit == CONN_FIRST_BYTE;

	conn->deadline = clock_add(serve->loop->now,
				   is_fresh ? options->first_byte_ns : options->idle_ns);
	conn->limit = CONN_NO_LIMIT;
	list_push_back(is_fresh ? &serve->fresh : &serve->idle, &conn->link);
}

bool conn_park(struct serve_conn *conn)
{
	struct serve *serve = conn->serve;

	check(conn->state == CONN_RUNNING);
	if (unlikely(conn->is_asked))
		await_disarmed(conn);
	if (unlikely(!conn->armed))
		await_ring(serve->loop);
	if (unlikely(!buffer_queue_is_empty(&conn->queue)))
		return false;
	if (unlikely(conn->is_ended || serve->is_ending)) {
		conn_close(conn, conn->is_ended ? conn->result : 0);
		return true;
	}
	if (!conn->armed && !conn_arm_for_many(conn))
		arm_once(conn);
	conn->state = CONN_PARKED;
	serve->counts.parked++;
	put_in_line(conn);
	return true;
}

void conn_ask(struct serve_conn *conn, enum conn_limit limit)
{
	check(conn->state == CONN_PARKED);
	push_cancel(conn);
	conn->limit = (uint8_t)limit;
	list_remove(&conn->link);
	list_push_back(&conn->serve->asked, &conn->link);
}

/* -- What has come -------------------------------------------------------------------------------
 */

static enum conn_news look(struct serve_conn *conn)
{
	bool is_poll = conn->is_polled && conn->result > 0;

	if (!buffer_queue_is_empty(&conn->queue))
		return CONN_HAS_BYTES;
	/* Nobody has asked for that. */
	if (result_is_cancel(conn->result) && conn->limit == CONN_NO_LIMIT)
		return CONN_HAS_NONE;
	if ((is_poll && (conn->result & ~POLLIN)) || conn->result == -ENOBUFS)
		conn->result = conn_peek(conn);
	/* All buffers are out: the handler's own read brings the bytes. So does it where another
	 * poll was in order (-EAGAIN). */
	return conn->result > 0 || conn->result == -EAGAIN ? CONN_HAS_BYTES : CONN_ENDED;
}

enum conn_news conn_look(struct serve_conn *conn)
{
	enum conn_news news = look(conn);

	if (news == CONN_HAS_BYTES)
		conn->limit = CONN_NO_LIMIT;
	return news;
}

bool conn_has_bytes(const struct serve_conn *conn)
{
	const struct stream_in *in = conn->socket.stream.in;

	return !buffer_queue_is_empty(&conn->queue) || (in && in->count > 0);
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

/* Its memory goes with the last completion. */
static rarely void leave_armed(struct serve_conn *conn)
{
	await_ring(conn->serve->loop);
	if (conn->armed && !conn->is_asked)
		push_cancel(conn);
	if (conn->armed)
		conn->state = CONN_LEFT;
}

static void conn_end(struct coil_stream *stream)
{
	struct serve_conn *conn = conn_of(stream);
	struct serve *serve = conn->serve;

	check_use_of("coil_stream_close", conn->state == CONN_ARRIVED,
		     "coil_serve closes this stream: return a negative value from its handler");
	check(list_is_empty(&conn->link));
	if (conn->armed)
		leave_armed(conn);
	while (!buffer_queue_is_empty(&conn->queue))
		buffer_queue_drop(&conn->queue, serve->buffers);
	socket_stream_end(&conn->socket);
	if (!conn->armed)
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
	ops->lease = conn_lease;
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
	conn->socket.receive = COIL_RECEIVE_ONESHOT; /* what goes beyond that is done here */
	if (!(serve->options.flags & COIL_SERVE_UNREAD))
		conn->socket.stream.flags |= STREAM_AHEAD;
	conn->completion.complete = conn_arrive;
	conn->serve = serve;
	buffer_queue_init(&conn->queue);
	conn->state = CONN_RUNNING;
	conn->limit = CONN_FIRST_BYTE;
	list_init(&conn->link);
	return &conn->socket;
}

void conn_free(struct serve_conn *conn)
{
	alloc_free(conn->serve->loop->alloc, conn, sizeof *conn);
}
