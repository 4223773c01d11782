/* SPDX-License-Identifier: MIT */
/* coil_serve: connections that are busy, and keep one receive for many bursts. */
#include "net/receive_rig.h"
#include "net/serve_rig.h"

#include "loop/buffers.h"

#define ROUNDS 20

static void warm_up(struct coil_stream *stream)
{
	for (int i = 0; i < ROUNDS; i++)
		EXPECT_EQ(client_round(stream, 64), 0);
}

/* A send at each end, by a request or at once, and nothing to receive them. */
static int requests(void *arg)
{
	struct server server;
	struct coil_stream *stream;
	uint64_t pushed, at_once, allocations;

	(void)arg;
	stream = server_open(&server, serve_echo);
	if (!stream)
		return 0;
	warm_up(stream);
	pushed = loop_current->ring.pushed;
	at_once = loop_current->at_once;
	allocations = loop_current->allocations;
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(client_round(stream, 64), 0);
	pushed = loop_current->ring.pushed - pushed + loop_current->at_once - at_once;
	EXPECT_GE(pushed, 200);
	/* Without buffers there are a poll and two receives. */
	EXPECT_LE(pushed, has_multishot() ? 200 : 500);
	EXPECT_EQ(loop_current->allocations, allocations);
	EXPECT_EQ(server_stats(&server).bursts, 100 + ROUNDS);
	coil_stream_close(stream);
	server_stop(&server);
	return 0;
}

TEST(serve_busy, a_burst_costs_no_receive)
{
	RUN(requests);
}

/* -- Larger, and back -------------------------------------------------------------------------- */

static int echo_all(struct coil_stream *stream, void *arg)
{
	static char buf[1 << 16];
	int n = coil_stream_read(stream, buf, sizeof buf);

	(void)arg;
	return n <= 0 ? n : coil_stream_write(stream, buf, (size_t)n);
}

static int sizes(void *arg)
{
	struct server server;
	struct coil_stream *stream;

	(void)arg;
	stream = server_open(&server, echo_all);
	if (!stream)
		return 0;
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 40; k++)
			EXPECT_EQ(client_round(stream, 64), 0);
		for (int k = 0; k < 4; k++)
			EXPECT_EQ(client_round(stream, 8192), 0);
		EXPECT_EQ(client_round(stream, 4096), 0);
		EXPECT_EQ(client_round(stream, 4097), 0);
	}
	coil_stream_close(stream);
	EXPECT_SOON(server_stats(&server).closed == 1);
	EXPECT_EQ(server.reason, 0);
	server_stop(&server);
	return 0;
}

TEST(serve_busy, sizes_change)
{
	RUN(sizes);
	rig_run_odd(30, sizes);
}

/* -- A handler that is behind ------------------------------------------------------------------ */

#define FLOOD (1u << 19)

static bool is_slow;

static int echo_when_it_suits(struct coil_stream *stream, void *arg)
{
	if (is_slow && coil_stream_buffered(stream) != 1)
		coil_sleep(20 * COIL_MSEC);
	return serve_echo(stream, arg);
}

static int send_flood(void *arg)
{
	struct flow flow = {.from = arg, .total = FLOOD};

	return send_pattern(&flow);
}

/* It is held up by its own bytes; another is served, and nothing is lost. */
static int behind(void *arg)
{
	struct server server;
	struct coil_stream *stream, *other;
	struct coil_task *task;
	unsigned char buf[4096];
	size_t got = 0;
	int n;

	(void)arg;
	server_init(&server, echo_when_it_suits);
	is_slow = false;
	if (!server_start(&server))
		return 0;
	stream = server_connect(&server);
	other = server_connect(&server);
	warm_up(stream);
	is_slow = true;
	task = coil_spawn(send_flood, stream);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(client_round(other, 1), 0);
	is_slow = false;
	while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0) {
		expect_pattern(buf, got, (size_t)n);
		got += (size_t)n;
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(got, FLOOD);
	EXPECT_EQ(coil_join(task), 0);
	coil_stream_close(stream);
	coil_stream_close(other);
	server_stop(&server);
	return 0;
}

TEST(serve_busy, a_handler_that_is_behind)
{
	RUN(behind);
	rig_run_odd(10, behind);
}

/* -- A conversation in one burst --------------------------------------------------------------- */

