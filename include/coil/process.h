/* SPDX-License-Identifier: MIT */
/*
 * Children and pipes: system calls that suspend. See coil/syscalls.h for what holds for all of
 * them.
 */
#ifndef COIL_PROCESS_H
#define COIL_PROCESS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * coil_waitid - wait for a child process
 * @idtype:  P_PID, P_PIDFD, P_PGID, P_ALL
 * @id:      what @idtype says
 * @infop:   a siginfo_t, or NULL; the kernel's until return
 * @options: WEXITED, WSTOPPED, WCONTINUED, and WNOWAIT, WNOHANG
 *
 * Suspends, unless WNOHANG is given. Cancel: at once; the child is not reaped then.
 * Return: 0; -ECHILD, -EINVAL, ... as waitid(2); -ENOSYS as below.
 * Since 0.1. Kernel 6.7; below that a poll of a pidfd and then the system call: one process
 * (P_PID, P_PIDFD) and WEXITED alone, all else is -ENOSYS unless WNOHANG is given. See waitid(2),
 * io_uring_prep_waitid(3).
 */
int coil_waitid(int idtype, uint32_t id, void *infop, int options);

/**
 * coil_pipe - make a pipe
 * @fds:   the read end and the write end, now the caller's; untouched on failure
 * @flags: as pipe2(2): O_CLOEXEC, O_NONBLOCK, O_DIRECT, passed on as given: close-on-exec is the
 *         caller's to ask for
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: 0; -EMFILE, -ENFILE, -EINVAL as pipe2(2).
 * Since 0.1. Kernel 6.16; below that the system call. See pipe2(2), io_uring_prep_pipe(3).
 */
int coil_pipe(int fds[2], int flags);

/**
 * coil_nop - do nothing
 *
 * Suspends for at most a turn, through the kernel. Cancel: never; it does not wait.
 * Return: 0.
 * Since 0.1. Kernel 5.1. See io_uring_prep_nop(3).
 */
int coil_nop(void);

#ifdef __cplusplus
}
#endif

#endif
