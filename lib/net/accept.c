/* SPDX-License-Identifier: MIT */
/*
 * Accepting. An accept that finds no descriptor left waits and goes on; the connection stays in the
 * kernel's backlog meanwhile. The memory of a stream is there before its connection is taken, so
 * that none is taken and then lost.
 *
 * Invariant: while tasks wait for the multishot accept, it is under way, or one of them has been
 * woken.
 */
#include "net/accept_shot.h"
#include "net/listener.h"
#include "net/socket_stream.h"

#include "base/clock.h"
#include "loop/op.h"
#include "loop/prep_net.h"
#include "task/await.h"

#include <errno.h>

#define PAUSE_FIRST_NS (100 * COIL_MSEC)
#define PAUSE_MAX_NS (1 * COIL_SEC)

static bool is_shortage(int rc)
{
	return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM;
}

/* The connection was broken before it was taken: accept(2), "Error handling". */
static bool is_passed_over(int rc)
{
	return rc == -ECONNABORTED || rc == -EPROTO || rc == -ENETDOWN || rc == -EHOSTDOWN ||
	       rc == -ENONET || rc == -EHOSTUNREACH || rc == -ENETUNREACH;
}

/* Until @deadline, or until somebody wakes it. 0 when it is worth another try. */
static int stand_back(struct acceptor *acceptor, enum acceptor_state state, int64_t deadline)
{
	int rc = coil_timer_start(&acceptor->pause, deadline);

	if (rc < 0)
		return rc;
	acceptor->state = state;
	rc = future_await(&acceptor->pause.future);
	acceptor->state = ACCEPTS;
	/* The timer was taken back: by listener_wake, if nobody was cancelled. */
	return rc == -ECANCELED ? coil_cancelling() : rc;
}

static int pause_accept(struct coil_listener *listener, struct acceptor *acceptor,
			int64_t *pause_ns)
{
	int64_t deadline = clock_add(coil_now(), *pause_ns);

	listener->stats.shortages++;
	*pause_ns = *pause_ns < PAUSE_MAX_NS / 2 ? *pause_ns * 2 : PAUSE_MAX_NS;
	return stand_back(acceptor, PAUSES, deadline);
}

static bool is_full(const struct coil_listener *listener)
{
	return listener->connections_max > 0 &&
	       listener->places_taken >= listener->connections_max;
}

/* 0: a place is the caller's. */
static int take_place(struct coil_listener *listener, struct acceptor *acceptor)
{
	int rc = 0;

	if (unlikely(is_full(listener)))
		listener->stats.limited++;
	while (unlikely(is_full(listener)) && rc == 0)
		rc = listener->closer ? -EPIPE : stand_back(acceptor, IS_LIMITED, COIL_FOREVER);
	/* Woken for a place, and the close came first: nobody would end an accept begun now. */
	if (unlikely(listener->closer) && rc == 0)
		rc = -EPIPE;
	listener->places_taken += rc == 0;
	return rc;
}

void listener_wake(struct acceptor *acceptor)
{
	if (acceptor->state != ACCEPTS && future_is_pending(&acceptor->pause.future))
		coil_timer_cancel(&acceptor->pause);
}

/* Only who waits for it: those without descriptors would wake each other in turns. */
static void give_place(struct coil_listener *listener)
{
	struct coil_list *link;

	check(listener->places_taken > 0);
	listener->places_taken--;
	list_for_each(link, &listener->acceptors) {
		struct acceptor *acceptor = list_entry(link, struct acceptor, link);

		if (acceptor->state == IS_LIMITED)
			listener_wake(acceptor);
	}
}

static int accept_by_op(struct coil_listener *listener, struct acceptor *acceptor)
{
	op_prep_accept4(&acceptor->op, listener->fd, NULL, NULL, SOCK_CLOEXEC);
	return op_await(&acceptor->op);
}

/*
 * What has come is taken even by who was cancelled meanwhile; what is left stays for the others,
 * and for later calls.
 */
static int accept_by_shot(struct coil_listener *listener, struct acceptor *acceptor)
{
	struct accept_shot *shot = listener->shot;
	struct coil_task *task = task_required("coil_accept");
	int rc = stream_refuse();

	while (rc == 0 || shot->count > 0) {
		rc = accept_shot_take(shot, listener->fd);
		if (rc >= 0)
			task_pay(task);
		if (rc >= 0 || (rc != -EAGAIN && rc != -EBUSY))
			return rc;
		if (rc == -EAGAIN) {
			rc = stand_back(acceptor, AWAITS, COIL_FOREVER);
		} else {
			future_await(&shot->op.future);
			rc = coil_cancelling();
		}
		if (listener->closer)
			return rc < 0 ? rc : -EPIPE;
	}
	return rc;
}

/* A bound on connections must be exact: then they are asked for one by one. */
static bool has_shot(struct coil_listener *listener)
{
	if (likely(listener->shot != NULL))
		return true;
	if (listener->connections_max > 0 ||
	    !(listener->loop->driver->features & DRIVER_MULTISHOT_ACCEPT))
		return false;
	listener->shot = accept_shot_new(listener->loop, listener);
	return listener->shot != NULL;
}

