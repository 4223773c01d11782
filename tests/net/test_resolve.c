/* SPDX-License-Identifier: MIT */
/* Names, the cache of answers, and what connecting makes of options. */
#include "net/rig.h"

#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

static int resolves(void *arg)
{
	struct coil_resolve_cache_options small = {
		.size = sizeof small, .entries_max = 1, .age_ns = COIL_FOREVER
	};
	struct coil_resolve_options options = {.size = sizeof options, .service = "80"};
	struct coil_address found[COIL_RESOLVE_MAX];
	char text[COIL_ADDRESS_TEXT];
	struct coil_scope scope;

	(void)arg;
	EXPECT_EQ(coil_resolve(found, 1, "127.0.0.1", &options), 1);
	EXPECT_EQ(found[0].flags, COIL_ADDRESS_NUMERIC);
	EXPECT_EQ(coil_address_text(found, text, sizeof text), 0);
	EXPECT_STR_EQ(text, "127.0.0.1:80");
	options.family = AF_INET6;
	EXPECT_EQ(coil_resolve(found, 1, "127.0.0.1", &options), -ENOENT);
	options.family = 99;
	EXPECT_EQ(coil_resolve(found, 1, "127.0.0.1", &options), -EINVAL);
	EXPECT_EQ(coil_resolve(found, 0, "127.0.0.1", NULL), -EINVAL);
	options.family = AF_INET;
	EXPECT_EQ(coil_resolve_cache_open(&options.cache, &small), 0);
	EXPECT_EQ(coil_resolve(found, 1, "localhost", &options), 1);
	EXPECT_EQ(found[0].flags, 0);
	EXPECT_EQ(coil_resolve(found, 1, "localhost", &options), 1);
	EXPECT_EQ(found[0].flags, COIL_ADDRESS_CACHED);
	coil_resolve_cache_close(options.cache);
	/* One in which they are too old soon. */
	small.age_ns = COIL_MSEC;
	EXPECT_EQ(coil_resolve_cache_open(&options.cache, &small), 0);
	EXPECT_EQ(coil_resolve(found, 1, "localhost", &options), 1);
	coil_sleep(2 * COIL_MSEC);
	EXPECT_EQ(coil_resolve(found, 1, "localhost", &options), 1);
	EXPECT_EQ(found[0].flags, 0);
	options.service = "http";
	coil_resolve(found, 1, "localhost", &options);
	coil_resolve_cache_clear(options.cache);
	options.service = "80";
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(coil_resolve(found, 1, "localhost", &options), -ECANCELED);
	coil_scope_close(&scope);
	coil_resolve_cache_close(options.cache);
	return 0;
}

TEST(resolve, names_numbers_and_a_cache)
{
	rig_need_localhost();
	RUN(resolves);
}

static int option_of(const struct coil_stream *stream, int level, int name)
{
	int value = -1;
	socklen_t bytes = sizeof value;

	EXPECT_EQ(getsockopt(coil_stream_fd(stream), level, name, &value, &bytes), 0);
	return value;
}

/* The opposite of each, and a port of one's own. */
static void connects_otherwise(const struct coil_listener *listener)
{
	struct coil_connect_options options = {.size = sizeof options,
					       .flags = COIL_CONNECT_DELAY};
	struct coil_listener *other;
	struct coil_stream *stream;
	char text[COIL_ADDRESS_TEXT];
	char expected[COIL_ADDRESS_TEXT];

	/* A port that was free a moment ago. */
	EXPECT_EQ(coil_listen_tcp(&other, "127.0.0.3", 0, NULL), 0);
	options.bind_port = coil_listener_port(other);
	options.bind_host = "127.0.0.3";
	coil_listener_close(other);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", rig_port(listener), &options), 0);
	snprintf(expected, sizeof expected, "127.0.0.3:%d", options.bind_port);
	EXPECT_EQ(coil_stream_local(stream, text, sizeof text), 0);
	EXPECT_STR_EQ(text, expected);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_NODELAY), 0);
	EXPECT_EQ(option_of(stream, SOL_SOCKET, SO_KEEPALIVE), 0);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), 0);
	coil_stream_close(stream);
}

