/* SPDX-License-Identifier: MIT */
/*
 * A user's benchmark program, of which check.py makes a faster and a slower one: PLANTED percent
 * are added to the work, and CRASH, SLEEP and REFUSE make cases that go wrong.
 */
#include <coil.h>
#include <coil/bench.h>
#include <errno.h>
#include <stdlib.h>

#define STEPS 1000

static unsigned long percent(void)
{
	const char *text = getenv("PLANTED");

	return text ? strtoul(text, NULL, 10) : 0;
}

/* In registers alone: where its stack lies is another matter in each process. One copy for all. */
__attribute__((noinline)) static void work(uint64_t steps)
{
	uint64_t x = steps;

	for (uint64_t i = 0; i < steps; i++) {
		x = x * 6364136223846793005u + 1;
		__asm__ volatile("" : "+r"(x));
	}
}

static void plain(void *arg, uint64_t units)
{
	uint64_t steps = STEPS + STEPS / 100 * percent();

	(void)arg;
	while (units--)
		work(steps);
}

static void floor_of_it(void *arg, uint64_t units)
{
	(void)arg;
	while (units--)
		work(STEPS);
}

static void in_task(void *arg, uint64_t units)
{
	(void)arg;
	while (units--)
		coil_yield();
}

static void crash(void *arg, uint64_t units)
{
	(void)arg;
	(void)units;
	abort();
}

static int refuse(struct coil_bench_case *self)
{
	(void)self;
	return -ECONNREFUSED;
}

int main(int argc, char **argv)
{
	static const struct coil_bench_case cases[] = {
		{ .name = "plain", .what = "1,000 steps", .subjects = { { .run = plain } } },
		{ .name = "floored", .what = "1,000 steps; the same",
		  .subjects = { { .name = "floor", .run = floor_of_it }, { .run = plain } } },
		{ .name = "task", .flags = COIL_BENCH_ASYNC, .subjects = { { .run = in_task } } },
		{ .name = "bad/crash", .subjects = { { .run = crash } } },
		{ .name = "bad/refuse", .open = refuse },
	};
	const struct coil_bench_suite suite = {
		.size = sizeof(suite), .name = "planted", .version = "1", .cases = cases,
		.cases_count = sizeof(cases) / sizeof(cases[0]),
	};

	return coil_bench_main(argc, argv, &suite);
}
