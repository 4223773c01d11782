/* SPDX-License-Identifier: MIT */
/*
 * Sockets, and waiting for readiness: system calls that suspend. See coil/syscalls.h for what holds
 * for all of them.
 */
#ifndef COIL_SOCKET_H
#define COIL_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct epoll_event;

/**
 * coil_recv - receive bytes
 * @fd:    socket; borrowed
 * @buf:   room for @len bytes; the kernel's until return
 * @len:   bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @flags: MSG_*, passed on as given
 *
 * Suspends. Waits on an O_NONBLOCK socket, too; with MSG_DONTWAIT it does not. Cancel: at once;
 * bytes that came first are the result, and the next wait meets the cancellation.
 * Return: bytes > 0; 0 at the end of the stream; -EAGAIN with MSG_DONTWAIT; -ENOTCONN,
 * -ECONNRESET, ... as recv(2).
 * Since 0.1. Kernel 5.6. See recv(2), io_uring_prep_recv(3).
 */
int coil_recv(int fd, void *buf, size_t len, int flags);

/**
 * coil_send - send bytes
 * @fd:    socket; borrowed
 * @buf:   @len bytes; the kernel's until return
 * @len:   bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @flags: MSG_*; MSG_WAITALL: all of it; MSG_NOSIGNAL is always added by the kernel
 *
 * Suspends. Waits on an O_NONBLOCK socket, too. Cancel: at once; what was sent before that is the
 * result.
 * Return: bytes, perhaps fewer than @len unless MSG_WAITALL is given; -EPIPE, -ECONNRESET,
 * -EDESTADDRREQ, ... as send(2).
 * Since 0.1. Kernel 5.6. See send(2), io_uring_prep_send(3).
 */
int coil_send(int fd, const void *buf, size_t len, int flags);

/**
 * coil_sendto - send a datagram to an address
 * @fd:      socket; borrowed
 * @buf:     @len bytes; the kernel's until return
 * @len:     bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @flags:   as coil_send
 * @addr:    where to; NULL for a connected socket
 * @addrlen: bytes of @addr
 *
 * Suspends. As coil_send.
 * Return: bytes; -EMSGSIZE, -EISCONN, -EINVAL, ... as sendto(2).
 * Since 0.1. Kernel 6.1. See sendto(2), io_uring_prep_sendto(3).
 */
int coil_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
		socklen_t addrlen);

/**
 * coil_recvfrom - receive a datagram and its sender's address
 * @fd:      socket; borrowed
 * @buf:     room for @len bytes; the kernel's until return
 * @len:     bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @flags:   as coil_recv
 * @addr:    who sent it, or NULL; the kernel's until return
 * @addrlen: in: bytes of @addr; out, if a message came: bytes of the address, perhaps more; NULL
 *           if @addr is
 *
 * Suspends. Is a recvmsg whose header lies on this call's frame: for the operation by value, use
 * coil_op_recvmsg. Cancel: as coil_recv.
 * Return: as coil_recv.
 * Since 0.1. Kernel 5.3. See recvfrom(2), io_uring_prep_recvmsg(3).
 */
int coil_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
		  socklen_t *addrlen);

/**
 * coil_sendmsg - send from several buffers, with ancillary data
 * @fd:    socket; borrowed
 * @msg:   what, where to, and ancillary data; with all that it points to the kernel's until
 *         return
 * @flags: as coil_send
 *
 * Suspends. Cancel: as coil_send.
 * Return: as coil_send; -EMSGSIZE, -ETOOMANYREFS, ... as sendmsg(2).
 * Since 0.1. Kernel 5.3. See sendmsg(2), io_uring_prep_sendmsg(3).
 */
int coil_sendmsg(int fd, const struct msghdr *msg, int flags);

/**
 * coil_recvmsg - receive into several buffers, with address and ancillary data
 * @fd:    socket; borrowed
 * @msg:   buffers, address, ancillary data; with all that it points to the kernel's until return,
 *         which sets msg_namelen, msg_controllen and msg_flags
 * @flags: as coil_recv; MSG_CMSG_CLOEXEC is the caller's to ask for
 *
 * Suspends. Cancel: as coil_recv. Descriptors in ancillary data are the caller's.
 * Return: as coil_recv.
 * Since 0.1. Kernel 5.3. See recvmsg(2), io_uring_prep_recvmsg(3).
 */
