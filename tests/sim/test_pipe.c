/* SPDX-License-Identifier: MIT */
/* Pipes, splice and tee: what both kernels must agree on. */
#include "sim/net_rig.h"
#include "sim/rig.h"

#include <coil/sim.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

SCENARIO(pipe, bytes_and_the_end)
{
	char buf[16];
	int fds[2];

	(void)arg;
	EXPECT_EQ(coil_pipe(fds, O_CLOEXEC), 0);
	EXPECT_EQ(coil_write(fds[1], "hello", 5), 5);
	EXPECT_EQ(coil_write(fds[1], " you", 4), 4);
	EXPECT_EQ(coil_read(fds[0], buf, 3), 3);
	EXPECT_EQ(coil_read(fds[0], buf + 3, 13), 6);
	EXPECT_MEM_EQ(buf, "hello you", 9);
	EXPECT_EQ(coil_read(fds[1], buf, 1), -EBADF);
	EXPECT_EQ(coil_write(fds[0], buf, 1), -EBADF);
	EXPECT_EQ(coil_recv(fds[0], buf, 1, 0), -ENOTSOCK);
	EXPECT_EQ(coil_pwrite(fds[1], "ab", 2, 7), 2);
	EXPECT_EQ(coil_pread(fds[0], buf, 2, 5), 2);
	EXPECT_EQ(coil_write(fds[1], "x", 1), 1);
	net_close(fds + 1, 1);
	EXPECT_EQ(coil_read(fds[0], buf, 16), 1);
	EXPECT_EQ(coil_read(fds[0], buf, 16), 0);
	net_close(fds, 1);
	EXPECT_EQ(coil_pipe(fds, 0x10000000), -EINVAL);
	return 0;
}

SCENARIO(pipe, a_reader_waits)
{
	struct coil_op op;
	char buf[16];
	int fds[2];

	(void)arg;
	EXPECT_EQ(coil_pipe(fds, O_NONBLOCK), 0);
	op = coil_op_read(fds[0], buf, 16, -1);
	EXPECT_EQ(net_cancelled(&op), -ECANCELED);
	coil_op_start(&op);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_write(fds[1], "late", 4), 4);
	EXPECT_EQ(coil_op_await(&op), 4);
	coil_op_start(&op);
	coil_sleep(COIL_MSEC);
	net_close(fds + 1, 1);
	EXPECT_EQ(coil_op_await(&op), 0);
	net_close(fds, 1);
	return 0;
}

SCENARIO(pipe, a_full_pipe_makes_the_writer_wait)
{
	char *big = calloc(1, 100000);
	struct coil_op op;
	int fds[2];

	(void)arg;
	EXPECT_EQ(coil_pipe(fds, 0), 0);
	EXPECT_EQ(coil_write(fds[1], big, 61440), 61440);
	EXPECT_EQ(coil_write(fds[1], big, 4000), 4000);
	/* Up to PIPE_BUF bytes go in whole or not at all. */
	op = coil_op_write(fds[1], big, 4096, -1);
	EXPECT_EQ(net_cancelled(&op), -ECANCELED);
	coil_op_start(&op);
	EXPECT_EQ(coil_poll(fds[0], POLLIN), POLLIN);
	EXPECT_EQ(coil_read(fds[0], big, 65440), 65440);
	EXPECT_EQ(coil_op_await(&op), 4096);
	EXPECT_EQ(coil_read(fds[0], big, 65440), 4096);
	EXPECT_EQ(coil_write(fds[1], big, 100000), 65536);
	EXPECT_EQ(coil_read(fds[0], big, 100000), 65536);
	net_close(fds, 2);
	free(big);
	return 0;
}

