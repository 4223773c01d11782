/* SPDX-License-Identifier: MIT */
/* read, readv, write, writev, and the fixed ones. */
#ifndef COIL_SIM_RW_H
#define COIL_SIM_RW_H

#include "sim/sim.h"

int32_t sim_rw_prepare_vector(struct sim_request *request);
int32_t sim_rw_read(struct sim_request *request);
int32_t sim_rw_write(struct sim_request *request);
int32_t sim_rw_read_fixed(struct sim_request *request);
int32_t sim_rw_write_fixed(struct sim_request *request);

/* Is all of the request's memory inside of the registered buffer that it names? */
bool sim_rw_is_registered(const struct sim_request *request);

#endif
