/* SPDX-License-Identifier: MIT */
/* Reaping. */
#include "ring/ring.h"

void ring_init(struct ring *ring, struct driver *driver)
{
	*ring = (struct ring){
		.driver = driver,
		.memory = driver->rings,
		.sq_mask = driver->rings.sq_entries - 1,
		.cq_mask = driver->rings.cq_entries - 1,
		.sq_tail = *driver->rings.sq_tail,
		.sq_entered = *driver->rings.sq_head,
		.cq_head = *driver->rings.cq_head,
		.is_silent = !(driver->features & DRIVER_TASKRUN_FLAG),
	};
	check((driver->rings.sq_entries & ring->sq_mask) == 0);
	check((driver->rings.cq_entries & ring->cq_mask) == 0);
}

unsigned ring_reap(struct ring *ring)
{
	unsigned tail = __atomic_load_n(ring->memory.cq_tail, __ATOMIC_ACQUIRE);
	unsigned head = ring->cq_head;
	unsigned count = tail - head;

	for (; head != tail; head++) {
		const struct io_uring_cqe *cqe = &ring->memory.cqes[head & ring->cq_mask];
		struct coil_completion *completion = (void *)(uintptr_t)cqe->user_data;

		if (!(cqe->flags & IORING_CQE_F_MORE))
			ring->finished++;
		completion->complete(completion, cqe->res, cqe->flags);
	}
	if (count) {
		ring->cq_head = head;
		ring->reaped += count;
		__atomic_store_n(ring->memory.cq_head, head, __ATOMIC_RELEASE);
	}
	return count;
}
