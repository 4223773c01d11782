/* SPDX-License-Identifier: MIT */
/*
 * Scenarios on sockets and pipes: each is one function that runs on the simulated kernel, without
 * trouble, and on the real one, and must see the same. What no coil_ call offers is done by the
 * loop's own table of calls, so that it reaches whichever kernel it is.
 */
#ifndef COIL_TESTS_SIM_NET_RIG_H
#define COIL_TESTS_SIM_NET_RIG_H

#include "support/test.h"

#include <coil.h>

#include "ring/driver.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Runs @entry, which returns 0, on the simulated kernel. */
void net_rig_simulate(int (*entry)(void *arg));
void net_rig_run(int (*entry)(void *arg));

#define SCENARIO(suite_, name_)                                                                    \
	static int suite_##_##name_##_scenario(void *arg);                                         \
	TEST(suite_, name_##_simulated)                                                            \
	{                                                                                          \
		net_rig_simulate(suite_##_##name_##_scenario);                                     \
	}                                                                                          \
	TEST(suite_, name_##_real)                                                                 \
	{                                                                                          \
		net_rig_run(suite_##_##name_##_scenario);                                          \
	}                                                                                          \
	static int suite_##_##name_##_scenario(void *arg)

/* The loop's own calls. */
const struct driver_calls *net_calls(void);

/* 127.0.0.1 with this port; an abstract name of a unix socket. */
struct sockaddr_in net_v4(int port);
socklen_t net_name(struct sockaddr_un *name, const char *text);

/* A socket, bound where it can be, listening; and its port. */
int net_listen(int type, int backlog, int *ret_port);
int net_udp(int *ret_port);
int net_port(int fd);

#define NET_ADDRESS(name) ((struct sockaddr *)(void *)&(name))

/* Two ends of a TCP connection, a unix stream, or unix sequenced packets. */
int net_pair_tcp(int fds[2]);
int net_pair_unix(int type, int fds[2]);

/* As socketpair(2), on whichever kernel it is. */
int net_socketpair(int type, int fds[2]);

/* The result of @op when it is cancelled after a while in which it had nothing to do. */
int net_cancelled(struct coil_op *op);

void net_close(const int *fds, int count);
int net_set(int fd, int level, int option, int value);
int net_get(int fd, int level, int option);

#endif
