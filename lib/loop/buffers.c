/* SPDX-License-Identifier: MIT */
/* Groups of buffers. See buffers.h. */
#include "loop/buffers.h"

#include <errno.h>

#include "loop/leases.h"

#define PAGE 4096u
/* Buffers a page apart would share the same few sets of the caches. */
#define APART 64u

static const struct {
	uint32_t bytes;
	uint16_t chunk;
} classes[BUFFERS_CLASSES] = {
	[BUFFERS_HOT] = {BUFFERS_HOT_BYTES, 64},
};

static uint32_t entries_of(const struct buffers *buffers)
{
	return BUFFERS_CHUNKS * buffers->chunk;
}

static size_t chunk_bytes(const struct buffers *buffers)
{
	return (size_t)buffers->chunk * buffers->stride;
}

bool buffers_grow(struct buffers *buffers)
{
	const struct coil_alloc *alloc = buffers->loop->alloc;
	uint32_t first = buffers->made;
	unsigned char *chunk;

	if (first == entries_of(buffers))
		return false;
	chunk = alloc->alloc(alloc->context, chunk_bytes(buffers));
	if (!chunk)
		return false;
	buffers->chunks[first / buffers->chunk] = chunk;
	buffers->made += buffers->chunk;
	for (uint32_t id = first; id < buffers->made; id++)
		buffer_ring_put(&buffers->ring, buffers_data(buffers, (uint16_t)id),
				buffers->bytes, (uint16_t)id);
	return true;
}

/* -- Who waits -----------------------------------------------------------------------------------
 */

/*
 * As many are told as there are buffers; if they did not need them, the next ones a turn later. So
 * it ends: either nobody waits, or nothing is left.
 */
static void tell(struct coil_hook *hook)
{
	struct buffers *buffers = container_of(hook, struct buffers, pump);
	uint32_t left = buffers_left(buffers);
	struct coil_list *link;

	buffers->is_pumping = false;
	for (; left > 0 && (link = list_pop_front(&buffers->waiters)) != NULL; left--) {
		struct buffers_waiter *waiter = list_entry(link, struct buffers_waiter, link);

		waiter->is_told = true;
		ready_push(&buffers->loop->ready, &waiter->hook);
	}
	if (!list_is_empty(&buffers->waiters) && buffers_left(buffers) > 0)
		buffers_begin_telling(buffers);
}

void buffers_begin_telling(struct buffers *buffers)
{
	if (buffers->is_pumping)
		return;
	buffers->is_pumping = true;
	ready_push(&buffers->loop->ready, &buffers->pump);
}

void buffers_wait(struct buffers *buffers, struct buffers_waiter *waiter)
{
	buffers->shortages++;
	list_push_back(&buffers->waiters, &waiter->link);
	if (buffers_left(buffers) > 0 || buffers_grow(buffers))
		buffers_begin_telling(buffers);
}

void buffers_unwait(struct buffers *buffers, struct buffers_waiter *waiter)
{
	if (waiter->is_told)
		ready_remove(&buffers->loop->ready, &waiter->hook);
	else
		list_remove(&waiter->link);
	waiter->is_told = false;
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

/*
 * The group, what is known of each buffer, and the ring, which begins at the first page's begin
 * behind them.
 */
static struct buffers *buffers_new(struct coil_loop *loop, enum buffers_class class)
{
	uint32_t entries = BUFFERS_CHUNKS * classes[class].chunk;
	size_t ring_bytes = entries * sizeof(struct io_uring_buf);
	size_t bytes = sizeof(struct buffers) + PAGE + ring_bytes +
		       entries * (sizeof(struct buffer_note) + sizeof(struct lease_taker));
	struct buffers *buffers = alloc_zeroed(loop->alloc, bytes);
	uintptr_t end;

	if (!buffers)
		return NULL;
	buffers->loop = loop;
	buffers->group = (uint16_t)class;
	buffers->chunk = classes[class].chunk;
	buffers->bytes = classes[class].bytes;
	buffers->stride = classes[class].bytes + APART;
	buffers->takers = (struct lease_taker *)(void *)(buffers + 1);
	buffers->notes = (struct buffer_note *)(void *)(buffers->takers + entries);
	end = (uintptr_t)(buffers->notes + entries);
	buffers->ring.shared = (struct io_uring_buf_ring *)((end + PAGE - 1) / PAGE * PAGE);
	buffers->ring.mask = (uint16_t)(entries - 1);
	buffers->memory_bytes = bytes;
	list_init(&buffers->waiters);
	buffers->pump.fire = tell;
	return buffers;
}

static void buffers_free(struct coil_loop *loop, struct buffers *buffers)
{
	for (uint32_t i = 0; i < BUFFERS_CHUNKS; i++)
		alloc_free(loop->alloc, buffers->chunks[i], chunk_bytes(buffers));
	alloc_free(loop->alloc, buffers, buffers->memory_bytes);
}

static int make(struct coil_loop *loop, enum buffers_class class)
{
	struct buffers *buffers = buffers_new(loop, class);
	int rc;

	if (!buffers)
		return -ENOMEM;
	rc = loop->driver->ops->register_buffers(loop->driver, buffers->ring.shared,
						 entries_of(buffers), buffers->group);
	if (rc == 0 && !buffers_grow(buffers)) {
		loop->driver->ops->unregister_buffers(loop->driver, buffers->group);
		rc = -ENOMEM;
	}
	if (rc < 0) {
		buffers_free(loop, buffers);
		return rc;
	}
	loop->buffers[class] = buffers;
	return 0;
}

int buffers_open(struct coil_loop *loop, enum buffers_class class, struct buffers **ret_buffers)
{
	int rc = 0;

	if (!(loop->driver->features & DRIVER_BUFFER_RINGS))
		return -EOPNOTSUPP;
	if (unlikely(!loop->buffers[class]))
		rc = make(loop, class);
	if (rc == 0)
		*ret_buffers = loop->buffers[class];
	return rc;
}

void buffers_close(struct coil_loop *loop)
{
	for (unsigned class = 0; class < BUFFERS_CLASSES; class++) {
		struct buffers *buffers = loop->buffers[class];

		if (!buffers)
			continue;
		loop->driver->ops->unregister_buffers(loop->driver, buffers->group);
		buffers_free(loop, buffers);
		loop->buffers[class] = NULL;
	}
}
