/* SPDX-License-Identifier: MIT */
#include "ops/world.h"

#include "loop/loop.h"
#include "support/test.h"

#include <coil.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

bool world_is_simulated(void)
{
	return getenv("COIL_TEST_SIM") != NULL;
}

const struct driver_calls *world_calls(void)
{
	return loop_current->driver->ops->calls;
}

/* What the world is made of has to be there: a failure is the test's. */
static int must(int rc)
{
	EXPECT_GE(rc, 0);
	return rc;
}

static void write_all(int fd, const char *text)
{
	EXPECT_EQ(coil_write(fd, text, strlen(text)), strlen(text));
}

static int open_in(const struct world *w, const char *name, int flags)
{
	return must(coil_openat(w->dirfd, name, flags | O_CLOEXEC, 0600));
}

static void open_files(struct world *w)
{
	snprintf(w->dir, sizeof w->dir, "/tmp/coil-ops-%d", (int)getpid());
	must(coil_mkdirat(AT_FDCWD, w->dir, 0700));
	w->dirfd = must(coil_openat(AT_FDCWD, w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
	w->file = open_in(w, "file", O_RDWR | O_CREAT);
	EXPECT_EQ(coil_pwrite(w->file, "0123456789", 10, 0), 10);
	coil_close(open_in(w, "other", O_RDWR | O_CREAT));
	must(coil_mkdirat(w->dirfd, "sub", 0700));
	w->spare = open_in(w, "file", O_RDONLY);
	w->page = mmap(NULL, WORLD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	EXPECT(w->page != MAP_FAILED);
}

static void open_pair(int fds[2])
{
	if (coil_sim_active())
		must(coil_sim_socketpair(SOCK_STREAM, fds));
	else
		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
}

static void open_pipes(struct world *w)
{
	int fds[2];

	must(coil_pipe(w->empty, O_CLOEXEC));
	must(coil_pipe(w->filled, O_CLOEXEC));
	write_all(w->filled[1], "hello");
	must(coil_pipe(fds, O_CLOEXEC));
	coil_close(fds[0]);
	w->broken = fds[1];
	open_pair(w->pair);
	open_pair(w->ready);
	write_all(w->ready[1], "hello");
}

/* A socket of @type on a free loopback port. */
static int open_bound(int type, struct sockaddr_in *ret_address)
{
	socklen_t bytes = sizeof *ret_address;
	int fd = must(coil_socket(AF_INET, type | SOCK_CLOEXEC, 0));

	memset(ret_address, 0, sizeof *ret_address);
	ret_address->sin_family = AF_INET;
	ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(coil_bind(fd, (struct sockaddr *)ret_address, bytes));
	must(world_calls()->getsockname(fd, (struct sockaddr *)ret_address, &bytes));
	return fd;
}

static int open_client(const struct sockaddr_in *address)
{
	int fd = must(coil_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	must(coil_connect(fd, (const struct sockaddr *)address, sizeof *address));
	return fd;
}

static void open_sockets(struct world *w)
{
	struct sockaddr_in ignored;
	int closed;

	w->listener = open_bound(SOCK_STREAM, &w->tcp_address);
	must(coil_listen(w->listener, 8));
	w->tcp[0] = open_client(&w->tcp_address);
	w->tcp[1] = must(coil_accept4(w->listener, NULL, NULL, SOCK_CLOEXEC));
	w->fds[0] = open_client(&w->tcp_address);
	w->idle_listener = open_bound(SOCK_STREAM, &ignored);
	must(coil_listen(w->idle_listener, 8));
	/* With a backlog of 0 one connection is queued; those after it stay in the handshake. */
	w->full_listener = open_bound(SOCK_STREAM, &w->full_address);
	must(coil_listen(w->full_listener, 0));
	w->filler = open_client(&w->full_address);
	w->fresh = must(coil_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	w->bound = open_bound(SOCK_STREAM, &ignored);
	closed = open_bound(SOCK_STREAM, &w->closed_address);
	coil_close(closed);
	w->udp[0] = open_bound(SOCK_DGRAM, &ignored);
	w->udp[1] = open_bound(SOCK_DGRAM, &w->udp_address);
	w->idle_udp = open_bound(SOCK_DGRAM, &ignored);
	EXPECT_EQ(coil_sendto(w->udp[0], "hello", 5, 0, (struct sockaddr *)&w->udp_address,
			      sizeof w->udp_address),
		  5);
}

static int open_epoll(void)
{
	return must(coil_sim_active() ? coil_sim_epoll() : epoll_create1(EPOLL_CLOEXEC));
}

static void open_epolls(struct world *w)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42};

	w->epoll = open_epoll();
	w->idle_epoll = open_epoll();
	must(coil_epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->ready[0], &event));
	must(coil_epoll_ctl(w->idle_epoll, EPOLL_CTL_ADD, w->pair[0], &event));
	w->events[0] = event;
}

static pid_t fork_child(bool stays)
{
	pid_t child = fork();

	if (child == 0) {
		while (stays)
			pause();
		_exit(7);
	}
	return must(child);
}

static void open_child(struct world *w, bool stays)
{
	if (coil_sim_active())
		w->child = coil_sim_child(stays ? COIL_FOREVER : 0, 7);
	else
		w->child = fork_child(stays);
	w->child_pidfd = must(world_calls()->pidfd_open(w->child, 0));
}

void world_kill(const struct world *w)
{
	if (coil_sim_active())
		coil_sim_kill(w->child, SIGKILL);
	else
		kill(w->child, SIGKILL);
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

static void open_world(struct world *w, bool child_stays)
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

static void remove_files(const struct world *w)
{
	static const char *const names[] = {"file", "other", "new", "link", "soft"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		coil_unlinkat(w->dirfd, names[i], 0);
	coil_unlinkat(w->dirfd, "sub", AT_REMOVEDIR);
	coil_unlinkat(w->dirfd, "newdir", AT_REMOVEDIR);
	EXPECT_EQ(coil_unlinkat(AT_FDCWD, w->dir, AT_REMOVEDIR), 0);
}

static void close_world(struct world *w)
{
	const int fds[] = {
		w->file,	w->empty[0],	    w->empty[1],	w->filled[0], w->filled[1],
		w->broken,	w->pair[0],	    w->pair[1],		w->ready[0],  w->ready[1],
		w->tcp[0],	w->tcp[1],	    w->udp[0],		w->udp[1],    w->idle_udp,
		w->listener,	w->idle_listener,   w->full_listener,	w->fresh,     w->bound,
		w->spare,	w->epoll,	    w->idle_epoll,	w->fds[0],    w->fds[1],
		w->child_pidfd, w->filler,	    w->dirfd,
	};

	remove_files(w);
	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
		if (fds[i] >= 0)
			coil_close(fds[i]);
	munmap(w->page, WORLD_PAGE);
	world_kill(w);
	coil_waitid(P_PID, (uint32_t)w->child, NULL, WEXITED);
}

struct visit {
	bool child_stays;
	int (*entry)(void *world);
};

static int visit_world(void *arg)
{
	static struct world world;
	const struct visit *visit = arg;
	int rc;

	open_world(&world, visit->child_stays);
	rc = visit->entry(&world);
	close_world(&world);
	return rc;
}

/* The @which-th descriptor that may be direct, or NULL. */
static int *descriptor(struct world *w, unsigned which)
{
	int *const all[] = {
		&w->dirfd,	&w->file,	   &w->empty[0],      &w->empty[1],  &w->filled[0],
		&w->filled[1],	&w->broken,	   &w->pair[0],	      &w->pair[1],   &w->ready[0],
		&w->ready[1],	&w->tcp[0],	   &w->tcp[1],	      &w->udp[1],    &w->idle_udp,
		&w->listener,	&w->idle_listener, &w->full_listener, &w->fresh,     &w->bound,
		&w->spare,	&w->epoll,	   &w->idle_epoll,    &w->child_pidfd,
	};

	_Static_assert(sizeof all / sizeof *all == sizeof w->normal / sizeof *w->normal, "each");
	return which < sizeof all / sizeof *all ? all[which] : NULL;
}

static int ask_for_direct(void *arg)
{
	int fd = coil_direct_fd(0);

	(void)arg;
	return fd < 0 ? fd : coil_close(fd);
}

bool world_has_direct(void)
{
	struct coil_sim_options simulation = {.size = sizeof simulation, .seed = 1};
	int rc = world_is_simulated() ? coil_sim_run(&simulation, ask_for_direct, NULL)
				      : coil_run(ask_for_direct, NULL);

	return rc == 0;
}

void world_go_direct(struct world *w)
{
	int *fd;

	for (unsigned i = 0; (fd = descriptor(w, i)) != NULL; i++) {
		w->normal[i] = *fd;
		*fd = coil_direct_fd(*fd);
		EXPECT(coil_fd_is_direct(*fd));
	}
}

void world_come_back(struct world *w)
{
	struct coil_stats stats = {.size = sizeof stats};
	int *fd;

	for (unsigned i = 0; (fd = descriptor(w, i)) != NULL; i++) {
		EXPECT_EQ(coil_close(*fd), 0);
		*fd = w->normal[i];
	}
	coil_stats(&stats);
	EXPECT_EQ(stats.direct, 0);
}


int world_run(const char *mask, bool child_stays, int (*entry)(void *world))
{
	struct coil_options options = {.size = sizeof options, .kernel_mask = mask};
	struct coil_sim_options simulation = {
		.size = sizeof simulation, .seed = 1, .run = &options
	};
	struct visit visit = {child_stays, entry};

	return world_is_simulated() ? coil_sim_run(&simulation, visit_world, &visit)
				    : coil_run_with(&options, visit_world, &visit);
}
