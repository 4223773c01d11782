/* SPDX-License-Identifier: MIT */
/*
 * The heap: against a sorted array that is obviously right, with a million operations from each
 * seed; few different keys, so that equal ones are frequent.
 */
#include "base/heap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "support/test.h"

#define NODES 400u
#define OPERATIONS 1000000u

static struct coil_heap_node nodes[NODES];

/* The reference: nodes in the order in which they must leave. */
static struct coil_heap_node *sorted[NODES];
static int64_t keys[NODES]; /* of sorted */
static unsigned sorted_count;

static uint64_t random_state;

static uint64_t draw(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void sorted_insert(struct coil_heap_node *node, int64_t key)
{
	unsigned place = sorted_count++;

	for (; place > 0 && keys[place - 1] > key; place--) {
		sorted[place] = sorted[place - 1];
		keys[place] = keys[place - 1];
	}
	sorted[place] = node;
	keys[place] = key;
}

static void sorted_remove(const struct coil_heap_node *node)
{
	unsigned place = 0;

	while (sorted[place] != node)
		place++;
	for (sorted_count--; place < sorted_count; place++) {
		sorted[place] = sorted[place + 1];
		keys[place] = keys[place + 1];
	}
}

static int64_t random_key(unsigned phase)
{
	static const int64_t edges[] = {
		INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX,
	};

	switch (phase % 4) {
	case 0:
		return (int64_t)(draw() % 8);
	case 1:
		return edges[draw() % 6];
	case 2:
		return (int64_t)draw();
	default:
		return (int64_t)(draw() % 1000);
	}
}

/* One random operation, on both. The mix grows and shrinks the heap by turns. */
static void step(struct heap *heap, unsigned i)
{
	struct coil_heap_node *node = &nodes[draw() % NODES];
	unsigned grows = i / 5000 % 2 ? 30 : 60;
	unsigned dice = (unsigned)(draw() % 100);

	if (dice < grows) {
		int64_t key = random_key(i / 10000);

		if (heap_contains(node))
			return;
		EXPECT_EQ(heap_reserve(heap), 0);
		heap_push(heap, node, key);
		sorted_insert(node, key);
	} else if (dice < 80) {
		if (!heap_contains(node))
			return;
		heap_remove(heap, node);
		sorted_remove(node);
	} else {
		struct coil_heap_node *first = sorted_count ? sorted[0] : NULL;

		EXPECT(heap_pop(heap) == first);
		if (first)
			sorted_remove(first);
	}
}

static bool agrees(const struct heap *heap)
{
	return heap->count == sorted_count &&
	       heap_min(heap) == (sorted_count ? keys[0] : INT64_MAX) &&
	       (!sorted_count || heap->entries[0].node == sorted[0]);
}

static void compare_with_sorted(uint64_t seed, uint32_t first_sequence)
{
	struct heap heap;

	fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
	random_state = seed;
	sorted_count = 0;
	heap_init(&heap, &alloc_libc);
	heap.sequence = first_sequence;
	for (unsigned i = 0; i < NODES; i++)
		heap_node_init(&nodes[i]);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		step(&heap, i);
		if (!agrees(&heap) || (i % 1000 == 0 && !heap_is_valid(&heap))) {
			fprintf(stderr, "seed %llu, operation %u\n", (unsigned long long)seed, i);
			FAIL("the heap and the sorted array differ");
			break;
		}
	}
	while (sorted_count) {
		EXPECT(heap_pop(&heap) == sorted[0]);
		sorted_remove(sorted[0]);
	}
	heap_deinit(&heap);
}

/* COIL_SEED repeats one run. */
TEST(heap, a_million_operations_as_a_sorted_array)
{
	const char *seed = getenv("COIL_SEED");

	compare_with_sorted(seed ? strtoull(seed, NULL, 0) : 1, 0);
}

TEST(heap, a_million_operations_over_the_wrap_of_the_sequence)
{
	compare_with_sorted(2, UINT32_MAX - 100000);
}

TEST(heap, a_million_operations_over_the_sign_of_the_sequence)
{
	compare_with_sorted(3, INT32_MAX - 100000);
}

static void set_up(struct heap *heap, const struct coil_alloc *alloc, const int64_t *first,
		   unsigned count)
{
	heap_init(heap, alloc);
	for (unsigned i = 0; i < count; i++) {
		heap_node_init(&nodes[i]);
		EXPECT_EQ(heap_reserve(heap), 0);
		heap_push(heap, &nodes[i], first ? first[i] : 0);
	}
}

static void empty(struct heap *heap)
{
	while (heap_pop(heap))
		continue;
	heap_deinit(heap);
}

TEST(heap, equal_keys_leave_in_the_order_in_which_they_came)
{
	struct heap heap;

	set_up(&heap, &alloc_libc, NULL, NODES);
	for (unsigned i = 0; i < NODES; i++)
		EXPECT(heap_pop(&heap) == &nodes[i]);
	EXPECT(!heap_pop(&heap));
	heap_deinit(&heap);
}

TEST(heap, a_node_that_comes_again_stands_behind_its_equals)
{
	struct heap heap;

	set_up(&heap, &alloc_libc, NULL, 3);
	heap_remove(&heap, &nodes[0]);
	EXPECT(!heap_contains(&nodes[0]));
	heap_push(&heap, &nodes[0], 0);
	EXPECT(heap_pop(&heap) == &nodes[1]);
	EXPECT(heap_pop(&heap) == &nodes[2]);
	EXPECT(heap_pop(&heap) == &nodes[0]);
	heap_deinit(&heap);
}

