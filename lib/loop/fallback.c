/* SPDX-License-Identifier: MIT */
/*
 * The table of fallbacks, and the calls behind it. Only calls that do not wait stand here: one that
 * may block for long would hold up the loop, so that -ENOSYS is the more honest answer. (ftruncate
 * may wait for the disk, like close: bounded, and the only way below 6.9.)
 */
#include "loop/fallback.h"

#include "base/check.h"
#include "loop/abi.h"
#include "ring/driver.h"

#include <liburing/io_uring.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static const unsigned char kinds[] = {
	[IORING_OP_CLOSE] = FALLBACK_CALL,
	[IORING_OP_EPOLL_CTL] = FALLBACK_CALL,
	[IORING_OP_SHUTDOWN] = FALLBACK_CALL,
	[IORING_OP_SOCKET] = FALLBACK_CALL,
	[IORING_OP_URING_CMD] = FALLBACK_CALL, /* socket options alone */
	[IORING_OP_WAITID] = FALLBACK_POLL,    /* one process, its end; with WNOHANG a call */
	[IORING_OP_FTRUNCATE] = FALLBACK_CALL, /* since 6.9 */
	[IORING_OP_BIND] = FALLBACK_CALL,      /* since 6.11 */
	[IORING_OP_LISTEN] = FALLBACK_CALL,    /* since 6.11 */
	[ABI_OP_EPOLL_WAIT] = FALLBACK_POLL,   /* since 6.15 */
	[ABI_OP_PIPE] = FALLBACK_CALL,	       /* since 6.16 */
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static void *pointer(uint64_t word)
{
	return (void *)(uintptr_t)word;
}

static bool is_socket_option(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_URING_CMD &&
	       (sqe->cmd_op == ABI_SOCKET_GETSOCKOPT || sqe->cmd_op == ABI_SOCKET_SETSOCKOPT);
}

/* The table of registered files is the ring's alone: no system call reaches what is in it. */
static bool is_direct(const struct io_uring_sqe *sqe)
{
	if (sqe->flags & IOSQE_FIXED_FILE)
		return true;
	switch (sqe->opcode) {
	case IORING_OP_SOCKET:
	case IORING_OP_CLOSE:
	case ABI_OP_PIPE:
		return sqe->file_index != 0;
	default:
		return false;
	}
}

/*
 * Socket options are always system calls. The bit of URING_CMD says nothing of this sub-command
 * (6.7), it knows SOL_SOCKET alone when it reads, and until 6.17 it refused AF_UNIX sockets with
 * -EOPNOTSUPP, which no bit tells; a call that never waits loses nothing. Registered files have no
 * other way.
 */
bool fallback_needed(const struct driver *driver, const struct io_uring_sqe *sqe)
{
	if (is_socket_option(sqe) && !is_direct(sqe))
		return true;
	return sqe->opcode >= 64 || !(driver->opcodes >> sqe->opcode & 1);
}

uint64_t fallback_opcodes_unneeded(const struct driver *driver)
{
	return driver->opcodes & ~(UINT64_C(1) << IORING_OP_URING_CMD);
}

/*
 * A pidfd is readable when its process has ended, and says nothing of stops; P_ALL and P_PGID have
 * no descriptor.
 */
static enum fallback_kind waitid_kind(const struct io_uring_sqe *sqe)
{
	unsigned options = sqe->file_index;

	if (options & WNOHANG)
		return FALLBACK_CALL;
	if (sqe->len != P_PID && sqe->len != P_PIDFD)
		return FALLBACK_NONE;
	return options & ~(unsigned)(WEXITED | WNOWAIT) ? FALLBACK_NONE : FALLBACK_POLL;
}

enum fallback_kind fallback_kind(const struct io_uring_sqe *sqe)
{
	if (sqe->opcode >= KINDS || is_direct(sqe))
		return FALLBACK_NONE;
	if (sqe->opcode == IORING_OP_WAITID)
		return waitid_kind(sqe);
	if (sqe->opcode == IORING_OP_URING_CMD && !is_socket_option(sqe))
		return FALLBACK_NONE;
	return kinds[sqe->opcode];
}

static int call_waitid(const struct driver_calls *calls, const struct io_uring_sqe *sqe)
{
	return calls->waitid((int)sqe->len, (id_t)sqe->fd, pointer(sqe->addr2),
			     (int)sqe->file_index);
}

/* The operation's result is the length of the answer. */
static int call_socket_option(const struct driver_calls *calls, const struct io_uring_sqe *sqe)
{
	socklen_t bytes = sqe->optlen;
	int level = (int)sqe->level;
	int option = (int)sqe->optname;
	int rc;

	if (sqe->cmd_op == ABI_SOCKET_SETSOCKOPT)
		return calls->setsockopt(sqe->fd, level, option, pointer(sqe->optval), bytes);
	rc = calls->getsockopt(sqe->fd, level, option, pointer(sqe->optval), &bytes);
	return rc < 0 ? rc : (int)bytes;
}

