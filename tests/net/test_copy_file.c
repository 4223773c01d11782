/* SPDX-License-Identifier: MIT */
/* coil_copy_with from files to sockets: what is in memory is sent from there, at once. */
#include "net/rig.h"

#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MUCH 3000000

static char data[MUCH], back[MUCH + 200000];

static const char *path;

static void fill_data(void)
{
	for (size_t i = 0; i < MUCH; i++)
		data[i] = (char)(i * 7 + i / 251);
	memset(back, 0, sizeof back);
}

/* A file with so many bytes of data, to be read. */
static int file_of(size_t bytes, int flags)
{
	int fd, rc = 0;

	path = "/tmp/coil-copied-file";
	if (!coil_sim_active())
		path = rig_path("copied");
	fd = coil_openat(AT_FDCWD, path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	for (size_t at = 0; at < bytes; at += (size_t)rc) {
		rc = coil_pwrite(fd, data + at, bytes - at, (int64_t)at);
		EXPECT_GT(rc, 0);
		if (rc <= 0)
			break;
	}
	EXPECT_EQ(coil_close(fd), 0);
	fd = coil_openat(AT_FDCWD, path, flags | (flags & COIL_DIRECT ? 0 : O_CLOEXEC), 0);
	EXPECT_GE(fd, 0);
	return fd;
}

static void drop_file(int fd)
{
	EXPECT_EQ(coil_close(fd), 0);
	EXPECT_EQ(coil_unlinkat(AT_FDCWD, path, 0), 0);
}

static int reads_all(void *stream)
{
	return coil_stream_read_all(stream, back, sizeof back);
}

static uint64_t at_once(void)
{
	struct coil_stats stats = {.size = sizeof stats};

	EXPECT_EQ(coil_stats(&stats), 0);
	return stats.at_once;
}

static int copies(void *copy)
{
	return (int)coil_copy_with(copy);
}

/* Not where debug mode looks on, nor of file systems that cannot say what is in memory; under odd
 * seeds the simulation says as it likes. */
static bool can_be_at_once(int fd)
{
	char byte;
	const struct iovec iov = {&byte, 1};

	if (loop_current->observer)
		return false;
	return coil_sim_active() ? rig_is_simulated() : preadv2(fd, &iov, 1, 0, RWF_NOWAIT) == 1;
}

/* All of it, of each size, by its own position or an offset; to a stream or its descriptor. */
static void whole(bool (*pair)(struct rig_pair *), size_t bytes, unsigned way)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *reader;
	struct rig_pair to;
	int64_t at = 0;
	uint64_t before;

	if (!pair(&to))
		return;
	copy.src_fd = file_of(bytes, O_RDONLY);
	copy.src_offset = way & 1 ? &at : NULL;
	copy.dst = way & 2 ? to.a : NULL;
	copy.dst_fd = way & 2 ? 0 : coil_stream_fd(to.a);
	reader = coil_spawn(reads_all, to.b);
	before = at_once();
	EXPECT_EQ(coil_copy_with(&copy), bytes);
	if (bytes > 60000 && can_be_at_once(copy.src_fd))
		EXPECT_GT(at_once(), before);
	EXPECT_EQ(copy.moved, bytes);
	EXPECT_EQ(at, way & 1 ? bytes : 0);
	EXPECT_EQ(coil_copy_with(&copy), 0);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), bytes);
	EXPECT(memcmp(data, back, bytes) == 0);
	drop_file(copy.src_fd);
	rig_close(&to);
}

static int all_sizes(void *arg)
{
	static const size_t sizes[] = {0, 1, 4095, 4097, 65537, 262144, 262145, MUCH};

	(void)arg;
	fill_data();
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (unsigned way = 0; way < 4; way++)
			whole(way & 1 ? rig_tcp_pair : rig_unix_pair, sizes[i], way);
	whole(rig_unix_pair, MUCH, 1);
	whole(rig_tcp_pair, MUCH, 2);
	return 0;
}

TEST(copy_file, whole_files_of_each_size)
{
	RUN(all_sizes);
}

static int some_odd(void *arg)
{
	(void)arg;
	fill_data();
	for (unsigned way = 0; way < 4; way++)
		whole(rig_unix_pair, 300000, way);
	return 0;
}

TEST(copy_file, under_seeds)
{
	rig_run_odd(20, some_odd);
}

