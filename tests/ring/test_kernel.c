/* SPDX-License-Identifier: MIT */
/* The rest of the seam on the real kernel: set-up, helpers, fork, close, and the plain calls. */
#include "ring/rig.h"

#include "ring/setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(kernel, offers_what_this_one_has)
{
	struct rig rig;

	ASSERT_EQ(rig_try_open(&rig, 8, 16, ""), 0);
	EXPECT_NE(rig.driver->opcodes & 1, 0);
	EXPECT_GE(rig.driver->ring_fd, 0);
	EXPECT_GE(rig.driver->wake_fd, 0);
	EXPECT_NE(fcntl(rig.driver->ring_fd, F_GETFD) & FD_CLOEXEC, 0);
	EXPECT_NE(fcntl(rig.driver->wake_fd, F_GETFD) & FD_CLOEXEC, 0);
	EXPECT_STR_EQ(driver_refusal(), "");
	rig_close(&rig);
}

TEST(kernel, ring_memory_is_estimated_as_the_guide_measured)
{
	EXPECT_EQ(setup_ring_bytes(512, 4096), 102400);
	EXPECT_EQ(setup_ring_bytes(4096, 16384), 528384 + 16384);
	EXPECT_EQ(setup_ring_bytes(1, 2), 8192);
}

TEST(kernel, more_rings_than_a_task_can_register)
{
	struct rig rigs[20];
	struct tally tally = tally_new();
	int unregistered = 0;

	for (int i = 0; i < 20; i++)
		rigs[i] = rig_open(8, 16);
	for (int i = 0; i < 20; i++) {
		push_nop(&rigs[i].ring, &tally);
		drain(&rigs[i].ring);
		unregistered += !(rigs[i].driver->features & DRIVER_REGISTERED_RING);
	}
	EXPECT_EQ(tally.count, 20);
	EXPECT_GE(unregistered, 4);
	for (int i = 0; i < 20; i++)
		rig_close(&rigs[i]);
	rigs[0] = rig_open(8, 16);
	rig_close(&rigs[0]);
}

TEST_SIGNAL(kernel, no_entries_stop, SIGABRT, "sq_entries >= 1")
{
	struct rig rig;

	rig_try_open(&rig, 0, 16, "");
}

TEST_SIGNAL(kernel, a_cq_below_the_sq_stops, SIGABRT, "cq_entries >= options->sq_entries")
{
	struct rig rig;

	rig_try_open(&rig, 16, 8, "");
}

TEST(kernel, the_ring_fd_is_readable_when_there_is_something)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();
	uint64_t wakes = 0;
	struct pollfd poll_fd = {.fd = rig.driver->ring_fd, .events = POLLIN};

	push_read(&rig.ring, &tally, rig.driver->wake_fd, &wakes, sizeof wakes);
	EXPECT_EQ(ring_enter(&rig.ring, false, 0), 0);
	EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
	rig.driver->ops->wake(rig.driver);
	EXPECT_EQ(poll(&poll_fd, 1, 1000), 1);
	drain(&rig.ring);
	rig_close(&rig);
}

TEST(kernel, random_bytes_differ)
{
	struct rig rig = rig_open(8, 16);
	unsigned char bytes[2][4096] = {{0}};
	unsigned seen = 0;

	EXPECT_EQ(rig.driver->ops->random(rig.driver, bytes[0], sizeof bytes[0]), 0);
	EXPECT_EQ(rig.driver->ops->random(rig.driver, bytes[1], sizeof bytes[1]), 0);
	EXPECT(memcmp(bytes[0], bytes[1], sizeof bytes[0]) != 0);
	for (size_t i = 4000; i < sizeof bytes[0]; i++)
		seen |= bytes[0][i];
	EXPECT_NE(seen, 0);
	EXPECT_EQ(rig.driver->ops->random(rig.driver, NULL, 0), 0);
	rig_close(&rig);
}

TEST(kernel, time_does_not_go_back)
{
	struct rig rig = rig_open(8, 16);
	int64_t before = rig.driver->ops->now(rig.driver);

	for (int i = 0; i < 1000; i++) {
		int64_t now = rig.driver->ops->now(rig.driver);

		EXPECT_GE(now, before);
		before = now;
	}
	rig_close(&rig);
}

