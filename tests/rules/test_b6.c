/* SPDX-License-Identifier: MIT */
/* semantics.md B6: wait and as_completed. */
#include "rules/child.h"

static int sleeps_ms(void *ms)
{
	int rc = coil_sleep((intptr_t)ms * COIL_MSEC);

	return rc < 0 ? rc : (int)(intptr_t)ms;
}

struct field {
	struct coil_task *tasks[3];
	struct coil_future *futures[3];
};

/* They end in the order 1, 2, 0, far enough apart for a busy machine. */
static void start(struct field *field)
{
	static const int ms[] = { 180, 1, 90 };

	for (int i = 0; i < 3; i++) {
		field->tasks[i] = coil_spawn(sleeps_ms, WORD(ms[i]));
		field->futures[i] = coil_task_future(field->tasks[i]);
	}
}

static void expect_all_ran_on(struct field *field)
{
	EXPECT_EQ(coil_join(field->tasks[0]), 180);
	EXPECT_EQ(coil_join(field->tasks[1]), 1);
	EXPECT_EQ(coil_join(field->tasks[2]), 90);
}

IN_TASK(rules, b6_1_waiting_for_nothing_is_refused)
{
	EXPECT_EQ(coil_wait(NULL, 0, COIL_ALL, COIL_FOREVER), -EINVAL);
}

IN_TASK(rules, b6_1_a_time_out_of_wait_is_no_failure_and_cancels_nobody)
{
	struct coil_promise gate;
	struct coil_task *tasks[2] = { coil_spawn(child_awaits, &gate),
				       coil_spawn(rig_return, WORD(1)) };
	struct coil_future *futures[2] = { coil_task_future(tasks[0]), coil_task_future(tasks[1]) };

	coil_promise_init(&gate);
	EXPECT_EQ(coil_wait(futures, 2, COIL_ALL, coil_now() + 5 * COIL_MSEC), 1);
	EXPECT(coil_future_done(futures[1])); /* done and pending are read off the futures */
	EXPECT(!coil_future_done(futures[0]));
	coil_promise_resolve(&gate, 2);
	EXPECT_EQ(coil_join(tasks[0]), 2);
	EXPECT_EQ(coil_join(tasks[1]), 1);
	coil_promise_deinit(&gate);
}

IN_TASK(rules, b6_1_first_error_ignores_cancelled_ones)
{
	struct field field;

	start(&field);
	coil_yield();
	coil_cancel(field.tasks[1]);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_FIRST_ERROR, COIL_FOREVER), 3);
	EXPECT_EQ(coil_join(field.tasks[1]), -ECANCELED);
	EXPECT_EQ(coil_join(field.tasks[0]), 180);
	EXPECT_EQ(coil_join(field.tasks[2]), 90);
}

static int waits_for_all(void *field)
{
	return coil_wait(((struct field *)field)->futures, 3, COIL_ALL, COIL_FOREVER);
}

IN_TASK(rules, b6_1_a_waiter_that_is_cancelled_leaves_the_inner_ones_running)
{
	struct field field;
	struct coil_task *task;

	start(&field);
	task = coil_spawn(waits_for_all, &field);
	rig_turns(2);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	expect_all_ran_on(&field);
}

IN_TASK(rules, b6_2_as_completed_gives_the_originals_in_the_order_of_their_ends)
{
	struct coil_as_completed walk;
	struct field field;

	start(&field);
	EXPECT_EQ(coil_as_completed_open(&walk, field.futures, 3), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), 1);
	EXPECT_EQ(coil_as_completed_next(&walk), 2);
	EXPECT_EQ(coil_as_completed_next(&walk), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), -ENOENT);
	coil_as_completed_close(&walk);
	expect_all_ran_on(&field);
}

static int takes_all(void *arg)
{
	struct coil_as_completed *walk = arg;
	int rc = 0;

	while (rc >= 0)
		rc = coil_as_completed_next(walk);
	EXPECT_EQ(coil_as_completed_next(walk), -ETIME); /* each that remains */
	return rc;
}

IN_TASK(rules, b6_2_after_a_time_out_the_rest_fails_and_the_inner_ones_go_on)
{
	struct coil_as_completed walk;
	struct coil_promise gate;
	struct coil_task *tasks[2] = { coil_spawn(rig_return, WORD(1)),
				       coil_spawn(child_awaits, &gate) };
	struct coil_future *futures[2] = { coil_task_future(tasks[0]), coil_task_future(tasks[1]) };

	coil_promise_init(&gate);
	EXPECT_EQ(coil_as_completed_open(&walk, futures, 2), 0);
	EXPECT_EQ(coil_timeout(3 * COIL_MSEC, takes_all, &walk), -ETIME);
	coil_as_completed_close(&walk);
	EXPECT_EQ(coil_join(tasks[0]), 1);
	coil_promise_resolve(&gate, 2);
	EXPECT_EQ(coil_join(tasks[1]), 2);
	coil_promise_deinit(&gate);
}
