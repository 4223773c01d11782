/* SPDX-License-Identifier: MIT */
/* The 4-ary heap: sift up on push, sift down on pop, either on removal from the middle. See heap.h.
 */
#include "base/heap.h"

#include <errno.h>

#include "base/alloc.h"

#define HEAP_FIRST_CAPACITY 64u
#define HEAP_MAX_CAPACITY (UINT32_MAX / 8)

void heap_init(struct heap *heap, const struct coil_alloc *alloc)
{
	*heap = (struct heap){ .alloc = alloc };
}

void heap_deinit(struct heap *heap)
{
	check(heap->count == 0);
	if (heap->entries)
		alloc_free(heap->alloc, heap->entries, heap->capacity * sizeof *heap->entries);
	heap->entries = NULL;
	heap->capacity = 0;
}

static bool entry_before(const struct heap_entry *a, const struct heap_entry *b)
{
	if (likely(a->key != b->key))
		return a->key < b->key;
	return (int32_t)(a->node->sequence - b->node->sequence) < 0;
}

static void entry_place(struct heap *heap, uint32_t place, struct heap_entry entry)
{
	heap->entries[place] = entry;
	entry.node->place = place;
}

static void sift_up(struct heap *heap, uint32_t place, struct heap_entry entry)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / 4;

		if (!entry_before(&entry, &heap->entries[parent]))
			break;
		entry_place(heap, place, heap->entries[parent]);
		place = parent;
	}
	entry_place(heap, place, entry);
}

static uint32_t smallest_child(const struct heap *heap, uint32_t place)
{
	uint32_t first = 4 * place + 1;
	uint32_t end = first + 4 < heap->count ? first + 4 : heap->count;
	uint32_t best = first;

	for (uint32_t child = first + 1; child < end; child++)
		if (entry_before(&heap->entries[child], &heap->entries[best]))
			best = child;
	return best;
}

static void sift_down(struct heap *heap, uint32_t place, struct heap_entry entry)
{
	while (4 * place + 1 < heap->count) {
		uint32_t child = smallest_child(heap, place);

		if (!entry_before(&heap->entries[child], &entry))
			break;
		entry_place(heap, place, heap->entries[child]);
		place = child;
	}
	entry_place(heap, place, entry);
}

int heap_reserve(struct heap *heap)
{
	uint32_t capacity = heap->capacity ? 2 * heap->capacity : HEAP_FIRST_CAPACITY;
	struct heap_entry *entries;

	if (likely(heap->count < heap->capacity))
		return 0;
	if (capacity > HEAP_MAX_CAPACITY)
		return -ENOMEM;
	entries = alloc_resize(heap->alloc, heap->entries, heap->capacity * sizeof *entries,
			       capacity * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	heap->entries = entries;
	heap->capacity = capacity;
	return 0;
}

void heap_push(struct heap *heap, struct coil_heap_node *node, int64_t key)
{
	check(heap->count < heap->capacity);
	check(!heap_contains(node));
	node->key = key;
	node->sequence = heap->sequence++;
	sift_up(heap, heap->count++, (struct heap_entry){ key, node });
	expensive_check(heap_is_valid(heap));
}

void heap_remove(struct heap *heap, struct coil_heap_node *node)
{
	uint32_t place = node->place;
	struct heap_entry last;

	check(place < heap->count);
	check(heap->entries[place].node == node);
	node->place = HEAP_NOWHERE;
	last = heap->entries[--heap->count];
	if (last.node == node)
		return;
	if (place > 0 && entry_before(&last, &heap->entries[(place - 1) / 4]))
		sift_up(heap, place, last);
	else
		sift_down(heap, place, last);
	expensive_check(heap_is_valid(heap));
}

struct coil_heap_node *heap_pop(struct heap *heap)
{
	struct coil_heap_node *node;

	if (!heap->count)
		return NULL;
	node = heap->entries[0].node;
	heap_remove(heap, node);
	return node;
}

/* Walking a large heap at every push would make a debug build quadratic: the first levels stand for
 * it. */
static uint32_t count_to_check(const struct heap *heap)
{
	return heap->count < 1024 ? heap->count : 1024;
}

bool heap_holds(const struct heap *heap, const struct coil_heap_node *node)
{
	for (uint32_t place = 0; place < count_to_check(heap); place++)
		if (heap->entries[place].node == node)
			return true;
	return false;
}

bool heap_is_valid(const struct heap *heap)
{
	uint32_t count = count_to_check(heap);

	if (heap->count > heap->capacity)
		return false;
	for (uint32_t place = 0; place < count; place++) {
		if (heap->entries[place].node->place != place)
			return false;
		if (heap->entries[place].node->key != heap->entries[place].key)
			return false;
		if (place && entry_before(&heap->entries[place], &heap->entries[(place - 1) / 4]))
			return false;
	}
	return true;
}