int coil_recvmsg(int fd, struct msghdr *msg, int flags);

/**
 * coil_send_zc - send bytes without copying them
 * @fd:    socket; borrowed
 * @buf:   @len bytes; the kernel's until return
 * @len:   bytes; more than 0x7ffff000 (2 GiB less a page) are cut to that
 * @flags: as coil_send
 *
 * Suspends until the network is done with @buf, on TCP until the peer has acknowledged it: for
 * large buffers that are at hand anyway. Charged to RLIMIT_MEMLOCK. Cancel: at once for what was
 * not sent; the wait for the rest goes on.
 * Return: as coil_send; -EOPNOTSUPP where the socket cannot (AF_UNIX); -ENOMEM.
 * Since 0.1. Kernel 6.0. See io_uring_prep_send_zc(3).
 */
int coil_send_zc(int fd, const void *buf, size_t len, int flags);

/**
 * coil_sendmsg_zc - send from several buffers without copying them
 * @fd:    socket; borrowed
 * @msg:   as coil_sendmsg
 * @flags: as coil_send
 *
 * Suspends. As coil_send_zc.
 * Return: as coil_send_zc.
 * Since 0.1. Kernel 6.1. See io_uring_prep_sendmsg_zc(3).
 */
int coil_sendmsg_zc(int fd, const struct msghdr *msg, int flags);

/**
 * coil_accept4 - accept a connection
 * @fd:      listening socket; borrowed
 * @addr:    who connected, or NULL; the kernel's until return
 * @addrlen: in: bytes of @addr, out: of the address; NULL if @addr is
 * @flags:   SOCK_CLOEXEC, SOCK_NONBLOCK, passed on as given: close-on-exec is the caller's to ask
 *           for; COIL_DIRECT (coil/direct.h)
 *
 * Suspends. Waits on an O_NONBLOCK socket, too. Cancel: at once; a connection that came first is
 * the result and the caller's, and the next wait meets the cancellation.
 * Return: a descriptor, now the caller's; -EMFILE (the connection stays in the backlog), -EINVAL,
 * -ECONNABORTED, ... as accept4(2).
 * Since 0.1. Kernel 5.5. See accept4(2), io_uring_prep_accept(3).
 */
int coil_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags);

/**
 * coil_connect - connect a socket
 * @fd:      socket; borrowed
 * @addr:    where to
 * @addrlen: bytes of @addr
 *
 * Suspends until the connection is made or refused, on an O_NONBLOCK socket, too. Cancel: at
 * once; the socket is still connecting then and of no further use: close it.
 * Return: 0; -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH, -EISCONN, ... as connect(2), never
 * -EINPROGRESS.
 * Since 0.1. Kernel 5.5. See connect(2), io_uring_prep_connect(3).
 */
int coil_connect(int fd, const struct sockaddr *addr, socklen_t addrlen);

/**
 * coil_socket - make a socket
 * @domain:   AF_*
 * @type:     SOCK_*, with SOCK_CLOEXEC and SOCK_NONBLOCK passed on as given: close-on-exec is the
 *            caller's to ask for; COIL_DIRECT (coil/direct.h)
 * @protocol: 0, IPPROTO_*
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: a descriptor, now the caller's; -EAFNOSUPPORT, -EPROTONOSUPPORT, -EMFILE, ... as
 * socket(2).
 * Since 0.1. Kernel 5.19; below that the system call. See socket(2), io_uring_prep_socket(3).
 */
int coil_socket(int domain, int type, int protocol);

/**
 * coil_bind - give a socket its address
 * @fd:      socket; borrowed
 * @addr:    the address
 * @addrlen: bytes of @addr
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: 0; -EADDRINUSE, -EACCES, -EINVAL, ... as bind(2).
 * Since 0.1. Kernel 6.11; below that the system call. See bind(2), io_uring_prep_bind(3).
 */
int coil_bind(int fd, const struct sockaddr *addr, socklen_t addrlen);

