/* SPDX-License-Identifier: MIT */
/* wait, race, as_completed. */
#include "task/rig.h"

#include <fcntl.h>
#include <stdio.h>

static int sleeps_ms(void *ms)
{
	int rc = coil_sleep((intptr_t)ms * COIL_MSEC);

	return rc < 0 ? rc : (int)(intptr_t)ms;
}

static int fails_after_ms(void *ms)
{
	int rc = coil_sleep((intptr_t)ms * COIL_MSEC);

	return rc < 0 ? rc : -EIO;
}

struct field {
	struct coil_task *tasks[3];
	struct coil_future *futures[3];
};

/* Later than any machine that runs this stalls. */
#define LATE_MS 60000

static void start_field_with(struct field *field, int (*second)(void *ms), int second_ms,
			     int third_ms)
{
	field->tasks[0] = coil_spawn(sleeps_ms, WORD(2));
	field->tasks[1] = coil_spawn(second, WORD(second_ms));
	field->tasks[2] = coil_spawn(sleeps_ms, WORD(third_ms));
	for (int i = 0; i < 3; i++)
		field->futures[i] = coil_task_future(field->tasks[i]);
}

static void start_field(struct field *field, int (*second)(void *ms))
{
	start_field_with(field, second, 60, 120);
}

static void end_field(struct field *field)
{
	for (int i = 0; i < 3; i++) {
		coil_cancel(field->tasks[i]);
		coil_join(field->tasks[i]);
	}
}

IN_TASK(wait, first_completed_returns_with_the_first_and_cancels_nobody)
{
	struct field field;

	start_field_with(&field, sleeps_ms, LATE_MS, LATE_MS);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_FIRST_COMPLETED, COIL_FOREVER), 1);
	EXPECT(coil_future_done(field.futures[0]));
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_FIRST_COMPLETED, COIL_FOREVER), 1);
	EXPECT(!coil_future_done(field.futures[1]));
	end_field(&field);
}

IN_TASK(wait, first_error_returns_with_the_first_failure_or_with_all)
{
	struct field field;

	start_field_with(&field, fails_after_ms, 10, LATE_MS);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_FIRST_ERROR, COIL_FOREVER), 2);
	EXPECT(!coil_future_done(field.futures[2]));
	end_field(&field);
	start_field(&field, sleeps_ms);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_FIRST_ERROR, COIL_FOREVER), 3);
	end_field(&field);
}

IN_TASK(wait, a_cancelled_one_is_no_error)
{
	struct field field;

	start_field_with(&field, fails_after_ms, 60, LATE_MS);
	coil_yield();
	coil_cancel(field.tasks[0]);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_FIRST_ERROR, COIL_FOREVER), 2);
	end_field(&field);
}

IN_TASK(wait, all_waits_for_all)
{
	struct field field;

	start_field(&field, fails_after_ms);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_ALL, COIL_FOREVER), 3);
	end_field(&field);
}

IN_TASK(wait, a_deadline_is_no_error_and_cancels_nobody)
{
	struct field field;
	int64_t began = coil_now();

	start_field(&field, sleeps_ms);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_ALL, began), 0);
	EXPECT_GE(coil_wait(field.futures, 3, COIL_ALL, began + 20 * COIL_MSEC), 1);
	EXPECT_GE(coil_now(), began + 20 * COIL_MSEC);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_ALL, COIL_FOREVER), 3);
	end_field(&field);
	EXPECT_EQ(rig_stats().timers, 0);
}

IN_TASK(wait, refuses_nothing_and_unknown_modes)
{
	struct field field;

	start_field(&field, sleeps_ms);
	EXPECT_EQ(coil_wait(field.futures, 0, COIL_ALL, COIL_FOREVER), -EINVAL);
	EXPECT_EQ(coil_wait(field.futures, 3, 9, COIL_FOREVER), -EINVAL);
	EXPECT_EQ(coil_race(field.futures, 0), -EINVAL);
	end_field(&field);
}

