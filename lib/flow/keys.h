/* SPDX-License-Identifier: MIT */
/*
 * A table of intrusive nodes by key: chains in a power of two of buckets, at most one node a bucket
 * on average. Each table hashes in its own way, so that who chooses keys cannot choose chains.
 */
#ifndef COIL_FLOW_KEYS_H
#define COIL_FLOW_KEYS_H

#include <stdbool.h>

#include "coil/alloc.h"
#include "coil/key.h"

void keys_init(struct coil_key_table *table, int64_t now);

/* Nodes that are left stay where they are. */
void keys_deinit(struct coil_key_table *table, const struct coil_alloc *alloc);

struct coil_key_node *keys_find(const struct coil_key_table *table, const struct coil_key *key);

/* @node has its key, which is not in the table. 0 or -ENOMEM. */
int keys_add(struct coil_key_table *table, const struct coil_alloc *alloc,
	     struct coil_key_node *node);

/* False if it is not there. */
bool keys_remove(struct coil_key_table *table, struct coil_key_node *node);

/* Any node, or NULL. */
struct coil_key_node *keys_any(const struct coil_key_table *table);

/* Bytes that a copy of @key needs; the copy's bytes are followed by a zero byte. */
size_t key_copy_bytes(const struct coil_key *key);
struct coil_key key_copy(const struct coil_key *key, void *room);

#endif
