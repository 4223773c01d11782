/* SPDX-License-Identifier: MIT */
/* The group of buffers. See buffers.h. */
#include "loop/buffers.h"

#include <errno.h>

#include "loop/leases.h"

#define PAGE 4096u
#define CHUNK_BYTES ((size_t)BUFFERS_CHUNK * BUFFERS_STRIDE)

bool buffers_grow(struct buffers *buffers)
{
	const struct coil_alloc *alloc = buffers->loop->alloc;
	uint32_t first = buffers->made;
	unsigned char *chunk;

	if (first == BUFFERS_MOST)
		return false;
	chunk = alloc->alloc(alloc->context, CHUNK_BYTES);
	if (!chunk)
		return false;
	buffers->chunks[first / BUFFERS_CHUNK] = chunk;
	buffers->made += BUFFERS_CHUNK;
	for (uint32_t id = first; id < buffers->made; id++)
		buffer_ring_put(&buffers->ring, buffers_data(buffers, (uint16_t)id), BUFFERS_BYTES,
				(uint16_t)id);
	return true;
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

/*
 * The group, what is known of each buffer, and the ring, which begins at the first page's begin
 * behind them.
 */
static struct buffers *buffers_new(struct coil_loop *loop)
{
	size_t bytes = sizeof(struct buffers) + PAGE + BUFFERS_MOST * sizeof(struct io_uring_buf) +
		       BUFFERS_MOST * (sizeof(struct buffer_note) + sizeof(struct lease_taker));
	struct buffers *buffers = alloc_zeroed(loop->alloc, bytes);
	uintptr_t end;

	if (!buffers)
		return NULL;
	buffers->loop = loop;
	buffers->takers = (struct lease_taker *)(void *)(buffers + 1);
	buffers->notes = (struct buffer_note *)(void *)(buffers->takers + BUFFERS_MOST);
	end = (uintptr_t)(buffers->notes + BUFFERS_MOST);
	buffers->ring.shared = (struct io_uring_buf_ring *)((end + PAGE - 1) / PAGE * PAGE);
	buffers->ring.mask = BUFFERS_MOST - 1;
	buffers->memory_bytes = bytes;
	return buffers;
}

static void buffers_free(struct coil_loop *loop, struct buffers *buffers)
{
	for (uint32_t i = 0; i < BUFFERS_CHUNKS; i++)
		alloc_free(loop->alloc, buffers->chunks[i], CHUNK_BYTES);
	alloc_free(loop->alloc, buffers, buffers->memory_bytes);
}

static int make(struct coil_loop *loop)
{
	struct buffers *buffers = buffers_new(loop);
	int rc;

	if (!buffers)
		return -ENOMEM;
	rc = loop->driver->ops->register_buffers(loop->driver, buffers->ring.shared, BUFFERS_MOST,
						 BUFFERS_GROUP);
	if (rc == 0 && !buffers_grow(buffers)) {
		loop->driver->ops->unregister_buffers(loop->driver, BUFFERS_GROUP);
		rc = -ENOMEM;
	}
	if (rc < 0) {
		buffers_free(loop, buffers);
		return rc;
	}
	loop->buffers = buffers;
	return 0;
}

int buffers_open(struct coil_loop *loop, struct buffers **ret_buffers)
{
	int rc = 0;

	if (!(loop->driver->features & DRIVER_BUFFER_RINGS))
		return -EOPNOTSUPP;
	if (unlikely(!loop->buffers))
		rc = make(loop);
	if (rc == 0)
		*ret_buffers = loop->buffers;
	return rc;
}

void buffers_close(struct coil_loop *loop)
{
	if (!loop->buffers)
		return;
	loop->driver->ops->unregister_buffers(loop->driver, BUFFERS_GROUP);
	buffers_free(loop, loop->buffers);
	loop->buffers = NULL;
}
