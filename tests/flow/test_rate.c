/* SPDX-License-Identifier: MIT */
/* Rate limiters: what they let through, when, and in which order. */
#include "task/rig.h"

IN_TASK(rate, it_begins_full_and_try_takes_what_is_there)
{
	struct coil_rate rate;

	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_MIN, 3), 0);
	EXPECT_EQ(coil_rate_available(&rate), 3);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 2), 0);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 2), -EAGAIN);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 1), 0);
	EXPECT_EQ(coil_rate_available(&rate), 0);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 1), -EAGAIN);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 0), 0);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 4), -EINVAL);
	EXPECT_EQ(coil_rate_acquire(&rate, 4), -EINVAL);
	EXPECT_EQ(coil_rate_acquire(&rate, 0), 0);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, arguments_out_of_bounds_are_refused)
{
	struct coil_rate rate;

	EXPECT_EQ(coil_rate_init(&rate, 0, COIL_SEC, 1), -EINVAL);
	EXPECT_EQ(coil_rate_init(&rate, 1, 0, 1), -EINVAL);
	EXPECT_EQ(coil_rate_init(&rate, 1, -1, 1), -EINVAL);
	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_SEC, 0), -EINVAL);
	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_SEC, UINT64_MAX), -EINVAL);
	EXPECT_EQ(coil_rate_init(&rate, 1, INT64_MAX, 2), -EINVAL);
	coil_rate_deinit(&rate); /* its init failed */
	coil_rate_deinit(NULL);
	EXPECT_EQ(coil_rate_init(&rate, UINT64_MAX, INT64_MAX, 1), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, acquire_waits_for_as_long_as_its_tokens_take_and_never_less)
{
	struct coil_rate rate;
	int64_t began;

	EXPECT_EQ(coil_rate_init(&rate, 1000, COIL_SEC, 2), 0);
	began = coil_now();
	EXPECT_EQ(coil_rate_acquire(&rate, 2), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 2), 0);
	EXPECT_GE(coil_now() - began, 2 * COIL_MSEC);
	EXPECT_LT(coil_now() - began, COIL_SEC);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, late_wakes_do_not_add_up)
{
	struct coil_rate rate;
	int64_t began;

	/* Each of 100 waits is late by what the kernel and the loop take; the sum is not. */
	EXPECT_EQ(coil_rate_init(&rate, 3, 3 * COIL_MSEC, 1), 0);
	began = coil_now();
	EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	EXPECT_GE(coil_now() - began, 100 * COIL_MSEC);
	if (rig_is_simulated()) /* a busy machine is late at any time */
		EXPECT_LT(coil_now() - began, 400 * COIL_MSEC);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, fractions_of_tokens_are_not_lost)
{
	struct coil_rate rate;
	uint64_t got = 0;
	int64_t began = coil_now();
	int64_t elapsed;

	/* 7 tokens in 10 us: each look adds a fraction. */
	EXPECT_EQ(coil_rate_init(&rate, 7, 10 * COIL_USEC, 1000000), 0);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 1000000), 0);
	while (coil_now() - began < 5 * COIL_MSEC)
		got += coil_rate_try_acquire(&rate, 1) == 0;
	got += coil_rate_available(&rate);
	elapsed = coil_now() - began;
	EXPECT_LE(got, (uint64_t)elapsed * 7 / 10000 + 1);
	EXPECT_GE(got, (uint64_t)(5 * COIL_MSEC) * 7 / 10000 - 100);
	coil_rate_deinit(&rate);
}

struct taker {
	struct coil_rate *rate;
	uint64_t n;
	char letter;
};

static int takes_and_notes(void *arg)
{
	const struct taker *taker = arg;
	int rc = coil_rate_acquire(taker->rate, taker->n);

	rig_note(rc == 0 ? taker->letter : (char)(taker->letter - 'a' + 'A'));
	return rc;
}

static void start_takers(struct coil_rate *rate, struct taker *takers, struct coil_task **tasks,
			 const uint64_t needs[3])
{
	rig_forget();
	for (int i = 0; i < 3; i++) {
		takers[i] = (struct taker){ rate, needs[i], (char)('a' + i) };
		tasks[i] = coil_spawn(takes_and_notes, &takers[i]);
	}
	coil_yield();
	coil_yield();
}

IN_TASK(rate, it_is_first_come_first_served_also_when_the_first_wants_many)
{
	struct coil_rate rate;
	struct taker takers[3];
	struct coil_task *tasks[3];

	EXPECT_EQ(coil_rate_init(&rate, 1000, COIL_SEC, 5), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 4), 0);
	start_takers(&rate, takers, tasks, (const uint64_t[]){ 5, 1, 2 });
	EXPECT_EQ(coil_rate_try_acquire(&rate, 1), -EAGAIN); /* one is there, but somebody waits */
	EXPECT_EQ(coil_rate_available(&rate), 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	EXPECT_STR_EQ(rig_order, "abc");
	coil_rate_deinit(&rate);
}

