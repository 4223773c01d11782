/* SPDX-License-Identifier: MIT */
/* What net_ops.c's table has of its neighbours: operations on messages, and on pipes. */
#ifndef COIL_SIM_NET_OPS_H
#define COIL_SIM_NET_OPS_H

#include "sim/net.h"

/* Copied when the SQE was taken; request->own of each operation that has an address or a msghdr. */
struct sim_net_args {
	struct sockaddr_storage address;
	socklen_t address_bytes;	/* 0: none was given */
	struct msghdr *user;		/* recvmsg: what is written back to */
	void *control;
	size_t control_bytes;
	bool has_begun;			/* connect: an attempt was made */
	struct sim_file *from;		/* splice, tee: held */
};

/* request->own, made now. */
struct sim_net_args *sim_net_args_new(struct sim_request *request);
void sim_net_args_drop(struct sim_request *request);

/* Copies an address of the caller's: 0, -EINVAL or -EFAULT. */
int32_t sim_net_args_address(struct sim_net_args *args, const void *address, size_t bytes);

/* The socket of the request, or NULL: -ENOTSOCK. */
struct sim_socket *sim_request_socket(struct sim_request *request);

int32_t sim_send_prepare(struct sim_request *request);
int32_t sim_send_attempt(struct sim_request *request);
int32_t sim_recv_prepare(struct sim_request *request);
int32_t sim_recv_attempt(struct sim_request *request);
int32_t sim_sendmsg_prepare(struct sim_request *request);
int32_t sim_recvmsg_prepare(struct sim_request *request);
int32_t sim_send_zc_attempt(struct sim_request *request);

int32_t sim_pipe_attempt(struct sim_request *request);
int32_t sim_splice_attempt(struct sim_request *request);
int32_t sim_tee_attempt(struct sim_request *request);

#endif
