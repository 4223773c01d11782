/* SPDX-License-Identifier: MIT */
/* TCP and unix streams once they are connected: what both kernels must agree on. */
#include "sim/net_rig.h"

#include <poll.h>
#include <stdlib.h>

static int pair_tcp(int fds[2])
{
	return net_pair_tcp(fds);
}

static int pair_unix(int fds[2])
{
	return net_pair_unix(SOCK_STREAM, fds);
}

static int (*const pairs[])(int fds[2]) = {pair_tcp, pair_unix};

#define FOR_EACH_KIND(fds)                                                                         \
	for (size_t kind_ = 0; kind_ < 2; kind_++)                                                 \
		if (pairs[kind_](fds) == 0)

/* -- Bytes ------------------------------------------------------------------------------------- */

SCENARIO(net_stream, bytes_go_both_ways)
{
	char buf[32];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		EXPECT_EQ(coil_send(fds[0], "hello", 5, 0), 5);
		EXPECT_EQ(coil_send(fds[0], " you", 4, 0), 4);
		EXPECT_EQ(coil_recv(fds[1], buf, 3, 0), 3);
		EXPECT_EQ(coil_recv(fds[1], buf + 3, sizeof buf - 3, 0), 6);
		EXPECT_MEM_EQ(buf, "hello you", 9);
		EXPECT_EQ(coil_write(fds[1], "back", 4), 4);
		EXPECT_EQ(coil_read(fds[0], buf, sizeof buf), 4);
		EXPECT_MEM_EQ(buf, "back", 4);
		EXPECT_EQ(coil_send(fds[0], "", 0, 0), 0);
		net_close(fds, 2);
	}
	return 0;
}

SCENARIO(net_stream, flags_of_receives)
{
	char buf[32];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		EXPECT_EQ(coil_recv(fds[1], buf, sizeof buf, MSG_DONTWAIT), -EAGAIN);
		EXPECT_EQ(coil_send(fds[0], "abcdef", 6, 0), 6);
		EXPECT_EQ(coil_recv(fds[1], buf, 3, MSG_PEEK), 3);
		EXPECT_EQ(coil_recv(fds[1], buf, sizeof buf, MSG_PEEK), 6);
		EXPECT_MEM_EQ(buf, "abcdef", 6);
		EXPECT_EQ(coil_recv(fds[1], buf, 2, MSG_WAITALL), 2);
		EXPECT_EQ(coil_recv(fds[1], buf, 9, MSG_WAITALL | MSG_DONTWAIT), 4);
		EXPECT_MEM_EQ(buf, "cdef", 4);
		EXPECT_EQ(coil_recv(fds[1], buf, sizeof buf, MSG_DONTWAIT), -EAGAIN);
		net_close(fds, 2);
	}
	return 0;
}

SCENARIO(net_stream, a_cancelled_waitall_returns_its_bytes)
{
	char buf[32];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		struct coil_op some = coil_op_recv(fds[1], buf, 10, MSG_WAITALL);
		struct coil_op none = coil_op_recv(fds[1], buf, 10, 0);

		EXPECT_EQ(coil_send(fds[0], "abcd", 4, 0), 4);
		EXPECT_EQ(net_cancelled(&some), 4);
		EXPECT_EQ(net_cancelled(&none), -ECANCELED);
		net_close(fds, 2);
	}
	return 0;
}

#define BIG (4u << 20)

SCENARIO(net_stream, a_full_stream_makes_the_sender_wait)
{
	char *big = calloc(1, BIG);
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		struct coil_op op = coil_op_send(fds[0], big, BIG, MSG_WAITALL);
		size_t all = 0;
		int rc;

		net_set(fds[0], SOL_SOCKET, SO_SNDBUF, 32768);
		EXPECT_GT(net_get(fds[0], SOL_SOCKET, SO_SNDBUF), 32768);
		coil_op_start(&op);
		coil_sleep(5 * COIL_MSEC);
		EXPECT_EQ(coil_send(fds[0], big, 1, MSG_DONTWAIT), -EAGAIN);
		while (all < BIG && (rc = coil_recv(fds[1], big, BIG, 0)) > 0)
			all += (size_t)rc;
		EXPECT_EQ(all, BIG);
		EXPECT_EQ(coil_op_await(&op), BIG);
		net_close(fds, 2);
	}
	free(big);
	return 0;
}

