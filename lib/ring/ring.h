/* SPDX-License-Identifier: MIT */
/*
 * The two rings: "push this SQE for this completion; enter; reap". Knows the kernel's ABI and
 * nothing of waiting: a CQE is handed to the completion whose address is its user_data.
 *
 * Invariant: owed = SQEs pushed - CQEs finally reaped (a CQE with IORING_CQE_F_MORE is not the last
 * one) - SQEs known to be over without one. Who pushes asks for room first; a caller never sees a
 * full SQ, because what does not fit waits in the loop's backlog.
 *
 * Must not know: futures, tasks, what an fd means.
 */
#ifndef COIL_RING_RING_H
#define COIL_RING_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "coil/completion.h"
#include "ring/driver.h"
#include "ring/enter.h"

#include <liburing/io_uring.h>

/*
 * A direct descriptor is a slot of the ring's own table of files, as a number that no descriptor of
 * the process can be.
 */
#define RING_DIRECT (1 << 30)

static inline bool ring_fd_is_direct(int fd)
{
	return fd >= RING_DIRECT;
}

struct ring {
	struct driver *driver;
	struct driver_rings memory;
	unsigned sq_mask;
	unsigned cq_mask;
	unsigned sq_tail;	/* ours; published at enter */
	unsigned sq_entered;	/* what the kernel has consumed */
	unsigned cq_head;	/* ours; published after each batch */
	bool is_silent;		/* no flag says that completions can be had: every turn enters */
	bool is_many;		/* the last ones came in such numbers that it helps to look ahead */
	uint64_t pushed;
	uint64_t finished;	/* SQEs whose last CQE was reaped */
	uint64_t reaped;
	uint64_t enters;
	uint64_t waits;		/* enters that were allowed to sleep */
	uint64_t overflows;	/* times that the CQ was found overflown */
	uint64_t retries;	/* enters that ended in EINTR, EAGAIN or EBUSY */
};

void ring_init(struct ring *ring, struct driver *driver);

/* Free SQ slots. The kernel consumes SQEs at enter alone, so that the count is exact between two
 * enters. */
static inline unsigned ring_room(const struct ring *ring)
{
	return ring->memory.sq_entries - (ring->sq_tail - ring->sq_entered);
}

/* SQEs that the kernel has not done with, as far as is known. */
static inline uint64_t ring_owed(const struct ring *ring)
{
	return ring->pushed - ring->finished;
}

/* Copies a staged SQE into the ring, for who has just seen that there is room. */
static inline void ring_place(struct ring *ring, const void *sqe,
			      struct coil_completion *completion)
{
	struct io_uring_sqe *slot = &ring->memory.sqes[ring->sq_tail & ring->sq_mask];

	memcpy(slot, sqe, sizeof *slot);
	slot->user_data = (uintptr_t)completion;
	/* Whatever the word means to the others, it is never so large: loop/files.h. */
	if (ring_fd_is_direct(slot->fd)) {
		slot->fd -= RING_DIRECT;
		slot->flags |= IOSQE_FIXED_FILE;
	}
	ring->sq_tail++;
	ring->pushed++;
}

/* The same. Needs ring_room() > 0. */
static inline void ring_push(struct ring *ring, const void *sqe, struct coil_completion *completion)
{
	check(ring_room(ring) > 0);
	ring_place(ring, sqe, completion);
}

/* SQEs pushed and not yet consumed. */
static inline unsigned ring_pending(const struct ring *ring)
{
	return ring->sq_tail - ring->sq_entered;
}

