/* SPDX-License-Identifier: MIT */
/*
 * Sets a ring up: the flags that the kernel takes, the memory of both rings, what the kernel offers
 * beyond. Knows of options and masks; not how a ring is used afterwards.
 */
#ifndef COIL_RING_SETUP_H
#define COIL_RING_SETUP_H

#include "ring/driver.h"

#include <liburing.h>

struct setup_ring {
	struct io_uring uring;
	unsigned features;	/* of enum driver_feature, those that a ring is set up with */
	uint64_t opcodes;
	unsigned absent;	/* features that the mask takes away */
};

/* A page-rounded estimate of what a ring is charged with against RLIMIT_MEMLOCK. */
uint64_t setup_ring_bytes(unsigned sq_entries, unsigned cq_entries);

/*
 * 0; -EINVAL: the mask has a name that does not exist; -EOPNOTSUPP: the kernel lacks what the
 * engine cannot live without; or as io_uring_setup(2). Every refusal is noted. After 0 the ring
 * belongs to this thread.
 */
int setup_ring_open(struct setup_ring *ret_ring, const struct driver_options *options);

/* Unmaps and closes. Nothing may be owed. */
void setup_ring_close(struct setup_ring *ring);

#endif
