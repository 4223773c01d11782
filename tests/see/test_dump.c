/* SPDX-License-Identifier: MIT */
/* The dump: each fact that it has to tell, from a call and from a signal. */
#include "see/reports.h"
#include "task/rig.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

static char dumped[256 << 10];

static void read_back(int fd)
{
	ssize_t n = pread(fd, dumped, sizeof dumped - 1, 0);

	dumped[n > 0 ? n : 0] = '\0';
}

static void dump_now(void)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);

	EXPECT_EQ(coil_dump(fd), 0);
	read_back(fd);
	close(fd);
}

static void expect_line(const char *words, const char *file, int line)
{
	if (strstr(dumped, words))
		return;
	test_fail(file, line, words);
	fputs(dumped, stderr);
}

#define EXPECT_DUMPED(words) expect_line(words, __FILE__, __LINE__)
#define EXPECT_NOT_DUMPED(words) EXPECT(strstr(dumped, words) == NULL)

/* Its name stands in backtraces. */
static __attribute__((noinline)) int waits_for_a_byte(void *fd)
{
	int rc = rig_recv_byte(fd);

	__asm__ volatile("" : : : "memory");
	return rc;
}

static struct coil_task *named(const char *name, int (*entry)(void *arg), void *arg)
{
	struct coil_task_options options = {
		.size = sizeof options, .name = name, .place = COIL_PLACE
	};

	return coil_spawn_with(&options, entry, arg);
}

IN_TASK(dump, tells_the_loop_and_its_counters)
{
	dump_now();
	EXPECT(strncmp(dumped, "coil dump 1\nloop\n  thread: ", 27) == 0);
	EXPECT_DUMPED("\n  written: by call");
	EXPECT_DUMPED("\n  running: 1");
	EXPECT_DUMPED("\n  debug: off");
	EXPECT_DUMPED("\n  counters:\n    turns: ");
	EXPECT_DUMPED("\n    spawned: 1\n");
	EXPECT_DUMPED("\n  root group: supervise, alive 1");
	EXPECT_DUMPED("\n    task 1 \"main\": running");
	EXPECT_DUMPED("\nend of dump\n");
}

IN_TASK(dump, b12_5_tells_what_a_task_waits_for_and_its_stack)
{
	struct coil_task *reader;
	int fds[2];

	rig_pair(fds);
	reader = named("reader", waits_for_a_byte, WORD(fds[0]));
	rig_turns(3);
	dump_now();
	EXPECT_DUMPED("\n    task 2 \"reader\": waiting\n      spawned at: ");
	EXPECT_DUMPED("test_dump.c:");
	EXPECT_DUMPED("\n      awaits: recv on fd ");
	EXPECT_DUMPED(", peer unix \"\"");
	EXPECT_DUMPED("\n      stack: ");
	EXPECT_DUMPED(" waits_for_a_byte+0x");
	EXPECT_EQ(coil_send(fds[1], "a", 1, 0), 1);
	EXPECT_EQ(coil_join(reader), 'a');
	rig_close(fds);
}

static int sleeps_for_a_minute(void *arg)
{
	(void)arg;
	return coil_sleep(1 * COIL_MIN);
}

IN_TASK(dump, tells_deadlines)
{
	struct coil_task *sleeper = named("sleeper", rig_sleep_for_ever, NULL);
	struct coil_task *other;
	struct coil_scope scope;

	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() + 100 * COIL_SEC), 0);
	other = named("other", sleeps_for_a_minute, NULL);
	rig_turns(2);
	dump_now();
	EXPECT_DUMPED("\n      awaits: timer, due in 59.");
	EXPECT_DUMPED("\n      scope: inside, due in 99.");
	EXPECT_EQ(coil_scope_close(&scope), 0);
	EXPECT_EQ(coil_cancel(other), 0);
	EXPECT_EQ(coil_join(other), -ECANCELED);
	EXPECT_EQ(coil_cancel(sleeper), 0);
	EXPECT_EQ(coil_join(sleeper), -ECANCELED);
}

static int gathers(void *tasks)
{
	return coil_gather_tasks(tasks, 3, 0);
}

static int gathers_ops(void *fds)
{
	char bytes[3];
	const int *fd = fds;
	struct coil_op ops[] = {
		coil_op_nop(), coil_op_recv(fd[0], bytes, 1, 0), coil_op_nop()
	};

	return coil_gather_ops(ops, 3, 0);
}

IN_TASK(dump, b12_5_tells_how_far_gathers_have_come)
{
	struct coil_task *tasks[3] = {
		named("quick", rig_return, WORD(0)),
		named("slow", rig_sleep_for_ever, NULL),
		named("slower", rig_sleep_for_ever, NULL),
	};
	struct coil_task *gatherer = named("gatherer", gathers, tasks);
	struct coil_task *batcher;
	int fds[2];

	rig_pair(fds);
	batcher = named("batcher", gathers_ops, fds);
	for (int i = 0; i < 10; i++)
		rig_turns(3);
	coil_sleep(2 * COIL_MSEC);
	dump_now();
	EXPECT_DUMPED("\n      awaits: gather, 1 of 3 done\n"
		      "        of: task 2 \"quick\", done with 0\n        of: task 3 \"slow\"");
	EXPECT_DUMPED("\n      awaits: batch, 2 of 3 done\n        of: nop, done with 0\n"
		      "        of: recv on fd ");
	EXPECT_DUMPED("task 2 \"quick\": done with 0");
	EXPECT_EQ(coil_cancel(gatherer), 0);
	EXPECT_EQ(coil_join(gatherer), -ECANCELED);
	for (int i = 0; i < 3; i++)
		coil_join(tasks[i]);
	EXPECT_EQ(coil_send(fds[1], "a", 1, 0), 1);
	EXPECT_EQ(coil_join(batcher), 0);
	rig_close(fds);
}

