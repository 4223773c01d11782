/* SPDX-License-Identifier: MIT */
/* The fallbacks alone: which kind, which call with which arguments; no ring. */
#include "support/test.h"

#include "coil/ops.h"
#include "loop/abi.h"
#include "loop/fallback.h"
#include "ring/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <liburing.h>

/* What the fake kernel was asked, and what it says. */
static struct {
	long args[5];
	int answers[4]; /* one for each call, in order */
	int calls;
	pid_t pid;
	int closed;
} fake;

static int answer(void)
{
	return fake.answers[fake.calls++];
}

static int note(long a, long b, long c, long d, long e)
{
	fake.args[0] = a;
	fake.args[1] = b;
	fake.args[2] = c;
	fake.args[3] = d;
	fake.args[4] = e;
	return answer();
}

static int fake_socket(int domain, int type, int protocol)
{
	return note(domain, type, protocol, 0, 0);
}

static int fake_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	return note(fd, (long)address, bytes, 0, 0);
}

static int fake_listen(int fd, int backlog)
{
	return note(fd, backlog, 0, 0, 0);
}

static int fake_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	return note(fd, level, option, (long)value, bytes);
}

static int fake_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
	int rc = note(fd, level, option, (long)value, *bytes);

	*bytes = 3;
	return rc;
}

static int fake_shutdown(int fd, int how)
{
	return note(fd, how, 0, 0, 0);
}

static int fake_close(int fd)
{
	fake.closed = fd;
	return 0;
}

static int fake_pipe2(int fds[2], int flags)
{
	return note((long)fds, flags, 0, 0, 0);
}

static int fake_ftruncate(int fd, off_t length)
{
	return note(fd, length, 0, 0, 0);
}

static int fake_waitid(int type, id_t id, void *info, int options)
{
	siginfo_t *found = info;

	if (found)
		found->si_pid = fake.pid;
	return note(type, id, (long)info, options, 0);
}

static int fake_pidfd_open(pid_t pid, unsigned flags)
{
	return note(pid, flags, 0, 0, 0);
}

static int fake_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	return note(epoll_fd, operation, fd, (long)event, 0);
}

static int fake_epoll_wait(int epoll_fd, struct epoll_event *events, int events_max,
			   int timeout_ms)
{
	return note(epoll_fd, (long)events, events_max, timeout_ms, 0);
}

static const struct driver_calls calls = {
	.socket = fake_socket,
	.bind = fake_bind,
	.listen = fake_listen,
	.setsockopt = fake_setsockopt,
	.getsockopt = fake_getsockopt,
	.shutdown = fake_shutdown,
	.close = fake_close,
	.pipe2 = fake_pipe2,
	.ftruncate = fake_ftruncate,
	.waitid = fake_waitid,
	.pidfd_open = fake_pidfd_open,
	.epoll_ctl = fake_epoll_ctl,
	.epoll_wait = fake_epoll_wait,
};

static _Alignas(siginfo_t) char memory[sizeof(siginfo_t)];

static struct io_uring_sqe *sqe_of(struct coil_op *op)
{
	return (struct io_uring_sqe *)(void *)op->sqe;
}

TEST(ops_fallback, calls_pass_their_arguments_on)
{
	struct sockaddr *address = (struct sockaddr *)(void *)memory;
	int *fds = (int *)(void *)memory;
	const long at = (long)memory;
	const long large = 1L << 40;
	struct {
		struct coil_op op;
		int result;
		long args[5];
	} rows[] = {
		{coil_op_socket(1, 2, 3), 0, {1, 2, 3}},
		{coil_op_bind(4, address, 5), 0, {4, at, 5}},
		{coil_op_listen(4, 5), 0, {4, 5}},
		{coil_op_shutdown(4, 1), 0, {4, 1}},
		{coil_op_ftruncate(4, large), 0, {4, large}},
		{coil_op_setsockopt(4, 5, 6, memory, 7), 0, {4, 5, 6, at, 7}},
		{coil_op_getsockopt(4, 5, 6, memory, 7), 3, {4, 5, 6, at, 7}},
		{coil_op_epoll_ctl(4, 1, 6, (void *)memory), 0, {4, 1, 6, at}},
		{coil_op_pipe(fds, O_CLOEXEC), 0, {at, O_CLOEXEC}},
		{coil_op_waitid(P_ALL, 0, memory, WEXITED | WNOHANG), 0,
		 {P_ALL, 0, at, WEXITED | WNOHANG}},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct io_uring_sqe *sqe = sqe_of(&rows[i].op);

		EXPECT_EQ(fallback_kind(sqe), FALLBACK_CALL);
		memset(&fake, 0, sizeof fake);
		EXPECT_EQ(fallback_call(&calls, sqe), rows[i].result);
		EXPECT_MEM_EQ(fake.args, rows[i].args, sizeof fake.args);
		memset(&fake, 0, sizeof fake);
		fake.answers[0] = -EPERM;
		EXPECT_EQ(fallback_call(&calls, sqe), -EPERM);
	}
}