static int waits_for_field(void *field)
{
	return coil_wait(((struct field *)field)->futures, 3, COIL_ALL, coil_now() + COIL_SEC);
}

IN_TASK(wait, a_cancelled_waiter_leaves_them_running)
{
	struct field field;
	struct coil_task *task;

	start_field(&field, sleeps_ms);
	task = coil_spawn(waits_for_field, &field);
	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_wait(field.futures, 3, COIL_ALL, COIL_FOREVER), 3);
	EXPECT_EQ(coil_join(field.tasks[2]), 120);
	field.tasks[2] = coil_spawn(rig_return, NULL);
	end_field(&field);
}

/* -- race
 * -----------------------------------------------------------------------------------------------
 */

IN_TASK(race, keeps_the_first_and_cancels_the_rest)
{
	struct field field;

	start_field_with(&field, sleeps_ms, LATE_MS, LATE_MS);
	EXPECT_EQ(coil_race(field.futures, 3), 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(field.tasks[i]), i == 0 ? 2 : -ECANCELED);
}

IN_TASK(race, a_failure_wins_too_and_a_tie_goes_to_the_first_argument)
{
	struct coil_task *tasks[2] = { coil_spawn(rig_return, WORD(1)),
				       coil_spawn(rig_return, WORD(-EIO)) };
	struct coil_future *futures[2] = { coil_task_future(tasks[1]), coil_task_future(tasks[0]) };

	coil_yield();
	EXPECT_EQ(coil_race(futures, 2), 0);
	EXPECT_EQ(coil_join(tasks[0]), 1);
	EXPECT_EQ(coil_join(tasks[1]), -EIO);
}

IN_TASK(race, promises_among_the_losers_stay_pending)
{
	struct coil_promise promise;
	struct coil_timer timer, late;
	struct coil_future *all[] = { &promise.future, &timer.future, &late.future };

	coil_promise_init(&promise);
	coil_timer_start(&timer, coil_now() + 1 * COIL_MSEC);
	coil_timer_start(&late, COIL_FOREVER);
	EXPECT_EQ(coil_race(all, 3), 1);
	EXPECT(!coil_future_done(&promise.future));
	EXPECT_EQ(coil_future_result(&late.future), -ECANCELED);
	coil_promise_resolve(&promise, 2);
	EXPECT_EQ(coil_await(&promise.future), 2);
	coil_promise_deinit(&promise);
}

IN_REAL_TASK(race, the_fd_that_a_loser_opened_is_closed)
{
	int fds = test_count_fds();
	struct coil_op ops[3] = { coil_op_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
				  coil_op_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0),
				  coil_op_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	struct coil_future *all[] = { &ops[0].future, &ops[1].future, &ops[2].future };
	int winner;

	for (int i = 0; i < 3; i++)
		coil_op_start(&ops[i]);
	winner = coil_race(all, 3);
	EXPECT_GE(winner, 0);
	EXPECT_EQ(test_count_fds(), fds + 1);
	EXPECT_EQ(close(coil_future_result(all[winner])), 0);
	EXPECT_EQ(test_count_fds(), fds);
}

IN_REAL_TASK(race, the_winner_that_stands_there_twice_keeps_its_fd)
{
	struct coil_op op = coil_op_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct coil_future *twice[] = { &op.future, &op.future };

	coil_op_start(&op);
	EXPECT_EQ(coil_race(twice, 2), 0);
	EXPECT_EQ(close(coil_future_result(&op.future)), 0);
}

static int races_field(void *field)
{
	return coil_race(((struct field *)field)->futures, 3);
}

IN_TASK(race, a_cancelled_one_cancels_all_and_returns_the_reason)
{
	struct field field;
	struct coil_task *task;

	start_field_with(&field, sleeps_ms, LATE_MS, LATE_MS);
	task = coil_spawn(races_field, &field);
	coil_yield();
	coil_cancel_with(task, -ESHUTDOWN, NULL);
	EXPECT_EQ(coil_join(task), -ESHUTDOWN);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(field.tasks[i]), -ECANCELED);
}

