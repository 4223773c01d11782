/* SPDX-License-Identifier: MIT */
/* How streams on sockets receive: one-shot, multishot, and from the one to the other. */
#include "net/receive_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* -- Going over and back -------------------------------------------------------------------------
 */

static int blast(void *arg)
{
	struct rig_pair *pair = arg;
	char piece[8192];

	for (int i = 0; i < 64; i++) {
		memset(piece, i, sizeof piece);
		EXPECT_EQ(coil_stream_write(pair->a, piece, sizeof piece), (int)sizeof piece);
	}
	return 0;
}

SCENARIO(small_messages_go_over_and_large_ones_back)
{
	struct rig_pair pair;
	char piece[8192];

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	for (int round = 0; round < 40; round++)
		ping(&pair, round);
	if (!coil_sim_active() && has_multishot()) {
		EXPECT(is_multishot(pair.a) && is_armed(pair.a));
		EXPECT(is_multishot(pair.b) && is_armed(pair.b));
	}
	EXPECT(coil_spawn(blast, &pair) != NULL);
	for (int i = 0; i < 64; i++) {
		EXPECT_EQ(rig_read_all(pair.b, piece, sizeof piece), 0);
		EXPECT_EQ(piece[0], i);
		EXPECT_EQ(piece[8191], i);
	}
	/* There it comes in pieces that a reader may keep up with. */
	if (!coil_sim_active())
		EXPECT(!is_multishot(pair.b));
	for (int round = 0; round < 40; round++)
		ping(&pair, round);
	if (!coil_sim_active() && has_multishot())
		EXPECT(is_armed(pair.b));
	rig_close(&pair);
	return 0;
}

/* Two sends a round, by requests or at once, and nothing to receive them. */
static int count_requests(void *arg)
{
	struct rig_pair pair;
	uint64_t pushed, at_once, allocations;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	for (int round = 0; round < 20; round++)
		ping(&pair, round);
	pushed = loop_current->ring.pushed;
	at_once = loop_current->at_once;
	allocations = loop_current->allocations;
	for (int round = 0; round < 100; round++)
		ping(&pair, round);
	pushed = loop_current->ring.pushed - pushed + loop_current->at_once - at_once;
	EXPECT_GE(pushed, 200);
	EXPECT_LE(pushed, has_multishot() ? 200 : 400);
	EXPECT_EQ(loop_current->allocations, allocations);
	rig_close(&pair);
	return 0;
}

TEST(receive, small_messages_cost_no_request_each)
{
	RUN(count_requests);
}

SCENARIO(is_chosen_by_the_user)
{
	struct rig_pair pair, memory;

	(void)arg;
	if (!rig_unix_pair(&pair))
		return 0;
	EXPECT_EQ(coil_stream_set_receive(pair.b, 3), -EINVAL);
	EXPECT_EQ(coil_stream_set_receive(pair.b, -1), -EINVAL);
	for (int round = 0; round < 20; round++)
		ping(&pair, round);
	EXPECT(!is_armed(pair.b)); /* descriptors might come along */
	choose(pair.b, COIL_RECEIVE_MULTISHOT);
	for (int round = 0; round < 20; round++)
		ping(&pair, round);
	choose(pair.b, COIL_RECEIVE_ONESHOT);
	EXPECT(!is_armed(pair.b));
	for (int round = 0; round < 20; round++)
		ping(&pair, round);
	EXPECT(!is_armed(pair.b));
	choose(pair.b, COIL_RECEIVE_AUTO);
	ping(&pair, 1);
	rig_close(&pair);
	EXPECT_EQ(coil_stream_pair(&memory.a, &memory.b, 0), 0);
	EXPECT_EQ(coil_stream_set_receive(memory.a, COIL_RECEIVE_AUTO), -EOPNOTSUPP);
	rig_close(&memory);
	return 0;
}

/* What came before is the stream's; what comes after is the descriptor's. */
SCENARIO(one_shot_leaves_the_descriptor_alone)
{
	struct rig_pair pair;
	char buf[64];
	size_t kept;
	int rc;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	choose(pair.b, COIL_RECEIVE_MULTISHOT);
	ping(&pair, 1);
	EXPECT_EQ(coil_stream_write(pair.a, "before", 6), 6);
	coil_sleep(10 * COIL_MSEC);
	choose(pair.b, COIL_RECEIVE_ONESHOT);
	kept = coil_stream_buffered(pair.b);
	EXPECT_LE(kept, 6);
	EXPECT_EQ(coil_stream_write(pair.a, "after", 5), 5);
	if (kept > 0)
		EXPECT_EQ(rig_read_all(pair.b, buf, kept), 0);
	EXPECT_EQ(coil_stream_buffered(pair.b), 0);
	while (kept < 11) {
		rc = coil_recv(coil_stream_fd(pair.b), buf + kept, 11 - kept, 0);
		EXPECT_GT(rc, 0);
		kept += rc > 0 ? (size_t)rc : 11;
	}
	EXPECT_MEM_EQ(buf, "beforeafter", 11);
	rig_close(&pair);
	return 0;
}

