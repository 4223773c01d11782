/* SPDX-License-Identifier: MIT */
/* Tables of keys. */
#include "flow/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "support/shortage.h"
#include "support/test.h"

#define MANY 1000

static struct coil_key_node nodes[MANY];
static char texts[MANY][16];
static struct coil_key_table table;

static void fill(void)
{
	keys_init(&table, 12345);
	for (int i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof texts[i], "key %d", i);
		nodes[i].key = i % 2 ? coil_key_text(texts[i]) : coil_key_number((uint64_t)i);
		EXPECT_EQ(keys_find(&table, &nodes[i].key), NULL);
		EXPECT_EQ(keys_add(&table, &alloc_libc, &nodes[i]), 0);
	}
}

TEST(keys, what_is_added_is_found_until_it_is_removed)
{
	fill();
	EXPECT_EQ(table.count, MANY);
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(keys_find(&table, &nodes[i].key), &nodes[i]);
	for (int i = 0; i < MANY; i += 3)
		EXPECT(keys_remove(&table, &nodes[i]));
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(keys_find(&table, &nodes[i].key), i % 3 ? &nodes[i] : NULL);
	EXPECT(!keys_remove(&table, &nodes[0]));
	while (keys_any(&table))
		EXPECT(keys_remove(&table, keys_any(&table)));
	EXPECT_EQ(table.count, 0);
	EXPECT(!keys_remove(&table, &nodes[0]));
	keys_deinit(&table, &alloc_libc);
}

TEST(keys, no_chain_is_long)
{
	unsigned longest = 0;

	fill();
	for (uint32_t i = 0; i < table.bucket_count; i++) {
		unsigned length = 0;

		for (struct coil_key_node *node = table.buckets[i]; node; node = node->next)
			length++;
		longest = length > longest ? length : longest;
	}
	EXPECT_LE(longest, 10);
	keys_deinit(&table, &alloc_libc);
}

TEST(keys, bytes_and_texts_are_equal_numbers_are_not)
{
	struct coil_key keys[] = {
		coil_key_text("abc"),	   coil_key_bytes("abcd", 3), coil_key_bytes("abcd", 4),
		coil_key_number(0x636261), coil_key_text(""),	      coil_key_number(0),
		coil_key_bytes(NULL, 0),   coil_key_bytes("a\0b", 3), coil_key_text("123456789"),
	};
	static const bool is_new[] = { true, false, true, true, true, true, false, true, true };

	keys_init(&table, 1);
	for (int i = 0; i < 9; i++) {
		EXPECT_EQ(keys_find(&table, &keys[i]) == NULL, is_new[i]);
		nodes[i].key = keys[i];
		if (is_new[i])
			EXPECT_EQ(keys_add(&table, &alloc_libc, &nodes[i]), 0);
	}
	keys_deinit(&table, &alloc_libc);
}

TEST(keys, a_copy_has_bytes_of_its_own_with_a_zero_behind)
{
	char bytes[] = "xyz";
	char room[8];
	struct coil_key key = coil_key_bytes(bytes, 2);
	struct coil_key number = coil_key_number(9);
	struct coil_key copy;

	EXPECT_EQ(key_copy_bytes(&key), 3);
	EXPECT_EQ(key_copy_bytes(&number), 0);
	copy = key_copy(&key, room);
	bytes[0] = '!';
	EXPECT_STR_EQ(copy.bytes, "xy");
	EXPECT_EQ(key_copy(&number, NULL).number, 9);
}

TEST(keys, without_memory_to_grow_chains_get_longer)
{
	keys_init(&table, 1);
	nodes[0].key = coil_key_number(0);
	shortage_after(0);
	EXPECT_EQ(keys_add(&table, &shortage_alloc, &nodes[0]), -ENOMEM);
	EXPECT_EQ(keys_find(&table, &nodes[0].key), NULL);
	shortage_after(1);
	for (int i = 0; i < 100; i++) {
		nodes[i].key = coil_key_number((uint64_t)i);
		EXPECT_EQ(keys_add(&table, &shortage_alloc, &nodes[i]), 0);
	}
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(keys_find(&table, &nodes[i].key), &nodes[i]);
	keys_deinit(&table, &shortage_alloc);
	shortage.is_on = false;
}
