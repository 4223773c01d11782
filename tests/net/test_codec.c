/* SPDX-License-Identifier: MIT */
/* Frames and lines. */
#include "net/rig.h"

#include <errno.h>
#include <stdlib.h>

static int reads_frame(void *stream)
{
	static char frame[70000];

	return coil_frame_read(stream, frame, sizeof frame, 2);
}

static int reads_line(void *stream)
{
	char line[100];

	return coil_line_read(stream, line, sizeof line);
}

static int writes_frame(void *stream)
{
	return coil_frame_write(stream, "frame", 5, 1);
}

IN_PAIR(frames_of_all_prefixes)
{
	static const int prefixes[] = {1, 2, 4};
	char buf[300];
	static char big[70000];

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(coil_frame_write(pair->a, "hello", 5, prefixes[i]), 0);
		EXPECT_EQ(coil_frame_write(pair->a, NULL, 0, prefixes[i]), 0);
		EXPECT_EQ(coil_frame_read(pair->b, buf, sizeof buf, prefixes[i]), 5);
		EXPECT_MEM_EQ(buf, "hello", 5);
		EXPECT_EQ(coil_frame_read(pair->b, buf, sizeof buf, prefixes[i]), 0);
	}
	EXPECT_EQ(coil_frame_write(pair->a, buf, 256, 1), -EMSGSIZE);
	EXPECT_EQ(coil_frame_write(pair->a, buf, 65536, 2), -EMSGSIZE);
	EXPECT_EQ(coil_frame_write(pair->a, buf, COIL_STREAM_BYTES_MAX, 4), -EMSGSIZE);
	EXPECT_EQ(coil_frame_write(pair->a, buf, 1, 3), -EINVAL);
	EXPECT_EQ(coil_frame_read(pair->b, buf, 1, 0), -EINVAL);
	memset(big, 'b', sizeof big);
	EXPECT_EQ(coil_frame_write(pair->a, big, sizeof big, 4), 0);
	big[sizeof big - 1] = 0;
	EXPECT_EQ(coil_frame_read(pair->b, big, sizeof big, 4), sizeof big);
	EXPECT_EQ(big[sizeof big - 1], 'b');
}

IN_PAIR(the_prefix_is_big_endian)
{
	unsigned char bytes[6];

	EXPECT_EQ(coil_frame_write(pair->a, "ab", 2, 4), 0);
	EXPECT_EQ(coil_stream_read_exactly(pair->b, bytes, 6), 6);
	EXPECT_MEM_EQ(bytes, "\0\0\0\2ab", 6);
}

IN_PAIR(a_frame_that_is_too_long_stays)
{
	char buf[16];

	EXPECT_EQ(coil_stream_write(pair->a, "\xff\xff\xff\xffx", 5), 5);
	EXPECT_EQ(coil_frame_read(pair->b, buf, sizeof buf, 4), -EMSGSIZE);
	EXPECT_EQ(coil_stream_buffered(pair->b), 5);
	EXPECT_EQ(coil_stream_skip(pair->b, 5), 5);
	EXPECT_EQ(coil_frame_write(pair->a, "12345", 5, 1), 0);
	EXPECT_EQ(coil_frame_read(pair->b, buf, 4, 1), -EMSGSIZE);
	EXPECT_EQ(coil_frame_read(pair->b, buf, 5, 1), 5);
}

IN_PAIR(the_end_between_frames_and_inside_of_one)
{
	EXPECT_EQ(coil_stream_write(pair->a, "\0", 1), 1);
	coil_stream_shutdown(pair->a);
	EXPECT_EQ(reads_frame(pair->b), -EBADMSG);
	coil_stream_skip(pair->b, 1);
	EXPECT_EQ(reads_frame(pair->b), -ENODATA);
	EXPECT_EQ(coil_stream_write(pair->b, "\0\5half", 6), 6);
	coil_stream_shutdown(pair->b);
	EXPECT_EQ(reads_frame(pair->a), -EBADMSG);
	EXPECT_EQ(coil_stream_buffered(pair->a), 6);
}

IN_PAIR(a_cancelled_frame_is_whole_later)
{
	struct coil_task *task;
	static char body[60000];

	EXPECT_EQ(coil_stream_write(pair->a, "\xea\x60", 2), 2);
	for (int i = 0; i < 6; i++) {
		task = coil_spawn(reads_frame, pair->b);
		EXPECT_EQ(coil_stream_write(pair->a, body, 10000), 10000);
		if (i < 5) {
			coil_sleep(COIL_MSEC);
			coil_cancel(task);
		}
		EXPECT_EQ(coil_join(task), i < 5 ? -ECANCELED : 60000);
	}
	/* A write that meets a cancel has put nothing. */
	EXPECT_EQ(coil_stream_set_water(pair->a, 0, 0), 0);
	EXPECT_EQ(coil_stream_put(pair->a, "x", 1), 0);
	task = coil_spawn(writes_frame, pair->a);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_stream_flush(pair->a), 0);
	EXPECT_EQ(coil_stream_peek(pair->b, 1, &(const void *){NULL}), 1);
}

