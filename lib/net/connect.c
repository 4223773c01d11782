/* SPDX-License-Identifier: MIT */
/*
 * Connecting. To several addresses: "happy eyeballs", RFC 8305. The attempts are operations in the
 * caller's frame, started one by one, each when the one before has failed or has taken too long;
 * the first that succeeds wins, and the call returns when the kernel has let go of the others.
 */
#include "net/connect.h"

#include "net/resolve.h"
#include "net/socket_stream.h"

#include "base/clock.h"
#include "base/sized.h"
#include "coil/combine.h"
#include "loop/op.h"
#include "loop/prep_net.h"
#include "task/await.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define KEEPALIVE_MAX_NS (32767 * COIL_SEC) /* tcp(7) */
#define ATTEMPT_DELAY_NS (250 * COIL_MSEC) /* RFC 8305, section 5 */

/* Each number in its bounds; tcp(7) has those of the kernel. */
static int check_details(const struct coil_connect_options *options)
{
	struct address address;
	bool has_details = options->keepalive_interval_ns || options->keepalive_probes;

	if (options->keepalive_ns < 0 || options->keepalive_ns > KEEPALIVE_MAX_NS ||
	    options->keepalive_interval_ns < 0 ||
	    options->keepalive_interval_ns > KEEPALIVE_MAX_NS || options->keepalive_probes < 0 ||
	    options->keepalive_probes > 127 || (has_details && !options->keepalive_ns))
		return -EINVAL;
	if (options->user_timeout_ns < 0 || options->user_timeout_ns / COIL_MSEC >= INT32_MAX)
		return -EINVAL;
	if (options->bind_port < 0 || options->bind_port > 65535)
		return -EINVAL;
	if (options->bind_host && !address_parse(&address, options->bind_host, 0))
		return -EINVAL;
	return 0;
}

static int read_options(const struct coil_connect_options *given,
			struct coil_connect_options *options)
{
	int rc = sized_read(options, given, sizeof *options);

	if (rc < 0)
		return rc;
	if (options->attempt_delay_ns == 0)
		options->attempt_delay_ns = ATTEMPT_DELAY_NS;
	if (options->attempt_delay_ns < 0 ||
	    (options->flags & ~(unsigned)(COIL_CONNECT_DELAY | COIL_CONNECT_FASTOPEN)))
		return -EINVAL;
	return check_details(options);
}

/* 0 is not set: the kernel's default. */
static int set_unless_zero(const struct driver_calls *calls, int fd, const int name[2], int value)
{
	return value ? calls->setsockopt(fd, name[0], name[1], &value, sizeof value) : 0;
}

static int whole(int64_t duration, int64_t unit)
{
	return (int)((duration + unit - 1) / unit);
}

static int set_tcp(const struct driver_calls *calls, int fd,
		   const struct coil_connect_options *options)
{
	const struct {
		int name[2];
		int value;
	} settings[] = {
		{{IPPROTO_TCP, TCP_NODELAY}, !(options->flags & COIL_CONNECT_DELAY)},
		{{SOL_SOCKET, SO_KEEPALIVE}, options->keepalive_ns > 0},
		{{IPPROTO_TCP, TCP_KEEPIDLE}, whole(options->keepalive_ns, COIL_SEC)},
		{{IPPROTO_TCP, TCP_KEEPINTVL}, whole(options->keepalive_interval_ns, COIL_SEC)},
		{{IPPROTO_TCP, TCP_KEEPCNT}, options->keepalive_probes},
		{{IPPROTO_TCP, TCP_USER_TIMEOUT}, whole(options->user_timeout_ns, COIL_MSEC)},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof settings / sizeof settings[0]; i++)
		rc = set_unless_zero(calls, fd, settings[i].name, settings[i].value);
	/* It is faster, or as ever: a kernel without it connects first. */
	if (rc == 0 && (options->flags & COIL_CONNECT_FASTOPEN))
		set_unless_zero(calls, fd, (int[2]){IPPROTO_TCP, TCP_FASTOPEN_CONNECT}, 1);
	return rc;
}

