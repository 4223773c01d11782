/* SPDX-License-Identifier: MIT */
/* A service that counts lines for each of its clients, and a client. */
#include <coil.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Called when bytes have come, on a stack; between two calls the client is a small record. */
static int count_line(struct coil_stream *s, void *arg)
{
	char line[1024], answer[32];
	long *lines = coil_serve_user(s);
	int n = coil_stream_read_line(s, line, sizeof line);

	(void)arg;
	if (n <= 0)
		return n; /* 0: the end has come, and the connection is closed next */
	if (!lines) {
		lines = calloc(1, sizeof *lines);
		if (!lines)
			return -ENOMEM;
		coil_serve_set_user(s, lines);
	}
	n = snprintf(answer, sizeof answer, "%ld\n", ++*lines);
	return coil_stream_write(s, answer, (size_t)n);
}

static void drop(struct coil_stream *s, int reason, void *arg)
{
	(void)reason;
	(void)arg;
	free(coil_serve_user(s));
}

static int serve(void *arg)
{
	const struct coil_serve_options options = {
		.size = sizeof options,
		.first_byte_ns = 10 * COIL_SEC, /* who connects and says nothing */
		.request_ns = 10 * COIL_SEC,	/* who says it too slowly, or does not listen */
		.idle_ns = 5 * COIL_MIN,
		.connections_max = 100000,
		.on_close = drop,
	};

	return coil_serve(arg, count_line, &options);
}

static int talk(void *arg)
{
	struct coil_serve_stats stats = {.size = sizeof stats};
	struct coil_stream *s;
	char port[8], answer[32];
	int rc;

	snprintf(port, sizeof port, "%d", coil_listener_port(arg));
	rc = coil_connect_tcp(&s, "127.0.0.1", port, NULL);
	if (rc < 0)
		return rc;
	for (int i = 0; i < 3 && rc >= 0; i++) {
		rc = coil_stream_write(s, "a line\n", 7);
		if (rc > 0)
			rc = coil_stream_read_line(s, answer, sizeof answer);
		if (rc > 0)
			printf("%s", answer);
	}
	coil_stream_close(s);
	coil_serve_stats(arg, &stats);
	printf("%" PRIu64 " connection, %" PRIu64 " bursts\n", stats.accepted, stats.bursts);
	return rc < 0 ? rc : 0;
}

static int entry(void *arg)
{
	struct coil_listener *listener;
	struct coil_task *server;
	int rc = coil_listen_tcp(&listener, "127.0.0.1", 0, NULL);

	(void)arg;
	if (rc < 0)
		return rc;
	server = coil_spawn(serve, listener);
	rc = coil_timeout(10 * COIL_SEC, talk, listener);
	coil_serve_drain(listener); /* nobody is cut off; a cancel would do the same, and say so */
	coil_join(server);
	coil_listener_close(listener);
	return rc;
}

int main(void)
{
	return coil_run(entry, NULL) < 0;
}
