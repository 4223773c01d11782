/* SPDX-License-Identifier: MIT */
/* Which cells there are, what is wanted of them, and what they take. */
#include "net.h"

#include <coil.h>

#define CELLS_MAX 40
#define WARM_SWEEPS 32			/* messages of each connection */
#define WARM_NS_MAX (500 * COIL_MSEC)

static const char *size_text(unsigned int size)
{
	return size == 64 ? "64" : size == 4096 ? "4k" : "64k";
}

static void add_echoes(struct net_cell *cells, unsigned int *count, bool is_unix)
{
	static const unsigned int connections[] = { 1, 50, 1000, 10000 };
	static const unsigned int sizes[] = { 64, 4096, 65536 };

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 3; j++) {
			struct net_cell *cell = &cells[(*count)++];

			*cell = (struct net_cell){ .work = NET_ECHO, .is_unix = is_unix,
						   .connections = connections[i],
						   .size = sizes[j] };
			snprintf(cell->name, sizeof(cell->name), "echo_%s_%ux%s",
				 is_unix ? "unix" : "tcp", connections[i], size_text(sizes[j]));
			snprintf(cell->what, sizeof(cell->what),
				 "server CPU for an echo of %u bytes, %u connection%s; best raw",
				 sizes[j], connections[i], connections[i] == 1 ? "" : "s");
		}
	}
}

static void add_others(struct net_cell *cells, unsigned int *count, bool is_unix)
{
	static const struct net_cell others[] = {
		{ .work = NET_PIPELINED, .connections = 50, .size = 64, .name = "pipelined",
		  .what = "server CPU for an echo, 16 under way on each of 50 connections" },
		{ .work = NET_CONNECTS, .connections = 50, .size = 64, .name = "connects",
		  .what = "server CPU for a connection with one echo, 50 at a time" },
		{ .work = NET_ECHO, .connections = 50, .size = 64, .idle = 1000,
		  .name = "beside_1k", .what = "server CPU for an echo, 50 connections beside "
					       "1,000 idle ones; Coil without these" },
		{ .work = NET_ECHO, .connections = 50, .size = 64, .idle = 10000,
		  .name = "beside_10k", .what = "server CPU for an echo, 50 connections beside "
						"10,000 idle ones; Coil without these" },
		{ .work = NET_IDLE, .connections = 1000, .size = 64, .name = "idle_memory",
		  .what = "server memory of an idle connection of 1,000, page tables included" },
		{ .work = NET_SPIN, .connections = 1, .size = 64, .name = "spin",
		  .what = "requests a second of 1 connection from another core; Coil that sleeps "
			  "at once" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct net_cell *cell = &cells[(*count)++];

		*cell = others[i];
		cell->is_unix = is_unix;
		snprintf(cell->name, sizeof(cell->name), "%.20s_%s", others[i].name,
			 is_unix ? "unix" : "tcp");
	}
}

unsigned int net_cells(const struct net_cell **ret_cells)
{
	static struct net_cell cells[CELLS_MAX];
	static unsigned int count;

	if (count == 0) {
		add_echoes(cells, &count, false);
		add_others(cells, &count, false);
		add_echoes(cells, &count, true);
		add_others(cells, &count, true);
	}
	*ret_cells = cells;
	return count;
}

double net_goal(const struct net_cell *cell)
{
	if (cell->work == NET_SPIN)
		return 3;
	if (cell->work != NET_ECHO || cell->is_http)
		return 0;
	return cell->size < 65536 ? 1.03 : 1.05;
}

/* Beside idle connections it may be twice that without them. */
double net_p99_goal(const struct net_cell *cell)
{
	return cell->idle ? 2 : 1.1;
}

enum net_kind net_floor_kind(const struct net_cell *cell)
{
	if (cell->is_http)
		return NET_PEER;
	return cell->idle || cell->work == NET_SPIN ? NET_BASE : NET_RAW;
}

/* 10 us each, and a nanosecond for 2 bytes. */
int64_t net_sweep_time(const struct net_cell *cell)
{
	return (int64_t)cell->connections * (10000 + cell->size / 2);
}

/*
 * Servers that look how a connection behaves before they choose how to serve it are in their steady
 * state after that many of its messages; unless that would take too long. None asked for: a smoke
 * test, which connects at least.
 */
int64_t net_warmup_time(const struct net_cell *cell, const struct net_options *options)
{
	int64_t sweep_ns = net_sweep_time(cell);
	int64_t steady_ns = WARM_SWEEPS * sweep_ns;

	if (steady_ns > WARM_NS_MAX)
		steady_ns = WARM_NS_MAX;
	if (options->warmup_ns == 0 || steady_ns < sweep_ns)
		steady_ns = sweep_ns;
	return options->warmup_ns > steady_ns ? options->warmup_ns : steady_ns;
}

/* With the connecting: 50 us each, 20 us of idle ones. */
int64_t net_load_time(const struct net_cell *cell, const struct net_options *options)
{
	int64_t sweep_ns = net_sweep_time(cell), ns = 30 * COIL_MSEC;

	if (cell->work == NET_IDLE)
		return COIL_SEC;
	ns += net_warmup_time(cell, options);
	ns += options->measure_ns > 3 * sweep_ns ? options->measure_ns : 3 * sweep_ns;
	return ns + (int64_t)cell->connections * 50000 + (int64_t)cell->idle * 20000;
}
