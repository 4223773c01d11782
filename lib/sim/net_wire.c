/* SPDX-License-Identifier: MIT */
/*
 * The way from one socket to another. Packets wait in the receiver's `coming` until their time has
 * come and the receiver has room, and then stand in its `queue`.
 *
 * Invariant: due times never fall along `coming`, so that a stream stays in order; the arrival
 * event is set exactly while the first of them is not due yet. Unix sockets have no way: what is
 * sent has arrived.
 */
#include "sim/net.h"

#include <errno.h>
#include <string.h>

#define COST_OF_UNIX_PACKET 576 /* what an skb weighs beyond its bytes */
#define STREAM_BYTES 65536	/* of a TCP buffer that nobody has set */

struct sim_packet *sim_packet_new(struct sim *sim, enum sim_packet_kind kind, size_t bytes)
{
	struct sim_packet *packet = sim_alloc(sim, sizeof *packet + bytes);

	list_init(&packet->node);
	packet->kind = kind;
	packet->bytes = bytes;
	return packet;
}

void sim_packet_free(struct sim_net *net, struct sim_packet *packet)
{
	struct sim_rights *rights = packet->rights;

	check(list_is_empty(&packet->node));
	sim_free(net->sim, packet, sizeof *packet + packet->bytes);
	if (rights)
		sim_rights_free(net, rights);
}

size_t sim_packet_cost(const struct sim_socket *socket, const struct sim_packet *packet)
{
	if (sim_socket_is_tcp(socket))
		return packet->bytes;
	return packet->bytes + COST_OF_UNIX_PACKET;
}

size_t sim_wire_send_limit(const struct sim_socket *socket)
{
	if (sim_socket_is_tcp(socket) && !socket->sets_send_limit)
		return STREAM_BYTES;
	return (size_t)sim_socket_option(socket, SIM_OPTION_SEND_BYTES);
}

/* Half of the option is for bookkeeping, as Linux has it. */
size_t sim_wire_receive_limit(const struct sim_socket *socket)
{
	if (sim_socket_is_tcp(socket) && !socket->sets_receive_limit)
		return STREAM_BYTES;
	if (socket->domain == AF_UNIX)
		return SIZE_MAX;
	return (size_t)sim_socket_option(socket, SIM_OPTION_RECEIVE_BYTES) / 2;
}

size_t sim_wire_owed(const struct sim_socket *socket)
{
	const struct sim_socket *other = socket->other;

	if (!other)
		return 0;
	return other->coming_bytes + (socket->domain == AF_UNIX ? other->queue_bytes : 0);
}

static void enter_queue(struct sim_socket *socket, struct sim_packet *packet)
{
	list_push_back(&socket->queue, &packet->node);
	socket->queue_bytes += sim_packet_cost(socket, packet);
	socket->queue_count++;
}

static void leave_coming(struct sim_socket *socket, struct sim_packet *packet)
{
	list_remove(&packet->node);
	socket->coming_bytes -= sim_packet_cost(socket, packet);
}

void sim_wire_break(struct sim_socket *socket, int error)
{
	struct coil_list *node;

	while ((node = list_pop_front(&socket->coming)))
		sim_packet_free(socket->net, list_entry(node, struct sim_packet, node));
	socket->coming_bytes = 0;
	sim_event_clear(socket->file.sim, &socket->arrival);
	sim_event_clear(socket->file.sim, &socket->handshake);
	if (socket->other)
		socket->other->other = NULL;
	socket->other = NULL;
	socket->error = error;
	socket->state = SIM_SOCKET_BROKEN;
	socket->shut_read = true;
	socket->shut_write = true;
	sim_file_changed(&socket->file);
}

/* Bytes for a TCP socket that has said its end and will not read: both ends are reset. */
static bool is_unwanted(const struct sim_socket *socket)
{
	return sim_socket_is_tcp(socket) && socket->shut_read && socket->shut_write &&
	       !socket->got_end;
}

static void reset_both(struct sim_socket *socket)
{
	struct sim_socket *other = socket->other;

	sim_wire_break(socket, ECONNRESET);
	if (other)
		sim_wire_break(other, other->got_end ? EPIPE : ECONNRESET);
}

