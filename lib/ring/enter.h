/* SPDX-License-Identifier: MIT */
/*
 * io_uring_enter(2) in line. What the kernel does between leaves nothing of the caller's in the
 * processor's return predictor, so that each function that returns after a system call costs a
 * misprediction: liburing's wrapper is one of them. Knows the ABI of system calls, nothing else.
 */
#ifndef COIL_RING_ENTER_H
#define COIL_RING_ENTER_H

#include <stddef.h>
#include <stdint.h>

#include <liburing.h>
#include <sys/syscall.h>

/* The number of SQEs consumed, or a negative errno. */
static inline __attribute__((always_inline)) int
enter_call(unsigned fd, unsigned to_submit, unsigned wait, unsigned flags,
	   const struct io_uring_getevents_arg *arg)
{
	size_t bytes = arg ? sizeof *arg : 0;
#if defined(__x86_64__) && !defined(__ILP32__)
	register unsigned long r10 __asm__("r10") = flags;
	register const void *r8 __asm__("r8") = arg;
	register size_t r9 __asm__("r9") = bytes;
	long rc = SYS_io_uring_enter;

	__asm__ volatile("syscall"
			 : "+a"(rc)
			 : "D"((unsigned long)fd), "S"((unsigned long)to_submit),
			   "d"((unsigned long)wait), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return (int)rc;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = SYS_io_uring_enter;
	register long x0 __asm__("x0") = fd;
	register unsigned long x1 __asm__("x1") = to_submit;
	register unsigned long x2 __asm__("x2") = wait;
	register unsigned long x3 __asm__("x3") = flags;
	register const void *x4 __asm__("x4") = arg;
	register size_t x5 __asm__("x5") = bytes;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return (int)x0;
#else
	return io_uring_enter2(fd, to_submit, wait, flags, (void *)(uintptr_t)arg, bytes);
#endif
}

#endif
