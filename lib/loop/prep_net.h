/* SPDX-License-Identifier: MIT */
/* Staging operations on sockets; see prep.h. */
#ifndef COIL_LOOP_PREP_NET_H
#define COIL_LOOP_PREP_NET_H

#include "coil/op.h"
#include "loop/abi.h"
#include "loop/prep.h"

#include <liburing.h>

#include <sys/socket.h>

static inline void op_prep_recv(struct coil_op *op, int fd, void *buf, size_t len, int flags)
{
	io_uring_prep_recv(op_init(op), fd, buf, abi_rw_bytes(len), flags);
}

static inline void op_prep_send(struct coil_op *op, int fd, const void *buf, size_t len, int flags)
{
	io_uring_prep_send(op_init(op), fd, buf, abi_rw_bytes(len), flags);
}

/* Linux 6.1: commit 516e82f0e043, "io_uring/net: support non-zerocopy sendto". */
static inline void op_prep_sendto(struct coil_op *op, int fd, const void *buf, size_t len,
				  int flags, const struct sockaddr *addr, socklen_t addrlen)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_send(sqe, fd, buf, abi_rw_bytes(len), flags);
	sqe->addr2 = op_word(addr);
	/* The word has 16 bits; no address is larger than 128 bytes, and the kernel refuses it. */
	sqe->addr_len = (uint16_t)(addrlen < UINT16_MAX ? addrlen : UINT16_MAX);
}

static inline void op_prep_send_zc(struct coil_op *op, int fd, const void *buf, size_t len,
				   int flags)
{
	io_uring_prep_send_zc(op_init(op), fd, buf, abi_rw_bytes(len), flags, 0);
}

static inline void op_prep_sendmsg(struct coil_op *op, int fd, const struct msghdr *msg, int flags)
{
	io_uring_prep_sendmsg(op_init(op), fd, msg, (unsigned)flags);
}

static inline void op_prep_sendmsg_zc(struct coil_op *op, int fd, const struct msghdr *msg,
				      int flags)
{
	io_uring_prep_sendmsg_zc(op_init(op), fd, msg, (unsigned)flags);
}

static inline void op_prep_recvmsg(struct coil_op *op, int fd, struct msghdr *msg, int flags)
{
	io_uring_prep_recvmsg(op_init(op), fd, msg, (unsigned)flags);
}

static inline void op_prep_accept4(struct coil_op *op, int fd, struct sockaddr *addr,
				   socklen_t *addrlen, int flags)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_accept(sqe, fd, addr, addrlen, op_open_flags(flags, SOCK_CLOEXEC));
	sqe->file_index = op_open_index(flags);
}

static inline void op_prep_connect(struct coil_op *op, int fd, const struct sockaddr *addr,
				   socklen_t addrlen)
{
	io_uring_prep_connect(op_init(op), fd, addr, addrlen);
}

static inline void op_prep_socket(struct coil_op *op, int domain, int type, int protocol)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_socket(sqe, domain, op_open_flags(type, SOCK_CLOEXEC), protocol, 0);
	sqe->file_index = op_open_index(type);
}

static inline void op_prep_bind(struct coil_op *op, int fd, const struct sockaddr *addr,
				socklen_t addrlen)
{
	io_uring_prep_rw(IORING_OP_BIND, op_init(op), fd, addr, 0, addrlen);
}

static inline void op_prep_listen(struct coil_op *op, int fd, int backlog)
{
	io_uring_prep_listen(op_init(op), fd, backlog);
}

static inline void op_prep_shutdown(struct coil_op *op, int fd, int how)
{
	io_uring_prep_shutdown(op_init(op), fd, how);
}

static inline void op_prep_sockopt(struct coil_op *op, unsigned command, int fd, int level,
				   int optname, const void *optval, socklen_t optlen)
{
	struct io_uring_sqe *sqe = op_init(op);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = command;
	sqe->level = (unsigned)level;
	sqe->optname = (unsigned)optname;
	sqe->optval = op_word(optval);
	sqe->optlen = optlen;
}

static inline void op_prep_setsockopt(struct coil_op *op, int fd, int level, int optname,
				      const void *optval, socklen_t optlen)
{
	op_prep_sockopt(op, ABI_SOCKET_SETSOCKOPT, fd, level, optname, optval, optlen);
}

static inline void op_prep_getsockopt(struct coil_op *op, int fd, int level, int optname,
				      void *optval, socklen_t optlen)
{
	op_prep_sockopt(op, ABI_SOCKET_GETSOCKOPT, fd, level, optname, optval, optlen);
}

#endif
