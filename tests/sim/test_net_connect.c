/* SPDX-License-Identifier: MIT */
/* How connections begin: addresses, refusals, backlogs, accept; the options of sockets. */
#include "sim/net_rig.h"

#include <fcntl.h>
#include <liburing/io_uring.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

static int tcp_connect(int fd, int port)
{
	struct sockaddr_in name = net_v4(port);

	return coil_connect(fd, NET_ADDRESS(name), sizeof name);
}

/* -- Made -------------------------------------------------------------------------------------- */

SCENARIO(net_connect, what_a_socket_may_be)
{
	const struct {
		int domain;
		int type;
		int protocol;
		int result;
	} rows[] = {
		{AF_INET, SOCK_STREAM, IPPROTO_TCP, 0},
		{AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 0},
		{AF_INET, SOCK_STREAM, IPPROTO_UDP, -EPROTONOSUPPORT},
		{AF_INET, SOCK_SEQPACKET, 0, -ESOCKTNOSUPPORT},
		{AF_INET, SOCK_STREAM, -1, -EINVAL},
		{AF_UNIX, SOCK_SEQPACKET, 0, 0},
		{AF_UNIX, SOCK_STREAM, 7, -EPROTONOSUPPORT},
		{AF_UNIX, SOCK_RDM, 0, -ESOCKTNOSUPPORT},
		{AF_UNIX, 14, 0, -EINVAL},
		{AF_UNIX, SOCK_STREAM | 0x100000, 0, -EINVAL},
		{99, SOCK_STREAM, 0, -EAFNOSUPPORT},
	};

	(void)arg;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int fd = coil_socket(rows[i].domain, rows[i].type, rows[i].protocol);

		EXPECT_EQ(fd < 0 ? fd : 0, rows[i].result);
		if (fd >= 0)
			net_close(&fd, 1);
	}
	return 0;
}

SCENARIO(net_connect, addresses_of_both_ends)
{
	struct sockaddr_in name;
	struct sockaddr_in6 small;
	socklen_t bytes = sizeof name;
	int fds[3];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	fds[1] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(net_calls()->getpeername(fds[1], NET_ADDRESS(name), &bytes), -ENOTCONN);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	fds[2] = coil_accept4(fds[0], NET_ADDRESS(name), &bytes, SOCK_NONBLOCK);
	EXPECT_GE(fds[2], 0);
	EXPECT_EQ(bytes, sizeof name);
	EXPECT_EQ(name.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	EXPECT_EQ(ntohs(name.sin_port), net_port(fds[1]));
	EXPECT_EQ(net_port(fds[2]), port);
	bytes = sizeof small;
	EXPECT_EQ(net_calls()->getpeername(fds[1], NET_ADDRESS(small), &bytes), 0);
	EXPECT_EQ(bytes, sizeof name);
	bytes = 4;
	EXPECT_EQ(net_calls()->getpeername(fds[2], NET_ADDRESS(name), &bytes), 0);
	EXPECT_EQ(bytes, sizeof name);
	EXPECT_EQ(net_calls()->getsockname(9999, NET_ADDRESS(name), &bytes), -EBADF);
	net_close(fds, 3);
	return 0;
}

SCENARIO(net_connect, both_families_meet)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	struct sockaddr_in6 peer;
	socklen_t bytes = sizeof any;
	int fds[3];
	int port;

	(void)arg;
	fds[0] = coil_socket(AF_INET6, SOCK_STREAM, 0);
	EXPECT_EQ(net_set(fds[0], IPPROTO_IPV6, IPV6_V6ONLY, 0), 0);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(any), sizeof any), 0);
	EXPECT_EQ(coil_listen(fds[0], 8), 0);
	EXPECT_EQ(net_calls()->getsockname(fds[0], NET_ADDRESS(any), &bytes), 0);
	port = ntohs(any.sin6_port);
	fds[1] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	bytes = sizeof peer;
	fds[2] = coil_accept4(fds[0], NET_ADDRESS(peer), &bytes, 0);
	EXPECT_GE(fds[2], 0);
	EXPECT_EQ(bytes, sizeof peer);
	EXPECT_EQ(IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr), 1);
	EXPECT_EQ(ntohs(peer.sin6_port), net_port(fds[1]));
	net_close(fds, 3);
	return 0;
}

/* -- Refused ----------------------------------------------------------------------------------- */

