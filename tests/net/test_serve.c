/* SPDX-License-Identifier: MIT */
/* coil_serve: bursts, what lies between them, and how connections end. */
#include "net/serve_rig.h"

#include <sys/socket.h>

/* Each of these runs twice: with bytes read ahead, and left in the kernel. */
#define IN_BOTH_WAYS(name) IN_BOTH_WAYS_WITH(name, (void)0)
/* @need may skip the test. */
#define IN_BOTH_WAYS_WITH(name, need)								   \
	static void name##_steps(unsigned flags);						   \
	static int name##_entry(void *arg)							   \
	{											   \
		(void)arg;									   \
		name##_steps(0);								   \
		name##_steps(COIL_SERVE_UNREAD);						   \
		return 0;									   \
	}											   \
	TEST(serve, name)									   \
	{											   \
		need;										   \
		RUN(name##_entry);								   \
	}											   \
	static void name##_steps(unsigned flags)

IN_BOTH_WAYS(calls_a_handler_for_each_burst)
{
	struct server server;
	struct coil_stream *stream;
	char end;

	server_init(&server, serve_echo);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	for (size_t i = 0; i < 5; i++) {
		EXPECT_EQ(client_round(stream, 5), 0);
		EXPECT_SOON(server_stats(&server).parked == 1);
	}
	EXPECT_EQ(server_stats(&server).bursts, 5);
	EXPECT_EQ(server_stats(&server).running_peak, 1);
	server_stop(&server);
	EXPECT_EQ(server.reason, 0);
	EXPECT_EQ(server.errors, 0);
	EXPECT_EQ(coil_stream_read(stream, &end, 1), 0);
	coil_stream_close(stream);
}

/* Nobody is called for what is no work: a connection that ends, or never says anything. */
IN_BOTH_WAYS(calls_nobody_at_the_end)
{
	struct server server;
	struct coil_stream *first, *second;

	server_init(&server, serve_echo);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	first = server_connect(&server);
	second = server_connect(&server);
	EXPECT_SOON(server_stats(&server).parked == 2);
	coil_stream_close(first);
	client_reset(second);
	EXPECT_SOON(server_stats(&server).closed == 2);
	EXPECT_EQ(server_stats(&server).bursts, 0);
	server_stop(&server);
}

IN_BOTH_WAYS(serves_what_came_before_the_end)
{
	struct server server;
	struct coil_stream *stream;
	char buf[64];

	server_init(&server, serve_echo);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	EXPECT_EQ(coil_stream_write(stream, "last words", 10), 10);
	EXPECT_EQ(coil_stream_shutdown(stream), 0);
	EXPECT_EQ(rig_read_all(stream, buf, 10), 0);
	EXPECT_EQ(coil_stream_read(stream, buf, 1), 0);
	EXPECT_SOON(server_stats(&server).closed == 1);
	EXPECT_EQ(server.reason, 0);
	coil_stream_close(stream);
	server_stop(&server);
}

/* More than a buffer of the loop's holds. */
static int echo_much(struct coil_stream *stream, void *arg)
{
	static char buf[8192];
	struct server *server = arg;
	int n = coil_stream_read(stream, buf, sizeof buf);

	EXPECT_EQ(server_stats(server).running, 1);
	return n <= 0 ? n : coil_stream_write(stream, buf, (size_t)n);
}

IN_BOTH_WAYS(reads_on_behind_a_full_buffer)
{
	struct server server;
	struct coil_stream *stream;

	server_init(&server, echo_much);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	for (size_t len = 4095; len < 8192; len += 1024)
		EXPECT_EQ(client_round(stream, len), 0);
	coil_stream_close(stream);
	EXPECT_SOON(server_stats(&server).closed == 1);
	server_stop(&server);
}

static int echo_a_byte(struct coil_stream *stream, void *arg)
{
	char byte;
	int n = coil_stream_read(stream, &byte, 1);

	(void)arg;
	return n <= 0 ? n : coil_stream_write(stream, &byte, 1);
}

IN_BOTH_WAYS(calls_again_while_bytes_are_left)
{
	struct server server;
	struct coil_stream *stream;

	server_init(&server, echo_a_byte);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	EXPECT_EQ(client_round(stream, 100), 0);
	EXPECT_EQ(server_stats(&server).bursts, 100);
	coil_stream_close(stream);
	server_stop(&server);
}

/* Reads ahead by itself, and puts: both buffers go when it is parked. */
static int answer_a_line(struct coil_stream *stream, void *arg)
{
	char line[64];
	int n = coil_stream_read_line(stream, line, sizeof line);

	(void)arg;
	if (n <= 0)
		return n;
	if (line[0] == 'q')
		return COIL_SERVE_CLOSE;
	if (line[0] == 'x')
		return -EBADMSG;
	return coil_stream_put(stream, line, (size_t)n);
}

IN_BOTH_WAYS(sends_what_was_put_and_keeps_no_buffers)
{
	struct server server;
	struct coil_stream *stream;
	struct coil_stats before = {.size = sizeof before}, after = before;
	char buf[32];

	server_init(&server, answer_a_line);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	/* Stacks, timers and what a handler keeps need memory once. */
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(coil_stream_write(stream, "warm\n", 5), 5);
		EXPECT_EQ(rig_read_all(stream, buf, 5), 0);
	}
	serve_settle();
	EXPECT_EQ(server_stats(&server).parked, 1);
	coil_stats(&before);
	EXPECT_EQ(coil_stream_write(stream, "one\ntwo\nthr", 11), 11);
	EXPECT_EQ(rig_read_all(stream, buf, 8), 0);
	EXPECT_MEM_EQ(buf, "one\ntwo\n", 8);
	EXPECT_EQ(coil_stream_write(stream, "ee\n", 3), 3);
	EXPECT_EQ(rig_read_all(stream, buf, 6), 0);
	EXPECT_MEM_EQ(buf, "three\n", 6);
	EXPECT_SOON(server_stats(&server).parked == 1);
	coil_stats(&after);
	EXPECT_EQ(after.allocated_bytes, before.allocated_bytes);
	coil_stream_close(stream);
	server_stop(&server);
}

