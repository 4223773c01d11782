/* SPDX-License-Identifier: MIT */
/* The histogram against a sorted array. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../bench/lib/histogram.h"
#include "models.h"
#include "support/test.h"

#define VALUES 20000

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Over many powers of two. */
static uint64_t *make_values(uint64_t seed)
{
	uint64_t *values = malloc(VALUES * sizeof(*values));
	struct random random = { seed };

	ASSERT(values);
	for (int i = 0; i < VALUES; i++)
		values[i] = random_next(&random) >> 17 >> random_below(&random, 44);
	return values;
}

static struct coil_bench_histogram *fill(const uint64_t *values, int from, int to)
{
	struct coil_bench_histogram *histogram = calloc(1, sizeof(*histogram));

	ASSERT(histogram);
	for (int i = from; i < to; i++)
		coil_bench_histogram_add(histogram, values[i], 1);
	return histogram;
}

TEST(histogram, quantiles_are_those_of_a_sorted_array)
{
	static const double parts[] = { 0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 };
	uint64_t *values = make_values(11);
	struct coil_bench_histogram *histogram = fill(values, 0, VALUES);

	qsort(values, VALUES, sizeof(*values), compare);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t rank = (size_t)ceil(parts[i] * VALUES);
		uint64_t exact = values[rank ? rank - 1 : 0];
		uint64_t found = coil_bench_histogram_quantile(histogram, parts[i]);

		EXPECT_GE(found, exact);
		EXPECT_LE((double)found, (double)exact * (1 + 1.0 / 128) + 1e-9);
	}
	EXPECT_EQ(histogram->min, values[0]);
	EXPECT_EQ(coil_bench_histogram_quantile(histogram, 1), values[VALUES - 1]);
	free(histogram);
	free(values);
}

TEST(histogram, places_follow_each_other_without_a_gap)
{
	EXPECT_EQ(histogram_low(0), 0);
	for (uint32_t i = 0; i + 1 < COIL_BENCH_HISTOGRAM_PLACES; i++) {
		EXPECT_EQ(histogram_high(i) + 1, histogram_low(i + 1));
		EXPECT_LE((double)(histogram_high(i) - histogram_low(i)),
			  (double)histogram_low(i) / 128);
	}
	EXPECT_EQ(histogram_high(COIL_BENCH_HISTOGRAM_PLACES - 1), (INT64_C(1) << 48) - 1);
}

TEST(histogram, ends_of_the_range)
{
	struct coil_bench_histogram *histogram = calloc(1, sizeof(*histogram));

	ASSERT(histogram);
	EXPECT_EQ(coil_bench_histogram_quantile(histogram, 0.5), 0);
	coil_bench_histogram_add(histogram, 0, 3);
	coil_bench_histogram_add(histogram, UINT64_MAX, 1);
	coil_bench_histogram_add(histogram, 5, 0);
	EXPECT_EQ(histogram->total, 4);
	EXPECT_EQ(coil_bench_histogram_quantile(histogram, 0.75), 0);
	EXPECT_EQ(coil_bench_histogram_quantile(histogram, 0.76), (INT64_C(1) << 48) - 1);
	free(histogram);
}

TEST(histogram, merging_is_as_adding_all)
{
	uint64_t *values = make_values(12);
	struct coil_bench_histogram *all = fill(values, 0, VALUES);
	struct coil_bench_histogram *one = fill(values, 0, 700);
	struct coil_bench_histogram *other = fill(values, 700, VALUES);

	coil_bench_histogram_merge(one, other);
	EXPECT_MEM_EQ(one->counts, all->counts, sizeof(all->counts));
	EXPECT_EQ(one->total, all->total);
	EXPECT_EQ(one->min, all->min);
	EXPECT_EQ(one->max, all->max);
	EXPECT(fabs(histogram_mean(one) - histogram_mean(all)) < 1e-6 * histogram_mean(all));
	EXPECT(fabs(histogram_deviation(one) / histogram_deviation(all) - 1) < 1e-9);
	free(all);
	free(one);
	free(other);
	free(values);
}

/* HdrHistogram's text: value, part, count so far, 1 / (1 - part); it ends with all. */
TEST(histogram, percentile_text_can_be_read_back)
{
	struct coil_bench_histogram *histogram = calloc(1, sizeof(*histogram));
	double value, part, inverse, before = -1, last_part = -1;
	unsigned long long count = 0, lines = 0;
	char *text = NULL, line[128];
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);

	ASSERT(histogram && file);
	for (uint64_t i = 1; i <= 1000; i++)
		coil_bench_histogram_add(histogram, i * 1000, 1);
	EXPECT_EQ(coil_bench_histogram_print(histogram, 1000, file), 0);
	fclose(file);
	file = fmemopen(text, bytes, "r");
	ASSERT(fgets(line, sizeof(line), file));
	EXPECT(strstr(line, "Value") && strstr(line, "Percentile") && strstr(line, "TotalCount"));
	while (fgets(line, sizeof(line), file) && line[0] != '#') {
		if (sscanf(line, "%lf %lf %llu %lf", &value, &part, &count, &inverse) < 3)
			continue;
		EXPECT(value >= before && part > last_part);
		before = value;
		last_part = part;
		lines++;
	}
	EXPECT_EQ(count, 1000);
	EXPECT(part == 1 && value == 1000);
	EXPECT_GT(lines, 20);
	EXPECT(strstr(text, "#[Mean    =      500.500, StdDeviation   =      288.675]"));
	EXPECT(strstr(text, "Total count    =         1000]"));
	fclose(file);
	free(text);
	free(histogram);
}
