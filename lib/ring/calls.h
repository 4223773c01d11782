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

#endif
