/* SPDX-License-Identifier: MIT */
/*
 * An echo server that puts back what it was lent, for clients that send while they read, or do not
 * read for a while: what was taken comes back whole and in order, however its sends went.
 */
#include "scenario.h"

#include <sys/socket.h>

#define CLIENTS 6
#define PIECE 3000
#define ROOM_BYTES 4096 /* of the sockets: sends fall short */

struct echo {
	struct coil_listener *listener;
	char port[8];
	bool has_failed;	/* to take connections, or to put back what it took */
	bool has_lost;		/* a client has met the end before that */
};

struct visitor {
	struct echo *house;
	struct coil_stream *stream;
};

struct talk {
	struct coil_stream *stream;
	uint64_t from;		/* where its bytes begin */
	uint64_t begun;
	uint64_t sent;
	uint64_t got;
	bool has_failed;	/* to send */
};

static void shrink(struct coil_stream *stream, int option)
{
	int bytes = ROOM_BYTES;

	coil_setsockopt(coil_stream_fd(stream), SOL_SOCKET, option, &bytes, sizeof bytes);
}

/* -- The server ----------------------------------------------------------------------------------
 */

/* By a put of the lease; or by other writes, between which the order is kept. */
static int put_back(struct coil_stream *stream, struct coil_lease *lease)
{
	size_t bytes = lease->bytes;
	int rc;

	if (!pick_one_in(6)) {
		rc = coil_stream_put_lease(stream, lease);
		if (rc < 0)
			coil_lease_release(lease);
		return rc;
	}
	rc = pick_one_in(2) ? coil_stream_put(stream, lease->data, bytes) :
				    coil_stream_write(stream, lease->data, bytes);
	coil_lease_release(lease);
	return rc < 0 || rc == 0 || rc == (int)bytes ? rc : -ECANCELED;
}

static int hold_back(struct coil_stream *stream)
{
	size_t unsent;
	int rc = 0;

	if (pick_one_in(4))
		doze(pick_time(COIL_MSEC));
	if (pick_one_in(3)) {
		rc = coil_stream_flush(stream);
		unsent = coil_stream_unsent(stream);
		HOLDS(rc < 0 || unsent == 0);
	} else {
		rc = coil_stream_drain(stream);
	}
	return rc;
}

static int echo(void *arg)
{
	struct visitor visitor = *(struct visitor *)arg;
	struct coil_stream *stream = visitor.stream;
	struct coil_lease lease;
	int rc = 0;

	free(arg);

	if (pick_one_in(2))
		shrink(stream, SO_SNDBUF);
	if (pick_one_in(2))
		coil_stream_set_receive(stream, (int)coil_sim_pick(3));
	while (rc >= 0 && (rc = coil_stream_read_lease(stream, &lease)) > 0) {
		rc = put_back(stream, &lease);
		if (rc >= 0)
			rc = hold_back(stream);
	}
	if (rc == 0)
		rc = pick_one_in(2) ? coil_stream_shutdown(stream) : coil_stream_flush(stream);
	visitor.house->has_failed |= rc < 0;
	coil_stream_close(stream);
	return 0;
}

static int serve(void *arg)
{
	struct echo *house = arg;
	struct coil_stream *stream;
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	while (coil_accept(house->listener, &stream) >= 0) {
		struct visitor *visitor = malloc(sizeof *visitor);

		if (!visitor)
			abort();
		*visitor = (struct visitor){house, stream};
		if (coil_go(&group, echo, visitor) < 0) {
			house->has_failed = true;
			free(visitor);
			coil_stream_close(stream);
		}
	}
	coil_listener_close(house->listener);
	coil_group_cancel(&group);
	coil_group_close(&group);
	return 0;
}

/* -- Its clients ---------------------------------------------------------------------------------
 */

static int ask(void *arg)
{
	struct talk *talk = arg;
	unsigned char bytes[PIECE];

	for (unsigned n = 1 + coil_sim_pick(30); n > 0 && !talk->has_failed; n--) {
		size_t len = 1 + coil_sim_pick(pick_one_in(3) ? PIECE : 80);
		int rc;

		fill_bytes(bytes, len, talk->from + talk->sent);
		talk->begun = talk->sent + len;
		rc = coil_stream_write(talk->stream, bytes, len);
		talk->sent += rc > 0 ? (uint64_t)rc : 0;
		talk->has_failed = rc != (int)len;
		if (pick_one_in(3))
			doze(pick_time(200 * COIL_USEC));
	}
	if (coil_stream_shutdown(talk->stream) < 0) {
		talk->has_failed = true;
		coil_shutdown(coil_stream_fd(talk->stream), SHUT_WR);
	}
	return 0;
}

/* What comes is what was sent; and if the end comes as it should, it is all of it. */
static int listen_to(struct talk *talk)
{
	unsigned char bytes[PIECE];
	int rc;

	while ((rc = coil_stream_read(talk->stream, bytes, 1 + coil_sim_pick(PIECE - 1))) > 0) {
		HOLDS(are_bytes(bytes, (size_t)rc, talk->from + talk->got));
		talk->got += (uint64_t)rc;
		HOLDS(talk->got <= talk->begun);
		if (pick_one_in(4))
			doze(pick_time(COIL_MSEC));
	}
	return rc;
}

static int visit(void *arg)
{
	struct echo *house = arg;
	struct talk talk = {.from = coil_sim_pick(1000)};
	struct coil_task *asker;

	doze(pick_time(COIL_MSEC));
	if (coil_connect_tcp(&talk.stream, "127.0.0.1", house->port, NULL) < 0)
		return 0;
	if (pick_one_in(2))
		shrink(talk.stream, SO_RCVBUF);
	asker = coil_spawn(ask, &talk);
	if (pick_one_in(3))
		doze(pick_time(20 * COIL_MSEC));
	if (asker) {
		/* The end may be here before the server knows what went wrong. */
		if (!pick_one_in(5) && listen_to(&talk) == 0 && !talk.has_failed)
			house->has_lost |= talk.got != talk.sent;
		coil_cancel(asker);
		coil_join(asker);
	}
	coil_stream_close(talk.stream);
	return 0;
}

static int client(void *arg)
{
	coil_timeout(1000 * COIL_SEC, visit, arg);
	return 0;
}

int scenario_echo(void *arg)
{
	struct echo house = {0};
	struct coil_task *server;
	struct coil_group group;

	(void)arg;
	house.listener = scenario_listen(house.port, 0);
	if (!house.listener)
		return 0;
	server = coil_spawn(serve, &house);
	if (!server) {
		coil_listener_close(house.listener);
		return 0;
	}
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (unsigned n = 1 + coil_sim_pick(CLIENTS); n > 0; n--)
		coil_go(&group, client, &house);
	if (pick_one_in(4)) {
		doze(pick_time(20 * COIL_MSEC));
		house.has_failed = true;
		coil_cancel(server);
	}
	coil_group_close(&group);
	coil_cancel(server);
	coil_join(server);
	HOLDS(!house.has_lost || house.has_failed);
	return 0;
}
