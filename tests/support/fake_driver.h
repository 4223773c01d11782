/* SPDX-License-Identifier: MIT */
/*
 * A driver in memory, for what the real kernel says seldom or never: rings as plain arrays, a clock
 * that moves only when it is told, enters that answer what the test has scripted. Its requests are
 * completed by the test, in any order; it completes by itself only what it could not leave open:
 *
 *   NOP                            0, unless holds_nops
 *   ASYNC_CANCEL, TIMEOUT_REMOVE   the target -ECANCELED, then 0; -ENOENT without a target; unless
 *                                  holds_cancels
 *   READ of wake_fd                8, as soon as somebody wakes
 *
 * An enter that would sleep for ever is a failure of the test. Its struct is large: static memory.
 */
#ifndef COIL_TESTS_SUPPORT_FAKE_DRIVER_H
#define COIL_TESTS_SUPPORT_FAKE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "coil/completion.h"
#include "ring/driver.h"

#include <liburing/io_uring.h>

#define FAKE_ENTRIES_MAX 4096u
#define FAKE_REQUESTS_MAX 8192u
#define FAKE_ANSWERS_MAX 32u
#define FAKE_WAITING_MAX 4096u
#define FAKE_WAKE_FD 1000000

/* What one enter does: takes @consume SQEs (FAKE_ALL), and with a negative @rc nothing else. */
#define FAKE_ALL UINT32_MAX
struct fake_answer {
	int rc;
	unsigned consume;
};

struct fake_request {
	struct io_uring_sqe sqe;
	bool is_done;
};

/* A CQE that waits for its enter. */
struct fake_cqe {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

struct fake_driver {
	struct driver driver;
	struct driver_ops ops;
	struct driver_calls calls;
	struct io_uring_sqe sqes[FAKE_ENTRIES_MAX];
	_Alignas(16) uint64_t cqes[FAKE_ENTRIES_MAX * 2];
	unsigned sq_head, sq_tail, sq_flags, cq_head, cq_tail, cq_overflow;

	/* What the kernel has taken, in order. */
	struct fake_request requests[FAKE_REQUESTS_MAX];
	unsigned requests_count;
	struct fake_cqe waiting[FAKE_WAITING_MAX];
	unsigned waiting_count;
	struct fake_answer answers[FAKE_ANSWERS_MAX];
	unsigned answers_count, answers_used;
	bool holds_nops;
	bool holds_cancels;

	/* The virtual clock; each look at it takes @tick_ns. */
	int64_t now;
	int64_t tick_ns;

	/* What was seen. */
	unsigned enters, waits, clock_reads, wakes, poll_wakes, wakes_unread, closes;
	unsigned submitted;    /* by the last enter */
	int64_t timeout_ns;    /* of the last enter; 0: it did not wait */
	bool abandoned;

	/* Called in each enter after SQEs were taken; before a sleep; at each look at the clock. */
	void (*on_enter)(struct fake_driver *fake);
	void (*on_sleep)(struct fake_driver *fake);
	void (*on_clock)(struct fake_driver *fake);
};

/* Both sizes are powers of two, at most FAKE_ENTRIES_MAX. Ring indices begin at @start. */
void fake_init(struct fake_driver *fake, unsigned sq_entries, unsigned cq_entries, unsigned start);

/* The next enters answer so, one each; then again 0 and FAKE_ALL. */
void fake_script(struct fake_driver *fake, int rc, unsigned consume);

/* Completes the open request of @completion now. With F_MORE it stays open. */
void fake_complete(struct fake_driver *fake, struct coil_completion *completion, int32_t res,
		   uint32_t flags);

/* The same, but the CQE is posted by the next enter; the SQ flags say so. */
void fake_defer(struct fake_driver *fake, struct coil_completion *completion, int32_t res,
		uint32_t flags);

/* The open request of @completion, or NULL. */
struct fake_request *fake_find(struct fake_driver *fake, const struct coil_completion *completion);

/* Request @index from the end: 0 is what was taken last. */
const struct io_uring_sqe *fake_taken(const struct fake_driver *fake, unsigned index);

/* Requests that are not answered. */
unsigned fake_open_requests(const struct fake_driver *fake);

#endif
