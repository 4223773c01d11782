/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks: nanoseconds per unit, with intervals and counters, beside a floor that takes turns.
 *
 * A library of its own, libcoil-bench (pkg-config coil-bench); coil.h does not include this. A
 * program is a table of cases and coil_bench_main(): see docs/examples/bench.c. Functions that
 * return an int return 0 or a negative errno.
 */
#ifndef COIL_BENCH_H
#define COIL_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct argp;
struct coil_bench;
struct coil_bench_entry;
struct coil_bench_result;

#define COIL_BENCH_SUBJECTS_MAX 8

/* Bits of coil_bench_case.flags. */
enum coil_bench_flags {
	COIL_BENCH_ASYNC = 1 << 0, /* runs in a task: what it calls may suspend */
	COIL_BENCH_LONG = 1 << 1,  /* not in a smoke run */
	COIL_BENCH_HIGHER = 1 << 2, /* more is better: requests a second */
	COIL_BENCH_EXACT = 1 << 3, /* a count, such as bytes: one round is enough for a verdict */
	COIL_BENCH_SPREAD = 1 << 4 /* on all cores; others share the one that a round begins on */
};

/* What coil_bench_case.goal bounds. */
enum coil_bench_goal {
	COIL_BENCH_NO_GOAL,
	COIL_BENCH_RATIO, /* the ratio to the floor */
	COIL_BENCH_VALUE, /* the value, in the case's unit */
	COIL_BENCH_PLUS	  /* what is added to the floor, in the case's unit */
};

/*
 * Who is measured. The library chooses units so that a call of run takes a window, 200 us; prepare,
 * NULL or not, is called before each with the same units and is not timed.
 */
struct coil_bench_subject {
	/*
	 * NULL: the program's; "floor" is what the others are compared with, or "without", where
	 * they have something that it has not.
	 */
	const char *name;
	void (*run)(void *arg, uint64_t units);
	void (*prepare)(void *arg, uint64_t units);
	void *arg;
	uint64_t step; /* units come in multiples of it; 0: 1 */
	uint64_t most; /* of a window, where more would be other work; 0: as many as it takes */
	void *reserved[1];
};

/*
 * A case: subjects that do the same work, and take turns at it. A simple one names its subjects in
 * the table; open, if there is one, gets a copy of the row and may fill subjects and state. close
 * follows, also an open that failed.
 */
struct coil_bench_case {
	const char *name;
	const char *what; /* one unit, and what the floor is */
	const char *unit; /* NULL: "ns" */
	unsigned flags;	  /* enum coil_bench_flags */
	int goal_kind;	  /* enum coil_bench_goal */
	double goal;
	struct coil_bench_subject subjects[COIL_BENCH_SUBJECTS_MAX];
	int (*open)(struct coil_bench_case *self);
	void (*close)(struct coil_bench_case *self);
	/* Instead of subjects: measures by itself, and adds results to the entry. */
	int (*whole)(struct coil_bench_case *self, struct coil_bench_entry *entry);
	void *state; /* the program's */
	void *reserved[4];
};

/* How to measure, and what of. Zero is the default of each field. */
struct coil_bench_options {
	size_t size;	       /* sizeof(struct coil_bench_options) */
	int64_t time_ns;       /* for each case: 3 s */
	int64_t window_ns;     /* 200 us */
	unsigned rounds;       /* repeats of a case, in processes of their own: 15 */
	unsigned windows;      /* clean ones of each subject that make a round: 30 */
	unsigned tolerance;    /* percent that a clean window's fixed work may lack: 8 */
	unsigned is_smoke;     /* 1: only try each case */
	uint64_t seed;	       /* of the bootstrap: 1 */
	const char *name;      /* of the program, for the record */
	const char *subject;   /* what a subject without a name is called: "mine" */
	const char *version;   /* of what is measured, for the record */
	const char *commit;
	const char *build;     /* its flags */
	unsigned planted;      /* percent: slows all but floors, to see that compare finds it */
	unsigned reserved[3];
};

/* A benchmark program. */
struct coil_bench_suite {
	size_t size; /* sizeof(struct coil_bench_suite) */
	const char *name;
	const char *subject; /* what a subject without a name is called; NULL: name */
	const char *version;
	const char *commit;
	const char *build;
	const struct coil_bench_case *cases;
	size_t cases_count;
	const struct argp *argp; /* more options, with argp_input; NULL: none */
	void *argp_input;
};