/* SQEs, work of the kernel's for this thread, CQEs that did not fit: is there any? */
static inline bool ring_has_work(const struct ring *ring)
{
	return ring_pending(ring) != 0 ||
	       (__atomic_load_n(ring->memory.sq_flags, __ATOMIC_RELAXED) &
		(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/* CQEs did not fit, and wait in the kernel for the next enter. */
static inline bool ring_is_overflown(const struct ring *ring)
{
	return __atomic_load_n(ring->memory.sq_flags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW;
}

/* Does anything ask for an enter? Where no flag says so, it may always be needed. */
static inline bool ring_wants_enter(const struct ring *ring)
{
	return ring_has_work(ring) || ring->is_silent;
}

/* CQEs that can be reaped without entering. */
static inline unsigned ring_ready(const struct ring *ring)
{
	return __atomic_load_n(ring->memory.cq_tail, __ATOMIC_ACQUIRE) - ring->cq_head;
}

/*
 * The kernel's head is the truth about what was consumed, whatever enter returned: after an error
 * some SQEs may be gone, and a call that submitted hides EINTR and ETIME behind its count.
 */
static inline void ring_note_consumed(struct ring *ring)
{
	ring->sq_entered = __atomic_load_n(ring->memory.sq_head, __ATOMIC_ACQUIRE);
	check(ring->sq_tail - ring->sq_entered <= ring->memory.sq_entries);
}

/* The driver's enter; that of the real kernel without a call. */
static inline __attribute__((always_inline)) int
ring_call(struct driver *driver, unsigned to_submit, unsigned wait, int64_t timeout_ns)
{
#if ENTER_IS_IN_LINE
	if (likely(driver->ops->enter == driver_kernel_enter))
		return enter_kernel(driver, to_submit, wait, timeout_ns);
#endif
	return driver->ops->enter(driver, to_submit, wait, timeout_ns);
}

/* The driver's send; that of the real kernel without a call. */
static inline __attribute__((always_inline)) int
ring_send_now(const struct ring *ring, int fd, const void *buf, size_t len)
{
	const struct driver_ops *ops = ring->driver->ops;
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

#if ENTER_IS_IN_LINE
	if (likely(ops->send == driver_kernel_send))
		return enter_send(fd, buf, len, flags);
#endif
	return ops->send(fd, buf, len, flags);
}

/*
 * One system call: submits all that was pushed, runs the kernel's work and, with @wait > 0, sleeps
 * until @wait CQEs are there or @timeout_ns has passed; see driver.h for how patiently. 0, or a
 * fatal negative errno (-EBADR: the kernel lost CQEs): EINTR, EAGAIN, EBUSY and ETIME are counted,
 * and the next turn is the retry, never a loop in here. In line: each function that returns after a
 * system call costs a misprediction.
 */
static inline __attribute__((always_inline)) int ring_enter(struct ring *ring, unsigned wait,
							    int64_t timeout_ns)
{
	unsigned flags = __atomic_load_n(ring->memory.sq_flags, __ATOMIC_RELAXED);
	int rc;

	if (flags & IORING_SQ_CQ_OVERFLOW)
		ring->overflows++;
	/* CQEs that lie there already would be slept past if the caller has not reaped them. */
	if (ring_ready(ring) > 0)
		wait = 0;
	__atomic_store_n(ring->memory.sq_tail, ring->sq_tail, __ATOMIC_RELEASE);
	ring->enters++;
	ring->waits += wait > 0;
	rc = ring_call(ring->driver, ring_pending(ring), wait, timeout_ns);
	ring_note_consumed(ring);
	if (rc >= 0 || rc == -ETIME)
		return 0;
	if (rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
		return rc;
	ring->retries++;
	return 0;
}

typedef void ring_completer(struct coil_completion *completion, int32_t result,
			    uint32_t cqe_flags);

/* Fewer CQEs at once are done before looking ahead would help. */
#define RING_MANY 8u

/* What a completion will touch beside the lines around it; NULL: nothing that is known. */
typedef const void *ring_foreteller(struct coil_completion *completion);

#define RING_LINES_AHEAD 8u	/* whose completion's lines are fetched */
#define RING_BESIDE_AHEAD 4u	/* and then what that points to */

/*
 * Of the CQEs that come soon, what their completions touch: first the lines around the completion,
 * which lies in the middle of an operation, a receiver or a connection's record; beyond the last
 * CQE it is an old one's, which does no harm, for nothing is read. Then what that points to, of one
 * of the @left that are there with this one. To ask for all of a batch's first ones beforehand
 * gained nothing.
 */
static inline __attribute__((always_inline)) void ring_look_ahead(const struct ring *ring,
								  unsigned head, unsigned left,
								  ring_foreteller *foretell)
{
	const struct io_uring_cqe *cqe =
		&ring->memory.cqes[(head + RING_LINES_AHEAD) & ring->cq_mask];
	uintptr_t completion = (uintptr_t)cqe->user_data;
	const void *beside;

	__builtin_prefetch((const void *)(completion - 128), 1);
	__builtin_prefetch((const void *)(completion - 64), 1);
	__builtin_prefetch((const void *)completion, 1);
	__builtin_prefetch((const void *)(completion + 64), 1);
	if (!foretell || left <= RING_BESIDE_AHEAD)
		return;
	cqe = &ring->memory.cqes[(head + RING_BESIDE_AHEAD) & ring->cq_mask];
	beside = foretell((void *)(uintptr_t)cqe->user_data);
	if (beside)
		__builtin_prefetch(beside, 1);
}

/*
 * ring_reap, and those whose completion is @usual, if that is not NULL, are handed to @here, which
 * is the same in line: the first indirect call after a system call is predicted wrongly, 12 ns.
 */
static inline __attribute__((always_inline)) unsigned
ring_reap_here(struct ring *ring, ring_completer *usual, ring_completer *here,
	       ring_foreteller *foretell)
{
	unsigned tail = __atomic_load_n(ring->memory.cq_tail, __ATOMIC_ACQUIRE);
	unsigned head = ring->cq_head;
	unsigned count = tail - head;
	bool is_many = count > RING_MANY;

	for (; head != tail; head++) {
		const struct io_uring_cqe *cqe = &ring->memory.cqes[head & ring->cq_mask];
		struct coil_completion *completion = (void *)(uintptr_t)cqe->user_data;

		if (is_many)
			ring_look_ahead(ring, head, tail - head, foretell);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			ring->finished++;
		if (usual && likely(completion->complete == usual))
			here(completion, cqe->res, cqe->flags);
		else
			completion->complete(completion, cqe->res, cqe->flags);
	}
	if (count) {
		ring->cq_head = head;
		ring->is_many = is_many;
		ring->reaped += count;
		__atomic_store_n(ring->memory.cq_head, head, __ATOMIC_RELEASE);
	}
	return count;
}

/* Hands each CQE that is there to its completion. Returns how many. */
unsigned ring_reap(struct ring *ring);

#endif
