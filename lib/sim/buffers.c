/* SPDX-License-Identifier: MIT */
/* Groups of buffers. See buffers.h. */
#include "sim/buffers.h"

#include <errno.h>

struct group {
	struct coil_list node;	/* in ring->buffers */
	struct io_uring_buf_ring *shared;
	unsigned entries;
	unsigned id;
	uint16_t head;
};

static struct group *find(struct sim_ring *ring, unsigned id)
{
	struct coil_list *node;

	list_for_each(node, &ring->buffers)
		if (container_of(node, struct group, node)->id == id)
			return container_of(node, struct group, node);
	return NULL;
}

int sim_buffers_register(struct driver *driver, void *memory, unsigned entries, unsigned id)
{
	struct sim_ring *ring = sim_ring_of(driver);
	struct group *group;

	if (!(driver->features & DRIVER_BUFFER_RINGS))
		return -EOPNOTSUPP;
	if ((uintptr_t)memory % 4096 || !memory || entries == 0 || entries > 32768 ||
	    (entries & (entries - 1)))
		return -EINVAL;
	if (find(ring, id))
		return -EEXIST;
	group = sim_alloc(ring->sim, sizeof *group);
	group->shared = memory;
	group->entries = entries;
	group->id = id;
	list_init(&group->node);
	list_push_back(&ring->buffers, &group->node);
	return 0;
}

static void forget(struct sim_ring *ring, struct group *group)
{
	list_remove(&group->node);
	sim_free(ring->sim, group, sizeof *group);
}

void sim_buffers_unregister(struct driver *driver, unsigned id)
{
	struct sim_ring *ring = sim_ring_of(driver);
	struct group *group = find(ring, id);

	check(group != NULL);
	forget(ring, group);
}

void sim_buffers_forget(struct sim_ring *ring)
{
	while (!list_is_empty(&ring->buffers))
		forget(ring, container_of(ring->buffers.next, struct group, node));
}

int sim_buffers_look(struct sim_ring *ring, unsigned id, struct sim_buffer *ret_buffer)
{
	const struct group *group = find(ring, id);
	const struct io_uring_buf *buffer;

	if (!group || group->head == __atomic_load_n(&group->shared->tail, __ATOMIC_ACQUIRE))
		return -ENOBUFS;
	buffer = &group->shared->bufs[group->head & (group->entries - 1)];
	*ret_buffer = (struct sim_buffer){
		.data = (void *)(uintptr_t)buffer->addr,
		.bytes = buffer->len,
		.id = buffer->bid,
	};
	return 0;
}

void sim_buffers_take(struct sim_ring *ring, unsigned id)
{
	struct group *group = find(ring, id);

	check(group != NULL);
	group->head++;
}
