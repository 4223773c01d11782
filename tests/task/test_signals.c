/* SPDX-License-Identifier: MIT */
/* Waiting for signals, and watching them. */
#include "support/shortage.h"
#include "task/signal_rig.h"

#include <fcntl.h>
#include <pthread.h>

/* -- Waiting ---------------------------------------------------------------------------------- */

struct sent {
	int signum;
	siginfo_t info;
};

static int waits_with_info(void *arg)
{
	struct sent *sent = arg;
	sigset_t set = set_of(sent->signum);

	return coil_signal_wait(&set, &sent->info);
}

IN_REAL_TASK(signals, a_wait_tells_number_sender_and_value)
{
	struct sent sent = { .signum = SIGUSR1 };
	struct coil_task *task = coil_spawn(waits_with_info, &sent);
	union sigval value = { .sival_int = 77 };

	rig_turns(2);
	EXPECT_EQ(sigqueue(getpid(), SIGUSR1, value), 0);
	EXPECT_EQ(coil_join(task), SIGUSR1);
	EXPECT_EQ(sent.info.si_signo, SIGUSR1);
	EXPECT_EQ(sent.info.si_pid, getpid());
	EXPECT_EQ(sent.info.si_uid, getuid());
	EXPECT_EQ(sent.info.si_value.sival_int, 77);
	EXPECT(is_default(SIGUSR1));
}

IN_REAL_TASK(signals, every_waiter_sees_every_signal)
{
	struct coil_task *tasks[5];

	for (int i = 0; i < 5; i++)
		tasks[i] = coil_spawn(signal_rig_waits, WORD(SIGUSR2));
	rig_turns(2);
	raise(SIGUSR2);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(coil_join(tasks[i]), SIGUSR2);
	EXPECT(is_default(SIGUSR2));
}

IN_REAL_TASK(signals, a_wait_can_be_cancelled_before_and_during)
{
	struct coil_task *task = coil_spawn(signal_rig_waits, WORD(SIGUSR1));

	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	task = coil_spawn(signal_rig_waits, WORD(SIGUSR1));
	rig_turns(2);
	EXPECT(!is_default(SIGUSR1));
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT(is_default(SIGUSR1));
	EXPECT_EQ(coil_timeout(2 * COIL_MSEC, signal_rig_waits, WORD(SIGUSR1)), -ETIME);
	EXPECT(is_default(SIGUSR1));
}

static int is_told_and_cancelled(void *watch)
{
	siginfo_t info;

	coil_cancel(coil_self());
	EXPECT_EQ(coil_signal_next(watch, &info), SIGUSR1);
	EXPECT_EQ(info.si_pid, getpid());
	return coil_signal_next(watch, NULL);
}

/* What has come is the result, in a cancelled scope too; the next wait meets the cancel. */
IN_REAL_TASK(signals, a_signal_that_came_before_a_cancel_is_the_result)
{
	sigset_t set = set_of(SIGUSR1);
	struct coil_signal_watch *watch;

	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	kill(getpid(), SIGUSR1);
	coil_sleep(1 * COIL_MSEC);
	EXPECT_EQ(coil_join(coil_spawn(is_told_and_cancelled, watch)), -ECANCELED);
	coil_signal_close(watch);
}

IN_REAL_TASK(signals, what_cannot_be_waited_for_is_refused)
{
	static const int refused[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	struct coil_signal_watch *watch;
	sigset_t none;

	sigemptyset(&none);
	EXPECT_EQ(coil_signal_wait(&none, NULL), -EINVAL);
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		sigset_t set = set_of(refused[i]);

		EXPECT_EQ(coil_signal_wait(&set, NULL), -EINVAL);
		EXPECT_EQ(coil_signal_open(&watch, &set), -EINVAL);
		EXPECT_EQ(coil_on_signal(refused[i], rig_return, NULL), -EINVAL);
	}
	EXPECT(strstr(coil_last_error(), "SIGKILL"));
	EXPECT_EQ(coil_on_signal(0, rig_return, NULL), -EINVAL);
	EXPECT_EQ(coil_on_signal(65, rig_return, NULL), -EINVAL);
	EXPECT_EQ(coil_on_signal(-1, NULL, NULL), -EINVAL);
	EXPECT_EQ(coil_on_signal(32, rig_return, NULL), -EINVAL); /* the C library's own */
	EXPECT_EQ(coil_on_signal(32, NULL, NULL), -ENOENT);
}

