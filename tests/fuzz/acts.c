/* SPDX-License-Identifier: MIT */
/* What a task does. See world.h. */
#include "fuzz/world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* -- Tasks ---------------------------------------------------------------------------------------
 */

static int task_body(void *arg)
{
	act_some((unsigned)(uintptr_t)arg);
	return (int)take(3) - 1;
}

static int task_that_starts(void *arg)
{
	if (take(4))
		coil_group_started(arg);
	return task_body(arg);
}

static bool may_spawn(void)
{
	return world.left > 0 && world.tasks++ < TASKS_MAX;
}

static void act_spawn(unsigned depth)
{
	struct coil_task_options options = {.size = sizeof options, .group = &world.group};
	struct coil_task *task;

	if (!may_spawn())
		return;
	task = coil_spawn_with(&options, task_body, (void *)(uintptr_t)(depth + 1));
	if (task)
		handle_put(task);
}

static void act_join(unsigned depth)
{
	struct coil_task *task = handle_take();

	(void)depth;
	if (task && coil_join(task) > 1)
		abort();
}

static void act_cancel(unsigned depth)
{
	struct coil_task *task = world.handles[take(HANDLES)];

	(void)depth;
	if (task && take(2))
		coil_cancel(task);
	else if (task)
		coil_cancel_with(task, -EINTR, "the bytes say so");
}

/* -- Scopes and groups ---------------------------------------------------------------------------
 */

static void act_scope(unsigned depth)
{
	struct coil_scope scope;

	coil_scope_open(&scope);
	if (take(2))
		coil_scope_deadline(&scope, coil_now() + take_time());
	act_some(depth + 1);
	if (take(3) == 0)
		coil_scope_cancel(&scope, -ECANCELED, NULL);
	act_some(depth + 1);
	coil_scope_close(&scope);
}

static void act_shield(unsigned depth)
{
	struct coil_scope scope;

	/* Without a deadline it may wait for ever, and nobody can end it. */
	if (coil_shield_open(&scope, take_time()) == 0)
		act_some(depth + 1);
	coil_scope_close(&scope);
}

static void act_group(unsigned depth)
{
	struct coil_group group;
	void *value;

	coil_group_open(&group, (int)take(2));
	if (take(2))
		coil_group_limit(&group, 1 + take(3));
	for (unsigned n = take(4); n > 0; n--)
		if (may_spawn())
			coil_go(&group, task_body, (void *)(uintptr_t)(depth + 1));
	if (take(3) == 0 && may_spawn())
		coil_group_start(&group, task_that_starts, (void *)(uintptr_t)(depth + 1), &value);
	act_some(depth + 1);
	if (take(3) == 0)
		coil_group_cancel(&group);
	coil_group_close(&group);
}

static int timed_body(void *arg)
{
	act_some((unsigned)(uintptr_t)arg);
	return coil_yield();
}

static void act_timeout(unsigned depth)
{
	coil_timeout(take_time(), timed_body, (void *)(uintptr_t)(depth + 1));
}

/* -- One thing -----------------------------------------------------------------------------------
 */

static void act_yield(unsigned depth)
{
	(void)depth;
	if (coil_cancelling() && take(4) == 0)
		coil_uncancel();
	coil_yield();
}

static void act_sleep(unsigned depth)
{
	int64_t duration = take_time();
	int64_t before = coil_now();

	(void)depth;
	if (coil_sleep(duration) == 0)
		MUST(coil_now() - before >= duration);
}

static void act_promise(unsigned depth)
{
	struct coil_promise *promise = &world.promises[take(PROMISES)];

	(void)depth;
	if (take(2))
		coil_await(&promise->future);
	else if (!coil_future_done(&promise->future))
		coil_promise_resolve(promise, (int)take(3) - 1);
}

static void act_op(unsigned depth)
{
	struct piece piece;
	int rc;

	piece_make_op(&piece);
	if (take(2)) {
		coil_op_start(&piece.op);
		act(depth + 1);
		if (take(2))
			coil_op_cancel(&piece.op);
	}
	rc = coil_op_await(&piece.op);
	MUST(coil_future_done(&piece.op.future));
	MUST(rc < 0 || rc == coil_future_result(&piece.op.future));
	if (take(4) == 0)
		coil_op_await(&piece.op);
	piece_end(&piece, false);
}

