/* SPDX-License-Identifier: MIT */
/* Streams: read, write all, shutdown, close; cancelled, interrupted, misused. */
#include "net/rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG (8u << 20)

static bool (*const pairs[])(struct rig_pair *) = {rig_tcp_pair, rig_unix_pair};

#define FOR_EACH_PAIR(pair)                                                                        \
	for (size_t kind_ = 0; kind_ < 2; kind_++)                                                 \
		if (pairs[kind_](pair))

/* -- Bytes ------------------------------------------------------------------------------------- */

static int bytes_go_both_ways(void *arg)
{
	struct rig_pair pair;
	char buf[32];

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		EXPECT_EQ(coil_stream_write(pair.a, "hello", 5), 5);
		EXPECT_EQ(coil_stream_read(pair.b, buf, sizeof buf), 5);
		EXPECT_MEM_EQ(buf, "hello", 5);
		EXPECT_EQ(coil_stream_write(pair.b, "world!", 6), 6);
		EXPECT_EQ(coil_stream_read(pair.a, buf, 3), 3);
		EXPECT_EQ(coil_stream_read(pair.a, buf + 3, sizeof buf - 3), 3);
		EXPECT_MEM_EQ(buf, "world!", 6);
		EXPECT_EQ(coil_stream_read(pair.a, buf, 0), 0);
		EXPECT_EQ(coil_stream_write(pair.a, buf, 0), 0);
		rig_close(&pair);
	}
	return 0;
}

TEST(stream, bytes_go_both_ways)
{
	RUN(bytes_go_both_ways);
}

/* The end that comes together with the last bytes, when the reader has drained the socket before:
 * what the multishot receive of some kernels loses. */
static int shutdown_is_the_end(void *arg)
{
	struct rig_pair pair;
	char buf[8];

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		EXPECT_EQ(coil_stream_write(pair.a, "x", 1), 1);
		EXPECT_EQ(coil_stream_read(pair.b, buf, sizeof buf), 1);
		EXPECT_EQ(coil_stream_write(pair.a, "y", 1), 1);
		EXPECT_EQ(coil_stream_shutdown(pair.a), 0);
		EXPECT_EQ(coil_stream_read(pair.b, buf, sizeof buf), 1);
		EXPECT_EQ(coil_stream_read(pair.b, buf, sizeof buf), 0);
		EXPECT_EQ(coil_stream_read(pair.b, buf, sizeof buf), 0);
		EXPECT_EQ(coil_stream_write(pair.b, "z", 1), 1);
		EXPECT_EQ(coil_stream_read(pair.a, buf, sizeof buf), 1);
		EXPECT_EQ(coil_stream_write(pair.a, "w", 1), -EPIPE);
		rig_close(&pair);
	}
	return 0;
}

TEST(stream, shutdown_is_the_end_and_reading_goes_on)
{
	RUN(shutdown_is_the_end);
}

static int slow_reader(void *arg)
{
	struct coil_stream *stream = arg;
	char *buf = malloc(BIG);
	int rc = -ENOMEM;

	for (size_t got = 0; buf && got < BIG; got += (size_t)rc) {
		rc = coil_stream_read(stream, buf + got, BIG - got < 100000 ? BIG - got : 100000);
		if (rc <= 0)
			break;
		if (got < (1u << 20))
			coil_sleep(COIL_MSEC);
	}
	for (size_t i = 0; rc > 0 && i < BIG; i += 4093)
		if (buf[i] != (char)(i * 7))
			rc = -EBADMSG;
	free(buf);
	return rc < 0 ? rc : 0;
}

static int write_all(void *arg)
{
	struct rig_pair pair;
	struct coil_task *reader;
	char *big = malloc(BIG);

	(void)arg;
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 7);
	FOR_EACH_PAIR(&pair) {
		reader = coil_spawn(slow_reader, pair.b);
		EXPECT_EQ(coil_stream_write(pair.a, big, BIG), BIG);
		EXPECT_EQ(coil_join(reader), 0);
		rig_close(&pair);
	}
	free(big);
	return 0;
}

TEST(stream, write_writes_all_to_a_slow_reader)
{
	RUN(write_all);
}

