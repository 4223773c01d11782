/* SPDX-License-Identifier: MIT */
/*
 * Direct descriptors: open files that are known to one loop's ring alone. The kernel finds them
 * quicker, they take no place in the process's table, no exec and no fork hands them on, and no
 * system call of the program's own knows them. They are ints like any other, from COIL_DIRECT on,
 * and good for every call of Coil's on the loop that they belong to, coil_close among them; calls
 * that the kernel has for normal descriptors only are given one for as long as they run. What has
 * to be normal are descriptors that others keep: those that epoll watches, and those that travel in
 * messages.
 *
 * Streams need no asking: one that lasts makes itself a direct descriptor beside its normal one.
 *
 * A loop has direct ones where the kernel has all that they need (6.8) and options.direct_max is
 * not used up; otherwise what would be one is a normal descriptor, and works as well.
 */
#ifndef COIL_DIRECT_H
#define COIL_DIRECT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * In the flags of coil_op_openat, coil_op_accept4, coil_openat and coil_accept4, and in the type of
 * coil_op_socket and coil_socket: open a direct descriptor if one can be had. A normal one is
 * close-on-exec then. In a chain it always is normal. An accepted connection is never lost for want
 * of a place.
 */
#define COIL_DIRECT (1 << 30)

/**
 * coil_fd_is_direct - is a descriptor a direct one?
 * @fd: any
 *
 * Return: true if it is.
 * Since 0.1.
 */
static inline bool coil_fd_is_direct(int fd)
{
	return fd >= COIL_DIRECT;
}

/**
 * coil_install_fd - a normal descriptor for an open file
 * @fd: direct, of the calling thread's loop, or normal
 *
 * For system calls of the program's own, and for whom the file is handed to. The new descriptor is
 * close-on-exec and the caller's, who closes it; @fd stays as it is. Does not suspend, and cannot
 * be cancelled.
 * Return: the descriptor; -EBADF; -EMFILE, -ENFILE as dup(2).
 * Since 0.1. Kernel 6.8 for direct ones, of which there are none below. See
 * io_uring_prep_fixed_fd_install(3).
 */
int coil_install_fd(int fd);

/**
 * coil_direct_fd - a direct descriptor for an open file
 * @fd: normal, or direct
 *
 * The new one is the caller's, who closes it by coil_close; @fd stays as it is. The file is closed
 * when all of its descriptors are. Does not suspend, and cannot be cancelled.
 * Return: the descriptor; -EBADF if @fd is none, or a ring's; -ENFILE if options.direct_max are
 * open; -EOPNOTSUPP if the loop has none; -EMFILE or -ENOMEM if it could not have any.
 * Since 0.1. Kernel 6.8. See io_uring_register_files_update(3).
 */
int coil_direct_fd(int fd);

#ifdef __cplusplus
}
#endif

#endif
