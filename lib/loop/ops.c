/* SPDX-License-Identifier: MIT */
/* Operations by value: what belongs to neither files nor sockets. */
#include "coil/ops.h"

#include "loop/prep.h"

struct coil_op coil_op_close(int fd)
{
	struct coil_op op;

	op_prep_close(&op, fd);
	return op;
}

struct coil_op coil_op_poll(int fd, unsigned events)
{
	struct coil_op op;

	op_prep_poll(&op, fd, events);
	return op;
}

struct coil_op coil_op_epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
	struct coil_op op;

	op_prep_epoll_ctl(&op, epfd, operation, fd, event);
	return op;
}

struct coil_op coil_op_epoll_wait(int epfd, struct epoll_event *events, int maxevents)
{
	struct coil_op op;

	op_prep_epoll_wait(&op, epfd, events, maxevents);
	return op;
}

struct coil_op coil_op_waitid(int idtype, uint32_t id, void *infop, int options)
{
	struct coil_op op;

	op_prep_waitid(&op, idtype, id, infop, options);
	return op;
}

struct coil_op coil_op_pipe(int fds[2], int flags)
{
	struct coil_op op;

	op_prep_pipe(&op, fds, flags);
	return op;
}

struct coil_op coil_op_futex_wait(uint32_t *uaddr, uint64_t val, uint64_t mask, unsigned flags)
{
	struct coil_op op;

	op_prep_futex_wait(&op, uaddr, val, mask, flags);
	return op;
}

struct coil_op coil_op_futex_wake(uint32_t *uaddr, uint64_t mask, int nr, unsigned flags)
{
	struct coil_op op;

	op_prep_futex_wake(&op, uaddr, mask, nr, flags);
	return op;
}

struct coil_op coil_op_futex_waitv(struct futex_waitv *waiters, unsigned nr_futexes)
{
	struct coil_op op;

	op_prep_futex_waitv(&op, waiters, nr_futexes);
	return op;
}

struct coil_op coil_op_nop(void)
{
	struct coil_op op;

	op_prep_nop(&op);
	return op;
}

struct coil_op coil_op_link_timeout(const struct timespec *duration)
{
	struct coil_op op;

	op_prep_link_timeout(&op, duration);
	return op;
}
