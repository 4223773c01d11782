/* SPDX-License-Identifier: MIT */
/*
 * An intrusive, circular, doubly linked list. A node is in at most one list: a node outside of any
 * points to itself, and every operation checks it.
 */
#ifndef COIL_BASE_LIST_H
#define COIL_BASE_LIST_H

#include <stdbool.h>

#include "base/check.h"
#include "coil/node.h"

static inline void list_init(struct coil_list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_is_empty(const struct coil_list *list)
{
	return list->next == list;
}

static inline void list_insert_before(struct coil_list *place, struct coil_list *node)
{
	check(list_is_empty(node));
	node->next = place;
	node->prev = place->prev;
	place->prev->next = node;
	place->prev = node;
}

static inline void list_push_back(struct coil_list *list, struct coil_list *node)
{
	list_insert_before(list, node);
}

static inline void list_push_front(struct coil_list *list, struct coil_list *node)
{
	list_insert_before(list->next, node);
}

/* Takes @node out of the list that it is in; a node in no list may be removed, too. */
static inline void list_remove(struct coil_list *node)
{
	check(node->next->prev == node);
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline struct coil_list *list_pop_front(struct coil_list *list)
{
	struct coil_list *node = list->next;

	if (node == list)
		return NULL;
	list_remove(node);
	return node;
}

#define list_entry(node, type, member) container_of(node, type, member)

#define list_for_each(node, list) for (node = (list)->next; node != (list); node = node->next)

#endif
