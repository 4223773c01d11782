/* SPDX-License-Identifier: MIT */
/*
 * bench - the parts of coil-bench: a row a case.
 *
 * A case is opened, measured and closed inside of one coil_run: its floor and its Coil side are two
 * measure_cases that take turns, driven by the main task. The measuring is coil/bench.h's.
 */
#ifndef COIL_BENCH_BENCH_H
#define COIL_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <coil.h>
#include <coil/bench.h>

#include "lib/measure.h"
#include "raw_micro.h"

enum bench_goal {
	BENCH_NO_GOAL,
	BENCH_RATIO,	/* at most this times the floor */
	BENCH_NS,	/* at most this */
	BENCH_PLUS_NS,	/* at most the floor and this */
	BENCH_BYTES,	/* at most this; the figure is not a time */
};

struct bench;

struct measure_case {
	void (*run)(void *arg, uint64_t units);
	void *arg;
	uint64_t step;			/* units come in multiples of it; 0: 1 */
	uint64_t most;			/* of a window; 0: as many as it takes */
	/* Not timed, before each run; NULL: nothing to prepare. */
	void (*prepare)(void *arg, uint64_t units);
};

struct bench_case {
	const char *name;
	const char *what;		/* one unit, and what its floor is */
	enum bench_goal goal_kind;
	double goal;
	bool has_raw;			/* the floor is raw_micro's, of this kind */
	bool is_long;			/* not in a smoke run */
	bool is_feature;		/* the same work "without" something, and "with" it */
	enum raw_micro_kind raw;
	unsigned int parameter;		/* the raw floor's, and the case's own */
	/* Fills bench->coil, and bench->floor if that is not raw's. 0 or a negative errno. */
	int (*open)(struct bench *bench);
	void (*close)(struct bench *bench);
	/* Measures by itself, into the entry; the two above are NULL. */
	int (*whole)(const struct bench_case *bench_case, struct coil_bench_entry *entry);
};

struct bench {
	const struct bench_case *of;
	struct measure_case floor;	/* run is NULL: there is none */
	struct measure_case coil;
	struct measure_case peer;	/* beside it, peer_name; run is NULL: there is none */
	const char *peer_name;
	void *state;
	struct raw_micro *raw;
};

/* The tables of the case files, each ended by a row without a name. */
extern const struct bench_case bench_cases_task[];
extern const struct bench_case bench_cases_nop[];
extern const struct bench_case bench_cases_net[];
extern const struct bench_case bench_cases_udp[];
extern const struct bench_case bench_cases_timers[];
extern const struct bench_case bench_cases_file[];
extern const struct bench_case bench_cases_copy[];
extern const struct bench_case bench_cases_ring[];
extern const struct bench_case bench_cases_disk[];
extern const struct bench_case bench_cases_thread[];
extern const struct bench_case bench_cases_share[];
extern const struct bench_case bench_cases_work[];
extern const struct bench_case bench_cases_parked[];
extern const struct bench_case bench_cases_serve[];

/* The row as the library wants it; the row has to stay. */
struct coil_bench_case bench_case_of(const struct bench_case *row);

/* Stops the program: a benchmark whose work fails measures nothing. */
void bench_must(bool is_true, const char *what);

/*
 * Calls work in a new process, which has a copy of arg, of at most 4,000 bytes; what it left there
 * comes back. What work returned, or -EPIPE if it died.
 */
int bench_child_run(int (*work)(void *arg), void *arg, size_t bytes);
/* A line of /proc/PID/status; 0: there is none. */
double bench_status_number(long pid, const char *key);
/* Bytes of resident memory and of page tables. */
double bench_resident(long pid);

/* A floor of bare switches between stacks; false where there are none. run gets bench->raw. */
bool bench_floor_switches(struct bench *bench, void (*run)(void *raw, uint64_t units));
/* Such a run: there and back for each unit. */
void bench_two_switches(void *raw, uint64_t units);

/*
 * A crew: n tasks that do one piece of work again and again, side by side. The driver's run lets
 * each of them do units / n of it.
 */
struct crew;

int crew_open(unsigned int n, void (*work)(void *arg, unsigned int member), void *arg,
	      struct crew **ret_crew);
void crew_run(void *crew, uint64_t units);
void crew_close(struct crew *crew);

#endif
