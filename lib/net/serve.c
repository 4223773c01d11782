/* SPDX-License-Identifier: MIT */
/*
 * Serving. The task in coil_serve is woken by connections that have something to do, and starts
 * their handlers; one helper accepts, and meets the caller's cancel; another minds the deadlines,
 * which need no timer each: in each line they all last equally long.
 *
 * Must not know: how a connection waits; see serve_conn.c.
 */
#include "net/serve.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/sized.h"
#include "coil/task.h"
#include "coil/time.h"
#include "net/listener.h"
#include "task/await.h"

#define DRAIN_NS (5 * COIL_SEC)
#define RETRY_NS (10 * COIL_MSEC)
#define REFUSED_NS (100 * COIL_MSEC)


static struct serve_conn *conn_at(struct coil_list *link)
{
	return list_entry(link, struct serve_conn, link);
}

static struct serve_conn *pop(struct coil_list *line)
{
	struct coil_list *link = list_pop_front(line);

	return link ? conn_at(link) : NULL;
}

static const struct coil_future_ops wake_ops = {
	.kind = "server's next connection"};

void serve_wake(struct serve *serve)
{
	if (!serve->is_waiting)
		return;
	serve->is_waiting = false;
	future_resolve(&serve->wake, 0);
}

/* The first reason stays. */
static void serve_end(struct serve *serve, int result)
{
	if (serve->is_ending)
		return;
	serve->is_ending = true;
	serve->result = result;
	serve_wake(serve);
}

void serve_lose_listener(struct serve *serve)
{
	serve->listener = NULL;
	serve_end(serve, -EPIPE);
}

void serve_tell_error(struct serve *serve, struct coil_stream *stream, int error)
{
	serve->counts.errors++;
	if (serve->options.on_error)
		serve->options.on_error(stream, error, serve->options.arg);
}

struct serve_conn *serve_next_waiting(struct serve *serve)
{
	struct serve_conn *conn = pop(&serve->waiting);

	serve->counts.waiting -= conn != NULL;
	serve->taken += conn != NULL;
	return conn;
}

/* -- Accept --------------------------------------------------------------------------------------
 */

