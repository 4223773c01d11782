/* SPDX-License-Identifier: MIT */
/*
 * Buffered writing. What is put goes to the back; a task that lives as long as something waits
 * takes the turn to write, makes the back the front, and sends that. Direct writers take the
 * same turn, and send what was put before their own bytes.
 */
#include "net/stream.h"

#include "coil/scope.h"
#include "loop/silent.h"
#include "task/await.h"
#include "task/group.h"

#include <errno.h>
#include <string.h>

/* Of a stream that has sent all that was put; a peer that was slow once keeps no more. */
#define KEPT_BYTES 16384u

/* Who drains or flushes; in its own frame. */
struct stream_wait {
	struct coil_future future;
	struct coil_list link;
};

/* -- Memory --------------------------------------------------------------------------------------
 */

static int make_out(struct coil_stream *stream)
{
	struct stream_out *out = stream->out;

	if (out)
		return 0;
	out = alloc_zeroed(stream->loop->alloc, sizeof *out);
	if (!out)
		return -ENOMEM;
	out->stream = stream;
	out->loop = stream->loop;
	out->high = COIL_STREAM_HIGH;
	out->low = COIL_STREAM_HIGH / 4;
	list_init(&out->drainers);
	list_init(&out->flushers);
	stream->out = out;
	return 0;
}

static void drop(struct stream_out *out, struct stream_pending *pending)
{
	alloc_free(out->loop->alloc, pending->data, pending->room);
	*pending = (struct stream_pending){0};
}

void stream_out_free(struct stream_out *out)
{
	drop(out, &out->front);
	drop(out, &out->back);
	alloc_free(out->loop->alloc, out, sizeof *out);
}

static size_t unsent(const struct stream_out *out)
{
	return out->front.count + out->back.count;
}

size_t stream_pending(const struct coil_stream *stream)
{
	size_t bytes = stream->out ? unsent(stream->out) : 0;

	if (unlikely(!stream_is_settled(stream)))
		bytes += silent_of(&stream->loop->silents, stream->silent)->bytes;
	return bytes;
}

static int make_room(struct stream_out *out, struct stream_pending *pending, size_t len)
{
	size_t room = pending->room ? pending->room : 1024;
	char *data;

	while (room < pending->count + len)
		room *= 2;
	if (room == pending->room)
		return 0;
	data = alloc_resize(out->loop->alloc, pending->data, pending->room, room);
	if (!data)
		return -ENOMEM;
	pending->data = data;
	pending->room = room;
	return 0;
}

static void append(struct stream_pending *back, const void *buf, size_t len)
{
	if (len)
		memcpy(back->data + back->count, buf, len);
	back->count += len;
}

/* -- Waiting -------------------------------------------------------------------------------------
 */

