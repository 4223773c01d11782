/* SPDX-License-Identifier: MIT */
/*
 * A table of records by address, for what debug mode remembers of tasks and operations: open
 * addressing, linear probing, half full at most. Records move when others come and go. A signal
 * handler on the same thread may look, unless is_changing says that it interrupted a change.
 */
#ifndef COIL_SEE_TABLE_H
#define COIL_SEE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

/* Each record begins with its key, which is not 0. */
struct table {
	char *records;
	size_t record_bytes;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
	volatile bool is_changing;
	const struct coil_alloc *alloc;
};

void table_init(struct table *table, size_t record_bytes, const struct coil_alloc *alloc);
void table_deinit(struct table *table);

/* NULL if there is none. */
void *table_find(const struct table *table, const void *key);

/* The record of @key, a new one all zeroes but for the key; NULL: no memory. */
void *table_get(struct table *table, const void *key);

void table_remove(struct table *table, const void *key);

/* The next record at or after place *@at, which moves behind it; NULL at the end. */
void *table_next(const struct table *table, size_t *at);

#endif