IN_TASK(race, takes_more_than_sixteen)
{
	struct coil_timer timers[40];
	struct coil_future *all[40];

	for (int i = 0; i < 40; i++) {
		coil_timer_start(&timers[i], coil_now() + (i == 33 ? COIL_MSEC : COIL_SEC));
		all[i] = &timers[i].future;
	}
	EXPECT_EQ(coil_race(all, 40), 33);
	EXPECT_EQ(rig_stats().timers, 0);
	EXPECT_EQ(rig_stats().allocated_bytes > 0, true);
}

/* -- as_completed
 * ------------------------------------------------------------------------------------------ */

IN_TASK(as_completed, walks_in_the_order_of_arrival)
{
	struct coil_as_completed walk;
	struct coil_task *tasks[20];
	struct coil_future *futures[20];

	for (int i = 0; i < 20; i++) {
		tasks[i] = coil_spawn(sleeps_ms, WORD(2 * (20 - i)));
		futures[i] = coil_task_future(tasks[i]);
	}
	EXPECT_EQ(coil_as_completed_open(&walk, futures, 20), 0);
	memset(futures, 0, sizeof futures);
	for (int i = 19; i >= 0; i--)
		EXPECT_EQ(coil_as_completed_next(&walk), i);
	EXPECT_EQ(coil_as_completed_next(&walk), -ENOENT);
	coil_as_completed_close(&walk);
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(coil_join(tasks[i]), 2 * (20 - i));
}

IN_TASK(as_completed, may_be_left_early_and_the_rest_goes_on)
{
	struct coil_as_completed walk;
	struct field field;

	start_field(&field, sleeps_ms);
	EXPECT_EQ(coil_as_completed_open(&walk, field.futures, 3), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), 0);
	coil_as_completed_close(&walk);
	for (int i = 0; i < 3; i++)
		EXPECT_GT(coil_join(field.tasks[i]), 0);
	EXPECT_EQ(coil_as_completed_open(&walk, NULL, 0), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), -ENOENT);
	coil_as_completed_close(&walk);
}

IN_TASK(as_completed, may_be_left_with_arrivals_in_the_ready_queue)
{
	struct coil_as_completed walk;
	struct coil_promise promises[3];
	struct coil_future *futures[3];

	for (int i = 0; i < 3; i++) {
		coil_promise_init(&promises[i]);
		futures[i] = &promises[i].future;
	}
	EXPECT_EQ(coil_as_completed_open(&walk, futures, 3), 0);
	coil_promise_resolve(&promises[2], 0);
	coil_promise_resolve(&promises[0], 0);
	coil_as_completed_close(&walk);
	coil_yield();
	EXPECT_EQ(coil_as_completed_open(&walk, futures, 3), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), 2);
	coil_as_completed_close(&walk);
	for (int i = 0; i < 3; i++)
		coil_promise_deinit(&promises[i]);
}

static int walks_field(void *field)
{
	struct coil_as_completed walk;
	int rc;

	EXPECT_EQ(coil_as_completed_open(&walk, ((struct field *)field)->futures, 3), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), 0);
	rc = coil_as_completed_next(&walk);
	EXPECT_EQ(coil_uncancel(), 0);
	EXPECT_EQ(coil_as_completed_next(&walk), 1);
	coil_as_completed_close(&walk);
	return rc;
}

IN_TASK(as_completed, a_cancelled_walker_may_go_on)
{
	struct field field;
	struct coil_task *task;

	start_field_with(&field, sleeps_ms, 300, LATE_MS);
	task = coil_spawn(walks_field, &field);
	coil_sleep(20 * COIL_MSEC);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	end_field(&field);
}
