/* SPDX-License-Identifier: MIT */
/* Cancels: what they answer, and what becomes of their targets. The same on both kernels. */
#include "sim/raw.h"

#include <poll.h>

static char buffers[8][64];

static void start_read(struct raw *raw, int fd, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_read(sqe, fd, buffers[name & 7], 64, 0);
	raw_name(sqe, name, 0);
}

static void cancel(struct raw *raw, uint64_t target, unsigned flags, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_cancel64(sqe, target, (int)flags);
	raw_name(sqe, name, 0);
}

static void cancel_fd(struct raw *raw, int fd, unsigned flags, uint64_t name)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_cancel_fd(sqe, fd, flags);
	raw_name(sqe, name, 0);
}

ON_BOTH(cancel, ends_a_read_that_waits)
{
	int fds[2];

	raw_pipe(raw, fds);
	start_read(raw, fds[0], 1);
	cancel(raw, 1, 0, 2);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, 0);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(cancel, finds_nothing)
{
	cancel(raw, 77, 0, 1);
	cancel(raw, 77, IORING_ASYNC_CANCEL_ALL, 2);
	cancel(raw, 0, IORING_ASYNC_CANCEL_ANY, 3);
	cancel_fd(raw, 999999, 0, 4);
	raw_go(raw, 4);
	EXPECT_RESULT(raw, 1, -ENOENT);
	EXPECT_RESULT(raw, 2, 0);
	EXPECT_RESULT(raw, 3, 0);
	EXPECT_RESULT(raw, 4, -EBADF);
}

ON_BOTH(cancel, ends_all_of_one_descriptor)
{
	int fds[2];
	int others[2];

	raw_pipe(raw, fds);
	raw_pipe(raw, others);
	start_read(raw, fds[0], 1);
	start_read(raw, fds[0], 2);
	start_read(raw, others[0], 3);
	cancel_fd(raw, fds[0], IORING_ASYNC_CANCEL_ALL, 4);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 4, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, -ECANCELED);
	EXPECT_RESULT(raw, 3, RAW_NOTHING);
	cancel_fd(raw, others[0], 0, 5);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 5, 0);
	EXPECT_RESULT(raw, 3, -ECANCELED);
	for (int i = 0; i < 2; i++) {
		raw_close_fd(raw, fds[i]);
		raw_close_fd(raw, others[i]);
	}
}

ON_BOTH(cancel, any_means_all)
{
	int fds[2];

	raw_pipe(raw, fds);
	start_read(raw, fds[0], 1);
	start_read(raw, fds[0], 2);
	cancel(raw, 0, IORING_ASYNC_CANCEL_ANY, 3);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 3, 2);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(cancel, finds_by_operation)
{
	struct io_uring_sqe *sqe;
	int fds[2];

	raw_pipe(raw, fds);
	start_read(raw, fds[0], 1);
	sqe = raw_sqe(raw, 2);
	io_uring_prep_poll_add(sqe, fds[0], POLLIN);
	raw_name(sqe, 2, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_ALL);
	sqe->len = IORING_OP_POLL_ADD;
	raw_name(sqe, 3, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 3, 1);
	EXPECT_RESULT(raw, 2, -ECANCELED);
	EXPECT_RESULT(raw, 1, RAW_NOTHING);
	cancel(raw, 1, 0, 4);
	raw_go(raw, 2);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(cancel, refuses_what_makes_no_sense)
{
	struct io_uring_sqe *sqe;

	cancel(raw, 1, 1u << 20, 1);
	cancel_fd(raw, 0, IORING_ASYNC_CANCEL_ANY, 2);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_cancel64(sqe, 1, 0);
	sqe->off = 5;
	raw_name(sqe, 3, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, -EINVAL);
	EXPECT_RESULT(raw, 2, -EINVAL);
	EXPECT_RESULT(raw, 3, -EINVAL);
}

ON_BOTH(cancel, of_a_futex_wait_says_one)
{
	static uint32_t word = 5;
	struct io_uring_sqe *sqe = raw_sqe(raw, 1);

	io_uring_prep_futex_wait(sqe, &word, 5, UINT32_MAX, 2, 0);
	raw_name(sqe, 1, 0);
	raw_go(raw, 0);
	cancel(raw, 1, 0, 2);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, 1);
}

ON_BOTH(cancel, leaves_the_first_of_two_with_the_same_name)
{
	int fds[2];

	raw_pipe(raw, fds);
	start_read(raw, fds[0], 1);
	start_read(raw, fds[0], 1);
	cancel(raw, 1, 0, 2);
	raw_go(raw, 2);
	EXPECT_EQ(raw_cqe_count(raw, 1), 1);
	EXPECT_RESULT(raw, 2, 0);
	cancel(raw, 1, IORING_ASYNC_CANCEL_ALL, 3);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 3, 1);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(cancel, a_closed_descriptor_keeps_its_request)
{
	int fds[2];

	raw_pipe(raw, fds);
	start_read(raw, fds[0], 1);
	raw_go(raw, 0);
	raw_close_fd(raw, fds[0]);
	cancel_fd(raw, fds[0], 0, 2);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 2, -EBADF);
	EXPECT_RESULT(raw, 1, RAW_NOTHING);
	raw_close_fd(raw, fds[1]);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 1, 0);
}
