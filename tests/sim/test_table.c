/* SPDX-License-Identifier: MIT */
/* The table of registered files: what both kernels answer, slot by slot. */
#include "sim/raw.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#define SLOTS 8u
#define FIXED IOSQE_FIXED_FILE

/* What @sqe, prepared but for its name, comes to. */
static int32_t run(struct raw *raw, struct io_uring_sqe *sqe, unsigned flags)
{
	static uint64_t names = 100;

	raw_name(sqe, ++names, flags);
	raw_go(raw, 1);
	return raw_result(raw, names);
}

static int32_t install(struct raw *raw, int fd, unsigned flags)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	sqe->opcode = IORING_OP_FIXED_FD_INSTALL;
	sqe->fd = fd;
	return run(raw, sqe, flags);
}

static int32_t take_out(struct raw *raw, unsigned slot)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	io_uring_prep_close_direct(sqe, slot);
	return run(raw, sqe, 0);
}

static int32_t poll_slot(struct raw *raw, int slot)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	io_uring_prep_poll_add(sqe, slot, POLLOUT);
	return run(raw, sqe, FIXED);
}

static int32_t open_socket(struct raw *raw, int type, unsigned index)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	io_uring_prep_socket(sqe, AF_INET, type, 0, 0);
	sqe->file_index = index;
	return run(raw, sqe, 0);
}

static bool open_table(struct raw *raw)
{
	int rc = raw->driver->ops->table_open(raw->driver, SLOTS);

	if (rc == -EOPNOTSUPP)
		return false;
	EXPECT_EQ(rc, SLOTS);
	EXPECT_EQ(raw->driver->ops->table_open(raw->driver, SLOTS), -EBUSY);
	return true;
}

static int set(struct raw *raw, unsigned slot, int fd)
{
	return raw->driver->ops->table_set(raw->driver, slot, fd);
}

ON_BOTH(table, there_is_none)
{
	EXPECT_EQ(set(raw, 0, 1), -ENXIO);
	EXPECT_EQ(take_out(raw, 0), -ENXIO);
	EXPECT_EQ(open_socket(raw, SOCK_STREAM, 1), -ENXIO);
	EXPECT_EQ(poll_slot(raw, 0), -EBADF);
	EXPECT_EQ(install(raw, 0, FIXED), -EBADF);
}

ON_BOTH(table, slots_are_set_and_cleared)
{
	int fds[2];
	int copy;

	if (!open_table(raw))
		return;
	raw_pipe(raw, fds);
	EXPECT_EQ(poll_slot(raw, 3), -EBADF);
	EXPECT_EQ(install(raw, 3, FIXED), -EBADF);
	EXPECT_EQ(take_out(raw, 3), -EBADF);
	EXPECT_EQ(take_out(raw, SLOTS), -EINVAL);
	EXPECT_EQ(set(raw, SLOTS, fds[1]), -EINVAL);
	EXPECT_EQ(set(raw, 3, 999999), -EBADF);
	EXPECT_EQ(set(raw, 3, raw->driver->ring_fd), -EBADF);
	EXPECT_EQ(set(raw, 3, fds[1]), 0);
	EXPECT_EQ(poll_slot(raw, 3), POLLOUT);
	EXPECT_EQ(poll_slot(raw, (int)SLOTS), -EBADF);
	/* The slot holds the file, whatever becomes of the descriptor. */
	raw_close_fd(raw, fds[1]);
	EXPECT_EQ(poll_slot(raw, 3), POLLOUT);
	EXPECT_EQ(install(raw, 3, 0), -EBADF);
	copy = install(raw, 3, FIXED);
	EXPECT_GE(copy, 0);
	EXPECT_EQ(raw->calls->fcntl(copy, F_GETFD, 0), FD_CLOEXEC);
	EXPECT_EQ(set(raw, 3, -1), 0);
	EXPECT_EQ(set(raw, 3, -1), 0);
	EXPECT_EQ(poll_slot(raw, 3), -EBADF);
	raw_close_fd(raw, copy);
	raw_close_fd(raw, fds[0]);
}

ON_BOTH(table, sockets_are_opened_into_slots)
{
	if (!open_table(raw))
		return;
	EXPECT_EQ(open_socket(raw, SOCK_STREAM | SOCK_CLOEXEC, 1), -EINVAL);
	EXPECT_EQ(open_socket(raw, SOCK_STREAM, SLOTS + 1), -EINVAL);
	EXPECT_EQ(open_socket(raw, SOCK_STREAM, 2), 0);
	/* What was there goes. */
	EXPECT_EQ(open_socket(raw, SOCK_STREAM, 2), 0);
	/* From there on, around. */
	for (int32_t slot = 2; slot <= (int32_t)SLOTS; slot++)
		EXPECT_EQ(open_socket(raw, SOCK_STREAM, IORING_FILE_INDEX_ALLOC),
			  slot % (int32_t)SLOTS);
	EXPECT_EQ(open_socket(raw, SOCK_STREAM, IORING_FILE_INDEX_ALLOC), -ENFILE);
	EXPECT_EQ(take_out(raw, 5), 0);
	EXPECT_EQ(open_socket(raw, SOCK_STREAM, IORING_FILE_INDEX_ALLOC), 5);
}

ON_BOTH(table, a_cancel_finds_the_file_in_a_slot)
{
	struct io_uring_sqe *sqe;
	int fds[2];

	if (!open_table(raw))
		return;
	raw_pipe(raw, fds);
	EXPECT_EQ(set(raw, 1, fds[0]), 0);
	sqe = raw_sqe(raw, 1);
	io_uring_prep_poll_add(sqe, 1, POLLIN);
	raw_name(sqe, 1, FIXED);
	raw_go(raw, 0);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_cancel_fd(sqe, 2, IORING_ASYNC_CANCEL_FD_FIXED);
	EXPECT_EQ(run(raw, sqe, 0), -EBADF);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_cancel_fd(sqe, 1, IORING_ASYNC_CANCEL_FD_FIXED);
	raw_name(sqe, 2, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, 0);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(table, splice_takes_from_a_slot)
{
	struct io_uring_sqe *sqe;
	int from[2], to[2];

	if (!open_table(raw))
		return;
	raw_pipe(raw, from);
	raw_pipe(raw, to);
	EXPECT_EQ(set(raw, 0, from[0]), 0);
	EXPECT_EQ(set(raw, 1, to[1]), 0);
	sqe = raw_sqe(raw, 1);
	io_uring_prep_write(sqe, from[1], "hello", 5, 0);
	EXPECT_EQ(run(raw, sqe, 0), 5);
	sqe = raw_sqe(raw, 1);
	io_uring_prep_splice(sqe, 4, -1, 1, -1, 16, SPLICE_F_FD_IN_FIXED);
	EXPECT_EQ(run(raw, sqe, FIXED), -EBADF);
	sqe = raw_sqe(raw, 1);
	io_uring_prep_splice(sqe, 0, -1, 1, -1, 16, SPLICE_F_FD_IN_FIXED);
	EXPECT_EQ(run(raw, sqe, FIXED), 5);
	for (int i = 0; i < 2; i++) {
		raw_close_fd(raw, from[i]);
		raw_close_fd(raw, to[i]);
	}
}
