/* SPDX-License-Identifier: MIT */
/*
 * System calls that suspend: the kernel's own names, and its own order of arguments.
 *
 * What holds for all: a call returns what the system call returns, or its errno, negated; errno
 * itself is not used. It suspends the calling task, and no other, until the kernel has let go of
 * the arguments, so buffers and descriptors may be locals, and must not be touched by others
 * meanwhile. Flags are passed on as given: nothing is made close-on-exec or non-blocking behind the
 * caller's back. On an O_NONBLOCK descriptor a call waits all the same; MSG_DONTWAIT and RWF_NOWAIT
 * do not. A direct descriptor (coil/direct.h) is as good as a normal one; where the kernel must
 * have a normal one, -EMFILE, -ENFILE or -ENOMEM says that it could not be had. In an already
 * cancelled scope nothing is started: one turn passes, and the scope's reason
 * is returned (-ECANCELED, -ETIME, ...). A cancel while the call waits is a request: what it then
 * does stands under "Cancel" of each; where the call was finished first, its result is returned,
 * and the next wait meets the cancellation. "Kernel" is the version that brought the operation,
 * followed by what is done below it; without such words the result there is -ENOSYS. Outside of a
 * task, calling any of them is misuse and stops the program.
 */
#ifndef COIL_SYSCALLS_H
#define COIL_SYSCALLS_H

#include "coil/file.h"
#include "coil/futex.h"
#include "coil/path.h"
#include "coil/process.h"
#include "coil/socket.h"

#endif
