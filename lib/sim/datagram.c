/* SPDX-License-Identifier: MIT */
/*
 * UDP and unix datagrams. A UDP datagram may be lost, come twice or come late, by the seed, and is
 * dropped where the receiver's queue is full; a unix datagram never is: its sender waits.
 *
 * Invariant: a late datagram belongs to the network, not to a socket: it finds its receiver when
 * its time has come.
 */
#include "sim/net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define LATE_NS 50000000
#define UNIX_QUEUE_MAX 10	/* net.unix.max_dgram_qlen */
#define UNIX_HEAD 32

/* A datagram on its way. */
struct late {
	struct coil_list node;		/* in net->late */
	struct sim_event event;
	struct sim_net *net;
	struct sim_address to;
	int domain;			/* of the sender, and its type: to find a receiver */
	int type;
	struct sim_packet *packet;
};

/* -- UDP --------------------------------------------------------------------------------------- */

/* To a receiver that has room. False: there is no receiver. */
static bool deliver(struct sim_socket *from, const struct sim_address *to,
		    struct sim_packet *packet)
{
	struct sim_socket *receiver = sim_net_find(from, to);

	if (!receiver || receiver->queue_bytes + receiver->coming_bytes >=
				 sim_wire_receive_limit(receiver))
		sim_packet_free(from->net, packet);
	else
		sim_wire_send(receiver, packet, sim_now(from->file.sim));
	return receiver != NULL;
}

/* The one who sent it may be gone: whatever looks like it finds the receiver. */
static void on_late(struct sim *sim, struct sim_event *event)
{
	struct late *late = container_of(event, struct late, event);
	struct sim_socket from = {
		.net = late->net,
		.domain = late->domain,
		.type = late->type,
		.local = late->packet->from,
		.file.sim = sim,
	};

	list_remove(&late->node);
	deliver(&from, &late->to, late->packet);
	sim_free(sim, late, sizeof *late);
}

static void send_late(struct sim_socket *from, const struct sim_address *to,
		      struct sim_packet *packet)
{
	struct sim *sim = from->file.sim;
	struct late *late = sim_alloc(sim, sizeof *late);

	late->net = from->net;
	late->to = *to;
	late->domain = from->domain;
	late->type = from->type;
	late->packet = packet;
	list_init(&late->node);
	list_push_back(&from->net->late, &late->node);
	sim_event_init(&late->event, on_late);
	sim_event_set(sim, &late->event, sim_now(sim) + sim_delay(sim, LATE_NS));
}

void sim_datagram_forget_all(struct sim_net *net)
{
	struct coil_list *node;

	while ((node = list_pop_front(&net->late))) {
		struct late *late = list_entry(node, struct late, node);

		sim_event_clear(net->sim, &late->event);
		sim_packet_free(net, late->packet);
		sim_free(net->sim, late, sizeof *late);
	}
}

static struct sim_packet *packet_of(struct sim_socket *socket, const struct sim_message *message)
{
	struct sim_packet *packet =
		sim_packet_new(socket->file.sim, SIM_PACKET_BYTES, message->io.bytes);

	sim_io_drain(&message->io, 0, packet->data, message->io.bytes);
	packet->from = socket->local;
	return packet;
}

/* One copy, at once or late. A connected sender is told when nobody is there. */
static void send_copy(struct sim_socket *socket, const struct sim_address *to,
		      const struct sim_message *message)
{
	struct sim_packet *packet = packet_of(socket, message);

	if (sim_happens(socket->file.sim, SIM_DATAGRAM_LATE)) {
		send_late(socket, to, packet);
		return;
	}
	if (!deliver(socket, to, packet) && socket->state == SIM_SOCKET_CONNECTED) {
		socket->error = ECONNREFUSED;
		sim_file_changed(&socket->file);
	}
}

