/* SPDX-License-Identifier: MIT */
/* Reading with a buffer; semantics.md B14. */
#include "net/rig.h"

#include <errno.h>
#include <sys/socket.h>

static void send_text(struct rig_pair *pair, const char *text)
{
	EXPECT_EQ(coil_stream_write(pair->b, text, strlen(text)), strlen(text));
}

static int read_exactly_4(void *stream)
{
	char buf[4];

	return coil_stream_read_exactly(stream, buf, 4);
}

static int read_line_8k(void *stream)
{
	static char line[8192];

	return coil_stream_read_line(stream, line, sizeof line);
}

static int read_exactly_6000(void *stream)
{
	static char buf[6000];

	return coil_stream_read_exactly(stream, buf, sizeof buf);
}

/* -- B14.1: limits ----------------------------------------------------------------------------- */

IN_PAIR(b14_1_the_limit_is_64_kib_and_can_be_set)
{
	static char line[70000];

	memset(line, 'a', 65537);
	line[65537] = '\n';
	coil_stream_write(pair->b, line, 65538);
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), -EMSGSIZE);
	memset(line, 'a', 65536);
	line[65536] = '\n';
	coil_stream_write(pair->b, line, 65537);
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 65537);
	EXPECT_EQ(coil_stream_set_limit(pair->a, 0), -EINVAL);
	EXPECT_EQ(coil_stream_set_limit(pair->a, (size_t)COIL_STREAM_LIMIT_MAX + 1), -EINVAL);
	EXPECT_EQ(coil_stream_set_limit(pair->a, 5), 0);
	send_text(pair, "12345\n123456\n");
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 6);
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), -EMSGSIZE);
}

/* asyncio pauses above twice the limit. Coil reads while somebody wants bytes, so never so far. */
static int floods(void *stream)
{
	static char much[400000];

	memset(much, 'x', sizeof much);
	return coil_stream_write(stream, much, sizeof much) < 0;
}

IN_PAIR(b14_1_no_more_than_twice_the_limit_is_held)
{
	struct coil_task *flood = coil_spawn(floods, pair->b);
	const void *data;
	static char buf[9000];

	EXPECT_EQ(coil_stream_set_limit(pair->a, 4096), 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(coil_stream_read_until(pair->a, buf, sizeof buf, "\n"), -EMSGSIZE);
		EXPECT_LE(coil_stream_buffered(pair->a), 8192);
	}
	EXPECT_EQ(coil_stream_peek(pair->a, 8192, &data), 8192);
	EXPECT_EQ(coil_stream_peek(pair->a, 8193, &data), -EMSGSIZE);
	EXPECT_EQ(coil_stream_unread(pair->a, "y", 1), -EMSGSIZE);
	EXPECT_EQ(coil_stream_skip(pair->a, 8000), 8000);
	EXPECT_EQ(coil_stream_buffered(pair->a), 192);
	coil_cancel(flood);
	coil_join(flood);
}

/* -- B14.2: read_until ------------------------------------------------------------------------- */

IN_PAIR(b14_2_the_shortest_match_of_several_separators_wins)
{
	const struct iovec separators[] = {{"abc", 3}, {"\r\n", 2}, {"ab", 2}, {"\n", 1}};
	struct coil_until until = {sizeof until, separators, 4, 0, 0, 0};
	char buf[32];

	send_text(pair, "1abc2\r\n3\n4");
	EXPECT_EQ(coil_stream_read_until_any(pair->a, buf, sizeof buf, &until), 3);
	EXPECT_EQ(until.which, 2);
	EXPECT_EQ(coil_stream_read_until_any(pair->a, buf, sizeof buf, &until), 4);
	EXPECT_MEM_EQ(buf, "c2\r\n", 4);
	EXPECT_EQ(until.which, 1);
	EXPECT_EQ(coil_stream_read_until_any(pair->a, buf, sizeof buf, &until), 2);
	EXPECT_EQ(until.which, 3);
	until.count = 0;
	EXPECT_EQ(coil_stream_read_until_any(pair->a, buf, sizeof buf, &until), -EINVAL);
	EXPECT_EQ(coil_stream_read_until(pair->a, buf, sizeof buf, ""), -EINVAL);
}

