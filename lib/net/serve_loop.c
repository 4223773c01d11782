/* SPDX-License-Identifier: MIT */
/*
 * The handler of coil_serve on a task that stays with its connection: the same calls, deadlines and
 * notices, for streams of any kind. Knows nothing of parked connections.
 */
#include "net/serve.h"

#include "base/clock.h"
#include "coil/scope.h"
#include "task/await.h"

/* In front of a wait, or of a call. */
static int set_limit(struct coil_scope *scope, int64_t limit_ns)
{
	if (limit_ns == CLOCK_FOREVER)
		return 0;
	return coil_scope_deadline(scope, clock_add(loop_read_clock(loop_current), limit_ns));
}

/* > 0: there are bytes. */
static int await_bytes(struct coil_stream *stream, int64_t limit_ns)
{
	struct coil_scope scope;
	const void *data;
	int rc;

	coil_scope_open(&scope);
	rc = set_limit(&scope, limit_ns);
	if (rc == 0)
		rc = coil_stream_peek(stream, 1, &data);
	coil_scope_close(&scope);
	return rc;
}

static int close_for(struct coil_stream *stream, const struct coil_serve_options *options,
		     int reason)
{
	if (options->on_close)
		options->on_close(stream, reason, options->arg);
	coil_stream_close(stream);
	return reason;
}

/* One call, and the sending of what was put; where that fails, the close too, which then does not
 * wait for what cannot be sent. */
static int take_burst(struct coil_stream *stream,
		      int (*handler)(struct coil_stream *stream, void *arg),
		      const struct coil_serve_options *options)
{
	struct coil_scope scope;
	int rc, sent;

	coil_scope_open(&scope);
	rc = set_limit(&scope, options->request_ns);
	if (rc == 0)
		rc = handler(stream, options->arg);
	sent = stream_pending(stream) > 0 ? coil_stream_flush(stream) : 0;
	if (rc >= 0 && sent < 0)
		rc = sent;
	if (scope.reason == -ETIME)
		rc = -ETIME;
	if (rc < 0 && rc != COIL_SERVE_CLOSE && options->on_error &&
	    (scope.reason || rc != coil_cancelling()))
		options->on_error(stream, rc, options->arg);
	if (rc < 0)
		close_for(stream, options, rc);
	coil_scope_close(&scope);
	return rc;
}

int coil_stream_loop(struct coil_stream *stream,
		     int (*handler)(struct coil_stream *stream, void *arg),
		     const struct coil_serve_options *options)
{
	struct coil_serve_options read;
	int rc = serve_read_options(options, &read);
	int64_t limit_ns = read.first_byte_ns;

	(void)task_required(__func__);
	if (rc < 0) {
		coil_stream_close(stream);
		return rc;
	}
	do {
		rc = await_bytes(stream, limit_ns);
		if (rc <= 0)
			return close_for(stream, &read, rc);
		limit_ns = read.idle_ns;
		rc = take_burst(stream, handler, &read);
	} while (rc >= 0);
	return rc == COIL_SERVE_CLOSE ? 0 : rc;
}

void coil_serve_set_user(struct coil_stream *stream, void *user)
{
	stream_check_use(stream);
	stream->user = user;
}

void *coil_serve_user(const struct coil_stream *stream)
{
	stream_check_use(stream);
	return stream->user;
}