/* The first packet on the way is there. */
static void arrive(struct sim_socket *socket, struct sim_packet *packet)
{
	leave_coming(socket, packet);
	switch (packet->kind) {
	case SIM_PACKET_BYTES:
		if (!is_unwanted(socket)) {
			enter_queue(socket, packet);
			return;
		}
		reset_both(socket);
		break;
	case SIM_PACKET_END:
		socket->got_end = true;
		socket->shut_read = true;
		break;
	case SIM_PACKET_RESET:
		sim_wire_break(socket, socket->got_end ? EPIPE : ECONNRESET);
		break;
	}
	sim_packet_free(socket->net, packet);
}

/* A reset behind bytes that the receiver has no room for: nobody will send those again. */
static bool is_reset_due(const struct sim_socket *socket)
{
	const struct sim_packet *last = list_entry(socket->coming.prev, struct sim_packet, node);

	return last->kind == SIM_PACKET_RESET && last->due <= sim_now(socket->file.sim);
}

static bool has_room(const struct sim_socket *socket, const struct sim_packet *packet)
{
	size_t limit = sim_wire_receive_limit(socket);

	if (packet->kind != SIM_PACKET_BYTES || socket->queue_count == 0)
		return true;
	return socket->queue_bytes + sim_packet_cost(socket, packet) <= limit;
}

/* Moves what can be moved. Did anything arrive? */
static bool move_on(struct sim_socket *socket)
{
	struct sim_packet *packet;
	bool moved = false;

	while (!list_is_empty(&socket->coming)) {
		packet = list_entry(socket->coming.next, struct sim_packet, node);
		if (packet->due > sim_now(socket->file.sim)) {
			if (!sim_event_is_set(&socket->arrival))
				sim_event_set(socket->file.sim, &socket->arrival, packet->due);
			return moved;
		}
		if (!has_room(socket, packet) && is_reset_due(socket)) {
			sim_wire_break(socket, ECONNRESET);
			return true;
		}
		if (!has_room(socket, packet))
			return moved;
		arrive(socket, packet);
		moved = true;
	}
	return moved;
}

void sim_wire_pump(struct sim_socket *socket)
{
	struct sim_socket *other = socket->other;

	if (move_on(socket))
		sim_file_changed(&socket->file);
	if (other)
		sim_file_changed(&other->file);
}

static void on_arrival(struct sim *sim, struct sim_event *event)
{
	(void)sim;
	sim_wire_pump(container_of(event, struct sim_socket, arrival));
}

void sim_wire_init(struct sim_socket *socket)
{
	list_init(&socket->coming);
	list_init(&socket->queue);
	sim_event_init(&socket->arrival, on_arrival);
}

void sim_wire_send(struct sim_socket *to, struct sim_packet *packet, int64_t due)
{
	const struct sim_packet *last;

	packet->due = due;
	if (!list_is_empty(&to->coming)) {
		last = list_entry(to->coming.prev, struct sim_packet, node);
		packet->due = last->due > due ? last->due : due;
	}
	list_push_back(&to->coming, &packet->node);
	to->coming_bytes += sim_packet_cost(to, packet);
	if (move_on(to))
		sim_file_changed(&to->file);
}

void sim_wire_take(struct sim_socket *socket, struct sim_packet *packet)
{
	list_remove(&packet->node);
	socket->queue_bytes -= sim_packet_cost(socket, packet);
	socket->queue_count--;
	sim_packet_free(socket->net, packet);
}

static void purge_list(struct sim_net *net, struct coil_list *packets)
{
	struct coil_list *node;

	while ((node = list_pop_front(packets)))
		sim_packet_free(net, list_entry(node, struct sim_packet, node));
}

void sim_wire_purge(struct sim_socket *socket)
{
	sim_event_clear(socket->file.sim, &socket->arrival);
	purge_list(socket->net, &socket->coming);
	purge_list(socket->net, &socket->queue);
	socket->coming_bytes = 0;
	socket->queue_bytes = 0;
	socket->queue_count = 0;
}
