/* SPDX-License-Identifier: MIT */
/* Tasks: spawn, join, identity, options, sleeping. */
#include "task/rig.h"

IN_TASK(task, spawn_runs_in_the_next_turn_and_join_returns_the_result)
{
	struct coil_task *task;

	rig_forget();
	task = coil_spawn(rig_return, WORD(42));
	EXPECT(!coil_future_done(coil_task_future(task)));
	EXPECT_EQ(coil_join(task), 42);
	EXPECT_EQ(coil_join(coil_spawn(rig_return, WORD(-EIO))), -EIO);
	EXPECT_EQ(coil_join((coil_spawn)(rig_yield_and_return, WORD(1))), 1);
}

IN_TASK(task, joining_null_gives_enomem)
{
	EXPECT_EQ(coil_join(NULL), -ENOMEM);
}

static int says_who_it_is(void *arg)
{
	EXPECT(coil_self() != arg);
	return (int)coil_task_id(coil_self());
}

IN_TASK(task, ids_count_up_from_one_in_the_order_of_spawning)
{
	struct coil_task *self = coil_self();
	struct coil_task *one = coil_spawn(says_who_it_is, self);
	struct coil_task *two = coil_spawn(says_who_it_is, self);

	EXPECT_EQ(coil_task_id(self), 1);
	EXPECT_EQ(coil_task_id(two), coil_task_id(one) + 1);
	EXPECT_EQ(coil_join(two), 3);
	EXPECT_EQ(coil_join(one), 2);
	EXPECT_EQ(rig_stats().spawned, 3);
}

TEST(task, self_is_nobody_outside)
{
	EXPECT_EQ(coil_self(), NULL);
	EXPECT_EQ(coil_loop_current(), NULL);
}

IN_TASK(task, names)
{
	struct coil_task_options options = { .size = sizeof options, .name = "reader" };
	struct coil_task *task = coil_spawn_with(&options, rig_return, NULL);
	struct coil_task *plain = coil_spawn(rig_return, NULL);

	EXPECT_STR_EQ(coil_task_name(task), "reader");
	coil_task_set_name(task, "writer");
	EXPECT_STR_EQ(coil_task_name(task), "writer");
	coil_task_set_name(task, NULL);
	EXPECT_STR_EQ(coil_task_name(task), "task");
	EXPECT_STR_EQ(coil_task_name(plain), "task");
	EXPECT_STR_EQ(coil_task_name(coil_self()), "main");
	coil_join(task);
	coil_join(plain);
}

static int sums(void *copy)
{
	int *numbers = copy;
	int sum = 0;

	EXPECT_EQ((uintptr_t)copy % 16, 0);
	coil_yield();
	for (int i = 0; i < 100; i++)
		sum += numbers[i];
	return sum;
}

IN_TASK(task, arguments_are_copied)
{
	int numbers[100];
	struct coil_task_options options = { .size = sizeof options, .arg_bytes = sizeof numbers };
	struct coil_task *task;

	for (int i = 0; i < 100; i++)
		numbers[i] = i;
	task = coil_spawn_with(&options, sums, numbers);
	memset(numbers, 0, sizeof numbers);
	EXPECT_EQ(coil_join(task), 4950);
}

static __attribute__((noinline)) int digs(void *kibibytes)
{
	volatile char hole[1024];
	int rest = (int)(intptr_t)kibibytes;

	hole[0] = (char)rest;
	hole[1023] = 1;
	if (rest == 0)
		return (int)(coil_task_stack_used(coil_self()) >> 10);
	__asm__ volatile("" : : "r"(hole) : "memory"); /* or clang makes a loop of it */
	rest = digs(WORD(rest - 1));
	__asm__ volatile("" : : "r"(hole) : "memory");
	return rest + (hole[1023] - 1); /* the hole is in use until here */
}

IN_TASK(task, stack_sizes_and_the_high_water_mark)
{
	struct coil_task_options options = { .size = sizeof options, .stack_bytes = 4 << 20 };
	struct coil_task *deep = coil_spawn_with(&options, digs, WORD(1000));
	struct coil_task *flat = coil_spawn(digs, WORD(0));

	EXPECT_GE(coil_join(deep), 1000);
	EXPECT_GT(coil_task_stack_used(flat), 0);
	EXPECT_LT(coil_join(flat), 200);
}

