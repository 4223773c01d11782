/* SPDX-License-Identifier: MIT */
/* Leases that are put where the peer is gone, memory or room is short, or another way is needed. */
#include "net/put_rig.h"
#include "support/shortage.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* -- A peer that is gone -------------------------------------------------------------------------
 */

static void reset(struct coil_stream *stream)
{
	const struct linger at_once = {.l_onoff = 1};

	EXPECT_EQ(coil_setsockopt(coil_stream_fd(stream), SOL_SOCKET, SO_LINGER, &at_once,
				  sizeof at_once), 0);
	coil_stream_close(stream);
}

static bool is_broken(int rc)
{
	return rc == -EPIPE || rc == -ECONNRESET;
}

/* Who put is told by what writes next, again and again; and has the lease still. */
static int put_to_nobody(void *arg)
{
	struct coil_lease first, second;
	struct rig_pair pair;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	lend(&pair, "first", &first);
	lend(&pair, "second", &second);
	reset(pair.a);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_stream_put_lease(pair.b, &first), 0);
	EXPECT(is_broken(coil_stream_flush(pair.b)));
	EXPECT(is_broken(coil_stream_put_lease(pair.b, &second)));
	EXPECT_MEM_EQ(second.data, "second", 6);
	coil_lease_release(&second);
	EXPECT(is_broken(coil_stream_write(pair.b, "x", 1)));
	EXPECT(is_broken(coil_stream_put(pair.b, "x", 1)));
	EXPECT(is_broken(coil_stream_drain(pair.b)));
	EXPECT(is_broken(coil_stream_shutdown(pair.b)));
	coil_stream_close(pair.b);
	if (loop_current->buffers)
		EXPECT_EQ(loop_current->buffers->out, 0);
	return 0;
}

TEST(put_lease, to_a_peer_that_is_gone_is_told_later)
{
	RUN(put_to_nobody);
}

static int put_at_once_to_nobody(void *arg)
{
	struct coil_lease lease;
	struct rig_pair pair;
	int rc;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	lend_large(&pair, &lease);
	reset(pair.a);
	coil_sleep(COIL_MSEC);
	rc = coil_stream_put_lease(pair.b, &lease);
	if (can_be_silent()) {
		EXPECT(is_broken(rc));
		EXPECT_EQ(lease.bytes, LARGE);
		EXPECT(is_broken(coil_stream_drain(pair.b)));
		EXPECT(is_broken(coil_stream_flush(pair.b)));
		EXPECT(is_broken(coil_stream_put(pair.b, "x", 1)));
	}
	if (rc < 0)
		coil_lease_release(&lease);
	coil_stream_close(pair.b);
	return 0;
}

TEST(put_lease, at_once_to_a_peer_that_is_gone_is_told_now)
{
	RUN(put_at_once_to_nobody);
}

static int told_deadlocks;

static int count_deadlocks(void *arg, const struct coil_report *report)
{
	(void)arg;
	told_deadlocks += report->kind == COIL_REPORT_DEADLOCK;
	return 0;
}

/* The CQE of the put that fails is here, and that of what is awaited did not fit: that is no
 * deadlock. */
static int fail_beside_an_overflow(void *arg)
{
	struct coil_op nops[3] = {coil_op_nop(), coil_op_nop(), coil_op_nop()};
	struct rig_pair pair, other;
	struct coil_lease lease;
	struct coil_op recv;
	char byte;

	(void)arg;
	if (!rig_unix_pair(&pair) || !rig_unix_pair(&other))
		return 0;
	lend(&pair, "x", &lease);
	coil_stream_close(pair.a);
	recv = coil_op_recv(coil_stream_fd(other.b), &byte, 1, 0);
	coil_op_start(&recv);
	coil_sleep(5 * COIL_MSEC);
	for (int i = 0; i < 3; i++)
		coil_op_start(&nops[i]);
	EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), 0);
	EXPECT_EQ(send(coil_stream_fd(other.a), "y", 1, 0), 1);
	EXPECT_EQ(coil_op_await(&recv), 1);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_op_await(&nops[i]), 0);
	EXPECT(is_broken(coil_stream_flush(pair.b)));
	coil_stream_close(pair.b);
	rig_close(&other);
	return 0;
}

TEST(put_lease, that_fails_beside_an_overflow_is_no_deadlock)
{
	const struct coil_options options = {
		.size = sizeof options, .sq_entries = 4, .cq_entries = 4};

	if (rig_is_simulated())
		SKIP("the kernel's own");
	coil_on_report(count_deadlocks, NULL);
	ASSERT_EQ(coil_run_with(&options, fail_beside_an_overflow, NULL), 0);
	coil_on_report(NULL, NULL);
	EXPECT_EQ(told_deadlocks, 0);
}

/* -- Where there is no room, or another way ------------------------------------------------------
 */

#define MANY 20

/* More in one turn than the SQ has room for: the others go by a copy. */
static int put_more_than_fits(void *arg)
{
	static struct rig_pair pairs[MANY];
	struct coil_lease leases[MANY];

	(void)arg;
	for (int i = 0; i < MANY; i++) {
		if (!rig_unix_pair(&pairs[i]))
			return 0;
		lend(&pairs[i], "one", &leases[i]);
	}
	coil_yield();
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(coil_stream_put_lease(pairs[i].b, &leases[i]), 0);
	if (can_be_silent())
		EXPECT(silent_sends() >= 1 && silent_sends() <= 4);
	for (int i = 0; i < MANY; i++) {
		expect_text(pairs[i].a, "one");
		rig_close(&pairs[i]);
	}
	return 0;
}

