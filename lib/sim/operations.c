/* SPDX-License-Identifier: MIT */
/* The table of the core's operations: what belongs to neither files nor sockets. */
#include "sim/poll.h"
#include "sim/procs.h"
#include "sim/request.h"
#include "sim/ring_ops.h"
#include "sim/rw.h"
#include "sim/timeout.h"

/* Newer than the headers of liburing 2.9. */
#define OP_EPOLL_WAIT 59

const struct sim_operation sim_operations_core[SIM_OPCODES] = {
	[IORING_OP_NOP] = {
		.name = "nop", .prepare = sim_nop_prepare, .attempt = sim_nop_attempt
	},
	[IORING_OP_TIMEOUT] = {
		.name = "timeout", .prepare = sim_timeout_prepare,
		.attempt = sim_timeout_attempt, .drop = sim_timeout_drop
	},
	[IORING_OP_TIMEOUT_REMOVE] = {
		.name = "timeout_remove", .prepare = sim_timeout_remove_prepare,
		.attempt = sim_timeout_remove_attempt, .drop = sim_timeout_drop
	},
	[IORING_OP_LINK_TIMEOUT] = {
		.name = "link_timeout", .prepare = sim_link_timeout_prepare,
		.attempt = sim_link_timeout_attempt, .drop = sim_timeout_drop
	},
	[IORING_OP_ASYNC_CANCEL] = {
		.name = "async_cancel", .prepare = sim_cancel_prepare,
		.attempt = sim_cancel_attempt
	},
	[IORING_OP_POLL_ADD] = {
		.name = "poll_add", .prepare = sim_poll_prepare,
		.attempt = sim_poll_attempt, .traits = SIM_TAKES_FD
	},
	[IORING_OP_POLL_REMOVE] = {
		.name = "poll_remove", .prepare = sim_poll_remove_prepare,
		.attempt = sim_poll_remove_attempt
	},
	[IORING_OP_CLOSE] = {
		.name = "close", .prepare = sim_close_prepare, .attempt = sim_close_attempt
	},
	[IORING_OP_READ] = {
		.name = "read", .attempt = sim_rw_read, .traits = SIM_TAKES_FD | SIM_FILLS
	},
	[IORING_OP_READV] = {
		.name = "readv", .prepare = sim_rw_prepare_vector, .attempt = sim_rw_read,
		.traits = SIM_TAKES_FD | SIM_FILLS
	},
	[IORING_OP_READ_FIXED] = {
		.name = "read_fixed", .attempt = sim_rw_read_fixed, .traits = SIM_TAKES_FD
	},
	[IORING_OP_WRITE] = {
		.name = "write", .attempt = sim_rw_write, .traits = SIM_TAKES_FD | SIM_SENDS
	},
	[IORING_OP_WRITEV] = {
		.name = "writev", .prepare = sim_rw_prepare_vector, .attempt = sim_rw_write,
		.traits = SIM_TAKES_FD | SIM_SENDS
	},
	[IORING_OP_WRITE_FIXED] = {
		.name = "write_fixed", .attempt = sim_rw_write_fixed, .traits = SIM_TAKES_FD
	},
	[IORING_OP_MSG_RING] = {
		.name = "msg_ring", .prepare = sim_msg_ring_prepare,
		.attempt = sim_msg_ring_attempt, .traits = SIM_TAKES_FD
	},
	[IORING_OP_FILES_UPDATE] = {
		.name = "files_update", .attempt = sim_files_update_attempt
	},
	[IORING_OP_FIXED_FD_INSTALL] = {
		.name = "fixed_fd_install", .prepare = sim_fixed_fd_install_prepare,
		.attempt = sim_fixed_fd_install_attempt, .traits = SIM_TAKES_FD
	},
	[IORING_OP_EPOLL_CTL] = {
		.name = "epoll_ctl", .prepare = sim_epoll_ctl_prepare,
		.attempt = sim_epoll_ctl_attempt, .drop = sim_epoll_ctl_drop
	},
	[OP_EPOLL_WAIT] = {
		.name = "epoll_wait", .prepare = sim_epoll_wait_prepare,
		.attempt = sim_epoll_wait_attempt, .traits = SIM_TAKES_FD
	},
	[IORING_OP_FUTEX_WAIT] = {
		.name = "futex_wait", .prepare = sim_futex_wait_prepare,
		.attempt = sim_futex_wait_attempt, .drop = sim_futex_drop
	},
	[IORING_OP_FUTEX_WAKE] = {
		.name = "futex_wake", .prepare = sim_futex_wake_prepare,
		.attempt = sim_futex_wake_attempt
	},
	[IORING_OP_FUTEX_WAITV] = {
		.name = "futex_waitv", .prepare = sim_futex_waitv_prepare,
		.attempt = sim_futex_waitv_attempt, .drop = sim_futex_drop
	},
	[IORING_OP_WAITID] = {
		.name = "waitid", .prepare = sim_waitid_prepare,
		.attempt = sim_waitid_attempt, .drop = sim_waitid_drop
	},
};
