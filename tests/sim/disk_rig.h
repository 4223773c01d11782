/* SPDX-License-Identifier: MIT */
/*
 * Tests of files and paths that run on the simulated and on the real kernel, and must hold on
 * both. The body runs in a task, below an empty directory: no ASSERT in it.
 *
 *     ON_BOTH(disk, a_missing_name_is_enoent)
 *     {
 *             EXPECT_EQ(coil_unlinkat(at->dirfd, "none", 0), -ENOENT);
 *     }
 *
 * ON_SIMULATED is for what the real kernel cannot be asked for. disk_world() is its world.
 */
#ifndef COIL_TESTS_SIM_DISK_RIG_H
#define COIL_TESTS_SIM_DISK_RIG_H

#include <stdbool.h>

#include "support/test.h"

struct sim;

struct place {
	const char *dir; /* absolute */
	int dirfd;
	bool is_simulated;
};

typedef void disk_body(const struct place *at);

void disk_on_real(disk_body *body);
void disk_on_simulated(disk_body *body);
struct sim *disk_world(void);

/* If this kernel has the operation, after COIL_KERNEL_MASK: the engine makes a system call instead
 * of one that it does not have, and the two may look at what is wrong in another order. */
bool disk_has_operation(unsigned opcode);

/* A directory of the real kernel's, and all in it. */
void disk_remove_all(const char *dir);

#define ON_BOTH(suite, name)                                                                       \
	static void suite##_##name(const struct place *at);                                        \
	TEST(suite, name##_really)                                                                 \
	{                                                                                          \
		disk_on_real(suite##_##name);                                                      \
	}                                                                                          \
	TEST(suite, name##_simulated)                                                              \
	{                                                                                          \
		disk_on_simulated(suite##_##name);                                                 \
	}                                                                                          \
	static void suite##_##name(const struct place *at)

#define ON_SIMULATED(suite, name)                                                                  \
	static void suite##_##name(const struct place *at);                                        \
	TEST(suite, name##_simulated)                                                              \
	{                                                                                          \
		disk_on_simulated(suite##_##name);                                                 \
	}                                                                                          \
	static void suite##_##name(const struct place *at)

#endif