TEST(put_lease, beyond_the_submission_queue_is_a_copy)
{
	const struct coil_options options = {.size = sizeof options, .sq_entries = 4};

	ASSERT_EQ(coil_run_with(&options, put_more_than_fits, NULL), 0);
}

static int put_without_a_copy(void *arg)
{
	struct coil_lease lease;
	struct rig_pair pair;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	lend(&pair, "plain", &lease);
	if (coil_stream_set_zero_copy(pair.b, 1) == 0) {
		EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), 0);
		EXPECT_EQ(silent_sends(), 0);
		EXPECT_EQ(coil_stream_flush(pair.b), 0);
		expect_text(pair.a, "plain");
	} else {
		coil_lease_release(&lease);
	}
	rig_close(&pair);
	return 0;
}

TEST(put_lease, where_nothing_is_copied_is_sent_as_what_was_put)
{
	RUN(put_without_a_copy);
}

static int put_back_once(struct coil_stream *stream, void *arg)
{
	struct coil_lease lease;
	int rc = coil_stream_read_lease(stream, &lease);

	(void)arg;
	if (rc > 0)
		rc = coil_stream_put_lease(stream, &lease);
	return rc;
}

static int run_service(void *listener)
{
	return coil_serve(listener, put_back_once, NULL);
}

/* A handler may leave at once: what it has put is sent before its connection is parked. */
static int put_in_handlers(void *arg)
{
	struct coil_listener *listener;
	struct coil_stream *stream;
	struct coil_task *server;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	server = coil_spawn(run_service, listener);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", rig_port(listener), NULL), 0);
	for (int i = 0; i < 40; i++) {
		EXPECT_EQ(coil_stream_write(stream, "again", 5), 5);
		expect_text(stream, "again");
	}
	coil_stream_close(stream);
	coil_cancel(server);
	EXPECT_EQ(coil_join(server), -ECANCELED);
	coil_listener_close(listener);
	return 0;
}

TEST(put_lease, in_a_handler_of_coil_serve)
{
	RUN(put_in_handlers);
}

/* -- No memory -----------------------------------------------------------------------------------
 */

/* Without memory for the list of silent sends it is a copy; without that nothing is put. */
static int put_without_memory(void *arg)
{
	const size_t list = SILENTS_MOST * sizeof(struct silent_send);
	struct coil_lease lease;
	struct rig_pair pair;

	(void)arg;
	if (!rig_unix_pair(&pair))
		return 0;
	lend(&pair, "first", &lease);
	shortage = (struct shortage){.is_on = true, .least = 1};
	EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), -ENOMEM);
	EXPECT_EQ(silent_sends(), 0);
	shortage = (struct shortage){.is_on = true, .least = list, .most = list};
	EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), 0);
	EXPECT_EQ(silent_sends(), 0);
	shortage.is_on = false;
	expect_text(pair.a, "first");
	rig_close(&pair);
	return 0;
}

TEST(put_lease, without_memory_leaves_the_lease)
{
	struct coil_options options = {.size = sizeof options, .alloc = &shortage_alloc};

	ASSERT_EQ(coil_run_with(&options, put_without_memory, NULL), 0);
}

/* What a socket does not take is lost where it cannot be kept: nothing may follow it. */
static int fall_short_without_memory(void *arg)
{
	static char bytes[4000];
	struct coil_lease lease;
	struct rig_pair pair;
	int rc = 0;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	shrink(pair.b, SO_SNDBUF);
	shrink(pair.a, SO_RCVBUF);
	/* The list is made. */
	lend(&pair, "first", &lease);
	EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), 0);
	expect_text(pair.a, "first");
	EXPECT_EQ(coil_stream_flush(pair.b), 0);
	for (int i = 0; i < 1000 && rc == 0; i++) {
		EXPECT_EQ(coil_stream_write(pair.a, bytes, sizeof bytes), (int)sizeof bytes);
		for (size_t got = 0; got < sizeof bytes && rc == 0;) {
			EXPECT_GT(coil_stream_read_lease(pair.b, &lease), 0);
			got += lease.bytes;
			shortage = (struct shortage){.is_on = true, .least = 1};
			rc = coil_stream_put_lease(pair.b, &lease);
			if (rc < 0)
				coil_lease_release(&lease);
			coil_yield();
			shortage.is_on = false;
		}
	}
	EXPECT_EQ(rc, -ENOMEM);
	/* By a copy nothing was put, and nothing is lost. */
	if (can_be_silent()) {
		EXPECT_EQ(coil_stream_flush(pair.b), -ENOMEM);
		EXPECT_EQ(coil_stream_write(pair.b, "x", 1), -ENOMEM);
	}
	rig_close(&pair);
	return 0;
}

TEST(put_lease, that_falls_short_without_memory_breaks_the_stream)
{
	struct coil_options options = {.size = sizeof options, .alloc = &shortage_alloc};

	ASSERT_EQ(coil_run_with(&options, fall_short_without_memory, NULL), 0);
}

/* -- Misuse --------------------------------------------------------------------------------------
 */

static int put_twice(void *arg)
{
	struct coil_lease lease;
	struct rig_pair pair;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	lend(&pair, "x", &lease);
	EXPECT_EQ(coil_stream_put_lease(pair.b, &lease), 0);
	coil_stream_put_lease(pair.b, &lease);
	return 0;
}

TEST_SIGNAL(put_lease, cannot_be_done_twice, SIGABRT, "this is no lease: was it released before?")
{
	RUN(put_twice);
}
