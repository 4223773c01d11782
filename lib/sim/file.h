/* SPDX-License-Identifier: MIT */
/* What the core does with files and descriptors, beside sim.h. */
#ifndef COIL_SIM_FILE_H
#define COIL_SIM_FILE_H

#include "sim/world.h"

void sim_files_init(struct sim *sim);
void sim_files_close(struct sim *sim);	/* closes what the program has left open */
void sim_files_deinit(struct sim *sim);

/* Is it one that is always ready, such as a file on a disk: does it keep a worker busy? */
bool sim_file_blocks(const struct sim_file *file);

unsigned sim_file_poll(struct sim_file *file);

/* One of its descriptors is gone. */
void sim_file_give_up(struct sim_file *file);

/* Its last descriptor is gone: no epoll set watches it any more (epoll.c). */
void sim_epoll_forget(struct sim_file *file);

/* The epoll sets that watch it have changed, too. */
void sim_epoll_changed(struct sim_file *file);

#endif
