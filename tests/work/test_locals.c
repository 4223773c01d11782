/* SPDX-License-Identifier: MIT */
/* Task locals on helper threads: semantics.md B17.2, asyncio's to_thread. */
#include "task/rig.h"

#include <stdatomic.h>

static struct coil_local user = COIL_LOCAL("user", NULL);
static struct coil_local other = COIL_LOCAL("other", NULL);

static int reads(void *arg)
{
	(void)arg;
	return (int)(intptr_t)coil_local_get(&user);
}

IN_TASK(work, b17_2_what_runs_on_a_thread_has_the_locals_of_its_caller)
{
	struct coil_pool *pool;

	EXPECT_EQ(coil_offload(reads, NULL), 0);
	EXPECT_EQ(coil_local_set(&user, WORD(7)), 0);
	EXPECT_EQ(coil_offload(reads, NULL), 7);
	EXPECT_EQ(coil_pool_open(&pool, NULL), 0);
	EXPECT_EQ(coil_pool_offload(pool, reads, NULL), 7);
	coil_pool_close(pool);
}

static int sets(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_local_set(&user, WORD(8)), 0);
	EXPECT_EQ(coil_local_set(&other, WORD(9)), 0);
	EXPECT_EQ(coil_local_get(&other), WORD(9));
	EXPECT_EQ(coil_local_set(&other, WORD(10)), 0);
	EXPECT_EQ(coil_local_get(&other), WORD(10));
	return reads(NULL);
}

IN_TASK(work, b17_2_what_it_sets_is_its_own)
{
	EXPECT_EQ(coil_local_set(&user, WORD(7)), 0);
	EXPECT_EQ(coil_offload(sets, NULL), 8);
	EXPECT_EQ(coil_local_get(&user), WORD(7));
	EXPECT_EQ(coil_local_get(&other), NULL);
	EXPECT_EQ(coil_offload(reads, NULL), 7);
}

static int sets_inside(void *arg)
{
	return sets(arg);
}

static int swaps(void *arg)
{
	struct coil_local_token outer, inner;

	(void)arg;
	EXPECT_EQ(coil_local_swap(&user, WORD(1), &outer), 0);
	EXPECT_EQ(coil_local_swap(&user, WORD(2), &inner), 0);
	EXPECT_EQ(reads(NULL), 2);
	EXPECT_EQ(coil_local_reset(&inner), 0);
	EXPECT_EQ(reads(NULL), 1);
	EXPECT_EQ(coil_locals_run(sets_inside, NULL), 8);
	EXPECT_EQ(reads(NULL), 1);
	EXPECT_EQ(coil_local_reset(&outer), 0);
	return reads(NULL);
}

IN_TASK(work, b17_2_a_swap_is_undone_and_uncovers_the_callers)
{
	EXPECT_EQ(coil_local_set(&user, WORD(7)), 0);
	EXPECT_EQ(coil_offload(swaps, NULL), 7);
}

static _Atomic int destroyed;

static void destroys(void *value)
{
	(void)value;
	atomic_fetch_add(&destroyed, 1);
}

static struct coil_local counted = COIL_LOCAL("counted", destroys);

static int sets_counted(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_local_set(&counted, WORD(2)), 0);
	EXPECT_EQ(coil_local_set(&counted, WORD(3)), 0);
	return 0;
}

IN_TASK(work, b17_2_what_it_sets_is_destroyed_when_it_returns)
{
	atomic_store(&destroyed, 0);
	EXPECT_EQ(coil_local_set(&counted, WORD(1)), 0);
	EXPECT_EQ(coil_offload(sets_counted, NULL), 0);
	EXPECT_EQ(atomic_load(&destroyed), 2);
	EXPECT_EQ(coil_local_set(&counted, NULL), 0);
	EXPECT_EQ(atomic_load(&destroyed), 3);
}

static _Atomic int gate;
static _Atomic int has_begun;

