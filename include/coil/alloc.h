/* SPDX-License-Identifier: MIT */
/* The allocator of a loop. */
#ifndef COIL_ALLOC_H
#define COIL_ALLOC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct coil_alloc - where a loop takes its heap memory from
 * @size:    sizeof(struct coil_alloc)
 * @alloc:   @bytes > 0 of memory aligned for any type, or NULL
 * @resize:  as realloc: @memory may be NULL (@old_bytes 0); on failure NULL, and @memory stays
 * @free:    @memory is never NULL, @bytes is what it was last sized to
 * @context: passed through
 *
 * Called on the loop's own thread alone, in steady state not at all: tasks live on mapped stacks,
 * operations in their callers' frames. Stacks and rings are mapped, not allocated.
 */
struct coil_alloc {
	size_t size;
	void *(*alloc)(void *context, size_t bytes);
	void *(*resize)(void *context, void *memory, size_t old_bytes, size_t new_bytes);
	void (*free)(void *context, void *memory, size_t bytes);
	void *context;
};

#ifdef __cplusplus
}
#endif

#endif
