/* SPDX-License-Identifier: MIT */
/* Single flight: one call for many. */
#include "task/rig.h"

static int runs;
static int drops;
static struct coil_promise gate;
static struct coil_flights flights;

static void count_drop(void *value)
{
	EXPECT(value);
	drops++;
}

static int loads(void *arg, void **ret_value)
{
	int rc;

	runs++;
	rc = coil_await(&gate.future);
	*ret_value = &gate;
	return rc < 0 ? rc : rc + (int)(intptr_t)arg;
}

static int fails(void *arg, void **ret_value)
{
	(void)arg;
	runs++;
	coil_yield();
	*ret_value = &runs;
	return -EIO;
}

struct caller {
	struct coil_flight_call call;
	const char *key;
	int rc;
};

static int calls(void *arg)
{
	struct caller *caller = arg;

	caller->rc = coil_flight_do(&flights, coil_key_text(caller->key), &caller->call);
	return caller->rc;
}

static void start_callers(struct caller *callers, struct coil_task **tasks, int n)
{
	runs = 0;
	drops = 0;
	for (int i = 0; i < n; i++) {
		callers[i] = (struct caller){
			.call = { .size = sizeof callers[i].call, .entry = loads, .arg = WORD(i) },
			.key = "key",
		};
		tasks[i] = coil_spawn(calls, &callers[i]);
	}
	coil_promise_init(&gate);
	coil_flights_open(&flights, count_drop);
}

static void end_flights(void)
{
	EXPECT_EQ(coil_flights_close(&flights), 0);
	coil_promise_deinit(&gate);
}

IN_TASK(flight, concurrent_calls_under_one_key_run_once_and_share_the_result)
{
	struct caller callers[5];
	struct coil_task *tasks[5];

	start_callers(callers, tasks, 5);
	rig_turns(4);
	coil_promise_resolve(&gate, 40);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(coil_join(tasks[i]), 40); /* with the first one's argument */
		EXPECT_EQ(callers[i].call.value, &gate);
		EXPECT_EQ(callers[i].call.shares, 5);
	}
	EXPECT_EQ(runs, 1);
	EXPECT_EQ(drops, 0);
	end_flights();
}

IN_TASK(flight, a_call_after_the_end_runs_anew)
{
	struct coil_flight_call call = { .size = sizeof call, .entry = loads };

	start_callers(NULL, NULL, 0);
	coil_promise_resolve(&gate, 1);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(coil_flight_do(&flights, coil_key_number(1), &call), 1);
		EXPECT_EQ(call.shares, 1);
	}
	EXPECT_EQ(runs, 3);
	end_flights();
}

IN_TASK(flight, other_keys_fly_on_their_own)
{
	struct caller callers[3];
	struct coil_task *tasks[3];

	start_callers(callers, tasks, 3);
	callers[1].key = "other";
	rig_turns(3);
	coil_promise_resolve(&gate, 10);
	EXPECT_EQ(coil_join(tasks[0]), 10);
	EXPECT_EQ(coil_join(tasks[1]), 11);
	EXPECT_EQ(coil_join(tasks[2]), 10);
	EXPECT_EQ(runs, 2);
	EXPECT_EQ(callers[1].call.shares, 1);
	end_flights();
}

IN_TASK(flight, a_failure_is_shared_too_and_its_value_dropped)
{
	struct caller callers[3];
	struct coil_task *tasks[3];

	start_callers(callers, tasks, 3);
	callers[0].call.entry = fails;
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(coil_join(tasks[i]), -EIO);
		EXPECT_EQ(callers[i].call.value, NULL);
		EXPECT_EQ(callers[i].call.shares, 0);
	}
	EXPECT_EQ(runs, 1);
	EXPECT_EQ(drops, 1);
	EXPECT_EQ(flights.group.failure_count, 0);
	end_flights();
}

