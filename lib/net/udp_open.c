/* SPDX-License-Identifier: MIT */
/* Datagram sockets: how they are made, and how they end. */
#include "net/address.h"
#include "base/sized.h"
#include "net/resolve.h"
#include "net/rights.h"
#include "net/udp.h"

#include "loop/files.h"
#include "loop/observe.h"
#include "loop/prep_net.h"
#include "task/await.h"

#include <errno.h>
#include <linux/udp.h>
#include <string.h>

#define BACKLOG 4096

#ifndef SOL_UDP
#define SOL_UDP 17
#endif

int udp_read_options(const struct coil_udp_options *given, struct coil_udp_options *options)
{
	const unsigned known = COIL_UDP_REUSE_PORT | COIL_UDP_REUSE_ADDRESS | COIL_UDP_BROADCAST |
			       COIL_UDP_V6_ONLY | COIL_UDP_GRO;
	int rc = sized_read(options, given, sizeof *options);

	if (rc < 0)
		return rc;
	return (options->flags & ~known) || options->send_buffer < 0 || options->receive_buffer < 0
		       ? -EINVAL
		       : 0;
}

static int set_option(const struct driver_calls *calls, int fd, const int name[2], int value)
{
	return calls->setsockopt(fd, name[0], name[1], &value, sizeof value);
}

int udp_set_buffers(const struct driver_calls *calls, int fd,
		    const struct coil_udp_options *options)
{
	int rc = 0;

	if (options->send_buffer)
		rc = set_option(calls, fd, (int[2]){SOL_SOCKET, SO_SNDBUF}, options->send_buffer);
	if (rc == 0 && options->receive_buffer)
		rc = set_option(calls, fd, (int[2]){SOL_SOCKET, SO_RCVBUF},
				options->receive_buffer);
	return rc;
}

static int set_options(const struct driver_calls *calls, int fd, int family,
		       const struct coil_udp_options *options)
{
	static const struct {
		unsigned flag;
		int name[2];
	} switches[] = {
		{COIL_UDP_REUSE_PORT, {SOL_SOCKET, SO_REUSEPORT}},
		{COIL_UDP_REUSE_ADDRESS, {SOL_SOCKET, SO_REUSEADDR}},
		{COIL_UDP_BROADCAST, {SOL_SOCKET, SO_BROADCAST}},
	};
	int rc = udp_set_buffers(calls, fd, options);

	for (size_t i = 0; rc == 0 && i < sizeof switches / sizeof switches[0]; i++)
		if (options->flags & switches[i].flag)
			rc = set_option(calls, fd, switches[i].name, 1);
	if (rc == 0 && family == AF_INET6)
		rc = set_option(calls, fd, (int[2]){IPPROTO_IPV6, IPV6_V6ONLY},
				(options->flags & COIL_UDP_V6_ONLY) != 0);
	/* A kernel that cannot join them delivers them one by one. */
	if (rc == 0 && (options->flags & COIL_UDP_GRO))
		set_option(calls, fd, (int[2]){SOL_UDP, UDP_GRO}, 1);
	return rc;
}

struct coil_udp *udp_new(struct coil_loop *loop, int fd, const char *path)
{
	struct coil_udp *udp = alloc_zeroed(loop->alloc, sizeof *udp);

	if (!udp)
		return NULL;
	udp->loop = loop;
	udp->fd = fd;
	udp->family = AF_UNIX;
	list_init(&udp->users);
	list_init(&udp->turns);
	udp->check_word = UDP_CHECK_WORD;
	if (!path)
		return udp;
	udp->path_bytes = strlen(path) + 1;
	udp->path = loop->alloc->alloc(loop->alloc->context, udp->path_bytes);
	if (udp->path) {
		memcpy(udp->path, path, udp->path_bytes);
		return udp;
	}
	udp_free(udp);
	return NULL;
}

void udp_free(struct coil_udp *udp)
{
	const struct coil_alloc *alloc = udp->loop->alloc;

	alloc_free(alloc, udp->path, udp->path_bytes);
	alloc_free(alloc, udp->spare, udp->spare_bytes);
	udp->check_word = UDP_CHECK_FREED;
	alloc_free(alloc, udp, sizeof *udp);
}

/* -- UDP -----------------------------------------------------------------------------------------
 */

/* A bound socket, or a negative errno. */
static int open_socket(const struct driver_calls *calls, const struct address *address,
		       const struct coil_udp_options *options)
{
	int family = address->storage.ss_family;
	int fd = calls->socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return fd;
	rc = set_options(calls, fd, family, options);
	if (rc == 0)
		rc = calls->bind(fd, address_name(address), address->bytes);
	if (rc == 0)
		return fd;
	calls->close(fd);
	return rc;
}

