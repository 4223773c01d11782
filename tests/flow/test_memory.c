/* SPDX-License-Identifier: MIT */
/* Memory that runs out: -ENOMEM, and nothing is left behind. */
#include "support/shortage.h"
#include "task/rig.h"

#include <sys/resource.h>

static void run_with_it(int (*entry)(void *arg))
{
	struct coil_options options = rig_options();

	shortage.is_on = false;
	options.alloc = &shortage_alloc;
	EXPECT_EQ(coil_run_with(&options, entry, NULL), 0);
}

static int keyed_without_memory(void *arg)
{
	struct coil_keyed_group keyed;
	struct coil_key key = coil_key_text("key");

	coil_keyed_open(&keyed, COIL_GROUP_FAIL_FAST);
	shortage.is_on = true;
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_return, arg), -ENOMEM);
	EXPECT_EQ(coil_keyed_count(&keyed), 0);
	EXPECT_EQ(coil_keyed_task(&keyed, key), NULL);
	shortage.is_on = false;
	EXPECT_EQ(coil_keyed_go(&keyed, key, rig_return, arg), 0);
	EXPECT_EQ(coil_keyed_close(&keyed), 0);
	return 0;
}

TEST(memory, keyed_groups_do_without)
{
	run_with_it(keyed_without_memory);
}

static int nothing(void *arg, void **ret_value)
{
	*ret_value = arg;
	return 3;
}

static int flight_without_memory(void *arg)
{
	struct coil_flight_call call = { .size = sizeof call, .entry = nothing };
	struct coil_flights flights;

	(void)arg;
	coil_flights_open(&flights, NULL);
	shortage.is_on = true;
	EXPECT_EQ(coil_flight_do(&flights, coil_key_text("key"), &call), -ENOMEM);
	EXPECT_EQ(coil_flight_forget(&flights, coil_key_text("key")), -ENOENT);
	shortage.is_on = false;
	EXPECT_EQ(coil_flight_do(&flights, coil_key_text("key"), &call), 3);
	EXPECT_EQ(coil_flights_close(&flights), 0);
	return 0;
}

TEST(memory, flights_do_without)
{
	run_with_it(flight_without_memory);
}

static int rate_without_memory(void *arg)
{
	struct coil_rate rate;

	(void)arg;
	EXPECT_EQ(coil_rate_init(&rate, 1, COIL_MSEC, 1), 0);
	EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	shortage.is_on = true; /* the loop has had no timer so far */
	EXPECT_EQ(coil_rate_acquire(&rate, 1), -ENOMEM);
	shortage.is_on = false;
	EXPECT_EQ(coil_rate_acquire(&rate, 1), 0);
	coil_rate_deinit(&rate);
	return 0;
}

TEST(memory, rate_limiters_do_without)
{
	run_with_it(rate_without_memory);
}

/* Sanitizers map memory of their own. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define MAY_LIMIT_MAPPINGS false
#endif
#endif
#ifndef MAY_LIMIT_MAPPINGS
#define MAY_LIMIT_MAPPINGS (!RIG_IS_SLOW)
#endif

static int calls;

static int counts(size_t index, void *arg)
{
	(void)arg;
	calls++;
	return coil_yield() < 0 ? -EINTR : (int)index;
}

/* No mapping more can be had: as many workers as there is room for, one suffices. */
static int map_without_stacks(void *arg)
{
	const struct rlimit none = { 0, RLIM_INFINITY };
	struct rlimit before;
	struct coil_task *first = coil_spawn(rig_sleep_for_ever, arg);
	struct coil_task *task;

	getrlimit(RLIMIT_AS, &before);
	EXPECT_EQ(setrlimit(RLIMIT_AS, &none), 0);
	do
		task = coil_spawn(rig_sleep_for_ever, arg);
	while (task);
	calls = 0;
	EXPECT_EQ(coil_map(20, 5, counts, NULL), -ENOMEM);
	EXPECT_EQ(calls, 0);
	coil_cancel(first);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	rig_turns(2);
	EXPECT_EQ(setrlimit(RLIMIT_AS, &before), 0);
	EXPECT_EQ(coil_map(20, 5, counts, NULL), 0);
	EXPECT_EQ(calls, 20);
	return 0;
}

TEST(memory, a_map_without_a_single_task_calls_nothing)
{
	struct coil_options options = rig_options();

	if (!MAY_LIMIT_MAPPINGS)
		SKIP("sanitizers map memory of their own");
	EXPECT_EQ(coil_run_with(&options, map_without_stacks, NULL), 0);
}
