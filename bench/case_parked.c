/* SPDX-License-Identifier: MIT */
/*
 * What a parked task costs: resident memory and page tables, the time to spawn it on a fresh stack
 * and let it go to sleep, and what the others lose by it. In a process of its own, whose memory
 * nobody has touched before.
 */
#include "bench.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACKS 20000
#define STACK_BYTES 65536
#define ROUNDS_OF_TIME 9
#define ROUNDS_OF_BYTES 3
#define ACTIVE 1000
#define WAKES 200

struct parked {
	unsigned int n;
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
	{ .name = NULL },
};
