/* SPDX-License-Identifier: MIT */
/*
 * A stream on a socket: each write is one send that the kernel itself carries on until all is sent.
 * The operations lie in the frames of who waits for them. Reading is in socket_read.c.
 */
#include "net/socket_stream.h"

#include "net/address.h"
#include "net/listener.h"

#include "coil/lease.h"
#include "coil/scope.h"
#include "loop/files.h"
#include "loop/observe.h"
#include "loop/op.h"
#include "loop/prep_net.h"
#include "loop/receiver.h"
#include "loop/registered.h"
#include "loop/silent.h"
#include "task/await.h"

#include <errno.h>
#include <poll.h>

/* Of one vectored send: UIO_MAXIOV. */
#define PIECES_MAX 1024u
/* From here on a send is a call at once, even beside others. */
#define AT_ONCE_BYTES 16384u
/* What a direct descriptor costs is back after about 10. */
#define SENDS_BEFORE_DIRECT 16u

static struct socket_stream *socket_of(struct coil_stream *stream)
{
	return container_of(stream, struct socket_stream, stream);
}

static const struct socket_stream *socket_of_const(const struct coil_stream *stream)
{
	return (const struct socket_stream *)(const void *)stream;
}

_Static_assert(offsetof(struct socket_stream, stream) == 0, "the stream is the first member");

static int socket_fd(const struct coil_stream *stream)
{
	return socket_of_const(stream)->fd;
}

/*
 * A connection that lasts gets a place in the ring's table beside its descriptor, which stays for
 * all calls that operations are not: the kernel then needs no look-up for each operation. The place
 * costs a system call, so that short connections go without; where none is free it stays as it is.
 */
static rarely void go_direct(struct socket_stream *socket)
{
	int fd = files_register(socket->stream.loop, socket->fd);

	if (fd >= 0)
		socket->io_fd = fd;
}

static inline void count_send(struct socket_stream *socket)
{
	if (unlikely(socket->sends_left > 0 && --socket->sends_left == 0))
		go_direct(socket);
}

/*
 * A plain call does the same as an operation, without the turn of the loop and the CQE, and the
 * enter that submits it: where nothing else is to be told to the kernel, and for much data, since
 * in a turn others fill the caches that have it (docs/decisions/0020, 0023).
 */
static inline bool is_at_once(const struct coil_loop *loop, const struct coil_task *task,
			      size_t len)
{
	return (len >= AT_ONCE_BYTES || loop_has_nothing_else(loop)) && !task->scope->effective &&
	       !loop->observer;
}

/* What a send that does not wait says: bytes; 0: not now; or an error of the socket's, which it
 * tells once. */
static inline int taken(int rc)
{
	return rc == -EAGAIN || rc == -EINTR ? 0 : rc;
}

static inline int sent_at_once(struct coil_task *task, int rc, size_t len)
{
	if (likely(rc == (int)len))
		task_pay(task);
	return taken(rc);
}

/* As sent_at_once. Only where is_at_once said so. */
static inline int send_at_once(struct socket_stream *socket, struct coil_task *task,
			       const void *buf, size_t len)
{
	struct coil_loop *loop = socket->stream.loop;

	loop->at_once++;
	return sent_at_once(task, ring_send_now(&loop->ring, socket->fd, buf, len), len);
}

/* The same of several pieces, @total bytes together; 0 also where another way is the better one. */
static int send_pieces_at_once(struct socket_stream *socket, const struct iovec *iov,
			       size_t count, size_t total)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = count < PIECES_MAX ? count : PIECES_MAX,
	};
	struct coil_task *task = task_required("coil_stream_writev");
	struct coil_loop *loop = socket->stream.loop;
	int rc;

	if (!is_at_once(loop, task, total))
		return 0;
	loop->at_once++;
	rc = loop->driver->ops->sendmsg(socket->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent_at_once(task, rc, total);
}

/* -- Without a copy ------------------------------------------------------------------------------
 */

static inline bool is_zero_copy(const struct socket_stream *socket, size_t len)
{
	return unlikely(socket->zero_copy_from) && len >= socket->zero_copy_from;
}

/* Memory that is registered need not be pinned for each send. */
static rarely void forgo_copy(const struct coil_loop *loop, struct coil_op *op)
{
	struct io_uring_sqe *sqe = op_sqe(op);
	int index = registered_find(loop, (const void *)(uintptr_t)sqe->addr, sqe->len);

	sqe->opcode = IORING_OP_SEND_ZC;
	if (index < 0)
		return;
	sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
	sqe->buf_index = (uint16_t)index;
}

