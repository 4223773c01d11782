/* SPDX-License-Identifier: MIT */
/*
 * The table of operations on sockets and pipes, and those that are short enough to stand in it.
 *
 * Must not know: what a family or a type does. There are no buffer rings behind the seam, so that
 * what needs one answers as a ring that has none.
 */
#include "sim/net_ops.h"
#include "sim/table.h"

#include <errno.h>
#include <string.h>

#define OP_PIPE 62			/* Linux 6.16 */
#define SOCKET_INQ 0			/* SOCKET_URING_OP_*, Linux 6.7 */
#define SOCKET_OUTQ 1
#define SOCKET_GET_OPTION 2
#define SOCKET_SET_OPTION 3

static void *pointer(uint64_t word)
{
	return (void *)(uintptr_t)word;
}

/* -- Arguments --------------------------------------------------------------------------------- */

struct sim_net_args *sim_net_args_new(struct sim_request *request)
{
	struct sim_net_args *args = sim_alloc(request->sim, sizeof *args);

	request->own = args;
	return args;
}

void sim_net_args_drop(struct sim_request *request)
{
	struct sim_net_args *args = request->own;

	if (!args)
		return;
	request->own = NULL;
	if (args->from)
		sim_file_drop(args->from);
	sim_free(request->sim, args, sizeof *args);
}

int32_t sim_net_args_address(struct sim_net_args *args, const void *address, size_t bytes)
{
	if (bytes > sizeof args->address)
		return -EINVAL;
	if (bytes > 0 && !address)
		return -EFAULT;
	if (bytes > 0)
		memcpy(&args->address, address, bytes);
	args->address_bytes = (socklen_t)bytes;
	return 0;
}

struct sim_socket *sim_request_socket(struct sim_request *request)
{
	return sim_socket_of_file(request->file);
}

/* -- Made, named ------------------------------------------------------------------------------- */

static int32_t socket_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	if (sqe->file_index && (sqe->off & SOCK_CLOEXEC))
		return -EINVAL;
	return sqe->addr || sqe->rw_flags || sqe->buf_index ? -EINVAL : 0;
}

static int32_t socket_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	sim_table_begin_open(request);
	return sim_table_end_open(
		request, sim_net_socket(request->sim, sqe->fd, (int)sqe->off, (int)sqe->len));
}

/* bind and connect: an address of addr2 bytes. */
static int32_t address_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	if (sqe->len || sqe->buf_index || sqe->rw_flags || sqe->splice_fd_in)
		return -EINVAL;
	if ((int)sqe->addr2 < 0)
		return -EINVAL;
	return sim_net_args_address(sim_net_args_new(request), pointer(sqe->addr), sqe->addr2);
}

static int32_t bind_attempt(struct sim_request *request)
{
	const struct sim_net_args *args = request->own;
	struct sim_socket *socket = sim_request_socket(request);
	const void *address = &args->address;

	if (!socket)
		return -ENOTSOCK;
	return sim_socket_bind(socket, address, args->address_bytes);
}

static int32_t listen_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);

	return socket ? sim_socket_listen(socket, (int)request->sqe.len) : -ENOTSOCK;
}

static int32_t shutdown_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);

	return socket ? sim_socket_shutdown(socket, (int)request->sqe.len) : -ENOTSOCK;
}

/* -- Connected --------------------------------------------------------------------------------- */

/* Where to: AF_UNSPEC takes the connection apart, but not of a unix stream. */
static int32_t read_target(const struct sim_net_args *args, const struct sim_socket *socket,
			   struct sim_address *target)
{
	const void *given = &args->address;

	if (args->address_bytes < sizeof(sa_family_t))
		return -EINVAL;
	if (args->address.ss_family == AF_UNSPEC &&
	    (socket->domain != AF_UNIX || !sim_socket_is_stream(socket))) {
		memset(target, 0, sizeof *target);
		return 0;
	}
	return sim_address_read(target, socket->domain, given, args->address_bytes);
}

static int32_t connect_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);
	struct sim_net_args *args = request->own;
	struct sim_address target;
	int32_t rc;

	if (!socket)
		return -ENOTSOCK;
	rc = read_target(args, socket, &target);
	if (rc < 0)
		return rc;
	rc = sim_socket_connect(socket, &target, !args->has_begun);
	args->has_begun = true;
	return rc == -EAGAIN ? SIM_WAIT : rc;
}

static int32_t accept_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	const unsigned known =
		IORING_ACCEPT_MULTISHOT | IORING_ACCEPT_DONTWAIT | IORING_ACCEPT_POLL_FIRST;

	if (sqe->len || sqe->buf_index || (sqe->ioprio & ~known))
		return -EINVAL;
	if (sqe->accept_flags & ~(unsigned)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (sqe->file_index && (sqe->accept_flags & SOCK_CLOEXEC))
		return -EINVAL;
	/* Many connections do not fit one slot. */
	if (sqe->file_index && sqe->file_index != IORING_FILE_INDEX_ALLOC &&
	    (sqe->ioprio & IORING_ACCEPT_MULTISHOT))
		return -EINVAL;
	return 0;
}

static int32_t accept_one(struct sim_request *request, struct sim_socket *socket)
{
	socklen_t *bytes = pointer(request->sqe.addr2);
	void *address = pointer(request->sqe.addr);
	struct sim_address remote;
	int fd;

	sim_table_begin_open(request);
	fd = sim_stream_accept(socket, (int)request->sqe.accept_flags, &remote);
	if (fd >= 0 && address && bytes) {
		if ((int)*bytes < 0) {
			sim_fd_close(request->sim, fd);
			fd = -EINVAL;
		} else {
			sim_address_write(&remote, socket->domain, address, bytes);
		}
	}
	return sim_table_end_open(request, fd);
}

