/* SPDX-License-Identifier: MIT */
/* What the tests of this room share: a world around a test's body. */
#ifndef COIL_TESTS_SIM_RIG_H
#define COIL_TESTS_SIM_RIG_H

#include "support/test.h"

#include <coil.h>

#include <errno.h>

#define WORD(value) ((void *)(intptr_t)(value))

/* A test whose body is the main task of a calm simulated loop. EXPECT alone may stand in it. */
#define IN_SIM(suite, name)                                                                        \
	TEST_ENTRY(name)                                                                           \
	TEST(suite, name)                                                                          \
	{                                                                                          \
		EXPECT_EQ(rig_run(name##_entry, NULL), 0);                                         \
	}                                                                                          \
	static void name##_steps(void)

/* The same body under many seeds of the wildest profile. */
#define IN_WILD_SIM(suite, name, seeds)                                                            \
	TEST_ENTRY(name)                                                                           \
	TEST(suite, name)                                                                          \
	{                                                                                          \
		rig_run_wild(seeds, name##_entry, NULL);                                           \
	}                                                                                          \
	static void name##_steps(void)

/* Stacks of 256 KiB: EXPECT prints. */
extern const struct coil_options rig_run_options;

struct coil_sim_options rig_options(uint64_t seed, int profile);
int rig_run(int (*entry)(void *arg), void *arg);
void rig_run_wild(unsigned seeds, int (*entry)(void *arg), void *arg);

/* What a run did. */
struct coil_sim_result rig_result(const struct coil_sim_options *options,
				  int (*entry)(void *arg), void *arg);

/* The names of all troubles, at this percentage: "ALL=0" but for one. */
struct coil_sim_options rig_only(uint64_t seed, const char *troubles);

#endif
