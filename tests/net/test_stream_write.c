/* SPDX-License-Identifier: MIT */
/* Vectored and buffered writing; semantics.md B14. */
#include "net/rig.h"

#include "loop/loop.h"
#include "ring/driver.h"

#include <errno.h>
#include <sys/socket.h>

#define MUCH (4u << 20)

static char much[MUCH];

static int drains(void *stream)
{
	return coil_stream_drain(stream);
}

static int flushes(void *stream)
{
	return coil_stream_flush(stream);
}

/* All up to the end: how much. */
static int reads_all(void *stream)
{
	static char buf[MUCH + 100];

	return coil_stream_read_all(stream, buf, sizeof buf);
}

/* -- writev ------------------------------------------------------------------------------------ */

IN_PAIR(writev_writes_all_pieces_as_one)
{
	const struct iovec iov[] = {{"one", 3}, {NULL, 0}, {" two", 4}, {" three", 6}};
	const struct iovec huge = {much, (size_t)COIL_STREAM_BYTES_MAX + 1};
	char buf[32];

	EXPECT_EQ(coil_stream_writev(pair->a, iov, 4), 13);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 13);
	EXPECT_MEM_EQ(buf, "one two three", 13);
	EXPECT_EQ(coil_stream_writev(pair->a, iov, 0), 0);
	EXPECT_EQ(coil_stream_writev(pair->a, &huge, 1), -EINVAL);
}

static int writes_pieces(void *stream)
{
	static struct iovec iov[3000];
	int total = 0;

	for (int i = 0; i < 3000; i++) {
		iov[i] = (struct iovec){much + total, (size_t)i % 1000};
		total += i % 1000;
	}
	return coil_stream_writev(stream, iov, 3000) == total ? 0 : -EIO;
}

IN_PAIR(writev_of_many_pieces_to_a_slow_reader)
{
	static char buf[3 * 999 * 500];
	struct coil_task *writer;

	for (size_t i = 0; i < sizeof buf; i++)
		much[i] = (char)(i * 11 + i / 1000);
	writer = coil_spawn(writes_pieces, pair->a);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_stream_read_exactly(pair->b, buf, sizeof buf), sizeof buf);
	EXPECT(memcmp(buf, much, sizeof buf) == 0);
	EXPECT_EQ(coil_join(writer), 0);
}

static int writev_much(void *stream)
{
	const struct iovec iov[] = {{much, MUCH / 2}, {much, MUCH / 2}};

	return coil_stream_writev(stream, iov, 2);
}

IN_PAIR(a_cancelled_writev_returns_what_was_written)
{
	struct coil_task *task = coil_spawn(writev_much, pair->a);
	int n;

	coil_sleep(5 * COIL_MSEC);
	coil_cancel(task);
	n = coil_join(task);
	EXPECT_GT(n, 0);
	EXPECT_LT(n, MUCH);
	coil_stream_shutdown(pair->a);
	EXPECT_EQ(reads_all(pair->b), n);
}

/* -- B14.5: put and drain ---------------------------------------------------------------------- */

IN_PAIR(b14_5_what_was_put_in_one_turn_is_sent_as_one)
{
	char buf[32];

	EXPECT_EQ(coil_stream_put(pair->a, "one", 3), 0);
	EXPECT_EQ(coil_stream_put(pair->a, " two", 4), 0);
	EXPECT_EQ(coil_stream_put(pair->a, "", 0), 0);
	EXPECT_EQ(coil_stream_unsent(pair->a), 7);
	EXPECT_EQ(coil_stream_drain(pair->a), 0);
	EXPECT_EQ(coil_stream_unsent(pair->a), 7);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 7);
	EXPECT_MEM_EQ(buf, "one two", 7);
	EXPECT_EQ(coil_stream_flush(pair->a), 0);
	EXPECT_EQ(coil_stream_unsent(pair->a), 0);
	/* And behind it, what is written directly. */
	EXPECT_EQ(coil_stream_put(pair->a, "head ", 5), 0);
	EXPECT_EQ(coil_stream_write(pair->a, "body", 4), 4);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 9);
	EXPECT_MEM_EQ(buf, "head body", 9);
	EXPECT_EQ(coil_stream_put(pair->a, "last", 4), 0);
	EXPECT_EQ(coil_stream_shutdown(pair->a), 0);
	EXPECT_EQ(coil_stream_read_all(pair->b, buf, sizeof buf), 4);
}