static int open_any(const struct driver_calls *calls, int port,
		    const struct coil_udp_options *options)
{
	struct address address;
	int fd;

	address_any(&address, AF_INET6, port);
	fd = open_socket(calls, &address, options);
	if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
		return fd;
	/* A machine without IPv6. */
	address_any(&address, AF_INET, port);
	return open_socket(calls, &address, options);
}

/* The first address that works; if none does, the first one's error. */
static int open_named(struct coil_loop *loop, const char *host, int port,
		      const struct coil_udp_options *options)
{
	struct resolve_request *request;
	int n = resolve(loop, host, NULL, &request);
	int first = n;
	int fd = n;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		struct address *address = &resolve_addresses(request)[i];

		address_set_port(&address->storage, port);
		fd = open_socket(loop->driver->ops->calls, address, options);
		if (fd >= 0)
			break;
		if (i == 0)
			first = fd;
	}
	resolve_free(request);
	return fd >= 0 ? fd : first;
}

int coil_udp_open(struct coil_udp **ret_udp, const char *host, int port,
		  const struct coil_udp_options *options)
{
	struct coil_loop *loop = loop_required(__func__);
	const struct driver_calls *calls = loop->driver->ops->calls;
	struct coil_udp_options chosen;
	struct address address;
	int rc = udp_read_options(options, &chosen);
	int fd;

	if (rc < 0)
		return rc;
	if (port < 0 || port > 65535)
		return -EINVAL;
	if (!host)
		fd = open_any(calls, port, &chosen);
	else if (address_parse(&address, host, port))
		fd = open_socket(calls, &address, &chosen);
	else
		fd = open_named(loop, host, port, &chosen);
	if (fd < 0)
		return fd;
	rc = coil_udp_from_fd(ret_udp, fd);
	if (rc < 0)
		calls->close(fd);
	return rc;
}

/* @fd is a normal one. */
static int take_socket(struct coil_udp **ret_udp, struct coil_loop *loop, int fd)
{
	const struct driver_calls *calls = loop->driver->ops->calls;
	struct coil_udp *udp;
	int type = 0;
	int domain = 0;
	socklen_t bytes = sizeof type;
	int rc = calls->getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes);

	if (rc == 0)
		rc = calls->getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);
	if (rc < 0)
		return rc;
	if (type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -EPROTOTYPE;
	udp = udp_new(loop, fd, NULL);
	if (!udp)
		return -ENOMEM;
	udp->family = domain;
	udp->type = type;
	*ret_udp = udp;
	return 0;
}

/* Of a direct descriptor a normal one is kept in its place. */
int coil_udp_from_fd(struct coil_udp **ret_udp, int fd)
{
	struct coil_loop *loop = loop_required(__func__);
	int normal = ring_fd_is_direct(fd) ? files_install(loop, fd) : fd;
	int rc = ring_fd_is_direct(fd) && normal < 0 ? normal
						     : take_socket(ret_udp, loop, normal);

	if (normal >= 0 && normal != fd)
		files_close(loop, rc < 0 ? normal : fd);
	return rc;
}

/* -- Unix ----------------------------------------------------------------------------------------
 */

/* A socket of @type, bound to @path unless that is NULL. Listens if it has connections. */
static int open_unix(struct coil_udp **ret_udp, const char *path, int type,
		     const struct coil_udp_options *given)
{
	struct coil_loop *loop = loop_required("coil_unixgram_open");
	const struct driver_calls *calls = loop->driver->ops->calls;
	bool has_file = path && path[0] != '@';
	struct coil_udp_options options;
	struct address address;
	struct coil_udp *udp;
	int rc = udp_read_options(given, &options);

	if (rc == 0 && options.flags)
		rc = -EINVAL;
	if (rc == 0 && path)
		rc = address_unix(&address, path);
	if (rc < 0)
		return rc;
	udp = udp_new(loop, -1, has_file ? path : NULL);
	if (!udp)
		return -ENOMEM;
	udp->type = type;
	udp->fd = calls->socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	rc = udp->fd < 0 ? udp->fd : udp_set_buffers(calls, udp->fd, &options);
	if (rc == 0 && path)
		rc = calls->bind(udp->fd, address_name(&address), address.bytes);
	if (rc == 0 && path && type == SOCK_SEQPACKET)
		rc = calls->listen(udp->fd, BACKLOG);
	if (rc == 0) {
		*ret_udp = udp;
		return 0;
	}
	if (udp->fd >= 0)
		calls->close(udp->fd);
	udp_free(udp);
	return rc;
}

int coil_unixgram_open(struct coil_udp **ret_udp, const char *path,
		       const struct coil_udp_options *options)
{
	return open_unix(ret_udp, path, SOCK_DGRAM, options);
}

