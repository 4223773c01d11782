/* SPDX-License-Identifier: MIT */
/* Timers, on a clock that moves only when it is told. */
#include "loop/rig.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

static uint32_t owner;

static void start(struct coil_timer *timer, struct note *note, int id, int64_t deadline)
{
	EXPECT_EQ(timer_start(&rig_loop, timer, deadline, &owner), 0);
	*note = note_new(id);
	coil_future_then(&timer->future, &note->hook);
}

TEST(timers, the_loop_sleeps_until_the_nearest_deadline)
{
	struct coil_timer timers[3];
	struct note notes[3];
	int64_t now;

	rig_open(8, 16);
	now = fake.now;
	start(&timers[0], &notes[0], 1, now + 30 * MS);
	start(&timers[1], &notes[1], 2, now + 10 * MS);
	start(&timers[2], &notes[2], 3, now + 20 * MS);
	for (int i = 1; i <= 3; i++) {
		rig_wait();
		EXPECT_EQ(fake.timeout_ns, 10 * MS);
		EXPECT_EQ(fake.now, now + i * 10 * MS);
		rig_turn();
	}
	EXPECT_EQ(rig_digits(), 231);
	EXPECT_EQ(owner, 0);
	EXPECT_EQ(rig_loop.timers_fired, 3);
	rig_close();
}

TEST(timers, none_is_early)
{
	struct coil_timer timer;
	struct note note;

	rig_open(8, 16);
	start(&timer, &note, 1, fake.now + 100);
	fake.now += 99;
	rig_turn();
	EXPECT(future_is_pending(&timer.future));
	fake.now += 1;
	rig_turn();
	EXPECT(future_is_resolved(&timer.future));
	EXPECT_EQ(coil_future_result(&timer.future), 0);
	rig_close();
}

TEST(timers, a_sleep_that_ends_too_soon_is_taken_up_again)
{
	struct coil_timer timer;
	struct note note;

	rig_open(8, 16);
	start(&timer, &note, 1, fake.now + 100);
	fake_script(&fake, -EINTR, FAKE_ALL);
	rig_wait();
	EXPECT(future_is_pending(&timer.future));
	fake.now += 60;
	rig_wait();
	EXPECT_EQ(fake.timeout_ns, 40);
	EXPECT(future_is_resolved(&timer.future));
	rig_close();
}

TEST(timers, equal_deadlines_fire_in_the_order_of_their_start)
{
	struct coil_timer timers[9];
	struct note notes[9];

	rig_open(8, 16);
	for (int i = 0; i < 9; i++)
		start(&timers[i], &notes[i], i + 1, fake.now + (i == 4 ? 4 : 5));
	fake.now += 5;
	rig_turn();
	rig_turn();
	EXPECT_EQ(rig_digits(), 512346789);
	rig_close();
}

TEST(timers, a_past_deadline_fires_in_the_next_turn)
{
	static const int64_t past[] = { INT64_MIN, -1, 0, 1 };
	struct coil_timer timer;
	struct note note;

	rig_open(8, 16);
	for (int i = 0; i < 4; i++) {
		start(&timer, &note, i + 1, past[i]);
		rig_wait();
		EXPECT(future_is_resolved(&timer.future));
		EXPECT_EQ(fake.waits, 0);
		rig_turn();
		EXPECT_EQ(rig_digits(), i + 1);
	}
	rig_close();
}

TEST(timers, one_that_never_fires_can_be_cancelled)
{
	struct coil_timer timer;
	struct note note;

	rig_open(8, 16);
	start(&timer, &note, 1, CLOCK_FOREVER);
	EXPECT_EQ(rig_loop.timers.count, 0);
	EXPECT_EQ(rig_loop.timers_started, 0);
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
	EXPECT_EQ(coil_future_result(&timer.future), -ECANCELED);
	EXPECT_EQ(coil_timer_cancel(&timer), -EALREADY);
	EXPECT_EQ(owner, 0);
	rig_close();
}

TEST(timers, a_cancelled_one_leaves_the_heap)
{
	struct coil_timer timers[3];
	struct note notes[3];

	rig_open(8, 16);
	for (int i = 0; i < 3; i++)
		start(&timers[i], &notes[i], i + 1, fake.now + 10 + i);
	EXPECT_EQ(coil_timer_cancel(&timers[1]), 0);
	EXPECT(future_cancel(&timers[0].future));
	EXPECT_EQ(rig_loop.timers.count, 1);
	rig_wait();
	EXPECT_EQ(rig_digits(), 21);
	rig_turn();
	EXPECT_EQ(rig_digits(), 3);
	EXPECT_EQ(coil_timer_cancel(&timers[2]), -EALREADY);
	rig_close();
}

TEST(timers, a_done_one_may_be_started_again)
{
	struct coil_timer timer;
	struct note note;

	rig_open(8, 16);
	for (int i = 1; i <= 3; i++) {
		start(&timer, &note, i, fake.now + 5);
		rig_wait();
		rig_turn();
	}
	EXPECT_EQ(rig_digits(), 123);
	EXPECT_EQ(rig_loop.timers_started, 3);
	rig_close();
}

