/* SPDX-License-Identifier: MIT */
/* Memory that runs out, and is there again. */
#include "support/shortage.h"

#include <stdlib.h>

struct shortage shortage;

static bool refuses(size_t bytes)
{
	if (!shortage.is_on || bytes < shortage.least ||
	    (shortage.most && bytes > shortage.most))
		return false;
	if (shortage.left == 0)
		return true;
	shortage.left--;
	return false;
}

static void *give(void *context, size_t bytes)
{
	(void)context;
	return refuses(bytes) ? NULL : malloc(bytes);
}

static void *give_another(void *context, void *memory, size_t old_bytes, size_t new_bytes)
{
	(void)context;
	(void)old_bytes;
	return refuses(new_bytes) ? NULL : realloc(memory, new_bytes);
}

static void take_back(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

const struct coil_alloc shortage_alloc = {
	.size = sizeof shortage_alloc,
	.alloc = give,
	.resize = give_another,
	.free = take_back,
};

void shortage_after(int count)
{
	shortage = (struct shortage){.is_on = true, .left = count};
}
