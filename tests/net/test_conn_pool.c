/* SPDX-License-Identifier: MIT */
/* Pools of connections: bounds, age, health, who waits, cancels and the close. */
#include "net/rig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

struct service {
	struct coil_listener *listener;
	struct coil_conn_pool *pool;
	const char *port;
	int order[4];
	int served;
};

static void service_open(struct service *service, struct coil_conn_pool_options *options)
{
	static char port[8];

	memset(service, 0, sizeof *service);
	EXPECT_EQ(coil_listen_tcp(&service->listener, "127.0.0.1", 0, NULL), 0);
	snprintf(port, sizeof port, "%d", coil_listener_port(service->listener));
	service->port = port;
	options->size = sizeof *options;
	EXPECT_EQ(coil_conn_pool_open(&service->pool, options), 0);
}

static struct coil_conn_pool_stats stats_of(const struct coil_conn_pool *pool)
{
	struct coil_conn_pool_stats stats = {.size = sizeof stats};

	EXPECT_EQ(coil_conn_pool_stats(pool, &stats), 0);
	return stats;
}

static int take(struct service *service, struct coil_conn **ret_conn)
{
	return coil_conn_pool_take(service->pool, "127.0.0.1", service->port, ret_conn);
}

static int reuse(void *arg)
{
	struct coil_conn_pool_options options = {.idle_ns = COIL_FOREVER};
	struct coil_stream *peers[2];
	struct service service;
	struct coil_conn *conn;
	struct coil_stream *before;

	(void)arg;
	service_open(&service, &options);
	EXPECT_EQ(take(&service, &conn), 0);
	before = coil_conn_stream(conn);
	EXPECT_EQ(coil_accept(service.listener, &peers[0]), 0);
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	EXPECT_EQ(take(&service, &conn), 0);
	EXPECT(coil_conn_stream(conn) == before);
	/* The peer closes: it is found dead, and a new one is made. */
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	coil_stream_close(peers[0]);
	EXPECT_GT(coil_poll(coil_stream_fd(before), POLLRDHUP), 0);
	EXPECT_EQ(take(&service, &conn), 0);
	EXPECT_EQ(coil_accept(service.listener, &peers[1]), 0);
	EXPECT_EQ(stats_of(service.pool).found_dead, 1);
	EXPECT_EQ(stats_of(service.pool).connected, 2);
	EXPECT_EQ(stats_of(service.pool).reused, 1);
	coil_conn_pool_give(conn, COIL_CONN_CLOSE);
	coil_stream_close(peers[1]);
	EXPECT_EQ(coil_conn_pool_take(service.pool, "@nobody-there", NULL, &conn), -ECONNREFUSED);
	EXPECT_EQ(stats_of(service.pool).total, 0);
	coil_conn_pool_give(NULL, COIL_CONN_KEEP);
	coil_conn_pool_close(service.pool);
	coil_conn_pool_close(NULL);
	coil_listener_close(service.listener);
	return 0;
}

TEST(conn_pool, keeps_checks_and_forgets)
{
	RUN(reuse);
}

static int expiry(void *arg)
{
	struct coil_conn_pool_options options = {.idle_ns = COIL_MSEC};
	struct coil_stream *peer;
	struct service service;
	struct coil_conn *conn;
	char byte;

	(void)arg;
	service_open(&service, &options);
	EXPECT_EQ(take(&service, &conn), 0);
	EXPECT_EQ(coil_accept(service.listener, &peer), 0);
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	EXPECT_EQ(stats_of(service.pool).idle, 1);
	/* The peer sees it end. */
	EXPECT_EQ(coil_stream_read(peer, &byte, 1), 0);
	EXPECT_EQ(stats_of(service.pool).idle, 0);
	EXPECT_EQ(stats_of(service.pool).expired, 1);
	coil_stream_close(peer);
	coil_conn_pool_close(service.pool);
	coil_listener_close(service.listener);
	return 0;
}

TEST(conn_pool, forgets_what_nobody_took_for_too_long)
{
	RUN(expiry);
}

static int taker(void *arg)
{
	struct service *service = arg;
	struct coil_conn *conn;
	int me = ++service->served;
	int rc = take(service, &conn);

	if (rc < 0)
		return rc;
	for (int i = 0; i < 4; i++)
		if (!service->order[i]) {
			service->order[i] = me;
			break;
		}
	coil_yield();
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	return 0;
}

static int waits(void *arg)
{
	struct coil_conn_pool_options options = {.total_max = 1};
	struct coil_task *tasks[4];
	struct service service;
	struct coil_conn *conn;

	(void)arg;
	service_open(&service, &options);
	EXPECT_EQ(take(&service, &conn), 0);
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(taker, &service);
	coil_yield();
	EXPECT_EQ(stats_of(service.pool).waiting, 4);
	EXPECT_EQ(coil_timeout(COIL_MSEC, taker, &service), -ETIME);
	/* One leaves the queue; one was given the connection already. */
	coil_cancel(tasks[1]);
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	coil_cancel(tasks[0]);
	coil_join(tasks[0]);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_EQ(coil_join(tasks[3]), 0);
	EXPECT_LT(service.order[0], service.order[1]);
	EXPECT_EQ(stats_of(service.pool).connected, 1);
	EXPECT_EQ(stats_of(service.pool).total, 1);
	coil_conn_pool_close(service.pool);
	coil_listener_close(service.listener);
	return 0;
}