/* -- All ways of reading, over what a multishot brings -------------------------------------------
 */

/* Some bytes, in the way whose turn it is: how many. */
static int read_somehow(struct coil_stream *stream, unsigned char *buf, unsigned turn)
{
	const void *seen;
	int rc;

	switch (turn % 4) {
	case 0:
		rc = coil_stream_read_exactly(stream, buf, 300);
		return rc == -ENODATA ? coil_stream_read(stream, buf, 300) : rc;
	case 1:
		rc = coil_stream_peek(stream, 10, &seen);
		if (rc <= 0)
			return rc;
		memcpy(buf, seen, (size_t)(rc < 900 ? rc : 900));
		return (int)coil_stream_skip(stream, (size_t)(rc < 900 ? rc : 900));
	case 2:
		rc = coil_stream_read(stream, buf, 100);
		if (rc > 1) {
			EXPECT_EQ(coil_stream_unread(stream, buf + 1, (size_t)rc - 1), 0);
			return 1;
		}
		return rc;
	default:
		return coil_stream_read(stream, buf, 900);
	}
}

static void all_ways(struct rig_pair *pair, int receive)
{
	struct flow flow = {.from = pair->a, .total = 60000};
	struct coil_task *sender;
	unsigned char buf[1024];
	size_t at = 0;
	int rc = 1;

	choose(pair->b, receive);
	sender = coil_spawn(send_pattern, &flow);
	for (unsigned turn = 0; rc > 0; turn++) {
		rc = read_somehow(pair->b, buf, turn);
		EXPECT_GE(rc, 0);
		if (rc > 0)
			expect_pattern(buf, at, (size_t)rc);
		at += rc > 0 ? (size_t)rc : 0;
	}
	EXPECT_EQ(at, flow.total);
	EXPECT(coil_stream_at_end(pair->b));
	EXPECT_EQ(coil_stream_read(pair->b, buf, 1), 0);
	EXPECT_EQ(coil_join(sender), 0);
}

SCENARIO(all_ways_of_reading_see_every_byte)
{
	struct rig_pair pair;

	(void)arg;
	for (int receive = COIL_RECEIVE_AUTO; receive <= COIL_RECEIVE_MULTISHOT; receive++) {
		if (rig_tcp_pair(&pair)) {
			all_ways(&pair, receive);
			rig_close(&pair);
		}
		if (rig_unix_pair(&pair)) {
			all_ways(&pair, receive);
			rig_close(&pair);
		}
	}
	return 0;
}

/* -- Cancel, end, errors -------------------------------------------------------------------------
 */

static int read_four(void *arg)
{
	return coil_stream_read_exactly(arg, (char[4]){0}, 4);
}

struct reading {
	struct coil_stream *stream;
	size_t got;
};

static int read_into(void *arg)
{
	struct reading *reading = arg;
	unsigned char buf[100];
	int rc = coil_stream_read(reading->stream, buf, sizeof buf);

	if (rc > 0) {
		expect_pattern(buf, reading->got, (size_t)rc);
		reading->got += (size_t)rc;
	}
	return rc;
}

SCENARIO(a_cancelled_read_loses_no_byte)
{
	struct rig_pair pair;
	struct reading reading = {0};
	struct flow flow = {.total = 5000};
	struct coil_task *sender;
	int rc = 1;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	choose(pair.b, COIL_RECEIVE_MULTISHOT);
	reading.stream = pair.b;
	flow.from = pair.a;
	EXPECT_EQ(coil_timeout(COIL_MSEC, read_four, pair.b), -ETIME);
	sender = coil_spawn(send_pattern, &flow);
	for (int i = 0; rc != 0; i++) {
		rc = coil_timeout(i % 3 * 10 * COIL_USEC, read_into, &reading);
		EXPECT(rc >= 0 || rc == -ETIME);
	}
	EXPECT_EQ(reading.got, flow.total);
	EXPECT_EQ(coil_join(sender), 0);
	rig_close(&pair);
	return 0;
}

