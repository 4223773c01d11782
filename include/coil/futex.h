/* SPDX-License-Identifier: MIT */
/*
 * Futexes, for what is shared with threads and other processes: system calls that suspend. See
 * coil/syscalls.h for what holds for all of them.
 */
#ifndef COIL_FUTEX_H
#define COIL_FUTEX_H

#include <linux/futex.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel's names, which headers older than Linux 6.7 lack. */
#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE FUTEX_PRIVATE_FLAG
#endif

struct futex_waitv;

/**
 * coil_futex_wait - wait on a futex
 * @uaddr: the futex word; must stay until return
 * @val:   waits only while *@uaddr is this
 * @mask:  which wakes to heed; FUTEX_BITSET_MATCH_ANY: all
 * @flags: FUTEX2_SIZE_U32, with FUTEX2_PRIVATE for threads of this process alone
 *
 * Suspends until it is woken; spurious wakes are possible, and there is no time limit beside the
 * scope's. Cancel: at once.
 * Return: 0; -EAGAIN if *@uaddr was not @val; -EINVAL, ... as futex(2).
 * Since 0.1. Kernel 6.7; -ENOSYS below. See futex(2), io_uring_prep_futex_wait(3).
 */
int coil_futex_wait(uint32_t *uaddr, uint64_t val, uint64_t mask, unsigned flags);

/**
 * coil_futex_wake - wake those who wait on a futex
 * @uaddr: the futex word
 * @mask:  whom to wake, as coil_futex_wait
 * @nr:    how many at most, > 0
 * @flags: as coil_futex_wait
 *
 * Suspends for at most a turn. Cancel: never; it does not wait.
 * Return: the number of woken waiters; -EINVAL, ... as futex(2).
 * Since 0.1. Kernel 6.7; -ENOSYS below. See futex(2), io_uring_prep_futex_wake(3).
 */
int coil_futex_wake(uint32_t *uaddr, uint64_t mask, int nr, unsigned flags);

/**
 * coil_futex_waitv - wait on several futexes
 * @waiters:    @nr_futexes words, values and flags; with the words the kernel's until return
 * @nr_futexes: count, 1..128
 *
 * Suspends until one of them is woken. Cancel: at once.
 * Return: the index of the one that was woken; -EAGAIN, -EINVAL, ... as futex_waitv(2).
 * Since 0.1. Kernel 6.7; -ENOSYS below. See futex_waitv(2), io_uring_prep_futex_waitv(3).
 */
int coil_futex_waitv(struct futex_waitv *waiters, unsigned nr_futexes);

#ifdef __cplusplus
}
#endif

#endif
