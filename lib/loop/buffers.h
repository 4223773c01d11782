/* SPDX-License-Identifier: MIT */
/*
 * Buffers that belong to a loop and are lent to the kernel: a receive takes one when it has data,
 * so that who only waits holds none. A group for each size, made when somebody asks for it first,
 * and grown by a chunk when it runs low, up to a bound. The kernel takes them in turn, so that they
 * are for small messages: many large ones leave the caches before they are used again (leases.h).
 *
 * A buffer is with the kernel, or out: a CQE has named it, and whoever got that gives it back. The
 * order of CQEs is that of taking, so what is left is known when one says -ENOBUFS. Who has met
 * that waits here by a hook, which is made ready when a buffer is back: nobody tries again by
 * himself.
 *
 * Invariant: given + out = made; nobody waits while buffers are left, but for who has been told.
 */
#ifndef COIL_LOOP_BUFFERS_H
#define COIL_LOOP_BUFFERS_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"
#include "ring/buffer_ring.h"

enum buffers_class { /* as many as loop->buffers has */
	BUFFERS_HOT,	/* small messages: few, that stay in the caches */
	BUFFERS_CLASSES
};

#define BUFFERS_HOT_BYTES 4096u
#define BUFFERS_CHUNKS 4u
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
	uint16_t group;			/* for the SQE's buf_group */
	uint16_t chunk;			/* buffers that are made at once */
	uint32_t bytes;			/* of a buffer */
	uint32_t stride;
	uint32_t made;
	uint32_t out;
	struct buffer_note *notes;
	struct lease_taker *takers;	/* of those that are lent */
	unsigned char *chunks[BUFFERS_CHUNKS];
	struct coil_list waiters;	/* struct buffers_waiter */
	struct coil_hook pump;		/* tells them */
	bool is_pumping;
	uint64_t shortages;		/* waits that were begun */
	void *memory;			/* of all but the chunks; not aligned */
	size_t memory_bytes;
};

struct buffers_waiter {
	struct coil_list link;
	struct coil_hook hook;		/* its fire is the owner's, who is not waiting any more */
	bool is_told;			/* the hook is ready: fire sets it back */
};

/*
 * The loop's group of that class. 0; -EOPNOTSUPP: this kernel has no buffer rings; -ENOMEM, or what
 * the registration said.
 */
int buffers_open(struct coil_loop *loop, enum buffers_class class, struct buffers **ret_buffers);

/* All of the loop's; nothing is owed, and who has one still has lost it. */
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
	return likely(buffers_left(buffers) > buffers->chunk / 4u) || buffers_grow(buffers);
}

static inline void *buffers_data(const struct buffers *buffers, uint16_t id)
{
	return buffers->chunks[id / buffers->chunk] +
	       (size_t)(id % buffers->chunk) * buffers->stride;
}

/* Of a CQE with IORING_CQE_F_BUFFER: the buffer, which is out now. */
static inline uint16_t buffers_take(struct buffers *buffers, uint32_t cqe_flags)
{
	buffers->out++;
	return (uint16_t)(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
}

void buffers_begin_telling(struct buffers *buffers);

/* The kernel may fill it again. */
static inline void buffers_give(struct buffers *buffers, uint16_t id)
{
	check(buffers->out > 0);
	buffers->out--;
	buffer_ring_put(&buffers->ring, buffers_data(buffers, id), buffers->bytes, id);
	if (unlikely(!list_is_empty(&buffers->waiters)))
		buffers_begin_telling(buffers);
}

static inline void buffers_waiter_init(struct buffers_waiter *waiter,
				       void (*fire)(struct coil_hook *hook))
{
	list_init(&waiter->link);
	waiter->hook.fire = fire;
	waiter->is_told = false;
}

/*
 * After -ENOBUFS: the hook is fired once there are buffers again, in the order of coming. Makes
 * more of them first, if that is allowed.
 */
void buffers_wait(struct buffers *buffers, struct buffers_waiter *waiter);

/* Not any more; whether it waits, or was told and its hook is still to be fired. */
void buffers_unwait(struct buffers *buffers, struct buffers_waiter *waiter);

#endif
