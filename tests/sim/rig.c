/* SPDX-License-Identifier: MIT */
#include "sim/rig.h"

const struct coil_options rig_run_options = {
	.size = sizeof rig_run_options,
	.stack_bytes = 256u << 10,
	.off = COIL_NO_SIGNALS,
};

struct coil_sim_options rig_options(uint64_t seed, int profile)
{
	return (struct coil_sim_options){
		.size = sizeof(struct coil_sim_options),
		.seed = seed,
		.profile = profile,
		.run = &rig_run_options,
	};
}

struct coil_sim_options rig_only(uint64_t seed, const char *troubles)
{
	struct coil_sim_options options = rig_options(seed, COIL_SIM_CALM);

	options.troubles = troubles;
	return options;
}

int rig_run(int (*entry)(void *arg), void *arg)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);

	return coil_sim_run(&options, entry, arg);
}

void rig_run_wild(unsigned seeds, int (*entry)(void *arg), void *arg)
{
	for (unsigned seed = 1; seed <= seeds; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_WILD);

		EXPECT_EQ(coil_sim_run(&options, entry, arg), 0);
	}
}

struct coil_sim_result rig_result(const struct coil_sim_options *given,
				  int (*entry)(void *arg), void *arg)
{
	struct coil_sim_result result = {.size = sizeof result};
	struct coil_sim_options options = *given;

	options.result = &result;
	EXPECT_EQ(coil_sim_run(&options, entry, arg), 0);
	return result;
}
