/* SPDX-License-Identifier: MIT */
/* coil_sim_run itself: virtual time, equal runs, limits, deadlocks, memory that fails. */
#include "sim/rig.h"

#include <time.h>

IN_SIM(run, sleeps_in_virtual_time)
{
	int64_t before = coil_now();

	EXPECT_EQ(coil_sleep(3600 * COIL_SEC), 0);
	EXPECT_GE(coil_now() - before, 3600 * COIL_SEC);
	EXPECT_LT(coil_now() - before, 3601 * COIL_SEC);
}

IN_SIM(run, gathers_operations)
{
	struct coil_op ops[3] = {coil_op_nop(), coil_op_nop(), coil_op_close(99)};

	EXPECT_EQ(coil_gather_ops(ops, 3, 0), -EBADF);
	EXPECT_EQ(coil_future_result(&ops[0].future), 0);
	EXPECT_EQ(coil_future_result(&ops[2].future), -EBADF);
}

static int sleep_a_day(void *arg)
{
	for (int i = 0; i < 24; i++)
		EXPECT_EQ(coil_sleep(3600 * COIL_SEC), 0);
	return (int)(intptr_t)arg;
}

static int64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * COIL_SEC + now.tv_nsec;
}

/* A program that mostly sleeps: ten tasks, a day in steps of an hour. */
static int ten_sleepers(void *arg)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 10; i++)
		coil_go(&group, sleep_a_day, NULL);
	(void)arg;
	return coil_group_close(&group);
}

TEST(run, is_a_thousand_times_faster_than_time)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_ODD);
	int64_t begin = nanoseconds();
	struct coil_sim_result result = rig_result(&options, ten_sleepers, NULL);

	EXPECT_GT(result.virtual_ns / (nanoseconds() - begin), 1000);
}

static int spawn_and_join(void *arg)
{
	struct coil_task *tasks[10];

	(void)arg;
	for (int i = 0; i < 10; i++)
		tasks[i] = coil_spawn(sleep_a_day, WORD(i));
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(coil_join(tasks[i]), i);
	return 0;
}

TEST(run, is_the_same_for_the_same_seed)
{
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_WILD);
		struct coil_sim_result one = rig_result(&options, spawn_and_join, NULL);
		struct coil_sim_result two = rig_result(&options, spawn_and_join, NULL);

		EXPECT_EQ(one.hash, two.hash);
		EXPECT_EQ(one.turns, two.turns);
		EXPECT_EQ(one.virtual_ns, two.virtual_ns);
		EXPECT_GE(one.virtual_ns, 24 * 3600 * COIL_SEC);
	}
}

static int wait_for_ever(void *arg)
{
	struct coil_promise promise;
	int rc;

	(void)arg;
	coil_promise_init(&promise);
	rc = coil_await(&promise.future);
	coil_promise_deinit(&promise);
	return rc;
}

TEST(run, ends_a_deadlock)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);

	EXPECT_EQ(coil_sim_run(&options, wait_for_ever, NULL), -EDEADLK);
}
