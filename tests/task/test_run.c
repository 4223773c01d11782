/* SPDX-License-Identifier: MIT */
/* coil_run: semantics.md A6. */
#include "task/rig.h"
#include "support/forbid.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>

TEST(run, returns_the_entrys_result)
{
	EXPECT_EQ(rig_run(rig_return, WORD(7)), 7);
	EXPECT_EQ(rig_run(rig_sleep_and_return, WORD(-EIO)), -EIO);
	EXPECT_EQ(coil_run(rig_return, WORD(1)), 1);
	EXPECT_EQ(coil_run_with(NULL, rig_return, WORD(2)), 2);
}

TEST(run, one_after_another_and_nothing_is_left)
{
	for (int i = 0; i < 50; i++)
		EXPECT_EQ(rig_run(rig_yield_and_return, WORD(i)), i);
	EXPECT_EQ(coil_loop_current(), NULL);
}

static int leaves_a_crowd(void *arg)
{
	for (int i = 0; i < 100; i++)
		EXPECT(coil_spawn(rig_sleep_for_ever, arg));
	coil_yield();
	return 3;
}

TEST(run, cancels_what_is_left_and_waits_for_it)
{
	EXPECT_EQ(rig_run(leaves_a_crowd, NULL), 3);
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
	struct coil_task_options options = { .size = sizeof options,
					     .name = "mule",
					     .place = COIL_PLACE };

	(void)arg;
	coil_spawn_with(&options, is_stubborn, NULL);
	coil_yield();
	return 3;
}

static void bounded_shutdown(void)
{
	struct coil_options options = rig_options();

	options.shutdown_ns = 20 * COIL_MSEC;
	_exit(coil_run_with(&options, leaves_a_stubborn_one, NULL) == -ETIME ? 42 : 1);
}

TEST(run, the_shutdown_is_bounded_and_names_who_did_not_end)
{
	char text[4096];
	int status = test_run_in_child(bounded_shutdown, text, sizeof text);

	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 42);
	EXPECT(strstr(text, "\"mule\""));
	EXPECT(strstr(text, "test_run.c:"));
	EXPECT(strstr(text, "did not end in time"));
}

static int leaves_failures(void *arg)
{
	struct coil_task *seen;

	(void)arg;
	coil_spawn(rig_return, WORD(-EXDEV));
	seen = coil_spawn(rig_return, WORD(-ELOOP));
	coil_await(coil_task_future(seen));
	coil_spawn(rig_sleep_for_ever, NULL); /* ends cancelled: no failure */
	rig_turns(2);
	return 0;
}

static void unseen_failures(void)
{
	rig_run(leaves_failures, NULL);
}

TEST(run, failures_that_nobody_looked_at_are_reported)
{
	char text[4096];

	EXPECT_EQ(test_run_in_child(unseen_failures, text, sizeof text), 0);
	EXPECT(strstr(text, "failed with EXDEV, and nobody looked at it"));
	EXPECT(!strstr(text, "ELOOP"));
	EXPECT(!strstr(text, "ECANCELED"));
}

static void quiet_failures(void)
{
	struct coil_options options = rig_options();

	options.off |= COIL_NO_REPORTS;
	coil_run_with(&options, leaves_failures, NULL);
}

TEST(run, reports_can_be_turned_off)
{
	char text[4096];

	EXPECT_EQ(test_run_in_child(quiet_failures, text, sizeof text), 0);
	EXPECT_STR_EQ(text, "");
}

/* -- Deadlocks ------------------------------------------------------------------------------- */

static struct coil_task *ring[2];

static int gathers_the_other(void *which)
{
	struct coil_future *other = coil_task_future(ring[1 - (intptr_t)which]);

	return coil_gather(&other, 1, 0);
}

/* A ring that goes through gathers: no join sees it closed. */
static int closes_a_ring(void *arg)
{
	char byte;

	for (int i = 0; i < 2; i++)
		ring[i] = coil_spawn(gathers_the_other, WORD(i));
	coil_task_set_name(ring[1], "second");
	return arg ? coil_recv(*(int *)arg, &byte, 1, 0) : coil_join(ring[0]);
}

/* Who sleeps for ever is ended by a signal. */
static void end_soon(void)
{
	const struct itimerval soon = { .it_value.tv_usec = 100000 };

	setitimer(ITIMER_REAL, &soon, NULL);
}

static void deadlock(void)
{
	end_soon();
	rig_run(closes_a_ring, NULL);
}

TEST(run, a_deadlock_is_reported_with_who_waits_for_what)
{
	char text[4096];
	int status = test_run_in_child(deadlock, text, sizeof text);

	NEEDS_KERNEL();
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
	EXPECT(strstr(text, "deadlock: every task waits"));
	EXPECT(strstr(text, "task 1 \"main\" waits for task 2"));
	EXPECT(strstr(text, "task 3 \"second\" (spawned at "));
	EXPECT(strstr(text, "waits for gather"));
	EXPECT(strstr(text, "deadlock") && !strstr(strstr(text, "deadlock") + 1, "deadlock"));
}

static void hope(void)
{
	int fds[2];

	end_soon();
	rig_pair(fds);
	rig_run(closes_a_ring, &fds[0]);
}

