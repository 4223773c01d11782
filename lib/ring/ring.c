/* SPDX-License-Identifier: MIT */
/* Entering and reaping. What may be retried is retried by the loop's next turn, never by spinning
 * in here. */
#include "ring/ring.h"

#include <errno.h>

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

/*
 * The kernel's head is the truth about what was consumed, whatever enter returned: after an error
 * some SQEs may be gone, and a call that submitted hides EINTR and ETIME behind its count.
 */
static void note_consumed(struct ring *ring)
{
	ring->sq_entered = __atomic_load_n(ring->memory.sq_head, __ATOMIC_ACQUIRE);
	check(ring->sq_tail - ring->sq_entered <= ring->memory.sq_entries);
}

static bool is_passing(int rc)
{
	return rc == -EINTR || rc == -EAGAIN || rc == -EBUSY;
}

int ring_enter(struct ring *ring, bool may_wait, int64_t timeout_ns)
{
	unsigned flags = __atomic_load_n(ring->memory.sq_flags, __ATOMIC_RELAXED);
	int rc;

	if (flags & IORING_SQ_CQ_OVERFLOW)
		ring->overflows++;
	/* CQEs that lie there already would be slept past if the caller has not reaped them. */
	if (ring_ready(ring) > 0)
		may_wait = false;
	__atomic_store_n(ring->memory.sq_tail, ring->sq_tail, __ATOMIC_RELEASE);
	ring->enters++;
	ring->waits += may_wait;
	rc = ring->driver->ops->enter(ring->driver, ring_pending(ring), may_wait, timeout_ns);
	note_consumed(ring);
	if (rc >= 0 || rc == -ETIME)
		return 0;
	if (!is_passing(rc))
		return rc;
	ring->retries++;
	return 0;
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
			ring->owed--;
		completion->complete(completion, cqe->res, cqe->flags);
	}
	if (count) {
		ring->cq_head = head;
		ring->reaped += count;
		__atomic_store_n(ring->memory.cq_head, head, __ATOMIC_RELEASE);
	}
	return count;
}
