/* SPDX-License-Identifier: MIT */
/*
 * The operations send, recv, sendmsg, recvmsg and their zero-copy forms.
 *
 * Invariant: addresses and iovec arrays are copied when the SQE is taken; the msghdr of a recvmsg
 * and all control memory are the caller's until the end. With MSG_WAITALL a request stays until
 * all bytes are moved, and request->done says how many are.
 */
#include "sim/net_ops.h"

#include "sim/buffers.h"
#include "sim/rw.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#define SEND_FLAGS IORING_RECVSEND_POLL_FIRST
#define ZC_FLAGS (IORING_RECVSEND_POLL_FIRST | IORING_SEND_ZC_REPORT_USAGE)
#define RECV_FLAGS IORING_RECVSEND_POLL_FIRST
#define RECVS_PER_ATTEMPT 32	/* of a multishot; then others have their turn */
#define NOTIFY_NS 5000000

static void *pointer(uint64_t word)
{
	return (void *)(uintptr_t)word;
}

static bool is_zero_copy(const struct sim_request *request)
{
	return request->sqe.opcode == IORING_OP_SEND_ZC ||
	       request->sqe.opcode == IORING_OP_SENDMSG_ZC;
}

static bool is_msg(const struct sim_request *request)
{
	return request->sqe.opcode == IORING_OP_SENDMSG ||
	       request->sqe.opcode == IORING_OP_SENDMSG_ZC ||
	       request->sqe.opcode == IORING_OP_RECVMSG;
}

/* -- Taken ------------------------------------------------------------------------------------- */

/* There are no bundles. */
static int32_t check_flags(const struct sim_request *request, unsigned known)
{
	return request->sqe.ioprio & ~known ? -EINVAL : 0;
}

int32_t sim_send_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int32_t rc = check_flags(request, is_zero_copy(request)
						  ? ZC_FLAGS | IORING_RECVSEND_FIXED_BUF
						  : SEND_FLAGS);

	if (rc < 0)
		return rc;
	if ((sqe->ioprio & IORING_RECVSEND_FIXED_BUF) && !sim_rw_is_registered(request))
		return -EFAULT;
	return sim_net_args_address(sim_net_args_new(request), pointer(sqe->addr2),
				    sqe->addr2 ? sqe->addr_len : 0);
}

int32_t sim_recv_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	unsigned known = RECV_FLAGS;

	sim_net_args_new(request);
	if (sqe->addr2)
		return -EINVAL;
	if (request->ring->driver.features & DRIVER_RECV_MULTISHOT)
		known |= IORING_RECV_MULTISHOT;
	if ((sqe->ioprio & IORING_RECV_MULTISHOT) &&
	    (!(sqe->flags & IOSQE_BUFFER_SELECT) || (sqe->msg_flags & MSG_WAITALL) || sqe->len))
		return -EINVAL;
	return check_flags(request, known);
}

