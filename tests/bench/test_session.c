/* SPDX-License-Identifier: MIT */
/* Measuring for real, with small work: what comes out, and what goes wrong. */
#include "../../bench/lib/session.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../bench/lib/counters.h"
#include "coil.h"
#include "models.h"
#include "support/test.h"

static const struct coil_bench_options quick = {
	.size = sizeof(quick), .time_ns = 200000000, .window_ns = 20000, .rounds = 3, .windows = 3,
	.tolerance = 1000, .name = "test",
};

static void spin(void *arg, uint64_t units)
{
	volatile uint64_t sum = 0;

	(void)arg;
	for (uint64_t i = 0; i < units * 100; i++)
		sum = sum + i;
	(void)sum;
}

static void spin_twice(void *arg, uint64_t units)
{
	spin(arg, 2 * units);
}

static void yields(void *arg, uint64_t units)
{
	(void)arg;
	while (units--)
		coil_yield();
}

static struct coil_bench *open_quick(void)
{
	struct coil_bench *bench;

	ASSERT_EQ(coil_bench_open(&bench, &quick), 0);
	return bench;
}

TEST(session, twice_the_work_takes_twice_the_time)
{
	const struct coil_bench_case of = {
		.name = "spin", .subjects = { { .name = "floor", .run = spin },
					      { .run = spin_twice, .step = 4 } },
	};
	struct coil_bench *bench = open_quick();
	const struct coil_bench_result *mine;
	struct interval interval;
	double ratio;

	EXPECT_EQ(coil_bench_measure(bench, &of), 0);
	mine = entry_main(bench->entries[0]);
	ASSERT(mine);
	EXPECT_STR_EQ(mine->name, "mine");
	EXPECT_EQ(mine->units % 4, 0);
	EXPECT_GE(summary_of(mine).rounds, 1);
	ratio = paired_ratio(entry_floor(bench->entries[0]), mine, &interval);
	EXPECT(ratio > 1.3 && ratio < 3);
	EXPECT(counter_of(mine, "cpu_ns") > 0);
	EXPECT(counter_of(mine, "rss_bytes") > 0);
	EXPECT(isnan(counter_of(mine, "enters")));
	EXPECT_GT(mine->histogram->total, 0);
	coil_bench_close(bench);
}

/* All but the floor, and by what the work takes, not by what a window is meant to. */
TEST(session, a_planted_change_is_there)
{
	const struct coil_bench_case of = {
		.name = "spin", .subjects = { { .name = "floor", .run = spin }, { .run = spin } },
	};
	struct coil_bench_options options = quick;
	struct coil_bench *bench;
	struct interval interval;
	double ratio;

	options.planted = 1001;
	EXPECT_EQ(coil_bench_open(&bench, &options), -EINVAL);
	options.planted = 100;
	ASSERT_EQ(coil_bench_open(&bench, &options), 0);
	EXPECT_EQ(coil_bench_measure(bench, &of), 0);
	ASSERT(entry_main(bench->entries[0]));
	ratio = paired_ratio(entry_floor(bench->entries[0]), entry_main(bench->entries[0]),
			     &interval);
	EXPECT(ratio > 1.3 && ratio < 3);
	coil_bench_close(bench);
}

static int cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

static int cores_met;

static void look_at_cores(void *arg, uint64_t units)
{
	spin(arg, units);
	cores_met = cores();
}

static int whole_looks(struct coil_bench_case *self, struct coil_bench_entry *entry)
{
	(void)self;
	(void)entry;
	cores_met = cores();
	return 0;
}

TEST(session, what_is_measured_is_held_on_one_core)
{
	struct coil_bench_case of = { .name = "cores", .subjects = { { .run = look_at_cores } } };
	const struct coil_bench_case whole = { .name = "whole", .whole = whole_looks };
	struct coil_bench *bench = open_quick();
	int before = cores();

	EXPECT_EQ(coil_bench_measure(bench, &of), 0);
	EXPECT_EQ(cores_met, 1);
	EXPECT_EQ(cores(), before);
	of.name = "spread";
	of.flags = COIL_BENCH_SPREAD;
	EXPECT_EQ(coil_bench_measure(bench, &of), 0);
	EXPECT_EQ(cores_met, before);
	cores_met = 0;
	EXPECT_EQ(coil_bench_measure(bench, &whole), 0);
	EXPECT_EQ(cores_met, 1);
	EXPECT_EQ(cores(), before);
	coil_bench_close(bench);
}

TEST(session, async_cases_get_a_loop_and_its_counters)
{
	const struct coil_bench_case of = {
		.name = "yield", .flags = COIL_BENCH_ASYNC, .subjects = { { .run = yields } },
	};
	struct coil_bench *bench = open_quick();

	EXPECT_EQ(coil_bench_measure(bench, &of), 0);
	ASSERT(entry_main(bench->entries[0]));
	EXPECT(counter_of(entry_main(bench->entries[0]), "allocations") == 0);
	EXPECT(counter_of(entry_main(bench->entries[0]), "enters") >= 0);
	coil_bench_close(bench);
}

