/* SPDX-License-Identifier: MIT */
/* The one timeout of an embedded loop. See embed.h. */
#include "loop/embed.h"

#include <liburing.h>
#include <string.h>

#include "base/clock.h"
#include "loop/backlog.h"
#include "loop/inbox.h"

static void embed_fired(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct coil_loop *loop = container_of(completion, struct coil_loop, embed_fired);

	(void)result;
	(void)cqe_flags;
	loop->embed_deadline = CLOCK_FOREVER;
}

static void removal_done(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	(void)completion;
	(void)result;
	(void)cqe_flags;
}

static struct coil_completion removal = { removal_done };

void embed_init(struct coil_loop *loop)
{
	loop->embed_fired.complete = embed_fired;
	loop->embed_deadline = CLOCK_FOREVER;
}

static void set_timespec(struct coil_loop *loop, int64_t deadline)
{
	if (deadline < 0)
		deadline = 0;
	loop->embed_timespec[0] = deadline / CLOCK_SECOND;
	loop->embed_timespec[1] = deadline % CLOCK_SECOND;
}

static struct __kernel_timespec *timespec_of(struct coil_loop *loop)
{
	return (struct __kernel_timespec *)(void *)loop->embed_timespec;
}

/* An earlier deadline moves the timeout; for a later one it may fire in vain, once. Needs room for
 * one SQE. */
static void arm(struct coil_loop *loop, int64_t deadline)
{
	struct io_uring_sqe sqe;
	bool is_armed = loop->embed_deadline != CLOCK_FOREVER;

	memset(&sqe, 0, sizeof sqe);
	set_timespec(loop, deadline);
	if (is_armed)
		io_uring_prep_timeout_update(&sqe, timespec_of(loop), (uintptr_t)&loop->embed_fired,
					     IORING_TIMEOUT_ABS);
	else
		io_uring_prep_timeout(&sqe, timespec_of(loop), 0, IORING_TIMEOUT_ABS);
	ring_push(&loop->ring, &sqe, is_armed ? &removal : &loop->embed_fired);
	loop->embed_deadline = deadline;
}

bool embed_disarm(struct coil_loop *loop)
{
	struct io_uring_sqe sqe;

	if (loop->embed_deadline == CLOCK_FOREVER)
		return true;
	if (ring_room(&loop->ring) == 0)
		return false;
	memset(&sqe, 0, sizeof sqe);
	io_uring_prep_timeout_remove(&sqe, (uintptr_t)&loop->embed_fired, 0);
	ring_push(&loop->ring, &sqe, &removal);
	loop->embed_deadline = CLOCK_FOREVER;
	return true;
}

bool loop_prepare_to_be_polled(struct coil_loop *loop)
{
	int64_t deadline = heap_min(&loop->timers);
	bool is_quiet;

	backlog_drain(loop);
	if (deadline < loop->embed_deadline && ring_room(&loop->ring) > 0)
		arm(loop, deadline);
	is_quiet = inbox_park(&loop->inbox, INBOX_IS_POLLED);
	if (loop_enter_is_due(loop))
		loop_enter(loop, false, 0);
	return !is_quiet || !ready_is_empty(&loop->ready) || ring_ready(&loop->ring) > 0 ||
	       ring_has_work(&loop->ring) || backlog_wants_enter(loop) || !loop->inbox.is_armed ||
	       deadline < loop->embed_deadline;
}
