/* SPDX-License-Identifier: MIT */
/* Receiving while something is short: buffers, room in the SQ. */
#include "net/receive_rig.h"

/* The SQ is too small for all the cancels at once. */
#define MANY 30

static int close_many(void *arg)
{
	struct rig_pair pairs[MANY];

	(void)arg;
	for (int i = 0; i < MANY; i++) {
		if (!rig_tcp_pair(&pairs[i]))
			return 0;
		choose(pairs[i].b, COIL_RECEIVE_MULTISHOT);
		ping(&pairs[i], i);
		choose(pairs[i].a, COIL_RECEIVE_MULTISHOT);
		ping(&pairs[i], i);
	}
	for (int i = 0; i < MANY; i++)
		rig_close(&pairs[i]);
	EXPECT_EQ(loop_current->receivers_armed, has_multishot() ? 2 * MANY : 0);
	for (int i = 0; i < 1000 && !list_is_empty(&loop_current->receivers); i++)
		coil_sleep(COIL_MSEC);
	EXPECT_EQ(loop_current->receivers_armed, 0);
	EXPECT(list_is_empty(&loop_current->receivers));
	return 0;
}

TEST(receive, more_cancels_than_the_sq_holds_are_pushed_later)
{
	struct coil_options options = {.size = sizeof options, .sq_entries = 4,
				       .stack_bytes = 256u << 10};

	ASSERT_EQ(coil_run_with(&options, close_many, NULL), 0);
}

/* -- Buffers run out -----------------------------------------------------------------------------
 */

#define SLOW 40
#define SLOW_BYTES 200000

struct slow {
	struct rig_pair pair;
	struct flow flow;
	struct coil_task *sender;
};

static int drain_slow(struct slow *slow)
{
	unsigned char buf[3000];
	size_t at = 0;
	int rc;

	while ((rc = coil_stream_read(slow->pair.b, buf, sizeof buf)) > 0) {
		expect_pattern(buf, at, (size_t)rc);
		at += (size_t)rc;
	}
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(at, SLOW_BYTES);
	return coil_join(slow->sender);
}

/* A first read arms it; then nobody reads for a long while. */
static bool begin_slow(struct slow *slow)
{
	if (!rig_tcp_pair(&slow->pair))
		return false;
	choose(slow->pair.b, COIL_RECEIVE_MULTISHOT);
	ping(&slow->pair, 1);
	slow->flow = (struct flow){.from = slow->pair.a, .total = SLOW_BYTES};
	slow->sender = coil_spawn(send_pattern, &slow->flow);
	return true;
}

static int exhaustion(void *arg)
{
	static struct slow slow[SLOW];
	struct rig_pair busy;
	uint32_t out;

	(void)arg;
	if (!rig_tcp_pair(&busy))
		return 0;
	for (int i = 0; i < SLOW; i++)
		if (!begin_slow(&slow[i]))
			return 0;
	for (int round = 0; round < 300; round++)
		ping(&busy, round);
	if (has_multishot()) {
		out = loop_current->buffers->out;
		EXPECT_GE(out, SLOW);
		EXPECT_LE(out, loop_current->buffers->made);
	}
	for (int i = 0; i < SLOW; i++)
		EXPECT_EQ(drain_slow(&slow[i]), 0);
	for (int i = 0; i < SLOW; i++)
		rig_close(&slow[i].pair);
	if (has_multishot())
		EXPECT_EQ(loop_current->buffers->out, 0);
	rig_close(&busy);
	return 0;
}

TEST(receive, slow_readers_hold_nobody_up)
{
	RUN(exhaustion);
}

TEST(receive_odd, slow_readers_hold_nobody_up)
{
	rig_run_odd(4, exhaustion);
}
