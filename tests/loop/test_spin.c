/* SPDX-License-Identifier: MIT */
/* Spinning before the sleep, on a clock of which each look takes a microsecond. */
#include "loop/rig.h"

#include <errno.h>

static struct coil_op op;
static int64_t arrives_at;

static void arrive(struct fake_driver *driver)
{
	if (driver->now < arrives_at)
		return;
	arrives_at = INT64_MAX;
	fake_defer(driver, &op.completion, 1, 0);
}

static void arrive_asleep(struct fake_driver *driver)
{
	arrives_at = 0;
	arrive(driver);
}

/* A read is in the kernel. */
static void set_up(int mode, int64_t spin_ns)
{
	rig_options.spin = mode;
	rig_options.spin_ns = spin_ns;
	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	fake.enters = 0;
	fake.tick_ns = 1000;
	fake.on_clock = arrive;
	fake.on_sleep = arrive_asleep;
	arrives_at = INT64_MAX;
}

/* One more read, which is answered while the loop spins, or only while it sleeps. */
static void wait_once(bool found)
{
	if (op.state == OP_DONE)
		op_start(&rig_loop, &op, NULL);
	arrives_at = found ? fake.now + 500 : INT64_MAX;
	rig_wait();
	rig_turn();
	EXPECT_EQ(op.state, OP_DONE);
}

TEST(spin, off_sleeps_at_once)
{
	set_up(COIL_SPIN_OFF, 50000);
	wait_once(false);
	EXPECT_EQ(fake.waits, 1);
	EXPECT_EQ(fake.clock_reads, 0);
	EXPECT_EQ(rig_loop.spins_won + rig_loop.spins_lost, 0);
	rig_close();
}

TEST(spin, fixed_finds_what_comes_in_time)
{
	set_up(COIL_SPIN_FIXED, 50000);
	wait_once(true);
	EXPECT_EQ(fake.waits, 0);
	EXPECT_EQ(rig_loop.spins_won, 1);
	rig_close();
}

TEST(spin, fixed_sleeps_after_its_time)
{
	int64_t begin;

	set_up(COIL_SPIN_FIXED, 50000);
	begin = fake.now;
	wait_once(false);
	EXPECT_EQ(fake.waits, 1);
	EXPECT_EQ(fake.timeout_ns, DRIVER_FOREVER);
	EXPECT_EQ(rig_loop.spins_lost, 1);
	EXPECT_GE(fake.now - begin, 50000);
	EXPECT_LE(fake.now - begin, 55000);
	rig_close();
}

TEST(spin, submits_before_it_looks)
{
	set_up(COIL_SPIN_FIXED, 50000);
	wait_once(true);
	fake.enters = 0;
	op_start(&rig_loop, &op, NULL);
	arrives_at = fake.now + 5000;
	rig_wait();
	EXPECT_EQ(fake.enters, 2); /* one submits, one takes the work */
	EXPECT_EQ(op.state, OP_DONE);
	rig_close();
}

/* A deadline is not moved by the time that was spent spinning. */
TEST(spin, the_sleep_after_it_is_shorter)
{
	struct coil_timer timer;
	uint32_t owner = 0;
	int64_t deadline;

	set_up(COIL_SPIN_FIXED, 50000);
	fake.on_sleep = NULL;
	deadline = fake.now + 80000;
	EXPECT_EQ(timer_start(&rig_loop, &timer, deadline, &owner), 0);
	for (int i = 0; i < 3 && owner; i++)
		rig_wait();
	EXPECT_EQ(owner, 0);
	EXPECT_LE(fake.now, deadline + 5000);
	EXPECT_GE(fake.now, deadline);
	rig_answer(&op, 0, 0);
	rig_close();
}

TEST(spin, it_ends_at_the_deadline)
{
	struct coil_timer timer;
	uint32_t owner = 0;
	int64_t deadline;

	set_up(COIL_SPIN_FIXED, 50000);
	deadline = fake.now + 10000;
	EXPECT_EQ(timer_start(&rig_loop, &timer, deadline, &owner), 0);
	rig_wait();
	EXPECT_EQ(owner, 0);
	EXPECT_LE(fake.now, deadline + 5000);
	EXPECT_EQ(fake.waits, 0);
	rig_answer(&op, 0, 0);
	rig_close();
}

TEST(spin, a_message_ends_it)
{
	struct note note = note_new(1);

	set_up(COIL_SPIN_FIXED, 50000);
	inbox_post(&rig_loop, &note.hook);
	rig_wait();
	rig_turn();
	EXPECT_EQ(rig_digits(), 1);
	EXPECT_EQ(fake.wakes, 0);
	EXPECT_EQ(rig_loop.spins_won, 1);
	rig_answer(&op, 0, 0);
	rig_close();
}

TEST(spin, adaptive_doubles_what_pays)
{
	static const int64_t budgets[] = { 20000, 40000, 50000, 50000 };

	set_up(COIL_SPIN_ADAPTIVE, 50000);
	EXPECT_EQ(rig_loop.spin.budget_ns, 10000);
	for (int i = 0; i < 4; i++) {
		wait_once(true);
		EXPECT_EQ(rig_loop.spin.budget_ns, budgets[i]);
	}
	EXPECT_EQ(rig_loop.spins_won, 4);
	EXPECT_EQ(fake.waits, 0);
	rig_close();
}

TEST(spin, adaptive_halves_what_does_not_and_switches_itself_off)
{
	static const int64_t budgets[] = { 5000, 2500, 1250, 625, 625 };

	set_up(COIL_SPIN_ADAPTIVE, 50000);
	for (int i = 0; i < 5; i++) {
		wait_once(false);
		EXPECT_EQ(rig_loop.spin.budget_ns, budgets[i]);
	}
	EXPECT_EQ(rig_loop.spins_lost, 4);
	EXPECT_EQ(fake.waits, 5);
	fake.clock_reads = 0;
	wait_once(false);
	EXPECT_EQ(fake.clock_reads, 0);
	rig_close();
}

TEST(spin, adaptive_tries_again_now_and_then)
{
	set_up(COIL_SPIN_ADAPTIVE, 50000);
	for (int i = 0; i < 4; i++)
		wait_once(false);
	for (int i = 0; i < 63; i++)
		wait_once(false);
	EXPECT_EQ(rig_loop.spins_lost, 4);
	wait_once(true);
	EXPECT_EQ(rig_loop.spins_won, 1);
	EXPECT_EQ(rig_loop.spin.budget_ns, 10000);
	rig_close();
}

TEST(spin, a_small_limit_bounds_all_budgets)
{
	set_up(COIL_SPIN_ADAPTIVE, 3000);
	EXPECT_EQ(rig_loop.spin.budget_ns, 3000);
	for (int i = 0; i < 3; i++)
		wait_once(true);
	EXPECT_EQ(rig_loop.spin.budget_ns, 3000);
	rig_close();
}

TEST(spin, a_ring_lost_while_it_submits_is_told)
{
	set_up(COIL_SPIN_FIXED, 50000);
	wait_once(true);
	op_start(&rig_loop, &op, NULL);
	fake_script(&fake, -EBADR, FAKE_ALL);
	EXPECT_EQ(loop_turn(&rig_loop, true), -EBADR);
	EXPECT_EQ(fake.waits, 0);
	loop_deinit(&rig_loop, true);
}
