/* SPDX-License-Identifier: MIT */
/* Chains: linked operations. */
#include "task/rig.h"

#include "loop/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>

IN_TASK(chain, runs_in_order_in_one_submission)
{
	int fds[2];
	char bytes[6] = "";
	struct coil_op steps[2];
	struct coil_stats before, after;

	rig_pair(fds);
	steps[0] = coil_op_send(fds[1], "hello", 5, MSG_WAITALL);
	steps[1] = coil_op_recv(fds[0], bytes, 5, 0);
	coil_nop();
	before = rig_stats();
	EXPECT_EQ(coil_chain(steps, 2, 0), 0);
	after = rig_stats();
	EXPECT_EQ(after.sqes - before.sqes, 2);
	EXPECT_LE(after.enters - before.enters, 2);
	EXPECT_STR_EQ(bytes, "hello");
	EXPECT_EQ(coil_future_result(&steps[1].future), 5);
	rig_close(fds);
}

/* Nothing else is in flight, so that the loop may wait for the whole of it. */
IN_TASK(chain, alone_it_is_one_enter)
{
	const unsigned needed = DRIVER_MIN_WAIT | DRIVER_DEFER_TASKRUN;
	bool is_patient = (loop_current->driver->features & needed) == needed;
	struct coil_op steps[8];
	struct coil_stats before, after;

	for (int i = 0; i < 8; i++)
		steps[i] = coil_op_nop();
	coil_nop();
	before = rig_stats();
	EXPECT_EQ(coil_chain(steps, 8, 0), 0);
	after = rig_stats();
	EXPECT_EQ(after.sqes - before.sqes, 8);
	EXPECT_LE(after.enters - before.enters, is_patient ? 1 : 9);
}

static void *resolve_late(void *promise)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	nanosleep(&pause, NULL);
	coil_promise_resolve_from_thread(promise, 7);
	return NULL;
}

struct chain_on_two {
	struct coil_promise promise;
	int fds[2];
};

static int waits_then_sends(void *arg)
{
	struct chain_on_two *two = arg;

	EXPECT_EQ(coil_await(&two->promise.future), 7);
	return coil_send(two->fds[1], "x", 1, 0);
}

/* The loop waits for both steps at once, and a message is but one completion. */
IN_REAL_TASK(chain, alone_it_does_not_keep_messages_out)
{
	struct chain_on_two two;
	struct coil_op steps[2];
	struct coil_task *other;
	pthread_t thread;
	char byte;

	coil_promise_init(&two.promise);
	rig_pair(two.fds);
	other = coil_spawn(waits_then_sends, &two);
	EXPECT_EQ(pthread_create(&thread, NULL, resolve_late, &two.promise), 0);
	steps[0] = coil_op_recv(two.fds[0], &byte, 1, 0);
	steps[1] = coil_op_nop();
	EXPECT_EQ(coil_chain(steps, 2, 0), 0);
	EXPECT_EQ(coil_join(other), 1);
	pthread_join(thread, NULL);
	coil_promise_deinit(&two.promise);
	rig_close(two.fds);
}

IN_TASK(chain, a_failed_step_stops_the_later_ones)
{
	char byte;
	struct coil_op steps[] = { coil_op_nop(), coil_op_recv(-1, &byte, 1, 0), coil_op_nop(),
				   coil_op_nop() };

	EXPECT_EQ(coil_chain(steps, 4, 0), -EBADF);
	EXPECT_EQ(coil_future_result(&steps[0].future), 0);
	EXPECT_EQ(coil_future_result(&steps[2].future), -ECANCELED);
	EXPECT_EQ(coil_future_result(&steps[3].future), -ECANCELED);
}

IN_TASK(chain, hard_links_go_on_after_a_failure)
{
	char byte;
	struct coil_op steps[] = { coil_op_nop(), coil_op_recv(-1, &byte, 1, 0), coil_op_nop(),
				   coil_op_nop() };

	EXPECT_EQ(coil_chain(steps, 4, COIL_HARD), -EBADF);
	EXPECT_EQ(coil_future_result(&steps[2].future), 0);
	EXPECT_EQ(coil_future_result(&steps[3].future), 0);
}

