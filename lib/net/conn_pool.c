/* SPDX-License-Identifier: MIT */
/*
 * Connections that are kept. A pool counts places: each connection has one, whether it is idle,
 * taken or still being made. A task gets a place, with a connection on it or without one; who
 * cannot use it any more gives it on. So no place is lost by a cancel.
 */
#include "coil/conn_pool.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/sized.h"
#include "loop/prep_net.h"
#include "loop/timers.h"
#include "net/stream.h"
#include "task/await.h"

#include <errno.h>
#include <string.h>

#define POOL_CHECK_WORD 0xc0a4700eu
#define TOTAL_DEFAULT 64
#define IDLE_DEFAULT_NS (60 * COIL_SEC)

struct address_key {
	struct coil_list link;
	unsigned total;		/* places of this address */
	unsigned waiting;
	size_t bytes;		/* of this struct */
	bool is_unix;
	const char *service;	/* in text; NULL of unix sockets */
	char text[];		/* host, zero, service, zero */
};

struct coil_conn {
	struct coil_list link;	/* in pool->idle; alone when it is taken */
	struct coil_conn_pool *pool;
	struct address_key *key;
	struct coil_stream *stream;	/* NULL: a place alone */
	int64_t deadline;
};

/* A task that waits for a place; in its frame. */
struct taker {
	struct coil_future future;
	struct coil_list link;
	struct coil_conn_pool *pool;
	struct address_key *key;
	struct coil_conn *conn;	/* what it was given */
};

struct coil_conn_pool {
	struct coil_loop *loop;
	struct coil_list keys;
	struct coil_list idle;	/* the one that was given back last comes first */
	struct coil_list takers;
	struct hook_alarm expiry;
	bool is_watched;	/* the alarm is set, or its hook ready */
	struct coil_future *closer;
	struct coil_conn_pool_options options;
	struct coil_connect_options connect;
	struct coil_conn_pool_stats stats;
	uint32_t check_word;
};

static void pool_check_use(const struct coil_conn_pool *pool)
{
	check_use(pool->check_word == POOL_CHECK_WORD,
		  "this is no open pool of connections: was it closed before?");
	check_use(pool->loop == loop_current, "this pool belongs to the loop of another thread");
}

/* -- Keys ----------------------------------------------------------------------------------------
 */

static bool key_is(const struct address_key *key, const char *host, const char *service)
{
	if (strcmp(key->text, host) != 0 || key->is_unix != !service)
		return false;
	return !service || strcmp(key->service, service) == 0;
}

static struct address_key *key_new(struct coil_conn_pool *pool, const char *host,
				   const char *service)
{
	size_t host_bytes = strlen(host) + 1;
	size_t service_bytes = service ? strlen(service) + 1 : 0;
	struct address_key *key;
	size_t bytes = sizeof *key + host_bytes + service_bytes;

	key = alloc_zeroed(pool->loop->alloc, bytes);
	if (!key)
		return NULL;
	key->bytes = bytes;
	key->is_unix = !service;
	memcpy(key->text, host, host_bytes);
	if (service)
		key->service = memcpy(key->text + host_bytes, service, service_bytes);
	list_init(&key->link);
	list_push_back(&pool->keys, &key->link);
	return key;
}

static struct address_key *key_of(struct coil_conn_pool *pool, const char *host,
				  const char *service)
{
	struct coil_list *node;

	list_for_each(node, &pool->keys) {
		struct address_key *key = list_entry(node, struct address_key, link);

		if (key_is(key, host, service))
			return key;
	}
	return key_new(pool, host, service);
}

static void key_drop_unused(struct coil_conn_pool *pool, struct address_key *key)
{
	if (key->total || key->waiting)
		return;
	list_remove(&key->link);
	alloc_free(pool->loop->alloc, key, key->bytes);
}

/* -- Places --------------------------------------------------------------------------------------
 */

static bool has_room(const struct coil_conn_pool *pool, const struct address_key *key)
{
	return pool->stats.total < pool->options.total_max &&
	       key->total < pool->options.address_max;
}

static struct coil_conn *place_new(struct coil_conn_pool *pool, struct address_key *key)
{
	struct coil_conn *conn = alloc_zeroed(pool->loop->alloc, sizeof *conn);

