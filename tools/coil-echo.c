/* SPDX-License-Identifier: MIT */
/*
 * coil-echo - an echo server on Coil: one task for each connection, or coil_serve.
 *
 * SIGINT and SIGTERM end it: no more connections, what was read is still echoed, exit status 0. The
 * last line has the same form as that of bench/raw_echo_*, with which it is compared.
 */
#include "server.h"

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef COIL_VERSION
#define COIL_VERSION "0.1.0"
#endif

#define DRAIN_NS (5 * COIL_SEC)

const char *argp_program_version = "coil-echo " COIL_VERSION;

struct server {
	struct server_place place;
	size_t size;	/* 0: by leases */
	int receive;	/* enum coil_receive */
	bool is_parking;
	struct coil_options run;
	struct server_counts counts;
};

/* One server in one process. */
static struct server server = {
	.place.host = "127.0.0.1",
	.run = {.size = sizeof server.run, .name = "listener"},
};

/* What was read is answered, also when the server is stopping: with some patience. */
static int answer_rest(struct coil_stream *stream, const char *buffer, size_t len)
{
	struct coil_scope shield;

	coil_shield_open(&shield, DRAIN_NS);
	coil_stream_write(stream, buffer, len);
	coil_scope_close(&shield);
	return -ECANCELED;
}

static int answer(struct coil_stream *stream, const char *buffer, size_t len)
{
	int n = coil_stream_write(stream, buffer, len);
	size_t done = n > 0 ? (size_t)n : 0;

	if (n == (int)len || !coil_cancelling())
		return n;
	return answer_rest(stream, buffer + done, len - done);
}

static bool begin(struct coil_stream *stream)
{
	return server.receive == COIL_RECEIVE_AUTO ||
	       coil_stream_set_receive(stream, server.receive) == 0;
}

/* As answer_rest, of what was put. */
static void flush(struct coil_stream *stream)
{
	struct coil_scope shield;

	if (coil_stream_flush(stream) == 0 || !coil_cancelling())
		return;
	coil_shield_open(&shield, DRAIN_NS);
	coil_stream_flush(stream);
	coil_scope_close(&shield);
}

/* What came is sent from where it is. */
static int echo(void *arg)
{
	struct coil_stream *stream = arg;
	struct coil_lease lease;
	int n = begin(stream);

	while (n > 0) {
		n = coil_stream_read_lease(stream, &lease);
		if (n <= 0)
			break;
		server.counts.requests++;
		server.counts.bytes += (uint64_t)n;
		n = coil_stream_put_lease(stream, &lease);
		if (n < 0)
			coil_lease_release(&lease);
		else
			n = coil_stream_drain(stream) == 0;
	}
	flush(stream);
	coil_stream_close(stream);
	/* A connection that breaks is its client's business. */
	return 0;
}

/* With --size: by a buffer of each connection's own. */
static int echo_read(void *arg)
{
	struct coil_stream *stream = arg;
	char *buffer = malloc(server.size);
	int n = buffer ? begin(stream) : 0;

	while (n > 0) {
		n = coil_stream_read(stream, buffer, server.size);
		if (n <= 0)
			break;
		server.counts.requests++;
		server.counts.bytes += (uint64_t)n;
		n = answer(stream, buffer, (size_t)n);
	}
	coil_stream_close(stream);
	free(buffer);
	return 0;
}

/* With --serve: called whenever there is something to echo. */
static int echo_once(struct coil_stream *stream, void *arg)
{
	struct coil_lease lease;
	int n = coil_stream_read_lease(stream, &lease);

	(void)arg;
	if (n <= 0)
		return n;
	server.counts.requests++;
	server.counts.bytes += (uint64_t)n;
	n = coil_stream_write(stream, lease.data, lease.bytes);
	coil_lease_release(&lease);
	return n;
}

/* Buffers of handlers that are done, for the next: who waits needs none. */
struct buffer {
	struct buffer *next;
	char bytes[];
};

static struct buffer *spare;

static struct buffer *take_buffer(void)
{
	struct buffer *buffer = spare;

	if (!buffer)
		return malloc(sizeof *buffer + server.size);
	spare = buffer->next;
	return buffer;
}

static void keep_buffer(struct buffer *buffer)
{
	buffer->next = spare;
	spare = buffer;
}

static void free_buffers(void)
{
	while (spare)
		free(take_buffer());
}

