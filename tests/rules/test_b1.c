/* SPDX-License-Identifier: MIT */
/* semantics.md B1: the event loop. */
#include "rules/child.h"

#include <pthread.h>

struct note_hook {
	struct coil_hook hook;
	char letter;
};

static void fire_note(struct coil_hook *hook)
{
	rig_note(((struct note_hook *)(void *)hook)->letter);
}

IN_REAL_TASK(rules, b1_1_io_is_queued_before_the_timers_that_are_due)
{
	struct note_hook io = { { NULL, fire_note }, 'i' };
	struct note_hook timer = { { NULL, fire_note }, 't' };
	struct coil_op op = coil_op_nop();
	struct coil_timer due;

	rig_forget();
	EXPECT_EQ(coil_timer_start(&due, coil_now()), 0);
	coil_op_start(&op);
	coil_future_then(&due.future, &timer.hook);
	coil_future_then(&op.future, &io.hook);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_STR_EQ(rig_order, "it");
}

IN_TASK(rules, b1_2_while_something_is_ready_the_loop_does_not_sleep)
{
	struct coil_timer far;
	uint64_t waits;

	EXPECT_EQ(coil_timer_start(&far, coil_now() + 3600 * COIL_SEC), 0);
	waits = rig_stats().waits;
	rig_turns(5000);
	EXPECT_EQ(rig_stats().waits, waits);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0); /* and otherwise until the next timer */
	EXPECT_GT(rig_stats().waits, waits);
	EXPECT_EQ(coil_timer_cancel(&far), 0);
}

/* asyncio leaves cancelled timers in its heap until they are many; Coil takes them out. */
IN_TASK(rules, b1_3_a_cancelled_timer_is_gone_at_once)
{
	static struct coil_timer timers[200];

	for (int i = 0; i < 200; i++)
		EXPECT_EQ(coil_timer_start(&timers[i], coil_now() + COIL_SEC + i), 0);
	EXPECT_EQ(rig_stats().timers, 200);
	for (int i = 199; i >= 0; i--) {
		EXPECT_EQ(coil_timer_cancel(&timers[i]), 0);
		EXPECT_EQ(rig_stats().timers, i);
	}
}

/* asyncio's timers may be early by a clock's resolution; Coil's never are. */
IN_TASK(rules, b1_4_a_timer_is_due_at_its_time_and_never_before)
{
	for (int i = 1; i <= 20; i++) {
		int64_t end = coil_now() + i * 50 * COIL_USEC;

		EXPECT_EQ(coil_sleep_until(end), 0);
		EXPECT_GE(coil_now(), end);
	}
}

static int notes_and_spawns(void *letter)
{
	rig_note((char)(intptr_t)letter);
	if ((intptr_t)letter < 'd')
		coil_spawn(notes_and_spawns, WORD((intptr_t)letter + 2));
	return 0;
}

IN_TASK(rules, b1_5_what_becomes_ready_in_a_turn_runs_in_the_next_one_first_come_first_served)
{
	rig_forget();
	coil_spawn(notes_and_spawns, WORD('a'));
	coil_spawn(notes_and_spawns, WORD('b'));
	coil_yield();
	EXPECT_STR_EQ(rig_order, "ab");
	coil_yield();
	EXPECT_STR_EQ(rig_order, "abcd");
	coil_yield();
	EXPECT_STR_EQ(rig_order, "abcde");
	coil_yield();
}

IN_TASK(rules, b1_5_a_hook_that_was_taken_back_is_skipped)
{
	struct note_hook hooks[3];
	struct coil_promise promise;

	rig_forget();
	coil_promise_init(&promise);
	for (int i = 0; i < 3; i++) {
		hooks[i] = (struct note_hook){ { NULL, fire_note }, (char)('a' + i) };
		coil_future_then(&promise.future, &hooks[i].hook);
	}
	coil_promise_resolve(&promise, 0);
	EXPECT_EQ(coil_future_unthen(&promise.future, &hooks[1].hook), 0);
	coil_yield();
	EXPECT_STR_EQ(rig_order, "ac");
	coil_promise_deinit(&promise);
}

static int leaves_while_others_are_ready(void *arg)
{
	for (int i = 0; i < 3; i++)
		coil_spawn(notes_and_spawns, WORD('x'));
	return (int)(intptr_t)arg;
}

/* Also: run_until_complete never returns before the result is there. */
TEST(rules, b1_6_the_end_of_the_entry_lets_the_turn_finish_and_gives_its_result)
{
	rig_forget();
	EXPECT_EQ(rig_run(leaves_while_others_are_ready, WORD(9)), 9);
	EXPECT_STR_EQ(rig_order, "xxx");
}

