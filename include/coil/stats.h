/* SPDX-License-Identifier: MIT */
/* Counters: what this loop did. */
#ifndef COIL_STATS_H
#define COIL_STATS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Totals since the loop was opened, unless marked as a state. */
struct coil_stats {
	size_t size;		     /* set by the caller: sizeof(struct coil_stats) */
	uint64_t turns;		     /* turns of the loop */
	uint64_t enters;	     /* system calls io_uring_enter */
	uint64_t waits;		     /* of these, the ones that were allowed to sleep */
	uint64_t spins_won;	     /* spins that found something before the sleep */
	uint64_t spins_lost;	     /* spins that ended in a sleep */
	uint64_t sqes;		     /* SQEs pushed */
	uint64_t cqes;		     /* CQEs reaped */
	uint64_t cq_overflows;	     /* enters that found the completion queue overflown */
	uint64_t enter_retries;	     /* enters that ended in EINTR, EAGAIN or EBUSY */
	uint64_t backlogged;	     /* operations that found the submission queue full */
	uint64_t cancels;	     /* ASYNC_CANCEL requests */
	uint64_t fallbacks;	     /* operations that the kernel lacks, done in another way */
	uint64_t timers_started;     /* timers and deadlines armed */
	uint64_t timers_fired;	     /* of these, the ones that expired */
	uint64_t posts;		     /* messages from other threads */
	uint64_t hooks;		     /* wakes: tasks resumed and hooks fired */
	uint64_t spawned;	     /* tasks */
	uint64_t switches;	     /* switches between stacks */
	uint64_t allocations;	     /* calls of the allocator that gave memory */
	uint64_t allocated_bytes;    /* state: held from the allocator */
	uint64_t owed;		     /* state: completions that the kernel owes */
	uint64_t timers;	     /* state: timers and deadlines armed now */
	uint64_t tasks;		     /* state: tasks that have not ended */
	uint64_t stacks;	     /* state: stacks in use */
	uint64_t stacks_idle;	     /* state: stacks in the pool */
	uint64_t stack_mapped_bytes; /* state: address space for stacks */
	uint64_t direct;	     /* state: direct descriptors open, or being opened */
	uint64_t at_once;	     /* writes by a system call of their own, without the ring */
};

/**
 * coil_stats - read the counters of the calling thread's loop
 * @ret_stats: its size is set; filled up to it
 *
 * Does not suspend.
 * Return: 0; -EINVAL if size is 0.
 * Since 0.1.
 */
int coil_stats(struct coil_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
