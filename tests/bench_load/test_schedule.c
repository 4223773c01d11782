/* SPDX-License-Identifier: MIT */
/* The plan of an open loop. */
#include "../../bench/load_schedule.h"
#include "support/test.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000000)

TEST(load_schedule, is_evenly_spaced_at_full_rate)
{
	const struct load_schedule schedule = { .start_ns = 5 * SECOND, .rate = 1000 };

	EXPECT_EQ(load_schedule_time(&schedule, 0), 5 * SECOND);
	EXPECT_EQ(load_schedule_time(&schedule, 1), 5 * SECOND + 1000000);
	EXPECT_EQ(load_schedule_time(&schedule, 1000), 6 * SECOND);
	EXPECT_EQ(load_schedule_time(&schedule, 3600000), 3605 * SECOND);
}

TEST(load_schedule, ramps_along_a_straight_line)
{
	const struct load_schedule schedule = { .rate = 1000, .ramp_s = 2 };

	/* Half of the rate on average: 1,000 in two seconds, a quarter of them in the first. */
	EXPECT_EQ(load_schedule_time(&schedule, 0), 0);
	EXPECT_EQ(load_schedule_time(&schedule, 250), SECOND);
	EXPECT_EQ(load_schedule_time(&schedule, 1000), 2 * SECOND);
	EXPECT_EQ(load_schedule_time(&schedule, 2000), 3 * SECOND);
}

TEST(load_schedule, never_goes_back)
{
	static const double rates[] = { 0.001, 0.7, 3, 999.5, 123456.7, 1e8 };
	static const double ramps[] = { 0, 0.001, 1, 60 };

	for (size_t i = 0; i < 6; i++) {
		for (size_t j = 0; j < 4; j++) {
			const struct load_schedule schedule = { 7, rates[i], ramps[j] };
			int64_t before = 7;

			for (uint64_t k = 0; k < 5000; k++) {
				int64_t now = load_schedule_time(&schedule, k);

				EXPECT_LE(before, now);
				before = now;
			}
		}
	}
}

TEST(load_schedule, does_not_drift_in_an_hour)
{
	const struct load_schedule schedule = { .rate = 30000 };
	int64_t off = load_schedule_time(&schedule, UINT64_C(30000) * 3600) - 3600 * SECOND;

	EXPECT_LE(labs(off), 1000);
}
