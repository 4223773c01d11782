/* SPDX-License-Identifier: MIT */
/* Datagrams by one receive for many: going over and back, and that nothing else changes. */
#include "net/receive_rig.h"
#include "support/udp_pair.h"

#include "net/udp.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif

static bool is_shot(const struct coil_udp *udp)
{
	return udp->receiver && receiver_is_armed(udp->receiver);
}

static void choose_shot(struct coil_udp *udp, int receive)
{
	int rc = coil_udp_set_receive(udp, receive);

	EXPECT_EQ(rc, has_multishot() || receive != COIL_RECEIVE_MULTISHOT ? 0 : -EOPNOTSUPP);
}

static void pass(struct coil_udp *pair[2], unsigned char number)
{
	unsigned char bytes[100];

	memset(bytes, number, sizeof bytes);
	EXPECT_EQ(coil_udp_send(pair[0], bytes, sizeof bytes), (int)sizeof bytes);
	memset(bytes, 0, sizeof bytes);
	EXPECT_EQ(coil_udp_recv(pair[1], bytes, sizeof bytes), (int)sizeof bytes);
	EXPECT_EQ(bytes[0], number);
	EXPECT_EQ(bytes[99], number);
}

/* -- Which way -----------------------------------------------------------------------------------
 */

SCENARIO(datagrams_go_over_until_a_call_has_more_room)
{
	static char large[60000];
	static char room[65536];
	struct coil_udp *pair[2];

	(void)arg;
	udp_pair_open(pair, 0);
	for (unsigned char i = 0; i < 40; i++)
		pass(pair, i);
	if (!coil_sim_active() && has_multishot())
		EXPECT(is_shot(pair[1]));
	/* A call with more room gets more. */
	memset(large, 'x', sizeof large);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(coil_udp_send(pair[0], "small", 5), 5);
		EXPECT_EQ(coil_udp_recv(pair[1], room, sizeof room), 5);
		EXPECT_EQ(coil_udp_send(pair[0], large, sizeof large), (int)sizeof large);
		EXPECT_EQ(coil_udp_recv(pair[1], room, sizeof room), (int)sizeof large);
		EXPECT_EQ(memcmp(room, large, sizeof large), 0);
		EXPECT(!is_shot(pair[1]));
	}
	for (unsigned char i = 0; i < 40; i++)
		pass(pair, i);
	EXPECT(!is_shot(pair[1]));
	/* Who asks for it has both. */
	choose_shot(pair[1], COIL_RECEIVE_MULTISHOT);
	for (unsigned char i = 0; i < 5; i++) {
		pass(pair, i);
		if (!coil_sim_active())
			EXPECT_EQ(is_shot(pair[1]), has_multishot());
		EXPECT_EQ(coil_udp_send(pair[0], "small", 5), 5);
		EXPECT_EQ(coil_udp_recv(pair[1], room, sizeof room), 5);
		EXPECT_EQ(coil_udp_send(pair[0], large, sizeof large), (int)sizeof large);
		EXPECT_EQ(coil_udp_recv(pair[1], room, sizeof room), (int)sizeof large);
	}
	udp_pair_close(pair);
	return 0;
}

static int count_requests(void *arg)
{
	struct coil_udp *pair[2];
	uint64_t pushed, allocations;

	(void)arg;
	udp_pair_open(pair, 0);
	for (unsigned char i = 0; i < 20; i++)
		pass(pair, i);
	pushed = loop_current->ring.pushed;
	allocations = loop_current->allocations;
	for (unsigned char i = 0; i < 100; i++)
		pass(pair, i);
	pushed = loop_current->ring.pushed - pushed;
	EXPECT_EQ(pushed, has_multishot() ? 100 : 200);
	EXPECT_EQ(loop_current->allocations, allocations);
	udp_pair_close(pair);
	return 0;
}

TEST(udp_shot, datagrams_cost_no_request_each)
{
	RUN(count_requests);
}

