/* SPDX-License-Identifier: MIT */
/*
 * Words of the kernel's ABI that the headers of liburing 2.9 lack, under our own names, and the
 * sizes at which lengths are cut. Remove a line when the oldest liburing that we take has it.
 */
#ifndef COIL_LOOP_ABI_H
#define COIL_LOOP_ABI_H

#include <stddef.h>

/* Operations: include/uapi/linux/io_uring.h of Linux 6.15 and 6.16. */
#define ABI_OP_EPOLL_WAIT 59
#define ABI_OP_PIPE 62

/* Sub-commands of IORING_OP_URING_CMD on a socket: Linux 6.7. */
#define ABI_SOCKET_GETSOCKOPT 2
#define ABI_SOCKET_SETSOCKOPT 3

/* The kernel moves at most this many bytes in one go, MAX_RW_COUNT: see read(2). */
#define ABI_RW_BYTES_MAX 0x7ffff000u

/* A length for a 32-bit word: what is larger moves in part, as the system calls do it. */
static inline unsigned abi_rw_bytes(size_t bytes)
{
	return bytes < ABI_RW_BYTES_MAX ? (unsigned)bytes : ABI_RW_BYTES_MAX;
}

#endif
