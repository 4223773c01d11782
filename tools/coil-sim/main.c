/* SPDX-License-Identifier: MIT */
/*
 * coil-sim - run scenarios on the simulated kernel, one world for each seed.
 *
 * A seed is the whole run: the program that is drawn, what goes wrong, the size of the queues. One
 * that fails is named, with the line that repeats it.
 */
#include "../tool.h"
#include "scenario.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef COIL_VERSION
#define COIL_VERSION "0.1.0"
#endif

#define JOBS_MAX 64

const char *argp_program_version = "coil-sim " COIL_VERSION;

static struct {
	uint64_t first;
	uint64_t last;
	double minutes;
	unsigned jobs;
	int profile;
	const char *troubles;
	const struct scenario *scenario;
	bool traces;
	bool lists;
	bool explores;
	bool starves;
	bool has_scenario;
	uint64_t fail_alloc_at;
	uint64_t fail_map_at;
	uint64_t fail_open_at;
	unsigned off;
} args = {.first = 1, .last = 1, .jobs = 1, .profile = COIL_SIM_WILD};

/* What one job has done: told to the first process when it is over. */
struct tally {
	uint64_t runs;
	uint64_t operations;
	uint64_t hash;
	int64_t virtual_ns;
};

static volatile uint64_t running_seed;

/* -- One seed ------------------------------------------------------------------------------------
 */

static const char *const profile_names[] = {"calm", "odd", "wild"};

static void print_replay(FILE *out, uint64_t seed)
{
	fprintf(out, "replay with: coil-sim%s --seed %" PRIu64, args.starves ? " --memory" : "",
		seed);
	fprintf(out, " --scenario %s --profile %s%s%s\n", args.scenario->name,
		profile_names[args.profile], args.troubles ? " --troubles " : "",
		args.troubles ? args.troubles : "");
}

/* The library has said what is wrong; the seed is what it cannot know. */
static void on_abort(int signum)
{
	char text[96];
	int n = snprintf(text, sizeof text, "coil-sim: seed %" PRIu64 " ends by signal %d\n",
			 running_seed, signum);

	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(1);
	print_replay(stderr, running_seed);
	_exit(1);
}

static void trace(void *context, const char *line)
{
	(void)context;
	puts(line);
}

/* Small queues are full more often, and an old kernel lacks operations. */
static struct coil_options queues_of(uint64_t seed)
{
	static const unsigned sizes[] = {16, 16, 32, 256};
	uint64_t word = seed * UINT64_C(0x9e3779b97f4a7c15);
	unsigned sq_entries = sizes[word >> 62];
	bool is_old = (word >> 58 & 7) == 0;

	return (struct coil_options){
		.size = sizeof(struct coil_options),
		.sq_entries = sq_entries,
		.cq_entries = word >> 61 & 1 ? sq_entries : 4096,
		.kernel_mask = is_old ? "all" : NULL,
		.stack_bytes = 128 << 10,
		.off = COIL_NO_SIGNALS | COIL_NO_OVERFLOW | (args.starves ? COIL_NO_REPORTS : 0),
	};
}

static void say_what_fails(void)
{
	fprintf(stderr, "coil-sim: allocation %" PRIu64 ", stack %" PRIu64 " or ring %" PRIu64
		" fails%s\n", args.fail_alloc_at, args.fail_map_at, args.fail_open_at,
		args.off & COIL_SIM_FAIL_ONWARDS ? ", and all later ones" : "");
}

static bool run_seed(uint64_t seed, struct coil_sim_result *ret_result)
{
	struct coil_options run = queues_of(seed);
	struct coil_sim_options options = {
		.size = sizeof options,
		.seed = seed,
		.profile = args.profile,
		.troubles = args.troubles,
		.turns_max = 2000000,
		.trace = args.traces ? trace : NULL,
		.fail_alloc_at = args.fail_alloc_at,
		.fail_map_at = args.fail_map_at,
		.fail_open_at = args.fail_open_at,
		.off = args.off | (args.starves ? COIL_SIM_NO_REPORTS : 0),
		.run = &run,
		.result = ret_result,
	};
	int rc;

	running_seed = seed;
	*ret_result = (struct coil_sim_result){.size = sizeof *ret_result};
	rc = coil_sim_run(&options, args.scenario->entry, NULL);
	if (scenario_take_lost_loop() && rc == -EDEADLK)
		rc = -ENOMEM;
	if (scenario_take_broken() == 0 && (rc == 0 || (args.starves && rc == -ENOMEM)))
		return true;
	fprintf(stderr, "coil-sim: seed %" PRIu64 " fails in %s: %s\n", seed, args.scenario->name,
		rc < 0 ? coil_strerror(rc) : "see above");
	fprintf(stderr, "coil-sim: troubles: %s\n", ret_result->troubles);
	if (args.starves)
		say_what_fails();
	print_replay(stderr, seed);
	return false;
}