static int a_part(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy, .bytes_max = 400000};
	struct coil_task *reader;
	struct rig_pair to;
	int64_t at = 13;

	(void)arg;
	fill_data();
	if (!rig_unix_pair(&to))
		return 0;
	copy.src_fd = file_of(500000, O_RDONLY);
	copy.src_offset = &at;
	copy.dst = to.a;
	reader = coil_spawn(reads_all, to.b);
	/* What was put before goes before. */
	EXPECT_EQ(coil_stream_put(to.a, "head", 4), 0);
	EXPECT_EQ(coil_copy_with(&copy), 400000);
	EXPECT_EQ(at, 400013);
	/* And what there is beyond the limit, up to the end. */
	EXPECT_EQ(coil_copy_with(&copy), 99987);
	EXPECT_EQ(at, 500000);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), 4 + 499987);
	EXPECT_MEM_EQ(back, "head", 4);
	EXPECT(memcmp(back + 4, data + 13, 499987) == 0);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, limits_and_what_was_put_before)
{
	RUN(a_part);
}

/* A reader that begins late: the copy waits for room, is cancelled, and goes on later. */
static int cancelled(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *task, *reader;
	struct rig_pair to;
	int64_t at = 0;
	int moved;

	(void)arg;
	fill_data();
	if (!rig_unix_pair(&to))
		return 0;
	copy.src_fd = file_of(MUCH, O_RDONLY);
	copy.src_offset = &at;
	copy.dst = to.a;
	task = coil_spawn(copies, &copy);
	coil_sleep(20 * COIL_MSEC);
	coil_cancel(task);
	moved = coil_join(task);
	EXPECT_GT(moved, 0);
	EXPECT_LT(moved, MUCH);
	EXPECT_EQ(at, moved);
	EXPECT_EQ(copy.moved, moved);
	/* Full: nothing can be moved before the deadline. */
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, copies, &copy), -ETIME);
	EXPECT_EQ(at, moved);
	reader = coil_spawn(reads_all, to.b);
	EXPECT_EQ(coil_copy_with(&copy), MUCH - moved);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), MUCH);
	EXPECT(memcmp(data, back, MUCH) == 0);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, a_cancel_tells_what_was_moved)
{
	RUN(cancelled);
}

TEST(copy_file, cancels_under_seeds)
{
	rig_run_odd(10, cancelled);
}

static int cancels_itself(void *arg)
{
	struct coil_copy_options *copy = arg;

	coil_cancel(coil_self());
	return (int)coil_copy_with(copy);
}

static int cancelled_before(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct rig_pair to;
	int64_t at = 0;

	(void)arg;
	if (!rig_unix_pair(&to))
		return 0;
	copy.src_fd = file_of(100000, O_RDONLY);
	copy.src_offset = &at;
	copy.dst = to.a;
	EXPECT_EQ(coil_join(coil_spawn(cancels_itself, &copy)), -ECANCELED);
	copy.dst = NULL;
	copy.dst_fd = coil_stream_fd(to.a);
	EXPECT_EQ(coil_join(coil_spawn(cancels_itself, &copy)), -ECANCELED);
	EXPECT_EQ(at, 0);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, nothing_goes_after_a_cancel)
{
	RUN(cancelled_before);
}

/* The file is cut to nothing while the copy waits for room: it ends there. */
static int shrinks(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *task, *reader;
	struct rig_pair to;
	int moved;

	(void)arg;
	fill_data();
	if (!rig_unix_pair(&to))
		return 0;
	copy.src_fd = file_of(MUCH, O_RDONLY);
	copy.dst = to.a;
	task = coil_spawn(copies, &copy);
	coil_sleep(20 * COIL_MSEC);
	EXPECT_EQ(coil_close(coil_openat(AT_FDCWD, path, O_WRONLY | O_TRUNC, 0)), 0);
	reader = coil_spawn(reads_all, to.b);
	moved = coil_join(task);
	EXPECT_GT(moved, 0);
	EXPECT_LT(moved, MUCH);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), moved);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, a_file_may_shrink_meanwhile)
{
	RUN(shrinks);
}

/* Who reads, or who writes, closes while the copy waits for room. */
static void closes(bool is_peer)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *task;
	struct rig_pair to;
	int64_t at = 0;
	int rc;

	if (!rig_unix_pair(&to))
		return;
	copy.src_fd = file_of(MUCH, O_RDONLY);
	copy.src_offset = &at;
	copy.dst = to.a;
	task = coil_spawn(copies, &copy);
	coil_sleep(20 * COIL_MSEC);
	coil_stream_close(is_peer ? to.b : to.a);
	rc = coil_join(task);
	EXPECT(rc == -EPIPE || (is_peer && rc == -ECONNRESET));
	EXPECT_EQ(at, copy.moved);
	EXPECT_GT(at, 0);
	if (is_peer) {
		rc = (int)coil_copy_with(&copy);
		EXPECT(rc == -EPIPE || rc == -ECONNRESET);
	}
	coil_stream_close(is_peer ? to.a : to.b);
	drop_file(copy.src_fd);
}