static void act_timer(unsigned depth)
{
	struct coil_timer timer;

	if (coil_timer_start(&timer, coil_now() + take_time()) < 0)
		return;
	act(depth + 1);
	if (take(2) && coil_await(&timer.future) == 0)
		MUST(coil_future_done(&timer.future));
	coil_timer_cancel(&timer);
}

/* -- The world -----------------------------------------------------------------------------------
 */

static void act_descriptors(unsigned depth)
{
	unsigned at = take(FDS / 2) * 2;
	int fds[2] = {-1, -1};

	(void)depth;
	for (int i = 0; i < 2; i++) {
		int fd = world.fds[at + (unsigned)i];

		world.fds[at + (unsigned)i] = -1;
		if (fd >= 0)
			coil_close(fd);
	}
	switch (take(4)) {
	case 0:
		coil_sim_socketpair(SOCK_STREAM, fds);
		break;
	case 1:
		coil_sim_socketpair(SOCK_DGRAM, fds);
		break;
	case 2:
		if (coil_pipe(fds, 0) < 0)
			fds[0] = fds[1] = -1;
		break;
	default:
		fds[0] = coil_openat(AT_FDCWD, "/tmp/file", O_RDWR | O_CREAT, 0600);
		break;
	}
	/* Somebody may have been here while this one waited. */
	for (int i = 0; i < 2; i++) {
		int old = world.fds[at + (unsigned)i];

		world.fds[at + (unsigned)i] = fds[i];
		if (old >= 0)
			coil_close(old);
	}
}

static void act_child(unsigned depth)
{
	int pid = coil_sim_child(take_time(), (int)take(4));
	siginfo_t info;

	(void)depth;
	if (take(3) == 0)
		coil_sim_kill(pid, SIGTERM);
	coil_waitid(P_PID, (uint32_t)pid, &info, WEXITED);
}

static void act_world(unsigned depth)
{
	switch (take(3)) {
	case 0:
		act_child(depth);
		break;
	case 1:
		coil_sim_power_loss();
		break;
	default:
		world.words[take(WORDS)] = take(2);
		break;
	}
}

static void say_and_close(struct coil_stream *stream)
{
	char bytes[16] = "";

	if (take(2))
		coil_stream_write(stream, bytes, sizeof bytes);
	if (take(2))
		coil_stream_read(stream, bytes, sizeof bytes);
	coil_stream_close(stream);
}

static int visit(void *listener)
{
	struct coil_stream *stream;
	char port[8];

	snprintf(port, sizeof port, "%d", coil_listener_port(listener));
	if (coil_connect_tcp(&stream, "127.0.0.1", port, NULL) == 0)
		say_and_close(stream);
	return 0;
}

static void act_tcp(unsigned depth)
{
	struct coil_listener *listener;
	struct coil_stream *stream;
	struct coil_group group;

	(void)depth;
	if (coil_listen_tcp(&listener, "127.0.0.1", 0, NULL) < 0)
		return;
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	if (may_spawn() && coil_go(&group, visit, listener) == 0 &&
	    coil_accept(listener, &stream) == 0)
		say_and_close(stream);
	if (take(2))
		coil_group_cancel(&group);
	coil_group_close(&group);
	coil_listener_close(listener);
}

/* -- All of it -----------------------------------------------------------------------------------
 */

static void (*const acts[])(unsigned depth) = {
	act_yield, act_sleep, act_spawn, act_spawn, act_join, act_cancel, act_scope, act_shield,
	act_group, act_timeout, act_promise, act_promise, act_op, act_op, act_timer,
	act_descriptors, act_world, act_tcp, act_race, act_gather, act_wait, act_as_completed,
	act_chain, act_gather_ops,
};

void act(unsigned depth)
{
	if (world.left > 0 && depth <= DEPTH_MAX)
		acts[take(sizeof acts / sizeof acts[0])](depth);
}

void act_some(unsigned depth)
{
	for (unsigned n = 1 + take(5); n > 0; n--)
		act(depth);
}
