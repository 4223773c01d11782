/* SPDX-License-Identifier: MIT */
/*
 * Random calls on files and paths below one directory, drawn from a seed, and what they answered:
 * the same script on two kernels must have the same answers.
 */
#ifndef COIL_TESTS_SIM_DISK_SCRIPT_H
#define COIL_TESTS_SIM_DISK_SCRIPT_H

#include <stdint.h>

#define SCRIPT_STEPS 300

struct script_step {
	int call;      /* which of the calls */
	char text[96]; /* with what */
	long answer;
};

struct script {
	uint64_t seed;
	int dirfd; /* of an empty directory, at least one below what must not be touched */
	unsigned count;
	struct script_step steps[SCRIPT_STEPS];
};

/* In a task. Leaves names behind, no descriptors. */
void script_run(struct script *script);

#endif
