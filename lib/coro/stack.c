/* SPDX-License-Identifier: MIT */
/*
 * Slabs, and what becomes of idle stacks. Fresh slots are a bump index: a slab costs nothing but
 * address space until its slots are handed out, each of which gets its guard then. Slabs grow
 * from 4 to 16 MiB, so that a million stacks need some thousand mappings, most of which the
 * kernel merges.
 *
 * stack.h has the states of a slot. This file owns all edges but IDLE <-> IN_USE of the default
 * size: FRESH -> IN_USE (guard), IDLE -> COLD (trim), COLD -> IN_USE. A wholly cold slab is a
 * spare one; one spare slab of each size is kept.
 */
#include "coro/stack.h"

#include <errno.h>
#include <unistd.h>

#define SLAB_BYTES ((size_t)4 << 20)
#define SLAB_BYTES_SHIFT_MAX 2u
#define SLAB_GROWS_EVERY 4u
#define SLAB_SLOTS_MAX_VALGRIND 16u
#define TOP_OFFSETS 16u /* as good as 32 when measured, and leaves a sleeper 2.7 KiB of its page */
#define TOP_OFFSET_BYTES 64u
#define TRIM_MAX 64u
#define RESIDENT_PAGES 256u

#ifdef HOOKS_ASAN
#define BYTES_FACTOR 2u /* red zones make frames larger */
#else
#define BYTES_FACTOR 1u
#endif

/* A slot has room for the guard, the offset, a task and some frames, also where pages are large. */
#define SLOT_PAGES_MIN 4u

_Static_assert((STACK_BYTES_MAX * BYTES_FACTOR) >> (STACK_CLASSES - 1) <= STACK_BYTES_MIN,
	       "a class for each size");

static size_t class_bytes(unsigned class_index)
{
	return STACK_BYTES_MIN << class_index;
}

/* The smallest class that holds @bytes <= STACK_BYTES_MAX. */
static unsigned class_for(const struct stack_pool *pool, size_t bytes)
{
	unsigned class_index = 0;

	if (bytes < STACK_BYTES_MIN)
		bytes = STACK_BYTES_MIN;
	bytes *= BYTES_FACTOR;
	if (bytes < SLOT_PAGES_MIN * pool->page_bytes)
		bytes = SLOT_PAGES_MIN * pool->page_bytes;
	while (class_bytes(class_index) < bytes)
		class_index++;
	check(class_index < STACK_CLASSES);
	return class_index;
}

static struct stack *slot_header(const struct stack_slab *slab, size_t index)
{
	char *end = slab->base + (index + 1) * slab->slot_bytes;

	end -= (index % TOP_OFFSETS) * TOP_OFFSET_BYTES;
	return (struct stack *)(void *)(end - sizeof(struct stack));
}

static size_t slab_bytes(const struct stack_slab *slab)
{
	return slab->slots * slab->slot_bytes;
}

static uint32_t slots_of_next_slab(const struct stack_class *class, size_t slot_bytes)
{
	unsigned shift = class->slabs_count / SLAB_GROWS_EVERY;
	size_t slots;

	if (shift > SLAB_BYTES_SHIFT_MAX)
		shift = SLAB_BYTES_SHIFT_MAX;
	slots = (SLAB_BYTES << shift) / slot_bytes;
	if (slots > SLAB_SLOTS_MAX_VALGRIND && hooks_on_valgrind())
		slots = SLAB_SLOTS_MAX_VALGRIND;
	return slots ? (uint32_t)slots : 1;
}

static struct stack_slab *slab_new(struct stack_pool *pool, unsigned class_index)
{
	struct stack_class *class = &pool->classes[class_index];
	struct stack_slab *slab = alloc_zeroed(pool->alloc, sizeof(*slab));

	if (!slab)
		return NULL;
	slab->pool = pool;
	slab->class_index = (uint8_t)class_index;
	slab->slot_bytes = class_bytes(class_index);
	slab->slots = slots_of_next_slab(class, slab->slot_bytes);
	slab->base = pool->memory.map(pool->memory.context, slab_bytes(slab));
	if (!slab->base) {
		alloc_free(pool->alloc, slab, sizeof(*slab));
		return NULL;
	}

	list_init(&slab->in_pool);
	list_init(&slab->in_class);
	list_push_front(&pool->slabs, &slab->in_pool);
	list_push_front(&class->slabs, &slab->in_class);
	class->slabs_count++;
	pool->classes_used |= 1u << class_index;
	pool->mapped_bytes += slab_bytes(slab);
	pool->slabs_count++;
	return slab;
}

