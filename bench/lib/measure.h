/* SPDX-License-Identifier: MIT */
/*
 * measure - nanoseconds per unit on a machine that lies about its speed.
 *
 * Work is timed in short windows. Before and after each runs a fixed piece of calibration work; the
 * window counts only if both ran at full speed. The subjects take turns in the order A B B A. The
 * first windows size the others, and none counts until all subjects are steady (or have had their
 * time to become so).
 *
 *	measure_open(&m, 2, options);
 *	while ((subject = measure_next(&m, &units)) >= 0) {
 *		prepare(subject, units);	(not timed)
 *		measure_begin(&m);
 *		run(subject, units);
 *		measure_end(&m);
 *	}
 *	n = measure_values(&m, 0, values);
 *	measure_close(&m);
 *
 * Nothing is allocated between open and close.
 */
#ifndef COIL_BENCH_LIB_MEASURE_H
#define COIL_BENCH_LIB_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#define MEASURE_SUBJECTS_MAX 8

struct measure_options {
	uint64_t window_ns;
	uint64_t time_max_ns;	/* for all subjects together, warm-up included */
	unsigned windows_min;	/* clean ones for each subject */
	unsigned tolerance;	/* percent of the calibration's time */
	bool is_cold;		/* no warm-up: a smoke run */
};

struct measure_sample {
	double ns;		/* per unit */
	double calibration_ns;	/* the slower of the two */
};

struct measure_subject {
	struct measure_sample *samples;
	unsigned count;
	unsigned windows;
	uint64_t units;		/* of one window */
	uint64_t step;
	uint64_t most;		/* 0: as many as fill a window */
	bool is_sized;
};

struct measure {
	struct measure_options options;
	struct measure_subject subjects[MEASURE_SUBJECTS_MAX];
	double *scratch;
	unsigned subjects_count;
	unsigned samples_max;
	unsigned turn;		/* windows begun, of all subjects */
	unsigned current;
	bool is_warm;
	double calibration_ns;	/* full speed */
	uint64_t calibration_rounds;
	double before_ns;
	uint64_t begin_ns;
	uint64_t warm_at_ns;	/* at the latest */
	uint64_t end_at_ns;
};

/* Learns the machine's full speed, for about 10 ms. 0, -EINVAL (too many subjects), -ENOMEM. */
int measure_open(struct measure *m, unsigned subjects_count, struct measure_options options);
void measure_close(struct measure *m);

/* Units of one subject come in multiples of step, 0 is 1, and are at most so many, 0 is any. */
void measure_step(struct measure *m, unsigned subject, uint64_t step, uint64_t most);

/* Whose window is next, and how long; -1 when enough is known or the time is up. */
int measure_next(struct measure *m, uint64_t *ret_units);
void measure_begin(struct measure *m);
void measure_end(struct measure *m);

/* Of the clean windows, in order of time: ns per unit. ret_values has room for samples_max. */
unsigned measure_values(const struct measure *m, unsigned subject, double *ret_values);

/* Full speed: nanoseconds for a thousand steps of the fixed work. */
double measure_speed(const struct measure *m);

uint64_t measure_now_ns(void);

#endif