TEST(conn_pool, who_came_first_is_served_first)
{
	RUN(waits);
}

static int gives_later(void *arg)
{
	coil_sleep(2 * COIL_MSEC);
	coil_conn_pool_give(arg, COIL_CONN_KEEP);
	return 0;
}

static int drains(void *arg)
{
	struct coil_conn_pool_options options = {.total_max = 1};
	struct service service;
	struct coil_task *waiting;
	struct coil_task *giving;
	struct coil_conn *conn;

	(void)arg;
	service_open(&service, &options);
	EXPECT_EQ(take(&service, &conn), 0);
	waiting = coil_spawn(taker, &service);
	giving = coil_spawn(gives_later, conn);
	coil_yield();
	coil_conn_pool_close(service.pool);
	EXPECT_EQ(coil_join(waiting), -EPIPE);
	EXPECT_EQ(coil_join(giving), 0);
	coil_listener_close(service.listener);
	options.size = 0;
	EXPECT_EQ(coil_conn_pool_open(&service.pool, &options), -EINVAL);
	options = (struct coil_conn_pool_options){.size = sizeof options, .idle_ns = -1};
	EXPECT_EQ(coil_conn_pool_open(&service.pool, &options), -EINVAL);
	return 0;
}

TEST(conn_pool, a_close_drains)
{
	RUN(drains);
}

/* What was put is sent first, or the connection is closed: nobody has to wait for it later. */
static int give_now(void *conn)
{
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	return coil_cancelling();
}

static int gives_what_it_has_put(void *arg)
{
	struct coil_conn_pool_options options = {.idle_ns = 5 * COIL_MSEC};
	static char bytes[100000];
	struct coil_stream *peer;
	struct service service;
	struct coil_conn *conn;
	size_t put = 0;

	(void)arg;
	service_open(&service, &options);
	EXPECT_EQ(take(&service, &conn), 0);
	EXPECT_EQ(coil_accept(service.listener, &peer), 0);
	EXPECT_EQ(coil_stream_put(coil_conn_stream(conn), "x", 1), 0);
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	EXPECT_EQ(rig_read_all(peer, bytes, 1), 0);
	EXPECT_EQ(take(&service, &conn), 0);
	EXPECT_EQ(stats_of(service.pool).reused, 1);
	/* More than the sockets take. */
	do {
		EXPECT_EQ(coil_stream_put(coil_conn_stream(conn), bytes, sizeof bytes), 0);
		put += sizeof bytes;
		coil_sleep(COIL_MSEC);
	} while (coil_stream_unsent(coil_conn_stream(conn)) == 0 && put < (64u << 20));
	EXPECT_EQ(coil_timeout(10 * COIL_MSEC, give_now, conn), -ETIME);
	EXPECT_EQ(stats_of(service.pool).total, 0);
	coil_stream_close(peer);
	coil_conn_pool_close(service.pool);
	coil_listener_close(service.listener);
	return 0;
}

TEST(conn_pool, what_was_put_is_sent_before_a_connection_is_idle)
{
	RUN(gives_what_it_has_put);
}

/* One of two takers is cancelled in the turn in which the connection is given back. */
static int take_and_close(void *arg)
{
	struct service *service = arg;
	struct coil_conn *conn;
	int rc = take(service, &conn);

	if (rc == 0)
		coil_conn_pool_give(conn, COIL_CONN_CLOSE);
	return rc;
}

static int cancel_task(void *task)
{
	coil_cancel(task);
	return 0;
}

static int gives_beside_a_cancel(void *arg)
{
	struct coil_conn_pool_options options = {.idle_ns = COIL_FOREVER, .total_max = 1};
	struct coil_task *takers[2], *canceller;
	struct service service, other;
	struct coil_stream *peer;
	struct coil_conn *conn;
	char port[9];

	(void)arg;
	service_open(&service, &options);
	EXPECT_EQ(take(&service, &conn), 0);
	EXPECT_EQ(coil_accept(service.listener, &peer), 0);
	/* The same by another name. */
	other = service;
	snprintf(port, sizeof port, "0%s", service.port);
	other.port = port;
	for (int i = 0; i < 2; i++)
		takers[i] = coil_spawn(take_and_close, &other);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(stats_of(service.pool).waiting, 2);
	EXPECT_EQ(coil_stream_put(coil_conn_stream(conn), "x", 1), 0);
	canceller = coil_spawn(cancel_task, takers[1]);
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	EXPECT_EQ(coil_join(canceller), 0);
	EXPECT_EQ(coil_join(takers[0]), 0);
	EXPECT_EQ(coil_join(takers[1]), -ECANCELED);
	coil_stream_close(peer);
	coil_conn_pool_close(service.pool);
	coil_listener_close(service.listener);
	return 0;
}

TEST(conn_pool, a_taker_may_be_cancelled_while_what_was_put_is_sent)
{
	RUN(gives_beside_a_cancel);
}

static int gives_twice(void *arg)
{
	struct coil_conn_pool_options options = {.size = sizeof options};
	struct service service;
	struct coil_conn *conn;

	(void)arg;
	service_open(&service, &options);
	EXPECT_EQ(take(&service, &conn), 0);
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	coil_conn_pool_give(conn, COIL_CONN_KEEP);
	return 0;
}

TEST_SIGNAL(conn_pool, giving_back_twice_is_misuse, SIGABRT, "was given back before")
{
	coil_run(gives_twice, NULL);
}
