/* SPDX-License-Identifier: MIT */
/* See record.h. What a file does not tell is "unknown", so that a reader need not guess. */
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <liburing/io_uring_version.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"

#define TEXT_BYTES 1024

/* The first line of a file, without its end. */
static bool read_line(const char *path, char *text, size_t bytes)
{
	FILE *file = fopen(path, "re");
	bool has_line;

	snprintf(text, bytes, "unknown");
	if (!file)
		return false;
	has_line = fgets(text, (int)bytes, file) != NULL;
	fclose(file);
	if (!has_line)
		snprintf(text, bytes, "unknown");
	text[strcspn(text, "\n")] = '\0';
	return has_line;
}

static int record_file(struct coil_bench *bench, const char *key, const char *path)
{
	char text[TEXT_BYTES];

	read_line(path, text, sizeof(text));
	return model_record(bench, key, text);
}

/* What stands after the colon in the line of /proc/cpuinfo that begins with key. */
static int record_processor(struct coil_bench *bench)
{
	FILE *info = fopen("/proc/cpuinfo", "re");
	char line[TEXT_BYTES], text[TEXT_BYTES] = "unknown";

	while (info && fgets(line, sizeof(line), info)) {
		const char *colon = strchr(line, ':');

		if ((strncmp(line, "model name", 10) != 0 && strncmp(line, "CPU part", 8) != 0) ||
		    !colon)
			continue;
		snprintf(text, sizeof(text), "%s", colon + 1 + strspn(colon + 1, " "));
		text[strcspn(text, "\n")] = '\0';
		break;
	}
	if (info)
		fclose(info);
	return model_record(bench, "cpu", text);
}

/* "meltdown: Mitigation: PTI; ...", of those that this processor has at all. */
static int record_mitigations(struct coil_bench *bench)
{
	static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
	DIR *dir = opendir(folder);
	char text[4096] = "", path[TEXT_BYTES], line[TEXT_BYTES];
	struct dirent *entry;
	size_t at = 0;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || !read_line(path, line, sizeof(line)) ||
		    strncmp(line, "Not affected", 12) == 0)
			continue;
		if (at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s: %s",
					       at ? "; " : "", entry->d_name, line);
	}
	if (dir)
		closedir(dir);
	else
		snprintf(text, sizeof(text), "unknown");
	return model_record(bench, "mitigations", text);
}

/* -- Container --------------------------------------------------------------------------------- */

static const char *container_name(char *text, size_t bytes)
{
	const char *marked = getenv("container");

	if (access("/.dockerenv", F_OK) == 0)
		return "docker";
	if (access("/run/.containerenv", F_OK) == 0)
		return "podman";
	if (getenv("KUBERNETES_SERVICE_HOST"))
		return "kubernetes";
	if (read_line("/run/systemd/container", text, bytes))
		return text;
	return marked && *marked ? marked : "no";
}

/* The group's own folder; the root's where there is but one. */
static void cgroup_folder(char *path, size_t bytes)
{
	char line[TEXT_BYTES / 2];

	if (!read_line("/proc/self/cgroup", line, sizeof(line)) || strncmp(line, "0::", 3) != 0)
		snprintf(line, sizeof(line), "0::/");
	snprintf(path, bytes, "/sys/fs/cgroup%s", line + 3);
}

static int record_container(struct coil_bench *bench)
{
	static const char *const files[][2] = {
		{ "cgroup_cpu_max", "cpu.max" },
		{ "cgroup_memory_max", "memory.max" },
		{ "cgroup_pids_max", "pids.max" },
	};
	char folder[TEXT_BYTES], path[2 * TEXT_BYTES], text[TEXT_BYTES];
	int rc = model_record(bench, "container", container_name(text, sizeof(text)));

	cgroup_folder(folder, sizeof(folder));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && rc == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i][1]);
		rc = read_line(path, text, sizeof(text)) ? model_record(bench, files[i][0], text)
							 : 0;
	}
	return rc;
}

/* -- Limits and versions ----------------------------------------------------------------------- */

static int record_limit(struct coil_bench *bench, const char *key, int which)
{
	struct rlimit limit;
	char text[64] = "unlimited";

	if (getrlimit((__rlimit_resource_t)which, &limit) < 0)
		return 0;
	if (limit.rlim_cur != RLIM_INFINITY)
		snprintf(text, sizeof(text), "%llu", (unsigned long long)limit.rlim_cur);
	return model_record(bench, key, text);
}

static int record_limits(struct coil_bench *bench)
{
	int rc = record_limit(bench, "limit_files", RLIMIT_NOFILE);

	if (rc == 0)
		rc = record_limit(bench, "limit_locked_bytes", RLIMIT_MEMLOCK);
	if (rc == 0)
		rc = record_limit(bench, "limit_stack_bytes", RLIMIT_STACK);
	return rc;
}