static void room_cancel(struct coil_future *future)
{
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops room_ops = {
	.kind = "server's room for a connection", .cancel = room_cancel};

static int await_room(struct serve *serve)
{
	unsigned max = serve->options.connections_max;
	int rc = 0;

	while (rc == 0 && max && serve->counts.open >= max) {
		future_init(&serve->room, &serve->loop->ready, &room_ops);
		serve->is_full = true;
		rc = future_await(&serve->room);
		serve->is_full = false;
	}
	return rc;
}

static void welcome(struct serve *serve, struct serve_conn *conn)
{
	serve->counts.accepted++;
	serve->counts.open++;
	serve->counts.refused += serve->is_ending;
	(void)conn_park(conn);
}

static int accept_next(struct serve *serve)
{
	const struct listener_taker taker = {.make = conn_make, .context = serve};
	struct socket_stream *socket = NULL;
	int rc = await_room(serve);

	if (rc == 0 && serve->is_ending)
		return 0;
	if (rc == 0)
		rc = listener_take(serve->listener, &taker, &socket);
	if (rc == 0)
		welcome(serve, conn_of(&socket->stream));
	else if (socket)
		conn_free(conn_of(&socket->stream));
	return rc;
}

/* A firewall's refusal passes: accept(2). */
static int accept_all(void *arg)
{
	struct serve *serve = arg;
	int rc = 0;

	while (rc == 0 && !serve->is_ending) {
		rc = accept_next(serve);
		if (rc == -EPERM && !coil_cancelling()) {
			serve_tell_error(serve, NULL, rc);
			rc = coil_sleep(REFUSED_NS);
		}
	}
	serve_end(serve, rc);
	return 0;
}

/* -- Deadlines -----------------------------------------------------------------------------------
 */

static int64_t first_deadline(const struct coil_list *line)
{
	return list_is_empty(line) ? CLOCK_FOREVER : conn_at(line->next)->deadline;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Who parks after this has a deadline no earlier than the shorter of the two times from now. */
static int64_t next_deadline(const struct serve *serve)
{
	const struct coil_serve_options *options = &serve->options;
	int64_t later = clock_add(serve->loop->now,
				  least(options->first_byte_ns, options->idle_ns));

	return least(later, least(first_deadline(&serve->fresh), first_deadline(&serve->idle)));
}

static bool ask_first(struct serve *serve, struct coil_list *line, enum conn_limit limit)
{
	struct coil_task *task = task_required("coil_serve");

	if (ring_room(&serve->loop->ring) == 0)
		task_yield(task_scheduler(task), task);
	else if (!list_is_empty(line))
		conn_ask(conn_at(line->next), limit);
	return !list_is_empty(line);
}

static void expire(struct serve *serve, struct coil_list *line, enum conn_limit limit)
{
	int64_t now = loop_read_clock(serve->loop);

	while (first_deadline(line) <= now)
		ask_first(serve, line, limit);
}

static int mind_time(void *arg)
{
	struct serve *serve = arg;
	int rc = 0;

	while (rc == 0) {
		rc = coil_sleep_until(next_deadline(serve));
		/* No memory for the timer: the same in the next turn. */
		if (rc == -ENOMEM)
			rc = coil_yield();
		expire(serve, &serve->fresh, CONN_FIRST_BYTE);
		expire(serve, &serve->idle, CONN_IDLE);
	}
	return 0;
}

/* -- What has arrived ----------------------------------------------------------------------------
 */

static int ended_reason(struct serve *serve, const struct serve_conn *conn)
{
	if (!result_is_cancel(conn->result))
		return conn->result;
	serve->counts.timed_out_first += conn->limit == CONN_FIRST_BYTE;
	serve->counts.timed_out_idle += conn->limit == CONN_IDLE;
	return conn->limit == CONN_DRAINED ? 0 : -ETIME;
}

static void sort_arrived(struct serve *serve)
{
	struct serve_conn *conn;

	while ((conn = pop(&serve->arrived)) != NULL) {
		enum conn_news news = conn_look(conn);

		if (news == CONN_ENDED) {
			conn_close(conn, ended_reason(serve, conn));
			continue;
		}
		conn->state = CONN_RUNNING;
		if (news == CONN_HAS_NONE && conn_park(conn))
			continue;
		conn->state = CONN_ARRIVED;
		serve_hand_over(serve, conn);
	}
}

/* Nobody waits while a handler is free. */
static bool can_start(const struct serve *serve)
{
	unsigned max = serve->options.handlers_max;

	return !list_is_empty(&serve->waiting) && (!max || serve->handlers_alive < max);
}

/*
 * Those that run may be done in a moment: then it is cheaper to wait for them than to start as many
 * as have come in one turn, of which most would not be kept. In two turns what they asked of the
 * kernel at once is done.
 */
static bool is_line_quick(struct serve *serve)
{
	struct coil_task *task = task_required("coil_serve");
	uint64_t before = serve->taken;

	for (int i = 0; i < 2; i++)
		task_yield(task_scheduler(task), task);
	return serve->taken - before >= SERVE_HANDLERS_KEPT / 2;
}

/* 0, or -ENOMEM: the first in line waits on. */
static int start_next(struct serve *serve)
{
	struct serve_conn *conn = serve_next_waiting(serve);
	int rc;

	if (unlikely(serve->handlers.scope.reason)) { /* the drain is over */
		conn_close(conn, -ETIME);
		return 0;
	}
	rc = serve_start_handler(serve, conn);
	if (unlikely(rc < 0)) {
		list_push_front(&serve->waiting, &conn->link);
		serve->counts.waiting++;
	}
	return rc;
}

static void start_waiting(struct serve *serve)
{
	bool is_slow = false;
	int rc = 0;

	while (rc == 0 && can_start(serve)) {
		if (serve->handlers_alive < SERVE_HANDLERS_KEPT || is_slow)
			rc = start_next(serve);
		else if (is_line_quick(serve))
			return;
		else
			is_slow = true;
	}
	if (rc < 0 && !serve->is_short)
		serve_tell_error(serve, NULL, rc);
	serve->is_short = rc < 0;
}

/* -- The end -------------------------------------------------------------------------------------
 */

static void begin_drain(struct serve *serve)
{
	int64_t now = loop_read_clock(serve->loop);

	coil_group_cancel(&serve->helpers);
	serve_release_free(serve);
	while (ask_first(serve, &serve->fresh, CONN_DRAINED))
		;
	while (ask_first(serve, &serve->idle, CONN_DRAINED))
		;
	if (coil_scope_deadline(&serve->handlers.scope,
				clock_add(now, serve->options.drain_ns)) < 0)
		coil_scope_cancel(&serve->handlers.scope, -ETIME, "the server has to end");
}

static bool is_over(const struct serve *serve)
{
	return serve->counts.open == 0 && serve->owed == 0 && serve->handlers_alive == 0;
}

static void await_news(struct serve *serve, bool drains)
{
	struct coil_task *task = task_required("coil_serve");

	if (!list_is_empty(&serve->arrived) || serve->is_ending != drains ||
	    (can_start(serve) && !serve->is_short) || (drains && is_over(serve)))
		return;
	/* No stack to be had, and no handler that will take who waits when it is done. */
	if (serve->is_short && serve->handlers_alive == 0) {
		if (coil_sleep(RETRY_NS) < 0)
			coil_yield();
		return;
	}
	future_init(&serve->wake, &serve->loop->ready, &wake_ops);
	serve->is_waiting = true;
	task_wait_to_the_end(task_scheduler(task), task, &serve->wake);
}

static void serve_all(struct serve *serve)
{
	bool drains = false;

	for (;;) {
		sort_arrived(serve);
		start_waiting(serve);
		if (serve->is_ending && !drains) {
			begin_drain(serve);
			drains = true;
		}
		if (drains && is_over(serve))
			return;
		await_news(serve, drains);
	}
}

/* -- The calls -----------------------------------------------------------------------------------
 */

/* All that a cancel says is that it was heard. */
static void note_cancelled(struct coil_completion *completion, int32_t result, uint32_t cqe_flags)
{
	struct serve *serve = container_of(completion, struct serve, cancelled);

	(void)result;
	(void)cqe_flags;
	serve->owed--;
	if (serve->is_ending)
		serve_wake(serve);
}

static int64_t bound_of(int64_t given, int64_t otherwise)
{
	return given ? given : otherwise;
}

int serve_read_options(const struct coil_serve_options *given, struct coil_serve_options *options)
{
	struct coil_task_options task = {.size = sizeof task}, read;
	int rc = sized_read(options, given, sizeof *options);

	if (rc < 0)
		return rc;
	options->first_byte_ns = bound_of(options->first_byte_ns, CLOCK_FOREVER);
	options->idle_ns = bound_of(options->idle_ns, CLOCK_FOREVER);
	options->request_ns = bound_of(options->request_ns, CLOCK_FOREVER);
	options->drain_ns = bound_of(options->drain_ns, DRAIN_NS);
	if (options->first_byte_ns < 0 || options->idle_ns < 0 || options->request_ns < 0 ||
	    options->drain_ns < 0 || (options->flags & ~(unsigned)COIL_SERVE_UNREAD))
		return -EINVAL;
	task.stack_bytes = options->stack_bytes;
	return task_read_options(&task, &read);
}

/* Without buffers: by polls. */
static int open_buffers(struct serve *serve)
{
	int rc;

	if (serve->options.flags & COIL_SERVE_UNREAD)
		return 0;
	rc = buffers_open(serve->loop, &serve->buffers);
	serve->has_multishot = rc == 0 && (serve->loop->driver->features & DRIVER_RECV_MULTISHOT);
	return rc == -EOPNOTSUPP ? 0 : rc;
}

static int serve_init(struct serve *serve, struct coil_listener *listener)
{
	int rc;

	serve->loop = loop_current;
	rc = open_buffers(serve);
	if (rc < 0)
		return rc;
	serve->listener = listener;
	serve->cancelled.complete = note_cancelled;
	serve->counts = *listener_served(listener);
	serve->counts.running_peak = 0;
	list_init(&serve->free);
	list_init(&serve->fresh);
	list_init(&serve->idle);
	list_init(&serve->asked);
	list_init(&serve->arrived);
	list_init(&serve->waiting);
	conn_ops_init(&serve->ops);
	*listener_serve(listener) = serve;
	return 0;
}

static void start_helper(struct serve *serve, const char *name, int (*entry)(void *arg))
{
	const struct coil_task_options options = {
		.size = sizeof options,
		.name = name,
		.flags = COIL_FRESH_LOCALS,
		.group = &serve->helpers,
	};
	int rc = coil_go_with(&options, entry, serve);

	if (rc < 0)
		serve_end(serve, rc);
}

int coil_serve(struct coil_listener *listener,
	       int (*handler)(struct coil_stream *stream, void *arg),
	       const struct coil_serve_options *options)
{
	struct serve serve = {.handler = handler};
	int rc;

	(void)task_required(__func__);
	check_use(*listener_serve(listener) == NULL, "another task serves this listener already");
	rc = serve_read_options(options, &serve.options);
	if (rc < 0)
		return rc;
	rc = serve_init(&serve, listener);
	if (rc < 0)
		return rc;
	coil_group_open(&serve.helpers, COIL_GROUP_SUPERVISE);
	coil_shield_open(&serve.shield, COIL_FOREVER);
	coil_group_open(&serve.handlers, COIL_GROUP_SUPERVISE);
	start_helper(&serve, "acceptor", accept_all);
	if (least(serve.options.first_byte_ns, serve.options.idle_ns) != CLOCK_FOREVER)
		start_helper(&serve, "idle watch", mind_time);
	serve_all(&serve);
	coil_group_close(&serve.handlers);
	coil_scope_close(&serve.shield);
	coil_group_close(&serve.helpers);
	check(serve.counts.parked == 0 && list_is_empty(&serve.asked));
	if (serve.listener) {
		*listener_served(serve.listener) = serve.counts;
		*listener_serve(serve.listener) = NULL;
	}
	rc = stream_refuse();
	return rc < 0 && serve.result < 0 ? rc : serve.result;
}

int coil_serve_drain(struct coil_listener *listener)
{
	struct serve *serve = *listener_serve(listener);

	if (!serve)
		return -ENOENT;
	serve_end(serve, 0);
	return 0;
}

int coil_serve_stats(struct coil_listener *listener, struct coil_serve_stats *ret_stats)
{
	struct serve *serve = *listener_serve(listener);
	struct coil_serve_stats counts = serve ? serve->counts : *listener_served(listener);

	return sized_write(ret_stats, &counts, sizeof counts);
}