int coil_seqpacket_listen(struct coil_udp **ret_udp, const char *path,
			  const struct coil_udp_options *options)
{
	return path ? open_unix(ret_udp, path, SOCK_SEQPACKET, options) : -EINVAL;
}

int coil_seqpacket_accept(struct coil_udp *udp, struct coil_udp **ret_udp)
{
	const struct driver_calls *calls;
	struct coil_udp *accepted;
	struct udp_user user;
	struct coil_op op;
	int fd;
	int rc;

	udp_check_use(udp);
	calls = udp->loop->driver->ops->calls;
	/* Before the connection is: none is taken and then lost. */
	accepted = udp_new(udp->loop, -1, NULL);
	if (!accepted)
		return -ENOMEM;
	accepted->type = SOCK_SEQPACKET;
	rc = udp_enter(udp, &user);
	if (rc == 0) {
		op_prep_accept4(&op, udp->fd, NULL, NULL, SOCK_CLOEXEC);
		fd = udp_await(udp, &user, &op, 1);
		rc = udp_leave(udp, &user, fd);
		if (rc < 0 && fd >= 0)
			calls->close(fd);
	}
	if (rc < 0) {
		udp_free(accepted);
		return rc;
	}
	accepted->fd = rc;
	*ret_udp = accepted;
	return 0;
}

int coil_seqpacket_connect(struct coil_udp **ret_udp, const char *path,
			   const struct coil_udp_options *options)
{
	struct coil_address to;
	struct coil_udp *udp;
	int rc = coil_address_unix(&to, path);

	if (rc == 0)
		rc = open_unix(&udp, NULL, SOCK_SEQPACKET, options);
	if (rc < 0)
		return rc;
	rc = coil_udp_connect(udp, &to);
	if (rc < 0)
		coil_udp_close(udp);
	else
		*ret_udp = udp;
	return rc;
}

/* -- The end -------------------------------------------------------------------------------------
 */

/* Only the loser of its own wait: it cannot be asked. */
static const struct coil_future_ops closer_ops = {.kind = "socket's last user"};

static void drive_out(struct coil_udp *udp)
{
	struct coil_future left;
	struct coil_task *task;
	struct coil_list *node;

	/* Nobody enters from now on. */
	udp->closer = &left;
	if (list_is_empty(&udp->users))
		return;
	task = task_required("coil_udp_close");
	future_init(&left, &udp->loop->ready, &closer_ops);
	list_for_each(node, &udp->users) {
		struct udp_user *user = list_entry(node, struct udp_user, link);

		for (size_t i = 0; i < user->n; i++)
			if (op_is_started(&user->ops[i]))
				op_cancel(udp->loop, &user->ops[i]);
	}
	if (udp->receiver)
		receiver_interrupt(udp->receiver);
	task_wait_to_the_end(task_scheduler(task), task, &left);
}

void coil_udp_close(struct coil_udp *udp)
{
	const struct driver_calls *calls;

	if (!udp)
		return;
	udp_check_use(udp);
	check_use(!udp->closer, "another task closes this socket already");
	calls = udp->loop->driver->ops->calls;
	drive_out(udp);
	udp_end_shot(udp);
	if (udp->path)
		calls->unlink(udp->path);
	loop_note_close(udp->loop, udp->fd);
	calls->close(udp->fd);
	udp_free(udp);
}

/* -- What it is ----------------------------------------------------------------------------------
 */

int coil_udp_fd(const struct coil_udp *udp)
{
	udp_check_use(udp);
	return udp->fd;
}

int coil_udp_local(const struct coil_udp *udp, char *text, size_t bytes)
{
	udp_check_use(udp);
	return address_of_local(udp->loop->driver->ops->calls, udp->fd, text, bytes);
}

int coil_udp_peer(const struct coil_udp *udp, char *text, size_t bytes)
{
	udp_check_use(udp);
	return address_of_peer(udp->loop->driver->ops->calls, udp->fd, text, bytes);
}

int coil_udp_local_address(const struct coil_udp *udp, struct coil_address *ret_address)
{
	struct address address = {.bytes = sizeof address.storage};
	int port;
	int rc;

	udp_check_use(udp);
	rc = udp->loop->driver->ops->calls->getsockname(
		udp->fd, (struct sockaddr *)(void *)&address.storage, &address.bytes);
	if (rc < 0)
		return rc;
	address_publish(&address, ret_address);
	port = address_port(&address.storage);
	return port < 0 ? 0 : port;
}

int coil_udp_peer_credentials(const struct coil_udp *udp,
			      struct coil_credentials *ret_credentials)
{
	udp_check_use(udp);
	return rights_credentials(udp->loop->driver->ops->calls, udp->fd, ret_credentials);
}
