/* SPDX-License-Identifier: MIT */
/* Datagrams and records: UDP, unix datagrams, sequenced packets, and files that travel in them. */
#include "sim/net_rig.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* -- UDP --------------------------------------------------------------------------------------- */

SCENARIO(net_datagram, udp_has_addresses_and_records)
{
	struct sockaddr_in name;
	struct sockaddr_in from;
	socklen_t bytes = sizeof from;
	char buf[16];
	int ports[2];
	int fds[2] = {net_udp(&ports[0]), net_udp(&ports[1])};

	(void)arg;
	name = net_v4(ports[1]);
	EXPECT_EQ(coil_sendto(fds[0], "one", 3, 0, NET_ADDRESS(name), sizeof name), 3);
	EXPECT_EQ(coil_sendto(fds[0], "", 0, 0, NET_ADDRESS(name), sizeof name), 0);
	EXPECT_EQ(coil_sendto(fds[0], "three", 5, 0, NET_ADDRESS(name), sizeof name), 5);
	EXPECT_EQ(coil_recvfrom(fds[1], buf, 16, 0, NET_ADDRESS(from), &bytes), 3);
	EXPECT_EQ(bytes, sizeof from);
	EXPECT_EQ(ntohs(from.sin_port), ports[0]);
	EXPECT_EQ(coil_recv(fds[1], buf, 16, 0), 0);
	EXPECT_EQ(coil_recv(fds[1], buf, 2, MSG_PEEK | MSG_TRUNC), 5);
	EXPECT_EQ(coil_recv(fds[1], buf, 2, 0), 2);
	EXPECT_MEM_EQ(buf, "th", 2);
	EXPECT_EQ(coil_recv(fds[1], buf, 16, MSG_DONTWAIT), -EAGAIN);
	net_close(fds, 2);
	return 0;
}

SCENARIO(net_datagram, what_udp_refuses)
{
	struct sockaddr_in name = net_v4(0);
	char *big = calloc(1, 70000);
	int fd = coil_socket(AF_INET, SOCK_DGRAM, 0);
	int port;
	int other = net_udp(&port);

	(void)arg;
	EXPECT_EQ(coil_send(fd, "x", 1, 0), -EDESTADDRREQ);
	EXPECT_EQ(coil_sendto(fd, "x", 1, 0, NET_ADDRESS(name), sizeof name), -EINVAL);
	EXPECT_EQ(coil_shutdown(fd, SHUT_WR), -ENOTCONN);
	name = net_v4(port);
	EXPECT_EQ(coil_sendto(other, big, 65508, 0, NET_ADDRESS(name), sizeof name), -EMSGSIZE);
	EXPECT_EQ(coil_sendto(other, big, 70000, 0, NET_ADDRESS(name), sizeof name), -EMSGSIZE);
	EXPECT_EQ(coil_sendto(other, big, 65507, 0, NET_ADDRESS(name), sizeof name), 65507);
	EXPECT_EQ(coil_recv(other, big, 70000, 0), 65507);
	EXPECT_EQ(coil_sendto(other, big, 1, 0, NET_ADDRESS(name), 3), -EINVAL);
	net_close(&fd, 1);
	net_close(&other, 1);
	free(big);
	return 0;
}

SCENARIO(net_datagram, a_connected_udp_socket_hears_one_peer)
{
	struct sockaddr_in name;
	char buf[8];
	int ports[3];
	int fds[3] = {net_udp(&ports[0]), net_udp(&ports[1]), net_udp(&ports[2])};

	(void)arg;
	name = net_v4(ports[1]);
	EXPECT_EQ(coil_connect(fds[0], NET_ADDRESS(name), sizeof name), 0);
	name = net_v4(ports[0]);
	EXPECT_EQ(coil_sendto(fds[2], "no", 2, 0, NET_ADDRESS(name), sizeof name), 2);
	EXPECT_EQ(coil_sendto(fds[1], "yes", 3, 0, NET_ADDRESS(name), sizeof name), 3);
	EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), 3);
	EXPECT_EQ(coil_recv(fds[0], buf, 8, MSG_DONTWAIT), -EAGAIN);
	EXPECT_EQ(coil_send(fds[0], "back", 4, 0), 4);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 4);
	EXPECT_EQ(coil_close(fds[1]), 0);
	/* The answer to the first is that nobody is there. */
	EXPECT_EQ(coil_send(fds[0], "a", 1, 0), 1);
	EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), -ECONNREFUSED);
	EXPECT_EQ(coil_recv(fds[0], buf, 8, MSG_DONTWAIT), -EAGAIN);
	EXPECT_EQ(coil_send(fds[0], "a", 1, 0), 1);
	EXPECT_EQ(coil_send(fds[0], "a", 1, 0), -ECONNREFUSED);
	EXPECT_EQ(coil_shutdown(fds[0], SHUT_RD), 0);
	EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), 0);
	net_close(fds, 1);
	net_close(fds + 2, 1);
	return 0;
}

