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

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

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

/*
 * Reading more than what is there. These calls share a buffer that a stream has only from the first
 * of them on; it is filled only while somebody waits for bytes, and coil_stream_read empties it
 * before it asks the kernel. They take all or nothing: after any error, a cancel and the end of the
 * stream, what came stays in the buffer, for the next read. What lies there is bounded by twice the
 * limit, unless one call asks for more by its own length.
 *
 * All of them suspend until they have what they want, and are refused in a cancelled scope. What
 * any of them returns beside its own errors: -EPIPE if another task closed the stream meanwhile;
 * -ENOMEM; the reason of a cancelled scope; -ECONNRESET, ... as coil_stream_read. If there is no
 * memory to keep what a call has read, each later one returns -ENOMEM.
 */

/* The limit of a stream that was not told otherwise, and the largest. */
#define COIL_STREAM_LIMIT 65536
#define COIL_STREAM_LIMIT_MAX 0x20000000

/**
 * coil_stream_set_limit - how much a search for a separator may leave untaken
 * @stream: open
 * @bytes:  1..COIL_STREAM_LIMIT_MAX; default COIL_STREAM_LIMIT
 *
 * Does not suspend. What is in the buffer already stays.
 * Return: 0; -EINVAL; -ENOMEM.
 * Since 0.1. See asyncio.StreamReader.
 */
int coil_stream_set_limit(struct coil_stream *stream, size_t bytes);

/**
 * coil_stream_read_exactly - read so many bytes
 * @stream: open
 * @buf:    room for @len bytes; what it holds after a failure is not said
 * @len:    bytes, at most COIL_STREAM_BYTES_MAX; not bounded by the limit
 *
 * Suspends. Cancel: at once; nothing was taken.
 * Return: @len; -ENODATA if the end came first: coil_stream_read has what there is; -EINVAL if @len
 * is too large; what all of these calls return.
 * Since 0.1. Kernel 5.6. See asyncio.StreamReader.readexactly.
 */
int coil_stream_read_exactly(struct coil_stream *stream, void *buf, size_t len);

/**
 * coil_stream_read_all - read up to the end
 * @stream: open
 * @buf:    room for @len bytes; what it holds after a failure is not said
 * @len:    bytes, at most COIL_STREAM_BYTES_MAX
 *
 * Suspends. Cancel: at once; nothing was taken.
 * Return: bytes, 0 if nothing is left; -EMSGSIZE if there are more than @len: nothing was taken;
 * -EINVAL if @len is too large; what all of these calls return.
 * Since 0.1. Kernel 5.6. See asyncio.StreamReader.read.
 */
int coil_stream_read_all(struct coil_stream *stream, void *buf, size_t len);

/**
 * coil_stream_read_until - read through a separator
 * @stream:    open
 * @buf:       room for @len bytes
 * @len:       bytes
 * @separator: at least one byte, at most the limit; a string
 *
 * Suspends. Cancel: at once; nothing was taken.
 * Return: bytes, the separator included; -ENODATA if the end came first: coil_stream_read has what
 * there is; -EMSGSIZE if more than the limit, or than fits into @buf, stands before the separator:
 * nothing was taken; -EINVAL if @separator is empty or too long; what all of these calls return.
 * Since 0.1. Kernel 5.6. See asyncio.StreamReader.readuntil.
 */
int coil_stream_read_until(struct coil_stream *stream, void *buf, size_t len,
			   const char *separator);

/* What coil_stream_read_until_any looks for, and what it found. */
struct coil_until {
	size_t size;			/* sizeof(struct coil_until) */
	const struct iovec *separators; /* each 1 byte..the stream's limit */
	size_t count;			/* of separators, at least 1 */
	size_t limit;	/* bytes before the separator; 0: the stream's, which bounds it, too */
	size_t which;	/* on success: the index of the separator */
	size_t looked;	/* of what is in the buffer: a separator begins there or later */
};

/**
 * coil_stream_read_until_any - read through one of several separators
 * @stream: open
 * @buf:    room for @len bytes
 * @len:    bytes
 * @until:  what to look for; after -EMSGSIZE @until->looked bytes may be skipped: no separator
 *          begins in them
 *
 * The match that ends first wins; of those that end together, the one that is listed first.
 * Suspends. Cancel: at once; nothing was taken.
 * Return: as coil_stream_read_until; -EINVAL also if @until is wrong.
 * Since 0.1. Kernel 5.6. See asyncio.StreamReader.readuntil.
 */
