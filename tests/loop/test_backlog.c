/* SPDX-License-Identifier: MIT */
/* What finds the SQ full: operations, chains, cancels. */
#include "loop/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "loop/backlog.h"

#define FILLERS 4

static struct coil_op fillers[FILLERS];

/* An SQ of four, full of reads that nobody answers; not entered yet. */
static void open_full(void)
{
	rig_open(FILLERS, 16);
	for (int i = 0; i < FILLERS; i++)
		rig_start_read(&fillers[i]);
	EXPECT_EQ(ring_room(&rig_loop.ring), 0);
}

static void close_full(void)
{
	for (int i = 0; i < FILLERS; i++)
		if (op_is_started(&fillers[i]))
			rig_answer(&fillers[i], 0, 0);
	rig_turn();
	EXPECT(!rig_loop.operations.first && !rig_loop.cancels.first);
	rig_close();
}

static void chain_new(struct coil_op *steps, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		op_prep_nop(&steps[i]);
		op_sqe(&steps[i])->flags = i + 1 < n ? IOSQE_IO_LINK : 0;
	}
}

TEST(backlog, operations_wait_and_go_in_order)
{
	struct coil_op ops[6];

	open_full();
	for (int i = 0; i < 6; i++) {
		rig_start_read(&ops[i]);
		EXPECT_EQ(ops[i].state, OP_QUEUED);
	}
	EXPECT_EQ(rig_loop.backlogged, 6);
	rig_turn();
	EXPECT_EQ(ops[0].state, OP_QUEUED);
	rig_turn();
	EXPECT_EQ(ops[3].state, OP_IN_KERNEL);
	EXPECT_EQ(ops[4].state, OP_QUEUED);
	rig_turn();
	for (unsigned i = 0; i < 6; i++) {
		EXPECT_EQ(fake_taken(&fake, 5 - i)->user_data, (uintptr_t)&ops[i].completion);
		rig_answer(&ops[i], 0, 0);
	}
	close_full();
}

/* What is in the kernel may wait for what is in the backlog. */
TEST(backlog, the_loop_does_not_sleep_on_it)
{
	struct coil_op op;

	open_full();
	rig_start_nop(&op);
	rig_wait();
	EXPECT_EQ(fake.waits, 0);
	rig_wait();
	EXPECT_EQ(op.state, OP_DONE);
	close_full();
}

TEST(backlog, a_newcomer_does_not_overtake_it)
{
	struct coil_op chain[3], late;

	open_full();
	chain_new(chain, 3);
	op_start_chain(&rig_loop, chain, 3);
	fake_script(&fake, 0, 2);
	rig_turn();
	EXPECT_EQ(ring_room(&rig_loop.ring), 2);
	rig_start_nop(&late);
	EXPECT_EQ(late.state, OP_QUEUED);
	rig_turn();
	rig_turn();
	EXPECT_EQ(late.state, OP_DONE);
	EXPECT_EQ(fake_taken(&fake, 0)->user_data, (uintptr_t)&late.completion);
	EXPECT_EQ(fake_taken(&fake, 3)->user_data, (uintptr_t)&chain[0].completion);
	close_full();
}

TEST(backlog, a_chain_is_never_split)
{
	struct coil_op chain[3];

	for (unsigned taken = 0; taken <= 4; taken++) {
		open_full();
		chain_new(chain, 3);
		op_start_chain(&rig_loop, chain, 3);
		EXPECT_EQ(rig_loop.backlogged, 3);
		fake_script(&fake, taken ? 0 : -EBUSY, taken);
		rig_turn();
		EXPECT_EQ(ring_room(&rig_loop.ring), taken);
		backlog_drain(&rig_loop);
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(chain[i].state, taken < 3 ? OP_QUEUED : OP_IN_KERNEL);
		rig_turn();
		rig_turn();
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(chain[i].state, OP_DONE);
		close_full();
	}
}

TEST(backlog, a_chain_that_fits_goes_at_once)
{
	struct coil_op chain[4];

	rig_open(4, 16);
	chain_new(chain, 4);
	op_start_chain(&rig_loop, chain, 4);
	EXPECT_EQ(ring_room(&rig_loop.ring), 0);
	EXPECT_EQ(rig_loop.backlogged, 0);
	rig_wait();
	EXPECT_EQ(fake.submitted, 4);
	EXPECT_EQ(fake_taken(&fake, 3)->flags, IOSQE_IO_LINK);
	EXPECT_EQ(fake_taken(&fake, 0)->flags, 0);
	rig_close();
}

TEST_SIGNAL(backlog, a_chain_longer_than_the_sq_is_seen, SIGABRT, "sq_entries")
{
	struct coil_op chain[5];

	rig_open(4, 16);
	chain_new(chain, 5);
	op_start_chain(&rig_loop, chain, 5);
}

