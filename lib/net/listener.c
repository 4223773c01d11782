/* SPDX-License-Identifier: MIT */
/*
 * Listeners: sockets on which connections arrive. An accept that finds no descriptor left waits and
 * goes on; the connection stays in the kernel's backlog meanwhile. The memory of a stream is there
 * before its connection is asked for, so that none is taken and then lost.
 */
#include "net/listener.h"

#include "net/address.h"
#include "net/resolve.h"
#include "net/socket_stream.h"

#include "base/clock.h"
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

#define LISTENER_CHECK_WORD 0x115e7e3du
#define LISTENER_CHECK_FREED 0xdeadc0deu
#define BACKLOG_DEFAULT 4096
#define PAUSE_FIRST_NS (100 * COIL_MSEC)
#define PAUSE_MAX_NS (1 * COIL_SEC)

enum acceptor_state {
	ACCEPTS,
	PAUSES,		/* for want of descriptors or memory */
	IS_LIMITED,	/* as many streams as may be are open */
};

/* A task in coil_accept; in its frame. */
struct acceptor {
	struct coil_list link;
	struct coil_op op;
	struct coil_timer pause;	/* not in ACCEPTS */
	enum acceptor_state state;
};

struct coil_listener {
	struct coil_loop *loop;
	struct coil_list acceptors;
	struct coil_list streams;	/* accepted, and still open */
	struct coil_future *closer;
	int fd;
	uint32_t check_word;
	uint32_t connections_max;	/* 0: any number */
	uint32_t places_taken;		/* streams, and accepts under way */
	struct coil_listener_stats stats; /* what is counted */
	char *path;			/* of the file to remove; NULL: none */
	size_t path_bytes;
};

static void listener_check_use(const struct coil_listener *listener)
{
	check_use(listener->check_word == LISTENER_CHECK_WORD,
		  "this is no open listener: was it closed before?");
	check_use(listener->loop == loop_current,
		  "this listener belongs to the loop of another thread");
}

/* -- Listen --------------------------------------------------------------------------------------
 */

static int read_options(const struct coil_listen_options *given,
			struct coil_listen_options *options)
{
	const unsigned known =
		COIL_LISTEN_REUSE_PORT | COIL_LISTEN_V6_ONLY | COIL_LISTEN_DELAY;

	memset(options, 0, sizeof *options);
	if (given) {
		if (given->size == 0)
			return -EINVAL;
		memcpy(options, given,
		       given->size < sizeof *options ? given->size : sizeof *options);
	}
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

/* -- Accept --------------------------------------------------------------------------------------
 */

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
	/* A stream was closed: the timer was taken back, and nobody was cancelled. */
	return rc == -ECANCELED && !coil_cancelling() ? 0 : rc;
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
	listener->places_taken += rc == 0;
	return rc;
}

static void wake_acceptor(struct acceptor *acceptor)
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
			wake_acceptor(acceptor);
	}
}

/* A descriptor, or why there is none. */
static int accept_one(struct coil_listener *listener, struct acceptor *acceptor)
{
	int rc = take_place(listener, acceptor);

	if (rc < 0)
		return rc;
	op_prep_accept4(&acceptor->op, listener->fd, NULL, NULL, SOCK_CLOEXEC);
	rc = op_await(&acceptor->op);
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
			    struct socket_stream **ret_socket)
{
	int64_t pause_ns = PAUSE_FIRST_NS;
	int rc;

	for (;;) {
		if (!*ret_socket)
			*ret_socket = socket_stream_new(listener->loop);
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

int coil_accept(struct coil_listener *listener, struct coil_stream **ret_stream)
{
	struct socket_stream *socket = NULL;
	struct acceptor acceptor;
	int rc;

	listener_check_use(listener);
	if (listener->closer)
		return -EPIPE;
	acceptor.state = ACCEPTS;
	acceptor.op.state = OP_IDLE;
	list_init(&acceptor.link);
	list_push_back(&listener->acceptors, &acceptor.link);
	rc = accept_patiently(listener, &acceptor, &socket);
	list_remove(&acceptor.link);
	if (likely(rc >= 0 && !listener->closer)) {
		adopt(listener, socket);
		*ret_stream = socket_stream_begin(socket, rc);
		return 0;
	}
	if (socket)
		socket_stream_free(socket);
	return listener->closer ? leave_closing(listener, rc) : rc;
}

void listener_forget(struct coil_listener *listener, struct socket_stream *socket)
{
	struct coil_list *link;

	list_remove(&socket->siblings);
	check(listener->places_taken > 0);
	listener->places_taken--;
	list_for_each(link, &listener->acceptors)
		wake_acceptor(list_entry(link, struct acceptor, link));
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
	size_t size = ret_stats->size;

	listener_check_use(listener);
	if (size == 0)
		return -EINVAL;
	stats = listener->stats;
	stats.open = count(&listener->streams);
	stats.accepting = count(&listener->acceptors);
	list_for_each(link, &listener->acceptors)
		stats.pausing += list_entry(link, struct acceptor, link)->state == PAUSES;
	memcpy(ret_stats, &stats, size < sizeof stats ? size : sizeof stats);
	ret_stats->size = size;
	return 0;
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

		wake_acceptor(acceptor);
		if (op_is_started(&acceptor->op))
			op_cancel(listener->loop, &acceptor->op);
	}
	task_wait_to_the_end(task_scheduler(task), task, &left);
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
	if (!list_is_empty(&listener->acceptors))
		drive_out(listener);
	abandon_streams(listener);
	calls = listener->loop->driver->ops->calls;
	alloc = listener->loop->alloc;
	if (listener->path)
		calls->unlink(listener->path);
	loop_note_close(listener->loop, listener->fd);
	calls->close(listener->fd);
	listener->check_word = LISTENER_CHECK_FREED;
	alloc_free(alloc, listener->path, listener->path_bytes);
	alloc_free(alloc, listener, sizeof *listener);
}
