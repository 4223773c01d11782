/* SPDX-License-Identifier: MIT */
/*
 * Two streams connected in memory: one pipe in each direction, a ring of bytes with a limit. It
 * cuts nothing and delays nothing. There is one reader and one writer in each pipe at most
 * (stream.h), so each has one place to wait.
 */
#include "net/stream.h"

#include "coil/scope.h"
#include "task/await.h"

#include <errno.h>
#include <string.h>

struct pipe {
	char *data;
	size_t start;
	size_t count;
	bool is_ended;	/* nothing more is written */
	bool is_broken;	/* nobody reads */
	struct coil_future *reader; /* who waits, in its own frame; NULL: nobody */
	struct coil_future *writer;
};

struct half {
	struct coil_stream stream;
	struct pair *pair;
	struct pipe *in;
	struct pipe *out;
};

struct pair {
	struct half halves[2];
	struct pipe pipes[2];
	size_t limit;	/* bytes of a pipe */
	int open;	/* halves */
	char data[];
};

static struct half *half_of(struct coil_stream *stream)
{
	return container_of(stream, struct half, stream);
}

/* -- Waiting -------------------------------------------------------------------------------------
 */

static void wait_cancel(struct coil_future *future)
{
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops reader_ops = {
	.kind = "bytes in a stream pair", .cancel = wait_cancel
};
static const struct coil_future_ops writer_ops = {
	.kind = "room in a stream pair", .cancel = wait_cancel
};

/* A cancel that comes after the wake is met by the next wait. */
static int wait_at(struct coil_stream *stream, struct coil_future **place,
		   const struct coil_future_ops *ops)
{
	struct coil_future future;
	int rc;

	future_init(&future, &stream->loop->ready, ops);
	*place = &future;
	rc = future_await(&future);
	*place = NULL;
	return rc;
}

static void wake(struct coil_future *waiter, int result)
{
	if (waiter && future_is_pending(waiter))
		future_resolve(waiter, result);
}

/* What need not wait is paid for. */
static int end(int rc)
{
	struct coil_task *task = task_required("a stream pair");

	task_pay(task);
	return rc;
}

/* -- Bytes ---------------------------------------------------------------------------------------
 */

static size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t pipe_take(struct pipe *pipe, size_t limit, char *buf, size_t len)
{
	size_t first;

	len = lesser(len, pipe->count);
	first = lesser(len, limit - pipe->start);
	memcpy(buf, pipe->data + pipe->start, first);
	memcpy(buf + first, pipe->data, len - first);
	pipe->start = (pipe->start + len) % limit;
	pipe->count -= len;
	return len;
}

static size_t pipe_give(struct pipe *pipe, size_t limit, const char *buf, size_t len)
{
	size_t end = (pipe->start + pipe->count) % limit;
	size_t first;

	len = lesser(len, limit - pipe->count);
	first = lesser(len, limit - end);
	memcpy(pipe->data + end, buf, first);
	memcpy(pipe->data, buf + first, len - first);
	pipe->count += len;
	return len;
}

static int half_read(struct coil_stream *stream, void *buf, size_t len)
{
	struct half *half = half_of(stream);
	struct pipe *pipe = half->in;
	size_t taken;
	int rc = stream_refuse();

	while (rc == 0 && pipe->count == 0 && !pipe->is_ended && !stream->closer)
		rc = wait_at(stream, &pipe->reader, &reader_ops);
	if (rc < 0 || stream->closer)
		return rc < 0 ? rc : -EPIPE;
	taken = pipe_take(pipe, half->pair->limit, buf, len);
	wake(pipe->writer, 0);
	return end((int)taken);
}

static int half_write(struct coil_stream *stream, const void *buf, size_t len)
{
	struct half *half = half_of(stream);
	struct pipe *pipe = half->out;
	size_t sent = 0;
	int rc = stream_refuse();

	while (rc == 0 && sent < len) {
		if (pipe->is_broken || pipe->is_ended || stream->closer)
			return -EPIPE;
		sent += pipe_give(pipe, half->pair->limit, (const char *)buf + sent, len - sent);
		wake(pipe->reader, 0);
		if (sent < len)
			rc = wait_at(stream, &pipe->writer, &writer_ops);
	}
	return end(sent ? (int)sent : rc);
}

static int half_writev(struct coil_stream *stream, const struct iovec *iov, size_t count,
		       size_t total)
{
	size_t sent = 0;

	for (size_t i = 0; i < count && sent < total; i++) {
		int rc = iov[i].iov_len ?
				 half_write(stream, iov[i].iov_base, iov[i].iov_len) : 0;

		if (rc < 0)
			return sent && rc == coil_cancelling() ? (int)sent : rc;
		sent += (size_t)rc;
		if ((size_t)rc < iov[i].iov_len)
			break;
	}
	return (int)sent;
}

/* -- The end -------------------------------------------------------------------------------------
 */

static int half_shutdown(struct coil_stream *stream)
{
	struct pipe *out = half_of(stream)->out;

	out->is_ended = true;
	wake(out->reader, 0);
	return 0;
}

static void half_interrupt(struct coil_stream *stream)
{
	struct half *half = half_of(stream);

	wake(half->in->reader, -EPIPE);
	wake(half->out->writer, -EPIPE);
}

/* The peer reads what was written before, and then the end. */
static void half_close(struct coil_stream *stream)
{
	struct half *half = half_of(stream);
	struct pair *pair = half->pair;

	half->in->is_broken = true;
	wake(half->in->writer, 0);
	half_shutdown(stream);
	if (--pair->open == 0)
		alloc_free(stream->loop->alloc, pair, sizeof *pair + 2 * pair->limit);
}

static int half_fd(const struct coil_stream *stream)
{
	(void)stream;
	return -EOPNOTSUPP;
}

static const struct stream_ops half_ops = {
	.read = half_read,
	.write = half_write,
	.writev = half_writev,
	.shutdown = half_shutdown,
	.interrupt = half_interrupt,
	.close = half_close,
	.fd = half_fd,
};

int coil_stream_pair(struct coil_stream **ret_a, struct coil_stream **ret_b, size_t bytes)
{
	struct coil_loop *loop = loop_required(__func__);
	struct pair *pair;

	if (bytes > COIL_STREAM_LIMIT_MAX)
		return -EINVAL;
	if (bytes == 0)
		bytes = COIL_STREAM_LIMIT;
	pair = alloc_zeroed(loop->alloc, sizeof *pair + 2 * bytes);
	if (!pair)
		return -ENOMEM;
	pair->limit = bytes;
	pair->open = 2;
	for (int i = 0; i < 2; i++) {
		struct half *half = &pair->halves[i];

		stream_init(&half->stream, &half_ops, loop);
		half->pair = pair;
		half->in = &pair->pipes[i];
		half->out = &pair->pipes[1 - i];
		half->in->data = pair->data + (size_t)i * bytes;
	}
	*ret_a = &pair->halves[0].stream;
	*ret_b = &pair->halves[1].stream;
	return 0;
}