IN_TASK(flight, one_that_is_cancelled_leaves_and_the_flight_goes_on)
{
	struct caller callers[3];
	struct coil_task *tasks[3];

	start_callers(callers, tasks, 3);
	rig_turns(3);
	coil_cancel(tasks[0]); /* also if it is the one that began it */
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	coil_cancel(tasks[2]);
	EXPECT_EQ(coil_join(tasks[2]), -ECANCELED);
	coil_promise_resolve(&gate, 3);
	EXPECT_EQ(coil_join(tasks[1]), 3);
	EXPECT_EQ(callers[1].call.shares, 1);
	EXPECT_EQ(drops, 0);
	end_flights();
}

IN_TASK(flight, when_the_last_one_has_left_it_is_cancelled_and_the_next_call_starts_anew)
{
	struct caller callers[2];
	struct coil_task *tasks[2];
	struct coil_flight_call call = { .size = sizeof call, .entry = fails };

	start_callers(callers, tasks, 2);
	rig_turns(3);
	coil_cancel(tasks[0]);
	coil_cancel(tasks[1]);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	EXPECT_EQ(coil_flight_do(&flights, coil_key_text("key"), &call), -EIO);
	EXPECT_EQ(runs, 2);
	end_flights();
	EXPECT_EQ(drops, 2);
}

static int ignores_cancel(void *arg, void **ret_value)
{
	*ret_value = arg;
	return rig_ignores_cancel(&gate);
}

IN_TASK(flight, a_value_that_nobody_is_left_to_take_is_dropped)
{
	struct caller callers[1];
	struct coil_task *tasks[1];

	start_callers(callers, tasks, 1);
	callers[0].call.entry = ignores_cancel;
	callers[0].call.arg = &runs;
	rig_turns(3);
	coil_cancel(tasks[0]);
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED); /* does not wait for it */
	EXPECT_EQ(drops, 0);
	coil_promise_resolve(&gate, 0);
	end_flights();
	EXPECT_EQ(drops, 1);
}

IN_TASK(flight, a_result_is_kept_when_the_cancel_comes_after)
{
	struct caller callers[2];
	struct coil_task *tasks[2];

	start_callers(callers, tasks, 2);
	rig_turns(3);
	coil_promise_resolve(&gate, 5);
	coil_yield(); /* the flight ends; its callers are ready */
	coil_cancel(tasks[0]);
	EXPECT_EQ(coil_join(tasks[0]), 5);
	EXPECT_EQ(coil_join(tasks[1]), 5);
	EXPECT_EQ(callers[0].call.shares, 2);
	end_flights();
}

IN_TASK(flight, a_cancel_in_the_turn_of_the_end_does_not_lose_the_value_either)
{
	struct caller callers[1];
	struct coil_task *tasks[1];

	start_callers(callers, tasks, 1);
	callers[0].call.entry = ignores_cancel;
	callers[0].call.arg = &runs;
	rig_turns(3);
	coil_promise_resolve(&gate, 0); /* the flight runs in the next turn ... */
	coil_cancel(tasks[0]);		/* ... before its caller, which has left the line */
	EXPECT_EQ(coil_join(tasks[0]), 7);
	EXPECT_EQ(callers[0].call.value, &runs);
	EXPECT_EQ(callers[0].call.shares, 1);
	EXPECT_EQ(drops, 0);
	end_flights();
}

IN_TASK(flight, forget_lets_the_next_call_start_anew)
{
	struct caller callers[2];
	struct coil_task *tasks[2];

	start_callers(callers, tasks, 2);
	rig_turns(3);
	EXPECT_EQ(coil_flight_forget(&flights, coil_key_text("key")), 0);
	EXPECT_EQ(coil_flight_forget(&flights, coil_key_text("key")), -ENOENT);
	struct caller late = {
		.call = { .size = sizeof late.call, .entry = loads, .arg = WORD(100) }, .key = "key"
	};
	struct coil_task *task = coil_spawn(calls, &late);

	rig_turns(3);
	coil_promise_resolve(&gate, 1);
	EXPECT_EQ(coil_join(tasks[0]), 1);
	EXPECT_EQ(coil_join(tasks[1]), 1);
	EXPECT_EQ(coil_join(task), 101);
	EXPECT_EQ(runs, 2);
	end_flights();
}

static int reads_number(void *arg, void **ret_value)
{
	int number;

	(void)ret_value;
	coil_yield();
	memcpy(&number, arg, sizeof number);
	return number;
}

