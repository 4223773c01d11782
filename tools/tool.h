/* SPDX-License-Identifier: MIT */
/* What the command-line programs share: numbers with units, the limit of descriptors, the end. */
#ifndef COIL_TOOLS_TOOL_H
#define COIL_TOOLS_TOOL_H

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

/* "64", "4k", "1M", "64KiB": powers of 1024. Anything else ends the program with words. */
static inline long tool_count(struct argp_state *state, const char *text, long min, long max)
{
	static const char *const units[] = {"", "b", "k", "kb", "kib", "m", "mb", "mib"};
	static const int shifts[] = {0, 0, 10, 10, 10, 20, 20, 20};
	char *end;
	long value = strtol(text, &end, 10);
	int shift = -1;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcasecmp(end, units[i]) == 0)
			shift = shifts[i];
	if (end == text || shift < 0 || value < 0 || value > max >> shift ||
	    value << shift < min)
		argp_error(state, "'%s' is not a number from %ld to %ld", text, min, max);
	return value << shift;
}

/* "5", "0.5", "500ms", "2s", "1m": in nanoseconds. */
static inline long tool_duration(struct argp_state *state, const char *text)
{
	static const char *const units[] = {"", "s", "ms", "us", "m"};
	static const double factors[] = {1e9, 1e9, 1e6, 1e3, 60e9};
	char *end;
	double value = strtod(text, &end);

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (end != text && strcmp(end, units[i]) == 0 && value >= 0 && value < 1e6)
			return (long)(value * factors[i]);
	argp_error(state, "'%s' is not a time such as 5, 0.5s or 500ms", text);
	return 0;
}

/* @status for exit, unless what was printed could not be written: then @failed, and why. */
static inline int tool_end(const char *name, int status, int failed)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "%s: standard output: %s\n", name, strerror(errno));
	return failed;
}

/* Why nobody can be listened for at an address: there a missing name is no missing file. */
static inline const char *tool_listen_words(int rc, bool is_unix, const char *otherwise)
{
	return rc == -ENOENT && !is_unix ? "there is no such name" : otherwise;
}

/* As many descriptors as we may have. */
static inline void tool_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

#endif
