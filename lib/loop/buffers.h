/* SPDX-License-Identifier: MIT */
/*
 * Buffers that belong to a loop and are lent to the kernel: a receive takes one when it has data,
 * so that who only waits holds none. One group, made when somebody asks for it first, and grown by
 * a chunk when it runs low, up to a bound. The kernel takes them in turn, so that they are for
 * small messages: many large ones leave the caches before they are used again (leases.h).
 *
 * A buffer is with the kernel, or out: a CQE has named it, and whoever got that gives it back. The
 * order of CQEs is that of taking, so what is left is known when one says -ENOBUFS. Nobody waits
 * for one: who meets that reads into memory of another kind.
 *
 * Invariant: given + out = made.
 */
#ifndef COIL_LOOP_BUFFERS_H
#define COIL_LOOP_BUFFERS_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "ring/buffer_ring.h"

#define BUFFERS_GROUP 0u	/* for the SQE's buf_group */
#define BUFFERS_BYTES 4096u	/* of each */
/* Buffers a page apart would share the same few sets of the caches. */
#define BUFFERS_STRIDE (BUFFERS_BYTES + 64u)
#define BUFFERS_CHUNK 64u	/* that are made at once */
#define BUFFERS_CHUNKS 4u
#define BUFFERS_MOST (BUFFERS_CHUNKS * BUFFERS_CHUNK)
#define BUFFERS_NONE UINT16_MAX

/* What whoever has a buffer may note of it; @next links the buffers of one owner. */
struct buffer_note {
	uint32_t bytes;
	uint16_t next;
	uint16_t is_lent;	/* to the program: loop/leases.h */
};

struct lease_taker;

struct buffers {
	struct coil_loop *loop;
	struct buffer_ring ring;
	uint32_t made;
	uint32_t out;
	struct buffer_note *notes;
	struct lease_taker *takers;	/* of those that are lent */
	unsigned char *chunks[BUFFERS_CHUNKS];
	void *memory;			/* of all but the chunks; not aligned */
	size_t memory_bytes;
};

/* The loop's. 0; -EOPNOTSUPP: this kernel has no buffer rings; -ENOMEM, or what the registration
 * said. */
int buffers_open(struct coil_loop *loop, struct buffers **ret_buffers);

/* If they were opened; nothing is owed, and who has one still has lost it. */
void buffers_close(struct coil_loop *loop);

/* How many the kernel has, as far as CQEs tell. */
static inline uint32_t buffers_left(const struct buffers *buffers)
{
	return buffers->made - buffers->out;
}

/* Makes another chunk, if the bound and the memory allow. */
bool buffers_grow(struct buffers *buffers);

/*
 * Are there enough to let one more receive take as many as it likes? A quarter of a chunk is kept
 * for those who do already.
 */
static inline bool buffers_are_plenty(struct buffers *buffers)
{
	return likely(buffers_left(buffers) > BUFFERS_CHUNK / 4u) || buffers_grow(buffers);
}

/*
 * The same for a receive that perhaps met -ENOBUFS: what there is was not enough then, however many
 * came back since, and would not be in the next burst.
 */
static inline bool buffers_are_enough(struct buffers *buffers, bool was_starved)
{
	return unlikely(was_starved) ? buffers_grow(buffers) : buffers_are_plenty(buffers);
}

static inline void *buffers_data(const struct buffers *buffers, uint16_t id)
{
	return buffers->chunks[id / BUFFERS_CHUNK] + (size_t)(id % BUFFERS_CHUNK) * BUFFERS_STRIDE;
}

/* Of a CQE with IORING_CQE_F_BUFFER: the buffer, which is out now. */
static inline uint16_t buffers_take(struct buffers *buffers, uint32_t cqe_flags)
{
	buffers->out++;
	return (uint16_t)(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
}

/* The kernel may fill it again. */
static inline void buffers_give(struct buffers *buffers, uint16_t id)
{
	check(buffers->out > 0);
	buffers->out--;
	buffer_ring_put(&buffers->ring, buffers_data(buffers, id), BUFFERS_BYTES, id);
}

#endif
