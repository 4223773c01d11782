/* SPDX-License-Identifier: MIT */
/* Accepting: limits, counters, and connections that come faster than they are asked for. */
#include "net/rig.h"

#include <errno.h>

/* -- Limits and counters ----------------------------------------------------------------------- */

static int limited(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options, .connections_max = 2};
	struct coil_listener_stats none = {.size = 0};
	struct coil_stream *clients[4], *streams[2];
	struct coil_listener *listener;
	struct coil_task *first, *second;
	struct coil_stats before = {.size = sizeof before}, after = {.size = sizeof after};

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), 0);
	EXPECT_EQ(coil_listener_stats(listener, &none), -EINVAL);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(coil_connect_tcp(&clients[i], "127.0.0.1", rig_port(listener), NULL), 0);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_accept(listener, &streams[i]), 0);
	EXPECT_EQ(rig_counters(listener).open, 2);
	/* The others stay in the backlog; a deadline ends the waiting, and nobody spins. */
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, rig_accept_one, listener), -ETIME);
	first = coil_spawn(rig_accept_one, listener);
	second = coil_spawn(rig_accept_one, listener);
	coil_stats(&before);
	coil_sleep(20 * COIL_MSEC);
	coil_stats(&after);
	EXPECT_LT(after.turns - before.turns, 30);
	EXPECT_EQ(rig_counters(listener).accepting, 2);
	EXPECT_EQ(rig_counters(listener).pausing, 0);
	EXPECT_EQ(rig_counters(listener).accepted, 2);
	EXPECT_EQ(rig_counters(listener).limited, 3);
	/* One goes, and the two who wait follow each other in its place. */
	coil_stream_close(streams[0]);
	EXPECT_EQ(coil_join(first), 0);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_EQ(rig_counters(listener).accepted, 4);
	EXPECT_EQ(rig_counters(listener).open, 1);
	coil_stream_close(streams[1]);
	for (int i = 0; i < 4; i++)
		coil_stream_close(clients[i]);
	coil_listener_close(listener);
	return 0;
}

TEST(accept, takes_no_more_than_it_may)
{
	RUN(limited);
	rig_run_odd(20, limited);
}

/* The place of an accept that is cancelled, or finds the listener closed, is not lost. */
static int limited_ends(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options, .connections_max = 1};
	struct coil_listener *listener;
	struct coil_task *first, *second;
	struct coil_stream *client, *stream;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), 0);
	first = coil_spawn(rig_accept_one, listener);
	coil_sleep(COIL_MSEC);
	second = coil_spawn(rig_accept_one, listener);
	coil_sleep(COIL_MSEC);
	coil_cancel(first);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_connect_tcp(&client, "127.0.0.1", rig_port(listener), NULL), 0);
	EXPECT_EQ(coil_join(second), 0);
	coil_stream_close(client);
	EXPECT_EQ(coil_connect_tcp(&client, "127.0.0.1", rig_port(listener), NULL), 0);
	EXPECT_EQ(coil_accept(listener, &stream), 0);
	first = coil_spawn(rig_accept_one, listener);
	coil_sleep(COIL_MSEC);
	coil_listener_close(listener);
	EXPECT_EQ(coil_join(first), -EPIPE);
	coil_stream_close(stream);
	coil_stream_close(client);
	return 0;
}

TEST(accept, a_place_is_given_back)
{
	RUN(limited_ends);
	rig_run_odd(20, limited_ends);
}

/* Who is woken for a place finds the listener closing: it must not begin an accept. */
static int limited_closes(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options, .connections_max = 1};
	struct coil_stream *client, *stream;
	struct coil_listener *listener;
	struct coil_task *task;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), 0);
	EXPECT_EQ(coil_connect_tcp(&client, "127.0.0.1", rig_port(listener), NULL), 0);
	EXPECT_EQ(coil_accept(listener, &stream), 0);
	task = coil_spawn(rig_accept_one, listener);
	coil_sleep(COIL_MSEC);
	coil_stream_close(stream);
	coil_listener_close(listener);
	EXPECT_EQ(coil_join(task), -EPIPE);
	coil_stream_close(client);
	return 0;
}