static int reads_often(void *arg)
{
	int64_t sum = 0;

	(void)arg;
	atomic_store(&has_begun, 1);
	do {
		sum += (intptr_t)coil_local_get(&user);
		sum -= 7;
	} while (!atomic_load(&gate));
	return sum == 0 ? reads(NULL) : -EIO;
}

/* The task writes, and other tasks share and drop, what the thread reads meanwhile. */
IN_TASK(work, b17_2_the_locals_are_as_of_the_submission)
{
	struct coil_work work;

	atomic_store(&gate, 0);
	atomic_store(&has_begun, 0);
	EXPECT_EQ(coil_local_set(&user, WORD(7)), 0);
	EXPECT_EQ(coil_pool_submit(&work, NULL, reads_often, NULL), 0);
	while (!atomic_load(&has_begun))
		coil_sleep(1 * COIL_MSEC);
	for (int i = 0; i < 200; i++) {
		EXPECT_EQ(coil_local_set(&user, WORD(100 + i)), 0);
		EXPECT_EQ(coil_local_set(&other, WORD(i)), 0);
		EXPECT_EQ(coil_join(coil_spawn(rig_yield_and_return, WORD(i))), i);
	}
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_await(&work.future), 7);
	EXPECT_EQ(coil_local_get(&user), WORD(299));
}

/* Work that is taken out of the queue gives the values back, too. */
IN_TASK(work, b17_2_cancelled_work_lets_go_of_them)
{
	const struct coil_pool_options options = { .size = sizeof options, .threads_max = 1 };
	struct coil_pool *pool;
	struct coil_work first, second;

	atomic_store(&destroyed, 0);
	atomic_store(&gate, 0);
	EXPECT_EQ(coil_pool_open(&pool, &options), 0);
	EXPECT_EQ(coil_local_set(&user, WORD(7)), 0);
	EXPECT_EQ(coil_pool_submit(&first, pool, reads_often, NULL), 0);
	EXPECT_EQ(coil_local_set(&counted, WORD(1)), 0);
	EXPECT_EQ(coil_pool_submit(&second, pool, reads, NULL), 0);
	EXPECT_EQ(coil_local_set(&counted, WORD(2)), 0);
	EXPECT_EQ(atomic_load(&destroyed), 0);
	EXPECT_EQ(coil_work_cancel(&second), 0);
	EXPECT_EQ(atomic_load(&destroyed), 1);
	EXPECT_EQ(coil_await(&second.future), -ECANCELED);
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_await(&first.future), 7);
	coil_pool_close(pool);
}

IN_TASK(work, b17_2_what_may_be_left_behind_has_none)
{
	const struct coil_offload_options options = {
		.size = sizeof options, .flags = COIL_OFFLOAD_ABANDON
	};

	EXPECT_EQ(coil_local_set(&user, WORD(7)), 0);
	EXPECT_EQ(coil_offload_with(&options, reads, NULL), 0);
}

static struct coil_local_token handed;

static int uses_a_token(void *arg)
{
	(void)arg;
	return coil_local_reset(&handed);
}

static int hands_its_token_on(void *arg)
{
	(void)arg;
	coil_local_swap(&user, WORD(1), &handed);
	return coil_offload(uses_a_token, NULL);
}

TEST_SIGNAL(work, b17_2_a_tasks_token_is_no_workers, SIGABRT, "another task's")
{
	rig_run(hands_its_token_on, NULL);
}

static int simulated(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_local_set(&user, WORD(7)), 0);
	EXPECT_EQ(coil_offload(swaps, NULL), 7);
	EXPECT_EQ(coil_offload(sets, NULL), 8);
	EXPECT_EQ(coil_local_get(&user), WORD(7));
	return 0;
}

TEST(work, b17_2_under_seeds)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		const struct coil_sim_options options = {
			.size = sizeof options, .seed = seed, .profile = COIL_SIM_WILD
		};

		EXPECT_EQ(coil_sim_run(&options, simulated, NULL), 0);
	}
}
