/* SPDX-License-Identifier: MIT */
/* What is told of tasks that nobody looked after: at the end of a loop, and in debug mode. */
#ifndef COIL_TASK_AUDIT_H
#define COIL_TASK_AUDIT_H

#include "task/task.h"

/* A task that met its cancellation so often without leaving the scope does not heed it. */
#define AUDIT_CANCELS_MET 1000u

void audit_cancels_met(const struct coil_task *task, const struct coil_scope *source);

/* Has @task failed with something that nobody has seen, nor been told of? */
bool audit_is_unseen_failure(const struct coil_task *task);

/* Tells of it, once. */
void audit_failure(struct coil_task *task);

/* All of them, at the end of the loop. */
void audit_failures(struct scheduler *s);

/* Tasks with handles which nobody used, before their group frees them. */
void audit_never_joined(struct scheduler *s, const struct coil_group *group);

/* Tasks that do not end. */
void audit_left_tasks(struct scheduler *s);

#endif
