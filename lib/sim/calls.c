/* SPDX-License-Identifier: MIT */
/*
 * The table of plain system calls, on the world of the calling thread. Each takes no time and never
 * waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include "sim/disk.h"
#include "sim/driver.h"
#include "sim/net.h"
#include "sim/pipe.h"
#include "sim/poll.h"
#include "sim/procs.h"

/* What changed has somebody who waits for it, in a ring that may not be entered for long. */
static int settled(int result)
{
	sim_settle(sim_current());
	return result;
}

static int call_socket(int domain, int type, int protocol)
{
	return sim_net_socket(sim_current(), domain, type, protocol);
}

static int call_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	return sim_net_bind(sim_current(), fd, address, bytes);
}

static int call_listen(int fd, int backlog)
{
	return settled(sim_net_listen(sim_current(), fd, backlog));
}

static int call_getsockname(int fd, struct sockaddr *address, socklen_t *bytes)
{
	return sim_net_getsockname(sim_current(), fd, address, bytes);
}

static int call_getpeername(int fd, struct sockaddr *address, socklen_t *bytes)
{
	return sim_net_getpeername(sim_current(), fd, address, bytes);
}

static int call_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	const struct sim_option_call call = {fd, level, option, bytes};

	return settled(sim_net_setsockopt(sim_current(), &call, value));
}

static int call_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
	struct sim_option_call call = {fd, level, option, *bytes};
	int rc = sim_net_getsockopt(sim_current(), &call, value);

	*bytes = call.bytes;
	return rc;
}

static int call_recv(int fd, void *buf, size_t len, int flags)
{
	const struct sim_transfer_call call = {fd, flags};
	int rc = sim_net_recv(sim_current(), &call, buf, len);

	sim_trace(sim_current(), "recv at once: %d", rc);
	return settled(rc);
}

static int call_sendfile(int socket, int file, int64_t *offset, size_t len)
{
	const struct sim_sendfile_call call = {file, offset, len};
	int rc = sim_disk_sendfile(sim_current(), socket, &call);

	sim_trace(sim_current(), "sendfile at once: %d of %zu", rc, len);
	return settled(rc);
}

static int call_shutdown(int fd, int how)
{
	return settled(sim_net_shutdown(sim_current(), fd, how));
}

static int call_close(int fd)
{
	return settled(sim_fd_close(sim_current(), fd));
}

static int call_unlink(const char *path)
{
	return sim_disk_unlink(sim_current(), path);
}

static int call_pipe2(int fds[2], int flags)
{
	return sim_pipe(sim_current(), fds, flags);
}

static int call_chmod(const char *path, mode_t mode)
{
	return sim_disk_chmod(sim_current(), path, mode);
}

static int call_ftruncate(int fd, off_t length)
{
	return settled(sim_disk_ftruncate(sim_current(), fd, length));
}

/* A sleep in here would stop the world: the engine polls before. */
static int call_epoll_wait(int epoll_fd, struct epoll_event *events, int events_max, int timeout_ms)
{
	struct sim_file *file = sim_fd_file(sim_current(), epoll_fd);

	check(timeout_ms == 0);
	return file ? sim_epoll_take(file, events, events_max) : -EBADF;
}

static int call_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	return settled(sim_epoll_ctl(epoll_fd, operation, fd, event));
}

static int set_status(struct sim_file *file, int flags)
{
	const int may_change = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

	file->flags = (file->flags & ~may_change) | (flags & may_change);
	return 0;
}

static int call_fcntl(int fd, int command, int argument)
{
	struct sim *sim = sim_current();
	struct sim_file *file = sim_fd_file(sim, fd);
	int copy;

	if (!file)
		return -EBADF;
	switch (command) {
	case F_GETFD:
		return sim_fd_flags(sim, fd);
	case F_SETFD:
		return sim_fd_set_flags(sim, fd, argument & FD_CLOEXEC);
	case F_GETFL:
		return file->flags;
	case F_SETFL:
		return set_status(file, argument);
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		copy = sim_fd_install_from(sim, file, argument);
		if (copy >= 0 && command == F_DUPFD_CLOEXEC)
			sim_fd_set_flags(sim, copy, FD_CLOEXEC);
		return copy;
	default:
		return -EINVAL;
	}
}

static int call_resolve(const char *host, const char *service, int flags,
			struct sockaddr_storage *ret_addresses, socklen_t *ret_bytes,
			int addresses_max)
{
	const struct sim_resolve_call call = {host, service, flags, addresses_max};

	return sim_net_resolve(sim_current(), &call, ret_addresses, ret_bytes);
}

static int call_cpu_count(void)
{
	return 4;
}

/* What runs elsewhere runs on whoever is inside of an enter: nobody else would wake it. */
static int call_wait_word(const uint32_t *word, uint32_t value, int64_t timeout_ns)
{
	(void)word;
	(void)value;
	(void)timeout_ns;
	return -EOPNOTSUPP;
}

static void call_wake_word(const uint32_t *word, int count)
{
	(void)word;
	(void)count;
}

const struct driver_calls sim_calls = {
	.socket = call_socket,
	.bind = call_bind,
	.listen = call_listen,
	.getsockname = call_getsockname,
	.getpeername = call_getpeername,
	.setsockopt = call_setsockopt,
	.getsockopt = call_getsockopt,
	.recv = call_recv,
	.sendfile = call_sendfile,
	.shutdown = call_shutdown,
	.close = call_close,
	.unlink = call_unlink,
	.chmod = call_chmod,
	.pipe2 = call_pipe2,
	.ftruncate = call_ftruncate,
	.waitid = sim_waitid,
	.pidfd_open = sim_pidfd_open,
	.epoll_ctl = call_epoll_ctl,
	.epoll_wait = call_epoll_wait,
	.sigaction = sim_sigaction,
	.raise = sim_raise,
	.set_signal_mask = sim_set_signal_mask,
	.sigpending = sim_sigpending,
	.sigtake = sim_sigtake,
	.fcntl = call_fcntl,
	.cpu_count = call_cpu_count,
	.wait_word = call_wait_word,
	.wake_word = call_wake_word,
	.resolve = call_resolve,
};
