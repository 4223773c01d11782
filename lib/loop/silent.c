/* SPDX-License-Identifier: MIT */
/* Silent sends. See silent.h. */
#include "loop/silent.h"

#include <liburing.h>

#include "loop/watch.h"

#define BYTES (SILENTS_MOST * sizeof(struct silent_send))

rarely bool silents_open(struct coil_loop *loop)
{
	loop->silents.sends = alloc_zeroed(loop->alloc, BYTES);
	return loop->silents.sends != NULL;
}

uint64_t silent_push(struct coil_loop *loop, struct silent_send *send, int fd)
{
	struct io_uring_sqe sqe;

	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_send(&sqe, fd, send->data, send->bytes,
			   MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	watch_given(&sqe);
	ring_push(&loop->ring, &sqe, &send->completion);
	send->sq_end = loop->ring.sq_tail;
	return ++loop->silents.begun;
}

void silents_settle(struct coil_loop *loop)
{
	struct silents *silents = &loop->silents;
	struct ring *ring = &loop->ring;

	if (unlikely(ring_is_overflown(ring)))
		return;
	while (silents_unsettled(loop) > 0) {
		const struct silent_send *send = silent_of(silents, silents->settled + 1);

		if ((int)(ring->sq_entered - send->sq_end) < 0)
			return;
		silents->settled++;
		ring->finished++;
		lease_give(loop, send->copy, send->id);
	}
}

void silents_close(struct coil_loop *loop)
{
	alloc_free(loop->alloc, loop->silents.sends, BYTES);
	loop->silents.sends = NULL;
}
