/* SPDX-License-Identifier: MIT */
/* Cancel against completion: the race table of architecture.md, row by row. */
#include "task/rig.h"

#include "future/future.h"

#include <fcntl.h>

/* What the table is about: one await, and the wait after it. */
struct racer {
	struct coil_op op;
	struct coil_task *task;
	int result;
	int next;
	int outcome;
	struct coil_hook hook;
};

static int race_op(void *arg)
{
	struct racer *racer = arg;

	racer->result = coil_op_await(&racer->op);
	racer->outcome = coil_op_outcome(&racer->op);
	racer->next = coil_sleep(1 * COIL_SEC);
	return racer->result;
}

/* Starts the racer, lets it run for some turns and @wait_ns, and cancels it. */
static int race(struct racer *racer, int64_t wait_ns)
{
	racer->task = coil_spawn(race_op, racer);
	coil_yield();
	if (wait_ns)
		coil_sleep(wait_ns);
	EXPECT_EQ(coil_cancel(racer->task), 0);
	return coil_join(racer->task);
}

IN_TASK(races, a_cqe_that_says_cancelled_returns_the_reason_of_the_scope)
{
	int fds[2];
	char byte;
	struct racer racer = { .result = 1 };
	struct coil_stats before, after;

	rig_pair(fds);
	before = rig_stats();
	racer.op = coil_op_recv(fds[0], &byte, 1, 0);
	EXPECT_EQ(race(&racer, 2 * COIL_MSEC), -ECANCELED);
	after = rig_stats();
	EXPECT_EQ(racer.result, -ECANCELED);
	EXPECT_EQ(racer.next, -ECANCELED);
	EXPECT_EQ(racer.outcome, COIL_OUTCOME_CANCELLED);
	EXPECT_EQ(after.cancels - before.cancels, 1);
	EXPECT_EQ(after.owed, before.owed);
	rig_close(fds);
}

IN_TASK(races, the_reason_is_the_one_that_the_canceller_gave)
{
	int fds[2];
	struct coil_task *task;

	rig_pair(fds);
	task = coil_spawn(rig_recv_byte, WORD(fds[0]));
	coil_yield();
	coil_cancel_with(task, -ESHUTDOWN, "the building burns");
	EXPECT_EQ(coil_join(task), -ESHUTDOWN);
	rig_close(fds);
}

IN_TASK(races, a_cqe_with_a_whole_result_returns_it_and_the_next_await_meets_the_cancel)
{
	struct racer racer = { .op = coil_op_nop(), .result = 1 };

	/* Both are pushed in this turn: the operation is submitted first, and completes. */
	EXPECT_EQ(race(&racer, 0), 0);
	EXPECT_EQ(racer.result, 0);
	EXPECT_EQ(racer.next, -ECANCELED);
	EXPECT_EQ(racer.outcome, COIL_OUTCOME_COMPLETED_FIRST);
}

IN_TASK(races, a_cqe_with_bytes_returns_the_bytes)
{
	int fds[2];
	char bytes[8] = "";
	struct racer racer = { .result = 1 };

	rig_pair(fds);
	EXPECT_EQ(rig_write(fds[1], "hello", 5), 5);
	racer.op = coil_op_recv(fds[0], bytes, sizeof bytes, 0);
	EXPECT_EQ(race(&racer, 0), 5);
	EXPECT_STR_EQ(bytes, "hello");
	EXPECT_EQ(racer.next, -ECANCELED);
	rig_close(fds);
}

IN_TASK(races, a_waitall_that_got_some_bytes_returns_the_partial_count)
{
	int fds[2];
	char bytes[100];
	struct racer racer = { .result = 1 };

	rig_pair(fds);
	EXPECT_EQ(rig_write(fds[1], "0123456789", 10), 10);
	racer.op = coil_op_recv(fds[0], bytes, sizeof bytes, MSG_WAITALL);
	EXPECT_EQ(race(&racer, 5 * COIL_MSEC), 10);
	EXPECT_EQ(racer.next, -ECANCELED);
	EXPECT_EQ(racer.outcome, COIL_OUTCOME_PARTIAL);
	EXPECT_MEM_EQ(bytes, "0123456789", 10);
	rig_close(fds);
}

