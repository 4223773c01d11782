/* SPDX-License-Identifier: MIT */
/*
 * hello - the parts of coil-hello, an HTTP/1.1 service that says hello.
 *
 *   main.c     options; the listener and its connections; the end
 *   talk.c     a burst of one: reads what is there, answers all of it, writes once
 *   request.c  what llhttp finds in the bytes, and the answer to it
 *   answer.c   the bytes of answers
 *
 * Between two requests of a connection nothing is known of it but what coil_serve knows: a parser,
 * a stack and buffers are there only while a request has begun, and not ended.
 */
#ifndef COIL_TOOLS_COIL_HELLO_HELLO_H
#define COIL_TOOLS_COIL_HELLO_HELLO_H

#include "../server.h"

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <coil.h>

#define HELLO_IN_BYTES 8192
#define HELLO_OUT_BYTES 16384
#define HELLO_PIECES 64
/* After the signal, for what was on its way before it. */
#define HELLO_LAST_MOMENT_NS (20 * COIL_MSEC)

/* What was asked for on the command line. */
struct hello_options {
	struct server_place place;
	unsigned int connections;	/* at once */
	size_t body_bytes;		/* of an answer */
	size_t head_max;		/* bytes of a request's target, fields and trailers */
	uint64_t body_max;		/* bytes of a request's body */
	int64_t idle_ns;		/* between two requests; for one write */
	int64_t head_ns;		/* from a head's first byte to its last */
	int64_t receive_ns;		/* the same of a body */
	int64_t drain_ns;		/* for requests under way when it ends */
};

/* One service in one process. */
struct hello {
	struct hello_options options;
	const char *body;
	bool is_stopping;		/* it was told to end */
	int64_t drain_until;		/* then; on coil_now()'s clock */
	struct server_counts counts;	/* requests with any answer; bytes of bodies */
};

extern struct hello hello;

/* -- answer.c ---------------------------------------------------------------------------------- */

/* What is to be written: pieces, in bytes[] or in the service's body. */
struct hello_out {
	size_t used;			/* of bytes */
	size_t count;			/* of pieces */
	struct iovec pieces[HELLO_PIECES];
	char bytes[HELLO_OUT_BYTES];
};

enum hello_connection {
	HELLO_KEEP,			/* as HTTP/1.1 does unless told otherwise */
	HELLO_KEEP_OLD,			/* an HTTP/1.0 client wants to be told */
	HELLO_CLOSE
};

struct hello_answer {
	int status;
	enum hello_connection connection;
	bool is_bare;			/* to HEAD: the length of the body, but not the body */
};

/* Room for one more answer, whatever it is. */
bool hello_out_has_room(const struct hello_out *out);
void hello_out_add(struct hello_out *out, const struct hello_answer *answer);
/* 100 Continue. */
void hello_out_add_continue(struct hello_out *out);
/* Nothing is to be written. */
void hello_out_init(struct hello_out *out);

/* -- request.c --------------------------------------------------------------------------------- */

enum hello_stage {
	HELLO_IDLE,			/* before the first byte of a request */
	HELLO_HEAD,
	HELLO_BODY
};

/* A connection's requests, one after the other. */
struct hello_request {
	llhttp_t http;
	struct hello_out *out;		/* during hello_request_feed */
	uint64_t body_bytes;
	uint32_t number;		/* of the request on its connection */
	uint32_t head_bytes;		/* that callbacks have told of */
	uint32_t blank_bytes;		/* of reads that hold nothing but a part of one head */
	uint8_t stage;			/* enum hello_stage */
	uint8_t path;			/* enum path */
	uint8_t slashes;
	uint8_t hosts;			/* Host fields */
	uint8_t word_bytes;		/* more than fit: no word that is looked for */
	uint8_t field;			/* enum field */
	bool has_begun;			/* in this feed */
	bool is_bare;
	bool wants_continue;
	bool is_over;			/* nothing more is read from this connection */
	char word[14];			/* of a field's name, then of its value */
};

void hello_request_init(struct hello_request *request);

/*
 * Reads on; answers go to @out, which has room for one. Returns how many bytes were taken: fewer
 * if @out is full, or if it is over.
 */
size_t hello_request_feed(struct hello_request *request, struct hello_out *out, const char *bytes,
			  size_t count);

/* Has nothing come that was not answered? Then the next connection could go on with this. */
bool hello_request_is_new(const struct hello_request *request);

/* The client took too long: that is an answer, too. */
void hello_request_expire(struct hello_request *request, struct hello_out *out);

/* -- talk.c ------------------------------------------------------------------------------------ */

/* A burst of a connection. */
struct hello_talk {
	struct coil_stream *stream;
	struct coil_scope scope;	/* its deadline is that of what is waited for */
	bool has_deadline;
	uint8_t stage;			/* whose deadline it is */
	uint32_t number;
	struct hello_request request;
};

/* What a burst needs. */
struct hello_buffers {
	struct hello_buffers *next;
	char in[HELLO_IN_BYTES];
	struct hello_out out;
};

/* A handler of coil_serve. */
int hello_talk(struct coil_stream *stream, void *arg);
/* The buffers that were kept. */
void hello_talk_free(void);

#endif
