/* SPDX-License-Identifier: MIT */
/*
 * What stands for an operation that this kernel lacks, or that a mask takes away. op_start asks
 * fallback_needed for each URING_CMD, looks into driver->opcodes for the rest, and follows the
 * kind:
 *
 *   FALLBACK_CALL   fallback_call makes the system call at once; it does not wait
 *   FALLBACK_POLL   fallback_poll_begin names a descriptor to poll; when the poll is done,
 *                   fallback_poll_finish makes the call. It stands once for each begin that
 *                   returned 0, repeated while it says -EAGAIN, and with a negative poll result to
 *                   give up: then it releases what begin opened and returns that result
 *   FALLBACK_NONE   nothing is honest: -ENOSYS
 *
 * A result is the same as the operation's own would be. Kernel baseline 6.1: a row of the table
 * goes when its operation is in the baseline, unless tests need it.
 */
#ifndef COIL_LOOP_FALLBACK_H
#define COIL_LOOP_FALLBACK_H

#include <stdbool.h>
#include <stdint.h>

struct driver;
struct driver_calls;
struct io_uring_sqe;

enum fallback_kind { FALLBACK_NONE, FALLBACK_CALL, FALLBACK_POLL };

/* Must something stand for this operation on this kernel? */
bool fallback_needed(const struct driver *driver, const struct io_uring_sqe *sqe);

/* The operations below 64 that need nothing whatever their SQE says, a bit each. */
uint64_t fallback_opcodes_unneeded(const struct driver *driver);

/* What does, by the opcode and its arguments. */
enum fallback_kind fallback_kind(const struct io_uring_sqe *sqe);

/* FALLBACK_CALL: makes the call and returns its result. */
int fallback_call(const struct driver_calls *calls, const struct io_uring_sqe *sqe);

/*
 * FALLBACK_POLL: 0, with what to poll first, or a negative errno that is the result. May note what
 * it opened in a word of @sqe that is free.
 */
int fallback_poll_begin(const struct driver_calls *calls, struct io_uring_sqe *sqe, int *ret_fd,
			unsigned *ret_events);

/*
 * After the poll: the result, everything released; or -EAGAIN, if the poll was for nothing: poll
 * the same descriptor again, all is kept. @poll_result < 0: releases all and returns it.
 */
int fallback_poll_finish(const struct driver_calls *calls, struct io_uring_sqe *sqe,
			 int poll_result);

/* For coil-doctor: "system call", "poll and call" or "-ENOSYS". */
const char *fallback_words(unsigned opcode);

#endif
