/* SPDX-License-Identifier: MIT */
/* Waiting for readiness: POLL_ADD, POLL_REMOVE, and epoll sets. */
#ifndef COIL_SIM_POLL_H
#define COIL_SIM_POLL_H

#include "sim/sim.h"

struct epoll_event;

int32_t sim_poll_prepare(struct sim_request *request);
int32_t sim_poll_attempt(struct sim_request *request);
int32_t sim_poll_remove_prepare(struct sim_request *request);
int32_t sim_poll_remove_attempt(struct sim_request *request);

/* A new epoll set: its descriptor, or -EMFILE. */
int sim_epoll_create(struct sim *sim);

/* In the calling thread's world, as epoll_ctl(2) and, with a timeout of 0, epoll_wait(2). */
int sim_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int sim_epoll_take(struct sim_file *file, struct epoll_event *events, int events_max);

int32_t sim_epoll_ctl_prepare(struct sim_request *request);
int32_t sim_epoll_ctl_attempt(struct sim_request *request);
void sim_epoll_ctl_drop(struct sim_request *request);
int32_t sim_epoll_wait_prepare(struct sim_request *request);
int32_t sim_epoll_wait_attempt(struct sim_request *request);

#endif
