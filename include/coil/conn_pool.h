/* SPDX-License-Identifier: MIT */
/*
 * Pools of connections: what is given back is kept for a while, and taken again by who asks for the
 * same address. A pool belongs to the loop of the thread that made it.
 */
#ifndef COIL_CONN_POOL_H
#define COIL_CONN_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "coil/net.h"
#include "coil/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_conn;
struct coil_conn_pool;

/* How a pool works. Zero is the default of each field. */
struct coil_conn_pool_options {
	size_t size;          /* sizeof(struct coil_conn_pool_options) */
	unsigned total_max;   /* connections, idle and taken; default 64 */
	unsigned address_max; /* of them to one address; default total_max */
	unsigned idle_max;    /* idle ones; the oldest goes; default total_max */
	int64_t idle_ns;      /* how long one is kept idle; default 60 s; COIL_FOREVER */
	const struct coil_connect_options *connect; /* copied; its strings and cache must outlive
						       the pool; default: NULL */
};

/* Totals since the pool was opened, unless marked as a state. */
struct coil_conn_pool_stats {
	size_t size;         /* set by the caller: sizeof(struct coil_conn_pool_stats) */
	uint64_t connected;  /* new connections */
	uint64_t reused;     /* taken again */
	uint64_t found_dead; /* idle ones that failed the check when they were to be taken */
	uint64_t expired;    /* idle ones that were closed for their age, or for room */
	uint64_t waits;      /* takes that had to wait for room */
	uint64_t total;      /* state: idle, taken and being made */
	uint64_t idle;       /* state */
	uint64_t waiting;    /* state: tasks */
};

/**
 * coil_conn_pool_open - make a pool of connections
 * @ret_pool: the pool; untouched on failure
 * @options:  copied; NULL for the defaults
 *
 * Does not suspend.
 * Return: 0; -EINVAL if an option is out of bounds; -ENOMEM.
 * Since 0.1.
 */
int coil_conn_pool_open(struct coil_conn_pool **ret_pool,
			const struct coil_conn_pool_options *options);

/**
 * coil_conn_pool_take - a connection to an address
 * @pool:     open
 * @host:     as coil_connect_tcp; or, without @service, a path as coil_connect_unix
 * @service:  as coil_connect_tcp; NULL: @host is a unix socket
 * @ret_conn: the connection, to be given back once; untouched on failure
 *
 * The idle one to this address that was used last, if it is alive: nothing can be read from it,
 * neither bytes nor the end (a recv of one byte with MSG_PEEK and MSG_DONTWAIT); else a new one.
 * Suspends for that. Where the pool is full the oldest idle one to another address is closed for
 * it; if there is none the call waits, first come first served among those who may have what
 * becomes free. Cancel: at once; who was given room or a connection already passes it on, unless
 * the connection is the result.
 * Return: 0; -EPIPE if the pool is being closed; -ENOMEM; the reason of a cancelled scope; else as
 * coil_connect_tcp or coil_connect_unix.
 * Since 0.1. Kernel 5.6.
 */
int coil_conn_pool_take(struct coil_conn_pool *pool, const char *host, const char *service,
			struct coil_conn **ret_conn);

/**
 * coil_conn_stream - the stream of a connection
 * @conn: taken
 *
 * Does not suspend. Return: the stream; the connection's, which closes it.
 * Since 0.1.
 */
struct coil_stream *coil_conn_stream(const struct coil_conn *conn);

/* What becomes of a connection that is given back. */
enum coil_conn_fate {
	COIL_CONN_KEEP, /* it may serve again: nothing is left to be read or written */
	COIL_CONN_CLOSE /* it broke, or is in the middle of something */
};

/**
 * coil_conn_pool_give - give a connection back
 * @conn: taken, and used by nobody any more; stale after the call; NULL does nothing
 * @fate: enum coil_conn_fate
 *
 * It goes to who has waited longest for its address, or becomes idle, or is closed. Works in a
 * cancelled scope. Suspends only while what was put into its stream is not sent; one that cannot
 * be sent to its end is closed.
 * Since 0.1.
 */
void coil_conn_pool_give(struct coil_conn *conn, int fate);

/**
 * coil_conn_pool_stats - read the counters of a pool
 * @pool:      open
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_conn_pool_stats(const struct coil_conn_pool *pool,
			 struct coil_conn_pool_stats *ret_stats);

/**
 * coil_conn_pool_close - drain a pool and free it
 * @pool: open, and not being closed by another task; NULL does nothing; stale after the call
 *
 * Idle connections are closed at once; who waits for one gets -EPIPE. Suspends until those that
 * are taken have been given back, in a cancelled scope, too; they are closed then.
 * Since 0.1.
 */
void coil_conn_pool_close(struct coil_conn_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