/* What coil_bench_write() writes. */
enum coil_bench_format {
	COIL_BENCH_TABLE,    /* for a terminal */
	COIL_BENCH_JSON,     /* all of it; what coil-bench compare and report read */
	COIL_BENCH_CSV,	     /* a line for each subject */
	COIL_BENCH_MARKDOWN, /* a table */
	COIL_BENCH_HTML,     /* one page with charts */
	COIL_BENCH_HGRM	     /* HdrHistogram's percentile text of each histogram */
};

/**
 * coil_bench_main - be a benchmark program
 * @argc:  main's
 * @argv:  main's
 * @suite: the cases; borrowed
 *
 * Knows list, run [PATTERN...] and the options that --help names. Each round of a case runs in a
 * process of its own, which executes the program anew: call this first. SIGINT ends the measuring;
 * what is known is reported.
 * Return: main's status: 0 measured; 1 something could not be; 2 wrong usage.
 * Since 0.1.
 */
int coil_bench_main(int argc, char **argv, const struct coil_bench_suite *suite);

/**
 * coil_bench_open - begin to collect results
 * @ret_bench: the caller's now; coil_bench_close() it
 * @options:   NULL for the defaults; strings are copied
 *
 * Records the machine: reads /proc and /sys. For programs that do without coil_bench_main().
 * Return: 0; -EINVAL if an option is out of bounds; -ENOMEM.
 * Since 0.1.
 */
int coil_bench_open(struct coil_bench **ret_bench, const struct coil_bench_options *options);

/**
 * coil_bench_close - let go of the results
 * @bench: NULL is allowed
 *
 * Since 0.1.
 */
void coil_bench_close(struct coil_bench *bench);

/**
 * coil_bench_measure - measure a case here and now
 * @bench:      where the result goes
 * @bench_case: borrowed
 *
 * All rounds in the calling process: in the calling task, if there is one; else, if the case is
 * marked COIL_BENCH_ASYNC, in loops of their own. What goes wrong is also said in the result.
 * Return: 0; -ETIME if no window was clean; -EINTR after coil_bench_stop(); what open returned.
 * Since 0.1.
 */
int coil_bench_measure(struct coil_bench *bench, const struct coil_bench_case *bench_case);

/**
 * coil_bench_write - write all results
 * @bench:  what was measured
 * @format: enum coil_bench_format
 * @out:    a stream
 *
 * Return: 0; -EINVAL for an unknown format; -EIO if the stream failed.
 * Since 0.1.
 */
int coil_bench_write(const struct coil_bench *bench, int format, FILE *out);

/**
 * coil_bench_stop - end the measuring after this window
 *
 * May be called by a signal handler or another thread.
 * Since 0.1.
 */
void coil_bench_stop(void);

/**
 * coil_bench_is_stopped - whether the measuring shall end
 *
 * Return: 1 after SIGINT in coil_bench_main(), or coil_bench_stop(); else 0.
 * Since 0.1.
 */
int coil_bench_is_stopped(void);

/**
 * coil_bench_note - words that go with an entry into the table and the report
 * @entry: as whole got it
 * @words: a sentence; copied
 *
 * Return: 0, -ENOMEM.
 * Since 0.1.
 */
int coil_bench_note(struct coil_bench_entry *entry, const char *words);

/**
 * coil_bench_entry_add - a case that was measured elsewhere
 * @bench:      where it goes
 * @bench_case: its name, what, unit, flags and goal; copied
 * @ret_entry:  belongs to @bench
 *
 * Return: 0, -ENOMEM, -EINVAL without a name.
 * Since 0.1.
 */
int coil_bench_entry_add(struct coil_bench *bench, const struct coil_bench_case *bench_case,
			 struct coil_bench_entry **ret_entry);

/**
 * coil_bench_result_add - a subject of an entry
 * @entry:      of coil_bench_entry_add(), or as whole got it
 * @subject:    its name; "floor" or "without" is what the others are compared with; copied
 * @ret_result: belongs to the entry
 *
 * Return: 0; -ENOMEM; -EEXIST if the entry has a subject of this name.
 * Since 0.1.
 */
int coil_bench_result_add(struct coil_bench_entry *entry, const char *subject,
			  struct coil_bench_result **ret_result);

