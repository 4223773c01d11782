/* SPDX-License-Identifier: MIT */
/* Registered memory. See registered.h. */
#include "loop/registered.h"

#include <errno.h>
#include <stdlib.h>

#include "loop/loop.h"

#define COUNT_MAX 16384u /* the kernel's IORING_MAX_REG_BUFFERS */

struct piece {
	uintptr_t begin;
	size_t bytes;
	int index;
};

/* In the order of their addresses. */
struct registered {
	unsigned count;
	struct piece pieces[];
};

static size_t size_of(unsigned count)
{
	return sizeof(struct registered) + count * sizeof(struct piece);
}

static int by_address(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	return (a->begin > b->begin) - (a->begin < b->begin);
}

int registered_set(struct coil_loop *loop, const struct iovec *memory, unsigned count)
{
	struct registered *registered;
	int rc;

	if (count == 0 || count > COUNT_MAX)
		return -EINVAL;
	if (loop->registered)
		return -EBUSY;
	registered = alloc_zeroed(loop->alloc, size_of(count));
	if (!registered)
		return -ENOMEM;
	/* First, for the kernel alone can say that there is no iovec at @memory. */
	rc = loop->driver->ops->register_memory(loop->driver, memory, count);
	if (rc < 0) {
		alloc_free(loop->alloc, registered, size_of(count));
		return rc;
	}
	registered->count = count;
	for (unsigned i = 0; i < count; i++)
		registered->pieces[i] = (struct piece){
			(uintptr_t)memory[i].iov_base, memory[i].iov_len, (int)i};
	qsort(registered->pieces, count, sizeof(struct piece), by_address);
	loop->registered = registered;
	return 0;
}

int registered_clear(struct coil_loop *loop)
{
	int rc = loop->driver->ops->register_memory(loop->driver, NULL, 0);

	if (rc == 0)
		registered_forget(loop);
	return rc;
}

void registered_forget(struct coil_loop *loop)
{
	if (!loop->registered)
		return;
	alloc_free(loop->alloc, loop->registered, size_of(loop->registered->count));
	loop->registered = NULL;
}

int registered_find(const struct coil_loop *loop, const void *begin, size_t bytes)
{
	const struct registered *registered = loop->registered;
	uintptr_t at = (uintptr_t)begin;
	const struct piece *last;
	unsigned low = 0, high;

	if (!registered)
		return -1;
	/* The last one that does not begin behind it. */
	for (high = registered->count; low < high;) {
		unsigned middle = low + (high - low) / 2;

		if (registered->pieces[middle].begin <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return -1;
	last = &registered->pieces[low - 1];
	if (at - last->begin > last->bytes || bytes > last->bytes - (at - last->begin))
		return -1;
	return last->index;
}
