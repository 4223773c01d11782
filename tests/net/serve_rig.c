/* SPDX-License-Identifier: MIT */
#include "net/serve_rig.h"

#include <stdlib.h>
#include <sys/socket.h>

static void note_error(struct coil_stream *stream, int error, void *arg)
{
	struct server *server = arg;

	(void)stream;
	server->errors++;
	server->error = error;
}

static void note_close(struct coil_stream *stream, int reason, void *arg)
{
	struct server *server = arg;

	EXPECT_GE(coil_stream_fd(stream), 0);
	server->closes++;
	server->reason = reason;
}

void server_init(struct server *server, int (*handler)(struct coil_stream *stream, void *arg))
{
	*server = (struct server){.handler = handler};
	server->options.size = sizeof server->options;
	server->options.arg = server;
	server->options.on_error = note_error;
	server->options.on_close = note_close;
}

static int server_main(void *arg)
{
	struct server *server = arg;

	return coil_serve(server->listener, server->handler, &server->options);
}

bool server_start(struct server *server)
{
	int rc = coil_listen_tcp(&server->listener, "127.0.0.1", 0, NULL);

	EXPECT_EQ(rc, 0);
	if (rc < 0)
		return false;
	server->task = coil_spawn(server_main, server);
	EXPECT(server->task != NULL);
	return server->task != NULL;
}

int server_cancel(struct server *server)
{
	coil_cancel(server->task);
	return coil_join(server->task);
}

struct coil_serve_stats server_stats(const struct server *server)
{
	struct coil_serve_stats stats = {.size = sizeof stats};

	EXPECT_EQ(coil_serve_stats(server->listener, &stats), 0);
	return stats;
}

void server_stop(struct server *server)
{
	struct coil_serve_stats stats;

	EXPECT_EQ(server_cancel(server), -ECANCELED);
	stats = server_stats(server);
	EXPECT_EQ(stats.accepted, stats.closed);
	EXPECT_EQ(stats.open, 0);
	EXPECT_EQ(stats.parked, 0);
	EXPECT_EQ(stats.waiting, 0);
	EXPECT_EQ(stats.running, 0);
	EXPECT_EQ(stats.errors, server->errors);
	EXPECT_EQ(stats.closed, server->closes);
	coil_listener_close(server->listener);
}

int serve_echo(struct coil_stream *stream, void *arg)
{
	char buf[256];
	int n = coil_stream_read(stream, buf, sizeof buf);

	(void)arg;
	return n <= 0 ? n : coil_stream_write(stream, buf, (size_t)n);
}

struct coil_stream *server_connect(const struct server *server)
{
	struct coil_stream *stream = NULL;

	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", rig_port(server->listener), NULL), 0);
	return stream;
}

struct coil_stream *server_open(struct server *server,
				int (*handler)(struct coil_stream *stream, void *arg))
{
	server_init(server, handler);
	return server_start(server) ? server_connect(server) : NULL;
}

int client_round(struct coil_stream *stream, size_t len)
{
	char sent[8192], got[8192];
	int rc;

	for (size_t i = 0; i < len; i++)
		sent[i] = (char)(i * 7 + len);
	rc = coil_stream_write(stream, sent, len);
	if (rc != (int)len)
		return rc < 0 ? rc : -EPIPE;
	rc = rig_read_all(stream, got, len);
	if (rc == 0)
		EXPECT_MEM_EQ(sent, got, len);
	return rc;
}

void serve_settle(void)
{
	coil_sleep(5 * COIL_MSEC);
}

void client_reset(struct coil_stream *stream)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	int rc;

	rc = coil_setsockopt(coil_stream_fd(stream), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	EXPECT_EQ(rc, 0);
	coil_stream_close(stream);
}

uint64_t serve_held_bytes(void)
{
	struct coil_stats stats = {.size = sizeof stats};

	coil_stats(&stats);
	return stats.allocated_bytes;
}

void serve_need_calm(void)
{
	if (getenv("COIL_DEBUG"))
		SKIP("debug mode");
}
