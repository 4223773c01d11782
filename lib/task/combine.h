/* SPDX-License-Identifier: MIT */
/* Combinators, as who looks at them from outside sees them: k of n, and the children. */
#ifndef COIL_TASK_COMBINE_H
#define COIL_TASK_COMBINE_H

#include "task/task.h"

struct combine_progress {
	uint32_t done;
	uint32_t of;
};

/* False if @future is no combinator's. */
bool combine_progress(struct coil_future *future, struct combine_progress *ret_progress);

/* The @i-th thing that a combinator waits for; NULL if @future is no combinator's. */
struct coil_future *combine_child(struct coil_future *future, uint32_t i);

/* The same for batches of operations alone. */
bool combine_ops_progress(struct coil_future *future, struct combine_progress *ret_progress);
struct coil_future *combine_ops_child(struct coil_future *future, uint32_t i);

#endif
