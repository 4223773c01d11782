/* SPDX-License-Identifier: MIT */
/* semantics.md B4: eager tasks. */
#include "rules/child.h"

static int notes_and_waits(void *arg)
{
	rig_note('a');
	coil_yield();
	rig_note('b');
	return (int)(intptr_t)arg;
}

TEST(rules, b4_1_where_no_task_runs_an_eager_start_is_an_ordinary_one)
{
	struct coil_options options = rig_options();
	struct coil_loop *loop;

	rig_forget();
	ASSERT_EQ(coil_loop_open(&loop, &options), 0);
	EXPECT(coil_spawn_eager(notes_and_waits, NULL));
	EXPECT_STR_EQ(rig_order, "");
	while (coil_loop_alive(loop) > 0)
		coil_loop_step(loop, 0);
	EXPECT_STR_EQ(rig_order, "ab");
	EXPECT_EQ(coil_loop_close(loop), 0);
}

static int is_not(void *task)
{
	EXPECT(coil_self() && coil_self() != task);
	return 0;
}

IN_TASK(rules, b4_2_the_current_task_is_swapped_and_restored)
{
	struct coil_task *self = coil_self();
	struct coil_task *task = coil_spawn_eager(is_not, self);

	EXPECT_EQ(coil_self(), self);
	EXPECT_EQ(coil_join(task), 0);
}

IN_TASK(rules, b4_3_one_that_ends_in_its_eager_step_is_never_queued_and_keeps_its_result)
{
	struct coil_stats before = rig_stats();
	struct coil_task *good = coil_spawn_eager(rig_return, WORD(3));
	struct coil_task *bad = coil_spawn_eager(rig_return, WORD(-EIO));

	EXPECT_EQ(rig_stats().turns, before.turns);
	EXPECT_EQ(rig_stats().hooks, before.hooks);
	EXPECT_EQ(coil_join(good), 3);
	EXPECT_EQ(coil_join(bad), -EIO);
}

IN_TASK(rules, b4_4_what_it_did_is_seen_by_the_code_after_the_spawn)
{
	struct coil_task *tasks[2];

	rig_forget();
	tasks[0] = coil_spawn(notes_and_waits, WORD(1)); /* by default it is not */
	EXPECT_STR_EQ(rig_order, "");
	tasks[1] = coil_spawn_eager(notes_and_waits, WORD(2));
	EXPECT_STR_EQ(rig_order, "a");
	EXPECT_EQ(coil_join(tasks[0]), 1);
	EXPECT_EQ(coil_join(tasks[1]), 2);
}
