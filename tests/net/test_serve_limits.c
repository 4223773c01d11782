/* SPDX-License-Identifier: MIT */
/* coil_serve: bounds, deadlines, and how it ends. */
#include "net/serve_rig.h"

#define SOON (20 * COIL_MSEC)
#define LATE (10 * COIL_SEC)

/* -- Bounds ------------------------------------------------------------------------------------ */

static int connections(void *arg)
{
	struct server server;
	struct coil_stream *streams[3];

	(void)arg;
	server_init(&server, serve_echo);
	server.options.connections_max = 2;
	if (!server_start(&server))
		return 0;
	for (int i = 0; i < 3; i++)
		streams[i] = server_connect(&server);
	EXPECT_EQ(client_round(streams[0], 8), 0);
	EXPECT_EQ(client_round(streams[1], 8), 0);
	serve_settle();
	EXPECT_EQ(server_stats(&server).accepted, 2);
	/* The third has its turn when there is room. */
	coil_stream_close(streams[0]);
	EXPECT_EQ(client_round(streams[2], 8), 0);
	EXPECT_EQ(server_stats(&server).open, 2);
	coil_stream_close(streams[1]);
	coil_stream_close(streams[2]);
	EXPECT_SOON(server_stats(&server).closed == 3);
	server_stop(&server);
	return 0;
}

TEST(serve_limits, connections_beyond_the_bound_wait)
{
	RUN(connections);
}

/* Full, and told to end: who waits for room leaves. */
static int full_end(void *arg)
{
	struct server server;
	struct coil_stream *stream;

	(void)arg;
	server_init(&server, serve_echo);
	server.options.connections_max = 1;
	if (!server_start(&server))
		return 0;
	stream = server_connect(&server);
	EXPECT_EQ(client_round(stream, 8), 0);
	serve_settle();
	server_stop(&server);
	coil_stream_close(stream);
	return 0;
}

TEST(serve_limits, a_full_server_can_be_cancelled)
{
	RUN(full_end);
}

static int echo_slowly(struct coil_stream *stream, void *arg)
{
	int rc = coil_sleep(SOON);

	return rc < 0 ? rc : serve_echo(stream, arg);
}

static int handlers(void *arg)
{
	struct server server;
	struct coil_stream *streams[6];
	char byte;

	(void)arg;
	server_init(&server, echo_slowly);
	server.options.handlers_max = 2;
	if (!server_start(&server))
		return 0;
	for (int i = 0; i < 6; i++) {
		streams[i] = server_connect(&server);
		EXPECT_EQ(coil_stream_write(streams[i], "x", 1), 1);
	}
	EXPECT_SOON(server_stats(&server).waiting > 0);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(rig_read_all(streams[i], &byte, 1), 0);
	EXPECT_EQ(server_stats(&server).running_peak, 2);
	EXPECT_EQ(server_stats(&server).bursts, 6);
	for (int i = 0; i < 6; i++)
		coil_stream_close(streams[i]);
	server_stop(&server);
	return 0;
}

TEST(serve_limits, handlers_beyond_the_bound_wait)
{
	RUN(handlers);
}

/* -- Deadlines --------------------------------------------------------------------------------- */

static int first_byte(void *arg)
{
	struct server server;
	struct coil_stream *silent, *late;
	char byte;

	(void)arg;
	server_init(&server, serve_echo);
	server.options.first_byte_ns = SOON;
	if (!server_start(&server))
		return 0;
	late = server_connect(&server);
	EXPECT_EQ(client_round(late, 3), 0);
	silent = server_connect(&server);
	EXPECT_EQ(coil_stream_read(silent, &byte, 1), 0);
	EXPECT_EQ(server_stats(&server).timed_out_first, 1);
	EXPECT_EQ(server.reason, -ETIME);
	/* Only the first byte has that deadline. */
	coil_sleep(2 * SOON);
	EXPECT_EQ(client_round(late, 3), 0);
	EXPECT_EQ(server_stats(&server).timed_out_idle, 0);
	coil_stream_close(silent);
	coil_stream_close(late);
	server_stop(&server);
	return 0;
}

TEST(serve_limits, the_first_byte_has_a_deadline)
{
	RUN(first_byte);
}

