/* SPDX-License-Identifier: MIT */
/* A server in a task, for the tests of coil_serve. */
#ifndef COIL_TESTS_NET_SERVE_RIG_H
#define COIL_TESTS_NET_SERVE_RIG_H

#include "net/rig.h"

#include <errno.h>
#include <string.h>

struct server {
	struct coil_listener *listener;
	struct coil_task *task;
	int (*handler)(struct coil_stream *stream, void *arg);
	struct coil_serve_options options; /* arg: the server itself */
	int errors;			/* told to on_error */
	int error;			/* the last one */
	int closes;			/* told to on_close */
	int reason;			/* the last one */
};

/* With options that may be changed before server_start. */
void server_init(struct server *server, int (*handler)(struct coil_stream *stream, void *arg));
bool server_start(struct server *server);

/* Cancels it; what coil_serve returned. The listener stays. */
int server_cancel(struct server *server);

/* The same, with everything that must hold after any server. */
void server_stop(struct server *server);

struct coil_serve_stats server_stats(const struct server *server);

/* What was read goes back, up to 256 bytes a call. */
int serve_echo(struct coil_stream *stream, void *arg);

struct coil_stream *server_connect(const struct server *server);

/* A server with defaults, and a client of it; NULL: there is no network here. */
struct coil_stream *server_open(struct server *server,
				int (*handler)(struct coil_stream *stream, void *arg));

/* Sends @len bytes and gets them back. 0 or a negative errno. */
int client_round(struct coil_stream *stream, size_t len);
/* Lets the server do what can be done at once. */
void serve_settle(void);

/* For tests that simulate by themselves: not in debug mode; see rig_run_odd. */
void serve_need_calm(void);

/* From the loop's allocator. */
uint64_t serve_held_bytes(void);

/* The peer's abortive close: RST. */
void client_reset(struct coil_stream *stream);

#define EXPECT_SOON(condition)                                                                     \
	do {                                                                                       \
		for (int tries_ = 0; tries_ < 2000 && !(condition); tries_++)                      \
			coil_sleep(1 * COIL_MSEC);                                                 \
		EXPECT(condition);                                                                 \
	} while (0)

#endif
