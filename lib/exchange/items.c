/* SPDX-License-Identifier: MIT */
/* Rings, stacks and heaps of items. See items.h. */
#include "exchange/items.h"

#include <errno.h>

#include "base/alloc.h"

#define ROOM_AT_FIRST 16u

static unsigned char *slot(const struct coil_items *items, uint32_t index)
{
	return items->memory + (size_t)index * items->stride;
}

/* Of a priority queue's slot: what decides between equal items, behind the item. */
static uint64_t *number_of(const struct coil_items *items, unsigned char *place)
{
	return (uint64_t *)(void *)(place + items->stride - sizeof(uint64_t));
}

/* A heap has one slot more, for the item on its way. */
static size_t bytes_of(const struct coil_items *items, uint32_t room)
{
	return ((size_t)room + (items->kind == COIL_QUEUE_PRIORITY)) * items->stride;
}

static uint32_t stride_of(const struct coil_items *items)
{
	uint32_t rounded = (items->item_bytes + 7u) & ~7u;

	if (items->kind == COIL_QUEUE_PRIORITY)
		return rounded + (uint32_t)sizeof(uint64_t);
	return rounded ? rounded : 8u;
}

static bool is_in_bounds(const struct items_spec *spec)
{
	return spec->item_bytes <= COIL_ITEM_BYTES_MAX && spec->capacity <= COIL_ITEMS_MAX &&
	       spec->kind >= COIL_QUEUE_FIFO && spec->kind <= COIL_QUEUE_PRIORITY &&
	       (spec->kind != COIL_QUEUE_PRIORITY || spec->compare) &&
	       spec->capacity < SIZE_MAX / (spec->item_bytes + 2 * sizeof(uint64_t));
}

int items_init(struct coil_items *items, const struct coil_alloc *alloc,
	       const struct items_spec *spec)
{
	if (!is_in_bounds(spec))
		return -EINVAL;
	memset(items, 0, sizeof *items);
	items->alloc = alloc;
	items->item_bytes = (uint32_t)spec->item_bytes;
	items->capacity = (uint32_t)spec->capacity;
	items->kind = (uint32_t)spec->kind;
	items->compare = spec->compare;
	items->context = spec->context;
	items->stride = stride_of(items);
	if (!items->capacity)
		return 0;
	items->memory = alloc->alloc(alloc->context, bytes_of(items, items->capacity));
	if (!items->memory)
		return -ENOMEM;
	items->room = items->capacity;
	return 0;
}

void items_deinit(struct coil_items *items)
{
	if (items->memory)
		alloc_free(items->alloc, items->memory, bytes_of(items, items->room));
	items->memory = NULL;
	items->room = 0;
	items->count = 0;
	items->first = 0;
}

/* -- Growth --------------------------------------------------------------------------------------
 */

/* Into an array twice as large; a ring begins at its front again. */
static int grow(struct coil_items *items)
{
	uint32_t room = items->room ? items->room * 2 : ROOM_AT_FIRST;
	const struct coil_alloc *alloc = items->alloc;
	uint32_t until_wrap = items->room - items->first;
	unsigned char *memory;

	if (items->room >= COIL_ITEMS_MAX)
		return -ENOBUFS;
	if (room >= SIZE_MAX / items->stride)
		return -ENOMEM;
	memory = alloc->alloc(alloc->context, bytes_of(items, room));
	if (!memory)
		return -ENOMEM;
	if (items->count > 0) {
		size_t front = (size_t)until_wrap * items->stride;

		check(items->count == items->room);
		memcpy(memory, slot(items, items->first), front);
		memcpy(memory + front, items->memory, (size_t)items->first * items->stride);
	}
	if (items->memory)
		alloc_free(alloc, items->memory, bytes_of(items, items->room));
	items->memory = memory;
	items->room = room;
	items->first = 0;
	return 0;
}

int items_reserve(struct coil_items *items)
{
	if (likely(items->count < items->room))
		return 0;
	check(!items->capacity);
	return grow(items);
}

/* -- The heap ------------------------------------------------------------------------------------
 */

static bool goes_before(const struct coil_items *items, unsigned char *left, unsigned char *right)
{
	int order = items->compare(left, right, items->context);

	return order < 0 || (order == 0 && *number_of(items, left) < *number_of(items, right));
}

/* Moves the hole at @index up until @moving may fall into it. */
static void sift_up(struct coil_items *items, uint32_t index, unsigned char *moving)
{
	while (index > 0 && goes_before(items, moving, slot(items, (index - 1) / 2))) {
		memcpy(slot(items, index), slot(items, (index - 1) / 2), items->stride);
		index = (index - 1) / 2;
	}
	memcpy(slot(items, index), moving, items->stride);
}

/* Moves the hole at the top down until @moving, which stands outside of the heap, fits into it. */
static void sift_down(struct coil_items *items, unsigned char *moving)
{
	uint32_t index = 0;
	uint32_t child;

	while ((child = 2 * index + 1) < items->count) {
		if (child + 1 < items->count &&
		    goes_before(items, slot(items, child + 1), slot(items, child)))
			child++;
		if (!goes_before(items, slot(items, child), moving))
			break;
		memcpy(slot(items, index), slot(items, child), items->stride);
		index = child;
	}
	memcpy(slot(items, index), moving, items->stride);
}

static void heap_put(struct coil_items *items, const void *item)
{
	unsigned char *moving = slot(items, items->room);

	item_copy(moving, item, items->item_bytes);
	*number_of(items, moving) = items->sequence++;
	sift_up(items, items->count++, moving);
}

static void heap_take(struct coil_items *items, void *ret_item)
{
	unsigned char *moving = slot(items, items->room);

	item_copy(ret_item, slot(items, 0), items->item_bytes);
	items->count--;
	memcpy(moving, slot(items, items->count), items->stride);
	if (items->count > 0)
		sift_down(items, moving);
}

/* -- In and out ----------------------------------------------------------------------------------
 */

static uint32_t wrapped(const struct coil_items *items, uint32_t index)
{
	return index >= items->room ? index - items->room : index;
}

void items_push(struct coil_items *items, const void *item)
{
	check(items->count < items->room);
	if (unlikely(items->kind == COIL_QUEUE_PRIORITY)) {
		heap_put(items, item);
		return;
	}
	item_copy(slot(items, wrapped(items, items->first + items->count)), item,
		  items->item_bytes);
	items->count++;
}

void items_pop(struct coil_items *items, void *ret_item)
{
	check(items->count > 0);
	if (unlikely(items->kind == COIL_QUEUE_PRIORITY)) {
		heap_take(items, ret_item);
		return;
	}
	items->count--;
	if (items->kind == COIL_QUEUE_LIFO) {
		item_copy(ret_item, slot(items, items->count), items->item_bytes);
		return;
	}
	item_copy(ret_item, slot(items, items->first), items->item_bytes);
	items->first = wrapped(items, items->first + 1);
}