static int errors(void *arg)
{
	struct rig_pair pair;
	char byte = 0;

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		EXPECT_EQ(coil_stream_write(pair.a, &byte, (size_t)COIL_STREAM_BYTES_MAX + 1),
			  -EINVAL);
		coil_stream_close(pair.b);
		/* The first write may still fit; the kernel says no soon after. */
		while (coil_stream_write(pair.a, &byte, 1) == 1)
			continue;
		EXPECT_EQ(coil_stream_write(pair.a, &byte, 1), -EPIPE);
		coil_stream_close(pair.a);
	}
	coil_stream_close(NULL);
	return 0;
}

TEST(stream, a_closed_peer_and_a_huge_length_are_errors)
{
	RUN(errors);
}

static int not_a_stream(void *arg)
{
	struct coil_stream *stream = NULL;
	int fds[2];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)arg;
	EXPECT_EQ(pipe2(fds, 0), 0);
	EXPECT_EQ(coil_stream_from_fd(&stream, -1), -EBADF);
	EXPECT_EQ(coil_stream_from_fd(&stream, fds[0]), -ENOTSOCK);
	EXPECT_EQ(coil_stream_from_fd(&stream, fd), -EPROTOTYPE);
	EXPECT(stream == NULL);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(coil_stream_from_fd(&stream, fd), 0);
	EXPECT_EQ(coil_stream_fd(stream), fd);
	EXPECT_EQ(coil_stream_shutdown(stream), -ENOTCONN);
	coil_stream_close(stream);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

TEST(stream, from_fd_takes_stream_sockets_alone)
{
	RUN_REAL(not_a_stream);
}

static int names(void *arg)
{
	struct rig_pair pair;
	char here[COIL_ADDRESS_TEXT], there[COIL_ADDRESS_TEXT];
	int one = 0;
	socklen_t bytes = sizeof one;

	(void)arg;
	if (rig_tcp_pair(&pair)) {
		EXPECT_EQ(coil_stream_local(pair.a, here, sizeof here), 0);
		EXPECT_EQ(coil_stream_peer(pair.b, there, sizeof there), 0);
		EXPECT_STR_EQ(here, there);
		EXPECT(strncmp(here, "127.0.0.1:", 10) == 0);
		EXPECT_EQ(coil_stream_peer(pair.b, there, 5), -ENOSPC);
		for (int i = 0; i < 2; i++) {
			int fd = coil_stream_fd(i ? pair.a : pair.b);

			EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, &bytes), 0);
			EXPECT(one != 0);
		}
		rig_close(&pair);
	}
	if (rig_unix_pair(&pair)) {
		EXPECT_EQ(coil_stream_peer(pair.a, here, sizeof here), 0);
		EXPECT_STR_EQ(here, "unnamed");
		rig_close(&pair);
	}
	return 0;
}

TEST(stream, names_and_nodelay)
{
	RUN_REAL(names);
}

/* -- Cancellation ------------------------------------------------------------------------------ */

static int read_one(void *arg)
{
	char byte;

	return coil_stream_read(arg, &byte, 1);
}

static int cancelled(void *arg)
{
	struct rig_pair pair;
	struct coil_task *task;
	struct coil_scope scope;
	char buf[4];

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		/* Before: nothing is started. */
		coil_stream_write(pair.b, "q", 1);
		coil_scope_open(&scope);
		coil_scope_cancel(&scope, -ECANCELED, "test");
		EXPECT_EQ(coil_stream_read(pair.a, buf, 1), -ECANCELED);
		EXPECT_EQ(coil_stream_write(pair.a, "p", 1), -ECANCELED);
		EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
		EXPECT_EQ(coil_stream_read(pair.a, buf, 4), 1);
		/* During. */
		task = coil_spawn(read_one, pair.a);
		coil_yield();
		coil_sleep(COIL_MSEC);
		coil_cancel(task);
		EXPECT_EQ(coil_join(task), -ECANCELED);
		EXPECT_EQ(coil_timeout(5 * COIL_MSEC, read_one, pair.a), -ETIME);
		/* After: the byte wins. */
		task = coil_spawn(read_one, pair.a);
		coil_yield();
		coil_stream_write(pair.b, "r", 1);
		coil_cancel(task);
		EXPECT_EQ(coil_join(task), 1);
		/* And the stream still works. */
		coil_stream_write(pair.b, "s", 1);
		EXPECT_EQ(coil_stream_read(pair.a, buf, 4), 1);
		EXPECT_EQ(buf[0], 's');
		rig_close(&pair);
	}
	return 0;
}