static void wait_cancel(struct coil_future *future)
{
	struct stream_wait *wait = container_of(future, struct stream_wait, future);

	list_remove(&wait->link);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops drain_ops = {
	.kind = "stream's low-water mark", .cancel = wait_cancel
};
static const struct coil_future_ops flush_ops = {.kind = "stream's flush", .cancel = wait_cancel};

static int wait_in(struct stream_out *out, struct coil_list *line,
		   const struct coil_future_ops *ops)
{
	struct stream_wait wait;

	future_init(&wait.future, &out->loop->ready, ops);
	list_init(&wait.link);
	list_push_back(line, &wait.link);
	return future_await(&wait.future);
}

static void wake_all(struct coil_list *line, int result)
{
	struct coil_list *link;

	while ((link = list_pop_front(line)) != NULL)
		future_resolve(&list_entry(link, struct stream_wait, link)->future, result);
}

/* Of memory without bytes: only as much is kept. */
static void shrink(struct stream_out *out, size_t most)
{
	if (out->front.room > most)
		drop(out, &out->front);
	if (out->back.room > most)
		drop(out, &out->back);
}

/* Some of it is gone. */
static void note_level(struct stream_out *out)
{
	if (unsent(out) <= out->low)
		out->is_above = false;
	if (!out->is_above)
		wake_all(&out->drainers, 0);
	if (unsent(out) > 0)
		return;
	shrink(out, KEPT_BYTES);
	wake_all(&out->flushers, 0);
}

void stream_break(struct coil_stream *stream, int error)
{
	struct stream_out *out = stream->out;

	stream->write_error = error;
	if (!out)
		return;
	drop(out, &out->front);
	drop(out, &out->back);
	out->is_above = false;
	wake_all(&out->drainers, error);
	wake_all(&out->flushers, error);
}

/* -- Sending -------------------------------------------------------------------------------------
 */

/* The front, and behind it @len bytes, 0 for none; > 0: how much of both; or as ops->write. */
static int send_front(struct coil_stream *stream, const void *buf, size_t len)
{
	struct stream_pending *front = &stream->out->front;
	const struct iovec iov[] = {
		{.iov_base = front->data + front->start, .iov_len = front->count},
		{.iov_base = (void *)(uintptr_t)buf, .iov_len = len},
	};

	if (len == 0)
		return stream->ops->write(stream, iov[0].iov_base, front->count);
	return stream->ops->writev(stream, iov, 2, front->count + len);
}

/* The front, what was put before it is sent, has been sent as far as @sent. */
static void advance(struct stream_pending *front, size_t sent)
{
	front->start += sent;
	front->count -= sent;
	if (front->count == 0)
		front->start = 0;
}

static void turn_over(struct stream_out *out)
{
	const struct stream_pending front = out->front;

	check(front.count == 0);
	out->front = out->back;
	out->back = front;
}

int stream_write_behind(struct coil_stream *stream, const void *buf, size_t len)
{
	struct stream_out *out = stream->out;
	size_t put, behind;
	int rc;

	while (out && unsent(out) > 0) {
		if (out->front.count == 0)
			turn_over(out);
		put = out->front.count;
		behind = out->back.count ? 0 : len;
		rc = send_front(stream, buf, behind);
		if (stream->closer)
			return -EPIPE;
		if (rc < 0) {
			if (rc != coil_cancelling())
				stream_break(stream, rc);
			return rc;
		}
		advance(&out->front, (size_t)rc < put ? (size_t)rc : put);
		note_level(out);
		if ((size_t)rc > put)
			return rc - (int)put;
		if ((size_t)rc < put && (rc = stream_refuse()) < 0)
			return rc;
	}
	return len ? stream->ops->write(stream, buf, len) : 0;
}

static int send_all(struct stream_out *out)
{
	struct coil_stream *stream;
	int rc = 0;

	while (rc == 0 && (stream = out->stream) != NULL && unsent(out) > 0) {
		rc = stream_take_turn(stream);
		if (rc < 0)
			break;
		if (!stream->closer)
			rc = stream_write_behind(stream, NULL, 0);
		rc = stream_give_turn(stream, rc);
	}
	return rc;
}

/* The sender was cancelled: what is left waits for a direct writer, or for another sender. */
static void stop(struct stream_out *out, int rc)
{
	if (rc != coil_cancelling())
		return;
	wake_all(&out->drainers, rc);
	wake_all(&out->flushers, rc);
}

/* Nobody joins it, and its scope is the program's: only that ends it before its work is done. */
static int sender(void *arg)
{
	struct stream_out *out = arg;
	int rc = send_all(out);

	out->has_task = false;
	if (!out->stream)
		stream_out_free(out);
	else if (rc < 0)
		stop(out, rc);
	return 0;
}

static int start_sender(struct stream_out *out)
{
	const struct coil_task_options options = {
		.size = sizeof options,
		.name = "stream sender",
		.flags = COIL_FRESH_LOCALS,
	};
	const struct task_spec spec = {.options = &options, .entry = sender, .arg = out};
	struct scheduler *s = scheduler_required("coil_stream_put");

	if (out->has_task)
		return 0;
	out->has_task = group_spawn_root(s, &spec) != NULL;
	return out->has_task ? 0 : -ENOMEM;
}

void stream_free_out(struct coil_stream *stream)
{
	struct stream_out *out = stream->out;

	if (!out)
		return;
	wake_all(&out->drainers, -EPIPE);
	wake_all(&out->flushers, -EPIPE);
	stream->out = NULL;
	out->stream = NULL;
	if (!out->has_task)
		stream_out_free(out);
}

/* Unless it holds more than bytes: an error, water marks of the user's. */
void stream_take_back_out(struct coil_stream *stream, struct stream_spare *spare)
{
	struct stream_out *out = stream->out;
	struct coil_task *task = task_required("a stream");

	if (unsent(out) > 0 || stream->write_error || out->high != COIL_STREAM_HIGH ||
	    out->low != COIL_STREAM_HIGH / 4 || !list_is_empty(&out->drainers) ||
	    !list_is_empty(&out->flushers))
		return;
	/* It finds that another has sent everything. */
	if (out->has_task)
		task_yield(task_scheduler(task), task);
	if (out->has_task || spare->out) {
		stream_free_out(stream);
		return;
	}
	shrink(out, STREAM_SPARE_BYTES);
	stream->out = NULL;
	out->stream = NULL;
	spare->out = out;
}

/* -- The calls -----------------------------------------------------------------------------------
 */

int coil_stream_set_water(struct coil_stream *stream, size_t high, size_t low)
{
	int rc;

	stream_check_use(stream);
	if (high > COIL_STREAM_BYTES_MAX || low > high)
		return -EINVAL;
	rc = make_out(stream);
	if (rc < 0)
		return rc;
	stream->out->high = high;
	stream->out->low = low;
	stream->out->is_above = unsent(stream->out) > high;
	note_level(stream->out);
	return 0;
}

/* @len bytes in all: behind those of the front, or of the back. */
static int put_in(struct stream_out *out, struct stream_pending *pending, const struct iovec *iov,
		  size_t count, size_t len)
{
	int rc = make_room(out, pending, len);

	if (rc == 0)
		rc = start_sender(out);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		append(pending, iov[i].iov_base, iov[i].iov_len);
	if (unsent(out) > out->high)
		out->is_above = true;
	return 0;
}

static int put(struct stream_out *out, const struct iovec *iov, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		if (iov[i].iov_len > COIL_STREAM_BYTES_MAX - len)
			return -ENOBUFS;
		len += iov[i].iov_len;
	}
	if (unsent(out) > COIL_STREAM_BYTES_MAX - len)
		return -ENOBUFS;
	return len ? put_in(out, &out->back, iov, count, len) : 0;
}

