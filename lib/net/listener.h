/* SPDX-License-Identifier: MIT */
/* What listener.c, which opens and closes, and accept.c share. */
#ifndef COIL_NET_LISTENER_H
#define COIL_NET_LISTENER_H

#include "base/list.h"
#include "coil/net.h"
#include "coil/op.h"
#include "coil/serve.h"
#include "coil/timer.h"
#include "loop/loop.h"

struct accept_shot;
struct serve;
struct socket_stream;

#define LISTENER_CHECK_WORD 0x115e7e3du
#define LISTENER_CHECK_FREED 0xdeadc0deu

enum acceptor_state {
	ACCEPTS,
	AWAITS,		/* what the multishot accept brings */
	PAUSES,		/* for want of descriptors or memory */
	IS_LIMITED,	/* as many streams as may be are open */
};

/* A task in coil_accept; in its frame. */
struct acceptor {
	struct coil_list link;
	struct coil_op op;
	struct coil_timer pause;	/* not in ACCEPTS */
	enum acceptor_state state;
};

struct coil_listener {
	struct coil_loop *loop;
	struct coil_list acceptors;
	struct coil_list streams;	/* accepted, and still open */
	struct coil_future *closer;
	int fd;
	uint32_t check_word;
	uint32_t connections_max;	/* 0: any number */
	struct accept_shot *shot;	/* NULL: not asked for yet, or accepts are one by one */
	uint32_t places_taken;		/* streams, and accepts under way */
	struct coil_listener_stats stats; /* what is counted */
	char *path;			/* of the file to remove; NULL: none */
	size_t path_bytes;
	struct serve *serve;		/* who serves it, or NULL */
	struct coil_serve_stats served; /* by those who did */
};

#define listener_check_use(listener) listener_check_use_of(__func__, listener)

#define listener_check_use_of(function, listener)                                                  \
	do {                                                                                       \
		check_use_of(function, (listener)->check_word == LISTENER_CHECK_WORD,              \
			     "this is no open listener: was it closed before?");                   \
		check_use_of(function, (listener)->loop == loop_current,                           \
			     "this listener belongs to the loop of another thread");               \
	} while (0)

/* Makes the memory of a connection that is to come; NULL: there is none, and it waits. */
struct listener_taker {
	struct socket_stream *(*make)(struct coil_loop *loop, void *context);
	void *context;
};

/*
 * As coil_accept. On failure *@ret_socket is NULL, or memory that was made and stays the caller's;
 * after -EPIPE the listener is gone.
 */
int listener_take(struct coil_listener *listener, const struct listener_taker *taker,
		  struct socket_stream **ret_socket);

/* Where the listener keeps who serves it, and what was counted by those who did. */
struct serve **listener_serve(struct coil_listener *listener);
struct coil_serve_stats *listener_served(struct coil_listener *listener);

/* One of the listener's streams was closed: its descriptor and its place are free. */
void listener_forget(struct coil_listener *listener, struct socket_stream *socket);

/* The multishot accept has brought something, or has ended. Runs in a completion. */
void listener_arrived(struct coil_listener *listener);

/* An acceptor that waits for something else than an operation of its own tries again. */
void listener_wake(struct acceptor *acceptor);

/* No task accepts any more: what the multishot accept holds is closed. Waits for the kernel. */
void listener_end_shot(struct coil_listener *listener);

#endif
