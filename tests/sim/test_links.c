/* SPDX-License-Identifier: MIT */
/* Chains, DRAIN and linked timeouts: the same on both kernels. */
#include "sim/raw.h"

#define LINK IOSQE_IO_LINK
#define HARD IOSQE_IO_HARDLINK
#define SKIP_CQE IOSQE_CQE_SKIP_SUCCESS

static void nop(struct raw *raw, uint64_t name, unsigned flags)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_nop(sqe);
	raw_name(sqe, name, flags);
}

/* A close that fails. */
static void bad(struct raw *raw, uint64_t name, unsigned flags)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_close(sqe, 999999);
	raw_name(sqe, name, flags);
}

/* An SQE that makes no sense. */
static void nonsense(struct raw *raw, uint64_t name, unsigned flags)
{
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_nop(sqe);
	sqe->opcode = IORING_OP_TIMEOUT;
	sqe->len = 77;
	raw_name(sqe, name, flags);
}

static void read_from(struct raw *raw, int fd, uint64_t name, unsigned flags)
{
	static char buffer[64];
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_read(sqe, fd, buffer, sizeof buffer, 0);
	raw_name(sqe, name, flags);
}

static void write_to(struct raw *raw, int fd, unsigned bytes, uint64_t name, unsigned flags)
{
	static const char buffer[64] = "what is written";
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	io_uring_prep_write(sqe, fd, buffer, bytes, 0);
	raw_name(sqe, name, flags);
}

static void deadline(struct raw *raw, int64_t ns, uint64_t name, unsigned flags)
{
	static struct __kernel_timespec ts;
	struct io_uring_sqe *sqe = raw_sqe(raw, name);

	ts = (struct __kernel_timespec){.tv_nsec = ns};
	io_uring_prep_link_timeout(sqe, &ts, 0);
	raw_name(sqe, name, flags);
}

ON_BOTH(links, a_failure_cancels_what_follows)
{
	nop(raw, 1, LINK);
	bad(raw, 2, LINK);
	nop(raw, 3, LINK);
	nop(raw, 4, 0);
	nop(raw, 5, 0);
	raw_go(raw, 5);
	EXPECT_RESULT(raw, 1, 0);
	EXPECT_RESULT(raw, 2, -EBADF);
	EXPECT_RESULT(raw, 3, -ECANCELED);
	EXPECT_RESULT(raw, 4, -ECANCELED);
	EXPECT_RESULT(raw, 5, 0);
	EXPECT_LT(raw_place(raw, 2), raw_place(raw, 3));
	EXPECT_LT(raw_place(raw, 3), raw_place(raw, 4));
}

ON_BOTH(links, a_hard_link_outlives_a_failure)
{
	bad(raw, 1, HARD);
	nop(raw, 2, LINK);
	nop(raw, 3, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, -EBADF);
	EXPECT_RESULT(raw, 2, 0);
	EXPECT_RESULT(raw, 3, 0);
}

ON_BOTH(links, one_senseless_sqe_cancels_the_whole_chain)
{
	nop(raw, 1, HARD);
	nonsense(raw, 2, HARD);
	nop(raw, 3, 0);
	nop(raw, 4, 0);
	raw_go(raw, 4);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, -EINVAL);
	EXPECT_RESULT(raw, 3, -ECANCELED);
	EXPECT_RESULT(raw, 4, 0);
}

ON_BOTH(links, the_end_of_a_submission_ends_a_chain)
{
	bad(raw, 1, LINK);
	raw_go(raw, 1);
	nop(raw, 2, 0);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 1, -EBADF);
	EXPECT_RESULT(raw, 2, 0);
}

ON_BOTH(links, a_short_read_breaks_a_link)
{
	int fds[2];

	raw_pipe(raw, fds);
	write_to(raw, fds[1], 10, 1, LINK);
	read_from(raw, fds[0], 2, LINK);
	nop(raw, 3, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, 10);
	EXPECT_RESULT(raw, 2, 10);
	EXPECT_RESULT(raw, 3, -ECANCELED);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(links, a_step_waits_for_the_one_before)
{
	int fds[2];

	raw_pipe(raw, fds);
	read_from(raw, fds[0], 1, HARD);
	nop(raw, 2, 0);
	raw_go(raw, 0);
	EXPECT_RESULT(raw, 2, RAW_NOTHING);
	write_to(raw, fds[1], 64, 3, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, 64);
	EXPECT_RESULT(raw, 2, 0);
	EXPECT_RESULT(raw, 3, 64);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(links, silent_members_say_only_failures)
{
	nop(raw, 1, LINK | SKIP_CQE);
	nop(raw, 2, LINK | SKIP_CQE);
	nop(raw, 3, 0);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 1, RAW_NOTHING);
	EXPECT_RESULT(raw, 3, 0);
	nop(raw, 4, LINK | SKIP_CQE);
	bad(raw, 5, LINK | SKIP_CQE);
	nop(raw, 6, 0);
	nop(raw, 7, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 5, -EBADF);
	EXPECT_RESULT(raw, 6, RAW_NOTHING);
	EXPECT_RESULT(raw, 7, 0);
	bad(raw, 8, LINK);
	nop(raw, 9, SKIP_CQE);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 9, -ECANCELED);
}

