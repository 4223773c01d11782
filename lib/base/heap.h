/* SPDX-License-Identifier: MIT */
/*
 * A 4-ary min-heap of intrusive nodes, for timers. The array holds (key, node) pairs, so that the
 * four children of an entry share one cache line and are compared without a look at the nodes.
 * Equal keys leave in the order in which they came: a sequence number in the node decides, read
 * only when keys are equal.
 *
 * Invariant: entries[node->place].node == node for each node inside; place is HEAP_NOWHERE for all
 * others.
 */
#ifndef COIL_BASE_HEAP_H
#define COIL_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "coil/alloc.h"
#include "coil/node.h"

#define HEAP_NOWHERE UINT32_MAX

struct heap_entry {
	int64_t key;
	struct coil_heap_node *node;
};

struct heap {
	struct heap_entry *entries;
	uint32_t count;
	uint32_t capacity;
	uint32_t sequence;
	const struct coil_alloc *alloc;
};

void heap_init(struct heap *heap, const struct coil_alloc *alloc);
void heap_deinit(struct heap *heap);

/* Makes room for one node more, so that the push after it cannot fail. 0 or -ENOMEM. */
int heap_reserve(struct heap *heap);

/* @node leaves again by heap_remove or heap_pop. Needs heap_reserve before. */
void heap_push(struct heap *heap, struct coil_heap_node *node, int64_t key);
void heap_remove(struct heap *heap, struct coil_heap_node *node);
struct coil_heap_node *heap_pop(struct heap *heap);

/* O(n): order, places and bounds. */
bool heap_is_valid(const struct heap *heap);

/* Is @node, which may be uninitialised memory, among the first ones? For checks alone: a walk. */
bool heap_holds(const struct heap *heap, const struct coil_heap_node *node);

static inline void heap_node_init(struct coil_heap_node *node)
{
	node->place = HEAP_NOWHERE;
}

static inline bool heap_contains(const struct coil_heap_node *node)
{
	return node->place != HEAP_NOWHERE;
}

/* The smallest key, or INT64_MAX of an empty heap. */
static inline int64_t heap_min(const struct heap *heap)
{
	return heap->count ? heap->entries[0].key : INT64_MAX;
}

#endif
