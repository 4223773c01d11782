/* SPDX-License-Identifier: MIT */
/*
 * A place where a fixed number of tasks wait for each other, again and again. See coil/waiters.h
 * for what all of its kind have in common.
 */
#ifndef COIL_BARRIER_H
#define COIL_BARRIER_H

#include "coil/waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory; private. */
struct coil_barrier {
	struct coil_waiters waiters;
	uint64_t generation;
	uint32_t parties;
	uint32_t is_broken;
};

/* Totals since the init, unless marked as a state. */
struct coil_barrier_stats {
	size_t size;	     /* set by the caller: sizeof(struct coil_barrier_stats) */
	uint64_t parties;    /* state: tasks that pass together */
	uint64_t waiters;    /* state: tasks that wait */
	uint64_t is_broken;  /* state: 1 or 0 */
	uint64_t waits;	     /* tasks that had to wait */
	uint64_t generation; /* times that it was passed */
};

/**
 * coil_barrier_init - make a barrier
 * @barrier: uninitialised memory; must stay until coil_barrier_deinit
 * @parties: tasks that pass together, 1..2,147,483,647
 *
 * Does not suspend; needs no loop.
 * Since 0.1. See asyncio.Barrier.
 */
void coil_barrier_init(struct coil_barrier *barrier, unsigned parties);

/**
 * coil_barrier_deinit - end the use of a barrier
 * @barrier: without waiters; NULL is allowed. Those that have passed do not count
 *
 * Does not suspend.
 * Since 0.1.
 */
void coil_barrier_deinit(struct coil_barrier *barrier);

/**
 * coil_barrier_wait - wait until all are there
 * @barrier: of the calling thread's loop
 *
 * Suspends until as many tasks as it has parties wait; the last one goes on at once, the others in
 * the next turn, and the barrier is ready for the next generation. A cancelled waiter leaves: the
 * barrier waits for somebody else in its place, and is not broken.
 * Return: which one of its generation the caller is, in the order of their coming: 0 to parties -
 * 1, each once; -EPIPE if the barrier is broken, or is reset or broken meanwhile; the reason of a
 * cancelled scope.
 * Since 0.1. See asyncio.Barrier.wait.
 */
int coil_barrier_wait(struct coil_barrier *barrier);

/**
 * coil_barrier_reset - send those who wait away, and begin anew
 * @barrier: of the calling thread's loop
 *
 * Their waits return -EPIPE. A broken barrier is whole again. Does not suspend, works in a
 * cancelled scope and outside of tasks.
 * Since 0.1. See asyncio.Barrier.reset.
 */
void coil_barrier_reset(struct coil_barrier *barrier);

/**
 * coil_barrier_abort - break a barrier
 * @barrier: of the calling thread's loop
 *
 * Waits return -EPIPE, those that are on and those to come, until coil_barrier_reset. Does not
 * suspend, works in a cancelled scope and outside of tasks.
 * Since 0.1. See asyncio.Barrier.abort.
 */
void coil_barrier_abort(struct coil_barrier *barrier);

/**
 * coil_barrier_parties - how many tasks pass together?
 * @barrier: of the calling thread's loop
 *
 * Does not suspend.
 * Return: count.
 * Since 0.1. See asyncio.Barrier.parties.
 */
unsigned coil_barrier_parties(const struct coil_barrier *barrier);

/**
 * coil_barrier_waiting - how many tasks wait?
 * @barrier: of the calling thread's loop
 *
 * Does not suspend.
 * Return: count.
 * Since 0.1. See asyncio.Barrier.n_waiting.
 */
unsigned coil_barrier_waiting(const struct coil_barrier *barrier);

/**
 * coil_barrier_is_broken - was a barrier broken?
 * @barrier: of the calling thread's loop
 *
 * Does not suspend.
 * Return: true if so.
 * Since 0.1. See asyncio.Barrier.broken.
 */
bool coil_barrier_is_broken(const struct coil_barrier *barrier);

/**
 * coil_barrier_stats - read the counters of a barrier
 * @barrier:   of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_barrier_stats(const struct coil_barrier *barrier, struct coil_barrier_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