TEST(ops_fallback, what_no_call_can_do_has_none)
{
	struct coil_op ops[] = {
		coil_op_recv(3, memory, 8, 0),
		coil_op_read(3, memory, 8, 0),
		coil_op_fsync(3),
		coil_op_futex_wait((uint32_t *)(void *)memory, 0, 1, 2),
		coil_op_waitid(P_ALL, 0, NULL, WEXITED),
		coil_op_waitid(P_PGID, 7, NULL, WEXITED),
		coil_op_waitid(P_PID, 7, NULL, WEXITED | WSTOPPED),
		coil_op_nop(),
		coil_op_shutdown(3, 1),
		coil_op_setsockopt(3, 1, 1, memory, 4),
	};

	sqe_of(&ops[7])->opcode = IORING_OP_URING_CMD;
	sqe_of(&ops[8])->flags = IOSQE_FIXED_FILE;
	sqe_of(&ops[9])->flags = IOSQE_FIXED_FILE;
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
		EXPECT_EQ(fallback_kind(sqe_of(&ops[i])), FALLBACK_NONE);
	sqe_of(&ops[0])->opcode = 255;
	EXPECT_EQ(fallback_kind(sqe_of(&ops[0])), FALLBACK_NONE);
}

TEST(ops_fallback, the_bit_says_what_is_needed_except_for_socket_options)
{
	struct driver everything = {.opcodes = UINT64_MAX};
	struct driver nothing = {.opcodes = 0};
	struct coil_op bind = coil_op_bind(3, NULL, 0);
	struct coil_op option = coil_op_setsockopt(3, 1, 1, memory, 4);
	struct coil_op direct = option;

	sqe_of(&direct)->flags = IOSQE_FIXED_FILE;
	EXPECT(!fallback_needed(&everything, sqe_of(&bind)));
	EXPECT(fallback_needed(&nothing, sqe_of(&bind)));
	EXPECT(fallback_needed(&everything, sqe_of(&option)));
	EXPECT(!fallback_needed(&everything, sqe_of(&direct)));
	sqe_of(&bind)->opcode = 200;
	EXPECT(fallback_needed(&everything, sqe_of(&bind)));
}

TEST(ops_fallback, a_process_is_polled_by_a_pidfd_of_its_own)
{
	siginfo_t found;
	struct coil_op op = coil_op_waitid(P_PID, 77, &found, WEXITED);
	unsigned events = 0;
	int fd = -1;

	memset(&fake, 0, sizeof fake);
	memset(&found, 0, sizeof found);
	fake.answers[1] = 9;
	EXPECT_EQ(fallback_kind(sqe_of(&op)), FALLBACK_POLL);
	EXPECT_EQ(fallback_poll_begin(&calls, sqe_of(&op), &fd, &events), 0);
	EXPECT_EQ(fd, 9);
	EXPECT_EQ(events, POLLIN);
	EXPECT_EQ(fake.args[0], 77);
	/* Nothing yet: kept. Then the process. */
	EXPECT_EQ(fallback_poll_finish(&calls, sqe_of(&op), POLLIN), -EAGAIN);
	EXPECT_EQ(fake.closed, 0);
	fake.pid = 77;
	EXPECT_EQ(fallback_poll_finish(&calls, sqe_of(&op), POLLIN), 0);
	EXPECT_EQ(fake.closed, 9);
	EXPECT_EQ(found.si_pid, 77);
	EXPECT_EQ(fake.args[3], WEXITED | WNOHANG);
	EXPECT_EQ(sqe_of(&op)->addr3, 0);
}

