/* SPDX-License-Identifier: MIT */
/* When a turn enters, when it sleeps, and what it fires. */
#include "loop/rig.h"

/* A hook that makes itself ready again, @left times. */
struct runner {
	struct coil_hook hook;
	unsigned left;
	unsigned runs;
};

static void runner_fire(struct coil_hook *hook)
{
	struct runner *runner = container_of(hook, struct runner, hook);

	runner->runs++;
	if (runner->left-- > 0)
		ready_push(&rig_loop.ready, hook);
}

static struct runner runner_new(unsigned left)
{
	return (struct runner){ .hook.fire = runner_fire, .left = left };
}

TEST(turn, nothing_to_do_enters_nothing)
{
	rig_open(8, 16);
	for (int i = 0; i < 100; i++)
		rig_turn();
	EXPECT_EQ(fake.enters, 0);
	EXPECT_EQ(fake.clock_reads, 0);
	rig_close();
}

TEST(turn, an_idle_loop_sleeps_for_ever)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	fake_defer(&fake, &op.completion, 1, 0);
	fake.sq_flags = 0; /* the work comes while it sleeps */
	rig_wait();
	EXPECT_EQ(fake.waits, 1);
	EXPECT_EQ(fake.timeout_ns, DRIVER_FOREVER);
	EXPECT_EQ(op.state, OP_DONE);
	EXPECT_EQ(fake.clock_reads, 0);
	rig_close();
}

TEST(turn, all_that_was_pushed_goes_with_one_enter)
{
	struct coil_op ops[5];

	rig_open(8, 16);
	for (int i = 0; i < 5; i++)
		rig_start_nop(&ops[i]);
	EXPECT_EQ(fake.enters, 0);
	rig_wait();
	EXPECT_EQ(fake.enters, 1);
	EXPECT_EQ(fake.submitted, 5);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(ops[i].state, OP_DONE);
	rig_close();
}

TEST(turn, it_enters_when_the_kernel_has_work)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	EXPECT_EQ(fake.enters, 1);
	fake_defer(&fake, &op.completion, 1, 0);
	EXPECT(loop_enter_is_due(&rig_loop));
	rig_turn();
	EXPECT_EQ(fake.enters, 2);
	EXPECT_EQ(op.state, OP_DONE);
	rig_turn();
	EXPECT_EQ(fake.enters, 2);
	rig_close();
}

TEST(turn, what_lies_in_the_cq_is_reaped_without_an_enter)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	rig_answer(&op, 1, 0);
	rig_wait();
	EXPECT_EQ(fake.enters, 1);
	EXPECT_EQ(op.state, OP_DONE);
	rig_close();
}

TEST(turn, without_the_taskrun_flag_each_turn_enters)
{
	rig_open(8, 16);
	rig_loop.ring.is_silent = true; /* as it is without DRIVER_TASKRUN_FLAG */
	for (unsigned i = 1; i <= 50; i++) {
		rig_turn();
		EXPECT_EQ(fake.enters, i);
	}
	EXPECT_EQ(fake.waits, 0);
	rig_close();
}

TEST(turn, the_kernel_is_entered_at_the_latest_after_1024_turns)
{
	rig_open(8, 16);
	for (int i = 0; i < 1024; i++)
		rig_turn();
	EXPECT_EQ(fake.enters, 1);
	for (int i = 0; i < 10240; i++)
		rig_turn();
	EXPECT_EQ(fake.enters, 11);
	rig_close();
}

TEST(turn, turns_in_place_are_bounded_too)
{
	struct runner runner = runner_new(10000);
	unsigned before;

	rig_open(8, 16);
	ready_push(&rig_loop.ready, &runner.hook);
	before = (unsigned)rig_loop.turns;
	rig_turn();
	EXPECT_LE(rig_loop.turns - before, LOOP_TURNS_PER_ENTER + LOOP_HOOKS_PER_GLANCE);
	EXPECT_GE(runner.runs, 1000);
	EXPECT_EQ(fake.enters, 1);
	while (runner.runs < 10001)
		rig_turn();
	EXPECT_GE(fake.enters, 9);
	EXPECT_LE(fake.enters, 11);
	rig_close();
}

TEST(turn, turns_in_place_end_when_something_asks_for_an_enter)
{
	struct runner runner = runner_new(10);
	struct coil_op op;

	rig_open(8, 16);
	ready_push(&rig_loop.ready, &runner.hook);
	rig_start_nop(&op);
	rig_turn();
	EXPECT_EQ(runner.runs, 1);
	EXPECT_EQ(fake.enters, 1);
	EXPECT_EQ(op.state, OP_DONE);
	rig_turn();
	EXPECT_EQ(runner.runs, 11);
	EXPECT_EQ(fake.enters, 1);
	rig_close();
}

TEST(turn, turns_in_place_look_at_the_cq_now_and_then)
{
	struct runner runner = runner_new(200);
	struct note note = note_new(1);
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_turn();
	coil_future_then(&op.future, &note.hook);
	rig_answer(&op, 1, 0);
	ready_push(&rig_loop.ready, &runner.hook);
	rig_turn();
	EXPECT_EQ(runner.runs, 201);
	EXPECT_EQ(fake.enters, 1);
	EXPECT_EQ(rig_digits(), 1);
	rig_close();
}