/* asyncio empties the buffer into the error; here it stays, for a plain read. */
IN_PAIR(b14_2_at_the_end_the_partial_data_can_be_read)
{
	char buf[32];

	send_text(pair, "half");
	coil_stream_shutdown(pair->b);
	EXPECT_EQ(coil_stream_read_until(pair->a, buf, sizeof buf, "\r\n"), -ENODATA);
	EXPECT(!coil_stream_at_end(pair->a));
	EXPECT_EQ(coil_stream_read(pair->a, buf, sizeof buf), 4);
	EXPECT_MEM_EQ(buf, "half", 4);
	EXPECT(coil_stream_at_end(pair->a));
	EXPECT_EQ(coil_stream_read_until(pair->a, buf, sizeof buf, "\r\n"), -ENODATA);
}

IN_PAIR(b14_2_too_long_keeps_the_data_and_says_how_far_it_looked)
{
	const struct iovec crlf = {"\r\n", 2};
	struct coil_until until = {sizeof until, &crlf, 1, 4, 0, 0};
	char buf[32];

	send_text(pair, "123456\r");
	EXPECT_EQ(coil_stream_read_until_any(pair->a, buf, sizeof buf, &until), -EMSGSIZE);
	EXPECT_EQ(until.looked, 6);
	EXPECT_EQ(coil_stream_buffered(pair->a), 7);
	send_text(pair, "\n");
	EXPECT_EQ(coil_stream_skip(pair->a, until.looked), 6);
	EXPECT_EQ(coil_stream_read_until_any(pair->a, buf, sizeof buf, &until), 2);
	/* Found, but too far, or too much for the caller's buffer. */
	send_text(pair, "123456\r\n");
	EXPECT_EQ(coil_stream_read_until_any(pair->a, buf, sizeof buf, &until), -EMSGSIZE);
	EXPECT_EQ(until.looked, 6);
	EXPECT_EQ(coil_stream_read_until(pair->a, buf, 7, "\r\n"), -EMSGSIZE);
	EXPECT_EQ(coil_stream_read_until(pair->a, buf, 8, "\r\n"), 8);
}

/* -- B14.3: read_line -------------------------------------------------------------------------- */

IN_PAIR(b14_3_lines_and_a_partial_one_at_the_end)
{
	char line[32];

	send_text(pair, "one\n\ntwo");
	coil_stream_shutdown(pair->b);
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 4);
	EXPECT_STR_EQ(line, "one\n");
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 1);
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 3);
	EXPECT_STR_EQ(line, "two");
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 0);
	EXPECT(coil_stream_at_end(pair->a));
	EXPECT_EQ(coil_stream_read_line(pair->a, line, 1), -EINVAL);
}

/* asyncio drops what it has, and serves the rest as a line; here the line goes, all of it. */
IN_PAIR(b14_3_a_line_that_is_too_long_is_dropped)
{
	char line[6];

	send_text(pair, "too long\nok\nand longer");
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), -EMSGSIZE);
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 3);
	EXPECT_STR_EQ(line, "ok\n");
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), -EMSGSIZE);
	send_text(pair, " still\nfine\n");
	EXPECT_EQ(coil_stream_read_line(pair->a, line, sizeof line), 5);
	EXPECT_STR_EQ(line, "fine\n");
}

/* -- B14.4: read_exactly, read ----------------------------------------------------------------- */

