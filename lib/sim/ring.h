/* SPDX-License-Identifier: MIT */
/*
 * One simulated ring: a struct driver with ring memory of its own, the requests that it has taken,
 * and what is to be posted.
 *
 * Invariant: CQEs are posted in enter alone (DEFER_TASKRUN). TASKRUN stands in the SQ flags while
 * there is something to attempt or to post, CQ_OVERFLOW while a CQE did not fit.
 */
#ifndef COIL_SIM_RING_H
#define COIL_SIM_RING_H

#include "sim/world.h"

/* A CQE on its way. Its own, so that a multishot request can have many. */
struct sim_record {
	struct coil_list node;
	struct sim_request *request;	/* ended by it: NULL for the others */
	uint64_t order;			/* those of one request are posted in their order */
	struct sim_cqe cqe;
	bool is_silent;			/* CQE_SKIP_SUCCESS: ends its request without a CQE */
	bool is_prompt;			/* posted in the enter that took its SQE */
};

struct sim_ring {
	struct driver driver;
	struct sim *sim;
	struct coil_list node;		/* in sim->rings */
	unsigned index;			/* of the world's rings, in the order of opening */
	unsigned sq_head;
	unsigned sq_tail;
	unsigned sq_flags;
	unsigned cq_head;
	unsigned cq_tail;
	unsigned cq_overflow;
	struct coil_list all;		/* requests, by order of submission */
	uint64_t all_count;
	struct coil_list runnable;	/* requests to attempt */
	struct coil_list deferred;	/* requests behind a DRAIN */
	struct coil_list done;		/* records */
	struct coil_list overflown;	/* records that did not fit */
	unsigned done_count;
	struct sim_request *chain_head;	/* of the chain that is being taken */
	struct sim_request *chain_tail;
	struct coil_list counting;	/* timeouts that count CQEs: timeout.c */
	uint64_t counted;		/* CQEs, those of timeouts apart */
	bool drain_is_refused;		/* CQE_SKIP_SUCCESS was seen: nobody can count any more */
	struct sim_file *wake_file;
	struct sim_file *self;		/* the file behind ring_fd */
	struct iovec *memory;		/* that is registered for fixed reads and writes */
	unsigned memory_count;
	struct sim_file **table;	/* registered files; NULL: no table yet */
	unsigned table_slots;
	unsigned table_hint;		/* where the search for a free slot begins */
	struct coil_list maps;		/* of stacks: what an abandoned engine leaves */
	struct coil_list buffers;	/* groups that were registered: buffers.c */
	bool has_signal;		/* a handler ran: the wait ends with -EINTR */
	void *owner;			/* the watcher's */
};

/*
 * Opens a ring of the world. The queue sizes are powers of two, as the kernel rounds them.
 */
struct sim_ring *sim_ring_open(struct sim *sim, unsigned sq_entries, unsigned cq_entries);

static inline struct sim_ring *sim_ring_of(struct driver *driver)
{
	return container_of(driver, struct sim_ring, driver);
}

/* Attempts all that can be attempted, until nothing changes any more. */
void sim_ring_run(struct sim_ring *ring);

/* Has it something for the loop that sleeps in it? */
bool sim_ring_is_awake(const struct sim_ring *ring);

/* Puts a record to what is to be posted. */
void sim_ring_record(struct sim_ring *ring, const struct sim_record *record);

/* Shows in the SQ flags what there is to do. */
void sim_ring_flag(struct sim_ring *ring);

/* Would another CQE of a multishot overflow? */
bool sim_ring_is_full(struct sim_ring *ring);

/* Posts what is done: all of it, or as much as the seed likes. */
void sim_ring_post(struct sim_ring *ring, bool all);

/* The ring behind a descriptor; NULL: it is no ring. */
struct sim_ring *sim_ring_at(struct sim_file *file);

#endif