static int32_t copy_iov(struct sim_request *request, const struct msghdr *user)
{
	struct iovec *copy;
	size_t bytes = 0;

	if (user->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	if (user->msg_iovlen == 0)
		return 0;
	copy = sim_alloc(request->sim, user->msg_iovlen * sizeof *copy);
	memcpy(copy, user->msg_iov, user->msg_iovlen * sizeof *copy);
	request->iov = copy;
	request->iov_count = user->msg_iovlen;
	for (size_t i = 0; i < user->msg_iovlen; i++) {
		if (copy[i].iov_len > SSIZE_MAX)
			return -EINVAL;
		if (copy[i].iov_len > INT_MAX - bytes)
			copy[i].iov_len = INT_MAX - bytes;
		bytes += copy[i].iov_len;
	}
	return 0;
}

static int32_t prepare_msg(struct sim_request *request, unsigned known)
{
	struct sim_net_args *args = sim_net_args_new(request);
	struct msghdr *user = pointer(request->sqe.addr);

	if (!user)
		return -EFAULT;
	if (request->sqe.addr2 || (request->sqe.ioprio & ~known))
		return -EINVAL;
	args->user = user;
	args->control = user->msg_control;
	args->control_bytes = user->msg_controllen;
	return copy_iov(request, user);
}

int32_t sim_sendmsg_prepare(struct sim_request *request)
{
	int32_t rc = prepare_msg(request, is_zero_copy(request) ? ZC_FLAGS : SEND_FLAGS);
	struct sim_net_args *args = request->own;

	if (rc < 0)
		return rc;
	return sim_net_args_address(args, args->user->msg_name,
				    args->user->msg_name ? args->user->msg_namelen : 0);
}

/* What a multishot puts in front of the bytes: lengths, and room for an address and for control. */
static size_t head_bytes(const struct sim_request *request)
{
	const struct sim_net_args *args = request->own;

	return sizeof(struct io_uring_recvmsg_out) + args->address_bytes + args->control_bytes;
}

/* The msghdr tells how much room its name and control have in each buffer. */
static int32_t prepare_recvmsg_multishot(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	struct sim_net_args *args = request->own;

	if (!(sqe->flags & IOSQE_BUFFER_SELECT) || (sqe->msg_flags & MSG_WAITALL) ||
	    args->user->msg_iovlen > 1)
		return -EINVAL;
	args->address_bytes = args->user->msg_namelen;
	return 0;
}

int32_t sim_recvmsg_prepare(struct sim_request *request)
{
	unsigned known = RECV_FLAGS;
	int32_t rc;

	if (request->ring->driver.features & DRIVER_RECV_MULTISHOT)
		known |= IORING_RECV_MULTISHOT;
	rc = prepare_msg(request, known);
	if (rc == 0 && (request->sqe.ioprio & IORING_RECV_MULTISHOT))
		rc = prepare_recvmsg_multishot(request);
	return rc;
}

/* -- Tried ------------------------------------------------------------------------------------- */

/* @one: room for the single buffer of a send or recv, as long as the message is used. */
static void describe(const struct sim_request *request, struct iovec *one,
		     struct sim_message *message)
{
	memset(message, 0, sizeof *message);
	message->io.offset = -1;
	message->flags = (int)request->sqe.msg_flags;
	message->done = request->done;
	if (is_msg(request)) {
		message->io.iov = request->iov;
		message->io.iov_count = request->iov_count;
		for (size_t i = 0; i < request->iov_count; i++)
			message->io.bytes += request->iov[i].iov_len;
		return;
	}
	*one = (struct iovec){pointer(request->sqe.addr), request->sqe.len};
	message->io.iov = one;
	message->io.iov_count = 1;
	message->io.bytes = one->iov_len;
}

/*
 * MSG_WAITALL goes on until all is moved: of what has no records, or whose records Linux joins. It
 * does so by asking again, which MSG_DONTWAIT forbids.
 */
static bool goes_on(const struct sim_request *request, const struct sim_socket *socket)
{
	return (request->sqe.msg_flags & (MSG_WAITALL | MSG_DONTWAIT)) == MSG_WAITALL &&
	       sim_socket_is_stream(socket);
}

static int32_t not_now(const struct sim_request *request)
{
	return request->sqe.msg_flags & MSG_DONTWAIT ? -EAGAIN : SIM_WAIT;
}

/* What the caller's address and control memory say, for the first bytes of the request. */
static int32_t address_message(struct sim_request *request, struct sim_socket *socket,
			       struct sim_message *message)
{
	const struct sim_net_args *args = request->own;
	const void *given = &args->address;
	int rc;

	if (args->address_bytes && !sim_socket_is_tcp(socket)) {
		rc = sim_address_read(&message->address, socket->domain, given,
				      args->address_bytes);
		if (rc < 0)
			return rc;
	}
	if (!is_msg(request) || request->done > 0 || socket->domain != AF_UNIX)
		return 0;
	return sim_rights_read(socket->net, args->control, args->control_bytes, &message->rights);
}

static int32_t send_on(struct sim_request *request, struct sim_socket *socket,
		       struct sim_message *message)
{
	int64_t rc;

	do {
		message->done = request->done;
		rc = sim_socket_send(socket, message);
		if (rc == -EAGAIN)
			return not_now(request);
		if (rc < 0 || !goes_on(request, socket))
			return (int32_t)rc;
		request->done += (uint32_t)rc;
	} while (rc > 0 && request->done < message->io.bytes);
	return (int32_t)request->done;
}

int32_t sim_send_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);
	struct sim_message message;
	struct iovec one;
	int32_t rc;

	if (!socket)
		return -ENOTSOCK;
	describe(request, &one, &message);
	rc = address_message(request, socket, &message);
	if (rc == 0)
		rc = send_on(request, socket, &message);
	if (message.rights)
		sim_rights_free(socket->net, message.rights);
	return rc;
}

