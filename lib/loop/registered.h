/* SPDX-License-Identifier: MIT */
/*
 * Memory that the program has registered with the ring: pinned once, and named by the index of its
 * buffer. The table here tells which buffer an address lies in, for operations that choose by
 * themselves to name it.
 */
#ifndef COIL_LOOP_REGISTERED_H
#define COIL_LOOP_REGISTERED_H

#include <stddef.h>
#include <sys/uio.h>

struct coil_loop;

/* As coil_memory_register and coil_memory_unregister of this loop. */
int registered_set(struct coil_loop *loop, const struct iovec *memory, unsigned count);
int registered_clear(struct coil_loop *loop);

/* The buffer that @bytes from @begin lie in, or -1. Of several that overlap, the one that begins
 * last is looked at alone. */
int registered_find(const struct coil_loop *loop, const void *begin, size_t bytes);

/* At the end of the loop, which takes the kernel's part along. */
void registered_forget(struct coil_loop *loop);

#endif
