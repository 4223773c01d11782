/* SPDX-License-Identifier: MIT */
/* coil_offload: results, cancels, what is left behind. semantics.md B17. */
#include "task/rig.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

static _Atomic int begun;
static _Atomic int gate;
static _Atomic int ended;
static _Atomic int left_result;
static _Atomic int is_left;

static void reset(void)
{
	atomic_store(&begun, 0);
	atomic_store(&gate, 0);
	atomic_store(&ended, 0);
	atomic_store(&left_result, 0);
	atomic_store(&is_left, 0);
}

static void nap(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

/* Blocks its thread until the gate is open. */
static int waits_for_gate(void *result)
{
	atomic_fetch_add(&begun, 1);
	while (!atomic_load(&gate))
		nap();
	atomic_fetch_add(&ended, 1);
	return (int)(intptr_t)result;
}

static int waits_until_cancelled(void *result)
{
	atomic_fetch_add(&begun, 1);
	while (!coil_work_cancelled())
		nap();
	atomic_fetch_add(&ended, 1);
	return (int)(intptr_t)result;
}

static void until_begun(int count)
{
	while (atomic_load(&begun) < count)
		coil_sleep(1 * COIL_MSEC);
}

struct place {
	pthread_t thread;
	char name[16];
	bool takes_no_signals;
	bool has_loop;
};

static int looks_around(void *arg)
{
	struct place *place = arg;
	sigset_t mask;

	place->thread = pthread_self();
	prctl(PR_GET_NAME, place->name);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	place->takes_no_signals = sigismember(&mask, SIGTERM) == 1;
	place->has_loop = coil_loop_current() != NULL;
	errno = ENOENT; /* tidy: allow */
	return 5;
}

IN_TASK(offload, runs_on_a_named_thread_without_signals_and_loop)
{
	struct place place = { .has_loop = true };

	errno = EXDEV; /* tidy: allow */
	EXPECT_EQ(coil_offload(looks_around, &place), 5);
	EXPECT_EQ(errno, EXDEV);
	EXPECT(!pthread_equal(place.thread, pthread_self()));
	EXPECT_STR_EQ(place.name, "coil-work");
	EXPECT(place.takes_no_signals);
	EXPECT(!place.has_loop);
	EXPECT(!coil_work_cancelled());
}

IN_TASK(offload, an_error_is_the_result)
{
	EXPECT_EQ(coil_offload(rig_return, WORD(-EIO)), -EIO);
	EXPECT_EQ(coil_offload_with(NULL, rig_return, WORD(-EXDEV)), -EXDEV);
}

static int offloads_the_gate(void *result)
{
	return coil_offload(waits_for_gate, result);
}

/* The loop turns while a thread is blocked. */
IN_TASK(offload, never_blocks_a_turn)
{
	struct coil_task *task;
	uint64_t turns = rig_stats().turns;

	reset();
	task = coil_spawn(offloads_the_gate, WORD(9));
	until_begun(1);
	rig_turns(100);
	EXPECT_GE(rig_stats().turns, turns + 100);
	EXPECT(!coil_future_done(coil_task_future(task)));
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_join(task), 9);
}

/* asyncio's run_in_executor: the thread goes on; and so does the await, whose frame it may use. */
IN_TASK(offload, b17_2_a_cancel_does_not_stop_the_thread)
{
	struct coil_task *task;

	reset();
	task = coil_spawn(offloads_the_gate, WORD(-EIO));
	until_begun(1);
	coil_cancel(task);
	coil_sleep(2 * COIL_MSEC);
	EXPECT(!coil_future_done(coil_task_future(task)));
	atomic_store(&gate, 1);
	EXPECT_EQ(coil_join(task), -EIO);
	EXPECT_EQ(atomic_load(&ended), 1);
}

static int offloads_then_sleeps(void *result)
{
	EXPECT_EQ(coil_offload(waits_until_cancelled, result), (int)(intptr_t)result);
	return coil_sleep(COIL_FOREVER);
}

IN_TASK(offload, a_result_in_spite_of_a_cancel_is_kept)
{
	struct coil_task *task;

	reset();
	task = coil_spawn(offloads_then_sleeps, WORD(3));
	until_begun(1);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(atomic_load(&ended), 1);
}

