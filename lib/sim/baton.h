/* SPDX-License-Identifier: MIT */
/*
 * Several loops of one world, each on a thread of its own: exactly one of them runs at any time,
 * and which one goes on is the seed's to choose. The clock jumps when all of them sleep.
 *
 * Invariant: who holds the baton is the only one that touches the world.
 */
#ifndef COIL_SIM_BATON_H
#define COIL_SIM_BATON_H

#include <pthread.h>

#include "sim/ring.h"

/* One thread of the world. */
struct sim_member {
	struct coil_list node;
	struct sim_ring *ring;		/* NULL: it has none, or none any more */
	bool sleeps;
	bool waits_for_others;		/* until it is the last one */
	int64_t deadline;
	pthread_cond_t chosen;
};

/* A thread takes part: the first one has the baton, another one waits for it in sim_baton_begin. */
struct sim_member *sim_baton_join(struct sim *sim);
void sim_baton_begin(struct sim *sim, struct sim_member *member);

/* The thread of @member never came to be. */
void sim_baton_forget(struct sim *sim, struct sim_member *member);

/* The calling thread, which has the baton, takes part no more. @member is freed. */
void sim_baton_leave(struct sim *sim, struct sim_member *member);

/* The calling thread waits until all others have left. */
void sim_baton_wait_for_others(struct sim *sim, struct sim_member *member);

/* The member that has the baton. */
struct sim_member *sim_baton_holder(struct sim *sim);

void sim_baton_init(struct sim *sim);
void sim_baton_deinit(struct sim *sim);

/*
 * Sleeps until @ring has something, or the clock has come to @deadline. 0; -ETIME; -EDEADLK:
 * nothing can ever happen again.
 */
int sim_baton_sleep(struct sim_ring *ring, int64_t deadline);

/* Lets another loop go on, if one could and the seed says so. */
void sim_baton_offer(struct sim_ring *ring);

#endif