static void slab_forget_stacks(const struct stack_slab *slab)
{
	if (!hooks_on_valgrind())
		return;
	for (uint32_t i = 0; i < slab->handed; i++)
		hooks_stack_deregister(slot_header(slab, i)->valgrind_number);
}

/* Takes @slab out of the books, which are freed. What it maps is @unmaps, or leaks. */
static void slab_free(struct stack_slab *slab, bool unmaps)
{
	struct stack_pool *pool = slab->pool;
	struct stack_class *class = &pool->classes[slab->class_index];

	list_remove(&slab->in_pool);
	list_remove(&slab->in_class);
	class->slabs_count--;
	class->handed -= slab->handed;
	class->cold_count -= slab->cold_count;
	pool->mapped_bytes -= slab_bytes(slab);
	pool->slabs_count--;
	if (unmaps) {
		slab_forget_stacks(slab);
		hooks_stack_unpoison(slab->base, slab_bytes(slab));
		pool->memory.unmap(pool->memory.context, slab->base, slab_bytes(slab));
	}
	alloc_free(pool->alloc, slab, sizeof(*slab));
}

/* The next slot that was never used. It stays fresh if its guard cannot be made. */
static struct stack *slab_take_fresh(struct stack_slab *slab)
{
	struct stack_pool *pool = slab->pool;
	char *guard = slab->base + slab->handed * slab->slot_bytes;
	struct stack *stack;

	if (pool->memory.guard(pool->memory.context, guard, pool->page_bytes) < 0)
		return NULL;
	stack = slot_header(slab, slab->handed);
	stack->slab = slab;
	stack->index = slab->handed++;
	stack->class_index = slab->class_index;
	stack->valgrind_number = hooks_stack_register(stack_low(stack), stack_top(stack));
	pool->classes[slab->class_index].handed++;
	return stack;
}

static struct stack *slab_take_cold(struct stack_slab *slab)
{
	struct stack_class *class = &slab->pool->classes[slab->class_index];
	struct stack *stack = slab->cold;

	check(stack->state == STACK_COLD);
	slab->cold = stack->next_free;
	slab->cold_count--;
	class->cold_count--;
	if (slab->is_spare) {
		slab->is_spare = false;
		class->spare_slabs--;
	}
	return stack;
}

static struct stack *take_from_slabs(struct stack_pool *pool, unsigned class_index)
{
	struct stack_class *class = &pool->classes[class_index];
	struct stack_slab *slab;
	struct stack *stack;

	if (list_is_empty(&class->slabs))
		slab = slab_new(pool, class_index);
	else
		slab = list_entry(class->slabs.next, struct stack_slab, in_class);
	if (!slab)
		return NULL;

	stack = slab->cold ? slab_take_cold(slab) : slab_take_fresh(slab);
	if (!stack)
		return NULL;
	if (!slab->cold && slab->handed == slab->slots)
		list_remove(&slab->in_class);
	stack->state = STACK_IN_USE;
	return stack;
}

/* IDLE -> COLD; @stack is out of its class's list already. */
static void give_pages_back(struct stack_pool *pool, struct stack *stack)
{
	struct stack_slab *slab = stack->slab;
	struct stack_class *class = &pool->classes[slab->class_index];
	uintptr_t top_page = (uintptr_t)stack & ~(uintptr_t)(pool->page_bytes - 1);
	size_t bytes = top_page - (uintptr_t)stack_low(stack);

	/* Should it fail, the pages stay: nothing is lost. */
	(void)pool->memory.discard(pool->memory.context, stack_low(stack), bytes);
	stack->state = STACK_COLD;
	stack->next_free = slab->cold;
	slab->cold = stack;
	slab->cold_count++;
	class->cold_count++;
	if (list_is_empty(&slab->in_class))
		list_push_front(&class->slabs, &slab->in_class);

	if (slab->cold_count < slab->handed)
		return;
	if (class->spare_slabs > 0) {
		slab_free(slab, true);
		return;
	}
	slab->is_spare = true;
	class->spare_slabs++;
}

/* Of @class's idle stacks beyond the first @keep, at most @max. Returns how many. */
static unsigned class_trim(struct stack_pool *pool, struct stack_class *class, size_t keep,
			   unsigned max)
{
	struct stack **place = &class->idle;
	unsigned count = 0;

	if (class->idle_count <= keep + keep / 4)
		return 0;
	for (size_t i = 0; i < keep; i++)
		place = &(*place)->next_free;
	while (*place && count < max) {
		struct stack *stack = *place;

		check(stack->state == STACK_IDLE);
		*place = stack->next_free;
		class->idle_count--;
		give_pages_back(pool, stack);
		count++;
	}
	return count;
}

