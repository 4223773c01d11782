/* SPDX-License-Identifier: MIT */
/* Leases that are put: sent from where they are, in silence; whole and in order, and given back. */
#include "net/put_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* -- There and back ------------------------------------------------------------------------------
 */

static int put_back_all(void *stream)
{
	struct coil_lease lease;
	int rc;

	while ((rc = coil_stream_read_lease(stream, &lease)) > 0) {
		EXPECT_EQ(coil_stream_put_lease(stream, &lease), 0);
		EXPECT_EQ(coil_stream_drain(stream), 0);
	}
	EXPECT_EQ(rc, 0);
	return coil_stream_shutdown(stream);
}

static void read_pattern(struct coil_stream *stream, size_t total)
{
	unsigned char buf[900];
	size_t at = 0;
	int n;

	while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0) {
		expect_pattern(buf, at, (size_t)n);
		at += (size_t)n;
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(at, total);
}

static void there_and_back(struct rig_pair *pair, int receive)
{
	struct flow flow = {.from = pair->a, .total = 60000};
	struct coil_task *sender, *echo;

	if (receive >= 0)
		choose(pair->b, receive);
	echo = coil_spawn(put_back_all, pair->b);
	sender = coil_spawn(send_pattern, &flow);
	read_pattern(pair->a, flow.total);
	EXPECT_EQ(coil_join(sender), 0);
	EXPECT_EQ(coil_join(echo), 0);
}

SCENARIO(what_is_put_back_by_leases_comes_whole_and_in_order)
{
	struct rig_pair pair;

	(void)arg;
	for (int receive = COIL_RECEIVE_AUTO; receive <= COIL_RECEIVE_MULTISHOT; receive++) {
		if (!rig_tcp_pair(&pair))
			return 0;
		there_and_back(&pair, receive);
		rig_close(&pair);
	}
	if (!rig_unix_pair(&pair))
		return 0;
	there_and_back(&pair, COIL_RECEIVE_AUTO);
	rig_close(&pair);
	EXPECT_EQ(coil_stream_pair(&pair.a, &pair.b, 0), 0);
	there_and_back(&pair, -1);
	rig_close(&pair);
	if (loop_current->buffers)
		EXPECT_EQ(loop_current->buffers->out, 0);
	return 0;
}

/* -- In silence ----------------------------------------------------------------------------------
 */

IN_PAIR(a_lease_is_put_without_a_completion)
{
	struct coil_stats before = {.size = sizeof before}, after = {.size = sizeof after};
	struct coil_lease lease;

	lend(pair, "hello", &lease);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_stats(&before), 0);
	EXPECT_EQ(coil_stream_put_lease(pair->b, &lease), 0);
	EXPECT_EQ(coil_stream_flush(pair->b), 0);
	EXPECT_EQ(coil_stats(&after), 0);
	if (can_be_silent()) {
		EXPECT_EQ(silent_sends(), 1);
		EXPECT_EQ(after.sqes - before.sqes, 1);
		EXPECT_EQ(after.cqes, before.cqes);
		EXPECT_EQ(after.owed, before.owed);
	}
	expect_text(pair->a, "hello");
}

IN_PAIR(a_large_lease_is_put_by_a_call)
{
	struct coil_stats before = {.size = sizeof before}, after = {.size = sizeof after};
	struct coil_lease lease;
	static char bytes[LARGE];

	lend_large(pair, &lease);
	EXPECT_EQ(coil_stats(&before), 0);
	EXPECT_EQ(coil_stream_put_lease(pair->b, &lease), 0);
	EXPECT_EQ(coil_stats(&after), 0);
	if (can_be_silent()) {
		EXPECT_EQ(after.at_once - before.at_once, 1);
		EXPECT_EQ(after.sqes, before.sqes);
		EXPECT_EQ(coil_stream_unsent(pair->b), 0);
	}
	expect_large(pair->a, bytes, LARGE);
	EXPECT(list_is_empty(&loop_current->lease_copies));
}

/* Its buffer is free again, and the next ones are. */
IN_PAIR(what_was_put_is_given_back)
{
	struct coil_lease lease;

	for (unsigned i = 0; i < 3 * SILENTS_MOST; i++) {
		lend(pair, "again", &lease);
		EXPECT_EQ(coil_stream_put_lease(pair->b, &lease), 0);
		expect_text(pair->a, "again");
	}
	if (can_be_silent())
		EXPECT_EQ(silent_sends(), 3 * SILENTS_MOST);
	if (loop_current->buffers)
		EXPECT_EQ(loop_current->buffers->out, 0);
	EXPECT(list_is_empty(&loop_current->lease_copies));
}

IN_PAIR(large_leases_are_put_and_given_back)
{
	static char bytes[12000];
	struct coil_lease lease;
	size_t back = 0;

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 11);
	socket_stream_of(pair->b)->is_large = true;
	EXPECT_EQ(coil_stream_write(pair->a, bytes, sizeof bytes), (int)sizeof bytes);
	while (back < sizeof bytes) {
		int n = coil_stream_read_lease(pair->b, &lease);

		EXPECT_GT(n, 0);
		if (n <= 0)
			return;
		EXPECT_EQ(coil_stream_put_lease(pair->b, &lease), 0);
		back += (size_t)n;
	}
	expect_large(pair->a, bytes, sizeof bytes);
	EXPECT(list_is_empty(&loop_current->lease_copies));
}

