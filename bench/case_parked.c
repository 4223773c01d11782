/* SPDX-License-Identifier: MIT */
/*
 * What a parked task costs: resident memory and page tables, the time to spawn it on a fresh stack
 * and let it go to sleep, and what the others lose by it. In a process of its own, whose memory
 * nobody has touched before.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACKS 20000
#define STACK_BYTES 65536
#define ROUNDS 9
#define ACTIVE 1000
#define WAKES 200

struct parked {
	unsigned int n;
	bool has_active;		/* tell the time of a wake-up beside them instead */
	bool is_raw;			/* only touch as many pages */
	struct coil_promise gate;
	double bytes;			/* for each */
	double ns;
	int error;
};

static long status_kib(const char *key)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	if (!status)
		return -1;
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), "%ld", &kib);
	fclose(status);
	return kib;
}

static long resident_kib(void)
{
	return status_kib("VmRSS:") + status_kib("VmPTE:");
}

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

/* Nanoseconds of waking one of a thousand that do nothing else. */
static int measure_active(double *ret_ns)
{
	struct crew *crew;
	uint64_t begin;
	int rc = crew_open(ACTIVE, nothing, NULL, &crew);

	if (rc < 0)
		return rc;
	crew_run(crew, ACTIVE);
	begin = measure_now_ns();
	for (unsigned int i = 0; i < WAKES; i++)
		crew_run(crew, ACTIVE);
	*ret_ns = (double)(measure_now_ns() - begin) / (ACTIVE * WAKES);
	crew_close(crew);
	return 0;
}

/* The least that a stack needs: its first page, of one room for all and without guards. */
static int touch_all(struct parked *parked)
{
	uint64_t begin = measure_now_ns();
	char *room = mmap(NULL, (size_t)parked->n * STACK_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return -errno;
	for (unsigned int i = 0; i < parked->n; i++)
		room[(size_t)i * STACK_BYTES] = 1;
	parked->ns = (double)(measure_now_ns() - begin) / parked->n;
	return 0;
}

static int park_all(void *arg)
{
	struct parked *parked = arg;
	struct coil_group group;
	uint64_t begin;
	long before;
	int rc = 0;

	coil_promise_init(&parked->gate);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	before = resident_kib();
	begin = measure_now_ns();
	for (unsigned int i = 0; i < parked->n && rc == 0; i++)
		rc = coil_go(&group, park, parked);
	coil_yield();
	parked->ns = (double)(measure_now_ns() - begin) / (parked->n ? parked->n : 1);
	parked->bytes = (double)(resident_kib() - before) * 1024 / parked->n;
	if (rc == 0 && parked->has_active)
		rc = measure_active(&parked->ns);
	coil_promise_resolve(&parked->gate, 0);
	coil_group_close(&group);
	coil_promise_deinit(&parked->gate);
	return rc;
}

static _Noreturn void child_main(struct parked *parked, int out)
{
	const struct coil_options options = { .size = sizeof(options), .off = COIL_NO_SIGNALS };
	ssize_t written;

	parked->error = parked->is_raw ? touch_all(parked)
				       : coil_run_with(&options, park_all, parked);
	written = write(out, parked, sizeof(*parked));
	_exit(written == sizeof(*parked) ? 0 : 1);
}

static int run_child(struct parked *ret_parked)
{
	int ends[2];
	pid_t child;

	ret_parked->error = -EPIPE;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		child_main(ret_parked, ends[1]);
	close(ends[1]);
	if (child < 0 || read(ends[0], ret_parked, sizeof(*ret_parked)) != sizeof(*ret_parked))
		ret_parked->error = -EPIPE;
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return ret_parked->error;
}

static int measure_parked(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	struct coil_bench_result *result;
	unsigned int rounds = bench_case->is_long ? 1 : 3;
	char words[80] = "";
	int rc = coil_bench_result_add(entry, "coil", &result);

	for (unsigned int i = 0; i < rounds && rc == 0 && !coil_bench_is_stopped(); i++) {
		struct parked parked = { .n = bench_case->parameter };

		rc = run_child(&parked);
		if (rc == 0)
			rc = coil_bench_sample(result, parked.bytes);
		if (rc == 0)
			rc = coil_bench_count(result, "spawn_ns", parked.ns);
		snprintf(words, sizeof(words), "%.0f ns to spawn and park each", parked.ns);
	}
	return rc < 0 ? rc : coil_bench_note(entry, words);
}

/* Two kinds of children, in turns; the figure is their time. */
static int measure_times(struct coil_bench_entry *entry, const struct parked kinds[2])
{
	struct coil_bench_result *results[2];
	int rc = coil_bench_result_add(entry, "floor", &results[0]);

	if (rc == 0)
		rc = coil_bench_result_add(entry, "coil", &results[1]);
	for (unsigned int i = 0; i < 2 * ROUNDS && rc == 0 && !coil_bench_is_stopped(); i++) {
		unsigned int which = (i + 1) / 2 % 2;
		struct parked parked = kinds[which];

		rc = run_child(&parked);
		if (rc == 0)
			rc = coil_bench_sample(results[which], parked.ns);
	}
	return rc;
}

static int measure_stacks(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	return measure_times(entry, (struct parked[2]){
		{ .n = bench_case->parameter, .is_raw = true }, { .n = bench_case->parameter } });
}

static int measure_beside(const struct bench_case *bench_case, struct coil_bench_entry *entry)
{
	return measure_times(entry, (struct parked[2]){
		{ .has_active = true }, { .n = bench_case->parameter, .has_active = true } });
}

const struct bench_case bench_cases_parked[] = {
	{ .name = "parked_100k", .what = "bytes of a parked task, of 100,000",
	  .goal_kind = BENCH_BYTES, .goal = 4352, .parameter = 100000, .whole = measure_parked },
	{ .name = "parked_1m", .what = "bytes of a parked task, of 1,000,000",
	  .goal_kind = BENCH_BYTES, .goal = 4352, .parameter = 1000000, .is_long = true,
	  .whole = measure_parked },
	{ .name = "stack_fresh", .what = "task spawned on a fresh stack, and parked; a page "
					 "touched", .goal_kind = BENCH_NS, .goal = 3500,
	  .parameter = STACKS, .is_long = true, .whole = measure_stacks },
	{ .name = "wake_beside_100k", .what = "wake-up of one of 1,000 tasks beside 100,000 parked "
					      "ones; without these", .goal_kind = BENCH_RATIO,
	  .goal = 1.2, .parameter = 100000, .is_long = true, .whole = measure_beside },
	{ .name = NULL },
};