static int run_one(void)
{
	struct coil_sim_result result;
	bool passes = run_seed(args.first, &result);

	printf("seed %" PRIu64 "\ntroubles: %s\n", args.first, result.troubles);
	printf("turns %" PRIu64 " operations %" PRIu64 " virtual %.6f s\n", result.turns,
	       result.operations, (double)result.virtual_ns / 1e9);
	printf("hash %016" PRIx64 "\n", result.hash);
	return !passes;
}

/* -- Memory that fails ---------------------------------------------------------------------------
 */

static struct coil_sim_result starved;
static uint64_t starved_runs;

/* The n-th allocation, mapping or ring fails, n = 1, 2, ... until the run has no n-th one. */
static bool starve(uint64_t seed, uint64_t *at, const uint64_t *count)
{
	bool passes = true;

	for (*at = 1; passes; ++*at) {
		passes = run_seed(seed, &starved);
		if (*count < *at)
			break;
		starved_runs++;
	}
	*at = 0;
	return passes;
}

static bool starve_seed(uint64_t seed)
{
	return starve(seed, &args.fail_alloc_at, &starved.allocations) &&
	       starve(seed, &args.fail_map_at, &starved.mappings) &&
	       starve(seed, &args.fail_open_at, &starved.rings);
}

static bool starve_scenario(void)
{
	static const unsigned ways[] = {0, COIL_SIM_FAIL_ONWARDS};

	for (uint64_t seed = args.first; seed <= args.last; seed++)
		for (unsigned i = 0; i < 2; i++) {
			args.off = ways[i];
			if (!starve_seed(seed))
				return false;
		}
	return true;
}

static int starve_all(void)
{
	bool passes = true;

	if (args.has_scenario)
		passes = starve_scenario();
	else
		for (args.scenario = scenarios; passes && args.scenario->name; args.scenario++)
			passes = starve_scenario();
	if (!passes)
		return 1;
	printf("%" PRIu64 " failures of memory met\n", starved_runs);
	return 0;
}

/* -- Many seeds ----------------------------------------------------------------------------------
 */

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_over(uint64_t seed, int64_t deadline)
{
	return args.minutes > 0 ? milliseconds() >= deadline : seed > args.last;
}

/* Every jobs-th seed. False: one failed; the later ones are left. */
static bool run_share(unsigned job, int64_t deadline, struct tally *tally)
{
	for (uint64_t seed = args.first + job; !is_over(seed, deadline); seed += args.jobs) {
		struct coil_sim_result result;

		if (!run_seed(seed, &result))
			return false;
		tally->runs++;
		tally->operations += result.operations;
		tally->hash += result.hash;
		tally->virtual_ns += result.virtual_ns;
	}
	return true;
}

static void start_job(unsigned job, int64_t deadline, int fd)
{
	struct tally tally = {0};
	bool passes;

	if (fork() != 0)
		return;
	passes = run_share(job, deadline, &tally);
	if (write(fd, &tally, sizeof tally) != sizeof tally)
		_exit(1);
	fflush(NULL);
	_exit(passes ? 0 : 1);
}

static bool wait_for_jobs(void)
{
	bool all_pass = true;
	int status;

	while (wait(&status) > 0)
		all_pass = all_pass && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return all_pass;
}

static int run_many(void)
{
	int64_t began = milliseconds();
	int64_t deadline = began + (int64_t)(args.minutes * 60000);
	struct tally sum = {0};
	struct tally part;
	bool passes;
	int fds[2];
	double took;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return 1;
	for (unsigned job = 0; job < args.jobs; job++)
		start_job(job, deadline, fds[1]);
	close(fds[1]);
	passes = wait_for_jobs();
	while (read(fds[0], &part, sizeof part) == sizeof part) {
		sum.runs += part.runs;
		sum.operations += part.operations;
		sum.hash += part.hash;
		sum.virtual_ns += part.virtual_ns;
	}
	close(fds[0]);
	took = (double)(milliseconds() - began) / 1000;
	printf("%" PRIu64 " seeds from %" PRIu64 " on %s, %" PRIu64 " operations, ", sum.runs,
	       args.first, passes ? "pass" : "ran, one FAILED", sum.operations);
	printf("%.0f s of virtual time in %.1f s\nhash %016" PRIx64 "\n",
	       (double)sum.virtual_ns / 1e9, took, sum.hash);
	return !passes;
}

/* -- Arguments -----------------------------------------------------------------------------------
 */