SCENARIO(net_connect, what_tcp_refuses)
{
	struct sockaddr_in name;
	struct sockaddr_in6 other = {.sin6_family = AF_INET6};
	char byte = 0;
	int fds[3];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	fds[1] = coil_socket(AF_INET, SOCK_STREAM, 0);
	name = net_v4(port);
	EXPECT_EQ(coil_send(fds[1], "x", 1, 0), -EPIPE);
	EXPECT_EQ(coil_recv(fds[1], &byte, 1, 0), -ENOTCONN);
	EXPECT_EQ(coil_shutdown(fds[1], SHUT_WR), -ENOTCONN);
	EXPECT_EQ(coil_accept4(fds[1], NULL, NULL, 0), -EINVAL);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), 4), -EINVAL);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(other), sizeof other), -EAFNOSUPPORT);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(name), sizeof name), -EADDRINUSE);
	name.sin_addr.s_addr = htonl(0xc0000201);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(name), sizeof name), -EADDRNOTAVAIL);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), 4), -EINVAL);
	EXPECT_EQ(tcp_connect(fds[0], port), -EISCONN);
	EXPECT_EQ(coil_recv(fds[0], &byte, 1, 0), -ENOTCONN);
	EXPECT_EQ(coil_send(fds[0], "x", 1, 0), -EPIPE);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	EXPECT_EQ(tcp_connect(fds[1], port), -EISCONN);
	EXPECT_EQ(coil_listen(fds[1], 8), -EINVAL);
	fds[2] = coil_socket(AF_INET, SOCK_DGRAM, 0);
	EXPECT_EQ(coil_accept4(fds[2], NULL, NULL, 0), -EOPNOTSUPP);
	EXPECT_EQ(coil_listen(fds[2], 8), -EOPNOTSUPP);
	net_close(fds, 3);
	EXPECT_EQ(coil_recv(9999, &byte, 1, 0), -EBADF);
	EXPECT_EQ(coil_accept4(9999, NULL, NULL, 0), -EBADF);
	return 0;
}

SCENARIO(net_connect, nobody_listens)
{
	int fds[2];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	net_close(fds, 1);
	fds[0] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(tcp_connect(fds[0], port), -ECONNREFUSED);
	EXPECT_EQ(tcp_connect(fds[0], port), -ECONNREFUSED);
	fds[1] = net_listen(SOCK_STREAM, 8, &port);
	EXPECT_EQ(tcp_connect(fds[0], port), 0);
	net_close(fds, 2);
	return 0;
}

SCENARIO(net_connect, who_may_share_a_port)
{
	struct sockaddr_in name;
	int fds[3];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	name = net_v4(port);
	for (int i = 1; i < 3; i++) {
		fds[i] = coil_socket(AF_INET, SOCK_STREAM, 0);
		EXPECT_EQ(net_set(fds[i], SOL_SOCKET, SO_REUSEADDR, 1), 0);
		EXPECT_EQ(coil_bind(fds[i], NET_ADDRESS(name), sizeof name), -EADDRINUSE);
	}
	/* Not even with the option on both, while one of them listens. */
	EXPECT_EQ(net_set(fds[0], SOL_SOCKET, SO_REUSEADDR, 1), 0);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(name), sizeof name), -EADDRINUSE);
	net_close(fds, 1);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(name), sizeof name), 0);
	EXPECT_EQ(coil_bind(fds[2], NET_ADDRESS(name), sizeof name), 0);
	EXPECT_EQ(coil_listen(fds[1], 1), 0);
	EXPECT_EQ(coil_listen(fds[2], 1), -EADDRINUSE);
	net_close(fds + 1, 2);
	for (int i = 0; i < 2; i++) {
		fds[i] = coil_socket(AF_INET, SOCK_STREAM, 0);
		EXPECT_EQ(net_set(fds[i], SOL_SOCKET, SO_REUSEPORT, 1), 0);
		EXPECT_EQ(coil_bind(fds[i], NET_ADDRESS(name), sizeof name), 0);
		EXPECT_EQ(coil_listen(fds[i], 1), 0);
	}
	net_close(fds, 2);
	return 0;
}

