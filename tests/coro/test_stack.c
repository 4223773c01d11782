/* SPDX-License-Identifier: MIT */
/*
 * The pool of stacks: slots, classes, what is given back when, and every way that memory can
 * fail.
 */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coro/memory.h"
#include "coro/stack.h"

#define STACKS 1000

static struct test_memory memory;
static struct stack_pool pool;
static struct stack *stacks[STACKS];

static void pool_open(size_t default_bytes)
{
	test_memory_init(&memory);
	ASSERT_EQ(stack_pool_init(&pool, &memory.interface, &memory.alloc, default_bytes), 0);
}

/* Closes the pool and sees that nothing is left. */
static void pool_close(void)
{
	stack_pool_deinit(&pool);
	EXPECT_EQ(memory.mapped_bytes, 0);
	EXPECT_EQ(memory.maps, memory.unmaps);
	EXPECT_EQ(memory.allocated_bytes, 0);
}

static struct stack_counters count(void)
{
	struct stack_counters counters;

	stack_pool_count(&pool, &counters);
	return counters;
}

static void acquire_all(size_t number)
{
	for (size_t i = 0; i < number; i++) {
		stacks[i] = stack_acquire(&pool, 0);
		ASSERT(stacks[i]);
	}
}

static void release_all(size_t number)
{
	for (size_t i = 0; i < number; i++)
		stack_release(&pool, stacks[i]);
}

/* Stacks fill a slab: how many there are in the first. */
static size_t slots_in_first_slab(void)
{
	return pool.mapped_bytes / stack_slot_bytes(stacks[0]);
}

TEST(stack, usable_range_is_writable_from_end_to_end)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	pool_open(0);
	acquire_all(40);
	for (size_t i = 0; i < 40; i++) {
		volatile char *low = stack_low(stacks[i]), *top = stack_top(stacks[i]);

		low[0] = 1;
		top[-1] = 2;
		EXPECT_EQ(top - low, (long)stack_bytes(stacks[i]));
		EXPECT_GE(stack_bytes(stacks[i]), STACK_BYTES_DEFAULT - page_bytes - 1024);
		EXPECT_EQ((uintptr_t)low % page_bytes, 0);
		EXPECT_EQ((uintptr_t)top % 32, 0);
		/* Header, a task and a sleeper's frames in one page. */
		EXPECT_GE((uintptr_t)top % page_bytes, page_bytes - 1024);
	}
	EXPECT_NE((uintptr_t)stack_top(stacks[0]) % page_bytes,
		  (uintptr_t)stack_top(stacks[1]) % page_bytes);
	release_all(40);
	pool_close();
}

TEST(stack, reuse_is_last_in_first_out)
{
	pool_open(0);
	acquire_all(3);
	stack_release(&pool, stacks[1]);
	stack_release(&pool, stacks[0]);
	EXPECT_EQ(stack_acquire(&pool, 0), stacks[0]);
	EXPECT_EQ(stack_acquire(&pool, 0), stacks[1]);
	release_all(3);
	EXPECT_EQ(memory.guards, 3);
	pool_close();
}

TEST(stack, each_size_has_slabs_of_its_own)
{
	static const size_t sizes[] = { 1, 16u << 10, (16u << 10) + 1, 1u << 20, 64u << 20,
					STACK_BYTES_MAX };
	struct stack *stack[6];

	pool_open(0);
	for (size_t i = 0; i < 6; i++) {
		stack[i] = stack_acquire(&pool, sizes[i]);
		ASSERT(stack[i]);
		EXPECT_GE(stack_slot_bytes(stack[i]), sizes[i]);
		*(volatile char *)stack_low(stack[i]) = 1;
	}
	EXPECT_EQ(count().slabs, 5);
	EXPECT_EQ(stack_acquire(&pool, STACK_BYTES_MAX + 1), NULL);
	EXPECT_EQ(stack_acquire(&pool, SIZE_MAX), NULL);
	stack_release(&pool, stack[3]);
	EXPECT_EQ(stack_acquire(&pool, 1u << 20), stack[3]);
	for (size_t i = 0; i < 6; i++)
		stack_release(&pool, stack[i]);
	pool_close();
}

TEST(stack, default_size_has_a_limit)
{
	test_memory_init(&memory);
	EXPECT_EQ(stack_pool_init(&pool, &memory.interface, &memory.alloc, STACK_BYTES_MAX + 1),
		  -EINVAL);
}

TEST(stack, counters_tell_where_each_is)
{
	pool_open(0);
	EXPECT_EQ(count().slabs, 0);
	acquire_all(10);
	stack_release(&pool, stacks[9]);
	stack_release(&pool, stacks[8]);
	EXPECT_EQ(count().in_use, 8);
	EXPECT_EQ(count().idle, 2);
	EXPECT_EQ(count().slabs, 1);
	EXPECT_EQ(count().mapped_bytes, memory.mapped_bytes);
	stack_pool_trim(&pool, 0);
	EXPECT_EQ(count().idle, 2);
	EXPECT_EQ(count().cold, 2);
	release_all(8);
	pool_close();
}