/* Linux posts the errno of a failed fsync, and starts the next step nevertheless. */
IN_TASK(chain, a_failure_that_the_kernel_hides_stops_the_later_ones_too)
{
	struct coil_op steps[3];
	int fds[2];

	rig_pair(fds);
	steps[0] = coil_op_nop();
	steps[1] = coil_op_fsync(fds[0]);
	steps[2] = coil_op_send(fds[1], "x", 1, 0);
	EXPECT_EQ(coil_chain(steps, 3, 0), -EINVAL);
	EXPECT_EQ(coil_future_result(&steps[1].future), -EINVAL);
	EXPECT_EQ(coil_future_result(&steps[2].future), -ECANCELED);
	steps[1] = coil_op_unlinkat(AT_FDCWD, "/no/such/file", 0);
	EXPECT_EQ(coil_chain(steps, 3, 0), -ENOENT);
	EXPECT_EQ(coil_future_result(&steps[2].future), -ECANCELED);
	EXPECT_EQ(coil_chain(steps, 3, COIL_HARD), -ENOENT);
	EXPECT_EQ(coil_future_result(&steps[2].future), 1);
	rig_close(fds);
}

/* One by one, as in a link: a short vectored read stops the rest. */
IN_REAL_TASK(chain, a_short_vector_breaks_it_without_the_kernel_too)
{
	int file = memfd_create("short", MFD_CLOEXEC);
	char bytes[100];
	const struct iovec iov[2] = { { bytes, 50 }, { bytes + 50, 50 } };
	struct coil_op steps[3];

	EXPECT_EQ(write(file, "0123456789", 10), 10);
	steps[0] = coil_op_fsync(file);
	steps[1] = coil_op_readv(file, iov, 2, 0);
	steps[2] = coil_op_nop();
	EXPECT_EQ(coil_chain(steps, 3, 0), -ECANCELED);
	EXPECT_EQ(coil_future_result(&steps[1].future), 10);
	EXPECT_EQ(coil_future_result(&steps[2].future), -ECANCELED);
	close(file);
}

IN_REAL_TASK(chain, a_short_read_breaks_it)
{
	int file = memfd_create("short", MFD_CLOEXEC);
	char bytes[100];
	struct coil_op steps[2];

	EXPECT_EQ(write(file, "0123456789", 10), 10);
	steps[0] = coil_op_read(file, bytes, sizeof bytes, 0);
	steps[1] = coil_op_nop();
	EXPECT_EQ(coil_chain(steps, 2, 0), -ECANCELED);
	EXPECT_EQ(coil_future_result(&steps[0].future), 10);
	EXPECT_EQ(coil_future_result(&steps[1].future), -ECANCELED);
	steps[0] = coil_op_read(file, bytes, 10, 0);
	EXPECT_EQ(coil_chain(steps, 2, 0), 0);
	close(file);
}

IN_TASK(chain, a_link_timeout_bounds_the_step_before_it)
{
	int fds[2];
	char byte;
	struct timespec limit = { .tv_nsec = 3000000 };
	struct coil_op steps[3];

	rig_pair(fds);
	steps[0] = coil_op_recv(fds[0], &byte, 1, 0);
	steps[1] = coil_op_link_timeout(&limit);
	steps[2] = coil_op_nop();
	EXPECT_EQ(coil_chain(steps, 3, 0), -ETIME);
	EXPECT_EQ(coil_future_result(&steps[2].future), -ECANCELED);
	EXPECT_EQ(rig_write(fds[1], "x", 1), 1);
	EXPECT_EQ(coil_chain(steps, 3, 0), 0);
	EXPECT_EQ(coil_future_result(&steps[0].future), 1);
	EXPECT_EQ(coil_chain(&steps[1], 2, 0), -EINVAL);
	rig_close(fds);
}

static int too_large(void *arg)
{
	struct coil_op steps[9];

	(void)arg;
	for (int i = 0; i < 9; i++)
		steps[i] = coil_op_nop();
	EXPECT_EQ(coil_chain(steps, 9, 0), -E2BIG);
	EXPECT_EQ(coil_chain(steps, 8, 0), 0);
	return 0;
}

TEST(chain, larger_than_the_submission_queue_is_too_big)
{
	EXPECT_EQ(rig_run_on(8, 64, too_large, NULL), 0);
}

/* -- Cancel
 * ------------------------------------------------------------------------------------------- */

struct links {
	int fds[2];
	struct coil_op steps[4];
	char bytes[4];
	int flags;
};

static int run_chain(void *arg)
{
	struct links *links = arg;

	for (int i = 0; i < 4; i++)
		links->steps[i] = coil_op_recv(links->fds[0], &links->bytes[i], 1, 0);
	return coil_chain(links->steps, 4, links->flags);
}

IN_TASK(chain, a_cancel_ends_the_running_step_and_the_later_ones_do_not_start)
{
	struct links links = { .flags = 0 };
	struct coil_task *task;

	rig_pair(links.fds);
	EXPECT_EQ(rig_write(links.fds[1], "x", 1), 1);
	task = coil_spawn(run_chain, &links);
	coil_sleep(2 * COIL_MSEC);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_future_result(&links.steps[0].future), 1);
	for (int i = 1; i < 4; i++)
		EXPECT_EQ(coil_future_result(&links.steps[i].future), -ECANCELED);
	EXPECT_EQ(rig_write(links.fds[1], "y", 1), 1);
	EXPECT_EQ(rig_recv(links.fds[0], links.bytes, 4), 1);
	rig_close(links.fds);
}

