/* SPDX-License-Identifier: MIT */
/* must - a check that is always on, as lib/base/check.h, for a library that cannot reach it. */
#ifndef COIL_BENCH_LIB_MUST_H
#define COIL_BENCH_LIB_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define check(condition)                                                                           \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0)) {                                           \
			fprintf(stderr, "%s:%d: %s: must be: %s\n", __FILE__, __LINE__, __func__,  \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
