/* SPDX-License-Identifier: MIT */
/* Keyed groups: tasks by key, and in the order of their ends. */
#include "task/rig.h"
#include "task/task.h"

#include <stdio.h>

static int waits_for_gate(void *gate)
{
	struct coil_promise *promise = gate;

	return coil_await(&promise->future);
}

IN_TASK(keyed, results_come_by_key)
{
	struct coil_keyed_group keyed;
	int result = -1;

	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_text("a"), rig_sleep_and_return, WORD(1)), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_text("b"), rig_return, WORD(-EIO)), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(3), rig_yield_and_return, WORD(3)), 0);
	EXPECT_EQ(coil_keyed_count(&keyed), 3);
	EXPECT_EQ(coil_keyed_join(&keyed, coil_key_number(3), &result), 0);
	EXPECT_EQ(result, 3);
	EXPECT_EQ(coil_keyed_join(&keyed, coil_key_text("b"), &result), 0);
	EXPECT_EQ(result, -EIO);
	EXPECT_EQ(coil_keyed_join(&keyed, coil_key_text("a"), NULL), 0);
	EXPECT_EQ(coil_keyed_count(&keyed), 0);
	EXPECT_EQ(coil_keyed_join(&keyed, coil_key_text("a"), &result), -ENOENT);
	EXPECT_EQ(result, -EIO);
	EXPECT_EQ(coil_keyed_close(&keyed), -EIO);
	EXPECT_EQ(keyed.group.failure_count, 1);
}

IN_TASK(keyed, a_key_is_taken_until_its_task_was_joined)
{
	struct coil_keyed_group keyed;
	struct coil_key key = coil_key_text("key");

	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_return, NULL), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_return, NULL), -EEXIST);
	rig_turns(3); /* it has ended */
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_return, NULL), -EEXIST);
	EXPECT_EQ(coil_keyed_join(&keyed, key, NULL), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_return, NULL), 0);
	EXPECT_EQ(coil_keyed_next(&keyed, NULL, NULL), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_return, NULL), 0);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}

IN_TASK(keyed, the_task_is_at_hand_by_its_key_and_has_its_text_for_a_name)
{
	struct coil_keyed_group keyed;
	char text[] = "reader";
	struct coil_key key = coil_key_text(text);

	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_sleep_for_ever, NULL), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(5), rig_sleep_for_ever, NULL), 0);
	EXPECT_STR_EQ(coil_task_name(coil_keyed_task(&keyed, key)), "reader");
	EXPECT_STR_EQ(coil_task_name(coil_keyed_task(&keyed, coil_key_number(5))), "task");
	text[0] = 'x'; /* the key was copied */
	EXPECT_EQ(coil_keyed_task(&keyed, key), NULL);
	EXPECT(coil_keyed_task(&keyed, coil_key_text("reader")));
	coil_group_cancel(&keyed.group);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}

IN_TASK(keyed, cancel_by_key_ends_that_task_alone)
{
	struct coil_keyed_group keyed;
	int result;

	coil_keyed_open(&keyed, COIL_GROUP_FAIL_FAST);
	for (uint64_t i = 0; i < 3; i++)
		EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(i), rig_sleep_for_ever, NULL), 0);
	coil_yield();
	EXPECT_EQ(coil_keyed_cancel(&keyed, coil_key_number(1)), 0);
	EXPECT_EQ(coil_keyed_join(&keyed, coil_key_number(1), &result), 0);
	EXPECT_EQ(result, -ECANCELED);
	EXPECT_EQ(coil_keyed_cancel(&keyed, coil_key_number(1)), -ENOENT);
	EXPECT_EQ(coil_keyed_cancel(&keyed, coil_key_number(2)), 0);
	rig_turns(3);
	EXPECT_EQ(coil_keyed_cancel(&keyed, coil_key_number(2)), -EALREADY);
	EXPECT_EQ(coil_keyed_count(&keyed), 2);
	coil_group_cancel(&keyed.group);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}

/* -- In the order of their ends ------------------------------------------------------------------
 */

static int sleeps_ms(void *ms)
{
	int rc = coil_sleep((intptr_t)ms * COIL_MSEC);

	return rc < 0 ? rc : (int)(intptr_t)ms;
}