static int calls_from_a_frame(void *arg)
{
	int number = 42;
	struct coil_flight_call call = {
		.size = sizeof call,
		.entry = reads_number,
		.arg = &number,
		.arg_bytes = sizeof number,
	};
	int rc = coil_flight_do(&flights, coil_key_text("key"), &call);

	(void)arg;
	number = -1;
	return rc;
}

IN_TASK(flight, the_argument_may_be_copied_so_that_its_caller_can_leave)
{
	struct coil_task *first = coil_spawn(calls_from_a_frame, NULL);
	struct coil_task *second = coil_spawn(calls_from_a_frame, NULL);

	start_callers(NULL, NULL, 0);
	coil_yield();
	coil_cancel(first);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 42);
	end_flights();
}

static int calls_itself(void *arg, void **ret_value)
{
	struct coil_flight_call call = { .size = sizeof call, .entry = calls_itself };

	(void)ret_value;
	coil_yield();
	return coil_flight_do(&flights, coil_key_text(arg ? arg : "a"), &call);
}

IN_TASK(flight, one_that_waits_for_itself_is_refused_also_by_way_of_another)
{
	struct coil_flight_call call = { .size = sizeof call, .entry = calls_itself };
	struct caller callers[1] = { { .call = { .size = sizeof callers[0].call,
						 .entry = calls_itself },
				       .key = "b" } };
	struct coil_task *task = coil_spawn(calls, callers); /* "b", which calls "a", ... */

	start_callers(NULL, NULL, 0);
	EXPECT_EQ(coil_flight_do(&flights, coil_key_text("c"), &call), -EDEADLK);
	call.arg = "b"; /* ... which calls "b" */
	EXPECT_EQ(coil_flight_do(&flights, coil_key_text("a"), &call), -EDEADLK);
	EXPECT_EQ(coil_join(task), -EDEADLK);
	end_flights();
}

static int does_one(void *arg)
{
	struct coil_flight_call call = { .size = sizeof call, .entry = loads };

	(void)arg;
	return coil_flight_do(&flights, coil_key_text("key"), &call);
}

IN_TASK(flight, a_deadline_ends_the_wait)
{
	start_callers(NULL, NULL, 0);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, does_one, NULL), -ETIME);
	EXPECT_EQ(coil_timeout(0, does_one, NULL), -ETIME); /* starts nothing */
	EXPECT_EQ(runs, 1);
	end_flights();
}

IN_TASK(flight, cancelling_the_group_ends_the_flights_and_their_callers_see_it)
{
	struct caller callers[2];
	struct coil_task *tasks[2];

	start_callers(callers, tasks, 2);
	rig_turns(3);
	coil_group_cancel(&flights.group);
	end_flights();
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
}

IN_TASK(flight, the_groups_limit_bounds_the_flights_and_waiting_for_room_is_shared)
{
	struct caller callers[4];
	struct coil_task *tasks[4];

	start_callers(callers, tasks, 4);
	callers[0].key = "other";
	coil_group_limit(&flights.group, 1);
	rig_turns(4);
	EXPECT_EQ(runs, 1);
	coil_cancel(tasks[1]);
	EXPECT_EQ(coil_join(tasks[1]), -ECANCELED);
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(tasks[0]), 0);
	EXPECT_EQ(coil_join(tasks[2]), 2);
	EXPECT_GE(coil_join(tasks[3]), 2);
	end_flights();
}

IN_TASK(flight, a_call_without_its_size_is_refused)
{
	struct coil_flight_call call = { .size = 0, .entry = loads };

	start_callers(NULL, NULL, 0);
	EXPECT_EQ(coil_flight_do(&flights, coil_key_text("key"), &call), -EINVAL);
	end_flights();
}

static int uses_closed_flights(void *arg)
{
	(void)arg;
	start_callers(NULL, NULL, 0);
	end_flights();
	return does_one(NULL);
}

TEST_SIGNAL(flight, closed_flights_are_misuse, SIGABRT, "this group is not open")
{
	rig_run(uses_closed_flights, NULL);
}