static int converse(struct coil_stream *stream, void *arg)
{
	struct server *server = arg;
	char buf[64];
	int n;

	while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0)
		if ((n = coil_stream_write(stream, buf, (size_t)n)) < 0)
			break;
	EXPECT(n == 0 || n == -ECONNRESET || n == -ETIME || n == -EPIPE);
	EXPECT_EQ(server_stats(server).running, 1);
	return n;
}

/* @end: how the client leaves. */
static void talk(int (*handler)(struct coil_stream *stream, void *arg),
		 void (*end)(struct coil_stream *stream), int reason)
{
	struct server server;
	struct coil_stream *stream;

	stream = server_open(&server, handler);
	if (!stream)
		return;
	warm_up(stream);
	end(stream);
	EXPECT_SOON(server_stats(&server).closed == 1);
	EXPECT_EQ(server.reason, reason);
	server_stop(&server);
}

static int conversations(void *arg)
{
	(void)arg;
	talk(converse, coil_stream_close, 0);
	talk(converse, client_reset, -ECONNRESET);
	talk(serve_echo, coil_stream_close, 0);
	talk(serve_echo, client_reset, -ECONNRESET);
	return 0;
}

TEST(serve_busy, ends_are_told_once)
{
	RUN(conversations);
}

/* The deadline of a request is met by a handler that waits for what the one receive brings. */
static int conversation_in_time(void *arg)
{
	struct server server;
	struct coil_stream *stream;
	char byte;

	(void)arg;
	server_init(&server, converse);
	server.options.request_ns = 300 * COIL_MSEC;
	if (!server_start(&server))
		return 0;
	stream = server_connect(&server);
	warm_up(stream);
	EXPECT_EQ(coil_stream_read(stream, &byte, 1), 0);
	EXPECT_EQ(server.reason, -ETIME);
	EXPECT_EQ(server_stats(&server).timed_out_request, 1);
	coil_stream_close(stream);
	server_stop(&server);
	return 0;
}

TEST(serve_busy, a_conversation_has_a_deadline)
{
	RUN(conversation_in_time);
}

/* -- The end with the receive in the kernel ---------------------------------------------------- */

static int bytes_left;

static int echo_and_close(struct coil_stream *stream, void *arg)
{
	int rc = serve_echo(stream, arg);

	bytes_left -= rc > 0 ? rc : 0;
	return rc >= 0 && bytes_left == 0 ? COIL_SERVE_CLOSE : rc;
}

/* Its record goes with the last completion: not before, and not never (the simulation counts). */
static int closed_by_us(void *arg)
{
	struct server server;
	struct coil_stream *stream;
	char byte;

	(void)arg;
	bytes_left = ROUNDS * 64;
	stream = server_open(&server, echo_and_close);
	if (!stream)
		return 0;
	warm_up(stream);
	EXPECT_EQ(coil_stream_read(stream, &byte, 1), 0);
	EXPECT_EQ(server.reason, COIL_SERVE_CLOSE);
	coil_stream_close(stream);
	server_stop(&server);
	return 0;
}

TEST(serve_busy, the_handler_closes)
{
	RUN(closed_by_us);
	rig_run_odd(30, closed_by_us);
}

static int idle_and_drained(void *arg)
{
	struct server server;
	struct coil_stream *streams[2];
	char byte;

	(void)arg;
	server_init(&server, serve_echo);
	server.options.idle_ns = 200 * COIL_MSEC;
	if (!server_start(&server))
		return 0;
	streams[0] = server_connect(&server);
	warm_up(streams[0]);
	EXPECT_EQ(coil_stream_read(streams[0], &byte, 1), 0);
	EXPECT_EQ(server_stats(&server).timed_out_idle, 1);
	streams[1] = server_connect(&server);
	warm_up(streams[1]);
	EXPECT_EQ(coil_serve_drain(server.listener), 0);
	EXPECT_EQ(coil_join(server.task), 0);
	EXPECT_EQ(coil_stream_read(streams[1], &byte, 1), 0);
	EXPECT_EQ(server.reason, 0);
	EXPECT_EQ(server.closes, 2);
	coil_listener_close(server.listener);
	for (int i = 0; i < 2; i++)
		coil_stream_close(streams[i]);
	return 0;
}

TEST(serve_busy, deadlines_and_drain)
{
	RUN(idle_and_drained);
	rig_run_odd(30, idle_and_drained);
}

/* -- Many at once ------------------------------------------------------------------------------ */

#define CROWD 600