static int bind_local(const struct driver_calls *calls, int fd, int family,
		      const struct coil_connect_options *options)
{
	struct address address;

	if (!options->bind_host && !options->bind_port)
		return 0;
	if (options->bind_host)
		address_parse(&address, options->bind_host, options->bind_port);
	else
		address_any(&address, family, options->bind_port);
	if (address.storage.ss_family != family)
		return -EAFNOSUPPORT;
	/* The port is chosen by the connect, which knows the peer: ports last longer. */
	if (!options->bind_port)
		set_unless_zero(calls, fd, (int[2]){IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT}, 1);
	else
		set_unless_zero(calls, fd, (int[2]){SOL_SOCKET, SO_REUSEADDR}, 1);
	return calls->bind(fd, address_name(&address), address.bytes);
}

static int open_socket(const struct driver_calls *calls, int family,
		       const struct coil_connect_options *options)
{
	int fd = calls->socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0 || family == AF_UNIX)
		return fd;
	rc = set_tcp(calls, fd, options);
	if (rc == 0)
		rc = bind_local(calls, fd, family, options);
	if (rc == 0)
		return fd;
	calls->close(fd);
	return rc;
}

/* -- Several addresses ---------------------------------------------------------------------------
 */

struct race {
	struct coil_loop *loop;
	const struct coil_connect_options *options;
	const struct address *addresses;
	int n;
	int next;	/* the address to try next */
	int pending;	/* attempts under way */
	int winner;	/* or -1 */
	int error;	/* of the first attempt that failed, or 0 */
	int fds[RESOLVE_ADDRESSES_MAX]; /* -1: not under way */
	struct coil_op ops[RESOLVE_ADDRESSES_MAX];
};

static void race_note_error(struct race *race, int error)
{
	if (race->error == 0)
		race->error = error;
}

/* Starts the next attempt for which there is a socket. */
static void race_start_next(struct race *race)
{
	while (race->next < race->n) {
		int i = race->next++;
		const struct address *address = &race->addresses[i];
		int fd = open_socket(race->loop->driver->ops->calls, address->storage.ss_family,
				     race->options);

		if (fd < 0) {
			race_note_error(race, fd);
			continue;
		}
		race->fds[i] = fd;
		race->pending++;
		op_prep_connect(&race->ops[i], fd, address_name(address), address->bytes);
		coil_op_start(&race->ops[i]);
		return;
	}
}

static void race_drop(struct race *race, int i)
{
	race->loop->driver->ops->calls->close(race->fds[i]);
	race->fds[i] = -1;
	race->pending--;
}

/* Looks at the attempts that are done: how many failed? */
static int race_collect(struct race *race)
{
	int failed = 0;

	for (int i = 0; i < race->next; i++) {
		const struct coil_future *future = &race->ops[i].future;

		if (race->fds[i] < 0 || future_is_pending(future))
			continue;
		if (future->result == 0 && race->winner < 0) {
			race->winner = i;
		} else if (race->winner != i) {
			if (future->result < 0)
				race_note_error(race, future->result);
			race_drop(race, i);
			failed++;
		}
	}
	return failed;
}

/* Until one more attempt is done, or it is time for another one. */
static int race_wait(struct race *race)
{
	struct coil_future *futures[RESOLVE_ADDRESSES_MAX];
	int64_t deadline = COIL_FOREVER;
	size_t n = 0;

	for (int i = 0; i < race->next; i++)
		if (race->fds[i] >= 0)
			futures[n++] = &race->ops[i].future;
	if (race->next < race->n)
		deadline = clock_add(coil_now(), race->options->attempt_delay_ns);
	return coil_wait(futures, n, COIL_FIRST_COMPLETED, deadline);
}

/* Nothing is left in the kernel. An attempt that succeeds in spite of a cancel is taken. */
static void race_drain(struct race *race)
{
	struct coil_task *task = task_required("coil_connect_tcp");

	for (int i = 0; i < race->next; i++)
		if (race->fds[i] >= 0 && op_is_started(&race->ops[i]))
			op_cancel(race->loop, &race->ops[i]);
	for (int i = 0; i < race->next; i++)
		if (race->fds[i] >= 0)
			task_wait_to_the_end(task_scheduler(task), task, &race->ops[i].future);
	race_collect(race);
}

