/* SPDX-License-Identifier: MIT */
/* session - measures cases, round by round, into a model. */
#ifndef COIL_BENCH_LIB_SESSION_H
#define COIL_BENCH_LIB_SESSION_H

#include "model.h"
#include "round.h"

/* Runs one round somewhere. Fills the round; a negative errno or words in it if that failed. */
struct runner {
	void (*run)(void *arg, const struct coil_bench_case *bench_case,
		    const struct round_options *options, struct round *ret_round, char *ret_words);
	void *arg;
};

#define RUNNER_WORDS_BYTES 160

/* In this process. */
extern const struct runner runner_here;

/*
 * Measures cases into new entries, in turns: a round of each, there and back, so that a case's
 * rounds are spread over all of the time and find the machine in its good hours too. Cases that
 * have too few good rounds at the end, or wide intervals, get more. progress is NULL or where to
 * show how far it is.
 */
int session_measure(struct coil_bench *bench, const struct coil_bench_case *const *cases,
		    size_t count, const struct runner *runner, FILE *progress);

/* In a process for each round: executes the program anew. */
struct children {
	char **argv;
	const struct coil_bench_case *cases;
};

struct runner children_runner(struct children *children);

/*
 * In the new process: whether it was started to run a round, and of which case. It then leaves the
 * round for its parent.
 */
bool child_is_wanted(size_t *ret_index);
void child_main(const struct coil_bench_case *bench_case);

/* SIGINT ends the measuring; a second one kills, except in a child. */
void stop_by_signal(bool is_child);

#endif
