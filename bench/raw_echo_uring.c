/* SPDX-License-Identifier: MIT */
/*
 * raw_echo_uring - the best echo server that liburing allows.
 *
 * One enter a turn submits what the turn has staged and waits. Two ways to
 * receive: one-shot with POLL_FIRST into the connection's own buffer, or
 * multishot with a ring of provided buffers. Two ways to send:
 *
 *   plain: each send has its CQE: with one connection, a second enter a request.
 *   skip:  MSG_DONTWAIT|MSG_WAITALL and CQE_SKIP_SUCCESS. Such a send is over
 *          when the enter that has submitted it returns: it has sent all in
 *          silence, or it has posted a CQE with what it did send, ahead of
 *          every CQE of the task work of that enter. So its buffer is free one
 *          turn later without a CQE, and only the rest goes the plain way.
 *
 * Invariants: one send in flight for a connection, silent ones included; its
 * slot is closed when no receive is armed and nothing waits to be sent; a buffer
 * goes back only after its send; a turn ends when all staged SQEs are consumed.
 */
#include "raw_echo.h"
#include "raw_ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_GROUP	0
#define NO_BUFFER	0xffffffffu
#define SILENT_BYTES	16384	/* one-shot: above this one buffer is the cheaper way */
#define CQ_ENTRIES	4096
#define ACCEPT_PAUSE_NS	50000000

enum op { OP_ACCEPT, OP_RECV, OP_SEND, OP_CLOSE, OP_STOP, OP_PAUSE };
#define OP_BITS		3
#define OP_MASK		7u

/* One client: a receive that may be armed, a send, and what waits for it. */
struct connection {
	char *send_at;		/* the send under way, or the turn's silent one: */
	uint32_t send_bytes;
	uint32_t send_buffer;	/* its provided buffer, if any */
	uint32_t queue_head;	/* multishot: buffers received, not yet sent */
	uint32_t queue_tail;
	uint32_t held_bytes;	/* one-shot: received into the half, not yet sent */
	uint32_t silent_turn;	/* the turn of its last silent send */
	bool is_open;
	bool is_armed;		/* a receive is owed */
	bool is_sending;	/* a send's CQE is owed */
	bool is_ending;		/* nothing more will be received */
	bool is_again;		/* on the list for the next turn */
	bool has_more;		/* the last receive did not drain the socket */
	uint8_t half;		/* one-shot: where the receive writes */
};

struct buffer {
	uint32_t next;
	uint32_t bytes;
	bool is_kept;		/* its silent send fell short: not free yet */
};

struct list {
	uint32_t *items;
	unsigned int count;
};

struct server {
	struct raw_ring ring;
	struct io_uring_buf_ring *buffer_ring;
	struct buffer *buffers;
	unsigned int buffers_free;	/* the kernel has them, or gets them next */
	unsigned int buffers_given;	/* of those: added, not yet advanced */
	struct connection *connections;
	unsigned int connections_max;
	struct list again, again_before;	/* connections to pump next turn */
	struct list silent, silent_before;	/* buffers of silent sends */
	struct list starved;		/* connections whose receive found no buffer */
	char *memory;
	size_t stride_bytes;
	uint32_t turn;
	int listen_fd;
	int stop_fd;
	uint64_t stop_value;
	bool is_stopping;
	struct raw_echo_options options;
	struct raw_echo_stats stats;
};

static void fail(const char *what, int rc)
{
	fprintf(stderr, "raw_echo_uring: %s: %s\n", what, strerror(-rc));
	exit(EXIT_FAILURE);
}

static void list_push(struct list *list, uint32_t item)
{
	list->items[list->count++] = item;
}

static void list_swap(struct list *a, struct list *b)
{
	struct list was = *a;

	*a = *b;
	*b = was;
}

