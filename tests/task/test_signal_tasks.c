/* SPDX-License-Identifier: MIT */
/* Tasks that run when signals come; signals beside coil_run, and on many loops. semantics.md A6,
 * B11. */
#include "task/signal_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* -- Tasks that run ---------------------------------------------------------------------------- */

static _Atomic int runs;

static int counts(void *step)
{
	EXPECT(coil_self() != NULL);
	EXPECT_EQ(coil_sleep(1 * COIL_MSEC), 0);
	atomic_fetch_add(&runs, (int)(intptr_t)step);
	return 0;
}

static void until_runs(int count)
{
	for (int i = 0; i < 2000 && atomic_load(&runs) < count; i++)
		coil_sleep(1 * COIL_MSEC);
	EXPECT_EQ(atomic_load(&runs), count);
}

IN_REAL_TASK(signals, b11_1_a_task_of_the_loop_runs)
{
	atomic_store(&runs, 0);
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, WORD(1)), 0);
	raise(SIGUSR1);
	until_runs(1);
	raise(SIGUSR1);
	until_runs(2);
}

static struct coil_local local = COIL_LOCAL("local", NULL);
static _Atomic int seen[2];

static int sees_and_sets(void *times)
{
	int i = atomic_fetch_add((_Atomic int *)times, 1);

	atomic_store(&seen[i & 1], (int)(intptr_t)coil_local_get(&local));
	EXPECT_EQ(coil_local_set(&local, WORD(9)), 0);
	return 0;
}

/* asyncio copies the context at the registration; each run begins with it anew. */
IN_REAL_TASK(signals, b17_3_the_task_has_the_locals_of_who_registered_it)
{
	atomic_store(&runs, 0);
	EXPECT_EQ(coil_local_set(&local, WORD(3)), 0);
	EXPECT_EQ(coil_on_signal(SIGUSR1, sees_and_sets, &runs), 0);
	EXPECT_EQ(coil_local_set(&local, WORD(4)), 0);
	raise(SIGUSR1);
	until_runs(1);
	raise(SIGUSR1);
	until_runs(2);
	EXPECT_EQ(atomic_load(&seen[0]), 3);
	EXPECT_EQ(atomic_load(&seen[1]), 3);
	EXPECT_EQ(coil_on_signal(SIGUSR1, sees_and_sets, &runs), 0);
	EXPECT_EQ(coil_local_set(&local, WORD(5)), 0);
	raise(SIGUSR1);
	until_runs(3);
	EXPECT_EQ(atomic_load(&seen[0]), 4);
	EXPECT_EQ(coil_local_get(&local), WORD(5));
}

static void *runs_a_loop(void *entry)
{
	return WORD(rig_run((int (*)(void *))(intptr_t)entry, NULL));
}

static int is_signalled(void *arg)
{
	(void)arg;
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, WORD(1)), 0);
	kill(getpid(), SIGUSR1);
	until_runs(1);
	return 4;
}

/* asyncio: the main thread's alone. */
TEST(signals, b11_1_on_any_threads_loop)
{
	pthread_t thread;
	void *result;

	NEEDS_KERNEL();
	atomic_store(&runs, 0);
	ASSERT_EQ(pthread_create(&thread, NULL, runs_a_loop, (void *)(intptr_t)is_signalled), 0);
	pthread_join(thread, &result);
	EXPECT_EQ((intptr_t)result, 4);
	EXPECT(is_default(SIGUSR1));
}

IN_REAL_TASK(signals, b11_2_one_replaces_the_other_and_removing_says_if_there_was_one)
{
	atomic_store(&runs, 0);
	EXPECT_EQ(coil_on_signal(SIGUSR1, NULL, NULL), -ENOENT);
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, WORD(1)), 0);
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, WORD(10)), 0);
	raise(SIGUSR1);
	until_runs(10);
	EXPECT(!is_default(SIGUSR1));
	EXPECT_EQ(coil_on_signal(SIGUSR1, NULL, NULL), 0);
	EXPECT(is_default(SIGUSR1));
	EXPECT_EQ(coil_on_signal(SIGUSR1, NULL, NULL), -ENOENT);
}

static volatile sig_atomic_t handled;

static void count_handled(int signum)
{
	handled += signum == SIGUSR1;
}

IN_REAL_TASK(signals, b11_2_the_old_disposition_comes_back)
{
	struct sigaction own = { .sa_handler = count_handled };
	struct sigaction now;
	struct coil_task *task;

	sigaction(SIGUSR1, &own, NULL);
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, WORD(1)), 0);
	task = coil_spawn(signal_rig_waits, WORD(SIGUSR1));
	rig_turns(2);
	EXPECT_EQ(coil_on_signal(SIGUSR1, NULL, NULL), 0);
	raise(SIGUSR1);
	EXPECT_EQ(coil_join(task), SIGUSR1); /* used still */
	EXPECT_EQ(handled, 0);
	sigaction(SIGUSR1, NULL, &now);
	EXPECT(now.sa_handler == count_handled);
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, WORD(1)), 0);
	sigaction(SIGUSR1, &own, NULL); /* over ours: it stays */
	EXPECT_EQ(coil_on_signal(SIGUSR1, NULL, NULL), 0);
	sigaction(SIGUSR1, NULL, &now);
	EXPECT(now.sa_handler == count_handled);
}

