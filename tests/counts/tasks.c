/* SPDX-License-Identifier: MIT */
/* Tasks, cancels, time. */
#include "counts.h"

#include <errno.h>

#define GROUP 8
#define TIMERS 1000

static int empty_main(void *arg)
{
	(void)arg;
	return 0;
}

static int sleeper_main(void *arg)
{
	(void)arg;
	return coil_sleep(60 * COIL_SEC);
}

static int yielder_main(void *arg)
{
	for (unsigned left = *(unsigned *)arg; left; left--)
		coil_yield();
	return 0;
}

static void run_spawn_join(unsigned times)
{
	while (times--)
		must(coil_join(coil_spawn(empty_main, NULL)) == 0, "a task failed");
}

/* Both tasks yield: two switches. */
static void run_yield(unsigned times)
{
	struct coil_task *task = coil_spawn(yielder_main, &times);

	must(task, "no task");
	yielder_main(&times);
	must(coil_join(task) == 0, "a task failed");
}

static void run_group(unsigned times)
{
	while (times--) {
		struct coil_group group;

		coil_group_open(&group, COIL_GROUP_FAIL_FAST);
		for (unsigned i = 0; i < GROUP; i++)
			must(coil_go(&group, empty_main, NULL) == 0, "no task");
		must(coil_group_close(&group) == 0, "a group failed");
	}
}

static void run_cancel(unsigned times)
{
	while (times--) {
		struct coil_task *task = coil_spawn(sleeper_main, NULL);

		must(task && coil_yield() == 0, "no task");
		coil_cancel(task);
		must(coil_join(task) == -ECANCELED, "a sleeper was not cancelled");
	}
}

static int yield_main(void *arg)
{
	(void)arg;
	return coil_yield();
}

static void run_timeout_kept(unsigned times)
{
	while (times--)
		must(coil_timeout(COIL_SEC, yield_main, NULL) == 0, "a deadline passed");
}

static void run_timeout_passed(unsigned times)
{
	while (times--)
		must(coil_timeout(COIL_MSEC, sleeper_main, NULL) == -ETIME,
		     "a deadline did not pass");
}

static void run_sleep(unsigned times)
{
	while (times--)
		must(coil_sleep(COIL_MSEC) == 0, "a sleep failed");
}

/* Armed in no order; every second one is cancelled, the others expire. */
static void run_timers(unsigned times)
{
	static struct coil_timer timers[TIMERS];

	while (times--) {
		int64_t now = coil_now();

		for (unsigned i = 0; i < TIMERS; i++)
			must(coil_timer_start(&timers[i], now + (int64_t)(1 + i * 7919 % TIMERS) *
					      COIL_MSEC) == 0, "no timer");
		for (unsigned i = 0; i < TIMERS; i += 2)
			coil_timer_cancel(&timers[i]);
		for (unsigned i = 0; i < TIMERS; i++)
			must(coil_await(&timers[i].future) == (i % 2 ? 0 : -ECANCELED),
			     "a timer failed");
	}
}

static int resolver_main(void *arg)
{
	coil_promise_resolve(arg, 7);
	return 0;
}

static void run_promise(unsigned times)
{
	while (times--) {
		struct coil_promise promise;
		struct coil_task *task;

		coil_promise_init(&promise);
		task = coil_spawn(resolver_main, &promise);
		must(task && coil_await(&promise.future) == 7, "a promise failed");
		must(coil_join(task) == 0, "a task failed");
		coil_promise_deinit(&promise);
	}
}

const struct scenario scenarios_tasks[] = {
	{ "spawn_join", run_spawn_join },
	{ "yield", run_yield },
	{ "group_8", run_group },
	{ "cancel", run_cancel },
	{ "timeout_kept", run_timeout_kept },
	{ "timeout_passed", run_timeout_passed },
	{ "sleep", run_sleep },
	{ "timers_1000", run_timers },
	{ "promise", run_promise },
	{ NULL, NULL },
};
