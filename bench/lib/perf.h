/* SPDX-License-Identifier: MIT */
/* perf - the kernel's counters of a process, and what they would say had they run all the time. */
#ifndef COIL_BENCH_LIB_PERF_H
#define COIL_BENCH_LIB_PERF_H

#include <stdbool.h>
#include <stdint.h>

/* Of which event, as struct perf_event_attr has it. */
struct perf_event {
	uint32_t type;
	uint64_t config;
	bool is_kernels; /* of no use without the kernel's share */
};

/* As the kernel writes it: a counter, and for how long it was wanted and had a register. */
struct perf_reading {
	uint64_t value;
	uint64_t enabled_ns;
	uint64_t running_ns;
};

/*
 * 0: of this process from now on; a pid: of that process and all that it will start, from its exec
 * on. A file to close, or a negative errno.
 */
int perf_open(const struct perf_event *event, int pid);
/* false: it is not open (file is negative), or tells nothing. */
bool perf_read(int file, struct perf_reading *ret_reading);
/*
 * What was counted between two readings. More events than the processor has registers for take
 * turns at them: it is scaled by the part of the time that this one had. NAN: it had none.
 */
double perf_count(const struct perf_reading *before, const struct perf_reading *after);

#endif
