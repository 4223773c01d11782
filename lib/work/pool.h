/* SPDX-License-Identifier: MIT */
/* A pool from its loop's side. */
#ifndef COIL_WORK_POOL_H
#define COIL_WORK_POOL_H

#include "work/crew.h"

/* @pool, or the loop's own, opened at its first use; NULL: no memory for that. */
struct coil_pool *pool_or_default(struct scheduler *s, struct coil_pool *pool,
				  const char *function);

/*
 * coil_pool_submit with @work filled in: fn, arg and the future's @ops. Suspends while the queue is
 * full.
 */
int pool_submit(struct coil_pool *pool, struct coil_work *work, const struct coil_future_ops *ops);

/* @work was taken out of the queue: resolved with -ECANCELED if it is pending still. */
void pool_note_withdrawn(struct coil_pool *pool, struct coil_work *work);

/*
 * The caller goes away from work that it awaited. QUEUED: it is withdrawn, and the caller's;
 * RUNNING: it frees itself when it has ended; ENDED: its result is about to arrive.
 */
enum work_state pool_leave_behind(struct coil_pool *pool, struct left_work *left);

extern const struct coil_future_ops pool_work_ops;

#endif
