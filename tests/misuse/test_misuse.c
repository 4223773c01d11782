/* SPDX-License-Identifier: MIT */
/* Programs that are wrong: each stops at once, with a sentence that says which rule it broke. */
#include "task/rig.h"

#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/wait.h>

/* A program whose main task breaks a rule. */
#define MISUSE(name, words) STOPS_IN_TASK(misuse, name, words)

static void in_a_thread(void *(*body)(void *arg), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg) == 0)
		pthread_join(thread, NULL);
}

static struct coil_scope scope_a, scope_b;
static struct coil_group group_a;
static struct coil_promise promise_a;
static struct coil_timer timer_a;
static struct coil_op op_a;

/* -- The wrong thread, and no loop at all
 * ------------------------------------------------------------ */

TEST_SIGNAL(misuse, sleep_outside_of_a_loop, SIGABRT,
	    "coil_sleep: called on a thread that runs no loop")
{
	coil_sleep(1);
}

TEST_SIGNAL(misuse, spawn_outside_of_a_loop, SIGABRT, "coil_spawn: called on a thread that runs no")
{
	coil_spawn(rig_return, NULL);
}

TEST_SIGNAL(misuse, an_operation_outside_of_a_loop, SIGABRT,
	    "runs no loop: call it inside coil_run")
{
	op_a = coil_op_nop();
	coil_op_start(&op_a);
}

TEST_SIGNAL(misuse, a_promise_outside_of_a_loop, SIGABRT, "coil_promise_init: called on a thread")
{
	coil_promise_init(&promise_a);
}

static void *sleeps_in_a_thread(void *arg)
{
	coil_sleep(1);
	return arg;
}

MISUSE(sleep_on_another_thread, "coil_sleep: called on a thread that runs no loop")
{
	in_a_thread(sleeps_in_a_thread, NULL);
}

static int resolves_foreign(void *arg)
{
	(void)arg;
	coil_promise_resolve(&promise_a, 0);
	return 0;
}

static int awaits_foreign(void *future)
{
	return coil_await(future);
}

static int joins_foreign(void *task)
{
	return coil_join(task);
}

static int cancels_foreign(void *task)
{
	return coil_cancel(task);
}

static int cancels_foreign_timer(void *timer)
{
	return coil_timer_cancel(timer);
}

static int cancels_foreign_op(void *op)
{
	return coil_op_cancel(op);
}

static int gathers_foreign(void *future)
{
	struct coil_future *futures[] = { future };

	return coil_gather(futures, 1, 0);
}

static int (*foreign_body)(void *arg);

static void *other_loop(void *arg)
{
	rig_run(foreign_body, arg);
	return NULL;
}

static void on_another_loop(int (*body)(void *arg), void *arg)
{
	foreign_body = body;
	in_a_thread(other_loop, arg);
}

MISUSE(a_promise_of_another_loop, "this promise belongs to the loop of another thread")
{
	coil_promise_init(&promise_a);
	on_another_loop(resolves_foreign, NULL);
}

MISUSE(awaiting_a_future_of_another_loop, "this future belongs to the loop of another thread")
{
	coil_promise_init(&promise_a);
	on_another_loop(awaits_foreign, &promise_a.future);
}

MISUSE(gathering_a_future_of_another_loop, "one of the futures belongs to the loop of another")
{
	coil_promise_init(&promise_a);
	on_another_loop(gathers_foreign, &promise_a.future);
}

MISUSE(joining_a_task_of_another_loop, "this task belongs to the loop of another thread")
{
	on_another_loop(joins_foreign, coil_spawn(rig_return, NULL));
}

MISUSE(cancelling_a_task_of_another_loop, "this task belongs to the loop of another thread")
{
	on_another_loop(cancels_foreign, coil_spawn(rig_return, NULL));
}

MISUSE(cancelling_a_timer_of_another_loop, "this timer belongs to the loop of another thread")
{
	coil_timer_start(&timer_a, COIL_FOREVER);
	on_another_loop(cancels_foreign_timer, &timer_a);
}

