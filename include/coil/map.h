/* SPDX-License-Identifier: MIT */
/* A function on every number from 0 to n - 1, so many at a time. */
#ifndef COIL_MAP_H
#define COIL_MAP_H

#include <stddef.h>

#include "coil/combine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero is the default of each field. */
struct coil_map_options {
	size_t size;	  /* sizeof(struct coil_map_options) */
	unsigned limit;	  /* calls at a time; 0: all */
	int flags;	  /* 0, COIL_FAIL_FAST or COIL_KEEP_GOING, as coil_gather */
	int *results;	  /* room for n results, each in its place; default: not kept */
	const char *name; /* of the tasks that run the calls; must outlive the call */
};

/**
 * coil_map - call a function for each of n items, so many at a time
 * @n:     items, 0..INT_MAX; 0 returns 0 at once
 * @limit: calls at a time, each in a task; 0: all at once
 * @fn:    called with 0 to @n - 1, in this order, and @arg; returns >= 0 or a negative errno
 * @arg:   passed to each call
 *
 * Suspends until every call has returned. min(@limit, @n) tasks take one item after the other; each
 * item sees the caller's task locals, and what it sets no other one sees. A cancel of the caller
 * reaches the running calls; items that were not begun are not, and count as -ECANCELED. A call
 * whose task is cancelled by coil_cancel is ended, the items after it are not.
 * Return: 0 or the first failure in the order of the items (one that was only cancelled does not
 * count unless nothing else failed: then -ECANCELED); the scope's reason if the map was cancelled
 * and an item ended so; -EINVAL; -ENOMEM if no task could be started: then nothing was called.
 * Since 0.1. See Semaphore and gather of Python, errgroup.SetLimit of Go.
 */
int coil_map(size_t n, unsigned limit, int (*fn)(size_t index, void *arg), void *arg);

/**
 * coil_map_with - coil_map with options
 * @options: NULL for the defaults
 * @n:       as coil_map
 * @fn:      as coil_map
 * @arg:     as coil_map
 *
 * With COIL_FAIL_FAST the first failure cancels the running calls, and no further ones are begun.
 * Return: as coil_map; with COIL_KEEP_GOING the number of items that failed.
 * Since 0.1.
 */
int coil_map_with(const struct coil_map_options *options, size_t n,
		  int (*fn)(size_t index, void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
