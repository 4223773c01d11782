/* SPDX-License-Identifier: MIT */
/* Programs in a world: exploring, memory that fails, children, signals, several loops, checks. */
#define TEST_TIMEOUT_S 120
#include "sim/rig.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* -- Exploring -----------------------------------------------------------------------------------
 */

static unsigned seen_sums[16];

static int pick_two(void *arg)
{
	(void)arg;
	seen_sums[coil_sim_pick(3) * 4 + coil_sim_pick(4)]++;
	return 0;
}

TEST(explore, walks_each_combination_once)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);
	uint64_t schedules = 0;

	EXPECT_EQ(coil_sim_explore(&options, 100, pick_two, NULL, &schedules), 0);
	EXPECT_EQ(schedules, 12);
	for (int i = 0; i < 12; i++)
		EXPECT_EQ(seen_sums[i], 1);
	EXPECT_EQ(coil_sim_explore(&options, 1, pick_two, NULL, &schedules), -E2BIG);
	EXPECT_EQ(schedules, 3);
}

static int read_a_pipe(void *arg)
{
	char byte;

	return coil_read(*(int *)arg, &byte, 1);
}

/* One reader with a deadline, one writer, one cancel: however they meet, the byte is there once. */
static int small_world(void *arg)
{
	struct coil_task *reader;
	char byte = 'x';
	int fds[2];
	int rc;

	(void)arg;
	EXPECT_EQ(coil_pipe(fds, 0), 0);
	reader = coil_spawn(read_a_pipe, &fds[0]);
	if (coil_sim_pick(2))
		coil_yield();
	EXPECT_EQ(coil_write(fds[1], &byte, 1), 1);
	if (coil_sim_pick(2))
		coil_cancel(reader);
	rc = coil_join(reader);
	EXPECT(rc == 1 || rc == -ECANCELED);
	coil_close(fds[1]);
	EXPECT_EQ(read_a_pipe(&fds[0]), rc == 1 ? 0 : 1);
	coil_close(fds[0]);
	return 0;
}

TEST(explore, a_cancel_against_a_byte)
{
	struct coil_sim_options options = rig_only(1, "HOLD_BACK=1,CANCEL_LOSES=1,SHUFFLE=1");
	uint64_t schedules = 0;

	EXPECT_EQ(coil_sim_explore(&options, 200, small_world, NULL, &schedules), 0);
	EXPECT_GT(schedules, 20);
}

/* -- Memory --------------------------------------------------------------------------------------
 */

static int use_memory(void *arg)
{
	struct coil_task *tasks[20];
	struct coil_stream *stream;
	int fds[2];

	(void)arg;
	for (int i = 0; i < 20; i++)
		tasks[i] = coil_spawn((int (*)(void *))(void *)coil_yield, NULL);
	for (int i = 0; i < 20; i++)
		if (tasks[i])
			coil_join(tasks[i]);
	if (coil_sim_socketpair(SOCK_STREAM, fds) < 0)
		return 0;
	if (coil_stream_from_fd(&stream, fds[0]) == 0)
		coil_stream_close(stream);
	else
		coil_close(fds[0]);
	coil_close(fds[1]);
	coil_sleep(COIL_MSEC);
	return 0;
}

/* Each allocation fails once, then from each one on all of them do. */
TEST(memory, any_allocation_may_fail)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);
	struct coil_sim_result result = rig_result(&options, use_memory, NULL);
	uint64_t count = result.allocations;

	EXPECT_GT(count, 2);
	options.off = COIL_SIM_NO_REPORTS;
	for (unsigned onwards = 0; onwards < 2; onwards++)
		for (uint64_t n = 1; n <= count; n++) {
			int rc;

			options.fail_alloc_at = n;
			options.off = COIL_SIM_NO_REPORTS | (onwards ? COIL_SIM_FAIL_ONWARDS : 0);
			rc = coil_sim_run(&options, use_memory, NULL);
			EXPECT(rc == 0 || rc == -ENOMEM);
		}
}

