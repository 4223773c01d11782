/* SPDX-License-Identifier: MIT */
/*
 * load_schedule - when the requests of an open loop are planned.
 *
 * Request k of all is planned for the time at which k requests are due: evenly spaced at full rate,
 * and along a straight line from nothing to the full rate during the ramp. The plan depends on
 * nothing that happens. Connection i of n has the requests i, i + n, i + 2 n, ...
 */
#ifndef COIL_BENCH_LOAD_SCHEDULE_H
#define COIL_BENCH_LOAD_SCHEDULE_H

#include <math.h>
#include <stdint.h>

struct load_schedule {
	int64_t start_ns;
	double rate;			/* a second, > 0 */
	double ramp_s;			/* >= 0 */
};

/* When request k is planned. */
static inline int64_t load_schedule_time(const struct load_schedule *schedule, uint64_t k)
{
	double ramped = schedule->rate * schedule->ramp_s / 2;
	double at = (double)k;
	double seconds;

	if (at < ramped)
		seconds = sqrt(2 * schedule->ramp_s * at / schedule->rate);
	else
		seconds = schedule->ramp_s + (at - ramped) / schedule->rate;
	return schedule->start_ns + (int64_t)(seconds * 1e9);
}

#endif
