/* SPDX-License-Identifier: MIT */
/* Time: monotonic nanoseconds in an int64_t (292 years), with arithmetic that saturates instead of
 * wrapping. */
#ifndef COIL_BASE_CLOCK_H
#define COIL_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_FOREVER INT64_MAX
#define CLOCK_SECOND INT64_C(1000000000)

static inline int64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * CLOCK_SECOND + ts.tv_nsec;
}

/* @time + @duration, held within the range; forever plus anything is forever. */
static inline int64_t clock_add(int64_t time, int64_t duration)
{
	int64_t sum;

	if (time == CLOCK_FOREVER || __builtin_add_overflow(time, duration, &sum))
		return duration < 0 && time != CLOCK_FOREVER ? INT64_MIN : CLOCK_FOREVER;
	return sum;
}

#endif
