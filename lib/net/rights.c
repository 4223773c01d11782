/* SPDX-License-Identifier: MIT */
/*
 * SCM_RIGHTS. A receive asks for exactly as many descriptors as there is room for: the kernel drops
 * the others and says so (MSG_CTRUNC), and then those that came are closed, too, for a program that
 * gets some of what was sent together would mistake one for another.
 */
#include "net/rights.h"

#include "net/socket_stream.h"

#include "loop/op.h"
#include "loop/prep_net.h"
#include "loop/receiver.h"
#include "task/await.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

int rights_send(struct msghdr *header, union rights_control *control, const struct coil_fds *fds)
{
	if (fds->count > COIL_FDS_MAX)
		return -EINVAL;
	if (fds->count == 0)
		return 0;
	memset(&control->head, 0, sizeof control->head);
	control->head.cmsg_level = SOL_SOCKET;
	control->head.cmsg_type = SCM_RIGHTS;
	control->head.cmsg_len = CMSG_LEN(fds->count * sizeof(int));
	memcpy(CMSG_DATA(&control->head), fds->fds, fds->count * sizeof(int));
	header->msg_control = control->bytes;
	header->msg_controllen = CMSG_SPACE(fds->count * sizeof(int));
	return 0;
}

int rights_recv(struct msghdr *header, union rights_control *control, struct coil_fds *fds)
{
	fds->count = 0;
	fds->flags = 0;
	if (fds->room > COIL_FDS_MAX)
		return -EINVAL;
	/* Not CMSG_SPACE: its padding has room for one more descriptor, which would be lost. */
	header->msg_control = control->bytes;
	header->msg_controllen = CMSG_LEN(fds->room * sizeof(int));
	return 0;
}

void rights_drop(const struct driver_calls *calls, struct coil_fds *fds)
{
	for (unsigned i = 0; i < fds->count; i++)
		calls->close(fds->fds[i]);
	fds->count = 0;
}

void rights_take(const struct driver_calls *calls, struct msghdr *header, struct coil_fds *fds)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		check(fds->count + count <= fds->room);
		memcpy(fds->fds + fds->count, CMSG_DATA(at), count * sizeof(int));
		fds->count += (unsigned)count;
	}
	if (header->msg_flags & MSG_CTRUNC) {
		rights_drop(calls, fds);
		fds->flags |= COIL_FDS_TRUNCATED;
	}
}

int rights_check_unix(const struct driver_calls *calls, int fd)
{
	int domain = 0;
	socklen_t bytes = sizeof domain;
	int rc = calls->getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);

	if (rc < 0)
		return rc;
	return domain == AF_UNIX ? 0 : -EOPNOTSUPP;
}

int rights_credentials(const struct driver_calls *calls, int fd,
		       struct coil_credentials *ret_credentials)
{
	struct ucred peer;
	socklen_t bytes = sizeof peer;
	int rc = rights_check_unix(calls, fd);

	if (rc == 0)
		rc = calls->getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
	if (rc < 0)
		return rc;
	*ret_credentials = (struct coil_credentials){
		.pid = peer.pid, .uid = peer.uid, .gid = peer.gid
	};
	return 0;
}

/* -- On streams ----------------------------------------------------------------------------------
 */

struct send_fds {
	struct msghdr header;
	struct iovec part;
};

/* Some bytes, the descriptors with them. The turn to write is the caller's. */
static int send_first(struct coil_stream *stream, void *arg)
{
	struct socket_stream *socket = socket_stream_of(stream);
	struct send_fds *send = arg;
	const char *bytes = send->part.iov_base;
	size_t len = send->part.iov_len;
	struct coil_op op;
	int sent;
	int rc;

	/* Not MSG_WAITALL: what goes on behind a short send must not carry them twice. */
	op_prep_sendmsg(&op, socket->fd, &send->header, MSG_NOSIGNAL);
	socket->writing = &op;
	sent = op_await(&op);
	socket->writing = NULL;
	if (sent < 0 || (size_t)sent == len || stream->closer || (op.flags & OP_CANCEL_ASKED))
		return sent;
	rc = stream->ops->write(stream, bytes + sent, len - (size_t)sent);
	/* A failure is met again by who writes next; that bytes went out is told now. */
	return rc < 0 ? sent : sent + rc;
}

static int recv_once(struct coil_stream *stream, void *arg)
{
	struct socket_stream *socket = socket_stream_of(stream);
	struct coil_op op;
	int rc;

	check_use_of("coil_stream_recv_fds",
		     !socket->receiver || !receiver_is_active(socket->receiver),
		     "this stream receives by COIL_RECEIVE_MULTISHOT, which drops descriptors");
	op_prep_recvmsg(&op, socket->fd, arg, MSG_CMSG_CLOEXEC);
	socket->reading = &op;
	rc = op_await(&op);
	socket->reading = NULL;
	socket->is_drained = false;
	return rc;
}

/* On a unix socket? 0 or a negative errno. */
static int check_stream(const struct coil_stream *stream)
{
	int fd = coil_stream_fd(stream);

	return fd < 0 ? fd : rights_check_unix(stream->loop->driver->ops->calls, fd);
}

int coil_stream_send_fds(struct coil_stream *stream, const void *buf, size_t len,
			 const struct coil_fds *fds)
{
	struct send_fds send = { .part = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len } };
	union rights_control control;
	int rc = check_stream(stream);

	if (rc < 0)
		return rc;
	if (len == 0 || len > COIL_STREAM_BYTES_MAX)
		return -EINVAL;
	send.header.msg_iov = &send.part;
	send.header.msg_iovlen = 1;
	rc = rights_send(&send.header, &control, fds);
	return rc < 0 ? rc : stream_write_by(stream, send_first, &send);
}

int coil_stream_recv_fds(struct coil_stream *stream, void *buf, size_t len, struct coil_fds *fds)
{
	struct iovec part = { .iov_base = buf, .iov_len = abi_rw_bytes(len) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	const struct driver_calls *calls = stream->loop->driver->ops->calls;
	union rights_control control;
	int rc = check_stream(stream);

	if (rc == 0)
		rc = rights_recv(&header, &control, fds);
	if (rc < 0 || len == 0)
		return rc;
	/* A receive that fails leaves the header as it was. */
	control.head.cmsg_len = 0;
	rc = stream_read_by(stream, recv_once, &header);
	if (header.msg_controllen == CMSG_LEN(fds->room * sizeof(int)) &&
	    control.head.cmsg_len == 0)
		return rc;
	rights_take(calls, &header, fds);
	if (rc < 0)
		rights_drop(calls, fds);
	return rc;
}

int coil_stream_peer_credentials(const struct coil_stream *stream,
				 struct coil_credentials *ret_credentials)
{
	int fd = coil_stream_fd(stream);

	return fd < 0 ? fd
		      : rights_credentials(stream->loop->driver->ops->calls, fd, ret_credentials);
}
