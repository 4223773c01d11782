/* SPDX-License-Identifier: MIT */
/* Capacity limiters: Trio's, with its rules. */
#include "support/shortage.h"
#include "task/rig.h"

static struct coil_limiter limiter;

static int borrows(void *letter)
{
	int rc = coil_limiter_acquire(&limiter);

	if (rc < 0)
		return rc;
	rig_note((char)(intptr_t)letter);
	rig_turns(2);
	rig_note('.');
	coil_limiter_release(&limiter);
	return 0;
}

static void begin(unsigned total)
{
	rig_forget();
	coil_limiter_init(&limiter, total);
}

static struct coil_limiter_stats stats(void)
{
	struct coil_limiter_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_limiter_stats(&limiter, &stats), 0);
	return stats;
}

static void join_all(struct coil_task **tasks, int n)
{
	for (int i = 0; i < n; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
}

IN_TASK(limiter, as_many_as_there_are_tokens_and_the_rest_in_order)
{
	struct coil_task *tasks[5];
	const void *borrowers[3] = { NULL };

	begin(2);
	for (int i = 0; i < 5; i++)
		tasks[i] = coil_spawn(borrows, WORD('a' + i));
	coil_yield();
	EXPECT_EQ(coil_limiter_borrowed(&limiter), 2);
	EXPECT_EQ(coil_limiter_available(&limiter), 0);
	EXPECT_EQ(coil_limiter_total(&limiter), 2);
	EXPECT_EQ(coil_limiter_borrowers(&limiter, borrowers, 3), 2);
	EXPECT(borrowers[0] == tasks[0] || borrowers[1] == tasks[0]);
	EXPECT(borrowers[0] == tasks[1] || borrowers[1] == tasks[1]);
	EXPECT_EQ(coil_limiter_borrowers(&limiter, NULL, 0), 2);
	EXPECT_EQ(stats().waiters, 3);
	join_all(tasks, 5);
	EXPECT_STR_EQ(rig_order, "ab..cd..e.");
	EXPECT_EQ(stats().waits, 3);
	EXPECT_EQ(stats().acquired, 2);
	EXPECT_EQ(stats().borrowed, 0);
	EXPECT_EQ(stats().total, 2);
	coil_limiter_deinit(&limiter);
	coil_limiter_deinit(NULL);
}

IN_TASK(limiter, more_tokens_at_run_time_wake_those_who_wait)
{
	struct coil_task *tasks[4];

	begin(0);
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(borrows, WORD('a' + i));
	coil_yield();
	EXPECT_STR_EQ(rig_order, "");
	coil_limiter_set_total(&limiter, 3);
	EXPECT_EQ(coil_limiter_borrowed(&limiter), 3);
	EXPECT_EQ(stats().waiters, 1);
	join_all(tasks, 4);
	EXPECT_STR_EQ(rig_order, "abc...d.");
	coil_limiter_deinit(&limiter);
}

IN_TASK(limiter, fewer_tokens_take_nothing_away)
{
	struct coil_task *tasks[4];
	static const char keys[2];

	begin(2);
	EXPECT_EQ(coil_limiter_try_acquire_for(&limiter, &keys[0]), 0);
	EXPECT_EQ(coil_limiter_try_acquire_for(&limiter, &keys[1]), 0);
	coil_limiter_set_total(&limiter, 1);
	EXPECT_EQ(coil_limiter_borrowed(&limiter), 2);
	EXPECT_EQ(coil_limiter_available(&limiter), 0);
	tasks[0] = coil_spawn(borrows, WORD('a'));
	coil_yield();
	coil_limiter_release_for(&limiter, &keys[0]);
	rig_turns(2);
	EXPECT_STR_EQ(rig_order, ""); /* one is out still, and there is but one */
	EXPECT_EQ(coil_limiter_try_acquire(&limiter), -EAGAIN);
	coil_limiter_release_for(&limiter, &keys[1]);
	join_all(tasks, 1);
	EXPECT_STR_EQ(rig_order, "a.");
	coil_limiter_deinit(&limiter);
}

IN_TASK(limiter, on_behalf_of_something_else)
{
	static const char key;

	begin(2);
	EXPECT_EQ(coil_limiter_acquire_for(&limiter, &key), 0);
	EXPECT_EQ(coil_limiter_acquire(&limiter), 0); /* another borrower */
	EXPECT_EQ(coil_limiter_borrowed(&limiter), 2);
	coil_limiter_release_for(&limiter, &key);
	coil_limiter_release_for(&limiter, coil_self());
	EXPECT_EQ(coil_limiter_try_acquire(&limiter), 0);
	coil_limiter_release(&limiter);
	EXPECT_EQ(coil_limiter_borrowed(&limiter), 0);
	coil_limiter_deinit(&limiter);
}

static int keeps_what_it_got(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_limiter_acquire(&limiter), 0);
	EXPECT_EQ(coil_sleep(COIL_SEC), -ECANCELED);
	coil_limiter_release(&limiter);
	return 0;
}

