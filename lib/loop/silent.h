/* SPDX-License-Identifier: MIT */
/*
 * Silent sends: of a lease, with MSG_DONTWAIT, MSG_WAITALL and CQE_SKIP_SUCCESS. Such a send is
 * over when the enter that has consumed its SQE returns: it has sent all, and no CQE says so; or
 * its CQE, with what it did send, stands before all that this enter's own work has brought. So once
 * what is there was reaped, those of which nothing was heard are over, in the order in which they
 * were begun: their leases are released, and nobody has waited. A CQ that has overflown may hold
 * such a CQE back: then nothing is over until it is empty.
 *
 * Invariant: settled <= begun <= settled + SILENTS_MOST.
 *
 * Must not know: streams. Whoever begins a send hears of what was left over by its completion.
 */
#ifndef COIL_LOOP_SILENT_H
#define COIL_LOOP_SILENT_H

#include "loop/leases.h"
#include "loop/op.h"

/* As many as the group has buffers: leases of other memory are rare. */
#define SILENTS_MOST BUFFERS_MOST

struct silent_send {
	struct coil_completion completion;	/* of its owner's; only if not all was sent */
	void *owner;
	const char *data;
	uint32_t bytes;
	unsigned sq_end;	/* the SQ's tail behind it */
	struct lease_copy *copy; /* what the lease is of: this, or a buffer of the group */
	uint16_t id;
};

static inline struct silent_send *silent_of(const struct silents *silents, uint64_t serial)
{
	return &silents->sends[serial % SILENTS_MOST];
}

/* Makes the list. False: no memory. */
bool silents_open(struct coil_loop *loop);

/* May one begin now? */
static inline bool silent_fits(struct coil_loop *loop)
{
	return (loop->driver->opcodes >> IORING_OP_SEND & 1) != 0 && op_fits(loop, 1) &&
	       silents_unsettled(loop) < SILENTS_MOST &&
	       (likely(loop->silents.sends) || silents_open(loop));
}

/* The next one, for the caller to fill in, but for @sq_end, and to push at once. */
static inline struct silent_send *silent_next(struct coil_loop *loop)
{
	return silent_of(&loop->silents, loop->silents.begun + 1);
}

/* Sends on @fd, a descriptor or a direct one. Its serial: it is over once silents.settled has
 * reached that. */
uint64_t silent_push(struct coil_loop *loop, struct silent_send *send, int fd);

/* To be told by the completion: the CQE is not the end of it, which is when it is settled. */
static inline void silent_heard(struct coil_loop *loop)
{
	loop->ring.finished--;
}

/* What was reaped last came with an enter, or before it. */
void silents_settle(struct coil_loop *loop);

void silents_close(struct coil_loop *loop);

#endif