static int chosen(void *arg)
{
	struct coil_udp *pair[2];
	struct coil_udp *gram;
	char buf[8];

	(void)arg;
	udp_pair_open(pair, 0);
	EXPECT_EQ(coil_udp_set_receive(pair[0], 3), -EINVAL);
	EXPECT_EQ(coil_udp_set_receive(pair[0], -1), -EINVAL);
	choose_shot(pair[1], COIL_RECEIVE_MULTISHOT);
	pass(pair, 1);
	EXPECT_EQ(is_shot(pair[1]), has_multishot());
	/* What came before it was turned off is told; what comes then is left in the socket. */
	EXPECT_EQ(coil_udp_send(pair[0], "one", 3), 3);
	coil_sleep(COIL_MSEC);
	choose_shot(pair[1], COIL_RECEIVE_ONESHOT);
	EXPECT(!is_shot(pair[1]));
	EXPECT_EQ(coil_udp_send(pair[0], "three", 5), 5);
	EXPECT_EQ(coil_recv(coil_udp_fd(pair[1]), buf, sizeof buf, 0), has_multishot() ? 5 : 3);
	EXPECT_EQ(coil_udp_recv(pair[1], buf, sizeof buf), has_multishot() ? 3 : 5);
	for (unsigned char i = 0; i < 30; i++)
		pass(pair, i);
	EXPECT(!is_shot(pair[1]));
	choose_shot(pair[1], COIL_RECEIVE_AUTO);
	for (unsigned char i = 0; i < 30; i++)
		pass(pair, i);
	EXPECT_EQ(is_shot(pair[1]), has_multishot());
	udp_pair_close(pair);
	EXPECT_EQ(coil_unixgram_open(&gram, NULL, NULL), 0);
	EXPECT_EQ(coil_udp_set_receive(gram, COIL_RECEIVE_MULTISHOT), -EOPNOTSUPP);
	coil_udp_close(gram);
	return 0;
}

TEST(udp_shot, can_be_chosen)
{
	RUN(chosen);
}

/* -- What is told --------------------------------------------------------------------------------
 */

SCENARIO(datagrams_are_told_whole_cut_and_empty)
{
	static char large[5000];
	static char room[COIL_UDP_SHOT_BYTES];
	struct coil_udp_stats stats = {.size = sizeof stats};
	struct coil_udp_message message = {.buf = room, .len = 3};
	struct coil_udp *pair[2];

	(void)arg;
	udp_pair_open(pair, 0);
	choose_shot(pair[1], COIL_RECEIVE_MULTISHOT);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(coil_udp_send(pair[0], "", 0), 0);
		EXPECT_EQ(coil_udp_recv(pair[1], room, sizeof room), 0);
		EXPECT_EQ(coil_udp_send(pair[0], "cut off", 7), 7);
		EXPECT_EQ(coil_udp_recv_message(pair[1], &message), 3);
		EXPECT_EQ(message.flags, COIL_UDP_TRUNCATED);
		EXPECT_EQ(message.whole, 7);
		EXPECT_EQ(memcmp(room, "cut", 3), 0);
		EXPECT_EQ(coil_udp_send(pair[0], "cut off", 7), 7);
		EXPECT_EQ(coil_udp_recv(pair[1], room, 6), -EMSGSIZE);
		EXPECT_EQ(memcmp(room, "cut of", 6), 0);
	}
	memset(large, 'y', sizeof large);
	EXPECT_EQ(coil_udp_send(pair[0], large, COIL_UDP_SHOT_BYTES), COIL_UDP_SHOT_BYTES);
	EXPECT_EQ(coil_udp_recv(pair[1], room, sizeof room), COIL_UDP_SHOT_BYTES);
	EXPECT_EQ(memcmp(room, large, sizeof room), 0);
	EXPECT_EQ(coil_udp_send(pair[0], large, sizeof large), (int)sizeof large);
	message.len = sizeof room;
	EXPECT_EQ(coil_udp_recv_message(pair[1], &message), COIL_UDP_SHOT_BYTES);
	EXPECT_EQ(message.flags, COIL_UDP_TRUNCATED);
	EXPECT_EQ(message.whole, sizeof large);
	EXPECT_EQ(coil_udp_stats(pair[1], &stats), 0);
	EXPECT_EQ(stats.received, 11);
	EXPECT_EQ(stats.truncated, 7);
	udp_pair_close(pair);
	return 0;
}

SCENARIO(datagrams_tell_whom_they_are_from)
{
	struct coil_udp *any, *four;
	struct coil_address to, from, here;
	char buf[8];

	(void)arg;
	EXPECT_EQ(coil_udp_open(&any, NULL, 0, NULL), 0);
	EXPECT_EQ(coil_udp_open(&four, "127.0.0.1", 0, NULL), 0);
	choose_shot(any, COIL_RECEIVE_MULTISHOT);
	choose_shot(four, COIL_RECEIVE_MULTISHOT);
	EXPECT_EQ(coil_address_parse(&to, "127.0.0.1", coil_udp_local_address(any, &here)), 0);
	EXPECT_GT(coil_udp_local_address(four, &here), 0);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(coil_udp_send_to(four, "there", 5, &to), 5);
		EXPECT_EQ(coil_udp_recv_from(any, buf, sizeof buf, &from), 5);
		EXPECT_EQ(from.bytes, here.bytes);
		EXPECT_EQ(memcmp(&from.storage, &here.storage, 8), 0);
		EXPECT_EQ(coil_udp_send_to(any, "back", 4, &from), 4);
		EXPECT_EQ(coil_udp_recv_from(four, buf, sizeof buf, &from), 4);
		EXPECT_EQ(from.bytes, to.bytes);
		EXPECT_EQ(memcmp(&from.storage, &to.storage, 8), 0);
	}
	coil_udp_close(any);
	coil_udp_close(four);
	return 0;
}