/* Puts, and writes behind that: the direct writer is quicker than the task that sends. */
static int put_and_write(struct coil_stream *stream, void *arg)
{
	char line[64];
	int n = coil_stream_read_line(stream, line, sizeof line);

	(void)arg;
	if (n <= 0)
		return n;
	EXPECT_EQ(coil_stream_put(stream, line, 2), 0);
	return coil_stream_write(stream, line + 2, (size_t)n - 2);
}

/* In steady state, with the buffers of lines and of puts. */
static void expect_no_allocations(int (*handler)(struct coil_stream *stream, void *arg),
				  unsigned flags)
{
	struct server server;
	struct coil_stream *stream;
	struct coil_stats before = {.size = sizeof before}, after = before;
	char buf[8];

	server_init(&server, handler);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	for (int i = 0; i < 200; i++) {
		if (i == 100)
			coil_stats(&before);
		EXPECT_EQ(coil_stream_write(stream, "12345\n", 6), 6);
		EXPECT_EQ(rig_read_all(stream, buf, 6), 0);
		EXPECT_MEM_EQ(buf, "12345\n", 6);
	}
	coil_stats(&after);
	EXPECT_EQ(after.allocations, before.allocations);
	EXPECT_EQ(after.allocated_bytes, before.allocated_bytes);
	coil_stream_close(stream);
	server_stop(&server);
}

IN_BOTH_WAYS_WITH(a_burst_allocates_nothing, serve_need_calm())
{
	expect_no_allocations(answer_a_line, flags);
}

IN_BOTH_WAYS_WITH(nor_does_one_that_writes_what_it_put, serve_need_calm())
{
	expect_no_allocations(put_and_write, flags);
}