TEST(timers, the_clock_is_not_read_while_there_is_none)
{
	struct coil_op op;
	struct coil_timer timer;
	struct note note;

	rig_open(8, 16);
	for (int i = 0; i < 500; i++) {
		rig_start_nop(&op);
		rig_wait();
	}
	EXPECT_EQ(fake.clock_reads, 0);
	start(&timer, &note, 1, fake.now + 5);
	rig_turn();
	EXPECT_EQ(fake.clock_reads, 1);
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
	rig_turn();
	EXPECT_EQ(fake.clock_reads, 1);
	rig_close();
}

static unsigned runs_left;
static unsigned runs;

static void run_again(struct coil_hook *hook)
{
	runs++;
	if (runs_left-- > 0)
		ready_push(&rig_loop.ready, hook);
}

/* A busy loop opens its turns in place; the clock is looked at nevertheless. */
TEST(timers, they_expire_during_turns_in_place)
{
	struct coil_hook busy = { .fire = run_again };
	struct coil_timer timer;
	struct note note;

	rig_open(8, 16);
	start(&timer, &note, 1, fake.now + 1);
	fake.now += 1;
	runs_left = 200;
	ready_push(&rig_loop.ready, &busy);
	rig_turn();
	EXPECT_EQ(runs, 201);
	EXPECT_EQ(rig_digits(), 1);
	EXPECT_EQ(fake.enters, 0);
	rig_close();
}

TEST(timers, a_hook_alarm_makes_its_hook_ready)
{
	struct note note = note_new(4);
	struct hook_alarm alarm = { .hook = note.hook };

	rig_open(8, 16);
	alarm_init(&alarm.alarm, ALARM_HOOK);
	EXPECT(!alarm_is_set(&alarm.alarm));
	alarm_clear(&rig_loop, &alarm.alarm);
	EXPECT_EQ(alarm_set(&rig_loop, &alarm.alarm, fake.now + 5), 0);
	EXPECT(alarm_is_set(&alarm.alarm));
	rig_wait();
	EXPECT(!alarm_is_set(&alarm.alarm));
	EXPECT(rig_loop.ready.next.first == &alarm.hook);
	ready_remove(&rig_loop.ready, &alarm.hook);
	EXPECT_EQ(alarm_set(&rig_loop, &alarm.alarm, fake.now + 5), 0);
	alarm_clear(&rig_loop, &alarm.alarm);
	EXPECT_EQ(rig_loop.timers.count, 0);
	rig_close();
}

static bool heap_is_refused;

static void *grudging_resize(void *context, void *memory, size_t old_bytes, size_t new_bytes)
{
	(void)context;
	(void)old_bytes;
	return heap_is_refused ? NULL : realloc(memory, new_bytes);
}

TEST(timers, no_memory_starts_nothing)
{
	struct coil_alloc grudging = alloc_libc;
	struct coil_timer timers[65];
	struct note note;

	grudging.resize = grudging_resize;
	rig_options.alloc = &grudging;
	rig_open(8, 16);
	heap_is_refused = true;
	EXPECT_EQ(timer_start(&rig_loop, &timers[0], fake.now + 1, &owner), -ENOMEM);
	EXPECT_EQ(owner, 0);
	heap_is_refused = false;
	for (int i = 0; i < 64; i++)
		start(&timers[i], &note, 1, fake.now + 1);
	heap_is_refused = true;
	EXPECT_EQ(timer_start(&rig_loop, &timers[64], fake.now + 1, &owner), -ENOMEM);
	EXPECT_EQ(owner, 64);
	heap_is_refused = false;
	for (int i = 0; i < 64; i++) {
		future_remove_waiter(&timers[i].future, timers[i].future.waiters);
		EXPECT_EQ(coil_timer_cancel(&timers[i]), 0);
	}
	rig_close();
}

TEST(timers, on_the_real_clock_they_are_not_early)
{
	struct coil_timer timers[3];
	int64_t begin;

	rig_open_kernel();
	begin = clock_now();
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(timer_start(&rig_loop, &timers[i], begin + (3 - i) * 5 * MS, &owner), 0);
	for (int i = 2; i >= 0; i--) {
		rig_await(&timers[i].future);
		EXPECT_GE(clock_now() - begin, (3 - i) * 5 * MS);
	}
	EXPECT_EQ(owner, 0);
	rig_close();
}

TEST_SIGNAL(timers, an_alarm_is_set_once, SIGABRT, "!alarm_is_set(alarm)")
{
	struct hook_alarm alarm;

	rig_open(8, 16);
	alarm_init(&alarm.alarm, ALARM_HOOK);
	alarm_set(&rig_loop, &alarm.alarm, 1);
	alarm_set(&rig_loop, &alarm.alarm, 2);
}

TEST_SIGNAL(timers, a_timer_of_another_loop_is_misuse, SIGABRT,
	    "coil: coil_timer_cancel: this timer belongs to the loop of another thread\n")
{
	struct coil_timer timer = { .future.state = FUTURE_PENDING };

	rig_open(8, 16);
	coil_timer_cancel(&timer);
}

TEST_SIGNAL(timers, a_cancel_without_a_loop_is_misuse, SIGABRT,
	    "coil: coil_timer_cancel: called on a thread that runs no loop: call it inside "
	    "coil_run\n")
{
	struct coil_timer timer = { .future.state = FUTURE_PENDING };

	coil_timer_cancel(&timer);
}