IN_PAIR(lines_without_their_ends)
{
	char line[8];

	EXPECT_EQ(coil_line_write(pair->a, "one", "\r\n"), 0);
	EXPECT_EQ(coil_line_write(pair->a, "", "\n"), 0);
	EXPECT_EQ(coil_line_write(pair->a, "two\nlines", "\n"), -EINVAL);
	EXPECT_EQ(coil_line_write(pair->a, "too long a line", "\n"), 0);
	EXPECT_EQ(coil_stream_put(pair->a, "last\r", 5), 0);
	EXPECT_EQ(coil_stream_shutdown(pair->a), 0);
	EXPECT_EQ(coil_line_read(pair->b, line, sizeof line), 3);
	EXPECT_STR_EQ(line, "one");
	EXPECT_EQ(coil_line_read(pair->b, line, sizeof line), 0);
	EXPECT_EQ(coil_line_read(pair->b, line, sizeof line), -EMSGSIZE);
	EXPECT_EQ(coil_line_read(pair->b, line, sizeof line), 4);
	EXPECT_STR_EQ(line, "last");
	EXPECT_EQ(reads_line(pair->b), -ENODATA);
	EXPECT_EQ(coil_timeout(COIL_MSEC, reads_line, pair->a), -ETIME);
}

/* -- Random messages, random cuts -------------------------------------------------------------- */

#define FRAMES 80

static int length_of(int i)
{
	return i * i * 37 % 6000;
}

static int writes_frames(void *stream)
{
	static char body[6000];

	for (int i = 0; i < FRAMES; i++) {
		memset(body, 'a' + i % 26, sizeof body);
		if (coil_frame_write(stream, body, (size_t)length_of(i), 2) < 0)
			return -EIO;
		if (i % 4 == 0)
			coil_yield();
	}
	return coil_stream_shutdown(stream);
}

/* With deadlines that come at any moment: none may cost a byte. */
static int frames_arrive(void *arg)
{
	struct rig_pair pair;
	struct coil_task *writer;
	int rc, i = 0;

	(void)arg;
	if (!rig_sim_pair(&pair))
		return 0;
	writer = coil_spawn(writes_frames, pair.a);
	while (i < FRAMES) {
		rc = coil_timeout(COIL_MSEC / 10, reads_frame, pair.b);
		if (rc == -ETIME)
			continue;
		EXPECT_EQ(rc, length_of(i));
		if (rc != length_of(i++))
			break;
	}
	EXPECT_EQ(reads_frame(pair.b), -ENODATA);
	EXPECT_EQ(coil_join(writer), 0);
	rig_close(&pair);
	return 0;
}

TEST(codec, deadlines_and_cuts_cost_no_byte)
{
	rig_run_odd(200, frames_arrive);
}

/* -- No memory --------------------------------------------------------------------------------- */

static int goes_on(void *arg)
{
	struct rig_pair pair;
	char buf[100];
	int rc;

	(void)arg;
	rc = coil_stream_pair(&pair.a, &pair.b, 0);
	if (rc < 0)
		return rc;
	rc = coil_frame_write(pair.a, "hello", 5, 2);
	if (rc == 0)
		rc = coil_stream_set_limit(pair.b, 100);
	if (rc == 0)
		rc = coil_frame_read(pair.b, buf, sizeof buf, 2);
	if (rc > 0)
		rc = coil_line_write(pair.a, "a line", "\n");
	if (rc == 0)
		rc = coil_line_read(pair.b, buf, sizeof buf);
	if (rc > 0)
		rc = coil_stream_unread(pair.b, "longer than there is room for in front", 38);
	if (rc == 0)
		rc = coil_timeout(COIL_MSEC, reads_frame, pair.b);
	if (rc == -EMSGSIZE || rc == -ETIME)
		rc = coil_stream_shutdown(pair.a);
	if (rc == 0)
		rc = coil_stream_read_all(pair.b, buf, sizeof buf) == 38 ? 0 : -ENOMEM;
	rig_close(&pair);
	return rc;
}

static int ends_both(void *arg)
{
	int rc = coil_timeout(COIL_SEC, goes_on, arg);

	return rc == -ENOMEM ? 0 : rc;
}

TEST(codec, each_allocation_may_fail)
{
	if (getenv("COIL_DEBUG"))
		SKIP("debug mode");
	for (uint64_t at = 1; at <= 40; at++) {
		const struct coil_options run = {.size = sizeof run, .stack_bytes = 256u << 10};
		const struct coil_sim_options options = {
			.size = sizeof options,
			.run = &run,
			.fail_alloc_at = at,
			.off = COIL_SIM_NO_REPORTS,
		};
		int rc = coil_sim_run(&options, ends_both, NULL);

		ASSERT(rc == 0 || rc == -ENOMEM || rc == -ETIME);
	}
}
