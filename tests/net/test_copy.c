/* SPDX-License-Identifier: MIT */
/* coil_copy: between streams, files and pipes. */
#include "net/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define MUCH 1000000

static char data[MUCH], back[MUCH + 1];

struct ends {
	struct coil_stream *dst;
	struct coil_stream *src;
};

static int copies(void *arg)
{
	struct ends *ends = arg;

	return (int)coil_copy(ends->dst, ends->src);
}

static int writes_data(void *stream)
{
	int rc = coil_stream_write(stream, data, MUCH);

	return rc == MUCH ? coil_stream_shutdown(stream) : rc < 0 ? rc : -EIO;
}

static int reads_all(void *stream)
{
	return coil_stream_read_all(stream, back, sizeof back);
}

static void fill_data(void)
{
	for (size_t i = 0; i < MUCH; i++)
		data[i] = (char)(i * 5 + i / 253);
	memset(back, 0, sizeof back);
}

/* in -> a:b -> c:d -> out, where the copy is in the middle. */
static void through(bool (*pair)(struct rig_pair *))
{
	struct rig_pair from, to;
	struct coil_task *writer, *reader;

	fill_data();
	if (!pair(&from) || !pair(&to))
		return;
	writer = coil_spawn(writes_data, from.a);
	reader = coil_spawn(reads_all, to.b);
	EXPECT_EQ(coil_copy(to.a, from.b), MUCH);
	EXPECT_EQ(coil_copy(to.a, from.b), 0);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(writer), 0);
	EXPECT_EQ(coil_join(reader), MUCH);
	EXPECT(memcmp(data, back, MUCH) == 0);
	rig_close(&from);
	rig_close(&to);
}

static int over_sockets(void *arg)
{
	(void)arg;
	through(rig_unix_pair);
	through(rig_tcp_pair);
	return 0;
}

TEST(copy, between_sockets)
{
	RUN(over_sockets);
}

static bool memory_pair(struct rig_pair *pair)
{
	return coil_stream_pair(&pair->a, &pair->b, 1000) == 0;
}

static int in_simulation(void *arg)
{
	(void)arg;
	through(memory_pair);
	through(rig_sim_pair);
	return 0;
}

TEST(copy, under_seeds)
{
	rig_run_odd(10, in_simulation);
}

static int cancelled(void *arg)
{
	struct rig_pair from, to;
	struct ends ends;
	struct coil_task *writer, *reader, *copy;
	int moved;

	(void)arg;
	fill_data();
	if (!rig_unix_pair(&from) || !rig_unix_pair(&to))
		return 0;
	ends = (struct ends){to.a, from.b};
	EXPECT_EQ(coil_timeout(COIL_MSEC, copies, &ends), -ETIME);
	writer = coil_spawn(writes_data, from.a);
	copy = coil_spawn(copies, &ends);
	coil_sleep(5 * COIL_MSEC);
	coil_cancel(copy);
	moved = coil_join(copy);
	EXPECT_GT(moved, 0);
	EXPECT_LT(moved, MUCH);
	/* And the rest is there: nothing was lost in between. */
	reader = coil_spawn(reads_all, to.b);
	EXPECT_EQ(coil_copy(to.a, from.b), MUCH - moved);
	coil_stream_shutdown(to.a);
	EXPECT_EQ(coil_join(writer), 0);
	EXPECT_EQ(coil_join(reader), MUCH);
	EXPECT(memcmp(data, back, MUCH) == 0);
	rig_close(&from);
	rig_close(&to);
	return 0;
}

TEST(copy, a_cancel_tells_what_was_moved_and_loses_nothing)
{
	RUN(cancelled);
}

static int an_error(void *arg)
{
	struct rig_pair from, to;
	struct coil_copy_options copy = {.size = sizeof copy};
	struct {
		struct coil_copy_options known;
		uint64_t unknown;
	} newer = {.known.size = sizeof newer, .unknown = 1};

	(void)arg;
	if (!rig_unix_pair(&from) || !rig_unix_pair(&to))
		return 0;
	coil_stream_close(to.b);
	EXPECT_EQ(coil_stream_write(from.a, "abc", 3), 3);
	EXPECT_EQ(coil_copy(to.a, from.b), -EPIPE);
	EXPECT_EQ(coil_stream_read(from.b, back, 10), 3);
	copy.size = 4;
	EXPECT_EQ(coil_copy_with(&copy), -EINVAL);
	EXPECT_EQ(coil_copy_with(&newer.known), -E2BIG);
	rig_close(&from);
	coil_stream_close(to.a);
	return 0;
}

TEST(copy, after_an_error_the_rest_is_in_the_source)
{
	RUN(an_error);
}