static void on_notify(struct sim *sim, struct sim_event *event)
{
	(void)sim;
	sim_request_finish(container_of(event, struct sim_request, event), 0);
}

/* The result, then the notification that the memory is the caller's again. */
int32_t sim_send_zc_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);
	int32_t rc;

	if (request->is_settled)
		return SIM_WAIT;
	rc = socket && socket->domain == AF_UNIX ? -EOPNOTSUPP : sim_send_attempt(request);
	if (rc == SIM_WAIT)
		return SIM_WAIT;
	if (rc < 0 && request->done > 0)
		rc = (int32_t)request->done;
	sim_request_post_more(request, rc, 0);
	request->is_settled = true;
	request->cqe_flags = IORING_CQE_F_NOTIF;
	request->done = 0;
	if (!sim_happens(request->sim, SIM_LATE_NOTIFY))
		return 0;
	request->event.fire = on_notify;
	sim_event_set(request->sim, &request->event,
		      sim_now(request->sim) + sim_delay(request->sim, NOTIFY_NS));
	return SIM_WAIT;
}

/* -- Received ---------------------------------------------------------------------------------- */

static void write_back(struct sim_request *request, struct sim_socket *socket,
		       struct sim_message *message)
{
	const struct sim_net_args *args = request->own;
	struct msghdr *user = args->user;
	socklen_t bytes = user->msg_namelen;
	bool named = message->address.family == AF_UNIX ? message->address.name_bytes > 0
							: message->address.family != AF_UNSPEC;

	message->control = args->control;
	message->control_bytes = args->control_bytes;
	if (message->rights)
		sim_rights_install(socket->net, message);
	else
		message->control_bytes = 0;
	if (user->msg_name && named)
		sim_address_write(&message->address, socket->domain, user->msg_name, &bytes);
	else
		bytes = 0;
	if (user->msg_name)
		user->msg_namelen = bytes;
	user->msg_controllen = message->control_bytes;
	user->msg_flags = message->flags_out;
}

static int32_t receive_on(struct sim_request *request, struct sim_socket *socket,
			  struct sim_message *message)
{
	int64_t rc;

	do {
		message->done = request->done;
		rc = sim_socket_receive(socket, message);
		if (rc == -EAGAIN)
			return not_now(request);
		if (rc < 0)
			return (int32_t)rc;
		if (is_msg(request))
			write_back(request, socket, message);
		if (message->rights)
			sim_rights_free(socket->net, message->rights);
		message->rights = NULL;
		if (!goes_on(request, socket))
			return (int32_t)rc;
		request->done += (uint32_t)rc;
	} while (rc > 0 && request->done < message->io.bytes);
	return (int32_t)request->done;
}

/* TCP counts its end as something to be read. */
static uint32_t nonempty_flag(const struct sim_socket *socket)
{
	if (!sim_socket_is_stream(socket))
		return 0;
	if (list_is_empty(&socket->queue) && !(sim_socket_is_tcp(socket) && socket->got_end))
		return 0;
	return IORING_CQE_F_SOCK_NONEMPTY;
}

/* In front of the bytes, in the buffer: what write_back tells otherwise. */
static void write_head(struct sim_request *request, struct sim_socket *socket,
		       struct sim_message *message, char *data, int32_t bytes)
{
	const struct sim_net_args *args = request->own;
	struct io_uring_recvmsg_out out = {.payloadlen = (uint32_t)bytes};
	socklen_t name_bytes = args->address_bytes;
	struct sockaddr_storage name;

