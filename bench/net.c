/* SPDX-License-Identifier: MIT */
/* `coil-bench net`: arguments, and one cell after the other. */
#include "net.h"

#include <argp.h>
#include <errno.h>
#include <fnmatch.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <coil.h>

#include "../tools/tool.h"
#include "commit.h"
#include "lib/measure.h"
#include "lib/model.h"
#include "lib/outputs.h"

#define PATTERNS_MAX 64

enum { KEY_JSON = 0x100, KEY_PEERS, KEY_ROUNDS, KEY_SECONDS, KEY_CORE, KEY_SMOKE, KEY_LIST,
       KEY_CSV, KEY_MARKDOWN, KEY_REPORT, KEY_BUDGET };

struct wishes {
	struct net_options options;
	const char *patterns[PATTERNS_MAX];
	unsigned int patterns_count;
	struct outputs outputs;
	bool is_list;
	bool is_smoke;
	bool is_quiet;
};

static const struct argp_option options[] = {
	{ "peers", KEY_PEERS, NULL, 0, "Also what others offer: libuv, libevent, Asio, Go, tokio, "
	  "asyncio, uvloop; for HTTP nginx, evhttp, libmicrohttpd, Go", 0 },
	{ "budget", KEY_BUDGET, "TIME", 0, "Of all cells together, about (15m): a cell that is not "
	  "exact to 1 % when its share is over says so", 0 },
	{ "rounds", KEY_ROUNDS, "N", 0, "Loads of each server in each cell, at most (25)", 0 },
	{ "seconds", KEY_SECONDS, "TIME", 0, "Of each load (0.15)", 0 },
	{ "core", KEY_CORE, "N", 0, "Where server and load run; -1: anywhere (the last)", 0 },
	{ "json", KEY_JSON, "FILE", 0, "All of it, as coil-bench compare and report read it; - is "
	  "standard output", 0 },
	{ "csv", KEY_CSV, "FILE", 0, "A line for each server", 0 },
	{ "markdown", KEY_MARKDOWN, "FILE", 0, "A table", 0 },
	{ "report", KEY_REPORT, "FILE", 0, "One HTML page with charts", 0 },
	{ "smoke", KEY_SMOKE, NULL, 0, "Only try that each server works; the figures are none", 0 },
	{ "list", KEY_LIST, NULL, 0, "Name the cells", 0 },
	{ "quiet", 'q', NULL, 0, "No table", 0 },
	{ 0 },
};