static int connects(void *arg)
{
	struct coil_connect_options options = {
		.size = sizeof options,
		.flags = COIL_CONNECT_FASTOPEN,
		.bind_host = "127.0.0.2",
		.keepalive_ns = 1,
		.keepalive_interval_ns = 7 * COIL_SEC,
		.keepalive_probes = 3,
		.user_timeout_ns = 1500 * COIL_MSEC,
	};
	struct coil_listener *listener;
	struct coil_stream *stream;
	char text[COIL_ADDRESS_TEXT];

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", rig_port(listener), &options), 0);
	EXPECT_EQ(coil_stream_local(stream, text, sizeof text), 0);
	EXPECT_EQ(strncmp(text, "127.0.0.2:", 10), 0);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_NODELAY), 1);
	EXPECT_EQ(option_of(stream, SOL_SOCKET, SO_KEEPALIVE), 1);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_KEEPIDLE), 1);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_KEEPINTVL), 7);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_KEEPCNT), 3);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_USER_TIMEOUT), 1500);
	EXPECT_EQ(option_of(stream, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), 1);
	coil_stream_close(stream);
	connects_otherwise(listener);
	options.bind_host = "::1";
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", "1", &options), -EAFNOSUPPORT);
	options.bind_host = "192.0.2.1";
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", "1", &options), -EADDRNOTAVAIL);
	options.bind_host = "localhost";
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", "1", &options), -EINVAL);
	options.bind_host = NULL;
	options.keepalive_ns = 0;
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", "1", &options), -EINVAL);
	coil_listener_close(listener);
	return 0;
}

TEST(connect, options_are_set_before_the_connect)
{
	RUN_REAL(connects);
}

/* -- Names that nobody answers ----------------------------------------------------------------- */

static int never_answered[2];
static atomic_uint readers;

/* On another thread: until the other end of the pipe is closed. */
static int resolve_never(const char *host, const char *service, int family,
			 struct sockaddr_storage *storages, socklen_t *bytes, int max)
{
	char byte;
	int rc;

	(void)host, (void)service, (void)family, (void)storages, (void)bytes, (void)max;
	atomic_fetch_add(&readers, 1);
	rc = read(never_answered[0], &byte, 1) < 0 ? -EIO : -EAGAIN;
	atomic_fetch_sub(&readers, 1);
	return rc;
}

static int asks(void *arg)
{
	struct coil_address address;

	(void)arg;
	return coil_resolve(&address, 1, "nobody.answers.invalid", NULL);
}

static int works(void *arg)
{
	(void)arg;
	return 7;
}

static int offloads(void *arg)
{
	return coil_offload(works, arg);
}

/* However many wait for names, there are threads for other work. */
static int slow_names(void *arg)
{
	/* As long as the loop, which threads that are left behind may still wake. */
	static struct driver_calls calls;
	static struct driver_ops ops;
	struct coil_task *tasks[100];

	(void)arg;
	calls = *loop_current->driver->ops->calls;
	ops = *loop_current->driver->ops;
	EXPECT_EQ(pipe2(never_answered, O_CLOEXEC), 0);
	calls.resolve = resolve_never;
	ops.calls = &calls;
	loop_current->driver->ops = &ops;
	for (int i = 0; i < 100; i++)
		tasks[i] = coil_spawn(asks, NULL);
	coil_sleep(5 * COIL_MSEC);
	EXPECT_EQ(coil_timeout(20 * COIL_SEC, offloads, NULL), 7);
	/* They are left behind by a cancel; the others are answered in the end. */
	for (int i = 0; i < 50; i++) {
		coil_cancel(tasks[i]);
		EXPECT_EQ(coil_join(tasks[i]), -ECANCELED);
	}
	close(never_answered[1]);
	for (int i = 50; i < 100; i++)
		EXPECT_EQ(coil_join(tasks[i]), -EAGAIN);
	/* Those that were left behind read it, too. */
	while (atomic_load(&readers) > 0)
		coil_sleep(COIL_MSEC);
	close(never_answered[0]);
	return 0;
}

TEST(resolve, names_that_nobody_answers_hold_up_nothing_else)
{
	RUN_REAL(slow_names);
}
