/* SPDX-License-Identifier: MIT */
/* coil_bench_main: arguments, selection, and where the results go. */
#include <argp.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outputs.h"
#include "session.h"

#define SECONDS_MAX 3600
#define ROUNDS_MAX 1000
#define PLANTED_MAX 1000

enum { KEY_JSON = 0x100, KEY_CSV, KEY_MARKDOWN, KEY_REPORT, KEY_HGRM, KEY_SECONDS, KEY_ROUNDS,
       KEY_SEED, KEY_SMOKE, KEY_HERE, KEY_PLANTED };

/* In the order of their keys. */
static const int formats[] = { COIL_BENCH_JSON, COIL_BENCH_CSV, COIL_BENCH_MARKDOWN,
				      COIL_BENCH_HTML, COIL_BENCH_HGRM };

struct wishes {
	const struct coil_bench_suite *suite;
	const char *command;
	const char **patterns;
	int patterns_count;
	struct outputs outputs;
	struct coil_bench_options options;
	bool is_here;
	bool is_quiet;
};

/* -- Arguments --------------------------------------------------------------------------------- */

static int64_t parse_time(const char *text, struct argp_state *state)
{
	char *end;
	double seconds = strtod(text, &end);

	if (strcmp(end, "ms") == 0)
		seconds /= 1000;
	else if (end == text || (strcmp(end, "s") != 0 && *end))
		argp_error(state, "'%s' is not a time: 5, 5s or 200ms", text);
	if (!(seconds > 0 && seconds <= SECONDS_MAX))
		argp_error(state, "'%s': more than 0 and at most %d seconds", text, SECONDS_MAX);
	return (int64_t)(seconds * 1e9);
}

