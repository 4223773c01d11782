/* SPDX-License-Identifier: MIT */
/* What the constructors stage: inert, nothing left over from the frame, lengths within bounds. */
#include "support/test.h"

#include "coil/ops.h"
#include "loop/abi.h"
#include "loop/prep.h"
#include "loop/prep_files.h"
#include "loop/prep_net.h"

#include <liburing.h>

#include <fcntl.h>

static struct io_uring_sqe staged(const struct coil_op *op)
{
	struct io_uring_sqe sqe;

	memcpy(&sqe, op->sqe, sizeof sqe);
	return sqe;
}

TEST(ops_prep, an_operation_starts_from_zero)
{
	struct coil_op op;
	struct io_uring_sqe wanted;
	char bytes[8];

	memset(&op, 0xff, sizeof op);
	op_prep_recv(&op, 3, bytes, sizeof bytes, MSG_WAITALL);
	memset(&wanted, 0, sizeof wanted);
	io_uring_prep_recv(&wanted, 3, bytes, sizeof bytes, MSG_WAITALL);
	EXPECT_MEM_EQ(op.sqe, &wanted, sizeof wanted);
	EXPECT_EQ(op.state, 0);
	EXPECT_EQ(op.owed, 0);
	EXPECT(op.future.waiters == NULL);
}

TEST(ops_prep, lengths_are_cut_to_what_the_kernel_moves)
{
	const size_t lengths[] = {0, 1, 0x7fffefff, 0x7ffff000, 0x7ffff001, SIZE_MAX};
	const unsigned wanted[] = {0, 1, 0x7fffefff, 0x7ffff000, 0x7ffff000, 0x7ffff000};

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct coil_op ops[] = {
			coil_op_read(3, NULL, lengths[i], 0),
			coil_op_write(3, NULL, lengths[i], 0),
			coil_op_recv(3, NULL, lengths[i], 0),
			coil_op_send(3, NULL, lengths[i], 0),
			coil_op_send_zc(3, NULL, lengths[i], 0),
			coil_op_splice(3, -1, 4, -1, lengths[i], 0),
			coil_op_tee(3, 4, lengths[i], 0),
			coil_op_read_fixed(3, NULL, lengths[i], 0, 1),
		};

		for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
			EXPECT_EQ(staged(&ops[k]).len, wanted[i]);
	}
}

TEST(ops_prep, long_advice_goes_where_newer_kernels_look)
{
	struct coil_op few = coil_op_fadvise(3, 7, UINT32_MAX, POSIX_FADV_NORMAL);
	struct coil_op many = coil_op_fadvise(3, 7, INT64_C(1) << 32, POSIX_FADV_NORMAL);
	struct coil_op memory = coil_op_madvise(NULL, (size_t)1 << 32, 0);

	EXPECT_EQ(staged(&few).len, UINT32_MAX);
	EXPECT_EQ(staged(&few).addr, 0);
	EXPECT_EQ(staged(&many).len, 0);
	EXPECT_EQ(staged(&many).addr, INT64_C(1) << 32);
	EXPECT_EQ(staged(&many).off, 7);
	EXPECT_EQ(staged(&memory).len, 0);
	EXPECT_EQ(staged(&memory).off, INT64_C(1) << 32);
}

TEST(ops_prep, offsets_are_passed_on)
{
	struct coil_op own = coil_op_read(3, NULL, 1, -1);
	struct coil_op far = coil_op_write(3, NULL, 1, INT64_C(1) << 40);

	EXPECT_EQ(staged(&own).off, UINT64_MAX);
	EXPECT_EQ(staged(&far).off, INT64_C(1) << 40);
}

TEST(ops_prep, newer_operations_are_staged_as_newer_headers_do)
{
	int fds[2];
	struct coil_op made = coil_op_pipe(fds, O_CLOEXEC);
	struct coil_op events = coil_op_epoll_wait(5, (void *)fds, 3);
	struct coil_op option = coil_op_getsockopt(5, 1, 2, fds, 8);
	struct io_uring_sqe wanted;

	EXPECT_EQ(staged(&made).opcode, 62);
	EXPECT_EQ(staged(&made).fd, 0);
	EXPECT_EQ(staged(&made).addr, (uintptr_t)fds);
	EXPECT_EQ(staged(&made).open_flags, O_CLOEXEC);
	EXPECT_EQ(staged(&events).opcode, 59);
	EXPECT_EQ(staged(&events).fd, 5);
	EXPECT_EQ(staged(&events).len, 3);
	memset(&wanted, 0, sizeof wanted);
	io_uring_prep_cmd_sock(&wanted, ABI_SOCKET_GETSOCKOPT, 5, 1, 2, fds, 8);
	EXPECT_MEM_EQ(option.sqe, &wanted, sizeof wanted);
}

TEST(ops_prep, a_link_timeout_is_relative)
{
	const struct timespec second = {.tv_sec = 1};
	struct coil_op op = coil_op_link_timeout(&second);

	EXPECT_EQ(staged(&op).opcode, IORING_OP_LINK_TIMEOUT);
	EXPECT_EQ(staged(&op).addr, (uintptr_t)&second);
	EXPECT_EQ(staged(&op).len, 1);
	EXPECT_EQ(staged(&op).timeout_flags, 0);
}