static int parse_core(struct argp_state *state, const char *text)
{
	cpu_set_t set;
	int core;

	if (strcmp(text, "-1") == 0)
		return -1;
	core = (int)tool_count(state, text, 0, CPU_SETSIZE - 1);
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && !CPU_ISSET((size_t)core, &set))
		argp_error(state, "there is no core %d for us here", core);
	return core;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct wishes *wishes = state->input;

	switch (key) {
	case KEY_PEERS:
		wishes->options.has_peers = true;
		return 0;
	case KEY_ROUNDS:
		wishes->options.rounds = (unsigned int)tool_count(state, arg, 1, NET_ROUNDS_MAX);
		return 0;
	case KEY_SECONDS:
		wishes->options.measure_ns = tool_duration(state, arg);
		if (wishes->options.measure_ns < COIL_MSEC)
			argp_error(state, "'%s': at least 1ms", arg);
		return 0;
	case KEY_BUDGET:
		wishes->options.budget_ns = tool_duration(state, arg);
		return 0;
	case KEY_CORE:
		wishes->options.core = parse_core(state, arg);
		return 0;
	case KEY_JSON:
		wishes->outputs.paths[COIL_BENCH_JSON] = arg;
		return 0;
	case KEY_CSV:
		wishes->outputs.paths[COIL_BENCH_CSV] = arg;
		return 0;
	case KEY_MARKDOWN:
		wishes->outputs.paths[COIL_BENCH_MARKDOWN] = arg;
		return 0;
	case KEY_REPORT:
		wishes->outputs.paths[COIL_BENCH_HTML] = arg;
		return 0;
	case KEY_SMOKE:
		wishes->is_smoke = true;
		return 0;
	case KEY_LIST:
		wishes->is_list = true;
		return 0;
	case 'q':
		wishes->is_quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (wishes->patterns_count == PATTERNS_MAX)
			argp_error(state, "too many patterns");
		wishes->patterns[wishes->patterns_count++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options, .parser = parse, .args_doc = "[PATTERN...]",
	.doc = "Compares servers under the same load: Coil's, the raw ones, the peers."
	       "\vPATTERN is a shell pattern of cells; without one, all are meant. Each load is a "
	       "closed loop, and the figure is the server's CPU time for a request, the median of "
	       "the rounds. A server gets no more of them once its ratio to Coil's is known to "
	       "1 %, or was above 1.2 twice. SIGINT ends the measuring; what is known is reported.",
};

static bool is_wanted(const struct wishes *wishes, const struct net_cell *cell)
{
	for (unsigned int i = 0; i < wishes->patterns_count; i++)
		if (fnmatch(wishes->patterns[i], cell->name, 0) == 0)
			return true;
	return wishes->patterns_count == 0;
}

/* But for one; -1: there is none. */
static int last_core(int but)
{
	cpu_set_t set;
	int last = -1;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (i != but && CPU_ISSET((size_t)i, &set))
			last = i;
	return last;
}

/* What was asked for and has no figure: Coil's or a raw server's; peers may be absent. */
static bool has_gap(const struct net_result *result)
{
	for (unsigned int i = 0; i < result->subjects_count; i++)
		if (result->subjects[i].kind != NET_PEER && result->subjects[i].words[0])
			return true;
	return false;
}

/* What is left, shared by the cells that are left as they need it. */
static int64_t share_of(const struct wishes *wishes, const struct net_cell *cells,
			unsigned int count, int64_t left_ns)
{
	double all = 0;

	for (unsigned int i = 0; i < count; i++)
		if (is_wanted(wishes, &cells[i]))
			all += (double)net_load_time(&cells[i], &wishes->options);
	return (int64_t)((double)left_ns * (double)net_load_time(cells, &wishes->options) / all);
}

static int run_cells(const struct wishes *wishes, const struct net_cell *cells,
		     unsigned int count, struct coil_bench *bench)
{
	int64_t until_ns = (int64_t)measure_now_ns() + wishes->options.budget_ns;
	struct net_options of_cell = wishes->options;
	struct net_result *result = malloc(sizeof(*result));
	bool has_table = !wishes->is_quiet && !outputs_has_stdout(&wishes->outputs);
	int rc = result ? 0 : -ENOMEM;
	int status = 0;

	for (unsigned int i = 0; i < count && !net_is_interrupted() && rc == 0; i++) {
		if (!is_wanted(wishes, &cells[i]))
			continue;
		of_cell.budget_ns = share_of(wishes, &cells[i], count - i,
					     until_ns - (int64_t)measure_now_ns());
		rc = net_measure(&cells[i], &of_cell, result);
		if (rc == 0)
			rc = net_collect(result, bench);
		if (rc == 0 && has_table)
			net_print_text(stdout, result);
		fflush(stdout);
		net_free(result);
		status |= rc == 0 && has_gap(result) && !net_is_interrupted();
	}
	free(result);
	if (rc < 0)
		fprintf(stderr, "coil-bench: %s\n", coil_strerror(rc));
	return rc < 0 || status;
}

static int run(const struct wishes *wishes, const struct net_cell *cells, unsigned int count)
{
	const struct coil_bench_options of = {
		.size = sizeof(of), .name = "coil-bench net", .version = COIL_VERSION,
		.commit = COIL_COMMIT, .build = COIL_BUILD, .is_smoke = wishes->is_smoke,
		.rounds = wishes->options.rounds,
	};
	struct coil_bench *bench;
	int status, rc;

	if (!outputs_check(&wishes->outputs, "coil-bench"))
		return 1;
	rc = coil_bench_open(&bench, &of);
	if (rc < 0) {
		fprintf(stderr, "coil-bench: %s\n", coil_strerror(rc));
		return 1;
	}
	net_watch_interrupt();
	status = run_cells(wishes, cells, count, bench);
	bench->is_interrupted = net_is_interrupted();
	if (bench->is_interrupted)
		fputs("coil-bench: interrupted: the last cell has fewer rounds, others none\n",
		      stderr);
	status |= !outputs_write(&wishes->outputs, "coil-bench", bench);
	coil_bench_close(bench);
	return status;
}

static void list_cells(FILE *out, const char *suite, const struct net_cell *cells,
		       unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		fprintf(out, "%-4s %-17s %s\n", suite, cells[i].name, cells[i].what);
}

void net_list(FILE *out)
{
	const struct net_cell *cells;
	unsigned int count = net_cells(&cells);

	list_cells(out, "net", cells, count);
}

void http_list(FILE *out)
{
	const struct net_cell *cells;
	unsigned int count = http_cells(&cells);

	list_cells(out, "http", cells, count);
}

static int compare(int argc, char **argv, const struct net_cell *cells, unsigned int count)
{
	static struct wishes wishes;
	unsigned int found = 0;

	wishes.options = (struct net_options){ .rounds = NET_ROUNDS, .measure_ns = 150 * COIL_MSEC,
					       .warmup_ns = 60 * COIL_MSEC,
					       .budget_ns = NET_BUDGET_NS, .core = last_core(-1) };
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
	wishes.options.load_core = last_core(wishes.options.core);
	if (wishes.is_smoke) {
		wishes.options.rounds = 1;
		wishes.options.measure_ns = 20 * COIL_MSEC;
		wishes.options.warmup_ns = 0;
	}
	for (unsigned int i = 0; i < count; i++) {
		found += is_wanted(&wishes, &cells[i]);
		if (wishes.is_list && is_wanted(&wishes, &cells[i]))
			printf("%-22s %s\n", cells[i].name, cells[i].what);
	}
	if (found == 0) {
		fputs("coil-bench: no cell has such a name; see coil-bench list\n", stderr);
		return 2;
	}
	return wishes.is_list ? 0 : run(&wishes, cells, count);
}

int net_main(int argc, char **argv)
{
	const struct net_cell *cells;
	unsigned int count = net_cells(&cells);

	return compare(argc, argv, cells, count);
}

int http_main(int argc, char **argv)
{
	const struct net_cell *cells;
	unsigned int count = http_cells(&cells);

	return compare(argc, argv, cells, count);
}