struct errand {
	struct driver *driver;
	pthread_t runner;
	bool takes_no_signals;
};

static void run_errand(void *arg)
{
	struct errand *errand = arg;
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	errand->takes_no_signals = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGALRM);
	errand->runner = pthread_self();
	errand->driver->ops->wake(errand->driver);
}

TEST(kernel, runs_elsewhere_without_signals)
{
	struct rig rig = rig_open(8, 16);
	struct errand errand = {.driver = rig.driver};
	struct tally tally = tally_new();
	uint64_t wakes = 0;
	sigset_t mask;

	push_read(&rig.ring, &tally, rig.driver->wake_fd, &wakes, sizeof wakes);
	EXPECT_EQ(rig.driver->ops->run_elsewhere(rig.driver, run_errand, &errand), 0);
	await_tally(&rig.ring, &tally);
	EXPECT(!pthread_equal(errand.runner, pthread_self()));
	EXPECT(errand.takes_no_signals);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	EXPECT(!sigismember(&mask, SIGTERM));
	rig_close(&rig);
}

/* How a child ended that touched the parent's ring. */
static int fate_of_a_child_that_touches(struct rig *rig)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct sigaction normal = {.sa_handler = SIG_DFL};
		struct tally tally = tally_new();

		sigaction(SIGSEGV, &normal, NULL);
		push_nop(&rig->ring, &tally);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(kernel, a_forked_child_cannot_touch_the_ring)
{
	struct rig rig = (skip_on_valgrind(), rig_open(8, 16));
	struct tally tally = tally_new();
	int status = fate_of_a_child_that_touches(&rig);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	for (int i = 0; i < 20; i++) {
		push_nop(&rig.ring, &tally);
		drain(&rig.ring);
	}
	EXPECT_EQ(tally.count, 20);
	rig_close(&rig);
}

TEST(kernel, a_forked_child_may_open_its_own)
{
	static struct rig rig;
	int status = -1;
	pid_t pid;

	rig = rig_open(8, 16);
	pid = fork();
	if (pid == 0) {
		struct rig own = rig_open(8, 16);
		struct tally tally = tally_new();

		push_nop(&own.ring, &tally);
		drain(&own.ring);
		rig_close(&own);
		_exit(0);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	rig_close(&rig);
}

TEST(kernel, open_and_close_a_hundred_times)
{
	for (int i = 0; i < 100; i++) {
		struct rig rig = rig_open(64, 256);

		rig_close(&rig);
	}
}

TEST_LEAKY(kernel, an_abandoned_ring_is_left_alone)
{
	struct rig rig = rig_open(8, 16);
	struct tally tally = tally_new();
	uint64_t wakes = 0;
	int ring_fd = rig.driver->ring_fd;
	int wake_fd = rig.driver->wake_fd;

	push_read(&rig.ring, &tally, wake_fd, &wakes, sizeof wakes);
	EXPECT_EQ(ring_enter(&rig.ring, false, 0), 0);
	rig.driver->ops->close(rig.driver, true);
	EXPECT_GE(fcntl(ring_fd, F_GETFD), 0);
	EXPECT_GE(fcntl(wake_fd, F_GETFD), 0);
	EXPECT_EQ(*rig.ring.memory.sq_tail, 1);
}

TEST(kernel, plain_calls_return_negative_errnos)
{
	struct rig rig = (skip_on_valgrind(), rig_open(8, 16));
	const struct driver_calls *calls = rig.driver->ops->calls;
	struct sockaddr_storage address;
	socklen_t bytes = sizeof address;
	struct sockaddr *name = (struct sockaddr *)&address;
	struct epoll_event event;

	EXPECT_EQ(calls->socket(-1, 0, 0), -EAFNOSUPPORT);
	EXPECT_EQ(calls->bind(-1, name, bytes), -EBADF);
	EXPECT_EQ(calls->listen(-1, 1), -EBADF);
	EXPECT_EQ(calls->getsockname(-1, name, &bytes), -EBADF);
	EXPECT_EQ(calls->getpeername(-1, name, &bytes), -EBADF);
	EXPECT_EQ(calls->setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, &bytes, sizeof bytes), -EBADF);
	EXPECT_EQ(calls->getsockopt(-1, SOL_SOCKET, SO_ERROR, &bytes, &bytes), -EBADF);
	EXPECT_EQ(calls->shutdown(-1, SHUT_RDWR), -EBADF);
	EXPECT_EQ(calls->close(-1), -EBADF);
	EXPECT_EQ(calls->unlink("/there/is/no/such/file"), -ENOENT);
	EXPECT_EQ(calls->ftruncate(-1, 0), -EBADF);
	EXPECT_EQ(calls->waitid(P_ALL, 0, NULL, WEXITED), -ECHILD);
	EXPECT_EQ(calls->pidfd_open(-1, 0), -EINVAL);
	EXPECT_EQ(calls->epoll_ctl(-1, EPOLL_CTL_DEL, 0, NULL), -EBADF);
	EXPECT_EQ(calls->epoll_wait(-1, &event, 1, 0), -EBADF);
	EXPECT_EQ(calls->sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL),
		  -EINVAL);
	EXPECT_EQ(calls->raise(1000), -EINVAL);
	EXPECT_EQ(calls->fcntl(-1, F_GETFD, 0), -EBADF);
	rig_close(&rig);
}

