/* SPDX-License-Identifier: MIT */
/*
 * A pool on a driver where nobody can block, as on a simulated kernel: what runs elsewhere runs
 * inside of a later enter, on the loop's own thread. And on one where no thread can be had.
 */
#include "task/rig.h"

#include "task/run.h"

#define BODIES_MAX 16

static struct {
	void (*body)(void *arg);
	void *arg;
} bodies[BODIES_MAX];
static int bodies_count;
static int threads_refused;
static const struct driver_ops *real_ops;
static struct driver_ops ops;
static struct driver_calls calls;

static int run_later(struct driver *driver, void (*body)(void *arg), void *arg)
{
	(void)driver;
	if (threads_refused) {
		threads_refused--;
		return -EAGAIN;
	}
	bodies[bodies_count].body = body;
	bodies[bodies_count++].arg = arg;
	return 0;
}

static void run_bodies(void)
{
	while (bodies_count > 0) {
		bodies_count--;
		bodies[bodies_count].body(bodies[bodies_count].arg);
	}
}

static int enter(struct driver *driver, unsigned to_submit, unsigned wait, int64_t timeout_ns)
{
	run_bodies();
	return real_ops->enter(driver, to_submit, wait, timeout_ns);
}

static int cannot_block(const uint32_t *word, uint32_t value, int64_t timeout_ns)
{
	(void)word;
	(void)value;
	(void)timeout_ns;
	return -EOPNOTSUPP;
}

static struct coil_loop *open_loop(void)
{
	struct coil_options given = rig_options();
	struct coil_options options;
	struct scheduler *s = NULL;
	struct driver *driver = NULL;

	EXPECT_EQ(run_read_options(&given, &options), 0);
	EXPECT_EQ(loop_open_kernel(&driver, &options), 0);
	real_ops = driver->ops;
	ops = *real_ops;
	calls = *real_ops->calls;
	ops.enter = enter;
	ops.run_elsewhere = run_later;
	ops.calls = &calls;
	calls.wait_word = cannot_block;
	driver->ops = &ops;
	EXPECT_EQ(scheduler_open(&s, driver, &options), 0);
	return &s->loop;
}

static int run_here(int (*entry)(void *arg), void *arg)
{
	struct coil_loop *loop = open_loop();
	struct coil_task *task = coil_spawn(entry, arg);
	struct coil_future *future = coil_task_future(task);
	int result;

	while (!coil_future_done(future))
		EXPECT_GE(coil_loop_step(loop, 0), 0);
	result = coil_future_result(future);
	EXPECT_EQ(coil_loop_close(loop), 0);
	run_bodies();
	return result;
}

static struct coil_loop *home;

static int sees_no_loop(void *arg)
{
	EXPECT(coil_loop_current() == NULL);
	EXPECT(coil_self() == NULL);
	return coil_call_on(home, rig_return, arg);
}

static int offloads_some(void *arg)
{
	struct coil_work work[3];

	(void)arg;
	home = coil_loop_current();
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_offload(rig_return, WORD(i)), i);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_pool_submit(&work[i], NULL, rig_return, WORD(i)), 0);
	EXPECT_EQ(coil_work_cancel(&work[1]), 0);
	EXPECT_EQ(coil_await(&work[0].future), 0);
	EXPECT_EQ(coil_await(&work[1].future), -ECANCELED);
	EXPECT_EQ(coil_await(&work[2].future), 2);
	EXPECT_EQ(coil_offload(sees_no_loop, NULL), -EOPNOTSUPP);
	return 1;
}

TEST(crew, where_nobody_can_block_work_runs_and_threads_end)
{
	EXPECT_EQ(run_here(offloads_some, NULL), 1);
}

static int cannot_offload(void *arg)
{
	struct coil_pool_stats stats = { .size = sizeof stats };
	struct coil_work work[2];

	(void)arg;
	threads_refused = 1;
	EXPECT_EQ(coil_offload(rig_return, NULL), -ENOMEM);
	EXPECT(strstr(coil_last_error(), "EAGAIN"));
	EXPECT_EQ(coil_pool_submit(&work[0], NULL, rig_return, WORD(1)), 0);
	threads_refused = 1; /* the one that is on its way does both */
	EXPECT_EQ(coil_pool_submit(&work[1], NULL, rig_return, WORD(2)), 0);
	EXPECT_EQ(coil_await(&work[0].future), 1);
	EXPECT_EQ(coil_await(&work[1].future), 2);
	EXPECT_EQ(coil_pool_stats(NULL, &stats), 0);
	EXPECT_EQ(stats.submitted, 2);
	EXPECT_EQ(stats.threads_started, 1);
	return 2;
}

TEST(crew, a_thread_that_cannot_be_had_is_an_error_only_if_there_is_no_other)
{
	EXPECT_EQ(run_here(cannot_offload, NULL), 2);
}
