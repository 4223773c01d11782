/* SPDX-License-Identifier: MIT */
/*
 * coil-hello - an HTTP/1.1 service on coil_serve.
 *
 * SIGINT and SIGTERM end it: no more connections, requests that are under way are still answered,
 * exit status 0. The last line has the same form as that of coil-echo.
 */
#include "hello.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef COIL_VERSION
#define COIL_VERSION "0.1.0"
#endif

#define BODY "Hello, world!\n"
#define BODY_BYTES_MAX (16 << 20)
#define CONNECTIONS_MAX (1 << 20)
#define HEAD_BYTES_MAX (1 << 20)

const char *argp_program_version = "coil-hello " COIL_VERSION;

struct hello hello = {
	.options = {
		.place.host = "127.0.0.1",
		.connections = 10000,
		.body_bytes = sizeof BODY - 1,
		.head_max = 8192,
		.body_max = 1 << 20,
		.idle_ns = 60 * COIL_SEC,
		.head_ns = 10 * COIL_SEC,
		.receive_ns = 60 * COIL_SEC,
		.drain_ns = 5 * COIL_SEC,
	},
};

/*
 * Waits for the signal, and goes on for a last moment: who is in the backlog would be reset, and
 * requests that are on their way would not be answered. Then nobody can connect any more, and
 * coil_serve drains.
 */
static int await_signal(void *arg)
{
	struct coil_serve_stats stats = {.size = sizeof stats};
	struct coil_scope shield;

	(void)coil_sleep(COIL_FOREVER);
	hello.is_stopping = true;
	hello.drain_until = coil_now() + hello.options.drain_ns;
	coil_shield_open(&shield, COIL_FOREVER);
	coil_sleep(HELLO_LAST_MOMENT_NS);
	coil_scope_close(&shield);
	coil_serve_stats(arg, &stats);
	hello.counts.connections = stats.accepted;
	coil_listener_close(arg);
	return 0;
}

static int serve_all(struct coil_listener *listener)
{
	const struct hello_options *of = &hello.options;
	const struct coil_serve_options options = {
		.size = sizeof options,
		.connections_max = of->connections,
		.first_byte_ns = of->head_ns,
		.idle_ns = of->idle_ns,
		.drain_ns = of->drain_ns,
	};
	struct coil_scope shield;
	int rc;

	coil_shield_open(&shield, COIL_FOREVER);
	rc = coil_serve(listener, hello_talk, &options);
	coil_scope_close(&shield);
	hello_talk_free();
	return rc == -EPIPE ? 0 : rc; /* the listener was closed, as it should be */
}

static int serve(void *arg)
{
	struct coil_listener *listener;
	struct coil_group group;
	int rc = server_listen(&listener, "coil-hello", &hello.options.place);

	(void)arg;
	if (rc < 0)
		return rc;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	rc = coil_go(&group, await_signal, listener);
	if (rc == 0)
		rc = serve_all(listener);
	else
		coil_listener_close(listener);
	coil_group_cancel(&group);
	coil_group_close(&group);
	server_print_stats(&hello.counts);
	if (rc < 0)
		fprintf(stderr, "coil-hello: %s\n", coil_strerror(rc));
	return rc;
}

/* -- Options ----------------------------------------------------------------------------------- */

enum { KEY_UNIX = 0x100, KEY_BODY, KEY_IDLE, KEY_HEAD, KEY_RECEIVE, KEY_DRAIN, KEY_MAX_HEAD,
       KEY_MAX_BODY };

