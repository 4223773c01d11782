/* SPDX-License-Identifier: MIT */
/*
 * round - a case, once: opened, measured, counted and closed.
 *
 * Plain data, so that a process can measure and another one read what it left in a file.
 */
#ifndef COIL_BENCH_LIB_ROUND_H
#define COIL_BENCH_LIB_ROUND_H

#include "coil/bench.h"
#include "counters.h"

#define ROUND_NAME_BYTES 48
#define ROUND_WINDOWS_MAX 256

struct round_options {
	uint64_t time_ns;
	uint64_t window_ns;
	unsigned windows;
	unsigned tolerance;
	unsigned is_smoke;
	unsigned planted; /* percent */
	char subject[ROUND_NAME_BYTES]; /* of those that have no name */
};

struct round_subject {
	char name[ROUND_NAME_BYTES];
	double median; /* NAN: no clean window */
	uint64_t units;
	unsigned windows;
	unsigned clean;
	unsigned kept; /* of clean, in values */
	double values[ROUND_WINDOWS_MAX];
	double counters[COUNTER_KINDS]; /* for each unit; NAN: not known */
};

struct round {
	int error; /* a negative errno; what there is of the rest holds nevertheless */
	unsigned is_complete; /* set last */
	double speed;
	unsigned subjects_count;
	struct round_subject subjects[COIL_BENCH_SUBJECTS_MAX];
};

/* Where the case has to run: in the calling task, in a loop of its own, or plainly. */
void round_run(const struct coil_bench_case *bench_case, const struct round_options *options,
	       struct round *ret_round);

#endif
