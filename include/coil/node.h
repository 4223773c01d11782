/* SPDX-License-Identifier: MIT */
/* Nodes of intrusive structures, inside of the structs that callers embed. Private by convention.
 */
#ifndef COIL_NODE_H
#define COIL_NODE_H

#include <stdint.h>

/* A node, or the head, of a doubly linked list. */
struct coil_list {
	struct coil_list *next;
	struct coil_list *prev;
};

/* A place in a loop's heap of deadlines. */
struct coil_heap_node {
	int64_t key;
	uint32_t place;
	uint32_t sequence;
};

/* What waits for a deadline: @kind says what stands around the node. */
struct coil_alarm {
	struct coil_heap_node node;
	uint32_t kind;
	uint32_t reserved;
};

#endif