SCENARIO(net_datagram, udp_waits_and_polls)
{
	struct sockaddr_in name;
	struct coil_op op;
	char buf[8];
	int port;
	int fd = net_udp(&port);

	(void)arg;
	name = net_v4(port);
	op = coil_op_recv(fd, buf, 8, 0);
	EXPECT_EQ(net_cancelled(&op), -ECANCELED);
	coil_op_start(&op);
	EXPECT_EQ(coil_poll(fd, POLLIN | POLLOUT), POLLOUT);
	EXPECT_EQ(coil_sendto(fd, "self", 4, 0, NET_ADDRESS(name), sizeof name), 4);
	EXPECT_EQ(coil_op_await(&op), 4);
	EXPECT_EQ(coil_sendto(fd, "self", 4, 0, NET_ADDRESS(name), sizeof name), 4);
	EXPECT_EQ(coil_poll(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	net_close(&fd, 1);
	return 0;
}

/* -- recvmsg and sendmsg ----------------------------------------------------------------------- */

SCENARIO(net_datagram, messages_tell_of_truncation)
{
	struct sockaddr_in name;
	struct sockaddr_in from;
	char first[3];
	char second[3];
	struct iovec iov[2] = {{first, 3}, {second, 3}};
	struct msghdr out = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = iov,
			     .msg_iovlen = 2};
	struct msghdr in = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = iov,
			    .msg_iovlen = 2};
	int port;
	int fd = net_udp(&port);

	(void)arg;
	name = net_v4(port);
	memcpy(first, "abc", 3);
	memcpy(second, "def", 3);
	EXPECT_EQ(coil_sendmsg(fd, &out, 0), 6);
	EXPECT_EQ(coil_sendmsg(fd, &out, 0), 6);
	memset(first, 0, 3);
	EXPECT_EQ(coil_recvmsg(fd, &in, 0), 6);
	EXPECT_MEM_EQ(first, "abc", 3);
	EXPECT_MEM_EQ(second, "def", 3);
	EXPECT_EQ(in.msg_flags, 0);
	EXPECT_EQ(in.msg_controllen, 0);
	EXPECT_EQ(in.msg_namelen, sizeof from);
	EXPECT_EQ(ntohs(from.sin_port), port);
	in.msg_iovlen = 1;
	in.msg_namelen = 2;
	EXPECT_EQ(coil_recvmsg(fd, &in, 0), 3);
	EXPECT_EQ(in.msg_flags, MSG_TRUNC);
	EXPECT_EQ(in.msg_namelen, sizeof from);
	net_close(&fd, 1);
	return 0;
}

SCENARIO(net_datagram, messages_on_streams)
{
	struct sockaddr_un from;
	char buf[8];
	struct iovec iov[2] = {{buf, 2}, {buf + 2, 2}};
	struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = iov,
				 .msg_iovlen = 2};
	int fds[2];

	(void)arg;
	for (int kind = 0; kind < 2; kind++) {
		if ((kind ? net_pair_tcp(fds) : net_pair_unix(SOCK_STREAM, fds)) < 0)
			return -1;
		EXPECT_EQ(coil_send(fds[0], "abcdefg", 7, 0), 7);
		message.msg_namelen = sizeof from;
		EXPECT_EQ(coil_recvmsg(fds[1], &message, 0), 4);
		EXPECT_MEM_EQ(buf, "abcd", 4);
		EXPECT_EQ(message.msg_namelen, 0);
		EXPECT_EQ(message.msg_flags, 0);
		EXPECT_EQ(coil_send(fds[0], "h", 1, 0), 1);
		EXPECT_EQ(coil_recvmsg(fds[1], &message, MSG_WAITALL), 4);
		EXPECT_MEM_EQ(buf, "efgh", 4);
		message.msg_iovlen = 5000;
		EXPECT_EQ(coil_recvmsg(fds[1], &message, 0), -EMSGSIZE);
		message.msg_iovlen = 2;
		net_close(fds, 2);
	}
	return 0;
}

