/* SPDX-License-Identifier: MIT */
/* Listeners: sockets on which connections arrive. accept.c takes those. */
#include "net/listener.h"

#include "net/address.h"
#include "net/resolve.h"
#include "net/serve.h"
#include "net/socket_stream.h"

#include "base/clock.h"
#include "base/sized.h"
#include "coil/net.h"
#include "coil/timer.h"
#include "loop/observe.h"
#include "loop/op.h"
#include "loop/prep_files.h"
#include "loop/prep_net.h"
#include "task/await.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>

#define BACKLOG_DEFAULT 4096

/* -- Listen --------------------------------------------------------------------------------------
 */

static int read_options(const struct coil_listen_options *given,
			struct coil_listen_options *options)
{
	const unsigned known =
		COIL_LISTEN_REUSE_PORT | COIL_LISTEN_V6_ONLY | COIL_LISTEN_DELAY;
	int rc = sized_read(options, given, sizeof *options);

	if (rc < 0)
		return rc;
	if (options->backlog == 0)
		options->backlog = BACKLOG_DEFAULT;
	if (options->backlog < 0 || options->flags & ~known || options->mode > 0777)
		return -EINVAL;
	return 0;
}

static int set_option(const struct driver_calls *calls, int fd, int level, int option, int value)
{
	return calls->setsockopt(fd, level, option, &value, sizeof value);
}

