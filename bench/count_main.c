/* SPDX-License-Identifier: MIT */
/*
 * coil-bench count BASELINE NOW: exact counts of fixed scenarios against stored ones.
 *
 * A line a scenario: its name, instructions (as callgrind counts them), allocations and system
 * calls; # begins a comment. Instructions may be off by two percent, the others not at all.
 */
#include "commands.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIOS_MAX 256
#define NAME_BYTES 64
#define PERCENT_MAX 100

enum { KEY_TOLERANCE = 0x100 };

struct scenario {
	char name[NAME_BYTES];
	double instructions, allocations, calls;
};

struct counts {
	struct scenario scenarios[SCENARIOS_MAX];
	size_t count;
};

struct wishes {
	const char *paths[2];
	int paths_count;
	double tolerance;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct wishes *wishes = state->input;
	char *end;

	switch (key) {
	case KEY_TOLERANCE:
		wishes->tolerance = strtod(text, &end) / 100;
		if (end == text || (strcmp(end, "%") != 0 && *end) ||
		    !(wishes->tolerance >= 0 && wishes->tolerance * 100 <= PERCENT_MAX))
			argp_error(state, "'%s' is not a percentage from 0 to 100: 2%%", text);
		return 0;
	case ARGP_KEY_ARG:
		if (wishes->paths_count == 2)
			argp_error(state, "two files, not more: BASELINE NOW");
		wishes->paths[wishes->paths_count++] = text;
		return 0;
	case ARGP_KEY_END:
		if (wishes->paths_count < 2)
			argp_error(state, "two files: BASELINE NOW");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "tolerance", KEY_TOLERANCE, "P%", 0, "Of the instructions (default 2%)", 0 },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "BASELINE NOW",
	.doc = "Compares counts of fixed scenarios: lines of NAME INSTRUCTIONS ALLOCATIONS CALLS."
	       "\vExit status: 0, 1 a count is off (also a better one: renew the baseline), a "
	       "scenario is missing or a file cannot be read, 2 wrong usage.",
};

static const struct scenario *find(const struct counts *counts, const char *name)
{
	for (size_t i = 0; i < counts->count; i++)
		if (strcmp(counts->scenarios[i].name, name) == 0)
			return &counts->scenarios[i];
	return NULL;
}

static int complain(const char *path, unsigned line, const char *words)
{
	fprintf(stderr, "coil-bench: %s:%u: %s\n", path, line, words);
	return -EINVAL;
}

static int read_line(const char *path, unsigned number, char *line, struct counts *counts)
{
	struct scenario *to = &counts->scenarios[counts->count];
	char rest;

	line[strcspn(line, "#\n")] = '\0';
	if (line[strspn(line, " \t")] == '\0')
		return 0;
	if (counts->count == SCENARIOS_MAX)
		return complain(path, number, "too many scenarios");
	if (sscanf(line, "%63s %lf %lf %lf %c", to->name, &to->instructions, &to->allocations,
		   &to->calls, &rest) != 4 || !(to->instructions > 0) ||
	    !(to->allocations >= 0) || !(to->calls >= 0))
		return complain(path, number, "not NAME INSTRUCTIONS ALLOCATIONS CALLS");
	if (find(counts, to->name))
		return complain(path, number, "this scenario is there already");
	counts->count++;
	return 0;
}

static int read_counts(const char *path, struct counts *counts)
{
	FILE *in = fopen(path, "re");
	char line[256];
	int rc = 0;

	if (!in) {
		fprintf(stderr, "coil-bench: %s: %s\n", path, strerror(errno));
		return -EINVAL;
	}
	for (unsigned number = 1; rc == 0 && fgets(line, sizeof(line), in); number++)
		rc = read_line(path, number, line, counts);
	fclose(in);
	if (rc == 0 && counts->count == 0)
		rc = complain(path, 1, "no scenarios");
	return rc;
}

/* One count of one scenario; whether it is off. */
static bool is_off(const char *name, const char *what, const double pair[2], double tolerance)
{
	double change = pair[1] - pair[0];

	if (fabs(change) <= tolerance * pair[0])
		return false;
	printf("%-24s %-12s %14.0f -> %.0f (%+.2f %%): %s\n", name, what, pair[0], pair[1],
	       pair[0] > 0 ? change / pair[0] * 100 : 100.0,
	       change > 0 ? "WORSE" : "better: renew the baseline");
	return true;
}

static size_t compare_counts(const struct counts *before, const struct counts *now,
			     double tolerance)
{
	size_t off = 0;

	for (size_t i = 0; i < before->count; i++) {
		const struct scenario *old_one = &before->scenarios[i];
		const struct scenario *new_one = find(now, old_one->name);

		if (!new_one) {
			printf("%-24s is gone\n", old_one->name);
			off++;
			continue;
		}
		off += is_off(old_one->name, "instructions",
			      (double[]){ old_one->instructions, new_one->instructions },
			      tolerance);
		off += is_off(old_one->name, "allocations",
			      (double[]){ old_one->allocations, new_one->allocations }, 0);
		off += is_off(old_one->name, "system calls",
			      (double[]){ old_one->calls, new_one->calls }, 0);
	}
	for (size_t i = 0; i < now->count; i++)
		if (!find(before, now->scenarios[i].name)) {
			printf("%-24s is not in the baseline\n", now->scenarios[i].name);
			off++;
		}
	return off;
}

int count_main(int argc, char **argv)
{
	static struct counts before, now;
	struct wishes wishes = { .tolerance = 0.02 };
	size_t off;

	argp_err_exit_status = 2;
	argv[0] = (char[]){ "coil-bench count" };
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	if (read_counts(wishes.paths[0], &before) < 0 || read_counts(wishes.paths[1], &now) < 0)
		return 1;
	off = compare_counts(&before, &now, wishes.tolerance);
	printf("%zu scenarios, %zu counts off\n", before.count, off);
	return off || fflush(stdout) ? 1 : 0;
}
