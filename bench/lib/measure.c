/* SPDX-License-Identifier: MIT */
/*
 * measure - clean windows, warm-up, A B B A. See measure.h.
 *
 * Full speed is a low percentile of the calibration's time and can only become faster: should a
 * later calibration beat it, earlier samples are judged again by the new one at the end.
 */
#include "measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "statistics.h"

#define CALIBRATION_NS		2500
#define LEARN_RUNS		3000
#define LEARN_PERCENTILE	2
#define SAMPLES_FACTOR		8
#define GROWTH_MAX		16
#define WARM_PART		3	/* of the time, at most */

uint64_t measure_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * Eight chains side by side keep all of the processor's arithmetic busy: so a neighbour on the same
 * core shows, as well as the clock rate. One chain alone would not notice him.
 */
static double calibrate(uint64_t rounds)
{
	uint64_t begin = measure_now_ns();
	uint64_t a = begin, b = 1, c = 2, d = 3, e = 4, f = 5, g = 6, h = 7;

	for (uint64_t i = 0; i < rounds; i++) {
		a += i ^ a >> 3;
		b += i ^ b >> 5;
		c += i ^ c >> 7;
		d += i ^ d >> 11;
		e += i ^ e >> 13;
		f += i ^ f >> 17;
		g += i ^ g >> 19;
		h += i ^ h >> 23;
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f),
				      "+r"(g), "+r"(h));
	}
	return (double)(measure_now_ns() - begin);
}

static int learn(struct measure *m)
{
	double *times = malloc(LEARN_RUNS * sizeof(*times)), best = 1e18;

	if (!times)
		return -ENOMEM;
	for (unsigned i = 0; i < 100; i++) {
		double ns = calibrate(2000);

		if (ns > 0 && ns < best)
			best = ns;
	}
	m->calibration_rounds = (uint64_t)(2000.0 * CALIBRATION_NS / best) + 1;

	for (unsigned i = 0; i < LEARN_RUNS; i++)
		times[i] = calibrate(m->calibration_rounds);
	sort_values(times, LEARN_RUNS);
	m->calibration_ns = times[LEARN_RUNS * LEARN_PERCENTILE / 100];
	free(times);
	return 0;
}

int measure_open(struct measure *m, unsigned subjects_count, struct measure_options options)
{
	uint64_t now;

	memset(m, 0, sizeof(*m));
	if (subjects_count < 1 || subjects_count > MEASURE_SUBJECTS_MAX)
		return -EINVAL;
	m->options = options;
	m->subjects_count = subjects_count;
	m->samples_max = options.windows_min * SAMPLES_FACTOR;
	m->is_warm = options.is_cold;
	m->scratch = malloc(m->samples_max * sizeof(*m->scratch));

	for (unsigned i = 0; i < subjects_count; i++) {
		struct measure_subject *subject = &m->subjects[i];
		size_t bytes = m->samples_max * sizeof(*subject->samples);

		subject->units = subject->step = 1;
		subject->samples = malloc(bytes);
		if (!subject->samples || !m->scratch) {
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
	now = measure_now_ns();
	m->end_at_ns = now + options.time_max_ns;
	m->warm_at_ns = now + options.time_max_ns / WARM_PART;
	return 0;
}

void measure_close(struct measure *m)
{
	for (unsigned i = 0; i < MEASURE_SUBJECTS_MAX; i++) {
		free(m->subjects[i].samples);
		m->subjects[i].samples = NULL;
	}
	free(m->scratch);
	m->scratch = NULL;
}

void measure_step(struct measure *m, unsigned subject, uint64_t step, uint64_t most)
{
	m->subjects[subject].most = most;
	m->subjects[subject].step = step ? step : 1;
	m->subjects[subject].units = m->subjects[subject].step;
}

static bool is_clean(const struct measure *m, double calibration_ns)
{
	return calibration_ns * 100 <= m->calibration_ns * (100 + m->options.tolerance);
}

static bool all_are_steady(struct measure *m)
{
	for (unsigned i = 0; i < m->subjects_count; i++)
		if (!is_steady(m->scratch, measure_values(m, i, m->scratch)))
			return false;
	return true;
}

static bool one_is_full(const struct measure *m)
{
	for (unsigned i = 0; i < m->subjects_count; i++)
		if (m->subjects[i].count == m->samples_max)
			return true;
	return false;
}

static bool is_done(const struct measure *m)
{
	bool has_all = m->is_warm;

	for (unsigned i = 0; i < m->subjects_count; i++)
		has_all &= m->subjects[i].count >= m->options.windows_min;
	return has_all || one_is_full(m) || measure_now_ns() >= m->end_at_ns;
}

/* Once: forgets the windows in which caches, predictors and clocks found their way. */
static void end_warm_up(struct measure *m)
{
	if (m->is_warm)
		return;
	if (measure_now_ns() < m->warm_at_ns && !one_is_full(m) && !all_are_steady(m))
		return;
	m->is_warm = true;
	for (unsigned i = 0; i < m->subjects_count; i++)
		m->subjects[i].count = m->subjects[i].windows = 0;
}

/* There and back: 0 1 2 2 1 0 0 1 2 ... */
static unsigned subject_of_turn(const struct measure *m, unsigned turn)
{
	unsigned count = m->subjects_count, at = turn % (2 * count);

	return at < count ? at : 2 * count - 1 - at;
}

int measure_next(struct measure *m, uint64_t *ret_units)
{
	if (m->turn % m->subjects_count == 0) {
		end_warm_up(m);
		if (is_done(m))
			return -1;
	}
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
static bool resize(struct measure *m, struct measure_subject *subject, double window_ns)
{
	double target = (double)m->options.window_ns;
	double factor = window_ns > 0 ? target / window_ns : GROWTH_MAX;
	uint64_t steps;

	if (subject->is_sized || (factor > 0.67 && factor < 1.5)) {
		subject->is_sized = true;
		return true;
	}
	if (factor > GROWTH_MAX)
		factor = GROWTH_MAX;
	steps = (uint64_t)((double)subject->units * factor / (double)subject->step + 0.5);
	if (subject->most && steps * subject->step > subject->most) {
		steps = subject->most / subject->step;
		subject->is_sized = subject->units == steps * subject->step;
	}
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

	m->turn++;
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
	};
}

unsigned measure_values(const struct measure *m, unsigned subject, double *ret_values)
{
	const struct measure_subject *from = &m->subjects[subject];
	unsigned count = 0;

	for (unsigned i = 0; i < from->count; i++)
		if (is_clean(m, from->samples[i].calibration_ns))
			ret_values[count++] = from->samples[i].ns;
	return count;
}

double measure_speed(const struct measure *m)
{
	return m->calibration_ns * 1000 / (double)m->calibration_rounds;
}
