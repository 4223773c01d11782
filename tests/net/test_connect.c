/* SPDX-License-Identifier: MIT */
/* Connecting: addresses, names, races, cancels. */
#include "net/rig.h"
#include "support/shortage.h"

#include "loop/loop.h"
#include "net/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- Addresses --------------------------------------------------------------------------------- */

TEST(address, ports_and_names)
{
	EXPECT_EQ(address_parse_port("0"), 0);
	EXPECT_EQ(address_parse_port("65535"), 65535);
	EXPECT_EQ(address_parse_port("65536"), -EINVAL);
	EXPECT_EQ(address_parse_port("99999999999999"), -EINVAL);
	EXPECT_EQ(address_parse_port(""), -EINVAL);
	EXPECT_EQ(address_parse_port("http"), -ENOENT);
	EXPECT_EQ(address_parse_port("-1"), -ENOENT);
}

TEST(address, numeric_hosts)
{
	struct address address;

	EXPECT(address_parse(&address, "127.0.0.1", 80));
	EXPECT_EQ(address.storage.ss_family, AF_INET);
	EXPECT_EQ(address_port(&address.storage), 80);
	EXPECT(address_parse(&address, "::1", 81));
	EXPECT_EQ(address.storage.ss_family, AF_INET6);
	EXPECT_EQ(address_port(&address.storage), 81);
	EXPECT(!address_parse(&address, "localhost", 80));
	EXPECT(!address_parse(&address, "127.0.0.1.example", 80));
	EXPECT(!address_parse(&address, "", 80));
}

/* The families of @before as letters, interleaved. */
static void interleave(const char *before, const char *after)
{
	struct address addresses[8];
	int n = (int)strlen(before);

	memset(addresses, 0, sizeof addresses);
	for (int i = 0; i < n; i++) {
		addresses[i].storage.ss_family = before[i] == '6' ? AF_INET6 : AF_INET;
		addresses[i].bytes = (socklen_t)i;
	}
	address_interleave(addresses, n);
	for (int i = 0; i < n; i++)
		EXPECT_EQ(addresses[i].storage.ss_family, after[i] == '6' ? AF_INET6 : AF_INET);
	/* Within a family the order stays. */
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++)
			if (addresses[i].storage.ss_family == addresses[j].storage.ss_family)
				EXPECT_LT(addresses[i].bytes, addresses[j].bytes);
}

TEST(address, families_take_turns)
{
	interleave("", "");
	interleave("6", "6");
	interleave("6644", "6464");
	interleave("666444", "646464");
	interleave("44466", "46464");
	interleave("6666", "6666");
	interleave("66664", "64666");
	interleave("64", "64");
}

/* -- Connect ----------------------------------------------------------------------------------- */

/*
 * A port on which nobody listens, and nobody will while the test runs: bound, not listening. Of the
 * loop's own kernel: a port of the other one may be a listener's here. For close_now.
 */
static int closed_port(char port[8])
{
	const struct driver_calls *calls = loop_current->driver->ops->calls;
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof name;
	int fd = calls->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	EXPECT_EQ(calls->bind(fd, (struct sockaddr *)&name, bytes), 0);
	EXPECT_EQ(calls->getsockname(fd, (struct sockaddr *)&name, &bytes), 0);
	snprintf(port, 8, "%d", ntohs(name.sin_port));
	return fd;
}

/* At once, on whichever kernel. */
static void close_now(int fd)
{
	EXPECT_EQ(loop_current->driver->ops->calls->close(fd), 0);
}

static int refusals(void *arg)
{
	struct coil_connect_options options = {.size = sizeof options, .attempt_delay_ns = -1};
	struct coil_stream *stream = NULL;
	char port[8];
	int fd = closed_port(port);

	(void)arg;
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", port, NULL), -ECONNREFUSED);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", "65536", NULL), -EINVAL);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", "", NULL), -EINVAL);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", "no-such-service", NULL), -ENOENT);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", port, &options), -EINVAL);
	options.size = 0;
	EXPECT_EQ(coil_connect_unix(&stream, "@x", &options), -EINVAL);
	EXPECT_LT(coil_connect_tcp(&stream, "no such host.invalid", port, NULL), 0);
	EXPECT_LT(coil_connect_tcp(&stream, "", port, NULL), 0);
	EXPECT(stream == NULL);
	close_now(fd);
	return 0;
}

