/* SPDX-License-Identifier: MIT */
/*
 * statistics - medians, their intervals, and whether two sets of values differ.
 *
 * Pure functions of arrays; where chance is needed it comes from a seed. Arrays hold no NAN.
 */
#ifndef COIL_BENCH_LIB_STATISTICS_H
#define COIL_BENCH_LIB_STATISTICS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* <math.h>'s NAN is a float, of which compilers warn. */
#define UNKNOWN ((double)NAN)

#define STATISTICS_RESAMPLES 10000
#define STATISTICS_VALUES_MAX 4096 /* of what is resampled */

struct interval {
	double low;
	double high;
};

/* Tukey's fences: more than 1.5 (mild) or 3 (severe) interquartile ranges off the quartiles. */
struct outliers {
	unsigned low_severe, low_mild, high_mild, high_severe;
};

struct random {
	uint64_t state;
};

uint64_t random_next(struct random *random);
/* Below the bound. */
uint32_t random_below(struct random *random, uint32_t bound);

void sort_values(double *values, size_t count);
/* Of sorted values, between neighbours in proportion; NAN without values. */
double quantile_sorted(const double *sorted, size_t count, double part);
/* Leave their values alone; NAN without values. */
double median_of(const double *values, size_t count);
double mean_of(const double *values, size_t count);

/* 95 % of the median, or of the ratio of medians b by a: percentile bootstrap. */
struct interval median_interval(const double *values, size_t count, uint64_t seed);
struct interval ratio_interval(const double *a, size_t a_count, const double *b, size_t b_count,
			       uint64_t seed);

struct outliers outliers_of(const double *values, size_t count);
unsigned outliers_sum(const struct outliers *outliers);

/*
 * Two-sided p of Mann-Whitney's U: exact for up to 30 values in each without ties, else by the
 * normal approximation, corrected for ties and continuity. 1 if one of them is empty.
 */
double mann_whitney(const double *a, size_t a_count, const double *b, size_t b_count);

/*
 * Benjamini and Hochberg's step-up: p values in place, adjusted for their number, so that of those
 * below a bound no larger share than the bound is expected to be chance's (J. R. Stat. Soc. B 57,
 * 1995).
 */
void adjust_p_values(double *p, size_t count);

/*
 * Whether values in order of time have stopped to move: the medians of the last two eighths are
 * as close as chance would have them, or within one percent. False for fewer than 16.
 */
bool is_steady(const double *values, size_t count);

#endif
