/* SPDX-License-Identifier: MIT */
/*
 * measure - nanoseconds per unit on a machine that lies about its speed.
 *
 * Work is timed in short windows. Before and after each runs a fixed piece of
 * calibration work; the window counts only if both ran at full speed. The
 * subjects take turns in the order A B B A, and medians are reported.
 *
 * Whole: measure_pair(). Step by step, when the caller's code must drive (from
 * within a coroutine, say):
 *
 *	measure_open(&m, 2, options);
 *	while ((subject = measure_next(&m, &units)) >= 0) {
 *		prepare(subject, units);	(not timed)
 *		measure_begin(&m);
 *		run(subject, units);
 *		measure_end(&m);
 *	}
 *	measure_figure(&m, 0, &floor);
 *	measure_close(&m);
 *
 * Nothing is allocated between open and close.
 */
#ifndef COIL_BENCH_MEASURE_H
#define COIL_BENCH_MEASURE_H

#include <stdint.h>

#define MEASURE_SUBJECTS_MAX	8

/* Zero stands for the default. */
struct measure_options {
	uint64_t window_ns;		/* 200,000 */
	uint64_t time_max_ns;		/* 3 s for all subjects together */
	unsigned int windows_min;	/* clean ones for each subject: 200 */
	unsigned int tolerance_percent;	/* of the calibration's time: 8 */
};

struct measure_case {
	const char *name;
	void (*run)(void *arg, uint64_t units);
	void *arg;
	uint64_t step;			/* units come in multiples of it; 0: 1 */
	/* Not timed, before each run; NULL: nothing to prepare. */
	void (*prepare)(void *arg, uint64_t units);
};

/* Nanoseconds per unit over the clean windows; all 0 if there was none. */
struct measure_figure {
	double median_ns;
	double quartile_low_ns;
	double quartile_high_ns;
	double min_ns;
	uint64_t units;			/* of one window */
	unsigned int windows_clean;
	unsigned int windows;
};

struct measure_result {
	struct measure_figure floor;
	struct measure_figure subject;
	double ratio;			/* of the medians, subject by floor */
	double ratio_paired;		/* median over the neighbouring windows */
	double calibration_ns;		/* full speed */
};

struct measure_sample {
	double ns;			/* per unit */
	double calibration_ns;		/* the slower of the two */
	unsigned int round;		/* one window of each subject */
};

struct measure_subject {
	struct measure_sample *samples;
	unsigned int count;
	unsigned int windows;
	uint64_t units;
	uint64_t step;
	int is_sized;
};

struct measure {
	struct measure_options options;
	struct measure_subject subjects[MEASURE_SUBJECTS_MAX];
	unsigned int subjects_count;
	unsigned int samples_max;
	unsigned int turn;		/* windows begun, of all subjects */
	unsigned int current;
	double calibration_ns;		/* full speed */
	uint64_t calibration_rounds;
	double before_ns;
	uint64_t begin_ns;
	uint64_t end_at_ns;
};

/**
 * measure_open - learn the machine's full speed; takes about 10 ms
 * @m:              caller's memory
 * @subjects_count: 1 to MEASURE_SUBJECTS_MAX
 * @options:        bounds; zeroes for the defaults
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int measure_open(struct measure *m, unsigned int subjects_count,
		 struct measure_options options);
void measure_close(struct measure *m);

/**
 * measure_step - units of one subject come in multiples of step
 */
void measure_step(struct measure *m, unsigned int subject, uint64_t step);

/**
 * measure_next - whose window is next
 * @ret_units: how many units it shall run
 *
 * Return: the subject's index, or -1 when enough is known or the time is up.
 */
int measure_next(struct measure *m, uint64_t *ret_units);
void measure_begin(struct measure *m);
void measure_end(struct measure *m);

/**
 * measure_figure - the figures of one subject so far
 */
void measure_figure(const struct measure *m, unsigned int subject,
		    struct measure_figure *ret_figure);

/**
 * measure_ratio_paired - median of subject/floor over rounds in which both were clean
 *
 * Steadier than the ratio of medians while the machine drifts. Return: 0 if no round was.
 */
double measure_ratio_paired(const struct measure *m, unsigned int floor, unsigned int subject);

/**
 * measure_pair - measure a floor and a subject against each other
 *
 * Return: 0; -ETIME if not a single window of one of them was clean; -ENOMEM.
 */
int measure_pair(const struct measure_case *floor, const struct measure_case *subject,
		 struct measure_options options, struct measure_result *ret_result);

uint64_t measure_now_ns(void);

#endif