/**
 * coil_listen - let a socket take connections
 * @fd:      socket; borrowed
 * @backlog: connections that wait to be accepted, at most net.core.somaxconn
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: 0; -EADDRINUSE, -EOPNOTSUPP, ... as listen(2).
 * Since 0.1. Kernel 6.11; below that the system call. See listen(2), io_uring_prep_listen(3).
 */
int coil_listen(int fd, int backlog);

/**
 * coil_shutdown - end one or both directions of a connection
 * @fd:  socket; borrowed
 * @how: SHUT_RD, SHUT_WR, SHUT_RDWR
 *
 * Suspends; runs in a kernel worker. Receives that wait on @fd end with 0. Cancel: while it is
 * queued for a kernel worker; once it runs it is finished first.
 * Return: 0; -ENOTCONN, -EINVAL, ... as shutdown(2).
 * Since 0.1. Kernel 5.11; below that the system call. See shutdown(2), io_uring_prep_shutdown(3).
 */
int coil_shutdown(int fd, int how);

/**
 * coil_setsockopt - set an option of a socket
 * @fd:      socket; borrowed
 * @level:   SOL_SOCKET, IPPROTO_TCP, ...
 * @optname: SO_*, TCP_*, ...
 * @optval:  @optlen bytes
 * @optlen:  bytes
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: 0; -ENOPROTOOPT, -EINVAL, ... as setsockopt(2).
 * Since 0.1. Kernel any: always the system call, since the kernel's operation (6.7) refuses
 * AF_UNIX sockets in many versions and gains nothing. See setsockopt(2).
 */
int coil_setsockopt(int fd, int level, int optname, const void *optval, socklen_t optlen);

/**
 * coil_getsockopt - read an option of a socket
 * @fd:      socket; borrowed
 * @level:   SOL_SOCKET, IPPROTO_TCP, ...
 * @optname: SO_*, TCP_*, ...
 * @optval:  the answer
 * @optlen:  in: bytes of @optval; out, on success: bytes of the answer
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: 0; -ENOPROTOOPT, -EINVAL, ... as getsockopt(2).
 * Since 0.1. Kernel any: always the system call, since the kernel's operation (6.7) knows
 * SOL_SOCKET alone. See getsockopt(2).
 */
int coil_getsockopt(int fd, int level, int optname, void *optval, socklen_t *optlen);

/**
 * coil_poll - wait until a descriptor is ready
 * @fd:     file, socket, pidfd, eventfd, ...; borrowed
 * @events: POLLIN, POLLOUT, POLLPRI, POLLRDHUP, ...; POLLERR and POLLHUP are always reported
 *
 * Suspends until one of the events is there; a regular file is always ready. Once only,
 * level-triggered. Cancel: at once.
 * Return: the events that are there, > 0; -EBADF.
 * Since 0.1. Kernel 5.1. See poll(2), io_uring_prep_poll_add(3).
 */
int coil_poll(int fd, unsigned events);

/**
 * coil_epoll_ctl - change the interest list of an epoll instance
 * @epfd:      epoll instance; borrowed
 * @operation: EPOLL_CTL_ADD, _MOD, _DEL
 * @fd:        whose interest changes; borrowed
 * @event:     what and with which data; NULL with EPOLL_CTL_DEL
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: 0; -EEXIST, -ENOENT, -EPERM, ... as epoll_ctl(2).
 * Since 0.1. Kernel 5.6; below that the system call. See epoll_ctl(2),
 * io_uring_prep_epoll_ctl(3).
 */
int coil_epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event);

/**
 * coil_epoll_wait - wait for the events of an epoll instance
 * @epfd:      epoll instance; borrowed
 * @events:    room for @maxevents; the kernel's until return
 * @maxevents: count, > 0
 *
 * Suspends until there are some; there is no time limit beside the scope's. Cancel: at once.
 * Return: the number of events, > 0; -EBADF, -EINVAL, ... as epoll_wait(2).
 * Since 0.1. Kernel 6.15; below that a poll of @epfd and then the system call without waiting.
 * See epoll_wait(2), io_uring_prep_epoll_wait(3).
 */
int coil_epoll_wait(int epfd, struct epoll_event *events, int maxevents);

#ifdef __cplusplus
}
#endif

#endif
