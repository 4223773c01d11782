/* SPDX-License-Identifier: MIT */
/* Conditions: semantics.md B13.3. */
#include "task/rig.h"

static struct coil_mutex mutex;
static struct coil_cond cond;
static int items;

static void begin(void)
{
	rig_forget();
	items = 0;
	coil_mutex_init(&mutex);
	coil_cond_init(&cond, &mutex);
}

static void end(void)
{
	coil_cond_deinit(&cond);
	coil_mutex_deinit(&mutex);
}

static struct coil_cond_stats stats(void)
{
	struct coil_cond_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_cond_stats(&cond, &stats), 0);
	return stats;
}

static uint64_t holder(void)
{
	struct coil_mutex_stats stats = { .size = sizeof stats };

	EXPECT_EQ(coil_mutex_stats(&mutex, &stats), 0);
	return stats.holder;
}

/* One wait; notes its letter with the mutex held again, whatever came of it. */
static int waits(void *letter)
{
	int rc;

	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	rc = coil_cond_wait(&cond);
	EXPECT_EQ(holder(), coil_task_id(coil_self()));
	rig_note((char)(intptr_t)letter);
	coil_mutex_unlock(&mutex);
	return rc;
}

static struct coil_task *spawn_waiter(char letter)
{
	struct coil_task *task = coil_spawn(waits, WORD(letter));

	coil_yield();
	return task;
}

IN_TASK(cond, b13_3_notify_wakes_as_many_in_order)
{
	struct coil_task *tasks[4];

	begin();
	for (int i = 0; i < 4; i++)
		tasks[i] = spawn_waiter((char)('a' + i));
	EXPECT_EQ(stats().waiters, 4);
	coil_mutex_lock(&mutex);
	coil_cond_notify(&cond, 0);
	EXPECT_EQ(stats().waiters, 4);
	coil_cond_notify(&cond, 2);
	rig_turns(3);
	EXPECT_STR_EQ(rig_order, ""); /* they need the mutex */
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_mutex_lock(&mutex);
	coil_cond_notify_all(&cond);
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT_EQ(coil_join(tasks[3]), 0);
	EXPECT_STR_EQ(rig_order, "abcd");
	EXPECT_EQ(stats().notified, 4);
	EXPECT_EQ(stats().waits, 4);
	EXPECT_EQ(stats().waiters, 0);
	end();
}

IN_TASK(cond, b13_3_a_cancelled_waiter_takes_the_mutex_again_before_it_returns)
{
	struct coil_task *task;

	begin();
	task = spawn_waiter('a');
	coil_mutex_lock(&mutex);
	coil_cancel(task);
	coil_cancel(task);
	rig_turns(5);
	EXPECT_STR_EQ(rig_order, ""); /* it waits for the mutex, cancelled as it is */
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_STR_EQ(rig_order, "a");
	end();
}

IN_TASK(cond, b13_3_a_cancelled_waiter_finds_the_mutex_free)
{
	struct coil_task *task;

	begin();
	task = spawn_waiter('a');
	coil_cancel(task);
	EXPECT(coil_mutex_is_locked(&mutex));
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT(!coil_mutex_is_locked(&mutex));
	EXPECT_EQ(stats().waiters, 0);
	end();
}

IN_TASK(cond, b13_3_the_outermost_reason_is_what_it_returns)
{
	struct coil_task *task;

	begin();
	task = spawn_waiter('a');
	coil_mutex_lock(&mutex);
	coil_cancel_with(task, -ESHUTDOWN, "first");
	coil_yield();
	coil_cancel_with(task, -EIO, "second");
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(task), -ESHUTDOWN);
	end();
}

static int consumes(void *letter)
{
	int rc = 0;

	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	while (items == 0 && rc == 0)
		rc = coil_cond_wait(&cond);
	if (rc == 0) {
		items--;
		rig_note((char)(intptr_t)letter);
	}
	coil_mutex_unlock(&mutex);
	return rc;
}

/* It was notified, so it returns success and uses what it was notified of: nothing is lost. */
IN_TASK(cond, b13_3_notified_then_cancelled_the_notification_counts)
{
	struct coil_task *first, *second;

	begin();
	first = coil_spawn(consumes, WORD('1'));
	second = coil_spawn(consumes, WORD('2'));
	coil_yield();
	coil_mutex_lock(&mutex);
	items = 1;
	coil_cond_notify(&cond, 1);
	coil_cancel(first); /* while it waits for the mutex */
	coil_mutex_unlock(&mutex);
	coil_cancel(first); /* when it has it, and has not run */
	EXPECT_EQ(coil_join(first), 0);
	EXPECT_EQ(items, 0);
	EXPECT_STR_EQ(rig_order, "1");
	EXPECT_EQ(stats().waiters, 1);
	coil_cancel(second);
	EXPECT_EQ(coil_join(second), -ECANCELED);
	end();
}