IN_TASK(rate, a_cancelled_waiter_leaves_the_line_and_those_behind_it_move_up)
{
	struct coil_rate rate;
	struct taker takers[3];
	struct coil_task *tasks[3];

	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_MIN, 5), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 3), 0);
	start_takers(&rate, takers, tasks, (const uint64_t[]){ 5, 1, 1 });
	coil_cancel(tasks[0]);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_STR_EQ(rig_order, "Abc");
	EXPECT_EQ(coil_rate_available(&rate), 0);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, a_cancelled_one_in_the_middle_leaves_too)
{
	struct coil_rate rate;
	struct taker takers[3];
	struct coil_task *tasks[3];

	EXPECT_EQ(coil_rate_init(&rate, 1000, COIL_SEC, 5), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 5), 0);
	start_takers(&rate, takers, tasks, (const uint64_t[]){ 2, 1, 2 });
	coil_cancel(tasks[1]);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_STR_EQ(rig_order, "Bac");
	coil_rate_deinit(&rate);
}

static int takes_and_waits(void *arg)
{
	EXPECT_EQ(takes_and_notes(arg), 0);
	return coil_yield();
}

IN_TASK(rate, tokens_that_were_given_are_kept_when_the_cancel_comes_after)
{
	struct coil_rate rate;
	struct taker first = { &rate, 2, 'x' };
	struct taker taker = { &rate, 1, 'a' };
	struct coil_task *before;
	struct coil_task *task;

	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_MIN, 2), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	rig_forget();
	before = coil_spawn(takes_and_notes, &first);
	task = coil_spawn(takes_and_waits, &taker);
	rig_turns(2);
	coil_cancel(before); /* gives the second one its token */
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_join(before), -ECANCELED);
	EXPECT_STR_EQ(rig_order, "Xa");
	coil_rate_deinit(&rate);
}

static int acquires_one(void *rate)
{
	return coil_rate_acquire(rate, 1);
}

IN_TASK(rate, a_deadline_ends_the_wait)
{
	struct coil_rate rate;

	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_MIN, 1), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, acquires_one, &rate), -ETIME);
	EXPECT_EQ(coil_timeout(0, acquires_one, &rate), -ETIME);
	EXPECT_EQ(rig_stats().timers, 0);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, in_a_cancelled_scope_nothing_is_taken)
{
	struct coil_rate rate;
	struct coil_scope scope;

	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_MIN, 1), 0);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_rate_acquire(&rate, 1), -ECANCELED);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 1), 0);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, after_a_pause_there_is_the_burst_and_no_more)
{
	struct coil_rate rate;

	EXPECT_EQ(coil_rate_init(&rate, 1000000, COIL_SEC, 4), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 4), 0);
	EXPECT_EQ(coil_sleep(2 * COIL_MSEC), 0);
	EXPECT_EQ(coil_rate_available(&rate), 4);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, time_that_passed_while_it_was_full_does_not_count)
{
	struct coil_rate rate;

	EXPECT_EQ(coil_rate_init(&rate, 1, 20 * COIL_MSEC, 2), 0);
	EXPECT_EQ(coil_sleep(45 * COIL_MSEC), 0);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 2), 0);
	EXPECT_EQ(coil_rate_try_acquire(&rate, 2), -EAGAIN);
	coil_rate_deinit(&rate);
}

IN_TASK(rate, deinit_takes_the_alarm_back)
{
	struct coil_rate rate;
	struct taker taker = { &rate, 2, 'a' };
	struct coil_task *task;
	int64_t end;

	EXPECT_EQ(coil_rate_init(&rate, 1000, COIL_SEC, 2), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 2), 0);
	task = coil_spawn(takes_and_notes, &taker);
	rig_turns(2);
	end = coil_now() + 3 * COIL_MSEC;
	while (coil_now() < end) /* the alarm is due; its hook will be on its way */
		;
	coil_cancel(task);
	coil_join(task);
	coil_rate_deinit(&rate);
	EXPECT_EQ(rig_stats().timers, 0);
	memset(&rate, 0xa5, sizeof rate);
	rig_turns(3);
}

IN_TASK(rate, tokens_that_are_there_do_not_keep_others_from_running)
{
	struct coil_rate rate;
	struct coil_task *other = coil_spawn(rig_return, NULL);

	EXPECT_EQ(coil_rate_init(&rate, 1000000000, COIL_SEC, 1000000), 0);
	for (int i = 0; i < 128; i++)
		EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	EXPECT(coil_future_done(coil_task_future(other)));
	EXPECT_EQ(coil_join(other), 0);
	coil_rate_deinit(&rate);
}

static int leaves_a_waiter(void *arg)
{
	struct coil_rate rate;
	struct taker taker = { &rate, 1, 'a' };

	(void)arg;
	coil_rate_init(&rate, 1, COIL_MIN, 1);
	coil_rate_acquire(&rate, 1);
	coil_spawn(takes_and_notes, &taker);
	rig_turns(2);
	coil_rate_deinit(&rate);
	return 0;
}

TEST_SIGNAL(rate, deinit_while_somebody_waits_is_misuse, SIGABRT, "somebody waits for this rate")
{
	rig_run(leaves_a_waiter, NULL);
}

static int uses_none(void *arg)
{
	struct coil_rate rate = { .check_word = 0 };

	(void)arg;
	return coil_rate_acquire(&rate, 1);
}

TEST_SIGNAL(rate, one_that_was_never_made_is_misuse, SIGABRT, "this is not a rate limiter")
{
	rig_run(uses_none, NULL);
}