static int source_closed(void *arg)
{
	struct rig_pair from, to;
	struct ends ends;
	struct coil_task *copy;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		if (!rig_unix_pair(&from) || coil_stream_pair(&to.a, &to.b, 10) < 0)
			return 0;
		ends = (struct ends){to.a, from.b};
		if (i == 0)
			EXPECT_EQ(coil_stream_write(from.a, data, 100), 100);
		copy = coil_spawn(copies, &ends);
		coil_sleep(COIL_MSEC);
		coil_stream_close(from.b);
		EXPECT_EQ(coil_stream_read_exactly(to.b, back, i ? 0 : 100), i ? 0 : 100);
		EXPECT_EQ(coil_join(copy), -EPIPE);
		coil_stream_close(from.a);
		rig_close(&to);
	}
	return 0;
}

TEST(copy, the_source_may_be_closed_meanwhile)
{
	RUN(source_closed);
}

static int to_itself(void *arg)
{
	struct rig_pair pair;

	(void)arg;
	if (rig_unix_pair(&pair))
		coil_copy(pair.a, pair.a);
	return 0;
}

TEST_SIGNAL(copy, to_itself_is_misuse, SIGABRT, "a stream is copied to itself")
{
	coil_run(to_itself, NULL);
}

static int twice(void *arg)
{
	struct rig_pair from, to;
	struct ends ends;

	(void)arg;
	if (!rig_unix_pair(&from) || coil_stream_pair(&to.a, &to.b, 10) < 0)
		return 0;
	coil_stream_write(from.a, data, 100);
	ends = (struct ends){to.a, from.b};
	coil_spawn(copies, &ends);
	coil_sleep(COIL_MSEC);
	copies(&ends);
	return 0;
}

TEST_SIGNAL(copy, two_from_one_stream_are_misuse, SIGABRT,
	    "another task copies from this stream already")
{
	coil_run(twice, NULL);
}

static int files(void *arg)
{
	char name[] = "/tmp/coil-copy-XXXXXX";
	int fd = mkstemp(name);
	struct rig_pair pair;
	struct coil_task *reader;
	int64_t offset = 10, start = 0;
	struct coil_copy_options copy = {.size = sizeof copy, .src_fd = fd, .src_offset = &offset,
					 .bytes_max = 500000};

	(void)arg;
	fill_data();
	EXPECT_GE(fd, 0);
	unlink(name);
	EXPECT_EQ(write(fd, data, MUCH), MUCH);
	if (!rig_unix_pair(&pair))
		return 0;
	copy.dst = pair.a;
	reader = coil_spawn(reads_all, pair.b);
	EXPECT_EQ(coil_copy_with(&copy), 500000);
	EXPECT_EQ(copy.moved, 500000);
	EXPECT_EQ(offset, 500010);
	coil_stream_shutdown(pair.a);
	EXPECT_EQ(coil_join(reader), 500000);
	EXPECT(memcmp(back, data + 10, 500000) == 0);
	/* From the stream to the file. */
	EXPECT_EQ(coil_stream_write(pair.b, "HELLO", 5), 5);
	coil_stream_shutdown(pair.b);
	copy = (struct coil_copy_options){.size = sizeof copy, .src = pair.a, .dst_fd = fd,
					  .dst_offset = &start};
	EXPECT_EQ(coil_copy_with(&copy), 5);
	EXPECT_EQ(start, 5);
	EXPECT_EQ(pread(fd, back, 6, 0), 6);
	EXPECT_MEM_EQ(back, "HELLO", 5);
	EXPECT_EQ(back[5], data[5]);
	rig_close(&pair);
	close(fd);
	return 0;
}

TEST(copy, files_to_streams_and_back)
{
	RUN_REAL(files);
}

static int pipes(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	char name[] = "/tmp/coil-copy-XXXXXX", other[] = "/tmp/coil-copy-XXXXXX";
	int file = mkstemp(name);
	int64_t offset = 0;
	int fds[2];

	(void)arg;
	unlink(name);
	EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
	EXPECT_EQ(write(fds[1], "through a pipe", 14), 14);
	close(fds[1]);
	copy.src_fd = fds[0];
	copy.dst_fd = file;
	copy.dst_offset = &offset;
	EXPECT_EQ(coil_copy_with(&copy), 14);
	EXPECT_EQ(offset, 14);
	close(fds[0]);
	EXPECT_EQ(pread(file, back, 20, 0), 14);
	EXPECT_MEM_EQ(back, "through a pipe", 14);
	/* Neither is a pipe. */
	EXPECT_EQ(pwrite(file, "source", 6, 0), 6);
	EXPECT_EQ(ftruncate(file, 6), 0);
	EXPECT_EQ(lseek(file, 0, SEEK_SET), 0);
	fds[0] = mkstemp(other);
	unlink(other);
	copy = (struct coil_copy_options){.size = sizeof copy, .src_fd = file, .dst_fd = fds[0]};
	EXPECT_EQ(coil_copy_with(&copy), 6);
	EXPECT_EQ(pread(fds[0], back, 20, 0), 6);
	close(fds[0]);
	close(file);
	copy.src_fd = -1;
	EXPECT_EQ(coil_copy_with(&copy), -EBADF);
	return 0;
}

TEST(copy, pipes_and_files)
{
	RUN_REAL(pipes);
}
