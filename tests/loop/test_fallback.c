/* SPDX-License-Identifier: MIT */
/* Operations that this kernel lacks: a call at once, a poll and then a call, or -ENOSYS. */
#include "loop/rig.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "loop/fallback.h"

static int calls;
static int last_fd;
static int answers[4]; /* of the next calls, the first one first */

static int next_answer(void)
{
	return answers[calls++];
}

static int listen_call(int fd, int backlog)
{
	EXPECT_EQ(backlog, 12);
	last_fd = fd;
	return next_answer();
}

static int epoll_wait_call(int fd, struct epoll_event *events, int events_max, int timeout_ms)
{
	EXPECT(events != NULL);
	EXPECT_EQ(events_max, 3);
	EXPECT_EQ(timeout_ms, 0);
	last_fd = fd;
	return next_answer();
}

/* For a driver, what it offers is settled before its loop begins. */
static void offer(uint64_t opcodes)
{
	fake.driver.opcodes = opcodes;
	rig_loop.opcodes_plain = fallback_opcodes_unneeded(&fake.driver);
}

static void without(unsigned opcode)
{
	rig_open(8, 16);
	offer(~(UINT64_C(1) << opcode));
	fake.calls.listen = listen_call;
	fake.calls.epoll_wait = epoll_wait_call;
}

static void start_listen(struct coil_op *op)
{
	memset(op, 0, sizeof *op);
	op_sqe(op)->opcode = IORING_OP_LISTEN;
	op_sqe(op)->fd = 3;
	op_sqe(op)->len = 12;
	op_start(&rig_loop, op, NULL);
}

static void start_epoll_wait(struct coil_op *op)
{
	static struct epoll_event events[3];

	op_prep_epoll_wait(op, 4, events, 3);
	op_start(&rig_loop, op, NULL);
}

TEST(fallback, a_call_is_made_at_once)
{
	struct coil_op op;

	without(IORING_OP_LISTEN);
	answers[0] = 0;
	answers[1] = -EADDRINUSE;
	for (int i = 0; i < 2; i++) {
		start_listen(&op);
		EXPECT_EQ(op.state, OP_DONE);
		EXPECT_EQ(coil_future_result(&op.future), answers[i]);
		EXPECT_EQ(last_fd, 3);
	}
	EXPECT_EQ(rig_loop.fallbacks, 2);
	EXPECT_EQ(fake.enters, 0);
	EXPECT_EQ(ring_owed(&rig_loop.ring), 1);
	rig_close();
}

TEST(fallback, what_the_kernel_has_is_native)
{
	struct coil_op op;

	without(0);
	start_listen(&op);
	EXPECT_EQ(op.state, OP_IN_KERNEL);
	EXPECT_EQ(calls, 0);
	rig_turn();
	rig_answer(&op, 0, 0);
	rig_close();
}

TEST(fallback, nothing_honest_is_enosys)
{
	struct coil_op op;
	uint32_t owner = 0;

	without(IORING_OP_READ);
	op_prep_read(&op, 1, &owner, 1, 0);
	op_start(&rig_loop, &op, &owner);
	EXPECT_EQ(coil_future_result(&op.future), -ENOSYS);
	EXPECT_EQ(owner, 0);
	EXPECT_EQ(rig_loop.fallbacks, 1);
	offer(UINT64_MAX);
	rig_close();
}

TEST(fallback, a_poll_and_then_the_call)
{
	struct coil_op op;

	without(ABI_OP_EPOLL_WAIT);
	answers[0] = 2;
	start_epoll_wait(&op);
	EXPECT_EQ(op.state, OP_IN_KERNEL);
	rig_turn();
	EXPECT_EQ(fake_taken(&fake, 0)->opcode, IORING_OP_POLL_ADD);
	EXPECT_EQ(fake_taken(&fake, 0)->fd, 4);
	EXPECT_EQ(fake_taken(&fake, 0)->poll32_events, POLLIN);
	EXPECT_EQ(calls, 0);
	rig_answer(&op, POLLIN, 0x80000);
	rig_turn();
	EXPECT_EQ(calls, 1);
	EXPECT_EQ(coil_future_result(&op.future), 2);
	EXPECT_EQ(op.cqe_flags, 0);
	rig_close();
}

TEST(fallback, who_comes_too_late_polls_again)
{
	struct coil_op op;

	without(ABI_OP_EPOLL_WAIT);
	answers[2] = 1;
	start_epoll_wait(&op);
	for (int i = 0; i < 3; i++) {
		rig_turn();
		rig_turn();
		EXPECT(future_is_pending(&op.future));
		EXPECT_EQ(fake_taken(&fake, 0)->opcode, IORING_OP_POLL_ADD);
		rig_answer(&op, POLLIN, 0);
		rig_turn();
	}
	EXPECT_EQ(calls, 3);
	EXPECT_EQ(coil_future_result(&op.future), 1);
	rig_close();
}

