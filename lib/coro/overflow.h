/* SPDX-License-Identifier: MIT */
/*
 * The report of a stack overflow: whose stack it was, how large, and what to do; and of every other
 * fault that nobody handles: where it was, and who ran. The process still dies of it.
 */
#ifndef COIL_CORO_OVERFLOW_H
#define COIL_CORO_OVERFLOW_H

#include <stdbool.h>
#include <stddef.h>

struct stack;
struct stack_pool;

/*
 * Writes whose stack it is ('task 7 "reader" (stack of 65536 bytes, spawned at a.c:12)') into
 * @text; false if it does not know. Runs in a signal handler, on a small stack, with the program
 * in an unknown state.
 */
typedef bool overflow_describe(struct stack *stack, char *text, size_t bytes);

/* Likewise, who runs on this thread; false if nobody does. */
typedef bool overflow_describe_running(char *text, size_t bytes);

/**
 * overflow_watch - report overflows of this pool's stacks on this thread
 * @pool:             borrowed until overflow_unwatch
 * @describe:         may be NULL
 * @describe_running: may be NULL: only overflows are reported
 *
 * The thread gets an alternate signal stack, unless it has one. The first watch of the process
 * installs handlers of SIGSEGV and SIGBUS; faults that are not ours go to the handlers before.
 *
 * Return: 0; -EBUSY if this thread watches a pool already; -ENOMEM.
 */
int overflow_watch(struct stack_pool *pool, overflow_describe *describe,
		   overflow_describe_running *describe_running);

/*
 * Ends this thread's watch, if there is one. The last of the process restores the handlers if
 * they are still ours.
 */
void overflow_unwatch(void);

#endif
