/* SPDX-License-Identifier: MIT */
/*
 * trend - how a value goes with its floor, where that is not one to one.
 *
 * Who takes the caches away slows both, but not as much: more memory suffers more. Then ratios
 * spread, and value / floor^slope does not. The slope is found in the rounds themselves: 1 makes it
 * the ratio, 0 leaves a floor aside that only spreads by itself. All times are by what fixed work
 * took in their round, so that the clock has no part in it.
 */
#ifndef COIL_BENCH_LIB_TREND_H
#define COIL_BENCH_LIB_TREND_H

#include "model.h"

struct trend_point {
	double floor, value; /* logarithms */
};

/* Only an interval so much narrower is worth the slope that has to be guessed. */
#define TREND_NARROWER 1.5
#define TREND_RESAMPLES 1000

/* The rounds of a run, in order of time. */
struct trend_run {
	struct trend_point *points;
	size_t count;
};

/* Empty if the speed of the rounds is not known. 0, -ENOMEM; trend_close() it. */
int trend_open(struct trend_run *run, const struct coil_bench_result *floor,
	       const struct coil_bench_result *result);
void trend_close(struct trend_run *run);

/*
 * The median slope of the lines from a round of the lower half to one of the upper half, of all
 * runs together (Theil): 0 to 3; 1 if there are too few.
 */
double trend_slope(const struct trend_run *runs, size_t runs_count);
/* Logarithms; ret_values has room for all. */
void trend_floors(const struct trend_run *run, double *ret_values);
/* value / floor^slope of each round; ret_values has room for all. */
void trend_values(const struct trend_run *run, double slope, double *ret_values);
/*
 * 95 % of the second run's median by the first's, by the bootstrap: the slope is found anew in each
 * resample, so that what is not known of it counts. NAN without memory.
 */
struct interval trend_interval(const struct trend_run runs[2], uint64_t seed);

#endif
