/* SPDX-License-Identifier: MIT */
/*
 * coil-counts NAME TIMES - one scenario so often; prints what the loop's counters say.
 * coil-counts             - the names.
 *
 * count.py runs it under callgrind, which counts the rest.
 */
#include "counts.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMES_MAX 1000000

static const struct scenario *const tables[] = {
	scenarios_tasks, scenarios_exchange, scenarios_net, scenarios_ops,
};

struct order {
	const struct scenario *scenario;
	unsigned times;
	struct coil_stats stats;
};

void must(bool is_true, const char *what)
{
	if (is_true)
		return;
	fprintf(stderr, "coil-counts: %s\n", what);
	abort();
}

static const struct scenario *find(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct scenario *at = tables[i]; at->name; at++)
			if (strcmp(at->name, name) == 0)
				return at;
	return NULL;
}

static void list(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct scenario *at = tables[i]; at->name; at++)
			puts(at->name);
}

static int run(void *arg)
{
	struct order *order = arg;

	order->scenario->run(order->times);
	order->stats.size = sizeof(order->stats);
	return coil_stats(&order->stats);
}

int main(int argc, char **argv)
{
	const struct coil_sim_options options = {
		.size = sizeof(options), .seed = 1, .profile = COIL_SIM_CALM, .troubles = "ALL=0",
	};
	struct order order = { 0 };
	int rc;

	if (argc == 1) {
		list();
		return 0;
	}
	order.scenario = find(argv[1]);
	if (argc != 3 || !order.scenario) {
		fprintf(stderr, "usage: coil-counts [NAME TIMES]; coil-counts alone prints the "
			"names\n");
		return 2;
	}
	order.times = (unsigned)strtoul(argv[2], NULL, 10);
	must(order.times > 0 && order.times <= TIMES_MAX, "TIMES is 1 to 1000000");
	rc = coil_sim_run(&options, run, &order);
	must(rc == 0, "the simulation failed");
	printf("allocations %ju enters %ju sqes %ju\n", (uintmax_t)order.stats.allocations,
	       (uintmax_t)order.stats.enters, (uintmax_t)order.stats.sqes);
	return 0;
}