/* The other order: who is cancelled first has left, and the notification goes to the next. */
IN_TASK(cond, b13_3_cancelled_then_notified_another_waiter_is_notified)
{
	struct coil_task *first, *second;

	begin();
	first = coil_spawn(consumes, WORD('1'));
	second = coil_spawn(consumes, WORD('2'));
	coil_yield();
	coil_mutex_lock(&mutex);
	items = 1;
	coil_cancel(first);
	coil_cond_notify(&cond, 1);
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_STR_EQ(rig_order, "2");
	end();
}

IN_TASK(cond, a_wait_in_a_cancelled_scope_gives_the_mutex_up_and_takes_it_again)
{
	struct coil_task *other;
	struct coil_scope scope;

	begin();
	coil_mutex_lock(&mutex);
	other = coil_spawn(waits, WORD('o'));
	coil_yield();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_cond_wait(&cond), -ECANCELED);
	EXPECT_EQ(holder(), coil_task_id(coil_self()));
	EXPECT_EQ(stats().waiters, 1); /* the other one had the mutex in between */
	EXPECT_EQ(coil_cond_wait(&cond), -ECANCELED);
	coil_scope_close(&scope);
	coil_cond_notify_all(&cond);
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(other), 0);
	end();
}

IN_TASK(cond, a_wait_times_out_with_the_mutex_held)
{
	begin();
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, waits, WORD('t')), -ETIME);
	EXPECT_STR_EQ(rig_order, "t");
	end();
}

/* -- With a predicate -------------------------------------------------------- */

static int has_items(void *arg)
{
	(void)arg;
	rig_note('?');
	return items;
}

static int waits_for_items(void *arg)
{
	int rc;

	(void)arg;
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	rc = coil_cond_wait_for(&cond, has_items, NULL);
	EXPECT_EQ(holder(), coil_task_id(coil_self()));
	coil_mutex_unlock(&mutex);
	return rc;
}

static void change_items(int value)
{
	coil_mutex_lock(&mutex);
	items = value;
	coil_cond_notify_all(&cond);
	coil_mutex_unlock(&mutex);
}

IN_TASK(cond, wait_for_looks_before_and_after_each_wake_and_returns_what_it_saw)
{
	struct coil_task *task;

	begin();
	task = coil_spawn(waits_for_items, NULL);
	coil_yield();
	EXPECT_STR_EQ(rig_order, "?");
	change_items(0);
	rig_turns(2);
	EXPECT_STR_EQ(rig_order, "??");
	change_items(5);
	EXPECT_EQ(coil_join(task), 5);
	EXPECT_EQ(waits_for_items(NULL), 5); /* without a wait */
	EXPECT_EQ(stats().waits, 2);
	change_items(-EBADF);
	EXPECT_EQ(waits_for_items(NULL), -EBADF);
	end();
}

IN_TASK(cond, wait_for_is_cancelled_and_times_out)
{
	struct coil_task *task;
	struct coil_scope scope;

	begin();
	task = coil_spawn(waits_for_items, NULL);
	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_timeout(COIL_MSEC, waits_for_items, NULL), -ETIME);
	/* What is true already needs no wait. */
	coil_mutex_lock(&mutex);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	items = 3;
	EXPECT_EQ(coil_cond_wait_for(&cond, has_items, NULL), 3);
	items = 0;
	EXPECT_EQ(coil_cond_wait_for(&cond, has_items, NULL), -EIO);
	EXPECT_EQ(coil_scope_close(&scope), -EIO);
	coil_mutex_unlock(&mutex);
	end();
}

IN_TASK(cond, several_conditions_share_a_mutex)
{
	struct coil_cond other;
	struct coil_task *task;

	begin();
	coil_cond_init(&other, &mutex);
	task = spawn_waiter('a');
	coil_mutex_lock(&mutex);
	coil_cond_notify_all(&other);
	coil_mutex_unlock(&mutex);
	rig_turns(3);
	EXPECT_STR_EQ(rig_order, "");
	coil_mutex_lock(&mutex);
	coil_cond_notify_all(&cond);
	/* It waits for the mutex alone: the condition may go. */
	coil_cond_deinit(&cond);
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_join(task), 0);
	coil_cond_deinit(&other);
	coil_cond_deinit(NULL);
	coil_mutex_deinit(&mutex);
}
