/* SPDX-License-Identifier: MIT */
/*
 * Operations by value, one constructor for each system call that the kernel runs for a ring.
 *
 * What holds for all: the operation is inert, and the call neither fails, suspends nor touches the
 * kernel. It is started by coil_op_start, coil_op_await, a gather or a chain; awaited, it has the
 * result of the suspending call of the same name, whose contract says what the arguments are, what
 * is returned and what a cancel does (coil/syscalls.h). Descriptors are borrowed until it is done.
 * "Must stay" names the memory that the kernel uses: until the operation is done, or, where that
 * is said, only until it is submitted, which is before the first wait of the starting task returns.
 * An operation of a chain is submitted when the chain is. Where the kernel lacks an operation, what
 * stands behind its version is done; without such words the result is -ENOSYS.
 */
#ifndef COIL_OPS_H
#define COIL_OPS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "coil/op.h"

#ifdef __cplusplus
extern "C" {
#endif

struct epoll_event;
struct futex_waitv;
struct iovec;
struct open_how;
struct statx;
struct timespec;

/**
 * coil_op_read - read bytes at the file's own position
 *
 * Arguments and result as coil_read. An offset of -1 is the file's own position. Must stay until
 * it is done: @buf.
 * Since 0.1. Kernel 5.6. See read(2), io_uring_prep_read(3).
 */
struct coil_op coil_op_read(int fd, void *buf, size_t count, int64_t offset);

/**
 * coil_op_write - write bytes at the file's own position
 *
 * Arguments and result as coil_write. An offset of -1 is the file's own position. Must stay until
 * it is done: @buf.
 * Since 0.1. Kernel 5.6. See write(2), io_uring_prep_write(3).
 */
struct coil_op coil_op_write(int fd, const void *buf, size_t count, int64_t offset);

/**
 * coil_op_readv - read into several buffers
 *
 * Arguments and result as coil_readv. An offset of -1 is the file's own position. Must stay: the
 * buffers until it is done, @iov until it is submitted.
 * Since 0.1. Kernel 5.1. See readv(2), io_uring_prep_readv(3).
 */
struct coil_op coil_op_readv(int fd, const struct iovec *iov, int iovcnt, int64_t offset);

/**
 * coil_op_writev - write from several buffers
 *
 * Arguments and result as coil_writev. An offset of -1 is the file's own position. Must stay: the
 * buffers until it is done, @iov until it is submitted.
 * Since 0.1. Kernel 5.1. See writev(2), io_uring_prep_writev(3).
 */
struct coil_op coil_op_writev(int fd, const struct iovec *iov, int iovcnt, int64_t offset);

/**
 * coil_op_preadv2 - coil_preadv with flags
 *
 * Arguments and result as coil_preadv2. Must stay: the buffers until it is done, @iov until it is
 * submitted.
 * Since 0.1. Kernel 5.1. See preadv2(2), io_uring_prep_readv2(3).
 */
struct coil_op coil_op_preadv2(int fd, const struct iovec *iov, int iovcnt, int64_t offset,
			       int flags);

/**
 * coil_op_pwritev2 - coil_pwritev with flags
 *
 * Arguments and result as coil_pwritev2. Must stay: the buffers until it is done, @iov until it
 * is submitted.
 * Since 0.1. Kernel 5.1. See pwritev2(2), io_uring_prep_writev2(3).
 */
struct coil_op coil_op_pwritev2(int fd, const struct iovec *iov, int iovcnt, int64_t offset,
				int flags);

/**
 * coil_op_read_fixed - read into a registered buffer
 *
 * Arguments and result as coil_read_fixed. Must stay until it is done: @buf, and its
 * registration.
 * Since 0.1. Kernel 5.1. See io_uring_prep_read_fixed(3).
 */
struct coil_op coil_op_read_fixed(int fd, void *buf, size_t count, int64_t offset, int buf_index);

/**
 * coil_op_write_fixed - write from a registered buffer
 *
 * Arguments and result as coil_write_fixed. Must stay until it is done: @buf, and its
 * registration.
 * Since 0.1. Kernel 5.1. See io_uring_prep_write_fixed(3).
 */
struct coil_op coil_op_write_fixed(int fd, const void *buf, size_t count, int64_t offset,
				   int buf_index);

/**
 * coil_op_fsync - write a file's bytes and metadata through to the disk
 *
 * Arguments and result as coil_fsync.
 * Since 0.1. Kernel 5.1. See fsync(2), io_uring_prep_fsync(3).
 */
struct coil_op coil_op_fsync(int fd);

/**
 * coil_op_fdatasync - write a file's bytes through to the disk, and the metadata they need
 *
 * Arguments and result as coil_fdatasync.
 * Since 0.1. Kernel 5.1. See fdatasync(2), io_uring_prep_fsync(3).
 */
struct coil_op coil_op_fdatasync(int fd);

/**
 * coil_op_sync_file_range - start or await write-back of a part of a file
 *
 * Arguments and result as coil_sync_file_range.
 * Since 0.1. Kernel 5.2. See sync_file_range(2), io_uring_prep_sync_file_range(3).
 */
struct coil_op coil_op_sync_file_range(int fd, int64_t offset, int64_t nbytes, unsigned flags);

/**
 * coil_op_fallocate - allocate or free a file's space
 *
 * Arguments and result as coil_fallocate.
 * Since 0.1. Kernel 5.6. See fallocate(2), io_uring_prep_fallocate(3).
 */
struct coil_op coil_op_fallocate(int fd, int mode, int64_t offset, int64_t len);

/**
 * coil_op_ftruncate - set a file's size
 *
 * Arguments and result as coil_ftruncate.
 * Since 0.1. Kernel 6.9; below that the system call, which holds up the loop while it runs. See
 * ftruncate(2), io_uring_prep_ftruncate(3).
 */
struct coil_op coil_op_ftruncate(int fd, int64_t length);

/**
 * coil_op_fadvise - say how a file is going to be used
 *
 * Arguments and result as coil_fadvise.
 * Since 0.1. Kernel 5.6. See posix_fadvise(2), io_uring_prep_fadvise(3).
 */
struct coil_op coil_op_fadvise(int fd, int64_t offset, int64_t len, int advice);

/**
 * coil_op_madvise - say how memory is going to be used
 *
 * Arguments and result as coil_madvise. Must stay until it is done: the mapping.
 * Since 0.1. Kernel 5.6. See madvise(2), io_uring_prep_madvise(3).
 */
struct coil_op coil_op_madvise(void *addr, size_t length, int advice);

/**
 * coil_op_splice - move bytes between a pipe and a file
 *
 * Arguments and result as coil_splice.
 * Since 0.1. Kernel 5.7. See splice(2), io_uring_prep_splice(3).
 */
struct coil_op coil_op_splice(int fd_in, int64_t off_in, int fd_out, int64_t off_out, size_t len,
			      unsigned flags);

/**
 * coil_op_tee - copy bytes from pipe to pipe without taking them
 *
 * Arguments and result as coil_tee.
 * Since 0.1. Kernel 5.8. See tee(2), io_uring_prep_tee(3).
 */
struct coil_op coil_op_tee(int fd_in, int fd_out, size_t len, unsigned flags);

/**
 * coil_op_close - close a descriptor
 *
 * Arguments and result as coil_close. Unlike that, it is not started in an already cancelled
 * scope: use coil_close, or a shield.
 * Since 0.1. Kernel 5.6; below that the system call. See close(2), io_uring_prep_close(3).
 */
struct coil_op coil_op_close(int fd);

/**
 * coil_op_openat - open or create a file
 *
 * Arguments and result as coil_openat. Must stay: @path until it is submitted.
 * Since 0.1. Kernel 5.6. See openat(2), io_uring_prep_openat(3).
 */
struct coil_op coil_op_openat(int dirfd, const char *path, int flags, mode_t mode);

/**
 * coil_op_openat2 - open a file, bounding how its path is resolved
 *
 * Arguments and result as coil_openat2. Must stay: @path and @how until it is submitted.
 * Since 0.1. Kernel 5.6. See openat2(2), io_uring_prep_openat2(3).
 */
struct coil_op coil_op_openat2(int dirfd, const char *path, const struct open_how *how,
			       size_t size);

/**
 * coil_op_statx - ask about a file
 *
 * Arguments and result as coil_statx. Must stay: @statxbuf until it is done, @path until it is
 * submitted.
 * Since 0.1. Kernel 5.6. See statx(2), io_uring_prep_statx(3).
 */
struct coil_op coil_op_statx(int dirfd, const char *path, int flags, unsigned mask,
			     struct statx *statxbuf);

/**
 * coil_op_renameat - rename a file
 *
 * Arguments and result as coil_renameat. Must stay: both paths until it is submitted.
 * Since 0.1. Kernel 5.11. See renameat(2), io_uring_prep_renameat(3).
 */
struct coil_op coil_op_renameat(int olddirfd, const char *oldpath, int newdirfd,
				const char *newpath);

/**
 * coil_op_renameat2 - rename a file, with flags
 *
 * Arguments and result as coil_renameat2. Must stay: both paths until it is submitted.
 * Since 0.1. Kernel 5.11. See renameat2(2), io_uring_prep_renameat(3).
 */
struct coil_op coil_op_renameat2(int olddirfd, const char *oldpath, int newdirfd,
				 const char *newpath, unsigned flags);

/**
 * coil_op_unlinkat - remove a name
 *
 * Arguments and result as coil_unlinkat. Must stay: @path until it is submitted.
 * Since 0.1. Kernel 5.11. See unlinkat(2), io_uring_prep_unlinkat(3).
 */
struct coil_op coil_op_unlinkat(int dirfd, const char *path, int flags);

/**
 * coil_op_mkdirat - make a directory
 *
 * Arguments and result as coil_mkdirat. Must stay: @path until it is submitted.
 * Since 0.1. Kernel 5.15. See mkdirat(2), io_uring_prep_mkdirat(3).
 */
struct coil_op coil_op_mkdirat(int dirfd, const char *path, mode_t mode);

/**
 * coil_op_symlinkat - make a symbolic link
 *
 * Arguments and result as coil_symlinkat. Must stay: both strings until it is submitted.
 * Since 0.1. Kernel 5.15. See symlinkat(2), io_uring_prep_symlinkat(3).
 */
struct coil_op coil_op_symlinkat(const char *target, int newdirfd, const char *linkpath);

/**
 * coil_op_linkat - give a file a further name
 *
 * Arguments and result as coil_linkat. Must stay: both paths until it is submitted.
 * Since 0.1. Kernel 5.15. See linkat(2), io_uring_prep_linkat(3).
 */
struct coil_op coil_op_linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
			      int flags);