SCENARIO(net_stream, a_cancelled_send_of_all_returns_what_went)
{
	char *big = calloc(1, BIG);
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		struct coil_op op = coil_op_send(fds[0], big, BIG, MSG_WAITALL);
		int rc;

		net_set(fds[0], SOL_SOCKET, SO_SNDBUF, 32768);
		rc = net_cancelled(&op);
		EXPECT_GT(rc, 0);
		EXPECT_LT(rc, (int)BIG);
		net_close(fds, 2);
	}
	free(big);
	return 0;
}

/* -- The end ----------------------------------------------------------------------------------- */

SCENARIO(net_stream, half_close)
{
	char buf[8];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		EXPECT_EQ(coil_send(fds[0], "x", 1, 0), 1);
		EXPECT_EQ(coil_shutdown(fds[0], SHUT_WR), 0);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 1);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
		EXPECT_EQ(coil_send(fds[1], "yz", 2, 0), 2);
		EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), 2);
		EXPECT_EQ(coil_send(fds[0], "w", 1, 0), -EPIPE);
		EXPECT_EQ(coil_recv(fds[0], buf, 8, MSG_DONTWAIT), -EAGAIN);
		EXPECT_EQ(coil_shutdown(fds[0], 7), -EINVAL);
		net_close(fds, 2);
	}
	return 0;
}

SCENARIO(net_stream, shutdown_completes_what_waits)
{
	char buf[8];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		struct coil_op op = coil_op_recv(fds[0], buf, 8, 0);

		coil_op_start(&op);
		coil_sleep(COIL_MSEC);
		EXPECT_EQ(coil_shutdown(fds[0], SHUT_RDWR), 0);
		EXPECT_EQ(coil_op_await(&op), 0);
		EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), 0);
		EXPECT_EQ(coil_send(fds[0], "w", 1, 0), -EPIPE);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
		net_close(fds, 2);
	}
	return 0;
}

SCENARIO(net_stream, close_is_the_end)
{
	char buf[8];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		EXPECT_EQ(coil_send(fds[0], "last", 4, 0), 4);
		EXPECT_EQ(coil_close(fds[0]), 0);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 4);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, MSG_DONTWAIT), 0);
		/* TCP learns from the answer that nobody is there; a unix socket knows. */
		EXPECT_EQ(coil_send(fds[1], "a", 1, 0), kind_ == 0 ? 1 : -EPIPE);
		EXPECT_EQ(coil_send(fds[1], "b", 1, 0), -EPIPE);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
		net_close(fds + 1, 1);
	}
	return 0;
}

SCENARIO(net_stream, close_with_unread_bytes_resets)
{
	char buf[8];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		EXPECT_EQ(coil_send(fds[0], "unread", 6, 0), 6);
		EXPECT_EQ(coil_send(fds[1], "kept", 4, 0), 4);
		EXPECT_EQ(coil_close(fds[1]), 0);
		EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), 4);
		EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), -ECONNRESET);
		EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), 0);
		EXPECT_EQ(coil_send(fds[0], "x", 1, 0), -EPIPE);
		net_close(fds, 1);
	}
	return 0;
}

SCENARIO(net_stream, a_reset_is_told_once)
{
	const struct linger at_once = {.l_onoff = 1};
	char buf[8];
	int fds[2];

	(void)arg;
	if (net_pair_tcp(fds) < 0)
		return -1;
	EXPECT_EQ(coil_setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	EXPECT_EQ(coil_close(fds[1]), 0);
	EXPECT_EQ(coil_send(fds[0], "x", 1, 0), -ECONNRESET);
	EXPECT_EQ(coil_send(fds[0], "x", 1, 0), -EPIPE);
	EXPECT_EQ(coil_recv(fds[0], buf, 8, 0), 0);
	EXPECT_EQ(coil_shutdown(fds[0], SHUT_WR), -ENOTCONN);
	net_close(fds, 1);
	if (net_pair_tcp(fds) < 0)
		return -1;
	EXPECT_EQ(coil_setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	EXPECT_EQ(coil_close(fds[1]), 0);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_ERROR), ECONNRESET);
	EXPECT_EQ(net_get(fds[0], SOL_SOCKET, SO_ERROR), 0);
	net_close(fds, 1);
	return 0;
}

