/* SPDX-License-Identifier: MIT */
/*
 * Requests, as the core sees them:
 *
 *   HELD       behind the one before it in its chain, or behind a DRAIN
 *   RUNNABLE   in its ring's runnable list: to be attempted (begun first, if it has not)
 *   DELAYED    its event will make it runnable: in a worker, or what a seed calls busy
 *   WAITING    an attempt has said SIM_WAIT
 *   FINISHED   its record is to be posted; posting it frees it
 */
#ifndef COIL_SIM_REQUEST_H
#define COIL_SIM_REQUEST_H

#include "sim/ring.h"

enum request_state {
	REQUEST_HELD,
	REQUEST_RUNNABLE,
	REQUEST_DELAYED,
	REQUEST_WAITING,
	REQUEST_FINISHED
};

/* Of sim_request.traits. */
enum request_trait {
	REQUEST_BEGUN = 1 << 0,
	REQUEST_IN_ATTEMPT = 1 << 1,
	REQUEST_IN_WORKER = 1 << 2,	/* it is delayed because it blocks */
	REQUEST_INTERRUPTED = 1 << 3,	/* a cancel came too late: it does not wait any more */
	REQUEST_IS_BAD = 1 << 4,	/* its SQE made no sense */
	REQUEST_FAILED = 1 << 5		/* a soft link behind it is broken */
};

/* Takes an SQE; the last one of a chain begins it. */
void sim_request_take(struct sim_ring *ring, const struct io_uring_sqe *sqe);

/* The submission ends: so does a chain that says it goes on. */
void sim_request_end_chain(struct sim_ring *ring);

/* Begins what a DRAIN has held back, as far as it may. True if something began. */
bool sim_request_undefer(struct sim_ring *ring);

void sim_request_attempt(struct sim_request *request);
void sim_request_release(struct sim_request *request);

/* Does it run in a worker of the kernel's, where nobody arms a poll? */
bool sim_request_blocks(const struct sim_request *request);

/* What a cancel of @request would say: 0 or 1 if it takes effect, -ENOENT, -EALREADY. */
int sim_cancel_decide(struct sim_request *request);

/* Ends a request of which the decision was that it ends. */
void sim_cancel_end(struct sim_request *request);

int32_t sim_cancel_prepare(struct sim_request *request);
int32_t sim_cancel_attempt(struct sim_request *request);

/* Checksums over buffers in flight: guard.c. */
void sim_guard_take(struct sim_request *request);
void sim_guard_check(struct sim_request *request);

/* The errno that the seed, or the options, let this one fail with: 0, it does not. */
int sim_fault(struct sim_request *request);

#endif
