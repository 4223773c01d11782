/* SPDX-License-Identifier: MIT */
/*
 * core - one core for what is measured.
 *
 * Who wakes whom on which core is a matter of luck, also for the kernel's workers, and on a virtual
 * machine a wake-up of another core is dearer than most work. The whole round shares the one that
 * it has begun on.
 */
#ifndef COIL_BENCH_LIB_CORE_H
#define COIL_BENCH_LIB_CORE_H

#include <sched.h>
#include <stdbool.h>

#include "coil/bench.h"

struct core_hold {
	cpu_set_t before;
	bool is_held;
};

/* Threads and processes that begin from now on stay there, too. Not with COIL_BENCH_SPREAD. */
void core_hold(struct core_hold *hold, const struct coil_bench_case *bench_case);
void core_release(const struct core_hold *hold);

#endif
