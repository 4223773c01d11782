/* SPDX-License-Identifier: MIT */
/* What all kinds of streams share. See stream.h. */
#include "net/stream.h"

#include "coil/scope.h"
#include "task/await.h"
#include "task/scope.h"

#include <errno.h>

/* A writer in the queue; in its own frame. */
struct stream_turn {
	struct coil_future future;
	struct coil_list link;
};

void stream_init(struct coil_stream *stream, const struct stream_ops *ops, struct coil_loop *loop)
{
	stream->ops = ops;
	stream->loop = loop;
	list_init(&stream->writers);
	stream->closer = NULL;
	stream->flags = 0;
	stream->in = NULL;
	stream->out = NULL;
	stream->user = NULL;
	stream->silent = 0;
	stream->read_error = 0;
	stream->write_error = 0;
	stream->check_word = STREAM_CHECK_WORD;
}

int stream_leave_closing(struct coil_stream *stream, int rc)
{
	if (!(stream->flags & (STREAM_READING | STREAM_WRITING)))
		future_resolve(stream->closer, 0);
	return rc < 0 && rc == coil_cancelling() ? rc : -EPIPE;
}

int stream_refuse(void)
{
	struct coil_task *task = task_required("a stream");
	int reason;

	if (likely(!task->scope->effective))
		return 0;
	reason = scope_reason_met(task);
	task_yield(task_scheduler(task), task);
	return reason;
}

rarely void stream_note_end(struct coil_stream *stream, int rc)
{
	if (rc == 0)
		stream->flags |= STREAM_ENDED;
	else if (rc != coil_cancelling() && !stream->closer)
		stream->read_error = rc;
}

int coil_stream_read(struct coil_stream *stream, void *buf, size_t len)
{
	int rc;

	stream_check_reader(stream);
	if (unlikely(stream->closer))
		return -EPIPE;
	if (unlikely(len == 0))
		return 0;
	if (unlikely(stream->in))
		return stream_read_behind(stream, buf, len);
	stream->flags |= STREAM_READING;
	rc = stream->ops->read(stream, buf, len);
	if (unlikely(rc <= 0))
		stream_note_end(stream, rc);
	stream->flags &= ~(uint32_t)STREAM_READING;
	return unlikely(stream->closer) ? stream_leave_closing(stream, rc) : rc;
}

int stream_read_by(struct coil_stream *stream, int (*step)(struct coil_stream *stream, void *arg),
		   void *arg)
{
	int rc;

	stream_check_reader(stream);
	if (stream->closer)
		return -EPIPE;
	check_use((!stream->in || stream->in->count == 0) && !(stream->flags & STREAM_AHEAD),
		  "bytes that were read ahead would be overtaken: read them before, or have "
		  "coil_serve leave them in the kernel (COIL_SERVE_UNREAD)");
	stream->flags |= STREAM_READING;
	rc = step(stream, arg);
	stream->flags &= ~(uint32_t)STREAM_READING;
	return stream->closer ? stream_leave_closing(stream, rc) : rc;
}

/* -- Writers -------------------------------------------------------------------------------------
 */

