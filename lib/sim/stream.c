/* SPDX-License-Identifier: MIT */
/*
 * TCP, unix streams and unix sequenced packets, once they are connected: bytes and records, half
 * close, reset.
 *
 * Invariant: what a send has taken is in the other socket, or the connection is broken. A unix
 * socket sees its peer's end at once, a TCP socket when the packet that says so arrives.
 */
#include "sim/net.h"

#include <errno.h>
#include <poll.h>

#define PACKET_BYTES 16384	/* what goes in one piece where nothing cuts it */
#define PIECES_MAX 8
#define PIECE_NS 20000000	/* until a piece arrives, at the most, after the one before */
#define UNIX_HEAD 64		/* of a unix packet, within half of the limit */

bool sim_stream_is_over(const struct sim_socket *socket)
{
	if (socket->state == SIM_SOCKET_BROKEN)
		return true;
	return sim_socket_is_tcp(socket) && socket->state == SIM_SOCKET_CONNECTED &&
	       socket->got_end && socket->shut_write;
}

/* Somebody between the two resets the connection: both see it. */
static void reset_by_seed(struct sim_socket *socket)
{
	struct sim_socket *other = socket->other;

	if (!sim_socket_is_tcp(socket) || !other || !sim_happens(socket->file.sim, SIM_RESET))
		return;
	sim_wire_break(socket, ECONNRESET);
	sim_wire_break(other, ECONNRESET);
}

/* -- Sending ----------------------------------------------------------------------------------- */

static int refuse_tcp(struct sim_socket *socket, const struct sim_message *message)
{
	int rc = sim_socket_take_error(socket);

	if (rc < 0)
		return rc;
	if (socket->state == SIM_SOCKET_CONNECTING)
		return -EAGAIN;
	if (socket->state != SIM_SOCKET_CONNECTED || socket->shut_write)
		return -EPIPE;
	return message->flags & MSG_OOB ? -EINVAL : 0;
}

static int refuse_unix(struct sim_socket *socket, const struct sim_message *message)
{
	bool connected = socket->state == SIM_SOCKET_CONNECTED;
	int rc;

	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (socket->type == SOCK_SEQPACKET) {
		rc = sim_socket_take_error(socket);
		if (rc < 0)
			return rc;
	} else if (message->address.family != AF_UNSPEC) {
		return connected ? -EISCONN : -EOPNOTSUPP;
	}
	if (!connected)
		return -ENOTCONN;
	return socket->shut_write || !socket->other ? -EPIPE : 0;
}

static struct sim_packet *packet_of(struct sim_socket *socket, struct sim_message *message,
				    size_t moved, size_t bytes)
{
	struct sim_packet *packet = sim_packet_new(socket->file.sim, SIM_PACKET_BYTES, bytes);

	sim_io_drain(&message->io, message->done + moved, packet->data, bytes);
	packet->rights = message->rights;
	message->rights = NULL;
	return packet;
}

/* The peer's socket is gone: it answers what comes with a reset. */
static void answer_reset(struct sim_socket *socket)
{
	struct sim_packet *packet = sim_packet_new(socket->file.sim, SIM_PACKET_RESET, 0);

	sim_wire_send(socket, packet, sim_now(socket->file.sim));
}

static void send_pieces(struct sim_socket *socket, struct sim_message *message, size_t bytes)
{
	struct sim *sim = socket->file.sim;
	bool cut = sim_happens(sim, SIM_SEGMENT);
	int64_t due = sim_now(sim);
	size_t moved = 0;

	for (unsigned pieces = 1; moved < bytes && socket->other; pieces++) {
		size_t left = bytes - moved;
		size_t piece = left < PACKET_BYTES ? left : PACKET_BYTES;

		if (cut) {
			due += sim_delay(sim, PIECE_NS);
			if (pieces < PIECES_MAX)
				piece = 1 + sim_pick(sim, (uint32_t)piece);
		}
		sim_wire_send(socket->other, packet_of(socket, message, moved, piece), due);
		moved += piece;
	}
}

