/* SPDX-License-Identifier: MIT */
/*
 * What was lent to the program: buffers of the loop's groups, and memory of their own for large
 * messages, for copies, and where there is no such buffer. The latter is kept when it comes back,
 * and what came back last is lent first. Each is noted with who took it, so that at the loop's end
 * what was not given back can be named.
 *
 * Must not know: streams, tasks; @task and @place are words for a report.
 */
#ifndef COIL_LOOP_LEASES_H
#define COIL_LOOP_LEASES_H

#include "loop/buffers.h"

/* Of a lease, at the most: more than the round sizes that messages have, so that a read which
 * fills it means that there is more. */
#define LEASE_BYTES 69632u
/* How many are kept for the next ones: of as many sockets one run of the kernel tells. */
#define LEASE_SPARES 32u

struct lease_taker {
	uint64_t task;		/* its id */
	const char *place;	/* where it was spawned, or NULL */
};

/* Memory that no group has. */
struct lease_copy {
	struct coil_list link;	/* in loop->lease_copies */
	struct lease_taker taker;
	size_t bytes;		/* of @data, lent */
	char data[LEASE_BYTES];
};

/* A buffer that is out is lent to @taker, and given back. */
static inline void lease_begin(struct buffers *buffers, uint16_t id,
			       const struct lease_taker *taker)
{
	buffers->notes[id].is_lent = 1;
	buffers->takers[id] = *taker;
}

static inline void lease_end(struct buffers *buffers, uint16_t id)
{
	buffers->notes[id].is_lent = 0;
	buffers_give(buffers, id);
}

/* The one that was freed last, if there is one: it is in the caches still. NULL: no memory. */
struct lease_copy *lease_copy_new(struct coil_loop *loop, const struct lease_taker *taker);
void lease_copy_free(struct coil_loop *loop, struct lease_copy *copy);

/* What a lease is of goes back: the copy, or the buffer of the group. */
static inline void lease_give(struct coil_loop *loop, struct lease_copy *copy, uint16_t id)
{
	if (unlikely(copy))
		lease_copy_free(loop, copy);
	else
		lease_end(loop->buffers, id);
}

/* Names what is still lent. */
void leases_audit(const struct coil_loop *loop);

/* The loop ends: frees the copies. */
void leases_close(struct coil_loop *loop);

#endif
