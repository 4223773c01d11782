/* SPDX-License-Identifier: MIT */
/* Any operation that may be made to fail, with arguments that are good enough to begin with. */
#ifndef COIL_TESTS_SIM_FAULT_RIG_H
#define COIL_TESTS_SIM_FAULT_RIG_H

#include <liburing.h>

/* @sqe: zeroed; @fd: a socket. Buffers and names are the rig's own. */
void fault_prepare(struct io_uring_sqe *sqe, unsigned opcode, int fd);

#endif
