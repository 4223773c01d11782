/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "support/test.h"

TEST(clock, sums_are_held_within_the_range)
{
	static const struct {
		int64_t time;
		int64_t duration;
		int64_t sum;
	} rows[] = {
		{ 0, 0, 0 },
		{ 5, 7, 12 },
		{ 5, -7, -2 },
		{ INT64_MAX - 1, 1, INT64_MAX },
		{ INT64_MAX - 1, 2, INT64_MAX },
		{ INT64_MAX - 1, 0, INT64_MAX - 1 },
		{ INT64_MAX - 1, INT64_MAX, INT64_MAX },
		{ 1, INT64_MAX, INT64_MAX },
		{ 0, INT64_MAX, INT64_MAX },
		{ -1, INT64_MAX, INT64_MAX - 1 },
		{ INT64_MAX, -1, INT64_MAX },
		{ INT64_MAX, INT64_MIN, INT64_MAX },
		{ INT64_MAX, 1, INT64_MAX },
		{ INT64_MIN, -1, INT64_MIN },
		{ INT64_MIN, INT64_MIN, INT64_MIN },
		{ -1, INT64_MIN, INT64_MIN },
		{ INT64_MIN, 1, INT64_MIN + 1 },
		{ INT64_MIN, INT64_MAX, -1 },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		EXPECT_EQ(clock_add(rows[i].time, rows[i].duration), rows[i].sum);
}

TEST(clock, it_does_not_go_back)
{
	int64_t last = clock_now();

	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_now();

		EXPECT_GE(now, last);
		last = now;
	}
	EXPECT_GT(last, 0);
}