IN_PAIR(b14_4_read_exactly_small_and_large)
{
	static char out[100000], in[100000];
	char small[3];

	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 13);
	EXPECT_EQ(coil_stream_write(pair->b, out, sizeof out), sizeof out);
	EXPECT_EQ(coil_stream_read_exactly(pair->a, small, 3), 3);
	EXPECT_MEM_EQ(small, out, 3);
	EXPECT_EQ(coil_stream_read_exactly(pair->a, in, sizeof in - 3), sizeof in - 3);
	EXPECT(memcmp(in, out + 3, sizeof in - 3) == 0);
	EXPECT_EQ(coil_stream_read_exactly(pair->a, in, 0), 0);
	EXPECT_EQ(coil_stream_read_exactly(pair->a, in, (size_t)COIL_STREAM_BYTES_MAX + 1),
		  -EINVAL);
}

IN_PAIR(b14_4_the_partial_data_of_read_exactly_stays)
{
	static char buf[6000];

	EXPECT_EQ(coil_stream_write(pair->b, buf, 5000), 5000);
	send_text(pair, "end");
	coil_stream_shutdown(pair->b);
	EXPECT_EQ(read_exactly_6000(pair->a), -ENODATA);
	EXPECT_EQ(coil_stream_buffered(pair->a), 5003);
	EXPECT_EQ(coil_stream_read_exactly(pair->a, buf, 5003), 5003);
	EXPECT_MEM_EQ(buf + 5000, "end", 3);
	EXPECT_EQ(coil_stream_read_exactly(pair->a, buf, 1), -ENODATA);
}

IN_PAIR(b14_4_read_gives_what_there_is_and_read_all_everything)
{
	char buf[32];

	send_text(pair, "line\nrest");
	EXPECT_EQ(coil_stream_read_line(pair->a, buf, sizeof buf), 5);
	EXPECT_EQ(coil_stream_read(pair->a, buf, 2), 2);
	EXPECT_EQ(coil_stream_read(pair->a, buf + 2, sizeof buf), 2);
	EXPECT_MEM_EQ(buf, "rest", 4);
	send_text(pair, "the ");
	send_text(pair, "end");
	coil_stream_shutdown(pair->b);
	EXPECT_EQ(coil_stream_read_all(pair->a, buf, 6), -EMSGSIZE);
	EXPECT_EQ(coil_stream_read_all(pair->a, buf, 7), 7);
	EXPECT_MEM_EQ(buf, "the end", 7);
	EXPECT_EQ(coil_stream_read_all(pair->a, buf, 7), 0);
}

static int two_readers(void *arg)
{
	struct rig_pair pair;

	(void)arg;
	if (rig_unix_pair(&pair)) {
		coil_spawn(read_line_8k, pair.a);
		coil_yield();
		read_exactly_4(pair.a);
	}
	return 0;
}

TEST_SIGNAL(stream, b14_4_a_second_reader_of_any_kind_is_misuse, SIGABRT,
	    "another task reads this stream already")
{
	coil_run(two_readers, NULL);
}

/* -- Beyond asyncio ---------------------------------------------------------------------------- */

IN_PAIR(peek_skip_and_unread)
{
	const void *data;
	char buf[16];

	EXPECT_EQ(coil_stream_skip(pair->a, 5), 0);
	EXPECT_EQ(coil_stream_unread(pair->a, "!", 1), 0);
	send_text(pair, "hello");
	EXPECT_EQ(coil_stream_peek(pair->a, 4, &data), 6);
	EXPECT_MEM_EQ(data, "!hello", 6);
	EXPECT_EQ(coil_stream_skip(pair->a, 3), 3);
	EXPECT_EQ(coil_stream_unread(pair->a, "HE", 2), 0);
	EXPECT_EQ(coil_stream_unread(pair->a, "wide ", 5), 0);
	EXPECT_EQ(coil_stream_read(pair->a, buf, sizeof buf), 10);
	EXPECT_MEM_EQ(buf, "wide HEllo", 10);
	coil_stream_shutdown(pair->b);
	EXPECT_EQ(coil_stream_peek(pair->a, 1, &data), 0);
}