static int record_processors(struct coil_bench *bench)
{
	cpu_set_t set;
	char text[64];

	snprintf(text, sizeof(text), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	if (sched_getaffinity(0, sizeof(set), &set) == 0 &&
	    CPU_COUNT(&set) != sysconf(_SC_NPROCESSORS_ONLN))
		snprintf(text, sizeof(text), "%d of %ld", CPU_COUNT(&set),
			 sysconf(_SC_NPROCESSORS_ONLN));
	return model_record(bench, "cpus", text);
}

static int record_versions(struct coil_bench *bench)
{
	const struct coil_bench_options *options = &bench->options;
	char text[TEXT_BYTES], when[64];
	time_t now = time(NULL);
	struct tm utc;
	int rc;

	gmtime_r(&now, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(text, sizeof(text), "%d.%d", IO_URING_VERSION_MAJOR, IO_URING_VERSION_MINOR);
	if ((rc = model_record(bench, "program", options->name)) < 0 ||
	    (rc = model_record(bench, "subject", options->subject)) < 0 ||
	    (rc = model_record(bench, "version", options->version)) < 0 ||
	    (rc = model_record(bench, "commit", options->commit)) < 0 ||
	    (rc = model_record(bench, "build", options->build)) < 0 ||
	    (rc = model_record(bench, "coil", COIL_VERSION)) < 0 ||
	    (rc = model_record(bench, "liburing", text)) < 0 ||
	    (rc = model_record(bench, "libc", gnu_get_libc_version())) < 0 ||
	    (rc = model_record(bench, "compiler", __VERSION__)) < 0 ||
	    (rc = model_record(bench, "date", when)) < 0)
		return rc;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)options->seed);
	return model_record(bench, "seed", text);
}

static int record_kernel(struct coil_bench *bench)
{
	char text[TEXT_BYTES];
	struct utsname kernel;
	int rc;

	uname(&kernel);
	snprintf(text, sizeof(text), "%s %s %s", kernel.sysname, kernel.release, kernel.machine);
	rc = model_record(bench, "kernel", text);
	if (rc == 0)
		rc = record_file(bench, "load", "/proc/loadavg");
	if (rc == 0)
		rc = record_file(bench, "io_uring_disabled", "/proc/sys/kernel/io_uring_disabled");
	counters_describe(text, sizeof(text));
	return rc < 0 ? rc : model_record(bench, "perf", text);
}

int record_machine(struct coil_bench *bench)
{
	static const char cpu[] = "/sys/devices/system/cpu/";
	char path[TEXT_BYTES];
	int rc;

	if ((rc = record_versions(bench)) < 0 || (rc = record_kernel(bench)) < 0 ||
	    (rc = record_processor(bench)) < 0 || (rc = record_processors(bench)) < 0)
		return rc;
	snprintf(path, sizeof(path), "%ssmt/active", cpu);
	if ((rc = record_file(bench, "smt", path)) < 0)
		return rc;
	snprintf(path, sizeof(path), "%scpu0/cpufreq/scaling_governor", cpu);
	if ((rc = record_file(bench, "governor", path)) < 0)
		return rc;
	snprintf(path, sizeof(path), "%scpu0/cpufreq/scaling_cur_freq", cpu);
	if ((rc = record_file(bench, "frequency_khz", path)) < 0 ||
	    (rc = record_mitigations(bench)) < 0 || (rc = record_container(bench)) < 0)
		return rc;
	return record_limits(bench);
}

/* -- Noise ------------------------------------------------------------------------------------- */

static double seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

void machine_time_read(struct machine_time *ret_time)
{
	double ticks[8] = { 0 }, hz = (double)sysconf(_SC_CLK_TCK);
	struct rusage self, children;
	struct timespec now;
	FILE *stat = fopen("/proc/stat", "re");
	int found = stat ? fscanf(stat, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &ticks[0], &ticks[1],
				  &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7])
			 : 0;

	if (stat)
		fclose(stat);
	*ret_time = (struct machine_time){ .stolen = ticks[7] / hz };
	/* user nice system idle iowait irq softirq steal */
	for (int i = 0; i < 8 && found == 8; i++) {
		ret_time->all += ticks[i] / hz;
		ret_time->busy += i == 3 || i == 4 || i == 7 ? 0 : ticks[i] / hz;
	}
	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	ret_time->own = seconds_of(&self.ru_utime) + seconds_of(&self.ru_stime) +
			seconds_of(&children.ru_utime) + seconds_of(&children.ru_stime);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ret_time->at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void machine_time_compare(const struct machine_time *before, struct noise *noise)
{
	struct machine_time now;
	double all, others;

	machine_time_read(&now);
	all = now.all - before->all;
	/* The clock of /proc/stat ticks in hundredths: nothing can be said of less than a few. */
	if (!(all > 0.1) || !(now.at - before->at > 0.05))
		return;
	others = (now.busy - before->busy - (now.own - before->own)) / (now.at - before->at);
	noise->stolen = (now.stolen - before->stolen) / all;
	noise->others = others > 0 ? others : 0;
}
