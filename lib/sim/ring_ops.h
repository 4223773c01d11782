/* SPDX-License-Identifier: MIT */
/* nop, close, msg_ring, files_update, fixed_fd_install. */
#ifndef COIL_SIM_RING_OPS_H
#define COIL_SIM_RING_OPS_H

#include "sim/sim.h"

int32_t sim_nop_prepare(struct sim_request *request);
int32_t sim_nop_attempt(struct sim_request *request);
int32_t sim_close_prepare(struct sim_request *request);
int32_t sim_close_attempt(struct sim_request *request);
int32_t sim_msg_ring_prepare(struct sim_request *request);
int32_t sim_msg_ring_attempt(struct sim_request *request);
int32_t sim_files_update_attempt(struct sim_request *request);
int32_t sim_fixed_fd_install_prepare(struct sim_request *request);
int32_t sim_fixed_fd_install_attempt(struct sim_request *request);

#endif