IN_TASK(task, options_out_of_bounds_give_null_and_words)
{
	struct coil_task_options small = { .size = sizeof small, .stack_bytes = 1000 };
	struct coil_task_options large = { .size = sizeof large, .stack_bytes = (size_t)2 << 30 };
	struct coil_task_options copy = { .size = sizeof copy,
					  .stack_bytes = 64 << 10,
					  .arg_bytes = 32 << 10 };
	struct coil_task_options nothing = { .size = 0 };

	EXPECT_EQ(coil_spawn_with(&small, rig_return, NULL), NULL);
	EXPECT(strstr(coil_last_error(), "stack_bytes is 1000"));
	EXPECT_EQ(coil_spawn_with(&large, rig_return, NULL), NULL);
	EXPECT_EQ(coil_spawn_with(&copy, rig_return, &copy), NULL);
	EXPECT(strstr(coil_last_error(), "arg_bytes"));
	EXPECT_EQ(coil_spawn_with(&nothing, rig_return, NULL), NULL);
	EXPECT(strstr(coil_last_error(), "size is not set"));
}

IN_TASK(task, no_options_are_the_defaults)
{
	EXPECT_EQ(coil_join(coil_spawn_with(NULL, rig_return, WORD(4))), 4);
	EXPECT_EQ(coil_go_with(NULL, rig_return, WORD(4)), 0);
}

static int sums_all(void *copy)
{
	const char *bytes = copy;
	int sum = 0;

	for (int i = 0; i < 64 << 10; i++)
		sum += bytes[i];
	return sum;
}

IN_TASK(task, a_quarter_of_the_default_stack_may_be_copied)
{
	static char bytes[(64 << 10) + 1];
	struct coil_task_options options = { .size = sizeof options, .arg_bytes = 64 << 10 };

	memset(bytes, 1, sizeof bytes);
	EXPECT_EQ(coil_join(coil_spawn_with(&options, sums_all, bytes)), 64 << 10);
	options.arg_bytes++;
	EXPECT_EQ(coil_spawn_with(&options, sums_all, bytes), NULL);
	EXPECT(strstr(coil_last_error(), "a quarter of the stack, 65536"));
}

IN_TASK(task, an_older_shorter_options_struct_is_understood)
{
	struct coil_task_options options = { .size = offsetof(struct coil_task_options,
							      stack_bytes),
					     .name = "old",
					     .stack_bytes = 1,
					     .arg_bytes = 99 };
	struct coil_task *task = coil_spawn_with(&options, rig_return, WORD(3));

	EXPECT_STR_EQ(coil_task_name(task), "old");
	EXPECT_EQ(coil_join(task), 3);
}

IN_TASK(task, options_choose_the_group)
{
	struct coil_group outer, inner;
	struct coil_task_options options = { .size = sizeof options, .group = &outer };

	coil_group_open(&outer, COIL_GROUP_SUPERVISE);
	coil_group_open(&inner, COIL_GROUP_SUPERVISE);
	EXPECT(coil_spawn_with(&options, rig_yield_and_return, WORD(-EIO)));
	EXPECT(coil_spawn(rig_return, WORD(-EPERM)));
	EXPECT_EQ(coil_group_close(&inner), -EPERM);
	EXPECT_EQ(coil_group_close(&outer), -EIO);
}

/* -- Rings of joins
 * --------------------------------------------------------------------------------- */

static struct coil_task *ring[3];

static int joins_next(void *index)
{
	return coil_join(ring[(intptr_t)index]);
}

IN_TASK(task, a_ring_of_two_joins_is_a_deadlock_for_the_one_who_closes_it)
{
	ring[0] = coil_spawn(joins_next, WORD(1));
	ring[1] = coil_spawn(joins_next, WORD(0));
	EXPECT_EQ(coil_await(coil_task_future(ring[0])), -EDEADLK);
	EXPECT_EQ(coil_join(ring[0]), -EDEADLK);
}

IN_TASK(task, a_ring_of_three_joins_is_a_deadlock_for_the_one_who_closes_it)
{
	ring[0] = coil_spawn(joins_next, WORD(1));
	ring[1] = coil_spawn(joins_next, WORD(2));
	ring[2] = coil_spawn(joins_next, WORD(0));
	EXPECT_EQ(coil_await(coil_task_future(ring[0])), -EDEADLK);
	EXPECT_EQ(coil_join(ring[0]), -EDEADLK);
}

static int parent_of(void *child)
{
	struct coil_group group;
	int rc;

	ring[0] = coil_self();
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	rc = coil_go(&group, (int (*)(void *))child, WORD(0));
	EXPECT_EQ(rc, 0);
	return coil_group_close(&group);
}

IN_TASK(task, joining_an_ancestor_whose_group_waits_is_a_deadlock)
{
	struct coil_task *parent = coil_spawn(parent_of, (void *)joins_next);

	EXPECT_EQ(coil_await(coil_task_future(parent)), -EDEADLK);
}