static const struct argp_option options[] = {
	{"host", 'h', "HOST", 0, "address to listen on (127.0.0.1)", 0},
	{"port", 'p', "PORT", 0, "port; 0 takes a free one (0)", 0},
	{"unix", KEY_UNIX, "PATH", 0, "listen on a unix socket instead", 0},
	{"body", KEY_BODY, "BYTES", 0, "of an answer (14: 'Hello, world!')", 0},
	{"connections", 'c', "N", 0, "at most so many at once; others wait (10000)", 0},
	{"idle-timeout", KEY_IDLE, "TIME", 0, "between two requests, and for a write (60s)", 0},
	{"head-timeout", KEY_HEAD, "TIME", 0, "for the head of a request, and for the first one to "
	 "begin (10s)", 0},
	{"body-timeout", KEY_RECEIVE, "TIME", 0, "for the body of a request (60s)", 0},
	{"drain-timeout", KEY_DRAIN, "TIME", 0, "for requests under way when it ends (5s)", 0},
	{"max-head", KEY_MAX_HEAD, "BYTES", 0, "of a request's head; more are refused (8k)", 0},
	{"max-body", KEY_MAX_BODY, "BYTES", 0, "of a request's body; more are refused (1M)", 0},
	{0},
};

static int64_t parse_time(struct argp_state *state, const char *text)
{
	int64_t time = tool_duration(state, text);

	if (time < COIL_MSEC || time > 86400 * COIL_SEC)
		argp_error(state, "'%s': from 1ms to a day", text);
	return time;
}

static error_t parse_limit(int key, char *arg, struct argp_state *state)
{
	struct hello_options *of = &hello.options;

	switch (key) {
	case KEY_IDLE:
		of->idle_ns = parse_time(state, arg);
		return 0;
	case KEY_HEAD:
		of->head_ns = parse_time(state, arg);
		return 0;
	case KEY_RECEIVE:
		of->receive_ns = parse_time(state, arg);
		return 0;
	case KEY_DRAIN:
		of->drain_ns = parse_time(state, arg);
		return 0;
	case KEY_MAX_HEAD:
		of->head_max = (size_t)tool_count(state, arg, 64, HEAD_BYTES_MAX);
		return 0;
	case KEY_MAX_BODY:
		of->body_max = (uint64_t)tool_count(state, arg, 0, 1L << 40);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct hello_options *of = &hello.options;

	switch (key) {
	case 'h':
		of->place.host = arg;
		return 0;
	case 'p':
		of->place.port = (int)tool_count(state, arg, 0, 65535);
		return 0;
	case KEY_UNIX:
		of->place.unix_path = arg;
		return 0;
	case KEY_BODY:
		of->body_bytes = (size_t)tool_count(state, arg, 0, BODY_BYTES_MAX);
		return 0;
	case 'c':
		of->connections = (unsigned int)tool_count(state, arg, 1, CONNECTIONS_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_usage(state);
		return EINVAL;
	default:
		return parse_limit(key, arg, state);
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.doc = "Says hello over HTTP/1.1, on TCP or a unix socket.\v"
	       "GET and HEAD of / are answered with 200, other resources with 404, other methods "
	       "with 405. The first line of output says where it listens. SIGINT or SIGTERM ends "
	       "it: requests under way are answered, and a line of figures is printed.\n\n"
	       "Exit status: 0 ended by a signal, 1 it could not serve, 2 wrong usage.",
};

static char *make_body(size_t bytes)
{
	char *body = malloc(bytes + 1);

	for (size_t i = 0; body && i < bytes; i++)
		body[i] = BODY[i % (sizeof BODY - 1)];
	return body;
}

int main(int argc, char **argv)
{
	struct coil_options run = {.size = sizeof run, .name = "listener"};
	char *body;
	int rc;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	tool_raise_files();
	body = make_body(hello.options.body_bytes);
	if (!body) {
		fputs("coil-hello: no memory\n", stderr);
		return 1;
	}
	hello.body = body;
	/* The bound of the loop's own end lies behind ours. */
	run.shutdown_ns = run.grace_ns = hello.options.drain_ns + 10 * COIL_SEC;
	rc = coil_run_with(&run, serve, NULL);
	free(body);
	return tool_end("coil-hello", rc < 0, 1);
}
