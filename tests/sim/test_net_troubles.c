/* SPDX-License-Identifier: MIT */
/*
 * What the seed does to a network: pieces, resets, refusals, datagrams that are lost, doubled and
 * late; and that bytes stay what they are through all of it.
 */
#include "sim/net_rig.h"
#include "sim/rig.h"

#include <coil/sim.h>
#include <stdlib.h>

#define BYTES 300000

/* -- Streams ----------------------------------------------------------------------------------- */

static char byte_at(size_t at)
{
	return (char)(at * 31 + at / 251);
}

static bool may_fail(int rc)
{
	return rc == -ECONNRESET || rc == -EPIPE ||
	       rc == -ENODATA || rc == -ECONNREFUSED;
}

static int send_all(void *arg)
{
	int fd = *(int *)arg;
	char *bytes = malloc(BYTES);
	size_t sent = 0;
	int rc = 0;

	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = byte_at(i);
	while (sent < BYTES) {
		size_t some = 1 + coil_sim_pick(50000);

		if (some > BYTES - sent)
			some = BYTES - sent;
		rc = coil_send(fd, bytes + sent, some, coil_sim_pick(2) ? MSG_WAITALL : 0);
		if (rc < 0)
			break;
		EXPECT_LE(rc, (int)some);
		sent += (size_t)rc;
	}
	free(bytes);
	if (rc >= 0)
		rc = coil_shutdown(fd, SHUT_WR);
	return rc < 0 ? rc : 0;
}

/*
 * What comes is what was sent, in order, and all of it unless something fails. A reset that meets a
 * MSG_WAITALL behind some bytes is not told: the receive returns the bytes, the next one says 0, as
 * on Linux. Here that is -ENODATA.
 */
static int receive_all(int fd)
{
	char *bytes = malloc(70000);
	size_t got = 0;
	int rc;

	do {
		size_t some = 1 + coil_sim_pick(70000 - 1);

		rc = coil_recv(fd, bytes, some, coil_sim_pick(4) ? 0 : MSG_WAITALL);
		for (int i = 0; i < rc; i++)
			if (bytes[i] != byte_at(got + (size_t)i)) {
				FAIL("another byte came than was sent");
				rc = -EBADMSG;
			}
		got += rc > 0 ? (size_t)rc : 0;
		if (coil_sim_pick(8) == 0)
			coil_sleep((int64_t)coil_sim_pick(20) * COIL_MSEC);
	} while (rc > 0);
	free(bytes);
	return rc == 0 && got < BYTES ? -ENODATA : rc;
}

/* 0; may fail as a network may. */
static int transfer(int listener, const struct sockaddr *address, socklen_t bytes)
{
	struct coil_task *sender;
	int fds[2];
	int rc;

	fds[0] = coil_socket(address->sa_family, SOCK_STREAM, 0);
	if (fds[0] < 0)
		return fds[0];
	rc = coil_connect(fds[0], address, bytes);
	if (rc < 0) {
		coil_close(fds[0]);
		return rc;
	}
	do {
		fds[1] = coil_accept4(listener, NULL, NULL, 0);
	} while (fds[1] < 0 && fds[1] != -EINVAL);
	sender = coil_spawn(send_all, &fds[0]);
	rc = receive_all(fds[1]);
	coil_close(fds[1]);
	(void)coil_join(sender);
	coil_close(fds[0]);
	return rc;
}

static int transfer_tcp(void)
{
	struct sockaddr_in name;
	int port;
	int listener = net_listen(SOCK_STREAM, 8, &port);
	int rc;

	name = net_v4(port);
	rc = transfer(listener, NET_ADDRESS(name), sizeof name);
	coil_close(listener);
	return rc;
}

static int transfer_unix(void)
{
	struct sockaddr_un name;
	socklen_t bytes = net_name(&name, "transfer");
	int listener = coil_socket(AF_UNIX, SOCK_STREAM, 0);
	int rc;

	EXPECT_EQ(coil_bind(listener, NET_ADDRESS(name), bytes), 0);
	EXPECT_EQ(coil_listen(listener, 8), 0);
	rc = transfer(listener, NET_ADDRESS(name), bytes);
	coil_close(listener);
	return rc;
}

static int transfer_both(void *arg)
{
	(void)arg;
	EXPECT_EQ(transfer_tcp(), 0);
	EXPECT_EQ(transfer_unix(), 0);
	return 0;
}

TEST(net_troubles, streams_keep_their_bytes)
{
	for (unsigned seed = 1; seed <= 100; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_ODD);

		EXPECT_EQ(coil_sim_run(&options, transfer_both, NULL), 0);
	}
}

static int transfer_reset(void *arg)
{
	int *failed = arg;
	int rc = transfer_tcp();

	EXPECT(rc == 0 || may_fail(rc));
	*failed += rc < 0;
	return 0;
}

TEST(net_troubles, streams_that_are_reset_keep_what_came)
{
	int failed = 0;

	for (unsigned seed = 1; seed <= 100; seed++) {
		struct coil_sim_options options =
			rig_only(seed, "RESET=3,REFUSE=50,SEGMENT=100,SHORT_READ=50,DELAY=50");

		EXPECT_EQ(coil_sim_run(&options, transfer_reset, &failed), 0);
	}
	EXPECT_GT(failed, 10);
	EXPECT_LT(failed, 100);
}

/* -- Time -------------------------------------------------------------------------------------- */