MISUSE(cancelling_an_operation_of_another_loop, "this operation belongs to the loop of another")
{
	int fds[2];

	rig_pair(fds);
	op_a = coil_op_recv(fds[0], fds, 1, 0);
	coil_op_start(&op_a);
	on_another_loop(cancels_foreign_op, &op_a);
}

/* -- Outside of a task, inside of one
 * --------------------------------------------------------------------- */

static void sleeps_in_a_hook(struct coil_hook *hook)
{
	(void)hook;
	coil_sleep(1);
}

MISUSE(waiting_in_a_hook, "coil_sleep: called outside of a task: only a task can wait")
{
	struct coil_hook hook = { .fire = sleeps_in_a_hook };

	coil_promise_init(&promise_a);
	coil_promise_resolve(&promise_a, 0);
	coil_future_then(&promise_a.future, &hook);
	coil_yield();
}

TEST_SIGNAL(misuse, joining_outside_of_a_task, SIGABRT, "coil_join: called outside of a task")
{
	struct coil_loop *loop;

	coil_loop_open(&loop, NULL);
	coil_join(coil_spawn(rig_return, NULL));
}

MISUSE(a_nested_run, "coil_run does not nest")
{
	coil_run(rig_return, NULL);
}

MISUSE(opening_a_loop_inside_a_run, "this thread has a loop already")
{
	struct coil_loop *loop;

	coil_loop_open(&loop, NULL);
}

MISUSE(stepping_the_loop_inside_a_task, "called inside a task: the loop is turning already")
{
	coil_loop_step(coil_loop_current(), 0);
}

MISUSE(closing_the_loop_inside_a_task, "called inside a task")
{
	coil_loop_close(coil_loop_current());
}

TEST_SIGNAL(misuse, stepping_a_closed_loop, SIGABRT, "belongs to another thread, or is closed")
{
	struct coil_loop *loop;

	coil_loop_open(&loop, NULL);
	coil_loop_close(loop);
	coil_loop_step(loop, 0);
}

/* -- Tasks ----------------------------------------------------------------- */

MISUSE(awaiting_oneself, "a task cannot await itself")
{
	coil_await(coil_task_future(coil_self()));
}

static int joins_itself(void *arg)
{
	(void)arg;
	return coil_join(coil_self());
}

MISUSE(joining_oneself, "a task cannot await itself")
{
	coil_await(coil_task_future(coil_spawn(joins_itself, NULL)));
}

MISUSE(gathering_oneself, "a task cannot await itself")
{
	struct coil_task *self = coil_self();

	coil_gather_tasks(&self, 1, 0);
}

MISUSE(joining_twice_at_once, "this task is being joined already: others use coil_task_future")
{
	struct coil_task *task = coil_spawn(rig_sleep_for_ever, NULL);

	coil_spawn(joins_foreign, task);
	coil_spawn(joins_foreign, task);
	coil_sleep(COIL_SEC);
}

MISUSE(joining_twice, "this task was joined already, or its group is closed")
{
	struct coil_task *task = coil_spawn(rig_return, NULL);

	coil_join(task);
	coil_join(task);
}

MISUSE(cancelling_after_the_join, "coil_cancel_with: task 1 \"main\": this task was joined already")
{
	struct coil_task *task = coil_spawn(rig_return, NULL);

	coil_join(task);
	coil_cancel(task);
}

MISUSE(using_a_task_whose_group_is_closed, "this task was joined already, or its group is closed")
{
	struct coil_task *task;

	coil_group_open(&group_a, COIL_GROUP_SUPERVISE);
	task = coil_spawn(rig_return, NULL);
	coil_group_close(&group_a);
	coil_task_future(task);
}

static struct coil_task *gone;

static int tells_its_handle(void *arg)
{
	(void)arg;
	gone = coil_self();
	return coil_sleep(COIL_SEC);
}

MISUSE(joining_a_task_without_a_handle, "this task came from coil_go and has no handle")
{
	coil_group_open(&group_a, COIL_GROUP_SUPERVISE);
	coil_go(&group_a, tells_its_handle, NULL);
	coil_yield();
	coil_join(gone);
}

MISUSE(joining_what_is_no_task, "this is not a task")
{
	static char memory[4096] __attribute__((aligned(64)));

	coil_join((struct coil_task *)(void *)memory);
}

