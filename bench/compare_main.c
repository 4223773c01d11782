/* SPDX-License-Identifier: MIT */
/* coil-bench compare OLD NEW: a line for each case, and 1 if one is slower than allowed. */
#include "commands.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/compare.h"
#include "lib/write.h"

#define PERCENT_MAX 1000

enum { KEY_FAIL_ABOVE = 0x100 };

struct wishes {
	const char *paths[2];
	int paths_count;
	double fail_above; /* a ratio; NAN: never */
	bool is_quiet;
};

static double parse_percent(const char *text, struct argp_state *state)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || (strcmp(end, "%") != 0 && *end) ||
	    !(percent >= 0 && percent <= PERCENT_MAX))
		argp_error(state, "'%s' is not a percentage from 0 to %d: 3%%", text, PERCENT_MAX);
	return percent / 100;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct wishes *wishes = state->input;

	switch (key) {
	case KEY_FAIL_ABOVE:
		wishes->fail_above = 1 + parse_percent(text, state);
		return 0;
	case 'q':
		wishes->is_quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (wishes->paths_count == 2)
			argp_error(state, "two files, not more: OLD NEW");
		wishes->paths[wishes->paths_count++] = text;
		return 0;
	case ARGP_KEY_END:
		if (wishes->paths_count < 2)
			argp_error(state, "two files: OLD NEW");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "fail-above", KEY_FAIL_ABOVE, "P%", 0,
	  "Exit with 1 if a case is slower, and by more than this", 0 },
	{ "quiet", 'q', NULL, 0, "Only those that have changed", 0 },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "OLD NEW",
	.doc = "Compares two files that `coil-bench run --json` wrote."
	       "\vWhere both runs have a floor, their ratios to it are compared, else their times. "
	       "A case is slower or faster if the change is above 3 % and above the width of its "
	       "95 % interval, which does not contain 1, and if Mann-Whitney's p, corrected for "
	       "the number of cases (Benjamini and Hochberg), is below 5 %; `no change` means that "
	       "a change of 5 % is excluded. Counts, such as bytes, have no p: all values have to "
	       "agree. `no verdict` says why: fewer than nine rounds, a noisy machine, another "
	       "speed.\n\nExit status: 0, 1 slower than --fail-above allows or a file "
	       "could not be read, 2 wrong usage.",
};

static void warn_of_difference(const struct coil_bench *before, const struct coil_bench *after)
{
	static const char *const keys[] = { "cpu", "cpus", "kernel", "compiler", "build",
					    "mitigations", "governor", "container" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *was = model_recorded(before, keys[i]);
		const char *is = model_recorded(after, keys[i]);

		if (was && is && strcmp(was, is) != 0)
			fprintf(stderr, "coil-bench: %s differs: '%s' and '%s'\n", keys[i],
				was, is);
	}
}

static void print_row(const struct comparison *of)
{
	char before[32], after[32], ratio[32] = "-", interval[48] = "-", p[32] = "-";
	char name[96];

	describe_value(of->before, before, sizeof(before));
	describe_value(of->after, after, sizeof(after));
	if (!isnan(of->ratio))
		snprintf(ratio, sizeof(ratio), "%.3f%s", of->ratio,
			 of->is_by_floor   ? "*"
			 : of->is_by_trend ? "~"
			 : of->is_by_speed ? "+"
					   : "");
	if (!isnan(of->interval.low))
		snprintf(interval, sizeof(interval), "%.3f..%.3f", of->interval.low,
			 of->interval.high);
	if (!isnan(of->p))
		snprintf(p, sizeof(p), "%.2g", of->p);
	snprintf(name, sizeof(name), "%s %s", of->name, of->subject);
	printf("%-28s %10s %10s %-2s %8s %14s %8s  %s%s%s\n", name, before, after, of->unit, ratio,
	       interval, p, verdict_name(of->verdict), of->words[0] ? ": " : "", of->words);
}

static int print_all(const struct wishes *wishes, const struct comparison *all, size_t count)
{
	size_t sums[VERDICT_ONLY_NEW + 1] = { 0 };
	size_t too_slow = 0;

	printf("%-28s %10s %10s %-2s %8s %14s %8s  %s\n", "case and subject", "old", "new", "",
	       "ratio", "95 %", "p", "verdict");
	for (size_t i = 0; i < count; i++) {
		sums[all[i].verdict]++;
		if (!wishes->is_quiet || all[i].verdict != VERDICT_NO_CHANGE)
			print_row(&all[i]);
		too_slow += all[i].verdict == VERDICT_SLOWER && all[i].ratio > wishes->fail_above;
	}
	printf("%zu no change, %zu faster, %zu slower, %zu no verdict, %zu new, %zu gone   "
	       "(* of ratios to the floor, ~ by its trend, + to fixed work)\n",
	       sums[VERDICT_NO_CHANGE], sums[VERDICT_FASTER], sums[VERDICT_SLOWER],
	       sums[VERDICT_NONE], sums[VERDICT_ONLY_NEW], sums[VERDICT_ONLY_OLD]);
	if (too_slow)
		printf("%zu slower by more than %.1f %%\n", too_slow,
		       (wishes->fail_above - 1) * 100);
	return fflush(stdout) || too_slow ? 1 : 0;
}

int compare_main(int argc, char **argv)
{
	struct wishes wishes = { .fail_above = UNKNOWN };
	struct coil_bench *before = NULL, *after = NULL;
	struct comparison *comparisons = NULL;
	size_t count;
	int status = 1;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	if (read_results(wishes.paths[0], &before) == 0 &&
	    read_results(wishes.paths[1], &after) == 0) {
		warn_of_difference(before, after);
		if (compare_models(before, after, &comparisons, &count) == 0)
			status = print_all(&wishes, comparisons, count);
		else
			fprintf(stderr, "coil-bench: out of memory\n");
	}
	free(comparisons);
	coil_bench_close(before);
	coil_bench_close(after);
	return status;
}