/* Does the kernel cut, and join? The simulated one does not. */
static bool has_segments(const struct coil_udp *udp)
{
	int value = 0;
	socklen_t bytes = sizeof value;

	return !coil_sim_active() &&
	       getsockopt(coil_udp_fd(udp), SOL_UDP, UDP_SEGMENT, &value, &bytes) == 0;
}

/* One request, however many datagrams; the size of segments stands in a control message. */
static int joined(void *arg)
{
	uint64_t pushed;
	char out[3000], in[COIL_UDP_SHOT_BYTES];
	struct coil_udp_message message = {.buf = out, .len = sizeof out, .segment = 700};
	struct coil_udp_message part = {.buf = in, .len = sizeof in};
	struct coil_udp *pair[2];

	(void)arg;
	memset(out, 'z', sizeof out);
	udp_pair_open(pair, COIL_UDP_GRO);
	choose_shot(pair[1], COIL_RECEIVE_MULTISHOT);
	for (int round = 0; round < 3; round++) {
		int got = 0;

		pushed = loop_current->ring.pushed;
		EXPECT_EQ(coil_udp_send_segments(pair[0], &message), 3000);
		if (has_segments(pair[0]) && round > 0)
			EXPECT_EQ(loop_current->ring.pushed - pushed, 1);
		while (got < 3000) {
			int n = coil_udp_recv_message(pair[1], &part);

			if (has_segments(pair[0]))
				EXPECT_EQ(n, 3000);
			EXPECT(n == 200 || n == 700 || (n > 700 && part.segment == 700));
			if (n <= 0)
				break;
			got += n;
		}
	}
	udp_pair_close(pair);
	return 0;
}

TEST(udp_shot, segments_come_joined_and_are_told)
{
	RUN(joined);
}

SCENARIO(nobody_there_is_told_once)
{
	struct coil_udp *pair[2];
	struct coil_address to;
	char buf[8];
	int port, rc;

	(void)arg;
	udp_pair_open(pair, 0);
	choose_shot(pair[1], COIL_RECEIVE_MULTISHOT);
	pass(pair, 7);
	port = coil_udp_local_address(pair[0], &to);
	EXPECT_GT(port, 0);
	coil_udp_close(pair[0]);
	rc = coil_udp_send(pair[1], "x", 1);
	EXPECT(rc == 1 || rc == -ECONNREFUSED);
	if (rc == 1)
		EXPECT_EQ(coil_udp_recv(pair[1], buf, sizeof buf), -ECONNREFUSED);
	/* It goes on. */
	EXPECT_EQ(coil_udp_open(&pair[0], "127.0.0.1", port, NULL), 0);
	EXPECT_GT(coil_udp_local_address(pair[1], &to), 0);
	EXPECT_EQ(coil_udp_connect(pair[0], &to), 0);
	pass(pair, 8);
	udp_pair_close(pair);
	return 0;
}

/* -- Several tasks, cancels, closes --------------------------------------------------------------
 */

static int receives(void *arg)
{
	char buf[8];

	return coil_udp_recv(arg, buf, sizeof buf);
}

static int receives_large(void *arg)
{
	char buf[5000];

	return coil_udp_recv(arg, buf, sizeof buf);
}

static int chooses_oneshot(void *arg)
{
	return coil_udp_set_receive(arg, COIL_RECEIVE_ONESHOT);
}