/* A connection more waits: what Linux tells with the descriptor. */
static uint32_t accept_flags(const struct sim_socket *socket)
{
	return list_is_empty(&socket->backlog) ? 0 : IORING_CQE_F_SOCK_NONEMPTY;
}

static int32_t accept_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);
	bool goes_on = request->sqe.ioprio & IORING_ACCEPT_MULTISHOT;
	int32_t rc;

	if (!socket)
		return -ENOTSOCK;
	rc = accept_one(request, socket);
	while (goes_on && rc >= 0) {
		if (!sim_request_post_more(request, rc, accept_flags(socket)))
			return SIM_WAIT;
		rc = accept_one(request, socket);
	}
	if (rc == -EAGAIN && !(request->sqe.ioprio & IORING_ACCEPT_DONTWAIT))
		return SIM_WAIT;
	request->cqe_flags = rc < 0 ? 0 : accept_flags(socket);
	return rc;
}

/* -- Options ----------------------------------------------------------------------------------- */

static int32_t queued_bytes(struct sim_socket *socket, bool outgoing)
{
	size_t bytes = 0;
	struct coil_list *node;

	if (socket->state == SIM_SOCKET_LISTENING)
		return -EINVAL;
	if (outgoing)
		return (int32_t)sim_wire_owed(socket);
	list_for_each(node, &socket->queue) {
		const struct sim_packet *packet = list_entry(node, struct sim_packet, node);

		bytes += packet->bytes - packet->taken;
		if (!sim_socket_is_stream(socket))
			break;
	}
	return (int32_t)bytes;
}

/* The kernel knows SOL_SOCKET alone when it reads here. */
static int32_t get_option(struct sim_socket *socket, const struct io_uring_sqe *sqe)
{
	int name[2] = {(int)sqe->level, (int)sqe->optname};
	socklen_t bytes = sqe->optlen;
	int rc;

	if (sqe->level != SOL_SOCKET)
		return -EOPNOTSUPP;
	rc = sim_socket_get_option(socket, name, pointer(sqe->optval), &bytes);
	return rc < 0 ? rc : (int32_t)bytes;
}

static int32_t uring_cmd_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);
	const struct io_uring_sqe *sqe = &request->sqe;
	int name[2] = {(int)sqe->level, (int)sqe->optname};

	if (!socket)
		return -EOPNOTSUPP;
	switch (sqe->cmd_op) {
	case SOCKET_INQ:
		return queued_bytes(socket, false);
	case SOCKET_OUTQ:
		return queued_bytes(socket, true);
	case SOCKET_GET_OPTION:
		return get_option(socket, sqe);
	case SOCKET_SET_OPTION:
		return sim_socket_set_option(socket, name, pointer(sqe->optval), sqe->optlen);
	default:
		return -EOPNOTSUPP;
	}
}

/* -- The table --------------------------------------------------------------------------------- */

#define ON_SOCKET(name_, prepare_, attempt_, traits_)                                              \
	{                                                                                          \
		.name = (name_), .prepare = (prepare_), .attempt = (attempt_),                     \
		.drop = sim_net_args_drop, .traits = SIM_TAKES_FD | (traits_),                     \
	}

const struct sim_operation sim_operations_net[SIM_OPCODES] = {
	[IORING_OP_SOCKET] = {
		.name = "socket", .prepare = socket_prepare, .attempt = socket_attempt},
	[IORING_OP_BIND] = ON_SOCKET("bind", address_prepare, bind_attempt, 0),
	[IORING_OP_LISTEN] = ON_SOCKET("listen", NULL, listen_attempt, 0),
	[IORING_OP_SHUTDOWN] = ON_SOCKET("shutdown", NULL, shutdown_attempt, SIM_BLOCKS),
	[IORING_OP_CONNECT] = ON_SOCKET("connect", address_prepare, connect_attempt, 0),
	[IORING_OP_ACCEPT] = ON_SOCKET("accept", accept_prepare, accept_attempt, 0),
	[IORING_OP_SEND] = ON_SOCKET("send", sim_send_prepare, sim_send_attempt, SIM_SENDS),
	[IORING_OP_RECV] = ON_SOCKET("recv", sim_recv_prepare, sim_recv_attempt, SIM_FILLS),
	[IORING_OP_SENDMSG] =
		ON_SOCKET("sendmsg", sim_sendmsg_prepare, sim_send_attempt, SIM_SENDS),
	[IORING_OP_RECVMSG] =
		ON_SOCKET("recvmsg", sim_recvmsg_prepare, sim_recv_attempt, SIM_FILLS),
	[IORING_OP_SEND_ZC] = ON_SOCKET("send_zc", sim_send_prepare, sim_send_zc_attempt,
					SIM_SENDS | SIM_NOTIFIES),
	[IORING_OP_SENDMSG_ZC] = ON_SOCKET("sendmsg_zc", sim_sendmsg_prepare, sim_send_zc_attempt,
					   SIM_SENDS | SIM_NOTIFIES),
	[IORING_OP_URING_CMD] = ON_SOCKET("uring_cmd", NULL, uring_cmd_attempt, 0),
	[IORING_OP_SPLICE] = ON_SOCKET("splice", NULL, sim_splice_attempt, SIM_BLOCKS),
	[IORING_OP_TEE] = ON_SOCKET("tee", NULL, sim_tee_attempt, SIM_BLOCKS),
	[OP_PIPE] = {.name = "pipe", .attempt = sim_pipe_attempt},
};