static int leaves_a_handler(void *arg)
{
	struct coil_signal_watch *watch;
	sigset_t set = set_of(SIGHUP);

	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, arg), 0);
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	return 1;
}

TEST(signals, b11_3_the_end_of_the_loop_removes_all)
{
	NEEDS_KERNEL();
	EXPECT_EQ(rig_run(leaves_a_handler, NULL), 1);
	EXPECT(is_default(SIGUSR1) && is_default(SIGHUP));
}

IN_REAL_TASK(signals, b11_3_system_calls_are_restarted)
{
	struct sigaction now;

	EXPECT_EQ(coil_on_signal(SIGUSR1, counts, WORD(1)), 0);
	sigaction(SIGUSR1, NULL, &now);
	EXPECT(now.sa_flags & SA_RESTART);
}

static _Atomic int gate_is_open;

static int counts_behind_gate(void *arg)
{
	(void)arg;
	atomic_fetch_add(&runs, 1);
	while (!atomic_load(&gate_is_open))
		coil_sleep(1 * COIL_MSEC);
	return 0;
}

IN_REAL_TASK(signals, realtime_ones_run_once_each_standard_ones_are_merged)
{
	union sigval value = { .sival_int = 0 };

	if (RIG_ON_TSAN) /* merges realtime signals */
		return;
	atomic_store(&runs, 0);
	EXPECT_EQ(coil_on_signal(SIGRTMIN, counts, WORD(1)), 0);
	for (int i = 0; i < 20; i++)
		sigqueue(getpid(), SIGRTMIN, value);
	until_runs(20);
	EXPECT_EQ(coil_on_signal(SIGUSR1, counts_behind_gate, NULL), 0);
	raise(SIGUSR1);
	until_runs(21);
	for (int i = 0; i < 5; i++) { /* while it runs: once more */
		raise(SIGUSR1);
		coil_sleep(1 * COIL_MSEC);
	}
	atomic_store(&gate_is_open, 1);
	until_runs(22);
	coil_sleep(3 * COIL_MSEC);
	EXPECT_EQ(atomic_load(&runs), 22);
}

static int removes_itself(void *arg)
{
	atomic_fetch_add(&runs, 1);
	EXPECT_EQ(coil_on_signal(SIGUSR1, NULL, NULL), 0);
	return (int)(intptr_t)arg;
}

IN_REAL_TASK(signals, a_handler_may_remove_itself)
{
	atomic_store(&runs, 0);
	EXPECT_EQ(coil_on_signal(SIGUSR1, removes_itself, NULL), 0);
	raise(SIGUSR1);
	until_runs(1);
	EXPECT(is_default(SIGUSR1));
}

IN_REAL_TASK(signals, a_child_that_ends_is_told)
{
	siginfo_t info;
	sigset_t set = set_of(SIGCHLD);
	struct coil_signal_watch *watch;
	pid_t child;

	if (RIG_ON_TSAN) /* keeps signals from a thread that sleeps in the ring */
		return;
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	child = fork();
	if (child == 0)
		_exit(is_default(SIGCHLD) ? 3 : 4);
	EXPECT_EQ(coil_signal_next(watch, &info), SIGCHLD);
	EXPECT_EQ(info.si_pid, child);
	EXPECT_EQ(info.si_status, 3); /* a child of fork has the old dispositions */
	waitpid(child, NULL, 0);
	coil_signal_close(watch);
}

/* -- Beside coil_run -------------------------------------------------------------------------- */

static int takes_sigint_itself(void *arg)
{
	struct coil_task *task;

	(void)arg;
	atomic_store(&runs, 0);
	EXPECT_EQ(coil_on_signal(SIGINT, counts, WORD(1)), 0);
	raise(SIGINT);
	until_runs(1);
	raise(SIGINT); /* a second one kills nobody either */
	until_runs(2);
	EXPECT_EQ(coil_on_signal(SIGINT, NULL, NULL), 0);
	task = coil_spawn(signal_rig_waits, WORD(SIGTERM));
	rig_turns(2);
	raise(SIGTERM);
	EXPECT_EQ(coil_join(task), SIGTERM);
	EXPECT_EQ(coil_cancelling(), 0);
	raise(SIGINT); /* coil_run's again */
	EXPECT_EQ(coil_sleep(5 * COIL_SEC), -ECANCELED);
	return 9;
}