int stream_put(struct coil_stream *stream, const struct iovec *iov, size_t count)
{
	int rc;

	if (stream->flags & STREAM_CLOSING)
		return -EPIPE;
	if (stream->write_error)
		return stream->write_error;
	rc = make_out(stream);
	return rc < 0 ? rc : put(stream->out, iov, count);
}

int stream_put_rest(struct coil_stream *stream, const void *data, size_t len)
{
	const struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	int rc = make_out(stream);

	if (rc < 0)
		return rc;
	check(stream->out->front.count == 0);
	return put_in(stream->out, &stream->out->front, &piece, 1, len);
}

int coil_stream_put(struct coil_stream *stream, const void *buf, size_t len)
{
	const struct iovec piece = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};

	stream_check_use(stream);
	return stream_put(stream, &piece, 1);
}

static int wait_begin(struct coil_stream *stream)
{
	int rc;

	if (stream->closer)
		return -EPIPE;
	rc = stream_refuse();
	if (rc < 0)
		return rc;
	if (stream->write_error || !stream->out || unsent(stream->out) == 0)
		return stream->write_error;
	return start_sender(stream->out);
}

int coil_stream_drain(struct coil_stream *stream)
{
	struct coil_task *task = task_required(__func__);
	int rc;

	stream_check_use(stream);
	rc = wait_begin(stream);
	if (rc == 0)
		rc = stream->read_error;
	if (rc == 0 && stream->out && stream->out->is_above)
		return wait_in(stream->out, &stream->out->drainers, &drain_ops);
	task_pay(task);
	return rc;
}

/* Before it, what was put is sent. */
static int nothing(struct coil_stream *stream, void *arg)
{
	(void)stream;
	(void)arg;
	return 0;
}

int coil_stream_flush(struct coil_stream *stream)
{
	struct coil_task *task = task_required(__func__);
	int rc;

	stream_check_use(stream);
	rc = wait_begin(stream);
	if (rc == 0 && !stream_is_settled(stream))
		return stream_write_by(stream, nothing, NULL);
	if (rc == 0 && stream_pending(stream) > 0)
		return wait_in(stream->out, &stream->out->flushers, &flush_ops);
	task_pay(task);
	return rc;
}

size_t coil_stream_unsent(const struct coil_stream *stream)
{
	stream_check_use(stream);
	return stream_pending(stream);
}
