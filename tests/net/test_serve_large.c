/* SPDX-License-Identifier: MIT */
/* coil_serve: connections of large messages, which are parked on a poll; and leases in handlers. */
#include "net/receive_rig.h"
#include "net/serve_rig.h"

#include "loop/buffers.h"

#define LARGE 32768u

static char sent[LARGE], got[LARGE];

static void expect_round(struct coil_stream *stream, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sent[i] = (char)(i * 7 + i / 251 + len);
	EXPECT_EQ(coil_stream_write(stream, sent, len), (int)len);
	EXPECT_EQ(rig_read_all(stream, got, len), 0);
	EXPECT_MEM_EQ(sent, got, len);
}

static int echo_lease(struct coil_stream *stream, void *arg)
{
	struct coil_lease lease;
	int n = coil_stream_read_lease(stream, &lease);

	(void)arg;
	if (n <= 0)
		return n;
	EXPECT_EQ(lease.bytes, (size_t)n);
	n = coil_stream_write(stream, lease.data, lease.bytes);
	coil_lease_release(&lease);
	return n;
}

static int echo_large(struct coil_stream *stream, void *arg)
{
	static char buf[1 << 16];
	int n = coil_stream_read(stream, buf, sizeof buf);

	(void)arg;
	return n <= 0 ? n : coil_stream_write(stream, buf, (size_t)n);
}

/* In several bites, as many as a message has. */
static int echo_bites(struct coil_stream *stream, void *arg)
{
	char buf[5000];
	int n, rc;

	(void)arg;
	do {
		n = coil_stream_read(stream, buf, sizeof buf);
		rc = n <= 0 ? n : coil_stream_write(stream, buf, (size_t)n);
	} while (rc > 0 && n == (int)sizeof buf);
	return rc;
}

static int (*const echoes[])(struct coil_stream *stream, void *arg) = {echo_lease, echo_large,
								       echo_bites};
#define ECHOES (sizeof echoes / sizeof *echoes)

/* -- What a burst costs ------------------------------------------------------------------------ */

static size_t taken;

static int take_lease(struct coil_stream *stream, void *arg)
{
	struct coil_lease lease;
	int n = coil_stream_read_lease(stream, &lease);

	(void)arg;
	if (n > 0) {
		taken += lease.bytes;
		coil_lease_release(&lease);
	}
	return n;
}

static int take_read(struct coil_stream *stream, void *arg)
{
	static char buf[1 << 16];
	int n = coil_stream_read(stream, buf, sizeof buf);

	(void)arg;
	taken += n > 0 ? (size_t)n : 0;
	return n;
}

static void send_some(struct coil_stream *stream, size_t len, int times)
{
	while (times-- > 0) {
		taken = 0;
		EXPECT_EQ(coil_stream_write(stream, sent, len), (int)len);
		while (taken < len)
			coil_yield();
	}
}

/* A send by the client, and a poll by the server for each burst; no more than two for a message. */
static void count(int (*handler)(struct coil_stream *stream, void *arg), unsigned flags, size_t len)
{
	struct server server;
	struct coil_stream *stream;
	uint64_t pushed, at_once, allocations, bursts;

	server_init(&server, handler);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	send_some(stream, len, 20);
	pushed = loop_current->ring.pushed;
	at_once = loop_current->at_once;
	allocations = loop_current->allocations;
	bursts = server_stats(&server).bursts;
	send_some(stream, len, 50);
	pushed = loop_current->ring.pushed - pushed + loop_current->at_once - at_once;
	bursts = server_stats(&server).bursts - bursts;
	EXPECT_GE(bursts, 50);
	EXPECT_LE(bursts, 100);
	EXPECT_LE(pushed, bursts + 60);
	EXPECT_EQ(loop_current->allocations, allocations);
	coil_stream_close(stream);
	server_stop(&server);
}

static int requests(void *arg)
{
	(void)arg;
	count(take_lease, 0, LARGE);
	count(take_read, 0, LARGE);
	for (size_t len = 64; len <= LARGE; len += LARGE - 64) {
		count(take_lease, COIL_SERVE_UNREAD, len);
		count(take_read, COIL_SERVE_UNREAD, len);
	}
	return 0;
}

TEST(serve_large, a_burst_costs_a_poll)
{
	serve_need_calm();
	RUN(requests);
}

/* -- Leases ------------------------------------------------------------------------------------ */

static unsigned in_place, by_copy;

/* A byte is read, the rest is lent. */
static int read_and_lease(struct coil_stream *stream, void *arg)
{
	struct coil_lease lease;
	char first;
	int n = coil_stream_read(stream, &first, 1);

	(void)arg;
	if (n <= 0)
		return n;
	EXPECT_EQ(coil_stream_write(stream, &first, 1), 1);
	n = coil_stream_read_lease(stream, &lease);
	if (n <= 0)
		return n;
	in_place += lease.copy == NULL;
	by_copy += lease.copy != NULL;
	n = coil_stream_write(stream, lease.data, lease.bytes);
	coil_lease_release(&lease);
	return n;
}

static int lend(void *arg)
{
	struct server server;
	struct coil_stream *stream;

	(void)arg;
	in_place = by_copy = 0;
	stream = server_open(&server, read_and_lease);
	if (!stream)
		return 0;
	for (int i = 0; i < 40; i++)
		expect_round(stream, 100);
	EXPECT_EQ(in_place + by_copy, 40);
	if (loop_current->buffers) {
		EXPECT_EQ(by_copy, 0);
		EXPECT_LE(loop_current->buffers->out, 1);
	}
	coil_stream_close(stream);
	server_stop(&server);
	EXPECT_EQ(loop_current->buffers ? loop_current->buffers->out : 0, 0);
	return 0;
}

