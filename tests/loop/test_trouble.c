/* SPDX-License-Identifier: MIT */
/* Enters that fail, take only some SQEs, or find the CQ overflown. */
#include "loop/rig.h"

#include <errno.h>

TEST(trouble, what_passes_is_tried_again_by_the_next_turn)
{
	static const int passing[] = { -EINTR, -EAGAIN, -EBUSY };
	struct coil_op op;

	rig_open(8, 16);
	for (unsigned i = 0; i < 3; i++) {
		fake_script(&fake, passing[i], 0);
		rig_start_nop(&op);
		rig_turn();
		EXPECT_EQ(op.state, OP_IN_KERNEL);
		EXPECT_EQ(ring_pending(&rig_loop.ring), 1);
		rig_turn();
		EXPECT_EQ(op.state, OP_DONE);
		EXPECT_EQ(rig_loop.ring.retries, i + 1);
	}
	rig_close();
}

TEST(trouble, a_timeout_is_no_retry)
{
	rig_open(8, 16);
	fake_script(&fake, -ETIME, 0);
	rig_wait();
	EXPECT_EQ(rig_loop.ring.retries, 0);
	EXPECT_EQ(fake.waits, 1);
	rig_close();
}

TEST(trouble, an_interrupted_enter_may_have_taken_all)
{
	struct coil_op ops[3];

	rig_open(8, 16);
	for (int i = 0; i < 3; i++)
		rig_start_read(&ops[i]);
	fake_script(&fake, -EINTR, 2);
	rig_turn();
	EXPECT_EQ(ring_pending(&rig_loop.ring), 1);
	rig_turn();
	EXPECT_EQ(fake.submitted, 1);
	for (int i = 0; i < 3; i++)
		rig_answer(&ops[i], i, 0);
	rig_turn();
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_future_result(&ops[i].future), i);
	rig_close();
}

/* Without IORING_SETUP_SUBMIT_ALL a bad SQE ends the batch. */
TEST(trouble, what_was_not_taken_goes_with_the_next_enter)
{
	struct coil_op ops[8];

	rig_open(8, 16);
	for (int i = 0; i < 8; i++)
		rig_start_nop(&ops[i]);
	for (int taken = 3; taken <= 6; taken += 3) {
		fake_script(&fake, 0, 3);
		rig_turn();
		EXPECT_EQ(ring_pending(&rig_loop.ring), 8 - taken);
		EXPECT_EQ(ops[taken - 1].state, OP_DONE);
		EXPECT_EQ(ops[taken].state, OP_IN_KERNEL);
	}
	rig_turn();
	EXPECT_EQ(ops[7].state, OP_DONE);
	rig_close();
}

TEST(trouble, a_lost_ring_is_told)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_nop(&op);
	fake_script(&fake, -EBADR, FAKE_ALL);
	EXPECT_EQ(loop_turn(&rig_loop, true), -EBADR);
	EXPECT_EQ(op.state, OP_DONE); /* what is there is reaped nevertheless */
	EXPECT_EQ(loop_drain(&rig_loop, INT64_MAX), -ETIME);
	loop_deinit(&rig_loop, true);
	EXPECT(fake.abandoned);
}

TEST(trouble, a_lost_ring_stays_lost)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_nop(&op);
	fake_script(&fake, -EBADR, FAKE_ALL);
	EXPECT_EQ(loop_turn(&rig_loop, true), -EBADR);
	EXPECT_EQ(loop_turn(&rig_loop, false), -EBADR);
	loop_deinit(&rig_loop, true);
}

TEST(trouble, an_overflown_cq_is_flushed_by_entering)
{
	static struct coil_op ops[20];

	rig_open(32, 4);
	for (int i = 0; i < 20; i++)
		rig_start_read(&ops[i]);
	rig_turn();
	for (int i = 0; i < 20; i++)
		rig_answer(&ops[i], i, 0);
	EXPECT(fake.sq_flags & IORING_SQ_CQ_OVERFLOW);
	for (int i = 0; i < 10; i++)
		rig_turn();
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(ops[i].state, OP_DONE);
		EXPECT_EQ(coil_future_result(&ops[i].future), i);
	}
	EXPECT_GT(rig_loop.ring.overflows, 0);
	rig_close();
}

TEST(trouble, ten_thousand_completions_through_a_cq_of_eight)
{
	static struct coil_op ops[100];
	struct coil_stats stats = { .size = sizeof stats };

	rig_options.sq_entries = rig_options.cq_entries = 8;
	rig_open_kernel();
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 100; i++)
			rig_start_nop(&ops[i]);
		for (int i = 0; i < 100; i++)
			rig_await(&ops[i].future);
	}
	loop_count(&rig_loop, &stats);
	EXPECT_GE(stats.cqes, 10000);
	EXPECT_GT(stats.backlogged, 0);
	rig_close();
}

TEST(trouble, completions_in_any_order)
{
	static const int order[] = { 3, 0, 4, 1, 2 };
	struct coil_op ops[5];
	struct note notes[5];

	rig_open(8, 16);
	for (int i = 0; i < 5; i++) {
		rig_start_read(&ops[i]);
		notes[i] = note_new(i + 1);
		coil_future_then(&ops[i].future, &notes[i].hook);
	}
	rig_turn();
	for (int i = 0; i < 5; i++)
		rig_answer(&ops[order[i]], 0, 0);
	rig_turn();
	rig_turn();
	EXPECT_EQ(rig_digits(), 41523);
	rig_close();
}