/* Each says something, and is answered, @rounds times. How many handlers ran at most. */
static uint64_t run_crowd(int (*handler)(struct coil_stream *stream, void *arg), int rounds)
{
	static struct coil_stream *streams[CROWD];
	struct server server;
	uint64_t peak;
	char byte;

	server_init(&server, handler);
	if (!server_start(&server))
		return 0;
	for (int i = 0; i < CROWD; i++)
		streams[i] = server_connect(&server);
	while (rounds-- > 0) {
		for (int i = 0; i < CROWD; i++)
			EXPECT_EQ(coil_stream_write(streams[i], "?", 1), 1);
		for (int i = 0; i < CROWD; i++)
			EXPECT_EQ(coil_stream_read(streams[i], &byte, 1), 1);
	}
	peak = server_stats(&server).running_peak;
	for (int i = 0; i < CROWD; i++)
		coil_stream_close(streams[i]);
	server_stop(&server);
	return peak;
}

/* Quick handlers are waited for: no more of them are started than are kept. */
static int crowd(void *arg)
{
	(void)arg;
	EXPECT_LE(run_crowd(serve_echo, 12), 128);
	return 0;
}

static int sleep_and_echo(struct coil_stream *stream, void *arg)
{
	coil_sleep(COIL_SEC);
	return serve_echo(stream, arg);
}

/* Slow ones are not: all run at once. */
static int slow_crowd(void *arg)
{
	(void)arg;
	EXPECT_EQ(run_crowd(sleep_and_echo, 1), CROWD);
	return 0;
}

static void simulate_crowd(int (*entry)(void *arg))
{
	struct coil_sim_options options = {.size = sizeof options, .seed = 1,
					   .descriptors_max = 1u << 20};

	serve_need_calm();
	ASSERT_EQ(coil_sim_run(&options, entry, NULL), 0);
}

TEST(serve_busy, a_crowd_of_quick_ones)
{
	simulate_crowd(crowd);
}

TEST(serve_busy, a_crowd_of_slow_ones)
{
	simulate_crowd(slow_crowd);
}

/* -- What may fail ----------------------------------------------------------------------------- */

/* One receive fails, of either end: who asks again is answered, and in the end all are closed. */
static int insist(void *arg)
{
	struct server server;
	int done = 0;

	server_init(&server, arg ? converse : serve_echo);
	if (!server_start(&server))
		return 0;
	for (int tries = 0; tries < 3 && done < 2 * ROUNDS; tries++) {
		struct coil_stream *stream = server_connect(&server);
		int rc = 0;

		for (done = 0; done < 2 * ROUNDS && rc == 0; done++)
			rc = client_round(stream, 32);
		coil_stream_close(stream);
	}
	EXPECT_EQ(done, 2 * ROUNDS);
	server_stop(&server);
	return 0;
}

TEST(serve_busy, any_receive_may_fail)
{
	static const int errors[] = {ENOBUFS, EINVAL, ECONNRESET};

	serve_need_calm();
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		struct coil_sim_options options = {.size = sizeof options, .seed = 1,
						   .fault_operation = "recv",
						   .fault_errno = errors[i]};

		for (options.fault_at = 1; options.fault_at <= 24; options.fault_at++)
			ASSERT_EQ(coil_sim_run(&options, insist, NULL), 0);
	}
}

static unsigned most_made;

/* The client has no part in the group. */
static int starve(void *arg)
{
	struct server server;
	struct coil_stream *stream;

	(void)arg;
	stream = server_open(&server, serve_echo);
	if (!stream)
		return 0;
	EXPECT_EQ(coil_stream_set_receive(stream, COIL_RECEIVE_ONESHOT), 0);
	for (int i = 0; i < ROUNDS && client_round(stream, 64) == 0; i++)
		;
	if (loop_current->buffers && loop_current->buffers->made > most_made)
		most_made = loop_current->buffers->made;
	coil_stream_close(stream);
	server_stop(&server);
	return 0;
}

/* A receive for many that found none left makes more, and comes back. */
TEST(serve_busy, a_shortage_makes_more_buffers)
{
	struct coil_sim_options options = {.size = sizeof options, .seed = 1,
					   .fault_operation = "recv", .fault_errno = ENOBUFS};

	serve_need_calm();
	for (options.fault_at = 1; options.fault_at <= 3 * ROUNDS; options.fault_at++)
		ASSERT_EQ(coil_sim_run(&options, starve, NULL), 0);
	ASSERT_EQ(most_made, 2 * BUFFERS_CHUNK);
}
