/* SPDX-License-Identifier: MIT */
/*
 * How streams begin: listen, connect, accept.
 *
 * Invariant: a connection is made whole at once: the accepted socket exists, joined with the other
 * end, before anybody accepts it. A listener's backlog holds its sockets; one that is full drops
 * the SYN of TCP, which comes again, and lets a unix connect wait.
 */
#include "sim/net.h"

#include "sim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SYN_AGAIN_NS INT64_C(1000000000)	/* then twice that, and so on */
#define SYNS_MAX 7
#define HANDSHAKE_NS 20000000
#define BACKLOG_MAX 4096			/* net.core.somaxconn */

void sim_stream_join(struct sim_socket *a, struct sim_socket *b)
{
	a->other = b;
	b->other = a;
	a->state = SIM_SOCKET_CONNECTED;
	b->state = SIM_SOCKET_CONNECTED;
}

int sim_stream_listen(struct sim_socket *socket, int backlog)
{
	int rc;

	if (socket->domain == AF_UNIX && !socket->owns_name)
		return -EINVAL;
	if (socket->state != SIM_SOCKET_OPEN && socket->state != SIM_SOCKET_LISTENING)
		return -EINVAL;
	if (socket->domain != AF_UNIX && socket->state == SIM_SOCKET_OPEN) {
		rc = sim_net_autobind(socket);
		if (rc == 0)
			rc = sim_net_port_listen(socket);
		if (rc < 0)
			return rc == -EAGAIN ? -EADDRINUSE : rc;
	}
	socket->state = SIM_SOCKET_LISTENING;
	socket->backlog_max = (uint32_t)(backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX
									      : backlog);
	sim_net_unblock(socket->net);
	return 0;
}

/* -- The other end ----------------------------------------------------------------------------- */

static bool is_full(const struct sim_socket *listener)
{
	return listener->backlog_count > listener->backlog_max;
}

/* Makes the accepted socket and puts it where accept finds it. */
static void meet(struct sim_socket *socket, struct sim_socket *listener)
{
	struct sim_socket *child = sim_socket_new(listener->net, listener->domain, listener->type,
						  listener->protocol);

	memcpy(child->options, listener->options, sizeof child->options);
	child->sets_send_limit = listener->sets_send_limit;
	child->sets_receive_limit = listener->sets_receive_limit;
	child->linger = listener->linger;
	child->local = socket->domain == AF_UNIX ? listener->local : socket->remote;
	child->remote = socket->local;
	if (child->domain != AF_UNIX)
		sim_net_port_inherit(child);
	child->listener = listener;
	sim_stream_join(socket, child);
	sim_file_hold(&child->file);
	list_push_back(&listener->backlog, &child->backlog_node);
	listener->backlog_count++;
	sim_file_changed(&listener->file);
	sim_file_changed(&socket->file);
}

static struct sim_socket *pop_backlog(struct sim_socket *listener)
{
	struct coil_list *node = list_pop_front(&listener->backlog);
	struct sim_socket *child;

	if (!node)
		return NULL;
	child = list_entry(node, struct sim_socket, backlog_node);
	child->listener = NULL;
	listener->backlog_count--;
	return child;
}

/* Nobody will accept them: their peers are told so. */
void sim_stream_abandon(struct sim_socket *socket)
{
	static const struct linger at_once = {.l_onoff = 1};
	struct sim_socket *child;

	while ((child = pop_backlog(socket))) {
		child->linger = at_once;
		if (child->domain == AF_UNIX && child->other)
			child->other->error = ECONNRESET;
		sim_file_drop(&child->file);
	}
	sim_net_unblock(socket->net);
}

/* -- TCP --------------------------------------------------------------------------------------- */

static void fail_handshake(struct sim_socket *socket, int error)
{
	socket->state = SIM_SOCKET_OPEN;
	socket->error = error;
	memset(&socket->remote, 0, sizeof socket->remote);
	sim_file_changed(&socket->file);
}

/* One SYN: it is answered, refused, or lost where the backlog is full. */
static void shake_hands(struct sim_socket *socket)
{
	struct sim *sim = socket->file.sim;
	struct sim_socket *listener = sim_net_find(socket, &socket->remote);

	if (!listener || (socket->handshakes == 0 && sim_happens(sim, SIM_REFUSE))) {
		fail_handshake(socket, ECONNREFUSED);
		return;
	}
	if (!is_full(listener)) {
		meet(socket, listener);
		return;
	}
	if (socket->handshakes == SYNS_MAX) {
		fail_handshake(socket, ETIMEDOUT);
		return;
	}
	sim_event_set(sim, &socket->handshake, sim_now(sim) + (SYN_AGAIN_NS << socket->handshakes));
	socket->handshakes++;
}

static void on_handshake(struct sim *sim, struct sim_event *event)
{
	struct sim_socket *socket = container_of(event, struct sim_socket, handshake);

	(void)sim;
	shake_hands(socket);
	socket->is_untold = socket->state == SIM_SOCKET_CONNECTED;
}

void sim_stream_init(struct sim_socket *socket)
{
	list_init(&socket->backlog);
	list_init(&socket->backlog_node);
	sim_event_init(&socket->handshake, on_handshake);
}