static void turn_cancel(struct coil_future *future)
{
	struct stream_turn *turn = container_of(future, struct stream_turn, future);

	list_remove(&turn->link);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops turn_ops = {
	.kind = "stream's turn to write", .cancel = turn_cancel
};

static int queue_for_turn(struct coil_stream *stream)
{
	struct stream_turn turn;

	future_init(&turn.future, &stream->loop->ready, &turn_ops);
	list_init(&turn.link);
	list_push_back(&stream->writers, &turn.link);
	return future_await(&turn.future);
}

/* The turn is the caller's, but what was sent in silence may not have gone yet, or not all. */
static int settle(struct coil_stream *stream)
{
	int rc = stream_refuse();

	if (rc == 0) {
		stream_settle(stream);
		rc = stream->write_error;
	}
	return rc < 0 ? stream_give_turn(stream, rc) : 0;
}

static rarely int take_turn_later(struct coil_stream *stream)
{
	int rc = stream->flags & STREAM_WRITING ? queue_for_turn(stream) : 0;

	if (rc < 0)
		return rc;
	stream->flags |= STREAM_WRITING;
	return stream_is_settled(stream) && !stream->write_error ? 0 : settle(stream);
}

static inline int take_turn(struct coil_stream *stream)
{
	if (unlikely((stream->flags & STREAM_WRITING) || stream->write_error ||
		     !stream_is_settled(stream)))
		return take_turn_later(stream);
	stream->flags |= STREAM_WRITING;
	return 0;
}

int stream_take_turn(struct coil_stream *stream)
{
	return take_turn(stream);
}

/* At the next enter it is over: a turn. */
void stream_settle(struct coil_stream *stream)
{
	struct scheduler *s = scheduler_here();

	while (!stream_is_settled(stream))
		task_yield(s, task_running(s, "a stream"));
}

static struct stream_turn *next_turn(struct coil_stream *stream)
{
	struct coil_list *link = list_pop_front(&stream->writers);

	return link ? list_entry(link, struct stream_turn, link) : NULL;
}

/* Who comes next keeps the flag: nobody overtakes it. */
static inline int give_turn(struct coil_stream *stream, int rc)
{
	if (likely(list_is_empty(&stream->writers)))
		stream->flags &= ~(uint32_t)STREAM_WRITING;
	else
		future_resolve(&next_turn(stream)->future, 0);
	return unlikely(stream->closer) ? stream_leave_closing(stream, rc) : rc;
}

int stream_give_turn(struct coil_stream *stream, int rc)
{
	return give_turn(stream, rc);
}

int coil_stream_write(struct coil_stream *stream, const void *buf, size_t len)
{
	int rc;

	stream_check_use(stream);
	if (unlikely(len > COIL_STREAM_BYTES_MAX))
		return -EINVAL;
	if (unlikely(stream->closer))
		return -EPIPE;
	if (unlikely(len == 0))
		return 0;
	rc = take_turn(stream);
	if (unlikely(rc < 0))
		return rc;
	/* The turn came, and the close right after it. */
	if (likely(!stream->closer))
		rc = likely(!stream->out) ? stream->ops->write(stream, buf, len) :
					    stream_write_behind(stream, buf, len);
	return give_turn(stream, rc);
}

static int sum(const struct iovec *iov, size_t count, size_t *ret_total)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		if (iov[i].iov_len > COIL_STREAM_BYTES_MAX - total)
			return -EINVAL;
		total += iov[i].iov_len;
	}
	*ret_total = total;
	return 0;
}

int stream_write_by(struct coil_stream *stream, int (*step)(struct coil_stream *stream, void *arg),
		    void *arg)
{
	int rc;

	stream_check_use(stream);
	if (stream->closer)
		return -EPIPE;
	rc = stream_take_turn(stream);
	if (rc < 0)
		return rc;
	if (!stream->closer)
		rc = stream_write_behind(stream, NULL, 0);
	if (rc == 0 && !stream->closer)
		rc = step(stream, arg);
	return stream_give_turn(stream, rc);
}

struct pieces {
	const struct iovec *iov;
	size_t count;
	size_t total;
};

static int write_pieces(struct coil_stream *stream, void *arg)
{
	const struct pieces *pieces = arg;

	return stream->ops->writev(stream, pieces->iov, pieces->count, pieces->total);
}

int coil_stream_writev(struct coil_stream *stream, const struct iovec *iov, size_t count)
{
	struct pieces pieces = {.iov = iov, .count = count};
	int rc;

	stream_check_use(stream);
	rc = sum(iov, count, &pieces.total);
	if (rc < 0)
		return rc;
	if (pieces.total == 0)
		return stream->closer ? -EPIPE : 0;
	return stream_write_by(stream, write_pieces, &pieces);
}

static int shut_down(struct coil_stream *stream, void *arg)
{
	(void)arg;
	return stream->ops->shutdown(stream);
}

int coil_stream_shutdown(struct coil_stream *stream)
{
	return stream_write_by(stream, shut_down, NULL);
}

/* -- Close ---------------------------------------------------------------------------------------
 */

/* Only the loser of its own wait: it cannot be asked. */
static const struct coil_future_ops closer_ops = { .kind = "stream's last user" };

static void drive_out(struct coil_stream *stream)
{
	struct coil_task *task = task_required("coil_stream_close");
	struct coil_future left;
	struct stream_turn *turn;

	future_init(&left, &stream->loop->ready, &closer_ops);
	stream->closer = &left;
	while ((turn = next_turn(stream)) != NULL)
		future_resolve(&turn->future, -EPIPE);
	stream->ops->interrupt(stream);
	task_wait_to_the_end(task_scheduler(task), task, &left);
}

void coil_stream_close(struct coil_stream *stream)
{
	if (!stream)
		return;
	stream_check_use(stream);
	check_use(!stream->closer && !(stream->flags & STREAM_CLOSING),
		  "another task closes this stream already");
	stream->flags |= STREAM_CLOSING;
	if (unlikely(stream_pending(stream) > 0))
		(void)coil_stream_flush(stream);
	stream_settle(stream);
	if (unlikely(stream->flags & (STREAM_READING | STREAM_WRITING)))
		drive_out(stream);
	stream->check_word = STREAM_CHECK_FREED;
	stream_free_in(stream);
	stream_free_out(stream);
	stream->ops->close(stream);
}

int coil_stream_fd(const struct coil_stream *stream)
{
	stream_check_use(stream);
	return stream->ops->fd(stream);
}
