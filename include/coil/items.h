/* SPDX-License-Identifier: MIT */
/*
 * Items: what queues and channels carry. An item is a fixed number of bytes that is copied in and
 * copied out, like a pipe of structs: a number, a pointer, a small struct. A queue of pointers does
 * not own what they point at. 0 bytes is allowed: then only that something came is told, and the
 * pointers to items may be NULL.
 */
#ifndef COIL_ITEMS_H
#define COIL_ITEMS_H

#include <stddef.h>
#include <stdint.h>

#include "coil/alloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of one item, at most. What is larger is passed by pointer. */
#define COIL_ITEM_BYTES_MAX (1u << 20)
/* Items in one queue or channel, at most, also of a queue without a capacity of its own. */
#define COIL_ITEMS_MAX (1u << 24)

/* Which item leaves first. */
enum coil_queue_kind {
	COIL_QUEUE_FIFO,    /* the oldest */
	COIL_QUEUE_LIFO,    /* the newest */
	COIL_QUEUE_PRIORITY /* the smallest; of equal ones the oldest */
};

/* As of qsort_r(3): negative if @left goes first, positive if @right does, 0 if they are equal. */
typedef int (*coil_compare)(const void *left, const void *right, void *context);

/* Where items are kept. Private. */
struct coil_items {
	unsigned char *memory;
	const struct coil_alloc *alloc;
	uint32_t item_bytes;
	uint32_t stride;
	uint32_t capacity;
	uint32_t room;
	uint32_t first;
	uint32_t count;
	uint32_t kind;
	uint32_t reserved;
	uint64_t sequence;
	coil_compare compare;
	void *context;
};

/* What went through a queue or a channel, and who waits now. Totals unless marked as a state. */
struct coil_item_stats {
	size_t size;	   /* set by the caller: sizeof(struct coil_item_stats) */
	uint64_t length;   /* state: items that it holds */
	uint64_t capacity; /* items that it may hold; 0: none, or no bound of its own */
	uint64_t senders;  /* state: sends and puts that wait */
	uint64_t receivers; /* state: receives and gets that wait; subscribers of a broadcast and of
			       a latest value are not counted while they do not wait */
	uint64_t sent;	    /* items that were accepted */
	uint64_t received;  /* items that were handed out */
	uint64_t waits;	    /* sends and receives that had to wait */
	uint64_t lost;	    /* items that a receiver was too late for, or that a shutdown dropped */
	uint64_t unfinished; /* state: of a queue, items without their task_done */
};

#ifdef __cplusplus
}
#endif

#endif
