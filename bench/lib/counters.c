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
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "coil/loop.h"
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

static const struct {
	uint32_t type;
	uint64_t config;
} events[COUNTER_EVENTS] = {
	[COUNTER_SYSCALLS - FIRST_EVENT] = { PERF_TYPE_TRACEPOINT, 0 },
	[COUNTER_CYCLES - FIRST_EVENT] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	[COUNTER_INSTRUCTIONS - FIRST_EVENT] = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	[COUNTER_CONTEXT_SWITCHES - FIRST_EVENT] = { PERF_TYPE_SOFTWARE,
						     PERF_COUNT_SW_CONTEXT_SWITCHES },
	[COUNTER_PAGE_FAULTS - FIRST_EVENT] = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
};

/* Of this process, or of another one and all that it will start, from its exec on. */
static int open_event(enum counter_kind kind, int pid)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = events[kind - FIRST_EVENT].type,
		.config = events[kind - FIRST_EVENT].config,
		.inherit = pid != 0, .disabled = pid != 0, .enable_on_exec = pid != 0,
	};
	bool is_kernels = kind == COUNTER_SYSCALLS || kind == COUNTER_CONTEXT_SWITCHES;
	long event;

	if (kind == COUNTER_SYSCALLS)
		attr.config = tracepoint();
	if (kind == COUNTER_SYSCALLS && attr.config == 0)
		return -ENOENT;
	event = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0 && (errno == EACCES || errno == EPERM) && !is_kernels) {
		/* The kernel's share is not for everybody. */
		attr.exclude_kernel = attr.exclude_hv = 1;
		event = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	}
	return event < 0 ? -errno : (int)event;
}

static double read_event(int event)
{
	uint64_t value;

	return event >= 0 && read(event, &value, sizeof(value)) == sizeof(value) ? (double)value
										  : UNKNOWN;
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
	for (int i = 0; i < COUNTER_KINDS; i++)
		ret_values[i] = UNKNOWN;
	for (int i = 0; i < COUNTER_EVENTS; i++)
		ret_values[FIRST_EVENT + i] = read_event(counters->events[i]);
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
	for (int i = 0; i < EVENTS; i++)
		now[FIRST_EVENT + i] = read_event(counters->events[i]);
	getrusage(RUSAGE_SELF, &usage);
	now[COUNTER_CONTEXT_SWITCHES] = (double)(usage.ru_nvcsw + usage.ru_nivcsw);
	now[COUNTER_PAGE_FAULTS] = (double)(usage.ru_minflt + usage.ru_majflt);
	now[COUNTER_RSS_BYTES] = (double)usage.ru_maxrss * 1024;
	now[COUNTER_CPU_NS] = cpu_ns();
}

void counters_begin(struct counters *counters)
{
	read_all(counters, counters->before);
}

void counters_end(struct counters *counters)
{
	double now[COUNTER_KINDS];

	read_all(counters, now);
	for (int i = 0; i < COUNTER_KINDS; i++)
		counters->sums[i] += now[i] - counters->before[i];
	counters->sums[COUNTER_RSS_BYTES] = now[COUNTER_RSS_BYTES];
}