TEST(connect, says_what_is_wrong)
{
	RUN(refusals);
}

static int name_refused(void *arg)
{
	struct coil_stream *stream = NULL;
	char port[8];
	int fd = closed_port(port);

	(void)arg;
	EXPECT_EQ(coil_connect_tcp(&stream, "localhost", port, NULL), -ECONNREFUSED);
	EXPECT(stream == NULL);
	close_now(fd);
	return 0;
}

TEST(connect, a_name_is_looked_up_and_all_its_addresses_tried)
{
	rig_need_localhost();
	RUN(name_refused);
}

struct target {
	const char *host;
	const char *port;
};

static int connect_to(void *arg)
{
	const struct target *target = arg;
	struct coil_stream *stream;
	int rc = coil_connect_tcp(&stream, target->host, target->port, NULL);

	if (rc == 0)
		coil_stream_close(stream);
	return rc;
}

/* Leaving a resolver behind: the thread ends later and takes its request along. */
static int cancelled(void *arg)
{
	struct target name = {"localhost", "1"};
	struct target number = {"127.0.0.1", "1"};
	struct coil_scope scope;
	struct coil_task *task;

	(void)arg;
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, "test");
	EXPECT_EQ(connect_to(&name), -ECANCELED);
	EXPECT_EQ(connect_to(&number), -ECANCELED);
	coil_scope_close(&scope);
	for (int i = 0; i < 50; i++) {
		int rc;

		task = coil_spawn(connect_to, &name);
		for (int turn = 0; turn < i % 10; turn++)
			coil_yield();
		coil_cancel(task);
		rc = coil_join(task);
		EXPECT(rc == -ECANCELED || rc == -ECONNREFUSED);
	}
	return 0;
}

TEST(connect, a_cancel_leaves_the_resolver_behind)
{
	rig_need_localhost();
	RUN(cancelled);
}

/* The listener's backlog is full: the connection waits, a deadline ends it, and nothing is left. */
static int deadline(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options, .backlog = 1};
	struct coil_listener *listener;
	struct coil_stream *streams[16];
	struct target target = {.host = "127.0.0.1"};
	int n = 0;
	int rc = 0;

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), 0);
	target.port = rig_port(listener);
	while (n < 16 && rc != -ETIME) {
		struct coil_scope scope;

		coil_scope_open(&scope);
		coil_scope_deadline(&scope, coil_now() + 20 * COIL_MSEC);
		rc = coil_connect_tcp(&streams[n], target.host, target.port, NULL);
		n += rc == 0;
		coil_scope_close(&scope);
	}
	EXPECT_EQ(rc, -ETIME);
	EXPECT_EQ(coil_timeout(20 * COIL_MSEC, connect_to, &target), -ETIME);
	while (n > 0)
		coil_stream_close(streams[--n]);
	coil_listener_close(listener);
	return 0;
}

TEST(connect, a_deadline_ends_a_connection_attempt)
{
	RUN(deadline);
}

static int wait_and_connect(void *arg)
{
	struct coil_stream *stream;
	int rc = coil_connect_unix(&stream, arg, NULL);

	if (rc == 0)
		coil_stream_close(stream);
	return rc;
}

static int full_backlog(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options, .backlog = 1};
	const char *path = rig_path("full");
	struct coil_listener *listener;
	struct coil_task *tasks[5];
	struct coil_stream *stream;

	(void)arg;
	EXPECT_EQ(coil_listen_unix(&listener, path, &options), 0);
	for (int i = 0; i < 5; i++)
		tasks[i] = coil_spawn(wait_and_connect, (void *)(uintptr_t)path);
	coil_sleep(5 * COIL_MSEC);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(coil_accept(listener, &stream), 0);
		coil_stream_close(stream);
	}
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	coil_listener_close(listener);
	return 0;
}

TEST(connect, to_a_unix_socket_waits_for_room_in_the_backlog)
{
	RUN(full_backlog);
}

/* -- Several addresses ------------------------------------------------------------------------- */

/* Who listens, who refuses, and whose backlog is full, so that nobody answers. */
struct places {
	struct coil_listener *open;
	struct coil_listener *full;
	int closed;
	struct coil_stream *fillers[16];
	int filler_count;
	struct address good;
	struct address refusing;
	struct address silent;
};