static int idle(void *arg)
{
	struct server server;
	struct coil_stream *stream, *fresh;
	char byte;

	server_init(&server, serve_echo);
	server.options.idle_ns = 10 * SOON;
	server.options.flags = arg ? COIL_SERVE_UNREAD : 0;
	if (!server_start(&server))
		return 0;
	fresh = server_connect(&server);
	stream = server_connect(&server);
	/* Each burst begins it anew. */
	for (int i = 0; i < 6; i++) {
		EXPECT_EQ(client_round(stream, 3), 0);
		coil_sleep(2 * SOON);
	}
	EXPECT_EQ(server_stats(&server).closed, 0);
	EXPECT_EQ(coil_stream_read(stream, &byte, 1), 0);
	EXPECT_EQ(server_stats(&server).timed_out_idle, 1);
	EXPECT_EQ(server.errors, 0);
	EXPECT_EQ(server_stats(&server).open, 1);
	coil_stream_close(stream);
	coil_stream_close(fresh);
	server_stop(&server);
	return 0;
}

TEST(serve_limits, an_idle_connection_has_a_deadline)
{
	RUN(idle);
	ASSERT_EQ(rig_run(idle, &(int){1}), 0);
}

/* A request that never ends: the head of it, and then a byte now and then. */
static int read_request(struct coil_stream *stream, void *arg)
{
	char line[1024];
	int n = coil_stream_read_line(stream, line, sizeof line);

	(void)arg;
	return n <= 0 ? n : coil_stream_write(stream, line, (size_t)n);
}

static int slow_request(void *arg)
{
	struct server server;
	struct coil_stream *slow, *quick;
	char line[8];
	int rc = 1;

	(void)arg;
	server_init(&server, read_request);
	server.options.request_ns = 5 * SOON;
	if (!server_start(&server))
		return 0;
	slow = server_connect(&server);
	quick = server_connect(&server);
	for (int i = 0; i < 100 && rc > 0; i++) {
		rc = coil_stream_write(slow, "h", 1);
		coil_sleep(SOON / 2);
		EXPECT_EQ(coil_stream_write(quick, "hey\n", 4), 4);
		EXPECT_EQ(rig_read_all(quick, line, 4), 0);
	}
	EXPECT_LT(rc, 0);
	EXPECT_EQ(server_stats(&server).timed_out_request, 1);
	EXPECT_EQ(server.error, -ETIME);
	EXPECT_EQ(server_stats(&server).open, 1);
	coil_stream_close(slow);
	coil_stream_close(quick);
	server_stop(&server);
	return 0;
}

TEST(serve_limits, a_request_has_a_deadline)
{
	RUN(slow_request);
}

/* The handler does not mind; the connection is closed nevertheless. */
static int ignore_it(struct coil_stream *stream, void *arg)
{
	serve_echo(stream, arg);
	coil_sleep(LATE);
	return 0;
}

static int ignored(void *arg)
{
	struct server server;
	struct coil_stream *stream;
	char byte;

	(void)arg;
	server_init(&server, ignore_it);
	server.options.request_ns = SOON;
	if (!server_start(&server))
		return 0;
	stream = server_connect(&server);
	EXPECT_EQ(client_round(stream, 1), 0);
	EXPECT_EQ(coil_stream_read(stream, &byte, 1), 0);
	EXPECT_EQ(server_stats(&server).timed_out_request, 1);
	coil_stream_close(stream);
	server_stop(&server);
	return 0;
}

TEST(serve_limits, who_ignores_the_deadline_is_closed_too)
{
	RUN(ignored);
}

/* -- The end ----------------------------------------------------------------------------------- */

/* One handler runs, one connection is parked, when the server is told to end. */
struct ending {
	struct server server;
	struct coil_stream *busy;
	struct coil_stream *parked;
};

static bool ending_begin(struct ending *ending, int64_t drain_ns)
{
	server_init(&ending->server, echo_slowly);
	ending->server.options.drain_ns = drain_ns;
	if (!server_start(&ending->server))
		return false;
	ending->parked = server_connect(&ending->server);
	ending->busy = server_connect(&ending->server);
	EXPECT_EQ(coil_stream_write(ending->busy, "hello", 5), 5);
	EXPECT_SOON(server_stats(&ending->server).running == 1);
	return true;
}

