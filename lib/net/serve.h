/* SPDX-License-Identifier: MIT */
/*
 * A server, and the record of a connection that it serves.
 *
 *   PARKED   its operation is in the kernel; in @fresh, @idle, or @asked
 *   ARRIVED  that has told of something; in @arrived, or with bytes in @waiting, or given to a
 *            handler
 *   RUNNING  a handler has it
 *   LEFT     closed, but the kernel owes the last completion of its receive
 *
 * A receive for many messages stays in the kernel in all of these states; what it brings while the
 * connection is not parked is queued.
 *
 * Invariant: a connection is in exactly one of these places, and its memory stays while the kernel
 * owes a completion to it. Only the task in coil_serve takes connections out of @arrived. Nobody is
 * in @waiting while a handler is in @free.
 */
#ifndef COIL_NET_SERVE_H
#define COIL_NET_SERVE_H

#include "coil/completion.h"
#include "coil/group.h"
#include "coil/serve.h"
#include "loop/buffer_queue.h"
#include "net/socket_stream.h"

struct serve_conn;

/* Handlers that stay for the next burst: to start one costs ten times as much as to wake it. */
#define SERVE_HANDLERS_KEPT 128u

/* A handler that is done, and waits for the next burst of any connection; in its frame. */
struct serve_handler {
	struct coil_future future;
	struct coil_list link;
	struct serve_conn *conn; /* NULL when it is woken: the server ends */
};

struct serve {
	struct coil_loop *loop;
	struct coil_listener *listener; /* NULL: it was closed */
	int (*handler)(struct coil_stream *stream, void *arg);
	struct coil_serve_options options; /* without zeroes that stand for defaults */
	struct stream_ops ops;		/* of its connections */
	struct buffers *buffers;	/* what parked connections receive into; NULL: they poll */
	bool has_multishot;		/* busy ones may, for many messages */
	struct coil_group helpers;	/* who accepts, who minds the time: they meet the cancel */
	struct coil_scope shield;	/* handlers do not */
	struct coil_group handlers;
	struct coil_list fresh;		/* no byte yet; in order of their deadlines */
	struct coil_list idle;		/* likewise */
	struct coil_list asked;		/* their operations were asked to end */
	struct coil_list arrived;
	struct coil_list waiting;	/* have bytes; more handlers than may be run already */
	struct coil_list free;		/* struct serve_handler; who came last is taken first */
	unsigned free_count;
	struct coil_completion cancelled; /* of all cancels */
	uint64_t owed;			/* completions: operations, and cancels */
	struct coil_future wake;	/* what the task in coil_serve waits for */
	struct coil_future room;	/* what accepting waits for */
	bool is_waiting;
	bool is_full;			/* somebody waits for room */
	bool is_ending;
	bool is_short;			/* of memory: who waits is tried again */
	int result;			/* of coil_serve */
	unsigned handlers_alive;
	uint64_t taken;			/* out of @waiting, ever */
	struct coil_serve_stats counts;
};

enum conn_state {
	CONN_RUNNING,
	CONN_PARKED,
	CONN_ARRIVED,
	CONN_LEFT
};

/* What is in the kernel. */
enum conn_armed {
	CONN_UNARMED,
	CONN_ARMED_ONCE,	/* a receive, or a poll: while it is parked */
	CONN_ARMED_FOR_MANY
};

/* Why an operation was asked to end. */
enum conn_limit {
	CONN_NO_LIMIT,
	CONN_FIRST_BYTE,
	CONN_IDLE,
	CONN_DRAINED
};

struct serve_conn {
	struct socket_stream socket;
	struct coil_completion completion;
	struct coil_list link;
	struct serve *serve;
	int64_t deadline;
	int32_t result;			/* of its operation; if @is_ended, for a read to tell */
	uint8_t state;			/* enum conn_state */
	uint8_t limit;			/* enum conn_limit */
	uint8_t armed;			/* enum conn_armed */
	bool is_polled : 1;		/* what is armed, or was last, is a poll */
	bool is_asked : 1;		/* what is armed, to end: it must not be parked on */
	bool is_ended : 1;		/* behind what is queued */
	bool is_starved : 1;		/* its receive for many met -ENOBUFS */
	struct buffer_queue queue;	/* of serve->buffers */
};

_Static_assert(sizeof(struct serve_conn) <= 256, "what a parked connection costs");

/* What to do with a connection whose operation is done. */
enum conn_news {
	CONN_HAS_BYTES,
	CONN_HAS_NONE,
	CONN_ENDED
};

static inline struct serve_conn *conn_of(struct coil_stream *stream)
{
	return container_of(socket_stream_of(stream), struct serve_conn, socket);
}

/* Without zeroes that stand for defaults. 0, -EINVAL or -E2BIG. */
int serve_read_options(const struct coil_serve_options *given, struct coil_serve_options *options);

struct socket_stream *conn_make(struct coil_loop *loop, void *serve);
void conn_free(struct serve_conn *conn);

/* The table for streams of @serve. */
void conn_ops_init(struct stream_ops *ops);

/*
 * In a task. Gives the connection back to the kernel until bytes come, or closes it if its end, or
 * that of the server, has. False: bytes have come, and it still runs.
 */
bool conn_park(struct serve_conn *conn);

/* In a task. Asks the operation of a parked connection to end. */
void conn_ask(struct serve_conn *conn, enum conn_limit limit);

/* A receive for many, if the connection has shown that this pays. */
bool conn_arm_for_many(struct serve_conn *conn);

/* Who reads waits by one of these at conn->socket.waiting. */
extern const struct coil_future_ops conn_reader_ops;

/* Of the table for streams. */
int conn_read(struct coil_stream *stream, void *buf, size_t len);
int conn_lease(struct coil_stream *stream, struct coil_lease *lease);
size_t conn_received(const struct coil_stream *stream);

/* By a plain call: > 0 if there are bytes in the socket, 0 at its end, -EAGAIN, or its error. */
int conn_peek(struct serve_conn *conn);

/* What its operation has brought; CONN_ENDED with the reason in conn->result; CONN_HAS_NONE: to be
 * parked anew. */
enum conn_news conn_look(struct serve_conn *conn);

/* Were bytes read ahead, and not taken? */
bool conn_has_bytes(const struct serve_conn *conn);

/* Closes a connection that runs; by a task. */
void conn_close(struct serve_conn *conn, int reason);

/* The connection that has waited longest for a handler, or NULL. */
struct serve_conn *serve_next_waiting(struct serve *serve);

/* A handler for @conn, which has bytes; it runs at once. 0 or -ENOMEM. */
int serve_start_handler(struct serve *serve, struct serve_conn *conn);

void serve_tell_error(struct serve *serve, struct coil_stream *stream, int error);

/* @conn has bytes: to a handler that is free, or it waits for one. */
void serve_hand_over(struct serve *serve, struct serve_conn *conn);

/* Those that are free end. */
void serve_release_free(struct serve *serve);

/* A connection has arrived, or something else has happened. */
void serve_wake(struct serve *serve);

/* The listener is being closed: the server ends. */
void serve_lose_listener(struct serve *serve);

#endif
