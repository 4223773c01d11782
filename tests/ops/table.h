/* SPDX-License-Identifier: MIT */
/*
 * One row for each call: ROW(name, the suspending call, the same as an operation, the result of
 * both). AN_FD stands for any new descriptor. Included by test_table.c, which expands it.
 */
#ifndef COIL_TESTS_OPS_TABLE_H
#define COIL_TESTS_OPS_TABLE_H

#define AN_FD (1 << 20)
#define ADDRESS(which) (struct sockaddr *)&w->which, sizeof w->which
#define FUTEXES (struct futex_waitv *)(void *)w->futexes
#define PRIVATE_U32 (2 | 128)
#define STATX (struct statx *)(void *)w->statx

/* The suspending read and write pass -1. Pipes ignore offsets: there is no -ESPIPE. */
#define ROWS_FILE(ROW)                                                                             \
	ROW(read, coil_read(w->file, w->buf, 4), coil_op_read(w->file, w->buf, 4, -1), 4)          \
	ROW(read_end, coil_pread(w->file, w->buf, 4, 99), coil_op_read(w->file, w->buf, 4, 99), 0) \
	ROW(read_pipe, coil_read(w->filled[0], w->buf, 64),                                        \
	    coil_op_read(w->filled[0], w->buf, 64, -1), 5)                                         \
	ROW(read_bad, coil_read(-1, w->buf, 4), coil_op_read(-1, w->buf, 4, -1), -EBADF)           \
	ROW(read_dir, coil_read(w->dirfd, w->buf, 4), coil_op_read(w->dirfd, w->buf, 4, -1),       \
	    -EISDIR)                                                                               \
	ROW(write, coil_write(w->file, "ab", 2), coil_op_write(w->file, "ab", 2, -1), 2)           \
	ROW(write_bad, coil_write(-1, "ab", 2), coil_op_write(-1, "ab", 2, -1), -EBADF)            \
	ROW(readv, coil_readv(w->file, w->iov, 2), coil_op_readv(w->file, w->iov, 2, -1), 6)       \
	ROW(readv_bad, coil_readv(w->file, w->iov, 5000),                                          \
	    coil_op_readv(w->file, w->iov, 5000, -1), -EINVAL)                                     \
	ROW(writev, coil_writev(w->file, w->iov, 2), coil_op_writev(w->file, w->iov, 2, -1), 6)    \
	ROW(writev_bad, coil_writev(-1, w->iov, 2), coil_op_writev(-1, w->iov, 2, -1), -EBADF)     \
	ROW(pread, coil_pread(w->file, w->buf, 4, 8), coil_op_read(w->file, w->buf, 4, 8), 2)      \
	ROW(pread_pipe, coil_pread(w->filled[0], w->buf, 4, 8),                                    \
	    coil_op_read(w->filled[0], w->buf, 4, 8), 4)                                           \
	ROW(pwrite, coil_pwrite(w->file, "ab", 2, 4), coil_op_write(w->file, "ab", 2, 4), 2)       \
	ROW(pwrite_bad, coil_pwrite(-1, "ab", 2, 4), coil_op_write(-1, "ab", 2, 4), -EBADF)        \
	ROW(preadv, coil_preadv(w->file, w->iov, 2, 6), coil_op_readv(w->file, w->iov, 2, 6), 4)   \
	ROW(preadv_bad, coil_preadv(-1, w->iov, 2, 6), coil_op_readv(-1, w->iov, 2, 6), -EBADF)    \
	ROW(pwritev, coil_pwritev(w->file, w->iov, 2, 6), coil_op_writev(w->file, w->iov, 2, 6),   \
	    6)                                                                                     \
	ROW(pwritev_bad, coil_pwritev(-1, w->iov, 2, 6), coil_op_writev(-1, w->iov, 2, 6), -EBADF) \
	ROW(preadv2, coil_preadv2(w->file, w->iov, 2, 0, 0),                                       \
	    coil_op_preadv2(w->file, w->iov, 2, 0, 0), 6)                                          \
	ROW(preadv2_nowait, coil_preadv2(w->empty[0], w->iov, 2, -1, RWF_NOWAIT),                  \
	    coil_op_preadv2(w->empty[0], w->iov, 2, -1, RWF_NOWAIT), -EAGAIN)                      \
	ROW(pwritev2, coil_pwritev2(w->file, w->iov, 2, 0, RWF_DSYNC),                             \
	    coil_op_pwritev2(w->file, w->iov, 2, 0, RWF_DSYNC), 6)                                 \
	ROW(pwritev2_bad, coil_pwritev2(-1, w->iov, 2, 0, 0),                                      \
	    coil_op_pwritev2(-1, w->iov, 2, 0, 0), -EBADF)                                         \
	ROW(read_fixed_none, coil_read_fixed(w->file, w->buf, 4, 0, 0),                            \
	    coil_op_read_fixed(w->file, w->buf, 4, 0, 0), -EFAULT)                                 \
	ROW(write_fixed_none, coil_write_fixed(w->file, w->buf, 4, 0, 0),                          \
	    coil_op_write_fixed(w->file, w->buf, 4, 0, 0), -EFAULT)                                \
	ROW(fsync, coil_fsync(w->file), coil_op_fsync(w->file), 0)                                 \
	ROW(fsync_bad, coil_fsync(-1), coil_op_fsync(-1), -EBADF)                                  \
	ROW(fdatasync, coil_fdatasync(w->file), coil_op_fdatasync(w->file), 0)                     \
	ROW(fdatasync_pipe, coil_fdatasync(w->empty[0]), coil_op_fdatasync(w->empty[0]), -EINVAL)  \
	ROW(sync_file_range, coil_sync_file_range(w->file, 0, 0, 2),                               \
	    coil_op_sync_file_range(w->file, 0, 0, 2), 0)                                          \
	ROW(sync_file_range_large, coil_sync_file_range(w->file, 0, INT64_C(1) << 33, 2),          \
	    coil_op_sync_file_range(w->file, 0, INT64_C(1) << 33, 2), -EINVAL)                     \
	ROW(fallocate, coil_fallocate(w->file, 0, 0, 8192),                                        \
	    coil_op_fallocate(w->file, 0, 0, 8192), 0)                                             \
	ROW(fallocate_bad, coil_fallocate(w->file, 0, 0, 0), coil_op_fallocate(w->file, 0, 0, 0),  \
	    -EINVAL)                                                                               \
	ROW(ftruncate, coil_ftruncate(w->file, 5), coil_op_ftruncate(w->file, 5), 0)               \
	ROW(ftruncate_bad, coil_ftruncate(w->file, -5), coil_op_ftruncate(w->file, -5), -EINVAL)   \
	ROW(fadvise, coil_fadvise(w->file, 0, 0, POSIX_FADV_WILLNEED),                             \
	    coil_op_fadvise(w->file, 0, 0, POSIX_FADV_WILLNEED), 0)                                \
	ROW(fadvise_bad, coil_fadvise(w->file, 0, 0, 77), coil_op_fadvise(w->file, 0, 0, 77),      \
	    -EINVAL)                                                                               \
	ROW(madvise, coil_madvise(w->page, WORLD_PAGE, MADV_DONTNEED),                             \
	    coil_op_madvise(w->page, WORLD_PAGE, MADV_DONTNEED), 0)                                \
	ROW(madvise_bad, coil_madvise(w->page + 1, WORLD_PAGE, MADV_DONTNEED),                     \
	    coil_op_madvise(w->page + 1, WORLD_PAGE, MADV_DONTNEED), -EINVAL)                      \
	ROW(splice, coil_splice(w->filled[0], -1, w->file, 0, 64, 0),                              \
	    coil_op_splice(w->filled[0], -1, w->file, 0, 64, 0), 5)                                \
	ROW(splice_bad, coil_splice(-1, -1, w->file, 0, 64, 0),                                    \
	    coil_op_splice(-1, -1, w->file, 0, 64, 0), -EBADF)                                     \
	ROW(tee, coil_tee(w->filled[0], w->empty[1], 64, 0),                                       \
	    coil_op_tee(w->filled[0], w->empty[1], 64, 0), 5)                                      \
	ROW(tee_bad, coil_tee(w->file, w->empty[1], 64, 0),                                        \
	    coil_op_tee(w->file, w->empty[1], 64, 0), -EINVAL)                                     \
	ROW(close_bad, coil_close(-1), coil_op_close(-1), -EBADF)

