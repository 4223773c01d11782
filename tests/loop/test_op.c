/* SPDX-License-Identifier: MIT */
/* Operations: their states, what the kernel owes, and cancels in every order. */
#include "loop/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

TEST(op, idle_in_kernel_done)
{
	struct coil_op op;

	rig_open(8, 16);
	op_prep_nop(&op);
	fake.holds_nops = true;
	EXPECT_EQ(op.state, OP_IDLE);
	op_start(&rig_loop, &op, NULL);
	EXPECT_EQ(op.state, OP_IN_KERNEL);
	EXPECT_EQ(op.owed, 1);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_PENDING);
	rig_turn();
	rig_answer(&op, 5, 0);
	EXPECT_EQ(op.state, OP_IN_KERNEL);
	rig_turn();
	EXPECT_EQ(op.state, OP_DONE);
	EXPECT_EQ(op.owed, 0);
	EXPECT_EQ(coil_future_result(&op.future), 5);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_COMPLETED);
	EXPECT(op_of_future(&op.future) == &op);
	rig_close();
}

TEST(op, a_done_one_may_be_started_again)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	for (int i = 0; i < 3; i++) {
		rig_turn();
		rig_answer(&op, i, 0x50000);
		rig_turn();
		EXPECT_EQ(coil_future_result(&op.future), i);
		EXPECT_EQ(op.cqe_flags, 0x50000);
		EXPECT_EQ(fake_taken(&fake, 0)->opcode, IORING_OP_READ);
		op_start(&rig_loop, &op, NULL);
		EXPECT_EQ(op.cqe_flags, 0);
		EXPECT(future_is_pending(&op.future));
	}
	rig_turn();
	rig_answer(&op, 0, 0);
	rig_close();
}

TEST_SIGNAL(op, one_in_flight_is_not_started, SIGABRT, "this operation is in flight already\n")
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	op_start(&rig_loop, &op, NULL);
}

TEST_SIGNAL(op, a_completion_too_many_is_seen, SIGABRT, "op->state == OP_IN_KERNEL")
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_nop(&op);
	rig_turn();
	op.completion.complete(&op.completion, 0, 0);
}

/* -- Cancels --------------------------------------------------------------------------------- */

/* In the kernel, with its cancel there, too; neither is answered. */
static void cancelled_read(struct coil_op *op)
{
	rig_open(8, 16);
	fake.holds_cancels = true;
	rig_start_read(op);
	rig_turn();
	EXPECT_EQ(coil_op_cancel(op), 0);
	EXPECT_EQ(op->owed, 2);
	EXPECT_EQ(coil_op_cancel(op), 0); /* asked once is enough */
	EXPECT_EQ(op->owed, 2);
	rig_turn();
	EXPECT_EQ(fake_taken(&fake, 0)->opcode, IORING_OP_ASYNC_CANCEL);
	EXPECT_EQ(fake_taken(&fake, 0)->addr, (uintptr_t)&op->completion);
	EXPECT_EQ(fake_taken(&fake, 0)->user_data, (uintptr_t)&op->cancel);
	EXPECT_EQ(rig_loop.cancels_pushed, 1);
	fake.holds_cancels = false;
}

/* Whatever the cancel says, and whichever comes first. */
TEST(op, a_cancel_in_every_order)
{
	static const struct {
		int32_t result;
		int32_t cancel;
		int outcome;
	} rows[] = {
		{ -ECANCELED, 0, COIL_OUTCOME_CANCELLED },
		{ -ECANCELED, 1, COIL_OUTCOME_CANCELLED },
		{ -EINTR, -EALREADY, COIL_OUTCOME_CANCELLED },
		{ -512, 0, COIL_OUTCOME_CANCELLED },
		{ 1, -ENOENT, COIL_OUTCOME_COMPLETED_FIRST },
		{ 1, -EALREADY, COIL_OUTCOME_COMPLETED_FIRST },
		{ 0, -ENOENT, COIL_OUTCOME_COMPLETED_FIRST },
		{ -EIO, -EALREADY, COIL_OUTCOME_COMPLETED_FIRST },
	};
	struct coil_op op;

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (int cancel_first = 0; cancel_first < 2; cancel_first++) {
			cancelled_read(&op);
			if (cancel_first)
				rig_answer_cancel(&op, rows[i].cancel);
			else
				rig_answer(&op, rows[i].result, 0);
			rig_turn();
			EXPECT_EQ(op.state, OP_IN_KERNEL);
			EXPECT_EQ(op.owed, 1);
			EXPECT(future_is_pending(&op.future));
			EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_PENDING);
			if (cancel_first)
				rig_answer(&op, rows[i].result, 0);
			else
				rig_answer_cancel(&op, rows[i].cancel);
			rig_turn();
			EXPECT_EQ(coil_future_result(&op.future), rows[i].result);
			EXPECT_EQ(coil_op_outcome(&op), rows[i].outcome);
			EXPECT_EQ(coil_op_cancel(&op), -EALREADY);
			rig_close();
		}
	}
}

