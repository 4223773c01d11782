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

#define RESULTS_MAX 64

enum { KEY_JSON = 0x100, KEY_PEERS, KEY_ROUNDS, KEY_SECONDS, KEY_CORE, KEY_SMOKE, KEY_LIST };

struct wishes {
	struct net_options options;
	const char *patterns[RESULTS_MAX];
	unsigned int patterns_count;
	const char *json;
	bool is_list;
	bool is_smoke;
	bool is_quiet;
};

static const struct argp_option options[] = {
	{ "peers", KEY_PEERS, NULL, 0, "Also what others offer: libuv, libevent, Asio, Go, tokio, "
	  "asyncio, uvloop", 0 },
	{ "rounds", KEY_ROUNDS, "N", 0, "Loads of each server in each cell (6)", 0 },
	{ "seconds", KEY_SECONDS, "TIME", 0, "Of each load (0.3)", 0 },
	{ "core", KEY_CORE, "N", 0, "Where server and load run; -1: anywhere (the last)", 0 },
	{ "json", KEY_JSON, "FILE", 0, "Write the results to FILE, too; - is standard output", 0 },
	{ "smoke", KEY_SMOKE, NULL, 0, "Only try that each server works; the figures are none", 0 },
	{ "list", KEY_LIST, NULL, 0, "Name the cells", 0 },
	{ "quiet", 'q', NULL, 0, "No table", 0 },
	{ 0 },
};

static int parse_core(struct argp_state *state, const char *text)
{
	return strcmp(text, "-1") == 0 ? -1 : (int)tool_count(state, text, 0, CPU_SETSIZE - 1);
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
	case KEY_CORE:
		wishes->options.core = parse_core(state, arg);
		return 0;
	case KEY_JSON:
		wishes->json = arg;
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
		if (wishes->patterns_count == RESULTS_MAX)
			argp_error(state, "too many patterns");
		wishes->patterns[wishes->patterns_count++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options, .parser = parse, .args_doc = "[PATTERN...]",
	.doc = "Compares echo servers under the same load: Coil's, the raw ones, the peers."
	       "\vPATTERN is a shell pattern of cells; without one, all are meant. Each load is a "
	       "closed loop, and the figure is the server's CPU time for a request, the median of "
	       "the rounds. SIGINT ends the measuring; what is known is reported.",
};

static bool is_wanted(const struct wishes *wishes, const struct net_cell *cell)
{
	for (unsigned int i = 0; i < wishes->patterns_count; i++)
		if (fnmatch(wishes->patterns[i], cell->name, 0) == 0)
			return true;
	return wishes->patterns_count == 0;
}

static int last_core(void)
{
	cpu_set_t set;
	int last = -1;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET((size_t)i, &set))
			last = i;
	return last;
}

static int write_json(const struct wishes *wishes, const struct net_result *const *results,
		      unsigned int count)
{
	FILE *out = strcmp(wishes->json, "-") == 0 ? stdout : fopen(wishes->json, "we");
	int failed;

	if (!out) {
		fprintf(stderr, "coil-bench: %s: %s\n", wishes->json, strerror(errno));
		return 1;
	}
	net_print_json(out, &wishes->options, results, count);
	failed = out == stdout ? fflush(out) : fclose(out);
	if (failed)
		fprintf(stderr, "coil-bench: %s: %s\n", wishes->json, strerror(errno));
	return failed ? 1 : 0;
}

/* What was asked for and has no figure: Coil's or a raw server's; peers may be absent. */
static bool has_gap(const struct net_result *result)
{
	for (unsigned int i = 0; i < result->subjects_count; i++)
		if (result->subjects[i].kind != NET_PEER && result->subjects[i].words[0])
			return true;
	return false;
}

static int run(const struct wishes *wishes, const struct net_cell *cells, unsigned int count)
{
	struct net_result *results[RESULTS_MAX];
	bool has_table = !wishes->is_quiet && !(wishes->json && strcmp(wishes->json, "-") == 0);
	unsigned int done = 0;
	int status = 0;

	net_watch_interrupt();
	for (unsigned int i = 0; i < count && !net_is_interrupted() && done < RESULTS_MAX; i++) {
		if (!is_wanted(wishes, &cells[i]))
			continue;
		results[done] = malloc(sizeof(*results[done]));
		if (!results[done] || net_measure(&cells[i], &wishes->options, results[done]) < 0) {
			free(results[done]);
			fputs("coil-bench: out of memory\n", stderr);
			status = 1;
			break;
		}
		if (has_table)
			net_print_text(stdout, results[done]);
		fflush(stdout);
		status |= has_gap(results[done]) && !net_is_interrupted();
		done++;
	}
	if (wishes->json)
		status |= write_json(wishes, (const struct net_result *const *)results, done);
	while (done)
		free(results[--done]);
	return status;
}

int net_main(int argc, char **argv)
{
	static struct wishes wishes;
	const struct net_cell *cells;
	unsigned int count = net_cells(&cells), found = 0;

	wishes.options = (struct net_options){ .rounds = 6, .measure_ns = 300 * COIL_MSEC,
					       .warmup_ns = 150 * COIL_MSEC, .core = last_core() };
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);
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
		fputs("coil-bench: no cell has such a name; see coil-bench net --list\n", stderr);
		return 2;
	}
	return wishes.is_list ? 0 : run(&wishes, cells, count);
}
