/* SPDX-License-Identifier: MIT */
/*
 * Operations: a kernel operation is its SQE, staged in a struct that lives in the caller's frame.
 * coil_op_<name>(...) in coil/ops.h makes one by value; it is inert until it is started, by
 * coil_op_start, coil_op_await, a gather or a chain. A started operation is never copied or moved;
 * a done one may be started again.
 */
#ifndef COIL_OP_H
#define COIL_OP_H

#include <stddef.h>

#include "coil/completion.h"
#include "coil/future.h"

#ifdef __cplusplus
#define COIL_ALIGN(bytes) alignas(bytes)
extern "C" {
#else
#define COIL_ALIGN(bytes) _Alignas(bytes)
#endif

struct io_uring_sqe;

/* Await @future, read @cqe_flags (IORING_CQE_F_...); the rest is private. */
struct coil_op {
	COIL_ALIGN(64) struct coil_future future;
	struct coil_completion completion;
	struct coil_completion cancel;
	uint32_t *owner;
	uint32_t cqe_flags;
	uint8_t owed;
	uint8_t state;
	uint8_t flags;
	uint8_t fallback;
	COIL_ALIGN(64) unsigned char sqe[64];
};

/* How an operation ended, beside its result. */
enum coil_outcome {
	COIL_OUTCOME_PENDING,	      /* not done */
	COIL_OUTCOME_COMPLETED,	      /* done, no cancel was asked for */
	COIL_OUTCOME_CANCELLED,	      /* the cancel took effect before anything happened */
	COIL_OUTCOME_COMPLETED_FIRST, /* a cancel was asked for, and the completion won: the result
					 is whole or an error */
	COIL_OUTCOME_PARTIAL /* a cancel stopped it half way: the result counts what was done */
};

/**
 * coil_op_raw - an operation from an SQE that has no name here yet
 * @sqe: filled in, as by io_uring_prep_...; copied; its user_data and its link flags are ignored
 *
 * The escape hatch: what the SQE points to must live as io_uring_enter(2) says. Multishot
 * operations do not fit (a future resolves once) and end the program with words when they are
 * started.
 * Return: the inert operation.
 * Since 0.1.
 */
struct coil_op coil_op_raw(const struct io_uring_sqe *sqe);

/**
 * coil_op_start - start an operation
 * @op: inert or done; it, and all that its SQE points to, is the kernel's until it is done
 *
 * The SQE is submitted with the others of this turn. Does not suspend, never fails: an error is
 * the result. The starting task must not end, nor close the scope in which it started it, before
 * the operation is done.
 * Since 0.1. Kernel: as the operation.
 */
void coil_op_start(struct coil_op *op);

/**
 * coil_op_await - start an operation, if it is inert, and wait for it
 * @op: inert, started or done: a done one has its result already, only coil_op_start starts it
 * again
 *
 * Suspends until the kernel has let go of the operation and all its buffers. In an already
 * cancelled scope an inert operation is not started: one turn passes, and it is done with the
 * scope's reason. A cancel that loses the race returns the operation's result; the next wait meets
 * the cancellation then.
 * Return: the operation's result, or the reason of the cancelled scope.
 * Since 0.1. Kernel: as the operation.
 */
int coil_op_await(struct coil_op *op);

/**
 * coil_op_cancel - ask an operation to finish soon
 * @op: started
 *
 * A request: await the operation to learn how it ended. Disk reads and fsync run to their end.
 * Does not suspend.
 * Return: 0; -EALREADY if it is done.
 * Since 0.1. Kernel 5.5. See io_uring_prep_cancel(3).
 */
int coil_op_cancel(struct coil_op *op);

/**
 * coil_op_outcome - how did it end?
 * @op: started at least once
 *
 * Does not suspend.
 * Return: an enum coil_outcome.
 * Since 0.1.
 */
int coil_op_outcome(const struct coil_op *op);

/**
 * coil_op_left - behind COIL_AUTO(op): stops the program if the operation is still owed
 */
void coil_op_left(const struct coil_op *op);

/* COIL_AUTO(op) struct coil_op op = ...: leaving the frame with the operation in flight stops the
 * program. */
#define COIL_AUTO(kind) __attribute__((cleanup(coil_##kind##_left)))

#ifdef __cplusplus
}
static_assert(sizeof(struct coil_op) == 128, "an operation is two cache lines");
#else
_Static_assert(sizeof(struct coil_op) == 128, "an operation is two cache lines");
#endif

#endif
