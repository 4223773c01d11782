/* SPDX-License-Identifier: MIT */
/*
 * measure - clean windows, medians, A B B A. See measure.h.
 *
 * Full speed is a low percentile of the calibration's time and can only become
 * faster: should a later calibration beat it, earlier samples are judged again
 * by the new one when the figures are made.
 */
#include "measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW_NS		200000
#define TIME_MAX_NS		3000000000u
#define WINDOWS_MIN		200
#define TOLERANCE_PERCENT	8

#define CALIBRATION_NS		2500
#define LEARN_RUNS		3000
#define LEARN_PERCENTILE	2
#define SAMPLES_FACTOR		8
#define GROWTH_MAX		16

uint64_t measure_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Each multiplication waits for the one before: only the clock rate counts. */
static double calibrate(uint64_t rounds)
{
	uint64_t begin = measure_now_ns(), x = begin;

	for (uint64_t i = 0; i < rounds; i++) {
		x = x * 0x9e3779b97f4a7c15u + 1;
		__asm__ volatile("" : "+r"(x));
	}
	return (double)(measure_now_ns() - begin);
}

static int learn(struct measure *m)
{
	double *times = malloc(LEARN_RUNS * sizeof(*times)), best = 1e18;

	if (!times)
		return -ENOMEM;
	for (unsigned int i = 0; i < 100; i++) {
		double ns = calibrate(4000);

		if (ns > 0 && ns < best)
			best = ns;
	}
	m->calibration_rounds = (uint64_t)(4000.0 * CALIBRATION_NS / best) + 1;

	for (unsigned int i = 0; i < LEARN_RUNS; i++)
		times[i] = calibrate(m->calibration_rounds);
	qsort(times, LEARN_RUNS, sizeof(*times), compare_doubles);
	m->calibration_ns = times[LEARN_RUNS * LEARN_PERCENTILE / 100];
	free(times);
	return 0;
}

static void options_default(struct measure_options *options)
{
	if (!options->window_ns)
		options->window_ns = WINDOW_NS;
	if (!options->time_max_ns)
		options->time_max_ns = TIME_MAX_NS;
	if (!options->windows_min)
		options->windows_min = WINDOWS_MIN;
	if (!options->tolerance_percent)
		options->tolerance_percent = TOLERANCE_PERCENT;
}

int measure_open(struct measure *m, unsigned int subjects_count,
		 struct measure_options options)
{
	memset(m, 0, sizeof(*m));
	if (subjects_count < 1 || subjects_count > MEASURE_SUBJECTS_MAX)
		return -EINVAL;
	options_default(&options);
	m->options = options;
	m->subjects_count = subjects_count;
	m->samples_max = options.windows_min * SAMPLES_FACTOR;

	for (unsigned int i = 0; i < subjects_count; i++) {
		struct measure_subject *subject = &m->subjects[i];
		size_t bytes = m->samples_max * sizeof(*subject->samples);

		subject->units = subject->step = 1;
		subject->samples = malloc(bytes);
		if (!subject->samples) {
			measure_close(m);
			return -ENOMEM;
		}
		/* Touched now: no page fault near a window. */
		memset(subject->samples, 0, bytes);
	}
	if (learn(m) < 0) {
		measure_close(m);
		return -ENOMEM;
	}
	m->end_at_ns = measure_now_ns() + options.time_max_ns;
	return 0;
}

void measure_close(struct measure *m)
{
	for (unsigned int i = 0; i < MEASURE_SUBJECTS_MAX; i++) {
		free(m->subjects[i].samples);
		m->subjects[i].samples = NULL;
	}
}

void measure_step(struct measure *m, unsigned int subject, uint64_t step)
{
	m->subjects[subject].step = step ? step : 1;
	m->subjects[subject].units = m->subjects[subject].step;
}

static int is_clean(const struct measure *m, double calibration_ns)
{
	return calibration_ns * 100 <= m->calibration_ns * (100 + m->options.tolerance_percent);
}

static int is_done(const struct measure *m)
{
	int is_full = 0, has_all = 1;

	for (unsigned int i = 0; i < m->subjects_count; i++) {
		is_full |= m->subjects[i].count == m->samples_max;
		has_all &= m->subjects[i].count >= m->options.windows_min;
	}
	return is_full || has_all || measure_now_ns() >= m->end_at_ns;
}

/* There and back: 0 1 2 2 1 0 0 1 2 ... */
static unsigned int subject_of_turn(const struct measure *m, unsigned int turn)
{
	unsigned int count = m->subjects_count, at = turn % (2 * count);

	return at < count ? at : 2 * count - 1 - at;
}

int measure_next(struct measure *m, uint64_t *ret_units)
{
	if (m->turn % m->subjects_count == 0 && is_done(m))
		return -1;
	m->current = subject_of_turn(m, m->turn);
	*ret_units = m->subjects[m->current].units;
	return (int)m->current;
}

void measure_begin(struct measure *m)
{
	m->before_ns = calibrate(m->calibration_rounds);
	m->begin_ns = measure_now_ns();
}