static int read_cancelled(void *arg)
{
	struct coil_scope scope;
	char buf[8];
	int rc;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	rc = coil_stream_read(arg, buf, sizeof buf);
	EXPECT_EQ(rc, -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	return 0;
}

SCENARIO(a_cancelled_scope_refuses_and_what_came_stays)
{
	struct rig_pair pair;
	char buf[8];

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	choose(pair.b, COIL_RECEIVE_MULTISHOT);
	ping(&pair, 1);
	EXPECT_EQ(coil_stream_write(pair.a, "stays", 5), 5);
	coil_sleep(10 * COIL_MSEC);
	EXPECT_EQ(read_cancelled(pair.b), 0);
	EXPECT_EQ(rig_read_all(pair.b, buf, 5), 0);
	EXPECT_MEM_EQ(buf, "stays", 5);
	rig_close(&pair);
	return 0;
}

/* The end stands behind what came before it, is told once, and the kernel knows it still. */
static void end_behind_data(struct rig_pair *pair)
{
	char buf[16];

	choose(pair->b, COIL_RECEIVE_MULTISHOT);
	ping(pair, 1);
	EXPECT_EQ(coil_stream_write(pair->a, "last words", 10), 10);
	EXPECT_EQ(coil_stream_shutdown(pair->a), 0);
	coil_sleep(10 * COIL_MSEC);
	EXPECT_EQ(rig_read_all(pair->b, buf, 10), 0);
	EXPECT_MEM_EQ(buf, "last words", 10);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 0);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 0);
	EXPECT(coil_stream_at_end(pair->b));
	EXPECT_EQ(coil_stream_write(pair->b, "answer", 6), 6);
	EXPECT_EQ(rig_read_all(pair->a, buf, 6), 0);
}

SCENARIO(the_end_comes_behind_what_was_sent)
{
	struct rig_pair pair;

	(void)arg;
	if (rig_tcp_pair(&pair)) {
		end_behind_data(&pair);
		rig_close(&pair);
	}
	if (rig_unix_pair(&pair)) {
		end_behind_data(&pair);
		rig_close(&pair);
	}
	return 0;
}

/* Armed while data and end are there already: bench/README.md, "the lost end". */
SCENARIO(an_end_that_is_there_before_the_receive_is_not_lost)
{
	struct rig_pair pair;
	char buf[16];

	(void)arg;
	if (!rig_unix_pair(&pair))
		return 0;
	choose(pair.b, COIL_RECEIVE_MULTISHOT);
	EXPECT_EQ(coil_stream_write(pair.a, "both", 4), 4);
	EXPECT_EQ(coil_stream_shutdown(pair.a), 0);
	EXPECT_EQ(rig_read_all(pair.b, buf, 4), 0);
	EXPECT_EQ(coil_stream_read(pair.b, buf, sizeof buf), 0);
	rig_close(&pair);
	return 0;
}

SCENARIO(a_reset_is_told)
{
	const struct linger at_once = {.l_onoff = 1};
	struct rig_pair pair;
	char buf[16];
	int rc;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	choose(pair.b, COIL_RECEIVE_MULTISHOT);
	ping(&pair, 1);
	EXPECT_EQ(loop_current->driver->ops->calls->setsockopt(coil_stream_fd(pair.a), SOL_SOCKET,
							       SO_LINGER, &at_once,
							       sizeof at_once), 0);
	coil_stream_close(pair.a);
	pair.a = NULL;
	coil_sleep(10 * COIL_MSEC);
	rc = coil_stream_read(pair.b, buf, sizeof buf);
	EXPECT_EQ(rc, -ECONNRESET);
	rig_close(&pair);
	return 0;
}

/* -- Close ---------------------------------------------------------------------------------------
 */

static int read_until_closed(void *arg)
{
	char buf[64];
	int rc;

	do
		rc = coil_stream_read(arg, buf, sizeof buf);
	while (rc > 0);
	EXPECT_EQ(rc, -EPIPE);
	return 0;
}

SCENARIO(a_close_ends_a_read_and_drops_what_nobody_read)
{
	struct rig_pair pair;
	struct coil_task *reader;

	(void)arg;
	for (int step = 0; step < 6; step++) {
		if (!rig_tcp_pair(&pair))
			return 0;
		choose(pair.b, COIL_RECEIVE_MULTISHOT);
		if (step > 0)
			ping(&pair, 1);
		reader = step % 2 ? coil_spawn(read_until_closed, pair.b) : NULL;
		coil_yield();
		if (step > 2)
			EXPECT_EQ(coil_stream_write(pair.a, "unread", 6), 6);
		if (step > 4)
			coil_sleep(COIL_MSEC);
		coil_stream_close(pair.b);
		if (reader)
			EXPECT_EQ(coil_join(reader), 0);
		coil_stream_close(pair.a);
	}
	return 0;
}
