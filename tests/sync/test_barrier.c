/* SPDX-License-Identifier: MIT */
/* Barriers: semantics.md B13.5. */
#include "task/rig.h"

static struct coil_barrier barrier;

static int waits(void *arg)
{
	(void)arg;
	return coil_barrier_wait(&barrier);
}

static void begin(unsigned parties)
{
	rig_forget();
	coil_barrier_init(&barrier, parties);
}

static void spawn_waiters(struct coil_task **tasks, int n)
{
	for (int i = 0; i < n; i++)
		tasks[i] = coil_spawn(waits, NULL);
	coil_yield();
}

static void expect_results(struct coil_task **tasks, int n, int result)
{
	for (int i = 0; i < n; i++)
		EXPECT_EQ(coil_join(tasks[i]), result);
}

IN_TASK(barrier, b13_5_wait_gives_each_an_index)
{
	struct coil_task *tasks[3];
	struct coil_barrier_stats stats = { .size = sizeof stats };
	uint64_t turns;

	begin(4);
	EXPECT_EQ(coil_barrier_parties(&barrier), 4);
	for (int generation = 0; generation < 3; generation++) {
		spawn_waiters(tasks, 3);
		EXPECT_EQ(coil_barrier_waiting(&barrier), 3);
		turns = rig_stats().turns;
		EXPECT_EQ(coil_barrier_wait(&barrier), 3); /* the last one need not wait */
		EXPECT_EQ(rig_stats().turns, turns);
		EXPECT_EQ(coil_barrier_waiting(&barrier), 0);
		for (int i = 0; i < 3; i++)
			EXPECT_EQ(coil_join(tasks[i]), i);
	}
	EXPECT_EQ(coil_barrier_stats(&barrier, &stats), 0);
	EXPECT_EQ(stats.generation, 3);
	EXPECT_EQ(stats.waits, 9);
	EXPECT_EQ(stats.parties, 4);
	EXPECT_EQ(stats.waiters, 0);
	EXPECT_EQ(stats.is_broken, 0);
	coil_barrier_deinit(&barrier);
}

static int passes_twice(void *arg)
{
	int first = coil_barrier_wait(&barrier);

	(void)arg;
	rig_note((char)('0' + first));
	first = coil_barrier_wait(&barrier);
	rig_note((char)('0' + first));
	return 0;
}

/* asyncio holds newcomers off while a generation drains; here they are of the next one. */
IN_TASK(barrier, b13_5_who_comes_while_it_drains_is_of_the_next_generation)
{
	struct coil_task *tasks[3];

	begin(3);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(passes_twice, NULL);
	expect_results(tasks, 3, 0);
	/* The last one of the first generation runs on, and is the first one of the second. */
	EXPECT_STR_EQ(rig_order, "201201");
	coil_barrier_deinit(&barrier);
}

IN_TASK(barrier, b13_5_reset_sends_waiters_away_and_fills_anew)
{
	struct coil_task *tasks[2];

	begin(3);
	spawn_waiters(tasks, 2);
	coil_barrier_reset(&barrier);
	EXPECT(!coil_barrier_is_broken(&barrier));
	EXPECT_EQ(coil_barrier_waiting(&barrier), 0);
	expect_results(tasks, 2, -EPIPE);
	spawn_waiters(tasks, 2);
	EXPECT_EQ(coil_barrier_wait(&barrier), 2);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_join(tasks[i]), i);
	coil_barrier_deinit(&barrier);
}

IN_TASK(barrier, b13_5_abort_breaks_it_until_a_reset)
{
	struct coil_task *tasks[2];

	begin(3);
	spawn_waiters(tasks, 2);
	coil_barrier_abort(&barrier);
	EXPECT(coil_barrier_is_broken(&barrier));
	expect_results(tasks, 2, -EPIPE);
	EXPECT_EQ(coil_barrier_wait(&barrier), -EPIPE);
	EXPECT_EQ(coil_barrier_wait(&barrier), -EPIPE);
	coil_barrier_reset(&barrier);
	EXPECT(!coil_barrier_is_broken(&barrier));
	spawn_waiters(tasks, 2);
	EXPECT_EQ(coil_barrier_wait(&barrier), 2);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(coil_join(tasks[i]), i);
	coil_barrier_deinit(&barrier);
	coil_barrier_deinit(NULL);
}

IN_TASK(barrier, b13_5_a_cancelled_waiter_lowers_the_count_and_breaks_nothing)
{
	struct coil_task *tasks[2], *third;

	begin(3);
	spawn_waiters(tasks, 2);
	coil_cancel(tasks[0]);
	EXPECT_EQ(coil_barrier_waiting(&barrier), 1);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	EXPECT(!coil_barrier_is_broken(&barrier));
	third = coil_spawn(waits, NULL);
	coil_yield();
	EXPECT_EQ(coil_barrier_waiting(&barrier), 2);
	EXPECT_EQ(coil_barrier_wait(&barrier), 2);
	/* Places are given when it opens: each once. */
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_EQ(coil_join(third), 1);
	coil_barrier_deinit(&barrier);
}

IN_TASK(barrier, b13_5_released_then_cancelled_it_has_passed)
{
	struct coil_task *task;

	begin(2);
	spawn_waiters(&task, 1);
	EXPECT_EQ(coil_barrier_wait(&barrier), 1);
	coil_cancel(task);
	coil_barrier_abort(&barrier);
	EXPECT_EQ(coil_join(task), 0);
	coil_barrier_deinit(&barrier);
}

IN_TASK(barrier, cancelled_before_timed_out_and_alone)
{
	struct coil_scope scope;

	begin(2);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_barrier_wait(&barrier), -EIO);
	coil_scope_close(&scope);
	EXPECT_EQ(coil_timeout(COIL_MSEC, waits, NULL), -ETIME);
	EXPECT_EQ(coil_barrier_waiting(&barrier), 0);
	coil_barrier_deinit(&barrier);
	begin(1);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_barrier_wait(&barrier), -EIO); /* though it is the last one */
	coil_scope_close(&scope);
	EXPECT_EQ(coil_barrier_wait(&barrier), 0);
	EXPECT_EQ(coil_barrier_wait(&barrier), 0);
	coil_barrier_deinit(&barrier);
}
