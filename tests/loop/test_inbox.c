/* SPDX-License-Identifier: MIT */
/* The inbox, one thread at a time; test_threads.c has the others. */
#include "loop/rig.h"

#include <errno.h>

static struct note waker_note;
static bool wakes_by_signal;

static void post_while_asleep(struct fake_driver *driver)
{
	driver->on_sleep = NULL;
	if (wakes_by_signal)
		inbox_signal(&rig_loop, 10);
	else
		inbox_post(&rig_loop, &waker_note.hook);
}

TEST(inbox, posts_to_an_awake_loop_do_not_wake)
{
	struct note notes[3] = { note_new(1), note_new(2), note_new(3) };

	rig_open(8, 16);
	for (int i = 0; i < 3; i++)
		inbox_post(&rig_loop, &notes[i].hook);
	EXPECT(!inbox_is_empty(&rig_loop.inbox));
	rig_turn();
	rig_turn();
	EXPECT_EQ(rig_digits(), 123);
	EXPECT_EQ(fake.wakes, 0);
	EXPECT_EQ(fake.enters, 0);
	EXPECT_EQ(rig_loop.posts, 3);
	rig_close();
}

TEST(inbox, a_post_to_a_sleeping_loop_wakes_it_once)
{
	struct note second = note_new(2);

	rig_open(8, 16);
	waker_note = note_new(1);
	fake.on_sleep = post_while_asleep;
	rig_wait();
	EXPECT_EQ(fake.wakes, 1);
	EXPECT_EQ(fake.waits, 1);
	inbox_post(&rig_loop, &second.hook);
	EXPECT_EQ(fake.wakes, 1);
	rig_turn();
	rig_turn();
	EXPECT_EQ(rig_digits(), 12);
	EXPECT(rig_loop.inbox.is_armed);
	rig_close();
}

TEST(inbox, it_is_armed_again_after_each_wake)
{
	rig_open(8, 16);
	for (unsigned i = 1; i <= 5; i++) {
		waker_note = note_new((int)i);
		fake.on_sleep = post_while_asleep;
		rig_wait();
		rig_turn();
		EXPECT_EQ(fake.wakes, i);
	}
	rig_turn();
	EXPECT_EQ(rig_digits(), 12345);
	rig_close();
}

TEST(inbox, who_finds_something_does_not_sleep)
{
	struct note note = note_new(1);

	rig_open(8, 16);
	inbox_post(&rig_loop, &note.hook);
	rig_wait();
	EXPECT_EQ(fake.waits, 0);
	rig_turn();
	EXPECT_EQ(rig_digits(), 1);
	rig_close();
}

/* Parked is what a sleeping loop is: after such a turn the loop is awake. */
TEST(inbox, who_finds_something_is_not_parked)
{
	struct note notes[2] = { note_new(1), note_new(2) };

	rig_open(8, 16);
	inbox_post(&rig_loop, &notes[0].hook);
	rig_wait();
	inbox_post(&rig_loop, &notes[1].hook);
	EXPECT_EQ(fake.wakes, 0);
	rig_turn();
	rig_turn();
	EXPECT_EQ(rig_digits(), 12);
	rig_close();
}

/* The SQ is full and the kernel takes nothing: the read for the next wake cannot go down. */
TEST(inbox, the_loop_does_not_sleep_without_it)
{
	struct coil_op ops[2];

	rig_open(2, 16);
	waker_note = note_new(1);
	fake.on_sleep = post_while_asleep;
	rig_wait();
	EXPECT(rig_loop.inbox.is_armed);
	rig_turn();
	fake.driver.ops->wake(&fake.driver);
	rig_start_read(&ops[0]);
	rig_start_read(&ops[1]);
	fake_script(&fake, -EAGAIN, 0);
	rig_turn();
	EXPECT(!rig_loop.inbox.is_armed);
	fake.waits = 0;
	rig_wait();
	EXPECT_EQ(fake.waits, 0);
	EXPECT(rig_loop.inbox.is_armed);
	rig_turn();
	for (int i = 0; i < 2; i++)
		rig_answer(&ops[i], 0, 0);
	rig_turn();
	rig_close();
}

TEST(inbox, messages_are_taken_during_turns_in_place)
{
	static struct note busy[100];
	struct note note = note_new(7);

	rig_open(8, 16);
	inbox_post(&rig_loop, &note.hook);
	rig_loop.hooks = LOOP_HOOKS_PER_GLANCE - 1;
	rig_loop.hooks_bound = LOOP_BATCH_MAX;
	busy[0] = note_new(1);
	ready_push(&rig_loop.ready, &busy[0].hook);
	EXPECT(loop_next(&rig_loop) == &busy[0].hook);
	ready_push(&rig_loop.ready, &busy[0].hook);
	EXPECT(loop_next(&rig_loop) == &busy[0].hook);
	EXPECT(loop_next(&rig_loop) == &note.hook);
	rig_close();
}

TEST(inbox, a_signal_makes_its_hook_ready)
{
	struct note note = note_new(3);

	rig_open(8, 16);
	rig_loop.inbox.on_signal = &note.hook;
	inbox_signal(&rig_loop, 10);
	inbox_signal(&rig_loop, 12);
	EXPECT_EQ(fake.wakes, 0);
	rig_wait();
	EXPECT_EQ(fake.waits, 0);
	EXPECT(!rig_loop.inbox.on_signal);
	rig_turn();
	EXPECT_EQ(rig_digits(), 3);
	EXPECT_EQ(atomic_exchange(&rig_loop.inbox.signals, 0), 1 << 10 | 1 << 12);
	rig_close();
}

TEST(inbox, a_signal_wakes_a_sleeping_loop)
{
	struct note note = note_new(3);

	rig_open(8, 16);
	rig_loop.inbox.on_signal = &note.hook;
	wakes_by_signal = true;
	fake.on_sleep = post_while_asleep;
	rig_wait();
	rig_turn();
	EXPECT_EQ(fake.wakes, 1);
	EXPECT_EQ(rig_digits(), 3);
	atomic_store(&rig_loop.inbox.signals, 0);
	rig_close();
}