TEST(serve_large, small_ones_are_lent_without_a_copy)
{
	RUN(lend);
}

/* -- Sizes that change ------------------------------------------------------------------------- */

static int sizes(void *arg)
{
	static const size_t all[] = {1, 4095, 4096, 4097, 5000, 8192, 10000, LARGE, 64, LARGE, 3};

	(void)arg;
	for (unsigned i = 0; i < 2 * ECHOES; i++) {
		struct server server;
		struct coil_stream *stream;

		server_init(&server, echoes[i / 2]);
		server.options.flags = i % 2 ? COIL_SERVE_UNREAD : 0;
		if (!server_start(&server))
			return 0;
		stream = server_connect(&server);
		for (unsigned k = 0; k < sizeof all / sizeof *all; k++) {
			expect_round(stream, all[k]);
			expect_round(stream, all[k]);
		}
		for (int k = 0; k < 40; k++)
			expect_round(stream, 64);
		expect_round(stream, LARGE);
		coil_stream_close(stream);
		EXPECT_SOON(server_stats(&server).closed == 1);
		EXPECT_EQ(server.reason, 0);
		server_stop(&server);
	}
	return 0;
}

TEST(serve_large, sizes_change)
{
	RUN(sizes);
	rig_run_odd(30, sizes);
}

/* Once messages are small again the one receive is back: a round is a send at each end. */
static void come_back(int (*handler)(struct coil_stream *stream, void *arg))
{
	struct server server;
	struct coil_stream *stream;
	uint64_t pushed, at_once;

	stream = server_open(&server, handler);
	if (!stream)
		return;
	expect_round(stream, LARGE);
	for (int i = 0; i < 80; i++)
		expect_round(stream, 64);
	pushed = loop_current->ring.pushed;
	at_once = loop_current->at_once;
	for (int i = 0; i < 50; i++)
		expect_round(stream, 64);
	pushed = loop_current->ring.pushed - pushed + loop_current->at_once - at_once;
	EXPECT_LE(pushed, has_multishot() ? 100 : 250);
	coil_stream_close(stream);
	server_stop(&server);
}

static int back(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ECHOES; i++)
		come_back(echoes[i]);
	return 0;
}

TEST(serve_large, and_back)
{
	RUN(back);
}

/* -- The end while it is parked on a poll ------------------------------------------------------ */

static struct coil_stream *park_large(struct server *server)
{
	struct coil_stream *stream;

	server_init(server, echo_lease);
	server->options.idle_ns = 200 * COIL_MSEC;
	if (!server_start(server))
		return NULL;
	stream = server_connect(server);
	expect_round(stream, LARGE);
	EXPECT_SOON(server_stats(server).parked == 1);
	return stream;
}

static int ends(void *arg)
{
	struct server server;
	struct coil_stream *stream;
	char byte;

	(void)arg;
	for (int how = 0; how < 4; how++) {
		stream = park_large(&server);
		if (!stream)
			return 0;
		if (how == 0)
			EXPECT_EQ(coil_stream_read(stream, &byte, 1), 0);
		else if (how == 1)
			coil_stream_close(stream);
		else if (how == 2)
			client_reset(stream);
		else
			EXPECT_EQ(coil_serve_drain(server.listener), 0);
		EXPECT_SOON(server_stats(&server).closed == 1);
		EXPECT_EQ(server_stats(&server).timed_out_idle, how == 0);
		EXPECT_EQ(server.reason, how == 0 ? -ETIME : how == 2 ? -ECONNRESET : 0);
		if (how == 0 || how == 3)
			coil_stream_close(stream);
		if (how == 3) {
			EXPECT_EQ(coil_join(server.task), 0);
			coil_listener_close(server.listener);
		} else {
			server_stop(&server);
		}
	}
	return 0;
}

TEST(serve_large, deadline_end_reset_and_drain)
{
	RUN(ends);
}

/* Its last words are answered, though their end came with them. */
static int last_words(void *arg)
{
	struct server server;
	struct coil_stream *stream = park_large(&server);
	char byte;

	(void)arg;
	if (!stream)
		return 0;
	EXPECT_EQ(coil_stream_write(stream, sent, 5000), 5000);
	EXPECT_EQ(coil_stream_shutdown(stream), 0);
	EXPECT_EQ(rig_read_all(stream, got, 5000), 0);
	EXPECT_MEM_EQ(sent, got, 5000);
	EXPECT_EQ(coil_stream_read(stream, &byte, 1), 0);
	EXPECT_EQ(server.reason, 0);
	coil_stream_close(stream);
	server_stop(&server);
	return 0;
}

TEST(serve_large, last_words)
{
	RUN(last_words);
	rig_run_odd(30, last_words);
}

/* -- What may fail ----------------------------------------------------------------------------- */

/* Who asks again is answered. */
static int insist(void *arg)
{
	struct server server;
	bool is_answered = false;

	(void)arg;
	server_init(&server, echo_lease);
	if (!server_start(&server))
		return 0;
	for (int tries = 0; tries < 3 && !is_answered; tries++) {
		struct coil_stream *stream = server_connect(&server);
		int rc = 0;

		for (int i = 0; i < 8 && rc == 0; i++)
			rc = client_round(stream, 8192);
		is_answered = rc == 0;
		coil_stream_close(stream);
	}
	EXPECT(is_answered);
	server_stop(&server);
	return 0;
}

TEST(serve_large, any_poll_may_fail)
{
	struct coil_sim_options options = {.size = sizeof options,
					   .seed = 1,
					   .fault_operation = "poll_add",
					   .fault_errno = ENOMEM};

	serve_need_calm();
	for (options.fault_at = 1; options.fault_at <= 10; options.fault_at++)
		ASSERT_EQ(coil_sim_run(&options, insist, NULL), 0);
}
