/* SPDX-License-Identifier: MIT */
/*
 * The same random calls on a pair of sockets, on the real kernel and on the simulated one: every
 * result is compared. None of the calls waits.
 */
#include "sim/net_rig.h"

#include <coil/sim.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>

#define STEPS 60
#define SCRIPTS 300

enum kind { TCP, STREAM, DATAGRAM, SEQPACKET, UDP, KINDS };

struct step {
	int what;	/* the call, and to which end */
	int result;
	unsigned sum;	/* of the bytes that came */
};

struct script {
	uint64_t state;
	enum kind kind;
	int fds[2];
	struct step steps[STEPS];
};

static unsigned draw(struct script *script, unsigned count)
{
	script->state ^= script->state << 13;
	script->state ^= script->state >> 7;
	script->state ^= script->state << 17;
	return (unsigned)(script->state >> 33) % count;
}

/* Connected to each other. */
static int pair_udp(int fds[2])
{
	struct sockaddr_in name;
	int ports[2];
	int rc = 0;

	for (int i = 0; i < 2; i++)
		fds[i] = net_udp(&ports[i]);
	for (int i = 0; i < 2 && rc == 0; i++) {
		name = net_v4(ports[1 - i]);
		rc = coil_connect(fds[i], NET_ADDRESS(name), sizeof name);
	}
	return rc;
}

static int open_pair(struct script *script)
{
	static const int types[] = {[STREAM] = SOCK_STREAM, [DATAGRAM] = SOCK_DGRAM,
				    [SEQPACKET] = SOCK_SEQPACKET};

	if (script->kind == TCP) {
		int rc = net_pair_tcp(script->fds);

		/* Nothing is held back until an answer comes. */
		for (int i = 0; i < 2; i++)
			net_set(script->fds[i], IPPROTO_TCP, TCP_NODELAY, 1);
		return rc;
	}
	if (script->kind == UDP)
		return pair_udp(script->fds);
	return net_socketpair(types[script->kind], script->fds);
}

static int do_send(struct script *script, int fd)
{
	char bytes[200];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)draw(script, 256);
	return coil_send(fd, bytes, draw(script, sizeof bytes), MSG_DONTWAIT);
}

static int do_recv(struct script *script, int fd, struct step *step)
{
	static const int flags[] = {0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL};
	unsigned char bytes[300];
	size_t count = 1 + draw(script, sizeof bytes - 1);
	int flag = flags[draw(script, 6)];
	int rc = coil_recv(fd, bytes, count, MSG_DONTWAIT | flag);

	/* TCP throws the bytes away that it is told to truncate. */
	for (int i = 0; i < rc && i < (int)count && !(flag == MSG_TRUNC); i++)
		step->sum = step->sum * 31 + bytes[i];
	return rc;
}

static int do_poll(int fd)
{
	struct coil_op op = coil_op_poll(fd, POLLIN | POLLOUT | POLLRDHUP);

	coil_op_start(&op);
	coil_op_cancel(&op);
	return coil_op_await(&op);
}

static int do_peer(int fd)
{
	struct sockaddr_storage name;
	socklen_t bytes = sizeof name;
	int rc = net_calls()->getpeername(fd, NET_ADDRESS(name), &bytes);

	return rc < 0 ? rc : (int)bytes;
}

static int do_rare(struct script *script, int end, unsigned what)
{
	const struct linger at_once = {.l_onoff = 1};
	int fd = script->fds[end];

	switch (what) {
	case 0:
		return coil_shutdown(fd, SHUT_RD);
	case 1:
		return coil_shutdown(fd, SHUT_WR);
	case 2:
		return coil_shutdown(fd, SHUT_RDWR);
	case 3:
		return coil_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	case 4:
		script->fds[end] = -1;
		return coil_close(fd);
	case 5:
		return do_peer(fd);
	default:
		return net_get(fd, SOL_SOCKET, SO_ERROR);
	}
}

static void do_step(struct script *script, struct step *step)
{
	int end = (int)draw(script, 2);
	int fd = script->fds[end];
	unsigned what = draw(script, 10);
	unsigned rare = what == 9 ? draw(script, 8) : 0;

	step->what = (int)(what + rare) * 2 + end;
	if (what < 4)
		step->result = do_send(script, fd);
	else if (what < 8)
		step->result = do_recv(script, fd, step);
	else if (what < 9)
		step->result = do_poll(fd);
	else
		step->result = do_rare(script, end, rare);
}

static int run_script(void *arg)
{
	struct script *script = arg;

	if (open_pair(script) < 0)
		return -1;
	for (int i = 0; i < STEPS; i++)
		do_step(script, &script->steps[i]);
	for (int i = 0; i < 2; i++)
		if (script->fds[i] >= 0)
			coil_close(script->fds[i]);
	return 0;
}

static int run_all(void *arg)
{
	struct script *scripts = arg;

	for (int i = 0; i < SCRIPTS; i++) {
		scripts[i] = (struct script){.state = (uint64_t)i * 7919 + 12345,
					     .kind = (enum kind)(i % KINDS)};
		for (int j = 0; j < 8; j++)
			draw(&scripts[i], 2);
		EXPECT_EQ(run_script(&scripts[i]), 0);
	}
	return 0;
}

static bool same(const struct script *a, const struct script *b)
{
	for (int i = 0; i < STEPS; i++) {
		const struct step *x = &a->steps[i];
		const struct step *y = &b->steps[i];

		if (x->what == y->what && x->result == y->result && x->sum == y->sum)
			continue;
		fprintf(stderr, "kind %d, step %d: call %d to end %d: really %d, simulated %d\n",
			(int)a->kind, i, x->what / 2, x->what % 2, x->result, y->result);
		for (int j = 0; j < i; j++)
			fprintf(stderr, "  %d: call %d to end %d: %d\n", j, a->steps[j].what / 2,
				a->steps[j].what % 2, a->steps[j].result);
		return false;
	}
	return true;
}

TEST(net_random, both_kernels_say_the_same)
{
	static struct script really[SCRIPTS];
	static struct script simulated[SCRIPTS];
	int different = 0;

	ASSERT_EQ(coil_run(run_all, really), 0);
	ASSERT_EQ(coil_sim_run(&(struct coil_sim_options){.size = sizeof(struct coil_sim_options),
							  .off = COIL_SIM_NO_LEAKS},
			       run_all, simulated),
		  0);
	for (int i = 0; i < SCRIPTS && different < 5; i++)
		different += !same(&really[i], &simulated[i]);
	EXPECT_EQ(different, 0);
}
