/* SPDX-License-Identifier: MIT */
/*
 * What the memory checkers cannot see: the kernel reads and writes user memory behind their backs.
 * Under valgrind a completed read marks its bytes as written. One flag, read at start and
 * completion; nothing else natively.
 */
#ifndef COIL_LOOP_WATCH_H
#define COIL_LOOP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct io_uring_sqe;

extern bool watch_is_on;

void watch_init(void);
void watch_written_slow(const struct io_uring_sqe *sqe, int32_t result);
void watch_given_slow(const struct io_uring_sqe *sqe);

/* @sqe is done with @result. */
static inline void watch_written(const struct io_uring_sqe *sqe, int32_t result)
{
	if (unlikely(watch_is_on))
		watch_written_slow(sqe, result);
}

/* The kernel has filled this. */
void watch_filled_slow(void *address, size_t bytes);

static inline void watch_filled(void *address, size_t bytes)
{
	if (unlikely(watch_is_on))
		watch_filled_slow(address, bytes);
}

/* @sqe is about to be given to the kernel: are the bytes that it is going to send there? */
static inline void watch_given(const struct io_uring_sqe *sqe)
{
	if (unlikely(watch_is_on))
		watch_given_slow(sqe);
}

#endif
