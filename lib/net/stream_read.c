/* SPDX-License-Identifier: MIT */
/*
 * Reading with a buffer. It is filled only when somebody waits for bytes, never ahead of that, so
 * what the peer may make us keep is bounded by what our own side has asked for: twice the limit.
 *
 * A read that ends otherwise than with its result has taken nothing: what it had is back in the
 * buffer, in front.
 */
#include "net/stream.h"

#include "task/await.h"

#include <errno.h>
#include <string.h>

#define CHUNK 4096u

/* -- The buffer ----------------------------------------------------------------------------------
 */

int stream_make_in(struct coil_stream *stream)
{
	if (stream->in)
		return 0;
	stream->in = alloc_zeroed(stream->loop->alloc, sizeof *stream->in);
	if (!stream->in)
		return -ENOMEM;
	stream->in->limit = COIL_STREAM_LIMIT;
	return 0;
}

static void free_data(struct coil_loop *loop, struct stream_in *in)
{
	alloc_free(loop->alloc, in->data, in->room);
	in->data = NULL;
	in->room = 0;
	in->start = 0;
}

static void free_in(struct coil_loop *loop, struct stream_in *in)
{
	free_data(loop, in);
	alloc_free(loop->alloc, in, sizeof *in);
}

void stream_free_in(struct coil_stream *stream)
{
	if (!stream->in)
		return;
	if (stream->in->is_gone)
		*stream->in->is_gone = true;
	free_in(stream->loop, stream->in);
	stream->in = NULL;
}

/* -- Without a stream ----------------------------------------------------------------------------
 */

void stream_lend(struct coil_stream *stream, struct stream_spare *spare)
{
	if (!stream->in) {
		stream->in = spare->in;
		spare->in = NULL;
	}
	if (spare->out && !stream->out) {
		stream->out = spare->out;
		stream->out->stream = stream;
		spare->out = NULL;
	}
}

/* The struct stays with the stream if it holds more than bytes: a limit of the user's, a loss. */
static void take_back_in(struct coil_stream *stream, struct stream_spare *spare)
{
	struct stream_in *in = stream->in;

	if (in->count > 0)
		return;
	if (in->limit != COIL_STREAM_LIMIT || in->lost || in->skips_line || in->is_gone) {
		free_data(stream->loop, in);
		return;
	}
	if (spare->in) {
		stream_free_in(stream);
		return;
	}
	if (in->room > STREAM_SPARE_BYTES)
		free_data(stream->loop, in);
	in->start = 0;
	in->was_filled = false;
	stream->in = NULL;
	spare->in = in;
}

void stream_take_back(struct coil_stream *stream, struct stream_spare *spare)
{
	if (stream->in)
		take_back_in(stream, spare);
	if (stream->out)
		stream_take_back_out(stream, spare);
}

void stream_spare_free(struct coil_loop *loop, struct stream_spare *spare)
{
	if (spare->in)
		free_in(loop, spare->in);
	if (spare->out)
		stream_out_free(spare->out);
	*spare = (struct stream_spare){0};
}

/* Moves what is there into @room bytes, @before of them left free in front. */
static int move_to(struct coil_stream *stream, size_t room, size_t before)
{
	const struct coil_alloc *alloc = stream->loop->alloc;
	struct stream_in *in = stream->in;
	char *data = alloc->alloc(alloc->context, room);

	check(before + in->count <= room);
	if (!data)
		return -ENOMEM;
	if (in->count)
		memcpy(data + before, in->data + in->start, in->count);
	alloc_free(alloc, in->data, in->room);
	in->data = data;
	in->room = room;
	in->start = before;
	return 0;
}

/* Doubled while more comes than fits, or one call wants it; only @want passes the bound. */
static size_t room_for(const struct stream_in *in, size_t want)
{
	size_t room = in->room ? in->room : CHUNK;

	if (in->room && (in->was_filled || want > in->room))
		room = 2 * in->room;
	if (room > 2 * in->limit)
		room = 2 * in->limit;
	if (room < in->room)
		room = in->room;
	return room < want ? want : room;
}