static int waits_for_a_thread(void *arg)
{
	struct coil_promise promise;

	(void)arg;
	coil_promise_init(&promise);
	return coil_await(&promise.future);
}

static void other_hope(void)
{
	end_soon();
	rig_run(waits_for_a_thread, NULL);
}

TEST(run, what_something_could_end_is_no_deadlock)
{
	char text[4096];

	NEEDS_KERNEL();
	test_run_in_child(hope, text, sizeof text);
	EXPECT_STR_EQ(text, "");
	test_run_in_child(other_hope, text, sizeof text);
	EXPECT_STR_EQ(text, "");
}

static void expect_refused(struct coil_options options, const char *words)
{
	options.off |= COIL_NO_REPORTS | COIL_NO_SIGNALS;
	EXPECT_EQ(coil_run_with(&options, rig_return, NULL), -EINVAL);
	if (!strstr(coil_last_error(), words))
		test_fail(__FILE__, __LINE__, coil_last_error());
}

TEST(run, options_out_of_bounds_are_refused_in_words)
{
	const struct coil_alloc incomplete = { .size = sizeof incomplete };
	size_t size = sizeof(struct coil_options);

	expect_refused((struct coil_options){ .size = 0 }, "size");
	expect_refused((struct coil_options){ .size = size, .sq_entries = 32769 }, "sq_entries");
	expect_refused((struct coil_options){ .size = size, .cq_entries = 1u << 20 }, "cq_entries");
	expect_refused((struct coil_options){ .size = size, .stack_bytes = 100 }, "stack_bytes");
	expect_refused((struct coil_options){ .size = size, .spin = 9 }, "spin");
	expect_refused((struct coil_options){ .size = size, .off = 1 << 20 }, "enum coil_run_off");
	expect_refused((struct coil_options){ .size = size, .shutdown_ns = -1 }, "at least 0");
	expect_refused((struct coil_options){ .size = size, .grace_ns = -1 }, "at least 0");
	expect_refused((struct coil_options){ .size = size, .alloc = &incomplete }, "alloc");
}

static void runs_without_enter(void)
{
	EXPECT(forbid_call(SYS_io_uring_enter, EPERM));
	_exit(coil_run(rig_return, NULL) == -EPERM ? 0 : 1);
}

TEST(run, a_ring_that_is_refused_later_is_told)
{
	char text[1024];

	if (rig_is_simulated())
		SKIP("there is no filter");
	EXPECT_EQ(test_run_in_child(runs_without_enter, text, sizeof text), 0);
	if (!strstr(text, "coil: io_uring_enter: EPERM: the ring is lost; a seccomp filter"))
		test_fail(__FILE__, __LINE__, text);
}

/* -- Signals
 * ------------------------------------------------------------------------------------------------
 */

static int interrupts_itself(void *signum)
{
	int rc;

	raise((int)(intptr_t)signum);
	rc = coil_sleep(5 * COIL_SEC);
	EXPECT_EQ(rc, -ECANCELED);
	return 21;
}

TEST(run, the_first_sigint_or_sigterm_cancels_the_main_task)
{
	struct sigaction after;

	EXPECT_EQ(coil_run(interrupts_itself, WORD(SIGINT)), 21);
	EXPECT_EQ(coil_run(interrupts_itself, WORD(SIGTERM)), 21);
	sigaction(SIGINT, NULL, &after);
	EXPECT(after.sa_handler == SIG_DFL);
	sigaction(SIGTERM, NULL, &after);
	EXPECT(after.sa_handler == SIG_DFL);
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

TEST(run, the_second_sigint_kills_by_its_old_disposition)
{
	char text[4096];
	int status = test_run_in_child(interrupted_twice, text, sizeof text);

	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGINT);
}

static int ignores_sigterm(void *arg)
{
	struct coil_scope shield;

	(void)arg;
	raise(SIGTERM);
	coil_shield_open(&shield, COIL_FOREVER);
	return coil_sleep(30 * COIL_SEC);
}

static void terminated(void)
{
	struct coil_options options = { .size = sizeof options, .grace_ns = 30 * COIL_MSEC };

	_exit(coil_run_with(&options, ignores_sigterm, NULL) == -ETIME ? 43 : 1);
}

TEST(run, after_sigterm_the_grace_period_bounds_the_program)
{
	char text[4096];
	int status = test_run_in_child(terminated, text, sizeof text);

	EXPECT(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 43);
}

static void without_signals(void)
{
	rig_run(interrupts_itself, WORD(SIGINT));
}

TEST(run, no_signals_leaves_the_dispositions_alone)
{
	char text[4096];
	int status = test_run_in_child(without_signals, text, sizeof text);

	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGINT);
}

static volatile sig_atomic_t handled;

static void count_handled(int signum)
{
	handled += signum == SIGINT;
}

TEST(run, a_handler_of_the_host_stays_in_place)
{
	struct sigaction action = { .sa_handler = count_handled };

	handled = 0;
	sigaction(SIGINT, &action, NULL);
	EXPECT_EQ(coil_run(rig_sleep_and_return, WORD(1)), 1);
	raise(SIGINT);
	EXPECT_EQ(handled, 1);
}
