/* SPDX-License-Identifier: MIT */
/*
 * A ring's table of registered files: what IOSQE_FIXED_FILE finds, and where direct opens put what
 * they open. A slot counts as a descriptor of its file.
 */
#ifndef COIL_SIM_TABLE_H
#define COIL_SIM_TABLE_H

#include "sim/ring.h"

/* As of struct driver_ops. */
int sim_table_open(struct driver *driver, unsigned slots);
int sim_table_set(struct driver *driver, unsigned slot, int fd);

/* All files leave it, and it is gone. */
void sim_table_close(struct sim_ring *ring);

/* NULL: nothing is there. */
struct sim_file *sim_table_file(const struct sim_ring *ring, unsigned slot);

/* Around what opens a descriptor: where the SQE names a slot, no place among those is needed. */
void sim_table_begin_open(struct sim_request *request);

/*
 * @fd was opened, or is a negative errno. The result of the request: @fd; or, with the file in the
 * slot that it names, 0 or the slot's number; a file that finds no slot is closed.
 */
int32_t sim_table_end_open(struct sim_request *request, int fd);

/* Takes out what is in a slot: 0, -ENXIO, -EINVAL, -EBADF. */
int32_t sim_table_remove(struct sim_ring *ring, unsigned slot);

#endif
