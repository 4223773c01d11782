/* SPDX-License-Identifier: MIT */
/*
 * The ring by which buffers of a group are given to the kernel: it takes them from the front when a
 * receive has data, we put them back behind. The head is the kernel's alone; who counts what comes
 * back in CQEs knows how many are there.
 *
 * Invariant: no more than @entries buffers are in the ring, as each is in one place at a time.
 */
#ifndef COIL_RING_BUFFER_RING_H
#define COIL_RING_BUFFER_RING_H

#include <stdint.h>

#include <liburing/io_uring.h>

struct buffer_ring {
	struct io_uring_buf_ring *shared;	/* with the kernel; at a page's begin */
	uint16_t mask;
	uint16_t tail;
};

/* The tail's place overlays a member of the first entry that is not written otherwise. */
static inline void buffer_ring_put(struct buffer_ring *ring, void *data, uint32_t bytes,
				   uint16_t id)
{
	struct io_uring_buf *slot = &ring->shared->bufs[ring->tail & ring->mask];

	slot->addr = (uintptr_t)data;
	slot->len = bytes;
	slot->bid = id;
	ring->tail++;
	__atomic_store_n(&ring->shared->tail, ring->tail, __ATOMIC_RELEASE);
}

#endif
