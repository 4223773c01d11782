/* SPDX-License-Identifier: MIT */
/* How a loop begins, drains and ends. */
#include "loop/rig.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "coil/loop.h"
#include "coil/time.h"
#include "loop/embed.h"

TEST(life, a_loop_is_current_from_init_to_deinit)
{
	EXPECT(!coil_loop_current());
	EXPECT_GT(coil_now(), 0);
	rig_open(8, 16);
	EXPECT(coil_loop_current() == &rig_loop);
	EXPECT(loop_required(__func__) == &rig_loop);
	EXPECT_EQ(coil_now(), fake.now);
	rig_close();
	EXPECT(!coil_loop_current());
}

TEST(life, a_drain_waits_for_what_is_owed)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	EXPECT_EQ(coil_op_cancel(&op), 0);
	EXPECT_EQ(loop_drain(&rig_loop, CLOCK_FOREVER), 0);
	EXPECT_EQ(op.state, OP_DONE);
	EXPECT(!rig_loop.inbox.is_armed);
	EXPECT_EQ(fake.clock_reads, 0);
	loop_deinit(&rig_loop, false);
}

TEST(life, a_drain_gives_up_at_its_deadline)
{
	struct coil_op op;
	int64_t deadline;

	rig_open(8, 16);
	rig_start_read(&op);
	deadline = fake.now + 1000;
	EXPECT_EQ(loop_drain(&rig_loop, deadline), -ETIME);
	EXPECT_EQ(fake.now, deadline);
	EXPECT_EQ(op.state, OP_IN_KERNEL);
	EXPECT_EQ(ring_owed(&rig_loop.ring), 1);
	loop_deinit(&rig_loop, true);
	EXPECT(fake.abandoned);
	EXPECT(!coil_loop_current());
}

TEST(life, a_drain_goes_on_after_an_interruption)
{
	rig_open(8, 16);
	for (int i = 0; i < 5; i++)
		fake_script(&fake, i % 2 ? -EINTR : -EAGAIN, 0);
	rig_close();
	EXPECT_EQ(rig_loop.ring.retries, 5);
}

/* The SQ is full, and the kernel takes nothing for a while. */
TEST(life, a_drain_through_a_full_sq)
{
	struct coil_timer timer;
	struct coil_op ops[2];
	uint32_t owner = 0;

	rig_open(2, 16);
	EXPECT_EQ(timer_start(&rig_loop, &timer, fake.now + 100, &owner), 0);
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
	rig_start_nop(&ops[0]);
	rig_start_nop(&ops[1]);
	for (int i = 0; i < 4; i++)
		fake_script(&fake, -EBUSY, 0);
	rig_close();
	EXPECT_EQ(ops[1].state, OP_DONE);
}

/* The cancel that ends a read may itself be in the backlog. */
TEST(life, a_drain_does_not_sleep_on_the_backlog)
{
	struct coil_op ops[2];

	rig_open(2, 16);
	rig_start_read(&ops[0]);
	rig_start_read(&ops[1]);
	EXPECT_EQ(coil_op_cancel(&ops[0]), 0);
	EXPECT_EQ(coil_op_cancel(&ops[1]), 0);
	EXPECT(rig_loop.cancels.first != NULL);
	EXPECT_EQ(loop_drain(&rig_loop, fake.now + 1000), 0);
	EXPECT_EQ(ops[0].state, OP_DONE);
	EXPECT_EQ(ops[1].state, OP_DONE);
	loop_deinit(&rig_loop, false);
}

TEST(life, a_drain_takes_the_embedded_timeout_back)
{
	struct coil_timer timer;
	uint32_t owner = 0;

	rig_open(8, 16);
	EXPECT_EQ(timer_start(&rig_loop, &timer, fake.now + 100, &owner), 0);
	EXPECT(!loop_prepare_to_be_polled(&rig_loop));
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
	EXPECT_EQ(ring_owed(&rig_loop.ring), 2);
	EXPECT_EQ(loop_drain(&rig_loop, CLOCK_FOREVER), 0);
	EXPECT_EQ(rig_loop.embed_deadline, CLOCK_FOREVER);
	loop_deinit(&rig_loop, false);
}