static int make_room(struct coil_stream *stream, size_t want)
{
	struct stream_in *in = stream->in;
	size_t room = room_for(in, want);

	if (room > in->room)
		return move_to(stream, room, 0);
	if (in->count == 0)
		in->start = 0;
	if (in->room - in->start < want) {
		memmove(in->data, in->data + in->start, in->count);
		in->start = 0;
	}
	return 0;
}

/* One read of the stream below. */
static int pull(struct coil_stream *stream, void *buf, size_t len)
{
	int rc = stream->ops->read(stream, buf, len);

	if (rc <= 0)
		stream_note_end(stream, rc);
	return unlikely(stream->closer) ? -EPIPE : rc;
}

/* Waits for at least one byte more, with room for @want in all. As a read. */
static int fill(struct coil_stream *stream, size_t want)
{
	struct stream_in *in = stream->in;
	int rc = make_room(stream, want);
	size_t end, free;

	if (rc < 0)
		return rc;
	end = in->start + in->count;
	free = in->room - end;
	rc = pull(stream, in->data + end, free);
	if (rc <= 0)
		return rc;
	in->count += (size_t)rc;
	in->was_filled = (size_t)rc == free;
	return rc;
}

int stream_fill_to(struct coil_stream *stream, size_t want)
{
	struct stream_in *in = stream->in;
	int rc = 1;

	while (in->count < want && rc > 0)
		rc = fill(stream, want);
	return rc < 0 ? rc : (int)(in->count < COIL_STREAM_BYTES_MAX ? in->count :
								       COIL_STREAM_BYTES_MAX);
}

void stream_skip(struct stream_in *in, size_t len)
{
	check(len <= in->count);
	in->start += len;
	in->count -= len;
	in->skips_line = false;
}

static size_t take(struct coil_stream *stream, void *buf, size_t len)
{
	struct stream_in *in = stream->in;

	if (len > in->count)
		len = in->count;
	if (len == 0)
		return 0;
	memcpy(buf, in->data + in->start, len);
	stream_skip(in, len);
	if (in->count == 0 && in->room > 2 * in->limit)
		free_data(stream->loop, in);
	return len;
}

int stream_give_back(struct coil_stream *stream, const void *buf, size_t len)
{
	struct stream_in *in = stream->in;
	int rc = 0;

	if (len == 0)
		return 0;
	if (in->room - in->count < len) {
		rc = move_to(stream, room_for(in, in->count + len), len);
	} else if (in->start < len) {
		memmove(in->data + len, in->data + in->start, in->count);
		in->start = len;
	}
	if (rc < 0)
		return rc;
	in->start -= len;
	in->count += len;
	memcpy(in->data + in->start, buf, len);
	return 0;
}

/* -- One reader ----------------------------------------------------------------------------------
 */

int stream_begin_read(struct coil_stream *stream)
{
	int rc;

	if (unlikely(stream->closer))
		return -EPIPE;
	rc = stream_refuse();
	if (rc == 0)
		rc = stream_make_in(stream);
	if (rc == 0)
		rc = stream->in->lost;
	if (rc == 0)
		stream->flags |= STREAM_READING;
	return rc;
}

int stream_end_read(struct coil_stream *stream, int rc)
{
	struct coil_task *task = task_required("a stream");

	stream->flags &= ~(uint32_t)STREAM_READING;
	if (unlikely(stream->closer))
		return stream_leave_closing(stream, rc);
	task_pay(task);
	return rc;
}

int stream_read_behind(struct coil_stream *stream, void *buf, size_t len)
{
	int rc = stream_begin_read(stream);

	if (rc < 0)
		return rc;
	if (len > COIL_STREAM_BYTES_MAX)
		len = COIL_STREAM_BYTES_MAX;
	stream->in->skips_line = false;
	rc = (int)take(stream, buf, len);
	if (rc == 0)
		rc = pull(stream, buf, len);
	return stream_end_read(stream, rc);
}

/* The little that is left comes through the buffer, with what follows it; much goes where it
 * belongs. */
static int take_more(struct coil_stream *stream, char *buf, size_t len)
{
	int rc;

	if (len >= CHUNK)
		return pull(stream, buf, len);
	rc = fill(stream, 1);
	return rc > 0 ? (int)take(stream, buf, len) : rc;
}

