/* SPDX-License-Identifier: MIT */
/*
 * compare - whether a case has changed from one run to another.
 *
 * The values are those of the rounds: their ratios to the floor where both runs have one, for a
 * machine's drift is the floor's too. A change is named if it is larger than three percent and than
 * its own interval is wide, and chance is excluded: Mann-Whitney below 5 % after Benjamini and
 * Hochberg's correction for the number of cases, and the interval of the ratio without 1. No change
 * means that the interval excludes one of five percent. Everything else is no verdict, with a
 * reason.
 */
#ifndef COIL_BENCH_LIB_COMPARE_H
#define COIL_BENCH_LIB_COMPARE_H

#include "model.h"

enum verdict {
	VERDICT_NO_CHANGE,
	VERDICT_FASTER,
	VERDICT_SLOWER,
	VERDICT_NONE,
	VERDICT_ONLY_OLD,
	VERDICT_ONLY_NEW,
};

struct comparison {
	const char *name;
	const char *subject;
	const char *unit;
	double before, after; /* medians; NAN: none */
	bool is_by_floor;
	bool is_by_speed;     /* round by round, by what fixed work took */
	bool is_by_trend;     /* by the floor, but not one to one: see trend.h */
	double slope;	      /* of the trend */
	bool is_exact;	      /* a count: the interval is that of all values, and there is no p */
	double ratio;	      /* above 1 is worse; NAN: none */
	struct interval interval;
	double drift;	      /* within a run, from one half to the other; a part of the value */
	double p;	      /* adjusted */
	enum verdict verdict;
	char words[160];      /* why, or what else has changed; may be empty */
};

/*
 * All subjects but the floors, in the order of the new run, then what only the old one has.
 * Names belong to the models. 0, -ENOMEM.
 */
int compare_models(const struct coil_bench *before, const struct coil_bench *after,
		   struct comparison **ret_comparisons, size_t *ret_count);
const char *verdict_name(enum verdict verdict);

#endif