/**
 * coil_op_fgetxattr - read an extended attribute of an open file
 *
 * Arguments and result as coil_fgetxattr. Must stay: @value until it is done, @name until it is
 * submitted.
 * Since 0.1. Kernel 5.19. See fgetxattr(2), io_uring_prep_fgetxattr(3).
 */
struct coil_op coil_op_fgetxattr(int fd, const char *name, void *value, size_t size);

/**
 * coil_op_fsetxattr - set an extended attribute of an open file
 *
 * Arguments and result as coil_fsetxattr. Must stay: @value until it is done, @name until it is
 * submitted.
 * Since 0.1. Kernel 5.19. See fsetxattr(2), io_uring_prep_fsetxattr(3).
 */
struct coil_op coil_op_fsetxattr(int fd, const char *name, const void *value, size_t size,
				 int flags);

/**
 * coil_op_getxattr - read an extended attribute
 *
 * Arguments and result as coil_getxattr. Must stay: @value until it is done, both strings until
 * it is submitted.
 * Since 0.1. Kernel 5.19. See getxattr(2), io_uring_prep_getxattr(3).
 */
struct coil_op coil_op_getxattr(const char *path, const char *name, void *value, size_t size);

/**
 * coil_op_setxattr - set an extended attribute
 *
 * Arguments and result as coil_setxattr. Must stay: @value until it is done, both strings until
 * it is submitted.
 * Since 0.1. Kernel 5.19. See setxattr(2), io_uring_prep_setxattr(3).
 */
