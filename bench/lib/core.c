/* SPDX-License-Identifier: MIT */
/* See core.h. */
#include "core.h"

void core_hold(struct core_hold *hold, const struct coil_bench_case *bench_case)
{
	int core = sched_getcpu();
	cpu_set_t one;

	hold->is_held = false;
	if ((bench_case->flags & COIL_BENCH_SPREAD) || core < 0 || core >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(hold->before), &hold->before) < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET((size_t)core, &one);
	hold->is_held = sched_setaffinity(0, sizeof(one), &one) == 0;
}

void core_release(const struct core_hold *hold)
{
	if (hold->is_held)
		sched_setaffinity(0, sizeof(hold->before), &hold->before);
}
