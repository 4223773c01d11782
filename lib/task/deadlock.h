/* SPDX-License-Identifier: MIT */
/* Nothing can ever happen again: who waits for what. */
#ifndef COIL_TASK_DEADLOCK_H
#define COIL_TASK_DEADLOCK_H

#include "task/task.h"

/* What a task that waits awaits: "operation recv on fd 5", "task 3 \"reader\"", "promise". */
void task_describe_wait(const struct coil_task *task, char *text, size_t bytes);

/* A line for each live task that waits, handed to @tell with @context. */
void deadlock_tell(struct scheduler *s, void (*tell)(void *context, const char *line),
		   void *context);

/*
 * Lets the loop say so, once, on standard error, before a sleep that nothing can end but a signal:
 * no operation is in flight, no timer is set, and no promise is left that another thread could
 * resolve. The program sleeps on; SIGINT ends it in an orderly way.
 */
void deadlock_watch(struct scheduler *s);

#endif
