/* SPDX-License-Identifier: MIT */
/* semantics.md B10: run. */
#include "rules/child.h"

#include <sys/wait.h>

static int runs_another(void *arg)
{
	return coil_run(rig_return, arg);
}

TEST_SIGNAL(rules, b10_1_run_inside_of_a_loop_is_misuse, SIGABRT, "coil_run does not nest")
{
	rig_run(runs_another, NULL);
}

TEST(rules, b10_1_run_may_be_called_again_and_again)
{
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(rig_run(rig_yield_and_return, WORD(i)), i);
}

static struct coil_local local = COIL_LOCAL("local", NULL);

static int sets_local(void *arg)
{
	EXPECT_EQ(coil_local_get(&local), NULL);
	EXPECT_EQ(coil_local_set(&local, arg), 0);
	return 0;
}

/* A Runner uses one context for all its runs; each coil_run begins anew. */
TEST(rules, b10_1_each_run_begins_without_locals)
{
	EXPECT_EQ(rig_run(sets_local, WORD(1)), 0);
	EXPECT_EQ(rig_run(sets_local, WORD(2)), 0);
}

static int interrupts_itself(void *signum)
{
	raise((int)(intptr_t)signum);
	EXPECT_EQ(coil_sleep(5 * COIL_SEC), -ECANCELED);
	return 21;
}

TEST(rules, b10_2_the_first_sigint_cancels_the_main_task_and_wakes_the_loop)
{
	struct sigaction after;

	EXPECT_EQ(coil_run(interrupts_itself, WORD(SIGINT)), 21);
	sigaction(SIGINT, NULL, &after);
	EXPECT(after.sa_handler == SIG_DFL); /* restored */
}

static int does_not_listen(void *arg)
{
	struct coil_scope shield;

	(void)arg;
	raise(SIGINT);
	coil_shield_open(&shield, COIL_FOREVER);
	coil_sleep(5 * COIL_MSEC);
	raise(SIGINT);
	coil_sleep(2 * COIL_SEC);
	coil_scope_close(&shield);
	return 0;
}

static void interrupted_twice(void)
{
	coil_run(does_not_listen, NULL);
}

TEST(rules, b10_2_the_next_sigint_takes_effect_at_once)
{
	char text[4096];
	int status = test_run_in_child(interrupted_twice, text, sizeof text);

	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static volatile sig_atomic_t handled;

static void count_handled(int signum)
{
	handled += signum == SIGINT;
}

static int raises_and_goes_on(void *arg)
{
	raise(SIGINT);
	return coil_sleep(1 * COIL_MSEC) < 0 ? -EIO : (int)(intptr_t)arg;
}

TEST(rules, b10_2_a_handler_of_the_programs_own_stays)
{
	struct sigaction action = { .sa_handler = count_handled };
	struct sigaction before;

	handled = 0;
	sigaction(SIGINT, &action, &before);
	EXPECT_EQ(coil_run(raises_and_goes_on, WORD(2)), 2);
	EXPECT_EQ(handled, 1);
	sigaction(SIGINT, &before, NULL);
}

static int cleaned;

static int cleans_up(void *arg)
{
	int rc = coil_sleep(COIL_FOREVER);

	(void)arg;
	cleaned += rc == -ECANCELED;
	return rc;
}

static int leaves_five(void *arg)
{
	for (int i = 0; i < 5; i++)
		EXPECT(coil_spawn(cleans_up, NULL));
	return (int)(intptr_t)arg;
}

TEST(rules, b10_3_the_close_cancels_all_tasks_and_waits_for_them)
{
	cleaned = 0;
	EXPECT_EQ(rig_run(leaves_five, WORD(1)), 1);
	EXPECT_EQ(cleaned, 5);
}

static int fails_at_the_end(void *arg)
{
	coil_sleep(COIL_FOREVER);
	return (int)(intptr_t)arg;
}

static int leaves_failures(void *arg)
{
	EXPECT(coil_spawn(fails_at_the_end, WORD(-EXDEV)));
	EXPECT(coil_spawn(fails_at_the_end, WORD(-ELOOP)));
	return (int)(intptr_t)arg;
}

static void fails_in_the_close(void)
{
	rig_run(leaves_failures, NULL);
}

TEST(rules, b10_3_the_close_reports_each_failure)
{
	char text[4096];

	EXPECT_EQ(test_run_in_child(fails_in_the_close, text, sizeof text), 0);
	EXPECT(strstr(text, "EXDEV"));
	EXPECT(strstr(text, "ELOOP"));
}

static int is_stubborn(void *arg)
{
	struct coil_scope shield;

	(void)arg;
	coil_shield_open(&shield, COIL_FOREVER);
	return coil_sleep(COIL_FOREVER);
}

static int leaves_a_stubborn_one(void *arg)
{
	EXPECT(coil_spawn(is_stubborn, NULL));
	coil_yield();
	return (int)(intptr_t)arg;
}

static void is_bounded(void)
{
	struct coil_options options = rig_options();

	options.shutdown_ns = 20 * COIL_MSEC;
	_exit(coil_run_with(&options, leaves_a_stubborn_one, NULL) == -ETIME ? 42 : 1);
}

TEST(rules, b10_3_the_close_has_a_limit_and_says_what_exceeded_it)
{
	char text[4096];
	int status = test_run_in_child(is_bounded, text, sizeof text);

	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	EXPECT(strstr(text, "did not end in time"));
}

static int ignores_sigterm(void *arg)
{
	(void)arg;
	raise(SIGTERM);
	return is_stubborn(arg);
}

static void terminated(void)
{
	struct coil_options options = { .size = sizeof options, .grace_ns = 30 * COIL_MSEC };

	_exit(coil_run_with(&options, ignores_sigterm, NULL) == -ETIME ? 43 : 1);
}

/* asyncio does not handle SIGTERM. */
TEST(rules, b10_4_sigterm_is_a_cancel_with_a_grace_period)
{
	char text[4096];
	int status;

	EXPECT_EQ(coil_run(interrupts_itself, WORD(SIGTERM)), 21);
	status = test_run_in_child(terminated, text, sizeof text);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 43);
}
