/* SPDX-License-Identifier: MIT */
/* Parked connections, pools of connections, and direct descriptors. */
#include "scenario.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define CLIENTS 8
#define PIECE 500
#define LARGE_PIECE 10000 /* parks by polls */

/* -- serve ---------------------------------------------------------------------------------------
 */

struct service {
	struct coil_listener *listener;
	char port[8];
	struct coil_serve_options options;
	unsigned closed;
	bool lends;
};

static int serve_lease(struct coil_stream *stream)
{
	struct coil_lease lease;
	int n = coil_stream_read_lease(stream, &lease);

	if (n <= 0)
		return n < 0 ? n : -ECONNRESET;
	if (pick_one_in(6))
		doze(pick_time(5 * COIL_MSEC));
	n = coil_stream_write(stream, lease.data, lease.bytes);
	coil_lease_release(&lease);
	return n;
}

static int serve_burst(struct coil_stream *stream, void *arg)
{
	struct service *service = arg;
	unsigned char bytes[PIECE];
	int n;

	if (service->lends)
		return serve_lease(stream);
	n = coil_stream_read(stream, bytes, sizeof bytes);
	if (n <= 0)
		return n < 0 ? n : -ECONNRESET;
	if (pick_one_in(6))
		doze(pick_time(5 * COIL_MSEC));
	return coil_stream_write(stream, bytes, (size_t)n);
}

static void count_closed(struct coil_stream *stream, int reason, void *arg)
{
	struct service *service = arg;

	(void)stream;
	(void)reason;
	service->closed++;
}

static int run_service(void *arg)
{
	struct service *service = arg;

	coil_serve(service->listener, serve_burst, &service->options);
	return 0;
}

static void talk_to_service(struct coil_stream *stream)
{
	unsigned char bytes[LARGE_PIECE];
	uint64_t at = coil_sim_pick(1000);

	for (unsigned n = coil_sim_pick(6); n > 0; n--) {
		size_t len = 1 + coil_sim_pick((pick_one_in(3) ? LARGE_PIECE : PIECE) - 1);
		size_t got = 0;

		fill_bytes(bytes, len, at);
		if (coil_stream_write(stream, bytes, len) != (int)len)
			return;
		while (got < len) {
			int rc = coil_stream_read(stream, bytes, len - got);

			if (rc <= 0)
				return;
			HOLDS(are_bytes(bytes, (size_t)rc, at + got));
			got += (size_t)rc;
		}
		at += len;
		if (pick_one_in(3))
			doze(pick_time(20 * COIL_MSEC));
	}
}

static int visit_service(void *arg)
{
	struct service *service = arg;
	struct coil_stream *stream;

	doze(pick_time(5 * COIL_MSEC));
	if (coil_connect_tcp(&stream, "127.0.0.1", service->port, NULL) < 0)
		return 0;
	if (pick_one_in(4)) {
		struct linger at_once = {.l_onoff = 1};

		coil_setsockopt(coil_stream_fd(stream), SOL_SOCKET, SO_LINGER, &at_once,
				sizeof at_once);
	}
	talk_to_service(stream);
	coil_stream_close(stream);
	return 0;
}

static int visit_in_time(void *arg)
{
	coil_timeout(1 + pick_time(100 * COIL_MSEC), visit_service, arg);
	return 0;
}

static void choose_service(struct service *service)
{
	service->options = (struct coil_serve_options){
		.size = sizeof service->options,
		.flags = pick_one_in(3) ? COIL_SERVE_UNREAD : 0,
		.connections_max = pick_one_in(3) ? 1 + coil_sim_pick(4) : 0,
		.handlers_max = pick_one_in(3) ? 1 + coil_sim_pick(3) : 0,
		.first_byte_ns = pick_one_in(2) ? 10 * COIL_MSEC : 0,
		.idle_ns = pick_one_in(2) ? 10 * COIL_MSEC : 0,
		.request_ns = pick_one_in(2) ? 10 * COIL_MSEC : 0,
		.drain_ns = 1 + pick_time(20 * COIL_MSEC),
		.arg = service,
		.on_close = count_closed,
	};
}

int scenario_serve(void *arg)
{
	struct coil_serve_stats stats = {.size = sizeof stats};
	struct service service = {0};
	struct coil_group group;
	struct coil_task *server;

	(void)arg;
	service.listener = scenario_listen(service.port, 0);
	if (!service.listener)
		return 0;
	choose_service(&service);
	service.lends = pick_one_in(2);
	server = coil_spawn(run_service, &service);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (unsigned n = 1 + coil_sim_pick(CLIENTS); n > 0 && server; n--)
		coil_go(&group, visit_in_time, &service);
	doze(pick_time(50 * COIL_MSEC));
	if (server) {
		if (pick_one_in(2) || coil_serve_drain(service.listener) < 0)
			coil_cancel(server);
		coil_join(server);
	}
	HOLDS(coil_serve_stats(service.listener, &stats) == 0);
	HOLDS(stats.open == 0 && stats.accepted == stats.closed);
	HOLDS(stats.closed == service.closed);
	coil_listener_close(service.listener);
	coil_group_close(&group);
	return 0;
}

/* -- pool ----------------------------------------------------------------------------------------
 */

#define TAKERS 10

struct places {
	struct coil_conn_pool *pool;
	struct coil_listener *listener;
	char port[8];
	unsigned taken;
	unsigned most;
};

static int answer(void *arg)
{
	struct coil_stream *stream = arg;
	unsigned char byte;

	while (coil_stream_read(stream, &byte, 1) == 1)
		if (pick_one_in(6) || coil_stream_write(stream, &byte, 1) != 1)
			break;
	coil_stream_close(stream);
	return 0;
}

