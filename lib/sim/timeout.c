/* SPDX-License-Identifier: MIT */
/*
 * Timeouts, as io_uring's: relative, absolute, counting CQEs, multishot, updated, removed, and
 * linked to a request. All clocks of the world tick alike.
 */
#include "sim/timeout.h"

#include <errno.h>
#include <linux/time_types.h>
#include <string.h>

#include "base/clock.h"
#include "sim/request.h"

#define CLOCKS (IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME)

/* What a timespec was when the SQE was taken. */
struct timing {
	struct coil_list node;		/* in ring->counting */
	int64_t duration;		/* or the time itself, of an absolute one */
	uint64_t target;		/* of ring->counted; 0: it does not count */
	uint32_t repeats;		/* of a multishot one that ends by itself */
	struct sim_request *owner;	/* the timeout; of a linked one, whose time it is */
};

static struct timing *timing_of(const struct sim_request *request)
{
	return request->own;
}

/* -- Reading an SQE ------------------------------------------------------------------------------
 */

/* 0, or -EINVAL. */
static int32_t read_time(struct sim_request *request, uint64_t address)
{
	struct timing *timing = sim_alloc(request->sim, sizeof *timing);
	struct __kernel_timespec ts;

	request->own = timing;
	list_init(&timing->node);
	memcpy(&ts, (const void *)(uintptr_t)address, sizeof ts);
	if (ts.tv_sec < 0 || ts.tv_nsec < 0)
		return -EINVAL;
	if (__builtin_mul_overflow(ts.tv_sec, CLOCK_SECOND, &timing->duration))
		timing->duration = CLOCK_FOREVER;
	timing->duration = clock_add(timing->duration, ts.tv_nsec);
	return 0;
}

static int64_t time_of(const struct sim_request *request, int64_t duration, unsigned flags)
{
	if (!(flags & IORING_TIMEOUT_ABS))
		return clock_add(request->sim->now, duration);
	return flags & IORING_TIMEOUT_REALTIME ? duration - SIM_REALTIME_OFFSET : duration;
}

static int32_t check_flags(const struct io_uring_sqe *sqe, unsigned allowed)
{
	unsigned flags = sqe->timeout_flags;

	if (sqe->buf_index || sqe->len != 1 || sqe->splice_fd_in || (flags & ~allowed))
		return -EINVAL;
	return (flags & CLOCKS) == CLOCKS ? -EINVAL : 0;
}

int32_t sim_timeout_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int32_t rc = check_flags(sqe, IORING_TIMEOUT_ABS | CLOCKS | IORING_TIMEOUT_ETIME_SUCCESS |
					      IORING_TIMEOUT_MULTISHOT);

	if (rc < 0)
		return rc;
	if ((sqe->timeout_flags & IORING_TIMEOUT_MULTISHOT) &&
	    (sqe->timeout_flags & IORING_TIMEOUT_ABS))
		return -EINVAL;
	return read_time(request, sqe->addr);
}

void sim_timeout_drop(struct sim_request *request)
{
	struct timing *timing = timing_of(request);

	if (!timing)
		return;
	list_remove(&timing->node);
	sim_free(request->sim, timing, sizeof *timing);
	request->own = NULL;
}

/* -- Alone ---------------------------------------------------------------------------------------
 */

static void set(struct sim_request *request, int64_t when)
{
	if (when != CLOCK_FOREVER)
		sim_event_set(request->sim, &request->event, when);
}

static void fired(struct sim *sim, struct sim_event *event)
{
	struct sim_request *request = container_of(event, struct sim_request, event);
	struct timing *timing = timing_of(request);
	bool goes_on = (request->sqe.timeout_flags & IORING_TIMEOUT_MULTISHOT) &&
		       (request->sqe.off == 0 || --timing->repeats > 0);

	if (!goes_on)
		sim_request_finish(request, -ETIME);
	else if (sim_request_post_more(request, -ETIME, 0))
		set(request, clock_add(sim->now, timing->duration));
}

int32_t sim_timeout_attempt(struct sim_request *request)
{
	struct timing *timing = timing_of(request);
	const struct io_uring_sqe *sqe = &request->sqe;

	if (sqe->timeout_flags & IORING_TIMEOUT_MULTISHOT) {
		timing->repeats = (uint32_t)sqe->off;
	} else if (sqe->off > 0) {
		timing->target = request->ring->counted + sqe->off;
		timing->owner = request;
		list_push_back(&request->ring->counting, &timing->node);
	}
	request->event.fire = fired;
	set(request, time_of(request, timing->duration, sqe->timeout_flags));
	return SIM_WAIT;
}

