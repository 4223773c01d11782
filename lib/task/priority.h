/* SPDX-License-Identifier: MIT */
/*
 * Two classes of tasks. A task in the background has another hook than the others: when it comes
 * out of the ready queue it does not resume the task but moves to a queue of its own, so that
 * normal tasks pay nothing. One more hook, the pump, goes around in the ready queue while that
 * queue has somebody; it lets one run when nothing else is ready, or when it is due for its share.
 */
#ifndef COIL_TASK_PRIORITY_H
#define COIL_TASK_PRIORITY_H

#include "task/task.h"

/* While others are ready, one in the background runs after so many hooks. */
#define BACKGROUND_SHARE 64

void background_init(struct scheduler *s);

/* @priority is not COIL_PRIORITY_INHERIT. */
void priority_set(struct coil_task *task, int priority);

/* Is @hook that of a task, of whatever class? */
bool priority_is_task(const struct scheduler *s, const struct coil_hook *hook);

/* The hook that goes with the task's class. */
void priority_choose_hook(struct coil_task *task);

#endif