TEST(accept, a_close_meets_who_was_just_given_a_place)
{
	RUN(limited_closes);
	rig_run_odd(20, limited_closes);
}

/* -- More than one at a time ------------------------------------------------------------------- */

/* Connections that came while nobody asked, and one whose task was cancelled, are not lost. */
static int kept(void *arg)
{
	struct coil_stream *clients[40], *stream;
	struct coil_listener *listener;
	struct coil_task *tasks[3];
	unsigned accepted = 0;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(rig_accept_one, listener);
	coil_sleep(COIL_MSEC);
	for (int i = 0; i < 40; i++) {
		EXPECT_EQ(coil_connect_tcp(&clients[i], "127.0.0.1", rig_port(listener), NULL), 0);
		if (i < 3)
			coil_cancel(tasks[i]);
	}
	for (int i = 0; i < 3; i++)
		accepted += coil_join(tasks[i]) == 0;
	while (accepted < 40) {
		EXPECT_EQ(coil_accept(listener, &stream), 0);
		EXPECT_EQ(coil_stream_write(stream, "x", 1), 1);
		coil_stream_close(stream);
		accepted++;
	}
	EXPECT_EQ(rig_counters(listener).accepted, 40);
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, rig_accept_one, listener), -ETIME);
	for (int i = 0; i < 40; i++)
		coil_stream_close(clients[i]);
	coil_listener_close(listener);
	return 0;
}

TEST(accept, loses_no_connection_between_accepts)
{
	RUN(kept);
	rig_run_odd(40, kept);
}

/* Nobody accepts: some are kept, the others stay where they are, and all are served in the end. */
static int crowd(void *arg)
{
	enum { CLIENTS = 200 };
	static struct coil_stream *clients[CLIENTS];
	struct coil_stream *stream;
	struct coil_listener *listener;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_timeout(COIL_MSEC, rig_accept_one, listener), -ETIME);
	for (int i = 0; i < CLIENTS; i++)
		EXPECT_EQ(coil_connect_tcp(&clients[i], "127.0.0.1", rig_port(listener), NULL), 0);
	for (int i = 0; i < CLIENTS; i++) {
		EXPECT_EQ(coil_accept(listener, &stream), 0);
		coil_stream_close(stream);
	}
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, rig_accept_one, listener), -ETIME);
	for (int i = 0; i < CLIENTS; i++)
		coil_stream_close(clients[i]);
	coil_listener_close(listener);
	return 0;
}

TEST(accept, b15_1_serves_a_crowd_that_came_early)
{
	RUN(crowd);
	rig_run_odd(10, crowd);
}

/* What was kept is closed with the listener: the peers hear it. The port is free at once. */
static int closed_with(void *arg)
{
	struct coil_stream *clients[8];
	struct coil_listener *listener, *again;
	char byte;
	int port;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	port = coil_listener_port(listener);
	EXPECT_EQ(coil_timeout(COIL_MSEC, rig_accept_one, listener), -ETIME);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(coil_connect_tcp(&clients[i], "127.0.0.1", rig_port(listener), NULL), 0);
	coil_sleep(COIL_MSEC);
	coil_listener_close(listener);
	for (int i = 0; i < 8; i++) {
		int rc = coil_stream_read(clients[i], &byte, 1);

		EXPECT(rc == 0 || rc == -ECONNRESET);
		coil_stream_close(clients[i]);
	}
	EXPECT_EQ(coil_listen_tcp(&again, "127.0.0.1", port, NULL), 0);
	coil_listener_close(again);
	return 0;
}

TEST(accept, its_close_tells_those_that_were_kept)
{
	RUN(closed_with);
	rig_run_odd(20, closed_with);
}

TEST(accept, accepts_one_by_one_where_there_is_no_more)
{
	static const char *const masks[] = {"multishot_accept", "6.6"};
	struct coil_options options = {.size = sizeof options};

	if (rig_is_simulated())
		SKIP("it has no mask");
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		options.kernel_mask = masks[i];
		ASSERT_EQ(coil_run_with(&options, kept, NULL), 0);
		ASSERT_EQ(coil_run_with(&options, crowd, NULL), 0);
		ASSERT_EQ(coil_run_with(&options, closed_with, NULL), 0);
	}
}