int coil_stream_read_until_any(struct coil_stream *stream, void *buf, size_t len,
			       struct coil_until *until);

/**
 * coil_stream_read_line - read a line
 * @stream: open
 * @line:   the line, its '\n' included, and a zero behind it
 * @bytes:  room in @line, 2..COIL_STREAM_BYTES_MAX
 *
 * A last line without '\n' is a line, too. One that is longer than the limit, or does not fit, is
 * dropped: the next call begins behind its '\n', whenever that comes. A read of another kind gets
 * its rest. Suspends. Cancel: at once; nothing was taken.
 * Return: bytes, without the zero; 0 at the end; -EMSGSIZE if a line was dropped; -EINVAL if @bytes
 * is out of bounds; what all of these calls return.
 * Since 0.1. Kernel 5.6. See asyncio.StreamReader.readline.
 */
int coil_stream_read_line(struct coil_stream *stream, char *line, size_t bytes);

/**
 * coil_stream_peek - look at what comes next
 * @stream:   open
 * @want:     bytes to wait for, at most twice the limit; 0: what is in the buffer
 * @ret_data: the bytes, until the next call that reads, skips or unreads; untouched on failure
 *
 * Suspends until so many have come. Cancel: at once; nothing was taken.
 * Return: how many there are, at least @want; fewer at the end of the stream; -EMSGSIZE if @want is
 * too large; what all of these calls return.
 * Since 0.1. Kernel 5.6.
 */
int coil_stream_peek(struct coil_stream *stream, size_t want, const void **ret_data);

/**
 * coil_stream_skip - drop bytes that coil_stream_peek has shown
 * @stream: open
 * @len:    bytes; more than there are in the buffer are cut to that
 *
 * Does not suspend. Return: how many were dropped.
 * Since 0.1.
 */
size_t coil_stream_skip(struct coil_stream *stream, size_t len);

/**
 * coil_stream_unread - put bytes in front of what comes next
 * @stream: open
 * @buf:    @len bytes; copied
 * @len:    bytes
 *
 * Does not suspend. Return: 0; -EMSGSIZE if more than twice the limit would lie in the buffer;
 * -ENOMEM.
 * Since 0.1.
 */
int coil_stream_unread(struct coil_stream *stream, const void *buf, size_t len);

/**
 * coil_stream_buffered - how much came and was not taken yet
 * @stream: open
 *
 * Does not suspend. Return: bytes that the next reads get without the kernel.
 * Since 0.1.
 */
size_t coil_stream_buffered(const struct coil_stream *stream);

/**
 * coil_stream_at_end - has everything been read?
 * @stream: open
 *
 * Does not suspend, and does not look: the end is known once a read has met it.
 * Return: true if the end was met and nothing is left in the buffer.
 * Since 0.1. See asyncio.StreamReader.at_eof.
 */
bool coil_stream_at_end(const struct coil_stream *stream);

/**
 * coil_stream_write - write all of a buffer
 * @stream: open
 * @buf:    @len bytes; the kernel's until return
 * @len:    bytes, at most COIL_STREAM_BYTES_MAX; 0 returns 0 at once
 *
 * Suspends until everything was handed to the kernel; not at all where nothing else is to be told
 * to it and the socket has room: then others run at every 128th such write at the latest. Writers
 * take turns, first come first served. Cancel: at once; if some bytes were written before, their
 * count is the result, which is smaller than @len only then. Never raises SIGPIPE. Allocates
 * nothing.
 * Return: @len; 0 < bytes < @len after a cancel; the reason of a cancelled scope if nothing was
 * written; -EPIPE if the peer, or another task meanwhile, has closed; -EINVAL if @len is too large;
 * -ECONNRESET, ... as send(2), of this or of what was put before; it is not known then how much was
 * written.
 * Since 0.1. Kernel 5.19. See send(2), MSG_WAITALL.
 */
int coil_stream_write(struct coil_stream *stream, const void *buf, size_t len);

/**
 * coil_stream_writev - write all of several buffers, as one
 * @stream: open
 * @iov:    @count buffers, of COIL_STREAM_BYTES_MAX bytes in all; the kernel's until return
 * @count:  buffers
 *
 * As coil_stream_write of all of them, in one send if they are at most 1024.
 * Return: as coil_stream_write, of the sum.
 * Since 0.1. Kernel 5.19. See sendmsg(2).
 */