TEST(kernel, plain_calls_do_what_they_are_named_after)
{
	struct rig rig = rig_open(8, 16);
	const struct driver_calls *calls = rig.driver->ops->calls;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t bytes = sizeof address;
	int fds[2] = {-1, -1};
	int fd = calls->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT(fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(calls->bind(fd, (struct sockaddr *)&address, bytes), 0);
	EXPECT_EQ(calls->listen(fd, 1), 0);
	EXPECT_EQ(calls->getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	EXPECT_NE(address.sin_port, 0);
	EXPECT_EQ(calls->close(fd), 0);
	EXPECT_EQ(calls->pipe2(fds, O_CLOEXEC), 0);
	EXPECT_EQ(calls->fcntl(fds[0], F_GETFD, 0), FD_CLOEXEC);
	EXPECT_EQ(calls->close(fds[0]), 0);
	EXPECT_EQ(calls->close(fds[1]), 0);
	rig_close(&rig);
}

TEST(kernel, a_pidfd_can_be_had)
{
	struct rig rig = (skip_on_valgrind(), rig_open(8, 16));
	int fd = rig.driver->ops->calls->pidfd_open(getpid(), 0);

	EXPECT_GE(fd, 0);
	EXPECT_EQ(rig.driver->ops->calls->close(fd), 0);
	rig_close(&rig);
}

TEST(kernel, resolves_numbers_and_maps_what_fails)
{
	struct rig rig = rig_open(8, 16);
	const struct driver_calls *calls = rig.driver->ops->calls;
	struct sockaddr_storage addresses[4];
	socklen_t bytes[4] = {0};
	const struct sockaddr_in *first = (struct sockaddr_in *)&addresses[0];
	int numeric = AI_NUMERICHOST | AI_NUMERICSERV;

	EXPECT_EQ(calls->resolve("127.0.0.1", "80", numeric, addresses, bytes, 4), 1);
	EXPECT_EQ(first->sin_family, AF_INET);
	EXPECT_EQ(first->sin_port, htons(80));
	EXPECT_EQ(bytes[0], sizeof *first);
	EXPECT_EQ(calls->resolve("::1", "80", numeric, addresses, bytes, 4), 1);
	EXPECT_EQ(addresses[0].ss_family, AF_INET6);
	EXPECT_EQ(calls->resolve("not a number", "80", numeric, addresses, bytes, 4), -ENOENT);
	EXPECT_EQ(calls->resolve("::1", "http!", numeric, addresses, bytes, 4), -ENOENT);
	EXPECT_EQ(calls->resolve("::1", "80", 0x40000000, addresses, bytes, 4), -EIO);
	rig_close(&rig);
}
