/* SPDX-License-Identifier: MIT */
/* Debug mode: what holds the loop, the environment, on and off at any time. */
#include "see/reports.h"
#include "task/rig.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "see/debug.h"

/* Not inline: its name stands in backtraces. */
static __attribute__((noinline)) int spin_until_told(void *arg)
{
	(void)arg;
	EXPECT(reports_await(COIL_REPORT_SLOW));
	return 0;
}

static int64_t real_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * COIL_SEC + ts.tv_nsec;
}

static int spin_for(void *ms)
{
	int64_t end = real_now() + (intptr_t)ms * COIL_MSEC;

	while (real_now() < end)
		;
	return 0;
}

static int spawns_a_spinner(void *arg)
{
	struct coil_task_options options = {
		.size = sizeof options, .name = "spinner", .place = COIL_PLACE
	};

	(void)arg;
	EXPECT_EQ(coil_join(coil_spawn_with(&options, spin_until_told, NULL)), 0);
	return 0;
}

static void begin(unsigned flags)
{
	reports_begin();
	EXPECT_EQ(coil_set_slow(20 * COIL_MSEC, 0), 0);
	EXPECT_EQ(coil_set_debug(flags), 0);
}

static void end(void)
{
	EXPECT_EQ(coil_set_debug(0), 0);
	EXPECT_EQ(coil_set_slow(100 * COIL_MSEC, 0), 0);
	reports_end();
}

TEST(debug, b12_1_a_task_that_holds_the_loop_is_told_with_its_stack_while_it_does)
{
	struct coil_report report;

	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(spawns_a_spinner, NULL), 0);
	EXPECT(reports_have(COIL_REPORT_SLOW, "task 2 \"spinner\" (spawned at "));
	EXPECT(reports_have(COIL_REPORT_SLOW, "already\n  at 0x"));
	EXPECT(reports_have(COIL_REPORT_SLOW, "spin_until_told+0x"));
	report = reports_last(COIL_REPORT_SLOW);
	EXPECT_EQ(report.task, 2);
	EXPECT_GE(report.duration, 20 * COIL_MSEC);
	end();
}

TEST(debug, b12_2_the_place_of_the_spawn_is_told)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(spawns_a_spinner, NULL), 0);
	EXPECT(reports_have(COIL_REPORT_SLOW, "tests/see/test_debug.c:"));
	end();
}

TEST(debug, b12_1_the_time_that_it_took_is_told_when_it_is_done)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(spin_for, WORD(60)), 0);
	EXPECT(reports_have(COIL_REPORT_SLOW, "\"main\" held the loop for 0."));
	end();
}

static void slow_hook(struct coil_hook *hook)
{
	(void)hook;
	EXPECT(reports_await(COIL_REPORT_SLOW));
}

static int fires_a_slow_hook(void *arg)
{
	struct coil_hook hook = { .fire = slow_hook };
	struct coil_op op = coil_op_nop();

	(void)arg;
	coil_op_start(&op);
	coil_future_then(&op.future, &hook);
	coil_sleep(5 * COIL_MSEC);
	return 0;
}

TEST(debug, a_hook_that_holds_the_loop_is_told)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(fires_a_slow_hook, NULL), 0);
	EXPECT(reports_have(COIL_REPORT_SLOW, "a hook, outside of any task, holds the loop"));
	EXPECT(reports_have(COIL_REPORT_SLOW, "already\n  at 0x"));
	end();
}

static int shares_a_turn(void *arg)
{
	struct coil_task *tasks[8];

	(void)arg;
	for (int i = 0; i < 8; i++)
		tasks[i] = coil_spawn(spin_for, WORD(5));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	return 0;
}

TEST(debug, a_turn_of_many_short_runs_is_told)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(shares_a_turn, NULL), 0);
	EXPECT_GE(reports_count(COIL_REPORT_SLOW), 1);
	end();
}

static int sleeps(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(80 * COIL_MSEC), 0);
	return 0;
}

static int sleeps_for_long(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_sleep(700 * COIL_MSEC), 0);
	return 0;
}

TEST(debug, a_loop_that_sleeps_is_not_slow)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(coil_set_slow(500 * COIL_MSEC, 0), 0);
	EXPECT_EQ(rig_run(sleeps_for_long, NULL), 0);
	EXPECT_EQ(reports_count(COIL_REPORT_SLOW), 0);
	end();
}

static int spins_seven_times(void *arg)
{
	(void)arg;
	for (int i = 0; i < 7; i++) {
		spin_for(WORD(30));
		coil_yield();
	}
	return 0;
}

TEST(debug, at_most_five_a_minute_are_told)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(spins_seven_times, NULL), 0);
	EXPECT_EQ(reports_count(COIL_REPORT_SLOW), 5);
	end();
}

static int ends_within(void *arg)
{
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	EXPECT_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	EXPECT(reports_await(COIL_REPORT_SLOW));
	EXPECT_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	return 0;
}

TEST(debug, where_the_signal_is_blocked_there_is_no_stack)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(ends_within, NULL), 0);
	EXPECT(reports_have(COIL_REPORT_SLOW, "which does not answer our signal"));
	end();
}

static _Atomic int urgent;

static void on_urgent(int signum)
{
	(void)signum;
	urgent++;
}

static int raises_urgent(void *arg)
{
	(void)arg;
	raise(SIGURG);
	return 0;
}

TEST(debug, signals_that_are_not_ours_go_to_the_handler_before)
{
	struct sigaction action = { .sa_handler = on_urgent };
	struct sigaction now;

	ASSERT_EQ(sigaction(SIGURG, &action, NULL), 0);
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(raises_urgent, NULL), 0);
	EXPECT_EQ(urgent, 1);
	end();
	ASSERT_EQ(sigaction(SIGURG, NULL, &now), 0);
	EXPECT(now.sa_handler == on_urgent); /* given back */
	action.sa_handler = SIG_DFL;
	ASSERT_EQ(sigaction(SIGURG, &action, NULL), 0);
}