MISUSE(a_reason_that_is_no_errno, "the reason 5 is not a negative errno")
{
	coil_cancel_with(coil_self(), 5, NULL);
}

MISUSE(the_sentence_names_the_task_and_where_it_was_spawned, "test_misuse.c:")
{
	coil_join(coil_spawn(joins_itself, NULL));
}

/* -- Scopes and groups
 * -------------------------------------------------------------------------------------- */

MISUSE(leaving_a_scope_out_of_order, "this scope is not the innermost one: close the ones inside")
{
	coil_scope_open(&scope_a);
	coil_scope_open(&scope_b);
	coil_scope_close(&scope_a);
}

MISUSE(leaving_a_scope_twice, "this scope is not open")
{
	coil_scope_open(&scope_a);
	coil_scope_close(&scope_a);
	coil_scope_close(&scope_a);
}

static int closes_scope_a(void *arg)
{
	(void)arg;
	return coil_scope_close(&scope_a);
}

MISUSE(leaving_a_scope_of_another_task, "this scope belongs to another task")
{
	coil_scope_open(&scope_a);
	coil_join(coil_spawn(closes_scope_a, NULL));
}

MISUSE(leaving_a_scope_with_an_operation_in_flight,
       "1 operations or timers that were started in this")
{
	int fds[2];

	rig_pair(fds);
	coil_scope_open(&scope_a);
	op_a = coil_op_recv(fds[0], fds, 1, 0);
	coil_op_start(&op_a);
	coil_scope_close(&scope_a);
}

MISUSE(leaving_a_groups_scope_as_a_scope, "this scope is a group's: use coil_group_close")
{
	coil_group_open(&group_a, COIL_GROUP_SUPERVISE);
	coil_scope_close(&group_a.scope);
}

MISUSE(cancelling_a_scope_without_a_reason, "the reason 0 is not a negative errno")
{
	coil_scope_open(&scope_a);
	coil_scope_cancel(&scope_a, 0, NULL);
}

MISUSE(ending_with_a_scope_open, "this task ends with a scope or group of its own open")
{
	coil_scope_open(&scope_a);
}

MISUSE(ending_with_a_group_open, "this task ends with a scope or group of its own open")
{
	coil_group_open(&group_a, COIL_GROUP_SUPERVISE);
}

MISUSE(ending_with_a_timer_in_flight,
       "this task ends with 1 operations or timers of its own in flight")
{
	coil_timer_start(&timer_a, COIL_FOREVER);
}

MISUSE(ending_with_an_operation_in_flight, "this task ends with 1 operations or timers of its own")
{
	static int fds[2];

	rig_pair(fds);
	op_a = coil_op_recv(fds[0], fds, 1, 0);
	coil_op_start(&op_a);
}

MISUSE(closing_a_group_with_a_scope_open_inside,
       "a scope is open inside this group: close it first")
{
	coil_group_open(&group_a, COIL_GROUP_SUPERVISE);
	coil_scope_open(&scope_a);
	coil_group_close(&group_a);
}

MISUSE(closing_a_group_with_a_timer_in_flight,
       "that were started in this group are still in flight")
{
	coil_group_open(&group_a, COIL_GROUP_SUPERVISE);
	coil_timer_start(&timer_a, COIL_FOREVER);
	coil_group_close(&group_a);
}

MISUSE(going_into_a_closed_group, "coil_go: task 1 \"main\": this group is not open")
{
	coil_group_open(&group_a, COIL_GROUP_SUPERVISE);
	coil_group_close(&group_a);
	coil_go(&group_a, rig_return, NULL);
}

MISUSE(a_policy_that_does_not_exist, "7 is no policy of a group")
{
	coil_group_open(&group_a, 7);
}

MISUSE(being_ready_without_anybody_who_waits, "nobody waits for this task to be ready")
{
	coil_group_started(NULL);
}

/* -- Futures, promises, operations
 * ------------------------------------------------------------------------------ */

MISUSE(resolving_a_promise_twice, "this promise is resolved already")
{
	coil_promise_init(&promise_a);
	coil_promise_resolve(&promise_a, 0);
	coil_promise_resolve(&promise_a, 0);
}

