/* SPDX-License-Identifier: MIT */
/* An echo server and its clients, in one loop. */
#include "scenario.h"

#include <stdio.h>

#define CLIENTS 5
#define PIECE 2000

struct place {
	struct coil_listener *listener;
	const char *unix_path;
	char port[8];
};

static int answer(void *arg)
{
	struct coil_stream *stream = arg;
	unsigned char bytes[PIECE];
	int n;

	while ((n = coil_stream_read(stream, bytes, sizeof bytes)) > 0)
		if (coil_stream_write(stream, bytes, (size_t)n) != n)
			break;
	coil_stream_close(stream);
	return 0;
}

static int serve(void *arg)
{
	struct place *place = arg;
	struct coil_stream *stream;
	struct coil_group group;
	int rc;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	while ((rc = coil_accept(place->listener, &stream)) >= 0)
		if (coil_go(&group, answer, stream) < 0)
			coil_stream_close(stream);
	coil_listener_close(place->listener);
	coil_group_cancel(&group);
	coil_group_close(&group);
	return 0;
}

/* All of it, as a stream does it or, now and then, without a copy. */
static int send_all(struct coil_stream *stream, const unsigned char *bytes, size_t count)
{
	size_t done = 0;

	if (!pick_one_in(4))
		return coil_stream_write(stream, bytes, count);
	while (done < count) {
		int rc = coil_send_zc(coil_stream_fd(stream), bytes + done, count - done, 0);

		if (rc == -EOPNOTSUPP)
			return coil_stream_write(stream, bytes, count);
		if (rc <= 0)
			return rc;
		HOLDS(rc <= (int)(count - done));
		done += (size_t)rc;
	}
	return (int)done;
}

/* What comes back is what was sent, up to where the connection broke. */
static void talk(struct coil_stream *stream, unsigned rounds)
{
	unsigned char bytes[PIECE];
	uint64_t at = coil_sim_pick(1000);

	while (rounds-- > 0) {
		size_t n = 1 + coil_sim_pick(PIECE);
		size_t got = 0;

		fill_bytes(bytes, n, at);
		if (send_all(stream, bytes, n) != (int)n)
			return;
		while (got < n) {
			int rc = coil_stream_read(stream, bytes, n - got);

			if (rc <= 0)
				return;
			HOLDS(rc <= (int)(n - got));
			HOLDS(are_bytes(bytes, (size_t)rc, at + got));
			got += (size_t)rc;
		}
		at += n;
		if (pick_one_in(4))
			doze(pick_time(COIL_MSEC));
	}
}

static int visit(void *arg)
{
	struct place *place = arg;
	struct coil_stream *stream;
	int rc;

	doze(pick_time(COIL_MSEC));
	if (place->unix_path)
		rc = coil_connect_unix(&stream, place->unix_path, NULL);
	else
		rc = coil_connect_tcp(&stream, pick_one_in(2) ? "127.0.0.1" : "localhost",
				      place->port, NULL);
	if (rc < 0)
		return 0;
	talk(stream, 1 + coil_sim_pick(6));
	coil_stream_close(stream);
	return 0;
}

/* A server without memory tries again for ever: its clients do not. */
static int client(void *arg)
{
	coil_timeout(1000 * COIL_SEC, visit, arg);
	return 0;
}

static void serve_clients(struct place *place)
{
	struct coil_task *server = coil_spawn(serve, place);
	struct coil_group group;

	if (!server) {
		coil_listener_close(place->listener);
		return;
	}
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (unsigned n = 1 + coil_sim_pick(CLIENTS); n > 0; n--)
		coil_go(&group, client, place);
	if (pick_one_in(5)) {
		doze(pick_time(5 * COIL_MSEC));
		coil_cancel(server);
	}
	coil_group_close(&group);
	coil_cancel(server);
	coil_join(server);
}

int scenario_tcp(void *arg)
{
	struct place place = {0};

	(void)arg;
	place.listener = scenario_listen(place.port, 0);
	if (!place.listener)
		return 0;
	serve_clients(&place);
	return 0;
}

int scenario_unix(void *arg)
{
	static const char *const paths[] = {"/tmp/socket", "/tmp/other", "@hidden"};
	struct place place = {.unix_path = paths[coil_sim_pick(3)]};

	(void)arg;
	if (coil_listen_unix(&place.listener, place.unix_path, NULL) == 0)
		serve_clients(&place);
	return 0;
}
