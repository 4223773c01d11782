/* SPDX-License-Identifier: MIT */
/* Leases: in buffers of the loop's, or copies; given back, or named at the end. */
#include "net/receive_rig.h"
#include "support/shortage.h"

#include "loop/leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- What is read --------------------------------------------------------------------------------
 */

static void read_by_leases(struct rig_pair *pair, int receive)
{
	struct flow flow = {.from = pair->a, .total = 50000};
	struct coil_lease lease, kept = {0};
	struct coil_task *sender;
	unsigned char buf[64];
	size_t at = 0, kept_at = 0;
	int rc = 1;

	if (receive >= 0)
		choose(pair->b, receive);
	sender = coil_spawn(send_pattern, &flow);
	while (rc > 0) {
		rc = coil_stream_read_lease(pair->b, &lease);
		EXPECT_GE(rc, 0);
		if (rc <= 0)
			break;
		EXPECT_EQ(lease.bytes, rc);
		expect_pattern(lease.data, at, lease.bytes);
		if (kept.data)
			expect_pattern(kept.data, kept_at, kept.bytes);
		if (kept.data)
			coil_lease_release(&kept);
		kept = lease;
		kept_at = at;
		at += (size_t)rc;
		rc = coil_stream_read(pair->b, buf, sizeof buf);
		if (rc > 0)
			expect_pattern(buf, at, (size_t)rc);
		at += rc > 0 ? (size_t)rc : 0;
	}
	EXPECT_EQ(at, flow.total);
	if (kept.data)
		coil_lease_release(&kept);
	EXPECT_EQ(coil_join(sender), 0);
}

SCENARIO(leases_and_reads_see_every_byte)
{
	struct rig_pair pair;

	(void)arg;
	for (int receive = COIL_RECEIVE_AUTO; receive <= COIL_RECEIVE_MULTISHOT; receive++) {
		if (!rig_tcp_pair(&pair))
			return 0;
		read_by_leases(&pair, receive);
		rig_close(&pair);
	}
	EXPECT_EQ(coil_stream_pair(&pair.a, &pair.b, 0), 0);
	read_by_leases(&pair, -1);
	rig_close(&pair);
	return 0;
}

SCENARIO(a_lease_outlives_its_stream)
{
	struct rig_pair pair;
	struct coil_lease ahead, lease;
	const void *seen;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	EXPECT_EQ(coil_stream_write(pair.a, "ahead", 5), 5);
	EXPECT_EQ(coil_stream_peek(pair.b, 5, &seen), 5);
	EXPECT_EQ(coil_stream_read_lease(pair.b, &ahead), 5);
	EXPECT_EQ(coil_stream_write(pair.a, "x", 1), 1);
	EXPECT_EQ(coil_stream_read_lease(pair.b, &lease), 1);
	rig_close(&pair);
	EXPECT_MEM_EQ(ahead.data, "ahead", 5);
	EXPECT_MEM_EQ(lease.data, "x", 1);
	coil_lease_release(&ahead);
	coil_lease_release(&lease);
	return 0;
}

/* -- No buffer left ------------------------------------------------------------------------------
 */

#define HELD_MAX 100

/* More than the group has: the others are in memory of their own, and nobody waits. */
SCENARIO(who_finds_no_buffer_reads_into_memory_of_its_own)
{
	static struct coil_lease held[HELD_MAX];
	unsigned in_memory = 0;
	struct rig_pair pair;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	choose(pair.b, COIL_RECEIVE_ONESHOT);
	for (unsigned i = 0; i < HELD_MAX; i++) {
		unsigned char byte = (unsigned char)i;

		EXPECT_EQ(coil_stream_write(pair.a, &byte, 1), 1);
		EXPECT_EQ(coil_stream_read_lease(pair.b, &held[i]), 1);
		in_memory += held[i].copy != NULL;
	}
	EXPECT_GE(in_memory, HELD_MAX - 64);
	for (unsigned i = 0; i < HELD_MAX; i++) {
		EXPECT_EQ(*(const unsigned char *)held[i].data, i);
		coil_lease_release(&held[i]);
	}
	EXPECT_LE(loop_current->lease_spares_count, LEASE_SPARES);
	EXPECT_GE(loop_current->lease_spares_count, LEASE_SPARES < in_memory ? LEASE_SPARES : 1);
	rig_close(&pair);
	return 0;
}

