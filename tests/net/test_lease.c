/* SPDX-License-Identifier: MIT */
/* Leases: in buffers of the loop's, or copies; given back, or named at the end. */
#include "net/receive_rig.h"

#include "loop/leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
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

#define HELD_MAX 200

static struct coil_lease held[HELD_MAX];
static unsigned held_count;

/* Until the group has nothing more to give. */
static void hold_all(struct rig_pair *pair)
{
	struct buffers *buffers;

	held_count = 0;
	EXPECT_EQ(buffers_open(loop_current, BUFFERS_LARGE, &buffers), 0);
	while (held_count < HELD_MAX && (buffers_left(buffers) > 0 || buffers_grow(buffers))) {
		EXPECT_EQ(coil_stream_write(pair->a, "h", 1), 1);
		EXPECT_EQ(coil_stream_read_lease(pair->b, &held[held_count++]), 1);
	}
	EXPECT_EQ(held_count, buffers->made);
}

static void release_held(void)
{
	while (held_count > 0)
		coil_lease_release(&held[--held_count]);
}

static int lease_one(void *arg)
{
	struct coil_lease lease;
	int rc = coil_stream_read_lease(arg, &lease);

	if (rc > 0)
		coil_lease_release(&lease);
	return rc;
}

static int without_buffers(void *arg)
{
	struct rig_pair pair;
	struct coil_task *waiter;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	choose(pair.b, COIL_RECEIVE_ONESHOT);
	if (!(loop_current->driver->features & DRIVER_BUFFER_RINGS)) {
		rig_close(&pair);
		return 0;
	}
	hold_all(&pair);
	EXPECT_EQ(coil_stream_write(pair.a, "late", 4), 4);
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, lease_one, pair.b), -ETIME);
	waiter = coil_spawn(lease_one, pair.b);
	coil_sleep(5 * COIL_MSEC);
	EXPECT(!coil_future_done(coil_task_future(waiter)));
	coil_lease_release(&held[--held_count]);
	EXPECT_EQ(coil_join(waiter), 4);
	EXPECT_EQ(coil_stream_write(pair.a, "h", 1), 1);
	EXPECT_EQ(coil_stream_read_lease(pair.b, &held[held_count++]), 1);
	EXPECT_EQ(coil_stream_write(pair.a, "gone", 4), 4);
	waiter = coil_spawn(lease_one, pair.b);
	coil_sleep(5 * COIL_MSEC);
	coil_stream_close(pair.b);
	EXPECT_EQ(coil_join(waiter), -EPIPE);
	coil_stream_close(pair.a);
	release_held();
	return 0;
}

TEST(lease, who_finds_no_buffer_waits_for_one)
{
	RUN(without_buffers);
}

TEST(lease_odd, who_finds_no_buffer_waits_for_one)
{
	struct coil_sim_options options = {.size = sizeof options, .profile = COIL_SIM_ODD};

	if (getenv("COIL_DEBUG"))
		SKIP("debug mode");
	for (options.seed = 1; options.seed <= 20; options.seed++)
		ASSERT_EQ(coil_sim_run(&options, without_buffers, NULL), 0);
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
