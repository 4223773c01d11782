/* SPDX-License-Identifier: MIT */
/* Records by address. See table.h. */
#include "see/table.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"

#define CAPACITY_FIRST ((size_t)64)

static uintptr_t *at_place(const struct table *table, size_t place)
{
	return (uintptr_t *)(void *)(table->records + place * table->record_bytes);
}

static size_t home_of(const struct table *table, uintptr_t key)
{
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (table->capacity - 1);
}

static void change(struct table *table, bool begins)
{
	table->is_changing = begins;
	atomic_signal_fence(memory_order_seq_cst);
}

void table_init(struct table *table, size_t record_bytes, const struct coil_alloc *alloc)
{
	check(record_bytes % sizeof(uintptr_t) == 0);
	*table = (struct table){ .record_bytes = record_bytes, .alloc = alloc };
}

void table_deinit(struct table *table)
{
	alloc_free(table->alloc, table->records, table->capacity * table->record_bytes);
	table->records = NULL;
	table->capacity = table->count = 0;
}

/* Where @key is, or would be. */
static size_t place_of(const struct table *table, uintptr_t key)
{
	size_t place = home_of(table, key);

	while (*at_place(table, place) != 0 && *at_place(table, place) != key)
		place = (place + 1) & (table->capacity - 1);
	return place;
}

void *table_find(const struct table *table, const void *key)
{
	uintptr_t *record;

	if (table->capacity == 0)
		return NULL;
	record = at_place(table, place_of(table, (uintptr_t)key));
	return *record ? record : NULL;
}

static bool grow(struct table *table)
{
	struct table larger = *table;
	void *record;
	size_t at = 0;

	larger.capacity = table->capacity ? 2 * table->capacity : CAPACITY_FIRST;
	larger.records = alloc_zeroed(table->alloc, larger.capacity * larger.record_bytes);
	if (!larger.records)
		return false;
	while ((record = table_next(table, &at)) != NULL)
		memcpy(at_place(&larger, place_of(&larger, *(const uintptr_t *)record)), record,
		       table->record_bytes);
	alloc_free(table->alloc, table->records, table->capacity * table->record_bytes);
	table->records = larger.records;
	table->capacity = larger.capacity;
	return true;
}

void *table_get(struct table *table, const void *key)
{
	uintptr_t *record = table_find(table, key);

	if (record)
		return record;
	change(table, true);
	if (2 * (table->count + 1) <= table->capacity || grow(table)) {
		record = at_place(table, place_of(table, (uintptr_t)key));
		memset(record, 0, table->record_bytes);
		*record = (uintptr_t)key;
		table->count++;
	}
	change(table, false);
	return record;
}

/* What stands behind the gap, and would not be found any more, moves into it. */
static void close_gap(struct table *table, size_t gap)
{
	size_t mask = table->capacity - 1;

	for (size_t at = (gap + 1) & mask; *at_place(table, at) != 0; at = (at + 1) & mask) {
		size_t home = home_of(table, *at_place(table, at));

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		memcpy(at_place(table, gap), at_place(table, at), table->record_bytes);
		gap = at;
	}
	*at_place(table, gap) = 0;
}

void table_remove(struct table *table, const void *key)
{
	if (!table_find(table, key))
		return;
	change(table, true);
	close_gap(table, place_of(table, (uintptr_t)key));
	table->count--;
	change(table, false);
}

void *table_next(const struct table *table, size_t *at)
{
	while (*at < table->capacity) {
		uintptr_t *record = at_place(table, (*at)++);

		if (*record)
			return record;
	}
	return NULL;
}