/* Who closes first leaves the port in TIME_WAIT. */
SCENARIO(net_connect, a_port_rests_after_an_active_close)
{
	struct sockaddr_in name;
	char byte = 0;
	int fds[3];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	fds[1] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	fds[2] = coil_accept4(fds[0], NULL, NULL, 0);
	net_close(fds, 1);
	name = net_v4(port);
	fds[0] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), sizeof name), -EADDRINUSE);
	net_close(fds + 2, 1);
	EXPECT_EQ(coil_recv(fds[1], &byte, 1, 0), 0);
	net_close(fds + 1, 1);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), sizeof name), -EADDRINUSE);
	/* Without a close of its own there is nothing to rest from. */
	net_close(fds, 1);
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	fds[1] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	fds[2] = coil_accept4(fds[0], NULL, NULL, 0);
	net_close(fds, 2);
	EXPECT_EQ(coil_recv(fds[2], &byte, 1, 0), 0);
	net_close(fds + 2, 1);
	name = net_v4(port);
	fds[0] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), sizeof name), 0);
	net_close(fds, 1);
	return 0;
}

/* -- Backlog ----------------------------------------------------------------------------------- */

/* A cancelled connect goes on without its request. */
SCENARIO(net_connect, a_full_backlog_lets_a_tcp_connect_wait)
{
	struct sockaddr_in name;
	struct coil_op op;
	int fds[4];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 0, &port);
	name = net_v4(port);
	for (int i = 1; i < 3; i++)
		fds[i] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	op = coil_op_connect(fds[2], NET_ADDRESS(name), sizeof name);
	EXPECT_EQ(net_cancelled(&op), -ECANCELED);
	EXPECT_EQ(tcp_connect(fds[2], port), -EALREADY);
	EXPECT_EQ(coil_send(fds[2], "x", 1, MSG_DONTWAIT), -EAGAIN);
	fds[3] = coil_accept4(fds[0], NULL, NULL, 0);
	EXPECT_GE(fds[3], 0);
	net_close(fds + 3, 1);
	coil_sleep(2500 * COIL_MSEC);
	EXPECT_EQ(tcp_connect(fds[2], port), 0);
	EXPECT_EQ(tcp_connect(fds[2], port), -EISCONN);
	fds[3] = coil_accept4(fds[0], NULL, NULL, 0);
	EXPECT_GE(fds[3], 0);
	net_close(fds, 4);
	return 0;
}

SCENARIO(net_connect, a_full_backlog_lets_a_unix_connect_wait)
{
	struct sockaddr_un name;
	socklen_t bytes = net_name(&name, "backlog");
	struct coil_op op;
	int fds[5];
	int rc;

	(void)arg;
	for (int i = 0; i < 3; i++)
		fds[i] = coil_socket(AF_UNIX, SOCK_STREAM, 0);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_listen(fds[0], 0), 0);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), bytes), 0);
	op = coil_op_connect(fds[2], NET_ADDRESS(name), bytes);
	/* Linux waits here in a worker, which a cancel interrupts: -EINTR. Both mean the same. */
	rc = net_cancelled(&op);
	EXPECT(rc == -ECANCELED || rc == -EINTR);
	coil_op_start(&op);
	coil_sleep(20 * COIL_MSEC);
	fds[3] = coil_accept4(fds[0], NULL, NULL, 0);
	EXPECT_EQ(coil_op_await(&op), 0);
	fds[4] = coil_accept4(fds[0], NULL, NULL, 0);
	net_close(fds, 5);
	return 0;
}

SCENARIO(net_connect, a_closed_listener_resets_who_waits)
{
	char byte = 0;
	int fds[2];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	fds[1] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	EXPECT_EQ(coil_close(fds[0]), 0);
	EXPECT_EQ(coil_recv(fds[1], &byte, 1, 0), -ECONNRESET);
	net_close(fds + 1, 1);
	return 0;
}

SCENARIO(net_connect, accept_waits_and_can_be_cancelled)
{
	struct coil_op op;
	int fds[3];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 8, &port);
	op = coil_op_accept4(fds[0], NULL, NULL, 0);
	EXPECT_EQ(net_cancelled(&op), -ECANCELED);
	coil_op_start(&op);
	coil_sleep(COIL_MSEC);
	fds[1] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(tcp_connect(fds[1], port), 0);
	fds[2] = coil_op_await(&op);
	EXPECT_GE(fds[2], 0);
	/* A listener that is shut down is none. */
	coil_op_start(&op);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_shutdown(fds[0], SHUT_RD), 0);
	EXPECT_EQ(coil_op_await(&op), -EINVAL);
	net_close(fds, 3);
	return 0;
}

/* -- Unix names -------------------------------------------------------------------------------- */

