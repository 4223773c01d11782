/* SPDX-License-Identifier: MIT */
/*
 * Connections: listeners that make streams, and streams made by connecting. All sockets are
 * close-on-exec. TCP connections send at once (TCP_NODELAY) unless told otherwise.
 */
#ifndef COIL_NET_H
#define COIL_NET_H

#include <stddef.h>
#include <stdint.h>

#include "coil/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_listener;
struct coil_resolve_cache;

/* Bits of coil_listen_options.flags. */
enum coil_listen_flags {
	COIL_LISTEN_REUSE_PORT = 1 << 0, /* several listeners share the port (SO_REUSEPORT) */
	COIL_LISTEN_V6_ONLY = 1 << 1,    /* an IPv6 listener takes no IPv4 connections */
	COIL_LISTEN_DELAY = 1 << 2       /* connections may hold small segments back */
};

/* How to listen. Zero is the default of each field. */
struct coil_listen_options {
	size_t size;    /* sizeof(struct coil_listen_options) */
	int backlog;    /* connections that wait for an accept; default 4096; see listen(2) */
	unsigned flags; /* enum coil_listen_flags */
	unsigned mode;  /* permissions of a unix socket's file, 1..0777; default: by umask(2) */
	/*
	 * Accepted streams that may be open at once; beyond that accepts wait for one to be closed,
	 * and connections in the backlog; default: any number.
	 */
	unsigned connections_max;
};

/* What a listener has done, and does. */
struct coil_listener_stats {
	size_t size;          /* set by the caller: sizeof(struct coil_listener_stats) */
	uint64_t accepted;    /* connections */
	uint64_t passed_over; /* that broke before they were accepted */
	uint64_t shortages;   /* times that descriptors or memory had run out: EMFILE, ... */
	uint64_t limited;     /* accepts that found connections_max open */
	uint64_t lost;        /* connections closed for want of memory to note them: they had
				 come ahead of who accepts */
	uint64_t open;        /* state: accepted streams */
	uint64_t accepting;   /* state: tasks in coil_accept */
	uint64_t pausing;     /* state: of these, the ones that wait for descriptors or memory */
};

/**
 * coil_listen_tcp - listen on a TCP port
 * @ret_listener: the listener; untouched on failure
 * @host:         numeric address or name of this machine; NULL: all addresses, IPv6 and IPv4
 * @port:         0..65535; 0 takes a free one, see coil_listener_port
 * @options:      NULL for the defaults
 *
 * The port may be reused while old connections linger (SO_REUSEADDR). A numeric address does not
 * suspend; a name is resolved on another thread, and the first of its addresses that works is
 * taken. Cancel: a resolver that is under way is left behind.
 * Return: 0; -EADDRINUSE; -EADDRNOTAVAIL; -EACCES; -EINVAL if the port, or an option, is out of
 * bounds; -ENOENT if there is no such name; -EAGAIN if that cannot be told now; -EMFILE, ... as
 * socket(2), bind(2), listen(2); -ENOMEM; the reason of a cancelled scope.
 * Since 0.1.
 */
int coil_listen_tcp(struct coil_listener **ret_listener, const char *host, int port,
		    const struct coil_listen_options *options);

/**
 * coil_listen_unix - listen on a unix socket
 * @ret_listener: the listener; untouched on failure
 * @path:         of the socket, at most 107 bytes; "@name" is in the abstract namespace: no file
 * @options:      NULL for the defaults
 *
 * Where @path is a socket that nobody listens on, left behind by a process that died, it is removed
 * first; nothing else is ever removed. Finding that out suspends; otherwise this does not. The file
 * is removed by coil_listener_close. Nobody can connect before it has its permissions.
 * Return: 0; -EADDRINUSE if somebody listens there, or it is no socket; -ENAMETOOLONG; -EINVAL if
 * @path is empty, or an option is out of bounds; -ENOENT, -EACCES, ... as bind(2); -ENOMEM; the
 * reason of a cancelled scope.
 * Since 0.1. See unix(7).
 */
int coil_listen_unix(struct coil_listener **ret_listener, const char *path,
		     const struct coil_listen_options *options);

/**
 * coil_accept - take the next connection
 * @listener:   open; several tasks may accept at once
 * @ret_stream: the connection; untouched on failure
 *
 * Suspends until there is one. Connections that come while nobody asks are taken ahead, some dozens
 * or as many as come at a time, and kept for later calls: what a cancelled call might have got,
 * too, unless options.connections_max is set. When descriptors or memory have run out (EMFILE,
 * ENFILE, ENOBUFS, ENOMEM) the connection stays in the backlog and the call goes on by itself: as
 * soon as a stream of this listener is closed, or after a pause of 100 ms that grows to 1 s. While
 * options.connections_max of its streams are open it waits for one to be closed. Connections that
 * broke before they were accepted are passed over. Cancel: at once; a connection that came first is
 * the result.
 * Return: 0; -EPIPE if another task closed the listener meanwhile; the reason of a cancelled scope;
 * -EPERM, ... as accept(2).
 * Since 0.1. Kernel 5.5. See accept(2).
 */
