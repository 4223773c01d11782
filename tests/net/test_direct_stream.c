/* SPDX-License-Identifier: MIT */
/* Streams and sockets for datagrams that have direct descriptors, or are given one. */
#include "net/rig.h"

#include <errno.h>
#include <sys/socket.h>

static void echo_some(struct rig_pair *pair, int rounds)
{
	char byte;

	for (int i = 0; i < rounds; i++) {
		EXPECT_EQ(coil_stream_write(pair->a, "x", 1), 1);
		EXPECT_EQ(coil_stream_read(pair->b, &byte, 1), 1);
	}
}

static int lasting(void *arg)
{
	struct rig_pair pair;

	(void)arg;
	if (!rig_unix_pair(&pair))
		return 0;
	echo_some(&pair, 15);
	EXPECT_EQ(rig_count_direct(), 0);
	echo_some(&pair, 5);
	EXPECT_EQ(rig_count_direct(), 1);
	EXPECT(!coil_fd_is_direct(coil_stream_fd(pair.a)));
	EXPECT_EQ(coil_stream_shutdown(pair.a), 0);
	EXPECT_EQ(coil_stream_read(pair.b, &(char){0}, 1), 0);
	rig_close(&pair);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, a_stream_that_lasts_has_one)
{
	rig_need_direct();
	RUN(lasting);
	rig_run_odd(20, lasting);
}

/* The peer hears of the close at once: no place of the table holds the socket back. */
static int heard(void *arg)
{
	struct rig_pair pair;

	(void)arg;
	if (!rig_tcp_pair(&pair))
		return 0;
	echo_some(&pair, 40);
	coil_stream_close(pair.a);
	EXPECT_EQ(coil_stream_read(pair.b, &(char){0}, 1), 0);
	coil_stream_close(pair.b);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

TEST(direct, the_close_of_a_stream_is_heard)
{
	rig_need_direct();
	RUN(heard);
}

/* More streams than places: the others go on as they are. */
static int crowd(void *arg)
{
	struct rig_pair pairs[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		if (!rig_unix_pair(&pairs[i]))
			return 0;
	for (int i = 0; i < 4; i++)
		echo_some(&pairs[i], 40);
	EXPECT_EQ(rig_count_direct(), 2);
	for (int i = 0; i < 4; i++)
		rig_close(&pairs[i]);
	EXPECT_EQ(rig_count_direct(), 0);
	return 0;
}

static int run_with_two(int (*entry)(void *arg))
{
	static const struct coil_options run = {.size = sizeof run, .direct_max = 2};
	struct coil_sim_options sim = {.size = sizeof sim, .seed = 1, .run = &run};

	return rig_is_simulated() ? coil_sim_run(&sim, entry, NULL)
				  : coil_run_with(&run, entry, NULL);
}

TEST(direct, streams_without_a_place_go_on)
{
	rig_need_direct();
	ASSERT_EQ(run_with_two(crowd), 0);
}

/* One end as it is, the other one direct alone. */
static void half_direct(int type, int ret_fds[2])
{
	int rc = coil_sim_active() ? coil_sim_socketpair(type, ret_fds)
				   : socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds);
	int normal = ret_fds[1];

	EXPECT_EQ(rc, 0);
	ret_fds[1] = coil_direct_fd(normal);
	EXPECT_EQ(coil_close(normal), 0);
}

static int given(void *arg)
{
	struct coil_stream *stream = NULL;
	struct coil_udp *udp = NULL;
	int stream_fds[2], datagram_fds[2];
	char byte = 0;

	(void)arg;
	half_direct(SOCK_STREAM, stream_fds);
	half_direct(SOCK_DGRAM, datagram_fds);
	EXPECT_EQ(coil_stream_from_fd(&stream, datagram_fds[1]), -EPROTOTYPE);
	EXPECT_EQ(coil_udp_from_fd(&udp, stream_fds[1]), -EPROTOTYPE);
	EXPECT_EQ(coil_stream_from_fd(&stream, COIL_DIRECT + 99), -EBADF);
	EXPECT_EQ(coil_udp_from_fd(&udp, COIL_DIRECT + 99), -EBADF);
	EXPECT_EQ(rig_count_direct(), 2);
	EXPECT_EQ(coil_stream_from_fd(&stream, stream_fds[1]), 0);
	EXPECT(!coil_fd_is_direct(coil_stream_fd(stream)));
	EXPECT_EQ(coil_send(stream_fds[0], "x", 1, 0), 1);
	EXPECT_EQ(coil_stream_read(stream, &byte, 1), 1);
	EXPECT_EQ(coil_stream_write(stream, "y", 1), 1);
	EXPECT_EQ(coil_recv(stream_fds[0], &byte, 1, 0), 1);
	coil_stream_close(stream);
	EXPECT_EQ(coil_recv(stream_fds[0], &byte, 1, 0), 0);
	EXPECT_EQ(coil_udp_from_fd(&udp, datagram_fds[1]), 0);
	EXPECT(!coil_fd_is_direct(coil_udp_fd(udp)));
	EXPECT_EQ(rig_count_direct(), 0);
	coil_udp_close(udp);
	EXPECT_EQ(coil_close(stream_fds[0]), 0);
	EXPECT_EQ(coil_close(datagram_fds[0]), 0);
	return 0;
}

TEST(direct, streams_and_datagrams_take_them)
{
	rig_need_direct();
	RUN(given);
}
