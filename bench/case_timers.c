/* SPDX-License-Identifier: MIT */
/*
 * Timers among 100,000: arm, cancel, fire. The heap is full between the windows, deadlines are
 * random. Those that shall fire are armed anew in the past before the window: the top of the heap
 * is just touched then, which is kinder than the floor's fire.
 */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>

#define TIMERS 100000

struct timers {
	struct coil_timer *timers;
	int64_t *deadlines;
	struct coil_timer *last;	/* of those that fire in this window */
	uint32_t at;			/* around the array */
	uint64_t random;
};

static uint64_t random_next(struct timers *timers)
{
	timers->random ^= timers->random << 13;
	timers->random ^= timers->random >> 7;
	timers->random ^= timers->random << 17;
	return timers->random;
}

static uint32_t advance(struct timers *timers)
{
	uint32_t at = timers->at;

	timers->at = at + 1 == TIMERS ? 0 : at + 1;
	return at;
}

static void arm(struct timers *timers, uint32_t at)
{
	bench_must(coil_timer_start(&timers->timers[at], timers->deadlines[at]) == 0, "no memory");
}

static void renew(struct timers *timers, uint32_t at)
{
	timers->deadlines[at] = coil_now() + 3600 * COIL_SEC +
				(int64_t)(random_next(timers) >> 20);
}

static void run_arm(void *arg, uint64_t units)
{
	while (units--)
		arm(arg, advance(arg));
}

static void run_cancel(void *arg, uint64_t units)
{
	struct timers *timers = arg;

	while (units--)
		coil_timer_cancel(&timers->timers[advance(timers)]);
}

/* Goes over the same timers twice: takes @units out from here on, with new deadlines. */
static void prepare_arm(void *arg, uint64_t units)
{
	struct timers *timers = arg;
	uint32_t begin = timers->at;

	bench_must(units <= TIMERS, "a window of more timers than there are");
	for (uint64_t i = 0; i < units; i++) {
		uint32_t at = advance(timers);

		coil_timer_cancel(&timers->timers[at]);
		renew(timers, at);
	}
	timers->at = begin;
}

/* Arms again what the last window has cancelled. */
static void prepare_cancel(void *arg, uint64_t units)
{
	struct timers *timers = arg;

	(void)units;
	for (uint32_t i = 0; i < TIMERS; i++)
		if (coil_future_done(&timers->timers[i].future)) {
			renew(timers, i);
			arm(timers, i);
		}
}

static void prepare_fire(void *arg, uint64_t units)
{
	struct timers *timers = arg;
	int64_t past = coil_now() - COIL_SEC, latest = 0;

	bench_must(units <= TIMERS, "a window of more timers than there are");
	prepare_cancel(arg, units);
	while (units--) {
		uint32_t at = (uint32_t)(random_next(timers) % TIMERS);
		int64_t deadline = past + (int64_t)(random_next(timers) % COIL_MSEC);

		while (timers->deadlines[at] < past + COIL_SEC)
			at = at + 1 == TIMERS ? 0 : at + 1;
		coil_timer_cancel(&timers->timers[at]);
		timers->deadlines[at] = deadline;
		arm(timers, at);
		if (deadline >= latest) {
			latest = deadline;
			timers->last = &timers->timers[at];
		}
	}
}

static void run_fire(void *arg, uint64_t units)
{
	struct timers *timers = arg;

	(void)units;
	bench_must(coil_await(&timers->last->future) == 0, "a timer did not fire");
}

static int open_timers(struct bench *bench)
{
	struct timers *timers = calloc(1, sizeof(*timers));

	if (!timers)
		return -ENOMEM;
	bench->state = timers;
	timers->timers = aligned_alloc(64, TIMERS * sizeof(struct coil_timer));
	timers->deadlines = calloc(TIMERS, sizeof(*timers->deadlines));
	if (!timers->timers || !timers->deadlines)
		return -ENOMEM;
	timers->random = 0x123456789abcdef;
	for (uint32_t i = 0; i < TIMERS; i++) {
		renew(timers, i);
		arm(timers, i);
	}
	bench->coil = (struct measure_case){ .arg = timers, .step = 1 };
	return 0;
}

static int open_arm(struct bench *bench)
{
	int rc = open_timers(bench);

	bench->coil.run = run_arm;
	bench->coil.step = bench->coil.most = RAW_TIMER_ARM_MOST;
	bench->coil.prepare = prepare_arm;
	return rc;
}

static int open_cancel(struct bench *bench)
{
	int rc = open_timers(bench);

	bench->coil.run = run_cancel;
	bench->coil.step = bench->coil.most = RAW_TIMER_CANCEL_MOST;
	bench->coil.prepare = prepare_cancel;
	return rc;
}

static int open_fire(struct bench *bench)
{
	int rc = open_timers(bench);

	bench->coil.run = run_fire;
	bench->coil.step = bench->coil.most = RAW_TIMER_FIRE_MOST;
	bench->coil.prepare = prepare_fire;
	return rc;
}

static void close_timers(struct bench *bench)
{
	struct timers *timers = bench->state;

	for (uint32_t i = 0; i < TIMERS; i++)
		coil_timer_cancel(&timers->timers[i]);
	free(timers->timers);
	free(timers->deadlines);
	free(timers);
}

#define TIMER_ROW(verb, bound, kind)                                                               \
	.name = "timers_100k_" #verb, .what = "timer among 100,000: " #verb "; a 4-ary heap",      \
	.goal_kind = BENCH_NS, .goal = bound, .has_raw = true, .raw = kind, .parameter = TIMERS,   \
	.open = open_##verb, .close = close_timers

const struct bench_case bench_cases_timers[] = {
	{ TIMER_ROW(arm, 20, RAW_TIMER_ARM) },
	{ TIMER_ROW(cancel, 25, RAW_TIMER_CANCEL) },
	{ TIMER_ROW(fire, 120, RAW_TIMER_FIRE) },
	{ .name = NULL },
};