static int offloads_until_cancelled(void *result)
{
	return coil_offload(waits_until_cancelled, result);
}

/* What had not begun when its time was over is asked for again, with more time. */
static int offloads_in_time(int result)
{
	int64_t time = COIL_MSEC;
	int rc;

	do {
		reset();
		rc = coil_timeout(time, offloads_until_cancelled, WORD(result));
		time *= 2;
	} while (atomic_load(&begun) == 0);
	EXPECT_EQ(atomic_load(&ended), 1);
	return rc;
}

IN_TASK(offload, a_deadline_tells_the_thread)
{
	EXPECT_EQ(offloads_in_time(-ECANCELED), -ETIME);
	EXPECT_EQ(offloads_in_time(4), 4);
}

IN_TASK(offload, nothing_begins_in_a_cancelled_scope)
{
	struct coil_scope scope;

	reset();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EPROTO, NULL);
	EXPECT_EQ(coil_offload(waits_for_gate, NULL), -EPROTO);
	EXPECT_EQ(coil_scope_close(&scope), -EPROTO);
	EXPECT_EQ(atomic_load(&begun), 0);
}

static int many_entry(void *arg)
{
	struct coil_task *tasks[200];

	(void)arg;
	for (int i = 0; i < 200; i++)
		tasks[i] = coil_spawn(offloads_the_gate, WORD(i));
	atomic_store(&gate, 1);
	for (int i = 0; i < 200; i++)
		EXPECT_EQ(coil_join(tasks[i]), i);
	return 0;
}

TEST(offload, two_hundred_share_the_default_pool)
{
	reset();
	EXPECT_EQ(rig_run(many_entry, NULL), 0);
}

/* -- What is left behind ---------------------------------------------------------------------- */

struct parcel {
	int in;
	int out;
};

static int fills_parcel(void *arg)
{
	struct parcel *parcel = arg;

	parcel->out = parcel->in + 1;
	return 2;
}

static void note_left(void *arg, int result)
{
	(void)arg;
	atomic_store(&left_result, result);
}

static struct coil_offload_options left_options(size_t arg_bytes)
{
	return (struct coil_offload_options){
		.size = sizeof(struct coil_offload_options),
		.flags = COIL_OFFLOAD_ABANDON,
		.arg_bytes = arg_bytes,
		.on_left = note_left,
		.name = "errand",
	};
}

IN_TASK(offload, a_copied_argument_comes_back)
{
	struct coil_offload_options options = left_options(sizeof(struct parcel));
	struct parcel parcel = { .in = 41 };

	reset();
	EXPECT_EQ(coil_offload_with(&options, fills_parcel, &parcel), 2);
	EXPECT_EQ(parcel.out, 42);
	EXPECT_EQ(atomic_load(&left_result), 0);
}

static int leaves_it(void *result)
{
	struct coil_offload_options options = left_options(0);

	return coil_offload_with(&options, waits_for_gate, result);
}

IN_TASK(offload, what_is_left_behind_runs_to_its_end)
{
	struct coil_task *task;

	reset();
	task = coil_spawn(leaves_it, WORD(8));
	until_begun(1);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(atomic_load(&ended), 0);
	atomic_store(&gate, 1);
	while (!atomic_load(&left_result))
		coil_sleep(1 * COIL_MSEC);
	EXPECT_EQ(atomic_load(&left_result), 8);
}

static int leaves_and_returns(void *arg)
{
	struct coil_task *task = coil_spawn(leaves_it, arg);

	until_begun(1);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	atomic_store(&is_left, 1);
	return 6;
}

static void *opens_the_gate(void *arg)
{
	while (!atomic_load(&is_left))
		nap();
	nap(); /* the loop is about to end by now */
	atomic_store(&gate, 1);
	return arg;
}

TEST(offload, the_end_of_the_loop_waits_for_what_was_left_behind)
{
	pthread_t thread;

	reset();
	ASSERT_EQ(pthread_create(&thread, NULL, opens_the_gate, NULL), 0);
	EXPECT_EQ(rig_run(leaves_and_returns, WORD(8)), 6);
	EXPECT_EQ(atomic_load(&left_result), 8);
	pthread_join(thread, NULL);
}