enum { KEY_SEEDS = 0x100, KEY_MINUTES, KEY_LIST, KEY_TRACE, KEY_TROUBLES, KEY_EXPLORE,
       KEY_MEMORY };

static const struct argp_option options[] = {
	{"seed", 's', "N", 0, "one seed (COIL_SIM_SEED, or 1)", 0},
	{"seeds", KEY_SEEDS, "A-B", 0, "all seeds from A to B", 0},
	{"minutes", KEY_MINUTES, "M", 0, "for so long, from a seed on that the clock gives", 0},
	{"scenario", 'n', "NAME", 0, "which scenario (mix)", 0},
	{"profile", 'p', "calm|odd|wild", 0, "what may go wrong (wild)", 0},
	{"troubles", KEY_TROUBLES, "NAME=PERCENT,...", 0, "bounds of their own for some", 0},
	{"explore", KEY_EXPLORE, NULL, 0, "all schedules of small worlds, counted", 0},
	{"memory", KEY_MEMORY, NULL, 0, "fail each allocation, stack, ring, in each scenario", 0},
	{"jobs", 'j', "N", 0, "processes side by side (1)", 0},
	{"trace", KEY_TRACE, NULL, 0, "print what happens", 0},
	{"list", KEY_LIST, NULL, 0, "name the scenarios", 0},
	{0},
};

static void read_seeds(struct argp_state *state, const char *text)
{
	char *end;

	args.first = strtoull(text, &end, 0);
	args.last = args.first;
	if (end != text && *end == '-')
		args.last = strtoull(end + 1, &end, 0);
	if (end == text || *end || args.first == 0 || args.last < args.first)
		argp_error(state, "'%s' is not a range of seeds such as 1-1000", text);
}

static void read_minutes(struct argp_state *state, const char *text)
{
	char *end;

	args.minutes = strtod(text, &end);
	if (end == text || *end || !(args.minutes > 0) || args.minutes > 1e6)
		argp_error(state, "'%s' is not a number of minutes", text);
	args.first = (uint64_t)time(NULL) << 20;
}

static void read_profile(struct argp_state *state, const char *text)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(text, profile_names[i]) == 0) {
			args.profile = i;
			return;
		}
	argp_error(state, "there is no profile '%s'", text);
}

static void read_scenario(struct argp_state *state, const char *text)
{
	args.has_scenario = true;
	for (args.scenario = scenarios; args.scenario->name; args.scenario++)
		if (strcmp(args.scenario->name, text) == 0)
			return;
	argp_error(state, "there is no scenario '%s': see --list", text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 's':
	case KEY_SEEDS:
		read_seeds(state, arg);
		return 0;
	case KEY_MINUTES:
		read_minutes(state, arg);
		return 0;
	case 'n':
		read_scenario(state, arg);
		return 0;
	case 'p':
		read_profile(state, arg);
		return 0;
	case KEY_TROUBLES:
		args.troubles = arg;
		return 0;
	case 'j':
		args.jobs = (unsigned)tool_count(state, arg, 1, JOBS_MAX);
		return 0;
	case KEY_TRACE:
		args.traces = true;
		return 0;
	case KEY_MEMORY:
		args.starves = true;
		return 0;
	case KEY_EXPLORE:
		args.explores = true;
		return 0;
	case KEY_LIST:
		args.lists = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.doc = "Runs programs on the simulated kernel: each seed is one run, the same each time.\v"
	       "A single seed prints what it drew and the hash over all that happened; many print "
	       "the sum of their hashes. A run that fails is named, with the line that repeats "
	       "it.\n\n"
	       "Exit status: 0 all pass, 1 one failed, 2 wrong usage.",
};

static int list_scenarios(void)
{
	for (const struct scenario *s = scenarios; s->name; s++)
		printf("%-10s %s\n", s->name, s->about);
	return 0;
}

static int run_what_is_asked(void)
{
	if (args.starves)
		return starve_all();
	if (args.explores)
		return explore_small_worlds() < 0;
	if (args.minutes > 0 || args.last > args.first)
		return run_many();
	return run_one();
}

int main(int argc, char **argv)
{
	const struct sigaction on_death = {.sa_handler = on_abort};
	const char *seed = getenv("COIL_SIM_SEED");

	if (seed && strtoull(seed, NULL, 0))
		args.first = args.last = strtoull(seed, NULL, 0);
	args.scenario = scenarios;
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (args.lists)
		return tool_end("coil-sim", list_scenarios(), 1);
	sigaction(SIGABRT, &on_death, NULL);
	sigaction(SIGSEGV, &on_death, NULL);
	return tool_end("coil-sim", run_what_is_asked(), 1);
}