/* -- Among other writes --------------------------------------------------------------------------
 */

static int write_two(void *stream)
{
	return coil_stream_write(stream, "2", 1);
}

static void put_among_others(struct rig_pair *pair)
{
	struct coil_lease one, four;
	struct coil_task *writer;

	lend(pair, "1", &one);
	lend(pair, "4", &four);
	EXPECT_EQ(coil_stream_put_lease(pair->b, &one), 0);
	EXPECT_GE(coil_stream_unsent(pair->b), can_be_silent());
	writer = coil_spawn_eager(write_two, pair->b);
	EXPECT_EQ(coil_stream_put(pair->b, "3", 1), 0);
	EXPECT_EQ(coil_stream_put_lease(pair->b, &four), 0);
	EXPECT_EQ(coil_stream_write(pair->b, "5", 1), 1);
	EXPECT_EQ(coil_stream_unsent(pair->b), 0);
	EXPECT_EQ(coil_join(writer), 1);
}

/* Writes take turns, and what was put goes first. */
SCENARIO(the_order_is_that_of_the_calls)
{
	struct rig_pair pair;
	char got[5];

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	put_among_others(&pair);
	EXPECT_EQ(rig_read_all(pair.a, got, sizeof got), 0);
	/* Who writes has the turn already when the others put. */
	EXPECT(memcmp(got, "12345", 5) == 0 || memcmp(got, "13425", 5) == 0);
	rig_close(&pair);
	return 0;
}

SCENARIO(a_shutdown_and_a_close_come_behind_what_was_put)
{
	struct coil_lease lease;
	struct rig_pair pair;
	char byte;

	(void)arg;
	for (int closes = 0; closes < 2; closes++) {
		if (!rig_tcp_pair(&pair))
			return 0;
		lend(&pair, "l", &lease);
		EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), 0);
		if (closes) {
			coil_stream_close(pair.b);
			pair.b = NULL;
		} else {
			EXPECT_EQ(coil_stream_shutdown(pair.b), 0);
		}
		expect_text(pair.a, "l");
		EXPECT_EQ(coil_stream_read(pair.a, &byte, 1), 0);
		rig_close(&pair);
	}
	return 0;
}

IN_PAIR(another_task_may_close_what_was_put_on)
{
	struct coil_lease lease;
	struct coil_task *writer;
	int rc;

	lend(pair, "x", &lease);
	EXPECT_EQ(coil_stream_put_lease(pair->b, &lease), 0);
	writer = coil_spawn_eager(write_two, pair->b);
	coil_stream_close(pair->b);
	pair->b = NULL;
	rc = coil_join(writer);
	EXPECT(rc == 1 || rc == -EPIPE);
	expect_text(pair->a, "x");
}

IN_PAIR(a_cancelled_task_may_put)
{
	struct coil_lease lease;
	struct coil_scope scope;

	lend(pair, "still", &lease);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_stream_put_lease(pair->b, &lease), 0);
	EXPECT_EQ(coil_stream_drain(pair->b), -ECANCELED);
	coil_scope_close(&scope);
	expect_text(pair->a, "still");
}

/* Not only the first enter after the put is refused, or takes a part of what there is to take. */
static int put_and_close_cancelled(void *arg)
{
	struct coil_op nops[3] = {coil_op_nop(), coil_op_nop(), coil_op_nop()};
	struct coil_lease lease;
	struct coil_scope scope;
	struct rig_pair pair;

	(void)arg;
	if (!rig_unix_pair(&pair))
		return 0;
	lend(&pair, "x", &lease);
	for (int i = 0; i < 3; i++)
		coil_op_start(&nops[i]);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), 0);
	coil_stream_close(pair.b);
	coil_scope_close(&scope);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_op_await(&nops[i]), 0);
	expect_text(pair.a, "x");
	coil_stream_close(pair.a);
	return 0;
}

TEST(put_lease, goes_out_before_a_close_in_a_cancelled_scope)
{
	struct coil_sim_options options = {
		.size = sizeof options, .troubles = "ENTER_EBUSY=60,ENTER_PARTIAL=60"};

	if (getenv("COIL_DEBUG"))
		SKIP("debug mode");
	for (options.seed = 1; options.seed <= SEEDS; options.seed++)
		ASSERT_EQ(coil_sim_run(&options, put_and_close_cancelled, NULL), 0);
}

/* -- A socket that does not take it --------------------------------------------------------------
 */

#define MUCH 400000u

/* The peer reads nothing for a while: what waits is bounded, and nothing is lost. */
SCENARIO(a_peer_that_does_not_read_holds_up_who_drains)
{
	struct coil_task *sender, *echo;
	struct rig_pair pair;
	struct flow flow = {.total = MUCH};

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	shrink(pair.b, SO_SNDBUF);
	shrink(pair.a, SO_RCVBUF);
	flow.from = pair.a;
	echo = coil_spawn(put_back_all, pair.b);
	sender = coil_spawn(send_pattern, &flow);
	coil_sleep(50 * COIL_MSEC);
	EXPECT_GT(coil_stream_unsent(pair.b), 0);
	EXPECT_LE(coil_stream_unsent(pair.b), COIL_STREAM_HIGH + LEASE_BYTES);
	read_pattern(pair.a, MUCH);
	EXPECT_EQ(coil_join(sender), 0);
	EXPECT_EQ(coil_join(echo), 0);
	rig_close(&pair);
	return 0;
}
