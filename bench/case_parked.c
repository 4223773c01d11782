/* SPDX-License-Identifier: MIT */
/*
 * What a parked task costs: resident memory and page tables, the time to spawn it on a fresh stack
 * and let it go to sleep, and what the others lose by it. In a process of its own, whose memory
 * nobody has touched before.
 */
#include "bench.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/statistics.h"

#define STACKS 20000
#define STACK_BYTES 65536
#define ROUNDS_OF_TIME 9
#define ROUNDS_OF_BYTES 3
#define ACTIVE 1000
#define MANY_BYTES (UINT64_C(6) << 30) /* of memory; 999,000 tasks take 4.4 GiB */

struct parked {
	unsigned int n;
	bool has_turns;			/* tell it for each byte that comes */
	int socket;
	bool has_active;		/* tell the time of a wake-up beside them instead */
	bool is_raw;			/* only touch as many pages */
	struct coil_promise gate;
	double bytes;			/* for each */
	double ns;
};

static int park(void *arg)
{
	struct parked *parked = arg;

	return coil_await(&parked->gate.future);
}

static void nothing(void *arg, unsigned int member)
{
	(void)arg;
	(void)member;
}

static double measure_crew(struct measure *m, struct crew *crew)
{
	uint64_t units;

	measure_step(m, 0, ACTIVE, 0);
	while (measure_next(m, &units) >= 0) {
		measure_begin(m);
		for (; units; units -= ACTIVE)
			crew_run(crew, ACTIVE);
		measure_end(m);
	}
	return median_of(m->scratch, measure_values(m, 0, m->scratch));
}

/* Nanoseconds of waking one of a thousand that do nothing else; NAN: no clean window. */
static int measure_active(double *ret_ns)
{
	const struct measure_options options = { .window_ns = 200000, .time_max_ns = 60000000,
						 .windows_min = 30, .tolerance = 8 };
	struct measure m;
	struct crew *crew;
	int rc = crew_open(ACTIVE, nothing, NULL, &crew);

	if (rc < 0)
		return rc;
	rc = measure_open(&m, 1, options);
	if (rc == 0) {
		*ret_ns = measure_crew(&m, crew);
		measure_close(&m);
	}
	crew_close(crew);
	return rc;
}

/* Until nobody orders more. The others need not wake up for the end. */
static void answer_turns(const struct parked *parked)
{
	double ns;
	char order;

	while (read(parked->socket, &order, 1) == 1 && measure_active(&ns) == 0)
		if (write(parked->socket, &ns, sizeof(ns)) != sizeof(ns))
			break;
	_exit(0);
}

