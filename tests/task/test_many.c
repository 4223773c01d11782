/* SPDX-License-Identifier: MIT */
/* A hundred thousand tasks, and a million. */
#define TEST_TIMEOUT_S 100
#include "task/rig.h"

static int64_t everybody_sleeps_until;
static unsigned awake;

static int sleeps(void *arg)
{
	int rc = coil_sleep_until(everybody_sleeps_until);

	(void)arg;
	awake++;
	return rc;
}

static int sleep_together(void *count)
{
	unsigned n = (unsigned)(intptr_t)count;
	struct coil_group group;

	awake = 0;
	everybody_sleeps_until = COIL_FOREVER;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (unsigned i = 0; i < n; i++) {
		if (coil_go(&group, sleeps, NULL) == 0)
			continue;
		FAIL(coil_last_error());
		break;
	}
	everybody_sleeps_until = coil_now() + COIL_MSEC;
	coil_yield();
	EXPECT_EQ(rig_stats().tasks, n + 1);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(awake, n);
	return 0;
}

static int run_small(unsigned n)
{
	struct coil_options options = rig_options();

	options.stack_bytes = 16 << 10;
	return rig_run_with(&options, sleep_together, WORD(n));
}

/* A mask may take the guards away that need no mappings: vm.max_map_count allows some 32,000 then.
 */
static unsigned many_tasks(void)
{
	return getenv("COIL_KERNEL_MASK") ? 20000 : 100000;
}

TEST(many, a_hundred_thousand_tasks_sleep_at_once)
{
	EXPECT_EQ(run_small(RIG_IS_SLOW ? 4000 : many_tasks()), 0);
}

static int cancelled_together(void *count)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (intptr_t i = 0; i < (intptr_t)count; i++)
		EXPECT_EQ(coil_go(&group, rig_sleep_for_ever, NULL), 0);
	coil_yield();
	coil_group_cancel(&group);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(group.failure_count, 0);
	EXPECT_EQ(rig_stats().timers, 0);
	return 0;
}

TEST(many, twenty_thousand_are_cancelled_at_once)
{
	EXPECT_EQ(rig_run(cancelled_together, WORD(RIG_IS_SLOW ? 2000 : 20000)), 0);
}

TEST(many, a_million_tasks_sleep_and_wake)
{
#ifdef COIL_EXPENSIVE_CHECKS
	SKIP("each turn walks the heap of timers in this build");
#else
	if (RIG_IS_SLOW)
		SKIP("too slow under a sanitizer or valgrind");
	EXPECT_EQ(run_small(1000000), 0);
#endif
}