ON_BOTH(links, a_member_that_did_not_begin_is_not_found)
{
	int fds[2];
	struct io_uring_sqe *sqe;

	raw_pipe(raw, fds);
	read_from(raw, fds[0], 1, LINK);
	nop(raw, 2, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_cancel64(sqe, 2, 0);
	raw_name(sqe, 3, 0);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 3, -ENOENT);
	sqe = raw_sqe(raw, 4);
	io_uring_prep_cancel64(sqe, 1, 0);
	raw_name(sqe, 4, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 4, 0);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, -ECANCELED);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

/* -- Linked timeouts -----------------------------------------------------------------------------
 */

ON_BOTH(links, a_linked_timeout_ends_its_step)
{
	int fds[2];

	raw_pipe(raw, fds);
	read_from(raw, fds[0], 1, LINK);
	deadline(raw, 20000000, 2, 0);
	raw_go(raw, 2);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, -ETIME);
	EXPECT_LT(raw_place(raw, 2), raw_place(raw, 1));
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(links, a_step_in_time_ends_its_linked_timeout)
{
	nop(raw, 1, LINK);
	deadline(raw, 900000000, 2, LINK);
	nop(raw, 3, 0);
	raw_go(raw, 3);
	EXPECT_RESULT(raw, 1, 0);
	EXPECT_RESULT(raw, 2, -ECANCELED);
	EXPECT_RESULT(raw, 3, 0);
}

ON_BOTH(links, a_linked_timeout_needs_a_step)
{
	deadline(raw, 1, 1, 0);
	nop(raw, 2, LINK);
	deadline(raw, 1, 3, LINK);
	deadline(raw, 1, 4, 0);
	raw_go(raw, 4);
	EXPECT_RESULT(raw, 1, -EINVAL);
	EXPECT_RESULT(raw, 2, -ECANCELED);
	EXPECT_RESULT(raw, 3, -ECANCELED);
	EXPECT_RESULT(raw, 4, -EINVAL);
}

ON_BOTH(links, a_linked_timeout_is_not_found_by_a_cancel)
{
	struct io_uring_sqe *sqe;
	int fds[2];

	raw_pipe(raw, fds);
	read_from(raw, fds[0], 1, LINK);
	deadline(raw, 900000000, 2, 0);
	sqe = raw_sqe(raw, 3);
	io_uring_prep_cancel64(sqe, 2, 0);
	raw_name(sqe, 3, 0);
	write_to(raw, fds[1], 64, 4, 0);
	raw_go(raw, 4);
	EXPECT_RESULT(raw, 1, 64);
	EXPECT_RESULT(raw, 2, -ECANCELED);
	EXPECT_RESULT(raw, 3, -ENOENT);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

ON_BOTH(links, a_silent_linked_timeout_is_never_heard_of)
{
	int fds[2];

	raw_pipe(raw, fds);
	read_from(raw, fds[0], 1, LINK);
	deadline(raw, 10000000, 2, SKIP_CQE);
	raw_go(raw, 1);
	raw_go(raw, 0);
	EXPECT_RESULT(raw, 1, -ECANCELED);
	EXPECT_RESULT(raw, 2, RAW_NOTHING);
	raw_close_fd(raw, fds[0]);
	raw_close_fd(raw, fds[1]);
}

/* -- DRAIN ---------------------------------------------------------------------------------------
 */

ON_BOTH(links, a_drained_one_waits_for_all_before)
{
	int fds[2];

	raw_pipe(raw, fds);
	read_from(raw, fds[0], 1, 0);
	nop(raw, 2, IOSQE_IO_DRAIN);
	nop(raw, 3, 0);
	raw_go(raw, 0);
	EXPECT_EQ(raw->count, 0);
	EXPECT_EQ(raw->calls->fcntl(fds[1], 3 /* F_GETFL */, 0) & 3, 1);
	{
		struct io_uring_sqe *sqe = raw_sqe(raw, 4);

		io_uring_prep_cancel64(sqe, 1, 0);
		raw_name(sqe, 4, 0);
	}
	raw_go(raw, 0);
	/* The cancel stands behind the DRAIN itself: only the other end of the pipe helps. */
	raw_close_fd(raw, fds[1]);
	raw_go(raw, 4 - raw->count);
	EXPECT_RESULT(raw, 1, 0);
	EXPECT_RESULT(raw, 2, 0);
	EXPECT_RESULT(raw, 3, 0);
	EXPECT_RESULT(raw, 4, -ENOENT);
	raw_close_fd(raw, fds[0]);
}

ON_BOTH(links, no_drain_where_somebody_is_silent)
{
	nop(raw, 1, SKIP_CQE);
	nop(raw, 2, IOSQE_IO_DRAIN);
	raw_go(raw, 1);
	EXPECT_RESULT(raw, 1, RAW_NOTHING);
	EXPECT_RESULT(raw, 2, -EOPNOTSUPP);
}
