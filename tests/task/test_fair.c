/* SPDX-License-Identifier: MIT */
/* Fairness: semantics.md A7. */
#include "task/rig.h"

static int notes(void *letter)
{
	rig_note((char)(intptr_t)letter);
	coil_yield();
	rig_note((char)((intptr_t)letter - 'a' + 'A'));
	return 0;
}

IN_TASK(fair, first_come_first_served_and_yield_is_one_turn)
{
	rig_forget();
	for (int i = 0; i < 3; i++)
		EXPECT(coil_spawn(notes, WORD('a' + i)));
	rig_note('-');
	coil_yield();
	rig_note('+');
	coil_yield();
	rig_note('*');
	EXPECT_STR_EQ(rig_order, "-abc+ABC*");
}

IN_TASK(fair, yield_is_exactly_one_turn_of_the_loop)
{
	uint64_t turns = rig_stats().turns;

	for (int i = 0; i < 10; i++)
		EXPECT_EQ(coil_yield(), 0);
	EXPECT_EQ(rig_stats().turns, turns + 10);
}

static int awaits_and_notes(void *arg)
{
	struct coil_promise *promise = arg;
	static char letter;

	if (rig_order[0] == '\0')
		letter = 'a';
	rig_note('.');
	EXPECT_EQ(coil_await(&promise->future), 0);
	rig_note(letter++);
	return (int)coil_task_id(coil_self());
}

IN_TASK(fair, the_waiters_of_a_future_wake_in_the_order_in_which_they_came)
{
	struct coil_promise promise;
	struct coil_task *tasks[4];
	int last = 0;

	rig_forget();
	coil_promise_init(&promise);
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(awaits_and_notes, &promise);
	coil_yield();
	coil_promise_resolve(&promise, 0);
	EXPECT_STR_EQ(rig_order, "....");
	coil_yield();
	EXPECT_STR_EQ(rig_order, "....abcd");
	for (int i = 0; i < 4; i++) {
		int id = coil_join(tasks[i]);

		EXPECT_GT(id, last);
		last = id;
	}
	coil_promise_deinit(&promise);
}

struct sleeper {
	int64_t until;
	int number;
};

static int woken[200];
static int woken_count;

static int sleeps_and_notes(void *arg)
{
	const struct sleeper *sleeper = arg;

	EXPECT_EQ(coil_sleep_until(sleeper->until), 0);
	woken[woken_count++] = sleeper->number;
	return 0;
}

IN_TASK(fair, equal_deadlines_fire_in_the_order_in_which_they_were_set)
{
	struct sleeper sleepers[200];
	struct coil_group group;
	int64_t end = coil_now() + 5 * COIL_MSEC;

	woken_count = 0;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 200; i++) {
		sleepers[i] = (struct sleeper){ end, i };
		coil_go(&group, sleeps_and_notes, &sleepers[i]);
	}
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(woken_count, 200);
	for (int i = 0; i < 200; i++)
		EXPECT_EQ(woken[i], i);
}

IN_TASK(fair, earlier_deadlines_fire_first)
{
	struct sleeper sleepers[50];
	struct coil_group group;
	int64_t now = coil_now();

	woken_count = 0;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 50; i++) {
		sleepers[i] = (struct sleeper){ now + (50 - i) * 200 * COIL_USEC, i };
		coil_go(&group, sleeps_and_notes, &sleepers[i]);
	}
	EXPECT_EQ(coil_group_close(&group), 0);
	for (int i = 0; i < 50; i++)
		EXPECT_EQ(woken[i], 49 - i);
}

/* -- The bounded batch
 * ---------------------------------------------------------------------------------- */

static bool crowd_stops;

static int yields_for_ever(void *count)
{
	while (!crowd_stops) {
		coil_yield();
		++*(uint64_t *)count;
	}
	return 0;
}

static int receives(void *fd)
{
	int rc = rig_recv_byte(fd);

	crowd_stops = true;
	return rc;
}

IN_TASK(fair, five_thousand_ready_tasks_do_not_keep_the_loop_from_the_kernel)
{
	struct coil_group group;
	struct coil_task *receiver;
	uint64_t count = 0;
	int fds[2];

	rig_pair(fds);
	crowd_stops = false;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	receiver = coil_spawn(receives, WORD(fds[0]));
	for (int i = 0; i < 5000; i++)
		EXPECT_EQ(coil_go(&group, yields_for_ever, &count), 0);
	coil_yield();
	EXPECT_EQ(rig_write(fds[1], "!", 1), 1);
	count = 0;
	EXPECT_EQ(coil_join(receiver), '!');
	EXPECT_LE(count, 50 * 5000);
	EXPECT_EQ(coil_group_close(&group), 0);
	rig_close(fds);
}

IN_TASK(fair, a_timer_fires_while_others_yield_for_ever)
{
	struct coil_group group;
	uint64_t count = 0;

	crowd_stops = false;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_go(&group, yields_for_ever, &count);
	EXPECT_EQ(coil_sleep(2 * COIL_MSEC), 0);
	crowd_stops = true;
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_GT(count, 0);
}

IN_TASK(fair, should_yield_tells_a_computing_task_when)
{
	struct coil_op op = coil_op_nop();
	int64_t began;

	coil_nop();
	coil_sleep(1 * COIL_MSEC);
	began = coil_now();
	while (!coil_should_yield() && coil_now() < began + COIL_SEC)
		;
	EXPECT_LT(coil_now(), began + COIL_SEC);
	coil_op_start(&op);
	EXPECT(coil_should_yield()); /* something is to be submitted */
	EXPECT_EQ(coil_await(&op.future), 0);
}