/* -- On and off ----------------------------------------------------------------------------------
 */

static int switches_modes(void *arg)
{
	struct coil_task *tasks[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(rig_sleep_and_return, WORD(i));
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(coil_set_debug(i % 2 ? COIL_DEBUG_ALL : 0), 0);
		rig_turns(2);
		EXPECT_EQ(coil_join(coil_spawn(rig_sleep_and_return, WORD(1))), 1);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(coil_join(tasks[i]), i);
	EXPECT_EQ(coil_set_debug(0), 0);
	return 0;
}

TEST(debug, is_turned_on_and_off_in_the_middle_of_everything)
{
	reports_begin();
	EXPECT_EQ(coil_set_slow(10 * COIL_SEC, 0), 0);
	EXPECT_EQ(rig_run(switches_modes, NULL), 0);
	EXPECT_EQ(reports_count(-1), 0);
	reports_end();
}

static void *runs_a_loop(void *arg)
{
	(void)arg;
	EXPECT_EQ(rig_run(sleeps, NULL), 0);
	return NULL;
}

TEST(debug, watches_several_loops_with_one_thread)
{
	pthread_t threads[3];

	begin(COIL_DEBUG_ALL);
	EXPECT_EQ(coil_set_slow(10 * COIL_SEC, 0), 0);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, runs_a_loop, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(reports_count(-1), 0);
	end();
}

TEST(debug, refuses_what_is_out_of_bounds)
{
	EXPECT_EQ(coil_set_debug(COIL_DEBUG_ALL + 1), -EINVAL);
	EXPECT_EQ(coil_set_slow(COIL_MSEC - 1, 0), -EINVAL);
	EXPECT_EQ(coil_set_slow(2 * 60 * COIL_MIN, 0), -EINVAL);
	EXPECT_EQ(coil_set_slow(COIL_SEC, 65), -EINVAL);
	EXPECT_EQ(coil_set_slow(COIL_SEC, SIGKILL), -EINVAL);
	EXPECT_EQ(coil_set_slow(100 * COIL_MSEC, SIGURG), 0);
}

static int changes_the_signal(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_set_slow(100 * COIL_MSEC, SIGUSR2), -EBUSY);
	return 0;
}

TEST(debug, b12_1_the_signal_stays_while_it_is_in_use)
{
	begin(COIL_DEBUG_SLOW);
	EXPECT_EQ(rig_run(changes_the_signal, NULL), 0);
	end();
}

/* -- The environment -----------------------------------------------------------------------------
 */

static unsigned read_as(const char *value)
{
	unsigned flags;

	setenv("COIL_DEBUG", value, 1);
	flags = environment_read();
	unsetenv("COIL_DEBUG");
	return flags;
}

TEST(debug, b12_1_the_environment_turns_it_on)
{
	EXPECT_EQ(environment_read(), 0);
	EXPECT_EQ(read_as("1"), COIL_DEBUG_ALL);
	EXPECT_EQ(read_as("all"), COIL_DEBUG_ALL);
	EXPECT_EQ(read_as("0"), 0);
	EXPECT_EQ(read_as(""), 0);
	EXPECT_EQ(read_as("unseen,fds"), COIL_DEBUG_UNSEEN | COIL_DEBUG_FDS);
	EXPECT_EQ(read_as("cancel dump"), COIL_DEBUG_CANCEL | COIL_DEBUG_DUMP);
	EXPECT_EQ(read_as("slow=250"), COIL_DEBUG_SLOW);
	EXPECT_EQ(pulse_threshold(), 250 * COIL_MSEC);
	EXPECT_EQ(coil_set_slow(100 * COIL_MSEC, 0), 0);
}

TEST(debug, a_word_that_the_environment_should_not_have_is_told)
{
	reports_begin();
	EXPECT_EQ(read_as("unseen,nonsense"), COIL_DEBUG_UNSEEN);
	EXPECT(reports_have(COIL_REPORT_OTHER, "\"nonsense\" is none of"));
	EXPECT_EQ(read_as("slow=99999999"), COIL_DEBUG_SLOW);
	EXPECT_EQ(read_as("slow=x"), 0);
	EXPECT_EQ(reports_count(COIL_REPORT_OTHER), 3);
	reports_end();
}

/* -- On the simulated kernel ----------------------------------------------------------------------
 */

static int sleeps_and_yields(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		coil_yield();
		coil_sleep(COIL_SEC);
	}
	return 0;
}

static int runs_in_both_classes(void *arg)
{
	struct coil_task_options background = {
		.size = sizeof background, .priority = COIL_PRIORITY_BACKGROUND
	};
	struct coil_task *tasks[6];

	(void)arg;
	for (int i = 0; i < 6; i++)
		tasks[i] = i % 2 ? coil_spawn_with(&background, sleeps_and_yields, NULL)
				 : coil_spawn(sleeps_and_yields, NULL);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	return 0;
}

/* Each enter takes the time that the simulation gives it, and a thread that sleeps on a clock of
 * its own would be waited for. */
TEST(debug, b12_1_nothing_is_slow_on_the_simulated_kernel)
{
	begin(COIL_DEBUG_ALL);
	for (uint64_t seed = 1; seed <= 100; seed++)
		EXPECT_EQ(rig_run_seed(seed, runs_in_both_classes, NULL), 0);
	EXPECT_EQ(reports_count(-1), 0);
	end();
}
