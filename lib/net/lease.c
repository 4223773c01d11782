/* SPDX-License-Identifier: MIT */
/* Reading without a copy; and with one where there is no other way. */
#include "coil/lease.h"

#include "net/stream.h"

#include "loop/buffer_queue.h"
#include "loop/leases.h"
#include "task/await.h"

#include <errno.h>
#include <string.h>

#define LEASE_CHECK_WORD 0x1ea5e0fbu

_Static_assert(sizeof(struct coil_lease) == 40, "a lease is of a size");

struct lease_taker lease_taker_now(void)
{
	const struct coil_task *task = task_required("coil_stream_read_lease");

	return (struct lease_taker){.task = task->id, .place = task->place};
}

void lease_of_buffer(struct coil_lease *lease, struct buffers *buffers, uint16_t id)
{
	const struct lease_taker taker = lease_taker_now();

	lease_begin(buffers, id, &taker);
	lease->loop = buffers->loop;
	lease->copy = NULL;
	lease->id = id;
	lease->check_word = LEASE_CHECK_WORD;
}

int lease_of_queue(struct coil_lease *lease, struct buffer_queue *queue, struct buffers *buffers)
{
	uint16_t id = buffer_queue_pop(queue, buffers, &lease->data, &lease->bytes);

	lease_of_buffer(lease, buffers, id);
	return (int)lease->bytes;
}

int lease_of_copy(struct coil_lease *lease, struct coil_loop *loop, struct lease_copy *copy)
{
	*lease = (struct coil_lease){
		.data = copy->data,
		.bytes = copy->bytes,
		.loop = loop,
		.copy = copy,
		.check_word = LEASE_CHECK_WORD,
	};
	return (int)copy->bytes;
}

/* As a read, into memory of its own. */
static rarely int read_copy(struct coil_stream *stream, struct coil_lease *lease)
{
	const struct lease_taker taker = lease_taker_now();
	struct lease_copy *copy = lease_copy_new(stream->loop, &taker);
	int rc;

	if (!copy)
		return -ENOMEM;
	rc = stream->ops->read(stream, copy->data, sizeof copy->data);
	if (rc <= 0) {
		lease_copy_free(stream->loop, copy);
		return rc;
	}
	copy->bytes = (size_t)rc;
	return lease_of_copy(lease, stream->loop, copy);
}

/* What was read ahead. */
static rarely int take_ahead(struct coil_stream *stream, struct coil_lease *lease)
{
	const struct lease_taker taker = lease_taker_now();
	struct stream_in *in = stream->in;
	size_t bytes = in->count < LEASE_BYTES ? in->count : LEASE_BYTES;
	struct lease_copy *copy = lease_copy_new(stream->loop, &taker);

	if (!copy)
		return -ENOMEM;
	memcpy(copy->data, in->data + in->start, bytes);
	copy->bytes = bytes;
	stream_skip(in, bytes);
	return lease_of_copy(lease, stream->loop, copy);
}

static inline int read_lease(struct coil_stream *stream, struct coil_lease *lease)
{
	int rc = -EOPNOTSUPP;

	if (unlikely(stream->in && stream->in->count > 0))
		return take_ahead(stream, lease);
	if (likely(stream->ops->lease))
		rc = stream->ops->lease(stream, lease);
	if (unlikely(rc == -EOPNOTSUPP))
		rc = read_copy(stream, lease);
	if (unlikely(rc <= 0))
		stream_note_end(stream, rc);
	return rc;
}

int coil_stream_read_lease(struct coil_stream *stream, struct coil_lease *ret_lease)
{
	struct coil_task *task = task_required(__func__);
	int rc;

	stream_check_reader(stream);
	if (stream->closer)
		return -EPIPE;
	if (unlikely(task->scope->effective))
		return stream_refuse();
	if (unlikely(stream->in && stream->in->lost))
		return stream->in->lost;
	stream->flags |= STREAM_READING;
	rc = read_lease(stream, ret_lease);
	stream->flags &= ~(uint32_t)STREAM_READING;
	if (unlikely(stream->closer)) {
		if (rc > 0)
			coil_lease_release(ret_lease);
		return stream_leave_closing(stream, rc);
	}
	task_pay(task);
	return rc;
}

#define lease_check(lease)                                                                         \
	do {                                                                                       \
		check_use((lease)->check_word == LEASE_CHECK_WORD,                                 \
			  "this is no lease: was it released before?");                            \
		check_use((lease)->loop == loop_current,                                           \
			  "this lease is of the loop of another thread");                          \
	} while (0)

/* By a copy, behind what was put before. */
static rarely int put_copy(struct coil_stream *stream, struct coil_lease *lease)
{
	int rc = coil_stream_put(stream, lease->data, lease->bytes);

	if (rc == 0)
		coil_lease_release(lease);
	return rc;
}

int coil_stream_put_lease(struct coil_stream *stream, struct coil_lease *lease)
{
	int rc = -EOPNOTSUPP;

	stream_check_use(stream);
	lease_check(lease);
	if (likely(stream->ops->put_lease && stream_is_idle(stream)))
		rc = stream->ops->put_lease(stream, lease);
	return likely(rc != -EOPNOTSUPP) ? rc : put_copy(stream, lease);
}

void coil_lease_release(struct coil_lease *lease)
{
	lease_check(lease);
	lease->check_word = 0;
	lease_give(lease->loop, lease->copy, lease->id);
}