/* Accepted sockets inherit TCP_NODELAY. */
static int set_tcp_options(const struct driver_calls *calls, int fd, int family, unsigned flags)
{
	int rc = set_option(calls, fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (rc == 0 && (flags & COIL_LISTEN_REUSE_PORT))
		rc = set_option(calls, fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc == 0 && !(flags & COIL_LISTEN_DELAY))
		rc = set_option(calls, fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (rc == 0 && family == AF_INET6)
		rc = set_option(calls, fd, IPPROTO_IPV6, IPV6_V6ONLY,
				(flags & COIL_LISTEN_V6_ONLY) != 0);
	return rc;
}

/* Before it listens nobody can connect: permissions that are set between are there in time. */
static int open_doors(const struct driver_calls *calls, int fd, const struct address *address,
		      const struct coil_listen_options *options)
{
	const char *path = address_path(address);
	int rc = path && options->mode ? calls->chmod(path, options->mode) : 0;

	if (rc == 0)
		rc = calls->listen(fd, options->backlog);
	if (rc < 0 && path)
		calls->unlink(path);
	return rc;
}

/* A listening socket, or a negative errno. */
static int open_socket(const struct driver_calls *calls, const struct address *address,
		       const struct coil_listen_options *options)
{
	int family = address->storage.ss_family;
	int fd = calls->socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return fd;
	if (family != AF_UNIX)
		rc = set_tcp_options(calls, fd, family, options->flags);
	if (rc == 0)
		rc = calls->bind(fd, address_name(address), address->bytes);
	if (rc == 0)
		rc = open_doors(calls, fd, address, options);
	if (rc == 0)
		return fd;
	calls->close(fd);
	return rc;
}

/* @path: of a file to remove at the end, or NULL. Takes @fd, on failure too. */
static int listener_new(struct coil_loop *loop, int fd, const char *path,
			struct coil_listener **ret_listener)
{
	const struct coil_alloc *alloc = loop->alloc;
	struct coil_listener *listener = alloc_zeroed(alloc, sizeof *listener);

	if (listener && path) {
		listener->path_bytes = strlen(path) + 1;
		listener->path = alloc->alloc(alloc->context, listener->path_bytes);
	}
	if (!listener || (path && !listener->path)) {
		alloc_free(alloc, listener, sizeof *listener);
		loop->driver->ops->calls->close(fd);
		if (path)
			loop->driver->ops->calls->unlink(path);
		return -ENOMEM;
	}
	if (path)
		memcpy(listener->path, path, listener->path_bytes);
	loop->listeners_open++;
	listener->loop = loop;
	listener->fd = fd;
	listener->check_word = LISTENER_CHECK_WORD;
	list_init(&listener->acceptors);
	list_init(&listener->streams);
	*ret_listener = listener;
	return 0;
}

/* The first address that works; if none does, the first one's error. */
static int open_first(struct coil_loop *loop, const struct address *addresses, int n,
		      const struct coil_listen_options *options)
{
	int first = -ENOENT;

	for (int i = 0; i < n; i++) {
		int fd = open_socket(loop->driver->ops->calls, &addresses[i], options);

		if (fd >= 0)
			return fd;
		if (i == 0)
			first = fd;
	}
	return first;
}

static int open_named(struct coil_loop *loop, const char *host, int port,
		      const struct coil_listen_options *options)
{
	struct resolve_request *request;
	int n = resolve(loop, host, NULL, &request);
	int fd;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		address_set_port(&resolve_addresses(request)[i].storage, port);
	fd = open_first(loop, resolve_addresses(request), n, options);
	resolve_free(request);
	return fd;
}

static int open_any(struct coil_loop *loop, int port, const struct coil_listen_options *options)
{
	struct address address;
	int fd;

	address_any(&address, AF_INET6, port);
	fd = open_socket(loop->driver->ops->calls, &address, options);
	if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
		return fd;
	/* A machine without IPv6. */
	address_any(&address, AF_INET, port);
	return open_socket(loop->driver->ops->calls, &address, options);
}

int coil_listen_tcp(struct coil_listener **ret_listener, const char *host, int port,
		    const struct coil_listen_options *options)
{
	struct coil_loop *loop = loop_required(__func__);
	struct coil_listen_options chosen;
	struct address address;
	int rc = read_options(options, &chosen);
	int fd;

	if (rc < 0)
		return rc;
	if (port < 0 || port > 65535 || chosen.mode)
		return -EINVAL;
	if (!host)
		fd = open_any(loop, port, &chosen);
	else if (address_parse(&address, host, port))
		fd = open_socket(loop->driver->ops->calls, &address, &chosen);
	else
		fd = open_named(loop, host, port, &chosen);
	if (fd < 0)
		return fd;
	rc = listener_new(loop, fd, NULL, ret_listener);
	if (rc == 0)
		(*ret_listener)->connections_max = chosen.connections_max;
	return rc;
}

/* Does nobody answer there? 0: nobody. */
static int probe_unix(struct coil_loop *loop, const struct address *address)
{
	const struct driver_calls *calls = loop->driver->ops->calls;
	int fd = calls->socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return fd;
	/* Without waiting: a full backlog is an answer, too. */
	rc = calls->fcntl(fd, F_SETFL, O_NONBLOCK);
	if (rc >= 0) {
		struct coil_op op;

		op_prep_connect(&op, fd, address_name(address), address->bytes);
		rc = op_await(&op);
	}
	calls->close(fd);
	if (rc == -ECONNREFUSED)
		return 0;
	return rc >= 0 || rc == -EAGAIN || rc == -EPROTOTYPE ? -EADDRINUSE : rc;
}

/* A plain file refuses connections as a dead socket does: only a socket may be removed. */
static int remove_stale(struct coil_loop *loop, const struct address *address, const char *path)
{
	struct coil_op op;
	struct statx found;
	int rc;

	op_prep_statx(&op, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &found);
	rc = op_await(&op);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	if (!S_ISSOCK(found.stx_mode))
		return -EADDRINUSE;
	rc = probe_unix(loop, address);
	if (rc < 0)
		return rc;
	rc = loop->driver->ops->calls->unlink(path);
	return rc == -ENOENT ? 0 : rc;
}

int coil_listen_unix(struct coil_listener **ret_listener, const char *path,
		     const struct coil_listen_options *options)
{
	struct coil_loop *loop = loop_required(__func__);
	struct coil_listen_options chosen;
	struct address address;
	int rc = read_options(options, &chosen);
	int fd;

	if (rc == 0)
		rc = address_unix(&address, path);
	if (rc < 0)
		return rc;
	fd = open_socket(loop->driver->ops->calls, &address, &chosen);
	if (fd == -EADDRINUSE && path[0] != '@') {
		rc = remove_stale(loop, &address, path);
		if (rc < 0)
			return rc;
		fd = open_socket(loop->driver->ops->calls, &address, &chosen);
	}
	if (fd < 0)
		return fd;
	rc = listener_new(loop, fd, path[0] == '@' ? NULL : path, ret_listener);
	if (rc == 0)
		(*ret_listener)->connections_max = chosen.connections_max;
	return rc;
}

/* -- The rest ------------------------------------------------------------------------------------
 */

int coil_listener_fd(const struct coil_listener *listener)
{
	listener_check_use(listener);
	return listener->fd;
}

int coil_listener_port(const struct coil_listener *listener)
{
	struct sockaddr_storage storage;
	socklen_t bytes = sizeof storage;
	int rc;

	listener_check_use(listener);
	memset(&storage, 0, sizeof storage);
	rc = listener->loop->driver->ops->calls->getsockname(
		listener->fd, (struct sockaddr *)(void *)&storage, &bytes);
	if (rc < 0)
		return rc;
	rc = address_port(&storage);
	return rc < 0 ? -EOPNOTSUPP : rc;
}

static unsigned count(const struct coil_list *list)
{
	struct coil_list *link;
	unsigned n = 0;

	list_for_each(link, list)
		n++;
	return n;
}

int coil_listener_stats(const struct coil_listener *listener,
			struct coil_listener_stats *ret_stats)
{
	struct coil_listener_stats stats;
	struct coil_list *link;

	listener_check_use(listener);
	stats = listener->stats;
	stats.open = count(&listener->streams);
	stats.accepting = count(&listener->acceptors);
	list_for_each(link, &listener->acceptors)
		stats.pausing += list_entry(link, struct acceptor, link)->state == PAUSES;
	return sized_write(ret_stats, &stats, sizeof stats);
}

static const struct coil_future_ops closer_ops = { .kind = "listener's last acceptor" };

static void drive_out(struct coil_listener *listener)
{
	struct coil_task *task = task_required("coil_listener_close");
	struct coil_future left;
	struct coil_list *link;

	future_init(&left, &listener->loop->ready, &closer_ops);
	listener->closer = &left;
	list_for_each(link, &listener->acceptors) {
		struct acceptor *acceptor = list_entry(link, struct acceptor, link);

		listener_wake(acceptor);
		if (op_is_started(&acceptor->op))
			op_cancel(listener->loop, &acceptor->op);
	}
	task_wait_to_the_end(task_scheduler(task), task, &left);
}

struct serve **listener_serve(struct coil_listener *listener)
{
	listener_check_use_of("coil_serve", listener);
	return &listener->serve;
}

struct coil_serve_stats *listener_served(struct coil_listener *listener)
{
	return &listener->served;
}

static void abandon_streams(struct coil_listener *listener)
{
	struct coil_list *link;

	while ((link = list_pop_front(&listener->streams)) != NULL)
		list_entry(link, struct socket_stream, siblings)->listener = NULL;
}

void coil_listener_close(struct coil_listener *listener)
{
	const struct driver_calls *calls;
	const struct coil_alloc *alloc;

	if (!listener)
		return;
	listener_check_use(listener);
	check_use(!listener->closer, "another task closes this listener already");
	if (listener->serve)
		serve_lose_listener(listener->serve);
	if (!list_is_empty(&listener->acceptors))
		drive_out(listener);
	listener_end_shot(listener);
	abandon_streams(listener);
	calls = listener->loop->driver->ops->calls;
	alloc = listener->loop->alloc;
	if (listener->path)
		calls->unlink(listener->path);
	loop_note_close(listener->loop, listener->fd);
	calls->close(listener->fd);
	listener->check_word = LISTENER_CHECK_FREED;
	listener->loop->listeners_open--;
	alloc_free(alloc, listener->path, listener->path_bytes);
	alloc_free(alloc, listener, sizeof *listener);
}
