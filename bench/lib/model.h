/* SPDX-License-Identifier: MIT */
/*
 * model - what was measured: entries (cases) of results (subjects) of samples (a value a round).
 *
 * Filled by the measuring or by a reader of files; everything else only looks. Strings are owned
 * and never NULL unless it says so.
 */
#ifndef COIL_BENCH_LIB_MODEL_H
#define COIL_BENCH_LIB_MODEL_H

#include <stdbool.h>

#include "coil/bench.h"
#include "statistics.h"

struct pair {
	char *key;
	char *value;
};

struct counter {
	char *name;
	double value;
};

struct second {
	double at_s;
	double rate;
	double p50, p99; /* NAN: not measured */
};

/* What the machine did meanwhile. */
struct noise {
	double clean;	   /* part of the windows that ran at full speed; NAN: no windows */
	double stolen;	   /* part of the time of all processors; NAN: not known */
	double others;	   /* processors that others kept busy; NAN: not known */
	double speed;	   /* fixed work: nanoseconds for a thousand steps, at the best */
	double speed_worst; /* the same in the worst round */
};

struct memory;

struct coil_bench_result {
	struct coil_bench_entry *entry;
	struct memory *memory; /* of what was computed: the bootstrap is slow */
	char *name;
	char *error; /* NULL: none */
	double *samples; /* NAN: this round has none */
	size_t samples_count;
	struct counter *counters;
	size_t counters_count;
	struct second *seconds;
	size_t seconds_count;
	struct coil_bench_histogram *histogram; /* NULL: none */
	double scale;
	char *histogram_unit;
	uint64_t windows, windows_clean;
	uint64_t units; /* of a window */
};

struct coil_bench_entry {
	struct coil_bench *bench;
	char *name, *what, *unit;
	char *note;  /* NULL: none */
	char *error; /* NULL: none */
	unsigned flags;
	int goal_kind;
	double goal;
	struct noise noise;
	double *speeds; /* of the rounds: as noise.speed; NAN: not learned */
	size_t speeds_count;
	struct coil_bench_result **results;
	size_t results_count;
};

struct coil_bench {
	struct coil_bench_options options;
	struct pair *record;
	size_t record_count;
	struct coil_bench_entry **entries;
	size_t entries_count;
	bool is_interrupted;
};

struct summary {
	size_t rounds; /* with a value; 0: the rest is NAN */
	double median, mean, min, max, quartile_low, quartile_high;
	struct interval interval; /* of the median */
	struct outliers outliers;
};

/* An empty model without a record. */
int model_new(struct coil_bench **ret_bench);
int model_record(struct coil_bench *bench, const char *key, const char *value);
/* NULL if it has none. */
const char *model_recorded(const struct coil_bench *bench, const char *key);
const struct coil_bench_entry *model_find(const struct coil_bench *bench, const char *name);
/* The next round's. 0 or -ENOMEM. */
int entry_speed_add(struct coil_bench_entry *entry, double speed);
int entry_fail(struct coil_bench_entry *entry, const char *words);
const struct coil_bench_result *entry_find(const struct coil_bench_entry *entry,
					   const char *subject);
/* Samples were changed in place, instead of added. */
void result_forget(struct coil_bench_result *result);
/* Of what the others are compared with: "floor", and "without" where a feature is measured. */
bool is_floor_name(const char *name);
/* Each NULL if there is none with a value. */
const struct coil_bench_result *entry_floor(const struct coil_bench_entry *entry);
const struct coil_bench_result *entry_main(const struct coil_bench_entry *entry);
bool entry_goal_is_met(const struct coil_bench_entry *entry);
void describe_goal(const struct coil_bench_entry *entry, char *text, size_t bytes);

struct summary summary_of(const struct coil_bench_result *result);
/* Those that are numbers; ret_values has room for all. */
size_t samples_of(const struct coil_bench_result *result, double *ret_values);
/* Round by round, by what fixed work took; ret_values has room for all. */
size_t paces_of(const struct coil_bench_result *result, double *ret_values);
/* Round by round, result by floor; ret_values has room for the fewer of both. */
size_t ratios_of(const struct coil_bench_result *floor, const struct coil_bench_result *result,
		 double *ret_values);
/* The median of these, with its interval; NAN without. floor is that of the entry. */
double paired_ratio(const struct coil_bench_result *floor, const struct coil_bench_result *result,
		    struct interval *ret_interval);
/*
 * Moves what another model measured into this one; a case that both have gets more subjects, named
 * with the label. The other one is as good as empty then.
 */
int model_merge(struct coil_bench *bench, struct coil_bench *from, const char *label);
/* NAN if it has none of this name. */
double counter_of(const struct coil_bench_result *result, const char *name);

#endif
