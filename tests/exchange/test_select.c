/* SPDX-License-Identifier: MIT */
/* Select: each kind of case, ready at once and after a wait; order, fairness, cancel, misuse. */
#include "task/rig.h"

#include <pthread.h>

#define ITEM(value) (&(long){ value })

static struct coil_channel a, b;

static void open_channels(size_t capacity)
{
	EXPECT_EQ(coil_channel_init(&a, sizeof(long), capacity), 0);
	EXPECT_EQ(coil_channel_init(&b, sizeof(long), capacity), 0);
}

/* Nobody may be left in a line. */
static void close_channels(void)
{
	coil_channel_deinit(&a);
	coil_channel_deinit(&b);
}

/* -- Ready at once -------------------------------------------------------------------------------
 */

IN_TASK(select, does_the_case_that_is_ready)
{
	long got = 0;
	struct coil_case cases[] = {
		coil_case_receive(&a, &got),
		coil_case_send(&b, ITEM(7)),
	};

	open_channels(1);
	EXPECT_EQ(coil_select(cases, 2, 0), 1);
	EXPECT_EQ(cases[1].result, 0);
	EXPECT_EQ(coil_channel_send(&a, ITEM(5)), 0); /* b is full now */
	EXPECT_EQ(coil_select(cases, 2, 0), 0);
	EXPECT_EQ(got, 5);
	EXPECT_EQ(coil_channel_receive(&b, &got), 0);
	EXPECT_EQ(got, 7);
	close_channels();
}

IN_TASK(select, takes_the_default_where_nothing_is_ready)
{
	long got = 0;
	struct coil_case cases[] = {
		coil_case_default(),
		coil_case_receive(&a, &got),
		coil_case_deadline(coil_now() + COIL_SEC),
	};
	struct coil_scope scope;

	open_channels(1);
	EXPECT_EQ(coil_select(cases, 3, 0), 0);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_select(cases, 3, COIL_IN_ORDER), 0); /* it does not wait */
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(5)), 0);
	EXPECT_EQ(coil_select(cases, 3, 0), 1);
	EXPECT_EQ(coil_scope_close(&scope), 0);
	EXPECT_EQ(got, 5);
	close_channels();
}

IN_TASK(select, in_order_takes_the_first_that_is_ready)
{
	long got;
	struct coil_case cases[] = {
		coil_case_receive(NULL, &got),
		coil_case_receive(&a, &got),
		coil_case_receive(&b, &got),
	};

	open_channels(100);
	for (long i = 0; i < 100; i++) {
		EXPECT_EQ(coil_channel_send(&a, &i), 0);
		EXPECT_EQ(coil_channel_send(&b, &i), 0);
	}
	for (int i = 0; i < 200; i++)
		EXPECT_EQ(coil_select(cases, 3, COIL_IN_ORDER), i < 100 ? 1 : 2);
	close_channels();
}

/* Each of the ready ones as often, wherever the gaps are. */
IN_TASK(select, is_fair_to_all_that_are_ready)
{
	struct coil_channel channels[8];
	struct coil_case cases[8];
	int taken[8] = { 0 };
	long got;

	for (int i = 0; i < 8; i++) {
		EXPECT_EQ(coil_channel_init(&channels[i], sizeof(long), 1), 0);
		cases[i] = coil_case_receive(&channels[i], &got);
		if (i == 1 || i == 2 || i == 7)
			EXPECT_EQ(coil_channel_send(&channels[i], ITEM(0)), 0);
	}
	for (int i = 0; i < 30000; i++) {
		int index = coil_select(cases, 8, 0);

		taken[index]++;
		EXPECT_EQ(coil_channel_send(&channels[index], ITEM(0)), 0);
	}
	for (int i = 0; i < 8; i++) {
		bool is_ready = i == 1 || i == 2 || i == 7;

		EXPECT(is_ready ? taken[i] > 9400 && taken[i] < 10600 : taken[i] == 0);
		coil_channel_deinit(&channels[i]);
	}
}

