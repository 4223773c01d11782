/* SPDX-License-Identifier: MIT */
/*
 * io_uring_enter(2), send(2) and sendmsg(2) in line. What the kernel does between leaves nothing of
 * the caller's in the processor's return predictor, so that each function that returns after a
 * system call costs a misprediction, 7 ns: a wrapper of liburing's or libc's is one of them, and
 * the driver's own enter another. Knows the ABI of system calls and how the real kernel's driver
 * enters, nothing else.
 */
#ifndef COIL_RING_ENTER_H
#define COIL_RING_ENTER_H

#include "base/check.h"
#include "base/clock.h"
#include "ring/driver.h"
#include "ring/hooks.h"

#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#include <sys/syscall.h>

#include "ring/calls.h"

#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)
#define ENTER_IS_IN_LINE 1
#include <liburing/io_uring.h>

struct enter_args {
	uintptr_t word[6];
};

static inline __attribute__((always_inline)) int call_kernel(long number, struct enter_args args)
{
#if defined(__x86_64__)
	register uintptr_t r10 __asm__("r10") = args.word[3];
	register uintptr_t r8 __asm__("r8") = args.word[4];
	register uintptr_t r9 __asm__("r9") = args.word[5];
	long rc = number;

	__asm__ volatile("syscall"
			 : "+a"(rc)
			 : "D"(args.word[0]), "S"(args.word[1]), "d"(args.word[2]), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return (int)rc;
#else
	register long x8 __asm__("x8") = number;
	register uintptr_t x0 __asm__("x0") = args.word[0];
	register uintptr_t x1 __asm__("x1") = args.word[1];
	register uintptr_t x2 __asm__("x2") = args.word[2];
	register uintptr_t x3 __asm__("x3") = args.word[3];
	register uintptr_t x4 __asm__("x4") = args.word[4];
	register uintptr_t x5 __asm__("x5") = args.word[5];

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return (int)x0;
#endif
}
#else
#define ENTER_IS_IN_LINE 0 /* so that only kernel.c calls liburing's wrapper */
#include <liburing.h>
#endif

/* The number of SQEs consumed, or a negative errno. */
static inline __attribute__((always_inline)) int
enter_call(unsigned fd, unsigned to_submit, unsigned wait, unsigned flags,
	   const struct io_uring_getevents_arg *arg)
{
	size_t bytes = arg ? sizeof *arg : 0;
#if ENTER_IS_IN_LINE
	return call_kernel(SYS_io_uring_enter, (struct enter_args){{fd, to_submit, wait, flags,
								     (uintptr_t)arg, bytes}});
#else
	return io_uring_enter2(fd, to_submit, wait, flags, (void *)(uintptr_t)arg, bytes);
#endif
}

/*
 * GETEVENTS always: it costs nothing where no work is pending, and without it neither deferred
 * completions nor overflown ones are posted. Polling is done by asking for nothing: a timeout of 0
 * would really sleep.
 */
static inline __attribute__((always_inline)) int
enter_kernel(struct driver *driver, unsigned to_submit, unsigned wait, int64_t timeout_ns)
{
	unsigned fd = (unsigned)driver->enter_fd;
	struct __kernel_timespec ts;
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&ts};
	int rc;

	if (timeout_ns <= 0)
		wait = 0;
	else if (wait > 1 && !(driver->features & DRIVER_MIN_WAIT))
		wait = 1;
	if (wait == 0 || (wait == 1 && timeout_ns == DRIVER_FOREVER)) {
		rc = enter_call(fd, to_submit, wait, driver->enter_flags, NULL);
	} else {
		if (wait > 1)
			arg.min_wait_usec = DRIVER_PATIENCE_USEC;
		if (timeout_ns == DRIVER_FOREVER)
			arg.ts = 0;
		ts.tv_sec = timeout_ns / CLOCK_SECOND;
		ts.tv_nsec = timeout_ns % CLOCK_SECOND;
		rc = enter_call(fd, to_submit, wait, driver->enter_flags | IORING_ENTER_EXT_ARG,
				&arg);
	}
	hooks_entered(driver);
	return rc;
}

/* The same, out of line: enter of the real kernel's driver. */
int driver_kernel_enter(struct driver *driver, unsigned to_submit, unsigned wait,
			int64_t timeout_ns);

/* Bytes, or a negative errno. */
static inline __attribute__((always_inline)) int enter_send(int fd, const void *buf, size_t len,
							    int flags)
{
#if ENTER_IS_IN_LINE
	return call_kernel(SYS_sendto, (struct enter_args){{(unsigned)fd, (uintptr_t)buf, len,
							     (unsigned)flags, 0, 0}});
#else
	return call_result(send(fd, buf, len, flags));
#endif
}

/* The same, out of line: send of the real kernel's driver. */
int driver_kernel_send(int fd, const void *buf, size_t len, int flags);

static inline __attribute__((always_inline)) int
enter_sendmsg(int fd, const struct msghdr *message, int flags)
{
#if ENTER_IS_IN_LINE
	return call_kernel(SYS_sendmsg, (struct enter_args){{(unsigned)fd, (uintptr_t)message,
							     (unsigned)flags, 0, 0, 0}});
#else
	return call_result(sendmsg(fd, message, flags));
#endif
}

#endif
