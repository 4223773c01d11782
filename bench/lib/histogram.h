/* SPDX-License-Identifier: MIT */
/* What the writers want of a histogram beyond coil/bench.h. */
#ifndef COIL_BENCH_LIB_HISTOGRAM_H
#define COIL_BENCH_LIB_HISTOGRAM_H

#include "coil/bench.h"

/* The least and the greatest value of a place. */
uint64_t histogram_low(uint32_t place);
uint64_t histogram_high(uint32_t place);
double histogram_mean(const struct coil_bench_histogram *histogram);
double histogram_deviation(const struct coil_bench_histogram *histogram);

#endif
