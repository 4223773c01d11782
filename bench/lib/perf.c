/* SPDX-License-Identifier: MIT */
/* See perf.h. */
#include "perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "statistics.h"

static int open_file(struct perf_event_attr *attr, int pid)
{
	return (int)syscall(SYS_perf_event_open, attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int perf_open(const struct perf_event *event, int pid)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = event->type, .config = event->config,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.inherit = pid != 0, .disabled = pid != 0, .enable_on_exec = pid != 0,
	};
	int file = open_file(&attr, pid);

	if (file < 0 && (errno == EACCES || errno == EPERM) && !event->is_kernels) {
		/* The kernel's share is not for everybody. */
		attr.exclude_kernel = attr.exclude_hv = 1;
		file = open_file(&attr, pid);
	}
	return file < 0 ? -errno : file;
}

bool perf_read(int file, struct perf_reading *ret_reading)
{
	return file >= 0 && read(file, ret_reading, sizeof(*ret_reading)) == sizeof(*ret_reading);
}

double perf_count(const struct perf_reading *before, const struct perf_reading *after)
{
	double value = (double)(after->value - before->value);
	double enabled_ns = (double)(after->enabled_ns - before->enabled_ns);
	double running_ns = (double)(after->running_ns - before->running_ns);

	if (enabled_ns == running_ns)
		return value;
	return running_ns > 0 ? value * enabled_ns / running_ns : UNKNOWN;
}