#define ROWS_PATH(ROW)                                                                             \
	ROW(openat, coil_openat(w->dirfd, "file", O_RDONLY | O_CLOEXEC, 0),                        \
	    coil_op_openat(w->dirfd, "file", O_RDONLY | O_CLOEXEC, 0), AN_FD)                      \
	ROW(openat_new, coil_openat(w->dirfd, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600),        \
	    coil_op_openat(w->dirfd, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), AN_FD)          \
	ROW(openat_none, coil_openat(w->dirfd, "none", O_RDONLY, 0),                               \
	    coil_op_openat(w->dirfd, "none", O_RDONLY, 0), -ENOENT)                                \
	ROW(openat2, coil_openat2(w->dirfd, "file", &beneath, sizeof beneath),                     \
	    coil_op_openat2(w->dirfd, "file", &beneath, sizeof beneath), AN_FD)                    \
	ROW(openat2_escape, coil_openat2(w->dirfd, "../x", &beneath, sizeof beneath),              \
	    coil_op_openat2(w->dirfd, "../x", &beneath, sizeof beneath), -EXDEV)                   \
	ROW(openat2_size, coil_openat2(w->dirfd, "file", &beneath, 3),                             \
	    coil_op_openat2(w->dirfd, "file", &beneath, 3), -EINVAL)                               \
	ROW(statx, coil_statx(w->dirfd, "file", 0, STATX_SIZE, STATX),                             \
	    coil_op_statx(w->dirfd, "file", 0, STATX_SIZE, STATX), 0)                              \
	ROW(statx_none, coil_statx(w->dirfd, "none", 0, STATX_SIZE, STATX),                        \
	    coil_op_statx(w->dirfd, "none", 0, STATX_SIZE, STATX), -ENOENT)                        \
	ROW(renameat, coil_renameat(w->dirfd, "other", w->dirfd, "file"),                          \
	    coil_op_renameat(w->dirfd, "other", w->dirfd, "file"), 0)                              \
	ROW(renameat_none, coil_renameat(w->dirfd, "none", w->dirfd, "new"),                       \
	    coil_op_renameat(w->dirfd, "none", w->dirfd, "new"), -ENOENT)                          \
	ROW(renameat2, coil_renameat2(w->dirfd, "other", w->dirfd, "new", 1),                      \
	    coil_op_renameat2(w->dirfd, "other", w->dirfd, "new", 1), 0)                           \
	ROW(renameat2_exists, coil_renameat2(w->dirfd, "other", w->dirfd, "file", 1),              \
	    coil_op_renameat2(w->dirfd, "other", w->dirfd, "file", 1), -EEXIST)                    \
	ROW(unlinkat, coil_unlinkat(w->dirfd, "other", 0), coil_op_unlinkat(w->dirfd, "other", 0), \
	    0)                                                                                     \
	ROW(unlinkat_dir, coil_unlinkat(w->dirfd, "sub", AT_REMOVEDIR),                            \
	    coil_op_unlinkat(w->dirfd, "sub", AT_REMOVEDIR), 0)                                    \
	ROW(unlinkat_none, coil_unlinkat(w->dirfd, "none", 0),                                     \
	    coil_op_unlinkat(w->dirfd, "none", 0), -ENOENT)                                        \
	ROW(mkdirat, coil_mkdirat(w->dirfd, "newdir", 0700),                                       \
	    coil_op_mkdirat(w->dirfd, "newdir", 0700), 0)                                          \
	ROW(mkdirat_exists, coil_mkdirat(w->dirfd, "sub", 0700),                                   \
	    coil_op_mkdirat(w->dirfd, "sub", 0700), -EEXIST)                                       \
	ROW(symlinkat, coil_symlinkat("file", w->dirfd, "soft"),                                   \
	    coil_op_symlinkat("file", w->dirfd, "soft"), 0)                                        \
	ROW(symlinkat_exists, coil_symlinkat("file", w->dirfd, "other"),                           \
	    coil_op_symlinkat("file", w->dirfd, "other"), -EEXIST)                                 \
	ROW(linkat, coil_linkat(w->dirfd, "file", w->dirfd, "link", 0),                            \
	    coil_op_linkat(w->dirfd, "file", w->dirfd, "link", 0), 0)                              \
	ROW(linkat_none, coil_linkat(w->dirfd, "none", w->dirfd, "link", 0),                       \
	    coil_op_linkat(w->dirfd, "none", w->dirfd, "link", 0), -ENOENT)                        \
	ROW(fgetxattr_none, coil_fgetxattr(w->file, "user.none", w->buf, 8),                       \
	    coil_op_fgetxattr(w->file, "user.none", w->buf, 8), -ENODATA)                          \
	ROW(fsetxattr, coil_fsetxattr(w->file, "user.color", "blue", 4, 0),                        \
	    coil_op_fsetxattr(w->file, "user.color", "blue", 4, 0), 0)                             \
	ROW(fsetxattr_none, coil_fsetxattr(w->file, "user.color", "blue", 4, 2),                   \
	    coil_op_fsetxattr(w->file, "user.color", "blue", 4, 2), -ENODATA)                      \
	ROW(getxattr_none, coil_getxattr(w->dir, "user.none", w->buf, 8),                          \
	    coil_op_getxattr(w->dir, "user.none", w->buf, 8), -ENODATA)                            \
	ROW(setxattr, coil_setxattr(w->dir, "user.color", "blue", 4, 0),                           \
	    coil_op_setxattr(w->dir, "user.color", "blue", 4, 0), 0)                               \
	ROW(setxattr_no_file, coil_setxattr("/none", "user.color", "blue", 4, 0),                  \
	    coil_op_setxattr("/none", "user.color", "blue", 4, 0), -ENOENT)