/* The least that a stack needs: its first page, of one room for all and without guards. */
static int touch_all(struct parked *parked)
{
	double before = bench_resident(getpid());
	uint64_t begin = measure_now_ns();
	char *room = mmap(NULL, (size_t)parked->n * STACK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return -errno;
	for (unsigned int i = 0; i < parked->n; i++)
		room[(size_t)i * STACK_BYTES] = 1;
	parked->ns = (double)(measure_now_ns() - begin) / parked->n;
	parked->bytes = (bench_resident(getpid()) - before) / parked->n;
	return 0;
}

static int park_all(void *arg)
{
	struct parked *parked = arg;
	struct coil_group group;
	uint64_t begin;
	double before;
	int rc = 0;

	coil_promise_init(&parked->gate);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	before = bench_resident(getpid());
	begin = measure_now_ns();
	for (unsigned int i = 0; i < parked->n && rc == 0; i++)
		rc = coil_go(&group, park, parked);
	coil_yield();
	parked->ns = (double)(measure_now_ns() - begin) / (parked->n ? parked->n : 1);
	parked->bytes = (bench_resident(getpid()) - before) / parked->n;
	if (rc == 0 && parked->has_turns)
		answer_turns(parked);
	if (rc == 0 && parked->has_active)
		rc = measure_active(&parked->ns);
	coil_promise_resolve(&parked->gate, 0);
	coil_group_close(&group);
	coil_promise_deinit(&parked->gate);
	return rc;
}

static int child_main(void *arg)
{
	const struct coil_options options = { .size = sizeof(options), .off = COIL_NO_SIGNALS };
	struct parked *parked = arg;

	return parked->is_raw ? touch_all(parked) : coil_run_with(&options, park_all, parked);
}

/* Two kinds of children, in turns. */
static int measure_kinds(const struct bench_case *bench_case, struct coil_bench_entry *entry,
			 const struct parked kinds[2])
{
	unsigned int rounds = bench_case->goal_kind != BENCH_BYTES ? ROUNDS_OF_TIME
			      : bench_case->is_long ? 1 : ROUNDS_OF_BYTES;
	struct coil_bench_result *results[2];
	int rc = coil_bench_result_add(entry, "floor", &results[0]);

	if (rc == 0)
		rc = coil_bench_result_add(entry, "coil", &results[1]);
	for (unsigned int i = 0; i < 2 * rounds && rc == 0 && !coil_bench_is_stopped(); i++) {
		unsigned int which = (i + 1) / 2 % 2;
		struct parked parked = kinds[which];

		rc = bench_child_run(child_main, &parked, sizeof(parked));
		if (rc == 0)
			rc = coil_bench_sample(results[which], bench_case->goal_kind == BENCH_BYTES
							       ? parked.bytes : parked.ns);
	}
	return rc;
}

static int measure_parked(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	return measure_kinds(bench_case, entry, (struct parked[2]){
		{ .n = bench_case->parameter, .is_raw = true }, { .n = bench_case->parameter } });
}

static int measure_beside(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	return measure_kinds(bench_case, entry, (struct parked[2]){
		{ .has_active = true }, { .n = bench_case->parameter, .has_active = true } });
}

/* -- Turns ------------------------------------------------------------------------------------- */

struct turns {
	pid_t pid;
	int socket;
};

static int start_turns(unsigned int n, struct turns *ret_turns)
{
	struct parked parked = { .n = n, .has_turns = true };
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	*ret_turns = (struct turns){ fork(), ends[0] };
	if (ret_turns->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		parked.socket = ends[1];
		_exit(child_main(&parked) < 0);
	}
	close(ends[1]);
	return ret_turns->pid < 0 ? -EAGAIN : 0;
}

static void stop_turns(struct turns *turns)
{
	if (turns->socket >= 0)
		close(turns->socket);
	if (turns->pid > 0) {
		kill(turns->pid, SIGKILL);
		waitpid(turns->pid, NULL, 0);
	}
}

/* SIGINT ends it. */
static int take_turn(const struct turns *turns, double *ret_ns)
{
	ssize_t bytes = send(turns->socket, "", 1, MSG_NOSIGNAL);

	if (bytes == 1)
		bytes = recv(turns->socket, ret_ns, sizeof(*ret_ns), 0);
	return bytes == sizeof(*ret_ns) ? 0 : -EPIPE;
}

/*
 * So many that each process is built once: the medians of turns of two processes, one round. How
 * much another pair of processes would differ is not known; compare has no verdict on it.
 */
static int measure_many(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	static const char *const names[2] = { "floor", "coil" };
	double ns[2][ROUNDS_OF_TIME];
	size_t counts[2] = { 0 };
	struct coil_bench_result *result;
	struct turns turns[2] = { { -1, -1 }, { -1, -1 } };
	int rc;

	if ((uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) < MANY_BYTES)
		return -ENOMEM;
	rc = start_turns(0, &turns[0]);
	if (rc == 0)
		rc = start_turns(bench_case->parameter, &turns[1]);
	for (unsigned int i = 0; i < 2 * ROUNDS_OF_TIME && rc == 0; i++) {
		unsigned int which = (i + 1) / 2 % 2;

		rc = take_turn(&turns[which], &ns[which][counts[which]]);
		counts[which] += rc == 0 && !isnan(ns[which][counts[which]]);
	}
	stop_turns(&turns[0]);
	stop_turns(&turns[1]);
	for (unsigned int i = 0; i < 2 && rc == 0; i++) {
		rc = coil_bench_result_add(entry, names[i], &result);
		if (rc == 0)
			rc = coil_bench_sample(result, median_of(ns[i], counts[i]));
	}
	return coil_bench_is_stopped() ? -EINTR : rc;
}

const struct bench_case bench_cases_parked[] = {
	{ .name = "parked_100k", .what = "bytes of a parked task, of 100,000; a page touched",
	  .goal_kind = BENCH_BYTES, .goal = 4352, .parameter = 100000, .whole = measure_parked },
	{ .name = "parked_1m", .what = "bytes of a parked task, of 1,000,000; a page touched",
	  .goal_kind = BENCH_BYTES, .goal = 4352, .parameter = 1000000, .is_long = true,
	  .whole = measure_parked },
	{ .name = "stack_fresh", .what = "task spawned on a fresh stack, and parked; a page "
					 "touched", .goal_kind = BENCH_NS, .goal = 3500,
	  .parameter = STACKS, .is_long = true, .whole = measure_parked },
	{ .name = "wake_beside_100k", .what = "wake-up of one of 1,000 tasks beside 100,000 parked "
					      "ones; without these", .goal_kind = BENCH_RATIO,
	  .goal = 1.2, .parameter = 100000, .is_long = true, .whole = measure_beside },
	{ .name = "wake_beside_999k", .what = "the same beside 999,000, in turns of two processes",
	  .goal_kind = BENCH_RATIO, .goal = 1.2, .parameter = 999000, .is_long = true,
	  .whole = measure_many },
	{ .name = NULL },
};
