/* SPDX-License-Identifier: MIT */
/*
 * A run on the simulated kernel: its options, who watches it, and what is found. The only room that
 * sees both sides of the seam: the world below, tasks above.
 *
 * Invariant: watching changes nothing that a run's hash counts, except where the profile says
 * SHUFFLE.
 */
#ifndef COIL_SIMRUN_SIMRUN_H
#define COIL_SIMRUN_SIMRUN_H

#include <pthread.h>

#include "coil/sim.h"
#include "ring/offer.h"
#include "sim/baton.h"
#include "sim/ring.h"
#include "sim/world.h"
#include "task/task.h"

#define SIMRUN_LOOPS_MAX 64

/* One of a kind fails, of those of all loops: the n-th, or it and all later ones. */
struct simrun_shortage {
	uint64_t count;
	uint64_t fail_at;		/* from 1 on; 0: none */
	bool fails_onwards;
};

/* The engine's memory: counted, made to fail, and taken back when an engine gives up. */
struct simrun_memory {
	struct coil_alloc alloc;
	const struct coil_alloc *below;
	struct coil_list blocks;
	struct simrun_shortage *shortage;
};

#define SIMRUN_TIMERS_SEEN 256u

/* A loop's timers, as they stood at the last look. */
struct simrun_timers {
	uint64_t fired;
	uint64_t started;
	uint32_t count;
	bool is_cut;			/* there were too many to remember */
	int64_t keys[SIMRUN_TIMERS_SEEN];
};

/* Who was ready at the last look. */
struct simrun_progress {
	uint64_t turns;
	uint64_t fired;			/* hooks, ever */
	uint64_t ready;
	unsigned behind;		/* looks in a row since which fewer fired than were ready */
};

/* A loop of the run, from its first enter on. */
struct simrun_loop {
	struct simrun *run;
	struct sim_ring *ring;
	struct scheduler *scheduler;	/* NULL: it has not entered yet, or it is closed */
	struct simrun_memory memory;
	struct coil_options options;
	struct offer_mask mask;		/* what its kernel does not have */
	struct sim_member *member;
	pthread_t thread;
	int (*entry)(void *arg);
	void *arg;
	int result;
	struct coil_hook stop;		/* fired in the loop: cancels its main task */
	int stop_reason;
	bool is_stopping;
	struct simrun_timers timers;
	struct simrun_progress progress;
};

struct simrun {
	struct coil_sim_options options;
	uint64_t seed;
	struct sim *sim;
	struct simrun_loop *loops[SIMRUN_LOOPS_MAX];
	unsigned loop_count;
	uint64_t hash;
	uint64_t operations;
	struct simrun_shortage allocations;
	struct simrun_shortage mappings; /* of memory for stacks */
	struct simrun_shortage rings;
	uint64_t schedule;		/* of an exploration: its number, from 1 on */
	uint64_t stopped_at;		/* the turn in which the loops were told to stop; 0: not */
	int failure;
};

/* The run of the calling thread, or NULL. */
extern _Thread_local struct simrun_loop *simrun_current;

/* -- memory.c ---------------------------------------------------------------------------------
 */

void simrun_memory_init(struct simrun_memory *memory, const struct coil_alloc *below,
			struct simrun_shortage *shortage);

/* Counts one more. Does it fail? */
bool simrun_runs_short(struct simrun_shortage *shortage);

/* What was never given back; frees it. Bytes. */
uint64_t simrun_memory_take_back(struct simrun_memory *memory);

/* -- watch.c: the hooks of the world ----------------------------------------------------------
 */

struct sim_hooks simrun_hooks(struct simrun *run);

/* Ends the loops: each main task is cancelled. */
void simrun_stop(struct simrun *run, int reason);

/* -- words.c ----------------------------------------------------------------------------------
 */

/* Something failed: says so, once, with who waits for what, the seed and what replays it. */
void simrun_fail(struct simrun *run, int failure, const char *words);
void simrun_say(struct simrun *run, const char *words, ...) __attribute__((format(printf, 2, 3)));

/* Puts the seed into whatever stops the program from now on. */
void simrun_mark_checks(struct simrun_loop *loop);

/* -- options.c --------------------------------------------------------------------------------
 */

/* 0, or -EINVAL with the words in coil_last_error(). @ret_limits: SIM_TROUBLE_COUNT of them. */
int simrun_read_options(struct simrun *run, const struct coil_sim_options *given,
			uint32_t *ret_limits);

/* -- tree.c -----------------------------------------------------------------------------------
 */

/* All that can be walked in an engine that is about to enter. Stops the program if it is wrong. */
void simrun_check(struct simrun_loop *loop);
void simrun_shuffle(struct simrun_loop *loop);

/* -- laws.c -----------------------------------------------------------------------------------
 */

/* Each compares with the last look, @seen, and makes this one the last. */
bool simrun_timers_hold(struct simrun_timers *seen, const struct coil_loop *loop, int64_t now);
bool simrun_progress_holds(struct simrun_progress *seen, const struct coil_loop *loop);

#endif