	if (!conn)
		return NULL;
	list_init(&conn->link);
	conn->pool = pool;
	conn->key = key;
	key->total++;
	pool->stats.total++;
	return conn;
}

static void place_free(struct coil_conn *conn)
{
	struct coil_conn_pool *pool = conn->pool;
	struct address_key *key = conn->key;

	coil_stream_close(conn->stream);
	pool->stats.total--;
	key->total--;
	alloc_free(pool->loop->alloc, conn, sizeof *conn);
	key_drop_unused(pool, key);
}

/* Out of the idle ones. */
static struct coil_conn *idle_take(struct coil_conn *conn)
{
	list_remove(&conn->link);
	conn->pool->stats.idle--;
	return conn;
}

static void idle_expire(struct coil_conn_pool *pool)
{
	pool->stats.expired++;
	place_free(idle_take(list_entry(pool->idle.prev, struct coil_conn, link)));
}

static struct coil_conn *idle_find(struct coil_conn_pool *pool, const struct address_key *key)
{
	struct coil_list *node;

	list_for_each(node, &pool->idle) {
		struct coil_conn *conn = list_entry(node, struct coil_conn, link);

		if (conn->key == key)
			return idle_take(conn);
	}
	return NULL;
}

/* A connection, a place, or NULL: nothing is to be had. -ENOMEM is told by @ret_error. */
static struct coil_conn *get(struct coil_conn_pool *pool, struct address_key *key, int *ret_error)
{
	struct coil_conn *conn = idle_find(pool, key);

	*ret_error = 0;
	if (conn)
		return conn;
	if (pool->stats.total >= pool->options.total_max && pool->stats.idle > 0 &&
	    key->total < pool->options.address_max)
		idle_expire(pool);
	if (!has_room(pool, key))
		return NULL;
	conn = place_new(pool, key);
	*ret_error = conn ? 0 : -ENOMEM;
	return conn;
}

/* After it the task does not touch the pool, unless it was given a place. */
static void taker_leave(struct taker *taker, int result)
{
	struct coil_conn_pool *pool = taker->pool;

	list_remove(&taker->link);
	pool->stats.waiting--;
	taker->key->waiting--;
	key_drop_unused(pool, taker->key);
	future_resolve(&taker->future, result);
}

static void taker_cancel(struct coil_future *future)
{
	taker_leave(container_of(future, struct taker, future), -ECANCELED);
}

static const struct coil_future_ops taker_ops = {
	.kind = "connection of a pool", .cancel = taker_cancel
};

/* Something has become free: who has waited longest, and may have it, gets it. */
static void serve(struct coil_conn_pool *pool)
{
	struct coil_list *node = pool->takers.next;

	while (node != &pool->takers) {
		struct taker *taker = list_entry(node, struct taker, link);
		int error;

		node = node->next;
		taker->conn = get(pool, taker->key, &error);
		if (taker->conn || error < 0)
			taker_leave(taker, error);
	}
}

static void note_drained(struct coil_conn_pool *pool)
{
	if (pool->closer && pool->stats.total == 0 && future_is_pending(pool->closer))
		future_resolve(pool->closer, 0);
}

/* -- Age -----------------------------------------------------------------------------------------
 */

/* The oldest stands last. Without memory for the alarm they go at the next take or give. */
static void watch_age(struct coil_conn_pool *pool)
{
	const struct coil_conn *oldest;

	if (pool->is_watched && !alarm_is_set(&pool->expiry.alarm))
		return; /* the hook is about to look */
	alarm_clear(pool->loop, &pool->expiry.alarm);
	pool->is_watched = false;
	if (list_is_empty(&pool->idle))
		return;
	oldest = list_entry(pool->idle.prev, struct coil_conn, link);
	if (oldest->deadline != CLOCK_FOREVER)
		pool->is_watched = alarm_set(pool->loop, &pool->expiry.alarm,
					     oldest->deadline) == 0;
}

static void expire_old(struct coil_conn_pool *pool)
{
	while (!list_is_empty(&pool->idle) &&
	       list_entry(pool->idle.prev, struct coil_conn, link)->deadline <= coil_now())
		idle_expire(pool);
	watch_age(pool);
}

