/* SPDX-License-Identifier: MIT */
/*
 * coil-bench - Coil against the best programs that we could write without it.
 *
 * Each benchmark and its floor take turns in one run. Exit status: 0 measured (goals missed or
 * not), 1 something could not be measured, 2 wrong usage.
 */
#include "bench.h"

#include <argp.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define CASES_MAX 64
#define SECONDS_MAX 3600

const char *argp_program_version = "coil-bench " COIL_VERSION;

enum { KEY_JSON = 0x100, KEY_SECONDS, KEY_SMOKE };

struct wishes {
	const char *command;
	const char **patterns;
	int patterns_count;
	const char *json;
	double seconds;
	bool is_smoke;
	bool is_quiet;
};

static const struct bench_case *const tables[] = {
	bench_cases_task, bench_cases_nop, bench_cases_net,
	bench_cases_timers, bench_cases_file, bench_cases_parked,
};

/* -- Arguments --------------------------------------------------------------------------------- */

static double parse_seconds(const char *text, struct argp_state *state)
{
	char *end;
	double seconds = strtod(text, &end);

	if (strcmp(end, "ms") == 0)
		seconds /= 1000;
	else if (strcmp(end, "s") != 0 && *end)
		argp_error(state, "'%s' is not a time: 5, 5s or 200ms", text);
	if (!(seconds > 0 && seconds <= SECONDS_MAX))
		argp_error(state, "'%s': more than 0 and at most %d seconds", text, SECONDS_MAX);
	return seconds;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct wishes *wishes = state->input;

	switch (key) {
	case KEY_JSON:
		wishes->json = text;
		return 0;
	case KEY_SECONDS:
		wishes->seconds = parse_seconds(text, state);
		return 0;
	case KEY_SMOKE:
		wishes->is_smoke = true;
		return 0;
	case 'q':
		wishes->is_quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (wishes->command) {
			wishes->patterns[wishes->patterns_count++] = text;
			return 0;
		}
		wishes->command = text;
		if (strcmp(text, "list") != 0 && strcmp(text, "run") != 0)
			argp_error(state, "'%s' is not a command: list or run", text);
		return 0;
	case ARGP_KEY_END:
		if (!wishes->command)
			argp_error(state, "no command: list or run");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "json", KEY_JSON, "FILE", 0, "Write the results to FILE, too; - is standard output", 0 },
	{ "seconds", KEY_SECONDS, "S", 0, "At most this long for each benchmark (default 3)", 0 },
	{ "smoke", KEY_SMOKE, NULL, 0, "Only try that each one works; the figures are none", 0 },
	{ "quiet", 'q', NULL, 0, "No table", 0 },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "list [PATTERN...]\nrun [PATTERN...]",
	.doc = "Measures Coil against hand-written floors, which run interleaved with it."
	       "\vPATTERN is a shell pattern of names; without one, all are meant. SIGINT ends the "
	       "measuring; what is known is reported.",
};

/* -- Commands ---------------------------------------------------------------------------------- */

static bool is_wanted(const struct wishes *wishes, const struct bench_case *bench_case)
{
	for (int i = 0; i < wishes->patterns_count; i++)
		if (fnmatch(wishes->patterns[i], bench_case->name, 0) == 0)
			return true;
	return wishes->patterns_count == 0;
}

static size_t select_cases(const struct wishes *wishes, const struct bench_case **ret_cases)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct bench_case *at = tables[i]; at->name; at++)
			if (is_wanted(wishes, at) && count < CASES_MAX)
				ret_cases[count++] = at;
	return count;
}

static int write_json(const char *path, const struct bench_result *results, size_t count)
{
	FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	int failed;

	if (!out) {
		fprintf(stderr, "coil-bench: %s: %s\n", path, strerror(errno));
		return 1;
	}
	bench_print_json(out, results, count);
	failed = out == stdout ? fflush(out) : fclose(out);
	if (failed)
		fprintf(stderr, "coil-bench: %s: %s\n", path, strerror(errno));
	return failed ? 1 : 0;
}

static struct measure_options measure_options_of(const struct wishes *wishes)
{
	if (wishes->is_smoke)
		return (struct measure_options){ .window_ns = 1000, .time_max_ns = 50000000,
						 .windows_min = 1, .tolerance_percent = 10000 };
	return (struct measure_options){ .time_max_ns = (uint64_t)(wishes->seconds * 1e9) };
}

static int run(const struct wishes *wishes, const struct bench_case *const *cases, size_t count)
{
	static struct bench_result results[CASES_MAX];
	bool has_table = !wishes->is_quiet && !(wishes->json && strcmp(wishes->json, "-") == 0);
	size_t done = 0;
	int status = 0;

	bench_watch_interrupt();
	if (has_table)
		bench_print_head(stdout);
	for (size_t i = 0; i < count && !bench_is_interrupted(); i++) {
		struct bench_result *result = &results[done];

		if (wishes->is_smoke && cases[i]->is_long)
			continue;
		fflush(stdout); /* some cases fork */
		bench_measure(cases[i], measure_options_of(wishes), result);
		if (has_table)
			bench_print_row(stdout, result);
		fflush(stdout);
		status |= result->error != 0;
		done++;
	}
	if (wishes->json)
		status |= write_json(wishes->json, results, done);
	return status;
}

static int list(const struct bench_case *const *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%-22s %s\n", cases[i]->name, cases[i]->what);
	return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct wishes wishes = { .seconds = 3 };
	const struct bench_case *cases[CASES_MAX];
	size_t count;

	argp_err_exit_status = 2;
	wishes.patterns = calloc((size_t)argc, sizeof(*wishes.patterns));
	if (!wishes.patterns)
		return 1;
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	count = select_cases(&wishes, cases);
	if (count == 0) {
		fprintf(stderr, "coil-bench: no benchmark has such a name; see coil-bench list\n");
		return 2;
	}
	free(wishes.patterns);
	return strcmp(wishes.command, "list") == 0 ? list(cases, count)
						   : run(&wishes, cases, count);
}