struct coil_op coil_op_setxattr(const char *path, const char *name, const void *value, size_t size,
				int flags);

/**
 * coil_op_recv - receive bytes
 *
 * Arguments and result as coil_recv. Must stay until it is done: @buf.
 * Since 0.1. Kernel 5.6. See recv(2), io_uring_prep_recv(3).
 */
struct coil_op coil_op_recv(int fd, void *buf, size_t len, int flags);

/**
 * coil_op_send - send bytes
 *
 * Arguments and result as coil_send. Must stay until it is done: @buf.
 * Since 0.1. Kernel 5.6. See send(2), io_uring_prep_send(3).
 */
struct coil_op coil_op_send(int fd, const void *buf, size_t len, int flags);

/**
 * coil_op_sendto - send a datagram to an address
 *
 * Arguments and result as coil_sendto. Must stay until it is done: @buf and @addr.
 * Since 0.1. Kernel 6.1. See sendto(2), io_uring_prep_sendto(3).
 */
struct coil_op coil_op_sendto(int fd, const void *buf, size_t len, int flags,
			      const struct sockaddr *addr, socklen_t addrlen);

/**
 * coil_op_sendmsg - send from several buffers, with ancillary data
 *
 * Arguments and result as coil_sendmsg. Must stay until it is done: @msg and all that it points
 * to.
 * Since 0.1. Kernel 5.3. See sendmsg(2), io_uring_prep_sendmsg(3).
 */
