/* SPDX-License-Identifier: MIT */
/*
 * Streams: a sequence of bytes in each direction, with an end. A stream is no descriptor but
 * something that can read and write; the ones from coil/net.h lie on sockets.
 *
 * One task may read while another writes. A second reader is misuse; a second writer waits for its
 * turn, so that writes are never mixed. A stream belongs to the loop of the thread that made it and
 * is closed exactly once. That may happen while other tasks wait on it: every such wait ends with
 * -EPIPE, and those tasks do not use the stream any more.
 */
#ifndef COIL_STREAM_H
#define COIL_STREAM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct coil_stream;

/* The largest count that one call can return. */
#define COIL_STREAM_BYTES_MAX 0x7ffff000

/**
 * coil_stream_read - read what is there, at least one byte
 * @stream: open
 * @buf:    room for @len bytes; the kernel's until return
 * @len:    bytes; more than COIL_STREAM_BYTES_MAX are cut to that; 0 returns 0 at once
 *
 * Suspends until something came. A second task that reads at the same time stops the program, with
 * words. Cancel: at once; bytes that came first are the result, and the next wait meets the
 * cancellation. Allocates nothing.
 * Return: bytes > 0; 0 at the end of the stream; -EPIPE if another task closed the stream
 * meanwhile; the reason of a cancelled scope; -ECONNRESET, -ETIMEDOUT, ... as recv(2).
 * Since 0.1. Kernel 5.6. See recv(2).
 */
int coil_stream_read(struct coil_stream *stream, void *buf, size_t len);

/**
 * coil_stream_write - write all of a buffer
 * @stream: open
 * @buf:    @len bytes; the kernel's until return
 * @len:    bytes, at most COIL_STREAM_BYTES_MAX; 0 returns 0 at once
 *
 * Suspends until everything was handed to the kernel. Writers take turns, first come first served.
 * Cancel: at once; if some bytes were written before, their count is the result, which is smaller
 * than @len only then. Never raises SIGPIPE. Allocates nothing.
 * Return: @len; 0 < bytes < @len after a cancel; the reason of a cancelled scope if nothing was
 * written; -EPIPE if the peer, or another task meanwhile, has closed; -EINVAL if @len is too large;
 * -ECONNRESET, ... as send(2), after which it is not known how much was written.
 * Since 0.1. Kernel 5.19. See send(2), MSG_WAITALL.
 */
int coil_stream_write(struct coil_stream *stream, const void *buf, size_t len);

/**
 * coil_stream_shutdown - end what is written
 * @stream: open
 *
 * The peer reads the end after all that was written; reading goes on. Waits for writers that came
 * before; otherwise it does not suspend, and works in a cancelled scope, too.
 * Return: 0; -ENOTCONN; -EPIPE if another task closed the stream meanwhile; the reason of a
 * cancelled scope if it had to wait.
 * Since 0.1. See shutdown(2).
 */
int coil_stream_shutdown(struct coil_stream *stream);

/**
 * coil_stream_close - close a stream and free it
 * @stream: open; NULL does nothing; stale after the call
 *
 * What was written before still reaches the peer. Works in a cancelled scope. Other tasks' waits on
 * the stream end with -EPIPE, whatever they did: bytes that came at that moment are dropped. Only
 * if there are such tasks this suspends, until they have left the stream.
 * Since 0.1. See close(2).
 */
void coil_stream_close(struct coil_stream *stream);

/**
 * coil_stream_fd - the descriptor below a stream
 * @stream: open
 *
 * For options, addresses and flags; closing it is the stream's business. Does not suspend.
 * Return: the descriptor, the stream's; -EOPNOTSUPP if there is none.
 * Since 0.1.
 */
int coil_stream_fd(const struct coil_stream *stream);

/**
 * coil_stream_from_fd - make a stream of a connected socket
 * @ret_stream: the stream; untouched on failure
 * @fd:         a connected stream socket; the stream's from now on; on failure the caller's
 *
 * Does not suspend. Return: 0; -EBADF; -ENOTSOCK; -EPROTOTYPE if it is no SOCK_STREAM; -ENOMEM.
 * Since 0.1.
 */
int coil_stream_from_fd(struct coil_stream **ret_stream, int fd);

/* Room for any address as text, the final zero included. */
#define COIL_ADDRESS_TEXT 128

/**
 * coil_stream_peer - the other end's address, as text
 * @stream: open
 * @text:   "127.0.0.1:7000", "[::1]:7000", the path of a unix socket, "@name" of an abstract one,
 *          "unnamed"
 * @bytes:  room in @text; COIL_ADDRESS_TEXT is always enough
 *
 * Does not suspend. Return: 0; -ENOTCONN; -EOPNOTSUPP if the stream lies on no socket; -ENOSPC.
 * Since 0.1. See getpeername(2).
 */
int coil_stream_peer(const struct coil_stream *stream, char *text, size_t bytes);

/**
 * coil_stream_local - this end's address, as text
 * @stream: open
 * @text:   as coil_stream_peer
 * @bytes:  as coil_stream_peer
 *
 * Does not suspend. Return: as coil_stream_peer.
 * Since 0.1. See getsockname(2).
 */
int coil_stream_local(const struct coil_stream *stream, char *text, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
