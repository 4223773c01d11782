/* SPDX-License-Identifier: MIT */
/* Offloaded work, ways into a loop, and signals, on the simulated kernel with seeds. */
#define TEST_TIMEOUT_S 120
#include "sim/rig.h"

#define SEEDS 300

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static int offloads(void *arg)
{
	return coil_offload(returns, arg);
}

static int leaves(void *arg)
{
	const struct coil_offload_options options = {
		.size = sizeof options, .flags = COIL_OFFLOAD_ABANDON, .arg_bytes = 0
	};

	return coil_offload_with(&options, returns, arg);
}

static void resolves(void *promise)
{
	coil_promise_resolve(promise, 5);
}

struct posting {
	struct coil_loop *loop;
	struct coil_promise promise;
};

static int posts(void *arg)
{
	struct posting *posting = arg;

	EXPECT(coil_loop_current() == NULL);
	return coil_post(posting->loop, resolves, &posting->promise);
}

static int work(void *arg)
{
	struct coil_pool_options options = { .size = sizeof options, .threads_max = 2,
					     .queue_max = 2 };
	struct posting posting = { .loop = coil_loop_current() };
	struct coil_task *tasks[8];
	struct coil_pool *pool;
	struct coil_work pieces[6];

	(void)arg;
	for (int i = 0; i < 8; i++)
		tasks[i] = coil_spawn(i % 2 ? leaves : offloads, WORD(i));
	coil_sleep(coil_sim_pick(8) * COIL_MSEC);
	coil_cancel(tasks[coil_sim_pick(8)]);
	for (int i = 0; i < 8; i++) {
		int rc = coil_join(tasks[i]);

		EXPECT(rc == i || rc == -ECANCELED);
	}
	EXPECT_EQ(coil_pool_open(&pool, &options), 0);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(coil_pool_submit(&pieces[i], pool, returns, WORD(i)), 0);
	coil_work_cancel(&pieces[coil_sim_pick(6)]);
	for (int i = 0; i < 6; i++) {
		int rc = coil_await(&pieces[i].future);

		EXPECT(rc == i || rc == -ECANCELED);
	}
	coil_pool_close(pool);
	coil_promise_init(&posting.promise);
	EXPECT_EQ(coil_offload(posts, &posting), 0);
	EXPECT_EQ(coil_await(&posting.promise.future), 5);
	coil_promise_deinit(&posting.promise);
	return 0;
}

TEST(work, runs_with_seeds)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_WILD);
		struct coil_sim_result one = rig_result(&options, work, NULL);
		struct coil_sim_result two = rig_result(&options, work, NULL);

		EXPECT_EQ(one.failure, 0);
		EXPECT_EQ(one.hash, two.hash);
	}
}

static int runs;

static int counts(void *arg)
{
	(void)arg;
	runs++;
	return 0;
}

static int signals(void *arg)
{
	struct coil_signal_watch *watch;
	sigset_t set;

	(void)arg;
	runs = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, NULL), 0);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(coil_sim_kill(0, SIGUSR1), 0);
		EXPECT_EQ(coil_signal_next(watch, NULL), SIGUSR1);
	}
	coil_sleep(1 * COIL_SEC);
	EXPECT_GE(runs, 1);
	EXPECT_LE(runs, 5);
	coil_signal_close(watch);
	return 0;
}

TEST(work, signals_with_seeds)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_ODD);
		struct coil_sim_result one = rig_result(&options, signals, NULL);
		struct coil_sim_result two = rig_result(&options, signals, NULL);

		EXPECT_EQ(one.failure, 0);
		EXPECT_EQ(one.hash, two.hash);
	}
}
