/* SPDX-License-Identifier: MIT */
/* The table of plain system calls. None of them loops: a caller sees what the kernel said. */
#include "ring/calls.h"

#include "base/check.h"
#include "base/clock.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int call_socket(int domain, int type, int protocol)
{
	return call_result(socket(domain, type, protocol));
}

static int call_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	return call_result(bind(fd, address, bytes));
}

static int call_listen(int fd, int backlog)
{
	return call_result(listen(fd, backlog));
}

static int call_getsockname(int fd, struct sockaddr *address, socklen_t *bytes)
{
	return call_result(getsockname(fd, address, bytes));
}

static int call_getpeername(int fd, struct sockaddr *address, socklen_t *bytes)
{
	return call_result(getpeername(fd, address, bytes));
}

static int call_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	return call_result(setsockopt(fd, level, option, value, bytes));
}

static int call_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
	return call_result(getsockopt(fd, level, option, value, bytes));
}

static int call_recv(int fd, void *buf, size_t len, int flags)
{
	return call_result((int)recv(fd, buf, len, flags));
}

/* What is cheaper to read and write than to ask so much about. */
#define SENDFILE_LEAST 16384
/* What the kernel reads ahead together: the last byte tells of all. */
#define SENDFILE_FEW 65536

static bool is_in_memory(int file, int64_t at)
{
	char byte;
	const struct iovec iov = {&byte, 1};

	return preadv2(file, &iov, 1, at, RWF_NOWAIT) == 1;
}

/* How much of @len from there on is there, and its ends in memory; or as call_sendfile. */
static int64_t sendfile_bytes(int file, const int64_t *offset, size_t len)
{
	int64_t from = offset ? *offset : lseek(file, 0, SEEK_CUR);
	struct stat status;

	if (fstat(file, &status) < 0)
		return call_result(-1);
	if (!S_ISREG(status.st_mode) || from < 0)
		return -EOPNOTSUPP;
	if (len == 0)
		return 0;
	if (status.st_size - from < SENDFILE_LEAST)
		return -ENODATA;
	if ((uint64_t)(status.st_size - from) < len)
		len = (size_t)(status.st_size - from);
	if ((len > SENDFILE_FEW && !is_in_memory(file, from)) ||
	    !is_in_memory(file, from + (int64_t)len - 1))
		return -ENODATA;
	return (int64_t)len;
}

/*
 * sendfile knows no MSG_DONTWAIT: what stands in its place is a flag of the socket, for as long as
 * the call lasts.
 */
static int call_sendfile(int socket, int file, int64_t *offset, size_t len)
{
	int64_t bytes = sendfile_bytes(file, offset, len);
	int flags = bytes > 0 ? fcntl(socket, F_GETFL) : 0;
	off_t at = offset ? (off_t)*offset : 0;
	int rc;

	if (bytes <= 0)
		return (int)bytes;
	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0))
		return call_result(-1);
	rc = call_result((int)sendfile(socket, file, offset ? &at : NULL, (size_t)bytes));
	if (!(flags & O_NONBLOCK))
		(void)fcntl(socket, F_SETFL, flags);
	if (rc > 0 && offset)
		*offset = at;
	return rc ? rc : -ENODATA;
}

static int call_shutdown(int fd, int how)
{
	return call_result(shutdown(fd, how));
}

static int call_close(int fd)
{
	return call_result(close(fd));
}

static int call_unlink(const char *path)
{
	return call_result(unlink(path));
}

static int call_pipe2(int fds[2], int flags)
{
	return call_result(pipe2(fds, flags));
}

static int call_chmod(const char *path, mode_t mode)
{
	return call_result(chmod(path, mode));
}

static int call_ftruncate(int fd, off_t length)
{
	return call_result(ftruncate(fd, length));
}

static int call_waitid(int type, id_t id, void *info, int options)
{
	return call_result(waitid((idtype_t)type, id, info, options));
}

/* glibc has it from 2.36 on; the number is the same everywhere. */
static int call_pidfd_open(pid_t pid, unsigned flags)
{
	return call_result(syscall(SYS_pidfd_open, pid, flags));
}

static int call_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	return call_result(epoll_ctl(epoll_fd, operation, fd, event));
}

static int call_epoll_wait(int epoll_fd, struct epoll_event *events, int events_max, int timeout_ms)
{
	return call_result(epoll_wait(epoll_fd, events, events_max, timeout_ms));
}

