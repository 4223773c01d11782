/* SPDX-License-Identifier: MIT */
/*
 * coil_serve under clients that mean no good. What must hold under each: memory is bounded, whoever
 * behaves is served, and every connection that was accepted is closed in the end.
 */
#include "net/serve_rig.h"

#define BRIEF (50 * COIL_MSEC)

/* -- Those who hold on ------------------------------------------------------------------------- */

static int read_request(struct coil_stream *stream, void *arg)
{
	char line[1024];
	int n = coil_stream_read_line(stream, line, sizeof line);

	(void)arg;
	return n <= 0 ? n : coil_stream_write(stream, line, (size_t)n);
}

/* Says a little, often enough not to be idle, and never enough. */
static int drip(void *arg)
{
	struct coil_stream *stream = server_connect(arg);

	if (!stream)
		return 0;
	while (coil_stream_write(stream, "X", 1) > 0 && coil_sleep(BRIEF / 5) == 0)
		;
	coil_stream_close(stream);
	return 0;
}

/* Asks for much and reads nothing. */
static int never_read(void *arg)
{
	static char lines[32000];
	struct coil_stream *stream = server_connect(arg);
	int n = 1;

	if (!stream)
		return 0;
	memset(lines, 'x', sizeof lines);
	for (size_t i = 999; i < sizeof lines; i += 1000)
		lines[i] = '\n';
	while (n > 0)
		n = coil_stream_write(stream, lines, sizeof lines);
	coil_stream_close(stream);
	return 0;
}

static int stay_silent(void *arg)
{
	struct coil_stream *stream = server_connect(arg);
	char byte;

	if (!stream)
		return 0;
	(void)coil_stream_read(stream, &byte, 1);
	coil_stream_close(stream);
	return 0;
}

#define HOLDERS 30

/* While so many of them are at it, one client asks properly. */
static void hold_on(int (*holder)(void *arg), bool has_progress)
{
	struct server server;
	struct coil_group group;
	struct coil_stream *good;
	struct coil_serve_stats stats;

	server_init(&server, read_request);
	server.options.first_byte_ns = BRIEF;
	server.options.request_ns = BRIEF;
	server.options.idle_ns = 100 * BRIEF;
	if (!server_start(&server))
		return;
	good = server_connect(&server);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < HOLDERS; i++)
		EXPECT_EQ(coil_go(&group, holder, &server), 0);
	for (int i = 0; i < 5; i++) {
		char line[8];

		EXPECT_EQ(coil_stream_write(good, "help\n", 5), 5);
		EXPECT_EQ(rig_read_all(good, line, 5), 0);
		coil_sleep(BRIEF / 10);
	}
	EXPECT_EQ(coil_group_close(&group), 0);
	stats = server_stats(&server);
	EXPECT_EQ(stats.timed_out_first + stats.timed_out_request, HOLDERS);
	EXPECT_EQ(stats.open, 1);
	EXPECT_GE(stats.bursts, has_progress ? HOLDERS + 5 : 5);
	coil_stream_close(good);
	server_stop(&server);
}

static int slowloris(void *arg)
{
	(void)arg;
	hold_on(drip, true);
	return 0;
}

TEST(serve_abuse, slowloris)
{
	RUN(slowloris);
}

static int zero_window(void *arg)
{
	(void)arg;
	hold_on(never_read, true);
	return 0;
}

TEST(serve_abuse, zero_window)
{
	RUN(zero_window);
}

static int half_open(void *arg)
{
	(void)arg;
	hold_on(stay_silent, false);
	return 0;
}

TEST(serve_abuse, half_open_flood)
{
	RUN(half_open);
}

/* More silent ones than there is room for: who behaves gets in when their time has run out. */
static int crowd(void *arg)
{
	struct server server;
	struct coil_group group;
	struct coil_stream *good;

	(void)arg;
	server_init(&server, serve_echo);
	server.options.first_byte_ns = BRIEF;
	server.options.connections_max = 8;
	if (!server_start(&server))
		return 0;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < HOLDERS; i++)
		EXPECT_EQ(coil_go(&group, stay_silent, &server), 0);
	coil_sleep(BRIEF / 10);
	EXPECT_LE(server_stats(&server).open, 8);
	good = server_connect(&server);
	EXPECT_EQ(client_round(good, 10), 0);
	coil_stream_close(good);
	EXPECT_EQ(coil_group_close(&group), 0);
	server_stop(&server);
	return 0;
}

TEST(serve_abuse, a_crowd_of_silent_ones)
{
	RUN(crowd);
}

/* -- Those who come and go --------------------------------------------------------------------- */

enum step { JUST_CONNECT, ONE_BYTE, HALF_A_LINE, ASKED, ANSWERED, SHUT_DOWN, STEPS };

