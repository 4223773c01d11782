/* SPDX-License-Identifier: MIT */
/*
 * What a queue does without waiting, the same for tasks of one loop and under the lock of a shared
 * queue. Invariant: putters wait only while it is full, getters only while it is empty, joiners
 * only while something is unfinished; after a shutdown no putter waits, and no getter.
 */
#ifndef COIL_EXCHANGE_QUEUE_BODY_H
#define COIL_EXCHANGE_QUEUE_BODY_H

#include <errno.h>

#include "coil/queue.h"
#include "exchange/handover.h"

int body_init(struct coil_queue_body *body, const struct coil_alloc *alloc,
	      const struct coil_queue_options *options);
void body_deinit(struct coil_queue_body *body);

/* 0; -EAGAIN: it would have to wait; -EPIPE, -ENOMEM, -ENOBUFS. */
int body_put(struct coil_queue_body *body, const void *item);
/* 0; -EAGAIN; -EPIPE. */
int body_get(struct coil_queue_body *body, void *ret_item);

/* 0; -EAGAIN while something is unfinished. */
static inline int body_join(const struct coil_queue_body *body)
{
	return body->unfinished ? -EAGAIN : 0;
}

void body_task_done(struct coil_queue_body *body);
void body_shutdown(struct coil_queue_body *body, int flags);
bool body_has_waiters(const struct coil_queue_body *body);
int body_stats(const struct coil_queue_body *body, struct coil_item_stats *ret_stats);

#endif