IN_TASK(races, a_waitall_send_that_sent_some_bytes_returns_the_partial_count)
{
	static char bytes[4 << 20];
	int fds[2];
	struct racer racer = { .result = 1 };
	char drain[65536];
	ssize_t n;
	ssize_t got = 0;

	rig_pair(fds);
	racer.op = coil_op_send(fds[1], bytes, sizeof bytes, MSG_WAITALL);
	EXPECT_GT(race(&racer, 5 * COIL_MSEC), 0);
	EXPECT_LT(racer.result, sizeof bytes);
	EXPECT_EQ(racer.outcome, COIL_OUTCOME_PARTIAL);
	EXPECT_EQ(racer.next, -ECANCELED);
	while ((n = rig_recv(fds[0], drain, sizeof drain)) > 0)
		got += n;
	EXPECT_EQ(got, racer.result);
	rig_close(fds);
}

IN_TASK(races, a_cqe_with_another_error_returns_that_error_and_the_next_await_the_reason)
{
	char byte;
	struct racer racer = { .op = coil_op_recv(-1, &byte, 1, 0), .result = 1 };

	EXPECT_EQ(race(&racer, 0), -EBADF);
	EXPECT_EQ(racer.next, -ECANCELED);
	EXPECT_EQ(racer.outcome, COIL_OUTCOME_COMPLETED_FIRST);
}

TEST(races, interrupted_in_any_of_the_kernels_words_counts_as_cancelled)
{
	EXPECT(result_is_cancel(-ECANCELED));
	EXPECT(result_is_cancel(-EINTR));
	for (int rc = -516; rc <= -512; rc++)
		EXPECT(result_is_cancel(rc));
	EXPECT(!result_is_cancel(-511));
	EXPECT(!result_is_cancel(-517));
	EXPECT(!result_is_cancel(0));
	EXPECT(!result_is_cancel(-EIO));
}

static void cancel_the_racer(struct coil_hook *hook)
{
	struct racer *racer = (struct racer *)(void *)((char *)hook - offsetof(struct racer, hook));

	EXPECT_EQ(coil_cancel(racer->task), 0);
}

static int race_a_started_op(void *arg)
{
	struct racer *racer = arg;

	coil_op_start(&racer->op);
	coil_future_then(&racer->op.future, &racer->hook);
	return race_op(racer);
}

IN_TASK(races, a_cancel_between_completion_and_wake_keeps_the_result)
{
	struct racer racer = { .op = coil_op_nop(), .result = 1, .hook.fire = cancel_the_racer };

	racer.task = coil_spawn(race_a_started_op, &racer);
	EXPECT_EQ(coil_join(racer.task), 0);
	EXPECT_EQ(racer.result, 0);
	EXPECT_EQ(racer.next, -ECANCELED);
	EXPECT_EQ(racer.outcome, COIL_OUTCOME_COMPLETED);
}

static int accept_one(void *listener)
{
	return coil_accept4((int)(intptr_t)listener, NULL, NULL, SOCK_CLOEXEC);
}

/* Whatever the race's end is, nothing is lost: either the bytes were returned or they are there
 * still. */
IN_TASK(races, bytes_that_come_with_the_cancel_are_returned_or_stay_in_the_socket)
{
	int got = 0;
	int left = 0;

	for (int i = 0; i < 200; i++) {
		struct coil_task *task;
		int fds[2];
		char byte;
		int rc;

		rig_pair(fds);
		task = coil_spawn(rig_recv_byte, WORD(fds[0]));
		rig_turns(i % 3 + 1);
		if (i % 2)
			coil_nop();
		EXPECT_EQ(rig_write(fds[1], "x", 1), 1);
		coil_cancel(task);
		rc = coil_join(task);
		EXPECT(rc == 'x' || rc == -ECANCELED);
		if (rc == 'x')
			got++;
		else
			left += rig_recv(fds[0], &byte, 1) == 1;
		rig_close(fds);
	}
	EXPECT_EQ(got + left, 200);
}

