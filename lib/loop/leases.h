/* SPDX-License-Identifier: MIT */
/*
 * What was lent to the program: buffers of the loop's groups, and copies where there is no such
 * buffer. Each is noted with who took it, so that at the loop's end what was not given back can be
 * named.
 *
 * Must not know: streams, tasks; @task and @place are words for a report.
 */
#ifndef COIL_LOOP_LEASES_H
#define COIL_LOOP_LEASES_H

#include "loop/buffers.h"

struct lease_taker {
	uint64_t task;		/* its id */
	const char *place;	/* where it was spawned, or NULL */
};

/* Memory of its own. */
struct lease_copy {
	struct coil_list link;	/* in loop->lease_copies */
	struct lease_taker taker;
	size_t room;		/* of @data */
	size_t bytes;		/* of it, lent */
	char data[];
};

/* A buffer that is out is lent to @taker, and given back. */
void lease_begin(struct buffers *buffers, uint16_t id, const struct lease_taker *taker);
void lease_end(struct buffers *buffers, uint16_t id);

/* NULL: no memory. */
struct lease_copy *lease_copy_new(struct coil_loop *loop, size_t room,
				  const struct lease_taker *taker);
void lease_copy_free(struct coil_loop *loop, struct lease_copy *copy);

/* Names what is still lent. */
void leases_audit(const struct coil_loop *loop);

/* The loop ends: frees the copies. */
void leases_close(struct coil_loop *loop);

#endif