/* The last entry may have to rise where another one left. */
TEST(heap, removal_from_the_middle_can_sift_up)
{
	static const int64_t shape[] = { 0, 100, 1, 1, 1, 101, 102, 103, 104, 2 };
	struct heap heap;
	int64_t last = -1;

	set_up(&heap, &alloc_libc, shape, 10);
	heap_remove(&heap, &nodes[5]);
	EXPECT(heap_is_valid(&heap));
	while (heap.count) {
		EXPECT_GE(heap_min(&heap), last);
		last = heap_min(&heap);
		heap_pop(&heap);
	}
	heap_deinit(&heap);
}

struct miser {
	unsigned grants;
	size_t held;
};

static void *miser_resize(void *context, void *memory, size_t old_bytes, size_t new_bytes)
{
	struct miser *miser = context;

	EXPECT_EQ(miser->held, old_bytes);
	if (!miser->grants)
		return NULL;
	miser->grants--;
	miser->held = new_bytes;
	return realloc(memory, new_bytes);
}

static void miser_free(void *context, void *memory, size_t bytes)
{
	struct miser *miser = context;

	EXPECT_EQ(miser->held, bytes);
	miser->held = 0;
	free(memory);
}

static struct coil_alloc miser_alloc(struct miser *miser)
{
	return (struct coil_alloc){ .resize = miser_resize, .free = miser_free, .context = miser };
}

TEST(heap, no_memory_at_the_start)
{
	struct miser miser = { .grants = 0 };
	struct coil_alloc alloc = miser_alloc(&miser);
	struct heap heap;

	heap_init(&heap, &alloc);
	EXPECT_EQ(heap_reserve(&heap), -ENOMEM);
	EXPECT_EQ(heap_min(&heap), INT64_MAX);
	EXPECT(!heap_pop(&heap));
	heap_deinit(&heap);
}

TEST(heap, no_memory_to_grow_leaves_it_whole)
{
	struct miser miser = { .grants = 1 };
	struct coil_alloc alloc = miser_alloc(&miser);
	struct heap heap;

	set_up(&heap, &alloc, NULL, 64);
	EXPECT_EQ(heap_reserve(&heap), -ENOMEM);
	EXPECT_EQ(heap.count, 64);
	EXPECT(heap_is_valid(&heap));
	miser.grants = 1;
	EXPECT_EQ(heap_reserve(&heap), 0);
	EXPECT(heap_is_valid(&heap));
	empty(&heap);
	EXPECT_EQ(miser.held, 0);
}

TEST(heap, a_reserved_place_is_reserved_once)
{
	struct miser miser = { .grants = 1 };
	struct coil_alloc alloc = miser_alloc(&miser);
	struct heap heap;

	heap_init(&heap, &alloc);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(heap_reserve(&heap), 0);
	EXPECT_EQ(miser.grants, 0);
	heap_deinit(&heap);
	EXPECT_EQ(miser.held, 0);
}

TEST(heap, the_largest_heap_is_bounded)
{
	struct heap heap;

	heap_init(&heap, &alloc_libc);
	heap.count = heap.capacity = UINT32_MAX / 8;
	EXPECT_EQ(heap_reserve(&heap), -ENOMEM);
}

TEST(heap, what_is_out_of_order_is_not_valid)
{
	static const int64_t shape[] = { 1, 2, 3 };
	struct heap heap;

	set_up(&heap, &alloc_libc, shape, 3);
	EXPECT(heap_is_valid(&heap));
	nodes[2].place = 1;
	EXPECT(!heap_is_valid(&heap));
	nodes[2].place = 2;
	nodes[2].key = 0;
	EXPECT(!heap_is_valid(&heap));
	heap.entries[2].key = 0;
	EXPECT(!heap_is_valid(&heap));
	heap.entries[2].key = nodes[2].key = 3;
	heap.count = heap.capacity + 1;
	EXPECT(!heap_is_valid(&heap));
	heap.count = 3;
	empty(&heap);
}

TEST_SIGNAL(heap, a_push_without_reserve_stops, SIGABRT, "heap->count < heap->capacity")
{
	struct heap heap;

	heap_init(&heap, &alloc_libc);
	heap_node_init(&nodes[0]);
	heap_push(&heap, &nodes[0], 1);
}

TEST_SIGNAL(heap, a_node_cannot_be_pushed_twice, SIGABRT, "!heap_contains(node)")
{
	struct heap heap;

	set_up(&heap, &alloc_libc, NULL, 1);
	heap_push(&heap, &nodes[0], 1);
}

TEST_SIGNAL(heap, a_node_outside_cannot_be_removed, SIGABRT, "place < heap->count")
{
	struct heap heap;

	set_up(&heap, &alloc_libc, NULL, 2);
	heap_remove(&heap, &nodes[1]);
	heap_remove(&heap, &nodes[1]);
}

TEST_SIGNAL(heap, a_node_of_another_heap_is_seen, SIGABRT, "entries[place].node == node")
{
	struct coil_heap_node stranger = { .place = 0 };
	struct heap heap;

	set_up(&heap, &alloc_libc, NULL, 2);
	heap_remove(&heap, &stranger);
}

TEST_SIGNAL(heap, a_heap_with_nodes_cannot_end, SIGABRT, "heap->count == 0")
{
	struct heap heap;

	set_up(&heap, &alloc_libc, NULL, 1);
	heap_deinit(&heap);
}