IN_TASK(limiter, cancelled_before_during_and_after_it_was_handed_a_token)
{
	struct coil_task *during, *after, *next;
	struct coil_scope scope;
	static const char key;

	begin(1);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_limiter_acquire(&limiter), -EIO); /* though one is free */
	EXPECT_EQ(coil_limiter_try_acquire_for(&limiter, &key), 0);
	EXPECT_EQ(coil_limiter_acquire(&limiter), -EIO);
	coil_scope_close(&scope);
	EXPECT_EQ(coil_timeout(COIL_MSEC, borrows, WORD('x')), -ETIME);
	during = coil_spawn(borrows, WORD('d'));
	after = coil_spawn(keeps_what_it_got, NULL);
	next = coil_spawn(borrows, WORD('n'));
	coil_yield();
	coil_cancel(during);
	coil_limiter_release_for(&limiter, &key);
	coil_cancel(after);
	EXPECT_EQ(coil_join(during), -ECANCELED);
	EXPECT_EQ(coil_join(after), 0);
	EXPECT_EQ(coil_join(next), 0);
	EXPECT_STR_EQ(rig_order, "n.");
	coil_limiter_deinit(&limiter);
}

/* The table against a plain array. */
IN_TASK(limiter, many_borrowers_come_and_go)
{
	static char keys[300];
	static bool has[300];
	unsigned random = 3, count = 0;

	begin(UINT32_MAX);
	memset(has, 0, sizeof has);
	for (int i = 0; i < 20000; i++) {
		unsigned n;

		random = random * 1664525u + 1013904223u;
		n = (random >> 8) % 300;
		if (has[n])
			coil_limiter_release_for(&limiter, &keys[n]);
		else
			EXPECT_EQ(coil_limiter_try_acquire_for(&limiter, &keys[n]), 0);
		has[n] = !has[n];
		count = has[n] ? count + 1 : count - 1;
		EXPECT_EQ(coil_limiter_borrowed(&limiter), count);
	}
	EXPECT_EQ(coil_limiter_borrowers(&limiter, NULL, 0), count);
	for (int i = 0; i < 300; i++)
		if (has[i])
			coil_limiter_release_for(&limiter, &keys[i]);
	EXPECT_EQ(coil_limiter_borrowed(&limiter), 0);
	coil_limiter_deinit(&limiter);
}

/* -- Without memory ---------------------------------------------------------- */

static int borrows_without_memory(void *arg)
{
	static char keys[7];

	(void)arg;
	begin(100);
	shortage.is_on = true;
	EXPECT_EQ(coil_limiter_acquire(&limiter), -ENOMEM);
	EXPECT_EQ(coil_limiter_try_acquire(&limiter), -ENOMEM);
	shortage.is_on = false;
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(coil_limiter_acquire_for(&limiter, &keys[i]), 0);
	shortage.is_on = true;
	EXPECT_EQ(coil_limiter_acquire_for(&limiter, &keys[6]), -ENOMEM);
	EXPECT_EQ(coil_limiter_borrowed(&limiter), 6);
	for (int i = 0; i < 6; i++)
		coil_limiter_release_for(&limiter, &keys[i]);
	EXPECT_EQ(coil_limiter_acquire(&limiter), 0);
	coil_limiter_release(&limiter);
	shortage.is_on = false;
	coil_limiter_deinit(&limiter);
	return 0;
}

TEST(limiter, without_memory_it_says_so_and_stays_as_it_was)
{
	struct coil_options options = rig_options();

	options.alloc = &shortage_alloc;
	EXPECT_EQ(coil_run_with(&options, borrows_without_memory, NULL), 0);
}