/* Each datagram finds a task, whoever is cancelled and however each of them receives. */
SCENARIO(datagrams_find_whoever_waits)
{
	struct coil_task *tasks[6];
	struct coil_udp *pair[2];
	int got = 0, cancelled = 0;

	(void)arg;
	udp_pair_open(pair, 0);
	choose_shot(pair[1], COIL_RECEIVE_MULTISHOT);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 6; i++)
			tasks[i] = coil_spawn(i == 3 ? receives_large : receives, pair[1]);
		coil_yield();
		coil_cancel(tasks[round]);
		if (round == 3)
			EXPECT_EQ(chooses_oneshot(pair[1]), 0);
		for (int i = 0; i < 5; i++)
			EXPECT_EQ(coil_udp_send(pair[0], "datagram", 8), 8);
		for (int i = 0; i < 6; i++) {
			int rc = i == round ? -ECANCELED : 0;
			int is = coil_join(tasks[i]);

			EXPECT(is == 8 || (rc && is == rc));
			got += is == 8;
			cancelled += is == rc;
		}
		for (; got < 5 * (round + 1); got++)
			EXPECT_EQ(receives(pair[1]), 8);
	}
	EXPECT_LE(cancelled, 4);
	EXPECT_EQ(coil_timeout(COIL_MSEC, receives, pair[1]), -ETIME);
	udp_pair_close(pair);
	return 0;
}

SCENARIO(a_close_ends_receives_and_frees_the_port)
{
	struct coil_task *tasks[4];
	struct coil_udp *pair[2];
	struct coil_udp *again;
	struct coil_address to;
	struct coil_scope scope;
	int port;

	(void)arg;
	udp_pair_open(pair, 0);
	port = coil_udp_local_address(pair[1], &to);
	choose_shot(pair[1], COIL_RECEIVE_MULTISHOT);
	pass(pair, 1);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(receives(pair[1]), -ECANCELED);
	coil_scope_close(&scope);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(i == 1 ? receives_large : receives, pair[1]);
	coil_yield();
	tasks[3] = coil_spawn(chooses_oneshot, pair[1]);
	coil_yield();
	coil_udp_close(pair[1]);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(tasks[i]), -EPIPE);
	EXPECT_LE(coil_join(tasks[3]), 0);
	EXPECT_EQ(coil_udp_open(&again, "127.0.0.1", port, NULL), 0);
	choose_shot(again, COIL_RECEIVE_MULTISHOT);
	EXPECT_EQ(coil_timeout(COIL_MSEC, receives, again), -ETIME);
	/* Nobody waits, and what came is not read. */
	EXPECT_EQ(coil_udp_connect(pair[0], &to), 0);
	EXPECT_EQ(coil_udp_send(pair[0], "x", 1), 1);
	coil_sleep(COIL_MSEC);
	coil_udp_close(again);
	EXPECT_EQ(coil_udp_open(&again, "127.0.0.1", port, NULL), 0);
	coil_udp_close(again);
	coil_udp_close(pair[0]);
	if (has_multishot())
		EXPECT_EQ(loop_current->buffers->out, 0);
	return 0;
}

/* -- More than is read ---------------------------------------------------------------------------
 */

#define SOCKETS 12
#define QUEUED 60

/*
 * Sockets that nobody reads hold a few dozen buffers each, and more together than there are:
 * nothing is lost or comes twice. (Those of one batch, with an operation each, may be in disorder.)
 */
SCENARIO(datagrams_are_kept_without_buffers)
{
	struct coil_udp *pairs[SOCKETS][2];

	(void)arg;
	for (int i = 0; i < SOCKETS; i++) {
		udp_pair_open(pairs[i], 0);
		choose_shot(pairs[i][1], COIL_RECEIVE_MULTISHOT);
		pass(pairs[i], 1);
	}
	for (unsigned char k = 0; k < QUEUED; k++)
		for (int i = 0; i < SOCKETS; i++)
			EXPECT_EQ(coil_udp_send(pairs[i][0], &k, 1), 1);
	coil_sleep(COIL_MSEC);
	if (has_multishot() && !coil_sim_active())
		EXPECT_GE(loop_current->buffers->out, 60);
	for (int i = 0; i < SOCKETS; i++) {
		uint64_t seen = 0;

		while (seen != (UINT64_C(1) << QUEUED) - 1) {
			struct coil_udp_message in[7];
			unsigned char room[7];
			int n;

			for (int k = 0; k < 7; k++)
				in[k] = (struct coil_udp_message){.buf = &room[k], .len = 1};
			n = coil_udp_recv_many(pairs[i][1], in, 7);
			EXPECT_GT(n, 0);
			if (n <= 0)
				return 1;
			for (int k = 0; k < n; k++) {
				uint64_t bit = UINT64_C(1) << *(unsigned char *)in[k].buf;

				EXPECT_EQ(seen & bit, 0);
				seen |= bit;
			}
		}
		udp_pair_close(pairs[i]);
	}
	return 0;
}