SCENARIO(net_connect, what_unix_refuses)
{
	struct sockaddr_un name;
	socklen_t bytes = net_name(&name, "refuses");
	struct sockaddr_in other = net_v4(1);
	char byte = 0;
	int fds[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		fds[i] = coil_socket(AF_UNIX, i < 2 ? SOCK_STREAM : SOCK_SEQPACKET, 0);
	EXPECT_EQ(coil_listen(fds[0], 8), -EINVAL);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), bytes), -ECONNREFUSED);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(other), sizeof other), -EINVAL);
	EXPECT_EQ(coil_send(fds[1], "x", 1, 0), -ENOTCONN);
	EXPECT_EQ(coil_recv(fds[1], &byte, 1, 0), -EINVAL);
	EXPECT_EQ(coil_recv(fds[2], &byte, 1, 0), -ENOTCONN);
	EXPECT_EQ(coil_send(fds[2], "x", 1, 0), -ENOTCONN);
	EXPECT_EQ(coil_shutdown(fds[1], SHUT_RD), 0);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), bytes), -EINVAL);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(name), bytes), -EADDRINUSE);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), bytes), -ECONNREFUSED);
	EXPECT_EQ(coil_listen(fds[0], 8), 0);
	EXPECT_EQ(coil_connect(fds[2], NET_ADDRESS(name), bytes), -ECONNREFUSED);
	EXPECT_EQ(coil_connect(fds[0], NET_ADDRESS(name), bytes), -EINVAL);
	net_close(fds, 3);
	return 0;
}

SCENARIO(net_connect, a_path_stays_until_it_is_unlinked)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct sockaddr_un told;
	socklen_t bytes;
	socklen_t told_bytes = sizeof told;
	int fds[3];

	(void)arg;
	snprintf(name.sun_path, sizeof name.sun_path, "/tmp/coil-sim-%d", (int)getpid());
	bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name.sun_path) + 1);
	for (int i = 0; i < 3; i++)
		fds[i] = coil_socket(AF_UNIX, i < 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), bytes), -ENOENT);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), sizeof name), 0);
	EXPECT_EQ(coil_connect(fds[2], NET_ADDRESS(name), bytes), -EPROTOTYPE);
	EXPECT_EQ(net_calls()->getsockname(fds[0], NET_ADDRESS(told), &told_bytes), 0);
	EXPECT_EQ(told_bytes, bytes);
	EXPECT_STR_EQ(told.sun_path, name.sun_path);
	net_close(fds, 1);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), bytes), -ECONNREFUSED);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(name), bytes), -EADDRINUSE);
	EXPECT_EQ(net_calls()->unlink(name.sun_path), 0);
	EXPECT_EQ(net_calls()->unlink(name.sun_path), -ENOENT);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_unlinkat(AT_FDCWD, name.sun_path, 0), 0);
	net_close(fds + 1, 2);
	return 0;
}

/* -- Options ----------------------------------------------------------------------------------- */

SCENARIO(net_connect, options_keep_their_values)
{
	int fds[2] = {coil_socket(AF_INET, SOCK_STREAM, 0), coil_socket(AF_UNIX, SOCK_STREAM, 0)};

	(void)arg;
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_DOMAIN), AF_INET);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_ACCEPTCONN), 0);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_SNDBUF), 16384);
	EXPECT_EQ(net_get(fds[1], SOL_SOCKET, SO_SNDBUF), 212992);
	EXPECT_EQ(net_set(fds[0], SOL_SOCKET, SO_RCVBUF, 5000), 0);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_RCVBUF), 10000);
	EXPECT_EQ(net_set(fds[0], SOL_SOCKET, SO_SNDBUF, 1), 0);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_SNDBUF), 4608);
	EXPECT_EQ(net_set(fds[0], IPPROTO_TCP, TCP_NODELAY, 7), 0);
	EXPECT_EQ(net_get(fds[0], IPPROTO_TCP, TCP_NODELAY), 1);
	EXPECT_EQ(net_set(fds[0], IPPROTO_TCP, TCP_KEEPCNT, 0), -EINVAL);
	EXPECT_EQ(net_set(fds[0], SOL_SOCKET, 9999, 1), -ENOPROTOOPT);
	EXPECT_EQ(net_get(fds[0], IPPROTO_TCP, 9999), -ENOPROTOOPT);
	EXPECT_EQ(net_set(fds[1], IPPROTO_TCP, TCP_NODELAY, 1), -EOPNOTSUPP);
	EXPECT_EQ(net_set(fds[0], SOL_SOCKET, SO_TYPE, 1), -ENOPROTOOPT);
	EXPECT_EQ(coil_setsockopt(fds[0], SOL_SOCKET, SO_REUSEADDR, fds, 2), -EINVAL);
	net_close(fds, 2);
	EXPECT_EQ(net_get(9999, SOL_SOCKET, SO_TYPE), -EBADF);
	return 0;
}

