/* SPDX-License-Identifier: MIT */
/* Two classes of tasks, and the fairness budget. */
#include "task/rig.h"

static const struct coil_task_options background = {
	.size = sizeof background, .priority = COIL_PRIORITY_BACKGROUND
};
static const struct coil_task_options no_budget = {
	.size = sizeof no_budget, .flags = COIL_NO_BUDGET
};

static bool stops;

static int notes(void *letter)
{
	rig_note((char)(intptr_t)letter);
	return 0;
}

static int notes_thrice(void *letter)
{
	for (int i = 0; i < 3; i++) {
		rig_note((char)(intptr_t)letter);
		coil_yield();
	}
	return 0;
}

/* Lets the share of the background begin anew. */
static void start_share(void)
{
	coil_join(coil_spawn_with(&background, rig_return, NULL));
	rig_forget();
}

IN_TASK(priority, a_background_task_runs_when_no_normal_one_is_ready)
{
	struct coil_group group;
	struct coil_task_options low = background;

	start_share();
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	low.group = &group;
	EXPECT_EQ(coil_go_with(&low, notes_thrice, WORD('l')), 0);
	EXPECT_EQ(coil_go(&group, notes_thrice, WORD('n')), 0);
	EXPECT_EQ(coil_go(&group, notes_thrice, WORD('m')), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_STR_EQ(rig_order, "nmnmnmlll");
}

IN_TASK(priority, background_tasks_take_turns_among_themselves)
{
	struct coil_group group;
	struct coil_task_options low = background;

	start_share();
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	low.group = &group;
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_go_with(&low, notes_thrice, WORD('a' + i)), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_STR_EQ(rig_order, "abcabcabc");
}

static int yields_until_stopped(void *count)
{
	while (!stops) {
		++*(uint64_t *)count;
		coil_yield();
	}
	return 0;
}

static int counts_to_ten(void *count)
{
	for (int i = 0; i < 10; i++) {
		++*(uint64_t *)count;
		coil_yield();
	}
	stops = true;
	return 0;
}

IN_TASK(priority, a_background_task_is_not_starved_and_gets_a_bounded_share)
{
	struct coil_group group;
	struct coil_task_options low = background;
	uint64_t busy = 0;
	uint64_t slow = 0;

	stops = false;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	low.group = &group;
	EXPECT_EQ(coil_go_with(&low, counts_to_ten, &slow), 0);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(coil_go(&group, yields_until_stopped, &busy), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(slow, 10);
	EXPECT_GE(busy, 9 * 40);
	EXPECT_LE(busy, 12 * 80);
}

IN_TASK(priority, many_normal_tasks_do_not_starve_it_either)
{
	struct coil_group group;
	struct coil_task_options low = background;
	uint64_t busy = 0;
	uint64_t slow = 0;

	stops = false;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	low.group = &group;
	for (int i = 0; i < 3000; i++)
		EXPECT_EQ(coil_go(&group, yields_until_stopped, &busy), 0);
	EXPECT_EQ(coil_go_with(&low, counts_to_ten, &slow), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_LE(busy, 14 * 3000);
}

static int sleeps_then_stops(void *arg)
{
	int rc = coil_sleep((intptr_t)arg * COIL_MSEC);

	stops = true;
	return rc;
}

IN_TASK(priority, timers_and_the_kernel_are_seen_while_the_background_is_busy)
{
	struct coil_task *receiver;
	struct coil_task *sleeper;
	uint64_t count = 0;
	struct coil_task *low;
	int fds[2];

	stops = false;
	rig_pair(fds);
	low = coil_spawn_with(&background, yields_until_stopped, &count);
	receiver = coil_spawn(rig_recv_byte, WORD(fds[0]));
	coil_yield();
	EXPECT_EQ(rig_write(fds[1], "!", 1), 1);
	EXPECT_EQ(coil_join(receiver), '!');
	sleeper = coil_spawn(sleeps_then_stops, WORD(2));
	EXPECT_EQ(coil_join(sleeper), 0);
	EXPECT_EQ(coil_join(low), 0);
	EXPECT_GT(count, 0);
	rig_close(fds);
}

static int at_the_gate;

static int lives_a_life(void *gate)
{
	struct coil_promise *promise = gate;

	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_nop(), 0);
	EXPECT_EQ(coil_join(coil_spawn(rig_yield_and_return, WORD(3))), 3);
	at_the_gate++;
	return coil_await(&promise->future);
}

IN_TASK(priority, a_background_task_waits_and_is_cancelled_as_any_other)
{
	struct coil_promise gate;
	struct coil_task *tasks[3];

	coil_promise_init(&gate);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn_with(&background, lives_a_life, &gate);
	at_the_gate = 0;
	while (at_the_gate < 3)
		EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	coil_cancel(tasks[1]);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	coil_promise_resolve(&gate, 8);
	EXPECT_EQ(coil_join(tasks[0]), 8);
	EXPECT_EQ(coil_join(tasks[2]), 8);
	coil_promise_deinit(&gate);
}

static int tells_priority(void *arg)
{
	(void)arg;
	return coil_task_priority(coil_self());
}

static int spawns_who_tells(void *arg)
{
	struct coil_task_options normal = {
		.size = sizeof normal, .priority = COIL_PRIORITY_NORMAL
	};

	EXPECT_EQ(coil_join(coil_spawn_with(&normal, tells_priority, arg)), COIL_PRIORITY_NORMAL);
	return coil_join(coil_spawn(tells_priority, arg));
}

IN_TASK(priority, it_is_inherited_unless_the_options_say_otherwise)
{
	EXPECT_EQ(coil_join(coil_spawn(spawns_who_tells, NULL)), COIL_PRIORITY_NORMAL);
	EXPECT_EQ(coil_join(coil_spawn_with(&background, spawns_who_tells, NULL)),
		  COIL_PRIORITY_BACKGROUND);
}

IN_TASK(priority, set_priority_takes_effect_on_one_that_is_ready_already)
{
	struct coil_task *low;
	struct coil_task *high;

	start_share();
	low = coil_spawn(notes, WORD('l'));
	high = coil_spawn_with(&background, notes_thrice, WORD('h'));
	coil_task_set_priority(low, COIL_PRIORITY_BACKGROUND);
	rig_turns(1);
	EXPECT_STR_EQ(rig_order, ""); /* both stand in the background */
	coil_task_set_priority(high, COIL_PRIORITY_NORMAL);
	rig_turns(2);
	EXPECT_STR_EQ(rig_order, "hh");
	EXPECT_EQ(coil_join(high), 0);
	EXPECT_EQ(coil_join(low), 0);
	EXPECT_STR_EQ(rig_order, "hhhl");
}

static int lowers_itself(void *arg)
{
	(void)arg;
	rig_note('1');
	coil_task_set_priority(coil_self(), COIL_PRIORITY_BACKGROUND);
	rig_note('2');
	coil_yield();
	rig_note('3');
	coil_task_set_priority(coil_self(), COIL_PRIORITY_NORMAL);
	coil_yield();
	rig_note('4');
	return 0;
}

IN_TASK(priority, a_task_may_lower_and_raise_itself)
{
	struct coil_task *task;
	struct coil_task *normal;

	start_share();
	task = coil_spawn(lowers_itself, NULL);
	normal = coil_spawn(notes_thrice, WORD('n'));
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(coil_join(normal), 0);
	EXPECT_STR_EQ(rig_order, "12nnn34");
}

static int background_spawns_eagerly(void *arg)
{
	struct coil_task *normal = coil_spawn(notes, WORD('n'));
	struct coil_task *eager = coil_spawn_eager(notes_thrice, WORD('e'));

	(void)arg;
	rig_note('s');
	EXPECT_EQ(coil_join(eager), 0);
	return coil_join(normal);
}

IN_TASK(priority, a_background_task_that_spawns_eagerly_goes_on_at_once)
{
	start_share();
	EXPECT_EQ(coil_join(coil_spawn_with(&background, background_spawns_eagerly, NULL)), 0);
	EXPECT_EQ(rig_order[0], 'e');
	EXPECT_EQ(rig_order[1], 's');
	EXPECT_STR_EQ(rig_order, "esnee");
}

static int leaves_background_behind(void *count)
{
	for (int i = 0; i < 10; i++)
		EXPECT(coil_spawn_with(&background, rig_sleep_for_ever, count));
	EXPECT(coil_spawn_with(&background, notes, WORD('x')));
	return 4;
}

TEST(priority, the_background_ends_with_the_loop_too)
{
	rig_forget();
	EXPECT_EQ(rig_run(leaves_background_behind, NULL), 4);
	EXPECT_STR_EQ(rig_order, "x"); /* a spawned body always runs */
}

TEST(priority, a_loop_that_is_stepped_lets_the_background_run_too)
{
	struct coil_options options = rig_options();
	struct coil_loop *loop;
	int steps = 0;

	rig_forget();
	ASSERT_EQ(coil_loop_open(&loop, &options), 0);
	EXPECT(coil_spawn_with(&background, notes_thrice, WORD('l')));
	EXPECT(coil_spawn(notes_thrice, WORD('n')));
	while (coil_loop_alive(loop) > 0 && steps++ < 100)
		EXPECT_GE(coil_loop_step(loop, COIL_STEP_EMBED), 0);
	EXPECT_EQ(coil_loop_alive(loop), 0);
	EXPECT_EQ(strlen(rig_order), 6);
	EXPECT_EQ(coil_loop_close(loop), 0);
}

static int sets_a_wrong_class(void *arg)
{
	(void)arg;
	coil_task_set_priority(coil_self(), COIL_PRIORITY_INHERIT);
	return 0;
}

TEST_SIGNAL(priority, a_wrong_class_is_misuse, SIGABRT, "0 is no class of tasks")
{
	rig_run(sets_a_wrong_class, NULL);
}

/* -- The budget ----------------------------------------------------------------------------------
 */

static int awaits_always_ready(void *arg)
{
	struct coil_promise ready;
	int n = 0;

	(void)arg;
	coil_promise_init(&ready);
	coil_promise_resolve(&ready, 1);
	while (!stops && n < 1000000)
		n += coil_await(&ready.future);
	coil_promise_deinit(&ready);
	return n;
}

static int stops_it(void *arg)
{
	(void)arg;
	stops = true;
	return 0;
}

IN_TASK(budget, of_128_waits_that_are_always_ready_the_last_one_lets_a_turn_pass)
{
	struct coil_task *hog;
	struct coil_task *stopper;

	stops = false;
	hog = coil_spawn(awaits_always_ready, NULL);
	stopper = coil_spawn(stops_it, NULL);
	EXPECT_EQ(coil_join(hog), 128);
	EXPECT_EQ(coil_join(stopper), 0);
}

/* The clock of the simulated kernel stands still while nobody enters. */
IN_REAL_TASK(budget, timers_fire_and_the_kernel_is_asked_meanwhile)
{
	struct coil_task *hog;
	struct coil_task *sleeper;

	stops = false;
	hog = coil_spawn(awaits_always_ready, NULL);
	sleeper = coil_spawn(sleeps_then_stops, WORD(1));
	EXPECT_LT(coil_join(hog), 1000000);
	EXPECT_EQ(coil_join(sleeper), 0);
}

static int mixes_waits(void *arg)
{
	struct coil_promise ready;
	uint64_t turns;

	(void)arg;
	coil_promise_init(&ready);
	coil_promise_resolve(&ready, 1);
	for (int round = 0; round < 5; round++) {
		coil_yield(); /* suspends: the budget is whole again */
		turns = rig_stats().turns;
		for (int i = 0; i < 127; i++)
			coil_await(&ready.future);
		EXPECT_EQ(rig_stats().turns, turns);
	}
	coil_await(&ready.future);
	EXPECT_EQ(rig_stats().turns, turns + 1);
	coil_promise_deinit(&ready);
	return 0;
}

IN_TASK(budget, a_wait_that_suspends_makes_it_whole)
{
	EXPECT_EQ(coil_join(coil_spawn(mixes_waits, NULL)), 0);
}

IN_TASK(budget, it_may_be_switched_off)
{
	struct coil_task *hog;
	struct coil_task *stopper;

	stops = false;
	hog = coil_spawn_with(&no_budget, awaits_always_ready, NULL);
	stopper = coil_spawn(stops_it, NULL);
	EXPECT_EQ(coil_join(hog), 1000000);
	EXPECT_EQ(coil_join(stopper), 0);
}

static int joins_what_has_ended(void *arg)
{
	int n = 0;

	(void)arg;
	while (!stops && n < 100000)
		n += coil_join(coil_spawn_eager(rig_return, WORD(1)));
	return n;
}

IN_TASK(budget, joins_of_ended_tasks_count_too)
{
	struct coil_task *hog;
	struct coil_task *stopper;

	stops = false;
	hog = coil_spawn(joins_what_has_ended, NULL);
	stopper = coil_spawn(stops_it, NULL);
	EXPECT_EQ(coil_join(hog), 128);
	EXPECT_EQ(coil_join(stopper), 0);
}

static int walks(void *arg)
{
	struct coil_future *futures[200];
	struct coil_as_completed walk;
	struct coil_promise ready;
	int n = 0;

	(void)arg;
	coil_promise_init(&ready);
	coil_promise_resolve(&ready, 1);
	for (int i = 0; i < 200; i++)
		futures[i] = &ready.future;
	EXPECT_EQ(coil_as_completed_open(&walk, futures, 200), 0);
	for (; !stops && n < 200; n++)
		EXPECT_EQ(coil_as_completed_next(&walk), n);
	coil_as_completed_close(&walk);
	coil_promise_deinit(&ready);
	return n;
}

IN_TASK(budget, walks_over_what_is_done_count_too)
{
	struct coil_task *walker;
	struct coil_task *stopper;

	stops = false;
	walker = coil_spawn(walks, NULL);
	stopper = coil_spawn(stops_it, NULL);
	EXPECT_EQ(coil_join(walker), 128);
	EXPECT_EQ(coil_join(stopper), 0);
}

IN_TASK(budget, in_a_cancelled_scope_the_result_still_comes)
{
	struct coil_promise ready;
	struct coil_scope scope;

	coil_promise_init(&ready);
	coil_promise_resolve(&ready, 6);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(coil_await(&ready.future), 6);
	EXPECT_EQ(coil_scope_close(&scope), 0);
	coil_promise_deinit(&ready);
}