void sim_timeout_count(struct sim_ring *ring, unsigned opcode)
{
	struct coil_list *node;
	struct coil_list *next;

	if (opcode == IORING_OP_TIMEOUT)
		return;
	ring->counted++;
	for (node = ring->counting.next; node != &ring->counting; node = next) {
		struct timing *timing = container_of(node, struct timing, node);

		next = node->next;
		if (timing->target <= ring->counted)
			sim_request_finish(timing->owner, 0);
	}
}

/* -- Remove and update ---------------------------------------------------------------------------
 */

int32_t sim_timeout_remove_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	unsigned flags = sqe->timeout_flags;
	unsigned updates = IORING_TIMEOUT_UPDATE | IORING_LINK_TIMEOUT_UPDATE;

	if (sqe->buf_index || sqe->len || sqe->splice_fd_in)
		return -EINVAL;
	if (!(flags & updates))
		return flags ? -EINVAL : 0;
	if ((flags & ~(updates | IORING_TIMEOUT_ABS | CLOCKS)) || (flags & CLOCKS) == CLOCKS)
		return -EINVAL;
	return read_time(request, sqe->addr2);
}

static struct sim_request *find(struct sim_request *by, unsigned opcode)
{
	struct coil_list *node;

	list_for_each(node, &by->ring->all) {
		struct sim_request *request = container_of(node, struct sim_request, all);

		if (request->sqe.opcode == opcode && request->sqe.user_data == by->sqe.addr &&
		    request->state == REQUEST_WAITING && sim_event_is_set(&request->event))
			return request;
	}
	return NULL;
}

int32_t sim_timeout_remove_attempt(struct sim_request *request)
{
	unsigned flags = request->sqe.timeout_flags;
	bool is_link = flags & IORING_LINK_TIMEOUT_UPDATE;
	struct sim_request *found =
		find(request, is_link ? IORING_OP_LINK_TIMEOUT : IORING_OP_TIMEOUT);

	if (!found)
		return -ENOENT;
	if (!(flags & (IORING_TIMEOUT_UPDATE | IORING_LINK_TIMEOUT_UPDATE))) {
		sim_request_finish(request, 0);
		sim_cancel_end(found);
		return SIM_WAIT;
	}
	sim_event_clear(found->sim, &found->event);
	set(found, time_of(request, timing_of(request)->duration, flags));
	return 0;
}

/* -- Linked --------------------------------------------------------------------------------------
 */

int32_t sim_link_timeout_prepare(struct sim_request *request)
{
	const struct sim_request *before = request->ring->chain_tail;
	int32_t rc = check_flags(&request->sqe, IORING_TIMEOUT_ABS | CLOCKS |
							IORING_TIMEOUT_ETIME_SUCCESS);

	if (rc < 0)
		return rc;
	if (!before || before->sqe.opcode == IORING_OP_LINK_TIMEOUT || request->sqe.off)
		return -EINVAL;
	return read_time(request, request->sqe.addr);
}

/* Its own CQE is there before its target's, as Linux has it. */
static void link_fired(struct sim *sim, struct sim_event *event)
{
	struct sim_request *request = container_of(event, struct sim_request, event);
	struct sim_request *target = timing_of(request)->owner;
	int rc = sim_cancel_decide(target);

	(void)sim;
	target->timeout = NULL;
	sim_request_finish(request, rc < 0 ? rc : -ETIME);
	if (rc >= 0)
		sim_cancel_end(target);
}

/* Called when its target begins. One that blocks in a worker is never timed out: Linux arms the
 * timeout when the worker is done. */
int32_t sim_link_timeout_attempt(struct sim_request *request)
{
	struct timing *timing = timing_of(request);

	check(timing->owner != NULL);
	request->event.fire = link_fired;
	if (!sim_request_blocks(timing->owner))
		set(request, time_of(request, timing->duration, request->sqe.timeout_flags));
	return SIM_WAIT;
}

void sim_link_timeout_aim(struct sim_request *request, struct sim_request *target)
{
	timing_of(request)->owner = target;
}
