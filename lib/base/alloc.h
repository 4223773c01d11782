/* SPDX-License-Identifier: MIT */
/*
 * The library's only door to heap memory. Each loop has one allocator, given by its user or the C
 * library's; sizes are passed back on free, so that arenas need no headers.
 */
#ifndef COIL_BASE_ALLOC_H
#define COIL_BASE_ALLOC_H

#include "coil/alloc.h"

extern const struct coil_alloc alloc_libc;

void *alloc_zeroed(const struct coil_alloc *alloc, size_t bytes);

static inline void *alloc_resize(const struct coil_alloc *alloc, void *memory, size_t old_bytes,
				 size_t new_bytes)
{
	return alloc->resize(alloc->context, memory, old_bytes, new_bytes);
}

static inline void alloc_free(const struct coil_alloc *alloc, void *memory, size_t bytes)
{
	if (memory)
		alloc->free(alloc->context, memory, bytes);
}

#endif