static int64_t send_tcp(struct sim_socket *socket, struct sim_message *message, size_t bytes)
{
	size_t limit = sim_wire_send_limit(socket);
	size_t owed = sim_wire_owed(socket);

	if (bytes == 0)
		return 0;
	if (!socket->other) {
		answer_reset(socket);
		return (int64_t)bytes;
	}
	if (owed >= limit)
		return -EAGAIN;
	if (bytes > limit - owed)
		bytes = limit - owed;
	send_pieces(socket, message, bytes);
	return (int64_t)bytes;
}

static int64_t send_unix(struct sim_socket *socket, struct sim_message *message, size_t bytes)
{
	size_t limit = sim_wire_send_limit(socket);
	size_t piece_max = limit / 2 > UNIX_HEAD ? limit / 2 - UNIX_HEAD : 1;
	size_t moved = 0;

	while (moved < bytes && sim_wire_owed(socket) < limit) {
		size_t left = bytes - moved;
		size_t piece = left < piece_max ? left : piece_max;

		sim_wire_send(socket->other, packet_of(socket, message, moved, piece),
			      sim_now(socket->file.sim));
		moved += piece;
	}
	return moved || bytes == 0 ? (int64_t)moved : -EAGAIN;
}

static int64_t send_record(struct sim_socket *socket, struct sim_message *message)
{
	size_t bytes = message->io.bytes;
	size_t limit = sim_wire_send_limit(socket);

	if (bytes > limit - 32)
		return -EMSGSIZE;
	if (sim_wire_owed(socket) >= limit)
		return -EAGAIN;
	sim_wire_send(socket->other, packet_of(socket, message, 0, bytes),
		      sim_now(socket->file.sim));
	return (int64_t)bytes;
}

int64_t sim_stream_send(struct sim_socket *socket, struct sim_message *message)
{
	size_t bytes = message->io.bytes - message->done;
	int rc;

	reset_by_seed(socket);
	rc = sim_socket_is_tcp(socket) ? refuse_tcp(socket, message) : refuse_unix(socket, message);
	if (rc < 0)
		return rc;
	if (socket->type == SOCK_SEQPACKET)
		return send_record(socket, message);
	if (bytes > 1 && !(message->flags & MSG_WAITALL) &&
	    sim_happens(socket->file.sim, SIM_SHORT_WRITE))
		bytes = 1 + sim_pick(socket->file.sim, (uint32_t)(bytes - 1));
	return sim_socket_is_tcp(socket) ? send_tcp(socket, message, bytes)
					 : send_unix(socket, message, bytes);
}

/* -- Receiving --------------------------------------------------------------------------------- */

/* There is nothing to read: what then? */
static int64_t receive_nothing(struct sim_socket *socket)
{
	int rc;

	if (sim_socket_is_tcp(socket) && socket->got_end)
		return 0;
	rc = sim_socket_take_error(socket);
	if (rc < 0)
		return rc;
	if (socket->shut_read)
		return 0;
	if (sim_socket_is_tcp(socket) && socket->state == SIM_SOCKET_OPEN)
		return -ENOTCONN;
	return -EAGAIN;
}

static int refuse_receive(const struct sim_socket *socket, int flags)
{
	if (sim_socket_is_tcp(socket)) {
		if (socket->state == SIM_SOCKET_LISTENING)
			return -ENOTCONN;
		return flags & MSG_OOB ? -EINVAL : 0;
	}
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (socket->state == SIM_SOCKET_CONNECTED)
		return 0;
	return socket->type == SOCK_SEQPACKET ? -ENOTCONN : -EINVAL;
}

static void tell_rights(struct sim_socket *socket, struct sim_packet *packet,
			struct sim_message *message)
{
	if (message->flags & MSG_PEEK) {
		message->rights = sim_rights_copy(socket->net, packet->rights);
		return;
	}
	message->rights = packet->rights;
	packet->rights = NULL;
}

/* Bytes of @packet, from behind those that were taken; ends it where it is used up. */
static size_t take_from(struct sim_socket *socket, struct sim_packet *packet,
			struct sim_message *message, size_t moved)
{
	size_t left = message->io.bytes - message->done - moved;
	size_t bytes = packet->bytes - packet->taken;

