/* SPDX-License-Identifier: MIT */
/*
 * What a receive has brought and nobody has read yet: buffers of one group, in their order, linked
 * by the group's notes; the first one perhaps in part.
 */
#ifndef COIL_LOOP_BUFFER_QUEUE_H
#define COIL_LOOP_BUFFER_QUEUE_H

#include <string.h>

#include "loop/buffers.h"

struct buffer_queue {
	uint32_t taken;			/* bytes of the first buffer */
	uint16_t first;			/* BUFFERS_NONE: it is empty */
	uint16_t last;
	uint16_t count;
};

static inline void buffer_queue_init(struct buffer_queue *queue)
{
	*queue = (struct buffer_queue){.first = BUFFERS_NONE};
}

static inline bool buffer_queue_is_empty(const struct buffer_queue *queue)
{
	return queue->first == BUFFERS_NONE;
}

static inline void buffer_queue_append(struct buffer_queue *queue, struct buffers *buffers,
				       uint16_t id, uint32_t bytes)
{
	buffers->notes[id] = (struct buffer_note){.bytes = bytes, .next = BUFFERS_NONE};
	if (likely(queue->first == BUFFERS_NONE))
		queue->first = id;
	else
		buffers->notes[queue->last].next = id;
	queue->last = id;
	queue->count++;
}

/* The first one, and what of it was not taken yet; it is the caller's to give back now. The queue
 * is not empty. */
static inline uint16_t buffer_queue_pop(struct buffer_queue *queue, const struct buffers *buffers,
					const void **ret_data, size_t *ret_bytes)
{
	uint16_t id = queue->first;

	*ret_data = (const char *)buffers_data(buffers, id) + queue->taken;
	*ret_bytes = buffers->notes[id].bytes - queue->taken;
	queue->first = buffers->notes[id].next;
	queue->taken = 0;
	queue->count--;
	return id;
}

/* Gives the first back. */
static inline void buffer_queue_drop(struct buffer_queue *queue, struct buffers *buffers)
{
	const void *data;
	size_t bytes;

	buffers_give(buffers, buffer_queue_pop(queue, buffers, &data, &bytes));
}

/* Copies @len bytes, or all there are. The queue is not empty. */
static inline size_t buffer_queue_take(struct buffer_queue *queue, struct buffers *buffers,
				       void *buf, size_t len)
{
	size_t done = 0;

	do {
		uint16_t id = queue->first;
		uint32_t left = buffers->notes[id].bytes - queue->taken;
		size_t count = len - done < left ? len - done : left;

		memcpy((char *)buf + done, (char *)buffers_data(buffers, id) + queue->taken, count);
		done += count;
		queue->taken += (uint32_t)count;
		if (count < left)
			break;
		buffer_queue_drop(queue, buffers);
	} while (unlikely(!buffer_queue_is_empty(queue) && done < len));
	return done;
}

static inline size_t buffer_queue_bytes(const struct buffer_queue *queue,
					const struct buffers *buffers)
{
	size_t bytes = 0;

	for (uint16_t id = queue->first; id != BUFFERS_NONE; id = buffers->notes[id].next)
		bytes += buffers->notes[id].bytes;
	return bytes - queue->taken;
}

#endif
