/* SPDX-License-Identifier: MIT */
/* A loop without coil_run; counters; words for errors; memory. */
#include "task/rig.h"

#include <poll.h>

static struct coil_loop *open_loop(void)
{
	struct coil_options options = rig_options();
	struct coil_loop *loop = NULL;

	EXPECT_EQ(coil_loop_open(&loop, &options), 0);
	return loop;
}

TEST(loop, turns_by_steps)
{
	struct coil_loop *loop = open_loop();
	struct coil_task *task;

	EXPECT_EQ(coil_loop_current(), loop);
	task = coil_spawn(rig_sleep_and_return, WORD(4));
	EXPECT_EQ(coil_loop_alive(loop), 1);
	EXPECT_GE(coil_loop_step(loop, COIL_STEP_NOWAIT), 0);
	while (coil_loop_alive(loop))
		EXPECT_GE(coil_loop_step(loop, 0), 0);
	EXPECT_EQ(coil_future_result(coil_task_future(task)), 4);
	EXPECT_EQ(coil_loop_close(loop), 0);
	EXPECT_EQ(coil_loop_current(), NULL);
}

TEST(loop, nowait_never_sleeps_and_says_whether_there_is_more)
{
	struct coil_loop *loop = open_loop();

	coil_spawn(rig_yield_and_return, NULL);
	EXPECT_EQ(coil_loop_step(loop, COIL_STEP_NOWAIT), 1);
	while (coil_loop_step(loop, COIL_STEP_NOWAIT) == 1)
		;
	EXPECT_EQ(coil_loop_alive(loop), 0);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(coil_loop_step(loop, COIL_STEP_NOWAIT), 0);
	EXPECT_EQ(coil_loop_close(loop), 0);
}

/* Turns whenever the descriptor alone says so, until no task is alive. */
static void live_by_poll(struct coil_loop *loop)
{
	struct pollfd ready = { .fd = coil_loop_fd(loop), .events = POLLIN };

	EXPECT_GE(ready.fd, 0);
	while (coil_loop_alive(loop)) {
		while (coil_loop_step(loop, COIL_STEP_EMBED) == 1)
			;
		if (coil_loop_alive(loop))
			EXPECT_EQ(poll(&ready, 1, 5000), 1);
	}
}

static int naps(void *arg)
{
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	return rig_return(arg);
}

TEST(loop, a_sleeping_task_wakes_when_only_the_fd_is_polled)
{
	struct coil_loop *loop = open_loop();
	int64_t began = coil_now();

	coil_spawn(naps, NULL);
	coil_spawn(rig_sleep_and_return, NULL);
	live_by_poll(loop);
	EXPECT_GE(coil_now() - began, 10 * COIL_MSEC);
	EXPECT_LT(coil_now() - began, 4 * COIL_SEC);
	EXPECT_EQ(coil_loop_close(loop), 0);
}

static int talks(void *arg)
{
	int *fds = arg;

	EXPECT_EQ(coil_send(fds[1], "x", 1, 0), 1);
	EXPECT_EQ(rig_recv_byte(WORD(fds[0])), 'x');
	return 0;
}

TEST(loop, operations_complete_when_only_the_fd_is_polled)
{
	struct coil_loop *loop = open_loop();
	int fds[2];

	rig_pair(fds);
	coil_spawn(talks, fds);
	live_by_poll(loop);
	EXPECT_EQ(coil_loop_close(loop), 0);
	rig_close(fds);
}

TEST(loop, close_cancels_what_is_left)
{
	struct coil_loop *loop = open_loop();

	for (int i = 0; i < 10; i++)
		coil_spawn(rig_sleep_for_ever, NULL);
	EXPECT_GE(coil_loop_step(loop, COIL_STEP_NOWAIT), 0);
	EXPECT_EQ(coil_loop_alive(loop), 10);
	EXPECT_EQ(coil_loop_close(loop), 0);
}

/* -- Counters
 * -------------------------------------------------------------------------------------------- */

