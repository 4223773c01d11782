/* SPDX-License-Identifier: MIT */
/* Debug mode: what nobody looked at, closed descriptors, and cancellations that nobody heeds. */
#include "see/reports.h"
#include "task/rig.h"

/* Runs in debug mode, with its reports collected. */
static void run_debugged(unsigned flags, int (*entry)(void *arg))
{
	reports_begin();
	EXPECT_EQ(coil_set_debug(flags), 0);
	EXPECT_EQ(rig_run(entry, NULL), 0);
	EXPECT_EQ(coil_set_debug(0), 0);
}

/* -- Never awaited -------------------------------------------------------------------------------
 */

static int drops_an_op(void *arg)
{
	struct coil_op op = coil_op_read(-1, NULL, 0, 0);

	(void)arg;
	coil_op_start(&op);
	rig_turns(5);
	return 0;
}

TEST(unseen, b12_3_an_operation_that_was_never_awaited)
{
	run_debugged(COIL_DEBUG_UNSEEN, drops_an_op);
	EXPECT_EQ(reports_count(-1), 1);
	EXPECT(reports_have(COIL_REPORT_NEVER_AWAITED,
			    "read, which task 1 started, ended with -9, and nobody looked at it"));
	EXPECT_EQ(reports_last(COIL_REPORT_NEVER_AWAITED).error, -EBADF);
	reports_end();
}

static int looks_at_ops(void *arg)
{
	struct coil_future *futures[1];
	struct coil_op op = coil_op_nop();

	(void)arg;
	coil_op_start(&op);
	EXPECT_EQ(coil_op_await(&op), 0);
	coil_op_start(&op);
	rig_turns(5);
	EXPECT_EQ(coil_future_result(&op.future), 0);
	coil_op_start(&op);
	rig_turns(5);
	EXPECT_EQ(coil_await(&op.future), 0);
	coil_op_start(&op);
	futures[0] = &op.future;
	EXPECT_EQ(coil_gather(futures, 1, 0), 0);
	coil_op_start(&op);
	EXPECT_EQ(coil_race(futures, 1), 0);
	coil_op_start(&op);
	rig_turns(5);
	EXPECT_EQ(coil_op_outcome(&op), COIL_OUTCOME_COMPLETED);
	return 0;
}

TEST(unseen, an_operation_that_was_looked_at_in_any_way_is_none)
{
	run_debugged(COIL_DEBUG_ALL & ~COIL_DEBUG_SLOW, looks_at_ops);
	EXPECT_EQ(reports_count(-1), 0);
	reports_end();
}

static int starts_an_op_again(void *arg)
{
	struct coil_op op = coil_op_nop();

	(void)arg;
	coil_op_start(&op);
	rig_turns(5);
	coil_op_start(&op);
	EXPECT_EQ(coil_op_await(&op), 0);
	return 0;
}

TEST(unseen, an_operation_that_is_started_again_unseen)
{
	run_debugged(COIL_DEBUG_UNSEEN, starts_an_op_again);
	EXPECT_EQ(reports_count(COIL_REPORT_NEVER_AWAITED), 1);
	reports_end();
}

static int drops_a_timer(void *arg)
{
	struct coil_timer seen, unseen;

	(void)arg;
	EXPECT_EQ(coil_timer_start(&seen, coil_now()), 0);
	EXPECT_EQ(coil_timer_start(&unseen, coil_now()), 0);
	EXPECT_EQ(coil_await(&seen.future), 0);
	rig_turns(5);
	return 0;
}

TEST(unseen, b12_3_a_timer_that_was_never_awaited)
{
	run_debugged(COIL_DEBUG_UNSEEN, drops_a_timer);
	EXPECT_EQ(reports_count(-1), 1);
	EXPECT(reports_have(COIL_REPORT_NEVER_AWAITED, "a timer that task 1 started"));
	reports_end();
}