static void go_as_far(struct coil_stream *stream, enum step step)
{
	char line[4];

	if (step >= ONE_BYTE)
		coil_stream_write(stream, "a", 1);
	if (step >= HALF_A_LINE) {
		serve_settle();
		coil_stream_write(stream, "b", 1);
	}
	if (step >= ASKED)
		coil_stream_write(stream, "\n", 1);
	if (step >= ANSWERED)
		(void)rig_read_all(stream, line, 3);
	if (step >= SHUT_DOWN)
		coil_stream_shutdown(stream);
}

static int resets(void *arg)
{
	struct server server;
	struct coil_stream *stream, *good;

	(void)arg;
	server_init(&server, read_request);
	if (!server_start(&server))
		return 0;
	good = server_connect(&server);
	for (int step = 0; step < 2 * STEPS; step++) {
		stream = server_connect(&server);
		go_as_far(stream, (enum step)(step % STEPS));
		/* Once the server has seen all of it, and once at the same moment. */
		if (step >= STEPS)
			serve_settle();
		client_reset(stream);
		EXPECT_EQ(coil_stream_write(good, "g\n", 2), 2);
		EXPECT_EQ(rig_read_all(good, &(char[2]){0}, 2), 0);
	}
	EXPECT_SOON(server_stats(&server).open == 1);
	coil_stream_close(good);
	server_stop(&server);
	return 0;
}

TEST(serve_abuse, reset_at_every_step)
{
	RUN(resets);
}

#define VISITS 200

static int churn(void *arg)
{
	struct server server;
	struct coil_stream *stream;
	uint64_t begin = 0;

	(void)arg;
	server_init(&server, serve_echo);
	if (!server_start(&server))
		return 0;
	for (int i = 0; i < VISITS; i++) {
		stream = server_connect(&server);
		EXPECT_EQ(client_round(stream, 20), 0);
		coil_stream_close(stream);
		EXPECT_SOON(server_stats(&server).open == 0);
		serve_settle();
		if (i == VISITS / 2)
			begin = serve_held_bytes();
	}
	EXPECT_LE(serve_held_bytes(), begin);
	EXPECT_EQ(server_stats(&server).accepted, VISITS);
	server_stop(&server);
	return 0;
}

TEST(serve_abuse, connection_churn)
{
	RUN(churn);
}

static int scan(void *arg)
{
	struct server server;
	struct coil_stream *stream;

	(void)arg;
	server_init(&server, serve_echo);
	if (!server_start(&server))
		return 0;
	for (int i = 0; i < VISITS; i++) {
		stream = server_connect(&server);
		if (i % 2)
			client_reset(stream);
		else
			coil_stream_close(stream);
	}
	stream = server_connect(&server);
	EXPECT_EQ(client_round(stream, 10), 0);
	coil_stream_close(stream);
	EXPECT_SOON(server_stats(&server).open == 0);
	EXPECT_EQ(server_stats(&server).bursts, 1);
	EXPECT_EQ(server.errors, 0);
	server_stop(&server);
	return 0;
}

TEST(serve_abuse, port_scan)
{
	RUN(scan);
}

/* -- All at once, in odd weather --------------------------------------------------------------- */

static uint32_t dice;

static uint32_t throw_dice(uint32_t sides)
{
	dice = dice * 1664525u + 1013904223u;
	return (dice >> 16) % sides;
}

static int behave_somehow(void *arg)
{
	struct coil_stream *stream = NULL;
	const struct server *server = arg;
	bool is_busy;
	int rc = coil_connect_tcp(&stream, "127.0.0.1", rig_port(server->listener), NULL);

	if (rc < 0)
		return 0; /* the weather */
	/* Some are busy: they get one receive for many bursts. */
	is_busy = throw_dice(2);
	for (uint32_t left = throw_dice(is_busy ? 40 : 6); left > 0 && rc == 0; left--) {
		rc = client_round(stream, 1 + throw_dice(throw_dice(10) ? 600 : 8000));
		if (throw_dice(is_busy ? 20 : 3) == 0)
			coil_sleep((int64_t)throw_dice(100) * COIL_MSEC);
	}
	if (throw_dice(4) == 0)
		coil_stream_write(stream, "and", 3);
	if (throw_dice(4) == 0)
		client_reset(stream);
	else
		coil_stream_close(stream);
	return 0;
}

