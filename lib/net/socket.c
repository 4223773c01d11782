/* SPDX-License-Identifier: MIT */
/* Socket calls, poll and epoll, suspending. */
#include "coil/socket.h"

#include "loop/prep_net.h"
#include "task/await.h"

#include <sys/socket.h>
#include <sys/uio.h>

int coil_recv(int fd, void *buf, size_t len, int flags)
{
	struct coil_op op;

	op_prep_recv(&op, fd, buf, len, flags);
	return op_await(&op);
}

int coil_send(int fd, const void *buf, size_t len, int flags)
{
	struct coil_op op;

	op_prep_send(&op, fd, buf, len, flags);
	return op_await(&op);
}

int coil_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
		socklen_t addrlen)
{
	struct coil_op op;

	op_prep_sendto(&op, fd, buf, len, flags, addr, addrlen);
	return op_await(&op);
}

int coil_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
		  socklen_t *addrlen)
{
	struct iovec iov = { .iov_base = buf, .iov_len = abi_rw_bytes(len) };
	struct msghdr msg = { .msg_name = addr, .msg_iov = &iov, .msg_iovlen = 1 };
	struct coil_op op;
	int rc;

	if (addr && addrlen)
		msg.msg_namelen = *addrlen;
	op_prep_recvmsg(&op, fd, &msg, flags);
	rc = op_await(&op);
	if (rc >= 0 && addr && addrlen)
		*addrlen = msg.msg_namelen;
	return rc;
}

int coil_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct coil_op op;

	op_prep_sendmsg(&op, fd, msg, flags);
	return op_await(&op);
}

int coil_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct coil_op op;

	op_prep_recvmsg(&op, fd, msg, flags);
	return op_await(&op);
}

int coil_send_zc(int fd, const void *buf, size_t len, int flags)
{
	struct coil_op op;

	op_prep_send_zc(&op, fd, buf, len, flags);
	return op_await(&op);
}

int coil_sendmsg_zc(int fd, const struct msghdr *msg, int flags)
{
	struct coil_op op;

	op_prep_sendmsg_zc(&op, fd, msg, flags);
	return op_await(&op);
}

int coil_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
	struct coil_op op;

	op_prep_accept4(&op, fd, addr, addrlen, flags);
	return op_await(&op);
}

int coil_connect(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	struct coil_op op;

	op_prep_connect(&op, fd, addr, addrlen);
	return op_await(&op);
}

int coil_socket(int domain, int type, int protocol)
{
	struct coil_op op;

	op_prep_socket(&op, domain, type, protocol);
	return op_await(&op);
}

int coil_bind(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	struct coil_op op;

	op_prep_bind(&op, fd, addr, addrlen);
	return op_await(&op);
}

int coil_listen(int fd, int backlog)
{
	struct coil_op op;

	op_prep_listen(&op, fd, backlog);
	return op_await(&op);
}

int coil_shutdown(int fd, int how)
{
	struct coil_op op;

	op_prep_shutdown(&op, fd, how);
	return op_await(&op);
}

int coil_setsockopt(int fd, int level, int optname, const void *optval, socklen_t optlen)
{
	struct coil_op op;

	op_prep_setsockopt(&op, fd, level, optname, optval, optlen);
	return op_await(&op);
}

int coil_getsockopt(int fd, int level, int optname, void *optval, socklen_t *optlen)
{
	struct coil_op op;
	int rc;

	op_prep_getsockopt(&op, fd, level, optname, optval, *optlen);
	rc = op_await(&op);
	if (rc < 0)
		return rc;
	*optlen = (socklen_t)rc;
	return 0;
}

int coil_poll(int fd, unsigned events)
{
	struct coil_op op;

	op_prep_poll(&op, fd, events);
	return op_await(&op);
}

int coil_epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
	struct coil_op op;

	op_prep_epoll_ctl(&op, epfd, operation, fd, event);
	return op_await(&op);
}

int coil_epoll_wait(int epfd, struct epoll_event *events, int maxevents)
{
	struct coil_op op;

	op_prep_epoll_wait(&op, epfd, events, maxevents);
	return op_await(&op);
}
