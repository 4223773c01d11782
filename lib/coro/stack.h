/* SPDX-License-Identifier: MIT */
/*
 * A pool of stacks. Memory comes in slabs, each cut into slots of one size class (a power of
 * two); at the top of a slot lies struct stack, below it what the user puts there, below that the
 * frames; the lowest page is the guard.
 *
 *     low                                                                   high
 *     | guard | usable ........... frames <- task | struct stack | offset |
 *
 * A slot is FRESH (never handed out, no guard yet), IN_USE, IDLE (in its class's list, last in
 * first out) or COLD (idle, and all but the top page given back; in its slab's list). The top is
 * offset by (index mod 16) x 64 bytes, so that hot frames do not all fall into the same cache
 * sets. What is hot of a stack that sleeps lies in its top page: one page and the page tables'
 * share is all that it costs.
 *
 * A stack in use has a guard, or there is no stack. A pool belongs to one thread.
 */
#ifndef COIL_CORO_STACK_H
#define COIL_CORO_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/list.h"
#include "coro/hooks.h"

#define STACK_BYTES_MIN ((size_t)16 << 10)
#define STACK_BYTES_MAX ((size_t)1 << 30)
#define STACK_BYTES_DEFAULT ((size_t)64 << 10)
#define STACK_CLASSES 18 /* 16 KiB, 32 KiB ... 2 GiB: 1 GiB, doubled for AddressSanitizer */

/**
 * struct stack_memory - how a pool comes by memory
 * @map:      @bytes of zeroed private pages, not reserved, not huge; NULL if there are none
 * @unmap:    gives a whole mapping of @map's back
 * @guard:    makes a range inaccessible; 0 or a negative errno
 * @discard:  the range's content is not needed: its pages may go
 * @resident: as mincore(2): a byte for each page, its low bit says "in memory"; may be NULL
 * @context:  passed through
 */
struct stack_memory {
	void *(*map)(void *context, size_t bytes);
	void (*unmap)(void *context, void *memory, size_t bytes);
	int (*guard)(void *context, void *memory, size_t bytes);
	int (*discard)(void *context, void *memory, size_t bytes);
	int (*resident)(void *context, void *memory, size_t bytes, unsigned char *ret_pages);
	void *context;
};

enum stack_state { STACK_IN_USE = 1, STACK_IDLE, STACK_COLD };

struct stack {
	struct stack *next_free; /* IDLE: in the class's list; COLD: in the slab's */
	struct stack_slab *slab;
	uint32_t index;           /* of the slot in its slab */
	uint32_t valgrind_number;
	uint8_t state;
	uint8_t class_index;
};

_Static_assert(sizeof(struct stack) <= 32, "it shares the top page with a task and its frames");

struct stack_slab {
	struct coil_list in_pool;
	struct coil_list in_class; /* while it has fresh or cold slots */
	struct stack_pool *pool;
	char *base;
	size_t slot_bytes;
	struct stack *cold;
	uint32_t slots;
	uint32_t handed; /* slots below this one are not fresh */
	uint32_t cold_count;
	uint8_t class_index;
	bool is_spare; /* wholly cold */
};

struct stack_class {
	struct stack *idle;
	size_t idle_count;
	size_t cold_count;
	size_t handed;          /* slots that are not fresh */
	struct coil_list slabs; /* those with fresh or cold slots */
	unsigned slabs_count;
	unsigned spare_slabs;
};

struct stack_pool {
	struct stack_class *standard; /* the default size's */
	struct stack_class classes[STACK_CLASSES];
	uint32_t classes_used; /* a bit for each */
	struct stack_memory memory;
	const struct coil_alloc *alloc;
	struct coil_list slabs; /* all; walked by the overflow report */
	size_t page_bytes;
	size_t mapped_bytes;
	size_t slabs_count;
};

struct stack_counters {
	size_t slabs;
	size_t in_use;
	size_t idle; /* cold ones included */
	size_t cold;
	size_t mapped_bytes; /* of address space */
};

/**
 * stack_pool_init - an empty pool
 * @memory:        copied
 * @alloc:         for the books; borrowed until deinit
 * @default_bytes: address space of a stack, rounded up to a power of two; 0: STACK_BYTES_DEFAULT.
 *                 The guard, the header and the offset are inside: usable are up to 5 KiB less
 *
 * Return: 0, or -EINVAL if @default_bytes is above STACK_BYTES_MAX. Maps nothing yet.
 */