static void pool_free_slabs(struct stack_pool *pool, bool unmaps)
{
	if (!pool->slabs.next)
		return;
	while (!list_is_empty(&pool->slabs))
		slab_free(list_entry(pool->slabs.next, struct stack_slab, in_pool), unmaps);
	*pool = (struct stack_pool){ .standard = NULL };
}

int stack_pool_init(struct stack_pool *pool, const struct stack_memory *memory,
		    const struct coil_alloc *alloc, size_t default_bytes)
{
	if (default_bytes > STACK_BYTES_MAX)
		return -EINVAL;
	*pool = (struct stack_pool){ .memory = *memory, .alloc = alloc };
	pool->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	list_init(&pool->slabs);
	for (unsigned i = 0; i < STACK_CLASSES; i++)
		list_init(&pool->classes[i].slabs);
	if (default_bytes == 0)
		default_bytes = STACK_BYTES_DEFAULT;
	pool->standard = &pool->classes[class_for(pool, default_bytes)];
	return 0;
}

void stack_pool_deinit(struct stack_pool *pool)
{
	struct stack_counters counters;

	stack_pool_count(pool, &counters);
	check(counters.in_use == 0);
	pool_free_slabs(pool, true);
}

void stack_pool_abandon(struct stack_pool *pool)
{
	pool_free_slabs(pool, false);
}

void stack_pool_trim(struct stack_pool *pool, unsigned keep)
{
	uint32_t classes = pool->classes_used;
	unsigned left = TRIM_MAX;

	while (classes && left) {
		unsigned class_index = (unsigned)__builtin_ctz(classes);

		classes &= classes - 1;
		left -= class_trim(pool, &pool->classes[class_index], keep, left);
	}
}

bool stack_pool_guard_hit(const struct stack_pool *pool, const void *address,
			  struct stack **ret_stack)
{
	struct coil_list *node;

	list_for_each(node, &pool->slabs) {
		const struct stack_slab *slab = list_entry(node, struct stack_slab, in_pool);
		size_t offset = (uintptr_t)address - (uintptr_t)slab->base;
		size_t index = offset / slab->slot_bytes;

		if ((uintptr_t)address < (uintptr_t)slab->base || index >= slab->slots)
			continue;
		if (index >= slab->handed || offset % slab->slot_bytes >= pool->page_bytes)
			return false;
		*ret_stack = slot_header(slab, index);
		return true;
	}
	return false;
}

void stack_pool_count(const struct stack_pool *pool, struct stack_counters *ret_counters)
{
	struct stack_counters counters = {
		.slabs = pool->slabs_count,
		.mapped_bytes = pool->mapped_bytes,
	};

	for (unsigned i = 0; i < STACK_CLASSES; i++) {
		const struct stack_class *class = &pool->classes[i];
		size_t idle = class->idle_count + class->cold_count;

		counters.idle += idle;
		counters.cold += class->cold_count;
		counters.in_use += class->handed - idle;
	}
	*ret_counters = counters;
}

struct stack *stack_acquire_slow(struct stack_pool *pool, size_t bytes)
{
	unsigned class_index = (unsigned)(pool->standard - pool->classes);
	struct stack_class *class;
	struct stack *stack;

	if (bytes > STACK_BYTES_MAX)
		return NULL;
	if (bytes)
		class_index = class_for(pool, bytes);
	class = &pool->classes[class_index];
	stack = class->idle ? stack_pop_idle(class) : take_from_slabs(pool, class_index);
	if (stack)
		hooks_stack_unpoison(stack_low(stack), stack_bytes(stack));
	return stack;
}

/* Looks for the lowest page in memory, from below: the guard is not in the range. */
size_t stack_high_water(const struct stack *stack)
{
	const struct stack_memory *memory = &stack->slab->pool->memory;
	size_t page_bytes = stack->slab->pool->page_bytes;
	char *page = stack_low(stack);
	char *end = page - page_bytes + stack->slab->slot_bytes;
	unsigned char resident[RESIDENT_PAGES];

	if (!memory->resident)
		return 0;
	while (page < end) {
		size_t count = (size_t)(end - page) / page_bytes;

		if (count > RESIDENT_PAGES)
			count = RESIDENT_PAGES;
		if (memory->resident(memory->context, page, count * page_bytes, resident) < 0)
			return 0;
		for (size_t i = 0; i < count; i++)
			if (resident[i] & 1u)
				return (size_t)(end - page) - i * page_bytes;
		page += count * page_bytes;
	}
	return 0;
}