TEST(memory, any_mapping_may_fail)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);
	struct coil_sim_result result = rig_result(&options, use_memory, NULL);

	EXPECT_GE(result.mappings, 1);
	options.fail_map_at = 1;
	EXPECT_EQ(coil_sim_run(&options, use_memory, NULL), -ENOMEM);
	for (options.fail_map_at = 2; options.fail_map_at <= result.mappings;
	     options.fail_map_at++)
		EXPECT_EQ(coil_sim_run(&options, use_memory, NULL), 0);
}

/* -- Children and signals ------------------------------------------------------------------------
 */

IN_SIM(procs, children_end_when_told)
{
	int64_t before = coil_now();
	int first = coil_sim_child(3 * COIL_SEC, 7);
	int second = coil_sim_child(COIL_FOREVER, 0);
	siginfo_t info;

	EXPECT_EQ(coil_waitid(P_PID, 1, &info, WEXITED), -ECHILD);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)first, &info, WEXITED), 0);
	EXPECT_EQ(info.si_pid, first);
	EXPECT_EQ(info.si_code, CLD_EXITED);
	EXPECT_EQ(info.si_status, 7);
	EXPECT_GE(coil_now() - before, 3 * COIL_SEC);
	EXPECT_EQ(coil_waitid(P_PID, (uint32_t)first, &info, WEXITED), -ECHILD);
	EXPECT_EQ(coil_waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
	EXPECT_EQ(info.si_pid, 0);
	EXPECT_EQ(coil_sim_kill(second, SIGKILL), 0);
	EXPECT_EQ(coil_waitid(P_ALL, 0, &info, WEXITED), 0);
	EXPECT_EQ(info.si_pid, second);
	EXPECT_EQ(info.si_code, CLD_KILLED);
	EXPECT_EQ(info.si_status, SIGKILL);
	EXPECT_EQ(coil_sim_kill(second, SIGKILL), -ESRCH);
}

static int wait_for_a_signal(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sim_kill(0, SIGTERM), 0);
	return coil_sleep(COIL_FOREVER);
}

TEST(procs, a_signal_cancels_the_main_task)
{
	static const struct coil_options run = {.size = sizeof run, .stack_bytes = 256u << 10};
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);

	options.run = &run;
	EXPECT_EQ(coil_sim_run(&options, wait_for_a_signal, NULL), -ECANCELED);
}

/* -- Loops ---------------------------------------------------------------------------------------
 */

struct ball {
	struct coil_promise here;
	int hits;
};

static int hit(void *arg)
{
	struct ball *ball = arg;

	EXPECT_EQ(coil_sleep(COIL_SEC), 0);
	ball->hits++;
	coil_promise_resolve_from_thread(&ball->here, 5);
	return 3;
}

static int two_loops(void *arg)
{
	struct ball ball = {.hits = 0};

	(void)arg;
	coil_promise_init(&ball.here);
	EXPECT_EQ(coil_sim_loop(&rig_run_options, hit, &ball), 0);
	EXPECT_EQ(coil_await(&ball.here.future), 5);
	EXPECT_EQ(ball.hits, 1);
	coil_promise_deinit(&ball.here);
	return 0;
}

TEST(loops, take_turns)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct coil_sim_options options = rig_options(seed, COIL_SIM_ODD);
		struct coil_sim_result one = rig_result(&options, two_loops, NULL);
		struct coil_sim_result two = rig_result(&options, two_loops, NULL);

		EXPECT_EQ(one.hash, two.hash);
	}
}

static int stuck_loop(void *arg)
{
	return coil_await(arg);
}

static int two_stuck_loops(void *arg)
{
	struct coil_promise promise;
	int rc;

	(void)arg;
	coil_promise_init(&promise);
	EXPECT_EQ(coil_sim_loop(&rig_run_options, (int (*)(void *))(void *)coil_sleep_until,
				(void *)(intptr_t)COIL_FOREVER), 0);
	rc = stuck_loop(&promise.future);
	coil_promise_deinit(&promise);
	return rc;
}