static struct io_uring_sqe *sqe_get(struct server *server)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&server->ring.uring);

	while (!sqe) {
		int rc = raw_ring_submit(&server->ring);

		if (rc < 0 && rc != -EINTR && rc != -EAGAIN)
			fail("io_uring_enter", rc);
		sqe = io_uring_get_sqe(&server->ring.uring);
	}
	return sqe;
}

static void sqe_name(struct io_uring_sqe *sqe, enum op op, uint32_t index)
{
	sqe->user_data = (uint64_t)index << OP_BITS | op;
}

/* The same for operations on a connection. */
static void sqe_name_on(struct server *server, struct io_uring_sqe *sqe, enum op op,
			uint32_t index)
{
	if (server->options.direct)
		sqe->flags |= IOSQE_FIXED_FILE;
	sqe_name(sqe, op, index);
}

static char *half_at(struct server *server, uint32_t index, unsigned int half)
{
	return server->memory + ((size_t)index * 2 + half) * server->stride_bytes;
}

static void buffer_give(struct server *server, uint32_t id)
{
	unsigned int count = server->options.buffers;

	io_uring_buf_ring_add(server->buffer_ring,
			      server->memory + id * server->stride_bytes,
			      (unsigned int)server->options.size_bytes, (unsigned short)id,
			      (int)(count - 1), (int)server->buffers_given++);
	server->buffers_free++;
}

static void arm_accept(struct server *server)
{
	struct io_uring_sqe *sqe = sqe_get(server);

	if (server->options.direct)
		io_uring_prep_multishot_accept_direct(sqe, server->listen_fd, NULL, NULL, 0);
	else
		io_uring_prep_multishot_accept(sqe, server->listen_fd, NULL, NULL,
					       SOCK_CLOEXEC);
	sqe_name(sqe, OP_ACCEPT, 0);
}

