/* SPDX-License-Identifier: MIT */
/*
 * Memory for stacks: mapped without reserving, guarded by either of two ways, given back without
 * unmapping.
 */
#ifndef COIL_RING_MEMORY_H
#define COIL_RING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_guards {
	bool can_install;	/* MADV_GUARD_INSTALL works: guards need no mappings of their own */
	int64_t budget;		/* guards by mprotect until mappings are counted again */
};

/*
 * Does a range guarded by MADV_GUARD_INSTALL really fault? @wake_fd: an eventfd, to which 0 is
 * added if not.
 */
bool memory_can_install_guards(int wake_fd);

/* NULL, with a sentence for driver_refusal(), where there is none. */
void *memory_map(size_t bytes);
void memory_unmap(void *memory, size_t bytes);

/* Makes whole pages inaccessible. 0, or -ENOMEM with a sentence for driver_refusal(). */
int memory_guard(struct memory_guards *guards, void *memory, size_t bytes);

/* Gives the pages back; they read as zeroes from now on, guards in the range stay. */
int memory_discard(void *memory, size_t bytes);

/* As mincore(2). */
int memory_resident(void *memory, size_t bytes, unsigned char *ret_pages);

#endif