TEST(loops, are_stuck_together)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);

	EXPECT_EQ(coil_sim_run(&options, two_stuck_loops, NULL), -EDEADLK);
}

/* -- Threads that are no part of it --------------------------------------------------------------
 */

static void *resolve(void *promise)
{
	coil_promise_resolve_from_thread(promise, 0);
	return NULL;
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void *post(void *loop)
{
	coil_post(loop, do_nothing, NULL);
	return NULL;
}

static int post_from_task(void *loop)
{
	return coil_post(loop, do_nothing, NULL);
}

/* As part of another simulation. */
static void *post_from_a_simulation(void *loop)
{
	struct coil_sim_options options = rig_options(2, COIL_SIM_CALM);

	coil_sim_run(&options, post_from_task, loop);
	return NULL;
}

/* Nothing here is asleep in virtual time: the loop is busy with waiting for the thread. */
static int run_thread(void *(*body)(void *arg), void *arg)
{
	pthread_t thread;

	EXPECT_EQ(pthread_create(&thread, NULL, body, arg), 0);
	return pthread_join(thread, NULL);
}

static int resolved_by_a_thread(void *arg)
{
	struct coil_promise promise;

	(void)arg;
	coil_promise_init(&promise);
	return run_thread(resolve, &promise);
}

TEST_SIGNAL(threads, one_that_resolves_is_refused, SIGABRT,
	    "a thread that is no part of the simulation posts to its loop")
{
	rig_run(resolved_by_a_thread, NULL);
}

static int posted_to_by(void *body)
{
	return run_thread((void *(*)(void *))body, coil_loop_current());
}

TEST_SIGNAL(threads, one_that_posts_is_refused, SIGABRT, "use coil_sim_loop, coil_offload")
{
	rig_run(posted_to_by, (void *)post);
}

TEST_SIGNAL(threads, one_of_another_simulation_is_refused, SIGABRT, "[seed 1]")
{
	rig_run(posted_to_by, (void *)post_from_a_simulation);
}

static void *sleep_a_little(void *arg)
{
	const struct timespec little = {.tv_nsec = 1000};

	nanosleep(&little, NULL);
	return arg;
}

static int beside_a_thread(void *arg)
{
	EXPECT_EQ(run_thread(sleep_a_little, arg), 0);
	return coil_sleep(COIL_SEC);
}

TEST(threads, one_that_touches_no_loop_is_nobodys_concern)
{
	EXPECT_EQ(rig_run(beside_a_thread, NULL), 0);
}

/* The loops of a world, and what is offloaded, are its own. */
static struct coil_loop *first_loop;

static int post_to_the_first(void *arg)
{
	(void)arg;
	return coil_post(first_loop, do_nothing, NULL);
}

static int posted_to_by_its_own(void *arg)
{
	first_loop = coil_loop_current();
	EXPECT_EQ(coil_sim_loop(&rig_run_options, post_to_the_first, arg), 0);
	EXPECT_EQ(coil_offload(post_to_the_first, arg), 0);
	return coil_sleep(COIL_SEC);
}

TEST(threads, those_of_the_world_may_post)
{
	EXPECT_EQ(rig_run(posted_to_by_its_own, NULL), 0);
}

/* -- Limits and checks ---------------------------------------------------------------------------
 */

static int spin(void *arg)
{
	(void)arg;
	while (coil_nop() == 0)
		;
	return 0;
}

static int sleep_a_century(void *arg)
{
	(void)arg;
	for (int year = 0; year < 100; year++)
		if (coil_sleep(365 * 24 * 3600 * COIL_SEC) < 0)
			return -ECANCELED;
	return 0;
}

TEST(limits, of_turns_and_of_time)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);

	options.off = COIL_SIM_NO_REPORTS;
	options.turns_max = 1000;
	EXPECT_EQ(coil_sim_run(&options, spin, NULL), -ETIME);
	options.turns_max = 0;
	EXPECT_EQ(coil_sim_run(&options, sleep_a_century, NULL), -ETIME);
	options.time_max_ns = INT64_C(200) * 365 * 24 * 3600 * COIL_SEC;
	EXPECT_EQ(coil_sim_run(&options, sleep_a_century, NULL), 0);
}

