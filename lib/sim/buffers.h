/* SPDX-License-Identifier: MIT */
/*
 * Groups of buffers that were registered with a ring. The ring of a group is the program's memory:
 * its tail is the program's, the head is kept here.
 */
#ifndef COIL_SIM_BUFFERS_H
#define COIL_SIM_BUFFERS_H

#include "sim/ring.h"

/* A buffer that a request is about to fill. */
struct sim_buffer {
	void *data;
	size_t bytes;
	uint16_t id;
};

/* As the members of struct driver_ops. */
int sim_buffers_register(struct driver *driver, void *memory, unsigned entries, unsigned group);
void sim_buffers_unregister(struct driver *driver, unsigned group);

/* The ring closes. */
void sim_buffers_forget(struct sim_ring *ring);

/* The next buffer of a group, left where it is: 0, or -ENOBUFS if there is none. */
int sim_buffers_look(struct sim_ring *ring, unsigned group, struct sim_buffer *ret_buffer);

/* That one is taken. */
void sim_buffers_take(struct sim_ring *ring, unsigned group);

#endif
