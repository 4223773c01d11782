/* SPDX-License-Identifier: MIT */
/* Reaping. */
#include "ring/ring.h"

void ring_init(struct ring *ring, struct driver *driver)
{
	*ring = (struct ring){
		.driver = driver,
		.memory = driver->rings,
		.sq_mask = driver->rings.sq_entries - 1,
		.cq_mask = driver->rings.cq_entries - 1,
		.sq_tail = *driver->rings.sq_tail,
		.sq_entered = *driver->rings.sq_head,
		.cq_head = *driver->rings.cq_head,
		.is_silent = !(driver->features & DRIVER_TASKRUN_FLAG),
	};
	check((driver->rings.sq_entries & ring->sq_mask) == 0);
	check((driver->rings.cq_entries & ring->cq_mask) == 0);
}

unsigned ring_reap(struct ring *ring)
{
	return ring_reap_here(ring, NULL, NULL, NULL);
}