STOPS(b1_6_a_loop_inside_of_a_loop_is_misuse, "coil_run does not nest")
{
	coil_run(rig_return, NULL);
}

static struct coil_loop *open_loop;

static int closes_its_loop(void *arg)
{
	(void)arg;
	return coil_loop_close(open_loop);
}

TEST_SIGNAL(rules, b1_6_closing_a_loop_that_turns_is_misuse, SIGABRT, "called inside a task")
{
	struct coil_options options = rig_options();

	coil_loop_open(&open_loop, &options);
	coil_spawn(closes_its_loop, NULL);
	coil_loop_step(open_loop, COIL_STEP_NOWAIT);
}

/* asyncio does not promise an order; Coil does. */
IN_TASK(rules, b1_7_equal_deadlines_fire_in_the_order_in_which_they_were_set)
{
	struct note_hook hooks[20];
	struct coil_timer timers[20];
	int64_t end = coil_now() + 1 * COIL_MSEC;

	rig_forget();
	for (int i = 0; i < 20; i++) {
		hooks[i] = (struct note_hook){ { NULL, fire_note }, (char)('a' + i) };
		EXPECT_EQ(coil_timer_start(&timers[i], end), 0);
		coil_future_then(&timers[i].future, &hooks[i].hook);
	}
	EXPECT_EQ(coil_sleep(3 * COIL_MSEC), 0);
	EXPECT_STR_EQ(rig_order, "abcdefghijklmnopqrst");
}

IN_TASK(rules, b1_8_a_sleep_of_nothing_is_one_yield_without_a_timer)
{
	struct coil_stats before = rig_stats();

	EXPECT_EQ(coil_sleep(0), 0);
	EXPECT_EQ(coil_sleep(-5 * COIL_SEC), 0);
	EXPECT_EQ(rig_stats().turns, before.turns + 2);
	EXPECT_EQ(rig_stats().timers_started, before.timers_started);
}

IN_TASK(rules, b1_8_the_timer_of_a_sleep_is_always_gone_when_it_ends)
{
	struct coil_task *task = coil_spawn(rig_sleep_and_return, WORD(1));

	coil_yield();
	EXPECT_EQ(rig_stats().timers, 1);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(rig_stats().timers, 0);
}

static void *resolves_in_a_thread(void *promise)
{
	const struct timespec ms = { .tv_nsec = 2000000 };

	nanosleep(&ms, NULL);
	coil_promise_resolve_from_thread(promise, 31);
	return NULL;
}

IN_REAL_TASK(rules, b1_9_a_message_from_a_thread_queues_and_wakes)
{
	struct coil_promise promise;
	pthread_t thread;

	coil_promise_init(&promise);
	EXPECT_EQ(pthread_create(&thread, NULL, resolves_in_a_thread, &promise), 0);
	EXPECT_EQ(coil_await(&promise.future), 31); /* nothing else would end this sleep */
	pthread_join(thread, NULL);
	coil_promise_deinit(&promise);
}

static void *resolves_wrongly(void *promise)
{
	coil_promise_resolve(promise, 1);
	return NULL;
}

STOPS(b1_9_the_wrong_thread_is_misuse, "called on a thread that runs no loop")
{
	static struct coil_promise promise;
	pthread_t thread;

	coil_promise_init(&promise);
	if (pthread_create(&thread, NULL, resolves_wrongly, &promise) == 0)
		pthread_join(thread, NULL);
}

static int has_a_loop(void *arg)
{
	(void)arg;
	return coil_loop_current() != NULL;
}

TEST(rules, b1_10_a_current_loop_is_only_inside_and_none_is_made)
{
	EXPECT_EQ(coil_loop_current(), NULL);
	EXPECT_EQ(rig_run(has_a_loop, NULL), 1);
	EXPECT_EQ(coil_loop_current(), NULL);
}

static int goes_on_beside_failures(void *arg)
{
	for (int i = 0; i < 10; i++)
		coil_spawn(rig_return, WORD(-EIO));
	rig_turns(3);
	return (int)(intptr_t)arg;
}

static void has_failures(void)
{
	EXPECT_EQ(rig_run(goes_on_beside_failures, WORD(6)), 6);
}

TEST(rules, b1_11_a_failure_is_reported_and_does_not_end_the_loop)
{
	char text[8192];

	EXPECT_EQ(test_run_in_child(has_failures, text, sizeof text), 0);
	EXPECT(strstr(text, "failed with EIO"));
}
