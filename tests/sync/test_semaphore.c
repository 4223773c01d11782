/* SPDX-License-Identifier: MIT */
/* Semaphores: semantics.md B13.4. */
#include "task/rig.h"

static struct coil_semaphore semaphore;

static int acquires(void *letter)
{
	int rc = coil_semaphore_acquire(&semaphore);

	if (rc == 0)
		rig_note((char)(intptr_t)letter);
	return rc;
}

static void begin(unsigned value)
{
	rig_forget();
	coil_semaphore_init(&semaphore, value);
}

IN_TASK(semaphore, b13_4_who_comes_later_queues_behind_who_waits)
{
	struct coil_task *first, *second;

	begin(0);
	first = coil_spawn(acquires, WORD('a'));
	coil_yield();
	coil_semaphore_release(&semaphore); /* it is the first one's */
	EXPECT_EQ(coil_semaphore_value(&semaphore), 0);
	EXPECT(coil_semaphore_is_locked(&semaphore));
	EXPECT_EQ(coil_semaphore_try_acquire(&semaphore), -EAGAIN);
	second = coil_spawn(acquires, WORD('b'));
	coil_yield();
	EXPECT_STR_EQ(rig_order, "a");
	coil_semaphore_release(&semaphore);
	EXPECT_EQ(coil_join(first), 0);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_semaphore_deinit(&semaphore);
}

IN_TASK(semaphore, b13_4_as_many_as_there_are_permits_and_the_rest_in_order)
{
	struct coil_task *tasks[5];

	begin(2);
	for (int i = 0; i < 5; i++)
		tasks[i] = coil_spawn(acquires, WORD('a' + i));
	coil_yield();
	EXPECT_STR_EQ(rig_order, "ab");
	for (int i = 0; i < 3; i++)
		coil_semaphore_release(&semaphore);
	coil_yield();
	EXPECT_STR_EQ(rig_order, "abcde");
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	coil_semaphore_deinit(&semaphore);
}

static int keeps_what_it_got(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_semaphore_acquire(&semaphore), 0);
	EXPECT_EQ(coil_sleep(COIL_SEC), -ECANCELED);
	coil_semaphore_release(&semaphore);
	return -ECANCELED;
}

IN_TASK(semaphore, b13_4_granted_then_cancelled_the_permit_goes_to_the_next)
{
	struct coil_task *first, *second;

	begin(0);
	first = coil_spawn(keeps_what_it_got, NULL);
	second = coil_spawn(acquires, WORD('n'));
	coil_yield();
	coil_semaphore_release(&semaphore);
	coil_cancel(first);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_STR_EQ(rig_order, "n");
	EXPECT_EQ(coil_semaphore_value(&semaphore), 0);
	coil_semaphore_deinit(&semaphore);
}

IN_TASK(semaphore, b13_4_cancelled_then_released_the_permit_goes_to_the_next)
{
	struct coil_task *first, *second;

	begin(0);
	first = coil_spawn(acquires, WORD('x'));
	second = coil_spawn(acquires, WORD('n'));
	coil_yield();
	coil_cancel(first);
	coil_semaphore_release(&semaphore);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_STR_EQ(rig_order, "n");
	coil_semaphore_deinit(&semaphore);
}

static int releases_too_often(void *arg)
{
	(void)arg;
	coil_semaphore_init_bounded(&semaphore, 2, 2);
	EXPECT_EQ(coil_semaphore_acquire(&semaphore), 0);
	coil_semaphore_release(&semaphore);
	coil_semaphore_release(&semaphore);
	return 0;
}

TEST_SIGNAL(semaphore, b13_4_releasing_above_the_bound_is_an_error, SIGABRT,
	    "coil_semaphore_release: task 1 \"main\": released more often than acquired: all 2")
{
	rig_run(releases_too_often, NULL);
}

IN_TASK(semaphore, without_a_bound_it_may_grow)
{
	struct coil_semaphore_stats stats = { .size = sizeof stats };

	begin(1);
	coil_semaphore_release(&semaphore);
	coil_semaphore_release(&semaphore);
	EXPECT_EQ(coil_semaphore_value(&semaphore), 3);
	EXPECT(!coil_semaphore_is_locked(&semaphore));
	EXPECT_EQ(coil_semaphore_try_acquire(&semaphore), 0);
	EXPECT_EQ(coil_semaphore_stats(&semaphore, &stats), 0);
	EXPECT_EQ(stats.value, 2);
	EXPECT_EQ(stats.bound, UINT32_MAX);
	EXPECT_EQ(stats.acquired, 1);
	EXPECT_EQ(stats.waits, 0);
	EXPECT_EQ(stats.waiters, 0);
	coil_semaphore_deinit(&semaphore);
	coil_semaphore_deinit(NULL);
}

IN_TASK(semaphore, cancelled_before_and_timed_out)
{
	struct coil_scope scope;

	begin(1);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_semaphore_acquire(&semaphore), -EIO); /* though one is free */
	EXPECT_EQ(coil_semaphore_try_acquire(&semaphore), 0);
	EXPECT_EQ(coil_semaphore_acquire(&semaphore), -EIO);
	EXPECT_EQ(coil_scope_close(&scope), -EIO);
	EXPECT_EQ(coil_timeout(COIL_MSEC, acquires, WORD('x')), -ETIME);
	coil_semaphore_release(&semaphore);
	EXPECT_EQ(coil_semaphore_value(&semaphore), 1);
	coil_semaphore_deinit(&semaphore);
}

/* Permits are neither lost nor made, whatever is cancelled. */
static int in_use;

static int uses(void *seed)
{
	unsigned random = (unsigned)(uintptr_t)seed * 2654435761u;

	for (int i = 0; i < 20; i++) {
		if (coil_semaphore_acquire(&semaphore) < 0)
			return -ECANCELED;
		EXPECT_LE(++in_use, 3);
		random = random * 1664525u + 1013904223u;
		rig_turns((int)(random >> 30));
		in_use--;
		coil_semaphore_release(&semaphore);
	}
	return 0;
}

IN_TASK(semaphore, permits_are_conserved_whatever_is_cancelled)
{
	struct coil_task *tasks[30];
	unsigned random = 7;

	coil_semaphore_init_bounded(&semaphore, 3, 3);
	in_use = 0;
	for (int i = 0; i < 30; i++)
		tasks[i] = coil_spawn(uses, WORD(i + 1));
	for (int i = 0; i < 15; i++) {
		random = random * 1664525u + 1013904223u;
		rig_turns((int)(random >> 29));
		coil_cancel(tasks[i * 2]);
	}
	for (int i = 0; i < 30; i++)
		coil_join(tasks[i]);
	EXPECT_EQ(coil_semaphore_value(&semaphore), 3);
	coil_semaphore_deinit(&semaphore);
}