static int joins_who_joins_the_parent(void *arg)
{
	(void)arg;
	rig_turns(5);
	return coil_join(ring[2]);
}

IN_TASK(task, joining_a_task_that_joins_an_ancestor_is_a_deadlock)
{
	EXPECT(coil_spawn(parent_of, (void *)joins_who_joins_the_parent));
	coil_yield();
	ring[2] = coil_spawn(joins_next, WORD(0));
	EXPECT_EQ(coil_timeout(COIL_SEC, (int (*)(void *))coil_await, coil_task_future(ring[2])),
		  -EDEADLK);
}

static int awaits_next(void *index)
{
	return coil_await(coil_task_future(ring[(intptr_t)index]));
}

IN_TASK(task, a_ring_of_awaits_is_a_deadlock_too)
{
	ring[0] = coil_spawn(awaits_next, WORD(1));
	ring[1] = coil_spawn(awaits_next, WORD(2));
	ring[2] = coil_spawn(awaits_next, WORD(0));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_timeout(COIL_SEC, awaits_next, WORD(i)), -EDEADLK);
}

/* -- Several waiters
 * ---------------------------------------------------------------------------------- */

static int awaits_future(void *future)
{
	return coil_await(future);
}

IN_TASK(task, its_future_may_be_awaited_by_several)
{
	struct coil_task *target = coil_spawn(rig_sleep_and_return, WORD(17));
	struct coil_task *waiters[5];

	for (int i = 0; i < 5; i++)
		waiters[i] = coil_spawn(awaits_future, coil_task_future(target));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_join(waiters[i]), 17);
	EXPECT_EQ(coil_join(target), 17);
}

IN_TASK(task, a_gathered_task_may_still_be_joined)
{
	struct coil_task *tasks[2] = { coil_spawn(rig_return, WORD(1)),
				       coil_spawn(rig_yield_and_return, WORD(2)) };

	EXPECT_EQ(coil_gather_tasks(tasks, 2, 0), 0);
	EXPECT_EQ(coil_join(tasks[0]), 1);
	EXPECT_EQ(coil_join(tasks[1]), 2);
}

/* -- Sleeping
 * ------------------------------------------------------------------------------------------ */

IN_TASK(task, sleep_never_wakes_early)
{
	for (int64_t ns = 1; ns < 20 * COIL_MSEC; ns = ns * 3 + 1) {
		int64_t began = coil_now();

		EXPECT_EQ(coil_sleep(ns), 0);
		EXPECT_GE(coil_now() - began, ns);
	}
}

IN_TASK(task, sleep_of_zero_or_less_is_one_yield_without_a_timer)
{
	struct coil_stats before = rig_stats(), after;

	EXPECT_EQ(coil_sleep(0), 0);
	EXPECT_EQ(coil_sleep(-1), 0);
	EXPECT_EQ(coil_sleep(INT64_MIN), 0);
	after = rig_stats();
	EXPECT_EQ(after.turns - before.turns, 3);
	EXPECT_EQ(after.timers_started, before.timers_started);
}

IN_TASK(task, sleep_until_a_past_time_comes_back_in_the_next_turns)
{
	int64_t began = coil_now();

	EXPECT_EQ(coil_sleep_until(began - COIL_SEC), 0);
	EXPECT_EQ(coil_sleep_until(0), 0);
	EXPECT_EQ(coil_sleep_until(INT64_MIN), 0);
	EXPECT_LT(coil_now() - began, COIL_SEC);
	EXPECT_EQ(coil_sleep_until(coil_now() + 2 * COIL_MSEC), 0);
}

IN_TASK(task, slots_are_used_again)
{
	struct coil_stats before;

	for (int i = 0; i < 200; i++)
		coil_join(coil_spawn(rig_return, NULL));
	before = rig_stats();
	for (int i = 0; i < 2000; i++)
		EXPECT_EQ(coil_join(coil_spawn(rig_yield_and_return, WORD(i))), i);
	EXPECT_EQ(rig_stats().stack_mapped_bytes, before.stack_mapped_bytes);
	EXPECT_EQ(rig_stats().tasks, 1);
}

#ifdef COIL_EXPENSIVE_CHECKS
/* Memory that is armed looks like memory that is not initialised: the others cannot tell. */
STOPS_IN_TASK(task, an_armed_timer_is_not_started,
	      "coil: coil_timer_start: task 1 \"main\": this timer is armed already")
{
	struct coil_timer timer;

	coil_timer_start(&timer, coil_now() + COIL_SEC);
	coil_timer_start(&timer, coil_now() + COIL_SEC);
}
#endif
