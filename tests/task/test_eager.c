/* SPDX-License-Identifier: MIT */
/* Eager start: the body runs at once, until it suspends. */
#include "task/rig.h"

static int notes_and_yields(void *arg)
{
	rig_note('a');
	coil_yield();
	rig_note('b');
	return (int)(intptr_t)arg;
}

static int notes_other(void *arg)
{
	(void)arg;
	rig_note('o');
	return 0;
}

IN_TASK(eager, the_body_runs_to_its_first_suspension_and_the_spawner_goes_on_before_all_others)
{
	struct coil_task *waits = coil_spawn(notes_other, NULL);
	struct coil_task *task;

	rig_forget();
	task = coil_spawn_eager(notes_and_yields, WORD(3));
	rig_note('x');
	EXPECT_STR_EQ(rig_order, "ax");
	EXPECT_EQ(coil_join(task), 3);
	EXPECT_STR_EQ(rig_order, "axob");
	EXPECT_EQ(coil_join(waits), 0);
}

IN_TASK(eager, one_that_ends_at_once_is_never_queued)
{
	uint64_t hooks = rig_stats().hooks;
	struct coil_task *task = coil_spawn_eager(rig_return, WORD(-EIO));

	EXPECT(coil_future_done(coil_task_future(task)));
	EXPECT_EQ(rig_stats().hooks, hooks);
	EXPECT_EQ(coil_join(task), -EIO);
	EXPECT_EQ(rig_stats().hooks, hooks);
}

static int nests(void *depth)
{
	intptr_t n = (intptr_t)depth;
	struct coil_task *self = coil_self();
	struct coil_task *inner;

	rig_note((char)('0' + n));
	if (n == 0) {
		coil_yield();
		return 0;
	}
	inner = coil_spawn_eager(nests, WORD(n - 1));
	EXPECT_EQ(coil_self(), self);
	rig_note((char)('a' + n));
	return coil_join(inner);
}

IN_TASK(eager, an_eager_task_may_start_another_one_eagerly)
{
	struct coil_task *task;

	rig_forget();
	task = coil_spawn_eager(nests, WORD(3));
	rig_note('x');
	EXPECT_STR_EQ(rig_order, "3210bcdx");
	EXPECT_EQ(coil_join(task), 0);
}

static int wakes_and_cancels(void *arg)
{
	struct coil_task *spawner = arg;

	EXPECT_EQ(coil_cancel(spawner), 0);
	return coil_sleep(COIL_FOREVER);
}

static int spawns_who_cancels_it(void *arg)
{
	struct coil_task *task = coil_spawn_eager(wakes_and_cancels, coil_self());

	(void)arg;
	EXPECT_EQ(coil_cancelling(), -ECANCELED);
	coil_cancel(task);
	return coil_join(task);
}

IN_TASK(eager, a_spawner_that_is_cancelled_meanwhile_meets_it_at_its_next_wait)
{
	EXPECT_EQ(coil_join(coil_spawn(spawns_who_cancels_it, NULL)), -ECANCELED);
}

static int opens_a_group(void *arg)
{
	struct coil_group group;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	coil_group_cancel(&group);
	/* It runs in the cancelled group, too, and meets that at its first wait. */
	EXPECT_EQ(coil_join(coil_spawn_eager(rig_yield_and_return, WORD(1))), -ECANCELED);
	EXPECT_EQ(coil_group_close(&group), 0);
	return 2;
}

IN_TASK(eager, it_belongs_to_the_innermost_group_and_meets_its_cancellation)
{
	EXPECT_EQ(coil_join(coil_spawn_eager(opens_a_group, NULL)), 2);
}

static int drops_itself(void *arg)
{
	++*(int *)arg;
	return 0;
}

IN_TASK(eager, without_a_handle_its_stack_goes_back_at_its_end)
{
	struct coil_task_options options = { .size = sizeof options, .flags = COIL_EAGER };
	struct coil_group group;
	int count = 0;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	options.group = &group;
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(coil_go_with(&options, drops_itself, &count), 0);
	EXPECT_EQ(count, 1000);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_LE(rig_stats().stacks, 2 + 64); /* checking builds keep some in quarantine */
}

IN_TASK(eager, it_waits_for_the_groups_limit_as_others_do)
{
	struct coil_task_options options = { .size = sizeof options, .flags = COIL_EAGER };
	struct coil_group group;

	rig_forget();
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	coil_group_limit(&group, 1);
	EXPECT_EQ(coil_go_with(&options, notes_and_yields, NULL), 0);
	EXPECT_STR_EQ(rig_order, "a");
	EXPECT_EQ(coil_go_with(&options, notes_and_yields, NULL), 0);
	EXPECT_STR_EQ(rig_order, "aba");
	EXPECT_EQ(coil_group_close(&group), 0);
}

static int reads_copy(void *arg)
{
	return *(int *)arg;
}

IN_TASK(eager, its_argument_may_be_copied)
{
	int value = 42;
	struct coil_task_options options = {
		.size = sizeof options, .flags = COIL_EAGER, .arg_bytes = sizeof value
	};

	EXPECT_EQ(coil_join(coil_spawn_with(&options, reads_copy, &value)), 42);
}

IN_TASK(eager, unknown_flags_and_priorities_are_refused_with_words)
{
	struct coil_task_options options = { .size = sizeof options, .flags = 1 << 30 };

	EXPECT_EQ(coil_spawn_with(&options, rig_return, NULL), NULL);
	EXPECT(strstr(coil_last_error(), "flags are 0x40000000"));
	EXPECT_EQ(coil_go_with(&options, rig_return, NULL), -EINVAL);
	options.flags = 0;
	options.priority = 9;
	EXPECT_EQ(coil_spawn_with(&options, rig_return, NULL), NULL);
	EXPECT(strstr(coil_last_error(), "priority is 9"));
}

TEST(eager, outside_of_a_task_it_is_an_ordinary_spawn)
{
	struct coil_options options = rig_options();
	struct coil_loop *loop;
	int count = 0;

	ASSERT_EQ(coil_loop_open(&loop, &options), 0);
	EXPECT(coil_spawn_eager(drops_itself, &count));
	EXPECT_EQ(count, 0);
	coil_loop_step(loop, COIL_STEP_NOWAIT);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(coil_loop_close(loop), 0);
}