/* The last SYN goes out after 63 s, and is given up 64 s later. */
static int wait_for_backlog(void *arg)
{
	struct sockaddr_in name;
	int64_t start = coil_now();
	int fds[3];
	int port;

	(void)arg;
	fds[0] = net_listen(SOCK_STREAM, 0, &port);
	name = net_v4(port);
	for (int i = 1; i < 3; i++)
		fds[i] = coil_socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(coil_connect(fds[1], NET_ADDRESS(name), sizeof name), 0);
	EXPECT_EQ(coil_connect(fds[2], NET_ADDRESS(name), sizeof name), -ETIMEDOUT);
	EXPECT_EQ((coil_now() - start) / COIL_SEC, 127);
	net_close(fds, 3);
	return 0;
}

TEST(net_troubles, a_connect_to_a_full_backlog_times_out)
{
	net_rig_simulate(wait_for_backlog);
}

static int notify_late(void *arg)
{
	int64_t *waited = arg;
	int64_t start;
	int fds[2];

	if (net_pair_tcp(fds) < 0)
		return -1;
	start = coil_now();
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(coil_send_zc(fds[0], "x", 1, 0), 1);
	*waited += coil_now() - start;
	net_close(fds, 2);
	return 0;
}

TEST(net_troubles, notifications_of_zero_copy_are_late)
{
	int64_t waited = 0;

	net_rig_simulate(transfer_both);
	for (unsigned seed = 1; seed <= 10; seed++) {
		struct coil_sim_options options = rig_only(seed, "LATE_NOTIFY=100");

		EXPECT_EQ(coil_sim_run(&options, notify_late, &waited), 0);
	}
	EXPECT_GT(waited, 0);
}

/* -- Datagrams --------------------------------------------------------------------------------- */

#define DATAGRAMS 40

struct counts {
	int lost;
	int twice;
	int late;
};

static int exchange(void *arg)
{
	struct counts *counts = arg;
	int seen[DATAGRAMS] = {0};
	struct sockaddr_in name;
	int last = -1;
	int port;
	int fd = net_udp(&port);
	unsigned char number;

	name = net_v4(port);
	for (number = 0; number < DATAGRAMS; number++)
		EXPECT_EQ(coil_sendto(fd, &number, 1, 0, NET_ADDRESS(name), sizeof name), 1);
	coil_sleep(COIL_SEC);
	while (coil_recv(fd, &number, 1, MSG_DONTWAIT) == 1 && number < DATAGRAMS) {
		seen[number]++;
		counts->late += number < last;
		last = number;
	}
	for (int i = 0; i < DATAGRAMS; i++) {
		counts->lost += seen[i] == 0;
		counts->twice += seen[i] == 2;
		EXPECT_LE(seen[i], 2);
	}
	net_close(&fd, 1);
	return 0;
}

static struct counts exchange_with(const char *troubles)
{
	struct counts counts = {0};

	for (unsigned seed = 1; seed <= 20; seed++) {
		struct coil_sim_options options = rig_only(seed, troubles);

		EXPECT_EQ(coil_sim_run(&options, exchange, &counts), 0);
	}
	return counts;
}

TEST(net_troubles, datagrams_are_lost_doubled_and_late)
{
	struct counts calm = exchange_with("ALL=0");
	struct counts lost = exchange_with("DATAGRAM_LOST=50");
	struct counts twice = exchange_with("DATAGRAM_TWICE=50");
	struct counts late = exchange_with("DATAGRAM_LATE=50");

	EXPECT_EQ(calm.lost + calm.twice + calm.late, 0);
	EXPECT_GT(lost.lost, 0);
	EXPECT_EQ(lost.twice + lost.late, 0);
	EXPECT_GT(twice.twice, 0);
	EXPECT_EQ(twice.lost + twice.late, 0);
	EXPECT_GT(late.late, 0);
	EXPECT_EQ(late.lost + late.twice, 0);
}

/* -- Sameness ---------------------------------------------------------------------------------- */

TEST(net_troubles, a_seed_is_a_run)
{
	for (unsigned seed = 1; seed <= 10; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_ODD);
		struct coil_sim_result a = rig_result(&options, transfer_both, NULL);
		struct coil_sim_result b = rig_result(&options, transfer_both, NULL);

		EXPECT_EQ(a.hash, b.hash);
		EXPECT_EQ(a.operations, b.operations);
		EXPECT_EQ(a.virtual_ns, b.virtual_ns);
	}
}

/* Nothing is left and nothing hangs, whatever fails. */
static int survive(void *arg)
{
	int fds[2] = {-1, -1};
	char byte;

	(void)arg;
	if (coil_sim_socketpair(SOCK_STREAM, fds) < 0)
		return 0;
	for (int i = 0; i < 20; i++) {
		struct coil_op op = coil_op_recv(fds[1], &byte, 1, 0);

		coil_op_start(&op);
		(void)coil_send(fds[0], "x", 1, 0);
		if (coil_sim_pick(2))
			coil_op_cancel(&op);
		else
			coil_shutdown(fds[0], SHUT_WR);
		(void)coil_op_await(&op);
	}
	while (coil_close(fds[0]) == -EINTR)
		continue;
	(void)coil_close(fds[1]);
	return 0;
}

TEST(net_troubles, wild_runs_end)
{
	for (unsigned seed = 1; seed <= 200; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_WILD);

		options.off = COIL_SIM_NO_LEAKS;
		EXPECT_EQ(coil_sim_run(&options, survive, NULL), 0);
	}
}