	message->control = data + sizeof out + args->address_bytes;
	message->control_bytes = args->control_bytes;
	if (message->rights)
		sim_rights_install(socket->net, message);
	else
		message->control_bytes = 0;
	if (message->address.family == AF_UNSPEC ||
	    (message->address.family == AF_UNIX && message->address.name_bytes == 0)) {
		name_bytes = 0;
	} else {
		socklen_t room = sizeof name;

		sim_address_write(&message->address, socket->domain, &name, &room);
		memcpy(data + sizeof out, &name, room < name_bytes ? room : name_bytes);
		name_bytes = room;
	}
	out.namelen = name_bytes;
	out.controllen = (uint32_t)message->control_bytes;
	out.flags = (uint32_t)message->flags_out;
	memcpy(data, &out, sizeof out);
}

/*
 * Into a buffer of the group, which is looked for before the data: without one it ends, but not
 * while it waits, for it looks again only when there is something to be had. @ret_flags: of its
 * CQE. An empty message ends a multishot, as the end does.
 */
static int32_t receive_selected(struct sim_request *request, struct sim_socket *socket,
				uint32_t *ret_flags, bool *ret_is_empty)
{
	unsigned group = request->sqe.buf_group;
	size_t head = 0;
	struct sim_buffer buffer;
	struct sim_message message;
	struct iovec one;
	int32_t rc = sim_buffers_look(request->ring, group, &buffer);

	*ret_flags = 0;
	*ret_is_empty = false;
	if (rc < 0)
		return rc;
	if (is_msg(request))
		head = head_bytes(request);
	if (buffer.bytes < head)
		return -EFAULT;
	describe(request, &one, &message);
	one = (struct iovec){(char *)buffer.data + head,
			     message.io.bytes ? message.io.bytes : buffer.bytes};
	if (one.iov_len > buffer.bytes - head)
		one.iov_len = buffer.bytes - head;
	message.io.iov = &one;
	message.io.iov_count = 1;
	message.io.bytes = one.iov_len;
	rc = (int32_t)sim_socket_receive(socket, &message);
	if (rc >= 0 && head)
		write_head(request, socket, &message, buffer.data, rc);
	if (message.rights)
		sim_rights_free(socket->net, message.rights);
	if (rc < 0 || (rc == 0 && !head))
		return rc == -EAGAIN ? not_now(request) : rc;
	*ret_is_empty = rc == 0;
	if (head)
		rc = (int32_t)head + (rc < (int32_t)one.iov_len ? rc : (int32_t)one.iov_len);
	sim_buffers_take(request->ring, group);
	*ret_flags = IORING_CQE_F_BUFFER | (uint32_t)buffer.id << IORING_CQE_BUFFER_SHIFT;
	*ret_flags |= nonempty_flag(socket);
	return rc;
}

static bool has_something(struct sim_socket *socket)
{
	return socket->file.ops->poll(&socket->file) & (POLLIN | POLLRDHUP | POLLERR | POLLHUP);
}

static int32_t attempt_selected(struct sim_request *request, struct sim_socket *socket)
{
	struct sim_net_args *args = request->own;
	uint32_t flags = 0;
	bool is_empty;
	int32_t rc;

	if (args->has_begun && !has_something(socket))
		return SIM_WAIT;
	args->has_begun = true;
	for (unsigned i = 0; i < RECVS_PER_ATTEMPT; i++) {
		rc = receive_selected(request, socket, &flags, &is_empty);
		if (rc == SIM_WAIT)
			return rc;
		if (rc <= 0 || is_empty || !(request->sqe.ioprio & IORING_RECV_MULTISHOT)) {
			request->cqe_flags |= flags;
			return rc;
		}
		if (!sim_request_post_more(request, rc, flags) || !has_something(socket))
			return SIM_WAIT;
	}
	sim_file_changed(&socket->file);
	return SIM_WAIT;
}

int32_t sim_recv_attempt(struct sim_request *request)
{
	struct sim_socket *socket = sim_request_socket(request);
	struct sim_message message;
	struct iovec one;
	int32_t rc;

	if (!socket)
		return -ENOTSOCK;
	if (request->sqe.flags & IOSQE_BUFFER_SELECT)
		return attempt_selected(request, socket);
	describe(request, &one, &message);
	rc = receive_on(request, socket, &message);
	if (rc != SIM_WAIT && rc >= 0)
		request->cqe_flags |= nonempty_flag(socket);
	return rc;
}