static int fill_one(void *arg)
{
	struct places *p = arg;
	int rc = coil_connect_tcp(&p->fillers[p->filler_count], "127.0.0.1", rig_port(p->full),
				  NULL);

	p->filler_count += rc == 0;
	return rc;
}

static void places_open(struct places *p)
{
	struct coil_listen_options options = {.size = sizeof options, .backlog = 1};
	char port[8];

	p->filler_count = 0;
	EXPECT_EQ(coil_listen_tcp(&p->open, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_listen_tcp(&p->full, "127.0.0.1", 0, &options), 0);
	while (p->filler_count < 16 && coil_timeout(20 * COIL_MSEC, fill_one, p) == 0)
		continue;
	p->closed = closed_port(port);
	address_parse(&p->good, "127.0.0.1", coil_listener_port(p->open));
	address_parse(&p->silent, "127.0.0.1", coil_listener_port(p->full));
	address_parse(&p->refusing, "127.0.0.1", address_parse_port(port));
}

static void places_close(struct places *p)
{
	while (p->filler_count > 0)
		coil_stream_close(p->fillers[--p->filler_count]);
	coil_listener_close(p->open);
	coil_listener_close(p->full);
	close_now(p->closed);
}

/* Connects to the places that letters name: g, r, s. How long it took, or a negative errno. */
static int64_t race_to(const struct places *p, const char *letters, int64_t delay_ns)
{
	struct coil_connect_options options = {.size = sizeof options,
					       .attempt_delay_ns = delay_ns};
	struct address addresses[8];
	int64_t start = coil_now();
	int n = 0;
	int fd;

	for (; letters[n]; n++)
		addresses[n] = letters[n] == 'g' ? p->good
			       : letters[n] == 'r' ? p->refusing : p->silent;
	fd = connect_any(loop_current, addresses, n, &options);
	if (fd < 0)
		return fd;
	close_now(fd);
	return coil_now() - start;
}

struct race_arg {
	struct places *places;
	const char *letters;
};

static int race_task(void *arg)
{
	struct race_arg *race = arg;
	int64_t took = race_to(race->places, race->letters, 30 * COIL_MSEC);

	return took < 0 ? (int)took : 0;
}

static int several(void *arg)
{
	struct places p;
	struct race_arg silence = {&p, "sss"};

	(void)arg;
	places_open(&p);
	EXPECT_GE(race_to(&p, "g", COIL_FOREVER), 0);
	/* After a failure at once, */
	EXPECT_GE(race_to(&p, "rrrg", COIL_FOREVER), 0);
	/* after silence when the delay is over, */
	EXPECT_GE(race_to(&p, "sg", 30 * COIL_MSEC), 30 * COIL_MSEC);
	EXPECT_GE(race_to(&p, "ssrg", 30 * COIL_MSEC), 60 * COIL_MSEC);
	/* and the first one wins. */
	EXPECT_GE(race_to(&p, "gs", COIL_FOREVER), 0);
	EXPECT_EQ(race_to(&p, "rr", COIL_FOREVER), -ECONNREFUSED);
	EXPECT_EQ(coil_timeout(80 * COIL_MSEC, race_task, &silence), -ETIME);
	EXPECT_EQ(coil_timeout(-1, race_task, &silence), -ETIME);
	places_close(&p);
	return 0;
}

TEST(connect, several_addresses_race)
{
	RUN(several);
}

/* Each order of so many places: who answers, who refuses, who is silent, and who answers late. */
#define PLACES 3
#define LATE_NS (40 * COIL_MSEC)

static struct address late_place;

static int accept_late(void *arg)
{
	struct coil_stream *stream;
	int rc = coil_sleep(LATE_NS);

	if (rc == 0)
		rc = coil_accept(arg, &stream);
	if (rc == 0)
		coil_stream_close(stream);
	return rc;
}

/* The race itself, over places that @letters name: g, r, s, l. The descriptor. */
static int race_places(const struct places *p, const char *letters)
{
	struct coil_connect_options options = {.size = sizeof options,
					       .attempt_delay_ns = 30 * COIL_MSEC};
	struct address addresses[PLACES];

	for (int i = 0; i < PLACES; i++)
		addresses[i] = letters[i] == 'g' ? p->good : letters[i] == 'r' ? p->refusing
			       : letters[i] == 's' ? p->silent : late_place;
	return connect_any(loop_current, addresses, PLACES, &options);
}

static int race_places_task(void *arg)
{
	struct race_arg *race = arg;

	return race_places(race->places, race->letters);
}

/* What has to come of it, whenever the answers come; and no later than the silent ones allow. */
static void race_order(struct places *p, const char *letters)
{
	struct race_arg race = {p, letters};
	bool has_good = strchr(letters, 'g'), has_late = strchr(letters, 'l');
	int64_t start = coil_now();
	int rc = coil_timeout(5 * COIL_SEC, race_places_task, &race);

	if (has_good || has_late) {
		EXPECT_GE(rc, 0);
		/* Two delays and handshakes; a late one's SYN comes again after a second. */
		EXPECT_LE(coil_now() - start, has_good ? 200 * COIL_MSEC : 2 * COIL_SEC);
	} else {
		EXPECT_EQ(rc, strchr(letters, 's') ? -ETIME : -ECONNREFUSED);
	}
	if (rc >= 0)
		close_now(rc);
}

static void race_late_order(struct places *p, const char *letters)
{
	struct coil_listen_options options = {.size = sizeof options, .backlog = 1};
	struct places late = {.filler_count = 0};
	struct coil_task *task;

	EXPECT_EQ(coil_listen_tcp(&late.full, "127.0.0.1", 0, &options), 0);
	address_parse(&late_place, "127.0.0.1", coil_listener_port(late.full));
	while (late.filler_count < 16 && coil_timeout(COIL_SEC / 2, fill_one, &late) == 0)
		continue;
	EXPECT_GT(late.filler_count, 0);
	task = coil_spawn(accept_late, late.full);
	race_order(p, letters);
	coil_join(task);
	while (late.filler_count > 0)
		coil_stream_close(late.fillers[--late.filler_count]);
	coil_listener_close(late.full);
}

static int all_orders(void *arg)
{
	static const char kinds[] = "grsl";
	struct places p;

	(void)arg;
	places_open(&p);
	for (unsigned i = 0; i < 1u << (2 * PLACES); i++) {
		char letters[PLACES + 1] = "";

		for (unsigned k = 0; k < PLACES; k++)
			letters[k] = kinds[i >> (2 * k) & 3];
		if (strchr(letters, 'l'))
			race_late_order(&p, letters);
		else
			race_order(&p, letters);
	}
	places_close(&p);
	return 0;
}

TEST(connect, each_order_of_addresses_under_seeds)
{
	rig_run_odd(20, all_orders);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static int accept_it(void *arg)
{
	struct coil_stream *stream;
	int rc = coil_accept(arg, &stream);

	if (rc == 0)
		coil_stream_close(stream);
	return rc;
}

static int without_memory(void *arg)
{
	struct coil_listener *listener, *other;
	struct coil_stream *stream, *none;
	struct coil_task *task;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	EXPECT_EQ(coil_connect_tcp(&stream, "127.0.0.1", rig_port(listener), NULL), 0);
	shortage.is_on = true;
	EXPECT_EQ(coil_listen_tcp(&other, "127.0.0.1", 0, NULL), -ENOMEM);
	EXPECT_EQ(coil_listen_unix(&other, rig_path("memory"), NULL), -ENOMEM);
	EXPECT_EQ(coil_connect_tcp(&none, "127.0.0.1", rig_port(listener), NULL), -ENOMEM);
	EXPECT_EQ(coil_connect_unix(&none, "@none", NULL), -ENOMEM);
	EXPECT_EQ(coil_stream_from_fd(&none, fd), -ENOMEM);
	close(fd);
	/* An accept waits until there is some again; the connection is not lost. */
	task = coil_spawn(accept_it, listener);
	coil_sleep(50 * COIL_MSEC);
	shortage.is_on = false;
	EXPECT_EQ(coil_join(task), 0);
	coil_stream_close(stream);
	coil_listener_close(listener);
	return 0;
}

TEST(connect, lack_of_memory_is_an_error_and_no_accept_fails_of_it)
{
	struct coil_options options = {.size = sizeof options, .alloc = &shortage_alloc};

	ASSERT_EQ(coil_run_with(&options, without_memory, NULL), 0);
}