/*
 * A send without a copy that was refused for what it is: a copy takes its place. The kernel cannot
 * on this socket, and never will; or has no more memory to pin now.
 */
static bool is_refused(struct socket_stream *socket, const struct coil_op *op, int rc)
{
	if (op->flags & OP_CANCEL_ASKED)
		return false;
	if (rc == -EOPNOTSUPP)
		socket->zero_copy_from = 0;
	return rc == -EOPNOTSUPP || rc == -ENOMEM || rc == -ENOBUFS;
}

/* Unix sockets copy always; so do others of no network. */
int coil_stream_set_zero_copy(struct coil_stream *stream, size_t from)
{
	struct coil_loop *loop = stream->loop;
	const uint64_t needed = UINT64_C(1) << IORING_OP_SEND_ZC |
				UINT64_C(1) << IORING_OP_SENDMSG_ZC;
	struct socket_stream *socket;

	stream_check_use(stream);
	if (stream->closer)
		return -EPIPE;
	if (stream->ops->fd != socket_fd)
		return -EOPNOTSUPP;
	socket = socket_of(stream);
	if (from && ((loop->driver->opcodes & needed) != needed || !socket_is_inet(socket)))
		return -EOPNOTSUPP;
	socket->zero_copy_from = from < UINT32_MAX ? (uint32_t)from : UINT32_MAX;
	return 0;
}

/* -- Writing -------------------------------------------------------------------------------------
 */

static inline void prepare(struct socket_stream *socket, struct coil_op *op, const void *buf,
			   size_t len, bool is_copied)
{
	op_prep_send(op, socket->io_fd, buf, len, MSG_WAITALL | MSG_NOSIGNAL);
	if (unlikely(!is_copied))
		forgo_copy(socket->stream.loop, op);
	socket->writing = op;
}

/* A write of which @sent bytes have gone, before @op, which is done. */
struct writing {
	const char *data;
	size_t len;
	size_t sent;
	struct coil_op *op;
};

/*
 * Its last send has not sent all, and has returned @rc. The kernel goes on until all is sent, or an
 * error or a cancel stops it in between; then what was sent is the count. The error is met by
 * sending the rest, and it is the result; after a cancel the count is.
 */
static rarely int write_on(struct socket_stream *socket, struct writing w, int rc)
{
	bool is_copied = op_sqe(w.op)->opcode == IORING_OP_SEND;

	for (;;) {
		if (!is_copied && is_refused(socket, w.op, rc)) {
			is_copied = true;
		} else {
			if (rc > 0)
				w.sent += (size_t)rc;
			if (w.sent == w.len)
				return (int)w.sent;
			if ((w.op->flags & OP_CANCEL_ASKED) || socket->stream.closer)
				return w.sent ? (int)w.sent : rc;
			if (rc <= 0)
				return rc < 0 ? rc : -EPIPE;
		}
		prepare(socket, w.op, w.data + w.sent, w.len - w.sent, is_copied);
		rc = op_await(w.op);
		socket->writing = NULL;
	}
}

static int socket_write(struct coil_stream *stream, const void *buf, size_t len)
{
	struct scheduler *s = scheduler_required("coil_stream_write");
	struct coil_task *task = task_running(s, "coil_stream_write");
	struct socket_stream *socket = socket_of(stream);
	bool is_copied = !is_zero_copy(socket, len);
	size_t sent = 0;
	struct coil_op op;
	int rc;

	count_send(socket);
	if (likely(is_copied) && is_at_once(&s->loop, task, len)) {
		rc = send_at_once(socket, task, buf, len);
		if (likely(rc < 0 || (size_t)rc == len))
			return rc;
		sent = (size_t)rc;
	}
	prepare(socket, &op, (const char *)buf + sent, len - sent, is_copied);
	rc = op_await_here(s, task, &op);
	socket->writing = NULL;
	if (likely(rc == (int)(len - sent)))
		return (int)len;
	return write_on(socket, (struct writing){buf, len, sent, &op}, rc);
}

/* What one send is to send, and how. */
struct vector {
	const struct iovec *iov;
	size_t count;
	bool is_copied;
};

/* One send; a cancel that cuts it short is told, for the next wait must not meet it. */
static int send_pieces(struct coil_stream *stream, struct vector *vector, bool *ret_stopped)
{
	struct socket_stream *socket = socket_of(stream);
	struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)vector->iov,
		.msg_iovlen = vector->count < PIECES_MAX ? vector->count : PIECES_MAX,
	};
	struct coil_op op;
	int rc;

	do {
		count_send(socket);
		op_prep_sendmsg(&op, socket->io_fd, &message, MSG_WAITALL | MSG_NOSIGNAL);
		if (unlikely(!vector->is_copied))
			op_sqe(&op)->opcode = IORING_OP_SENDMSG_ZC;
		socket->writing = &op;
		rc = op_await(&op);
		socket->writing = NULL;
	} while (unlikely(!vector->is_copied) && (vector->is_copied = is_refused(socket, &op, rc)));
	*ret_stopped = op.flags & OP_CANCEL_ASKED;
	return rc != 0 ? rc : -EPIPE;
}

