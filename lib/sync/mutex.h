/* SPDX-License-Identifier: MIT */
/* Mutexes, as conditions see them. */
#ifndef COIL_SYNC_MUTEX_H
#define COIL_SYNC_MUTEX_H

#include "coil/mutex.h"
#include "sync/waiters.h"

/* The calling task, which must hold @mutex; otherwise the program stops, with words. */
struct coil_task *mutex_check_held(struct coil_mutex *mutex, const char *function);

/* Nobody holds @mutex, though its holder's words say so still: the first waiter gets it. */
void mutex_give(struct coil_mutex *mutex);

/*
 * @waiter, in no queue, has to have @mutex before it runs again, whatever is cancelled meanwhile;
 * its wait returns its result then.
 */
void mutex_retake(struct coil_mutex *mutex, struct coil_waiter *waiter);

#endif