	if (bytes > left)
		bytes = left;
	/* TCP counts what it is told to throw away. */
	if (!(message->flags & MSG_TRUNC) || !sim_socket_is_tcp(socket))
		sim_io_fill(&message->io, message->done + moved, packet->data + packet->taken,
			    bytes);
	if (!(message->flags & MSG_PEEK))
		packet->taken += bytes;
	return bytes;
}

static int64_t receive_bytes(struct sim_socket *socket, struct sim_message *message)
{
	size_t want = message->io.bytes - message->done;
	struct coil_list *node = socket->queue.next;
	size_t moved = 0;

	while (node != &socket->queue && moved < want && !message->rights) {
		struct sim_packet *packet = list_entry(node, struct sim_packet, node);

		node = node->next;
		moved += take_from(socket, packet, message, moved);
		if (packet->rights)
			tell_rights(socket, packet, message);
		if (packet->taken == packet->bytes)
			sim_wire_take(socket, packet);
	}
	if (moved && !(message->flags & MSG_PEEK))
		sim_wire_pump(socket);
	return (int64_t)moved;
}

static int64_t receive_record(struct sim_socket *socket, struct sim_message *message)
{
	struct sim_packet *packet = list_entry(socket->queue.next, struct sim_packet, node);
	size_t all = packet->bytes;
	size_t bytes = take_from(socket, packet, message, 0);

	if (bytes < all)
		message->flags_out |= MSG_TRUNC;
	if (packet->rights)
		tell_rights(socket, packet, message);
	if (!(message->flags & MSG_PEEK)) {
		sim_wire_take(socket, packet);
		sim_wire_pump(socket);
	}
	return (int64_t)(message->flags & MSG_TRUNC ? all : bytes);
}

int64_t sim_stream_receive(struct sim_socket *socket, struct sim_message *message)
{
	size_t whole = message->io.bytes;
	size_t left = whole - message->done;
	int64_t rc;

	reset_by_seed(socket);
	rc = refuse_receive(socket, message->flags);
	if (rc < 0)
		return rc;
	if (socket->domain == AF_UNIX)
		message->address = socket->remote;
	/* Of records an error comes before those that are there, of bytes behind them. */
	if (list_is_empty(&socket->queue) || (socket->type == SOCK_SEQPACKET && socket->error))
		return receive_nothing(socket);
	if (socket->type == SOCK_SEQPACKET)
		return receive_record(socket, message);
	if (left > 1 && !(message->flags & MSG_WAITALL) &&
	    sim_happens(socket->file.sim, SIM_SHORT_READ))
		message->io.bytes = message->done + 1 + sim_pick(socket->file.sim,
								 (uint32_t)(left - 1));
	rc = receive_bytes(socket, message);
	message->io.bytes = whole;
	/* A unix socket that looks for the rest meets the error, and forgets it over the bytes. */
	if (socket->domain == AF_UNIX && (message->flags & MSG_WAITALL) && rc < (int64_t)left &&
	    list_is_empty(&socket->queue))
		sim_socket_take_error(socket);
	return rc;
}

/* -- The end ----------------------------------------------------------------------------------- */

static void send_word(struct sim_socket *to, enum sim_packet_kind kind)
{
	sim_wire_send(to, sim_packet_new(to->file.sim, kind, 0), sim_now(to->file.sim));
}

static void shut_unix(struct sim_socket *socket, bool reading, bool writing)
{
	socket->shut_read |= reading;
	socket->shut_write |= writing;
	sim_file_changed(&socket->file);
	if (!socket->other)
		return;
	socket->other->shut_read |= writing;
	socket->other->shut_write |= reading;
	sim_file_changed(&socket->other->file);
}

static int shut_tcp(struct sim_socket *socket, bool reading, bool writing)
{
	bool says_end = writing && !socket->shut_write && socket->other;
	bool over = sim_stream_is_over(socket) || socket->state == SIM_SOCKET_OPEN;

	socket->shut_read |= reading;
	socket->shut_write |= writing;
	if (says_end) {
		socket->ended_first = !socket->got_end;
		send_word(socket->other, SIM_PACKET_END);
	}
	sim_file_changed(&socket->file);
	return over ? -ENOTCONN : 0;
}