TEST(op, the_future_can_be_cancelled)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	EXPECT(future_cancel(&op.future));
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), -ECANCELED);
	rig_close();
}

TEST(op, operation_and_cancel_go_in_one_enter)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	EXPECT_EQ(coil_op_cancel(&op), 0);
	rig_wait();
	EXPECT_EQ(fake.enters, 1);
	EXPECT_EQ(coil_future_result(&op.future), -ECANCELED);
	rig_close();
}

TEST(op, started_again_the_cancel_is_forgotten)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	EXPECT_EQ(coil_op_cancel(&op), 0);
	rig_turn();
	op_start(&rig_loop, &op, NULL);
	rig_turn();
	rig_answer(&op, 1, 0);
	rig_turn();
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_COMPLETED);
	rig_close();
}

TEST(op, a_short_transfer_after_a_cancel_is_partial)
{
	static char bytes[8];
	struct coil_op op;

	cancelled_read(&op);
	io_uring_prep_send(op_sqe(&op), 5, bytes, 8, 0);
	rig_answer(&op, 3, 0);
	rig_answer_cancel(&op, -ENOENT);
	rig_turn();
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_PARTIAL);
	io_uring_prep_recv(op_sqe(&op), 5, bytes, 8, 0);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_COMPLETED_FIRST);
	io_uring_prep_recv(op_sqe(&op), 5, bytes, 8, MSG_WAITALL);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_PARTIAL);
	io_uring_prep_recv(op_sqe(&op), 5, bytes, 3, MSG_WAITALL);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_COMPLETED_FIRST);
	io_uring_prep_write(op_sqe(&op), 5, bytes, 8, 0);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_PARTIAL);
	rig_close();
}

TEST(op, refused_it_is_done_and_was_cancelled_whatever_the_reason)
{
	static const int reasons[] = { -ECANCELED, -ETIME };
	struct coil_op op;

	rig_open(8, 16);
	for (unsigned i = 0; i < 2; i++) {
		op_prep_nop(&op);
		op_refuse(&rig_loop, &op, reasons[i]);
		EXPECT_EQ(op.state, OP_DONE);
		EXPECT_EQ(coil_future_result(&op.future), reasons[i]);
		EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_CANCELLED);
		EXPECT(op_of_future(&op.future) == &op);
	}
	op_start(&rig_loop, &op, NULL);
	rig_wait();
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_COMPLETED);
	rig_close();
}

/* -- Zero copy ------------------------------------------------------------------------------- */

static void start_send_zc(struct coil_op *op)
{
	static const char bytes[8];

	memset(op, 0, sizeof *op);
	io_uring_prep_send_zc(op_sqe(op), 5, bytes, sizeof bytes, 0, 0);
	op_start(&rig_loop, op, NULL);
	rig_turn();
}

TEST(op, a_zero_copy_send_is_done_with_its_notification)
{
	struct coil_op op;

	for (int is_late = 0; is_late < 2; is_late++) {
		rig_open(8, 16);
		start_send_zc(&op);
		rig_answer(&op, 8, IORING_CQE_F_MORE);
		if (is_late) {
			rig_turn();
			EXPECT(future_is_pending(&op.future));
			EXPECT_EQ(ring_owed(&rig_loop.ring), 2); /* it, and the inbox */
		}
		rig_answer(&op, (int32_t)IORING_NOTIF_USAGE_ZC_COPIED, IORING_CQE_F_NOTIF);
		rig_turn();
		EXPECT_EQ(coil_future_result(&op.future), 8);
		EXPECT_EQ(op.cqe_flags, IORING_CQE_F_MORE);
		EXPECT_EQ(ring_owed(&rig_loop.ring), 1);
		rig_close();
	}
}