int stream_take_all(struct coil_stream *stream, void *buf, size_t len)
{
	size_t got = take(stream, buf, len);
	int rc = 1;

	while (got < len) {
		rc = take_more(stream, (char *)buf + got, len - got);
		if (rc <= 0)
			break;
		got += (size_t)rc;
	}
	if (likely(rc >= 0))
		return (int)got;
	if (!stream->closer && stream_give_back(stream, buf, got) < 0)
		stream->in->lost = -ENOMEM;
	return rc;
}

int coil_stream_read_exactly(struct coil_stream *stream, void *buf, size_t len)
{
	int rc;

	stream_check_reader(stream);
	if (len > COIL_STREAM_BYTES_MAX)
		return -EINVAL;
	rc = stream_begin_read(stream);
	if (rc < 0)
		return rc;
	rc = stream_take_all(stream, buf, len);
	if (rc >= 0 && (size_t)rc < len) {
		if (stream_give_back(stream, buf, (size_t)rc) < 0)
			stream->in->lost = -ENOMEM;
		rc = -ENODATA;
	}
	return stream_end_read(stream, rc);
}

/* More than fits: one byte past it lies in the buffer. */
static int take_to_end(struct coil_stream *stream, void *buf, size_t len)
{
	int got = stream_take_all(stream, buf, len);
	int rc;

	if (got < 0 || (size_t)got < len)
		return got;
	rc = stream_fill_to(stream, 1);
	if (rc == 0)
		return got;
	if (!stream->closer && stream_give_back(stream, buf, (size_t)got) < 0)
		stream->in->lost = -ENOMEM;
	return rc < 0 ? rc : -EMSGSIZE;
}

int coil_stream_read_all(struct coil_stream *stream, void *buf, size_t len)
{
	int rc;

	stream_check_reader(stream);
	if (len > COIL_STREAM_BYTES_MAX)
		return -EINVAL;
	rc = stream_begin_read(stream);
	if (rc < 0)
		return rc;
	return stream_end_read(stream, take_to_end(stream, buf, len));
}

/* -- Looking, and taking back --------------------------------------------------------------------
 */

int coil_stream_peek(struct coil_stream *stream, size_t want, const void **ret_data)
{
	int rc;

	stream_check_reader(stream);
	rc = stream_begin_read(stream);
	if (rc < 0)
		return rc;
	if (want > 2 * stream->in->limit)
		return stream_end_read(stream, -EMSGSIZE);
	rc = stream_fill_to(stream, want);
	if (rc >= 0)
		*ret_data = stream->in->data + stream->in->start;
	return stream_end_read(stream, rc);
}

size_t coil_stream_skip(struct coil_stream *stream, size_t len)
{
	stream_check_reader(stream);
	if (!stream->in)
		return 0;
	if (len > stream->in->count)
		len = stream->in->count;
	stream_skip(stream->in, len);
	return len;
}

int coil_stream_unread(struct coil_stream *stream, const void *buf, size_t len)
{
	int rc;

	stream_check_reader(stream);
	rc = stream_make_in(stream);
	if (rc < 0)
		return rc;
	if (stream->in->count > 2 * stream->in->limit ||
	    len > 2 * stream->in->limit - stream->in->count)
		return -EMSGSIZE;
	return stream_give_back(stream, buf, len);
}

int coil_stream_set_limit(struct coil_stream *stream, size_t bytes)
{
	int rc;

	stream_check_use(stream);
	if (bytes == 0 || bytes > COIL_STREAM_LIMIT_MAX)
		return -EINVAL;
	rc = stream_make_in(stream);
	if (rc == 0)
		stream->in->limit = bytes;
	return rc;
}

size_t coil_stream_buffered(const struct coil_stream *stream)
{
	size_t received;

	stream_check_use(stream);
	received = stream->ops->received ? stream->ops->received(stream) : 0;
	return received + (stream->in ? stream->in->count : 0);
}

bool coil_stream_at_end(const struct coil_stream *stream)
{
	return coil_stream_buffered(stream) == 0 && (stream->flags & STREAM_ENDED) != 0;
}
