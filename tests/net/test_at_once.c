/* SPDX-License-Identifier: MIT */
/* Writes of a task that is alone: a system call of their own, if they can be done with it. */
#include "net/rig.h"

#include <errno.h>
#include <sys/socket.h>

#include "loop/loop.h"

static struct coil_stats counted(void)
{
	struct coil_stats stats = {.size = sizeof stats};

	EXPECT_EQ(coil_stats(&stats), 0);
	return stats;
}

/* Not where debug mode looks on. */
static bool can_be_at_once(void)
{
	return !loop_current->observer;
}

/* What was begun before is over: the read for messages is with the kernel. */
static void settle(void)
{
	coil_sleep(COIL_MSEC);
}

static bool by_vectors;

/* A vector has an empty piece, and one of a byte. */
static int writes(struct coil_stream *stream, const char *bytes, size_t len)
{
	char *at = (char *)(uintptr_t)bytes;
	const struct iovec iov[] = {
		{at, len / 2}, {at, 0}, {at + len / 2, 1}, {at + len / 2 + 1, len - len / 2 - 1}
	};

	return by_vectors ? coil_stream_writev(stream, iov, 4)
			  : coil_stream_write(stream, bytes, len);
}

static int writes_hello(void *stream)
{
	return writes(stream, "hello", 5);
}

static void alone(struct rig_pair *pair)
{
	struct coil_stats before, after;
	char buf[16];

	settle();
	before = counted();
	EXPECT_EQ(writes_hello(pair->a), 5);
	after = counted();
	EXPECT_EQ(after.at_once - before.at_once, can_be_at_once());
	EXPECT_EQ(after.sqes - before.sqes, !can_be_at_once());
	if (can_be_at_once())
		EXPECT_EQ(after.enters, before.enters);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 5);
	EXPECT_MEM_EQ(buf, "hello", 5);
}

static void beside_others(struct rig_pair *pair)
{
	struct coil_stats before, after;
	struct coil_task *task;
	char buf[16];

	settle();
	before = counted();
	task = coil_spawn(writes_hello, pair->a);
	EXPECT_EQ(writes_hello(pair->b), 5);
	EXPECT_EQ(coil_join(task), 5);
	after = counted();
	EXPECT_EQ(after.at_once, before.at_once);
	EXPECT_EQ(after.sqes - before.sqes, 2);
	EXPECT_EQ(coil_stream_read_exactly(pair->b, buf, 5), 5);
	EXPECT_MEM_EQ(buf, "hello", 5);
	EXPECT_EQ(coil_stream_read_exactly(pair->a, buf, 5), 5);
	EXPECT_MEM_EQ(buf, "hello", 5);
}

/* Who never has to wait lets others run nevertheless. */
static void many(struct rig_pair *pair)
{
	struct coil_stats before, after;

	settle();
	before = counted();
	for (int i = 0; i < 200; i++)
		EXPECT_EQ(writes_hello(pair->a), 5);
	after = counted();
	EXPECT_GT(after.turns, before.turns);
}

static void behind_a_cancel(struct rig_pair *pair)
{
	char byte;

	settle();
	coil_cancel(coil_self());
	EXPECT_EQ(writes_hello(pair->a), -ECANCELED);
	EXPECT_EQ(writes_hello(pair->a), -ECANCELED);
	EXPECT_EQ(coil_stream_read(pair->b, &byte, 1), -ECANCELED);
}

/* What the socket does not take at once is waited for, in order. */
static int fills(void *stream)
{
	static char bytes[12000];
	int sum = 0;
	int n;

	for (unsigned i = 0;; i++) {
		for (size_t k = 0; k < sizeof bytes; k++)
			bytes[k] = (char)((size_t)sum + k);
		n = writes(stream, bytes, sizeof bytes);
		sum += n > 0 ? n : 0;
		if (n < (int)sizeof bytes)
			return sum;
	}
}

static void cut_short(struct rig_pair *pair)
{
	static char all[16 << 20];
	struct coil_task *task = coil_spawn(fills, pair->a);
	int sum, bad = 0;

	coil_sleep(50 * COIL_MSEC);
	coil_cancel(task);
	sum = coil_join(task);
	EXPECT_GT(sum, 12000);
	EXPECT_EQ(coil_stream_shutdown(pair->a), 0);
	EXPECT_EQ(coil_stream_read_all(pair->b, all, sizeof all), sum);
	for (int i = 0; i < sum; i++)
		bad += all[i] != (char)i;
	EXPECT_EQ(bad, 0);
}

#define IN_BOTH_WAYS(one_buffer, vector, test)                                                     \
	IN_PAIR(one_buffer)                                                                        \
	{                                                                                          \
		by_vectors = false;                                                                \
		test(pair);                                                                        \
	}                                                                                          \
	IN_PAIR(vector)                                                                            \
	{                                                                                          \
		by_vectors = true;                                                                 \
		test(pair);                                                                        \
	}

IN_BOTH_WAYS(a_lone_write_is_a_call_of_its_own, a_lone_vector_is_a_call_of_its_own, alone)
IN_BOTH_WAYS(a_write_beside_others_goes_with_them, a_vector_beside_others_goes_with_them,
	     beside_others)
IN_BOTH_WAYS(writes_at_once_are_paid_for, vectors_at_once_are_paid_for, many)
IN_BOTH_WAYS(a_write_at_once_meets_the_cancel_before, a_vector_meets_the_cancel_before,
	     behind_a_cancel)
IN_BOTH_WAYS(what_does_not_fit_at_once_is_waited_for, what_does_not_fit_of_a_vector_is_waited_for,
	     cut_short)

static int cut_short_odd(void *arg)
{
	struct rig_pair pair;

	(void)arg;
	if (rig_sim_pair(&pair)) {
		cut_short(&pair);
		rig_close(&pair);
	}
	return 0;
}

TEST(stream, short_sends_at_once_lose_nothing)
{
	by_vectors = false;
	rig_run_odd(20, cut_short_odd);
	by_vectors = true;
	rig_run_odd(20, cut_short_odd);
}

static int reset(void *arg)
{
	const struct linger hard = {.l_onoff = 1};
	struct rig_pair pair;
	int rc;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	setsockopt(coil_stream_fd(pair.b), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	coil_stream_close(pair.b);
	settle();
	rc = coil_stream_write(pair.a, "x", 1);
	EXPECT(rc == -ECONNRESET || rc == -EPIPE);
	by_vectors = true;
	EXPECT_EQ(writes_hello(pair.a), -EPIPE);
	coil_stream_close(pair.a);
	return 0;
}

/* The socket tells it once. */
TEST(stream, a_write_at_once_tells_of_the_reset)
{
	RUN_REAL(reset);
}