int coil_stream_writev(struct coil_stream *stream, const struct iovec *iov, size_t count);

/*
 * Buffered writing, asyncio's write and drain: coil_stream_put copies and never waits; a task of
 * the library's own sends what was put in one turn with one send, from the next turn on, and keeps
 * the order with coil_stream_write and coil_stream_shutdown, which send it first. Who puts much
 * drains now and then, and is held while the peer does not keep up. An error of the sending is told
 * by all later puts, drains and flushes; what was not sent is dropped then.
 *
 * coil_stream_close sends what was put, and suspends for that; in a cancelled scope, or when it is
 * cancelled meanwhile, it drops what is left. A stream that is still open when coil_run ends its
 * tasks sends no more.
 */

/* The high-water mark of a stream that was not told otherwise; the low one is a quarter of it. */
#define COIL_STREAM_HIGH 65536

/**
 * coil_stream_set_water - when draining waits, and until when
 * @stream: open
 * @high:   bytes, at most COIL_STREAM_BYTES_MAX; above it coil_stream_drain waits
 * @low:    bytes, at most @high; until no more than so many are left
 *
 * Does not suspend. Return: 0; -EINVAL; -ENOMEM.
 * Since 0.1. See asyncio.WriteTransport.set_write_buffer_limits.
 */
int coil_stream_set_water(struct coil_stream *stream, size_t high, size_t low);

/**
 * coil_stream_put - write later
 * @stream: open
 * @buf:    @len bytes; copied
 * @len:    bytes
 *
 * Does not suspend; works in a cancelled scope.
 * Return: 0; -ENOBUFS if more than COIL_STREAM_BYTES_MAX bytes would wait; -EPIPE if another task
 * closes the stream, or the peer has; -ECONNRESET, ... of a send before; -ENOMEM. On failure
 * nothing was put.
 * Since 0.1. Kernel 5.19. See asyncio.StreamWriter.write.
 */
int coil_stream_put(struct coil_stream *stream, const void *buf, size_t len);

/**
 * coil_stream_drain - wait while too much was put
 * @stream: open
 *
 * If more than the high-water mark waits to be sent, suspends until no more than the low one does.
 * Several tasks may drain. Cancel: at once; what was put stays.
 * Return: 0; the error of the sending; the error that a read has met, if one has; -EPIPE if another
 * task closed the stream meanwhile; the reason of a cancelled scope, also if there is nothing to
 * wait for.
 * Since 0.1. See asyncio.StreamWriter.drain.
 */
int coil_stream_drain(struct coil_stream *stream);

/**
 * coil_stream_flush - wait until all that was put is sent
 * @stream: open
 *
 * Sent is what the kernel has taken. Cancel: at once; what was put stays, and is sent.
 * Return: 0; the error of the sending; -EPIPE if another task closed the stream meanwhile; the
 * reason of a cancelled scope, also if there is nothing to wait for.
 * Since 0.1.
 */
int coil_stream_flush(struct coil_stream *stream);

/**
 * coil_stream_unsent - how much was put and is not sent
 * @stream: open
 *
 * Does not suspend. Return: bytes.
 * Since 0.1. See asyncio.WriteTransport.get_write_buffer_size.
 */
size_t coil_stream_unsent(const struct coil_stream *stream);

/**
 * coil_stream_shutdown - end what is written
 * @stream: open
 *
 * The peer reads the end after all that was written; reading goes on. Waits for writers that came
 * before, and until what was put is sent; otherwise it does not suspend, and works in a cancelled
 * scope, too.
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
 * if there are such tasks this suspends, until they have left the stream; and for what was put, see
 * above: a lease that was put goes out in a cancelled scope, too, as far as the socket takes it.
 * Since 0.1. See close(2).
 */
void coil_stream_close(struct coil_stream *stream);

/**
 * coil_stream_fd - the descriptor below a stream
 * @stream: open
 *
 * A normal one, whatever the stream's operations use: for options, addresses and flags; closing it
 * is the stream's business. Does not suspend.
 * Return: the descriptor, the stream's; -EOPNOTSUPP if there is none.
 * Since 0.1.
 */
int coil_stream_fd(const struct coil_stream *stream);