SCENARIO(pipe, a_writer_without_readers)
{
	int fds[2];

	(void)arg;
	EXPECT_EQ(coil_pipe(fds, 0), 0);
	EXPECT_EQ(coil_poll(fds[1], POLLOUT), POLLOUT);
	net_close(fds, 1);
	EXPECT_EQ(coil_poll(fds[1], POLLOUT), POLLOUT | POLLERR);
	EXPECT_EQ(coil_write(fds[1], "x", 1), -EPIPE);
	net_close(fds + 1, 1);
	EXPECT_EQ(coil_pipe(fds, 0), 0);
	EXPECT_EQ(coil_write(fds[1], "x", 1), 1);
	net_close(fds + 1, 1);
	EXPECT_EQ(coil_poll(fds[0], POLLIN), POLLIN | POLLHUP);
	net_close(fds, 1);
	return 0;
}

/* -- Splice and tee ---------------------------------------------------------------------------- */

SCENARIO(pipe, splice_and_tee_between_pipes)
{
	char buf[16];
	int a[2];
	int b[2];

	(void)arg;
	EXPECT_EQ(coil_pipe(a, 0), 0);
	EXPECT_EQ(coil_pipe(b, 0), 0);
	EXPECT_EQ(coil_write(a[1], "abcdef", 6), 6);
	EXPECT_EQ(coil_tee(a[0], b[1], 4, 0), 4);
	EXPECT_EQ(coil_read(b[0], buf, 16), 4);
	EXPECT_MEM_EQ(buf, "abcd", 4);
	EXPECT_EQ(coil_splice(a[0], -1, b[1], -1, 5, 0), 5);
	EXPECT_EQ(coil_read(b[0], buf, 16), 5);
	EXPECT_MEM_EQ(buf, "abcde", 5);
	EXPECT_EQ(coil_read(a[0], buf, 16), 1);
	EXPECT_EQ(coil_splice(a[0], -1, b[1], -1, 5, SPLICE_F_NONBLOCK), -EAGAIN);
	EXPECT_EQ(coil_tee(a[0], b[1], 5, SPLICE_F_NONBLOCK), -EAGAIN);
	EXPECT_EQ(coil_splice(a[0], -1, a[1], -1, 5, 0), -EINVAL);
	EXPECT_EQ(coil_splice(a[0], 3, b[1], -1, 5, 0), -ESPIPE);
	EXPECT_EQ(coil_splice(a[1], -1, b[1], -1, 5, 0), -EBADF);
	EXPECT_EQ(coil_splice(9999, -1, b[1], -1, 5, 0), -EBADF);
	EXPECT_EQ(coil_splice(a[0], -1, b[1], -1, 0, 0), 0);
	net_close(a + 1, 1);
	EXPECT_EQ(coil_splice(a[0], -1, b[1], -1, 5, 0), 0);
	net_close(a, 1);
	net_close(b, 2);
	return 0;
}

SCENARIO(pipe, splice_waits_for_either_side)
{
	char *big = calloc(1, 65536);
	struct coil_op op;
	char buf[16];
	int a[2];
	int b[2];

	(void)arg;
	EXPECT_EQ(coil_pipe(a, 0), 0);
	EXPECT_EQ(coil_pipe(b, 0), 0);
	op = coil_op_splice(a[0], -1, b[1], -1, 5, 0);
	coil_op_start(&op);
	coil_sleep(5 * COIL_MSEC);
	EXPECT_EQ(coil_write(a[1], "abc", 3), 3);
	EXPECT_EQ(coil_op_await(&op), 3);
	EXPECT_EQ(coil_read(b[0], buf, 16), 3);
	EXPECT_EQ(coil_write(b[1], big, 65536), 65536);
	EXPECT_EQ(coil_write(a[1], "abc", 3), 3);
	coil_op_start(&op);
	coil_sleep(5 * COIL_MSEC);
	EXPECT_EQ(coil_read(b[0], big, 65536), 65536);
	EXPECT_EQ(coil_op_await(&op), 3);
	EXPECT_EQ(coil_read(b[0], buf, 16), 3);
	EXPECT_MEM_EQ(buf, "abc", 3);
	net_close(a, 2);
	net_close(b, 2);
	free(big);
	return 0;
}