int fallback_call(const struct driver_calls *calls, const struct io_uring_sqe *sqe)
{
	switch (sqe->opcode) {
	case IORING_OP_CLOSE:
		return calls->close(sqe->fd);
	case IORING_OP_EPOLL_CTL:
		return calls->epoll_ctl(sqe->fd, (int)sqe->len, (int)sqe->off, pointer(sqe->addr));
	case IORING_OP_SHUTDOWN:
		return calls->shutdown(sqe->fd, (int)sqe->len);
	case IORING_OP_SOCKET:
		return calls->socket(sqe->fd, (int)sqe->off, (int)sqe->len);
	case IORING_OP_URING_CMD:
		return call_socket_option(calls, sqe);
	case IORING_OP_WAITID:
		return call_waitid(calls, sqe);
	case IORING_OP_FTRUNCATE:
		return calls->ftruncate(sqe->fd, (off_t)sqe->off);
	case IORING_OP_BIND:
		return calls->bind(sqe->fd, pointer(sqe->addr), (socklen_t)sqe->addr2);
	case IORING_OP_LISTEN:
		return calls->listen(sqe->fd, (int)sqe->len);
	case ABI_OP_PIPE:
		return calls->pipe2(pointer(sqe->addr), (int)sqe->open_flags);
	default:
		return -ENOSYS;
	}
}

/*
 * Asks first, without taking anything: a wrong argument or a process that is no child must fail
 * now, not when the process ends. The pidfd that P_PID needs is noted, plus one, in addr3.
 */
static int begin_waitid(const struct driver_calls *calls, struct io_uring_sqe *sqe, int *ret_fd)
{
	siginfo_t found;
	int rc;

	memset(&found, 0, sizeof found);
	rc = calls->waitid((int)sqe->len, (id_t)sqe->fd, &found,
			   (int)sqe->file_index | WNOHANG | WNOWAIT);
	if (rc < 0)
		return rc;
	if (sqe->len == P_PIDFD) {
		*ret_fd = sqe->fd;
		return 0;
	}
	rc = calls->pidfd_open(sqe->fd, 0);
	if (rc < 0)
		return rc;
	sqe->addr3 = (uint64_t)rc + 1;
	*ret_fd = rc;
	return 0;
}

static void release_waitid(const struct driver_calls *calls, struct io_uring_sqe *sqe)
{
	if (sqe->addr3 == 0)
		return;
	calls->close((int)(sqe->addr3 - 1));
	sqe->addr3 = 0;
}

/* WNOHANG reports "not yet" as a success without a process; the caller's memory may be NULL. */
static int finish_waitid(const struct driver_calls *calls, struct io_uring_sqe *sqe)
{
	siginfo_t found;
	int rc;

	memset(&found, 0, sizeof found);
	rc = calls->waitid((int)sqe->len, (id_t)sqe->fd, &found, (int)sqe->file_index | WNOHANG);
	if (rc == 0 && found.si_pid == 0)
		return -EAGAIN;
	release_waitid(calls, sqe);
	if (rc == 0 && sqe->addr2)
		memcpy(pointer(sqe->addr2), &found, sizeof found);
	return rc;
}

int fallback_poll_begin(const struct driver_calls *calls, struct io_uring_sqe *sqe, int *ret_fd,
			unsigned *ret_events)
{
	*ret_events = POLLIN;
	if (sqe->opcode == IORING_OP_WAITID)
		return begin_waitid(calls, sqe, ret_fd);
	check(sqe->opcode == ABI_OP_EPOLL_WAIT);
	if ((int)sqe->len <= 0)
		return -EINVAL;
	*ret_fd = sqe->fd;
	return 0;
}

int fallback_poll_finish(const struct driver_calls *calls, struct io_uring_sqe *sqe,
			 int poll_result)
{
	int rc;

	if (sqe->opcode == IORING_OP_WAITID) {
		if (poll_result >= 0)
			return finish_waitid(calls, sqe);
		release_waitid(calls, sqe);
		return poll_result;
	}
	check(sqe->opcode == ABI_OP_EPOLL_WAIT);
	if (poll_result < 0)
		return poll_result;
	rc = calls->epoll_wait(sqe->fd, pointer(sqe->addr), (int)sqe->len, 0);
	return rc == 0 ? -EAGAIN : rc;
}

const char *fallback_words(unsigned opcode)
{
	switch (opcode < KINDS ? (enum fallback_kind)kinds[opcode] : FALLBACK_NONE) {
	case FALLBACK_CALL:
		return "system call";
	case FALLBACK_POLL:
		return "poll and call";
	case FALLBACK_NONE:
		break;
	}
	return "-ENOSYS";
}