static int either_closes(void *arg)
{
	(void)arg;
	closes(true);
	closes(false);
	return 0;
}

TEST(copy_file, either_end_may_be_closed_meanwhile)
{
	RUN(either_closes);
}

/* A file that does not give, a descriptor that is none, and streams that are no sockets. */
static int others(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *reader;
	struct rig_pair to;

	(void)arg;
	fill_data();
	if (!rig_unix_pair(&to))
		return 0;
	copy.dst = to.a;
	copy.src_fd = -1;
	EXPECT_EQ(coil_copy_with(&copy), -EBADF);
	copy.src_fd = file_of(100000, O_WRONLY);
	EXPECT_EQ(coil_copy_with(&copy), -EBADF);
	drop_file(copy.src_fd);
	rig_close(&to);
	if (coil_stream_pair(&to.a, &to.b, 1000) < 0)
		return 0;
	copy.dst = to.a;
	copy.src_fd = file_of(100000, O_RDONLY);
	reader = coil_spawn(reads_all, to.b);
	EXPECT_EQ(coil_copy_with(&copy), 100000);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), 100000);
	EXPECT(memcmp(data, back, 100000) == 0);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, others_go_by_memory)
{
	RUN(others);
}

/* A file in the ring's own table has no number that sendfile knows. */
static int direct(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *reader;
	struct rig_pair to;

	(void)arg;
	fill_data();
	if (!rig_unix_pair(&to))
		return 0;
	copy.src_fd = file_of(500000, O_RDONLY | COIL_DIRECT);
	copy.dst = to.a;
	reader = coil_spawn(reads_all, to.b);
	EXPECT_EQ(coil_copy_with(&copy), 500000);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), 500000);
	EXPECT(memcmp(data, back, 500000) == 0);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, direct_descriptors)
{
	rig_need_direct();
	RUN(direct);
}

/* What is on the disk alone, and the socket's flags. */
static int cold(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *reader;
	struct rig_pair to;
	int64_t at = 0;
	int fd, flags;

	(void)arg;
	fill_data();
	if (!rig_unix_pair(&to))
		return 0;
	copy.src_fd = file_of(MUCH, O_RDONLY);
	copy.src_offset = &at;
	copy.dst = to.a;
	EXPECT_EQ(fsync(copy.src_fd), 0);
	EXPECT_EQ(posix_fadvise(copy.src_fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	fd = coil_stream_fd(to.a);
	flags = fcntl(fd, F_GETFL);
	EXPECT_EQ(flags & O_NONBLOCK, 0);
	reader = coil_spawn(reads_all, to.b);
	EXPECT_EQ(coil_copy_with(&copy), MUCH);
	EXPECT_EQ(fcntl(fd, F_GETFL), flags);
	EXPECT_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	at = MUCH - 100000;
	EXPECT_EQ(coil_copy_with(&copy), 100000);
	EXPECT_EQ(fcntl(fd, F_GETFL), flags | O_NONBLOCK);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), MUCH + 100000);
	EXPECT(memcmp(data, back, MUCH) == 0);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, cold_files_and_the_flags_of_sockets)
{
	RUN_REAL(cold);
}

static int throws_away(void *stream)
{
	static char buf[1 << 20];
	int rc;

	while ((rc = coil_stream_read(stream, buf, sizeof buf)) > 0)
		;
	return rc;
}

static int counts_turns(void *arg)
{
	int *count = arg;

	while (coil_yield() == 0)
		++*count;
	return 0;
}

/* A copy that need not wait lets others run after each piece. */
static int fair(void *arg)
{
	struct coil_copy_options copy = {.size = sizeof copy};
	struct coil_task *reader, *counter;
	struct rig_pair to;
	int64_t at = 0;
	int count = 0;

	(void)arg;
	if (!rig_unix_pair(&to))
		return 0;
	copy.src_fd = file_of(MUCH, O_RDONLY);
	copy.src_offset = &at;
	copy.dst = to.a;
	reader = coil_spawn(throws_away, to.b);
	counter = coil_spawn(counts_turns, &count);
	EXPECT_EQ(coil_copy_with(&copy), MUCH);
	EXPECT_GE(count, MUCH / (1 << 18));
	coil_cancel(counter);
	coil_join(counter);
	EXPECT_EQ(coil_stream_shutdown(to.a), 0);
	EXPECT_EQ(coil_join(reader), 0);
	drop_file(copy.src_fd);
	rig_close(&to);
	return 0;
}

TEST(copy_file, others_run_meanwhile)
{
	RUN(fair);
}