SCENARIO(pipe, splice_with_sockets)
{
	char buf[16];
	int fds[2];
	int a[2];

	(void)arg;
	if (net_pair_tcp(fds) < 0)
		return -1;
	EXPECT_EQ(coil_pipe(a, 0), 0);
	EXPECT_EQ(coil_write(a[1], "to the net", 10), 10);
	EXPECT_EQ(coil_splice(a[0], -1, fds[0], -1, 100, 0), 10);
	EXPECT_EQ(coil_recv(fds[1], buf, 16, 0), 10);
	EXPECT_MEM_EQ(buf, "to the net", 10);
	EXPECT_EQ(coil_send(fds[1], "back", 4, 0), 4);
	EXPECT_EQ(coil_splice(fds[0], -1, a[1], -1, 100, 0), 4);
	EXPECT_EQ(coil_read(a[0], buf, 16), 4);
	EXPECT_MEM_EQ(buf, "back", 4);
	EXPECT_EQ(coil_splice(fds[0], -1, fds[1], -1, 100, 0), -EINVAL);
	net_close(fds, 2);
	net_close(a, 2);
	return 0;
}

SCENARIO(pipe, splice_with_a_file)
{
	char buf[16];
	int a[2];
	int fd = coil_openat(AT_FDCWD, "/tmp", O_RDWR | O_TMPFILE, 0600);

	(void)arg;
	if (fd == -EOPNOTSUPP || fd == -ENOENT)
		fd = coil_openat(AT_FDCWD, "/spliced", O_RDWR | O_CREAT, 0600);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(coil_pipe(a, 0), 0);
	EXPECT_EQ(coil_write(a[1], "into the file", 13), 13);
	EXPECT_EQ(coil_splice(a[0], -1, fd, 2, 100, 0), 13);
	EXPECT_EQ(coil_splice(fd, 7, a[1], -1, 100, 0), 8);
	EXPECT_EQ(coil_read(a[0], buf, 16), 8);
	EXPECT_MEM_EQ(buf, "the file", 8);
	EXPECT_EQ(coil_splice(fd, 100, a[1], -1, 100, 0), 0);
	net_close(&fd, 1);
	net_close(a, 2);
	return 0;
}

/* -- Trouble ----------------------------------------------------------------------------------- */

#define BYTES 400000

static int write_some(void *arg)
{
	int fd = *(int *)arg;
	char bytes[9000];
	size_t sent = 0;

	while (sent < BYTES) {
		size_t some = 1 + coil_sim_pick(sizeof bytes - 1);
		int rc;

		some = some < BYTES - sent ? some : BYTES - sent;
		for (size_t i = 0; i < some; i++)
			bytes[i] = (char)((sent + i) * 13);
		rc = coil_write(fd, bytes, some);
		EXPECT_GT(rc, 0);
		if (rc <= 0)
			return -EIO;
		sent += (size_t)rc;
	}
	return coil_close(fd);
}

/* Through two pipes, the one spliced into the other. */
static int keep_bytes(void *arg)
{
	struct coil_task *writer;
	char bytes[5000];
	size_t got = 0;
	int a[2];
	int b[2];
	int rc;

	(void)arg;
	EXPECT_EQ(coil_pipe(a, 0), 0);
	EXPECT_EQ(coil_pipe(b, 0), 0);
	writer = coil_spawn(write_some, &a[1]);
	while ((rc = coil_splice(a[0], -1, b[1], -1, sizeof bytes, 0)) > 0) {
		for (int left = rc; left > 0; left -= rc) {
			rc = coil_read(b[0], bytes, (size_t)left);
			EXPECT_GT(rc, 0);
			for (int i = 0; i < rc; i++, got++)
				EXPECT_EQ(bytes[i], (char)(got * 13));
			if (rc <= 0)
				return -EIO;
		}
	}
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(got, BYTES);
	EXPECT_EQ(coil_join(writer), 0);
	net_close(a, 1);
	net_close(b, 2);
	return 0;
}

TEST(pipe, bytes_stay_what_they_are)
{
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_ODD);

		EXPECT_EQ(coil_sim_run(&options, keep_bytes, NULL), 0);
	}
}
