/* SPDX-License-Identifier: MIT */
/* One case: its own loop, the floor and Coil in turns, then the counters of one more run. */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define COUNTED_RUNS 8

static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int signum)
{
	(void)signum;
	is_interrupted = 1;
}

void bench_watch_interrupt(void)
{
	struct sigaction action = { .sa_handler = note_interrupt };

	/* A second one kills. */
	action.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
}

bool bench_is_interrupted(void)
{
	return is_interrupted;
}

void bench_must(bool is_true, const char *what)
{
	if (__builtin_expect(is_true, 1))
		return;
	fprintf(stderr, "coil-bench: %s\n", what);
	abort();
}

struct drive {
	struct bench bench;
	struct measure_options options;
	struct raw_micro *raw;
	struct bench_result *result;
};

static void run_window(const struct measure_case *subject, uint64_t units, struct measure *m)
{
	if (subject->prepare)
		subject->prepare(subject->arg, units);
	if (m)
		measure_begin(m);
	subject->run(subject->arg, units);
	if (m)
		measure_end(m);
}

static struct coil_stats stats_now(void)
{
	struct coil_stats stats = { .size = sizeof(stats) };

	coil_stats(&stats);
	return stats;
}

static double per_unit(uint64_t after, uint64_t before, uint64_t units)
{
	return (double)(after - before) / (double)units;
}

/* Counters, of windows as long as the measured ones. What prepares a window is not counted. */
static void count_units(const struct measure_case *subject, uint64_t units,
			struct bench_result *result)
{
	struct coil_stats sum = { 0 };

	for (unsigned int i = 0; i < COUNTED_RUNS; i++) {
		struct coil_stats before, after;

		if (subject->prepare)
			subject->prepare(subject->arg, units);
		before = stats_now();
		subject->run(subject->arg, units);
		after = stats_now();
		sum.enters += after.enters - before.enters;
		sum.sqes += after.sqes - before.sqes;
		sum.switches += after.switches - before.switches;
		sum.allocations += after.allocations - before.allocations;
	}
	result->enters = per_unit(sum.enters, 0, COUNTED_RUNS * units);
	result->sqes = per_unit(sum.sqes, 0, COUNTED_RUNS * units);
	result->switches = per_unit(sum.switches, 0, COUNTED_RUNS * units);
	result->allocations = per_unit(sum.allocations, 0, COUNTED_RUNS * units);
}

static void take_figures(const struct measure *m, bool has_floor, struct bench_result *result)
{
	measure_figure(m, has_floor, &result->coil);
	if (!has_floor)
		return;
	measure_figure(m, 0, &result->floor);
	result->ratio_paired = measure_ratio_paired(m, 0, 1);
	if (result->floor.median_ns > 0)
		result->ratio = result->coil.median_ns / result->floor.median_ns;
}

static int take_turns(struct drive *drive)
{
	const struct measure_case *cases[2] = { &drive->bench.floor, &drive->bench.coil };
	bool has_floor = drive->bench.floor.run != NULL;
	const struct measure_case *const *subjects = has_floor ? cases : cases + 1;
	struct measure m;
	uint64_t units;
	int which, rc;

	rc = measure_open(&m, has_floor ? 2 : 1, drive->options);
	if (rc < 0)
		return rc;
	for (unsigned int i = 0; i < (has_floor ? 2u : 1u); i++)
		measure_step(&m, i, subjects[i]->step);
	while (!bench_is_interrupted() && (which = measure_next(&m, &units)) >= 0)
		run_window(subjects[which], units, &m);
	take_figures(&m, has_floor, drive->result);
	count_units(&drive->bench.coil, drive->result->coil.units, drive->result);
	measure_close(&m);
	return drive->result->coil.windows_clean ? 0 : -ETIME;
}

static int open_floor(struct drive *drive)
{
	const struct bench_case *of = drive->bench.of;
	int rc;

	if (!of->has_raw)
		return 0;
	rc = raw_micro_open(of->raw, of->parameter, &drive->raw);
	/* A switch has a floor on some architectures only. */
	if (rc == -ENOSYS)
		return 0;
	if (rc < 0)
		return rc;
	drive->bench.floor = (struct measure_case){
		.run = raw_micro_run, .prepare = raw_micro_prepare, .arg = drive->raw,
		.step = raw_micro_step(drive->raw),
	};
	return 0;
}

static int drive_main(void *arg)
{
	struct drive *drive = arg;
	int rc = open_floor(drive);

	if (rc < 0)
		return rc;
	rc = drive->bench.of->open(&drive->bench);
	if (rc == 0) {
		rc = take_turns(drive);
		if (drive->bench.of->close)
			drive->bench.of->close(&drive->bench);
	}
	raw_micro_close(drive->raw);
	return rc;
}

void bench_measure(const struct bench_case *bench_case, struct measure_options options,
		   struct bench_result *ret_result)
{
	const struct coil_options loop = { .size = sizeof(loop), .off = COIL_NO_SIGNALS };
	struct drive drive = { .bench.of = bench_case, .options = options, .result = ret_result };

	*ret_result = (struct bench_result){ .of = bench_case };
	if (bench_case->whole)
		ret_result->error = bench_case->whole(bench_case, ret_result);
	else
		ret_result->error = coil_run_with(&loop, drive_main, &drive);
}