static void arm_recv(struct server *server, uint32_t index)
{
	struct connection *connection = &server->connections[index];
	struct io_uring_sqe *sqe = sqe_get(server);

	if (server->options.mode == RAW_ECHO_MULTISHOT) {
		io_uring_prep_recv_multishot(sqe, (int)index, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = BUFFER_GROUP;
		/* No POLL_FIRST: see README.md, "The lost end". */
	} else {
		io_uring_prep_recv(sqe, (int)index, half_at(server, index, connection->half),
				   server->options.size_bytes, 0);
	}
	if (!connection->has_more && server->options.mode == RAW_ECHO_ONESHOT)
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	connection->is_armed = true;
	sqe_name_on(server, sqe, OP_RECV, index);
}

/* Silent if allowed; the fields of the send must be set. */
static void send_start(struct server *server, uint32_t index, bool may_be_silent)
{
	struct connection *connection = &server->connections[index];
	struct io_uring_sqe *sqe = sqe_get(server);
	int flags = MSG_NOSIGNAL | MSG_WAITALL;

	if (may_be_silent)
		flags |= MSG_DONTWAIT;
	io_uring_prep_send(sqe, (int)index, connection->send_at, connection->send_bytes, flags);
	sqe_name_on(server, sqe, OP_SEND, index);

	if (!may_be_silent) {
		connection->is_sending = true;
		return;
	}
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	connection->silent_turn = server->turn;
	if (connection->send_buffer != NO_BUFFER)
		list_push(&server->silent, connection->send_buffer);
}

static bool may_be_silent(const struct server *server, uint32_t bytes)
{
	return server->options.send == RAW_ECHO_SEND_SKIP && bytes <= SILENT_BYTES;
}

static void send_queued(struct server *server, uint32_t index)
{
	struct connection *connection = &server->connections[index];
	uint32_t id = connection->queue_head;
	struct buffer *buffer = &server->buffers[id];

	connection->queue_head = buffer->next;
	connection->send_at = server->memory + id * server->stride_bytes;
	connection->send_bytes = buffer->bytes;
	connection->send_buffer = id;
	send_start(server, index, may_be_silent(server, buffer->bytes));
}

static void send_held(struct server *server, uint32_t index)
{
	struct connection *connection = &server->connections[index];
	bool silent = may_be_silent(server, connection->held_bytes);

	connection->send_at = half_at(server, index, connection->half);
	connection->send_bytes = connection->held_bytes;
	connection->held_bytes = 0;
	send_start(server, index, silent);
	if (!silent)
		return;

	/* Should it fall short, the rest is safe: we go on in the other half. */
	connection->half ^= 1;
	if (!connection->is_ending)
		arm_recv(server, index);
}

static void connection_close(struct server *server, uint32_t index)
{
	struct io_uring_sqe *sqe = sqe_get(server);

	if (server->options.direct)
		io_uring_prep_close_direct(sqe, index);
	else
		io_uring_prep_close(sqe, (int)index);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe_name(sqe, OP_CLOSE, index);
}

static void again_push(struct server *server, uint32_t index)
{
	struct connection *connection = &server->connections[index];

	if (connection->is_again)
		return;
	connection->is_again = true;
	list_push(&server->again, index);
}

/* The next step of a connection, if it is free to take one. */
static void pump(struct server *server, uint32_t index)
{
	struct connection *connection = &server->connections[index];
	bool has_queue = connection->queue_head != NO_BUFFER;

	if (connection->is_sending || !connection->is_open)
		return;
	if (!has_queue && !connection->held_bytes &&
	    (!connection->is_ending || connection->is_armed))
		return;
	if (connection->silent_turn == server->turn) {
		again_push(server, index);
		return;
	}

	if (has_queue) {
		send_queued(server, index);
	} else if (connection->held_bytes) {
		send_held(server, index);
	} else {
		connection->is_open = false;
		connection_close(server, index);
		return;
	}
	if (!connection->is_sending &&
	    (connection->queue_head != NO_BUFFER || connection->is_ending))
		again_push(server, index);
}

static void accept_pause(struct server *server)
{
	static struct __kernel_timespec pause = { .tv_nsec = ACCEPT_PAUSE_NS };
	struct io_uring_sqe *sqe = sqe_get(server);

	io_uring_prep_timeout(sqe, &pause, 0, 0);
	sqe_name(sqe, OP_PAUSE, 0);
}

static void on_accept(struct server *server, int res, uint32_t flags)
{
	uint32_t index = (uint32_t)res;

	if (!(flags & IORING_CQE_F_MORE)) {
		if (res >= 0 || res == -ECONNABORTED || res == -EINTR)
			arm_accept(server);
		else
			accept_pause(server);
	}
	if (res < 0)
		return;

	server->stats.connections++;
	if (index >= server->connections_max) {
		connection_close(server, index);
		return;
	}
	server->connections[index] = (struct connection){
		.is_open = true,
		.queue_head = NO_BUFFER,
		.send_buffer = NO_BUFFER,
	};
	arm_recv(server, index);
}

static void queue_push(struct server *server, struct connection *connection, uint32_t id)
{
	server->buffers[id].next = NO_BUFFER;
	if (connection->queue_head == NO_BUFFER)
		connection->queue_head = id;
	else
		server->buffers[connection->queue_tail].next = id;
	connection->queue_tail = id;
}

static void on_bytes(struct server *server, uint32_t index, uint32_t bytes, uint32_t flags)
{
	struct connection *connection = &server->connections[index];
	uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;

	server->stats.requests++;
	server->stats.bytes += bytes;
	if (server->options.mode == RAW_ECHO_ONESHOT) {
		connection->held_bytes = bytes;
		return;
	}
	server->buffers_free--;
	server->buffers[id].bytes = bytes;
	queue_push(server, connection, id);
}

static void on_recv(struct server *server, uint32_t index, int res, uint32_t flags)
{
	struct connection *connection = &server->connections[index];
	bool is_multishot = server->options.mode == RAW_ECHO_MULTISHOT;

	connection->is_armed = flags & IORING_CQE_F_MORE;
	connection->has_more = flags & IORING_CQE_F_SOCK_NONEMPTY;
	if (res > 0)
		on_bytes(server, index, (uint32_t)res, flags);
	else if (res == -ENOBUFS)
		list_push(&server->starved, index);
	else if (res != -EINTR && res != -EAGAIN)
		connection->is_ending = true;

	/* A one-shot receive is armed again by the send of what it brought. */
	if (!connection->is_armed &&
	    ((res > 0 && is_multishot) || res == -EINTR || res == -EAGAIN))
		arm_recv(server, index);
	pump(server, index);
}

/* The peer is gone: its receive will say so, we only let go of the bytes. */
static void send_abandon(struct server *server, struct connection *connection)
{
	connection->is_ending = true;
	connection->held_bytes = 0;
	while (connection->queue_head != NO_BUFFER) {
		uint32_t id = connection->queue_head;

		connection->queue_head = server->buffers[id].next;
		buffer_give(server, id);
	}
}

static void on_send(struct server *server, uint32_t index, int res)
{
	struct connection *connection = &server->connections[index];
	bool was_silent = !connection->is_sending;
	uint32_t sent = res > 0 ? (uint32_t)res : 0;
	bool is_broken = res < 0 && res != -EAGAIN && res != -EINTR;

	/* The list of the turn's silent sends must not give this one back. */
	if (was_silent && connection->send_buffer != NO_BUFFER)
		server->buffers[connection->send_buffer].is_kept = true;
	if (sent < connection->send_bytes && !is_broken) {
		connection->send_at += sent;
		connection->send_bytes -= sent;
		send_start(server, index, false);
		return;
	}

	connection->is_sending = false;
	if (connection->send_buffer != NO_BUFFER)
		buffer_give(server, connection->send_buffer);
	connection->send_buffer = NO_BUFFER;
	if (is_broken)
		send_abandon(server, connection);
	if (server->options.mode == RAW_ECHO_ONESHOT && !connection->is_armed &&
	    !connection->held_bytes && !connection->is_ending)
		arm_recv(server, index);
	pump(server, index);
}

static void on_cqe(struct server *server, const struct io_uring_cqe *cqe)
{
	uint32_t index = (uint32_t)(cqe->user_data >> OP_BITS);

	switch ((enum op)(cqe->user_data & OP_MASK)) {
	case OP_ACCEPT:
		on_accept(server, cqe->res, cqe->flags);
		break;
	case OP_RECV:
		on_recv(server, index, cqe->res, cqe->flags);
		break;
	case OP_SEND:
		on_send(server, index, cqe->res);
		break;
	case OP_CLOSE:
		break;
	case OP_STOP:
		server->is_stopping = true;
		break;
	case OP_PAUSE:
		arm_accept(server);
		break;
	}
}

static void reap(struct server *server)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	io_uring_for_each_cqe(&server->ring.uring, head, cqe) {
		on_cqe(server, cqe);
		count++;
	}
	io_uring_cq_advance(&server->ring.uring, count);
}

