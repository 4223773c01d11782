/* SPDX-License-Identifier: MIT */
/* Datagrams of coil/udp.h on the simulated kernel, with seeds: lost, twice, late, in disorder. */
#define TEST_TIMEOUT_S 120
#include "sim/rig.h"
#include "support/udp_pair.h"

#include <sys/socket.h>

#define NUMBERS 40

/* Each number, again until it is echoed: through loss, duplicates and disorder. */
static int echoes(void *arg)
{
	for (;;) {
		struct coil_udp_message in[4];
		unsigned char room[4][4];
		struct coil_address from[4];
		int n;

		memset(in, 0, sizeof in);
		for (int i = 0; i < 4; i++)
			in[i] = (struct coil_udp_message){
				.buf = room[i], .len = 4, .address = &from[i]
			};
		n = coil_udp_recv_many(arg, in, 4);
		if (n == -EPIPE)
			return 0;
		for (int i = 0; i < n; i++)
			in[i].len = (size_t)in[i].result;
		if (n > 0)
			coil_udp_send_many(arg, in, (size_t)n);
	}
}

static int numbers(void *arg)
{
	struct coil_udp *server;
	struct coil_udp *client;
	struct coil_address to;
	struct coil_task *task;

	(void)arg;
	if (coil_udp_open(&server, "127.0.0.1", 0, NULL) < 0)
		return 0;
	if (coil_udp_open(&client, "127.0.0.1", 0, NULL) < 0) {
		coil_udp_close(server);
		return 0;
	}
	coil_udp_local_address(server, &to);
	task = coil_spawn(echoes, server);
	for (unsigned char i = 0; i < NUMBERS && task; i++) {
		unsigned char answer[4] = {255, 0, 0, 0};
		int tries = 0;

		while (answer[0] != i && tries++ < 200) {
			struct coil_scope scope;

			coil_udp_send_to(client, &i, 1, &to);
			coil_scope_open(&scope);
			coil_scope_deadline(&scope, coil_now() + 50 * COIL_MSEC);
			/* Old answers that came twice, too. */
			while (answer[0] != i && !coil_cancelling())
				coil_udp_recv(client, answer, sizeof answer);
			coil_scope_close(&scope);
		}
		EXPECT_EQ(answer[0], i);
	}
	coil_udp_close(server);
	if (task)
		EXPECT_EQ(coil_join(task), 0);
	coil_udp_close(client);
	return 0;
}

static int big(void *arg)
{
	static unsigned char out[5000];
	struct coil_udp_message message = {.buf = out, .len = sizeof out, .segment = 700};
	unsigned char in[1000];
	struct coil_udp *pair[2];
	int got = 0;

	(void)arg;
	udp_pair_open(pair, COIL_UDP_GRO);
	/* No segments there: one by one. */
	EXPECT_EQ(coil_udp_send_segments(pair[0], &message), 5000);
	while (got < 5000) {
		int n = coil_udp_recv(pair[1], in, sizeof in);

		EXPECT(n == 700 || n == 100);
		if (n <= 0)
			break;
		got += n;
	}
	udp_pair_close(pair);
	return 0;
}

TEST(udp, numbers_go_through_troubles)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct coil_sim_options options = {
			.size = sizeof options, .seed = seed, .profile = COIL_SIM_WILD
		};

		EXPECT_EQ(coil_sim_run(&options, numbers, NULL), 0);
		options.profile = COIL_SIM_ODD;
		EXPECT_EQ(coil_sim_run(&options, big, NULL), 0);
	}
}