IN_TASK(keyed, next_hands_out_tasks_in_the_order_in_which_they_end)
{
	static const int ms[] = { 9, 1, 5 };
	struct coil_keyed_group keyed;
	struct coil_key key;
	int result;

	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < 3; i++) {
		char text[8];

		snprintf(text, sizeof text, "%d ms", ms[i]);
		EXPECT_EQ(coil_keyed_go(&keyed, coil_key_text(text), sleeps_ms, WORD(ms[i])), 0);
	}
	EXPECT_EQ(coil_keyed_next(&keyed, &key, &result), 0);
	EXPECT_EQ(result, 1);
	EXPECT_STR_EQ(key.bytes, "1 ms");
	EXPECT_EQ(coil_keyed_next(&keyed, &key, &result), 0);
	EXPECT_EQ(result, 5);
	EXPECT_EQ(coil_sleep(6 * COIL_MSEC), 0);
	EXPECT_EQ(coil_keyed_next(&keyed, &key, &result), 0); /* has ended already */
	EXPECT_STR_EQ(key.bytes, "9 ms");
	EXPECT_EQ(coil_keyed_next(&keyed, &key, &result), -ENOENT);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}

struct taker {
	struct coil_keyed_group *keyed;
	char letter;
	int rc;
	int result;
};

static int takes_next(void *arg)
{
	struct taker *taker = arg;

	taker->rc = coil_keyed_next(taker->keyed, NULL, &taker->result);
	rig_note(taker->rc == 0 ? taker->letter : (char)(taker->letter - 'a' + 'A'));
	return taker->rc;
}

static void start_takers(struct coil_keyed_group *keyed, struct taker *takers,
			 struct coil_task **tasks, int n)
{
	rig_forget();
	for (int i = 0; i < n; i++) {
		takers[i] = (struct taker){ keyed, (char)('a' + i), 1, 1 };
		tasks[i] = coil_spawn(takes_next, &takers[i]);
	}
}

/* Who takes is spawned before the group is opened: into the root. */
IN_TASK(keyed, several_who_wait_for_the_next_are_served_first_come_first_served)
{
	struct coil_keyed_group keyed;
	struct taker takers[4];
	struct coil_task *tasks[4];

	start_takers(&keyed, takers, tasks, 4);
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	for (uint64_t i = 0; i < 2; i++)
		EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(i), sleeps_ms, WORD(1 + 3 * i)), 0);
	rig_turns(2);
	coil_cancel(tasks[1]);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(takers[0].result, 1);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_EQ(takers[2].result, 4);
	EXPECT_EQ(coil_join(tasks[3]), -ENOENT); /* none was left for it */
	EXPECT_STR_EQ(rig_order, "BacD");
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}

IN_TASK(keyed, one_that_was_given_a_task_keeps_it_when_the_cancel_comes_after)
{
	struct coil_keyed_group keyed;
	struct coil_promise gate;
	struct taker taker;
	struct coil_task *task;

	coil_promise_init(&gate);
	start_takers(&keyed, &taker, &task, 1);
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), waits_for_gate, &gate), 0);
	rig_turns(2);
	coil_promise_resolve(&gate, 6);
	coil_yield(); /* the child ends in this turn; its taker is ready */
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(taker.result, 6);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	coil_promise_deinit(&gate);
}

static int joins_number_one(void *arg)
{
	struct taker *taker = arg;

	taker->rc = coil_keyed_join(taker->keyed, coil_key_number(1), &taker->result);
	return taker->rc;
}

IN_TASK(keyed, what_is_joined_by_key_is_nobodys_next)
{
	struct coil_keyed_group keyed;
	struct coil_promise gate;
	struct taker takers[2] = { { &keyed, 'a', 1, 1 }, { &keyed, 'b', 1, 1 } };
	struct coil_task *tasks[2];

	coil_promise_init(&gate);
	tasks[0] = coil_spawn(takes_next, &takers[0]);
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), waits_for_gate, &gate), 0);
	rig_turns(2);
	tasks[1] = coil_spawn(joins_number_one, &takers[1]);
	EXPECT_EQ(coil_join(tasks[0]), -ENOENT); /* the only one is claimed now */
	EXPECT_EQ(coil_keyed_join(&keyed, coil_key_number(1), NULL), -EALREADY);
	coil_promise_resolve(&gate, 8);
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_EQ(takers[1].result, 8);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	coil_promise_deinit(&gate);
}