/* Where it goes, and from where: as udp(7). */
static int route(struct sim_socket *socket, const struct sim_message *message,
		 struct sim_address *to)
{
	if (message->address.family == AF_UNSPEC && socket->state != SIM_SOCKET_CONNECTED)
		return -EDESTADDRREQ;
	*to = message->address.family == AF_UNSPEC ? socket->remote : message->address;
	if (to->port == 0)
		return -EINVAL;
	if (sim_address_is_any(to)) {
		to->ip[15] = 1;
		if (sim_address_is_v4(to))
			to->ip[12] = 127;
	}
	if (!sim_address_is_local(to) ||
	    (socket->domain == AF_INET6 && sim_address_is_v4(to) &&
	     sim_socket_option(socket, SIM_OPTION_ONLY_V6)))
		return -ENETUNREACH;
	return sim_net_autobind(socket);
}

static int64_t send_udp(struct sim_socket *socket, struct sim_message *message)
{
	struct sim *sim = socket->file.sim;
	struct sim_address bound;
	struct sim_address to;
	int rc;

	if (message->io.bytes > UINT16_MAX)
		return -EMSGSIZE;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	rc = route(socket, message, &to);
	if (rc < 0)
		return rc;
	rc = sim_socket_take_error(socket);
	if (rc < 0)
		return rc;
	if (socket->shut_write)
		return -EPIPE;
	if (message->io.bytes > SIM_UDP_BYTES_MAX)
		return -EMSGSIZE;
	if (sim_happens(sim, SIM_DATAGRAM_LOST))
		return (int64_t)message->io.bytes;
	/* What the receiver is told of a socket that is bound to any address is the route's. */
	bound = socket->local;
	if (sim_address_is_any(&bound))
		sim_address_route(&socket->local, &to);
	send_copy(socket, &to, message);
	if (sim_happens(sim, SIM_DATAGRAM_TWICE))
		send_copy(socket, &to, message);
	socket->local = bound;
	return (int64_t)message->io.bytes;
}

/* -- Unix -------------------------------------------------------------------------------------- */

static struct sim_socket *find_peer(struct sim_socket *socket)
{
	if (socket->other)
		return socket->other;
	return sim_net_find_id(socket->net, socket->peer_key, socket->peer);
}

/* One that is connected hears its peer alone. */
static bool is_heard(const struct sim_socket *socket, const struct sim_socket *by)
{
	return by->state != SIM_SOCKET_CONNECTED || by->other == socket ||
	       by->peer == socket->file.id;
}

/*
 * That its peer is gone is told once; then it is not connected any more, and what has come and was
 * not read is lost.
 */
static int find_unix(struct sim_socket *socket, const struct sim_message *message,
		     struct sim_socket **ret_to)
{
	int rc;

	if (message->address.family != AF_UNSPEC) {
		rc = sim_net_name_find(socket, &message->address, ret_to);
		if (rc < 0)
			return rc;
		return is_heard(socket, *ret_to) ? 0 : -EPERM;
	}
	if (socket->state != SIM_SOCKET_CONNECTED)
		return -ENOTCONN;
	*ret_to = find_peer(socket);
	if (!*ret_to) {
		sim_datagram_disconnect(socket);
		sim_wire_purge(socket);
		return -ECONNREFUSED;
	}
	return is_heard(socket, *ret_to) ? 0 : -EPERM;
}

/* A pair is held up by what the sender owes, others by the receiver's queue. */
static bool is_unix_full(const struct sim_socket *socket, const struct sim_socket *to)
{
	if (to->other == socket)
		return to->queue_bytes >= sim_wire_send_limit(socket);
	return to->queue_count > UNIX_QUEUE_MAX;
}

static int64_t send_unix(struct sim_socket *socket, struct sim_message *message)
{
	struct sim_packet *packet;
	struct sim_socket *to;
	int rc;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (message->io.bytes > sim_wire_send_limit(socket) - UNIX_HEAD)
		return -EMSGSIZE;
	rc = sim_socket_take_error(socket);
	if (rc == 0)
		rc = socket->shut_write ? -EPIPE : find_unix(socket, message, &to);
	if (rc < 0)
		return rc;
	if (to->shut_read)
		return -EPIPE;
	if (is_unix_full(socket, to)) {
		sim_net_block(socket);
		return -EAGAIN;
	}
	packet = packet_of(socket, message);
	packet->rights = message->rights;
	message->rights = NULL;
	sim_wire_send(to, packet, sim_now(socket->file.sim));
	return (int64_t)message->io.bytes;
}