/* -- Unix -------------------------------------------------------------------------------------- */

SCENARIO(net_datagram, sequenced_packets_keep_their_bounds)
{
	char *big = calloc(1, 300000);
	char buf[8];
	int fds[2];

	(void)arg;
	if (net_pair_unix(SOCK_SEQPACKET, fds) < 0)
		return -1;
	EXPECT_EQ(coil_send(fds[0], "one", 3, 0), 3);
	EXPECT_EQ(coil_send(fds[0], "", 0, 0), 0);
	EXPECT_EQ(coil_send(fds[0], "threes", 6, 0), 6);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 3);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
	EXPECT_EQ(coil_recv(fds[1], buf, 2, MSG_TRUNC), 6);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, MSG_DONTWAIT), -EAGAIN);
	EXPECT_EQ(coil_send(fds[0], big, 300000, 0), -EMSGSIZE);
	EXPECT_EQ(coil_send(fds[0], big, 100000, 0), 100000);
	EXPECT_EQ(coil_shutdown(fds[0], SHUT_WR), 0);
	EXPECT_EQ(coil_recv(fds[1], big, 300000, 0), 100000);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
	EXPECT_EQ(coil_send(fds[0], "x", 1, 0), -EPIPE);
	EXPECT_EQ(coil_close(fds[0]), 0);
	EXPECT_EQ(coil_send(fds[1], "x", 1, 0), -EPIPE);
	net_close(fds + 1, 1);
	free(big);
	return 0;
}

SCENARIO(net_datagram, unix_datagrams)
{
	struct sockaddr_un name;
	struct sockaddr_un mine;
	struct sockaddr_un from;
	socklen_t bytes = net_name(&name, "dgram");
	socklen_t mine_bytes = net_name(&mine, "sender");
	socklen_t from_bytes = sizeof from;
	char buf[8];
	int fds[2] = {coil_socket(AF_UNIX, SOCK_DGRAM, 0), coil_socket(AF_UNIX, SOCK_DGRAM, 0)};

	(void)arg;
	EXPECT_EQ(coil_send(fds[1], "x", 1, 0), -ENOTCONN);
	EXPECT_EQ(coil_sendto(fds[1], "x", 1, 0, NET_ADDRESS(name), bytes), -ECONNREFUSED);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_sendto(fds[1], "one", 3, 0, NET_ADDRESS(name), bytes), 3);
	EXPECT_EQ(coil_recvfrom(fds[0], buf, 8, 0, NET_ADDRESS(from), &from_bytes), 3);
	EXPECT_EQ(from_bytes, 0);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(mine), mine_bytes), 0);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_send(fds[1], "two", 3, 0), 3);
	from_bytes = sizeof from;
	EXPECT_EQ(coil_recvfrom(fds[0], buf, 8, 0, NET_ADDRESS(from), &from_bytes), 3);
	EXPECT_EQ(from_bytes, mine_bytes);
	EXPECT_MEM_EQ(&from, &mine, mine_bytes);
	EXPECT_EQ(coil_recv(fds[0], buf, 8, MSG_DONTWAIT), -EAGAIN);
	EXPECT_EQ(coil_close(fds[0]), 0);
	EXPECT_EQ(coil_send(fds[1], "x", 1, 0), -ECONNREFUSED);
	EXPECT_EQ(coil_send(fds[1], "x", 1, 0), -ENOTCONN);
	net_close(fds + 1, 1);
	return 0;
}

SCENARIO(net_datagram, pairs_of_every_type)
{
	const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	struct sockaddr_un name;
	socklen_t bytes;
	char buf[8];
	int fds[2];

	(void)arg;
	EXPECT_EQ(net_socketpair(SOCK_RDM, fds), -ESOCKTNOSUPPORT);
	for (int i = 0; i < 3; i++) {
		bool joins = types[i] == SOCK_STREAM;

		EXPECT_EQ(net_socketpair(types[i], fds), 0);
		EXPECT_EQ(coil_send(fds[0], "ab", 2, 0), 2);
		EXPECT_EQ(coil_send(fds[0], "cd", 2, 0), 2);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), joins ? 4 : 2);
		if (!joins)
			EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 2);
		bytes = sizeof name;
		EXPECT_EQ(net_calls()->getpeername(fds[0], NET_ADDRESS(name), &bytes), 0);
		EXPECT_EQ(bytes, sizeof(sa_family_t));
		EXPECT_EQ(coil_close(fds[1]), 0);
		EXPECT_EQ(coil_send(fds[0], "x", 1, 0),
			  types[i] == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE);
		EXPECT_EQ(coil_recv(fds[0], buf, 8, MSG_DONTWAIT),
			  types[i] == SOCK_DGRAM ? -EAGAIN : 0);
		net_close(fds, 1);
	}
	return 0;
}

