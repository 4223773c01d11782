/* SPDX-License-Identifier: MIT */
/*
 * A multishot receive: one request that brings message after message, each in a buffer of a group.
 * It is a completion owned by who reads a socket, no operation: a future resolves once. What comes
 * is queued, linked by the buffers' notes. What its completion touches lies side by side.
 *
 *   armed       the kernel owes the last CQE of the receive
 *   ended       it has said the end of the stream, or an error of the socket's: behind the queue
 *   neither     it has not begun, or ended for a reason of its own (no buffer, CQ full, a cancel):
 *               nothing is lost, and it may be armed again
 *
 * Invariant: it lives until nothing is owed, the CQE of a cancel included, though its owner may be
 * gone before; it is not armed again before that one, which could hit it. All that are owed
 * something are in the loop's list, so that its end can ask them to end.
 *
 * Must not know: what an fd means, who reads and why.
 */
#ifndef COIL_LOOP_RECEIVER_H
#define COIL_LOOP_RECEIVER_H

#include "loop/buffer_queue.h"

enum receiver_flag {
	RECEIVER_ARMED = 1 << 0,
	RECEIVER_ENDED = 1 << 1,	/* @ending is to be told */
	RECEIVER_CANCEL_OWED = 1 << 2,
	RECEIVER_CANCEL_ASKED = 1 << 3,	/* perhaps not pushed yet: @retry is ready then */
	RECEIVER_RETRIES = 1 << 4,
	RECEIVER_STARVED = 1 << 5,	/* it met -ENOBUFS */
	RECEIVER_REFUSED = 1 << 6,	/* this kernel does not do it, or not on this socket */
	RECEIVER_ABANDONED = 1 << 7	/* the owner has left: freed with the last CQE */
};

/* Buffers that wait to be read, unless the owner says otherwise. */
#define RECEIVER_QUEUE_HIGH 8u

struct receiver {
	struct coil_future told;	/* what who reads waits for; it knows the loop */
	struct coil_completion completion;
	struct buffer_queue queue;	/* what nobody has read yet */
	int32_t ending;			/* 0: the end; or a negative errno */
	uint16_t queue_high;		/* so many, and it is cancelled until they are read */
	uint8_t flags;
	bool is_overrun;		/* a buffer was too small for what was there */
	bool is_waited;			/* somebody reads, and waits */
	struct coil_completion cancel;
	struct coil_list link;		/* in loop->receivers while anything is owed */
	struct coil_hook retry;		/* a cancel that found the SQ full */
};

/* Of its completion: so loop_reap knows a receiver when it sees one. */
void receiver_complete(struct coil_completion *completion, int32_t result, uint32_t cqe_flags);

/* NULL: no memory. */
struct receiver *receiver_new(struct coil_loop *loop);

/*
 * Arms it with a staged SQE of a recv without memory, or of a recvmsg. False:
 * there is no room in the SQ, or a cancel is still owed. Not if it is armed.
 */
bool receiver_arm(struct receiver *receiver, struct io_uring_sqe *sqe);

/* Asks it to end soon, if it is armed. */
void receiver_cancel(struct receiver *receiver);

static inline bool receiver_is_armed(const struct receiver *receiver)
{
	return receiver->flags & RECEIVER_ARMED;
}

static inline bool receiver_has_bytes(const struct receiver *receiver)
{
	return !buffer_queue_is_empty(&receiver->queue);
}

/* Is there anything that has to be read before any other receive may begin? */
static inline bool receiver_is_active(const struct receiver *receiver)
{
	return (receiver->flags & (RECEIVER_ARMED | RECEIVER_ENDED)) ||
	       receiver_has_bytes(receiver);
}

/*
 * Begins to wait for what comes next: the future resolves with 0 when there is a buffer, an ending,
 * or nothing because the receive is not armed any more; a cancel leaves the receive alone.
 */
struct coil_future *receiver_wait_begin(struct receiver *receiver);

/* Ends the wait of whoever does, with -ECANCELED. */
void receiver_interrupt(struct receiver *receiver);

/* Copies from the queue, which is not empty: from one buffer at least. Bytes, > 0. */
size_t receiver_copy(struct receiver *receiver, void *buf, size_t len);

/* The ending, told once. */
static inline int receiver_take_ending(struct receiver *receiver)
{
	receiver->flags &= (uint8_t)~RECEIVER_ENDED;
	return receiver->ending;
}

/* Bytes in the queue. */
size_t receiver_bytes(const struct receiver *receiver);

/*
 * The owner leaves: what is queued is given back, and the receiver is freed when nothing is owed
 * any more, perhaps now. NULL does nothing.
 */
void receiver_abandon(struct receiver *receiver);

/* For the end of the loop: asks all to end. True if all have been. */
bool receivers_disarm(struct coil_loop *loop);

/* How many are armed, and nobody waits for them: they will not end anybody's wait. */
uint64_t receivers_unread(const struct coil_loop *loop);

#endif