static int call_sigaction(int signum, const struct sigaction *action, struct sigaction *old)
{
	return call_result(sigaction(signum, action, old));
}

static int call_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return -pthread_sigmask(how, set, old);
}

static int call_sigpending(sigset_t *set)
{
	return call_result(sigpending(set));
}

static int call_sigtake(const sigset_t *set)
{
	static const struct timespec at_once;

	return call_result(sigtimedwait(set, NULL, &at_once));
}

static int call_raise(int signum)
{
	return call_result(raise(signum));
}

static int call_fcntl(int fd, int command, int argument)
{
	return call_result(fcntl(fd, command, argument));
}

static int call_cpu_count(void)
{
	cpu_set_t cpus;
	long online;

	if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
		return CPU_COUNT(&cpus);
	online = sysconf(_SC_NPROCESSORS_ONLN); /* more than fit the set */
	return online > 0 ? (int)online : 1;
}

static int call_wait_word(const uint32_t *word, uint32_t value, int64_t timeout_ns)
{
	struct timespec timeout = {
		.tv_sec = timeout_ns / CLOCK_SECOND,
		.tv_nsec = timeout_ns % CLOCK_SECOND,
	};

	return call_result(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value,
				   timeout_ns == DRIVER_FOREVER ? NULL : &timeout, NULL, 0));
}

/* A private futex is known by its address alone: the memory is not touched. */
static void call_wake_word(const uint32_t *word, int count)
{
	(void)call_result(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0));
}

/*
 * EAI_SYSTEM hides a file or socket that could not be had: -EIO, as any other trouble on the way.
 */
static int resolve_error(int error)
{
	switch (error) {
	case EAI_NONAME:
	case EAI_SERVICE:
#ifdef EAI_NODATA
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
#endif
		return -ENOENT;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static int copy_addresses(const struct addrinfo *found, struct sockaddr_storage *ret_addresses,
			  socklen_t *ret_bytes, int addresses_max)
{
	int count = 0;

	for (; found && count < addresses_max; found = found->ai_next) {
		if (found->ai_addrlen > sizeof *ret_addresses)
			continue;
		memset(&ret_addresses[count], 0, sizeof *ret_addresses);
		memcpy(&ret_addresses[count], found->ai_addr, found->ai_addrlen);
		ret_bytes[count++] = found->ai_addrlen;
	}
	return count;
}

static int call_resolve(const char *host, const char *service, int flags,
			struct sockaddr_storage *ret_addresses, socklen_t *ret_bytes,
			int addresses_max)
{
	/* One socket type, or each address comes once for every type. */
	const struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int error;
	int count;

	check(addresses_max > 0);
	error = getaddrinfo(host, service, &hints, &found);
	if (error)
		return resolve_error(error);
	count = copy_addresses(found, ret_addresses, ret_bytes, addresses_max);
	freeaddrinfo(found);
	return count ? count : -ENOENT;
}

int call_write(int fd, const void *bytes, size_t count)
{
	return call_result(write(fd, bytes, count));
}

int call_thread_id(void)
{
	return (int)syscall(SYS_gettid);
}

int call_signal_thread(int thread_id, int signum)
{
	return call_result(syscall(SYS_tgkill, getpid(), thread_id, signum));
}

const char *call_map_file(const char *path, size_t *ret_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = MAP_FAILED;
	struct stat file;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &file) == 0 && file.st_size > 0)
		map = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return NULL;
	*ret_bytes = (size_t)file.st_size;
	return map;
}

int call_keep_errno(void)
{
	return errno;
}

void call_restore_errno(int kept)
{
	errno = kept; /* tidy: allow */
}

const struct driver_calls calls_kernel = {
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
	.waitid = call_waitid,
	.pidfd_open = call_pidfd_open,
	.epoll_ctl = call_epoll_ctl,
	.epoll_wait = call_epoll_wait,
	.sigaction = call_sigaction,
	.raise = call_raise,
	.set_signal_mask = call_sigmask,
	.sigpending = call_sigpending,
	.sigtake = call_sigtake,
	.fcntl = call_fcntl,
	.cpu_count = call_cpu_count,
	.wait_word = call_wait_word,
	.wake_word = call_wake_word,
	.resolve = call_resolve,
};
