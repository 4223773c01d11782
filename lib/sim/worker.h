/* SPDX-License-Identifier: MIT */
/* Virtual workers: what a program hands to another thread runs later, on whoever is inside. */
#ifndef COIL_SIM_WORKER_H
#define COIL_SIM_WORKER_H

#include "sim/world.h"

/* At the end of the world: those that have not run do it now. */
void sim_workers_finish(struct sim *sim);

#endif
