/* SPDX-License-Identifier: MIT */
/* Tasks: switch, spawn, cancel. */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>

/* -- Yield ------------------------------------------------------------------------------------- */

/* Two tasks that sleep in the same call path: their returns are predicted. */
static void work_yield(void *arg, unsigned int member)
{
	(void)arg;
	(void)member;
	coil_yield();
}

static int open_yield(struct bench *bench)
{
	struct crew *crew;
	int rc = crew_open(2, work_yield, NULL, &crew);

	if (rc < 0)
		return rc;
	bench->state = crew;
	bench->coil = (struct measure_case){ .run = crew_run, .arg = crew, .step = 2 };
	return 0;
}

static void close_yield(struct bench *bench)
{
	crew_close(bench->state);
}

/* Two tasks that sleep in different functions: the processor predicts each return wrongly. */
struct partner {
	struct coil_task *task;
	bool is_over;
};

static int partner_main(void *arg)
{
	struct partner *partner = arg;

	while (!partner->is_over)
		coil_yield();
	return 0;
}

/* There and back are two units. */
static void run_mixed(void *arg, uint64_t units)
{
	(void)arg;
	for (; units >= 2; units -= 2)
		coil_yield();
}

static int open_mixed(struct bench *bench)
{
	struct partner *partner = calloc(1, sizeof(*partner));

	if (!partner)
		return -ENOMEM;
	partner->task = coil_spawn(partner_main, partner);
	bench->state = partner;
	bench->coil = (struct measure_case){ .run = run_mixed, .step = 2 };
	return partner->task ? 0 : -ENOMEM;
}

static void close_mixed(struct bench *bench)
{
	struct partner *partner = bench->state;

	partner->is_over = true;
	coil_join(partner->task);
	free(partner);
}

/* -- Spawn and join ---------------------------------------------------------------------------- */

static int empty_main(void *arg)
{
	(void)arg;
	return 0;
}

static void run_spawn_join(void *arg, uint64_t units)
{
	(void)arg;
	while (units--)
		bench_must(coil_join(coil_spawn(empty_main, NULL)) == 0, "a task failed");
}

static int open_spawn_join(struct bench *bench)
{
	bench_floor_switches(bench, bench_two_switches);
	bench->coil = (struct measure_case){ .run = run_spawn_join, .step = 1 };
	return 0;
}

/* -- Spawn a sleeper, cancel it, join ---------------------------------------------------------- */

static int sleeper_main(void *arg)
{
	(void)arg;
	return coil_sleep(60 * COIL_SEC);
}

static void run_spawn_cancel_join(void *arg, uint64_t units)
{
	(void)arg;
	while (units--) {
		struct coil_task *task = coil_spawn(sleeper_main, NULL);

		coil_yield();
		coil_cancel(task);
		bench_must(coil_join(task) == -ECANCELED, "a sleeper was not cancelled");
	}
}

/* To the sleeper and back, twice. */
static void run_four_switches(void *raw, uint64_t units)
{
	bench_two_switches(raw, 2 * units);
}

static int open_spawn_cancel_join(struct bench *bench)
{
	bench_floor_switches(bench, run_four_switches);
	bench->coil = (struct measure_case){ .run = run_spawn_cancel_join, .step = 1 };
	return 0;
}

const struct bench_case bench_cases_task[] = {
	{ .name = "yield", .what = "switch between two tasks; Boost.Context's bare jump",
	  .goal_kind = BENCH_RATIO, .goal = 1.25, .has_raw = true, .raw = RAW_SWITCH,
	  .open = open_yield, .close = close_yield },
	{ .name = "yield_mixed", .what = "the same, between tasks of different functions",
	  .has_raw = true, .raw = RAW_SWITCH, .open = open_mixed, .close = close_mixed },
	{ .name = "spawn_join", .what = "empty task, spawned and joined; two bare switches",
	  .goal_kind = BENCH_NS, .goal = 20, .open = open_spawn_join },
	{ .name = "spawn_cancel_join",
	  .what = "sleeper, spawned, cancelled and joined; four bare switches",
	  .goal_kind = BENCH_NS, .goal = 90, .open = open_spawn_cancel_join },
	{ .name = NULL },
};
