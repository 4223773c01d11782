/* SPDX-License-Identifier: MIT */
/*
 * One handler, two ways: on tasks that stay (coil_accept, coil_go, coil_stream_loop), and by
 * coil_serve. Each scene is played in both, and what client, handler and callbacks see is the same.
 */
#include "net/serve_rig.h"

#include <stdlib.h>

#define BRIEF (100 * COIL_MSEC)

struct way {
	struct server server;
	bool is_parking;
	long freed;			/* what was tied to connections */
};

static int loop_main(void *arg)
{
	struct coil_stream *stream = arg;
	const struct server *server = coil_serve_user(stream);

	coil_serve_set_user(stream, NULL);
	(void)coil_stream_loop(stream, server->handler, &server->options);
	return 0;
}

static int accept_main(void *arg)
{
	struct server *server = arg;
	struct coil_stream *stream;
	struct coil_group group;
	int rc;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	while ((rc = coil_accept(server->listener, &stream)) == 0) {
		coil_serve_set_user(stream, server);
		EXPECT_EQ(coil_go(&group, loop_main, stream), 0);
	}
	coil_group_close(&group);
	return rc;
}

static bool way_start(struct way *way)
{
	struct server *server = &way->server;

	if (way->is_parking)
		return server_start(server);
	EXPECT_EQ(coil_listen_tcp(&server->listener, "127.0.0.1", 0, NULL), 0);
	server->task = coil_spawn(accept_main, server);
	return server->task != NULL;
}

static void way_stop(struct way *way)
{
	EXPECT_EQ(server_cancel(&way->server), -ECANCELED);
	coil_listener_close(way->server.listener);
}

/* -- The handler ------------------------------------------------------------------------------- */

/* A conversation: counts lines, adds what was asked for, and leaves in several ways. */
static int answer(struct coil_stream *stream, void *arg)
{
	char line[64], text[32];
	long *lines = coil_serve_user(stream);
	int n = coil_stream_read_line(stream, line, sizeof line);

	(void)arg;
	if (n <= 0)
		return n;
	if (!lines) {
		lines = calloc(1, sizeof *lines);
		coil_serve_set_user(stream, lines);
	}
	if (!lines)
		return -ENOMEM;
	++*lines;
	switch (line[0]) {
	case 'q':
		coil_stream_put(stream, "bye\n", 4);
		return COIL_SERVE_CLOSE;
	case 'x':
		return -EBADMSG;
	case 's':
		return coil_sleep(COIL_MIN);
	case 'w':
		n = snprintf(text, sizeof text, "%ld\n", *lines);
		return coil_stream_write(stream, text, (size_t)n);
	default:
		n = snprintf(text, sizeof text, "%ld\n", *lines);
		return coil_stream_put(stream, text, (size_t)n);
	}
}

static void note_close(struct coil_stream *stream, int reason, void *arg)
{
	struct way *way = arg; /* begins with the server */
	long *lines = coil_serve_user(stream);

	way->server.closes++;
	way->server.reason = reason;
	way->freed += lines ? *lines : 0;
	free(lines);
}

/* -- Scenes ------------------------------------------------------------------------------------ */

struct scene {
	const char *sent;
	const char *got;		/* up to the end, or "until" there */
	int reason;
	int errors;
	long lines;
	bool is_leaving;		/* the client, when it has got that */
};

static const struct scene scenes[] = {
	{.sent = "one\ntwo\n", .got = "1\n2\n", .lines = 2, .is_leaving = true},
	{.sent = "one\nwrite\nthree\n", .got = "1\n2\n3\n", .lines = 3, .is_leaving = true},
	{.sent = "one\nquit\n", .got = "1\nbye\n", .reason = COIL_SERVE_CLOSE, .lines = 2},
	{.sent = "one\nx\n", .got = "1\n", .reason = -EBADMSG, .errors = 1, .lines = 2},
	{.sent = "write\nsleep\n", .got = "1\n", .reason = -ETIME, .errors = 1, .lines = 2},
	{.sent = "a line that has no e", .got = "", .reason = -ETIME, .errors = 1},
	{.sent = "one\n", .got = "1\n", .reason = -ETIME, .lines = 1},
	{.sent = "", .got = "", .reason = -ETIME},
};

