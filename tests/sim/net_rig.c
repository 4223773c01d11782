/* SPDX-License-Identifier: MIT */
#include "sim/net_rig.h"

#include "loop/loop.h"

#include <arpa/inet.h>
#include <coil/sim.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

void net_rig_simulate(int (*entry)(void *arg))
{
	const struct coil_sim_options options = {.size = sizeof options, .profile = COIL_SIM_CALM};

	EXPECT_EQ(coil_sim_run(&options, entry, NULL), 0);
}

void net_rig_run(int (*entry)(void *arg))
{
	EXPECT_EQ(coil_run(entry, NULL), 0);
}

const struct driver_calls *net_calls(void)
{
	return loop_current->driver->ops->calls;
}

struct sockaddr_in net_v4(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

int net_socketpair(int type, int fds[2])
{
	if (coil_sim_active())
		return coil_sim_socketpair(type, fds);
	return socketpair(AF_UNIX, type, 0, fds) < 0 ? -errno : 0;
}

/* With the process's number: abstract names are the machine's. */
socklen_t net_name(struct sockaddr_un *name, const char *text)
{
	int length;

	memset(name, 0, sizeof *name);
	name->sun_family = AF_UNIX;
	length = snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "coil-%d-%s",
			  (int)getpid(), text);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

int net_port(int fd)
{
	struct sockaddr_in name;
	socklen_t bytes = sizeof name;

	EXPECT_EQ(net_calls()->getsockname(fd, NET_ADDRESS(name), &bytes), 0);
	return ntohs(name.sin_port);
}

static int bound(int type, int *ret_port)
{
	struct sockaddr_in name = net_v4(0);
	int fd = coil_socket(AF_INET, type, 0);

	EXPECT_GE(fd, 0);
	EXPECT_EQ(coil_bind(fd, NET_ADDRESS(name), sizeof name), 0);
	*ret_port = net_port(fd);
	EXPECT_GT(*ret_port, 0);
	return fd;
}

int net_listen(int type, int backlog, int *ret_port)
{
	int fd = bound(type, ret_port);

	EXPECT_EQ(coil_listen(fd, backlog), 0);
	return fd;
}

int net_udp(int *ret_port)
{
	return bound(SOCK_DGRAM, ret_port);
}

int net_pair_tcp(int fds[2])
{
	struct sockaddr_in name;
	int listener;
	int port;
	int rc;

	listener = net_listen(SOCK_STREAM, 8, &port);
	name = net_v4(port);
	fds[0] = coil_socket(AF_INET, SOCK_STREAM, 0);
	rc = coil_connect(fds[0], NET_ADDRESS(name), sizeof name);
	EXPECT_EQ(rc, 0);
	fds[1] = coil_accept4(listener, NULL, NULL, 0);
	EXPECT_GE(fds[1], 0);
	coil_close(listener);
	return rc;
}

int net_pair_unix(int type, int fds[2])
{
	struct sockaddr_un name;
	socklen_t bytes = net_name(&name, "pair");
	int listener = coil_socket(AF_UNIX, type, 0);
	int rc;

	EXPECT_EQ(coil_bind(listener, NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_listen(listener, 8), 0);
	fds[0] = coil_socket(AF_UNIX, type, 0);
	rc = coil_connect(fds[0], NET_ADDRESS(name), bytes);
	EXPECT_EQ(rc, 0);
	fds[1] = coil_accept4(listener, NULL, NULL, 0);
	EXPECT_GE(fds[1], 0);
	coil_close(listener);
	return rc;
}

int net_cancelled(struct coil_op *op)
{
	coil_op_start(op);
	coil_sleep(5 * COIL_MSEC);
	coil_op_cancel(op);
	return coil_op_await(op);
}

void net_close(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		EXPECT_EQ(coil_close(fds[i]), 0);
}

int net_set(int fd, int level, int option, int value)
{
	return coil_setsockopt(fd, level, option, &value, sizeof value);
}

int net_get(int fd, int level, int option)
{
	socklen_t bytes = sizeof(int);
	int value = -1;
	int rc = coil_getsockopt(fd, level, option, &value, &bytes);

	return rc < 0 ? rc : value;
}