TEST(stack, guard_is_found_by_its_address)
{
	struct stack *found = NULL;
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	pool_open(0);
	acquire_all(STACKS / 2);
	for (size_t i = 0; i < STACKS / 2; i++) {
		char *low = stack_low(stacks[i]);

		EXPECT(stack_pool_guard_hit(&pool, low - 1, &found));
		EXPECT_EQ(found, stacks[i]);
		EXPECT(stack_pool_guard_hit(&pool, low - page_bytes, &found));
		EXPECT_EQ(found, stacks[i]);
		EXPECT(!stack_pool_guard_hit(&pool, low, &found));
		EXPECT(!stack_pool_guard_hit(&pool, stacks[i], &found));
	}
	EXPECT(!stack_pool_guard_hit(&pool, NULL, &found));
	EXPECT(!stack_pool_guard_hit(&pool, &found, &found));
	release_all(STACKS / 2);
	pool_close();
}

TEST(stack, high_water_is_the_lowest_page_touched)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	pool_open(2u << 20);
	acquire_all(1);
	EXPECT_EQ(stack_high_water(stacks[0]), page_bytes);
	((volatile char *)stack_top(stacks[0]))[-100000] = 1;
	EXPECT_GE(stack_high_water(stacks[0]), 100000);
	EXPECT_LE(stack_high_water(stacks[0]), 100000 + page_bytes);
	*(volatile char *)stack_low(stacks[0]) = 1;
	EXPECT_EQ(stack_high_water(stacks[0]), stack_slot_bytes(stacks[0]) - page_bytes);
	pool.memory.resident = NULL;
	EXPECT_EQ(stack_high_water(stacks[0]), 0);
	release_all(1);
	pool_close();
}

TEST(stack, trim_gives_all_but_the_top_page_back_once)
{
	char *low, *top;

	pool_open(0);
	acquire_all(1);
	low = stack_low(stacks[0]);
	top = stack_top(stacks[0]);
	memset(low, 1, (size_t)(top - low));
	release_all(1);
	EXPECT(test_page_resident(low));
	stack_pool_trim(&pool, 1);
	EXPECT(test_page_resident(low));
	stack_pool_trim(&pool, 0);
	EXPECT(!test_page_resident(low));
	EXPECT(!test_page_resident(top - 8192));
	EXPECT(test_page_resident(top - 1));
	stack_pool_trim(&pool, 0);
	EXPECT_EQ(memory.discards, 1);

	EXPECT_EQ(stack_acquire(&pool, 0), stacks[0]);
	EXPECT_EQ(memory.guards, 1);
	memset(low, 2, (size_t)(top - low));
	release_all(1);
	stack_pool_trim(&pool, 0);
	EXPECT_EQ(memory.discards, 2);
	pool_close();
}

TEST(stack, trim_keeps_the_last_used_and_is_bounded)
{
	pool_open(0);
	acquire_all(200);
	release_all(200);
	stack_pool_trim(&pool, 20);
	EXPECT_EQ(memory.discards, 64);
	for (int i = 0; i < 10; i++)
		stack_pool_trim(&pool, 20);
	EXPECT_GE(memory.discards, 175);
	EXPECT_LE(memory.discards, 180);
	for (size_t i = 0; i < 20; i++)
		EXPECT_EQ(stack_acquire(&pool, 0), stacks[199 - i]);
	for (size_t i = 0; i < 20; i++)
		stack_release(&pool, stacks[199 - i]);
	pool_close();
}

TEST(stack, wholly_idle_slabs_are_unmapped_but_one)
{
	size_t slots;

	pool_open(0);
	acquire_all(1);
	slots = slots_in_first_slab();
	release_all(1);
	ASSERT_LE(3 * slots, STACKS);
	acquire_all(3 * slots);
	EXPECT_EQ(count().slabs, 3);
	/* One stack of the second slab stays in use. */
	for (size_t i = 0; i < 3 * slots; i++)
		if (i != slots)
			stack_release(&pool, stacks[i]);
	for (size_t i = 0; i < 3 * slots; i += 64)
		stack_pool_trim(&pool, 0);
	EXPECT_EQ(count().slabs, 2);
	EXPECT_EQ(count().in_use, 1);
	*(volatile char *)stack_low(stacks[slots]) = 1;

	/* Cold ones come back before anything is mapped, and the spare slab is used up, too. */
	stacks[0] = stacks[slots];
	for (size_t i = 1; i < 2 * slots; i++)
		ASSERT(stacks[i] = stack_acquire(&pool, 0));
	EXPECT_EQ(memory.maps, 3);
	EXPECT_EQ(memory.guards, 3 * slots);
	release_all(2 * slots);
	for (size_t i = 0; i < 3 * slots; i += 64)
		stack_pool_trim(&pool, 0);
	EXPECT_EQ(count().slabs, 1);
	EXPECT_EQ(count().idle, slots);
	pool_close();
}

