/* SPDX-License-Identifier: MIT */
/*
 * Checks: what a correct program can never see stops the program, with words.
 *
 * check() guards O(1) invariants of the library itself and stays on in every build. check_use()
 * guards the public edge: the condition is what a correct caller keeps, the words say which rule
 * was broken. expensive_check() is for walks over whole structures; it is compiled into debug,
 * sanitizer and simulation builds. None of them may have a side effect.
 */
#ifndef COIL_BASE_CHECK_H
#define COIL_BASE_CHECK_H

#include <stddef.h>

#include "base/report.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define check(condition)                                                                           \
	do {                                                                                       \
		if (unlikely(!(condition)))                                                        \
			check_failed(__func__, #condition, __FILE__, __LINE__);                    \
	} while (0)

#define check_use(condition, ...)                                                                  \
	do {                                                                                       \
		if (unlikely(!(condition)))                                                        \
			check_misused(__func__, __VA_ARGS__);                                      \
	} while (0)

/* The same in what stands behind the public @function. Where it is behind several, check_use() has
 * only an inner name, which is left out. */
#define check_use_of(function, condition, ...)                                                     \
	do {                                                                                       \
		if (unlikely(!(condition)))                                                        \
			check_misused(function, __VA_ARGS__);                                      \
	} while (0)

#ifdef COIL_EXPENSIVE_CHECKS
#define expensive_check(condition) check(condition)
#else
#define expensive_check(condition) ((void)sizeof(condition))
#endif

/* A rare path: kept out of the way of the frequent one, frame and all. */
#define rarely __attribute__((noinline, cold))

#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Writes who is running ("task 7 \"reader\" (spawned at a.c:12)") into @text; set by the task room,
 * NULL outside. */
extern _Thread_local void (*check_describe_caller)(char *text, size_t bytes);

_Noreturn void check_failed(const char *function, const char *condition, const char *file,
			    int line);
_Noreturn void check_misused(const char *function, const char *words, ...)
	__attribute__((format(printf, 2, 3)));

#endif