IN_BOTH_WAYS(closes_when_the_handler_says_so)
{
	struct server server;
	struct coil_stream *stream;
	char end;

	server_init(&server, answer_a_line);
	server.options.flags = flags;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	EXPECT_EQ(coil_stream_write(stream, "quit\n", 5), 5);
	EXPECT_EQ(coil_stream_read(stream, &end, 1), 0);
	EXPECT_EQ(server.reason, COIL_SERVE_CLOSE);
	EXPECT_EQ(server.errors, 0);
	coil_stream_close(stream);
	stream = server_connect(&server);
	EXPECT_EQ(coil_stream_write(stream, "x\n", 2), 2);
	EXPECT_EQ(coil_stream_read(stream, &end, 1), 0);
	EXPECT_EQ(server.reason, -EBADMSG);
	EXPECT_EQ(server.errors, 1);
	EXPECT_EQ(server.error, -EBADMSG);
	coil_stream_close(stream);
	server_stop(&server);
}

/* -- What belongs to a connection -------------------------------------------------------------- */

static int count_calls(struct coil_stream *stream, void *arg)
{
	uintptr_t calls = (uintptr_t)coil_serve_user(stream) + 1;
	char byte;
	int n = coil_stream_read(stream, &byte, 1);

	(void)arg;
	if (n <= 0)
		return n;
	coil_serve_set_user(stream, (void *)calls);
	byte = (char)calls;
	return coil_stream_write(stream, &byte, 1);
}

static uintptr_t user_at_close;

static void read_user(struct coil_stream *stream, int reason, void *arg)
{
	struct server *server = arg;

	(void)reason;
	server->closes++;
	user_at_close = (uintptr_t)coil_serve_user(stream);
}

IN_BOTH_WAYS(keeps_what_was_tied_to_a_connection)
{
	struct server server;
	struct coil_stream *stream;
	char byte;

	server_init(&server, count_calls);
	server.options.flags = flags;
	server.options.on_close = read_user;
	if (!server_start(&server))
		return;
	stream = server_connect(&server);
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(coil_stream_write(stream, "?", 1), 1);
		EXPECT_EQ(rig_read_all(stream, &byte, 1), 0);
		EXPECT_EQ(byte, i);
	}
	coil_stream_close(stream);
	EXPECT_SOON(server.closes == 1);
	EXPECT_EQ(user_at_close, 3);
	server_stop(&server);
}

/* -- A task for many bursts -------------------------------------------------------------------- */

static struct coil_local mark = COIL_LOCAL("mark", NULL);

/* Each does something to its task that the next one must not meet. */
static int leave_traces(struct coil_stream *stream, void *arg)
{
	struct server *server = arg;
	int rc = serve_echo(stream, server);

	EXPECT(coil_local_get(&mark) == NULL);
	EXPECT_EQ(coil_cancelling(), 0);
	if (server->closes % 2)
		EXPECT_EQ(coil_local_set(&mark, server), 0);
	else
		coil_cancel(coil_self());
	return rc < 0 ? rc : COIL_SERVE_CLOSE;
}

IN_BOTH_WAYS(a_burst_meets_nothing_of_the_one_before)
{
	struct server server;
	struct coil_stream *stream;

	server_init(&server, leave_traces);
	server.options.flags = flags;
	server.options.handlers_max = 1;
	if (!server_start(&server))
		return;
	for (int i = 1; i <= 4; i++) {
		stream = server_connect(&server);
		EXPECT_EQ(client_round(stream, 9), 0);
		EXPECT_SOON(server.closes == i);
		coil_stream_close(stream);
	}
	server_stop(&server);
}

/* -- Wrong use --------------------------------------------------------------------------------- */

