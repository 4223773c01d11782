/* SPDX-License-Identifier: MIT */
/*
 * Staging operations in the caller's frame: op_prep_<name> makes *@op an inert operation, with the
 * arguments of coil_op_<name>, without returning 128 bytes by value. liburing's helpers leave
 * bytes of an SQE unset, and the kernel refuses what it does not expect there: each starts from
 * zero. Here: what fits no room alone; sockets are in prep_net.h, files in prep_files.h.
 */
#ifndef COIL_LOOP_PREP_H
#define COIL_LOOP_PREP_H

#include "coil/direct.h"
#include "coil/op.h"
#include "loop/abi.h"

#include <liburing.h>

#include <stdint.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(struct io_uring_sqe) == 64, "an operation stages a plain SQE");
_Static_assert(sizeof(struct timespec) == sizeof(struct __kernel_timespec),
	       "a timespec is the kernel's, on 64-bit machines");

typedef uint64_t op_words __attribute__((vector_size(16), may_alias));

static inline struct io_uring_sqe *op_init(struct coil_op *op)
{
	op_words *words = (op_words *)(void *)op;

	/* One by one: of a memset GCC makes "rep stos", whose start alone costs 10 ns. */
	words[0] = words[1] = words[2] = words[3] = (op_words){ 0 };
	words[4] = words[5] = words[6] = words[7] = (op_words){ 0 };
	return (struct io_uring_sqe *)(void *)op->sqe;
}

static inline uint64_t op_word(const void *pointer)
{
	return (uintptr_t)pointer;
}

/* COIL_DIRECT is ours: the kernel is told by the index, once a slot is taken (files.c). */
static inline int op_open_flags(int flags, int cloexec)
{
	return flags & COIL_DIRECT ? (flags & ~COIL_DIRECT) | cloexec : flags;
}

static inline uint32_t op_open_index(int flags)
{
	return flags & COIL_DIRECT ? IORING_FILE_INDEX_ALLOC : 0;
}

static inline void op_prep_nop(struct coil_op *op)
{
	io_uring_prep_nop(op_init(op));
}

static inline void op_prep_link_timeout(struct coil_op *op, const struct timespec *duration)
{
	io_uring_prep_rw(IORING_OP_LINK_TIMEOUT, op_init(op), -1, duration, 1, 0);
}

static inline void op_prep_poll(struct coil_op *op, int fd, unsigned events)
{
	io_uring_prep_poll_add(op_init(op), fd, events);
}

static inline void op_prep_close(struct coil_op *op, int fd)
{
	io_uring_prep_close(op_init(op), fd);
}

static inline void op_prep_epoll_ctl(struct coil_op *op, int epfd, int operation, int fd,
				     struct epoll_event *event)
{
	io_uring_prep_epoll_ctl(op_init(op), epfd, fd, operation, event);
}

static inline void op_prep_epoll_wait(struct coil_op *op, int epfd, struct epoll_event *events,
				      int maxevents)
{
	io_uring_prep_rw(ABI_OP_EPOLL_WAIT, op_init(op), epfd, events, (unsigned)maxevents, 0);
}

static inline void op_prep_pipe(struct coil_op *op, int fds[2], int flags)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_rw(ABI_OP_PIPE, sqe, 0, fds, 0, 0);
	sqe->open_flags = (unsigned)flags; /* newer headers: pipe_flags, the same word */
}

static inline void op_prep_waitid(struct coil_op *op, int idtype, uint32_t id, void *infop,
				  int options)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_rw(IORING_OP_WAITID, sqe, (int)id, NULL, (unsigned)idtype, op_word(infop));
	sqe->file_index = (unsigned)options;
}

static inline void op_prep_futex_wait(struct coil_op *op, uint32_t *uaddr, uint64_t val,
				      uint64_t mask, unsigned flags)
{
	io_uring_prep_futex_wait(op_init(op), uaddr, val, mask, flags, 0);
}

static inline void op_prep_futex_wake(struct coil_op *op, uint32_t *uaddr, uint64_t mask, int nr,
				      unsigned flags)
{
	io_uring_prep_futex_wake(op_init(op), uaddr, (uint64_t)nr, mask, flags, 0);
}

static inline void op_prep_futex_waitv(struct coil_op *op, struct futex_waitv *waiters,
				       unsigned nr_futexes)
{
	io_uring_prep_futex_waitv(op_init(op), waiters, nr_futexes, 0);
}

#endif
