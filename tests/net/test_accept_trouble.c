/* SPDX-License-Identifier: MIT */
/* Accepting while descriptors or memory run out: nobody is lost, nothing spins. */
#include "net/rig.h"
#include "support/shortage.h"

#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>

#define CLIENTS 12

static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

/* -- Each shortage, at each accept ------------------------------------------------------------- */

static int visits(void *arg)
{
	struct coil_stream *stream;
	char byte = 0;

	if (coil_connect_tcp(&stream, "127.0.0.1", rig_port(arg), NULL) < 0)
		return -EIO;
	EXPECT_EQ(coil_stream_write(stream, "x", 1), 1);
	EXPECT_EQ(coil_stream_read(stream, &byte, 1), 1);
	EXPECT_EQ(byte, 'x');
	coil_stream_close(stream);
	return 0;
}

/* With @arg there is a bound: then accepts are one by one. */
static int serves_all(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options,
					      .connections_max = arg ? CLIENTS : 0};
	struct coil_listener *listener;
	struct coil_stream *stream;
	struct coil_task *clients[CLIENTS];
	char byte;

	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), 0);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = coil_spawn(visits, listener);
	for (int i = 0; i < CLIENTS; i++) {
		EXPECT_EQ(coil_accept(listener, &stream), 0);
		EXPECT_EQ(coil_stream_read(stream, &byte, 1), 1);
		EXPECT_EQ(coil_stream_write(stream, &byte, 1), 1);
		coil_stream_close(stream);
	}
	for (int i = 0; i < CLIENTS; i++)
		EXPECT_EQ(coil_join(clients[i]), 0);
	EXPECT_EQ(rig_counters(listener).accepted, CLIENTS);
	EXPECT_EQ(rig_counters(listener).shortages, 1);
	EXPECT_EQ(rig_counters(listener).lost, 0);
	coil_listener_close(listener);
	return 0;
}

TEST(accept, any_shortage_is_waited_out)
{
	struct coil_sim_options options = {.size = sizeof options, .seed = 1,
					   .fault_operation = "accept"};

	for (size_t i = 0; i < sizeof shortages / sizeof *shortages; i++) {
		options.fault_errno = shortages[i];
		/* A multishot accept is one operation, and one more after each shortage. */
		options.fault_at = 1;
		EXPECT_EQ(coil_sim_run(&options, serves_all, NULL), 0);
		for (options.fault_at = 1; options.fault_at <= CLIENTS; options.fault_at++)
			EXPECT_EQ(coil_sim_run(&options, serves_all, "bound"), 0);
	}
}

/* -- One that lasts ---------------------------------------------------------------------------- */

/* Tried once a second at the most, by each who waits. */
static int waits_long(void *arg)
{
	struct coil_listen_options options = {.size = sizeof options,
					      .connections_max = arg ? CLIENTS : 0};
	struct coil_listener *listener;
	struct coil_stream *client;

	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, &options), 0);
	EXPECT_EQ(coil_connect_tcp(&client, "127.0.0.1", rig_port(listener), NULL), 0);
	EXPECT_EQ(coil_timeout(100 * COIL_SEC, rig_accept_one, listener), -ETIME);
	EXPECT_GE(rig_counters(listener).shortages, 100);
	EXPECT_LE(rig_counters(listener).shortages, 110);
	coil_stream_close(client);
	coil_listener_close(listener);
	return 0;
}

TEST(accept, a_shortage_that_lasts_does_not_spin)
{
	struct coil_sim_result result = {.size = sizeof result};
	struct coil_sim_options options = {.size = sizeof options, .seed = 1, .result = &result,
					   .fault_operation = "accept",
					   .off = COIL_SIM_FAIL_ONWARDS};

	for (size_t i = 0; i < 2 * sizeof shortages / sizeof *shortages; i++) {
		options.fault_errno = shortages[i / 2];
		EXPECT_EQ(coil_sim_run(&options, waits_long, i % 2 ? "bound" : NULL), 0);
		EXPECT_LE(result.faults, 110);
		EXPECT_LE(result.turns, 500);
	}
}

/* -- No memory to keep what came --------------------------------------------------------------- */

#define CROWD 300
#define KEPT 256u /* room at the beginning */

static int crowd(void *arg)
{
	static struct coil_stream *clients[CROWD];
	struct coil_listener *listener;
	struct coil_stream *stream;
	uint64_t lost;

	/* The growth of the ring of what came, and no other. */
	shortage = (struct shortage){
		.is_on = arg != NULL,
		.least = 2 * KEPT * sizeof(int),
		.most = 2 * KEPT * sizeof(int),
	};
	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	for (int i = 0; i < CROWD; i++)
		EXPECT_EQ(coil_connect_tcp(&clients[i], "127.0.0.1", rig_port(listener), NULL), 0);
	EXPECT_EQ(coil_accept(listener, &stream), 0);
	coil_stream_close(stream);
	lost = rig_counters(listener).lost;
	if (arg && loop_current->driver->features & DRIVER_MULTISHOT_ACCEPT)
		EXPECT_EQ(lost, CROWD - KEPT);
	else
		EXPECT_EQ(lost, 0);
	for (uint64_t i = 1; i < CROWD - lost; i++) {
		EXPECT_EQ(coil_accept(listener, &stream), 0);
		coil_stream_close(stream);
	}
	EXPECT_EQ(coil_timeout(COIL_MSEC, rig_accept_one, listener), -ETIME);
	for (int i = 0; i < CROWD; i++)
		coil_stream_close(clients[i]);
	coil_listener_close(listener);
	return 0;
}

TEST(accept, what_there_was_no_memory_for_is_counted)
{
	struct coil_options options = {.size = sizeof options, .alloc = &shortage_alloc};

	ASSERT_EQ(coil_run_with(&options, crowd, "short"), 0);
	ASSERT_EQ(coil_run_with(&options, crowd, NULL), 0);
}