/* -- After a wait --------------------------------------------------------------------------------
 */

struct selecting {
	struct coil_case *cases;
	size_t n;
	int index;
};

static int selects(void *arg)
{
	struct selecting *selecting = arg;

	selecting->index = coil_select(selecting->cases, selecting->n, 0);
	return selecting->index;
}

IN_TASK(select, waits_for_whoever_comes_first)
{
	long got = 0;
	struct coil_case cases[] = {
		coil_case_receive(&a, &got),
		coil_case_send(&b, ITEM(7)),
		coil_case_deadline(coil_now() + COIL_MIN),
	};
	struct selecting selecting = { cases, 3, -1 };
	struct coil_task *task;
	long item = 0;

	open_channels(0);
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(5)), 0);
	/* Decided: it stands in no line any more. */
	EXPECT_EQ(coil_channel_try_receive(&b, &item), -EAGAIN);
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(6)), -EAGAIN);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(got, 5);
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	EXPECT_EQ(coil_channel_receive(&b, &item), 0);
	EXPECT_EQ(item, 7);
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(6)), -EAGAIN);
	EXPECT_EQ(coil_join(task), 1);
	EXPECT_EQ(rig_stats().timers, 0);
	close_channels();
}

IN_TASK(select, two_of_them_meet_and_do_not_meet_themselves)
{
	long got_1 = 0, got_2 = 0;
	struct coil_case one[] = { coil_case_send(&a, ITEM(1)), coil_case_receive(&a, &got_1) };
	struct coil_case two[] = { coil_case_receive(&a, &got_2), coil_case_send(&a, ITEM(2)) };
	struct selecting first = { one, 2, -1 };
	struct selecting second = { two, 2, -1 };
	struct coil_task *task_1, *task_2;

	open_channels(0);
	task_1 = coil_spawn(selects, &first);
	rig_turns(3);
	EXPECT_EQ(first.index, -1); /* with nobody else there it waits */
	task_2 = coil_spawn(selects, &second);
	rig_turns(3);
	EXPECT_EQ(first.index + second.index, first.index * 2);
	EXPECT(first.index == 0 ? got_2 == 1 && got_1 == 0 : got_1 == 2 && got_2 == 0);
	EXPECT_GE(coil_join(task_1), 0);
	EXPECT_GE(coil_join(task_2), 0);
	close_channels();
}

IN_TASK(select, a_closed_channel_is_ready)
{
	struct coil_case cases[] = { coil_case_receive(&a, NULL), coil_case_send(&b, ITEM(1)) };
	struct selecting selecting = { cases, 2, -1 };
	struct coil_task *task;

	open_channels(0);
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	coil_channel_close(&b);
	EXPECT_EQ(coil_join(task), 1);
	EXPECT_EQ(cases[1].result, -EPIPE);
	EXPECT_EQ(coil_select(cases, 2, 0), 1);
	coil_channel_close(&a);
	EXPECT_EQ(coil_select(cases, 1, 0), 0);
	EXPECT_EQ(cases[0].result, -EPIPE);
	close_channels();
}

IN_TASK(select, closing_a_channel_in_which_one_stands_twice)
{
	struct coil_case cases[] = { coil_case_receive(&a, NULL), coil_case_receive(&a, NULL),
				     coil_case_send(&a, ITEM(1)) };
	struct selecting selecting = { cases, 3, -1 };
	struct selecting again = { cases, 3, -1 };
	struct coil_task *task_1, *task_2;

	open_channels(0);
	task_1 = coil_spawn(selects, &selecting);
	rig_turns(2);
	coil_channel_close(&a);
	EXPECT_EQ(coil_join(task_1), 0);
	task_2 = coil_spawn(selects, &again);
	EXPECT_GE(coil_join(task_2), 0);
	close_channels();
}

