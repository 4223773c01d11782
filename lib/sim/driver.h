/* SPDX-License-Identifier: MIT */
/* The parts of a simulated struct driver, one file to another. */
#ifndef COIL_SIM_DRIVER_H
#define COIL_SIM_DRIVER_H

#include "ring/driver.h"

extern const struct driver_calls sim_calls;

int sim_ring_enter(struct driver *driver, unsigned to_submit, unsigned wait, int64_t timeout_ns);
int sim_run_elsewhere(struct driver *driver, void (*body)(void *arg), void *arg);

#endif
