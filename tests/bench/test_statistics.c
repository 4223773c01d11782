/* SPDX-License-Identifier: MIT */
/* Statistics against tables and against chance with a seed. */
#include "../../bench/lib/statistics.h"

#include <math.h>

#include "models.h"
#include "support/test.h"

#define NEAR(a, b, by) EXPECT(fabs((a) - (b)) <= (by))

TEST(statistics, median_and_quantiles_of_few_values)
{
	const double values[] = { 9, 1, 5, 3 }, sorted[] = { 1, 3, 5, 9 };

	NEAR(median_of(values, 4), 4, 0);
	NEAR(median_of(values, 3), 5, 0);
	NEAR(median_of(values, 1), 9, 0);
	EXPECT(isnan(median_of(values, 0)));
	NEAR(quantile_sorted(sorted, 4, 0), 1, 0);
	NEAR(quantile_sorted(sorted, 4, 0.25), 2.5, 1e-12);
	NEAR(quantile_sorted(sorted, 4, 1), 9, 0);
	NEAR(mean_of(values, 4), 4.5, 0);
}

/* 95 % of the intervals should hold the truth; with 15 values a percentile bootstrap has 92. */
TEST(statistics, bootstrap_interval_covers_the_median)
{
	struct random random = { 7 };
	unsigned covered = 0, trials = 60;

	for (unsigned trial = 0; trial < trials; trial++) {
		struct interval interval;
		double values[15];

		for (int i = 0; i < 15; i++)
			values[i] = 100 + 3 * normal(&random);
		interval = median_interval(values, 15, trial + 1);
		EXPECT(interval.low <= interval.high);
		covered += interval.low <= 100 && 100 <= interval.high;
	}
	EXPECT_GE(covered, trials * 85 / 100);
}

TEST(statistics, bootstrap_is_the_same_with_the_same_seed)
{
	const double a[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, b[] = { 2, 4, 6, 8, 10, 12, 14, 16, 18 };
	struct interval one = ratio_interval(a, 9, b, 9, 42), two = ratio_interval(a, 9, b, 9, 42);

	EXPECT(one.low == two.low && one.high == two.high);
	EXPECT(one.low < 2 && one.high > 2);
	EXPECT(isnan(median_interval(a, 0, 1).low));
	one = median_interval(a, 1, 1);
	EXPECT(one.low == 1 && one.high == 1);
}

/* Exact values: Mann and Whitney's own table, and by counting. */
TEST(statistics, mann_whitney_is_exact_for_few_values)
{
	const double low[] = { 1, 2, 3, 4, 5 }, high[] = { 6, 7, 8, 9, 10 };
	const double a[] = { 1, 4, 6 }, b[] = { 2, 3, 5, 7 };

	NEAR(mann_whitney(low, 5, high, 5), 2.0 / 252, 1e-12);
	NEAR(mann_whitney(high, 5, low, 5), 2.0 / 252, 1e-12);
	NEAR(mann_whitney(low, 3, high, 3), 0.1, 1e-12);
	/* U of a is 5 of 12: P(U <= 5) = 15/35. */
	NEAR(mann_whitney(a, 3, b, 4), 30.0 / 35, 1e-12);
	NEAR(mann_whitney(a, 3, b, 0), 1, 0);
}

TEST(statistics, mann_whitney_approximates_with_ties)
{
	const double a[] = { 1, 2, 2, 3, 4, 4, 5, 6, 7, 8 };
	const double b[] = { 4, 5, 6, 7, 8, 8, 9, 9, 10, 11 };
	const double same[] = { 3, 3, 3, 3 };

	/* U is 13.5, the sum of t^3 - t over the ties 78. */
	NEAR(mann_whitney(a, 10, b, 10), 0.00624291282757343, 1e-9);
	NEAR(mann_whitney(same, 4, same, 4), 1, 0);
}

TEST(statistics, mann_whitney_is_level_on_equal_distributions)
{
	struct random random = { 3 };
	unsigned below = 0, trials = 2000;

	for (unsigned trial = 0; trial < trials; trial++) {
		double a[15], b[15];

		for (int i = 0; i < 15; i++) {
			a[i] = normal(&random);
			b[i] = normal(&random);
		}
		below += mann_whitney(a, 15, b, 15) < 0.05;
	}
	EXPECT_LE(below, trials * 65 / 1000);
	EXPECT_GE(below, trials * 35 / 1000);
}

TEST(statistics, p_values_are_adjusted_from_the_largest_down)
{
	double p[] = { 0.01, 0.045, 0.03, 0.005, 0.9 }, one[] = { 0.2 };

	adjust_p_values(p, 5);
	NEAR(p[0], 0.025, 1e-12);
	NEAR(p[1], 0.05625, 1e-12);
	NEAR(p[2], 0.05, 1e-12);
	NEAR(p[3], 0.025, 1e-12);
	NEAR(p[4], 0.9, 1e-12);
	adjust_p_values(one, 1);
	NEAR(one[0], 0.2, 0);
}

TEST(statistics, outliers_by_their_fences)
{
	const double values[] = { 10, 11, 12, 13, 14, 15, 16, 17, 24, 40, -9 };
	struct outliers outliers = outliers_of(values, 11);

	EXPECT_EQ(outliers.high_severe, 1);
	EXPECT_EQ(outliers.high_mild, 0);
	EXPECT_EQ(outliers.low_severe, 1);
	EXPECT_EQ(outliers_sum(&outliers), 2);
	outliers = outliers_of(values, 3);
	EXPECT_EQ(outliers_sum(&outliers), 0);
}

TEST(statistics, steady_is_what_has_stopped_to_fall)
{
	struct random random = { 5 };
	double values[64];

	for (int i = 0; i < 64; i++)
		values[i] = 100 + 200 * exp(-i / 6.0) + 0.3 * normal(&random);
	EXPECT(!is_steady(values, 8));
	EXPECT(!is_steady(values, 15));
	EXPECT(!is_steady(values, 20));
	EXPECT(is_steady(values, 64));
	for (int i = 0; i < 64; i++)
		values[i] = 100 - i;
	EXPECT(!is_steady(values, 64));
}
