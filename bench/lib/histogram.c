/* SPDX-License-Identifier: MIT */
/*
 * The histogram of coil/bench.h. Below 2^7 each value has a place of its own; above, the top eight
 * bits name it.
 */
#include "histogram.h"

#include <errno.h>
#include <math.h>

#define BITS 7
#define PARTS (1u << BITS)
#define VALUE_MAX ((UINT64_C(1) << 48) - 1)
#define TICKS_PER_HALF 5

static uint32_t place_of(uint64_t value)
{
	uint32_t power;

	if (value < PARTS)
		return (uint32_t)value;
	power = 63u - (uint32_t)__builtin_clzll(value) - BITS;
	return (power + 1) * PARTS + (uint32_t)(value >> power) - PARTS;
}

uint64_t histogram_low(uint32_t place)
{
	uint32_t power = place / PARTS;
	uint64_t part = place % PARTS;

	return power == 0 ? part : (PARTS + part) << (power - 1);
}

uint64_t histogram_high(uint32_t place)
{
	return histogram_low(place + 1) - 1;
}

void coil_bench_histogram_add(struct coil_bench_histogram *histogram, uint64_t value,
			      uint64_t times)
{
	double real;

	if (times == 0)
		return;
	if (value > VALUE_MAX)
		value = VALUE_MAX;
	histogram->counts[place_of(value)] += times;
	if (histogram->total == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->total += times;
	real = (double)value;
	histogram->sum += real * (double)times;
	histogram->sum_squares += real * real * (double)times;
}

void coil_bench_histogram_merge(struct coil_bench_histogram *into,
				const struct coil_bench_histogram *from)
{
	if (from->total == 0)
		return;
	for (uint32_t i = 0; i < COIL_BENCH_HISTOGRAM_PLACES; i++)
		into->counts[i] += from->counts[i];
	if (into->total == 0 || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->total += from->total;
	into->sum += from->sum;
	into->sum_squares += from->sum_squares;
}

/* How many of the values make up this part: at least one, at most all. */
static uint64_t wanted_of(const struct coil_bench_histogram *histogram, double part)
{
	double wanted = ceil((double)histogram->total * part - 1e-9);

	if (!(wanted >= 1))
		return 1;
	return wanted >= (double)histogram->total ? histogram->total : (uint64_t)wanted;
}

/* The first place at which so many were seen; ret_seen: how many by its end. */
static uint32_t find_place(const struct coil_bench_histogram *histogram, uint64_t wanted,
			   uint64_t *ret_seen)
{
	uint64_t seen = 0;
	uint32_t place;

	for (place = 0; place < COIL_BENCH_HISTOGRAM_PLACES - 1; place++) {
		seen += histogram->counts[place];
		if (seen >= wanted)
			break;
	}
	*ret_seen = seen;
	return place;
}

static uint64_t value_of(const struct coil_bench_histogram *histogram, uint32_t place)
{
	uint64_t value = histogram_high(place);

	return value < histogram->max ? value : histogram->max;
}

uint64_t coil_bench_histogram_quantile(const struct coil_bench_histogram *histogram, double part)
{
	uint64_t seen;

	if (histogram->total == 0)
		return 0;
	if (!(part > 0))
		return histogram->min;
	return value_of(histogram, find_place(histogram, wanted_of(histogram, part), &seen));
}

double histogram_mean(const struct coil_bench_histogram *histogram)
{
	return histogram->total ? histogram->sum / (double)histogram->total : 0;
}

double histogram_deviation(const struct coil_bench_histogram *histogram)
{
	double mean = histogram_mean(histogram), variance;

	if (histogram->total == 0)
		return 0;
	variance = histogram->sum_squares / (double)histogram->total - mean * mean;
	return variance > 0 ? sqrt(variance) : 0;
}

/* HdrHistogram's iteration: five steps for each halving of what is left to 1. */
static double next_part(double part)
{
	double left = 1 - part;
	double halvings = left > 0 ? floor(log2(1 / left)) + 1 : 1;

	return part + 1 / (TICKS_PER_HALF * pow(2, halvings));
}

static void print_lines(const struct coil_bench_histogram *histogram, double scale, FILE *out)
{
	double part = 0;
	uint64_t seen = 0;

	while (seen < histogram->total) {
		uint32_t place = find_place(histogram, wanted_of(histogram, part), &seen);

		if (seen == histogram->total)
			break;
		fprintf(out, "%12.3f %14.12f %10llu %14.2f\n",
			(double)value_of(histogram, place) / scale, part,
			(unsigned long long)seen, 1 / (1 - part));
		part = next_part(part);
	}
	if (histogram->total)
		fprintf(out, "%12.3f %14.12f %10llu\n", (double)histogram->max / scale, 1.0,
			(unsigned long long)histogram->total);
}

int coil_bench_histogram_print(const struct coil_bench_histogram *histogram, double scale,
			       FILE *out)
{
	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	print_lines(histogram, scale, out);
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
		histogram_mean(histogram) / scale, histogram_deviation(histogram) / scale);
	fprintf(out, "#[Max     = %12.3f, Total count    = %12llu]\n",
		(double)histogram->max / scale, (unsigned long long)histogram->total);
	fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n",
		COIL_BENCH_HISTOGRAM_PLACES / (int)PARTS, (int)(2 * PARTS));
	return ferror(out) ? -EIO : 0;
}
