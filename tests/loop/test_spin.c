/* SPDX-License-Identifier: MIT */
/* Spinning before the sleep, on a clock of which each look takes a microsecond. */
#include "loop/rig.h"

#include <errno.h>

static struct coil_op op;
static int64_t arrives_at;
static int64_t sleep_ns;
static bool is_there;

static void answer(struct fake_driver *driver)
{
	arrives_at = INT64_MAX;
	is_there = true;
	fake_defer(driver, &op.completion, 1, 0);
}

/* While the loop looks; not before it has submitted. */
static void arrive(struct fake_driver *driver)
{
	if (driver->now >= arrives_at && ring_pending(&rig_loop.ring) == 0)
		answer(driver);
}

static void arrive_asleep(struct fake_driver *driver)
{
	driver->now += sleep_ns;
	if (!is_there)
		answer(driver);
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
	sleep_ns = 5000;
}

/* One more read, which is answered while the loop spins, or only while it sleeps. */
static void wait_once(bool found)
{
	if (op.state == OP_DONE)
		op_start(&rig_loop, &op, NULL);
	is_there = false;
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
	EXPECT_LE(fake.now - begin, 55000 + sleep_ns);
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

TEST(spin, adaptive_begins_when_sleeps_are_short)
{
	set_up(COIL_SPIN_ADAPTIVE, 50000);
	wait_once(true);
	EXPECT_EQ(fake.waits, 1);
	for (int i = 0; i < 4; i++)
		wait_once(true);
	EXPECT_EQ(rig_loop.spins_won, 4);
	EXPECT_EQ(rig_loop.spins_lost, 0);
	EXPECT_EQ(fake.waits, 1);
	rig_close();
}

/* Twice the limit: to wake up takes its time. */
TEST(spin, adaptive_knows_what_it_would_have_found)
{
	set_up(COIL_SPIN_ADAPTIVE, 50000);
	sleep_ns = 90000;
	wait_once(false);
	wait_once(true);
	EXPECT_EQ(rig_loop.spins_won, 1);
	wait_once(false);
	EXPECT_EQ(rig_loop.spins_lost, 1);
	sleep_ns = 110000;
	wait_once(false);
	for (int i = 0; i < 5; i++)
		wait_once(true);
	EXPECT_EQ(rig_loop.spins_won, 1);
	EXPECT_EQ(rig_loop.spins_lost, 1);
	rig_close();
}

TEST(spin, adaptive_leaves_an_idle_machine_alone)
{
	set_up(COIL_SPIN_ADAPTIVE, 50000);
	wait_once(false);
	for (int i = 0; i < 10; i++)
		wait_once(true);
	EXPECT_EQ(rig_loop.spins_won, 10);
	sleep_ns = 1000000;
	for (int i = 0; i < 1000; i++)
		wait_once(false);
	EXPECT_EQ(rig_loop.spins_lost, 1);
	rig_close();
}

/* The peer sleeps as long as we look. */
TEST(spin, adaptive_switches_itself_off_where_it_is_in_vain)
{
	set_up(COIL_SPIN_ADAPTIVE, 50000);
	for (int i = 0; i < 600; i++)
		wait_once(false);
	EXPECT_GE(rig_loop.spins_lost, 8);
	EXPECT_LE(rig_loop.spins_lost, 10);
	/* And on again where it is not, tried now and then. */
	for (int i = 0; i < 600; i++)
		wait_once(true);
	EXPECT_GE(rig_loop.spins_won, 1);
	for (int i = 0; i < 600; i++)
		wait_once(true);
	rig_loop.spins_won = 0;
	for (int i = 0; i < 10; i++)
		wait_once(true);
	EXPECT_EQ(rig_loop.spins_won, 10);
	rig_close();
}

TEST(spin, a_small_limit_bounds_it)
{
	int64_t begin;

	set_up(COIL_SPIN_ADAPTIVE, 3000);
	wait_once(false);
	begin = fake.now;
	wait_once(false);
	EXPECT_EQ(rig_loop.spins_lost, 1);
	EXPECT_LE(fake.now - begin, 3000 + sleep_ns + 5000);
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
