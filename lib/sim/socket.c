/* SPDX-License-Identifier: MIT */
/*
 * Sockets as files: made, read and written like any other, polled, released. What a family and a
 * type do is stream.c's and datagram.c's.
 */
#include "sim/net.h"

#include "sim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static struct sim_socket *socket_of(struct sim_file *file)
{
	return container_of(file, struct sim_socket, file);
}

bool sim_socket_is_tcp(const struct sim_socket *socket)
{
	return socket->type == SOCK_STREAM && socket->domain != AF_UNIX;
}

bool sim_socket_is_stream(const struct sim_socket *socket)
{
	return socket->type != SOCK_DGRAM;
}

int sim_socket_take_error(struct sim_socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return -error;
}

/* -- As a file --------------------------------------------------------------------------------- */

int64_t sim_socket_send(struct sim_socket *socket, struct sim_message *message)
{
	return sim_socket_is_stream(socket) ? sim_stream_send(socket, message)
					    : sim_datagram_send(socket, message);
}

int64_t sim_socket_receive(struct sim_socket *socket, struct sim_message *message)
{
	return sim_socket_is_stream(socket) ? sim_stream_receive(socket, message)
					    : sim_datagram_receive(socket, message);
}

static int64_t socket_read(struct sim_file *file, const struct sim_io *io)
{
	struct sim_socket *socket = socket_of(file);
	struct sim_message message = {.io = *io};
	int64_t rc = sim_socket_receive(socket, &message);

	/* Nobody can be told of files that came along. */
	if (message.rights)
		sim_rights_free(socket->net, message.rights);
	return rc;
}

static int64_t socket_write(struct sim_file *file, const struct sim_io *io)
{
	struct sim_message message = {.io = *io};

	return sim_socket_send(socket_of(file), &message);
}

static unsigned socket_poll(struct sim_file *file)
{
	struct sim_socket *socket = socket_of(file);

	return sim_socket_is_stream(socket) ? sim_stream_poll(socket) : sim_datagram_poll(socket);
}

static void socket_release(struct sim_file *file)
{
	struct sim_socket *socket = socket_of(file);
	struct sim_net *net = socket->net;

	if (sim_socket_is_stream(socket))
		sim_stream_release(socket);
	else
		sim_datagram_disconnect(socket);
	list_remove(&socket->node);
	list_remove(&socket->name_node);
	list_remove(&socket->blocked_node);
	sim_wire_purge(socket);
	sim_net_unblock(net);
	sim_free(net->sim, socket, sizeof *socket);
}

#define SOCKET_OPS(name_)                                                                          \
	{                                                                                          \
		.name = (name_), .read = socket_read, .write = socket_write, .poll = socket_poll,  \
		.release = socket_release,                                                         \
	}

static const struct sim_file_ops tcp_ops = SOCKET_OPS("tcp socket");
static const struct sim_file_ops udp_ops = SOCKET_OPS("udp socket");
static const struct sim_file_ops unix_ops = SOCKET_OPS("unix socket");

struct sim_socket *sim_socket_of_file(struct sim_file *file)
{
	return file->ops->release == socket_release ? socket_of(file) : NULL;
}

int sim_socket_of(struct sim *sim, int fd, struct sim_socket **ret_socket)
{
	struct sim_file *file = sim_fd_file(sim, fd);

	if (!file)
		return -EBADF;
	*ret_socket = sim_socket_of_file(file);
	return *ret_socket ? 0 : -ENOTSOCK;
}

/* -- Made -------------------------------------------------------------------------------------- */

struct sim_socket *sim_socket_new(struct sim_net *net, int domain, int type, int protocol)
{
	struct sim_socket *socket = sim_alloc(net->sim, sizeof *socket);
	const struct sim_file_ops *ops = domain == AF_UNIX    ? &unix_ops
					 : type == SOCK_DGRAM ? &udp_ops
							      : &tcp_ops;

	sim_file_init(net->sim, &socket->file, ops, O_RDWR);
	socket->net = net;
	socket->domain = domain;
	socket->type = type;
	socket->protocol = protocol;
	socket->local = sim_address_any(domain);
	sim_wire_init(socket);
	sim_stream_init(socket);
	sim_socket_options_init(socket);
	list_init(&socket->node);
	list_init(&socket->name_node);
	list_init(&socket->blocked_node);
	list_push_back(&net->sockets, &socket->node);
	return socket;
}