IN_PAIR(b14_5_several_drain_from_the_high_mark_to_the_low_one)
{
	struct coil_task *first, *second, *reader;

	EXPECT_EQ(coil_stream_put(pair->a, much, COIL_STREAM_HIGH), 0);
	EXPECT_EQ(coil_stream_drain(pair->a), 0);
	EXPECT_EQ(coil_stream_unsent(pair->a), COIL_STREAM_HIGH);
	EXPECT_EQ(coil_stream_put(pair->a, much, MUCH - COIL_STREAM_HIGH), 0);
	first = coil_spawn(drains, pair->a);
	second = coil_spawn(drains, pair->a);
	coil_sleep(3 * COIL_MSEC);
	EXPECT(!coil_future_done(coil_task_future(first)));
	reader = coil_spawn(reads_all, pair->b);
	EXPECT_EQ(coil_join(first), 0);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_LE(coil_stream_unsent(pair->a), COIL_STREAM_HIGH / 4);
	coil_stream_shutdown(pair->a);
	EXPECT_EQ(coil_join(reader), MUCH);
}

IN_PAIR(b14_5_the_marks_can_be_set)
{
	EXPECT_EQ(coil_stream_set_water(pair->a, 10, 11), -EINVAL);
	EXPECT_EQ(coil_stream_set_water(pair->a, (size_t)COIL_STREAM_BYTES_MAX + 1, 0), -EINVAL);
	EXPECT_EQ(coil_stream_set_water(pair->a, 0, 0), 0);
	EXPECT_EQ(coil_stream_put(pair->a, "x", 1), 0);
	EXPECT_EQ(coil_stream_drain(pair->a), 0);
	EXPECT_EQ(coil_stream_unsent(pair->a), 0);
	EXPECT_EQ(coil_stream_put(pair->a, much, (size_t)COIL_STREAM_BYTES_MAX + 1), -ENOBUFS);
}

IN_PAIR(b14_5_a_drain_tells_of_the_errors_of_both_sides)
{
	struct coil_task *drain, *flush;
	char byte;

	EXPECT_EQ(coil_stream_put(pair->a, much, MUCH), 0);
	drain = coil_spawn(drains, pair->a);
	flush = coil_spawn(flushes, pair->a);
	coil_sleep(COIL_MSEC);
	coil_stream_close(pair->b);
	EXPECT_LT(coil_join(drain), 0);
	EXPECT_LT(coil_join(flush), 0);
	EXPECT_LT(coil_stream_put(pair->a, "x", 1), 0);
	EXPECT_LT(coil_stream_write(pair->a, "x", 1), 0);
	EXPECT_EQ(coil_stream_unsent(pair->a), 0);
	coil_stream_close(pair->a);
	/* Of a read. */
	rig_tcp_pair(pair);
	coil_stream_write(pair->a, "unread", 6);
	coil_sleep(COIL_MSEC);
	coil_stream_close(pair->b);
	EXPECT_EQ(coil_stream_read(pair->a, &byte, 1), -ECONNRESET);
	EXPECT_EQ(coil_stream_drain(pair->a), -ECONNRESET);
	coil_stream_close(pair->a);
	rig_unix_pair(pair);
}

IN_PAIR(a_cancelled_drain_or_flush_leaves_what_was_put)
{
	int (*const entries[])(void *) = {drains, flushes};
	struct coil_task *task;
	struct coil_scope scope;

	EXPECT_EQ(coil_stream_put(pair->a, much, MUCH), 0);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(coil_timeout(COIL_MSEC, entries[i], pair->a), -ETIME);
		task = coil_spawn(entries[i], pair->a);
		coil_yield();
		coil_cancel(task);
		EXPECT_EQ(coil_join(task), -ECANCELED);
	}
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(coil_stream_put(pair->a, "x", 1), 0);
	EXPECT_EQ(coil_stream_drain(pair->a), -ECANCELED);
	EXPECT_EQ(coil_stream_write(pair->a, "y", 1), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	task = coil_spawn(reads_all, pair->b);
	EXPECT_EQ(coil_stream_shutdown(pair->a), 0);
	EXPECT_EQ(coil_join(task), MUCH + 1);
}

/* -- B14.6: close ------------------------------------------------------------------------------ */

IN_PAIR(b14_6_a_close_sends_what_was_put)
{
	struct coil_task *reader = coil_spawn(reads_all, pair->b);

	EXPECT_EQ(coil_stream_put(pair->a, much, MUCH), 0);
	coil_stream_close(pair->a);
	EXPECT_EQ(coil_join(reader), MUCH);
	coil_stream_close(pair->b);
	rig_unix_pair(pair);
	coil_stream_put(pair->b, much, 10);
}

static int closes(void *stream)
{
	coil_stream_close(stream);
	return coil_cancelling();
}