IN_TASK(chain, a_cancel_goes_from_step_to_step_of_a_hard_one)
{
	for (int i = 0; i < 50; i++) {
		struct links links = { .flags = COIL_HARD };
		struct coil_task *task;

		rig_pair(links.fds);
		task = coil_spawn(run_chain, &links);
		rig_turns(1 + i % 3);
		if (i % 2)
			coil_nop();
		coil_cancel(task);
		EXPECT_EQ(coil_join(task), -ECANCELED);
		rig_close(links.fds);
	}
}

IN_TASK(chain, a_cancel_that_meets_a_step_on_its_way_out_reaches_the_next_one)
{
	for (int i = 0; i < 200; i++) {
		struct links links = { .flags = i % 2 ? COIL_HARD : 0 };
		struct coil_task *task;
		int rc;

		rig_pair(links.fds);
		task = coil_spawn(run_chain, &links);
		rig_turns(1 + i % 3);
		if (i % 5 > 2)
			coil_nop();
		EXPECT_EQ(rig_write(links.fds[1], "xyz", (size_t)(1 + i % 2)), 1 + i % 2);
		coil_cancel(task);
		rc = coil_join(task);
		EXPECT_EQ(rc, -ECANCELED);
		rig_close(links.fds);
	}
}

/* -- The backlog
 * -------------------------------------------------------------------------------------- */

static int chains_in_a_crowd(void *arg)
{
	static struct coil_op crowd[500];
	struct coil_op steps[3];
	int file = memfd_create("chain", MFD_CLOEXEC);
	char bytes[4] = "";

	(void)arg;
	for (int i = 0; i < 500; i++) {
		crowd[i] = coil_op_nop();
		coil_op_start(&crowd[i]);
	}
	for (int i = 0; i < 50; i++) {
		steps[0] = coil_op_write(file, "abc", 3, 0);
		steps[1] = coil_op_read(file, bytes, 3, 0);
		steps[2] = coil_op_ftruncate(file, 0);
		EXPECT_EQ(coil_chain(steps, 3, 0), 0);
		EXPECT_STR_EQ(bytes, "abc");
		memset(bytes, 0, sizeof bytes);
	}
	for (int i = 0; i < 500; i++)
		EXPECT_EQ(coil_await(&crowd[i].future), 0);
	close(file);
	return 0;
}

static int one_chain(void *arg)
{
	(void)arg;
	return chains_in_a_crowd(NULL);
}

static int many_chains(void *arg)
{
	struct coil_op steps[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		steps[i] = i == 1 ? coil_op_recv(-1, steps, 1, 0) : coil_op_nop();
	for (int round = 0; round < 20; round++) {
		EXPECT_EQ(coil_chain(steps, 4, 0), -EBADF);
		/* Were it split, the last two would have succeeded. */
		EXPECT_EQ(coil_future_result(&steps[2].future), -ECANCELED);
		EXPECT_EQ(coil_future_result(&steps[3].future), -ECANCELED);
	}
	return 0;
}

static int crowd_of_chains(void *arg)
{
	struct coil_group group;

	(void)arg;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (int i = 0; i < 60; i++)
		EXPECT_EQ(coil_go(&group, many_chains, NULL), 0);
	return coil_group_close(&group);
}

TEST(chain, is_never_split_by_a_full_submission_queue)
{
	NEEDS_KERNEL();
	EXPECT_EQ(rig_run_on(4, 64, one_chain, NULL), 0);
	for (unsigned entries = 4; entries <= 8; entries++)
		EXPECT_EQ(rig_run_on(entries, 0, crowd_of_chains, NULL), 0);
}

static int cancelled_in_the_backlog(void *arg)
{
	static struct coil_op crowd[20];
	struct links links = { .flags = 0 };
	struct coil_task *task;
	char byte;

	(void)arg;
	rig_pair(links.fds);
	for (int i = 0; i < 20; i++) {
		crowd[i] = coil_op_recv(links.fds[1], &byte, 1, 0);
		coil_op_start(&crowd[i]);
	}
	task = coil_spawn(run_chain, &links);
	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	for (int i = 0; i < 20; i++)
		coil_op_cancel(&crowd[i]);
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(coil_await(&crowd[i].future), -ECANCELED);
	rig_close(links.fds);
	return 0;
}

TEST(chain, may_be_cancelled_in_the_backlog_as_a_whole)
{
	EXPECT_EQ(rig_run_on(4, 64, cancelled_in_the_backlog, NULL), 0);
}
