/* SPDX-License-Identifier: MIT */
/* See trend.h. */
#include "trend.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOPE_MAX 3
/* Floors as close as this say nothing about a slope. */
#define CLOSE 1e-6

int trend_open(struct trend_run *run, const struct coil_bench_result *floor,
	       const struct coil_bench_result *result)
{
	const struct coil_bench_entry *entry = result->entry;

	*run = (struct trend_run){ .points = malloc((result->samples_count + 1) *
						    sizeof(*run->points)) };
	if (!run->points)
		return -ENOMEM;
	for (size_t i = 0; i < result->samples_count && i < floor->samples_count; i++) {
		double speed = i < entry->speeds_count ? entry->speeds[i] : UNKNOWN;

		if (result->samples[i] > 0 && floor->samples[i] > 0 && speed > 0)
			run->points[run->count++] = (struct trend_point){
				.floor = log(floor->samples[i] / speed),
				.value = log(result->samples[i] / speed),
			};
	}
	return 0;
}

void trend_close(struct trend_run *run)
{
	free(run->points);
	run->points = NULL;
}

void trend_values(const struct trend_run *run, double slope, double *ret_values)
{
	for (size_t i = 0; i < run->count; i++)
		ret_values[i] = exp(run->points[i].value - slope * run->points[i].floor);
}

void trend_floors(const struct trend_run *run, double *ret_values)
{
	for (size_t i = 0; i < run->count; i++)
		ret_values[i] = run->points[i].floor;
}

static int compare_floors(const void *a, const void *b)
{
	const struct trend_point *x = a, *y = b;

	return (x->floor > y->floor) - (x->floor < y->floor);
}

/* Of points in the order of their floors. */
static size_t take_slopes(const struct trend_point *sorted, size_t count, double *ret_slopes)
{
	const struct trend_point *upper = sorted + (count - count / 2);
	size_t slopes = 0;

	for (size_t i = 0; i < count / 2; i++)
		if (upper[i].floor - sorted[i].floor > CLOSE)
			ret_slopes[slopes++] = (upper[i].value - sorted[i].value) /
					       (upper[i].floor - sorted[i].floor);
	return slopes;
}

static double median_slope(double *slopes, size_t count)
{
	if (count == 0)
		return 1;
	sort_values(slopes, count);
	return fmin(fmax(quantile_sorted(slopes, count, 0.5), 0), SLOPE_MAX);
}

/* -- Scratch memory ---------------------------------------------------------------------------- */

struct scratch {
	struct trend_run runs[2]; /* sorted by floor */
	struct trend_point *drawn;
	unsigned *times; /* that a point was drawn */
	double *slopes;
	double *values;
};

static void scratch_free(struct scratch *scratch)
{
	free(scratch->runs[0].points);
	free(scratch->runs[1].points);
	free(scratch->drawn);
	free(scratch->times);
	free(scratch->slopes);
	free(scratch->values);
}

static bool scratch_make(struct scratch *scratch, const struct trend_run *runs, size_t runs_count)
{
	size_t room = 1;

	*scratch = (struct scratch){ 0 };
	for (size_t i = 0; i < runs_count; i++) {
		struct trend_run *to = &scratch->runs[i];

		to->points = malloc((runs[i].count + 1) * sizeof(*to->points));
		if (!to->points)
			return false;
		memcpy(to->points, runs[i].points, runs[i].count * sizeof(*to->points));
		to->count = runs[i].count;
		qsort(to->points, to->count, sizeof(*to->points), compare_floors);
		room += to->count;
	}
	scratch->drawn = malloc(room * sizeof(*scratch->drawn));
	scratch->times = malloc(room * sizeof(*scratch->times));
	scratch->slopes = malloc(room * sizeof(*scratch->slopes));
	scratch->values = malloc(room * sizeof(*scratch->values));
	return scratch->drawn && scratch->times && scratch->slopes && scratch->values;
}

double trend_slope(const struct trend_run *runs, size_t runs_count)
{
	struct scratch scratch;
	size_t count = 0;
	double slope = 1;

	if (scratch_make(&scratch, runs, runs_count)) {
		for (size_t i = 0; i < runs_count; i++)
			count += take_slopes(scratch.runs[i].points, scratch.runs[i].count,
					     scratch.slopes + count);
		slope = median_slope(scratch.slopes, count);
	}
	scratch_free(&scratch);
	return slope;
}

/* -- Bootstrap --------------------------------------------------------------------------------- */

/* As many points as there are, with replacement, still in the order of their floors. */
static void draw(const struct trend_run *from, unsigned *times, struct trend_point *ret_drawn,
		 struct random *random)
{
	size_t count = 0;

	memset(times, 0, from->count * sizeof(*times));
	for (size_t i = 0; i < from->count; i++)
		times[random_below(random, (uint32_t)from->count)]++;
	for (size_t i = 0; i < from->count; i++)
		for (unsigned j = 0; j < times[i]; j++)
			ret_drawn[count++] = from->points[i];
}

static double median_above(const struct trend_point *points, size_t count, double slope,
			   double *values)
{
	for (size_t i = 0; i < count; i++)
		values[i] = points[i].value - slope * points[i].floor;
	sort_values(values, count);
	return quantile_sorted(values, count, 0.5);
}

static double resample(struct scratch *scratch, struct random *random)
{
	size_t counts[2] = { scratch->runs[0].count, scratch->runs[1].count }, slopes = 0;
	struct trend_point *drawn[2] = { scratch->drawn, scratch->drawn + counts[0] };
	double slope;

	for (size_t i = 0; i < 2; i++) {
		draw(&scratch->runs[i], scratch->times, drawn[i], random);
		slopes += take_slopes(drawn[i], counts[i], scratch->slopes + slopes);
	}
	slope = median_slope(scratch->slopes, slopes);
	return exp(median_above(drawn[1], counts[1], slope, scratch->values) -
		   median_above(drawn[0], counts[0], slope, scratch->values));
}

struct interval trend_interval(const struct trend_run runs[2], uint64_t seed)
{
	struct interval interval = { UNKNOWN, UNKNOWN };
	double *ratios = malloc(TREND_RESAMPLES * sizeof(*ratios));
	struct random random = { seed };
	struct scratch scratch = { 0 };

	if (runs[0].count && runs[1].count && ratios && scratch_make(&scratch, runs, 2)) {
		for (size_t i = 0; i < TREND_RESAMPLES; i++)
			ratios[i] = resample(&scratch, &random);
		sort_values(ratios, TREND_RESAMPLES);
		interval.low = quantile_sorted(ratios, TREND_RESAMPLES, 0.025);
		interval.high = quantile_sorted(ratios, TREND_RESAMPLES, 0.975);
	}
	scratch_free(&scratch);
	free(ratios);
	return interval;
}