/* The rest of a piece that a send was cut in, in spite of MSG_WAITALL. */
static int send_rest(struct coil_stream *stream, const char *data, size_t len, bool *ret_stopped)
{
	int rc = socket_write(stream, data, len);

	*ret_stopped = rc > 0 ? (size_t)rc < len : rc == coil_cancelling();
	return rc;
}

static int socket_writev(struct coil_stream *stream, const struct iovec *iov, size_t count,
			 size_t total)
{
	bool is_copied = !is_zero_copy(socket_of(stream), total);
	size_t sent = 0, end = 0, done = 0;
	bool stopped = false;
	int rc = 0;

	if (is_copied) {
		rc = send_pieces_at_once(socket_of(stream), iov, count, total);
		if (rc < 0 || (size_t)rc == total)
			return rc;
		sent = (size_t)rc;
	}
	while (sent < total && !stopped && !stream->closer) {
		for (; end + iov[done].iov_len <= sent; done++)
			end += iov[done].iov_len;
		if (sent > end) {
			rc = send_rest(stream, (char *)iov[done].iov_base + (sent - end),
				       iov[done].iov_len - (sent - end), &stopped);
		} else {
			struct vector vector = {iov + done, count - done, is_copied};

			rc = send_pieces(stream, &vector, &stopped);
		}
		if (rc < 0 && !stopped)
			return rc;
		if (rc > 0)
			sent += (size_t)rc;
	}
	return sent ? (int)sent : rc;
}

/* -- Leases --------------------------------------------------------------------------------------
 */

/* Not all of it: the rest is put. The lease goes back when it is settled. */
static void fell_short(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct silent_send *send = container_of(completion, struct silent_send, completion);
	struct coil_stream *stream = send->owner;
	int sent = taken(result);
	int rc = sent < 0 ? sent : 0;

	(void)cqe_flags;
	silent_heard(stream->loop);
	if (rc == 0 && (uint32_t)sent < send->bytes)
		rc = stream_put_rest(stream, send->data + sent, send->bytes - (uint32_t)sent);
	if (rc < 0)
		stream_break(stream, rc);
}

static int put_at_once(struct socket_stream *socket, struct coil_lease *lease)
{
	struct coil_stream *stream = &socket->stream;
	struct coil_loop *loop = stream->loop;
	int sent, rc = 0;

	loop->at_once++;
	sent = taken(ring_send_now(&loop->ring, socket->fd, lease->data, lease->bytes));
	if (unlikely(sent >= 0 && (size_t)sent < lease->bytes))
		rc = stream_put_rest(stream, (const char *)lease->data + sent,
				     lease->bytes - (size_t)sent);
	if (unlikely(sent < 0))
		rc = sent;
	/* Where none of it has gone, and it could not be kept, it is as if it was not put. */
	if (unlikely(rc < 0 && sent != 0))
		stream_break(stream, rc);
	if (likely(rc == 0))
		coil_lease_release(lease);
	return rc;
}

/* One that is not copied is an operation that somebody waits for; debug mode wants to see one. */
static int socket_put_lease(struct coil_stream *stream, struct coil_lease *lease)
{
	struct socket_stream *socket = socket_of(stream);
	struct coil_loop *loop = stream->loop;
	struct silent_send *send;

	if (unlikely(is_zero_copy(socket, lease->bytes) || loop->observer))
		return -EOPNOTSUPP;
	if (lease->bytes >= AT_ONCE_BYTES)
		return put_at_once(socket, lease);
	if (unlikely(!silent_fits(loop)))
		return -EOPNOTSUPP;
	count_send(socket);
	send = silent_next(loop);
	send->completion.complete = fell_short;
	send->owner = stream;
	send->data = lease->data;
	send->bytes = (uint32_t)lease->bytes;
	send->copy = lease->copy;
	send->id = lease->id;
	lease->check_word = 0;
	stream->silent = silent_push(loop, send, socket->io_fd);
	return 0;
}

int socket_poll(struct socket_stream *socket, unsigned events, struct coil_op **waiting)
{
	struct coil_op op;
	int rc;

	op_prep_poll(&op, socket->io_fd, events);
	*waiting = &op;
	rc = op_await(&op);
	*waiting = NULL;
	return rc;
}