static int leave_one_open(void *arg)
{
	int fds[2];

	(void)arg;
	return coil_pipe(fds, 0);
}

TEST(limits, of_descriptors)
{
	struct coil_sim_options options = rig_options(1, COIL_SIM_CALM);

	EXPECT_EQ(coil_sim_run(&options, leave_one_open, NULL), -EMFILE);
	options.off = COIL_SIM_NO_LEAKS;
	EXPECT_EQ(coil_sim_run(&options, leave_one_open, NULL), 0);
	options.troubles = "NONSENSE=4";
	EXPECT_EQ(coil_sim_run(&options, leave_one_open, NULL), -EINVAL);
	EXPECT_STR_EQ(coil_last_error(),
		      "coil_sim_options: troubles: 'NONSENSE=4' is not NAME=percent");
}

static int touch_a_buffer(void *arg)
{
	struct coil_op op;
	char bytes[8] = {0};
	int fds[2];

	(void)arg;
	coil_pipe(fds, 0);
	op = coil_op_read(fds[0], bytes, sizeof bytes, -1);
	coil_op_start(&op);
	coil_sleep(COIL_MSEC);
	bytes[3] = 1;
	coil_write(fds[1], "12345678", 8);
	coil_op_await(&op);
	return 0;
}

TEST_SIGNAL(checks, a_touched_buffer_is_found, SIGABRT, "a buffer was written to while a read")
{
	rig_run(touch_a_buffer, NULL);
}

TEST_SIGNAL(checks, the_seed_is_named, SIGABRT, "replay with COIL_SIM_SEED=1")
{
	rig_run(touch_a_buffer, NULL);
}

static int fail_a_check(void *arg)
{
	coil_close(0);
	return coil_join(coil_self()) + *(int *)arg;
}

TEST_SIGNAL(checks, misuse_of_the_engine_names_the_seed_too, SIGABRT, "COIL_SIM_SEED=1")
{
	rig_run(fail_a_check, NULL);
}

static int die_after_a_report(void *arg)
{
	(void)arg;
	abort();
}

static int wait_for_nothing(void *arg)
{
	struct coil_promise promise;
	int rc;

	(void)arg;
	coil_task_set_name(coil_self(), "patient");
	coil_promise_init(&promise);
	rc = coil_await(&promise.future);
	coil_promise_deinit(&promise);
	return rc;
}

TEST_SIGNAL(limits, a_deadlock_says_who_waits_for_what, SIGABRT, "\"patient\" waits for promise")
{
	EXPECT_EQ(rig_run(wait_for_nothing, NULL), -EDEADLK);
	die_after_a_report(NULL);
}

/* -- The order of what is ready ------------------------------------------------------------------
 */

static char order[8];

static int note(void *letter)
{
	size_t length = strlen(order);

	order[length] = (char)(intptr_t)letter;
	order[length + 1] = '\0';
	return 0;
}

static int three_tasks(void *arg)
{
	struct coil_task *tasks[3];

	(void)arg;
	order[0] = '\0';
	coil_nop();
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(note, WORD('a' + i));
	coil_nop();
	for (int i = 0; i < 3; i++)
		coil_join(tasks[i]);
	return 0;
}

TEST(shuffle, any_order_comes_up)
{
	unsigned seen = 0;

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct coil_sim_options options = rig_only(seed, "SHUFFLE=100");

		EXPECT_EQ(coil_sim_run(&options, three_tasks, NULL), 0);
		seen |= 1u << ((order[0] - 'a') * 3 + order[1] - 'a');
	}
	/* ab, ac, ba, bc, ca, cb. */
	EXPECT_EQ(seen, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7);
}