/* What the last turn has left: connections to pump, buffers to give back. */
static void settle(struct server *server)
{
	struct list *list = &server->again_before;

	for (unsigned int i = 0; i < list->count; i++) {
		server->connections[list->items[i]].is_again = false;
		pump(server, list->items[i]);
	}
	list->count = 0;

	list = &server->silent_before;
	for (unsigned int i = 0; i < list->count; i++) {
		struct buffer *buffer = &server->buffers[list->items[i]];

		if (!buffer->is_kept)
			buffer_give(server, list->items[i]);
		buffer->is_kept = false;
	}
	list->count = 0;

	list = &server->starved;
	for (unsigned int spare = server->buffers_free; spare && list->count; spare--) {
		uint32_t index = list->items[--list->count];

		if (server->connections[index].is_open && !server->connections[index].is_ending)
			arm_recv(server, index);
	}
	if (server->buffers_given)
		io_uring_buf_ring_advance(server->buffer_ring, (int)server->buffers_given);
	server->buffers_given = 0;
}

static void serve_turn(struct server *server)
{
	unsigned int spin_us = server->options.spin_us, wait = !server->again.count;
	int rc;

	settle(server);
	if (wait && spin_us && raw_ring_look(&server->ring, spin_us))
		wait = 0;
	rc = raw_ring_enter(&server->ring, wait);
	if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
		fail("io_uring_enter", rc);
	if (!raw_ring_staged(&server->ring)) {
		server->turn++;
		list_swap(&server->again, &server->again_before);
		list_swap(&server->silent, &server->silent_before);
	}
	reap(server);
}

