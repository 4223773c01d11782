/* SPDX-License-Identifier: MIT */
/* The table against a plain array. */
#include "support/test.h"

#include "see/table.h"

struct record {
	uintptr_t key;
	uint64_t value;
};

enum { KEYS = 500 };

static uint64_t wanted[KEYS]; /* 0: not there */

static void *key_of(size_t i)
{
	return (void *)(uintptr_t)(0x1000 + i * 64);
}

static void compare(const struct table *table)
{
	size_t count = 0;
	size_t at = 0;

	for (size_t i = 0; i < KEYS; i++) {
		const struct record *record = table_find(table, key_of(i));

		EXPECT_EQ(record ? record->value : 0, wanted[i]);
		count += wanted[i] != 0;
	}
	EXPECT_EQ(table->count, count);
	while (table_next(table, &at))
		count--;
	EXPECT_EQ(count, 0);
}

TEST(table, holds_what_was_put_in_and_not_taken_out)
{
	struct table table;
	unsigned random = 12345;

	table_init(&table, sizeof(struct record), &alloc_libc);
	EXPECT_EQ(table_find(&table, key_of(0)), NULL);
	table_remove(&table, key_of(0));
	for (unsigned step = 1; step <= 20000; step++) {
		size_t i;
		struct record *record;

		random = random * 1103515245u + 12345u;
		i = random / 65536u % KEYS;
		if (random & 1024) {
			table_remove(&table, key_of(i));
			wanted[i] = 0;
		} else {
			record = table_get(&table, key_of(i));
			EXPECT_EQ(record->value, wanted[i]);
			record->value = wanted[i] = step;
		}
		if (step % 1000 == 0)
			compare(&table);
	}
	EXPECT(!table.is_changing);
	table_deinit(&table);
}

static void *no_memory(void *context, size_t bytes)
{
	(void)context;
	(void)bytes;
	return NULL;
}

TEST(table, says_that_there_is_no_memory)
{
	struct coil_alloc none = alloc_libc;
	struct table table;

	none.alloc = no_memory;
	table_init(&table, sizeof(struct record), &none);
	EXPECT_EQ(table_get(&table, key_of(1)), NULL);
	EXPECT_EQ(table.count, 0);
	table_deinit(&table);
}