TEST(op, a_zero_copy_send_that_fails_has_no_notification)
{
	struct coil_op op;

	rig_open(8, 16);
	start_send_zc(&op);
	rig_answer(&op, -EPIPE, 0);
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), -EPIPE);
	rig_close();
}

/* The places of the cancel's CQE among the result's and the notification's. */
TEST(op, a_cancel_amid_zero_copy)
{
	struct coil_op op;

	for (int place = 0; place < 3; place++) {
		rig_open(8, 16);
		fake.holds_cancels = true;
		start_send_zc(&op);
		EXPECT_EQ(coil_op_cancel(&op), 0);
		rig_turn();
		for (int i = 0; i < 3; i++) {
			EXPECT(future_is_pending(&op.future));
			if (i == place)
				rig_answer_cancel(&op, -EALREADY);
			else if (i == 0 || (i == 1 && place == 0))
				rig_answer(&op, 4, IORING_CQE_F_MORE);
			else
				rig_answer(&op, 0, IORING_CQE_F_NOTIF);
			rig_turn();
		}
		EXPECT_EQ(coil_future_result(&op.future), 4);
		EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_PARTIAL);
		fake.holds_cancels = false;
		rig_close();
	}
}

TEST(op, more_to_come_keeps_it_in_the_kernel)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	for (int i = 0; i < 5; i++) {
		rig_answer(&op, i, IORING_CQE_F_MORE);
		rig_turn();
		EXPECT_EQ(op.owed, 1);
		EXPECT(future_is_pending(&op.future));
	}
	rig_answer(&op, 9, 0);
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), 9);
	rig_close();
}

/* -- The rest -------------------------------------------------------------------------------- */

TEST(op, what_was_opened_is_told)
{
	static const struct {
		unsigned char opcode;
		int32_t result;
		unsigned file_index;
		int count;
	} rows[] = {
		{ IORING_OP_ACCEPT, 9, 0, 1 },	   { IORING_OP_OPENAT, 9, 0, 1 },
		{ IORING_OP_OPENAT2, 9, 0, 1 },	   { IORING_OP_SOCKET, 9, 0, 1 },
		{ IORING_OP_ACCEPT, -EIO, 0, 0 },  { IORING_OP_ACCEPT, 9, 1, 0 },
		{ IORING_OP_READ, 9, 0, 0 },	   { ABI_OP_PIPE, 0, 0, 2 },
	};
	int pipe_fds[2] = { 9, 10 };
	int fds[2];

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct coil_op op = { .state = OP_DONE, .future.result = rows[i].result };

		op_sqe(&op)->opcode = rows[i].opcode;
		op_sqe(&op)->file_index = rows[i].file_index;
		op_sqe(&op)->addr = (uintptr_t)pipe_fds;
		EXPECT_EQ(op_opened(&op, fds), rows[i].count);
		for (int n = 0; n < rows[i].count; n++)
			EXPECT_EQ(fds[n], 9 + n);
		op.state = OP_IN_KERNEL;
		EXPECT_EQ(op_opened(&op, fds), 0);
	}
}

TEST(op, the_time_of_a_link_timeout_is_held_within_the_range)
{
	static const struct {
		struct timespec duration;
		int64_t deadline;
	} rows[] = {
		{ { 0, 5 }, 105 },
		{ { 2, 5 }, 2000000105 },
		{ { INT64_MAX / 1000000000, 999999999 }, INT64_MAX },
		{ { INT64_MAX / 1000000000 + 1, 0 }, INT64_MAX },
		{ { INT64_MAX, 0 }, INT64_MAX },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct coil_op op;

		op_prep_link_timeout(&op, &rows[i].duration);
		EXPECT_EQ(op_link_timeout_deadline(&op, 100), rows[i].deadline);
	}
}