#define ROWS_SOCKET(ROW)                                                                           \
	ROW(recv, coil_recv(w->ready[0], w->buf, 64, 0), coil_op_recv(w->ready[0], w->buf, 64, 0), \
	    5)                                                                                     \
	ROW(recv_file, coil_recv(w->file, w->buf, 64, 0), coil_op_recv(w->file, w->buf, 64, 0),    \
	    -ENOTSOCK)                                                                             \
	ROW(recv_now, coil_recv(w->pair[0], w->buf, 64, MSG_DONTWAIT),                             \
	    coil_op_recv(w->pair[0], w->buf, 64, MSG_DONTWAIT), -EAGAIN)                           \
	ROW(send, coil_send(w->pair[0], "hello", 5, 0), coil_op_send(w->pair[0], "hello", 5, 0),   \
	    5)                                                                                     \
	ROW(send_lonely, coil_send(w->fresh, "hello", 5, 0),                                       \
	    coil_op_send(w->fresh, "hello", 5, 0), -EPIPE)                                         \
	ROW(sendto, coil_sendto(w->udp[0], "hello", 5, 0, ADDRESS(udp_address)),                   \
	    coil_op_sendto(w->udp[0], "hello", 5, 0, ADDRESS(udp_address)), 5)                     \
	ROW(sendto_long, coil_sendto(w->udp[0], "x", 1, 0, (struct sockaddr *)&w->from, 999999),   \
	    coil_op_sendto(w->udp[0], "x", 1, 0, (struct sockaddr *)&w->from, 999999), -EINVAL)    \
	ROW(sendmsg, coil_sendmsg(w->udp[0], &w->out, 0), coil_op_sendmsg(w->udp[0], &w->out, 0),  \
	    6)                                                                                     \
	ROW(sendmsg_bad, coil_sendmsg(-1, &w->out, 0), coil_op_sendmsg(-1, &w->out, 0), -EBADF)    \
	ROW(recvmsg, coil_recvmsg(w->udp[1], &w->in, 0), coil_op_recvmsg(w->udp[1], &w->in, 0), 5) \
	ROW(recvmsg_bad, coil_recvmsg(-1, &w->in, 0), coil_op_recvmsg(-1, &w->in, 0), -EBADF)      \
	ROW(send_zc, coil_send_zc(w->tcp[0], "hello", 5, 0),                                       \
	    coil_op_send_zc(w->tcp[0], "hello", 5, 0), 5)                                          \
	ROW(send_zc_unix, coil_send_zc(w->pair[0], "hello", 5, 0),                                 \
	    coil_op_send_zc(w->pair[0], "hello", 5, 0), -EOPNOTSUPP)                               \
	ROW(sendmsg_zc, coil_sendmsg_zc(w->udp[0], &w->out, 0),                                    \
	    coil_op_sendmsg_zc(w->udp[0], &w->out, 0), 6)                                          \
	ROW(sendmsg_zc_bad, coil_sendmsg_zc(-1, &w->out, 0), coil_op_sendmsg_zc(-1, &w->out, 0),   \
	    -EBADF)                                                                                \
	ROW(accept4, coil_accept4(w->listener, NULL, NULL, SOCK_CLOEXEC),                          \
	    coil_op_accept4(w->listener, NULL, NULL, SOCK_CLOEXEC), AN_FD)                         \
	ROW(accept4_idle, coil_accept4(w->fresh, NULL, NULL, 0),                                   \
	    coil_op_accept4(w->fresh, NULL, NULL, 0), -EINVAL)                                     \
	ROW(connect, coil_connect(w->fresh, ADDRESS(tcp_address)),                                 \
	    coil_op_connect(w->fresh, ADDRESS(tcp_address)), 0)                                    \
	ROW(connect_refused, coil_connect(w->fresh, ADDRESS(closed_address)),                      \
	    coil_op_connect(w->fresh, ADDRESS(closed_address)), -ECONNREFUSED)                     \
	ROW(socket, coil_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),                           \
	    coil_op_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), AN_FD)                         \
	ROW(socket_bad, coil_socket(AF_INET, SOCK_STREAM, 9999),                                   \
	    coil_op_socket(AF_INET, SOCK_STREAM, 9999), -EINVAL)                                   \
	ROW(bind, coil_bind(w->fresh, ADDRESS(closed_address)),                                    \
	    coil_op_bind(w->fresh, ADDRESS(closed_address)), 0)                                    \
	ROW(bind_used, coil_bind(w->fresh, ADDRESS(tcp_address)),                                  \
	    coil_op_bind(w->fresh, ADDRESS(tcp_address)), -EADDRINUSE)                             \
	ROW(listen, coil_listen(w->bound, 5), coil_op_listen(w->bound, 5), 0)                      \
	ROW(listen_udp, coil_listen(w->udp[0], 5), coil_op_listen(w->udp[0], 5), -EOPNOTSUPP)      \
	ROW(shutdown, coil_shutdown(w->pair[0], SHUT_WR), coil_op_shutdown(w->pair[0], SHUT_WR),   \
	    0)                                                                                     \
	ROW(shutdown_lonely, coil_shutdown(w->fresh, SHUT_WR),                                     \
	    coil_op_shutdown(w->fresh, SHUT_WR), -ENOTCONN)                                        \
	ROW(setsockopt, coil_setsockopt(w->tcp[0], IPPROTO_TCP, TCP_NODELAY, &w->one, 4),          \
	    coil_op_setsockopt(w->tcp[0], IPPROTO_TCP, TCP_NODELAY, &w->one, 4), 0)                \
	ROW(setsockopt_unix, coil_setsockopt(w->pair[0], SOL_SOCKET, SO_PASSCRED, &w->one, 4),     \
	    coil_op_setsockopt(w->pair[0], SOL_SOCKET, SO_PASSCRED, &w->one, 4), 0)                \
	ROW(setsockopt_bad, coil_setsockopt(w->tcp[0], SOL_SOCKET, 9999, &w->one, 4),              \
	    coil_op_setsockopt(w->tcp[0], SOL_SOCKET, 9999, &w->one, 4), -ENOPROTOOPT)             \
	ROW(getsockopt_bad, coil_getsockopt(-1, SOL_SOCKET, SO_TYPE, w->buf, &w->from_bytes),      \
	    coil_op_getsockopt(-1, SOL_SOCKET, SO_TYPE, w->buf, 4), -EBADF)