static int cleans_up(void *gate)
{
	int rc = coil_sleep(COIL_FOREVER);

	EXPECT_EQ(rc, -EPIPE);
	return rig_ignores_cancel(gate);
}

IN_TASK(dump, a2_10_tells_who_cancelled_whom_and_why)
{
	struct coil_promise gate;
	struct coil_task *task;

	coil_promise_init(&gate);
	task = named("cleaner", cleans_up, &gate);
	rig_turns(2);
	EXPECT_EQ(coil_cancel_with(task, -EPIPE, "the peer went away"), 0);
	EXPECT_EQ(coil_cancel(task), 0);
	rig_turns(3);
	dump_now();
	EXPECT_DUMPED("\n      scope: a shield\n"
		      "      scope: its own, cancelled with EPIPE "
		      "\"the peer went away\" by task 1, 2 requests");
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(task), 7);
	coil_promise_deinit(&gate);
}

static int holds_a_group(void *arg)
{
	struct coil_group group;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, rig_sleep_for_ever, NULL), 0);
	EXPECT_EQ(coil_go(&group, rig_sleep_for_ever, NULL), 0);
	return coil_group_close(&group);
}

IN_TASK(dump, b12_5_tells_the_tree_of_groups)
{
	struct coil_task *parent = named("parent", holds_a_group, NULL);

	rig_turns(3);
	dump_now();
	EXPECT_DUMPED("\n    task 2 \"parent\": waiting");
	EXPECT_DUMPED("\n      awaits: group");
	EXPECT_DUMPED("\n      group: fail fast, alive 2, closing\n"
		      "        task 3 \"task\": waiting");
	EXPECT_DUMPED("\n        task 4 \"task\": waiting");
	EXPECT_EQ(coil_cancel(parent), 0);
	EXPECT_EQ(coil_join(parent), 0);
}

IN_TASK(dump, tells_ages_in_debug_mode)
{
	struct coil_task *reader;
	int fds[2];

	EXPECT_EQ(coil_set_debug(COIL_DEBUG_UNSEEN), 0);
	rig_pair(fds);
	reader = named("reader", waits_for_a_byte, WORD(fds[0]));
	coil_sleep(5 * COIL_MSEC);
	dump_now();
	EXPECT_DUMPED("\n  debug: unseen\n");
	EXPECT_DUMPED(", peer unix \"\", for ");
	EXPECT_DUMPED("\n      ran: 1 times, ");
	EXPECT_DUMPED("\n  operations: 1\n    recv on fd ");
	EXPECT_DUMPED(": of task 2, for ");
	EXPECT_EQ(coil_send(fds[1], "a", 1, 0), 1);
	EXPECT_EQ(coil_join(reader), 'a');
	rig_close(fds);
	EXPECT_EQ(coil_set_debug(0), 0);
}

TEST(dump, needs_a_loop)
{
	EXPECT_EQ(coil_dump(STDERR_FILENO), -ENOENT);
}

IN_TASK(dump, says_what_write_says)
{
	EXPECT_EQ(coil_dump(1 << 20), -EBADF);
}

IN_TASK(dump, takes_any_number_of_tasks)
{
	static struct coil_task *tasks[300];

	for (int i = 0; i < 300; i++)
		tasks[i] = coil_spawn(rig_sleep_for_ever, NULL);
	rig_turns(2);
	dump_now();
	EXPECT_DUMPED("\n    task 301 \"task\": waiting");
	EXPECT_DUMPED("\nend of dump\n");
	for (int i = 0; i < 300; i++) {
		coil_cancel(tasks[i]);
		coil_join(tasks[i]);
	}
}

/* -- By signal -----------------------------------------------------------------------------------
 */

/* Standard error goes to a file meanwhile. */
static int kept_stderr;
static int file;

static void divert(void)
{
	kept_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	file = memfd_create("stderr", MFD_CLOEXEC);
	fcntl(file, F_SETFL, O_APPEND); /* a memfd's position has no lock */
	dup3(file, STDERR_FILENO, O_CLOEXEC);
}

static void divert_back(void)
{
	dup3(kept_stderr, STDERR_FILENO, 0);
	close(kept_stderr);
	read_back(file);
	close(file);
}

static __attribute__((noinline)) int spins(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
	__asm__ volatile("" : : : "memory");
	return 0;
}