/* -- Large ones ----------------------------------------------------------------------------------
 */

#define LARGE 65536u
#define LARGE_COUNT 40u

static unsigned char large[LARGE];

static int send_large(void *stream)
{
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (unsigned char)(i * 7 + i / 251);
	for (unsigned i = 0; i < LARGE_COUNT; i++)
		EXPECT_EQ(coil_stream_write(stream, large, LARGE), (int)LARGE);
	return coil_stream_shutdown(stream);
}

static void read_large(struct rig_pair *pair)
{
	struct coil_task *sender = coil_spawn(send_large, pair->a);
	size_t at = 0, wrong = 0;
	struct coil_lease lease;

	while (coil_stream_read_lease(pair->b, &lease) > 0) {
		const unsigned char *data = lease.data;

		for (size_t i = 0; i < lease.bytes; i++, at++)
			wrong += data[i] != large[at % LARGE];
		coil_lease_release(&lease);
	}
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(at, (size_t)LARGE_COUNT * LARGE);
	EXPECT_EQ(coil_join(sender), 0);
	/* One after the other, of which none is kept: in the same memory always. */
	EXPECT_EQ(loop_current->lease_spares_count, 1);
}

/* Who leases what a receive for many brings leaves it, too, where messages become large. */
SCENARIO(leases_of_large_messages_go_back)
{
	struct rig_pair pair;
	struct coil_lease lease;
	int n = 1;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	for (int round = 0; round < 40 && n > 0; round++) {
		EXPECT_EQ(coil_stream_write(pair.a, "small", 5), 5);
		for (int got = 0; got < 5 && n > 0; got += n) {
			n = coil_stream_read_lease(pair.b, &lease);
			EXPECT_GT(n, 0);
			if (n > 0)
				coil_lease_release(&lease);
		}
	}
	if (!coil_sim_active() && has_multishot())
		EXPECT(is_multishot(pair.b) && is_armed(pair.b));
	read_large(&pair);
	if (!coil_sim_active())
		EXPECT(!is_armed(pair.b));
	rig_close(&pair);
	return 0;
}

SCENARIO(large_messages_are_lent_whole)
{
	struct rig_pair pair;

	(void)arg;
	if (rig_tcp_pair(&pair)) {
		read_large(&pair);
		rig_close(&pair);
	}
	if (rig_unix_pair(&pair)) {
		read_large(&pair);
		rig_close(&pair);
	}
	return 0;
}

static int lease_one(void *arg)
{
	struct coil_lease lease;
	int rc = coil_stream_read_lease(arg, &lease);

	if (rc > 0)
		coil_lease_release(&lease);
	return rc;
}

/* After a large one: until the socket is readable, by a poll. */
static void after_large(struct rig_pair *pair)
{
	int left = (int)LARGE, rc = 1;

	EXPECT_EQ(coil_stream_write(pair->a, large, LARGE), (int)LARGE);
	while (left > 0 && rc > 0) {
		rc = lease_one(pair->b);
		left -= rc;
	}
	EXPECT_EQ(left, 0);
	/* Nothing is there: this one polls, whatever the last one has seen. */
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, lease_one, pair->b), -ETIME);
	EXPECT(socket_stream_of(pair->b)->is_large);
}

static int lease_cancelled(void *arg)
{
	struct coil_scope scope;
	int rc;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	rc = lease_one(arg);
	coil_scope_close(&scope);
	return rc;
}

IN_PAIR(a_wait_for_a_large_lease_ends_as_any_read)
{
	struct coil_task *waiter;

	after_large(pair);
	waiter = coil_spawn(lease_one, pair->b);
	coil_sleep(2 * COIL_MSEC);
	EXPECT_EQ(coil_stream_write(pair->a, "late", 4), 4);
	EXPECT_EQ(coil_join(waiter), 4);
	after_large(pair);
	/* Before it begins, though something is there; which is not lost. */
	EXPECT_EQ(coil_stream_write(pair->a, "kept", 4), 4);
	EXPECT_EQ(lease_cancelled(pair->b), -ECANCELED);
	EXPECT_EQ(lease_one(pair->b), 4);
	after_large(pair);
	waiter = coil_spawn(lease_one, pair->b);
	coil_sleep(2 * COIL_MSEC);
	coil_stream_close(pair->b);
	pair->b = NULL;
	EXPECT_EQ(coil_join(waiter), -EPIPE);
}

