/* SPDX-License-Identifier: MIT */
/* Memory for pools under test: counted, and failing when told to. */
#ifndef COIL_TESTS_CORO_MEMORY_H
#define COIL_TESTS_CORO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "coro/stack.h"

struct test_memory {
	struct stack_memory interface;
	struct coil_alloc alloc;
	unsigned maps, unmaps, guards, discards;
	size_t mapped_bytes;
	long allocated_bytes;
	long fail_map, fail_guard, fail_alloc; /* calls until one fails; negative: none does */
};

void test_memory_init(struct test_memory *memory);

/*
 * Stacks that a test of scale makes: the tools, and kernels without light guards, have lower
 * limits.
 */
size_t test_stacks_max(void);

/* Is the page in memory? */
bool test_page_resident(const void *address);

/* The value in KiB of a line of /proc/self/status. */
long test_status_kib(const char *key);

#endif