/* Beyond the bound: the loop goes, the work ends without it. */
TEST(offload, what_outlives_the_loop_is_named)
{
	struct coil_options options = rig_options();
	int ends[2];
	char text[512];
	ssize_t n;
	int old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	reset();
	options.shutdown_ns = 10 * COIL_MSEC;
	ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
	dup3(ends[1], STDERR_FILENO, 0);
	EXPECT_EQ(coil_run_with(&options, leaves_and_returns, WORD(8)), 6);
	dup3(old, STDERR_FILENO, 0);
	close(old);
	close(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	close(ends[0]);
	text[n > 0 ? n : 0] = '\0';
	EXPECT(strstr(text, "\"errand\" of pool \"default\" has not ended in time"));
	EXPECT_EQ(atomic_load(&left_result), 0);
	atomic_store(&gate, 1);
	while (!atomic_load(&left_result))
		nap();
	EXPECT_EQ(atomic_load(&left_result), 8);
}

/* Whoever wins: the memory is freed once, and the result is one of two. */
static int racing(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		struct coil_offload_options options = left_options(sizeof(struct parcel));
		struct parcel parcel = { .in = i };
		struct coil_scope scope;
		int rc;

		coil_scope_open(&scope);
		coil_scope_deadline(&scope, coil_now() + (i % 50) * COIL_USEC);
		rc = coil_offload_with(&options, fills_parcel, &parcel);
		EXPECT(rc == 2 || rc == -ETIME);
		if (rc == 2)
			EXPECT_EQ(parcel.out, i + 1);
		coil_scope_close(&scope);
	}
	return 0;
}

TEST(offload, leaving_races_with_ending)
{
	EXPECT_EQ(rig_run(racing, NULL), 0);
}

IN_TASK(offload, options_out_of_bounds_are_refused_in_words)
{
	struct coil_offload_options options = { .size = 0 };

	EXPECT_EQ(coil_offload_with(&options, rig_return, NULL), -EINVAL);
	options.size = sizeof options;
	options.flags = 1u << 7;
	EXPECT_EQ(coil_offload_with(&options, rig_return, NULL), -EINVAL);
	EXPECT(strstr(coil_last_error(), "unknown bit"));
	options.flags = 0;
	options.arg_bytes = 1;
	EXPECT_EQ(coil_offload_with(&options, rig_return, NULL), -EINVAL);
	EXPECT(strstr(coil_last_error(), "COIL_OFFLOAD_ABANDON"));
}

static int sleeps_there(void *arg)
{
	(void)arg;
	return coil_sleep(1);
}

static int misuses(void *arg)
{
	return coil_offload(sleeps_there, arg);
}

TEST_SIGNAL(offload, waiting_on_a_helper_thread_stops_the_program, SIGABRT,
	    "coil_sleep: called on a thread that runs no loop")
{
	rig_run(misuses, NULL);
}

TEST_SIGNAL(offload, outside_of_a_loop_it_stops_the_program, SIGABRT,
	    "coil_offload: called on a thread that runs no loop")
{
	coil_offload(rig_return, NULL);
}

/* A child of fork has no loop; it may run one of its own, with threads of its own. */
static int own_loop_in_child(void *arg)
{
	(void)arg;
	return coil_offload(rig_return, WORD(77));
}

static int forks_well(void *arg)
{
	int status = -1;
	pid_t child;

	(void)arg;
	EXPECT_EQ(coil_offload(rig_return, WORD(1)), 1);
	child = fork();
	if (child == 0)
		_exit(rig_run(own_loop_in_child, NULL) == 77 ? 0 : 1);
	EXPECT_EQ(waitpid(child, &status, 0), child);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(coil_offload(rig_return, WORD(2)), 2);
	return 0;
}

TEST(offload, a_forked_child_has_its_own)
{
	if (RIG_ON_TSAN)
		SKIP("ThreadSanitizer knows no threads in children of fork");
	EXPECT_EQ(rig_run(forks_well, NULL), 0);
}