static int options_out_of_bounds(void *arg)
{
	struct coil_serve_options options = {.size = sizeof options, .flags = 1u << 30};
	struct coil_serve_stats stats = {.size = 0};
	struct coil_listener *listener;
	struct coil_stream *a, *b;
	char byte;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_serve(listener, serve_echo, &options), -EINVAL);
	options.flags = 0;
	options.idle_ns = -1;
	EXPECT_EQ(coil_serve(listener, serve_echo, &options), -EINVAL);
	options.idle_ns = 0;
	options.stack_bytes = 1;
	EXPECT_EQ(coil_serve(listener, serve_echo, &options), -EINVAL);
	options.size = 0;
	EXPECT_EQ(coil_serve(listener, serve_echo, &options), -EINVAL);
	EXPECT_EQ(coil_stream_pair(&a, &b, 64), 0);
	EXPECT_EQ(coil_stream_loop(a, serve_echo, &options), -EINVAL);
	EXPECT_EQ(coil_stream_read(b, &byte, 1), 0);
	coil_stream_close(b);
	EXPECT_EQ(coil_serve_stats(listener, &stats), -EINVAL);
	EXPECT_EQ(coil_serve_drain(listener), -ENOENT);
	coil_listener_close(listener);
	return 0;
}

TEST(serve, says_what_is_wrong)
{
	RUN(options_out_of_bounds);
}

static int close_it(struct coil_stream *stream, void *arg)
{
	(void)arg;
	coil_stream_close(stream);
	return 0;
}

static int run_closer(void *arg)
{
	struct server server;

	(void)arg;
	server_init(&server, close_it);
	if (server_start(&server))
		client_round(server_connect(&server), 1);
	return 0;
}

TEST_SIGNAL(serve, a_handler_must_not_close, SIGABRT, "coil_serve closes this stream")
{
	rig_run(run_closer, NULL);
}

static struct coil_mutex kept_mutex;

static int keep_a_lock(struct coil_stream *stream, void *arg)
{
	coil_mutex_lock(&kept_mutex);
	return serve_echo(stream, arg);
}

static int run_keeper(void *arg)
{
	struct server server;

	(void)arg;
	coil_mutex_init(&kept_mutex);
	server_init(&server, keep_a_lock);
	if (server_start(&server)) {
		client_round(server_connect(&server), 1);
		serve_settle();
	}
	return 0;
}

TEST_SIGNAL(serve, a_handler_must_not_keep_a_lock, SIGABRT, "a handler has returned with a scope")
{
	rig_run(run_keeper, NULL);
}

static int serve_twice(void *arg)
{
	struct server server;

	(void)arg;
	server_init(&server, serve_echo);
	if (server_start(&server)) {
		coil_yield();
		coil_serve(server.listener, serve_echo, NULL);
	}
	return 0;
}

TEST_SIGNAL(serve, one_server_for_a_listener, SIGABRT, "another task serves this listener")
{
	rig_run(serve_twice, NULL);
}

/* Such bytes may be with the loop at any time, not only when some are. */
static int receive_descriptors(struct coil_stream *stream, void *arg)
{
	struct coil_fds fds = {0};
	char buf[8];
	int n = coil_stream_read(stream, buf, sizeof buf);

	(void)arg;
	return n <= 0 ? n : coil_stream_recv_fds(stream, buf, sizeof buf, &fds);
}

static int serve_descriptors(void *arg)
{
	return coil_serve(arg, receive_descriptors, NULL);
}

static int run_receiver(void *arg)
{
	const char *path = rig_path("descriptors");
	struct coil_listener *listener;
	struct coil_stream *stream;

	(void)arg;
	if (coil_listen_unix(&listener, path, NULL) == 0 &&
	    coil_spawn(serve_descriptors, listener) != NULL &&
	    coil_connect_unix(&stream, path, NULL) == 0)
		client_round(stream, 1);
	return 0;
}

TEST_SIGNAL(serve, descriptors_need_the_bytes_unread, SIGABRT, "COIL_SERVE_UNREAD")
{
	rig_run(run_receiver, NULL);
}