/* Returns whether this window's length was right already. */
static int resize(struct measure *m, struct measure_subject *subject, double window_ns)
{
	double target = (double)m->options.window_ns;
	double factor = window_ns > 0 ? target / window_ns : GROWTH_MAX;
	uint64_t steps;

	if (subject->is_sized)
		return 1;
	if (factor > 0.67 && factor < 1.5) {
		subject->is_sized = 1;
		return 1;
	}
	if (factor > GROWTH_MAX)
		factor = GROWTH_MAX;
	steps = (uint64_t)((double)subject->units * factor / (double)subject->step + 0.5);
	if (steps < 1) {
		/* One step is longer than a window: then so be it. */
		steps = 1;
		subject->is_sized = subject->units == subject->step;
	}
	subject->units = steps * subject->step;
	return subject->is_sized;
}

void measure_end(struct measure *m)
{
	struct measure_subject *subject = &m->subjects[m->current];
	double window_ns = (double)(measure_now_ns() - m->begin_ns);
	double after_ns = calibrate(m->calibration_rounds);
	double slower_ns = after_ns > m->before_ns ? after_ns : m->before_ns;
	double faster_ns = after_ns < m->before_ns ? after_ns : m->before_ns;
	uint64_t units = subject->units;
	unsigned int round = m->turn++ / m->subjects_count;

	/* Both of a window beat full speed clearly: it was learned in bad times. */
	if (slower_ns < 0.98 * m->calibration_ns)
		m->calibration_ns = (slower_ns + faster_ns) / 2;
	subject->windows++;
	if (!is_clean(m, slower_ns) || !resize(m, subject, window_ns) ||
	    subject->count == m->samples_max)
		return;

	subject->samples[subject->count++] = (struct measure_sample){
		.ns = window_ns / (double)units,
		.calibration_ns = slower_ns,
		.round = round,
	};
}

static double quantile(const double *sorted, unsigned int count, double at)
{
	double place = at * (double)(count - 1);
	unsigned int below = (unsigned int)place;
	double rest = place - (double)below;

	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] * (1 - rest) + sorted[below + 1] * rest;
}

void measure_figure(const struct measure *m, unsigned int subject,
		    struct measure_figure *ret_figure)
{
	const struct measure_subject *from = &m->subjects[subject];
	double *sorted = malloc((from->count + 1) * sizeof(*sorted));
	unsigned int count = 0;

	*ret_figure = (struct measure_figure){ .units = from->units, .windows = from->windows };
	if (!sorted)
		return;
	for (unsigned int i = 0; i < from->count; i++)
		if (is_clean(m, from->samples[i].calibration_ns))
			sorted[count++] = from->samples[i].ns;
	if (count) {
		qsort(sorted, count, sizeof(*sorted), compare_doubles);
		ret_figure->median_ns = quantile(sorted, count, 0.5);
		ret_figure->quartile_low_ns = quantile(sorted, count, 0.25);
		ret_figure->quartile_high_ns = quantile(sorted, count, 0.75);
		ret_figure->min_ns = sorted[0];
		ret_figure->windows_clean = count;
	}
	free(sorted);
}

double measure_ratio_paired(const struct measure *m, unsigned int floor, unsigned int subject)
{
	const struct measure_subject *a = &m->subjects[floor], *b = &m->subjects[subject];
	double *ratios = malloc((a->count + 1) * sizeof(*ratios)), median = 0;
	unsigned int count = 0, i = 0, j = 0;

	if (!ratios)
		return 0;
	while (i < a->count && j < b->count) {
		const struct measure_sample *x = &a->samples[i], *y = &b->samples[j];

		if (x->round == y->round && is_clean(m, x->calibration_ns) &&
		    is_clean(m, y->calibration_ns) && x->ns > 0)
			ratios[count++] = y->ns / x->ns;
		i += x->round <= y->round;
		j += y->round <= x->round;
	}
	if (count) {
		qsort(ratios, count, sizeof(*ratios), compare_doubles);
		median = quantile(ratios, count, 0.5);
	}
	free(ratios);
	return median;
}

int measure_pair(const struct measure_case *floor, const struct measure_case *subject,
		 struct measure_options options, struct measure_result *ret_result)
{
	const struct measure_case *cases[] = { floor, subject };
	struct measure_result result = { .ratio = 0 };
	struct measure m;
	uint64_t units;
	int rc, which;

	rc = measure_open(&m, 2, options);
	if (rc < 0)
		return rc;
	measure_step(&m, 0, floor->step);
	measure_step(&m, 1, subject->step);
	while ((which = measure_next(&m, &units)) >= 0) {
		if (cases[which]->prepare)
			cases[which]->prepare(cases[which]->arg, units);
		measure_begin(&m);
		cases[which]->run(cases[which]->arg, units);
		measure_end(&m);
	}

	measure_figure(&m, 0, &result.floor);
	measure_figure(&m, 1, &result.subject);
	result.calibration_ns = m.calibration_ns;
	result.ratio_paired = measure_ratio_paired(&m, 0, 1);
	measure_close(&m);
	if (!result.floor.windows_clean || !result.subject.windows_clean)
		return -ETIME;
	result.ratio = result.subject.median_ns / result.floor.median_ns;
	*ret_result = result;
	return 0;
}
