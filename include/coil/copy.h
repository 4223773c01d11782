/* SPDX-License-Identifier: MIT */
/* Moving bytes from one stream or descriptor to another. */
#ifndef COIL_COPY_H
#define COIL_COPY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_stream;

/**
 * coil_copy - write all that a stream gives to another one
 * @dst: open
 * @src: open, another one
 *
 * Up to the end of @src, in pieces of up to 64 KiB; for a proxy, one task each way. The end is not
 * passed on: coil_stream_shutdown does that. Suspends. Cancel: at once; if something was moved,
 * how much is the result, and the next wait meets the cancellation. What was read and could not be
 * written, also after an error, is back in @src.
 * Return: bytes; after a cancel those until then; the reason of a cancelled scope if nothing was
 * moved; -ENOMEM; -EPIPE if another task closed one of the streams meanwhile, and what was read and
 * not written is lost then; what coil_stream_read and coil_stream_write return.
 * Since 0.1. Kernel 5.19.
 */
int64_t coil_copy(struct coil_stream *dst, struct coil_stream *src);

/* What to copy. Zero is the default of each field. */
struct coil_copy_options {
	size_t size;		  /* sizeof(struct coil_copy_options) */
	struct coil_stream *dst;  /* NULL: dst_fd */
	struct coil_stream *src;  /* NULL: src_fd */
	int dst_fd;		  /* open; borrowed */
	int src_fd;
	int64_t *dst_offset;	  /* of a file; goes on with it; NULL: its own position */
	int64_t *src_offset;
	uint64_t bytes_max;	  /* 0: up to the end */
	uint64_t moved;		  /* set: bytes, whatever is returned */
};

/**
 * coil_copy_with - copy between streams, files, pipes
 * @options: what, from where, to where
 *
 * Between two descriptors of which one is a pipe, the bytes are spliced and touch no memory of the
 * program. From a regular file to a socket, or a stream on one, what lies in the page cache is sent
 * by the kernel alone, up to 256 KiB before other tasks run; what does not is read, without
 * blocking the loop. As with sendfile(2), bytes of the file that change before the peer has read
 * them may arrive changed; and while such a call lasts, the socket has O_NONBLOCK. The end of a
 * file that shrinks meanwhile is where it is then. Suspends. Cancel: as coil_copy. What was read
 * and could not be written is back in a stream, still in a pipe that was spliced from, and at
 * @src_offset of a file; read by its own position it is lost.
 * Return: as coil_copy; -EINVAL if options.size is wrong; what read(2), write(2), sendfile(2)
 * and splice(2) return.
 * Since 0.1. Kernel 5.19. See sendfile(2), splice(2).
 */
int64_t coil_copy_with(struct coil_copy_options *options);

#ifdef __cplusplus
}
#endif

#endif
