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

/* A file that is copied to one end of a pair, and who reads the other. */
struct sending {
	struct coil_copy_options copy;
	struct rig_pair to;
	int64_t at;
	struct coil_task *reader;
};

/* By an offset, to a stream. False: such a pair is not to be had. */
static bool begin_by(struct sending *sending, bool (*pair)(struct rig_pair *), size_t bytes,
		     int flags)
{
	*sending = (struct sending){.copy.size = sizeof sending->copy};
	fill_data();
	if (!pair(&sending->to))
		return false;
	sending->copy.src_fd = file_of(bytes, flags);
	sending->copy.src_offset = &sending->at;
	sending->copy.dst = sending->to.a;
	return true;
}

static bool begin(struct sending *sending, size_t bytes)
{
	return begin_by(sending, rig_unix_pair, bytes, O_RDONLY);
}

static void read_on(struct sending *sending, int (*reads)(void *stream))
{
	sending->reader = coil_spawn(reads, sending->to.b);
}

static void end(struct sending *sending)
{
	drop_file(sending->copy.src_fd);
	rig_close(&sending->to);
}

/* What the reader returns, once there is no more. */
static void end_read(struct sending *sending, int result)
{
	EXPECT_EQ(coil_stream_shutdown(sending->to.a), 0);
	EXPECT_EQ(coil_join(sending->reader), result);
	end(sending);
}

/* All of it, of each size, by its own position or an offset; to a stream or its descriptor. */
static void whole(bool (*pair)(struct rig_pair *), size_t bytes, unsigned way)
{
	struct sending s;
	uint64_t before;

	if (!begin_by(&s, pair, bytes, O_RDONLY))
		return;
	if (!(way & 1))
		s.copy.src_offset = NULL;
	if (!(way & 2)) {
		s.copy.dst = NULL;
		s.copy.dst_fd = coil_stream_fd(s.to.a);
	}
	read_on(&s, reads_all);
	before = at_once();
	EXPECT_EQ(coil_copy_with(&s.copy), bytes);
	if (bytes > 60000 && can_be_at_once(s.copy.src_fd))
		EXPECT_GT(at_once(), before);
	EXPECT_EQ(s.copy.moved, bytes);
	EXPECT_EQ(s.at, way & 1 ? bytes : 0);
	EXPECT_EQ(coil_copy_with(&s.copy), 0);
	end_read(&s, (int)bytes);
	EXPECT(memcmp(data, back, bytes) == 0);
}

static int all_sizes(void *arg)
{
	static const size_t sizes[] = {0, 1, 4095, 4097, 65537, 262144, 262145, MUCH};

	(void)arg;
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
	struct sending s;

	(void)arg;
	if (!begin(&s, 500000))
		return 0;
	s.at = 13;
	s.copy.bytes_max = 400000;
	read_on(&s, reads_all);
	/* What was put before goes before. */
	EXPECT_EQ(coil_stream_put(s.to.a, "head", 4), 0);
	EXPECT_EQ(coil_copy_with(&s.copy), 400000);
	EXPECT_EQ(s.at, 400013);
	/* And what there is beyond the limit, up to the end. */
	EXPECT_EQ(coil_copy_with(&s.copy), 99987);
	EXPECT_EQ(s.at, 500000);
	end_read(&s, 4 + 499987);
	EXPECT_MEM_EQ(back, "head", 4);
	EXPECT(memcmp(back + 4, data + 13, 499987) == 0);
	return 0;
}

TEST(copy_file, limits_and_what_was_put_before)
{
	RUN(a_part);
}

/* Nobody reads yet: the copy waits for room. */
static struct coil_task *copy_to_the_brim(struct sending *sending)
{
	struct coil_task *task = coil_spawn(copies, &sending->copy);

	coil_sleep(20 * COIL_MSEC);
	return task;
}

/* A reader that begins late: the copy is cancelled, and goes on later. */
static int cancelled(void *arg)
{
	struct coil_task *task;
	struct sending s;
	int moved;

	(void)arg;
	if (!begin(&s, MUCH))
		return 0;
	task = copy_to_the_brim(&s);
	coil_cancel(task);
	moved = coil_join(task);
	EXPECT_GT(moved, 0);
	EXPECT_LT(moved, MUCH);
	EXPECT_EQ(s.at, moved);
	EXPECT_EQ(s.copy.moved, moved);
	/* Full: nothing can be moved before the deadline. */
	EXPECT_EQ(coil_timeout(5 * COIL_MSEC, copies, &s.copy), -ETIME);
	EXPECT_EQ(s.at, moved);
	read_on(&s, reads_all);
	EXPECT_EQ(coil_copy_with(&s.copy), MUCH - moved);
	end_read(&s, MUCH);
	EXPECT(memcmp(data, back, MUCH) == 0);
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
	struct sending s;

	(void)arg;
	if (!begin(&s, 100000))
		return 0;
	EXPECT_EQ(coil_join(coil_spawn(cancels_itself, &s.copy)), -ECANCELED);
	s.copy.dst = NULL;
	s.copy.dst_fd = coil_stream_fd(s.to.a);
	EXPECT_EQ(coil_join(coil_spawn(cancels_itself, &s.copy)), -ECANCELED);
	EXPECT_EQ(s.at, 0);
	end(&s);
	return 0;
}