TEST(signals, a6_what_the_program_uses_does_not_cancel_main)
{
	NEEDS_KERNEL();
	EXPECT_EQ(coil_run(takes_sigint_itself, NULL), 9);
	EXPECT(is_default(SIGINT) && is_default(SIGTERM));
}

static int waits_on_another_loop(void *ready)
{
	sigset_t set = set_of(SIGINT);
	struct coil_signal_watch *watch;
	int rc = coil_signal_open(&watch, &set);

	EXPECT_EQ(rc, 0);
	coil_promise_resolve_from_thread(ready, 0);
	rc = coil_signal_next(watch, NULL);
	coil_signal_close(watch);
	return rc;
}

static void *runs_a_waiter(void *ready)
{
	return WORD(rig_run(waits_on_another_loop, ready));
}

static int sees_it_taken_elsewhere(void *arg)
{
	struct coil_promise ready;
	pthread_t thread;
	void *result;

	(void)arg;
	coil_promise_init(&ready);
	EXPECT_EQ(pthread_create(&thread, NULL, runs_a_waiter, &ready), 0);
	EXPECT_EQ(coil_await(&ready.future), 0);
	kill(getpid(), SIGINT);
	pthread_join(thread, &result);
	EXPECT_EQ((intptr_t)result, SIGINT);
	coil_promise_deinit(&ready);
	return coil_sleep(5 * COIL_MSEC);
}

TEST(signals, a6_nor_what_it_uses_on_another_loop)
{
	NEEDS_KERNEL();
	EXPECT_EQ(coil_run(sees_it_taken_elsewhere, NULL), 0);
}

/* -- Many loops ------------------------------------------------------------------------------- */

static _Atomic int watching;

static int waits_with_others(void *arg)
{
	struct coil_signal_watch *watch;
	sigset_t set = set_of(SIGUSR1);
	int rc = coil_signal_open(&watch, &set);

	(void)arg;
	EXPECT_EQ(rc, 0);
	atomic_fetch_add(&watching, 1);
	rc = coil_signal_next(watch, NULL);
	coil_signal_close(watch);
	return rc;
}

TEST(signals, all_loops_see_a_signal)
{
	pthread_t threads[6];
	void *result;

	NEEDS_KERNEL();
	atomic_store(&watching, 0);
	for (int i = 0; i < 6; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, runs_a_loop,
					 (void *)(intptr_t)waits_with_others), 0);
	while (atomic_load(&watching) < 6)
		sched_yield();
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], &result);
		EXPECT_EQ((intptr_t)result, SIGUSR1);
	}
	EXPECT(is_default(SIGUSR1));
}

/* Ports come and go while handlers visit them. */
static int comes_and_goes(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		raise(SIGUSR2);
		coil_yield();
	}
	return 0;
}

static void *opens_loops(void *arg)
{
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(rig_run(waits_with_others, arg), SIGUSR1);
	return NULL;
}

static int keeps_sending(void *arg)
{
	pthread_t threads[2];

	(void)arg;
	EXPECT_EQ(coil_on_signal(SIGUSR1, rig_return, NULL), 0); /* or it would kill */
	EXPECT_EQ(coil_on_signal(SIGUSR2, rig_return, NULL), 0);
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(pthread_create(&threads[i], NULL, opens_loops, NULL), 0);
	for (int i = 0; i < 2; i++) {
		while (pthread_tryjoin_np(threads[i], NULL) == EBUSY) {
			kill(getpid(), SIGUSR1);
			comes_and_goes(NULL);
			coil_sleep(200 * COIL_USEC);
		}
	}
	return 0;
}

TEST(signals, loops_come_and_go_under_fire)
{
	NEEDS_KERNEL();
	if (RIG_ON_TSAN)
		SKIP("ThreadSanitizer does not see that a ring's memory was mapped anew");
	EXPECT_EQ(rig_run(keeps_sending, NULL), 0);
}

static struct coil_signal_watch *shared;

static void *closes_a_foreign_watch(void *watch)
{
	struct coil_options options = rig_options();
	struct coil_loop *loop;

	if (coil_loop_open(&loop, &options) == 0)
		coil_signal_close(watch);
	return NULL;
}

static int lends_a_watch(void *arg)
{
	sigset_t set = set_of(SIGUSR1);
	pthread_t thread;

	(void)arg;
	coil_signal_open(&shared, &set);
	if (pthread_create(&thread, NULL, closes_a_foreign_watch, shared) == 0)
		pthread_join(thread, NULL);
	return 0;
}

TEST_SIGNAL(signals, another_loops_watch_stops_the_program, SIGABRT,
	    "coil_signal_close: this watch belongs to the loop of another thread")
{
	NEEDS_KERNEL();
	rig_run(lends_a_watch, NULL);
}
