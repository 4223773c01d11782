/* SPDX-License-Identifier: MIT */
/*
 * How a stream on a socket reads: by a receive for each read, into the reader's own buffer; or by
 * one multishot receive for many messages, into buffers of the loop's, from which they are copied.
 * The latter is cheaper as long as messages are small and the reader keeps up
 * (docs/decisions/0020); so a stream begins with the first, goes over to the second when it has
 * seen several small messages in a row, each of which left nothing behind, and back when one is
 * large or many queue. Where buffers run out it reads into the reader's own: nobody waits for
 * another's.
 *
 * Invariant: a one-shot receive is begun only when the multishot one is not in the kernel, and all
 * that it has brought was read.
 */
#include "net/socket_stream.h"

#include "loop/op.h"
#include "loop/prep_net.h"
#include "loop/receiver.h"
#include "task/await.h"

#include <errno.h>

/* A message that fits one buffer, and is copied at less than a receive of its own would cost. */
#define SMALL_BYTES 4096

/* -- One receive for one read --------------------------------------------------------------------
 */

static inline void note_size(struct socket_stream *socket, int bytes)
{
	socket->is_large = bytes > SMALL_BYTES || !socket->is_drained;
	if (unlikely(socket->is_large)) {
		if (socket->streak > 0)
			socket->streak = 0;
	} else if (socket->streak < SOCKET_STREAK_ARMS) {
		socket->streak++;
	}
	socket->is_multishot = socket->receive == COIL_RECEIVE_MULTISHOT ||
			       (socket->streak == SOCKET_STREAK_ARMS &&
				socket->receive == COIL_RECEIVE_AUTO);
}

void socket_note_size(struct socket_stream *socket, int bytes)
{
	note_size(socket, bytes);
}

/*
 * Where the last read took everything there is nothing now, most likely: to wait at once spares the
 * kernel an attempt. The end of the stream is always delivered to one-shot receives
 * (bench/README.md, "the lost end").
 */
static inline int read_once(struct coil_stream *stream, void *buf, size_t len)
{
	struct socket_stream *socket = socket_stream_of(stream);
	struct coil_op op;
	int rc;

	op_prep_recv(&op, socket->io_fd, buf, len, 0);
	if (socket->is_drained)
		op_sqe(&op)->ioprio |= IORING_RECVSEND_POLL_FIRST;
	socket->reading = &op;
	rc = op_await(&op);
	socket->reading = NULL;
	if (likely(rc > 0)) {
		socket->is_drained = !(op.cqe_flags & IORING_CQE_F_SOCK_NONEMPTY);
		note_size(socket, rc);
	} else if (rc == 0) {
		socket->is_drained = false;
	}
	return rc;
}

/* -- One for many --------------------------------------------------------------------------------
 */

bool socket_is_inet(const struct socket_stream *socket)
{
	int domain = AF_UNIX;
	socklen_t bytes = sizeof domain;

	socket->stream.loop->driver->ops->calls->getsockopt(socket->fd, SOL_SOCKET, SO_DOMAIN,
							    &domain, &bytes);
	return domain == AF_INET || domain == AF_INET6;
}

/*
 * A multishot may take what was sent along with bytes (descriptors on unix sockets) and drops it:
 * there it is the user's decision alone.
 */
static rarely bool make_receiver(struct socket_stream *socket)
{
	struct coil_loop *loop = socket->stream.loop;

	if (!(loop->driver->features & DRIVER_RECV_MULTISHOT))
		return false;
	if (socket->receive == COIL_RECEIVE_AUTO && !socket_is_inet(socket))
		return false;
	socket->receiver = receiver_new(loop);
	return socket->receiver != NULL;
}

/* False: this read goes by a receive of its own. */
static rarely bool arm(struct socket_stream *socket)
{
	struct buffers *buffers;
	struct coil_op op;

	if (socket->receive == COIL_RECEIVE_ONESHOT)
		return false;
	if ((!socket->receiver && !make_receiver(socket)) ||
	    (socket->receiver->flags & RECEIVER_REFUSED) ||
	    buffers_open(socket->stream.loop, &buffers) < 0) {
		socket->receive = COIL_RECEIVE_ONESHOT;
		return false;
	}
	if (socket->receive == COIL_RECEIVE_AUTO && socket->streak < SOCKET_STREAK_ARMS)
		return false;
	if (!buffers_are_enough(buffers, socket->receiver->flags & RECEIVER_STARVED)) {
		socket->receiver->flags &= (uint8_t)~RECEIVER_STARVED;
		socket->streak = SOCKET_STREAK_STARVED;
		return false;
	}
	op_prep_recv(&op, socket->io_fd, NULL, 0, 0);
	return receiver_arm(socket->receiver, op_sqe(&op));
}

/* Large messages, and a reader that is behind, are better off without. */
static inline void judge(struct socket_stream *socket)
{
	struct receiver *receiver = socket->receiver;

	if (likely(!receiver->is_overrun && !(receiver->flags & RECEIVER_CANCEL_ASKED)))
		return;
	if (socket->receive != COIL_RECEIVE_AUTO)
		return;
	socket->streak = SOCKET_STREAK_LARGE;
	receiver_cancel(receiver);
}

