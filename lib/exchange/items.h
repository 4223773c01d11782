/* SPDX-License-Identifier: MIT */
/*
 * The memory of queues and channels, and which item leaves first. A ring (FIFO), a stack (LIFO) or
 * a binary heap of items with their numbers (priority), all in one array of equal strides. With a
 * capacity the array is taken whole at the beginning, so that nothing fails later; without one it
 * doubles as it fills.
 *
 * Must not know: who waits.
 */
#ifndef COIL_EXCHANGE_ITEMS_H
#define COIL_EXCHANGE_ITEMS_H

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "coil/items.h"

struct items_spec {
	size_t item_bytes;
	size_t capacity; /* 0: none; nothing is allocated yet */
	int kind;	 /* enum coil_queue_kind */
	coil_compare compare;
	void *context;
};

/* 0; -EINVAL: out of bounds, or a heap without a comparison; -ENOMEM. */
int items_init(struct coil_items *items, const struct coil_alloc *alloc,
	       const struct items_spec *spec);
void items_deinit(struct coil_items *items);

static inline bool items_are_full(const struct coil_items *items)
{
	return items->capacity && items->count == items->capacity;
}

/* Makes sure that the next push has room: 0, -ENOMEM, -ENOBUFS. Not for a full one. */
int items_reserve(struct coil_items *items);

void items_push(struct coil_items *items, const void *item);

/* @ret_item may be NULL: the item is dropped. */
void items_pop(struct coil_items *items, void *ret_item);

/* A word is what most items are: no call then. */
static inline void item_copy(void *to, const void *from, size_t bytes)
{
	if (unlikely(!to))
		return;
	if (likely(bytes == 8))
		memcpy(to, from, 8);
	else if (bytes > 0)
		memcpy(to, from, bytes);
}

#endif
