/* SPDX-License-Identifier: MIT */
/*
 * Task locals. A task has a pointer to a table of cells, NULL as long as it has no values; a spawn
 * shares the table, the first set afterwards copies it. Cells, too, are shared and counted: a value
 * is destroyed with its last cell.
 */
#ifndef COIL_TASK_LOCAL_H
#define COIL_TASK_LOCAL_H

#include "coil/local.h"
#include "task/task.h"

struct local_table;

/* Another owner of @table, which may be NULL; gives it back with locals_drop. */
struct local_table *locals_share(struct local_table *table);

/* Gives a table back, which may be NULL. Runs destructors. */
void locals_drop(struct scheduler *s, struct local_table *table);

/*
 * The values of a function on a helper thread: those of the task that submitted it, which are only
 * read, under what it sets itself. The task's side holds on to the table meanwhile: who shares one
 * copies it before he writes, so that it does not change, and its counts are the loop's alone.
 */
struct local_worker {
	const struct local_table *inherited;
	struct local_table *own;
	uint64_t swaps;
};

/* The calling thread, outside of any loop, works with @worker's values; returns what was so before,
 * for locals_leave, which destroys what was set. */
struct local_worker *locals_enter(struct local_worker *worker);
void locals_leave(struct local_worker *worker, struct local_worker *outer);

/* At the end of a task that has locals; on its own stack. */
void locals_end(struct scheduler *s, struct coil_task *task);

#endif