int64_t sim_datagram_send(struct sim_socket *socket, struct sim_message *message)
{
	return socket->domain == AF_UNIX ? send_unix(socket, message) : send_udp(socket, message);
}

/* -- Receiving --------------------------------------------------------------------------------- */

static void tell_rights(struct sim_socket *socket, struct sim_packet *packet,
			struct sim_message *message)
{
	if (!packet->rights)
		return;
	if (message->flags & MSG_PEEK) {
		message->rights = sim_rights_copy(socket->net, packet->rights);
		return;
	}
	message->rights = packet->rights;
	packet->rights = NULL;
}

int64_t sim_datagram_receive(struct sim_socket *socket, struct sim_message *message)
{
	size_t bytes = message->io.bytes - message->done;
	struct sim_packet *packet;
	size_t all;
	int rc = sim_socket_take_error(socket);

	if (rc < 0)
		return rc;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	/* The end is told to who waits alone. */
	if (list_is_empty(&socket->queue))
		return socket->shut_read && !(message->flags & MSG_DONTWAIT) ? 0 : -EAGAIN;
	packet = list_entry(socket->queue.next, struct sim_packet, node);
	all = packet->bytes;
	if (all < bytes)
		bytes = all;
	else if (bytes < all)
		message->flags_out |= MSG_TRUNC;
	sim_io_fill(&message->io, message->done, packet->data, bytes);
	message->address = packet->from;
	tell_rights(socket, packet, message);
	if (!(message->flags & MSG_PEEK)) {
		sim_wire_take(socket, packet);
		sim_net_unblock(socket->net);
		sim_wire_pump(socket);
	}
	return (int64_t)(message->flags & MSG_TRUNC ? all : bytes);
}

/* -- Connect and poll -------------------------------------------------------------------------- */

static int connect_udp(struct sim_socket *socket, const struct sim_address *target)
{
	const struct sim_message message = {.address = *target};
	struct sim_address to;
	int rc;

	if (target->port == 0) {
		rc = sim_address_is_any(target) || sim_address_is_local(target) ? 0 : -ENETUNREACH;
		to = *target;
	} else {
		rc = route(socket, &message, &to);
	}
	if (rc < 0)
		return rc;
	if (sim_address_is_any(&socket->local))
		sim_address_route(&socket->local, &to);
	rc = sim_net_autobind(socket);
	if (rc < 0)
		return rc;
	socket->remote = to;
	socket->state = SIM_SOCKET_CONNECTED;
	return 0;
}

static int connect_unix(struct sim_socket *socket, const struct sim_address *target)
{
	struct sim_socket *found;
	int rc = sim_net_name_find(socket, target, &found);

	if (rc < 0)
		return rc;
	if (!is_heard(socket, found))
		return -EPERM;
	sim_datagram_disconnect(socket);
	socket->remote = found->local;
	socket->peer = found->file.id;
	socket->peer_key = found->name_key;
	socket->state = SIM_SOCKET_CONNECTED;
	return 0;
}

int sim_datagram_connect(struct sim_socket *socket, const struct sim_address *target)
{
	return socket->domain == AF_UNIX ? connect_unix(socket, target)
					 : connect_udp(socket, target);
}

int sim_datagram_disconnect(struct sim_socket *socket)
{
	if (socket->other)
		socket->other->other = NULL;
	socket->other = NULL;
	socket->peer = 0;
	memset(&socket->remote, 0, sizeof socket->remote);
	socket->state = SIM_SOCKET_OPEN;
	return 0;
}

unsigned sim_datagram_poll(struct sim_socket *socket)
{
	unsigned events = 0;

	if (socket->error)
		events |= POLLERR;
	if (socket->shut_read)
		events |= POLLIN | POLLRDHUP;
	if (socket->shut_read && socket->shut_write)
		events |= POLLHUP;
	if (!list_is_empty(&socket->queue))
		events |= POLLIN;
	if (!socket->other || !is_unix_full(socket, socket->other))
		events |= POLLOUT;
	return events;
}
