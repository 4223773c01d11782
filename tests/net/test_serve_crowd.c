/* SPDX-License-Identifier: MIT */
/*
 * coil_serve: what busy connections cost beside idle ones, counted and in the simulation's time,
 * which no other program on the machine can lengthen.
 */
#include "net/serve_rig.h"

#include <stdlib.h>

#define BUSY 50
#define ROUNDS 20
#define CROWD 10000

struct cost {
	int idle;
	uint64_t turns;
	uint64_t enters;
	uint64_t operations;
	int64_t p99_ns;
};

static int64_t times[BUSY * ROUNDS];
static int times_count;

static int keep_busy(void *arg)
{
	struct coil_stream *stream = server_connect(arg);

	for (int i = 0; stream && i < ROUNDS; i++) {
		int64_t start = coil_now();

		EXPECT_EQ(client_round(stream, 64), 0);
		times[times_count++] = coil_now() - start;
	}
	coil_stream_close(stream);
	return 0;
}

static int order(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void serve_busy_ones(struct server *server, struct cost *cost)
{
	struct coil_stats before = {.size = sizeof before}, after = before;
	struct coil_group group;

	times_count = 0;
	EXPECT_EQ(coil_stats(&before), 0);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	for (int i = 0; i < BUSY; i++)
		EXPECT_EQ(coil_go(&group, keep_busy, server), 0);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT_EQ(coil_stats(&after), 0);
	EXPECT_EQ(times_count, BUSY * ROUNDS);
	qsort(times, BUSY * ROUNDS, sizeof times[0], order);
	cost->turns = after.turns - before.turns;
	cost->enters = after.enters - before.enters;
	cost->operations = after.sqes - before.sqes + after.cqes - before.cqes;
	cost->p99_ns = times[BUSY * ROUNDS * 99 / 100];
}

static int beside(void *arg)
{
	static struct coil_stream *idle[CROWD];
	struct cost *cost = arg;
	struct server server;

	server_init(&server, serve_echo);
	server.options.idle_ns = COIL_MIN;
	if (!server_start(&server))
		return 0;
	for (int i = 0; i < cost->idle; i++) {
		idle[i] = server_connect(&server);
		EXPECT_EQ(client_round(idle[i], 1), 0);
	}
	serve_settle();
	EXPECT_EQ(server_stats(&server).parked, cost->idle);
	serve_busy_ones(&server, cost);
	for (int i = 0; i < cost->idle; i++)
		coil_stream_close(idle[i]);
	server_stop(&server);
	return 0;
}

static void measure(struct cost *cost)
{
	static const struct coil_options run = {.size = sizeof run, .stack_bytes = 256u << 10};
	const struct coil_sim_options options = {.size = sizeof options, .seed = 1,
						 .descriptors_max = 1u << 20, .run = &run};

	ASSERT_EQ(coil_sim_run(&options, beside, cost), 0);
	printf("%d idle: %llu turns, %llu enters, %llu operations and completions, p99 %lld ns\n",
	       cost->idle, (unsigned long long)cost->turns, (unsigned long long)cost->enters,
	       (unsigned long long)cost->operations, (long long)cost->p99_ns);
}

TEST(serve_crowd, idle_connections_cost_busy_ones_nothing)
{
	struct cost quiet = {0}, crowded = {.idle = CROWD};

	serve_need_calm();
	measure(&quiet);
	measure(&crowded);
	ASSERT_LE(crowded.turns, quiet.turns + quiet.turns / 10);
	ASSERT_LE(crowded.enters, quiet.enters + quiet.enters / 10);
	ASSERT_LE(crowded.operations, quiet.operations + quiet.operations / 10);
	ASSERT_LE(crowded.p99_ns, 2 * quiet.p99_ns);
}
