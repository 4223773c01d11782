/* SPDX-License-Identifier: MIT */
/* What ThreadSanitizer and valgrind must be told of, or spared; nothing in a plain build. */
#ifndef COIL_RING_HOOKS_H
#define COIL_RING_HOOKS_H

#include <stdbool.h>

#if defined(__SANITIZE_THREAD__)
#define HOOKS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOOKS_TSAN 1
#endif
#endif

#ifdef HOOKS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define HOOKS_ON_VALGRIND (RUNNING_ON_VALGRIND != 0)
#else
#define HOOKS_ON_VALGRIND false
#endif

/* A wake happens before the completion of the read on wake_fd, which only the kernel sees. */
static inline void hooks_waking(void *driver)
{
#ifdef HOOKS_TSAN
	__tsan_release(driver);
#endif
	(void)driver;
}

static inline void hooks_entered(void *driver)
{
#ifdef HOOKS_TSAN
	__tsan_acquire(driver);
#endif
	(void)driver;
}

/*
 * Rings are mapped and unmapped by liburing's own system calls, which nobody sees: another thread's
 * ring may come to lie where one was before. One @key for all rings.
 */
static inline void hooks_unmapping_ring(void *key)
{
#ifdef HOOKS_TSAN
	__tsan_release(key);
#endif
	(void)key;
}

static inline void hooks_mapped_ring(void *key)
{
#ifdef HOOKS_TSAN
	__tsan_acquire(key);
#endif
	(void)key;
}

/*
 * Up to 3.19 at least, valgrind does not know that io_uring_enter may block: a thread that sleeps
 * in it keeps all others from running, so that nobody wakes it.
 */
static inline bool hooks_enter_must_not_block(void)
{
	return HOOKS_ON_VALGRIND;
}

/*
 * Nor does it know MADV_DONTFORK: a forked child's first mmap ends in an assertion of valgrind's.
 */
static inline bool hooks_know_dontfork(void)
{
	return !HOOKS_ON_VALGRIND;
}

#endif
