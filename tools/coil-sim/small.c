/* SPDX-License-Identifier: MIT */
/*
 * All schedules of small worlds: up to three tasks with up to three operations each, one cancel and
 * one timeout. Whatever order the kernel takes and whoever wins, each task ends once, with one of
 * the results that it may have.
 */
#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>

#define TASKS 3
#define DEPTH 4096

/* What may happen, each at any of its moments: troubles_max of them in one run. */
#define TROUBLES "HOLD_BACK=1,REORDER=1,SHUFFLE=1,CANCEL_LOSES=1,DELAY=1,EARLY_WAKE=1"

struct world {
	unsigned tasks;
	unsigned operations;
	int pipe[2];
	unsigned written;
	unsigned read;
};

struct actor {
	struct world *world;
	unsigned number;
	unsigned done;
};

/* One operation of each kind: at once, later, and only if somebody writes. */
static int act_once(struct world *world, unsigned kind)
{
	char byte;
	int rc;

	switch (kind) {
	case 0:
		return coil_nop();
	case 1:
		rc = coil_write(world->pipe[1], "x", 1);
		world->written += rc == 1;
		return rc < 0 ? rc : 0;
	default:
		rc = coil_read(world->pipe[0], &byte, 1);
		world->read += rc == 1;
		return rc < 0 ? rc : 0;
	}
}

static int act(void *arg)
{
	struct actor *actor = arg;

	for (unsigned i = 0; i < actor->world->operations; i++) {
		int rc = act_once(actor->world, (actor->number + i) % 3);

		if (rc < 0)
			return rc;
		actor->done++;
	}
	return 0;
}

static int act_in_time(void *arg)
{
	return coil_timeout(5 * COIL_USEC, act, arg);
}

static void judge(const struct world *world, const struct actor *actor, int result)
{
	HOLDS(result == 0 || result == -ECANCELED || result == -ETIME);
	HOLDS(result != 0 || actor->done == world->operations);
	HOLDS(result == 0 || actor->done < world->operations);
}

/* The first task is cancelled, the last one has a deadline; those between are let go in the end. */
static int small_world(void *arg)
{
	struct world world = *(const struct world *)arg;
	struct actor actors[TASKS];
	struct coil_task *tasks[TASKS];
	char byte;

	if (coil_pipe(world.pipe, 0) < 0)
		return 0;
	for (unsigned i = 0; i < world.tasks; i++) {
		actors[i] = (struct actor){.world = &world, .number = i};
		tasks[i] = coil_spawn(i + 1 == world.tasks ? act_in_time : act, &actors[i]);
	}
	/* Before it runs, before it enters, and after each of its operations. */
	for (unsigned n = coil_sim_pick(2 + world.operations); n > 0; n--)
		n == 1 ? coil_yield() : coil_nop();
	coil_cancel(tasks[0]);
	coil_sleep(COIL_MSEC);
	for (unsigned i = 0; i < world.tasks; i++) {
		coil_cancel(tasks[i]);
		judge(&world, &actors[i], coil_join(tasks[i]));
	}
	coil_close(world.pipe[1]);
	while (coil_read(world.pipe[0], &byte, 1) == 1)
		world.read++;
	HOLDS(world.read == world.written);
	coil_close(world.pipe[0]);
	return scenario_take_broken() ? -EPROTO : 0;
}

int explore_small_worlds(void)
{
	const struct coil_options run = {
		.size = sizeof run, .off = COIL_NO_SIGNALS | COIL_NO_OVERFLOW
	};
	struct coil_sim_options options = {
		.size = sizeof options, .seed = 1, .troubles = TROUBLES, .troubles_max = 3,
		.run = &run
	};
	uint64_t total = 0;

	for (unsigned tasks = 1; tasks <= TASKS; tasks++)
		for (unsigned operations = 1; operations <= 3; operations++) {
			struct world world = {.tasks = tasks, .operations = operations};
			uint64_t schedules = 0;
			int rc = coil_sim_explore(&options, DEPTH, small_world, &world, &schedules);

			printf("%u tasks, %u operations: %" PRIu64 " schedules%s\n", tasks,
			       operations, schedules, rc < 0 ? ": FAILED" : "");
			if (rc < 0)
				return rc;
			total += schedules;
		}
	printf("%" PRIu64 " schedules\n", total);
	return 0;
}