TEST(fallback, a_poll_that_fails_makes_no_call)
{
	struct coil_op op;

	without(ABI_OP_EPOLL_WAIT);
	start_epoll_wait(&op);
	rig_turn();
	rig_answer(&op, -EBADF, 0);
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), -EBADF);
	EXPECT_EQ(calls, 0);
	rig_close();
}

TEST(fallback, a_poll_can_be_cancelled)
{
	struct coil_op op;

	without(ABI_OP_EPOLL_WAIT);
	start_epoll_wait(&op);
	rig_turn();
	EXPECT_EQ(coil_op_cancel(&op), 0);
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), -ECANCELED);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_CANCELLED);
	rig_close();
}

TEST(fallback, a_wrong_argument_fails_before_the_poll)
{
	struct coil_op op;

	without(ABI_OP_EPOLL_WAIT);
	op_prep_epoll_wait(&op, 4, NULL, 0);
	op_start(&rig_loop, &op, NULL);
	EXPECT_EQ(coil_future_result(&op.future), -EINVAL);
	rig_close();
}

/* -- waitid, which opens something ------------------------------------------------------------ */

static int opened;
static bool has_ended;

static int pidfd_open_call(pid_t pid, unsigned flags)
{
	EXPECT_EQ(pid, 1234);
	EXPECT_EQ(flags, 0);
	opened++;
	return 50;
}

static int close_call(int fd)
{
	EXPECT_EQ(fd, 50);
	opened--;
	return 0;
}

static int waitid_call(int type, id_t id, void *info, int options)
{
	EXPECT_EQ(type, P_PID);
	EXPECT_EQ(id, 1234);
	EXPECT(options & WNOHANG);
	if (has_ended)
		((siginfo_t *)info)->si_pid = 1234;
	return 0;
}

static void start_waitid(struct coil_op *op)
{
	rig_open(4, 16);
	offer(~(UINT64_C(1) << IORING_OP_WAITID));
	fake.calls.pidfd_open = pidfd_open_call;
	fake.calls.close = close_call;
	fake.calls.waitid = waitid_call;
	op_prep_waitid(op, P_PID, 1234, NULL, WEXITED);
	op_start(&rig_loop, op, NULL);
	EXPECT_EQ(opened, 1);
}

TEST(fallback, what_was_opened_is_closed_when_it_is_done)
{
	struct coil_op op;

	start_waitid(&op);
	rig_turn();
	EXPECT_EQ(fake_taken(&fake, 0)->fd, 50);
	has_ended = true;
	rig_answer(&op, POLLIN, 0);
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), 0);
	EXPECT_EQ(opened, 0);
	rig_close();
}

TEST(fallback, what_was_opened_is_closed_when_it_is_cancelled)
{
	struct coil_op op;

	start_waitid(&op);
	rig_turn();
	EXPECT_EQ(coil_op_cancel(&op), 0);
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), -ECANCELED);
	EXPECT_EQ(opened, 0);
	rig_close();
}

/* The poll was for nothing, and nobody wants another one. */
TEST(fallback, a_cancel_after_a_poll_for_nothing_releases_too)
{
	struct coil_op op;

	start_waitid(&op);
	rig_turn();
	fake.holds_cancels = true;
	EXPECT_EQ(coil_op_cancel(&op), 0);
	rig_turn();
	rig_answer(&op, POLLIN, 0);
	rig_answer_cancel(&op, -ENOENT);
	rig_turn();
	EXPECT_EQ(op.state, OP_DONE);
	EXPECT_EQ(coil_future_result(&op.future), -ECANCELED);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_CANCELLED);
	EXPECT_EQ(opened, 0);
	fake.holds_cancels = false;
	rig_close();
}

TEST(fallback, what_was_opened_is_closed_when_it_is_withdrawn)
{
	struct coil_op fillers[4], op;

	start_waitid(&op);
	rig_turn();
	has_ended = true;
	rig_answer(&op, POLLIN, 0);
	rig_turn();
	has_ended = false;
	for (int i = 0; i < 4; i++)
		rig_start_nop(&fillers[i]);
	op_start(&rig_loop, &op, NULL);
	EXPECT_EQ(op.state, OP_QUEUED);
	EXPECT_EQ(opened, 1);
	EXPECT_EQ(coil_op_cancel(&op), 0);
	EXPECT_EQ(coil_future_result(&op.future), -ECANCELED);
	EXPECT_EQ(opened, 0);
	rig_turn();
	rig_close();
}

TEST(fallback, the_words_for_the_doctor)
{
	EXPECT_STR_EQ(fallback_words(IORING_OP_CLOSE), "system call");
	EXPECT_STR_EQ(fallback_words(IORING_OP_WAITID), "poll and call");
	EXPECT_STR_EQ(fallback_words(IORING_OP_READ), "-ENOSYS");
	EXPECT_STR_EQ(fallback_words(200), "-ENOSYS");
}