/* A pending receive keeps the socket: the peer sees no end until it is gone. */
SCENARIO(net_stream, a_pending_receive_outlives_the_descriptor)
{
	char mine[8];
	char buf[8];
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		struct coil_op op = coil_op_recv(fds[0], mine, 8, 0);

		coil_op_start(&op);
		coil_sleep(COIL_MSEC);
		EXPECT_EQ(coil_close(fds[0]), 0);
		coil_sleep(COIL_MSEC);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, MSG_DONTWAIT), -EAGAIN);
		EXPECT_EQ(coil_send(fds[1], "late", 4, 0), 4);
		EXPECT_EQ(coil_op_await(&op), 4);
		EXPECT_EQ(coil_recv(fds[1], buf, 8, 0), 0);
		net_close(fds + 1, 1);
	}
	return 0;
}

SCENARIO(net_stream, poll_says_what_is_possible)
{
	const unsigned all = POLLIN | POLLOUT | POLLRDHUP;
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		struct coil_op op = coil_op_poll(fds[1], POLLIN);

		EXPECT_EQ(coil_poll(fds[1], all), POLLOUT);
		EXPECT_EQ(net_cancelled(&op), -ECANCELED);
		EXPECT_EQ(coil_send(fds[0], "x", 1, 0), 1);
		EXPECT_EQ(coil_poll(fds[1], all), POLLIN | POLLOUT);
		EXPECT_EQ(coil_shutdown(fds[0], SHUT_WR), 0);
		EXPECT_EQ(coil_poll(fds[1], all), POLLIN | POLLOUT | POLLRDHUP);
		EXPECT_EQ(coil_shutdown(fds[1], SHUT_WR), 0);
		EXPECT_EQ(coil_poll(fds[1], all), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
		net_close(fds, 2);
	}
	return 0;
}

SCENARIO(net_stream, poll_tells_a_reset)
{
	char byte = 0;
	int fds[2];

	(void)arg;
	FOR_EACH_KIND(fds) {
		EXPECT_EQ(coil_send(fds[0], "x", 1, 0), 1);
		EXPECT_EQ(coil_close(fds[1]), 0);
		EXPECT_EQ(coil_poll(fds[0], POLLIN | POLLOUT),
			  POLLIN | POLLOUT | POLLRDHUP | POLLERR | POLLHUP);
		EXPECT_EQ(coil_recv(fds[0], &byte, 1, 0), -ECONNRESET);
		EXPECT_EQ(coil_poll(fds[0], POLLIN | POLLOUT),
			  POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
		net_close(fds, 1);
	}
	return 0;
}

/* -- Zero copy --------------------------------------------------------------------------------- */

SCENARIO(net_stream, zero_copy_sends)
{
	struct iovec iov[2] = {{(char[]){"ab"}, 2}, {(char[]){"cde"}, 3}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	char buf[16];
	int fds[2];

	(void)arg;
	if (net_pair_tcp(fds) < 0)
		return -1;
	EXPECT_EQ(coil_send_zc(fds[0], "hello", 5, 0), 5);
	EXPECT_EQ(coil_sendmsg_zc(fds[0], &message, 0), 5);
	EXPECT_EQ(coil_recv(fds[1], buf, 10, MSG_WAITALL), 10);
	EXPECT_MEM_EQ(buf, "helloabcde", 10);
	EXPECT_EQ(coil_shutdown(fds[0], SHUT_WR), 0);
	EXPECT_EQ(coil_send_zc(fds[0], "hello", 5, 0), -EPIPE);
	net_close(fds, 2);
	return 0;
}

SCENARIO(net_stream, zero_copy_is_not_for_unix)
{
	struct coil_op op;
	int fds[2];

	(void)arg;
	if (net_pair_unix(SOCK_STREAM, fds) < 0)
		return -1;
	op = coil_op_send_zc(fds[0], "hello", 5, 0);
	EXPECT_EQ(coil_op_await(&op), -EOPNOTSUPP);
	net_close(fds, 2);
	op = coil_op_send_zc(fds[0], "hello", 5, 0);
	EXPECT_EQ(coil_op_await(&op), -EBADF);
	return 0;
}