IN_PAIR(a_large_lease_meets_the_end_once_and_again)
{
	after_large(pair);
	EXPECT_EQ(coil_stream_shutdown(pair->a), 0);
	EXPECT_EQ(lease_one(pair->b), 0);
	EXPECT_EQ(lease_one(pair->b), 0);
}

static int reset_after_large(void *arg)
{
	const struct linger at_once = {.l_onoff = 1};
	struct coil_task *waiter;
	struct rig_pair pair;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	after_large(&pair);
	waiter = coil_spawn(lease_one, pair.b);
	coil_sleep(2 * COIL_MSEC);
	EXPECT_EQ(coil_setsockopt(coil_stream_fd(pair.a), SOL_SOCKET, SO_LINGER, &at_once,
				  sizeof at_once), 0);
	coil_stream_close(pair.a);
	EXPECT_EQ(coil_join(waiter), -ECONNRESET);
	coil_stream_close(pair.b);
	return 0;
}

TEST(lease, that_waits_is_told_of_a_reset)
{
	RUN(reset_after_large);
}

static int lease_without_memory(void *arg)
{
	static struct coil_lease only;
	struct rig_pair pair;

	(void)arg;
	if (!rig_unix_pair(&pair))
		return 0;
	socket_stream_of(pair.b)->is_large = true;
	EXPECT_EQ(coil_stream_write(pair.a, "here", 4), 4);
	shortage = (struct shortage){.is_on = true, .least = LEASE_BYTES};
	EXPECT_EQ(lease_one(pair.b), -ENOMEM);
	shortage.is_on = false;
	EXPECT_EQ(coil_stream_read_lease(pair.b, &only), 4);
	EXPECT_MEM_EQ(only.data, "here", 4);
	coil_lease_release(&only);
	rig_close(&pair);
	return 0;
}

TEST(lease, without_memory_takes_nothing)
{
	struct coil_options options = {.size = sizeof options, .alloc = &shortage_alloc};

	ASSERT_EQ(coil_run_with(&options, lease_without_memory, NULL), 0);
}

/* -- Left, and given back twice ------------------------------------------------------------------
 */

static int leave_one(void *arg)
{
	struct rig_pair pair;
	static struct coil_lease lost, copy;
	const void *seen;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	EXPECT_EQ(coil_stream_write(pair.a, "lost", 4), 4);
	EXPECT_EQ(coil_stream_read_lease(pair.b, &lost), 4);
	EXPECT_EQ(coil_stream_write(pair.a, "a copy", 6), 6);
	EXPECT_EQ(coil_stream_peek(pair.b, 6, &seen), 6);
	EXPECT_EQ(coil_stream_read_lease(pair.b, &copy), 6);
	rig_close(&pair);
	return 0;
}

static int told;

static int count_leases(void *arg, const struct coil_report *report)
{
	(void)arg;
	EXPECT(strstr(report->words, "was never released: task 1") != NULL);
	EXPECT_EQ(report->task, 1);
	told++;
	return 0;
}

TEST(lease, that_was_not_released_is_named)
{
	coil_on_report(count_leases, NULL);
	ASSERT_EQ(coil_run(leave_one, NULL), 0);
	coil_on_report(NULL, NULL);
	EXPECT_EQ(told, 2);
}

static int release_twice(void *arg)
{
	struct rig_pair pair;
	struct coil_lease lease;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	EXPECT_EQ(coil_stream_write(pair.a, "x", 1), 1);
	EXPECT_EQ(coil_stream_read_lease(pair.b, &lease), 1);
	coil_lease_release(&lease);
	coil_lease_release(&lease);
	return 0;
}

TEST_SIGNAL(lease, cannot_be_released_twice, SIGABRT, "this is no lease: was it released before?")
{
	RUN(release_twice);
}
