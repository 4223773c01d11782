/* SPDX-License-Identifier: MIT */
/*
 * Structs of the public headers whose first member is a size_t: their size as the caller's headers
 * have it, so that they may grow. A caller may be older than the library, or newer: what the
 * shorter one lacks is zero, and what this library does not know has to be.
 */
#ifndef COIL_BASE_SIZED_H
#define COIL_BASE_SIZED_H

#include <stddef.h>
#include <string.h>

#include "base/check.h"

static inline size_t sized_bytes(const void *given)
{
	size_t bytes;

	memcpy(&bytes, given, sizeof bytes);
	return bytes;
}

/* The rare paths: a caller of another age, or without a struct. */
int sized_read_other(void *read, const void *given, size_t bytes);
int sized_check_other(const void *given, size_t bytes);

/*
 * Fills @bytes at @read from what a caller gave, with zero for what that lacks; @given may be NULL:
 * all zero. 0; -EINVAL if its size is not set; -E2BIG if it is larger, and what lies behind @bytes
 * is not all zero. In any case @read is whole, and its size is @bytes.
 */
static inline int sized_read(void *read, const void *given, size_t bytes)
{
	if (unlikely(!given || sized_bytes(given) != bytes))
		return sized_read_other(read, given, bytes);
	memcpy(read, given, bytes);
	return 0;
}

/* For what is used where it lies: the same results, and -EINVAL if it is shorter. */
static inline int sized_check(const void *given, size_t bytes)
{
	return likely(sized_bytes(given) == bytes) ? 0 : sized_check_other(given, bytes);
}

/*
 * Copies @bytes of what is told to a caller who may know fewer of them, or more; its size stays. 0,
 * or -EINVAL if that is not set.
 */
int sized_write(void *ret_given, const void *made, size_t bytes);

#endif
