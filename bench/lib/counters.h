/* SPDX-License-Identifier: MIT */
/* counters - what a piece of work costs beside its time: system calls, switches, cycles. */
#ifndef COIL_BENCH_LIB_COUNTERS_H
#define COIL_BENCH_LIB_COUNTERS_H

#include <stdbool.h>

#include "coil/stats.h"
#include "perf.h"

enum counter_kind {
	COUNTER_ENTERS, /* the first six are the loop's, as coil_stats tells */
	COUNTER_SQES,
	COUNTER_CQES,
	COUNTER_TASK_SWITCHES,
	COUNTER_ALLOCATIONS,
	COUNTER_WAITS,
	COUNTER_SYSCALLS, /* these three by perf_event_open; of another process the next two, too */
	COUNTER_CYCLES,
	COUNTER_INSTRUCTIONS,
	COUNTER_CONTEXT_SWITCHES,
	COUNTER_PAGE_FAULTS,
	COUNTER_CPU_NS,
	COUNTER_RSS_BYTES, /* of the process, not for each unit */
	COUNTER_KINDS,
};

extern const char *const counter_names[COUNTER_KINDS];

#define COUNTER_EVENTS 5

struct counters {
	int events[COUNTER_EVENTS]; /* -1: none */
	bool has_loop; /* count what the calling thread's loop does */
	double before[COUNTER_KINDS];
	struct perf_reading events_before[COUNTER_EVENTS];
	double sums[COUNTER_KINDS]; /* NAN: not known */
};

void counters_open(struct counters *counters, bool has_loop);
void counters_close(struct counters *counters);
/* Around each piece of work; sums grow. */
void counters_begin(struct counters *counters);
void counters_end(struct counters *counters);

/*
 * Of a process that is to execute a program: what it does from then on, with all that it starts.
 * Its loop is not known. close it as any.
 */
void counters_follow(struct counters *counters, int pid);
/* So far; NAN: not known. */
void counters_read(const struct counters *counters, double *ret_values);

/* "yes", or which of perf's counters this machine refuses, and why. */
void counters_describe(char *text, size_t bytes);

#endif
