/* SPDX-License-Identifier: MIT */
/* Wait groups. */
#include "task/rig.h"

static struct coil_wait_group wait_group;

static int waits(void *letter)
{
	int rc = coil_wait_group_wait(&wait_group);

	if (rc == 0)
		rig_note((char)(intptr_t)letter);
	return rc;
}

static int does(void *turns)
{
	rig_turns((int)(intptr_t)turns);
	coil_wait_group_done(&wait_group);
	return 0;
}

static void begin(void)
{
	rig_forget();
	coil_wait_group_init(&wait_group);
}

IN_TASK(wait_group, all_who_wait_go_on_when_the_last_thing_is_done)
{
	struct coil_wait_group_stats stats = { .size = sizeof stats };
	struct coil_task *tasks[2];

	begin();
	EXPECT_EQ(coil_wait_group_wait(&wait_group), 0); /* nothing to be done */
	coil_wait_group_add(&wait_group, 3);
	for (int i = 0; i < 3; i++)
		coil_spawn(does, WORD(i + 2));
	tasks[0] = coil_spawn(waits, WORD('a'));
	tasks[1] = coil_spawn(waits, WORD('b'));
	coil_yield();
	EXPECT_EQ(coil_wait_group_count(&wait_group), 3);
	EXPECT_EQ(coil_wait_group_wait(&wait_group), 0);
	EXPECT_EQ(coil_wait_group_count(&wait_group), 0);
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_STR_EQ(rig_order, "ab");
	EXPECT_EQ(coil_wait_group_stats(&wait_group, &stats), 0);
	EXPECT_EQ(stats.added, 3);
	EXPECT_EQ(stats.waits, 3);
	EXPECT_EQ(stats.waiters, 0);
	EXPECT_EQ(stats.count, 0);
	coil_wait_group_deinit(&wait_group);
	coil_wait_group_deinit(NULL);
}

IN_TASK(wait_group, what_is_added_after_the_last_was_done_holds_nobody_up_who_was_woken)
{
	struct coil_task *task;

	begin();
	coil_wait_group_add(&wait_group, 1);
	task = coil_spawn(waits, WORD('a'));
	coil_yield();
	coil_wait_group_done(&wait_group);
	coil_wait_group_add(&wait_group, 1);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(coil_timeout(COIL_MSEC, waits, WORD('x')), -ETIME);
	coil_wait_group_done(&wait_group);
	EXPECT_EQ(waits(WORD('b')), 0);
	EXPECT_STR_EQ(rig_order, "ab");
	coil_wait_group_deinit(&wait_group);
}

IN_TASK(wait_group, cancelled_before_during_and_after)
{
	struct coil_task *during, *after;
	struct coil_scope scope;

	begin();
	coil_wait_group_add(&wait_group, 1);
	during = coil_spawn(waits, WORD('d'));
	after = coil_spawn(waits, WORD('a'));
	coil_yield();
	coil_cancel(during);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_wait_group_wait(&wait_group), -EIO);
	coil_wait_group_done(&wait_group);
	EXPECT_EQ(coil_wait_group_wait(&wait_group), 0);
	coil_scope_close(&scope);
	coil_cancel(after);
	EXPECT_EQ(coil_join(during), -ECANCELED);
	EXPECT_EQ(coil_join(after), 0); /* woken, then cancelled */
	EXPECT_STR_EQ(rig_order, "a");
	coil_wait_group_deinit(&wait_group);
}
