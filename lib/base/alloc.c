/* SPDX-License-Identifier: MIT */
/* The default allocator: the C library's, behind the interface that passes sizes. */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *libc_alloc(void *context, size_t bytes)
{
	(void)context;
	return malloc(bytes);
}

static void *libc_resize(void *context, void *memory, size_t old_bytes, size_t new_bytes)
{
	(void)context;
	(void)old_bytes;
	return realloc(memory, new_bytes);
}

static void libc_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

const struct coil_alloc alloc_libc = {
	.size = sizeof(struct coil_alloc),
	.alloc = libc_alloc,
	.resize = libc_resize,
	.free = libc_free,
};

void *alloc_zeroed(const struct coil_alloc *alloc, size_t bytes)
{
	void *memory = alloc->alloc(alloc->context, bytes);

	if (memory)
		memset(memory, 0, bytes);
	return memory;
}