/* 0, or what a wait returned. */
static int race_run(struct race *race)
{
	race_start_next(race);
	while (race->pending > 0 && race->winner < 0) {
		int rc = race_wait(race);

		if (rc < 0)
			return rc;
		if ((race_collect(race) > 0 || rc == 0) && race->winner < 0)
			race_start_next(race);
	}
	return 0;
}

int connect_any(struct coil_loop *loop, const struct address *addresses, int n,
		const struct coil_connect_options *options)
{
	struct race race;
	int rc;

	race.loop = loop;
	race.options = options;
	race.addresses = addresses;
	race.n = n;
	race.next = 0;
	race.pending = 0;
	race.winner = -1;
	race.error = 0;
	memset(race.fds, -1, sizeof race.fds);
	rc = race_run(&race);
	race_drain(&race);
	if (race.winner >= 0)
		return race.fds[race.winner];
	return rc < 0 ? rc : race.error;
}

/* -- One address ---------------------------------------------------------------------------------
 */

static int connect_one(struct coil_loop *loop, const struct address *address,
		       const struct coil_connect_options *options)
{
	const struct driver_calls *calls = loop->driver->ops->calls;
	int fd = open_socket(calls, address->storage.ss_family, options);
	struct coil_op op;
	int rc;

	if (fd < 0)
		return fd;
	op_prep_connect(&op, fd, address_name(address), address->bytes);
	rc = op_await(&op);
	if (rc == 0)
		return fd;
	calls->close(fd);
	return rc;
}

static int connect_named(struct coil_loop *loop, const char *host, const char *service, int port,
			 const struct coil_connect_options *options)
{
	struct resolve_request *request;
	int n = resolve_by(options->cache, host, port < 0 ? service : NULL, &request);
	struct address *addresses;
	int fd;

	if (n < 0)
		return n;
	addresses = resolve_addresses(request);
	for (int i = 0; i < n && port >= 0; i++)
		address_set_port(&addresses[i].storage, port);
	address_interleave(addresses, n);
	fd = connect_any(loop, addresses, n, options);
	resolve_free(request);
	return fd;
}

/* Takes the socket's memory; on failure it is freed. */
static int finish(struct socket_stream *socket, int fd, struct coil_stream **ret_stream)
{
	if (fd < 0) {
		socket_stream_free(socket);
		return fd;
	}
	*ret_stream = socket_stream_begin(socket, fd);
	return 0;
}

int coil_connect_tcp(struct coil_stream **ret_stream, const char *host, const char *service,
		     const struct coil_connect_options *options)
{
	struct coil_loop *loop = loop_required(__func__);
	struct coil_connect_options chosen;
	struct socket_stream *socket;
	struct address address;
	int port = address_parse_port(service);
	int rc = read_options(options, &chosen);

	if (rc < 0)
		return rc;
	if (port < 0 && port != -ENOENT)
		return port;
	socket = socket_stream_new(loop);
	if (!socket)
		return -ENOMEM;
	if (port >= 0 && address_parse(&address, host, port))
		rc = connect_one(loop, &address, &chosen);
	else
		rc = connect_named(loop, host, service, port, &chosen);
	return finish(socket, rc, ret_stream);
}

int coil_connect_unix(struct coil_stream **ret_stream, const char *path,
		      const struct coil_connect_options *options)
{
	struct coil_loop *loop = loop_required(__func__);
	struct coil_connect_options chosen;
	struct socket_stream *socket;
	struct address address;
	int rc = read_options(options, &chosen);

	if (rc == 0)
		rc = address_unix(&address, path);
	if (rc < 0)
		return rc;
	socket = socket_stream_new(loop);
	if (!socket)
		return -ENOMEM;
	return finish(socket, connect_one(loop, &address, &chosen), ret_stream);
}