static int drops_promises(void *arg)
{
	struct coil_promise promise;

	(void)arg;
	coil_promise_init(&promise);
	coil_promise_resolve(&promise, -EIO);
	coil_promise_deinit(&promise);

	coil_promise_init(&promise);
	coil_promise_resolve(&promise, 1);
	EXPECT_EQ(coil_await(&promise.future), 1);
	coil_promise_deinit(&promise);

	coil_promise_init(&promise); /* pending: may be dropped */
	coil_promise_deinit(&promise);
	return 0;
}

TEST(unseen, b12_3_a_promise_whose_result_nobody_looked_at)
{
	run_debugged(COIL_DEBUG_UNSEEN, drops_promises);
	EXPECT_EQ(reports_count(-1), 1);
	EXPECT(reports_have(COIL_REPORT_NEVER_AWAITED, "was resolved with -5"));
	reports_end();
}

/* -- Tasks ---------------------------------------------------------------------------------------
 */

static int joins_some(void *arg)
{
	struct coil_group group;

	(void)arg;
	EXPECT_EQ(coil_join(coil_spawn(rig_return, WORD(1))), 1);
	EXPECT_EQ(coil_join(coil_spawn(rig_sleep_and_return, WORD(1))), 1);
	coil_group_open(&group, COIL_GROUP_SUPERVISE);
	EXPECT_EQ(coil_go(&group, rig_return, WORD(2)), 0);
	EXPECT(coil_spawn(rig_return, WORD(3)) != NULL);
	EXPECT_EQ(coil_group_close(&group), 0);
	EXPECT(coil_spawn(rig_return, WORD(4)) != NULL);
	return 0;
}

TEST(unseen, b12_3_tasks_that_nobody_joined)
{
	run_debugged(COIL_DEBUG_UNSEEN, joins_some);
	EXPECT_EQ(reports_count(-1), 2);
	EXPECT(reports_have(COIL_REPORT_NEVER_JOINED, "test_unseen.c"));
	EXPECT(reports_have(COIL_REPORT_NEVER_JOINED, "ended with 3 and was never joined"));
	EXPECT(reports_have(COIL_REPORT_NEVER_JOINED, "ended with 4 and was never joined"));
	reports_end();
}

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

static int lives_on(void *arg)
{
	(void)arg;
	EXPECT(coil_spawn(fails, NULL) != NULL);
	coil_sleep(1300 * COIL_MSEC); /* the loop sleeps, too: nothing else wakes it */
	EXPECT_EQ(reports_count(COIL_REPORT_FAILURE), 1);
	return 0;
}

TEST(unseen, a_failure_is_told_before_the_end_of_the_program)
{
	run_debugged(COIL_DEBUG_UNSEEN, lives_on);
	EXPECT_EQ(reports_count(-1), 1); /* once, not at the end again */
	reports_end();
}

/* -- Descriptors ---------------------------------------------------------------------------------
 */

static int closes_under_a_read(void *arg)
{
	struct coil_task *reader;
	int fds[2];

	(void)arg;
	rig_pair(fds);
	reader = coil_spawn(rig_recv_byte, WORD(fds[0]));
	rig_turns(3);
	EXPECT_EQ(coil_close(fds[0]), 0);
	EXPECT(reports_have(COIL_REPORT_CLOSED_FD, "is closed by task 1 while recv on fd"));
	EXPECT_EQ(reports_last(COIL_REPORT_CLOSED_FD).fd, fds[0]);
	EXPECT_EQ(reports_last(COIL_REPORT_CLOSED_FD).task, 2);
	EXPECT_EQ(rig_recv_byte(WORD(fds[0])), -EBADF);
	EXPECT(reports_have(COIL_REPORT_CLOSED_FD, "of task 1: task 1 closed that"));
	EXPECT_EQ(coil_send(fds[1], "a", 1, 0), 1);
	EXPECT_EQ(coil_join(reader), 'a');
	EXPECT_EQ(coil_close(fds[1]), 0);
	return 0;
}