static uint64_t parse_number(const char *text, uint64_t min, uint64_t max, struct argp_state *state)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (end == text || *end || *text == '-' || value < min || value > max)
		argp_error(state, "'%s' is not a number from %llu to %llu", text,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

static void parse_word(struct wishes *wishes, const char *text, struct argp_state *state)
{
	if (wishes->command) {
		wishes->patterns[wishes->patterns_count++] = text;
		return;
	}
	wishes->command = text;
	if (strcmp(text, "list") != 0 && strcmp(text, "run") != 0)
		argp_error(state, "'%s' is not a command: list or run", text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct wishes *wishes = state->input;

	switch (key) {
	case KEY_JSON:
	case KEY_CSV:
	case KEY_MARKDOWN:
	case KEY_REPORT:
	case KEY_HGRM:
		wishes->outputs.paths[formats[key - KEY_JSON]] = text;
		return 0;
	case KEY_SECONDS:
		wishes->options.time_ns = parse_time(text, state);
		return 0;
	case KEY_ROUNDS:
		wishes->options.rounds = (unsigned)parse_number(text, 1, ROUNDS_MAX, state);
		return 0;
	case KEY_SEED:
		wishes->options.seed = parse_number(text, 1, UINT64_MAX - 1, state);
		return 0;
	case KEY_SMOKE:
		wishes->options.is_smoke = 1;
		return 0;
	case KEY_PLANTED:
		wishes->options.planted = (unsigned)parse_number(text, 0, PLANTED_MAX, state);
		return 0;
	case KEY_HERE:
		wishes->is_here = true;
		return 0;
	case 'q':
		wishes->is_quiet = true;
		return 0;
	case ARGP_KEY_INIT:
		if (wishes->suite->argp)
			state->child_inputs[0] = wishes->suite->argp_input;
		return 0;
	case ARGP_KEY_ARG:
		parse_word(wishes, text, state);
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
	{ NULL, 0, NULL, 0, "Measuring:", 1 },
	{ "seconds", KEY_SECONDS, "S", 0, "At most about so long for each case (default 3)", 1 },
	{ "rounds", KEY_ROUNDS, "N", 0,
	  "Repeat each case so often, each time in a new process (default 15)", 1 },
	{ "seed", KEY_SEED, "N", 0, "Seed of the bootstrap (default 1)", 1 },
	{ "smoke", KEY_SMOKE, NULL, 0, "Only try that each case works; the figures are none", 1 },
	{ "planted", KEY_PLANTED, "PERCENT", 0,
	  "Slow all but the floors down by so much: to see that compare finds it", 1 },
	{ "in-process", KEY_HERE, NULL, 0, "No new processes: for a debugger", 1 },
	{ NULL, 0, NULL, 0, "Results (FILE may be -, standard output):", 2 },
	{ "json", KEY_JSON, "FILE", 0, "All of it, as coil-bench compare and report read it", 2 },
	{ "csv", KEY_CSV, "FILE", 0, "A line for each subject of a case", 2 },
	{ "markdown", KEY_MARKDOWN, "FILE", 0, "A table", 2 },
	{ "report", KEY_REPORT, "FILE", 0, "One HTML page with charts", 2 },
	{ "hgrm", KEY_HGRM, "FILE", 0, "Percentiles of each histogram, as HdrHistogram's", 2 },
	{ "quiet", 'q', NULL, 0, "No table", 2 },
	{ 0 },
};

static const char doc[] =
	"Measures cases in rounds, each beside its floor and other subjects, in windows of 200 us "
	"of which only those at the machine's full speed count."
	"\vPATTERN is a shell pattern of names, or what stands before their /; without one, all "
	"are meant. `median` is of the rounds' medians, `+-` half of its 95 % interval (bootstrap "
	"over the rounds), `ratio` the median of the rounds' ratios to the floor; `kept` says how "
	"many windows were clean. `enters`, `sqes` and `allocs` are for each unit. SIGINT ends the "
	"measuring; what is known is reported.\n\nExit status: 0 measured (goals missed or not), "
	"1 something could not be measured or written, 2 wrong usage.";

/* -- Selection --------------------------------------------------------------------------------- */

/* "net" stands for all of net/..., too. */
static bool is_meant(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	return fnmatch(pattern, name, 0) == 0 ||
	       (strncmp(pattern, name, length) == 0 && name[length] == '/');
}

static bool is_wanted(const struct wishes *wishes, const struct coil_bench_case *bench_case)
{
	for (int i = 0; i < wishes->patterns_count; i++)
		if (is_meant(wishes->patterns[i], bench_case->name))
			return true;
	return wishes->patterns_count == 0;
}

static size_t count_wanted(const struct wishes *wishes)
{
	size_t count = 0;

	for (size_t i = 0; i < wishes->suite->cases_count; i++)
		count += is_wanted(wishes, &wishes->suite->cases[i]);
	return count;
}

/* -- Commands ---------------------------------------------------------------------------------- */

static int list(const struct wishes *wishes)
{
	for (size_t i = 0; i < wishes->suite->cases_count; i++) {
		const struct coil_bench_case *at = &wishes->suite->cases[i];

		if (is_wanted(wishes, at))
			printf("%-22s %s\n", at->name, at->what ? at->what : "");
	}
	return fflush(stdout) ? 1 : 0;
}

/* The patterns' cases; ret_cases has room for all. */
static size_t select_cases(const struct wishes *wishes, const struct coil_bench_case **ret_cases)
{
	const struct coil_bench_suite *suite = wishes->suite;
	size_t count = 0;

	for (size_t i = 0; i < suite->cases_count; i++)
		if (is_wanted(wishes, &suite->cases[i]) &&
		    !(wishes->options.is_smoke && (suite->cases[i].flags & COIL_BENCH_LONG)))
			ret_cases[count++] = &suite->cases[i];
	return count;
}

static int measure_all(const struct wishes *wishes, struct coil_bench *bench,
		       const struct runner *runner)
{
	const struct coil_bench_case **cases =
		calloc(wishes->suite->cases_count, sizeof(*cases));
	FILE *progress = !wishes->is_quiet && isatty(STDERR_FILENO) ? stderr : NULL;
	int rc = cases ? 0 : -ENOMEM;

	if (rc == 0)
		rc = session_measure(bench, cases, select_cases(wishes, cases), runner, progress);
	free(cases);
	if (rc == -ENOMEM || rc == -EINVAL)
		fprintf(stderr, "%s: %s\n", wishes->suite->name, strerror(-rc));
	return rc < 0 && rc != -EINTR;
}

static int run(const struct wishes *wishes, char **argv)
{
	struct children children = { .argv = argv, .cases = wishes->suite->cases };
	struct runner in_children = children_runner(&children);
	const char *name = wishes->suite->name;
	bool has_table = !wishes->is_quiet && !outputs_has_stdout(&wishes->outputs);
	struct coil_bench *bench;
	int status, rc;

	if (!outputs_check(&wishes->outputs, name))
		return 1;
	rc = coil_bench_open(&bench, &wishes->options);
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", name, strerror(-rc));
		return 1;
	}
	stop_by_signal(false);
	status = measure_all(wishes, bench, wishes->is_here ? &runner_here : &in_children);
	if (has_table)
		coil_bench_write(bench, COIL_BENCH_TABLE, stdout);
	status |= !outputs_write(&wishes->outputs, name, bench);
	coil_bench_close(bench);
	return status;
}

static int run_or_list(struct wishes *wishes, char **argv)
{
	size_t child_case;

	if (count_wanted(wishes) == 0) {
		fprintf(stderr, "%s: no benchmark has such a name; see %s list\n",
			wishes->suite->name, wishes->suite->name);
		return 2;
	}
	if (strcmp(wishes->command, "list") == 0)
		return list(wishes);
	if (child_is_wanted(&child_case) && child_case < wishes->suite->cases_count) {
		child_main(&wishes->suite->cases[child_case]);
		return 0;
	}
	return run(wishes, argv);
}

int coil_bench_main(int argc, char **argv, const struct coil_bench_suite *suite)
{
	const struct argp_child children[] = { { suite->argp, 0, NULL, 3 }, { 0 } };
	const struct argp_child none[] = { { 0 } };
	const struct argp argp = {
		.options = options, .parser = parse, .doc = doc,
		.args_doc = "list [PATTERN...]\nrun [PATTERN...]",
		.children = suite->argp ? children : none,
	};
	struct wishes wishes = { .suite = suite };
	static char version[128]; /* argp keeps it */
	int status;

	snprintf(version, sizeof(version), "%s %s", suite->name,
		 suite->version ? suite->version : "");
	if (!argp_program_version)
		argp_program_version = version;
	argp_err_exit_status = 2;
	wishes.options = (struct coil_bench_options){
		.size = sizeof(wishes.options),
		.name = suite->name, .subject = suite->subject,
		.version = suite->version, .commit = suite->commit, .build = suite->build,
	};
	wishes.patterns = calloc((size_t)argc + 1, sizeof(*wishes.patterns));
	if (!wishes.patterns)
		return 1;
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	status = run_or_list(&wishes, argv);
	free(wishes.patterns);
	return status;
}
