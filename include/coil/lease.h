/* SPDX-License-Identifier: MIT */
/*
 * Leases: what a stream has received, in the very buffer that the kernel has filled, without a
 * copy. The buffer is the caller's to read until it is released; it may outlive the stream, not the
 * loop. It is taken only once there is something to read, so that a thousand connections that wait
 * need none; and what is released soon is used for the next one, while the caches have it still.
 */
#ifndef COIL_LEASE_H
#define COIL_LEASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;
struct coil_stream;

/* @data and @bytes are to be read; the rest is private. */
struct coil_lease {
	const void *data;
	size_t bytes;
	struct coil_loop *loop;
	void *copy;		/* not in a buffer of the group, but in memory of its own */
	uint16_t id;
	uint32_t check_word;
};

/**
 * coil_stream_read_lease - read what is there, where it is
 * @stream:    open, and nobody reads it
 * @ret_lease: 1..69632 bytes, to be given to coil_lease_release; undefined unless the result is
 *             above 0
 *
 * As coil_stream_read. On a socket nothing is copied, but for bytes that were read ahead by calls
 * that share the stream's buffer. Small messages lie in buffers that the loop shares with the
 * kernel; large ones, and what comes while those are all out, in memory of 68 KiB that the loop
 * keeps for the next lease: who holds leases for long keeps nobody waiting. Suspends. Cancel: at
 * once; bytes that came first are the result. Allocates while more leases are held than ever
 * before, and where more than 32 large ones are. A lease that is not released when the loop ends is
 * told by a report.
 * Return: bytes > 0; 0 at the end of the stream; -ENOMEM; as coil_stream_read.
 * Since 0.1. Kernel 5.6. See io_uring_setup_buf_ring(3).
 */
int coil_stream_read_lease(struct coil_stream *stream, struct coil_lease *ret_lease);

/**
 * coil_stream_put_lease - write what a lease holds, without waiting for it
 * @stream: open; any of the same loop
 * @lease:  from coil_stream_read_lease; given back when the result is 0, the caller's otherwise
 *
 * As coil_stream_put, but on a socket to which nothing else is being written nothing is copied: the
 * bytes leave with the loop's next submission, out of the buffer that they came in (at once from 16
 * KiB on), and it is free again when they have. What the socket does not take then is copied, and
 * sent as what was put. So who echoes or forwards does not wait for a write, but drains, as after
 * coil_stream_put, to be held while the peer does not keep up. Does not suspend; works in a
 * cancelled scope.
 * Return: 0; else as coil_stream_put, and nothing of it was put; or a part was, and there is no
 * memory for the rest: then -ENOMEM is what all later writes tell, too.
 * Since 0.1. Kernel 5.17. See IOSQE_CQE_SKIP_SUCCESS in io_uring_enter(2).
 */
int coil_stream_put_lease(struct coil_stream *stream, struct coil_lease *lease);

/**
 * coil_lease_release - give a lease back
 * @lease: from coil_stream_read_lease, once; its data is gone
 *
 * On the thread of the loop that it came from, before that loop ends. Does not suspend. Twice is
 * misuse and stops the program, with words.
 * Since 0.1.
 */
void coil_lease_release(struct coil_lease *lease);

#ifdef __cplusplus
}
#endif

#endif