/* A name that is bound again is somebody else's. */
SCENARIO(net_datagram, a_connected_unix_socket_keeps_its_peer)
{
	struct sockaddr_un names[2];
	socklen_t bytes[2] = {net_name(&names[0], "peer"), net_name(&names[1], "other")};
	char buf[8];
	int fds[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		fds[i] = coil_socket(AF_UNIX, SOCK_DGRAM, 0);
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(names[0]), bytes[0]), 0);
	EXPECT_EQ(coil_bind(fds[1], NET_ADDRESS(names[1]), bytes[1]), 0);
	EXPECT_EQ(coil_connect(fds[0], NET_ADDRESS(names[1]), bytes[1]), 0);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(names[0]), bytes[0]), 0);
	EXPECT_EQ(coil_send(fds[0], "one", 3, 0), 3);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 3);
	EXPECT_EQ(coil_sendto(fds[2], "no", 2, 0, NET_ADDRESS(names[0]), bytes[0]), -EPERM);
	EXPECT_EQ(coil_connect(fds[2], NET_ADDRESS(names[0]), bytes[0]), -EPERM);
	EXPECT_EQ(coil_close(fds[1]), 0);
	EXPECT_EQ(coil_bind(fds[3], NET_ADDRESS(names[1]), bytes[1]), 0);
	EXPECT_EQ(coil_send(fds[0], "two", 3, 0), -ECONNREFUSED);
	net_close(fds, 1);
	net_close(fds + 2, 2);
	return 0;
}

/*
 * Not on the real kernel: Linux 6.18 sends an empty datagram in place of the one that had to wait,
 * and says 0. (Its first attempt has used up the bytes.) The simulator sends what it was given.
 */
static int full_unix_queue(void *arg)
{
	struct sockaddr_un name;
	socklen_t bytes = net_name(&name, "full");
	struct coil_op op;
	char byte = 0;
	int fds[2] = {coil_socket(AF_UNIX, SOCK_DGRAM, 0), coil_socket(AF_UNIX, SOCK_DGRAM, 0)};
	int sent = 0;

	(void)arg;
	EXPECT_EQ(coil_bind(fds[0], NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), bytes), 0);
	while (sent < 100 && coil_send(fds[1], "x", 1, MSG_DONTWAIT) == 1)
		sent++;
	EXPECT_EQ(sent, 11);
	op = coil_op_send(fds[1], "y", 1, 0);
	coil_op_start(&op);
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_recv(fds[0], &byte, 1, 0), 1);
	EXPECT_EQ(coil_op_await(&op), 1);
	net_close(fds, 2);
	return 0;
}

TEST(net_datagram, a_full_unix_queue_makes_the_sender_wait_simulated)
{
	net_rig_simulate(full_unix_queue);
}

#define SENDERS 4

struct sender {
	int fd;
	int *ended;
};

static int sends_late(void *arg)
{
	struct sender *sender = arg;
	int rc = coil_send(sender->fd, "y", 1, 0);

	++*sender->ended;
	return rc;
}

/*
 * A place in the queue wakes all who wait for one, as the poll below io_uring does, and one of them
 * gets it; which one is nobody's promise. Linux may send an empty datagram (see above).
 */
