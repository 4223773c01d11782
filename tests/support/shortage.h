/* SPDX-License-Identifier: MIT */
/* The allocator of a loop that has nothing to give while a test says so. */
#ifndef COIL_TESTS_SUPPORT_SHORTAGE_H
#define COIL_TESTS_SUPPORT_SHORTAGE_H

#include <coil/run.h>

#include <stdbool.h>
#include <stddef.h>

struct shortage {
	bool is_on;
	size_t least; /* bytes: what asks for fewer gets them */
	size_t most;  /* and for more; 0: nobody */
	int left;     /* so many are given still */
};

extern struct shortage shortage;
extern const struct coil_alloc shortage_alloc;

/* From now on there are so many allocations, and no more. */
void shortage_after(int count);

#endif