TEST(backlog, a_queued_operation_is_withdrawn)
{
	static const int orders[3][2] = { { 1, 2 }, { 0, 2 }, { 0, 1 } };
	struct coil_op ops[3];

	for (int victim = 0; victim < 3; victim++) {
		open_full();
		for (int i = 0; i < 3; i++)
			rig_start_read(&ops[i]);
		EXPECT_EQ(coil_op_cancel(&ops[victim]), 0);
		EXPECT_EQ(ops[victim].state, OP_DONE);
		EXPECT_EQ(coil_future_result(&ops[victim].future), -ECANCELED);
		EXPECT_EQ(coil_op_outcome(&ops[victim]), COIL_OUTCOME_CANCELLED);
		EXPECT_EQ(rig_loop.cancels_pushed, 0);
		EXPECT(loop_is_valid(&rig_loop));
		rig_turn();
		rig_turn();
		for (unsigned i = 0; i < 2; i++) {
			struct coil_op *op = &ops[orders[victim][i]];

			EXPECT_EQ(fake_taken(&fake, 1 - i)->user_data, (uintptr_t)&op->completion);
			rig_answer(op, 0, 0);
		}
		close_full();
	}
}

TEST(backlog, a_queued_chain_is_withdrawn_whole)
{
	struct coil_op chain[3], after;

	open_full();
	chain_new(chain, 3);
	op_start_chain(&rig_loop, chain, 3);
	rig_start_nop(&after);
	EXPECT_EQ(coil_op_cancel(&chain[0]), 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(chain[i].state, OP_DONE);
		EXPECT_EQ(coil_future_result(&chain[i].future), -ECANCELED);
	}
	EXPECT(rig_loop.operations.first == &after);
	rig_turn();
	rig_turn();
	EXPECT_EQ(after.state, OP_DONE);
	close_full();
}

TEST(backlog, a_later_step_is_cancelled_when_its_chain_is_in_the_kernel)
{
	struct coil_op chain[3];

	open_full();
	fake.holds_nops = true;
	chain_new(chain, 3);
	op_start_chain(&rig_loop, chain, 3);
	EXPECT_EQ(coil_op_cancel(&chain[1]), 0);
	EXPECT_EQ(chain[1].state, OP_QUEUED);
	rig_turn();
	rig_turn();
	EXPECT_EQ(chain[1].state, OP_IN_KERNEL);
	EXPECT(rig_loop.cancels.first == &chain[1]);
	rig_turn();
	EXPECT_EQ(chain[1].state, OP_DONE);
	EXPECT_EQ(coil_future_result(&chain[1].future), -ECANCELED);
	rig_answer(&chain[0], 0, 0);
	rig_answer(&chain[2], -ECANCELED, 0);
	close_full();
}

/* -- Cancels that find the SQ full ------------------------------------------------------------ */

TEST(backlog, a_cancel_waits_for_room)
{
	open_full();
	EXPECT_EQ(coil_op_cancel(&fillers[1]), 0);
	EXPECT_EQ(fillers[1].owed, 1);
	EXPECT(rig_loop.cancels.first == &fillers[1]);
	EXPECT_EQ(coil_op_cancel(&fillers[1]), 0);
	EXPECT(rig_loop.cancels.first == rig_loop.cancels.last);
	rig_wait();
	EXPECT_EQ(fake.waits, 0); /* nor does the loop sleep on that */
	EXPECT_EQ(fillers[1].owed, 1);
	rig_wait();
	EXPECT_EQ(coil_future_result(&fillers[1].future), -ECANCELED);
	EXPECT_EQ(rig_loop.cancels_pushed, 1);
	close_full();
}

TEST(backlog, an_operation_that_completes_takes_its_queued_cancel_along)
{
	for (int done = 0; done < 3; done++) {
		open_full();
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(coil_op_cancel(&fillers[i]), 0);
		fake_script(&fake, 0, FAKE_ALL);
		rig_turn();
		rig_answer(&fillers[done], 1, 0);
		ring_reap(&rig_loop.ring);
		EXPECT_EQ(fillers[done].state, OP_DONE);
		EXPECT_EQ(fillers[done].flags & OP_CANCEL_QUEUED, 0);
		EXPECT_EQ(coil_op_outcome(&fillers[done]), COIL_OUTCOME_COMPLETED_FIRST);
		EXPECT(loop_is_valid(&rig_loop));
		rig_turn();
		EXPECT_EQ(rig_loop.cancels_pushed, 2);
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(coil_future_result(&fillers[i].future),
				  i == done ? 1 : -ECANCELED);
		close_full();
	}
}

TEST(backlog, cancels_go_before_operations)
{
	struct coil_op op;

	open_full();
	rig_start_nop(&op);
	EXPECT_EQ(coil_op_cancel(&fillers[2]), 0);
	rig_turn();
	rig_turn();
	EXPECT_EQ(fake_taken(&fake, 1)->opcode, IORING_OP_ASYNC_CANCEL);
	EXPECT_EQ(fake_taken(&fake, 0)->user_data, (uintptr_t)&op.completion);
	close_full();
}