/* How a stream on a socket receives. */
enum coil_receive {
	COIL_RECEIVE_AUTO,	/* as fits what comes */
	COIL_RECEIVE_ONESHOT,	/* only while a task reads, into its own buffer */
	COIL_RECEIVE_MULTISHOT	/* one request for many messages, into buffers of the loop's */
};

/**
 * coil_stream_set_receive - choose how a stream receives
 * @stream:  open, and nobody reads it; on a socket
 * @receive: an enum coil_receive; COIL_RECEIVE_AUTO if nothing was chosen
 *
 * What is read is the same. Of COIL_RECEIVE_AUTO a stream of small messages, as requests are, goes
 * over to a multishot receive after a few, which saves some 4 % of a server's time, and back where
 * messages are large or many queue: then a read fills the reader's buffer. On unix sockets it does
 * not, for a multishot receive drops descriptors that come along.
 *
 * A multishot receive takes bytes while nobody reads, a few buffers of 4 KiB at the most before it
 * is stopped. Who is going to receive by other means than the stream, or hands its descriptor to
 * another process, chooses COIL_RECEIVE_ONESHOT before; what came by then is in
 * coil_stream_buffered. Only that suspends, for as long as the kernel takes to cancel; a cancel
 * does not end it.
 * Return: 0; -EINVAL; -EOPNOTSUPP if the stream lies on no socket, or this kernel has no multishot
 * receive; -EPIPE if another task closed the stream meanwhile.
 * Since 0.1. Kernel 6.0. See io_uring_prep_recv_multishot(3).
 */
int coil_stream_set_receive(struct coil_stream *stream, int receive);

/**
 * coil_stream_set_zero_copy - send large writes from where they are
 * @stream: open, on a socket of a network
 * @from:   bytes from which on a write is not copied; 0, the default: none ever is
 *
 * The network card takes the bytes out of the writer's memory. So a write then returns only when
 * the peer has acknowledged them, and not even a cancel, or a close by another task, ends it before
 * the network has let go of the memory: the count that it returns is what was sent by then.
 * coil_connect_options.user_timeout_ns bounds that where a peer does not answer. Where the kernel
 * has no memory left to pin (RLIMIT_MEMLOCK), or cannot after all, the write is copied.
 *
 * It pays from a size on that depends on card and processor: `coil-bench run ring_send_zc` shows
 * the ratio for several sizes, with COIL_BENCH_SINK=HOST:PORT through the card to a peer that reads
 * and drops. Over loopback it never does: the kernel copies all the same. Does not suspend.
 * Return: 0; -EOPNOTSUPP for other streams, AF_UNIX included, and on older kernels: all writes are
 * copied; -EPIPE if another task closes the stream.
 * Since 0.1. Kernel 6.1. See io_uring_prep_send_zc(3).
 */
int coil_stream_set_zero_copy(struct coil_stream *stream, size_t from);

/**
 * coil_stream_from_fd - make a stream of a connected socket
 * @ret_stream: the stream; untouched on failure
 * @fd:         a connected stream socket; the stream's from now on; on failure the caller's
 *
 * Of a direct descriptor (coil/direct.h) the stream keeps a normal one, too: coil_stream_fd. Does
 * not suspend. Return: 0; -EBADF; -ENOTSOCK; -EPROTOTYPE if it is no SOCK_STREAM; -EMFILE or
 * -ENFILE if the normal one cannot be had; -ENOMEM.
 * Since 0.1.
 */
int coil_stream_from_fd(struct coil_stream **ret_stream, int fd);

/**
 * coil_stream_pair - make two streams that are connected in memory
 * @ret_a: one end; untouched on failure
 * @ret_b: the other
 * @bytes: that can be under way in each direction, ..COIL_STREAM_LIMIT_MAX; a writer waits for
 *         room; 0: COIL_STREAM_LIMIT
 *
 * For tests, and for tasks of one loop that talk. There is no descriptor, and nothing of the kernel
 * in it: it is the same on the simulated one. After a close the peer reads what was written before,
 * then the end; its writes fail with -EPIPE. Does not suspend. Each end is closed by itself.
 * Return: 0; -EINVAL if @bytes is too large; -ENOMEM.
 * Since 0.1. See socketpair(2).
 */
int coil_stream_pair(struct coil_stream **ret_a, struct coil_stream **ret_b, size_t bytes);

/* Room for any address as text, the final zero included. */
#ifndef COIL_ADDRESS_TEXT
#define COIL_ADDRESS_TEXT 128
#endif

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