int sim_stream_shutdown(struct sim_socket *socket, bool reading, bool writing)
{
	if (!sim_socket_is_tcp(socket)) {
		shut_unix(socket, reading, writing);
		return 0;
	}
	switch (socket->state) {
	case SIM_SOCKET_LISTENING:
		if (reading) {
			sim_stream_abandon(socket);
			socket->state = SIM_SOCKET_OPEN;
			sim_file_changed(&socket->file);
		}
		return 0;
	case SIM_SOCKET_CONNECTING:
		sim_stream_disconnect(socket);
		socket->error = ECONNRESET;
		return 0;
	case SIM_SOCKET_OPEN:
	case SIM_SOCKET_CONNECTED:
	case SIM_SOCKET_BROKEN:
		break;
	}
	return shut_tcp(socket, reading, writing);
}

static bool is_abortive(const struct sim_socket *socket)
{
	if (socket->linger.l_onoff && socket->linger.l_linger == 0)
		return true;
	return !list_is_empty(&socket->queue) || socket->coming_bytes > 0;
}

static void leave_tcp(struct sim_socket *socket, struct sim_socket *other)
{
	if (sim_stream_is_over(socket))
		return;
	if (is_abortive(socket)) {
		send_word(other, SIM_PACKET_RESET);
		return;
	}
	if (!socket->shut_write) {
		socket->ended_first = !socket->got_end;
		send_word(other, SIM_PACKET_END);
	}
}

/* Records without bytes do not count. */
static bool has_unread(const struct sim_socket *socket)
{
	struct coil_list *node;

	list_for_each(node, &socket->queue)
		if (list_entry(node, struct sim_packet, node)->bytes > 0)
			return true;
	return false;
}

static void leave_unix(struct sim_socket *socket, struct sim_socket *other)
{
	other->shut_read = true;
	other->shut_write = true;
	if (has_unread(socket))
		other->error = ECONNRESET;
}

void sim_stream_release(struct sim_socket *socket)
{
	struct sim_socket *other = socket->other;

	sim_stream_abandon(socket);
	sim_event_clear(socket->file.sim, &socket->handshake);
	socket->other = NULL;
	if (other) {
		other->other = NULL;
		if (sim_socket_is_tcp(socket))
			leave_tcp(socket, other);
		else
			leave_unix(socket, other);
		sim_file_changed(&other->file);
	}
	if (socket->ended_first && socket->state == SIM_SOCKET_CONNECTED)
		sim_net_port_rest(socket);
}

/* -- Poll -------------------------------------------------------------------------------------- */

bool sim_stream_writable(const struct sim_socket *socket)
{
	size_t limit = sim_wire_send_limit(socket);
	size_t owed = sim_wire_owed(socket);

	if (socket->domain == AF_UNIX)
		return socket->state != SIM_SOCKET_LISTENING && owed <= limit / 4;
	return socket->shut_write || owed <= limit - limit / 3;
}

unsigned sim_stream_poll(struct sim_socket *socket)
{
	bool tcp = sim_socket_is_tcp(socket);
	unsigned events = 0;

	if (socket->state == SIM_SOCKET_LISTENING && tcp)
		return list_is_empty(&socket->backlog) ? 0 : POLLIN;
	if (socket->error)
		events |= POLLERR;
	if ((socket->shut_read && socket->shut_write) || sim_stream_is_over(socket) ||
	    socket->state == SIM_SOCKET_OPEN)
		events |= POLLHUP;
	if (socket->shut_read)
		events |= POLLIN | POLLRDHUP;
	if (!list_is_empty(&socket->queue) || !list_is_empty(&socket->backlog))
		events |= POLLIN;
	if (socket->state != SIM_SOCKET_CONNECTING && sim_stream_writable(socket))
		events |= POLLOUT;
	return events;
}
