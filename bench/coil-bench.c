/* SPDX-License-Identifier: MIT */
/*
 * coil-bench - Coil against the best programs that we could write without it.
 *
 * list and run are coil_bench_main's, as any program's that links libcoil-bench; the other
 * commands are here. Exit status: 0; 1 something could not be done, or is slower than allowed; 2
 * wrong usage.
 */
#include "bench.h"

#include <argp.h>
#include <string.h>

#include "commands.h"
#include "commit.h"
#include "load.h"
#include "net.h"

#define CASES_MAX 256

const char *argp_program_version = "coil-bench " COIL_VERSION;

static const struct bench_case *const tables[] = {
	bench_cases_task, bench_cases_nop, bench_cases_net,
	bench_cases_timers, bench_cases_file, bench_cases_copy, bench_cases_parked,
	bench_cases_serve, bench_cases_udp,
	bench_cases_ring, bench_cases_disk, bench_cases_thread,
	bench_cases_share, bench_cases_work,
};

static const struct {
	const char *name;
	const char *full; /* as messages call it */
	int (*main)(int argc, char **argv);
} commands[] = {
	{ "compare", "coil-bench compare", compare_main },
	{ "report", "coil-bench report", report_main },
	{ "count", "coil-bench count", count_main },
	{ "load", "coil-bench load", load_main },
	{ "net", "coil-bench run net", net_main },
};

/* argv[0] as argp prints it: it only reads. */
static char *name_of(const char *text)
{
	return (char *)(uintptr_t)text;
}

static size_t all_cases(struct coil_bench_case *ret_cases)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct bench_case *at = tables[i]; at->name; at++) {
			bench_must(count < CASES_MAX, "more cases than CASES_MAX");
			ret_cases[count++] = bench_case_of(at);
		}
	return count;
}

/* `run net` is a comparison of servers, `list net` names its cells. */
static const struct {
	const char *name;
	const char *full;
	int (*main)(int argc, char **argv);
	void (*list)(FILE *out);
} servers[] = {
	{ "net", "coil-bench run net", net_main, net_list },
	{ "http", "coil-bench run http", http_main, http_list },
};
#define SERVERS (sizeof(servers) / sizeof(servers[0]))

static int run_servers(size_t i, int argc, char **argv)
{
	argv[2] = name_of(servers[i].full);
	if (strcmp(argv[1], "run") == 0)
		return servers[i].main(argc - 2, argv + 2);
	servers[i].list(stdout);
	return fflush(stdout) ? 1 : 0;
}

/* argp prints it below the help of list and run. */
static const struct argp more_words = {
	.doc = "\vFurther commands, each with its own --help: coil-bench compare OLD NEW, report, "
	       "count, load ADDRESS; and the comparisons of servers, coil-bench run net and "
	       "coil-bench run http.",
};

int main(int argc, char **argv)
{
	static struct coil_bench_case cases[CASES_MAX];
	struct coil_bench_suite suite = {
		.size = sizeof(suite), .name = "coil-bench", .subject = "coil",
		.version = COIL_VERSION, .commit = COIL_COMMIT, .build = COIL_BUILD, .cases = cases,
		.argp = &more_words,
	};
	int status;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && argc > 1; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			argv[1] = name_of(commands[i].full);
			return commands[i].main(argc - 1, argv + 1);
		}
	for (size_t i = 0; i < SERVERS && argc > 2; i++)
		if (strcmp(argv[2], servers[i].name) == 0 &&
		    (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "list") == 0))
			return run_servers(i, argc, argv);
	suite.cases_count = all_cases(cases);
	status = coil_bench_main(argc, argv, &suite);
	if (status == 0 && argc == 2 && strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < SERVERS; i++)
			servers[i].list(stdout);
		status = fflush(stdout) ? 1 : 0;
	}
	return status;
}