static int socket_wait_for_room(struct coil_stream *stream)
{
	struct socket_stream *socket = socket_of(stream);

	return socket_poll(socket, POLLOUT, &socket->writing);
}

static int socket_shutdown(struct coil_stream *stream)
{
	return stream->loop->driver->ops->calls->shutdown(socket_of(stream)->fd, SHUT_WR);
}

static void interrupt_op(struct coil_loop *loop, struct coil_op *op)
{
	if (op && op_is_started(op))
		op_cancel(loop, op);
}

static void socket_interrupt(struct coil_stream *stream)
{
	struct socket_stream *socket = socket_of(stream);

	interrupt_op(stream->loop, socket->reading);
	if (socket->waiting && future_is_pending(socket->waiting))
		future_cancel(socket->waiting);
	if (socket->receiver)
		receiver_interrupt(socket->receiver);
	interrupt_op(stream->loop, socket->writing);
}

void socket_stream_end(struct socket_stream *socket)
{
	struct coil_loop *loop = socket->stream.loop;

	check(!socket->reading && !socket->writing);
	receiver_abandon(socket->receiver);
	loop_note_close(loop, socket->fd);
	if (socket->io_fd != socket->fd)
		files_close(loop, socket->io_fd);
	loop->driver->ops->calls->close(socket->fd);
	if (socket->listener)
		listener_forget(socket->listener, socket);
}

static void socket_close(struct coil_stream *stream)
{
	struct socket_stream *socket = socket_of(stream);

	socket_stream_end(socket);
	socket_stream_free(socket);
}

const struct stream_ops socket_stream_ops = {
	.read = socket_read,
	.lease = socket_lease,
	.put_lease = socket_put_lease,
	.received = socket_received,
	.write = socket_write,
	.writev = socket_writev,
	.wait_for_room = socket_wait_for_room,
	.shutdown = socket_shutdown,
	.interrupt = socket_interrupt,
	.close = socket_close,
	.fd = socket_fd,
};

struct socket_stream *socket_stream_new(struct coil_loop *loop)
{
	struct socket_stream *socket = alloc_zeroed(loop->alloc, sizeof *socket);

	if (socket)
		socket_stream_init(socket, &socket_stream_ops, loop);
	return socket;
}

void socket_stream_init(struct socket_stream *socket, const struct stream_ops *ops,
			struct coil_loop *loop)
{
	stream_init(&socket->stream, ops, loop);
	socket->fd = -1;
	socket->io_fd = -1;
	list_init(&socket->siblings);
}

void socket_stream_free(struct socket_stream *socket)
{
	alloc_free(socket->stream.loop->alloc, socket, sizeof *socket);
}

struct coil_stream *socket_stream_begin(struct socket_stream *socket, int fd)
{
	socket->fd = fd;
	socket->io_fd = fd;
	socket->sends_left = SENDS_BEFORE_DIRECT;
	return &socket->stream;
}

static int check_type(struct coil_loop *loop, int fd)
{
	int type = 0;
	socklen_t bytes = sizeof type;
	int rc = loop->driver->ops->calls->getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes);

	if (rc < 0)
		return rc;
	return type == SOCK_STREAM ? 0 : -EPROTOTYPE;
}

/* A direct descriptor becomes the stream's beside a normal one. */
int coil_stream_from_fd(struct coil_stream **ret_stream, int fd)
{
	struct coil_loop *loop = loop_required(__func__);
	int normal = ring_fd_is_direct(fd) ? files_install(loop, fd) : fd;
	struct socket_stream *socket = NULL;
	int rc = ring_fd_is_direct(fd) && normal < 0 ? normal : check_type(loop, normal);

	if (rc == 0) {
		socket = socket_stream_new(loop);
		rc = socket ? 0 : -ENOMEM;
	}
	if (rc < 0) {
		if (normal >= 0 && normal != fd)
			loop->driver->ops->calls->close(normal);
		return rc;
	}
	*ret_stream = socket_stream_begin(socket, normal);
	if (normal != fd) {
		socket->io_fd = fd;
		socket->sends_left = 0;
	}
	return 0;
}

int coil_stream_peer(const struct coil_stream *stream, char *text, size_t bytes)
{
	int fd = coil_stream_fd(stream);

	if (fd < 0)
		return fd;
	return address_of_peer(stream->loop->driver->ops->calls, fd, text, bytes);
}

int coil_stream_local(const struct coil_stream *stream, char *text, size_t bytes)
{
	int fd = coil_stream_fd(stream);

	if (fd < 0)
		return fd;
	return address_of_local(stream->loop->driver->ops->calls, fd, text, bytes);
}