struct coil_op coil_op_sendmsg(int fd, const struct msghdr *msg, int flags);

/**
 * coil_op_recvmsg - receive into several buffers, with address and ancillary data
 *
 * Arguments and result as coil_recvmsg. Must stay until it is done: @msg and all that it points
 * to.
 * Since 0.1. Kernel 5.3. See recvmsg(2), io_uring_prep_recvmsg(3).
 */
struct coil_op coil_op_recvmsg(int fd, struct msghdr *msg, int flags);

/**
 * coil_op_send_zc - send bytes without copying them
 *
 * Arguments and result as coil_send_zc. Must stay until it is done: @buf.
 * Since 0.1. Kernel 6.0. See io_uring_prep_send_zc(3).
 */
struct coil_op coil_op_send_zc(int fd, const void *buf, size_t len, int flags);

/**
 * coil_op_sendmsg_zc - send from several buffers without copying them
 *
 * Arguments and result as coil_sendmsg_zc. Must stay until it is done: @msg and all that it
 * points to.
 * Since 0.1. Kernel 6.1. See io_uring_prep_sendmsg_zc(3).
 */
struct coil_op coil_op_sendmsg_zc(int fd, const struct msghdr *msg, int flags);

/**
 * coil_op_accept4 - accept a connection
 *
 * Arguments and result as coil_accept4. Must stay until it is done: @addr and @addrlen.
 * Since 0.1. Kernel 5.5. See accept4(2), io_uring_prep_accept(3).
 */
struct coil_op coil_op_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags);

/**
 * coil_op_connect - connect a socket
 *
 * Arguments and result as coil_connect. Must stay: @addr until it is submitted.
 * Since 0.1. Kernel 5.5. See connect(2), io_uring_prep_connect(3).
 */
struct coil_op coil_op_connect(int fd, const struct sockaddr *addr, socklen_t addrlen);

/**
 * coil_op_socket - make a socket
 *
 * Arguments and result as coil_socket.
 * Since 0.1. Kernel 5.19; below that the system call. See socket(2), io_uring_prep_socket(3).
 */
struct coil_op coil_op_socket(int domain, int type, int protocol);

/**
 * coil_op_bind - give a socket its address
 *
 * Arguments and result as coil_bind. Must stay: @addr until it is submitted.
 * Since 0.1. Kernel 6.11; below that the system call. See bind(2), io_uring_prep_bind(3).
 */
struct coil_op coil_op_bind(int fd, const struct sockaddr *addr, socklen_t addrlen);

/**
 * coil_op_listen - let a socket take connections
 *
 * Arguments and result as coil_listen.
 * Since 0.1. Kernel 6.11; below that the system call. See listen(2), io_uring_prep_listen(3).
 */
struct coil_op coil_op_listen(int fd, int backlog);

/**
 * coil_op_shutdown - end one or both directions of a connection
 *
 * Arguments and result as coil_shutdown.
 * Since 0.1. Kernel 5.11; below that the system call. See shutdown(2), io_uring_prep_shutdown(3).
 */
struct coil_op coil_op_shutdown(int fd, int how);

/**
 * coil_op_setsockopt - set an option of a socket
 *
 * Arguments and result as coil_setsockopt. Must stay until it is done: @optval.
 * Since 0.1. Kernel any: always the system call, since the kernel's operation (6.7) refuses
 * AF_UNIX sockets in many versions and gains nothing. See setsockopt(2).
 */
struct coil_op coil_op_setsockopt(int fd, int level, int optname, const void *optval,
				  socklen_t optlen);