static int check_unix(int *type, int protocol)
{
	if (protocol && protocol != PF_UNIX)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW)
		*type = SOCK_DGRAM;
	if (*type != SOCK_STREAM && *type != SOCK_DGRAM && *type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	return 0;
}

static int check_inet(int type, int protocol, int *ret_protocol)
{
	int own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;

	if (protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	if (type == SOCK_RAW)
		return -EPROTONOSUPPORT;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != own)
		return -EPROTONOSUPPORT;
	*ret_protocol = own;
	return 0;
}

/* A new socket with a descriptor; flags are those of socket(2)'s type. */
static int install(struct sim_socket *socket, int flags)
{
	int fd;

	if (flags & SOCK_NONBLOCK)
		socket->file.flags |= O_NONBLOCK;
	sim_file_hold(&socket->file);
	fd = sim_fd_install(socket->file.sim, &socket->file);
	if (fd >= 0 && (flags & SOCK_CLOEXEC))
		sim_fd_set_flags(socket->file.sim, fd, FD_CLOEXEC);
	sim_file_drop(&socket->file);
	return fd;
}

int sim_net_socket(struct sim *sim, int domain, int type, int protocol)
{
	int flags = type & ~0xf;
	int kind = type & 0xf;
	int rc;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if (kind > SOCK_PACKET)
		return -EINVAL;
	rc = domain == AF_UNIX ? check_unix(&kind, protocol)
			       : check_inet(kind, protocol, &protocol);
	if (rc < 0)
		return rc;
	if (domain == AF_UNIX)
		protocol = 0;
	return install(sim_socket_new(sim_net(sim), domain, kind, protocol), flags);
}

int sim_net_pair(struct sim *sim, int type, int fds[2])
{
	struct sim_socket *ends[2];
	int kind = type & 0xf;
	int rc = check_unix(&kind, 0);

	if (rc < 0)
		return rc;
	for (int i = 0; i < 2; i++) {
		ends[i] = sim_socket_new(sim_net(sim), AF_UNIX, kind, 0);
		sim_file_hold(&ends[i]->file);
	}
	sim_stream_join(ends[0], ends[1]);
	fds[0] = install(ends[0], type & ~0xf);
	fds[1] = fds[0] < 0 ? fds[0] : install(ends[1], type & ~0xf);
	rc = fds[1] < 0 ? fds[1] : 0;
	if (rc < 0 && fds[0] >= 0)
		sim_fd_close(sim, fds[0]);
	for (int i = 0; i < 2; i++)
		sim_file_drop(&ends[i]->file);
	return rc;
}

/* -- What the calls do ------------------------------------------------------------------------- */

int sim_socket_bind(struct sim_socket *socket, const struct sockaddr *address, socklen_t bytes)
{
	struct sim_address read;
	int rc = sim_address_read(&read, socket->domain, address, bytes);

	if (rc < 0)
		return rc;
	return socket->domain == AF_UNIX ? sim_net_name_bind(socket, &read)
					 : sim_net_port_bind(socket, &read);
}

int sim_socket_listen(struct sim_socket *socket, int backlog)
{
	if (!sim_socket_is_stream(socket))
		return -EOPNOTSUPP;
	return sim_stream_listen(socket, backlog);
}

int sim_socket_connect(struct sim_socket *socket, const struct sim_address *target, bool is_first)
{
	if (target->family == AF_UNSPEC)
		return sim_socket_is_stream(socket) ? sim_stream_disconnect(socket)
						    : sim_datagram_disconnect(socket);
	if (sim_socket_is_stream(socket))
		return sim_stream_connect(socket, target, is_first);
	return sim_datagram_connect(socket, target);
}

/* Datagrams have no end to say: nobody else is told. */
static int shut_datagram(struct sim_socket *socket, bool reading, bool writing)
{
	socket->shut_read |= reading;
	socket->shut_write |= writing;
	sim_file_changed(&socket->file);
	if (socket->domain != AF_UNIX)
		return socket->state == SIM_SOCKET_CONNECTED ? 0 : -ENOTCONN;
	return 0;
}

int sim_socket_shutdown(struct sim_socket *socket, int how)
{
	bool reading = how == SHUT_RD || how == SHUT_RDWR;
	bool writing = how == SHUT_WR || how == SHUT_RDWR;

	if (!reading && !writing)
		return -EINVAL;
	if (sim_socket_is_stream(socket))
		return sim_stream_shutdown(socket, reading, writing);
	return shut_datagram(socket, reading, writing);
}
