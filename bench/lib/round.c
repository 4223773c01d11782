/* SPDX-License-Identifier: MIT */
/* See round.h. */
#include "round.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "coil/loop.h"
#include "coil/run.h"
#include "core.h"
#include "measure.h"
#include "model.h"
#include "statistics.h"

#define COUNTED_RUNS 8

struct drive {
	struct coil_bench_case of; /* the copy that open may fill */
	const struct round_options *options;
	struct round *round;
};

static unsigned subjects_of(const struct coil_bench_case *of)
{
	unsigned count = 0;

	while (count < COIL_BENCH_SUBJECTS_MAX && of->subjects[count].run)
		count++;
	return count;
}

static struct measure_options measure_options_of(const struct round_options *options)
{
	if (options->is_smoke)
		return (struct measure_options){ .window_ns = 1000, .time_max_ns = 50000000,
						 .windows_min = 1, .tolerance = 1000000,
						 .is_cold = true };
	return (struct measure_options){ .window_ns = options->window_ns,
					 .time_max_ns = options->time_ns,
					 .windows_min = options->windows,
					 .tolerance = options->tolerance };
}

static void prepare(const struct coil_bench_subject *subject, uint64_t units)
{
	if (subject->prepare)
		subject->prepare(subject->arg, units);
}

/* As if the work were slower by so much: on top of what it took, whatever that is. */
static void spin_longer(const struct measure *m, unsigned percent)
{
	uint64_t took_ns = measure_now_ns() - m->begin_ns;
	uint64_t end_ns = m->begin_ns + took_ns + took_ns * percent / 100;

	while (measure_now_ns() < end_ns)
		;
}

static void take_turns(struct measure *m, const struct coil_bench_subject *subjects,
		       unsigned planted)
{
	uint64_t units;
	int which;

	while (!coil_bench_is_stopped() && (which = measure_next(m, &units)) >= 0) {
		prepare(&subjects[which], units);
		measure_begin(m);
		subjects[which].run(subjects[which].arg, units);
		if (planted && !(subjects[which].name && is_floor_name(subjects[which].name)))
			spin_longer(m, planted);
		measure_end(m);
	}
}

/* A floor, or a feature, that does without the loop: its zeroes would tell nothing. */
static void forget_idle_loop(const char *name, double *sums)
{
	double sum = 0;

	if (!is_floor_name(name) && strcmp(name, "with") != 0)
		return;
	for (int i = 0; i < COUNTER_SYSCALLS; i++)
		sum += sums[i];
	for (int i = 0; i < COUNTER_SYSCALLS && sum == 0; i++)
		sums[i] = UNKNOWN;
}

/* Windows as long as the measured ones. What prepares a window is not counted. */
static void count_units(const struct coil_bench_subject *subject, const char *name, uint64_t units,
			double *ret_counters)
{
	struct counters counters;

	counters_open(&counters, coil_loop_current());
	for (unsigned i = 0; i < COUNTED_RUNS; i++) {
		prepare(subject, units);
		counters_begin(&counters);
		subject->run(subject->arg, units);
		counters_end(&counters);
	}
	counters_close(&counters);
	forget_idle_loop(name, counters.sums);
	for (int i = 0; i < COUNTER_KINDS; i++)
		ret_counters[i] = i == COUNTER_RSS_BYTES
					  ? counters.sums[i]
					  : counters.sums[i] / (double)(COUNTED_RUNS * units);
}

static void take_values(const struct measure *m, unsigned which, struct round_subject *subject)
{
	unsigned stride;

	subject->windows = m->subjects[which].windows;
	subject->units = m->subjects[which].units;
	subject->clean = measure_values(m, which, m->scratch);
	subject->median = median_of(m->scratch, subject->clean);
	/* Every n-th, if they are too many. */
	stride = subject->clean / ROUND_WINDOWS_MAX + 1;
	for (unsigned i = 0; i < subject->clean; i += stride)
		subject->values[subject->kept++] = m->scratch[i];
}

static int measure_subjects(struct drive *drive)
{
	const struct coil_bench_subject *subjects = drive->of.subjects;
	struct round *round = drive->round;
	unsigned count = subjects_of(&drive->of);
	struct measure m;
	int rc;

	rc = measure_open(&m, count, measure_options_of(drive->options));
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < count; i++)
		measure_step(&m, i, subjects[i].step, subjects[i].most);
	take_turns(&m, subjects, drive->options->planted);
	round->speed = measure_speed(&m);
	for (unsigned i = 0; i < count; i++) {
		struct round_subject *to = &round->subjects[i];

		snprintf(to->name, sizeof(to->name), "%s",
			 subjects[i].name ? subjects[i].name : drive->options->subject);
		take_values(&m, i, to);
		count_units(&subjects[i], to->name, to->units, to->counters);
		/* Only now: the parent looks, even if this process dies. */
		round->subjects_count++;
		if (to->clean == 0)
			rc = coil_bench_is_stopped() ? -EINTR : -ETIME;
	}
	measure_close(&m);
	return rc;
}

static int drive_main(void *arg)
{
	struct drive *drive = arg;
	int rc = drive->of.open ? drive->of.open(&drive->of) : 0;

	if (rc == 0)
		rc = measure_subjects(drive);
	if (drive->of.close)
		drive->of.close(&drive->of);
	return rc;
}

void round_run(const struct coil_bench_case *bench_case, const struct round_options *options,
	       struct round *ret_round)
{
	const struct coil_options loop = { .size = sizeof(loop), .off = COIL_NO_SIGNALS };
	struct drive drive = { .of = *bench_case, .options = options, .round = ret_round };
	bool has_own_loop = (bench_case->flags & COIL_BENCH_ASYNC) && !coil_loop_current();
	struct core_hold hold;

	memset(ret_round, 0, sizeof(*ret_round));
	core_hold(&hold, bench_case);
	ret_round->error = has_own_loop ? coil_run_with(&loop, drive_main, &drive)
					: drive_main(&drive);
	core_release(&hold);
	ret_round->is_complete = 1;
}
