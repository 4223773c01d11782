/* SPDX-License-Identifier: MIT */
/* Memory, stacks and rings that fail: the n-th of all loops. */
#include "sim/rig.h"

static int sleep_once(void *arg)
{
	(void)arg;
	return coil_sleep(COIL_MSEC);
}

static int two_loops(void *arg)
{
	int rc = coil_sim_loop(&rig_run_options, sleep_once, NULL);

	(void)arg;
	return rc < 0 ? rc : coil_sleep(COIL_SEC);
}

static int run_short(struct coil_sim_options *options, struct coil_sim_result *ret_result)
{
	*ret_result = (struct coil_sim_result){.size = sizeof *ret_result};
	options->result = ret_result;
	options->off = COIL_SIM_NO_REPORTS;
	return coil_sim_run(options, two_loops, NULL);
}

TEST(shortage, counts_what_all_loops_take)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);
	struct coil_sim_result result;

	EXPECT_EQ(run_short(&options, &result), 0);
	EXPECT_EQ(result.rings, 2);
	EXPECT_EQ(result.mappings, 2);
	EXPECT_GE(result.allocations, 4);
}

TEST(shortage, fails_a_ring)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);
	struct coil_sim_result result;

	for (options.fail_open_at = 1; options.fail_open_at <= 2; options.fail_open_at++) {
		EXPECT_EQ(run_short(&options, &result), -ENOMEM);
		EXPECT_EQ(result.rings, options.fail_open_at);
		EXPECT(strstr(coil_last_error(), "io_uring_setup: ENOMEM") != NULL);
	}
	EXPECT_EQ(run_short(&options, &result), 0);
}

TEST(shortage, fails_a_stack_of_any_loop)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);
	struct coil_sim_result result;

	for (options.fail_map_at = 1; options.fail_map_at <= 2; options.fail_map_at++)
		EXPECT_EQ(run_short(&options, &result), -ENOMEM);
	EXPECT_EQ(run_short(&options, &result), 0);
}

/* Each of them by itself: what is only for the end of a run is done without. */
TEST(shortage, fails_any_allocation)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);
	struct coil_sim_result result;
	unsigned failures = 0;
	int rc;

	do {
		options.fail_alloc_at++;
		rc = run_short(&options, &result);
		EXPECT(rc == 0 || rc == -ENOMEM);
		failures += rc == -ENOMEM;
	} while (result.allocations >= options.fail_alloc_at && options.fail_alloc_at < 100);
	EXPECT_EQ(rc, 0);
	EXPECT_GE(failures, 4);
	EXPECT_LT(options.fail_alloc_at, 100);
}