TEST(life, on_the_real_kernel_an_unused_loop_drains_at_once)
{
	int64_t begin = clock_now();

	rig_open_kernel();
	rig_close();
	EXPECT_LT(clock_now() - begin, 2000 * MS);
}

TEST(life, the_counters_tell_what_it_did)
{
	struct coil_stats stats = { .size = sizeof stats };
	struct coil_timer timer;
	struct coil_op op;
	uint32_t owner = 0;

	rig_open(8, 16);
	rig_start_read(&op);
	EXPECT_EQ(timer_start(&rig_loop, &timer, fake.now + 100, &owner), 0);
	rig_turn();
	loop_count(&rig_loop, &stats);
	EXPECT_EQ(stats.sqes, 2);
	EXPECT_EQ(stats.owed, 2);
	EXPECT_EQ(stats.enters, 2);
	EXPECT_EQ(stats.turns, 2);
	EXPECT_EQ(stats.timers, 1);
	EXPECT_EQ(stats.timers_started, 1);
	EXPECT_EQ(stats.allocations, 1);
	EXPECT_EQ(stats.allocated_bytes, 64 * sizeof(struct heap_entry));
	EXPECT_EQ(coil_op_cancel(&op), 0);
	rig_wait();
	rig_wait();
	loop_count(&rig_loop, &stats);
	EXPECT_EQ(stats.cqes, 2);
	EXPECT_EQ(stats.cancels, 1);
	EXPECT_EQ(stats.timers_fired, 1);
	EXPECT_EQ(stats.timers, 0);
	EXPECT_EQ(stats.waits, 2);
	rig_close();
	EXPECT_EQ(rig_loop.allocated_bytes, 0);
}

TEST(life, in_steady_state_nothing_is_allocated)
{
	struct coil_op op;

	rig_open_kernel();
	for (int i = 0; i < 1000; i++) {
		rig_start_nop(&op);
		rig_await(&op.future);
	}
	EXPECT_EQ(rig_loop.allocations, 0);
	rig_close();
}

static void missing_in_child(void)
{
	pid_t child;
	int status;

	rig_open(8, 16);
	child = fork();
	ASSERT_GE(child, 0);
	if (child == 0) {
		EXPECT(!coil_loop_current());
		loop_required("coil_recv");
	}
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT(coil_loop_current() == &rig_loop);
	EXPECT(WIFSIGNALED(status));
	raise(WTERMSIG(status));
}

TEST_SIGNAL(life, the_child_of_a_fork_has_no_loop, SIGABRT,
	    "coil: coil_recv: called in the child of a fork: the loop is the parent's; only exec "
	    "and _exit are safe here\n")
{
	missing_in_child();
}

TEST_SIGNAL(life, a_child_without_a_loop_in_its_parent_is_told_the_other_words, SIGABRT,
	    "coil: coil_recv: called on a thread that runs no loop: call it inside coil_run\n")
{
	rig_open(8, 16);
	rig_close();
	loop_required("coil_recv");
}

TEST(life, the_child_may_open_a_loop_of_its_own)
{
	pid_t child;
	int status;

	rig_open(8, 16);
	child = fork();
	ASSERT_GE(child, 0);
	if (child == 0) {
		struct coil_op op;

		rig_open_kernel();
		rig_start_nop(&op);
		rig_await(&op.future);
		rig_close();
		_exit(0);
	}
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	rig_close();
}

TEST_SIGNAL(life, one_loop_a_thread, SIGABRT, "loop_current == NULL")
{
	rig_open(8, 16);
	rig_open(8, 16);
}

TEST_SIGNAL(life, what_is_owed_does_not_end, SIGABRT, "ring_owed(&loop->ring) == 0")
{
	rig_open(8, 16);
	loop_deinit(&rig_loop, false);
}

TEST(life, a_refusal_has_words)
{
	struct driver *driver;

	rig_options.kernel_mask = "no-such-feature";
	EXPECT_EQ(loop_open_kernel(&driver, &rig_options), -EINVAL);
	EXPECT(strstr(loop_refusal(), "no-such-feature") != NULL);
}