TEST(ops_fallback, a_cancelled_poll_releases_the_pidfd)
{
	struct coil_op op = coil_op_waitid(P_PID, 77, NULL, WEXITED);
	unsigned events;
	int fd;

	memset(&fake, 0, sizeof fake);
	fake.answers[1] = 9;
	EXPECT_EQ(fallback_poll_begin(&calls, sqe_of(&op), &fd, &events), 0);
	EXPECT_EQ(fallback_poll_finish(&calls, sqe_of(&op), -ECANCELED), -ECANCELED);
	EXPECT_EQ(fake.closed, 9);
	EXPECT_EQ(fake.calls, 2);
}

TEST(ops_fallback, a_pidfd_is_polled_itself)
{
	struct coil_op op = coil_op_waitid(P_PIDFD, 12, NULL, WEXITED);
	unsigned events;
	int fd;

	memset(&fake, 0, sizeof fake);
	EXPECT_EQ(fallback_poll_begin(&calls, sqe_of(&op), &fd, &events), 0);
	EXPECT_EQ(fd, 12);
	fake.pid = 77;
	EXPECT_EQ(fallback_poll_finish(&calls, sqe_of(&op), POLLIN), 0);
	EXPECT_EQ(fake.closed, 0);
}

TEST(ops_fallback, what_fails_at_once_is_not_polled)
{
	struct coil_op stranger = coil_op_waitid(P_PID, 77, NULL, WEXITED);
	struct coil_op none = coil_op_epoll_wait(5, (void *)memory, 0);
	unsigned events;
	int fd = -1;

	memset(&fake, 0, sizeof fake);
	fake.answers[0] = -ECHILD;
	EXPECT_EQ(fallback_poll_begin(&calls, sqe_of(&stranger), &fd, &events), -ECHILD);
	fake.calls = 0;
	fake.answers[0] = 0;
	fake.answers[1] = -EMFILE;
	EXPECT_EQ(fallback_poll_begin(&calls, sqe_of(&stranger), &fd, &events), -EMFILE);
	EXPECT_EQ(sqe_of(&stranger)->addr3, 0);
	EXPECT_EQ(fallback_poll_begin(&calls, sqe_of(&none), &fd, &events), -EINVAL);
	EXPECT_EQ(fd, -1);
}

TEST(ops_fallback, epoll_is_polled_and_asked_without_waiting)
{
	struct coil_op op = coil_op_epoll_wait(5, (void *)memory, 3);
	unsigned events;
	int fd;

	memset(&fake, 0, sizeof fake);
	fake.answers[1] = 2;
	EXPECT_EQ(fallback_poll_begin(&calls, sqe_of(&op), &fd, &events), 0);
	EXPECT_EQ(fd, 5);
	EXPECT_EQ(fallback_poll_finish(&calls, sqe_of(&op), POLLIN), -EAGAIN);
	EXPECT_EQ(fallback_poll_finish(&calls, sqe_of(&op), POLLIN), 2);
	EXPECT_EQ(fake.args[2], 3);
	EXPECT_EQ(fake.args[3], 0);
	EXPECT_EQ(fallback_poll_finish(&calls, sqe_of(&op), -ECANCELED), -ECANCELED);
	EXPECT_EQ(fake.calls, 2);
}

TEST(ops_fallback, the_words_say_the_kind)
{
	EXPECT_STR_EQ(fallback_words(IORING_OP_BIND), "system call");
	EXPECT_STR_EQ(fallback_words(IORING_OP_WAITID), "poll and call");
	EXPECT_STR_EQ(fallback_words(IORING_OP_FUTEX_WAIT), "-ENOSYS");
	EXPECT_STR_EQ(fallback_words(200), "-ENOSYS");
}
