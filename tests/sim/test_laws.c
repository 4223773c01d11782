/* SPDX-License-Identifier: MIT */
/* The checkers of timers and of progress can fail: they are shown loops that break the law. */
#include "sim/rig.h"

#include "loop/timers.h"
#include "simrun/simrun.h"

/* -- No timer early ------------------------------------------------------------------------------
 */

static struct heap_entry entries[2] = {{.key = 100}, {.key = 200}};

static struct coil_loop with_timers(uint32_t count)
{
	return (struct coil_loop){.timers = {.entries = entries, .count = count}};
}

TEST(laws, a_timer_that_is_due_may_fire)
{
	struct simrun_timers seen = {0};
	struct coil_loop loop = with_timers(2);

	EXPECT(simrun_timers_hold(&seen, &loop, 50));
	loop.timers_fired = 1;
	EXPECT(simrun_timers_hold(&seen, &loop, 100));
	/* Set and due between two looks. */
	loop.timers_fired = 2;
	loop.timers_started = 1;
	EXPECT(simrun_timers_hold(&seen, &loop, 100 - 1));
}

TEST(laws, an_early_timer_is_found)
{
	struct simrun_timers seen = {0};
	struct coil_loop loop = with_timers(2);

	EXPECT(simrun_timers_hold(&seen, &loop, 50));
	loop.timers_fired = 1;
	EXPECT(!simrun_timers_hold(&seen, &loop, 99));
	/* One was due, two fired. */
	loop.timers_fired = 3;
	EXPECT(!simrun_timers_hold(&seen, &loop, 150));
}

static int hurry(void *arg)
{
	struct coil_loop *loop = loop_current;
	struct coil_timer timer;

	(void)arg;
	EXPECT_EQ(coil_timer_start(&timer, coil_now() + COIL_SEC), 0);
	coil_nop();
	/* The engine believes that it is due. */
	timer.alarm.node.key = 0;
	loop->timers.entries[timer.alarm.node.place].key = 0;
	return coil_await(&timer.future) + coil_nop();
}

TEST_SIGNAL(laws, an_early_timer_stops_the_program, SIGABRT, "simrun_timers_hold")
{
	rig_run(hurry, NULL);
}

/* -- Nobody is passed over -----------------------------------------------------------------------
 */

static void take_turns(struct coil_loop *loop, uint64_t fired)
{
	loop->turns++;
	loop->hooks += fired;
}

/* Looks until the law is broken; 0: it holds. */
static unsigned looks_until_broken(struct coil_loop *loop, uint64_t fired)
{
	struct simrun_progress seen = {0};

	for (unsigned looks = 1; looks <= 100; looks++) {
		if (!simrun_progress_holds(&seen, loop))
			return looks;
		take_turns(loop, fired);
	}
	return 0;
}

static struct coil_loop with_ready(struct coil_hook *hooks, unsigned count)
{
	struct coil_loop loop = {.hooks_bound = LOOP_BATCH_MAX};

	for (unsigned i = 0; i < count; i++)
		ready_push(&loop.ready, &hooks[i]);
	return loop;
}

TEST(laws, who_is_ready_fires_in_the_next_turn)
{
	static struct coil_hook hooks[3];
	struct coil_loop loop = with_ready(hooks, 3);

	EXPECT_EQ(looks_until_broken(&loop, 3), 0);
}

TEST(laws, who_never_fires_is_found)
{
	static struct coil_hook hooks[3];
	struct coil_loop loop = with_ready(hooks, 3);

	EXPECT_LE(looks_until_broken(&loop, 0), 10);
	/* Two of three get on for ever: the third is passed over. */
	loop = with_ready(hooks, 3);
	EXPECT_NE(looks_until_broken(&loop, 2), 0);
}

TEST(laws, a_batch_is_enough)
{
	static struct coil_hook hooks[2 * LOOP_BATCH_MAX];
	struct coil_loop loop = with_ready(hooks, 2 * LOOP_BATCH_MAX);

	EXPECT_EQ(looks_until_broken(&loop, LOOP_BATCH_MAX), 0);
}

TEST(laws, a_second_enter_of_a_turn_is_no_turn)
{
	static struct coil_hook hook;
	struct coil_loop loop = with_ready(&hook, 1);
	struct simrun_progress seen = {0};

	for (int i = 0; i < 100; i++)
		EXPECT(simrun_progress_holds(&seen, &loop));
}

static int yield_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		coil_yield();
	return 0;
}

static int lose_count(void *arg)
{
	struct coil_task *task = coil_spawn(yield_often, NULL);

	(void)arg;
	for (int i = 0; i < 100; i++) {
		coil_nop();
		/* As if nobody had fired. */
		loop_current->hooks -= 10;
	}
	return coil_join(task);
}

TEST_SIGNAL(laws, who_is_passed_over_stops_the_program, SIGABRT, "simrun_progress_holds")
{
	rig_run(lose_count, NULL);
}