IN_TASK(keyed, a_cancelled_joiner_cancels_the_task_and_waits_for_it)
{
	struct coil_keyed_group keyed;
	struct taker taker = { &keyed, 'a', 1, 1 };
	struct coil_task *task = coil_spawn(joins_number_one, &taker);

	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), rig_sleep_for_ever, NULL), 0);
	rig_turns(2);
	coil_cancel_with(task, -ESHUTDOWN, NULL);
	rig_turns(5);
	EXPECT_EQ(coil_keyed_count(&keyed), 0);
	EXPECT_EQ(coil_join(task), -ESHUTDOWN); /* its own reason, not the child's */
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}

static int joins_stubborn(void *arg)
{
	struct taker *taker = arg;

	EXPECT_EQ(coil_keyed_join(taker->keyed, coil_key_number(1), &taker->result), 0);
	return coil_yield();
}

IN_TASK(keyed, a_result_that_came_in_spite_of_the_cancel_is_returned)
{
	struct coil_keyed_group keyed;
	struct coil_promise gate;
	struct taker taker = { &keyed, 'a', 1, 1 };
	struct coil_task *task = coil_spawn(joins_stubborn, &taker);

	coil_promise_init(&gate);
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), rig_ignores_cancel, &gate), 0);
	rig_turns(2);
	coil_cancel(task);
	rig_turns(2);
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(taker.result, 7);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	coil_promise_deinit(&gate);
}

static int joins_from_a_child(void *arg)
{
	struct coil_keyed_group *keyed = arg;
	int result;

	EXPECT_EQ(coil_keyed_join(keyed, coil_key_text("slow"), &result), 0);
	rig_note('j');
	return result;
}

IN_TASK(keyed, children_may_join_each_other_while_it_closes)
{
	struct coil_keyed_group keyed;

	rig_forget();
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_text("slow"), rig_sleep_and_return, WORD(2)), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_text("x"), joins_from_a_child, &keyed), 0);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	EXPECT_STR_EQ(rig_order, "j");
}

IN_TASK(keyed, the_close_lets_a_joiner_from_outside_look_first)
{
	struct coil_keyed_group keyed;
	struct taker takers[3];
	struct coil_task *tasks[3];
	struct taker joiner = { &keyed, 'j', 1, 1 };
	struct coil_task *task = coil_spawn(joins_number_one, &joiner);

	start_takers(&keyed, takers, tasks, 3);
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), rig_sleep_and_return, WORD(5)), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(2), rig_sleep_and_return, WORD(6)), 0);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	memset(&keyed, 0xa5, sizeof keyed);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(joiner.result, 5);
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(takers[0].result, 6);
	EXPECT_EQ(coil_join(tasks[1]), -ENOENT);
	EXPECT_EQ(coil_join(tasks[2]), -ENOENT);
}

struct pair {
	struct coil_keyed_group *keyed;
	uint64_t other;
};

static int joins_other(void *arg)
{
	const struct pair *pair = arg;
	int result = 1;
	int rc;

	coil_yield();
	rc = coil_keyed_join(pair->keyed, coil_key_number(pair->other), &result);
	return rc < 0 ? rc : result;
}

IN_TASK(keyed, a_ring_of_joins_is_refused)
{
	struct coil_keyed_group keyed;
	struct pair pairs[2] = { { &keyed, 1 }, { &keyed, 0 } };
	int result;

	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	for (uint64_t i = 0; i < 2; i++)
		EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(i), joins_other, &pairs[i]), 0);
	/* The first one joins the second, which is refused, and ends with what that ended with. */
	EXPECT_EQ(coil_keyed_next(&keyed, NULL, &result), 0);
	EXPECT_EQ(result, -EDEADLK);
	EXPECT_EQ(coil_keyed_next(&keyed, NULL, &result), -ENOENT);
	EXPECT_EQ(coil_keyed_close(&keyed), -EDEADLK);
}