IN_TASK(stats, count_what_happens)
{
	struct coil_stats before = rig_stats(), after;
	struct coil_stats small = { .size = offsetof(struct coil_stats, enters), .enters = 99 };
	struct coil_stats none = { .size = 0 };

	EXPECT_EQ(coil_nop(), 0);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	EXPECT_EQ(coil_join(coil_spawn(rig_return, NULL)), 0);
	after = rig_stats();
	EXPECT_EQ(after.size, sizeof after);
	EXPECT_EQ(after.sqes - before.sqes, 1);
	EXPECT_EQ(after.cqes - before.cqes, 1);
	EXPECT_EQ(after.timers_started - before.timers_started, 1);
	EXPECT_EQ(after.timers_fired - before.timers_fired, 1);
	EXPECT_EQ(after.spawned - before.spawned, 1);
	EXPECT_GE(after.waits - before.waits, 1);
	EXPECT_GT(after.switches, before.switches);
	EXPECT_GT(after.stack_mapped_bytes, 0);
	EXPECT_EQ(after.tasks, 1);
	EXPECT_EQ(coil_stats(&small), 0);
	EXPECT_EQ(small.enters, 99);
	EXPECT_EQ(coil_stats(&none), -EINVAL);
}

/* -- Words ----------------------------------------------------------------- */

TEST(error, words_and_names)
{
	EXPECT_STR_EQ(coil_err_name(-ECANCELED), "ECANCELED");
	EXPECT_STR_EQ(coil_err_name(0), "0");
	EXPECT_STR_EQ(coil_err_name(12), "0");
	EXPECT_STR_EQ(coil_err_name(-99999), "E?");
	EXPECT_STR_EQ(coil_err_name(INT32_MIN), "E?");
	EXPECT_STR_EQ(coil_strerror(0), "success");
	EXPECT_STR_EQ(coil_strerror(-ENOENT), "No such file or directory");
	EXPECT_STR_EQ(coil_strerror(-99999), "unknown error");
	EXPECT(coil_last_error() != NULL);
}

/* -- Memory ---------------------------------------------------------------- */

struct purse {
	struct coil_alloc alloc;
	size_t bytes;
	size_t calls;
	size_t fails_at; /* the call, counted from 0; SIZE_MAX: none */
	bool fails_on;	 /* and all after it */
};

static bool refuses(struct purse *purse)
{
	size_t call = purse->calls++;

	return call == purse->fails_at || (purse->fails_on && call > purse->fails_at);
}

static void *purse_alloc(void *context, size_t bytes)
{
	struct purse *purse = context;
	void *memory = refuses(purse) ? NULL : malloc(bytes);

	purse->bytes += memory ? bytes : 0;
	return memory;
}

static void *purse_resize(void *context, void *memory, size_t old_bytes, size_t new_bytes)
{
	struct purse *purse = context;

	if (refuses(purse))
		return NULL;
	purse->bytes += new_bytes - old_bytes;
	return realloc(memory, new_bytes);
}

static void purse_free(void *context, void *memory, size_t bytes)
{
	((struct purse *)context)->bytes -= bytes;
	free(memory);
}

static struct purse new_purse(size_t fails_at, bool fails_on)
{
	return (struct purse){
		.alloc = { .size = sizeof(struct coil_alloc),
			   .alloc = purse_alloc,
			   .resize = purse_resize,
			   .free = purse_free },
		.fails_at = fails_at,
		.fails_on = fails_on,
	};
}

static int gathers_forty(void)
{
	struct coil_promise promises[40];
	struct coil_future *futures[40];
	int rc;

	for (int i = 0; i < 40; i++) {
		coil_promise_init(&promises[i]);
		coil_promise_resolve(&promises[i], 0);
		futures[i] = &promises[i].future;
	}
	rc = coil_gather(futures, 40, 0);
	for (int i = 0; i < 40; i++)
		coil_promise_deinit(&promises[i]);
	return rc;
}

