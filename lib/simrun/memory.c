/* SPDX-License-Identifier: MIT */
/* The allocator of a simulated loop. See simrun.h. */
#include <string.h>

#include "base/alloc.h"
#include "simrun/simrun.h"

/* Before each block; keeps the alignment that malloc gives. */
struct block {
	struct coil_list node;
	size_t bytes;
	size_t reserved;
};

_Static_assert(sizeof(struct block) % 16 == 0, "memory is aligned for any type");

bool simrun_runs_short(struct simrun_shortage *shortage)
{
	uint64_t count = ++shortage->count;

	if (!shortage->fail_at)
		return false;
	return shortage->fails_onwards ? count >= shortage->fail_at : count == shortage->fail_at;
}

static void *take(void *context, size_t bytes)
{
	struct simrun_memory *memory = context;
	struct block *block;

	if (simrun_runs_short(memory->shortage))
		return NULL;
	block = memory->below->alloc(memory->below->context, sizeof *block + bytes);
	if (!block)
		return NULL;
	block->bytes = bytes;
	list_init(&block->node);
	list_push_back(&memory->blocks, &block->node);
	return block + 1;
}

static void give_back(void *context, void *place, size_t bytes)
{
	struct simrun_memory *memory = context;
	struct block *block = (struct block *)place - 1;

	check(block->bytes == bytes);
	list_remove(&block->node);
	memory->below->free(memory->below->context, block, sizeof *block + bytes);
}

static void *resize(void *context, void *place, size_t old_bytes, size_t new_bytes)
{
	void *larger = take(context, new_bytes);

	if (!larger || !place)
		return larger;
	memcpy(larger, place, old_bytes < new_bytes ? old_bytes : new_bytes);
	give_back(context, place, old_bytes);
	return larger;
}

void simrun_memory_init(struct simrun_memory *memory, const struct coil_alloc *below,
			struct simrun_shortage *shortage)
{
	*memory = (struct simrun_memory){
		.alloc = {
			.size = sizeof memory->alloc,
			.alloc = take,
			.resize = resize,
			.free = give_back,
			.context = memory,
		},
		.below = below ? below : &alloc_libc,
		.shortage = shortage,
	};
	list_init(&memory->blocks);
}

uint64_t simrun_memory_take_back(struct simrun_memory *memory)
{
	uint64_t left = 0;

	while (!list_is_empty(&memory->blocks)) {
		struct block *block = container_of(memory->blocks.next, struct block, node);

		left += block->bytes;
		give_back(memory, block + 1, block->bytes);
	}
	return left;
}
