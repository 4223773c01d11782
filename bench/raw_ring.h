/* SPDX-License-Identifier: MIT */
/*
 * raw_ring - a ring as the best raw program sets it up, and its one enter.
 *
 * Used by the floors only: nothing here knows Coil. liburing supplies the
 * mapping and the SQE helpers; the enter is our own, because liburing 2.9
 * cannot pass IORING_ENTER_NO_IOWAIT and hides how often it enters.
 *
 * Invariant: one thread; a CQE appears only inside raw_ring_enter().
 */
#ifndef COIL_BENCH_RAW_RING_H
#define COIL_BENCH_RAW_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <liburing.h>

/* Kernel >= 6.15; liburing 2.9's headers do not know them yet. */
#define RAW_ENTER_NO_IOWAIT	(1U << 7)
#define RAW_FEAT_NO_IOWAIT	(1U << 17)

struct raw_ring {
	struct io_uring uring;
	unsigned int enter_flags;
	uint64_t enters;
};

/**
 * raw_ring_open - set a ring up with every flag that makes it cheaper
 * @ring:       caller's memory
 * @sq_entries: a power of two
 * @cq_entries: a power of two, not below @sq_entries
 *
 * Kernel < 6.6 has no NO_SQARRAY: tried again without.
 * Return: 0 or a negative errno.
 */
static inline int raw_ring_open(struct raw_ring *ring, unsigned int sq_entries,
				unsigned int cq_entries)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_NO_SQARRAY | IORING_SETUP_CQSIZE |
			 IORING_SETUP_CLAMP,
		.cq_entries = cq_entries,
	};
	int rc;

	memset(ring, 0, sizeof(*ring));
	rc = io_uring_queue_init_params(sq_entries, &ring->uring, &params);
	if (rc == -EINVAL) {
		params.flags &= ~IORING_SETUP_NO_SQARRAY;
		rc = io_uring_queue_init_params(sq_entries, &ring->uring, &params);
	}
	if (rc < 0)
		return rc;

	rc = io_uring_register_ring_fd(&ring->uring);
	if (rc < 0) {
		io_uring_queue_exit(&ring->uring);
		return rc;
	}

	ring->enter_flags = IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING;
	if (params.features & RAW_FEAT_NO_IOWAIT)
		ring->enter_flags |= RAW_ENTER_NO_IOWAIT;
	return 0;
}

static inline void raw_ring_close(struct raw_ring *ring)
{
	io_uring_queue_exit(&ring->uring);
}

static inline int raw_ring_syscall(struct raw_ring *ring, unsigned int cqes_min,
				   unsigned int flags)
{
	struct io_uring_sq *sq = &ring->uring.sq;

	if (sq->sqe_head != sq->sqe_tail) {
		sq->sqe_head = sq->sqe_tail;
		io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	}
	ring->enters++;
	return io_uring_enter((unsigned int)ring->uring.enter_ring_fd,
			      sq->sqe_tail - *sq->khead, cqes_min, flags, NULL);
}

/**
 * raw_ring_enter - submit what is staged, run completions, wait
 * @ring:     an open ring
 * @cqes_min: how many CQEs to wait for; 0 only polls
 *
 * Return: SQEs consumed, or a negative errno; what was not consumed stays
 * staged and goes with the next enter (raw_ring_staged() tells).
 */
static inline int raw_ring_enter(struct raw_ring *ring, unsigned int cqes_min)
{
	return raw_ring_syscall(ring, cqes_min, ring->enter_flags);
}

/**
 * raw_ring_submit - submit what is staged; no task work runs
 *
 * Return: as raw_ring_enter().
 */
static inline int raw_ring_submit(struct raw_ring *ring)
{
	return raw_ring_syscall(ring, 0, ring->enter_flags & ~IORING_ENTER_GETEVENTS);
}

/**
 * raw_ring_staged - SQEs that the kernel has not consumed yet
 */
static inline unsigned int raw_ring_staged(const struct raw_ring *ring)
{
	return ring->uring.sq.sqe_tail - *ring->uring.sq.khead;
}

static inline int64_t raw_ring_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/**
 * raw_ring_look - look for something to reap, without the kernel
 * @ring:  an open ring; what is staged is submitted first
 * @usecs: for how long
 *
 * Return: whether there is something, perhaps by way of an enter.
 */
static inline bool raw_ring_look(struct raw_ring *ring, unsigned int usecs)
{
	struct io_uring *uring = &ring->uring;
	int64_t until = raw_ring_clock() + usecs * INT64_C(1000);

	if (raw_ring_staged(ring))
		raw_ring_submit(ring);
	do {
		for (int i = 0; i < 32; i++) {
			if (io_uring_cq_ready(uring) ||
			    (IO_URING_READ_ONCE(*uring->sq.kflags) &
			     (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)))
				return true;
#ifdef __x86_64__
			__builtin_ia32_pause();
#endif
		}
	} while (raw_ring_clock() < until);
	return false;
}

#endif
