/* SPDX-License-Identifier: MIT */
/* A ring on the real kernel, and completions that remember what they were told. */
#ifndef COIL_TESTS_RING_RIG_H
#define COIL_TESTS_RING_RIG_H

#include "base/clock.h"
#include "ring/driver.h"
#include "ring/hooks.h"
#include "ring/ring.h"
#include "support/test.h"

#include <liburing.h>

struct rig {
	struct driver *driver;
	struct ring ring;
};

/* Valgrind has system calls, limits and mappings of its own. */
static inline void skip_on_valgrind(void)
{
	if (HOOKS_ON_VALGRIND)
		SKIP("valgrind stands between");
}

struct tally {
	struct coil_completion completion;
	int count;
	int32_t result;
	uint32_t flags;
};

static inline void tally_complete(struct coil_completion *completion, int32_t result,
				  uint32_t flags)
{
	struct tally *tally = container_of(completion, struct tally, completion);

	tally->count++;
	tally->result = result;
	tally->flags = flags;
}

static inline struct tally tally_new(void)
{
	return (struct tally){.completion = {.complete = tally_complete}};
}

static inline int rig_try_open(struct rig *rig, unsigned sq_entries, unsigned cq_entries,
			       const char *mask)
{
	struct driver_options options = {
		.sq_entries = sq_entries,
		.cq_entries = cq_entries,
		.workers_bounded = 4,
		.workers_unbounded = 8,
		.mask = mask,
	};
	int rc = driver_kernel_open(&rig->driver, &options);

	if (rc == 0)
		ring_init(&rig->ring, rig->driver);
	return rc;
}

/* The environment's mask applies, so that the whole suite can run under one. */
static inline struct rig rig_open(unsigned sq_entries, unsigned cq_entries)
{
	struct rig rig;
	int rc = rig_try_open(&rig, sq_entries, cq_entries, NULL);

	ASSERT_EQ(rc, 0);
	return rig;
}

static inline void rig_close(struct rig *rig)
{
	EXPECT_EQ(ring_owed(&rig->ring), 0);
	EXPECT_EQ(__atomic_load_n(rig->ring.memory.cq_overflow, __ATOMIC_RELAXED), 0);
	rig->driver->ops->close(rig->driver, false);
}

static inline void push_nop(struct ring *ring, struct tally *tally)
{
	struct io_uring_sqe sqe = {0};

	io_uring_prep_nop(&sqe);
	ring_push(ring, &sqe, &tally->completion);
}

static inline void push_read(struct ring *ring, struct tally *tally, int fd, void *bytes,
			     unsigned count)
{
	struct io_uring_sqe sqe = {0};

	io_uring_prep_read(&sqe, fd, bytes, count, 0);
	ring_push(ring, &sqe, &tally->completion);
}

static inline void push_cancel(struct ring *ring, struct tally *tally, struct tally *target)
{
	struct io_uring_sqe sqe = {0};

	io_uring_prep_cancel64(&sqe, (uintptr_t)&target->completion, 0);
	ring_push(ring, &sqe, &tally->completion);
}

/* Enters and reaps until nothing is owed, for at most five seconds. */
static inline void drain(struct ring *ring)
{
	int64_t deadline = clock_now() + 5 * CLOCK_SECOND;

	while (ring_owed(ring) && clock_now() < deadline) {
		EXPECT_EQ(ring_enter(ring, true, CLOCK_SECOND / 10), 0);
		ring_reap(ring);
	}
	EXPECT_EQ(ring_owed(ring), 0);
}

/* Waits until @tally was completed, for at most five seconds. */
static inline void await_tally(struct ring *ring, const struct tally *tally)
{
	int64_t deadline = clock_now() + 5 * CLOCK_SECOND;

	while (!tally->count && clock_now() < deadline) {
		EXPECT_EQ(ring_enter(ring, true, CLOCK_SECOND / 10), 0);
		ring_reap(ring);
	}
	EXPECT_EQ(tally->count, 1);
}

#endif