/* -- Watches ---------------------------------------------------------------------------------- */

IN_REAL_TASK(signals, a_watch_misses_nothing_between_two_waits)
{
	sigset_t set = set_of(SIGUSR1);
	struct coil_signal_watch *watch;

	sigaddset(&set, SIGHUP);
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	raise(SIGHUP);
	raise(SIGUSR1);
	rig_turns(2);
	EXPECT_EQ(coil_signal_next(watch, NULL), SIGHUP);
	EXPECT_EQ(coil_signal_next(watch, NULL), SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1); /* merged: both came before it is looked at */
	EXPECT_EQ(coil_signal_next(watch, NULL), SIGUSR1);
	EXPECT_EQ(coil_signal_lost(watch), 0);
	coil_signal_close(watch);
	coil_signal_close(NULL);
	EXPECT(is_default(SIGUSR1) && is_default(SIGHUP));
}

static struct coil_signal_watch *shared;

static int takes_next(void *arg)
{
	(void)arg;
	return coil_signal_next(shared, NULL);
}

IN_REAL_TASK(signals, one_watch_serves_its_waiters_in_order)
{
	sigset_t set = set_of(SIGUSR1);
	struct coil_task *tasks[3];

	sigaddset(&set, SIGUSR2);
	EXPECT_EQ(coil_signal_open(&shared, &set), 0);
	for (int i = 0; i < 3; i++)
		tasks[i] = coil_spawn(takes_next, NULL);
	rig_turns(2);
	raise(SIGUSR2);
	raise(SIGUSR1);
	EXPECT_EQ(coil_join(tasks[0]), SIGUSR2);
	EXPECT_EQ(coil_join(tasks[1]), SIGUSR1);
	coil_signal_close(shared);
	EXPECT_EQ(coil_join(tasks[2]), -EPIPE);
}

IN_REAL_TASK(signals, realtime_signals_queue_with_their_values)
{
	sigset_t set = set_of(SIGRTMIN + 1);
	struct coil_signal_watch *watch;
	siginfo_t info;

	if (RIG_ON_TSAN) /* merges them */
		return;
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	for (int i = 0; i < 10; i++) {
		union sigval value = { .sival_int = i };

		EXPECT_EQ(sigqueue(getpid(), SIGRTMIN + 1, value), 0);
	}
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(coil_signal_next(watch, &info), SIGRTMIN + 1);
		EXPECT_EQ(info.si_value.sival_int, i);
	}
	coil_signal_close(watch);
}

/* -- Bursts ----------------------------------------------------------------------------------- */

#define BURST 100000

static void *sends_a_burst(void *arg)
{
	union sigval value = { .sival_int = 1 };

	(void)arg;
	for (int i = 0; i < BURST; i++) {
		kill(getpid(), SIGUSR1);
		if (i % 4 == 0)
			sigqueue(getpid(), SIGRTMIN, value);
	}
	kill(getpid(), SIGUSR2);
	return NULL;
}

/* Nobody is held up, and that each has come is known. */
static int lives_through_a_burst(void *arg)
{
	struct coil_signal_watch *watch;
	sigset_t set = set_of(SIGUSR1);
	unsigned seen[65] = { 0 };
	pthread_t thread;
	int signum = 0;

	(void)arg;
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN);
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	EXPECT_EQ(pthread_create(&thread, NULL, sends_a_burst, NULL), 0);
	while (signum != SIGUSR2) {
		signum = coil_signal_next(watch, NULL);
		EXPECT_GT(signum, 0);
		seen[signum > 0 ? signum : 0]++;
	}
	pthread_join(thread, NULL);
	EXPECT_GE(seen[SIGUSR1], 1);
	EXPECT_GE(seen[SIGRTMIN], 1);
	raise(SIGUSR1);
	rig_turns(3);
	do {
		signum = coil_signal_next(watch, NULL);
	} while (signum == SIGRTMIN);
	EXPECT_EQ(signum, SIGUSR1);
	coil_signal_close(watch);
	return 0;
}

TEST(signals, a_hundred_thousand_in_a_burst)
{
	struct coil_options options = rig_options();

	NEEDS_KERNEL();
	if (RIG_ON_TSAN)
		SKIP("ThreadSanitizer keeps signals from a thread that sleeps in the ring");
	options.off |= COIL_NO_REPORTS;
	EXPECT_EQ(coil_run_with(&options, lives_through_a_burst, NULL), 0);
	EXPECT(is_default(SIGUSR1));
}

