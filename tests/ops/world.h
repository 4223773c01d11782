/* SPDX-License-Identifier: MIT */
/*
 * What the operations are tested on: one of everything that can be opened, on the real kernel or,
 * with COIL_TEST_SIM=1, on the simulated one. So it is made within the run, by coil's own calls.
 */
#ifndef COIL_TESTS_OPS_WORLD_H
#define COIL_TESTS_OPS_WORLD_H

#include "ring/driver.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#define WORLD_PAGE 4096

/* struct futex_waitv, under a name of our own: older headers lack it. */
struct world_futex {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t reserved;
};

struct world {
	char dir[64];
	int dirfd;	   /* with "file", "other", "sub/" */
	int file;	   /* "file", "0123456789" */
	int empty[2];	   /* pipe */
	int filled[2];	   /* pipe with "hello" */
	int broken;	   /* write end of a pipe without readers */
	int pair[2];	   /* AF_UNIX stream, nothing in it */
	int ready[2];	   /* AF_UNIX stream, "hello" to be read from ready[0] */
	int tcp[2];	   /* connected */
	int udp[2];	   /* udp[1] is bound to udp_address; "hello" waits in it */
	int idle_udp;	   /* bound, nothing comes */
	int listener;	   /* a connection waits */
	int idle_listener; /* none does */
	int full_listener; /* a backlog that is full: connect pends */
	int fresh;	   /* TCP socket, not bound */
	int bound;	   /* TCP socket, bound */
	int spare;	   /* to be closed */
	int epoll;	   /* with ready[0] in it */
	int idle_epoll;	   /* with pair[0] in it */
	int child_pidfd;
	pid_t child; /* ends at once with status 7, or stays */
	struct sockaddr_in tcp_address;
	struct sockaddr_in udp_address;
	struct sockaddr_in full_address;
	struct sockaddr_in closed_address; /* nobody listens there */
	struct sockaddr_storage from;
	socklen_t from_bytes;
	struct epoll_event events[4];
	struct world_futex futexes[2];
	uint32_t word;
	int one;
	int fds[2];
	int filler; /* what fills the backlog */
	unsigned char child_info[128];
	char statx[256];
	char buf[64];
	struct iovec iov[2];
	struct msghdr out; /* "hello" to udp_address */
	struct msghdr in;
	char *page;
	int normal[24]; /* world_go_direct's */
};

/* COIL_TEST_SIM=1. */
bool world_is_simulated(void);
#define NEEDS_KERNEL()                                                                             \
	do {                                                                                       \
		if (world_is_simulated())                                                          \
			SKIP("the kernel's own");                                                  \
	} while (0)

/*
 * Inside of a loop: all descriptors become direct ones, but for those that epoll would have to
 * know; and what they were.
 */
void world_go_direct(struct world *world);
void world_come_back(struct world *world);

/* Has this kernel, or what a mask leaves of it, direct ones? */
bool world_has_direct(void);
#define NEED_DIRECT()                                                                              \
	do {                                                                                       \
		if (!world_has_direct())                                                           \
			SKIP("there are no direct descriptors");                                   \
	} while (0)

/* Plain calls of the kernel that the calling loop is on. */
const struct driver_calls *world_calls(void);
void world_kill(const struct world *world);

/*
 * A loop under @mask ("": none; NULL: the environment's), a fresh world, @entry(world) in its main
 * task. @child_stays: the child waits to be killed.
 */
int world_run(const char *mask, bool child_stays, int (*entry)(void *world));

#endif
