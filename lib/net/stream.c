/* SPDX-License-Identifier: MIT */
/* What all kinds of streams share. See stream.h. */
#include "net/stream.h"

#include "task/await.h"

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
	stream->check_word = STREAM_CHECK_WORD;
}

#define stream_check_use(stream)                                                                   \
	do {                                                                                       \
		check_use((stream)->check_word == STREAM_CHECK_WORD,                               \
			  "this is no open stream: was it closed before?");                        \
		check_use((stream)->loop == loop_current,                                          \
			  "this stream belongs to the loop of another thread");                    \
	} while (0)

/*
 * Somebody closes the stream: the caller has left it and must not touch it after this. What its
 * wait returned is not told, for who gets a count would go on with a stream that is gone; only its
 * own cancellation is.
 */
static int leave_closing(struct coil_stream *stream, int rc)
{
	if (!(stream->flags & (STREAM_READING | STREAM_WRITING)))
		future_resolve(stream->closer, 0);
	return rc < 0 && rc == coil_cancelling() ? rc : -EPIPE;
}

int coil_stream_read(struct coil_stream *stream, void *buf, size_t len)
{
	int rc;

	stream_check_use(stream);
	check_use(!(stream->flags & STREAM_READING), "another task reads this stream already");
	if (unlikely(stream->closer))
		return -EPIPE;
	if (unlikely(len == 0))
		return 0;
	stream->flags |= STREAM_READING;
	rc = stream->ops->read(stream, buf, len);
	stream->flags &= ~(uint32_t)STREAM_READING;
	return unlikely(stream->closer) ? leave_closing(stream, rc) : rc;
}

/* -- Writers -------------------------------------------------------------------------------------
 */

static void turn_cancel(struct coil_future *future)
{
	struct stream_turn *turn = container_of(future, struct stream_turn, future);

	list_remove(&turn->link);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops turn_ops = {"stream's turn to write", turn_cancel};

/* 0: the turn is the caller's, which gives it on. A stream that is closed may be gone after. */
static int take_turn(struct coil_stream *stream)
{
	struct stream_turn turn;

	if (likely(!(stream->flags & STREAM_WRITING))) {
		stream->flags |= STREAM_WRITING;
		return 0;
	}
	future_init(&turn.future, &stream->loop->ready, &turn_ops);
	list_init(&turn.link);
	list_push_back(&stream->writers, &turn.link);
	return future_await(&turn.future);
}

static struct stream_turn *next_turn(struct coil_stream *stream)
{
	struct coil_list *link = list_pop_front(&stream->writers);

	return link ? list_entry(link, struct stream_turn, link) : NULL;
}

/* Who comes next keeps the flag: nobody overtakes it. */
static int give_turn(struct coil_stream *stream, int rc)
{
	struct stream_turn *next = next_turn(stream);

	if (unlikely(next))
		future_resolve(&next->future, 0);
	else
		stream->flags &= ~(uint32_t)STREAM_WRITING;
	return unlikely(stream->closer) ? leave_closing(stream, rc) : rc;
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
		rc = stream->ops->write(stream, buf, len);
	return give_turn(stream, rc);
}

int coil_stream_shutdown(struct coil_stream *stream)
{
	int rc;

	stream_check_use(stream);
	if (stream->closer)
		return -EPIPE;
	rc = take_turn(stream);
	if (rc < 0)
		return rc;
	if (!stream->closer)
		rc = stream->ops->shutdown(stream);
	return give_turn(stream, rc);
}

/* -- Close ---------------------------------------------------------------------------------------
 */

/* Only the loser of its own wait: it cannot be asked. */
static const struct coil_future_ops closer_ops = {"stream's last user", NULL};

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
	check_use(!stream->closer, "another task closes this stream already");
	if (unlikely(stream->flags & (STREAM_READING | STREAM_WRITING)))
		drive_out(stream);
	stream->check_word = STREAM_CHECK_FREED;
	stream->ops->close(stream);
}

int coil_stream_fd(const struct coil_stream *stream)
{
	stream_check_use(stream);
	return stream->ops->fd(stream);
}