struct starter {
	struct coil_keyed_group *keyed;
	struct coil_promise *gate;
	int rc;
};

static int starts_seven(void *arg)
{
	struct starter *starter = arg;

	starter->rc = coil_keyed_go(starter->keyed, coil_key_number(7), waits_for_gate,
				    starter->gate);
	return starter->rc;
}

IN_TASK(keyed, of_two_who_wait_for_room_with_one_key_the_second_is_refused)
{
	struct coil_keyed_group keyed;
	struct coil_promise gate;
	struct starter starters[3] = { { &keyed, &gate, 1 }, { &keyed, &gate, 1 },
				       { &keyed, &gate, 1 } };
	struct coil_task *tasks[3];

	coil_promise_init(&gate);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(starts_seven, &starters[i]);
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	coil_group_limit(&keyed.group, 1);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), waits_for_gate, &gate), 0);
	rig_turns(2);
	coil_cancel(tasks[0]);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_EQ(coil_join(tasks[2]), -EEXIST);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	coil_promise_deinit(&gate);
}

IN_TASK(keyed, fail_fast_ends_the_others)
{
	struct coil_keyed_group keyed;

	coil_keyed_open(&keyed, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), rig_sleep_for_ever, NULL), 0);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(2), rig_yield_and_return, WORD(-EIO)), 0);
	EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	EXPECT_EQ(coil_keyed_close(&keyed), -EIO);
}

static int sleeps_in_next(void *keyed)
{
	return coil_keyed_next(keyed, NULL, NULL);
}

IN_TASK(keyed, next_ends_at_a_deadline)
{
	struct coil_keyed_group keyed;

	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), rig_sleep_for_ever, NULL), 0);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, sleeps_in_next, &keyed), -ETIME);
	coil_group_cancel(&keyed.group);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
}

static int joins_itself(void *keyed)
{
	return coil_keyed_join(keyed, coil_key_number(1), NULL);
}

static int starts_one_that_joins_itself(void *arg)
{
	struct coil_keyed_group keyed;

	(void)arg;
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	coil_keyed_go(&keyed, coil_key_number(1), joins_itself, &keyed);
	return coil_keyed_close(&keyed);
}

TEST_SIGNAL(keyed, a_task_that_joins_itself_is_misuse, SIGABRT, "a task cannot await itself")
{
	rig_run(starts_one_that_joins_itself, NULL);
}

static int uses_a_closed_one(void *arg)
{
	struct coil_keyed_group keyed;

	(void)arg;
	coil_keyed_open(&keyed, COIL_GROUP_SUPERVISE);
	coil_keyed_close(&keyed);
	return coil_keyed_go(&keyed, coil_key_number(1), rig_return, NULL);
}

TEST_SIGNAL(keyed, a_closed_one_is_misuse, SIGABRT, "this group is not open")
{
	rig_run(uses_a_closed_one, NULL);
}

static int shows_its_place(void *ret_place)
{
	*(const char **)ret_place = coil_self()->place;
	return 0;
}

IN_TASK(keyed_group, a_task_has_the_place_of_the_call_that_started_it)
{
	const struct coil_task_options named = { .size = sizeof named, .place = "config.c:7" };
	const struct coil_task_options options = { .size = sizeof options };
	const char *place = NULL;
	struct coil_keyed_group keyed;

	coil_keyed_open(&keyed, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_keyed_go(&keyed, coil_key_number(1), shows_its_place, &place), 0);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	EXPECT(place && strstr(place, "test_keyed_group.c:"));
	place = NULL;
	EXPECT_EQ(coil_go_with(&options, shows_its_place, &place), 0);
	coil_yield();
	EXPECT(place && strstr(place, "test_keyed_group.c:"));
	EXPECT_EQ(coil_join(coil_spawn_with(&named, shows_its_place, &place)), 0);
	EXPECT_STR_EQ(place, "config.c:7");
	EXPECT_EQ(coil_join((coil_spawn_with)(&options, shows_its_place, &place)), 0);
	EXPECT_EQ(place, NULL);
}
