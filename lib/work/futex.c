/* SPDX-License-Identifier: MIT */
/* Futexes, suspending. */
#include "coil/futex.h"

#include "loop/prep.h"
#include "task/await.h"

int coil_futex_wait(uint32_t *uaddr, uint64_t val, uint64_t mask, unsigned flags)
{
	struct coil_op op;

	op_prep_futex_wait(&op, uaddr, val, mask, flags);
	return op_await(&op);
}

int coil_futex_wake(uint32_t *uaddr, uint64_t mask, int nr, unsigned flags)
{
	struct coil_op op;

	op_prep_futex_wake(&op, uaddr, mask, nr, flags);
	return op_await(&op);
}

int coil_futex_waitv(struct futex_waitv *waiters, unsigned nr_futexes)
{
	struct coil_op op;

	op_prep_futex_waitv(&op, waiters, nr_futexes);
	return op_await(&op);
}