IN_PAIR(b14_6_a_cancelled_close_drops_it)
{
	struct coil_scope scope;
	struct coil_task *flush;

	EXPECT_EQ(coil_stream_put(pair->a, much, MUCH), 0);
	flush = coil_spawn(flushes, pair->a);
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, closes, pair->a), -ETIME);
	EXPECT_EQ(coil_join(flush), -EPIPE);
	EXPECT_LT(reads_all(pair->b), MUCH);
	coil_stream_close(pair->b);
	/* Before the sender has run. */
	rig_unix_pair(pair);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(coil_stream_put(pair->a, "x", 1), 0);
	coil_stream_close(pair->a);
	coil_scope_close(&scope);
	coil_yield();
	coil_stream_close(pair->b);
	rig_unix_pair(pair);
}

/* -- Under seeds ------------------------------------------------------------------------------- */

static int puts_and_writes(void *stream)
{
	for (int i = 0; i < 100; i++) {
		const struct iovec iov[] = {{much + i * 100, 33}, {much + i * 100 + 33, 67}};
		int rc;

		if (i % 3 == 0)
			rc = coil_stream_put(stream, much + i * 100, 100);
		else if (i % 3 == 1)
			rc = coil_stream_write(stream, much + i * 100, 100) - 100;
		else
			rc = coil_stream_writev(stream, iov, 2) - 100;
		if (rc < 0)
			return rc;
		if (i % 5 == 0)
			coil_yield();
		if (i % 7 == 0)
			coil_stream_drain(stream);
	}
	return coil_stream_shutdown(stream);
}

static int in_order(void *arg)
{
	struct rig_pair pair;
	struct coil_task *writer;
	static char buf[20000];
	int fds[2];

	(void)arg;
	EXPECT_EQ(coil_sim_socketpair(SOCK_STREAM, fds), 0);
	EXPECT_EQ(coil_stream_from_fd(&pair.a, fds[0]), 0);
	EXPECT_EQ(coil_stream_from_fd(&pair.b, fds[1]), 0);
	EXPECT_EQ(coil_stream_set_water(pair.a, 150, 50), 0);
	writer = coil_spawn(puts_and_writes, pair.a);
	EXPECT_EQ(coil_stream_read_all(pair.b, buf, sizeof buf), 10000);
	EXPECT(memcmp(buf, much, 10000) == 0);
	EXPECT_EQ(coil_join(writer), 0);
	rig_close(&pair);
	return 0;
}

TEST(stream, puts_and_writes_keep_their_order)
{
	for (size_t i = 0; i < 10000; i++)
		much[i] = (char)(i * 7 + i / 256);
	rig_run_odd(200, in_order);
}

/* -- At once ----------------------------------------------------------------------------------- */

static int writes_in_cancelled(void *stream)
{
	struct coil_scope scope;
	int rc;

	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	rc = coil_stream_write(stream, much, 65536);
	coil_scope_close(&scope);
	return rc;
}

/* There is room for it, so that it could go out without a wait. */
IN_PAIR(a_large_write_in_a_cancelled_scope_sends_nothing)
{
	char buf[16];

	EXPECT_EQ(writes_in_cancelled(pair->a), -ECANCELED);
	EXPECT_EQ(coil_stream_write(pair->a, "first", 5), 5);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 5);
}

IN_PAIR(a_large_write_to_nobody_is_an_error)
{
	coil_stream_close(pair->b);
	pair->b = NULL;
	EXPECT_EQ(coil_stream_write(pair->a, much, 65536), -EPIPE);
}

static int counts_turns(void *arg)
{
	unsigned *turns = arg;

	for (;;) {
		int rc = coil_yield();

		if (rc < 0)
			return rc;
		++*turns;
	}
}

/* Writes that never wait let others run: the reader takes all by calls of its own. */
IN_PAIR(large_writes_that_never_wait_are_fair)
{
	unsigned turns = 0;
	struct coil_task *counter = coil_spawn(counts_turns, &turns);
	int fd = coil_stream_fd(pair->b);

	for (unsigned i = 0; i < 1000; i++) {
		EXPECT_EQ(coil_stream_write(pair->a, much, 20000), 20000);
		for (int left = 20000; left > 0;) {
			int rc = loop_current->driver->ops->calls->recv(fd, much, (size_t)left,
									MSG_DONTWAIT);

			EXPECT_GT(rc, 0);
			left -= rc > 0 ? rc : left;
		}
	}
	EXPECT_GE(turns, 3);
	coil_cancel(counter);
	EXPECT_EQ(coil_join(counter), -ECANCELED);
}