/* The same with --size. */
static int echo_once_read(struct coil_stream *stream, void *arg)
{
	struct buffer *buffer = take_buffer();
	int n;

	(void)arg;
	if (!buffer)
		return -ENOMEM;
	n = coil_stream_read(stream, buffer->bytes, server.size);
	if (n > 0) {
		server.counts.requests++;
		server.counts.bytes += (uint64_t)n;
		n = coil_stream_write(stream, buffer->bytes, (size_t)n);
	}
	keep_buffer(buffer);
	return n;
}

static int serve_parked(struct coil_listener *listener)
{
	const struct coil_serve_options options = {
		.size = sizeof options, .drain_ns = DRAIN_NS};
	struct coil_serve_stats stats = {.size = sizeof stats};
	int rc = coil_serve(listener, server.size ? echo_once_read : echo_once, &options);

	coil_serve_stats(listener, &stats);
	server.counts.connections = stats.accepted;
	coil_listener_close(listener);
	free_buffers();
	return rc;
}

static int serve_tasks(struct coil_listener *listener)
{
	struct coil_stream *stream;
	struct coil_group group;
	int rc;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	while ((rc = coil_accept(listener, &stream)) >= 0) {
		server.counts.connections++;
		if (coil_go(&group, server.size ? echo_read : echo, stream) < 0)
			coil_stream_close(stream);
	}
	coil_listener_close(listener);
	coil_group_close(&group);
	return rc;
}

static int serve(void *arg)
{
	struct coil_listener *listener;
	int rc = server_listen(&listener, "coil-echo", &server.place);

	(void)arg;
	if (rc < 0)
		return rc;
	rc = server.is_parking ? serve_parked(listener) : serve_tasks(listener);
	server_print_stats(&server.counts);
	if (rc == -ECANCELED)
		return 0;
	fprintf(stderr, "coil-echo: accept: %s\n", coil_strerror(rc));
	return rc;
}

enum { KEY_UNIX = 0x100, KEY_SIZE, KEY_SPIN, KEY_RECEIVE, KEY_SERVE };

static const struct argp_option options[] = {
	{"host", 'h', "HOST", 0, "address to listen on (127.0.0.1)", 0},
	{"port", 'p', "PORT", 0, "port; 0 takes a free one (0)", 0},
	{"unix", KEY_UNIX, "PATH", 0, "listen on a unix socket instead", 0},
	{"size", KEY_SIZE, "BYTES", 0, "read into a buffer of this size (no buffer: leases)", 0},
	{"receive", KEY_RECEIVE, "auto|oneshot|multishot", 0, "how connections receive (auto)", 0},
	{"serve", KEY_SERVE, NULL, 0,
	 "no task for a connection that waits (coil_serve)", 0},
	{"spin", KEY_SPIN, "off|adaptive", 0, "look for work before each sleep (off)", 0},
	{0},
};

static int parse_receive(struct argp_state *state, const char *arg)
{
	static const char *const names[] = {"auto", "oneshot", "multishot"};

	for (int i = 0; i < 3; i++)
		if (strcmp(arg, names[i]) == 0)
			return i;
	argp_error(state, "'%s' is neither auto, oneshot nor multishot", arg);
	return COIL_RECEIVE_AUTO;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'h':
		server.place.host = arg;
		return 0;
	case 'p':
		server.place.port = (int)tool_count(state, arg, 0, 65535);
		return 0;
	case KEY_UNIX:
		server.place.unix_path = arg;
		return 0;
	case KEY_SIZE:
		server.size = (size_t)tool_count(state, arg, 1, 16 << 20);
		return 0;
	case KEY_RECEIVE:
		server.receive = parse_receive(state, arg);
		return 0;
	case KEY_SERVE:
		server.is_parking = true;
		return 0;
	case KEY_SPIN:
		if (strcmp(arg, "off") != 0 && strcmp(arg, "adaptive") != 0)
			argp_error(state, "'%s' is neither off nor adaptive", arg);
		server.run.spin = arg[0] == 'o' ? COIL_SPIN_OFF : COIL_SPIN_ADAPTIVE;
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.doc = "Sends back what it reads, over TCP or a unix socket.\v"
	       "The first line of output says where it listens. SIGINT or SIGTERM ends it, with a "
	       "line of figures.\n\n"
	       "Exit status: 0 ended by a signal, 1 it could not serve, 2 wrong usage.",
};

int main(int argc, char **argv)
{
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	tool_raise_files();
	return tool_end("coil-echo", coil_run_with(&server.run, serve, NULL) < 0, 1);
}