static int sets_a_thousand_timers(void)
{
	static struct coil_timer timers[1000];
	int count = 0;
	int rc = 0;

	for (; count < 1000 && rc == 0; count++)
		rc = coil_timer_start(&timers[count], coil_now() + COIL_SEC + count);
	count -= rc < 0;
	for (int i = 0; i < count; i++)
		EXPECT_EQ(coil_timer_cancel(&timers[i]), 0);
	return rc;
}

static int worst(int one, int two)
{
	EXPECT(one >= 0 || one == -ENOMEM);
	EXPECT(two >= 0 || two == -ENOMEM);
	return one < 0 ? one : two;
}

static int scenario(void *arg)
{
	struct coil_task *tasks[40];
	struct coil_scope scope;
	int rc = 0;

	(void)arg;
	for (int i = 0; i < 40; i++)
		tasks[i] = coil_spawn(rig_sleep_and_return, WORD(1));
	rc = worst(rc, coil_gather_tasks(tasks, 40, 0));
	for (int i = 0; i < 40; i++)
		rc = worst(rc, coil_join(tasks[i]));
	rc = worst(rc, gathers_forty());
	rc = worst(rc, sets_a_thousand_timers());
	rc = worst(rc, coil_sleep(1));
	rc = worst(rc, coil_shield_open(&scope, COIL_SEC));
	rc = worst(rc, coil_scope_close(&scope));
	rc = worst(rc, coil_timeout(COIL_SEC, rig_return, NULL));
	return rc;
}

static int run_with_purse(struct purse *purse)
{
	struct coil_options options = rig_options();
	int fds = test_count_fds();
	int rc;

	purse->alloc.context = purse;
	options.alloc = &purse->alloc;
	options.off |= COIL_NO_REPORTS;
	rc = rig_run_with(&options, scenario, NULL);
	EXPECT_EQ(purse->bytes, 0);
	EXPECT_EQ(coil_loop_current(), NULL);
	EXPECT_EQ(test_count_fds(), fds);
	return rc;
}

TEST(memory, a_custom_allocator_is_left_with_nothing)
{
	struct purse purse = new_purse(SIZE_MAX, false);

	EXPECT_EQ(run_with_purse(&purse), 0);
	EXPECT_GT(purse.calls, 3);
}

TEST(memory, each_allocation_may_fail_once)
{
	int rc = -ENOMEM;
	size_t k = 0;

	for (; rc < 0 && k < 500; k++) {
		struct purse purse = new_purse(k, false);

		rc = run_with_purse(&purse);
		EXPECT(rc == 0 || rc == -ENOMEM);
		if (purse.calls <= k)
			break;
		rc = -ENOMEM;
	}
	EXPECT_GT(k, 3);
	EXPECT_LT(k, 500);
}

TEST(memory, each_allocation_and_all_after_it_may_fail)
{
	size_t k = 0;

	for (; k < 500; k++) {
		struct purse purse = new_purse(k, true);
		int rc = run_with_purse(&purse);

		EXPECT(rc == 0 || rc == -ENOMEM);
		if (purse.calls <= k)
			break;
	}
	EXPECT_LT(k, 500);
}

static int steady(void *fds)
{
	char byte;

	EXPECT_EQ(coil_send(((int *)fds)[0], "x", 1, 0), 1);
	EXPECT_EQ(coil_recv(((int *)fds)[1], &byte, 1, 0), 1);
	EXPECT_EQ(coil_yield(), 0);
	return coil_sleep(1);
}

IN_TASK(memory, nothing_is_allocated_in_steady_state)
{
	struct coil_stats before;
	int fds[2];

	rig_pair(fds);
	for (int i = 0; i < 200; i++)
		EXPECT_EQ(coil_join(coil_spawn(steady, fds)), 0);
	before = rig_stats();
	for (int i = 0; i < 2500; i++)
		EXPECT_EQ(coil_join(coil_spawn(steady, fds)), 0);
	EXPECT_EQ(rig_stats().allocations, before.allocations);
	EXPECT_EQ(rig_stats().allocated_bytes, before.allocated_bytes);
	rig_close(fds);
}