/*
 * Until there is something in the queue: 1; 0: read once; or what the read returns. In line, as a
 * return after a switch costs a misprediction.
 */
static inline __attribute__((always_inline)) int
wait_for_queue(struct coil_stream *stream, struct coil_task *task, bool *ret_is_end)
{
	struct socket_stream *socket = socket_stream_of(stream);
	struct coil_future *told;
	int rc;

	*ret_is_end = false;
	for (;;) {
		struct receiver *receiver = socket->receiver;

		if (receiver && receiver_has_bytes(receiver))
			return 1;
		*ret_is_end = receiver && (receiver->flags & RECEIVER_ENDED);
		if (unlikely(*ret_is_end))
			return receiver_take_ending(receiver);
		if (unlikely(stream->closer))
			return -EPIPE;
		if (unlikely(!receiver || !receiver_is_armed(receiver)) && !arm(socket))
			return 0;
		told = receiver_wait_begin(socket->receiver);
		rc = task_await_kernel(scheduler_here(), task, told);
		if (unlikely(rc < 0))
			return rc;
	}
}

static int read_multishot(struct coil_stream *stream, void *buf, size_t len)
{
	struct socket_stream *socket = socket_stream_of(stream);
	struct coil_task *task = task_required("coil_stream_read");
	bool is_ready = socket->receiver && receiver_has_bytes(socket->receiver);
	bool is_end;
	size_t n;
	int rc = stream_refuse();

	if (unlikely(rc < 0))
		return rc;
	rc = wait_for_queue(stream, task, &is_end);
	if (unlikely(is_end || rc < 0)) {
		socket->is_drained = false;
		return rc;
	}
	if (unlikely(rc == 0)) {
		socket->is_multishot = false;
		return read_once(stream, buf, len);
	}
	n = receiver_copy(socket->receiver, buf, len);
	judge(socket);
	if (unlikely(is_ready))
		task_pay(task);
	return (int)n;
}

int socket_read(struct coil_stream *stream, void *buf, size_t len)
{
	if (socket_stream_of(stream)->is_multishot)
		return read_multishot(stream, buf, len < COIL_STREAM_BYTES_MAX ?
							   len : COIL_STREAM_BYTES_MAX);
	return read_once(stream, buf, len);
}

int socket_lease_shot(struct coil_stream *stream, struct coil_lease *lease)
{
	struct socket_stream *socket = socket_stream_of(stream);
	struct coil_task *task = task_required("coil_stream_read_lease");
	bool is_end;
	int rc = wait_for_queue(stream, task, &is_end);

	if (unlikely(is_end || rc < 0)) {
		socket->is_drained = false;
		return rc;
	}
	if (unlikely(rc == 0)) {
		socket->is_multishot = false;
		return socket_lease_once(socket, lease);
	}
	judge(socket);
	return lease_of_queue(lease, &socket->receiver->queue, stream->loop->buffers);
}

size_t socket_received(const struct coil_stream *stream)
{
	const struct receiver *receiver =
		((const struct socket_stream *)(const void *)stream)->receiver;

	return receiver ? receiver_bytes(receiver) : 0;
}

/* -- Chosen by the user --------------------------------------------------------------------------
 */

/* Whatever is cancelled meanwhile: the kernel always answers. */
static int stop_multishot(struct coil_stream *stream)
{
	struct coil_task *task = task_required("coil_stream_set_receive");
	struct receiver *receiver = socket_stream_of(stream)->receiver;

	stream->flags |= STREAM_READING;
	while (receiver_is_armed(receiver)) {
		struct coil_future *told;

		receiver_cancel(receiver);
		told = receiver_wait_begin(receiver);
		task_wait_to_the_end(task_scheduler(task), task, told);
	}
	stream->flags &= ~(uint32_t)STREAM_READING;
	return unlikely(stream->closer) ? stream_leave_closing(stream, 0) : 0;
}

int coil_stream_set_receive(struct coil_stream *stream, int receive)
{
	struct socket_stream *socket;

	stream_check_reader(stream);
	if (stream->closer)
		return -EPIPE;
	if (receive < COIL_RECEIVE_AUTO || receive > COIL_RECEIVE_MULTISHOT)
		return -EINVAL;
	if (stream->ops->read != socket_read ||
	    (receive == COIL_RECEIVE_MULTISHOT &&
	     !(stream->loop->driver->features & DRIVER_RECV_MULTISHOT)))
		return -EOPNOTSUPP;
	socket = socket_stream_of(stream);
	socket->receive = (uint8_t)receive;
	socket->streak = 0;
	if (receive == COIL_RECEIVE_MULTISHOT)
		socket->is_multishot = true;
	if (receive == COIL_RECEIVE_ONESHOT && socket->receiver)
		return stop_multishot(stream);
	return 0;
}