TEST(copy_file, nothing_goes_after_a_cancel)
{
	RUN(cancelled_before);
}

/* The file is cut to nothing while the copy waits for room: it ends there. */
static int shrinks(void *arg)
{
	struct coil_task *task;
	struct sending s;
	int moved;

	(void)arg;
	if (!begin(&s, MUCH))
		return 0;
	s.copy.src_offset = NULL;
	task = copy_to_the_brim(&s);
	EXPECT_EQ(coil_close(coil_openat(AT_FDCWD, path, O_WRONLY | O_TRUNC, 0)), 0);
	read_on(&s, reads_all);
	moved = coil_join(task);
	EXPECT_GT(moved, 0);
	EXPECT_LT(moved, MUCH);
	end_read(&s, moved);
	return 0;
}

TEST(copy_file, a_file_may_shrink_meanwhile)
{
	RUN(shrinks);
}

/* Who reads, or who writes, closes while the copy waits for room. */
static void closes(bool is_peer)
{
	struct coil_task *task;
	struct sending s;
	int rc;

	if (!begin(&s, MUCH))
		return;
	task = copy_to_the_brim(&s);
	coil_stream_close(is_peer ? s.to.b : s.to.a);
	rc = coil_join(task);
	EXPECT(rc == -EPIPE || (is_peer && rc == -ECONNRESET));
	EXPECT_EQ(s.at, s.copy.moved);
	EXPECT_GT(s.at, 0);
	if (is_peer) {
		rc = (int)coil_copy_with(&s.copy);
		EXPECT(rc == -EPIPE || rc == -ECONNRESET);
	}
	coil_stream_close(is_peer ? s.to.a : s.to.b);
	drop_file(s.copy.src_fd);
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

/* A file that does not give, and a descriptor that is none. */
static int refused(void *arg)
{
	struct sending s;
	int fd;

	(void)arg;
	if (!begin_by(&s, rig_unix_pair, 100000, O_WRONLY))
		return 0;
	EXPECT_EQ(coil_copy_with(&s.copy), -EBADF);
	fd = s.copy.src_fd;
	s.copy.src_fd = -1;
	EXPECT_EQ(coil_copy_with(&s.copy), -EBADF);
	s.copy.src_fd = fd;
	end(&s);
	return 0;
}

TEST(copy_file, what_cannot_be_read)
{
	RUN(refused);
}

static bool memory_pair(struct rig_pair *to)
{
	int rc = coil_stream_pair(&to->a, &to->b, 1000);

	EXPECT_EQ(rc, 0);
	return rc == 0;
}

/* Streams that are no sockets; and files in the ring's own table, which have no number that
 * sendfile knows. */
static void by_memory(bool (*pair)(struct rig_pair *), int flags)
{
	struct sending s;

	if (!begin_by(&s, pair, 500000, O_RDONLY | flags))
		return;
	s.copy.src_offset = NULL;
	read_on(&s, reads_all);
	EXPECT_EQ(coil_copy_with(&s.copy), 500000);
	end_read(&s, 500000);
	EXPECT(memcmp(data, back, 500000) == 0);
}

static int no_sockets(void *arg)
{
	(void)arg;
	by_memory(memory_pair, 0);
	return 0;
}

TEST(copy_file, streams_that_are_no_sockets)
{
	RUN(no_sockets);
}

static int direct(void *arg)
{
	(void)arg;
	by_memory(rig_unix_pair, COIL_DIRECT);
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
	struct sending s;
	int fd, flags;

	(void)arg;
	if (!begin(&s, MUCH))
		return 0;
	EXPECT_EQ(fsync(s.copy.src_fd), 0);
	EXPECT_EQ(posix_fadvise(s.copy.src_fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	fd = coil_stream_fd(s.to.a);
	flags = fcntl(fd, F_GETFL);
	EXPECT_EQ(flags & O_NONBLOCK, 0);
	read_on(&s, reads_all);
	EXPECT_EQ(coil_copy_with(&s.copy), MUCH);
	EXPECT_EQ(fcntl(fd, F_GETFL), flags);
	EXPECT_EQ(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	s.at = MUCH - 100000;
	EXPECT_EQ(coil_copy_with(&s.copy), 100000);
	EXPECT_EQ(fcntl(fd, F_GETFL), flags | O_NONBLOCK);
	end_read(&s, MUCH + 100000);
	EXPECT(memcmp(data, back, MUCH) == 0);
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
	struct coil_task *counter;
	struct sending s;
	int count = 0;

	(void)arg;
	if (!begin(&s, MUCH))
		return 0;
	read_on(&s, throws_away);
	counter = coil_spawn(counts_turns, &count);
	EXPECT_EQ(coil_copy_with(&s.copy), MUCH);
	EXPECT_GE(count, MUCH / (1 << 18));
	coil_cancel(counter);
	coil_join(counter);
	end_read(&s, 0);
	return 0;
}

TEST(copy_file, others_run_meanwhile)
{
	RUN(fair);
}