IN_TASK(dump, comes_by_signal_while_a_task_computes)
{
	struct coil_task *reader;
	int fds[2];

	rig_pair(fds);
	reader = named("reader", waits_for_a_byte, WORD(fds[0]));
	rig_turns(2);
	EXPECT_EQ(coil_dump_on_signal(SIGUSR1), 0);
	EXPECT_EQ(coil_dump_on_signal(SIGUSR2), -EBUSY);
	divert();
	EXPECT_EQ(coil_join(named("spinner", spins, NULL)), 0);
	divert_back();
	EXPECT_EQ(coil_dump_on_signal(0), 0);
	EXPECT_DUMPED("\n  written: by signal");
	EXPECT_DUMPED("\n  running: 3");
	EXPECT_DUMPED("\n    task 3 \"spinner\": running");
	EXPECT_DUMPED(" spins+0x");
	EXPECT_DUMPED(" waits_for_a_byte+0x");
	EXPECT_DUMPED("\nend of dump\n");
	EXPECT_EQ(coil_send(fds[1], "a", 1, 0), 1);
	EXPECT_EQ(coil_join(reader), 'a');
	rig_close(fds);
}

static pid_t self;
static _Atomic int sleeping;
static _Atomic bool is_killed;

static void *kills(void *arg)
{
	struct timespec pause = { 0, 20000000 };

	(void)arg;
	do
		nanosleep(&pause, NULL);
	while (sleeping < 2);
	kill(self, SIGUSR1);
	nanosleep(&pause, NULL);
	is_killed = true;
	return NULL;
}


static int sleeps_on(void *arg)
{
	(void)arg;
	sleeping++;
	while (!is_killed)
		coil_sleep(200 * COIL_MSEC);
	return 0;
}

static void *runs_another_loop(void *arg)
{
	(void)arg;
	EXPECT_EQ(rig_run(sleeps_on, NULL), 0);
	return NULL;
}

TEST(dump, comes_by_signal_of_every_loop_while_it_sleeps)
{
	pthread_t killer, other;

	self = getpid();
	EXPECT_EQ(coil_dump_on_signal(SIGUSR1), 0);
	divert();
	ASSERT_EQ(pthread_create(&other, NULL, runs_another_loop, NULL), 0);
	ASSERT_EQ(pthread_create(&killer, NULL, kills, NULL), 0);
	EXPECT_EQ(rig_run(sleeps_on, NULL), 0);
	pthread_join(killer, NULL);
	pthread_join(other, NULL);
	divert_back();
	EXPECT_EQ(coil_dump_on_signal(0), 0);
	EXPECT_DUMPED("task 1 \"main\": waiting\n      started: 1 in flight\n"
		      "      awaits: timer, ");
	EXPECT_DUMPED("\nend of dump\ncoil dump 1\n"); /* one after the other */
}

TEST(dump, b12_1_debug_mode_takes_sigquit_and_gives_it_back)
{
	struct sigaction now;

	EXPECT_EQ(coil_set_debug(COIL_DEBUG_DUMP), 0);
	ASSERT_EQ(sigaction(SIGQUIT, NULL, &now), 0);
	EXPECT(now.sa_flags & SA_SIGINFO);
	EXPECT_EQ(coil_set_debug(0), 0);
	ASSERT_EQ(sigaction(SIGQUIT, NULL, &now), 0);
	EXPECT(now.sa_handler == SIG_DFL);
	EXPECT_EQ(coil_dump_on_signal(-1), -EINVAL);
	EXPECT_EQ(coil_dump_on_signal(SIGKILL), -EINVAL);
}

/* A dump at any moment of a busy loop: it may say that it interrupted a change, and never falls
 * over. */
static int churns(void *arg)
{
	struct coil_group group;

	(void)arg;
	for (int i = 0; i < 30; i++) {
		coil_group_open(&group, COIL_GROUP_SUPERVISE);
		for (int k = 0; k < 10; k++)
			coil_go(&group, rig_yield_and_return, WORD(0));
		coil_timeout(COIL_SEC, rig_yield_and_return, NULL);
		EXPECT_EQ(coil_group_close(&group), 0);
	}
	return 0;
}

static _Atomic int is_churning;
static pthread_t churner;

static void *pesters(void *arg)
{
	struct timespec pause = { 0, 300000 };

	(void)arg;
	while (is_churning) {
		pthread_kill(churner, SIGUSR1);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

TEST(dump, by_signal_at_any_moment_of_a_busy_loop)
{
	pthread_t pest;

	EXPECT_EQ(coil_dump_on_signal(SIGUSR1), 0);
	divert();
	is_churning = 1;
	churner = pthread_self();
	ASSERT_EQ(pthread_create(&pest, NULL, pesters, NULL), 0);
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(coil_set_debug(i % 2 ? COIL_DEBUG_UNSEEN : 0), 0);
		EXPECT_EQ(rig_run(churns, NULL), 0);
		EXPECT_EQ(ftruncate(file, 0), 0);
		lseek(file, 0, SEEK_SET);
	}
	is_churning = 0;
	pthread_join(pest, NULL);
	EXPECT_EQ(coil_set_debug(0), 0);
	divert_back();
	EXPECT_EQ(coil_dump_on_signal(0), 0);
}