static void *pages_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap", -errno);
	return memory;
}

static void memory_open(struct server *server)
{
	unsigned int buffers = server->options.buffers, connections = server->connections_max;
	struct list *of_connections[] = { &server->again, &server->again_before,
					  &server->starved };
	size_t units = connections * (size_t)2;

	/* One line beyond the size: else all would share their cache sets. */
	server->stride_bytes = ((server->options.size_bytes + 63) / 64 + 1) * 64;
	server->connections = pages_map(connections * sizeof(*server->connections));
	for (unsigned int i = 0; i < 3; i++)
		of_connections[i]->items = pages_map(connections * sizeof(uint32_t));
	if (server->options.mode == RAW_ECHO_MULTISHOT)
		units = buffers;
	server->memory = pages_map(units * server->stride_bytes);
	server->buffers = pages_map(buffers * sizeof(*server->buffers));
	server->silent.items = pages_map(buffers * sizeof(uint32_t));
	server->silent_before.items = pages_map(buffers * sizeof(uint32_t));
}

static void ring_open(struct server *server)
{
	struct io_uring *uring = &server->ring.uring;
	unsigned int buffers = server->options.buffers;
	int rc = raw_ring_open(&server->ring, server->options.entries, CQ_ENTRIES);

	if (rc < 0)
		fail("io_uring_setup", rc);
	if (server->options.direct) {
		rc = io_uring_register_files_sparse(uring, server->connections_max);
		if (rc < 0)
			fail("direct descriptors", rc);
	}
	if (server->options.mode == RAW_ECHO_ONESHOT)
		return;

	server->buffer_ring = io_uring_setup_buf_ring(uring, buffers, BUFFER_GROUP, 0, &rc);
	if (!server->buffer_ring)
		fail("buffer ring", rc);
	for (uint32_t id = 0; id < buffers; id++)
		buffer_give(server, id);
}

static void server_open(struct server *server)
{
	struct io_uring_sqe *sqe;

	server->turn = 1;
	server->connections_max = raw_echo_connections_max();
	memory_open(server);
	ring_open(server);
	server->stop_fd = raw_echo_stop_fd();
	if (server->stop_fd < 0)
		fail("eventfd", server->stop_fd);
	server->listen_fd = raw_echo_listen(&server->options);
	if (server->listen_fd < 0)
		exit(EXIT_FAILURE);

	sqe = sqe_get(server);
	io_uring_prep_read(sqe, server->stop_fd, &server->stop_value,
			   sizeof(server->stop_value), 0);
	sqe_name(sqe, OP_STOP, 0);
	arm_accept(server);
}

int main(int argc, char **argv)
{
	static struct server server;

	raw_echo_parse(RAW_ECHO_URING, argc, argv, &server.options);
	server_open(&server);
	while (!server.is_stopping)
		serve_turn(&server);

	server.stats.enters = server.ring.enters;
	server.stats.sqes = *server.ring.uring.sq.ktail;
	server.stats.cqes = *server.ring.uring.cq.khead;
	raw_echo_finish(&server.options, "enters", &server.stats);
	raw_ring_close(&server.ring);
	return EXIT_SUCCESS;
}