TEST(stream, a_cancelled_read_takes_nothing)
{
	RUN(cancelled);
}

static int write_big(void *arg)
{
	static char big[BIG];

	return coil_stream_write(arg, big, sizeof big);
}

static int partial(void *arg)
{
	struct rig_pair pair;
	struct coil_task *task;
	char *buf = malloc(BIG);
	int n;

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		task = coil_spawn(write_big, pair.a);
		coil_sleep(20 * COIL_MSEC);
		coil_cancel(task);
		n = coil_join(task);
		EXPECT_GT(n, 0);
		EXPECT_LT(n, BIG);
		/* Exactly so many arrive. */
		EXPECT_EQ(coil_stream_shutdown(pair.a), 0);
		EXPECT_EQ(rig_read_all(pair.b, buf, (size_t)n), 0);
		EXPECT_EQ(coil_stream_read(pair.b, buf, 1), 0);
		rig_close(&pair);
	}
	free(buf);
	return 0;
}

TEST(stream, a_cancelled_write_returns_what_was_written)
{
	RUN(partial);
}

/* -- Two at once ------------------------------------------------------------------------------- */

static int write_letter(void *arg)
{
	static char letters[3][100000];
	static int next;
	static struct coil_stream *stream;
	int mine;

	if (arg != stream)
		next = 0;
	stream = arg;
	mine = next++ % 3;
	memset(letters[mine], 'a' + mine, sizeof letters[mine]);
	return coil_stream_write(arg, letters[mine], sizeof letters[mine]);
}

static int writers_queue(void *arg)
{
	struct rig_pair pair;
	struct coil_task *tasks[3];
	char *buf = malloc(BIG);
	int small = 4096;

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		setsockopt(coil_stream_fd(pair.a), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
		for (int i = 0; i < 3; i++)
			tasks[i] = coil_spawn(write_letter, pair.a);
		coil_sleep(2 * COIL_MSEC);
		EXPECT_EQ(rig_read_all(pair.b, buf, 300000), 0);
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(coil_join(tasks[i]), 100000);
			for (int j = 0; j < 100000; j += 99)
				EXPECT_EQ(buf[i * 100000 + j], 'a' + i);
		}
		rig_close(&pair);
	}
	free(buf);
	return 0;
}

TEST(stream, writers_take_turns)
{
	RUN(writers_queue);
}

static int cancelled_turn(void *arg)
{
	struct rig_pair pair;
	struct coil_task *first, *second, *third;
	char *buf = malloc(BIG);

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		first = coil_spawn(write_big, pair.a);
		second = coil_spawn(write_big, pair.a);
		third = coil_spawn(write_letter, pair.a);
		coil_sleep(2 * COIL_MSEC);
		coil_cancel(second);
		EXPECT_EQ(coil_join(second), -ECANCELED);
		EXPECT_EQ(rig_read_all(pair.b, buf, BIG), 0);
		EXPECT_EQ(coil_join(first), BIG);
		EXPECT_EQ(rig_read_all(pair.b, buf, 100000), 0);
		EXPECT_EQ(coil_join(third), 100000);
		rig_close(&pair);
	}
	free(buf);
	return 0;
}

TEST(stream, a_cancelled_writer_gives_up_its_turn)
{
	RUN(cancelled_turn);
}

static int second_reader(void *arg)
{
	struct rig_pair pair;

	(void)arg;
	if (rig_unix_pair(&pair)) {
		coil_spawn(read_one, pair.a);
		coil_yield();
		read_one(pair.a);
	}
	return 0;
}

TEST_SIGNAL(stream, a_second_reader_is_misuse, SIGABRT, "another task reads this stream already")
{
	coil_run(second_reader, NULL);
}