IN_TASK(races, a_connection_that_comes_with_the_cancel_is_not_lost)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr name = { .sa_family = AF_UNIX };
	struct sockaddr_storage bound;
	socklen_t bytes = sizeof bound;

	EXPECT_EQ(bind(listener, &name, sizeof(sa_family_t)), 0);
	EXPECT_EQ(getsockname(listener, (struct sockaddr *)&bound, &bytes), 0);
	EXPECT_EQ(listen(listener, 300), 0);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 100; i++) {
		int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct coil_task *task = coil_spawn(accept_one, WORD(listener));
		int rc;

		rig_turns(i % 3 + 1);
		EXPECT_EQ(connect(client, (struct sockaddr *)&bound, bytes), 0);
		coil_cancel(task);
		rc = coil_join(task);
		if (rc < 0)
			rc = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		EXPECT_GE(rc, 0);
		close(rc);
		close(client);
	}
	close(listener);
}

/* -- Who else is asked to finish soon -------------------------------------- */

IN_TASK(races, a_timer_leaves_the_heap)
{
	struct coil_stats before = rig_stats();
	struct coil_task *task = coil_spawn(rig_sleep_for_ever, NULL);
	struct coil_task *other = coil_spawn(rig_sleep_and_return, WORD(3));

	coil_yield();
	EXPECT_EQ(rig_stats().timers, before.timers + 1);
	coil_cancel(task);
	coil_cancel(other);
	EXPECT_EQ(rig_stats().timers, before.timers);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(coil_join(other), -ECANCELED);
}

static int join_it(void *task)
{
	return coil_join(task);
}

IN_TASK(races, a_join_passes_the_cancel_on_and_waits_for_the_end)
{
	struct coil_promise gate;
	struct coil_task *inner;
	struct coil_task *outer;

	coil_promise_init(&gate);
	inner = coil_spawn(rig_ignores_cancel, &gate);
	outer = coil_spawn(join_it, inner);
	rig_turns(2);
	coil_cancel(outer);
	rig_turns(3);
	EXPECT(!coil_future_done(coil_task_future(outer)));
	coil_promise_resolve(&gate, 0);
	/* The value that came in spite of the cancel is kept. */
	EXPECT_EQ(coil_join(outer), 7);
	coil_promise_deinit(&gate);
}

IN_TASK(races, a_cancel_runs_down_a_chain_of_a_thousand_joins)
{
	struct coil_task *task = coil_spawn(rig_sleep_for_ever, NULL);

	for (int i = 0; i < 1000; i++)
		task = coil_spawn(join_it, task);
	rig_turns(3);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
}

static int gather_two_ops(void *fds)
{
	char bytes[2];
	struct coil_op ops[] = {
		coil_op_recv(((int *)fds)[0], &bytes[0], 1, 0),
		coil_op_recv(((int *)fds)[1], &bytes[1], 1, 0),
	};
	int rc = coil_gather_ops(ops, 2, 0);

	EXPECT(coil_future_done(&ops[0].future) && coil_future_done(&ops[1].future));
	return rc;
}

IN_TASK(races, a_gather_cancels_its_children_and_drains)
{
	struct coil_stats before = rig_stats();
	struct coil_task *task;
	int fds[2];

	rig_pair(fds);
	task = coil_spawn(gather_two_ops, fds);
	coil_sleep(1 * COIL_MSEC);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(rig_stats().cancels, before.cancels + 2);
	EXPECT_EQ(rig_stats().owed, before.owed);
	rig_close(fds);
}
