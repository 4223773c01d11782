/* SPDX-License-Identifier: MIT */
/* TIMEOUT, its removal, and LINK_TIMEOUT. */
#ifndef COIL_SIM_TIMEOUT_H
#define COIL_SIM_TIMEOUT_H

#include "sim/ring.h"

/* CLOCK_REALTIME of the world, less CLOCK_MONOTONIC. */
#define SIM_REALTIME_OFFSET (INT64_C(1700000000) * 1000000000)

int32_t sim_timeout_prepare(struct sim_request *request);
int32_t sim_timeout_attempt(struct sim_request *request);
void sim_timeout_drop(struct sim_request *request);
int32_t sim_timeout_remove_prepare(struct sim_request *request);
int32_t sim_timeout_remove_attempt(struct sim_request *request);
int32_t sim_link_timeout_prepare(struct sim_request *request);
int32_t sim_link_timeout_attempt(struct sim_request *request);

/* @target begins: @request is its deadline. */
void sim_link_timeout_aim(struct sim_request *request, struct sim_request *target);

/* A CQE of this opcode was posted: timeouts that count them may be done. */
void sim_timeout_count(struct sim_ring *ring, unsigned opcode);

#endif
