/* SPDX-License-Identifier: MIT */
/* Keys, and tables of them. See keys.h. */
#include "flow/keys.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

#define BUCKETS_MIN 8u

/* -- Keys ----------------------------------------------------------------------------------------
 */

struct coil_key coil_key_bytes(const void *bytes, size_t size)
{
	return (struct coil_key){ .bytes = size > 0 ? bytes : "", .size = size };
}

struct coil_key coil_key_text(const char *text)
{
	return coil_key_bytes(text, strlen(text));
}

struct coil_key coil_key_number(uint64_t number)
{
	return (struct coil_key){ .number = number };
}

static bool is_same(const struct coil_key *a, const struct coil_key *b)
{
	if (!a->bytes || !b->bytes)
		return !a->bytes && !b->bytes && a->number == b->number;
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

size_t key_copy_bytes(const struct coil_key *key)
{
	return key->bytes ? key->size + 1 : 0;
}

struct coil_key key_copy(const struct coil_key *key, void *room)
{
	struct coil_key copy = *key;
	char *bytes = room;

	if (!key->bytes)
		return copy;
	memcpy(bytes, key->bytes, key->size);
	bytes[key->size] = '\0';
	copy.bytes = bytes;
	return copy;
}

/* -- Hashing -------------------------------------------------------------------------------------
 */

/* Every bit of @word reaches every bit of the result (the finalizer of splitmix64). */
static uint64_t mix(uint64_t word)
{
	word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
	return word ^ (word >> 31);
}

static uint64_t hash_of(const struct coil_key_table *table, const struct coil_key *key)
{
	const char *bytes = key->bytes;
	uint64_t hash = mix(table->seed ^ key->size);
	uint64_t word;
	size_t left = key->size;

	if (!bytes)
		return mix(hash ^ key->number);
	for (; left >= sizeof word; left -= sizeof word, bytes += sizeof word) {
		memcpy(&word, bytes, sizeof word);
		hash = mix(hash ^ word) + table->seed;
	}
	word = 0;
	memcpy(&word, bytes, left);
	return mix(hash ^ word);
}

/* -- Tables --------------------------------------------------------------------------------------
 */

void keys_init(struct coil_key_table *table, int64_t now)
{
	*table = (struct coil_key_table){ .seed = mix((uintptr_t)table ^ mix((uint64_t)now)) };
}

void keys_deinit(struct coil_key_table *table, const struct coil_alloc *alloc)
{
	alloc_free(alloc, table->buckets, table->bucket_count * sizeof(struct coil_key_node *));
	table->buckets = NULL;
	table->bucket_count = 0;
}

static struct coil_key_node **bucket_of(const struct coil_key_table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->bucket_count - 1)];
}

static void link_node(struct coil_key_table *table, struct coil_key_node *node)
{
	struct coil_key_node **bucket = bucket_of(table, node->hash);

	node->next = *bucket;
	*bucket = node;
}

static int grow(struct coil_key_table *table, const struct coil_alloc *alloc)
{
	struct coil_key_table bigger = *table;

	bigger.bucket_count = table->bucket_count ? 2 * table->bucket_count : BUCKETS_MIN;
	bigger.buckets = alloc_zeroed(alloc, bigger.bucket_count * sizeof(struct coil_key_node *));
	if (!bigger.buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->bucket_count; i++) {
		struct coil_key_node *next;

		for (struct coil_key_node *node = table->buckets[i]; node; node = next) {
			next = node->next;
			link_node(&bigger, node);
		}
	}
	keys_deinit(table, alloc);
	*table = bigger;
	return 0;
}

struct coil_key_node *keys_find(const struct coil_key_table *table, const struct coil_key *key)
{
	struct coil_key_node *node;
	uint64_t hash;

	if (table->count == 0)
		return NULL;
	hash = hash_of(table, key);
	node = *bucket_of(table, hash);
	while (node && !(node->hash == hash && is_same(&node->key, key)))
		node = node->next;
	return node;
}

int keys_add(struct coil_key_table *table, const struct coil_alloc *alloc,
	     struct coil_key_node *node)
{
	/* Without memory to grow, the chains get longer. */
	if (table->count >= table->bucket_count && grow(table, alloc) < 0 &&
	    table->bucket_count == 0)
		return -ENOMEM;
	node->hash = hash_of(table, &node->key);
	link_node(table, node);
	table->count++;
	return 0;
}

bool keys_remove(struct coil_key_table *table, struct coil_key_node *node)
{
	struct coil_key_node **at;

	if (table->count == 0)
		return false;
	at = bucket_of(table, node->hash);
	while (*at && *at != node)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = node->next;
	table->count--;
	return true;
}

struct coil_key_node *keys_any(const struct coil_key_table *table)
{
	for (uint32_t i = 0; table->count > 0 && i < table->bucket_count; i++)
		if (table->buckets[i])
			return table->buckets[i];
	return NULL;
}