IN_PAIR(a_cancelled_read_leaves_what_came)
{
	int (*const entries[])(void *) = {read_exactly_4, read_line_8k, read_exactly_6000};
	struct coil_scope scope;
	struct coil_task *task;
	char buf[16];

	for (int i = 0; i < 3; i++) {
		send_text(pair, "ab");
		task = coil_spawn(entries[i], pair->a);
		coil_sleep(COIL_MSEC);
		send_text(pair, "c");
		coil_sleep(COIL_MSEC);
		coil_cancel(task);
		EXPECT_EQ(coil_join(task), -ECANCELED);
		EXPECT_EQ(coil_stream_buffered(pair->a), 3);
		EXPECT_EQ(coil_timeout(COIL_MSEC, entries[i], pair->a), -ETIME);
		EXPECT_EQ(coil_stream_read(pair->a, buf, sizeof buf), 3);
		EXPECT_MEM_EQ(buf, "abc", 3);
	}
	/* Before: also if all is there. */
	send_text(pair, "abcdefgh");
	EXPECT_EQ(coil_stream_read_exactly(pair->a, buf, 2), 2);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(read_exactly_4(pair->a), -ECANCELED);
	EXPECT_EQ(coil_stream_read(pair->a, buf, 4), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(coil_stream_buffered(pair->a), 6);
}

static int close_ends_it(void *arg)
{
	int (*const entries[])(void *) = {read_exactly_4, read_line_8k, read_exactly_6000};
	struct rig_pair pair;
	struct coil_task *task;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		if (!rig_unix_pair(&pair))
			return 0;
		task = coil_spawn(entries[i], pair.a);
		send_text(&pair, "ab");
		coil_sleep(COIL_MSEC);
		rig_close(&pair);
		EXPECT_EQ(coil_join(task), -EPIPE);
	}
	return 0;
}

TEST(stream, a_close_ends_reads_with_a_buffer)
{
	RUN(close_ends_it);
}

/* -- Any cut gives the same -------------------------------------------------------------------- */

#define LINES 60

static int writes_lines(void *stream)
{
	char text[200];

	for (int i = 0; i < LINES; i++) {
		int n = snprintf(text, sizeof text, "%d:%0*d\r\n", i, i * 3 % 120 + 1, i);

		if (i % 7 == 3)
			coil_yield();
		if (coil_stream_write(stream, text, (size_t)n) != n)
			return -EIO;
	}
	return coil_stream_shutdown(stream);
}

static int reads_lines(struct coil_stream *stream)
{
	char text[200], line[200];
	int dropped = 0;

	for (int i = 0; i < LINES; i++) {
		int n = snprintf(text, sizeof text, "%d:%0*d\r\n", i, i * 3 % 120 + 1, i);
		int rc = i % 2 ? coil_stream_read_until(stream, line, 200, "\r\n") :
				 coil_stream_read_line(stream, line, 100);

		if (n >= 100 && i % 2 == 0) {
			EXPECT_EQ(rc, -EMSGSIZE);
			/* The next read is of another kind: it would get the rest. */
			rc = coil_stream_read_line(stream, line, sizeof line);
			i++;
			n = snprintf(text, sizeof text, "%d:%0*d\r\n", i, i * 3 % 120 + 1, i);
			dropped++;
		}
		EXPECT_EQ(rc, n);
		if (rc == n)
			EXPECT(memcmp(line, text, (size_t)n) == 0);
	}
	EXPECT_GT(dropped, 0);
	return coil_stream_read_line(stream, line, sizeof line);
}

static int chunked(void *arg)
{
	struct rig_pair pair;
	struct coil_task *writer;

	(void)arg;
	if (!rig_sim_pair(&pair))
		return 0;
	writer = coil_spawn(writes_lines, pair.b);
	EXPECT_EQ(reads_lines(pair.a), 0);
	EXPECT_EQ(coil_join(writer), 0);
	rig_close(&pair);
	return 0;
}

TEST(stream, how_bytes_are_cut_changes_nothing)
{
	rig_run_odd(200, chunked);
}
