/* SPDX-License-Identifier: MIT */
/*
 * Serving: a handler is called for each burst of work on a connection, on a task of its own.
 * Between bursts a connection is parked: a record of at most 256 bytes and one operation in the
 * kernel, without task and stack.
 */
#ifndef COIL_SERVE_H
#define COIL_SERVE_H

#include <stddef.h>
#include <stdint.h>

#include "coil/net.h"
#include "coil/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a handler returns to close a connection that is no failure: -ESHUTDOWN. */
#define COIL_SERVE_CLOSE (-108)

/* Bits of coil_serve_options.flags. */
enum coil_serve_flags {
	COIL_SERVE_UNREAD = 1 << 0 /* leave the bytes that wake a connection in the kernel, for
				      handlers that use the descriptor itself, or receive other
				      descriptors; costs an operation a burst */
};

/* How to serve. Zero is the default of each field; COIL_FOREVER is no bound for the times. */
struct coil_serve_options {
	size_t size;              /* sizeof(struct coil_serve_options) */
	unsigned flags;           /* enum coil_serve_flags */
	unsigned connections_max; /* open at once; more wait in the backlog; default: no bound */
	unsigned handlers_max;    /* that run at once; the bytes of others wait; default: none */
	int64_t first_byte_ns;    /* from the accept to the first byte; default: no bound */
	int64_t idle_ns;          /* parked between two bursts; default: no bound */
	int64_t request_ns;       /* for one call of the handler; default: no bound */
	int64_t drain_ns;         /* for the handlers that run at the end; default 5 s */
	size_t stack_bytes;       /* of handlers; default: the loop's */
	void *arg;                /* passed to the handler, and to these: */
	/* Something failed: the handler of @stream, with what it returned, or its time ran out
	 * (-ETIME); accepting, or starting a handler (then @stream may be NULL). */
	void (*on_error)(struct coil_stream *stream, int error, void *arg);
	/* @stream is closed now, for @reason: 0 its end came, or the server ends; what the handler
	 * returned; -ETIME; -ECONNRESET, ... as recv(2). To free what belongs to it. */
	void (*on_close)(struct coil_stream *stream, int reason, void *arg);
};

/* Totals of a listener, unless marked as a state. */
struct coil_serve_stats {
	size_t size;              /* set by the caller: sizeof(struct coil_serve_stats) */
	uint64_t accepted;        /* connections */
	uint64_t refused;         /* of them, that came when the server had begun to end */
	uint64_t closed;          /* of them, in any way */
	uint64_t bursts;          /* calls of the handler */
	uint64_t timed_out_first; /* closed: the first byte did not come in time */
	uint64_t timed_out_idle;  /* closed: parked for too long */
	uint64_t timed_out_request; /* closed: a handler took too long */
	uint64_t errors;          /* failures told to on_error */
	uint64_t open;            /* state: parked, waiting and running */
	uint64_t parked;          /* state: without bytes to work on */
	uint64_t waiting;         /* state: with bytes, for a handler to become free */
	uint64_t running;         /* state: handlers */
	uint64_t running_peak;    /* the most of these at once */
};

/**
 * coil_serve - accept connections, and call a handler whenever there is something to do on one
 * @listener: open, and served by nobody else; stays the caller's
 * @handler:  called when bytes have come, with the connection and options->arg, on a task of its
 *            own. It may wait. >= 0: the connection is parked until more bytes come; where bytes
 *            that were read lie unread in the stream it is called again at once. < 0: the
 *            connection is closed: COIL_SERVE_CLOSE as a matter of course, all else is a failure.
 *            What it has put is sent in both cases. It does not close the stream, nor leave it in
 *            use by other tasks
 * @options:  NULL for the defaults
 *
 * The end of a parked connection closes it, and no handler is called. Serves until cancelled, until
 * coil_serve_drain, or until the listener is closed. Then it drains: accepts no more, closes what
 * is parked, and lets the handlers that run, and those whose bytes have come, end within drain_ns;
 * after that they are cancelled with -ETIME. It returns when all connections are closed. Suspends.
 * A lack of descriptors or memory delays, and loses nothing; see coil_accept.
 *
 * The deadline of request_ns is that of a scope around the call: what waits inside meets -ETIME,
 * and the connection is closed, whatever the handler returns. It covers the sending of what was
 * put, too.
 * Return: 0 after coil_serve_drain; -EPIPE if another task closed the listener; -EINVAL if an
 * option is out of bounds; -ENOMEM before anything was accepted; the reason of a cancelled scope;
 * ... as accept(2).
 * Since 0.1. Kernel 5.6. See asyncio.start_server.
 */
int coil_serve(struct coil_listener *listener,
	       int (*handler)(struct coil_stream *stream, void *arg),
	       const struct coil_serve_options *options);

/**
 * coil_serve_drain - ask a server to end without cutting anybody off
 * @listener: being served, by any task of this loop
 *
 * A request: coil_serve drains and returns 0. Asking twice does nothing more. Does not suspend.
 * Return: 0; -ENOENT if nobody serves it.
 * Since 0.1.
 */
int coil_serve_drain(struct coil_listener *listener);

/**
 * coil_serve_stats - read the counters of a listener's server
 * @listener:  open; the totals last over several calls of coil_serve
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend; works while it is served, and after.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_serve_stats(struct coil_listener *listener, struct coil_serve_stats *ret_stats);

/**
 * coil_serve_set_user - tie something to a connection
 * @stream: open, of any kind
 * @user:   kept until it is set again; NULL at first
 *
 * What it points to is freed in on_close. Does not suspend.
 * Since 0.1.
 */
void coil_serve_set_user(struct coil_stream *stream, void *user);

/**
 * coil_serve_user - what was tied to a connection
 * @stream: open, of any kind: in a handler, on_error and on_close that of the connection
 *
 * Does not suspend. Return: what was set last, or NULL.
 * Since 0.1.
 */
void *coil_serve_user(const struct coil_stream *stream);

/**
 * coil_stream_loop - the same handler on a task that stays with its connection
 * @stream:  open, of any kind; closed by this, in any case
 * @handler: as of coil_serve; called whenever there are bytes
 * @options: NULL for the defaults; as of coil_serve: first_byte_ns (from the call on), idle_ns,
 *           request_ns, arg, on_error and on_close. The others mean nothing here
 *
 * For coil_go and coil_spawn. It returns when the stream has ended, a time has run out, or @handler
 * returned a negative value. Suspends. Cancel: a wait for bytes ends at once; what the handler does
 * about it is its own business.
 * Return: 0 at the end of the stream, or after COIL_SERVE_CLOSE; else what @handler returned;
 * -ETIME; the reason of a cancelled scope; -EINVAL if an option is out of bounds; -ENOMEM,
 * -ECONNRESET, ... as coil_stream_peek.
 * Since 0.1. Kernel 5.6.
 */
int coil_stream_loop(struct coil_stream *stream,
		     int (*handler)(struct coil_stream *stream, void *arg),
		     const struct coil_serve_options *options);

#ifdef __cplusplus
}
#endif

#endif
