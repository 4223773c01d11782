/* SPDX-License-Identifier: MIT */
/* Registered files; see table.h. What the answers are is io_uring/filetable.c's, of Linux 6.18. */
#include "sim/table.h"

#include <errno.h>

#include "sim/file.h"

int sim_table_open(struct driver *driver, unsigned slots)
{
	struct sim_ring *ring = sim_ring_of(driver);
	unsigned most = ring->sim->options.descriptors_max;

	if (!(driver->features & DRIVER_DIRECT))
		return -EOPNOTSUPP;
	if (ring->table)
		return -EBUSY;
	slots = slots < most ? slots : most;
	if (slots == 0)
		return -EMFILE;
	ring->table = sim_alloc(ring->sim, slots * sizeof *ring->table);
	ring->table_slots = slots;
	return (int)slots;
}

static void clear(struct sim_ring *ring, unsigned slot)
{
	struct sim_file *file = ring->table[slot];

	ring->table[slot] = NULL;
	if (!file)
		return;
	ring->table_hint = slot;
	sim_file_give_up(file);
}

static void put(struct sim_ring *ring, unsigned slot, struct sim_file *file)
{
	unsigned hint = ring->table[slot] ? ring->table_hint : slot + 1;

	file->descriptors++;
	sim_file_hold(file);
	clear(ring, slot);
	ring->table[slot] = file;
	ring->table_hint = hint;
}

int sim_table_set(struct driver *driver, unsigned slot, int fd)
{
	struct sim_ring *ring = sim_ring_of(driver);
	struct sim_file *file = sim_fd_file(ring->sim, fd);

	if (!ring->table)
		return -ENXIO;
	if (slot >= ring->table_slots)
		return -EINVAL;
	if (fd == -1) {
		clear(ring, slot);
		sim_settle(ring->sim);
		return 0;
	}
	if (!file || sim_ring_at(file))
		return -EBADF;
	clear(ring, slot);
	put(ring, slot, file);
	return 0;
}

void sim_table_close(struct sim_ring *ring)
{
	for (unsigned slot = 0; slot < ring->table_slots; slot++)
		clear(ring, slot);
	sim_free(ring->sim, ring->table, ring->table_slots * sizeof *ring->table);
	ring->table = NULL;
	ring->table_slots = 0;
}

struct sim_file *sim_table_file(const struct sim_ring *ring, unsigned slot)
{
	return slot < ring->table_slots ? ring->table[slot] : NULL;
}

int32_t sim_table_remove(struct sim_ring *ring, unsigned slot)
{
	if (!ring->table)
		return -ENXIO;
	if (slot >= ring->table_slots)
		return -EINVAL;
	if (!ring->table[slot])
		return -EBADF;
	clear(ring, slot);
	return 0;
}

void sim_table_begin_open(struct sim_request *request)
{
	if (request->sqe.file_index)
		request->sim->options.descriptors_max++;
}

static int free_slot(const struct sim_ring *ring)
{
	for (unsigned i = 0; i < ring->table_slots; i++) {
		unsigned slot = (ring->table_hint + i) % ring->table_slots;

		if (!ring->table[slot])
			return (int)slot;
	}
	return -ENFILE;
}

static int32_t adopt(struct sim_request *request, struct sim_file *file)
{
	struct sim_ring *ring = request->ring;
	uint32_t index = request->sqe.file_index;
	int slot;

	if (!ring->table)
		return -ENXIO;
	if (index == IORING_FILE_INDEX_ALLOC) {
		slot = free_slot(ring);
		if (slot >= 0)
			put(ring, (unsigned)slot, file);
		return slot;
	}
	if (index - 1 >= ring->table_slots)
		return -EINVAL;
	put(ring, index - 1, file);
	return 0;
}

int32_t sim_table_end_open(struct sim_request *request, int fd)
{
	int32_t rc;

	if (!request->sqe.file_index)
		return fd;
	request->sim->options.descriptors_max--;
	if (fd < 0)
		return fd;
	rc = adopt(request, sim_fd_file(request->sim, fd));
	sim_fd_close(request->sim, fd);
	return rc;
}