static void play(const struct scene *scene, bool is_parking)
{
	struct way way = {.is_parking = is_parking};
	struct coil_stream *stream;
	char got[64];
	size_t len = strlen(scene->got);
	int rc;

	server_init(&way.server, answer);
	way.server.options.first_byte_ns = 2 * BRIEF;
	way.server.options.idle_ns = 2 * BRIEF;
	way.server.options.request_ns = BRIEF;
	way.server.options.on_close = note_close;
	if (!way_start(&way))
		return;
	stream = server_connect(&way.server);
	EXPECT_EQ(coil_stream_write(stream, scene->sent, strlen(scene->sent)),
		  (int)strlen(scene->sent));
	EXPECT_EQ(rig_read_all(stream, got, len), 0);
	EXPECT_MEM_EQ(got, scene->got, len);
	if (!scene->is_leaving) {
		rc = coil_stream_read(stream, got, 1);
		EXPECT(rc == 0 || rc == -ECONNRESET);
	}
	coil_stream_close(stream);
	EXPECT_SOON(way.server.closes == 1);
	EXPECT_EQ(way.server.reason, scene->reason);
	EXPECT_EQ(way.server.errors, scene->errors);
	EXPECT_EQ(way.freed, scene->lines);
	way_stop(&way);
}

static int both_ways(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
		play(&scenes[i], false);
		play(&scenes[i], true);
	}
	return 0;
}

TEST(serve_loop, one_handler_both_ways)
{
	RUN(both_ways);
	rig_run_odd(20, both_ways);
}

/* A cancel ends a wait at once, and is no failure. */
static int cancelled_both_ways(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		struct way way = {.is_parking = i % 2};
		struct coil_stream *stream;
		char byte;

		server_init(&way.server, answer);
		way.server.options.on_close = note_close;
		way.server.options.drain_ns = BRIEF;
		if (!way_start(&way))
			return 0;
		stream = server_connect(&way.server);
		EXPECT_EQ(coil_stream_write(stream, i < 2 ? "w\n" : "w\ns\n", i < 2 ? 2 : 4),
			  i < 2 ? 2 : 4);
		EXPECT_EQ(rig_read_all(stream, &byte, 1), 0);
		way_stop(&way);
		EXPECT_EQ(way.server.closes, 1);
		EXPECT_EQ(way.server.errors, 0);
		coil_stream_close(stream);
	}
	return 0;
}

TEST(serve_loop, a_cancel_is_no_failure)
{
	RUN(cancelled_both_ways);
}

/* -- Streams without a listener ---------------------------------------------------------------- */

static int pair_main(void *arg)
{
	return coil_stream_loop(arg, answer, NULL);
}

static int pair_end(const char *text, const char *expected)
{
	struct coil_stream *mine, *other;
	struct coil_task *task;
	char buf[64];

	EXPECT_EQ(coil_stream_pair(&mine, &other, 4096), 0);
	coil_serve_set_user(other, calloc(1, sizeof(long)));
	EXPECT_EQ(*(long *)coil_serve_user(other), 0);
	free(coil_serve_user(other));
	coil_serve_set_user(other, &(long){0});
	task = coil_spawn(pair_main, other);
	EXPECT_EQ(coil_stream_write(mine, text, strlen(text)), (int)strlen(text));
	EXPECT_EQ(rig_read_all(mine, buf, strlen(expected)), 0);
	EXPECT_MEM_EQ(buf, expected, strlen(expected));
	EXPECT_EQ(coil_stream_shutdown(mine), 0);
	EXPECT_EQ(coil_stream_read(mine, buf, 1), 0);
	coil_stream_close(mine);
	return coil_join(task);
}

static int pairs(void *arg)
{
	(void)arg;
	EXPECT_EQ(pair_end("one\ntwo\n", "1\n2\n"), 0);
	EXPECT_EQ(pair_end("one\nquit\n", "1\nbye\n"), 0);
	EXPECT_EQ(pair_end("one\nx\n", "1\n"), -EBADMSG);
	return 0;
}

TEST(serve_loop, of_a_pair_in_memory)
{
	RUN(pairs);
}