static struct note late = { .id = 9 };

static void fire_and_push(struct coil_hook *hook)
{
	note_new(0).hook.fire(hook);
	ready_push(&rig_loop.ready, &late.hook);
}

TEST(turn, what_becomes_ready_in_a_turn_runs_in_the_next)
{
	struct note first = note_new(1);
	struct note second = note_new(2);
	uint64_t turn;

	rig_open(8, 16);
	late = note_new(3);
	first.hook.fire = fire_and_push;
	ready_push(&rig_loop.ready, &first.hook);
	ready_push(&rig_loop.ready, &second.hook);
	turn = rig_loop.turns;
	rig_turn();
	EXPECT_EQ(rig_digits(), 123);
	EXPECT_EQ(rig_loop.turns, turn + 2); /* the second was opened in place */
	rig_close();
}

/* The same where an enter is due: nothing is opened in place. */
TEST(turn, what_becomes_ready_waits_for_a_due_enter)
{
	struct note first = note_new(1);
	struct coil_op op;

	rig_open(8, 16);
	late = note_new(2);
	first.hook.fire = fire_and_push;
	ready_push(&rig_loop.ready, &first.hook);
	rig_start_read(&op);
	rig_turn();
	EXPECT_EQ(rig_digits(), 1);
	rig_turn();
	EXPECT_EQ(rig_digits(), 2);
	rig_answer(&op, 0, 0);
	rig_close();
}

TEST(turn, a_batch_is_bounded_and_the_rest_comes_first)
{
	static struct note notes[LOOP_BATCH_MAX + 100];
	struct note newer = note_new(5000);

	rig_open(8, 16);
	for (int i = 0; i < LOOP_BATCH_MAX + 100; i++) {
		notes[i] = note_new(i);
		ready_push(&rig_loop.ready, &notes[i].hook);
	}
	rig_turn();
	EXPECT_EQ(rig_logged, LOOP_BATCH_MAX);
	ready_push(&rig_loop.ready, &newer.hook);
	rig_turn();
	EXPECT_EQ(rig_logged, LOOP_BATCH_MAX + 101);
	for (int i = 0; i < LOOP_BATCH_MAX + 100; i++)
		EXPECT_EQ(rig_log[i], i);
	EXPECT_EQ(rig_log[LOOP_BATCH_MAX + 100], 5000);
	rig_close();
}

TEST(turn, no_sleep_while_a_batch_has_a_rest)
{
	static struct note notes[LOOP_BATCH_MAX + 1];

	rig_open(8, 16);
	for (int i = 0; i <= LOOP_BATCH_MAX; i++) {
		notes[i] = note_new(i);
		ready_push(&rig_loop.ready, &notes[i].hook);
	}
	rig_wait();
	EXPECT_EQ(fake.waits, 0);
	rig_turn();
	EXPECT_EQ(rig_logged, LOOP_BATCH_MAX + 1);
	rig_close();
}

TEST(turn, called_it_does_not_sleep_once)
{
	struct coil_op op;

	rig_open(8, 16);
	rig_start_read(&op);
	rig_loop.is_called = true;
	rig_wait();
	EXPECT_EQ(fake.waits, 0);
	EXPECT(!rig_loop.is_called);
	fake_defer(&fake, &op.completion, 1, 0);
	fake.sq_flags = 0;
	rig_wait();
	EXPECT_EQ(fake.waits, 1);
	rig_close();
}

TEST(turn, next_hands_out_hooks_one_by_one_and_takes_one_back)
{
	struct note notes[3] = { note_new(1), note_new(2), note_new(3) };

	rig_open(8, 16);
	EXPECT(!loop_next(&rig_loop));
	for (int i = 0; i < 3; i++)
		ready_push(&rig_loop.ready, &notes[i].hook);
	EXPECT(loop_next(&rig_loop) == &notes[0].hook);
	EXPECT(loop_next(&rig_loop) == &notes[1].hook);
	loop_unnext(&rig_loop, &notes[1].hook);
	EXPECT(loop_next(&rig_loop) == &notes[1].hook);
	EXPECT(loop_next(&rig_loop) == &notes[2].hook);
	loop_unnext(&rig_loop, &notes[2].hook);
	ready_push(&rig_loop.ready, &notes[0].hook);
	EXPECT(loop_next(&rig_loop) == &notes[2].hook);
	EXPECT(loop_next(&rig_loop) == &notes[0].hook);
	EXPECT(!loop_next(&rig_loop));
	rig_close();
}

TEST(turn, owners_are_counted)
{
	uint32_t owner = 0;
	struct coil_op op;
	struct coil_timer timer;

	rig_open(8, 16);
	op_prep_nop(&op);
	op_start(&rig_loop, &op, &owner);
	EXPECT_EQ(timer_start(&rig_loop, &timer, fake.now + 5, &owner), 0);
	EXPECT_EQ(owner, 2);
	rig_wait();
	EXPECT_EQ(owner, 1);
	rig_wait();
	EXPECT_EQ(owner, 0);
	rig_close();
}
