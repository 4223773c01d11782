/* SPDX-License-Identifier: MIT */
/*
 * A benchmark program: memcpy beside a loop of bytes, and what a switch between tasks costs.
 *
 *	bench run --report report.html
 */
#include <coil.h>
#include <coil/bench.h>
#include <string.h>

static char from[4096], to[4096];

static void bytes(void *arg, uint64_t units)
{
	(void)arg;
	for (; units; units--)
		for (size_t i = 0; i < sizeof to; i++) {
			to[i] = from[i];
			coil_bench_keep(to);
		}
}

static void copy(void *arg, uint64_t units)
{
	(void)arg;
	for (; units; units--) {
		memcpy(to, from, sizeof to);
		coil_bench_keep(to);
	}
}

static void yield(void *arg, uint64_t units) /* runs in a task: it may suspend */
{
	(void)arg;
	for (; units; units--)
		coil_yield();
}

int main(int argc, char **argv)
{
	static const struct coil_bench_case cases[] = {
		{ .name = "copy", .what = "4 KiB by memcpy; byte by byte",
		  .subjects = { { .name = "floor", .run = bytes },
				{ .name = "memcpy", .run = copy } } },
		{ .name = "yield", .flags = COIL_BENCH_ASYNC,
		  .subjects = { { .name = "coil", .run = yield } } },
	};
	struct coil_bench_suite suite = {
		.size = sizeof suite, .name = "bench", .cases = cases, .cases_count = 2,
	};

	return coil_bench_main(argc, argv, &suite);
}