/* -- The library's own listener and streams, on top of it -------------------------------------- */

static int resolve_and_connect(void *arg)
{
	const char *host = arg;
	struct coil_listener *listener;
	struct coil_stream *a;
	struct coil_stream *b;
	char port[8];
	char byte = 0;

	EXPECT_EQ(coil_listen_tcp(&listener, host, 0, NULL), 0);
	snprintf(port, sizeof port, "%d", coil_listener_port(listener));
	EXPECT_EQ(coil_connect_tcp(&a, host, port, NULL), 0);
	EXPECT_EQ(coil_accept(listener, &b), 0);
	EXPECT_EQ(coil_stream_write(a, "x", 1), 1);
	EXPECT_EQ(coil_stream_read(b, &byte, 1), 1);
	coil_stream_close(a);
	coil_stream_close(b);
	coil_listener_close(listener);
	return 0;
}

/* A bare machine, without /etc/hosts, does not. */
static bool knows_localhost(void)
{
	struct sockaddr_storage found[8];
	socklen_t bytes[8];

	return coil_sim_active() ||
	       net_calls()->resolve("localhost", "80", 0, found, bytes, 8) >= 1;
}

static int read_raw(int fd, unsigned command)
{
	const struct io_uring_sqe sqe = {
		.opcode = IORING_OP_URING_CMD, .fd = fd, .cmd_op = command};
	struct coil_op op = coil_op_raw(&sqe);

	return coil_op_await(&op);
}

SCENARIO(net_connect, bytes_that_are_queued)
{
	int fds[2];

	(void)arg;
	if (net_pair_tcp(fds) < 0)
		return -1;
	EXPECT_EQ(read_raw(fds[1], SOCKET_URING_OP_SIOCINQ), 0);
	EXPECT_EQ(coil_send(fds[0], "12345", 5, 0), 5);
	EXPECT_EQ(read_raw(fds[1], SOCKET_URING_OP_SIOCINQ), 5);
	EXPECT_EQ(read_raw(fds[0], SOCKET_URING_OP_SIOCOUTQ), 0);
	EXPECT_EQ(read_raw(fds[0], 77), -EOPNOTSUPP);
	net_close(fds, 2);
	return 0;
}

SCENARIO(net_connect, names_that_are_numbers)
{
	struct sockaddr_storage found[8];
	socklen_t bytes[8];

	(void)arg;
	EXPECT_EQ(net_calls()->resolve("127.0.0.1", "80", 0, found, bytes, 8), 1);
	EXPECT_EQ(found[0].ss_family, AF_INET);
	EXPECT_EQ(bytes[0], sizeof(struct sockaddr_in));
	EXPECT_EQ(net_calls()->resolve("::1", "80", 0, found, bytes, 8), 1);
	EXPECT_EQ(found[0].ss_family, AF_INET6);
	EXPECT_EQ(((struct sockaddr_in6 *)(void *)found)->sin6_port, htons(80));
	EXPECT_EQ(net_calls()->resolve("nowhere.invalid", "80", AI_NUMERICHOST, found, bytes, 8),
		  -ENOENT);
	EXPECT_EQ(net_calls()->resolve("127.0.0.1", "no-such-service", 0, found, bytes, 8),
		  -ENOENT);
	if (knows_localhost()) {
		EXPECT_GE(net_calls()->resolve("localhost", "80", 0, found, bytes, 8), 1);
		EXPECT_EQ(net_calls()->resolve("localhost", "80", 0, found, bytes, 1), 1);
	}
	EXPECT_GE(net_calls()->resolve(NULL, "80", AI_PASSIVE, found, bytes, 8), 1);
	return 0;
}

SCENARIO(net_connect, listeners_and_streams)
{
	char v4[] = "127.0.0.1";
	char name[] = "localhost";

	(void)arg;
	EXPECT_EQ(resolve_and_connect(v4), 0);
	return knows_localhost() ? resolve_and_connect(name) : 0;
}
