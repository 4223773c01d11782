/* SPDX-License-Identifier: MIT */
/*
 * coil-bench count BASELINE NOW: exact counts of fixed scenarios against stored ones.
 *
 * A line a scenario: its name, instructions (as callgrind counts them), allocations, system calls
 * and SQEs; # begins a comment. Instructions may be off by two percent, the others not at all.
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

enum { INSTRUCTIONS, ALLOCATIONS, CALLS, SQES, KINDS };

static const char *const kinds[] = {
	[INSTRUCTIONS] = "instructions", [ALLOCATIONS] = "allocations", [CALLS] = "system calls",
	[SQES] = "SQEs",
};

struct scenario {
	char name[NAME_BYTES];
	double counts[KINDS];
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
	.doc = "Compares counts of fixed scenarios: lines of NAME INSTRUCTIONS ALLOCATIONS CALLS "
	       "SQES."
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

static bool are_possible(const double *counts)
{
	for (int kind = 0; kind < KINDS; kind++)
		if (!isfinite(counts[kind]) || counts[kind] < 0)
			return false;
	return counts[INSTRUCTIONS] > 0;
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
	if (sscanf(line, "%63s %lf %lf %lf %lf %c", to->name, &to->counts[INSTRUCTIONS],
		   &to->counts[ALLOCATIONS], &to->counts[CALLS], &to->counts[SQES], &rest) != 5 ||
	    !are_possible(to->counts))
		return complain(path, number, "not NAME INSTRUCTIONS ALLOCATIONS CALLS SQES");
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
static bool is_off(const struct scenario *was, const struct scenario *is, int kind,
		   double tolerance)
{
	double before = was->counts[kind], change = is->counts[kind] - before;

	if (fabs(change) <= (kind == INSTRUCTIONS ? tolerance * before : 0))
		return false;
	printf("%-20s %-12s %12.10g -> %.10g (%+.2f %%): %s\n", was->name, kinds[kind], before,
	       is->counts[kind], before > 0 ? change / before * 100 : 100.0,
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
			printf("%-20s is gone\n", old_one->name);
			off++;
			continue;
		}
		for (int kind = 0; kind < KINDS; kind++)
			off += is_off(old_one, new_one, kind, tolerance);
	}
	for (size_t i = 0; i < now->count; i++)
		if (!find(before, now->scenarios[i].name)) {
			printf("%-20s is not in the baseline\n", now->scenarios[i].name);
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
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	if (read_counts(wishes.paths[0], &before) < 0 || read_counts(wishes.paths[1], &now) < 0)
		return 1;
	off = compare_counts(&before, &now, wishes.tolerance);
	printf("%zu scenarios, %zu counts off\n", before.count, off);
	return off || fflush(stdout) ? 1 : 0;
}