/* -- Close ------------------------------------------------------------------------------------- */

static int close_ends_waits(void *arg)
{
	struct rig_pair pair;
	struct coil_task *reader, *writer, *queued;
	struct coil_scope scope;

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		reader = coil_spawn(read_one, pair.a);
		writer = coil_spawn(write_big, pair.a);
		queued = coil_spawn(write_big, pair.a);
		coil_sleep(2 * COIL_MSEC);
		/* In a cancelled scope, too. */
		coil_scope_open(&scope);
		coil_scope_cancel(&scope, -ECANCELED, "test");
		coil_stream_close(pair.a);
		coil_scope_close(&scope);
		EXPECT_EQ(coil_join(reader), -EPIPE);
		EXPECT_EQ(coil_join(writer), -EPIPE);
		EXPECT_EQ(coil_join(queued), -EPIPE);
		coil_stream_close(pair.b);
	}
	return 0;
}

TEST(stream, a_close_ends_the_waits_of_others)
{
	RUN(close_ends_waits);
}

/* The bytes have come, but the reader has not run yet: it must not go on with a stream that is
 * gone. And one that is cancelled at the same time hears of that. */
static int close_races(void *arg)
{
	struct rig_pair pair;
	struct coil_task *reader;

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		reader = coil_spawn(read_one, pair.a);
		coil_sleep(COIL_MSEC);
		EXPECT_EQ(coil_stream_write(pair.b, "x", 1), 1);
		coil_stream_close(pair.a);
		EXPECT_EQ(coil_join(reader), -EPIPE);
		coil_stream_close(pair.b);
	}
	FOR_EACH_PAIR(&pair) {
		reader = coil_spawn(read_one, pair.a);
		coil_sleep(COIL_MSEC);
		coil_cancel(reader);
		coil_stream_close(pair.a);
		EXPECT_EQ(coil_join(reader), -ECANCELED);
		coil_stream_close(pair.b);
	}
	return 0;
}

TEST(stream, a_close_wins_over_a_result_that_nobody_saw)
{
	RUN(close_races);
}

static int close_while_turn_is_given(void *arg)
{
	struct rig_pair pair;
	struct coil_task *first, *second;
	char *buf = malloc(BIG);

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		first = coil_spawn(write_letter, pair.a);
		second = coil_spawn(write_big, pair.a);
		coil_sleep(COIL_MSEC);
		EXPECT_EQ(rig_read_all(pair.b, buf, 100000), 0);
		coil_stream_close(pair.a);
		EXPECT(coil_join(first) != 0);
		EXPECT_EQ(coil_join(second), -EPIPE);
		coil_stream_close(pair.b);
	}
	free(buf);
	return 0;
}

TEST(stream, a_close_meets_a_writer_that_was_just_given_the_turn)
{
	RUN(close_while_turn_is_given);
}

/* -- Cost -------------------------------------------------------------------------------------- */

static int echo_some(void *arg)
{
	char buf[64];
	int n;

	while ((n = coil_stream_read(arg, buf, sizeof buf)) > 0)
		coil_stream_write(arg, buf, (size_t)n);
	return n;
}

static int no_allocations(void *arg)
{
	struct coil_stats before = {.size = sizeof before}, after = {.size = sizeof after};
	struct coil_task *task;
	struct rig_pair pair;
	char buf[64];

	(void)arg;
	FOR_EACH_PAIR(&pair) {
		task = coil_spawn(echo_some, pair.b);
		for (int i = 0; i < 1000; i++) {
			if (i == 20) /* the loop's table of files is there, too */
				coil_stats(&before);
			EXPECT_EQ(coil_stream_write(pair.a, "ping", 4), 4);
			EXPECT_EQ(coil_stream_read(pair.a, buf, sizeof buf), 4);
		}
		coil_stats(&after);
		EXPECT_EQ(after.allocations, before.allocations);
		coil_stream_close(pair.a);
		EXPECT_EQ(coil_join(task), 0);
		coil_stream_close(pair.b);
	}
	return 0;
}

TEST(stream, a_request_allocates_nothing)
{
	RUN(no_allocations);
}