SCENARIO(net_datagram, each_place_in_a_full_unix_queue_ends_one_wait)
{
	struct coil_task *tasks[SENDERS];
	struct sender senders[SENDERS];
	struct sockaddr_un name;
	socklen_t bytes = net_name(&name, "places");
	int fd = coil_socket(AF_UNIX, SOCK_DGRAM, 0);
	int ended = 0;
	char byte;

	(void)arg;
	EXPECT_EQ(coil_bind(fd, NET_ADDRESS(name), bytes), 0);
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){coil_socket(AF_UNIX, SOCK_DGRAM, 0), &ended};
		EXPECT_EQ(coil_connect(senders[i].fd, NET_ADDRESS(name), bytes), 0);
	}
	while (coil_send(senders[0].fd, "x", 1, MSG_DONTWAIT) == 1)
		;
	for (int i = 0; i < SENDERS; i++)
		tasks[i] = coil_spawn(sends_late, &senders[i]);
	coil_sleep(5 * COIL_MSEC);
	EXPECT_EQ(ended, 0);
	for (int i = 1; i <= SENDERS; i++) {
		EXPECT_EQ(coil_recv(fd, &byte, 1, 0), 1);
		while (ended < i)
			coil_sleep(COIL_MSEC);
		coil_sleep(5 * COIL_MSEC);
		EXPECT_EQ(ended, i);
	}
	for (int i = 0; i < SENDERS; i++) {
		EXPECT_GE(coil_join(tasks[i]), 0);
		net_close(&senders[i].fd, 1);
	}
	net_close(&fd, 1);
	return 0;
}

/* -- Files in messages ------------------------------------------------------------------------- */

union control {
	char bytes[CMSG_SPACE(2 * sizeof(int))];
	struct cmsghdr head;
};

static int send_fds(int fd, const int *files, int count)
{
	struct iovec iov = {(char[]){"F"}, 1};
	union control control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				 .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};

	control.head.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(&control.head), files, (size_t)count * sizeof(int));
	return coil_sendmsg(fd, &message, 0);
}

/* The flags; what came is in @files. */
static int recv_fds(int fd, int *files, int count)
{
	char byte;
	struct iovec iov = {&byte, 1};
	union control control;
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				 .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};

	if (count == 0)
		message.msg_controllen = 0;
	files[0] = -1;
	EXPECT_EQ(coil_recvmsg(fd, &message, 0), 1);
	if (message.msg_controllen > 0)
		memcpy(files, CMSG_DATA(&control.head), control.head.cmsg_len - CMSG_LEN(0));
	return message.msg_flags;
}

SCENARIO(net_datagram, files_travel)
{
	char buf[8];
	int ends[2];
	int came[2];
	int fds[2];

	(void)arg;
	if (net_pair_unix(SOCK_STREAM, fds) < 0)
		return -1;
	EXPECT_EQ(coil_pipe(ends, 0), 0);
	EXPECT_EQ(coil_send(fds[0], "a", 1, 0), 1);
	EXPECT_EQ(send_fds(fds[0], ends, 2), 1);
	EXPECT_EQ(coil_send(fds[0], "b", 1, 0), 1);
	net_close(ends, 2);
	EXPECT_EQ(recv_fds(fds[1], came, 2), 0);
	EXPECT_EQ(came[0], -1);
	EXPECT_EQ(recv_fds(fds[1], came, 2), 0);
	EXPECT_GE(came[0], 0);
	EXPECT_EQ(coil_write(came[1], "pipe", 4), 4);
	EXPECT_EQ(coil_read(came[0], buf, 8), 4);
	/* Without room for them they are gone. */
	EXPECT_EQ(send_fds(fds[0], came, 2), 1);
	EXPECT_EQ(coil_recv(fds[1], buf, 1, 0), 1);
	EXPECT_EQ(recv_fds(fds[1], ends, 0), MSG_CTRUNC);
	EXPECT_EQ(ends[0], -1);
	net_close(came, 2);
	came[0] = 9999;
	EXPECT_EQ(send_fds(fds[0], came, 1), -EBADF);
	net_close(fds, 2);
	return 0;
}

/* A receive ends with the bytes that files came with. */
SCENARIO(net_datagram, files_are_a_bound_in_a_stream)
{
	char buf[8];
	int fds[2];

	(void)arg;
	if (net_pair_unix(SOCK_STREAM, fds) < 0)
		return -1;
	EXPECT_EQ(coil_send(fds[0], "ab", 2, 0), 2);
	EXPECT_EQ(send_fds(fds[0], fds, 1), 1);
	EXPECT_EQ(coil_send(fds[0], "cd", 2, 0), 2);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 3);
	EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 2);
	/* Sockets that hold each other by messages that nobody reads. */
	EXPECT_EQ(send_fds(fds[0], fds, 2), 1);
	EXPECT_EQ(send_fds(fds[1], fds, 2), 1);
	net_close(fds, 2);
	return 0;
}
