/* SPDX-License-Identifier: MIT */
/* The plain system calls, and the only place of the library that reads errno. */
#ifndef COIL_RING_CALLS_H
#define COIL_RING_CALLS_H

#include "ring/driver.h"

#include <errno.h>

extern const struct driver_calls calls_kernel;

/* What a system call of libc returned, the kernel's way: >= 0 or a negative errno. */
static inline int call_result(long returned)
{
	return returned < 0 ? -errno : (int)returned;
}

/*
 * For what tells of trouble, and works without a driver: from signal handlers, which must leave
 * errno as it was.
 */
int call_write(int fd, const void *bytes, size_t count);
int call_thread_id(void);
int call_signal_thread(int thread_id, int signum);
/* A whole file, to be read, for the rest of the process; NULL if it cannot be had. */
const char *call_map_file(const char *path, size_t *ret_bytes);
int call_keep_errno(void);
void call_restore_errno(int kept);

#endif
