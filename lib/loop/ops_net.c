/* SPDX-License-Identifier: MIT */
/* Operations on sockets, by value. */
#include "coil/ops.h"

#include "loop/prep_net.h"

struct coil_op coil_op_recv(int fd, void *buf, size_t len, int flags)
{
	struct coil_op op;

	op_prep_recv(&op, fd, buf, len, flags);
	return op;
}

struct coil_op coil_op_send(int fd, const void *buf, size_t len, int flags)
{
	struct coil_op op;

	op_prep_send(&op, fd, buf, len, flags);
	return op;
}

struct coil_op coil_op_sendto(int fd, const void *buf, size_t len, int flags,
			      const struct sockaddr *addr, socklen_t addrlen)
{
	struct coil_op op;

	op_prep_sendto(&op, fd, buf, len, flags, addr, addrlen);
	return op;
}

struct coil_op coil_op_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct coil_op op;

	op_prep_sendmsg(&op, fd, msg, flags);
	return op;
}

struct coil_op coil_op_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct coil_op op;

	op_prep_recvmsg(&op, fd, msg, flags);
	return op;
}

struct coil_op coil_op_send_zc(int fd, const void *buf, size_t len, int flags)
{
	struct coil_op op;

	op_prep_send_zc(&op, fd, buf, len, flags);
	return op;
}

struct coil_op coil_op_sendmsg_zc(int fd, const struct msghdr *msg, int flags)
{
	struct coil_op op;

	op_prep_sendmsg_zc(&op, fd, msg, flags);
	return op;
}

struct coil_op coil_op_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
	struct coil_op op;

	op_prep_accept4(&op, fd, addr, addrlen, flags);
	return op;
}

struct coil_op coil_op_connect(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	struct coil_op op;

	op_prep_connect(&op, fd, addr, addrlen);
	return op;
}

struct coil_op coil_op_socket(int domain, int type, int protocol)
{
	struct coil_op op;

	op_prep_socket(&op, domain, type, protocol);
	return op;
}

struct coil_op coil_op_bind(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	struct coil_op op;

	op_prep_bind(&op, fd, addr, addrlen);
	return op;
}

struct coil_op coil_op_listen(int fd, int backlog)
{
	struct coil_op op;

	op_prep_listen(&op, fd, backlog);
	return op;
}

struct coil_op coil_op_shutdown(int fd, int how)
{
	struct coil_op op;

	op_prep_shutdown(&op, fd, how);
	return op;
}

struct coil_op coil_op_setsockopt(int fd, int level, int optname, const void *optval,
				  socklen_t optlen)
{
	struct coil_op op;

	op_prep_setsockopt(&op, fd, level, optname, optval, optlen);
	return op;
}

struct coil_op coil_op_getsockopt(int fd, int level, int optname, void *optval, socklen_t optlen)
{
	struct coil_op op;

	op_prep_getsockopt(&op, fd, level, optname, optval, optlen);
	return op;
}