IN_TASK(select, a_deadline_ends_the_wait)
{
	int64_t began = coil_now();
	struct coil_case cases[] = {
		coil_case_receive(&a, NULL),
		coil_case_deadline(began + COIL_MIN),
		coil_case_deadline(began + 2 * COIL_MSEC),
		coil_case_deadline(COIL_FOREVER),
	};

	open_channels(0);
	EXPECT_EQ(coil_select(cases, 4, 0), 2);
	EXPECT_GE(coil_now() - began, 2 * COIL_MSEC);
	EXPECT_EQ(coil_select(cases, 4, COIL_IN_ORDER), 2); /* it has passed */
	EXPECT_EQ(cases[2].result, 0);
	EXPECT_EQ(rig_stats().timers, 0);
	close_channels();
}

IN_TASK(select, a_future_is_taken_when_it_resolves_and_left_alone_otherwise)
{
	struct coil_promise promise;
	struct coil_task *sleeper = coil_spawn(rig_sleep_and_return, WORD(9));
	struct coil_case cases[] = {
		coil_case_future(NULL),
		coil_case_future(&promise.future),
		coil_case_future(coil_task_future(sleeper)),
		coil_case_receive(&a, NULL),
	};
	struct selecting selecting = { cases, 4, -1 };
	struct coil_task *task;

	open_channels(0);
	coil_promise_init(&promise);
	EXPECT_EQ(coil_select(cases, 4, 0), 2);
	EXPECT_EQ(cases[2].result, 9);
	EXPECT_EQ(coil_join(sleeper), 9);
	cases[2] = (struct coil_case){ 0 };
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(1)), 0);
	EXPECT_EQ(coil_join(task), 3);
	EXPECT(!coil_future_done(&promise.future));
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	coil_promise_resolve(&promise, -EIO);
	EXPECT_EQ(coil_join(task), 1);
	EXPECT_EQ(cases[1].result, -EIO);
	EXPECT_EQ(coil_select(cases, 4, 0), 1);
	coil_promise_deinit(&promise);
	close_channels();
}

/* The future resolves, and before its hook has run a channel decides: the channel it is. */
IN_TASK(select, exactly_one_case_takes_effect_where_two_come_at_once)
{
	struct coil_promise promise;
	long got = 0;
	struct coil_case cases[] = {
		coil_case_future(&promise.future),
		coil_case_receive(&a, &got),
		coil_case_deadline(coil_now()),
	};
	struct selecting selecting = { cases, 2, -1 };
	struct coil_task *task;

	open_channels(0);
	coil_promise_init(&promise);
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	coil_promise_resolve(&promise, 3);
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(5)), 0);
	EXPECT_EQ(coil_join(task), 1);
	EXPECT_EQ(got, 5);
	EXPECT_EQ(coil_await(&promise.future), 3);
	coil_promise_deinit(&promise);
	close_channels();
}

/* -- The other kinds -----------------------------------------------------------------------------
 */

static void check_case(struct coil_case c, int (*make_ready)(void *object), void *object)
{
	struct selecting selecting = { &c, 1, -1 };
	struct coil_task *task = coil_spawn(selects, &selecting);

	rig_turns(2);
	EXPECT_EQ(selecting.index, -1);
	EXPECT_GE(make_ready(object), 0);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(c.result, 0);
	EXPECT_GE(make_ready(object), 0);
	EXPECT_EQ(coil_select(&c, 1, 0), 0);
	EXPECT_EQ(c.result, 0);
}

static int puts_one(void *queue)
{
	return coil_queue_try_put(queue, ITEM(5));
}

static int takes_one(void *queue)
{
	return coil_queue_try_get(queue, NULL);
}

static int casts_one(void *broadcast)
{
	return coil_broadcast_send(broadcast, ITEM(5));
}

static int changes_it(void *latest)
{
	return coil_latest_set(latest, ITEM(5));
}