TEST(backlog, a_cancel_does_not_overtake_a_queued_one)
{
	open_full();
	EXPECT_EQ(coil_op_cancel(&fillers[3]), 0);
	fake_script(&fake, 0, 3);
	rig_turn();
	EXPECT_EQ(coil_op_cancel(&fillers[0]), 0);
	EXPECT(rig_loop.cancels.first == &fillers[3] && rig_loop.cancels.last == &fillers[0]);
	rig_turn();
	rig_turn();
	EXPECT_EQ(fillers[3].state, OP_DONE);
	EXPECT_EQ(fillers[0].state, OP_DONE);
	close_full();
}

TEST(backlog, a_restart_from_the_backlog)
{
	struct coil_op op;

	open_full();
	rig_start_nop(&op);
	EXPECT_EQ(coil_op_cancel(&op), 0);
	op_start(&rig_loop, &op, NULL);
	EXPECT_EQ(op.state, OP_QUEUED);
	EXPECT_EQ(op.flags, 0);
	rig_turn();
	rig_turn();
	EXPECT_EQ(coil_future_result(&op.future), 0);
	close_full();
}

TEST(backlog, what_is_not_there_is_seen)
{
	struct coil_op op;

	open_full();
	rig_start_nop(&op);
	EXPECT(backlog_is_valid(&rig_loop.operations));
	op.state = OP_DONE;
	EXPECT(!backlog_is_valid(&rig_loop.operations));
	op.state = OP_QUEUED;
	rig_loop.operations.last = &fillers[0];
	EXPECT(!backlog_is_valid(&rig_loop.operations));
	rig_loop.operations.last = &op;
	rig_turn();
	rig_turn();
	close_full();
}

TEST_SIGNAL(backlog, only_what_is_there_can_be_removed, SIGABRT, "at != NULL")
{
	open_full();
	backlog_remove(&rig_loop.operations, &fillers[0]);
}

/* On the real kernel: the 5th is what the first four wait for. */
TEST(backlog, the_fifth_feeds_the_four)
{
	struct coil_op reads[4], write_op;
	char bytes[4];
	int fds[2];

	ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
	rig_options.sq_entries = 4;
	rig_open_kernel();
	rig_turn();
	for (int i = 0; i < 4; i++) {
		op_prep_read(&reads[i], fds[0], &bytes[i], 1, -1);
		op_start(&rig_loop, &reads[i], NULL);
	}
	op_prep_write(&write_op, fds[1], "abcd", 4, -1);
	op_start(&rig_loop, &write_op, NULL);
	EXPECT_EQ(write_op.state, OP_QUEUED);
	for (int i = 0; i < 4; i++) {
		rig_await(&reads[i].future);
		EXPECT_EQ(coil_future_result(&reads[i].future), 1);
	}
	rig_await(&write_op.future);
	rig_close();
	close(fds[0]);
	close(fds[1]);
}

static void silent_chain(struct coil_op chain[2])
{
	static char byte;

	for (int i = 0; i < 2; i++)
		op_prep_read(&chain[i], RIG_FD, &byte, 1, -1);
	op_sqe(&chain[0])->flags = IOSQE_IO_LINK;
}

/* The step before has ended and this one has not begun: a cancel finds neither. */
TEST(backlog, a_step_that_a_cancel_did_not_find_is_asked_again)
{
	struct coil_op chain[2];

	rig_open(8, 16);
	fake.holds_cancels = true;
	silent_chain(chain);
	op_start_chain(&rig_loop, chain, 2);
	rig_turn();
	rig_answer(&chain[0], 0, 0);
	op_cancel(&rig_loop, &chain[1]);
	rig_turn();
	rig_answer_cancel(&chain[1], -ENOENT);
	rig_turn();
	EXPECT_EQ(rig_loop.cancels_pushed, 1);
	rig_wait(); /* does not sleep: the cancel is in the backlog */
	EXPECT_EQ(rig_loop.cancels_pushed, 2);
	rig_answer_cancel(&chain[1], 0);
	rig_answer(&chain[1], -ECANCELED, 0);
	rig_turn();
	EXPECT_EQ(chain[1].future.result, -ECANCELED);
	EXPECT_EQ(chain[1].cqe_flags, 0);
	fake.holds_cancels = false;
	rig_close();
}

TEST(backlog, a_step_that_no_cancel_finds_is_not_asked_for_ever)
{
	struct coil_op chain[2];

	rig_open(8, 16);
	fake.holds_cancels = true;
	silent_chain(chain);
	op_start_chain(&rig_loop, chain, 2);
	rig_turn();
	rig_answer(&chain[0], 0, 0);
	op_cancel(&rig_loop, &chain[1]);
	for (int i = 0; i < 40; i++) {
		rig_turn();
		if (rig_open_cancels() > 0)
			rig_answer_cancel(&chain[1], -ENOENT);
	}
	EXPECT_EQ(rig_loop.cancels_pushed, 9);
	rig_answer(&chain[1], 0, 0);
	rig_turn();
	EXPECT_EQ(chain[1].future.result, 0);
	fake.holds_cancels = false;
	rig_close();
}