#define ROWS_WAIT(ROW)                                                                             \
	ROW(poll, coil_poll(w->ready[0], POLLIN), coil_op_poll(w->ready[0], POLLIN), POLLIN)       \
	ROW(poll_bad, coil_poll(-1, POLLIN), coil_op_poll(-1, POLLIN), -EBADF)                     \
	ROW(epoll_ctl, coil_epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->udp[0], w->events),              \
	    coil_op_epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->udp[0], w->events), 0)                   \
	ROW(epoll_ctl_none, coil_epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->udp[0], NULL),              \
	    coil_op_epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->udp[0], NULL), -ENOENT)                  \
	ROW(epoll_wait, coil_epoll_wait(w->epoll, w->events, 4),                                   \
	    coil_op_epoll_wait(w->epoll, w->events, 4), 1)                                         \
	ROW(epoll_wait_none, coil_epoll_wait(w->epoll, w->events, 0),                              \
	    coil_op_epoll_wait(w->epoll, w->events, 0), -EINVAL)                                   \
	ROW(epoll_wait_bad, coil_epoll_wait(-1, w->events, 4),                                     \
	    coil_op_epoll_wait(-1, w->events, 4), -EBADF)                                          \
	ROW(waitid, coil_waitid(P_PID, (uint32_t)w->child, w->child_info, WEXITED),                \
	    coil_op_waitid(P_PID, (uint32_t)w->child, w->child_info, WEXITED), 0)                  \
	ROW(waitid_pidfd, coil_waitid(P_PIDFD, (uint32_t)w->child_pidfd, NULL, WEXITED),           \
	    coil_op_waitid(P_PIDFD, (uint32_t)w->child_pidfd, NULL, WEXITED), 0)                   \
	ROW(waitid_stranger, coil_waitid(P_PID, 1, NULL, WEXITED),                                 \
	    coil_op_waitid(P_PID, 1, NULL, WEXITED), -ECHILD)                                      \
	ROW(waitid_nothing, coil_waitid(P_PID, (uint32_t)w->child, NULL, 0),                       \
	    coil_op_waitid(P_PID, (uint32_t)w->child, NULL, 0), -EINVAL)                           \
	ROW(pipe, coil_pipe(made, O_CLOEXEC), coil_op_pipe(made, O_CLOEXEC), 0)                    \
	ROW(pipe_bad, coil_pipe(made, 1), coil_op_pipe(made, 1), -EINVAL)                          \
	ROW(nop, coil_nop(), coil_op_nop(), 0)

/* No fallback: -ENOSYS below 6.7. */
#define ROWS_FUTEX(ROW)                                                                            \
	ROW(futex_wake, coil_futex_wake(&w->word, UINT32_MAX, 1, PRIVATE_U32),                     \
	    coil_op_futex_wake(&w->word, UINT32_MAX, 1, PRIVATE_U32), 0)                           \
	ROW(futex_wake_bad, coil_futex_wake(&w->word, UINT32_MAX, 1, 0x7000),                      \
	    coil_op_futex_wake(&w->word, UINT32_MAX, 1, 0x7000), -EINVAL)                          \
	ROW(futex_wait_late, coil_futex_wait(&w->word, 1, UINT32_MAX, PRIVATE_U32),                \
	    coil_op_futex_wait(&w->word, 1, UINT32_MAX, PRIVATE_U32), -EAGAIN)                     \
	ROW(futex_waitv_none, coil_futex_waitv(FUTEXES, 0), coil_op_futex_waitv(FUTEXES, 0),       \
	    -EINVAL)

#endif
