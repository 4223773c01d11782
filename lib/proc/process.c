/* SPDX-License-Identifier: MIT */
/* Children, pipes, and a trip through the kernel, suspending. */
#include "coil/process.h"

#include "loop/prep.h"
#include "task/await.h"

int coil_waitid(int idtype, uint32_t id, void *infop, int options)
{
	struct coil_op op;

	op_prep_waitid(&op, idtype, id, infop, options);
	return op_await(&op);
}

int coil_pipe(int fds[2], int flags)
{
	struct coil_op op;

	op_prep_pipe(&op, fds, flags);
	return op_await(&op);
}

int coil_nop(void)
{
	struct coil_op op;

	op_prep_nop(&op);
	return op_await(&op);
}