static void ending_check(struct ending *ending, bool is_answered)
{
	char buf[8];
	int rc;

	EXPECT_EQ(coil_stream_read(ending->parked, buf, 1), 0);
	if (is_answered)
		EXPECT_EQ(rig_read_all(ending->busy, buf, 5), 0);
	rc = coil_stream_read(ending->busy, buf, 1);
	/* A close resets a connection where bytes lie unread. */
	EXPECT(rc == 0 || (!is_answered && rc == -ECONNRESET));
	coil_stream_close(ending->busy);
	coil_stream_close(ending->parked);
}

static int drain_cancelled(void *arg)
{
	struct ending ending;

	(void)arg;
	if (!ending_begin(&ending, LATE))
		return 0;
	EXPECT_EQ(server_cancel(&ending.server), -ECANCELED);
	EXPECT_EQ(server_stats(&ending.server).open, 0);
	ending_check(&ending, true);
	coil_listener_close(ending.server.listener);
	return 0;
}

TEST(serve_limits, a_cancelled_server_lets_handlers_end)
{
	RUN(drain_cancelled);
}

static int drain_asked(void *arg)
{
	struct ending ending;

	(void)arg;
	if (!ending_begin(&ending, LATE))
		return 0;
	EXPECT_EQ(coil_serve_drain(ending.server.listener), 0);
	EXPECT_EQ(coil_serve_drain(ending.server.listener), 0);
	EXPECT_EQ(coil_join(ending.server.task), 0);
	ending_check(&ending, true);
	EXPECT_EQ(server_stats(&ending.server).accepted, 2);
	coil_listener_close(ending.server.listener);
	return 0;
}

TEST(serve_limits, b15_3_a_server_can_be_asked_to_drain)
{
	RUN(drain_asked);
}

static int drain_cut(void *arg)
{
	struct ending ending;

	(void)arg;
	if (!ending_begin(&ending, 1))
		return 0;
	EXPECT_EQ(server_cancel(&ending.server), -ECANCELED);
	EXPECT_EQ(ending.server.reason, -ETIME);
	EXPECT_EQ(ending.server.errors, 0);
	ending_check(&ending, false);
	coil_listener_close(ending.server.listener);
	return 0;
}

TEST(serve_limits, a_drain_has_an_end)
{
	RUN(drain_cut);
}

static int listener_gone(void *arg)
{
	struct ending ending;
	struct coil_stream *late = NULL;
	int port;
	char text[8];

	(void)arg;
	if (!ending_begin(&ending, LATE))
		return 0;
	port = coil_listener_port(ending.server.listener);
	coil_listener_close(ending.server.listener);
	snprintf(text, sizeof text, "%d", port);
	EXPECT_EQ(coil_connect_tcp(&late, "127.0.0.1", text, NULL), -ECONNREFUSED);
	EXPECT_EQ(coil_join(ending.server.task), -EPIPE);
	ending_check(&ending, true);
	return 0;
}

TEST(serve_limits, the_listener_may_be_closed_elsewhere)
{
	RUN(listener_gone);
}

/* The same while nobody accepts, for the server is full. */
static int full_listener_gone(void *arg)
{
	struct server server;
	struct coil_stream *stream;

	(void)arg;
	server_init(&server, serve_echo);
	server.options.connections_max = 1;
	if (!server_start(&server))
		return 0;
	stream = server_connect(&server);
	EXPECT_EQ(client_round(stream, 1), 0);
	coil_listener_close(server.listener);
	EXPECT_EQ(coil_join(server.task), -EPIPE);
	coil_stream_close(stream);
	return 0;
}

TEST(serve_limits, the_listener_of_a_full_server_may_be_closed)
{
	RUN(full_listener_gone);
}

static int in_cancelled_scope(void *arg)
{
	struct coil_listener *listener;
	struct coil_scope scope;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EINTR, NULL);
	EXPECT_EQ(coil_serve(listener, serve_echo, NULL), -EINTR);
	EXPECT_EQ(coil_scope_close(&scope), -EINTR);
	coil_listener_close(listener);
	return 0;
}

TEST(serve_limits, a_cancelled_scope_serves_nobody)
{
	RUN(in_cancelled_scope);
}

static int serve_it(void *arg)
{
	return coil_serve(arg, serve_echo, NULL);
}

static int timed_out(void *arg)
{
	struct coil_listener *listener;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_timeout(SOON, serve_it, listener), -ETIME);
	EXPECT_EQ(coil_timeout(SOON, serve_it, listener), -ETIME);
	coil_listener_close(listener);
	return 0;
}

TEST(serve_limits, serves_until_a_deadline_and_again)
{
	RUN(timed_out);
}
