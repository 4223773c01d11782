/* SPDX-License-Identifier: MIT */
/* The table of scenarios, and what they share. */
#include "scenario.h"

#include <stdio.h>

static unsigned broken;

void scenario_broken(const char *file, int line, const char *condition)
{
	broken++;
	fprintf(stderr, "coil-sim: %s:%d: does not hold: %s\n", file, line, condition);
}

unsigned scenario_take_broken(void)
{
	unsigned count = broken;

	broken = 0;
	return count;
}

int64_t pick_time(int64_t bound)
{
	unsigned bits = 0;

	while (bits < 62 && INT64_C(1) << bits < bound)
		bits++;
	bits = coil_sim_pick(bits + 1);
	return (int64_t)(((uint64_t)coil_sim_pick(1u << 31) << 31 | coil_sim_pick(1u << 31)) &
			 ((UINT64_C(1) << bits) - 1)) % bound;
}

bool pick_one_in(unsigned n)
{
	return coil_sim_pick(n) == 0;
}

int doze(int64_t duration)
{
	int64_t before = coil_now();
	int rc = coil_sleep(duration);

	HOLDS(rc < 0 || coil_now() - before >= duration);
	return rc;
}

struct coil_listener *scenario_listen(char port[8], unsigned connections_max)
{
	struct coil_listen_options options = {.size = sizeof options,
					      .connections_max = connections_max};
	struct coil_listener *listener;

	if (coil_listen_tcp(&listener, "127.0.0.1", 0, &options) < 0)
		return NULL;
	snprintf(port, 8, "%d", coil_listener_port(listener));
	return listener;
}

unsigned char byte_at(uint64_t at)
{
	return (unsigned char)(at * 167 + (at >> 8) * 59 + (at >> 16));
}

void fill_bytes(unsigned char *bytes, size_t count, uint64_t from)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = byte_at(from + i);
}

bool are_bytes(const unsigned char *bytes, size_t count, uint64_t from)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != byte_at(from + i))
			return false;
	return true;
}

/* -- The mix -------------------------------------------------------------------------------------
 */

#define MIX_MAX 5

static unsigned count_scenarios(void)
{
	unsigned n = 0;

	while (scenarios[n].name)
		n++;
	return n;
}

/* Some scenarios side by side in one loop, each alone responsible for what is its own. */
static int scenario_mix(void *arg)
{
	struct coil_task *tasks[MIX_MAX];
	unsigned n = 1 + coil_sim_pick(MIX_MAX);
	unsigned choices = count_scenarios() - 1;
	int result = 0;

	(void)arg;
	for (unsigned i = 0; i < n; i++) {
		const struct scenario *scenario = &scenarios[1 + coil_sim_pick(choices)];

		tasks[i] = coil_spawn(scenario->entry, NULL);
		if (tasks[i])
			coil_task_set_name(tasks[i], scenario->name);
	}
	for (unsigned i = 0; i < n; i++) {
		int rc = tasks[i] ? coil_join(tasks[i]) : 0;

		result = result ? result : rc;
	}
	return result;
}

const struct scenario scenarios[] = {
	{"mix", "several of the others at once", scenario_mix},
	{"tree", "groups in groups, failures and cancels", scenario_tree},
	{"cancel", "tasks in every kind of wait, cancelled at any moment", scenario_cancel},
	{"timeout", "deadlines and sleeps against each other", scenario_timeout},
	{"promise", "promises resolved before, while and after they are awaited", scenario_promise},
	{"race", "the first of several wins, the others end", scenario_race},
	{"gather", "operations in one submission", scenario_gather},
	{"chain", "linked operations: what runs, what does not", scenario_chain},
	{"ordered", "futures in the order in which they are done", scenario_ordered},
	{"pipe", "bytes through a pipe, read with interruptions", scenario_pipe},
	{"stream", "bytes both ways through a pair of sockets", scenario_stream},
	{"datagram", "datagrams: whole or not at all", scenario_datagram},
	{"tcp", "an echo server and its clients over TCP", scenario_tcp},
	{"unix", "the same over a unix socket", scenario_unix},
	{"accept", "several tasks accept, with and without a bound", scenario_accept},
	{"receive", "streams that receive by many messages, leases", scenario_receive},
	{"echo", "leases that are put back, in silence or not", scenario_echo},
	{"udp", "datagrams received one by one and many at once", scenario_udp},
	{"serve", "parked connections with deadlines", scenario_serve},
	{"pool", "connections that are kept and taken again", scenario_pool},
	{"direct", "direct descriptors and normal ones of them", scenario_direct},
	{"file", "reads and writes of a file against an array", scenario_file},
	{"power", "what was synced survives a loss of power", scenario_power},
	{"children", "children that end by themselves or by a signal", scenario_children},
	{"futex", "a lock of futexes", scenario_futex},
	{"loops", "promises between two loops", scenario_loops},
	{NULL, NULL, NULL},
};
