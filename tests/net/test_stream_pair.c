/* SPDX-License-Identifier: MIT */
/* Streams in memory: as those on sockets, without a kernel. */
#include "net/rig.h"

#include <errno.h>

#define IN_MEMORY(name, bytes)                                                                     \
	static void name##_steps(struct rig_pair *pair);                                           \
	static int name##_entry(void *arg)                                                         \
	{                                                                                          \
		struct rig_pair pair;                                                              \
                                                                                                   \
		(void)arg;                                                                         \
		EXPECT_EQ(coil_stream_pair(&pair.a, &pair.b, bytes), 0);                           \
		name##_steps(&pair);                                                               \
		rig_close(&pair);                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	TEST(stream_pair, name)                                                                    \
	{                                                                                          \
		RUN(name##_entry);                                                                 \
		rig_run_odd(20, name##_entry);                                                     \
	}                                                                                          \
	static void name##_steps(struct rig_pair *pair)

static char data[50000];

static int reads_4(void *stream)
{
	char buf[4];

	return coil_stream_read(stream, buf, sizeof buf);
}

static int writes_data(void *stream)
{
	return coil_stream_write(stream, data, sizeof data);
}

static int writes_data_and_ends(void *stream)
{
	const struct iovec iov[] = {{data, 20000}, {NULL, 0}, {data + 20000, 30000}};

	return coil_stream_writev(stream, iov, 3) == sizeof data ? coil_stream_shutdown(stream) :
								    -EIO;
}

IN_MEMORY(bytes_go_both_ways_and_end, 0)
{
	char buf[16];

	EXPECT_EQ(coil_stream_fd(pair->a), -EOPNOTSUPP);
	EXPECT_EQ(coil_stream_write(pair->a, "hello", 5), 5);
	EXPECT_EQ(coil_stream_write(pair->b, "world", 5), 5);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 5);
	EXPECT_EQ(coil_stream_read(pair->a, buf, 3), 3);
	EXPECT_EQ(coil_stream_shutdown(pair->b), 0);
	EXPECT_EQ(coil_stream_write(pair->b, "x", 1), -EPIPE);
	EXPECT_EQ(coil_stream_read(pair->a, buf, sizeof buf), 2);
	EXPECT_EQ(coil_stream_read(pair->a, buf, sizeof buf), 0);
	EXPECT_EQ(coil_stream_write(pair->a, "still", 5), 5);
	EXPECT_EQ(coil_stream_read_exactly(pair->b, buf, 5), 5);
}

IN_MEMORY(a_writer_waits_for_room, 7)
{
	static char buf[sizeof data];
	struct coil_task *writer;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 3 + i / 256);
	writer = coil_spawn(writes_data_and_ends, pair->a);
	coil_sleep(COIL_MSEC);
	EXPECT(!coil_future_done(coil_task_future(writer)));
	EXPECT_EQ(coil_stream_read_all(pair->b, buf, sizeof buf), sizeof buf);
	EXPECT(memcmp(buf, data, sizeof data) == 0);
	EXPECT_EQ(coil_join(writer), 0);
}

IN_MEMORY(cancelled_before_during_and_after, 10)
{
	struct coil_task *task;
	char buf[16];

	task = coil_spawn(reads_4, pair->a);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	task = coil_spawn(reads_4, pair->a);
	coil_sleep(COIL_MSEC);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_timeout(COIL_MSEC, reads_4, pair->a), -ETIME);
	task = coil_spawn(reads_4, pair->a);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_stream_write(pair->b, "r", 1), 1);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 1);
	/* A writer that has written some. */
	EXPECT_EQ(coil_timeout(COIL_MSEC, writes_data, pair->b), 10);
	EXPECT_EQ(coil_timeout(COIL_MSEC, writes_data, pair->b), -ETIME);
	EXPECT_EQ(coil_stream_read(pair->a, buf, sizeof buf), 10);
}

IN_MEMORY(a_close_ends_the_waits_of_both_sides, 10)
{
	struct coil_task *reader = coil_spawn(reads_4, pair->a);
	struct coil_task *writer = coil_spawn(writes_data, pair->a);
	struct coil_task *peer;
	char buf[16];

	coil_sleep(COIL_MSEC);
	coil_stream_close(pair->a);
	EXPECT_EQ(coil_join(reader), -EPIPE);
	EXPECT_EQ(coil_join(writer), -EPIPE);
	EXPECT_EQ(coil_stream_write(pair->b, "x", 1), -EPIPE);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 10);
	EXPECT_EQ(coil_stream_read(pair->b, buf, sizeof buf), 0);
	coil_stream_close(pair->b);
	EXPECT_EQ(coil_stream_pair(&pair->a, &pair->b, 4), 0);
	peer = coil_spawn(writes_data, pair->b);
	coil_sleep(COIL_MSEC);
	coil_stream_close(pair->a);
	EXPECT_EQ(coil_join(peer), -EPIPE);
	EXPECT_EQ(coil_stream_pair(&pair->a, NULL, (size_t)COIL_STREAM_LIMIT_MAX + 1), -EINVAL);
	coil_stream_close(pair->b);
	EXPECT_EQ(coil_stream_pair(&pair->a, &pair->b, 4), 0);
}

IN_MEMORY(what_is_put_goes_there_too, 100)
{
	static char buf[sizeof data];
	struct coil_task *reader;

	EXPECT_EQ(coil_stream_put(pair->a, data, sizeof data), 0);
	EXPECT_EQ(coil_stream_unsent(pair->a), sizeof data);
	reader = coil_spawn(reads_4, pair->b);
	EXPECT_EQ(coil_join(reader), 4);
	EXPECT_EQ(coil_stream_read_exactly(pair->b, buf, sizeof data - 4), sizeof data - 4);
	EXPECT_EQ(coil_stream_flush(pair->a), 0);
	EXPECT(memcmp(buf, data + 4, sizeof data - 4) == 0);
}

/* Two tasks that never have to wait still let others run. */
static int never_waits(void *arg)
{
	struct rig_pair *pair = arg;
	char byte;
	int rc = 0;

	while (rc >= 0) {
		rc = coil_stream_write(pair->a, "x", 1);
		if (rc > 0)
			rc = coil_stream_read(pair->b, &byte, 1);
	}
	return rc;
}

IN_MEMORY(it_is_fair, 10)
{
	struct coil_task *task = coil_spawn(never_waits, pair);

	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
}