static int storm(void *arg)
{
	static const unsigned limits[] = {0, 1, 3};
	struct server server;
	struct coil_group group;

	(void)arg;
	dice++;
	server_init(&server, serve_echo);
	server.options.flags = throw_dice(3) == 0 ? COIL_SERVE_UNREAD : 0;
	server.options.handlers_max = limits[throw_dice(3)];
	server.options.connections_max = 2 * limits[throw_dice(3)];
	server.options.first_byte_ns = BRIEF;
	server.options.idle_ns = BRIEF;
	server.options.request_ns = throw_dice(2) ? BRIEF : 0;
	server.options.drain_ns = 1 + (int64_t)throw_dice(2) * BRIEF;
	if (!server_start(&server))
		return 0;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 12; i++)
		EXPECT_EQ(coil_go(&group, behave_somehow, &server), 0);
	coil_sleep((int64_t)throw_dice(200) * COIL_MSEC);
	server_stop(&server);
	EXPECT_EQ(coil_group_close(&group), 0);
	return 0;
}

TEST(serve_abuse, a_storm_of_seeds)
{
	RUN(storm);
	rig_run_odd(300, storm);
}

/* -- Where memory and descriptors fail --------------------------------------------------------- */

/* A server that is begun again where there was no memory for it. */
static int insist_on_serving(void *arg)
{
	struct server *server = arg;
	int rc;

	do {
		rc = coil_serve(server->listener, server->handler, &server->options);
	} while (rc == -ENOMEM);
	return rc;
}

static int ask(const struct server *server)
{
	struct coil_stream *stream;
	char line[8];
	int rc = coil_connect_tcp(&stream, "127.0.0.1", rig_port(server->listener), NULL);

	if (rc < 0)
		return rc;
	rc = coil_stream_write(stream, "help\n", 5);
	if (rc == 5)
		rc = rig_read_all(stream, line, 5);
	coil_stream_close(stream);
	return rc;
}

/* One failure, wherever it is: a client that asks again is answered. */
static int insist(void *arg)
{
	struct server server;
	int rc = -EAGAIN;

	server_init(&server, read_request);
	server.options.idle_ns = COIL_MIN;
	server.options.request_ns = COIL_MIN;
	server.options.stack_bytes = 512u << 10; /* of a size that nobody has asked for before */
	server.options.flags = *(const unsigned *)arg;
	rc = coil_listen_tcp(&server.listener, "127.0.0.1", 0, NULL);
	if (rc < 0)
		return rc;
	server.task = coil_spawn(insist_on_serving, &server);
	if (server.task) {
		for (int i = 0; i < 4 && (i < 2 || rc < 0); i++)
			rc = ask(&server);
		EXPECT_EQ(server_cancel(&server), -ECANCELED);
		EXPECT_EQ(server_stats(&server).accepted, server_stats(&server).closed);
		EXPECT_EQ(rc, 0);
	}
	coil_listener_close(server.listener);
	return server.task ? 0 : -ENOMEM;
}

static const unsigned ways[] = {0, COIL_SERVE_UNREAD};

TEST(serve_abuse, any_allocation_may_fail)
{
	struct coil_sim_result result = {.size = sizeof result};
	struct coil_sim_options options = {.size = sizeof options, .seed = 1, .result = &result};
	unsigned done = 0;

	serve_need_calm();
	do {
		int rc;

		options.fail_alloc_at++;
		rc = coil_sim_run(&options, insist, (void *)(uintptr_t)&ways[0]);
		EXPECT(rc == 0 || rc == -ENOMEM);
		done += rc == 0;
	} while (result.allocations >= options.fail_alloc_at && options.fail_alloc_at < 200);
	EXPECT_LT(options.fail_alloc_at, 200);
	EXPECT_GE(done, 6);
}

TEST(serve_abuse, any_stack_may_fail)
{
	struct coil_sim_result result = {.size = sizeof result};
	struct coil_sim_options options = {.size = sizeof options, .seed = 1, .result = &result};
	unsigned done = 0;

	serve_need_calm();
	do {
		int rc;

		options.fail_map_at++;
		rc = coil_sim_run(&options, insist, (void *)(uintptr_t)&ways[0]);
		EXPECT(rc == 0 || rc == -ENOMEM);
		done += rc == 0;
	} while (result.mappings >= options.fail_map_at && options.fail_map_at < 50);
	EXPECT_LT(options.fail_map_at, 50);
	EXPECT_GE(done, 2);
}

static void fail_each(const char *operation, int error, unsigned way)
{
	struct coil_sim_options options = {.size = sizeof options, .seed = 1,
					   .fault_operation = operation, .fault_errno = error};

	for (options.fault_at = 1; options.fault_at <= 8; options.fault_at++)
		EXPECT_EQ(coil_sim_run(&options, insist, (void *)(uintptr_t)&ways[way]), 0);
}

TEST(serve_abuse, any_operation_may_fail)
{
	serve_need_calm();
	fail_each("accept", EMFILE, 0);
	fail_each("accept", EPERM, 0);
	fail_each("recv", ENOBUFS, 0);
	fail_each("recv", ECONNRESET, 0);
	fail_each("recv", ECONNRESET, 1);
	fail_each("send", EPIPE, 0);
	fail_each("poll_add", ENOMEM, 1);
}