static int answer_all(void *arg)
{
	struct places *places = arg;
	struct coil_stream *stream;
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	while (coil_accept(places->listener, &stream) == 0)
		if (coil_go(&group, answer, stream) < 0)
			coil_stream_close(stream);
	coil_group_cancel(&group);
	return coil_group_close(&group);
}

static int take_place(void *arg)
{
	struct places *places = arg;
	struct coil_conn *conn;
	unsigned char byte = (unsigned char)coil_sim_pick(256), got = 0;
	int rc = coil_conn_pool_take(places->pool, pick_one_in(2) ? "127.0.0.1" : "localhost",
				     places->port, &conn);

	if (rc < 0)
		return rc;
	HOLDS(++places->taken <= places->most);
	rc = coil_stream_write(coil_conn_stream(conn), &byte, 1);
	if (rc == 1)
		rc = coil_stream_read(coil_conn_stream(conn), &got, 1);
	HOLDS(rc != 1 || got == byte);
	if (pick_one_in(3))
		doze(pick_time(COIL_MSEC));
	places->taken--;
	coil_conn_pool_give(conn, rc == 1 ? COIL_CONN_KEEP : COIL_CONN_CLOSE);
	return 0;
}

static int take_places(void *arg)
{
	for (unsigned n = 1 + coil_sim_pick(4); n > 0; n--)
		coil_timeout(1 + pick_time(20 * COIL_MSEC), take_place, arg);
	return 0;
}

int scenario_pool(void *arg)
{
	struct places places = {.most = 1 + coil_sim_pick(4)};
	struct coil_conn_pool_options options = {
		.size = sizeof options, .total_max = places.most, .idle_ns = 1 + pick_time(COIL_SEC)
	};
	struct coil_task *server;
	struct coil_group group;

	(void)arg;
	places.listener = scenario_listen(places.port, 0);
	if (!places.listener)
		return 0;
	if (coil_conn_pool_open(&places.pool, &options) < 0) {
		coil_listener_close(places.listener);
		return 0;
	}
	server = coil_spawn(answer_all, &places);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (unsigned n = 1 + coil_sim_pick(TAKERS); n > 0; n--)
		coil_go(&group, take_places, &places);
	if (pick_one_in(5)) {
		doze(pick_time(COIL_MSEC));
		coil_group_cancel(&group);
	}
	coil_group_close(&group);
	HOLDS(places.taken == 0);
	coil_conn_pool_close(places.pool);
	coil_listener_close(places.listener);
	if (server)
		coil_join(server);
	return 0;
}

/* -- direct --------------------------------------------------------------------------------------
 */

static int answer_direct(void *arg)
{
	unsigned char bytes[PIECE];
	int listener = *(int *)arg;
	int fd = coil_accept4(listener, NULL, NULL, SOCK_CLOEXEC | COIL_DIRECT);
	int n;

	if (fd < 0)
		return 0;
	if (pick_one_in(3)) {
		int normal = coil_install_fd(fd);

		HOLDS(normal < 0 || !coil_fd_is_direct(normal));
		if (normal >= 0) {
			coil_close(fd);
			fd = normal;
		}
	}
	while ((n = coil_recv(fd, bytes, sizeof bytes, 0)) > 0)
		if (coil_send(fd, bytes, (size_t)n, MSG_NOSIGNAL | MSG_WAITALL) != n)
			break;
	coil_close(fd);
	return 0;
}

static int talk_direct(void *arg)
{
	const struct sockaddr_in *to = arg;
	unsigned char bytes[PIECE];
	int fd = coil_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | COIL_DIRECT, 0);
	int rc = fd < 0 ? fd : coil_connect(fd, (const struct sockaddr *)(const void *)to,
					    sizeof *to);

	for (unsigned n = coil_sim_pick(5); n > 0 && rc >= 0; n--) {
		size_t len = 1 + coil_sim_pick(PIECE - 1);

		fill_bytes(bytes, len, n);
		rc = coil_send(fd, bytes, len, MSG_NOSIGNAL | MSG_WAITALL);
		if (rc == (int)len)
			rc = coil_recv(fd, bytes, len, 0);
		HOLDS(rc <= 0 || are_bytes(bytes, (size_t)rc, n));
		if (rc != (int)len)
			break;
	}
	if (fd >= 0)
		coil_close(fd);
	return 0;
}

static int talk_in_time(void *arg)
{
	coil_timeout(1 + pick_time(20 * COIL_MSEC), talk_direct, arg);
	return 0;
}

int scenario_direct(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)(30000 + coil_task_id(coil_self()) %
								      10000)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr *name = (const struct sockaddr *)(const void *)&to;
	int listener = coil_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | COIL_DIRECT, 0);
	struct coil_group servers, clients;
	int rc = listener;

	(void)arg;
	if (rc >= 0)
		rc = coil_bind(listener, name, sizeof to);
	if (rc >= 0)
		rc = coil_listen(listener, 16);
	coil_group_open(&servers, COIL_GROUP_SUPERVISE);
	coil_group_open(&clients, COIL_GROUP_SUPERVISE);
	for (unsigned n = 1 + coil_sim_pick(CLIENTS); n > 0 && rc >= 0; n--) {
		coil_go(&servers, answer_direct, &listener);
		coil_go(&clients, talk_in_time, &to);
	}
	coil_group_close(&clients);
	doze(pick_time(COIL_MSEC));
	coil_group_cancel(&servers);
	coil_group_close(&servers);
	if (listener >= 0)
		coil_close(listener);
	return 0;
}