TEST(unseen, a_descriptor_that_is_closed_under_an_operation_is_named)
{
	run_debugged(COIL_DEBUG_FDS, closes_under_a_read);
	EXPECT_EQ(reports_count(COIL_REPORT_CLOSED_FD), 2);
	reports_end();
}

static int closes_in_order(void *arg)
{
	char byte;
	int fds[2];

	(void)arg;
	rig_pair(fds);
	{
		struct coil_op steps[] = { coil_op_send(fds[0], "a", 1, 0), coil_op_close(fds[0]) };

		EXPECT_EQ(coil_chain(steps, 2, 0), 0);
	}
	EXPECT_EQ(coil_recv(fds[1], &byte, 1, 0), 1);
	EXPECT_EQ(coil_close(fds[1]), 0);
	return 0;
}

TEST(unseen, a_chain_that_ends_in_a_close_is_fine)
{
	run_debugged(COIL_DEBUG_ALL & ~COIL_DEBUG_SLOW, closes_in_order);
	EXPECT_EQ(reports_count(-1), 0);
	reports_end();
}

/* -- Cancellation --------------------------------------------------------------------------------
 */

static int turns_a_deaf_ear(void *times)
{
	for (int i = 0; i < (int)(intptr_t)times; i++)
		EXPECT_EQ(coil_sleep(COIL_FOREVER), -ECANCELED);
	return -ECANCELED;
}

static int cancels_a_deaf_one(void *times)
{
	struct coil_task *task = coil_spawn(turns_a_deaf_ear, times);

	rig_turns(3);
	EXPECT_EQ(coil_cancel_with(task, -ECANCELED, "enough"), 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	return 0;
}

static int cancels_the_deaf(void *arg)
{
	(void)arg;
	cancels_a_deaf_one(WORD(999));
	EXPECT_EQ(reports_count(-1), 0);
	return cancels_a_deaf_one(WORD(1100));
}

TEST(unseen, a2_2_a_task_that_met_its_cancellation_1000_times_is_named)
{
	run_debugged(COIL_DEBUG_CANCEL, cancels_the_deaf);
	EXPECT_EQ(reports_count(-1), 1);
	EXPECT(reports_have(COIL_REPORT_IGNORES_CANCEL,
			    "met its cancellation (ECANCELED, enough) 1000 times and goes on"));
	EXPECT_EQ(reports_last(COIL_REPORT_IGNORES_CANCEL).task, 3);
	reports_end();
}

/* -- The whole of the library, in debug mode: nothing to tell ------------------------------------
 */

static int talks(void *arg)
{
	struct coil_stream *stream = arg;
	char bytes[64];
	int n;

	while ((n = coil_stream_read(stream, bytes, sizeof bytes)) > 0)
		if (coil_stream_write(stream, bytes, (size_t)n) < 0)
			break;
	coil_stream_close(stream);
	return 0;
}

static int serves(void *arg)
{
	struct coil_listener *listener;
	struct coil_stream *ours, *theirs;
	struct coil_group group;
	char service[8] = "0";
	char bytes[8];

	(void)arg;
	EXPECT_EQ(coil_listen_unix(&listener, "/tmp/coil-see-test.sock", NULL), 0);
	(void)service;
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_connect_unix(&ours, "/tmp/coil-see-test.sock", NULL), 0);
	EXPECT_EQ(coil_accept(listener, &theirs), 0);
	EXPECT_EQ(coil_go(&group, talks, theirs), 0);
	EXPECT_EQ(coil_stream_write(ours, "hello", 5), 5);
	EXPECT_EQ(coil_stream_read(ours, bytes, sizeof bytes), 5);
	coil_stream_close(ours);
	EXPECT_EQ(coil_group_close(&group), 0);
	coil_listener_close(listener);
	return 0;
}

TEST(unseen, a_correct_program_is_not_reported)
{
	run_debugged(COIL_DEBUG_ALL & ~COIL_DEBUG_SLOW, serves);
	EXPECT_EQ(reports_count(-1), 0);
	reports_end();
}