static void on_expiry(struct coil_hook *hook)
{
	struct hook_alarm *alarm = container_of(hook, struct hook_alarm, hook);
	struct coil_conn_pool *pool = container_of(alarm, struct coil_conn_pool, expiry);

	pool->is_watched = false;
	expire_old(pool);
	serve(pool);
}

/* -- Take ----------------------------------------------------------------------------------------
 */

/* A connection, or a place for one. After a failure the pool may be gone. */
static int acquire(struct coil_conn_pool *pool, const char *host, const char *service,
		   struct coil_conn **ret_conn)
{
	struct coil_task *task = task_required("coil_conn_pool_take");
	struct address_key *key = key_of(pool, host, service);
	struct taker taker = {.pool = pool, .key = key};
	int rc;

	if (!key)
		return -ENOMEM;
	*ret_conn = get(pool, key, &rc);
	if (*ret_conn)
		return 0;
	if (rc < 0) {
		key_drop_unused(pool, key);
		return rc;
	}
	future_init(&taker.future, &pool->loop->ready, &taker_ops);
	list_init(&taker.link);
	list_push_back(&pool->takers, &taker.link);
	key->waiting++;
	pool->stats.waiting++;
	pool->stats.waits++;
	rc = task_await(task_scheduler(task), task, &taker.future);
	*ret_conn = taker.conn;
	return rc;
}

