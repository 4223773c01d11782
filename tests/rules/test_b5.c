/* SPDX-License-Identifier: MIT */
/* semantics.md B5: gather. */
#include "rules/child.h"

IN_TASK(rules, b5_1_a_gather_of_nothing_is_done_at_once)
{
	uint64_t turns = rig_stats().turns;

	EXPECT_EQ(coil_gather(NULL, 0, 0), 0);
	EXPECT_EQ(rig_stats().turns, turns);
}

IN_TASK(rules, b5_2_the_same_future_twice_counts_twice)
{
	struct coil_task *task = coil_spawn(rig_yield_and_return, WORD(-EIO));
	struct coil_future *twice[] = { coil_task_future(task), coil_task_future(task) };

	EXPECT_EQ(coil_gather(twice, 2, COIL_KEEP_GOING), 2);
	EXPECT_EQ(coil_join(task), -EIO);
}

IN_TASK(rules, b5_3_results_stand_in_the_order_of_the_arguments)
{
	struct coil_task *tasks[3] = { coil_spawn(rig_sleep_and_return, WORD(1)),
				       coil_spawn(rig_return, WORD(2)),
				       coil_spawn(rig_yield_and_return, WORD(3)) };

	EXPECT_EQ(coil_gather_tasks(tasks, 3, 0), 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(tasks[i]), i + 1);
}

/* asyncio returns at the first failure and leaves the siblings behind; Coil waits for them. */
IN_TASK(rules, b5_4_the_siblings_of_a_failed_one_run_on_and_are_waited_for)
{
	struct coil_task *tasks[3] = { coil_spawn(rig_sleep_and_return, WORD(1)),
				       coil_spawn(rig_return, WORD(-EIO)),
				       coil_spawn(rig_sleep_and_return, WORD(-EPERM)) };

	EXPECT_EQ(coil_gather_tasks(tasks, 3, 0), -EIO);
	for (int i = 0; i < 3; i++)
		EXPECT(coil_future_done(coil_task_future(tasks[i])));
	EXPECT_EQ(coil_join(tasks[0]), 1);
	EXPECT_EQ(coil_join(tasks[1]), -EIO);
	EXPECT_EQ(coil_join(tasks[2]), -EPERM); /* seen: nobody will report it */
}

IN_TASK(rules, b5_5_a_cancelled_child_is_a_failure_and_does_not_cancel_the_gather)
{
	struct coil_task *tasks[2] = { coil_spawn(rig_sleep_for_ever, NULL),
				       coil_spawn(rig_sleep_and_return, WORD(2)) };

	coil_yield();
	coil_cancel(tasks[0]);
	EXPECT_EQ(coil_gather_tasks(tasks, 2, 0), -ECANCELED);
	EXPECT_EQ(coil_cancelling(), 0);
	EXPECT_EQ(coil_yield(), 0);
	EXPECT_EQ(coil_join(tasks[1]), 2);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
}

IN_TASK(rules, b5_6_keep_going_counts_failures_and_cancelled_ones)
{
	struct coil_task *tasks[3] = { coil_spawn(rig_sleep_for_ever, NULL),
				       coil_spawn(rig_return, WORD(-EIO)),
				       coil_spawn(rig_return, WORD(3)) };

	coil_yield();
	coil_cancel(tasks[0]);
	EXPECT_EQ(coil_gather_tasks(tasks, 3, COIL_KEEP_GOING), 2);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[1]), -EIO);
	EXPECT_EQ(coil_join(tasks[2]), 3);
}

struct gathering {
	struct coil_task *tasks[2];
	int flags;
};

static int gathers(void *arg)
{
	struct gathering *gathering = arg;

	return coil_gather_tasks(gathering->tasks, 2, gathering->flags);
}

IN_TASK(rules, b5_7_a_cancel_reaches_every_child_and_is_the_result_also_with_keep_going)
{
	static const int flags[] = { 0, COIL_FAIL_FAST, COIL_KEEP_GOING };

	for (int i = 0; i < 3; i++) {
		struct gathering gathering = { { coil_spawn(rig_sleep_for_ever, NULL),
						 coil_spawn(rig_sleep_for_ever, NULL) },
					       flags[i] };
		struct coil_task *task = coil_spawn(gathers, &gathering);

		rig_turns(2);
		coil_cancel(task);
		EXPECT_EQ(coil_join(task), -ECANCELED);
		for (int k = 0; k < 2; k++) {
			EXPECT(coil_future_done(coil_task_future(gathering.tasks[k])));
			EXPECT_EQ(coil_join(gathering.tasks[k]), -ECANCELED);
		}
	}
}

/* asyncio raises CancelledError although no child was cancelled; in Coil completion wins, and the
 * next wait meets the cancel. */
static int gathers_and_waits(void *arg)
{
	EXPECT_EQ(gathers(arg), 0);
	return coil_yield();
}

IN_TASK(rules, b5_7_children_that_ignore_the_cancel_win_and_the_next_wait_meets_it)
{
	struct coil_promise gate;
	struct gathering gathering = { { coil_spawn(rig_ignores_cancel, &gate),
					 coil_spawn(rig_ignores_cancel, &gate) },
				       0 };
	struct coil_task *task = coil_spawn(gathers_and_waits, &gathering);

	coil_promise_init(&gate);
	rig_turns(2);
	coil_cancel(task);
	rig_turns(2);
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	for (int k = 0; k < 2; k++)
		EXPECT_EQ(coil_join(gathering.tasks[k]), 7);
	coil_promise_deinit(&gate);
}

IN_TASK(rules, b5_8_a_cancel_after_the_end_does_nothing_to_the_children)
{
	struct gathering gathering = { { coil_spawn(rig_return, WORD(1)),
					 coil_spawn(rig_return, WORD(2)) },
				       0 };
	struct coil_task *task = coil_spawn(gathers, &gathering);

	rig_turns(4);
	EXPECT_EQ(coil_cancel(task), -EALREADY);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(coil_join(gathering.tasks[0]), 1);
	EXPECT_EQ(coil_join(gathering.tasks[1]), 2);
}

IN_TASK(rules, b5_9_of_children_that_have_ended_it_is_done_at_once)
{
	struct coil_task *tasks[2] = { coil_spawn_eager(rig_return, WORD(1)),
				       coil_spawn_eager(rig_return, WORD(2)) };
	uint64_t turns = rig_stats().turns;

	EXPECT_EQ(coil_gather_tasks(tasks, 2, 0), 0);
	EXPECT_EQ(rig_stats().turns, turns);
	EXPECT_EQ(coil_join(tasks[0]), 1);
	EXPECT_EQ(coil_join(tasks[1]), 2);
}

/* In asyncio the children may be collected; here they are held by their group. */
IN_TASK(rules, b5_10_children_need_nobody_to_hold_them)
{
	struct gathering gathering = { { coil_spawn(rig_sleep_and_return, WORD(1)),
					 coil_spawn(rig_sleep_and_return, WORD(2)) },
				       0 };

	EXPECT_EQ(coil_join(coil_spawn(gathers, &gathering)), 0);
	EXPECT_EQ(coil_join(gathering.tasks[0]), 1);
	EXPECT_EQ(coil_join(gathering.tasks[1]), 2);
}
