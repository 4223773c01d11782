/* SPDX-License-Identifier: MIT */
/*
 * talk - a burst of a connection: read what is there, answer all of it, write once; and again, as
 * long as a request has come in part. Then nothing is left to be known of the connection.
 *
 * Every wait is under the deadline of the burst's scope: until the head and the body of a request
 * are there, until a write is done. For the time between two requests coil_serve has one.
 */
#include "hello.h"

#include <errno.h>
#include <stdlib.h>

#define LINGER_NS (2 * COIL_SEC)
/* Beyond those that are in use. */
#define BUFFERS_KEPT 64

/* -- Buffers ----------------------------------------------------------------------------------- */

static struct hello_buffers *spare;
static unsigned int spares;

static struct hello_buffers *take_buffers(void)
{
	struct hello_buffers *buffers = spare;

	if (buffers) {
		spare = buffers->next;
		spares--;
	} else {
		buffers = malloc(sizeof *buffers);
	}
	if (buffers)
		hello_out_init(&buffers->out);
	return buffers;
}

static void give_buffers(struct hello_buffers *buffers)
{
	if (spares == BUFFERS_KEPT) {
		free(buffers);
		return;
	}
	buffers->next = spare;
	spare = buffers;
	spares++;
}

void hello_talk_free(void)
{
	while (spare)
		free(take_buffers());
}

/* -- Turns ------------------------------------------------------------------------------------- */

static int64_t patience(uint8_t stage)
{
	switch (stage) {
	case HELLO_HEAD:
		return hello.options.head_ns;
	case HELLO_BODY:
		return hello.options.receive_ns;
	default:
		return hello.options.idle_ns;
	}
}

/* More bytes of the same part of a request do not move its deadline. */
static int set_deadline(struct hello_talk *talk)
{
	const struct hello_request *request = &talk->request;

	if (talk->has_deadline && talk->stage == request->stage && talk->number == request->number)
		return 0;
	talk->has_deadline = true;
	talk->stage = request->stage;
	talk->number = request->number;
	return coil_scope_deadline(&talk->scope, coil_now() + patience(talk->stage));
}

static int send_out(struct hello_talk *talk, struct hello_out *out)
{
	int rc = 0;

	if (out->count == 1)
		rc = coil_stream_write(talk->stream, out->pieces[0].iov_base,
				       out->pieces[0].iov_len);
	else if (out->count > 1)
		rc = coil_stream_writev(talk->stream, out->pieces, out->count);
	hello_out_init(out);
	return rc < 0 ? rc : 0;
}

/* It took too long: a request that has begun is told so, an idle connection is not. */
static int expire(struct hello_talk *talk, struct hello_out *out)
{
	struct coil_scope patient;
	int rc;

	if (talk->request.stage == HELLO_IDLE)
		return -ETIME;
	hello_request_expire(&talk->request, out);
	coil_shield_open(&patient, LINGER_NS);
	rc = send_out(talk, out);
	coil_scope_close(&patient);
	return rc;
}

/* Reads once, and answers what there is to answer. 0, or why the connection is of no use. */
static int take_turn(struct hello_talk *talk, struct hello_buffers *buffers)
{
	struct hello_request *request = &talk->request;
	int n = coil_stream_read(talk->stream, buffers->in, HELLO_IN_BYTES);
	size_t done = 0;
	int rc = 0;

	if (n == -ETIME)
		return expire(talk, &buffers->out);
	if (n <= 0)
		return n < 0 ? n : -EPIPE;
	while (done < (size_t)n && !request->is_over && rc == 0) {
		done += hello_request_feed(request, &buffers->out, buffers->in + done,
					   (size_t)n - done);
		rc = set_deadline(talk);
		if (rc == 0)
			rc = send_out(talk, &buffers->out);
	}
	return rc;
}

/*
 * A connection that is closed while bytes lie there unread is reset, and with it goes what the
 * client has not read yet. So our end is told first, and what still comes is read, and dropped.
 */
static void linger(struct hello_talk *talk, char *buffer)
{
	int64_t left = hello.drain_until - coil_now();
	struct coil_scope patient;

	coil_shield_open(&patient, hello.is_stopping && left < LINGER_NS ? left : LINGER_NS);
	if (coil_stream_shutdown(talk->stream) == 0)
		while (coil_stream_read(talk->stream, buffer, HELLO_IN_BYTES) > 0)
			continue;
	coil_scope_close(&patient);
}

/* A connection that breaks is its client's business. */
static int talk_on(struct hello_talk *talk, struct hello_buffers *buffers)
{
	const struct hello_request *request = &talk->request;
	int rc;

	do {
		rc = take_turn(talk, buffers);
	} while (rc == 0 && !request->is_over && !hello_request_is_new(request));
	if (rc == 0 && !request->is_over)
		return 0;
	if (rc == 0)
		linger(talk, buffers->in);
	return COIL_SERVE_CLOSE;
}

int hello_talk(struct coil_stream *stream, void *arg)
{
	struct hello_buffers *buffers = take_buffers();
	struct hello_talk talk = {.stream = stream};
	int rc;

	(void)arg;
	if (!buffers)
		return -ENOMEM;
	hello_request_init(&talk.request);
	coil_scope_open(&talk.scope);
	rc = talk_on(&talk, buffers);
	coil_scope_close(&talk.scope);
	give_buffers(buffers);
	return rc;
}
