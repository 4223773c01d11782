/* SPDX-License-Identifier: MIT */
/*
 * Handlers of a server: tasks that take one burst after the other, of any connection. One that is
 * done stays for the next, as long as it is as new.
 */
#include "net/serve.h"

#include <errno.h>

#include "base/clock.h"
#include "coil/task.h"
#include "task/await.h"

static int call_once(struct serve_conn *conn, struct coil_scope *scope)
{
	struct coil_stream *stream = &conn->socket.stream;
	struct serve *serve = conn->serve;
	int rc = coil_cancelling();

	if (rc == 0 && scope)
		rc = coil_scope_deadline(scope, clock_add(loop_read_clock(serve->loop),
							  serve->options.request_ns));
	if (rc < 0)
		return rc;
	serve->counts.bursts++;
	rc = serve->handler(stream, serve->options.arg);
	check_use_of("coil_serve", !(stream->flags & STREAM_READING),
		     "a handler has returned while another task reads its stream");
	return rc;
}

/* @scope: with a deadline for each call, or NULL. What was put goes out before the connection is
 * parked or closed, in the time of the last call. */
static int call_handler(struct serve_conn *conn, struct coil_scope *scope)
{
	struct coil_stream *stream = &conn->socket.stream;
	int rc, sent;

	do {
		rc = call_once(conn, scope);
	} while (rc >= 0 && conn_has_bytes(conn));
	sent = unlikely(stream_pending(stream) > 0) ? coil_stream_flush(stream) : 0;
	return rc >= 0 && sent < 0 ? sent : rc;
}

/* False: more bytes have come meanwhile. */
static bool finish(struct serve_conn *conn, struct stream_spare *spare, int rc)
{
	struct coil_stream *stream = &conn->socket.stream;
	struct serve *serve = conn->serve;

	/* Who was cut off at the end of a drain has not failed. */
	if (rc < 0 && rc != COIL_SERVE_CLOSE && !(serve->is_ending && serve->handlers.scope.reason))
		serve_tell_error(serve, stream, rc);
	if (rc < 0 || (stream->flags & STREAM_ENDED)) {
		conn_close(conn, rc < 0 ? rc : 0);
		return true;
	}
	if (unlikely(stream->in || stream->out))
		stream_take_back(stream, spare);
	return conn_park(conn);
}

static bool handle_in_time(struct serve_conn *conn, struct stream_spare *spare)
{
	struct serve *serve = conn->serve;
	struct coil_scope scope;
	bool is_done;
	int rc;

	coil_scope_open(&scope);
	rc = call_handler(conn, &scope);
	if (scope.reason == -ETIME) {
		serve->counts.timed_out_request++;
		rc = -ETIME;
	}
	/* Inside: it is a close that does not wait for what cannot be sent. */
	is_done = finish(conn, spare, rc);
	coil_scope_close(&scope);
	return is_done;
}

/* @spare: what the streams of earlier bursts have left of their buffers. */
static void handle(struct serve *serve, struct serve_conn *conn, struct stream_spare *spare)
{
	bool has_deadline = serve->options.request_ns != CLOCK_FOREVER;
	bool is_done;

	serve->counts.running++;
	if (serve->counts.running > serve->counts.running_peak)
		serve->counts.running_peak = serve->counts.running;
	conn->state = CONN_RUNNING;
	do {
		if (unlikely(spare->in || spare->out))
			stream_lend(&conn->socket.stream, spare);
		is_done = has_deadline ? handle_in_time(conn, spare) :
					 finish(conn, spare, call_handler(conn, NULL));
	} while (!is_done);
	serve->counts.running--;
}

/* Nothing asks a free handler to finish soon: it is released when the server ends. */
static const struct coil_future_ops free_ops = {.kind = "server's next burst"};

/* False: none is free. */
static bool wake_free(struct serve *serve, struct serve_conn *conn)
{
	struct coil_list *link = list_pop_front(&serve->free);
	struct serve_handler *handler;

	if (unlikely(!link))
		return false;
	handler = list_entry(link, struct serve_handler, link);
	serve->free_count--;
	handler->conn = conn;
	future_resolve(&handler->future, 0);
	return true;
}

void serve_hand_over(struct serve *serve, struct serve_conn *conn)
{
	if (likely(wake_free(serve, conn)))
		return;
	list_push_back(&serve->waiting, &conn->link);
	serve->counts.waiting++;
	serve_wake(serve);
}

void serve_release_free(struct serve *serve)
{
	while (wake_free(serve, NULL))
		continue;
}

/* What a handler did to its task must not be met by the next connection. */
static bool is_as_new(const struct coil_task *task)
{
	check_use_of("coil_serve",
		     task->scope == &task->own && task->started == 0 && task->locks_held == 0,
		     "a handler has returned with a scope, an operation or a lock of its own");
	return !task->locals && !task->own.effective && !(task->flags & TASK_BACKGROUND);
}

static struct serve_conn *await_burst(struct serve *serve, struct coil_task *task)
{
	struct serve_handler handler;

	if (serve->is_ending || serve->free_count >= SERVE_HANDLERS_KEPT)
		return NULL;
	future_init(&handler.future, &serve->loop->ready, &free_ops);
	list_init(&handler.link);
	list_push_front(&serve->free, &handler.link);
	serve->free_count++;
	task_wait_to_the_end(task_scheduler(task), task, &handler.future);
	return handler.conn;
}

static int handler_main(void *arg)
{
	struct coil_task *task = task_required("coil_serve");
	struct serve_conn *conn = arg;
	struct serve *serve = conn->serve;
	struct stream_spare spare = {0};

	while (conn) {
		handle(serve, conn, &spare);
		if (unlikely(!is_as_new(task)))
			break;
		conn = serve_next_waiting(serve);
		if (likely(!conn))
			conn = await_burst(serve, task);
	}
	stream_spare_free(serve->loop, &spare);
	serve->handlers_alive--;
	if (serve->is_ending || !list_is_empty(&serve->waiting))
		serve_wake(serve);
	return 0;
}

/* At once, so that what it asks of the kernel goes with what others ask in this turn. */
int serve_start_handler(struct serve *serve, struct serve_conn *conn)
{
	const struct coil_task_options options = {
		.size = sizeof options,
		.name = "handler",
		.stack_bytes = serve->options.stack_bytes,
		.flags = COIL_EAGER,
		.group = &serve->handlers,
	};
	int rc;

	serve->handlers_alive++;
	rc = coil_go_with(&options, handler_main, conn);
	if (rc < 0)
		serve->handlers_alive--;
	return rc;
}