IN_TASK(select, knows_queues_broadcasts_and_latest_values)
{
	struct coil_queue queue;
	struct coil_broadcast broadcast;
	struct coil_subscriber subscriber;
	struct coil_latest latest;
	struct coil_observer observer;
	long slot = 0;
	long got = 0;

	EXPECT_EQ(coil_queue_init(&queue, sizeof(long), 1), 0);
	check_case(coil_case_get(&queue, &got), puts_one, &queue);
	EXPECT_EQ(got, 5);
	EXPECT_EQ(puts_one(&queue), 0);
	check_case(coil_case_put(&queue, ITEM(6)), takes_one, &queue);
	coil_queue_deinit(&queue);

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 1), 0);
	coil_broadcast_subscribe(&broadcast, &subscriber);
	got = 0;
	check_case(coil_case_broadcast(&subscriber, &got), casts_one, &broadcast);
	EXPECT_EQ(got, 5);
	coil_broadcast_unsubscribe(&subscriber);
	coil_broadcast_deinit(&broadcast);

	coil_latest_init(&latest, &slot, sizeof slot);
	coil_latest_observe(&latest, &observer);
	check_case(coil_case_changed(&observer), changes_it, &latest);
	EXPECT(!coil_latest_has_changed(&observer));
	coil_latest_deinit(&latest);
}

IN_TASK(select, knows_oneshots)
{
	struct coil_oneshot oneshot;
	long slot;
	long got = 0;
	struct coil_case c = coil_case_oneshot(&oneshot, &got);
	struct selecting selecting = { &c, 1, -1 };
	struct coil_task *task = coil_spawn(selects, &selecting);

	coil_oneshot_init(&oneshot, &slot, sizeof slot);
	rig_turns(2);
	EXPECT_EQ(coil_oneshot_send(&oneshot, ITEM(5)), 0);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(got, 5);
	EXPECT_EQ(coil_select(&c, 1, 0), 0);
	EXPECT_EQ(c.result, -EPIPE);
	coil_oneshot_deinit(&oneshot);
}

/* A broadcast that serves a select in two of its lines at once. */
IN_TASK(select, standing_twice_in_a_broadcast_takes_one_item)
{
	struct coil_broadcast broadcast;
	struct coil_subscriber x, y;
	long got_x = 0, got_y = 0;
	struct coil_case cases[2];
	struct selecting selecting = { cases, 2, -1 };
	struct coil_task *task;

	EXPECT_EQ(coil_broadcast_init(&broadcast, sizeof(long), 4), 0);
	coil_broadcast_subscribe(&broadcast, &x);
	coil_broadcast_subscribe(&broadcast, &y);
	cases[0] = coil_case_broadcast(&x, &got_x);
	cases[1] = coil_case_broadcast(&y, &got_y);
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	EXPECT_EQ(coil_broadcast_send(&broadcast, ITEM(5)), 2);
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(got_x, 5);
	EXPECT_EQ(got_y, 0);
	EXPECT_EQ(coil_broadcast_try_receive(&x, NULL), -EAGAIN);
	EXPECT_EQ(coil_broadcast_try_receive(&y, &got_y), 0);
	coil_broadcast_unsubscribe(&x);
	coil_broadcast_unsubscribe(&y);
	coil_broadcast_deinit(&broadcast);
}

/* -- Cancel --------------------------------------------------------------------------------------
 */

IN_TASK(select, a_cancel_leaves_nothing_behind)
{
	struct coil_promise promise;
	long got = -7;
	struct coil_case cases[] = {
		coil_case_receive(&a, &got),
		coil_case_send(&b, ITEM(7)),
		coil_case_future(&promise.future),
		coil_case_deadline(coil_now() + COIL_MIN),
	};
	struct selecting selecting = { cases, 4, -1 };
	struct coil_task *task;

	open_channels(0);
	coil_promise_init(&promise);
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(5)), -EAGAIN);
	EXPECT_EQ(coil_channel_try_receive(&b, NULL), -EAGAIN);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(rig_stats().timers, 0);
	EXPECT_EQ(got, -7);
	coil_promise_deinit(&promise); /* nobody waits for it */
	close_channels();
}

