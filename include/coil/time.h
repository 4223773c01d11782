/* SPDX-License-Identifier: MIT */
/* Time: monotonic nanoseconds in an int64_t. */
#ifndef COIL_TIME_H
#define COIL_TIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COIL_NSEC INT64_C(1)
#define COIL_USEC (1000 * COIL_NSEC)
#define COIL_MSEC (1000 * COIL_USEC)
#define COIL_SEC (1000 * COIL_MSEC)
#define COIL_MIN (60 * COIL_SEC)

/* No deadline. */
#define COIL_FOREVER INT64_MAX

/**
 * coil_now - read the clock
 *
 * The clock of the calling thread's loop: CLOCK_MONOTONIC on the real kernel, virtual time on a
 * simulated one. Outside of a loop CLOCK_MONOTONIC. Does not suspend.
 * Return: nanoseconds since an unspecified point; never decreases.
 * Since 0.1. See clock_gettime(2).
 */
int64_t coil_now(void);

#ifdef __cplusplus
}
#endif

#endif