MISUSE(resolving_a_promise_from_a_thread_twice, "this promise is being resolved from two threads")
{
	coil_promise_init(&promise_a);
	coil_promise_resolve_from_thread(&promise_a, 0);
	coil_promise_resolve_from_thread(&promise_a, 0);
}

MISUSE(dropping_a_promise_that_somebody_awaits, "this promise is pending and somebody awaits it")
{
	coil_promise_init(&promise_a);
	coil_spawn(awaits_foreign, &promise_a.future);
	coil_yield();
	coil_promise_deinit(&promise_a);
}

MISUSE(dropping_a_promise_that_is_on_its_way, "this promise is on its way from another thread")
{
	coil_promise_init(&promise_a);
	coil_promise_resolve_from_thread(&promise_a, 0);
	coil_promise_deinit(&promise_a);
}

MISUSE(reading_a_pending_result, "this future is still pending: await it first")
{
	coil_promise_init(&promise_a);
	coil_future_result(&promise_a.future);
}

MISUSE(awaiting_an_operation_that_was_not_started,
       "coil: coil_await: task 1 \"main\": this future was never started")
{
	op_a = coil_op_nop();
	coil_await(&op_a.future);
}

MISUSE(gathering_an_operation_that_was_not_started, "one of the futures was never started")
{
	struct coil_future *futures[] = { &op_a.future };

	op_a = coil_op_nop();
	coil_gather(futures, 1, 0);
}

/* Several public functions begin an operation: none is named, and no inner one. */
MISUSE(starting_an_operation_twice, "coil: task 1 \"main\": this operation is in flight already")
{
	op_a = coil_op_nop();
	coil_op_start(&op_a);
	coil_op_start(&op_a);
}

MISUSE(gathering_an_operation_in_flight, "operation 0 is in flight already")
{
	op_a = coil_op_nop();
	coil_op_start(&op_a);
	coil_gather_ops(&op_a, 1, 0);
}

MISUSE(cancelling_an_operation_that_was_not_started, "this operation was never started")
{
	op_a = coil_op_nop();
	coil_op_cancel(&op_a);
}

MISUSE(a_multishot_operation, "multishot")
{
	struct io_uring_sqe sqe = { 0 };

	io_uring_prep_poll_multishot(&sqe, 0, 1);
	op_a = coil_op_raw(&sqe);
	coil_op_start(&op_a);
}

/* -- Frames that are left
 * ---------------------------------------------------------------------------------------- */

static void leaves_a_scope(void)
{
	COIL_AUTO(scope) struct coil_scope scope;

	coil_scope_open(&scope);
}

MISUSE(leaving_a_frame_with_a_scope, "a frame was left with a scope of its own open")
{
	leaves_a_scope();
}

static void leaves_a_group(void)
{
	COIL_AUTO(group) struct coil_group group;

	coil_group_open(&group, COIL_GROUP_SUPERVISE);
}

MISUSE(leaving_a_frame_with_a_group, "a frame was left with a group of its own open")
{
	leaves_a_group();
}

static void leaves_an_op(int fd)
{
	COIL_AUTO(op) struct coil_op op = coil_op_recv(fd, &op_a, 1, 0);

	coil_op_start(&op);
}

MISUSE(leaving_a_frame_with_an_operation_in_flight, "in flight")
{
	int fds[2];

	rig_pair(fds);
	leaves_an_op(fds[0]);
}

/* -- What is left at the end ---------------------------------------------- */

static int accepts(void *listener)
{
	struct coil_stream *stream;

	return coil_accept(listener, &stream);
}

/* A multishot accept would be owed for as long as the shutdown may take. */
MISUSE(leaving_a_listener_that_accepts, "coil: 1 listeners were not closed before the end of")
{
	struct coil_listener *listener;

	EXPECT_EQ(coil_listen_tcp(&listener, "127.0.0.1", 0, NULL), 0);
	coil_spawn(accepts, listener);
	coil_sleep(COIL_MSEC);
}

MISUSE(leaving_a_stream, "bytes of a loop's memory are in use at its end: what was opened (a ")
{
	struct coil_stream *a, *b;

	EXPECT_EQ(coil_stream_pair(&a, &b, 0), 0);
	coil_stream_close(a);
}