/**
 * coil_op_getsockopt - read an option of a socket
 *
 * Arguments and result as coil_getsockopt. @optlen is by value; the result is the number of bytes
 * of the answer. Must stay until it is done: @optval.
 * Since 0.1. Kernel any: always the system call, since the kernel's operation (6.7) knows
 * SOL_SOCKET alone. See getsockopt(2).
 */
struct coil_op coil_op_getsockopt(int fd, int level, int optname, void *optval, socklen_t optlen);

/**
 * coil_op_poll - wait until a descriptor is ready
 *
 * Arguments and result as coil_poll.
 * Since 0.1. Kernel 5.1. See poll(2), io_uring_prep_poll_add(3).
 */
struct coil_op coil_op_poll(int fd, unsigned events);

/**
 * coil_op_epoll_ctl - change the interest list of an epoll instance
 *
 * Arguments and result as coil_epoll_ctl. Must stay: @event until it is submitted.
 * Since 0.1. Kernel 5.6; below that the system call. See epoll_ctl(2),
 * io_uring_prep_epoll_ctl(3).
 */
struct coil_op coil_op_epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event);

/**
 * coil_op_epoll_wait - wait for the events of an epoll instance
 *
 * Arguments and result as coil_epoll_wait. Must stay until it is done: @events.
 * Since 0.1. Kernel 6.15; below that a poll of @epfd and then the system call without waiting.
 * See epoll_wait(2), io_uring_prep_epoll_wait(3).
 */
struct coil_op coil_op_epoll_wait(int epfd, struct epoll_event *events, int maxevents);

/**
 * coil_op_waitid - wait for a child process
 *
 * Arguments and result as coil_waitid. Must stay until it is done: @infop.
 * Since 0.1. Kernel 6.7; below that a poll of a pidfd and then the system call: one process
 * (P_PID, P_PIDFD) and WEXITED alone, all else is -ENOSYS unless WNOHANG is given. See waitid(2),
 * io_uring_prep_waitid(3).
 */
struct coil_op coil_op_waitid(int idtype, uint32_t id, void *infop, int options);

/**
 * coil_op_pipe - make a pipe
 *
 * Arguments and result as coil_pipe. Must stay until it is done: @fds.
 * Since 0.1. Kernel 6.16; below that the system call. See pipe2(2), io_uring_prep_pipe(3).
 */
struct coil_op coil_op_pipe(int fds[2], int flags);

/**
 * coil_op_futex_wait - wait on a futex
 *
 * Arguments and result as coil_futex_wait. Must stay until it is done: @uaddr.
 * Since 0.1. Kernel 6.7; -ENOSYS below. See futex(2), io_uring_prep_futex_wait(3).
 */
struct coil_op coil_op_futex_wait(uint32_t *uaddr, uint64_t val, uint64_t mask, unsigned flags);

/**
 * coil_op_futex_wake - wake those who wait on a futex
 *
 * Arguments and result as coil_futex_wake. Must stay until it is done: @uaddr.
 * Since 0.1. Kernel 6.7; -ENOSYS below. See futex(2), io_uring_prep_futex_wake(3).
 */
struct coil_op coil_op_futex_wake(uint32_t *uaddr, uint64_t mask, int nr, unsigned flags);

/**
 * coil_op_futex_waitv - wait on several futexes
 *
 * Arguments and result as coil_futex_waitv. Must stay until it is done: @waiters and the words.
 * Since 0.1. Kernel 6.7; -ENOSYS below. See futex_waitv(2), io_uring_prep_futex_waitv(3).
 */
struct coil_op coil_op_futex_waitv(struct futex_waitv *waiters, unsigned nr_futexes);

/**
 * coil_op_nop - do nothing
 *
 * Arguments and result as coil_nop.
 * Since 0.1. Kernel 5.1. See io_uring_prep_nop(3).
 */
struct coil_op coil_op_nop(void);

/**
 * coil_op_link_timeout - bound the time of the step before, in a coil_chain
 * @duration: relative, tv_nsec 0..999999999; must stay until the chain is done
 *
 * Stands directly behind a socket operation or a poll in a chain, and nowhere else. If the time is
 * over first, the step ends with -ECANCELED, and the chain with -ETIME.
 * Since 0.1. Kernel 5.5. See coil_chain, io_uring_prep_link_timeout(3).
 */
struct coil_op coil_op_link_timeout(const struct timespec *duration);

#ifdef __cplusplus
}
#endif

#endif