IN_TASK(select, a_cancel_after_it_was_decided_changes_nothing)
{
	long got = 0;
	struct coil_case cases[] = { coil_case_receive(&a, &got), coil_case_receive(&b, &got) };
	struct selecting selecting = { cases, 2, -1 };
	struct coil_task *task;

	open_channels(0);
	task = coil_spawn(selects, &selecting);
	rig_turns(2);
	EXPECT_EQ(coil_channel_try_send(&b, ITEM(5)), 0);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), 1);
	EXPECT_EQ(got, 5);
	close_channels();
}

IN_TASK(select, in_a_cancelled_scope_does_nothing)
{
	struct coil_case c = coil_case_send(&a, ITEM(5));
	struct coil_scope scope;

	open_channels(1);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_select(&c, 1, 0), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(coil_channel_try_receive(&a, NULL), -EAGAIN);
	close_channels();
}

static int selects_nothing(void *arg)
{
	struct coil_case never = { 0 };

	(void)arg;
	return coil_select(&never, 1, 0);
}

IN_TASK(select, cases_that_are_never_ready_wait_for_a_cancel)
{
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, selects_nothing, NULL), -ETIME);
}

/* -- Bounds and misuse ---------------------------------------------------------------------------
 */

IN_TASK(select, many_cases_cost_one_allocation)
{
	struct coil_case cases[100] = { 0 };
	struct selecting selecting = { cases, 100, -1 };
	uint64_t before;
	struct coil_task *task;

	open_channels(0);
	cases[99] = coil_case_receive(&a, NULL);
	task = coil_spawn(selects, &selecting);
	before = rig_stats().allocations;
	rig_turns(2);
	EXPECT_EQ(rig_stats().allocations, before + 1);
	EXPECT_EQ(coil_channel_try_send(&a, ITEM(1)), 0);
	EXPECT_EQ(coil_join(task), 99);
	close_channels();
}

IN_TASK(select, refuses_what_makes_no_sense)
{
	struct coil_case two[] = { coil_case_default(), coil_case_default() };

	EXPECT_EQ(coil_select(two, 0, 0), -EINVAL);
	EXPECT_EQ(coil_select(two, 2, 0), -EINVAL);
	EXPECT_EQ(coil_select(two, 1, 64), -EINVAL);
	EXPECT_EQ(coil_select(two, 1, 0), 0);
}

static int selects_an_inert_operation(void *arg)
{
	struct coil_op op = coil_op_nop();
	struct coil_case c = coil_case_future(&op.future);

	(void)arg;
	return coil_select(&c, 1, 0);
}

TEST_SIGNAL(select, an_operation_that_was_not_started_stops, SIGABRT,
	    "coil_select: task 1 \"main\": one of the futures was never started")
{
	rig_run_real(selects_an_inert_operation, NULL);
}

static struct coil_promise lent;

static int selects_what_was_lent(void *arg)
{
	struct coil_case c = coil_case_future(&lent.future);

	(void)arg;
	return coil_select(&c, 1, 0);
}

static void *runs_another_loop(void *arg)
{
	rig_run(selects_what_was_lent, arg);
	return NULL;
}

static int lends_a_promise(void *arg)
{
	pthread_t thread;

	coil_promise_init(&lent);
	pthread_create(&thread, NULL, runs_another_loop, arg);
	pthread_join(thread, NULL);
	return 0;
}

TEST_SIGNAL(select, a_future_of_another_loop_stops, SIGABRT,
	    "one of the futures belongs to the loop of another thread")
{
	rig_run_real(lends_a_promise, NULL);
}

static int selects_itself(void *arg)
{
	struct coil_case c = coil_case_future(coil_task_future(coil_self()));

	(void)arg;
	return coil_select(&c, 1, 0);
}

TEST_SIGNAL(select, itself_stops, SIGABRT,
	    "coil_select: task 1 \"main\": a task cannot await itself")
{
	rig_run_real(selects_itself, NULL);
}
