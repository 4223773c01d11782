/* SPDX-License-Identifier: MIT */
/* Streams on sockets. */
#ifndef COIL_NET_SOCKET_STREAM_H
#define COIL_NET_SOCKET_STREAM_H

#include "net/stream.h"

struct coil_listener;
struct coil_op;

/* Of struct socket_stream's @streak: so many small messages in a row, and a multishot is armed;
 * what it takes more of them after a large one, and after a shortage of buffers. */
#define SOCKET_STREAK_ARMS 8
#define SOCKET_STREAK_LARGE (-16)
#define SOCKET_STREAK_STARVED (-64)

struct socket_stream {
	struct coil_stream stream;
	int fd;
	int io_fd;			/* what operations name: fd, or a direct one for it */
	uint32_t sends_left;		/* until a direct one is tried; 0: it was */
	uint32_t zero_copy_from;	/* bytes of a write that is not copied; 0: of none */
	bool is_drained;		/* the last read took all that was there */
	bool is_large;			/* the last one was large, or did not */
	bool is_multishot;		/* the next read looks there; socket_read.c */
	uint8_t receive;		/* enum coil_receive */
	int8_t streak;			/* small reads in a row that drained it */
	struct receiver *receiver;	/* once it has had one */
	struct coil_op *reading;	/* in the frame of who reads */
	struct coil_op *writing;
	struct coil_future *waiting;	/* of who reads, for something else than an operation */
	struct coil_list siblings;	/* in its listener's list of streams; alone otherwise */
	struct coil_listener *listener; /* told when a descriptor becomes free; NULL: nobody */
};

static inline struct socket_stream *socket_stream_of(struct coil_stream *stream)
{
	return container_of(stream, struct socket_stream, stream);
}

/* Is it of a network? */
bool socket_is_inet(const struct socket_stream *socket);

/* Of its table of operations. */
int socket_read(struct coil_stream *stream, void *buf, size_t len);
int socket_lease(struct coil_stream *stream, struct coil_lease *lease);
size_t socket_received(const struct coil_stream *stream);

/* A receive of its own has brought @bytes > 0, and whether it drained the socket is noted: what to
 * do the next time. */
void socket_note_size(struct socket_stream *socket, int bytes);

/* Waits for these events, as @waiting, which a close ends: them, or a negative errno. */
int socket_poll(struct socket_stream *socket, unsigned events, struct coil_op **waiting);

/* Leases: by a receive of its own, and where a multishot receives, or is to. */
int socket_lease_once(struct socket_stream *socket, struct coil_lease *lease);
int socket_lease_shot(struct coil_stream *stream, struct coil_lease *lease);

/* NULL: no memory. The descriptor comes later, so that nothing can fail once it is there. */
struct socket_stream *socket_stream_new(struct coil_loop *loop);

/* The same for memory of the caller's, zeroed, that begins with the stream: of another table, which
 * may fall back on the one for sockets. */
void socket_stream_init(struct socket_stream *socket, const struct stream_ops *ops,
			struct coil_loop *loop);
extern const struct stream_ops socket_stream_ops;

/* Closes the descriptor; the memory stays. */
void socket_stream_end(struct socket_stream *socket);

/* Of a stream without a descriptor. */
void socket_stream_free(struct socket_stream *socket);

/* Gives the stream its descriptor. */
struct coil_stream *socket_stream_begin(struct socket_stream *socket, int fd);

#endif