TEST(stack, large_ones_go_back_whole)
{
	pool_open(0);
	for (size_t i = 0; i < 10; i++)
		ASSERT(stacks[i] = stack_acquire(&pool, 32u << 20));
	EXPECT_EQ(count().slabs, 10);
	release_all(10);
	stack_pool_trim(&pool, 0);
	EXPECT_EQ(count().slabs, 1);
	EXPECT_EQ(memory.unmaps, 9);
	pool_close();
}

TEST(stack, failing_guard_is_no_stack)
{
	pool_open(0);
	memory.fail_guard = 2;
	acquire_all(2);
	EXPECT_EQ(stack_acquire(&pool, 0), NULL);
	EXPECT_EQ(count().in_use, 2);
	stacks[2] = stack_acquire(&pool, 0);
	EXPECT(stacks[2]);
	EXPECT_EQ(memory.guards, 3);
	release_all(3);
	memory.fail_guard = 0;
	EXPECT_EQ(stack_acquire(&pool, 1u << 20), NULL);
	pool_close();
}

TEST(stack, failing_map_is_no_stack)
{
	for (long k = 0; k < 4; k++) {
		size_t number = 0;

		pool_open(1u << 20);
		memory.fail_map = k;
		while ((stacks[number] = stack_acquire(&pool, 0)))
			number++;
		EXPECT_EQ(count().slabs, k);
		EXPECT_EQ(count().in_use, number);
		/* It was that one call: the pool goes on. */
		stacks[number] = stack_acquire(&pool, 0);
		ASSERT(stacks[number]);
		release_all(number + 1);
		pool_close();
	}
}

TEST(stack, failing_books_are_no_stack)
{
	pool_open(0);
	memory.fail_alloc = 0;
	EXPECT_EQ(stack_acquire(&pool, 0), NULL);
	EXPECT_EQ(memory.maps, 0);
	acquire_all(1);
	release_all(1);
	pool_close();
}

TEST(stack, zeroed_pool_may_be_closed)
{
	struct stack_pool nothing = { .alloc = NULL };

	stack_pool_deinit(&nothing);
	stack_pool_abandon(&nothing);
}

TEST(stack, abandoned_stacks_stay_mapped)
{
	pool_open(0);
	acquire_all(2);
	stack_pool_abandon(&pool);
	*(volatile char *)stack_top(stacks[1]) = 1;
	EXPECT_EQ(memory.unmaps, 0);
	EXPECT_EQ(memory.allocated_bytes, 0);
}

TEST_SIGNAL(stack, released_twice, SIGABRT, "STACK_IN_USE")
{
	pool_open(0);
	acquire_all(1);
	release_all(1);
	release_all(1);
}

TEST_SIGNAL(stack, pool_closed_with_one_in_use, SIGABRT, "in_use == 0")
{
	pool_open(0);
	acquire_all(1);
	stack_pool_deinit(&pool);
}

static long count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	long lines = 0;
	int c;

	while (file && (c = getc(file)) != EOF)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

/* As a sleeping task does: the top page alone. */
static void touch(const struct stack *stack)
{
	memset((char *)stack_top(stack) - 1000, 1, 1000);
}

TEST(stack, a_hundred_thousand_cost_a_page_each)
{
	size_t number = test_stacks_max();
	struct stack **many = calloc(number, sizeof(*many));
	long before = test_status_kib("VmRSS:") + test_status_kib("VmPTE:"), after;
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	ASSERT(many);
	memset(many, 0, number * sizeof(*many));
	pool_open(0);
	for (size_t i = 0; i < number; i++) {
		many[i] = stack_acquire(&pool, 0);
		ASSERT(many[i]);
		touch(many[i]);
	}
	after = test_status_kib("VmRSS:") + test_status_kib("VmPTE:");
	EXPECT_EQ(count().in_use, number);
#ifndef HOOKS_SWITCH
	/*
	 * 128 for the page tables, 128 for books and this test's own; other figures under
	 * emulation.
	 */
	if (number == 100000) {
		EXPECT_LE((size_t)(after - before) * 1024 / number, page_bytes + 256);
		EXPECT_LE(count_mappings(), 500);
	}
#endif
	if (getenv("COIL_TEST_FIGURES"))
		fprintf(stderr, "%zu stacks: %zu bytes each, %ld mappings\n", number,
			(size_t)(after - before) * 1024 / number, count_mappings());
	for (size_t i = 0; i < number; i++)
		stack_release(&pool, many[i]);
	for (size_t i = 0; i < number; i += 64)
		stack_pool_trim(&pool, 0);
	EXPECT_EQ(count().slabs, 1);
	(void)page_bytes;
	pool_close();
	free(many);
}