/* A descriptor, or why there is none. */
static int accept_one(struct coil_listener *listener, struct acceptor *acceptor)
{
	int rc = take_place(listener, acceptor);

	if (rc < 0)
		return rc;
	rc = has_shot(listener) ? accept_by_shot(listener, acceptor)
				: accept_by_op(listener, acceptor);
	if (rc < 0)
		give_place(listener);
	return rc;
}

static int pass_over(struct coil_listener *listener)
{
	listener->stats.passed_over++;
	return 0;
}

static int accept_patiently(struct coil_listener *listener, struct acceptor *acceptor,
			    const struct listener_taker *taker, struct socket_stream **ret_socket)
{
	int64_t pause_ns = PAUSE_FIRST_NS;
	int rc;

	for (;;) {
		if (!*ret_socket)
			*ret_socket = taker->make(listener->loop, taker->context);
		rc = *ret_socket ? accept_one(listener, acceptor) : -ENOMEM;
		if (rc >= 0 || listener->closer)
			return rc;
		if (is_shortage(rc))
			rc = pause_accept(listener, acceptor, &pause_ns);
		else if (is_passed_over(rc))
			rc = pass_over(listener);
		if (rc < 0 || listener->closer)
			return rc;
	}
}

static void adopt(struct coil_listener *listener, struct socket_stream *socket)
{
	socket->listener = listener;
	list_push_back(&listener->streams, &socket->siblings);
	listener->stats.accepted++;
}

/* Somebody closes the listener: a connection that came at this moment goes with it. */
static int leave_closing(struct coil_listener *listener, int rc)
{
	if (rc >= 0)
		listener->loop->driver->ops->calls->close(rc);
	if (list_is_empty(&listener->acceptors))
		future_resolve(listener->closer, 0);
	return rc < 0 && rc == coil_cancelling() ? rc : -EPIPE;
}

void listener_arrived(struct coil_listener *listener)
{
	struct coil_list *link;

	list_for_each(link, &listener->acceptors) {
		struct acceptor *acceptor = list_entry(link, struct acceptor, link);

		if (acceptor->state != AWAITS || !future_is_pending(&acceptor->pause.future))
			continue;
		listener_wake(acceptor);
		return;
	}
}

/* Who leaves may have been woken for all: another one sees to what is there, or asks for more. */
static void leave(struct coil_listener *listener, struct acceptor *acceptor)
{
	list_remove(&acceptor->link);
	if (listener->shot && !accept_shot_is_armed(listener->shot))
		listener_arrived(listener);
}

void listener_end_shot(struct coil_listener *listener)
{
	struct accept_shot *shot = listener->shot;
	struct coil_task *task;

	if (!shot)
		return;
	if (op_is_started(&shot->op)) {
		task = task_required("coil_listener_close");
		op_cancel(listener->loop, &shot->op);
		/* Waited for by its number of completions: a withdrawn one is done already. */
		if (op_is_started(&shot->op))
			task_wait_to_the_end(task_scheduler(task), task, &shot->op.future);
	}
	accept_shot_free(shot);
	listener->shot = NULL;
}

int listener_take(struct coil_listener *listener, const struct listener_taker *taker,
		  struct socket_stream **ret_socket)
{
	struct acceptor acceptor;
	int rc;

	*ret_socket = NULL;
	listener_check_use_of("coil_accept", listener);
	if (listener->closer)
		return -EPIPE;
	acceptor.state = ACCEPTS;
	acceptor.op.state = OP_IDLE;
	list_init(&acceptor.link);
	list_push_back(&listener->acceptors, &acceptor.link);
	rc = accept_patiently(listener, &acceptor, taker, ret_socket);
	leave(listener, &acceptor);
	if (unlikely(listener->closer))
		return leave_closing(listener, rc);
	if (unlikely(rc < 0))
		return rc;
	adopt(listener, *ret_socket);
	socket_stream_begin(*ret_socket, rc);
	return 0;
}

static struct socket_stream *make_stream(struct coil_loop *loop, void *context)
{
	(void)context;
	return socket_stream_new(loop);
}

int coil_accept(struct coil_listener *listener, struct coil_stream **ret_stream)
{
	static const struct listener_taker taker = {.make = make_stream};
	struct socket_stream *socket;
	int rc = listener_take(listener, &taker, &socket);

	if (likely(rc == 0))
		*ret_stream = &socket->stream;
	else if (socket)
		socket_stream_free(socket);
	return rc;
}

void listener_forget(struct coil_listener *listener, struct socket_stream *socket)
{
	struct coil_list *link;

	list_remove(&socket->siblings);
	check(listener->places_taken > 0);
	listener->places_taken--;
	list_for_each(link, &listener->acceptors) {
		struct acceptor *acceptor = list_entry(link, struct acceptor, link);

		if (acceptor->state != AWAITS)
			listener_wake(acceptor);
	}
}