TEST(op, a_raw_one_loses_what_would_break_the_count)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_NOP, .user_data = 77, .flags = 0xff };
	struct coil_op op = coil_op_raw(&sqe);

	EXPECT_EQ(op_sqe(&op)->user_data, 0);
	EXPECT_EQ(op_sqe(&op)->flags, IOSQE_FIXED_FILE | IOSQE_ASYNC | IOSQE_BUFFER_SELECT | 0x80);
	EXPECT_EQ(op.state, OP_IDLE);
}

#define RAW_MULTISHOT(name, ...)                                                                   \
	TEST_SIGNAL(op, a_raw_multishot_##name##_is_misuse, SIGABRT,                               \
		    "coil: coil_op_raw: a multishot operation completes many times")               \
	{                                                                                          \
		struct io_uring_sqe sqe = { __VA_ARGS__ };                                         \
		coil_op_raw(&sqe);                                                                 \
	}

RAW_MULTISHOT(accept, .opcode = IORING_OP_ACCEPT, .ioprio = IORING_ACCEPT_MULTISHOT)
RAW_MULTISHOT(recv, .opcode = IORING_OP_RECV, .ioprio = IORING_RECV_MULTISHOT)
RAW_MULTISHOT(recvmsg, .opcode = IORING_OP_RECVMSG, .ioprio = IORING_RECV_MULTISHOT)
RAW_MULTISHOT(poll, .opcode = IORING_OP_POLL_ADD, .len = IORING_POLL_ADD_MULTI)
RAW_MULTISHOT(timeout, .opcode = IORING_OP_TIMEOUT, .timeout_flags = IORING_TIMEOUT_MULTISHOT)
RAW_MULTISHOT(read, .opcode = IORING_OP_READ_MULTISHOT)

TEST_SIGNAL(op, an_idle_one_has_no_outcome, SIGABRT,
	    "coil: coil_op_outcome: this operation was never started\n")
{
	struct coil_op op;

	op_prep_nop(&op);
	coil_op_outcome(&op);
}

TEST_SIGNAL(op, an_idle_one_is_not_cancelled, SIGABRT,
	    "coil: coil_op_cancel: this operation was never started\n")
{
	struct coil_op op;

	rig_open(8, 16);
	op_prep_nop(&op);
	coil_op_cancel(&op);
}

TEST_SIGNAL(op, one_of_another_loop_is_not_cancelled, SIGABRT,
	    "coil: coil_op_cancel: this operation belongs to the loop of another thread\n")
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	op.future.ready = NULL;
	coil_op_cancel(&op);
}

TEST_SIGNAL(op, a_frame_left_in_flight_is_misuse, SIGABRT,
	    "coil: coil_op_left: a frame was left with an operation of its own in flight: await it "
	    "before\n")
{
	rig_open(8, 16);
	{
		COIL_AUTO(op) struct coil_op op;

		rig_start_read(&op);
	}
}

TEST(op, a_frame_may_be_left_with_an_idle_or_a_done_one)
{
	rig_open(8, 16);
	{
		COIL_AUTO(op) struct coil_op idle;
		COIL_AUTO(op) struct coil_op done;

		op_prep_nop(&idle);
		rig_start_nop(&done);
		rig_turn();
	}
	rig_close();
}

TEST(op, reads_of_a_real_pipe)
{
	struct coil_op read_op, cancelled;
	char byte = 0;
	int fds[2];

	ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
	rig_open_kernel();
	op_prep_read(&cancelled, fds[0], &byte, 1, -1);
	op_start(&rig_loop, &cancelled, NULL);
	rig_turn();
	EXPECT_EQ(coil_op_cancel(&cancelled), 0);
	rig_await(&cancelled.future);
	EXPECT_EQ(coil_op_outcome(&cancelled), COIL_OUTCOME_CANCELLED);
	op_prep_read(&read_op, fds[0], &byte, 1, -1);
	op_start(&rig_loop, &read_op, NULL);
	rig_turn();
	EXPECT_EQ(write(fds[1], "x", 1), 1);
	rig_await(&read_op.future);
	EXPECT_EQ(coil_future_result(&read_op.future), 1);
	EXPECT_EQ(byte, 'x');
	rig_close();
	close(fds[0]);
	close(fds[1]);
}