/* Something can be read: an answer that nobody asked for, the end, an error. 0: nothing. */
static int check_alive(const struct coil_conn *conn)
{
	struct coil_op op;
	char byte;
	int rc;

	op_prep_recv(&op, coil_stream_fd(conn->stream), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	rc = op_await(&op);
	if (rc == -EAGAIN && coil_stream_buffered(conn->stream) == 0)
		return 0;
	return rc < 0 && rc == coil_cancelling() ? rc : -ESTALE;
}

static int make(struct coil_conn *conn, const char *host, const char *service)
{
	const struct coil_connect_options *options = &conn->pool->connect;

	return service ? coil_connect_tcp(&conn->stream, host, service, options)
		       : coil_connect_unix(&conn->stream, host, options);
}

static void give_up(struct coil_conn *conn)
{
	struct coil_conn_pool *pool = conn->pool;

	place_free(conn);
	serve(pool);
	note_drained(pool);
}

static void keep(struct coil_conn *conn)
{
	struct coil_conn_pool *pool = conn->pool;

	conn->deadline = clock_add(coil_now(), pool->options.idle_ns);
	list_push_front(&pool->idle, &conn->link);
	pool->stats.idle++;
	serve(pool);
	while (pool->stats.idle > pool->options.idle_max)
		idle_expire(pool);
	watch_age(pool);
}

/* 0: it can be used. -ESTALE: it could not, and is gone. */
static int prepare(struct coil_conn *conn, const char *host, const char *service)
{
	struct coil_conn_pool *pool = conn->pool;
	bool is_new = !conn->stream;
	int rc = pool->closer ? -EPIPE : is_new ? make(conn, host, service) : check_alive(conn);

	if (pool->closer) {
		give_up(conn);
		return rc < 0 && rc == coil_cancelling() ? rc : -EPIPE;
	}
	if (rc == 0) {
		*(is_new ? &pool->stats.connected : &pool->stats.reused) += 1;
	} else if (rc == -ESTALE && !is_new) {
		pool->stats.found_dead++;
		place_free(conn);
	} else if (is_new) {
		give_up(conn);
	} else {
		keep(conn);
	}
	return rc;
}

int coil_conn_pool_take(struct coil_conn_pool *pool, const char *host, const char *service,
			struct coil_conn **ret_conn)
{
	struct coil_conn *conn;
	bool was_stale = false;
	int rc;

	pool_check_use(pool);
	if (pool->closer)
		return -EPIPE;
	expire_old(pool);
	for (;;) {
		rc = acquire(pool, host, service, &conn);
		/* The place of the stale one is not used: it goes to who waits. */
		if (rc == -ENOMEM && was_stale)
			serve(pool);
		if (rc < 0)
			return rc;
		was_stale = conn->stream != NULL;
		rc = prepare(conn, host, service);
		if (rc == 0)
			*ret_conn = conn;
		if (rc != -ESTALE || !was_stale)
			return rc;
	}
}

struct coil_stream *coil_conn_stream(const struct coil_conn *conn)
{
	return conn->stream;
}

void coil_conn_pool_give(struct coil_conn *conn, int fate)
{
	if (!conn)
		return;
	pool_check_use(conn->pool);
	check_use(fate == COIL_CONN_KEEP || fate == COIL_CONN_CLOSE,
		  "%d is no fate of a connection", fate);
	check_use(list_is_empty(&conn->link), "this connection was given back before");
	/* What is idle has nothing left to do: its end is nobody's wait. */
	if (stream_pending(conn->stream) > 0 && coil_stream_flush(conn->stream) < 0)
		fate = COIL_CONN_CLOSE;
	if (fate == COIL_CONN_KEEP && !conn->pool->closer)
		keep(conn);
	else
		give_up(conn);
}

/* -- The pool ------------------------------------------------------------------------------------
 */

static int read_options(const struct coil_conn_pool_options *given,
			struct coil_conn_pool_options *options,
			struct coil_connect_options *connect)
{
	int rc = sized_read(options, given, sizeof *options);

	if (rc == 0)
		rc = sized_read(connect, options->connect, sizeof *connect);
	if (rc < 0)
		return rc;
	if (options->idle_ns < 0)
		return -EINVAL;
	if (!options->total_max)
		options->total_max = TOTAL_DEFAULT;
	if (!options->address_max)
		options->address_max = options->total_max;
	if (!options->idle_max)
		options->idle_max = options->total_max;
	if (!options->idle_ns)
		options->idle_ns = IDLE_DEFAULT_NS;
	return 0;
}

int coil_conn_pool_open(struct coil_conn_pool **ret_pool,
			const struct coil_conn_pool_options *given)
{
	struct coil_loop *loop = loop_required(__func__);
	struct coil_conn_pool_options options;
	struct coil_connect_options connect;
	struct coil_conn_pool *pool;
	int rc = read_options(given, &options, &connect);

	if (rc < 0)
		return rc;
	pool = alloc_zeroed(loop->alloc, sizeof *pool);
	if (!pool)
		return -ENOMEM;
	pool->loop = loop;
	pool->options = options;
	pool->connect = connect;
	list_init(&pool->keys);
	list_init(&pool->idle);
	list_init(&pool->takers);
	alarm_init(&pool->expiry.alarm, ALARM_HOOK);
	pool->expiry.hook.fire = on_expiry;
	pool->check_word = POOL_CHECK_WORD;
	*ret_pool = pool;
	return 0;
}

int coil_conn_pool_stats(const struct coil_conn_pool *pool,
			 struct coil_conn_pool_stats *ret_stats)
{
	pool_check_use(pool);
	return sized_write(ret_stats, &pool->stats, sizeof pool->stats);
}

/* Only the loser of its own wait: it cannot be asked. */
static const struct coil_future_ops closer_ops = {.kind = "connections that are taken"};

void coil_conn_pool_close(struct coil_conn_pool *pool)
{
	struct coil_future drained;
	struct coil_task *task;

	if (!pool)
		return;
	pool_check_use(pool);
	check_use(!pool->closer, "another task closes this pool already");
	task = task_required(__func__);
	future_init(&drained, &pool->loop->ready, &closer_ops);
	pool->closer = &drained;
	while (!list_is_empty(&pool->takers))
		taker_leave(list_entry(pool->takers.next, struct taker, link), -EPIPE);
	while (!list_is_empty(&pool->idle))
		idle_expire(pool);
	if (pool->is_watched && !alarm_is_set(&pool->expiry.alarm))
		ready_remove(&pool->loop->ready, &pool->expiry.hook);
	alarm_clear(pool->loop, &pool->expiry.alarm);
	if (pool->stats.total > 0)
		task_wait_to_the_end(task_scheduler(task), task, &drained);
	check(list_is_empty(&pool->keys));
	pool->check_word = 0;
	alloc_free(pool->loop->alloc, pool, sizeof *pool);
}