/* Without anybody to take them: bounded, counted, told once, and the fact stays. */
static int overflows(void *arg)
{
	struct coil_signal_watch *watch;
	sigset_t set = set_of(SIGRTMIN);
	union sigval value = { .sival_int = 1 };
	int n = 0;

	(void)arg;
	sigaddset(&set, SIGUSR1);
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	for (int i = 0; i < 40; i++)
		sigqueue(getpid(), SIGRTMIN, value);
	raise(SIGUSR1);
	rig_turns(4);
	EXPECT_EQ(coil_signal_lost(watch), 24);
	while (coil_signal_next(watch, NULL) == SIGRTMIN)
		n++;
	EXPECT_EQ(n, 16);
	EXPECT_EQ(coil_signal_next(watch, NULL), SIGRTMIN); /* the fact, after the lowest */
	coil_signal_close(watch);
	return 0;
}

TEST(signals, an_overflow_is_counted_and_told)
{
	char text[512];
	int ends[2];
	ssize_t n;
	int old;

	NEEDS_KERNEL();
	if (RIG_ON_TSAN)
		SKIP("ThreadSanitizer merges realtime signals");
	old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
	dup3(ends[1], STDERR_FILENO, 0);
	EXPECT_EQ(rig_run(overflows, NULL), 0);
	dup3(old, STDERR_FILENO, 0);
	close(old);
	close(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	close(ends[0]);
	text[n > 0 ? n : 0] = '\0';
	EXPECT(strstr(text, "came faster than it was taken"));
	EXPECT(!strstr(strchr(text, '\n') ? strchr(text, '\n') : "", "faster"));
}

/* -- Limits ------------------------------------------------------------------------------------ */

static void expect_no_memory(const sigset_t *set)
{
	struct coil_signal_watch *watch;

	shortage.is_on = true;
	EXPECT_EQ(coil_signal_open(&watch, set), -ENOMEM);
	EXPECT_EQ(coil_on_signal(SIGUSR1, rig_return, NULL), -ENOMEM);
	shortage.is_on = false;
	EXPECT(is_default(SIGUSR1));
}

static int runs_short_of_memory(void *arg)
{
	struct coil_signal_watch *watch;
	sigset_t set = set_of(SIGUSR1);

	shortage.is_on = true;
	EXPECT_EQ(coil_signal_wait(&set, NULL), -ENOMEM); /* the loop's first use of signals */
	expect_no_memory(&set);
	EXPECT_EQ(coil_signal_open(&watch, &set), 0);
	coil_signal_close(watch);
	expect_no_memory(&set);
	return (int)(intptr_t)arg;
}

TEST(signals, without_memory_nothing_is_taken)
{
	struct coil_options options = rig_options();

	NEEDS_KERNEL();
	options.alloc = &shortage_alloc;
	EXPECT_EQ(coil_run_with(&options, runs_short_of_memory, WORD(2)), 2);
}

#define LOOPS 64

static pthread_barrier_t all_use, all_leave;

static void *uses_signals(void *arg)
{
	struct coil_options options = rig_options();
	struct coil_loop *loop;

	options.sq_entries = 4;
	options.cq_entries = 8;
	EXPECT_EQ(coil_loop_open(&loop, &options), 0);
	EXPECT_EQ(coil_on_signal(SIGUSR1, rig_return, arg), 0);
	pthread_barrier_wait(&all_use);
	pthread_barrier_wait(&all_leave);
	EXPECT_EQ(coil_loop_close(loop), 0);
	return NULL;
}

static int is_one_too_many(void *arg)
{
	EXPECT_EQ(coil_on_signal(SIGUSR1, rig_return, arg), -ENOBUFS);
	EXPECT(strstr(coil_last_error(), "64 loops"));
	return 0;
}

TEST(signals, sixty_four_loops_may_use_them)
{
	pthread_t threads[LOOPS];

	NEEDS_KERNEL();
	if (RIG_IS_SLOW)
		SKIP("64 rings");
	pthread_barrier_init(&all_use, NULL, LOOPS + 1);
	pthread_barrier_init(&all_leave, NULL, LOOPS + 1);
	for (int i = 0; i < LOOPS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, uses_signals, NULL), 0);
	pthread_barrier_wait(&all_use);
	EXPECT_EQ(rig_run(is_one_too_many, NULL), 0);
	pthread_barrier_wait(&all_leave);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(threads[i], NULL);
	EXPECT(is_default(SIGUSR1));
}