int stack_pool_init(struct stack_pool *pool, const struct stack_memory *memory,
		    const struct coil_alloc *alloc, size_t default_bytes);

/* Gives everything back. Nothing may be in use. A pool that is all zeroes is fine. */
void stack_pool_deinit(struct stack_pool *pool);

/*
 * Instead of deinit where stacks are in use for ever: the books are freed, all the stacks leak on
 * purpose.
 */
void stack_pool_abandon(struct stack_pool *pool);

/**
 * stack_pool_trim - give memory of idle stacks back; called when the loop is about to sleep
 * @keep: so many idle stacks of each size stay as they are: those used last
 *
 * All pages but the top one of at most 64 stacks are given back, of each once in its idle time;
 * slabs of which nothing else is left are unmapped, but for one of each size. To save walks over
 * what is kept, nothing happens before a quarter of @keep has come together.
 */
void stack_pool_trim(struct stack_pool *pool, unsigned keep);

/* Could stack_pool_trim find anything? */
static inline bool stack_pool_is_fat(const struct stack_pool *pool, unsigned keep)
{
	return pool->standard->idle_count > keep ||
	       (pool->classes_used & (pool->classes_used - 1)) != 0;
}

/*
 * Does @address lie in the guard of a stack that has been handed out? Then that stack is in
 * @ret_stack. O(slabs); may be called from a signal handler on the pool's thread.
 */
bool stack_pool_guard_hit(const struct stack_pool *pool, const void *address,
			  struct stack **ret_stack);

void stack_pool_count(const struct stack_pool *pool, struct stack_counters *ret_counters);

/* The way without an idle stack, or with a size: see stack_acquire. */
struct stack *stack_acquire_slow(struct stack_pool *pool, size_t bytes);

/*
 * Address space below the top that was ever touched in whole pages, the header included; 0 if it
 * is not known.
 */
size_t stack_high_water(const struct stack *stack);

static inline struct stack *stack_pop_idle(struct stack_class *class)
{
	struct stack *stack = class->idle;

	check(stack->state == STACK_IDLE);
	class->idle = stack->next_free;
	class->idle_count--;
	stack->state = STACK_IN_USE;
	return stack;
}

/* The lowest usable byte; the guard ends there. */
static inline void *stack_low(const struct stack *stack)
{
	const struct stack_slab *slab = stack->slab;

	return slab->base + stack->index * slab->slot_bytes + slab->pool->page_bytes;
}

/* The end of the usable range, aligned to 32 bytes. */
static inline void *stack_top(const struct stack *stack)
{
	return (void *)(uintptr_t)stack;
}

static inline size_t stack_bytes(const struct stack *stack)
{
	return (size_t)((char *)stack_top(stack) - (char *)stack_low(stack));
}

/* Address space of the whole slot: what was asked for, rounded up. */
static inline size_t stack_slot_bytes(const struct stack *stack)
{
	return stack->slab->slot_bytes;
}

/**
 * stack_acquire - a stack with a guard
 * @bytes: address space, as default_bytes of stack_pool_init; 0: the default
 *
 * Its content is undefined. Return: yours until stack_release; NULL if there is no memory, the
 * guard could not be made, or @bytes is above STACK_BYTES_MAX.
 */
static inline struct stack *stack_acquire(struct stack_pool *pool, size_t bytes)
{
	struct stack *stack;

	if (unlikely(bytes != 0 || !pool->standard->idle))
		return stack_acquire_slow(pool, bytes);
	stack = stack_pop_idle(pool->standard);
	hooks_stack_unpoison(stack_low(stack), stack_bytes(stack));
	return stack;
}

/*
 * Gives @stack back. May be called on it, as the last thing before coro_switch_final: it stays as
 * it is until somebody acquires or trims.
 */
static inline void stack_release(struct stack_pool *pool, struct stack *stack)
{
	struct stack_class *class = &pool->classes[stack->class_index];

	check(stack->state == STACK_IN_USE);
	stack->state = STACK_IDLE;
	stack->next_free = class->idle;
	class->idle = stack;
	class->idle_count++;
}

#endif
