/* SPDX-License-Identifier: MIT */
/* See counters.h. What cannot be counted is NAN, never 0. */
#include "counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "coil/loop.h"
#include "perf.h"
#include "statistics.h"

#define FIRST_EVENT COUNTER_SYSCALLS
#define EVENTS 3 /* of this process; getrusage tells the rest */

const char *const counter_names[COUNTER_KINDS] = {
	[COUNTER_ENTERS] = "enters",
	[COUNTER_SQES] = "sqes",
	[COUNTER_CQES] = "cqes",
	[COUNTER_TASK_SWITCHES] = "task_switches",
	[COUNTER_ALLOCATIONS] = "allocations",
	[COUNTER_WAITS] = "waits",
	[COUNTER_SYSCALLS] = "syscalls",
	[COUNTER_CYCLES] = "cycles",
	[COUNTER_INSTRUCTIONS] = "instructions",
	[COUNTER_CONTEXT_SWITCHES] = "context_switches",
	[COUNTER_PAGE_FAULTS] = "page_faults",
	[COUNTER_CPU_NS] = "cpu_ns",
	[COUNTER_RSS_BYTES] = "rss_bytes",
};

/* -- Perf -------------------------------------------------------------------------------------- */

/* The number of the tracepoint that each system call passes, or 0. */
static uint64_t tracepoint(void)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
		"/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
	};
	unsigned long id = 0;

	for (size_t i = 0; i < 2 && id == 0; i++) {
		FILE *file = fopen(paths[i], "re");

		if (file && fscanf(file, "%lu", &id) != 1)
			id = 0;
		if (file)
			fclose(file);
	}
	return id;
}

static const struct perf_event events[COUNTER_EVENTS] = {
	[COUNTER_SYSCALLS - FIRST_EVENT] = { PERF_TYPE_TRACEPOINT, 0, true },
	[COUNTER_CYCLES - FIRST_EVENT] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false },
	[COUNTER_INSTRUCTIONS - FIRST_EVENT] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS,
						 false },
	[COUNTER_CONTEXT_SWITCHES - FIRST_EVENT] = { PERF_TYPE_SOFTWARE,
						     PERF_COUNT_SW_CONTEXT_SWITCHES, true },
	[COUNTER_PAGE_FAULTS - FIRST_EVENT] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS,
						false },
};

static int open_event(enum counter_kind kind, int pid)
{
	struct perf_event event = events[kind - FIRST_EVENT];

	if (kind == COUNTER_SYSCALLS)
		event.config = tracepoint();
	return kind == COUNTER_SYSCALLS && event.config == 0 ? -ENOENT : perf_open(&event, pid);
}

static const char *reason(int rc)
{
	if (rc == -EACCES || rc == -EPERM)
		return "not allowed (kernel.perf_event_paranoid)";
	if (rc == -ENOENT || rc == -EOPNOTSUPP || rc == -ENODEV)
		return "this machine has none";
	return rc == -ENOSYS ? "the kernel has no perf events" : strerror(-rc);
}

void counters_describe(char *text, size_t bytes)
{
	size_t at = 0;

	text[0] = '\0';
	for (int i = 0; i < EVENTS && at < bytes; i++) {
		int event = open_event((enum counter_kind)(FIRST_EVENT + i), 0);
		const char *words = event >= 0 ? "yes" : reason(event);

		if (i == 0 && event == -ENOENT)
			words = "no tracepoint for us";
		at += (size_t)snprintf(text + at, bytes - at, "%s%s: %s", i ? "; " : "",
				       counter_names[FIRST_EVENT + i], words);
		if (event >= 0)
			close(event);
	}
}

/* -- All of them ------------------------------------------------------------------------------- */

void counters_open(struct counters *counters, bool has_loop)
{
	*counters = (struct counters){ .has_loop = has_loop };
	for (int i = 0; i < COUNTER_EVENTS; i++)
		counters->events[i] =
			i < EVENTS ? open_event((enum counter_kind)(FIRST_EVENT + i), 0) : -1;
}

void counters_follow(struct counters *counters, int pid)
{
	*counters = (struct counters){ 0 };
	for (int i = 0; i < COUNTER_EVENTS; i++)
		counters->events[i] = open_event((enum counter_kind)(FIRST_EVENT + i), pid);
}

void counters_read(const struct counters *counters, double *ret_values)
{
	const struct perf_reading none = { 0 };
	struct perf_reading now;

	for (int i = 0; i < COUNTER_KINDS; i++)
		ret_values[i] = UNKNOWN;
	for (int i = 0; i < COUNTER_EVENTS; i++)
		if (perf_read(counters->events[i], &now))
			ret_values[FIRST_EVENT + i] = perf_count(&none, &now);
}

void counters_close(struct counters *counters)
{
	for (int i = 0; i < COUNTER_EVENTS; i++)
		if (counters->events[i] >= 0)
			close(counters->events[i]);
}

static void read_loop(double *now)
{
	struct coil_stats stats = { .size = sizeof(stats) };

	if (coil_stats(&stats) < 0)
		return;
	now[COUNTER_ENTERS] = (double)stats.enters;
	now[COUNTER_SQES] = (double)stats.sqes;
	now[COUNTER_CQES] = (double)stats.cqes;
	now[COUNTER_TASK_SWITCHES] = (double)stats.switches;
	now[COUNTER_ALLOCATIONS] = (double)stats.allocations;
	now[COUNTER_WAITS] = (double)stats.waits;
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void read_all(const struct counters *counters, double *now)
{
	struct rusage usage;

	for (int i = 0; i < COUNTER_KINDS; i++)
		now[i] = UNKNOWN;
	if (counters->has_loop && coil_loop_current())
		read_loop(now);
	getrusage(RUSAGE_SELF, &usage);
	now[COUNTER_CONTEXT_SWITCHES] = (double)(usage.ru_nvcsw + usage.ru_nivcsw);
	now[COUNTER_PAGE_FAULTS] = (double)(usage.ru_minflt + usage.ru_majflt);
	now[COUNTER_RSS_BYTES] = (double)usage.ru_maxrss * 1024;
	now[COUNTER_CPU_NS] = cpu_ns();
}

/* The kernel's counters are read last here and first at the end, so as not to count the reading. */
void counters_begin(struct counters *counters)
{
	read_all(counters, counters->before);
	for (int i = 0; i < EVENTS; i++)
		perf_read(counters->events[i], &counters->events_before[i]);
}

void counters_end(struct counters *counters)
{
	double now[COUNTER_KINDS], counts[EVENTS];
	struct perf_reading event;

	for (int i = 0; i < EVENTS; i++)
		counts[i] = perf_read(counters->events[i], &event)
				    ? perf_count(&counters->events_before[i], &event)
				    : UNKNOWN;
	read_all(counters, now);
	for (int i = 0; i < EVENTS; i++)
		counters->sums[FIRST_EVENT + i] += counts[i];
	for (int i = 0; i < COUNTER_KINDS; i++)
		if (i < FIRST_EVENT || i >= FIRST_EVENT + EVENTS)
			counters->sums[i] += now[i] - counters->before[i];
	counters->sums[COUNTER_RSS_BYTES] = now[COUNTER_RSS_BYTES];
}
