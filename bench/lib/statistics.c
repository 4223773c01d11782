/* SPDX-License-Identifier: MIT */
/* See statistics.h. */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 30
#define FEW 64
#define STEADY_SPAN 8
#define STEADY_PART 0.01

/* SplitMix64. */
uint64_t random_next(struct random *random)
{
	uint64_t x = random->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint32_t random_below(struct random *random, uint32_t bound)
{
	return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The bootstrap sorts a few values ten thousand times: by insertion, without calls. */
static void sort_few(double *values, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		double value = values[i];
		size_t to = i;

		for (; to > 0 && values[to - 1] > value; to--)
			values[to] = values[to - 1];
		values[to] = value;
	}
}

void sort_values(double *values, size_t count)
{
	if (count <= FEW)
		sort_few(values, count);
	else
		qsort(values, count, sizeof(*values), compare_doubles);
}

double quantile_sorted(const double *sorted, size_t count, double part)
{
	double place = part * (double)(count - 1), rest;
	size_t below = (size_t)place;

	if (count == 0)
		return UNKNOWN;
	if (below + 1 >= count)
		return sorted[count - 1];
	rest = place - (double)below;
	return sorted[below] * (1 - rest) + sorted[below + 1] * rest;
}

double median_of(const double *values, size_t count)
{
	double *sorted = malloc((count + 1) * sizeof(*sorted)), median;

	if (!sorted || count == 0) {
		free(sorted);
		return UNKNOWN;
	}
	memcpy(sorted, values, count * sizeof(*sorted));
	sort_values(sorted, count);
	median = quantile_sorted(sorted, count, 0.5);
	free(sorted);
	return median;
}

double mean_of(const double *values, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return count ? sum / (double)count : UNKNOWN;
}

/* -- Bootstrap --------------------------------------------------------------------------------- */

/* The median of as many values, drawn with replacement. */
static double resample_median(const double *values, size_t count, double *scratch,
			      struct random *random)
{
	for (size_t i = 0; i < count; i++)
		scratch[i] = values[random_below(random, (uint32_t)count)];
	sort_values(scratch, count);
	return quantile_sorted(scratch, count, 0.5);
}

struct interval ratio_interval(const double *a, size_t a_count, const double *b, size_t b_count,
			       uint64_t seed)
{
	struct interval interval = { UNKNOWN, UNKNOWN };
	struct random random = { seed };
	size_t most = a_count > b_count ? a_count : b_count, n = 0;
	double *ratios, *scratch;

	if (b_count == 0 || most > STATISTICS_VALUES_MAX)
		return interval;
	ratios = malloc(STATISTICS_RESAMPLES * sizeof(*ratios));
	scratch = malloc(most * sizeof(*scratch));
	while (ratios && scratch && n < STATISTICS_RESAMPLES) {
		double below = a ? resample_median(a, a_count, scratch, &random) : 1;

		ratios[n++] = resample_median(b, b_count, scratch, &random) / below;
	}
	if (n) {
		sort_values(ratios, n);
		interval.low = quantile_sorted(ratios, n, 0.025);
		interval.high = quantile_sorted(ratios, n, 0.975);
	}
	free(ratios);
	free(scratch);
	return interval;
}

struct interval median_interval(const double *values, size_t count, uint64_t seed)
{
	return ratio_interval(NULL, 0, values, count, seed);
}

/* -- Outliers ---------------------------------------------------------------------------------- */

struct outliers outliers_of(const double *values, size_t count)
{
	double *sorted = malloc((count + 1) * sizeof(*sorted));
	struct outliers outliers = { 0 };
	double low, high, range;

	if (!sorted || count < 4) {
		free(sorted);
		return outliers;
	}
	memcpy(sorted, values, count * sizeof(*sorted));
	sort_values(sorted, count);
	low = quantile_sorted(sorted, count, 0.25);
	high = quantile_sorted(sorted, count, 0.75);
	range = high - low;
	for (size_t i = 0; i < count; i++) {
		double value = sorted[i];

		outliers.low_severe += value < low - 3 * range;
		outliers.low_mild += value < low - 1.5 * range && value >= low - 3 * range;
		outliers.high_mild += value > high + 1.5 * range && value <= high + 3 * range;
		outliers.high_severe += value > high + 3 * range;
	}
	free(sorted);
	return outliers;
}

unsigned outliers_sum(const struct outliers *outliers)
{
	return outliers->low_severe + outliers->low_mild + outliers->high_mild +
	       outliers->high_severe;
}

/* -- Mann-Whitney ------------------------------------------------------------------------------ */

/* Twice U of b: pairs in which b is greater count 2, ties 1. */
static double twice_u(const double *a, size_t a_count, const double *b, size_t b_count,
		      bool *ret_has_ties)
{
	double sum = 0;

	*ret_has_ties = false;
	for (size_t i = 0; i < a_count; i++)
		for (size_t j = 0; j < b_count; j++) {
			sum += 2 * (b[j] > a[i]) + (b[j] == a[i]);
			*ret_has_ties |= b[j] == a[i];
		}
	return sum;
}

/*
 * P(U <= u) by counting the ways: the Gaussian binomial coefficient, whose terms are the numbers
 * of arrangements with each U, multiplied out one factor (1 - q^(n+i)) / (1 - q^i) after another.
 */
static double exact_below(size_t n, size_t m, size_t u)
{
	double ways[EXACT_MAX * EXACT_MAX + 1] = { 1 }, all = 0, below = 0;
	size_t terms = n * m + 1;

	for (size_t i = 1; i <= m; i++) {
		for (size_t k = terms; k-- > n + i;)
			ways[k] -= ways[k - n - i];
		for (size_t k = i; k < terms; k++)
			ways[k] += ways[k - i];
	}
	for (size_t k = 0; k < terms; k++) {
		all += ways[k];
		below += k <= u ? ways[k] : 0;
	}
	return below / all;
}

/* The sum of t^3 - t over the groups of equal values. */
static double ties_of(const double *a, size_t a_count, const double *b, size_t b_count)
{
	size_t count = a_count + b_count, from = 0;
	double *all = malloc(count * sizeof(*all)), sum = 0;

	if (!all)
		return 0;
	memcpy(all, a, a_count * sizeof(*all));
	memcpy(all + a_count, b, b_count * sizeof(*all));
	sort_values(all, count);
	for (size_t i = 1; i <= count; i++)
		if (i == count || all[i] != all[from]) {
			double t = (double)(i - from);

			sum += t * t * t - t;
			from = i;
		}
	free(all);
	return sum;
}

double mann_whitney(const double *a, size_t a_count, const double *b, size_t b_count)
{
	double n = (double)a_count, m = (double)b_count, all = n + m, u, variance, z;
	bool has_ties;

	if (a_count == 0 || b_count == 0)
		return 1;
	u = twice_u(a, a_count, b, b_count, &has_ties) / 2;
	/* The smaller tail. */
	u = u < n * m - u ? u : n * m - u;
	if (!has_ties && a_count <= EXACT_MAX && b_count <= EXACT_MAX)
		return fmin(1, 2 * exact_below(a_count, b_count, (size_t)u));
	variance = n * m / 12 * (all + 1 - ties_of(a, a_count, b, b_count) / (all * (all - 1)));
	if (!(variance > 0))
		return 1;
	z = fmin(0, u - n * m / 2 + 0.5) / sqrt(variance);
	return fmin(1, erfc(-z / sqrt(2)));
}

void adjust_p_values(double *p, size_t count)
{
	double least = 1;

	/* Largest first; what is done is marked by its sign. */
	for (size_t left = count; left > 0; left--) {
		size_t at = count;

		for (size_t i = 0; i < count; i++)
			if (!signbit(p[i]) && (at == count || p[i] > p[at]))
				at = i;
		least = fmin(least, p[at] * (double)count / (double)left);
		p[at] = -least;
	}
	for (size_t i = 0; i < count; i++)
		p[i] = fabs(p[i]);
}

/* -- Steady state ------------------------------------------------------------------------------ */

bool is_steady(const double *values, size_t count)
{
	const double *last = values + count - STEADY_SPAN, *before = last - STEADY_SPAN;
	double difference, late, spread[2 * STEADY_SPAN];

	if (count < (size_t)2 * STEADY_SPAN)
		return false;
	late = median_of(last, STEADY_SPAN);
	difference = fabs(late - median_of(before, STEADY_SPAN));
	for (size_t i = 0; i < STEADY_SPAN; i++) {
		spread[i] = fabs(last[i] - late);
		spread[STEADY_SPAN + i] = fabs(before[i] - median_of(before, STEADY_SPAN));
	}
	/* 1.48 MAD is a standard deviation; a median of eight has 0.44 of it. */
	return difference <= fmax(STEADY_PART * late,
				  2 * 0.44 * 1.48 * median_of(spread, 2 * (size_t)STEADY_SPAN));
}