int coil_accept(struct coil_listener *listener, struct coil_stream **ret_stream);

/**
 * coil_listener_port - the TCP port of a listener
 * @listener: open
 *
 * Does not suspend. Return: 1..65535; -EOPNOTSUPP for a unix socket.
 * Since 0.1.
 */
int coil_listener_port(const struct coil_listener *listener);

/**
 * coil_listener_fd - the descriptor of a listener
 * @listener: open
 *
 * Does not suspend. Return: the descriptor; the listener's, which closes it.
 * Since 0.1.
 */
int coil_listener_fd(const struct coil_listener *listener);

/**
 * coil_listener_stats - read the counters of a listener
 * @listener:  open
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend. Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_listener_stats(const struct coil_listener *listener,
			struct coil_listener_stats *ret_stats);

/**
 * coil_listener_close - stop listening, and free the listener
 * @listener: open; NULL does nothing; stale after the call
 *
 * Accepted streams live on. Connections in the backlog, and those that came and nobody took, are
 * closed. A unix socket's file is removed. Works in a cancelled scope. Other tasks' accepts end
 * with -EPIPE. Suspends, if there ever was an accept, until these and the kernel have let go of it:
 * then the port is free.
 * Since 0.1.
 */
void coil_listener_close(struct coil_listener *listener);

/* Bits of coil_connect_options.flags. */
enum coil_connect_flags {
	COIL_CONNECT_DELAY = 1 << 0,   /* small segments may be held back (no TCP_NODELAY) */
	COIL_CONNECT_FASTOPEN = 1 << 1 /* TCP_FASTOPEN_CONNECT: what is written first goes with the
					  SYN where the peer is known to take that; a refusal may
					  then be told by the first read or write */
};

/* How to connect. Zero is the default of each field. */
struct coil_connect_options {
	size_t size;              /* sizeof(struct coil_connect_options) */
	int64_t attempt_delay_ns; /* before the next address is tried, too; default 250 ms */
	unsigned flags;           /* enum coil_connect_flags */
	int bind_port;            /* of this end; default: any */
	const char *bind_host;    /* numeric address of this end; default: the route's */
	int64_t keepalive_ns;     /* idle time before the first probe; whole seconds, rounded up */
	int64_t keepalive_interval_ns; /* between probes; likewise; default: the kernel's */
	int keepalive_probes;     /* unanswered before the connection is reset; likewise */
	int64_t user_timeout_ns;  /* for what is not acknowledged; whole ms, rounded up */
	struct coil_resolve_cache *cache; /* of names, coil/resolve.h; default: none */
};

/**
 * coil_connect_tcp - connect to a TCP service
 * @ret_stream: the connection; untouched on failure
 * @host:       name or numeric address
 * @service:    port number, or a name as in services(5)
 * @options:    NULL for the defaults
 *
 * Suspends. A name is resolved on another thread. Of several addresses, IPv6 and IPv4 in turns, the
 * next one is tried when one fails, or after 250 ms beside those under way; the first connection
 * wins, the others are closed (RFC 8305). For a limit on the whole use coil_timeout. Cancel: at
 * once; a resolver that is under way is left behind; a connection that came first is the result.
 * Return: 0; -ENOENT if there is no such name; -EAGAIN if that cannot be told now; -EINVAL if a
 * port or an option is out of bounds, bind_host is not numeric, or keepalive details are given
 * without keepalive_ns; if all addresses failed, the first one's error: -EADDRINUSE,
 * -EADDRNOTAVAIL or -EAFNOSUPPORT for bind_host and bind_port; -ECONNREFUSED, -ETIMEDOUT,
 * -ENETUNREACH, ... as connect(2); -EMFILE, ... as socket(2); -ENOMEM; the reason of a cancelled
 * scope.
 * Since 0.1. Kernel 5.5. See RFC 8305, getaddrinfo(3).
 */
int coil_connect_tcp(struct coil_stream **ret_stream, const char *host, const char *service,
		     const struct coil_connect_options *options);

/**
 * coil_connect_unix - connect to a unix socket
 * @ret_stream: the connection; untouched on failure
 * @path:       as coil_listen_unix
 * @options:    NULL for the defaults
 *
 * Suspends. Cancel: at once; a connection that came first is the result.
 * Return: 0; -ENOENT; -ECONNREFUSED if nobody listens there; -EACCES; -ENAMETOOLONG; -EINVAL if
 * @path is empty or an option is out of bounds; -ENOMEM; the reason of a cancelled scope; ... as
 * connect(2). While the listener's backlog is full it waits.
 * Since 0.1. Kernel 5.5. See unix(7).
 */
int coil_connect_unix(struct coil_stream **ret_stream, const char *path,
		      const struct coil_connect_options *options);

#ifdef __cplusplus
}
#endif

#endif
