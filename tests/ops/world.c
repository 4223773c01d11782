/* SPDX-License-Identifier: MIT */
#include "ops/world.h"

#include "support/test.h"

#include <coil.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_all(int fd, const char *text)
{
	ASSERT_EQ(write(fd, text, strlen(text)), strlen(text));
}

static void open_files(struct world *w)
{
	int other;

	snprintf(w->dir, sizeof w->dir, "/tmp/coil-ops-XXXXXX");
	ASSERT(mkdtemp(w->dir) != NULL);
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT(w->dirfd >= 0);
	w->file = openat(w->dirfd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT(w->file >= 0);
	write_all(w->file, "0123456789");
	ASSERT_EQ(lseek(w->file, 0, SEEK_SET), 0);
	other = openat(w->dirfd, "other", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT(other >= 0);
	close(other);
	ASSERT_EQ(mkdirat(w->dirfd, "sub", 0700), 0);
	w->page = mmap(NULL, WORLD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	ASSERT(w->page != MAP_FAILED);
}

static void open_pipes(struct world *w)
{
	int fds[2];

	ASSERT_EQ(pipe2(w->empty, O_CLOEXEC), 0);
	ASSERT_EQ(pipe2(w->filled, O_CLOEXEC), 0);
	write_all(w->filled[1], "hello");
	ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	w->broken = fds[1];
	w->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->pair), 0);
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->ready), 0);
	write_all(w->ready[1], "hello");
}

/* A socket of @type on a free loopback port. */
static int open_bound(int type, struct sockaddr_in *ret_address)
{
	socklen_t bytes = sizeof *ret_address;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	ASSERT(fd >= 0);
	memset(ret_address, 0, sizeof *ret_address);
	ret_address->sin_family = AF_INET;
	ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(bind(fd, (struct sockaddr *)ret_address, bytes), 0);
	ASSERT_EQ(getsockname(fd, (struct sockaddr *)ret_address, &bytes), 0);
	return fd;
}

static int open_client(const struct sockaddr_in *address, int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	ASSERT(fd >= 0);
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
		ASSERT(flags & SOCK_NONBLOCK);
	return fd;
}

/* With a backlog of 0 one connection is queued; those after it stay in the handshake. */
static void open_full_listener(struct world *w)
{
	w->full_listener = open_bound(SOCK_STREAM, &w->full_address);
	ASSERT_EQ(listen(w->full_listener, 0), 0);
	for (int i = 0; i < 4; i++)
		w->fillers[i] = open_client(&w->full_address, SOCK_NONBLOCK);
}

static void open_sockets(struct world *w)
{
	struct sockaddr_in ignored;
	int closed;

	w->listener = open_bound(SOCK_STREAM, &w->tcp_address);
	ASSERT_EQ(listen(w->listener, 8), 0);
	w->tcp[0] = open_client(&w->tcp_address, 0);
	w->tcp[1] = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	ASSERT(w->tcp[1] >= 0);
	w->fds[0] = open_client(&w->tcp_address, 0);
	w->idle_listener = open_bound(SOCK_STREAM, &ignored);
	ASSERT_EQ(listen(w->idle_listener, 8), 0);
	open_full_listener(w);
	w->fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(w->fresh >= 0);
	w->bound = open_bound(SOCK_STREAM, &ignored);
	closed = open_bound(SOCK_STREAM, &w->closed_address);
	close(closed);
	w->udp[0] = open_bound(SOCK_DGRAM, &ignored);
	w->udp[1] = open_bound(SOCK_DGRAM, &w->udp_address);
	w->idle_udp = open_bound(SOCK_DGRAM, &ignored);
	ASSERT_EQ(sendto(w->udp[0], "hello", 5, 0, (struct sockaddr *)&w->udp_address,
			 sizeof w->udp_address),
		  5);
}

static void open_epolls(struct world *w)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42};

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->idle_epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_EQ(epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->ready[0], &event), 0);
	ASSERT_EQ(epoll_ctl(w->idle_epoll, EPOLL_CTL_ADD, w->pair[0], &event), 0);
	w->events[0] = event;
}

static void open_child(struct world *w, bool stays)
{
	w->child = fork();
	ASSERT(w->child >= 0);
	if (w->child == 0) {
		while (stays)
			pause();
		_exit(7);
	}
	w->child_pidfd = (int)syscall(SYS_pidfd_open, w->child, 0);
	ASSERT(w->child_pidfd >= 0);
}

static void prepare_messages(struct world *w)
{
	w->iov[0] = (struct iovec){.iov_base = w->buf, .iov_len = 3};
	w->iov[1] = (struct iovec){.iov_base = w->buf + 8, .iov_len = 3};
	w->out = (struct msghdr){
		.msg_name = &w->udp_address,
		.msg_namelen = sizeof w->udp_address,
		.msg_iov = w->iov,
		.msg_iovlen = 2,
	};
	w->in = (struct msghdr){
		.msg_name = &w->from,
		.msg_namelen = sizeof w->from,
		.msg_iov = w->iov,
		.msg_iovlen = 2,
	};
	w->from_bytes = sizeof w->from;
	w->one = 1;
	for (unsigned i = 0; i < 2; i++)
		w->futexes[i] = (struct world_futex){
			.uaddr = (uintptr_t)&w->word,
			.flags = 2 | 128,
		};
}

void world_open(struct world *w, bool child_stays)
{
	memset(w, 0, sizeof *w);
	w->fds[1] = -1;
	open_files(w);
	open_pipes(w);
	open_sockets(w);
	open_epolls(w);
	open_child(w, child_stays);
	prepare_messages(w);
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void remove_files(const struct world *w)
{
	static const char *const names[] = {"file", "other", "new", "link", "soft"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlinkat(w->dirfd, names[i], 0);
	unlinkat(w->dirfd, "sub", AT_REMOVEDIR);
	unlinkat(w->dirfd, "newdir", AT_REMOVEDIR);
	EXPECT_EQ(rmdir(w->dir), 0);
}

void world_close(struct world *w)
{
	const int fds[] = {
		w->file,	w->empty[0],	    w->empty[1],	w->filled[0], w->filled[1],
		w->broken,	w->pair[0],	    w->pair[1],		w->ready[0],  w->ready[1],
		w->tcp[0],	w->tcp[1],	    w->udp[0],		w->udp[1],    w->idle_udp,
		w->listener,	w->idle_listener,   w->full_listener,	w->fresh,     w->bound,
		w->spare,	w->epoll,	    w->idle_epoll,	w->fds[0],    w->fds[1],
		w->child_pidfd,
	};

	remove_files(w);
	close_all(fds, sizeof fds / sizeof fds[0]);
	close_all(w->fillers, 4);
	close(w->dirfd);
	munmap(w->page, WORLD_PAGE);
	kill(w->child, SIGKILL);
	waitpid(w->child, NULL, 0);
}

int world_run(const char *mask, bool child_stays, int (*entry)(void *world))
{
	struct coil_options options = {
		.size = sizeof options,
		.kernel_mask = mask ? mask : "",
	};
	static struct world world;
	int rc;

	world_open(&world, child_stays);
	rc = coil_run_with(&options, entry, &world);
	world_close(&world);
	return rc;
}