static int measure_in_task(void *arg)
{
	const struct coil_bench_case of = { .name = "yield", .subjects = { { .run = yields } } };

	return coil_bench_measure(arg, &of);
}

TEST(session, measures_in_the_calling_task)
{
	struct coil_bench *bench = open_quick();

	EXPECT_EQ(coil_run(measure_in_task, bench), 0);
	EXPECT(entry_main(bench->entries[0]));
	coil_bench_close(bench);
}

static int open_badly(struct coil_bench_case *self)
{
	++*(int *)self->state;
	return -ENOTTY;
}

static void close_it(struct coil_bench_case *self)
{
	*(int *)self->state += 10;
}

TEST(session, a_case_that_does_not_open_says_why)
{
	int calls = 0;
	const struct coil_bench_case of = { .name = "bad", .open = open_badly, .close = close_it,
					    .state = &calls };
	struct coil_bench *bench = open_quick();

	EXPECT_EQ(coil_bench_measure(bench, &of), -ENOTTY);
	EXPECT_EQ(calls, 11);
	ASSERT_EQ(bench->entries_count, 1);
	EXPECT_STR_EQ(bench->entries[0]->error, strerror(ENOTTY));
	coil_bench_close(bench);
}

static void spin_and_stop(void *arg, uint64_t units)
{
	spin(arg, units);
	coil_bench_stop();
}

TEST(session, stopped_measuring_reports)
{
	const struct coil_bench_case of = {
		.name = "stop", .subjects = { { .run = spin_and_stop } },
	};
	struct coil_bench *bench = open_quick();
	int rc = coil_bench_measure(bench, &of);

	EXPECT(rc == 0 || rc == -EINTR);
	EXPECT(coil_bench_is_stopped());
	EXPECT(bench->is_interrupted);
	EXPECT_EQ(bench->entries_count, 1);
	EXPECT_EQ(coil_bench_measure(bench, &of), -EINTR);
	coil_bench_close(bench);
}

TEST(session, wrong_options_and_cases_are_refused)
{
	struct coil_bench_options options = quick;
	const struct coil_bench_case nothing = { .name = "nothing" }, nameless = { .what = "?" };
	struct coil_bench *bench = open_quick();

	EXPECT_EQ(coil_bench_measure(bench, &nothing), -EINVAL);
	EXPECT_EQ(coil_bench_measure(bench, &nameless), -EINVAL);
	EXPECT_EQ(coil_bench_write(bench, 99, stderr), -EINVAL);
	coil_bench_close(bench);
	options.size = 0;
	EXPECT_EQ(coil_bench_open(&bench, &options), -EINVAL);
	options = quick;
	options.time_ns = -1;
	EXPECT_EQ(coil_bench_open(&bench, &options), -EINVAL);
	ASSERT_EQ(coil_bench_open(&bench, NULL), 0);
	coil_bench_close(bench);
	coil_bench_close(NULL);
}

/* Another process, from its exec on, with what it starts. */
TEST(counters, those_of_a_program_are_its_whole_lifes)
{
	double counts[COUNTER_KINDS];
	struct counters counters;
	char word;
	int go[2];
	pid_t child;

	ASSERT_EQ(pipe2(go, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		if (read(go[0], &word, 1) == 1)
			execl("/bin/sh", "sh", "-c", "/bin/true; /bin/true", NULL);
		_exit(1);
	}
	ASSERT(child > 0);
	counters_follow(&counters, child);
	ASSERT_EQ(write(go[1], "", 1), 1);
	waitpid(child, NULL, 0);
	counters_read(&counters, counts);
	counters_close(&counters);
	close(go[0]);
	close(go[1]);
	EXPECT(isnan(counts[COUNTER_ENTERS]) && isnan(counts[COUNTER_CPU_NS]));
	/* Each as the machine allows: not known, or what three programs take at least. */
	EXPECT(isnan(counts[COUNTER_PAGE_FAULTS]) || counts[COUNTER_PAGE_FAULTS] > 100);
	EXPECT(isnan(counts[COUNTER_CONTEXT_SWITCHES]) || counts[COUNTER_CONTEXT_SWITCHES] > 1);
	EXPECT(isnan(counts[COUNTER_SYSCALLS]) || counts[COUNTER_SYSCALLS] > 30);
	EXPECT(isnan(counts[COUNTER_INSTRUCTIONS]) || counts[COUNTER_INSTRUCTIONS] > 10000);
}

/* A process that is gone has none, and says so. */
TEST(counters, nobody_has_none)
{
	double counts[COUNTER_KINDS];
	struct counters counters;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	counters_follow(&counters, child);
	counters_read(&counters, counts);
	counters_close(&counters);
	for (int i = 0; i < COUNTER_KINDS; i++)
		EXPECT(isnan(counts[i]));
}
