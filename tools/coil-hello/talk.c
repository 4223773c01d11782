/* SPDX-License-Identifier: MIT */
/*
 * talk - a connection, turn by turn: read what is there, answer all of it, write once.
 *
 * Every wait is under the deadline of the connection's scope: until the next request begins, until
 * its head and its body are there, until a write is done. When the service ends, what is under way
 * goes on behind a shield, for as long as the service is willing to wait; a connection between two
 * requests is closed, unless one comes in the same moment.
 */
#include "hello.h"

#include <errno.h>
#include <stdlib.h>

#define LINGER_NS (2 * COIL_SEC)

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

	if (talk->stage == request->stage && talk->number == request->number)
		return 0;
	talk->stage = request->stage;
	talk->number = request->number;
	return coil_scope_deadline(&talk->scope, coil_now() + patience(talk->stage));
}

/* A wait failed. Once, if that is because the service ends, it is tried again behind a shield. */
static bool may_go_on(struct hello_talk *talk, int rc)
{
	if (talk->is_draining || rc == -ETIME || rc != coil_cancelling())
		return false;
	hello_stop();
	talk->is_draining = true;
	return coil_shield_open(&talk->drain, hello.drain_until - coil_now()) == 0;
}

/* A connection between two requests gets a last moment: the next one may be on its way. */
static void set_drain(struct hello_talk *talk)
{
	int64_t until = hello.drain_until;

	if (talk->request.stage == HELLO_IDLE && coil_now() + HELLO_LAST_MOMENT_NS < until)
		until = coil_now() + HELLO_LAST_MOMENT_NS;
	/* Without memory for a deadline there is the shield's first one. */
	coil_scope_deadline(&talk->drain, until);
}

static int receive(struct hello_talk *talk, char *buffer)
{
	int n;

	do {
		if (talk->is_draining)
			set_drain(talk);
		n = coil_stream_read(talk->stream, buffer, HELLO_IN_BYTES);
	} while (n < 0 && may_go_on(talk, n));
	if (talk->is_draining && n > 0)
		coil_scope_deadline(&talk->drain, hello.drain_until);
	return n;
}

static int write_pieces(struct hello_talk *talk, const struct hello_out *out)
{
	if (out->count == 1)
		return coil_stream_write(talk->stream, out->pieces[0].iov_base,
					 out->pieces[0].iov_len);
	return coil_stream_writev(talk->stream, out->pieces, out->count);
}

/* All of it; a part only if the service ends meanwhile, and then the rest. */
static int send_out(struct hello_talk *talk, struct hello_out *out)
{
	while (out->count) {
		int n = write_pieces(talk, out);

		if (n > 0)
			hello_out_advance(out, (size_t)n);
		else if (!may_go_on(talk, n))
			return n;
	}
	return 0;
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
	rc = write_pieces(talk, out);
	coil_scope_close(&patient);
	return rc < 0 ? rc : 0;
}

/*
 * One turn. Returns 1 if there may be another, 0 if there is none because of our own last answer,
 * or the client's end; a negative errno if the connection is of no use any more.
 */
static int take_turn(struct hello_talk *talk, struct hello_buffers *buffers)
{
	struct hello_request *request = &talk->request;
	int n = receive(talk, buffers->in);
	size_t done = 0;
	int rc = 0;

	if (n == -ETIME)
		return expire(talk, &buffers->out);
	if (n <= 0)
		return n < 0 ? n : -EPIPE;
	if (coil_cancelling())
		hello_stop();
	while (done < (size_t)n && !request->is_over && rc == 0) {
		done += hello_request_feed(request, &buffers->out, buffers->in + done,
					   (size_t)n - done);
		rc = set_deadline(talk);
		if (rc == 0)
			rc = send_out(talk, &buffers->out);
	}
	if (rc < 0)
		return rc;
	return !request->is_over;
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

static void talk_on(struct hello_talk *talk, struct hello_buffers *buffers)
{
	int rc;

	buffers->out.used = 0;
	buffers->out.count = 0;
	coil_scope_open(&talk->scope);
	/* Who connects has something to say. */
	rc = coil_scope_deadline(&talk->scope, coil_now() + hello.options.head_ns);
	if (rc == 0)
		do {
			rc = take_turn(talk, buffers);
		} while (rc > 0);
	if (rc == 0)
		linger(talk, buffers->in);
	if (talk->is_draining)
		coil_scope_close(&talk->drain);
	coil_scope_close(&talk->scope);
}

int hello_talk_main(void *arg)
{
	struct hello_buffers *buffers = malloc(sizeof *buffers);
	struct hello_talk talk = {.stream = arg};

	hello_request_init(&talk.request);
	if (buffers)
		talk_on(&talk, buffers);
	coil_stream_close(talk.stream);
	free(buffers);
	/* A connection that breaks is its client's business. */
	return 0;
}