static int route(struct sim_socket *socket, const struct sim_address *target)
{
	int rc;

	if (socket->domain == AF_INET6 && sim_address_is_v4(target) &&
	    sim_socket_option(socket, SIM_OPTION_ONLY_V6))
		return -ENETUNREACH;
	socket->remote = *target;
	/* To nowhere in particular means to this machine. */
	if (sim_address_is_any(target))
		socket->remote.ip[15] = 1;
	if (sim_address_is_any(target) && sim_address_is_v4(target))
		socket->remote.ip[12] = 127;
	if (!sim_address_is_local(&socket->remote))
		return -ENETUNREACH;
	if (sim_address_is_any(&socket->local))
		sim_address_route(&socket->local, &socket->remote);
	socket->local.family = (uint16_t)socket->domain;
	rc = sim_net_autobind(socket);
	return rc == -EAGAIN ? -EADDRNOTAVAIL : rc;
}

static int begin_tcp(struct sim_socket *socket, const struct sim_address *target)
{
	struct sim *sim = socket->file.sim;
	int rc = sim_socket_take_error(socket);

	if (rc == 0)
		rc = route(socket, target);
	if (rc < 0)
		return rc;
	socket->state = SIM_SOCKET_CONNECTING;
	socket->shut_read = false;
	socket->shut_write = false;
	socket->handshakes = 0;
	if (sim_happens(sim, SIM_DELAY))
		sim_event_set(sim, &socket->handshake, sim_now(sim) + sim_delay(sim, HANDSHAKE_NS));
	else
		shake_hands(socket);
	if (socket->state == SIM_SOCKET_CONNECTING)
		return -EAGAIN;
	return sim_socket_take_error(socket);
}

static int connect_tcp(struct sim_socket *socket, const struct sim_address *target, bool is_first)
{
	bool is_news = socket->is_untold || !is_first;

	switch (socket->state) {
	case SIM_SOCKET_OPEN:
		return is_first ? begin_tcp(socket, target) : sim_socket_take_error(socket);
	case SIM_SOCKET_CONNECTING:
		return is_first ? -EALREADY : -EAGAIN;
	case SIM_SOCKET_CONNECTED:
		socket->is_untold = false;
		return is_news ? 0 : -EISCONN;
	case SIM_SOCKET_BROKEN:
		return is_first ? -EISCONN : sim_socket_take_error(socket);
	case SIM_SOCKET_LISTENING:
		break;
	}
	return -EISCONN;
}

/* -- Unix -------------------------------------------------------------------------------------- */

static int connect_unix(struct sim_socket *socket, const struct sim_address *target)
{
	struct sim_socket *listener;
	int rc = sim_net_name_find(socket, target, &listener);

	if (rc < 0)
		return rc;
	if (listener->state != SIM_SOCKET_LISTENING || listener->shut_read)
		return -ECONNREFUSED;
	if (is_full(listener)) {
		sim_net_block(socket);
		return -EAGAIN;
	}
	if (socket->state != SIM_SOCKET_OPEN)
		return socket->state == SIM_SOCKET_CONNECTED ? -EISCONN : -EINVAL;
	socket->remote = listener->local;
	meet(socket, listener);
	return 0;
}

int sim_stream_connect(struct sim_socket *socket, const struct sim_address *target, bool is_first)
{
	if (sim_socket_is_tcp(socket))
		return connect_tcp(socket, target, is_first);
	return connect_unix(socket, target);
}

/* connect(2) with AF_UNSPEC: the socket can be used anew. */
int sim_stream_disconnect(struct sim_socket *socket)
{
	struct sim_socket *other = socket->other;

	if (!sim_socket_is_tcp(socket))
		return -EINVAL;
	if (socket->state == SIM_SOCKET_LISTENING)
		sim_stream_abandon(socket);
	sim_event_clear(socket->file.sim, &socket->handshake);
	if (other) {
		socket->other = NULL;
		other->other = NULL;
		sim_wire_send(other, sim_packet_new(other->file.sim, SIM_PACKET_RESET, 0),
			      sim_now(other->file.sim));
	}
	sim_wire_purge(socket);
	memset(&socket->remote, 0, sizeof socket->remote);
	socket->state = SIM_SOCKET_OPEN;
	socket->shut_read = false;
	socket->shut_write = false;
	socket->got_end = false;
	socket->error = 0;
	sim_file_changed(&socket->file);
	return 0;
}

/* -- Accept ------------------------------------------------------------------------------------ */

int sim_stream_accept(struct sim_socket *socket, int flags, struct sim_address *ret_remote)
{
	struct sim *sim = socket->file.sim;
	struct sim_socket *child;
	int fd;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (!sim_socket_is_stream(socket))
		return -EOPNOTSUPP;
	if (socket->state != SIM_SOCKET_LISTENING || (socket->shut_read && !socket->backlog_count))
		return -EINVAL;
	if (list_is_empty(&socket->backlog))
		return -EAGAIN;
	child = list_entry(socket->backlog.next, struct sim_socket, backlog_node);
	fd = sim_fd_install(sim, &child->file);
	if (fd < 0)
		return fd;
	if (flags & SOCK_NONBLOCK)
		child->file.flags |= O_NONBLOCK;
	if (flags & SOCK_CLOEXEC)
		sim_fd_set_flags(sim, fd, FD_CLOEXEC);
	pop_backlog(socket);
	sim_file_drop(&child->file);
	*ret_remote = child->remote;
	sim_net_unblock(socket->net);
	return fd;
}