/**
 * coil_bench_sample - one round's value
 * @result: the subject
 * @value:  in the case's unit; NAN if the round failed
 *
 * Rounds count up; those of an entry's subjects with the same number are taken for neighbours.
 * Return: 0, -ENOMEM.
 * Since 0.1.
 */
int coil_bench_sample(struct coil_bench_result *result, double value);

/**
 * coil_bench_count - a counter, for each unit
 * @result: the subject
 * @name:   such as "enters", "allocations", "cpu_us", "rss_bytes"; copied
 * @value:  replaces an earlier one of this name; NAN: not known, and left out
 *
 * Return: 0, -ENOMEM.
 * Since 0.1.
 */
int coil_bench_count(struct coil_bench_result *result, const char *name, double value);

/**
 * coil_bench_second - a point of the series over time
 * @result:  the subject
 * @at_s:    seconds since the beginning
 * @rate:    units in a second
 * @p50_p99: latencies; NAN where not measured
 *
 * The latencies are in the unit of the result's histogram.
 * Return: 0, -ENOMEM.
 * Since 0.1.
 */
int coil_bench_second(struct coil_bench_result *result, double at_s, double rate,
		      const double p50_p99[2]);

/**
 * coil_bench_fail - why a subject has no value
 * @result: the subject
 * @words:  a sentence, such as "not installed: libuv1-dev"; copied
 *
 * Return: 0, -ENOMEM.
 * Since 0.1.
 */
int coil_bench_fail(struct coil_bench_result *result, const char *words);

/*
 * A histogram of whole numbers, 0 to 2^48 - 1: each power of two is cut into 128 equal parts, so
 * that a value is known to 0.8 %, and below 256 exactly. Larger values count as the largest.
 * Private by comment; zeroes are an empty one.
 */
#define COIL_BENCH_HISTOGRAM_PLACES (42 * 128)

struct coil_bench_histogram {
	uint64_t counts[COIL_BENCH_HISTOGRAM_PLACES];
	uint64_t total;
	uint64_t min; /* of the values; 0 if there are none */
	uint64_t max;
	double sum;
	double sum_squares;
};

/**
 * coil_bench_histogram_add - count a value
 * @histogram: caller's
 * @value:     such as nanoseconds
 * @times:     how often
 *
 * Constant time, no allocation.
 * Since 0.1.
 */
void coil_bench_histogram_add(struct coil_bench_histogram *histogram, uint64_t value,
			      uint64_t times);

/**
 * coil_bench_histogram_merge - add all values of another
 * @into: changed
 * @from: borrowed
 *
 * The result is that of adding the values one by one.
 * Since 0.1.
 */
void coil_bench_histogram_merge(struct coil_bench_histogram *into,
				const struct coil_bench_histogram *from);

/**
 * coil_bench_histogram_quantile - the value that a part of the values does not exceed
 * @histogram: borrowed
 * @part:      0 to 1; 0.99 for p99
 *
 * Return: the largest value of its place, never above the maximum; 0 if there are no values.
 * Since 0.1.
 */
uint64_t coil_bench_histogram_quantile(const struct coil_bench_histogram *histogram, double part);

/**
 * coil_bench_histogram_print - HdrHistogram's percentile text
 * @histogram: borrowed
 * @scale:     what values are divided by: 1000 prints nanoseconds as microseconds
 * @out:       a stream
 *
 * What HdrHistogram's plotters read (.hgrm).
 * Return: 0; -EIO if the stream failed.
 * Since 0.1.
 */
int coil_bench_histogram_print(const struct coil_bench_histogram *histogram, double scale,
			       FILE *out);

/**
 * coil_bench_histogram_set - the distribution that goes with a result
 * @result:    the subject
 * @histogram: copied
 * @scale:     what a value is divided by
 * @unit:      to be in this unit: "us"; copied
 *
 * Return: 0; -ENOMEM; -EINVAL if scale is not above 0.
 * Since 0.1.
 */
int coil_bench_histogram_set(struct coil_bench_result *result,
			     const struct coil_bench_histogram *histogram, double scale,
			     const char *unit);

/**
 * coil_bench_keep - make the compiler believe that a value is used
 * @value: its address
 *
 * Since 0.1.
 */
static inline void coil_bench_keep(const void *value)
{
	__asm__ volatile("" : : "r"(value) : "memory");
}

#ifdef __cplusplus
}
#endif

#endif
