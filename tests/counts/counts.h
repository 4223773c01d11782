/* SPDX-License-Identifier: MIT */
/*
 * counts - fixed scenarios on the simulated kernel, whose instructions, allocations, system calls
 * and SQEs are counted. Each does the same n times, and whatever it needs before and after once:
 * the difference of two runs is what the repeating costs.
 */
#ifndef COIL_TESTS_COUNTS_COUNTS_H
#define COIL_TESTS_COUNTS_COUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include <coil.h>

struct scenario {
	const char *name;
	void (*run)(unsigned times); /* in the main task */
};

/* Each ended by a row without a name. */
extern const struct scenario scenarios_tasks[];
extern const struct scenario scenarios_exchange[];
extern const struct scenario scenarios_net[];
extern const struct scenario scenarios_ops[];

/* Stops the program: a scenario that fails counts nothing. */
void must(bool is_true, const char *what);

#endif
