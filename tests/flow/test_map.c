/* SPDX-License-Identifier: MIT */
/* The bounded parallel map. */
#include "task/rig.h"

struct field {
	int calls;
	int running;
	int most;
	int64_t seen; /* a bit for each item */
	size_t fails;
	int failure;
	struct coil_task *victim;
};

static int visits(size_t index, void *arg)
{
	struct field *field = arg;
	int rc;

	field->calls++;
	field->seen |= INT64_C(1) << index;
	if (++field->running > field->most)
		field->most = field->running;
	rc = coil_sleep(COIL_MSEC / 10);
	field->running--;
	return rc < 0 ? rc : (int)index * 10;
}

IN_TASK(map, each_item_is_called_once_and_at_most_limit_at_a_time)
{
	for (unsigned limit = 0; limit <= 33; limit += 3) {
		struct field field = { 0 };

		EXPECT_EQ(coil_map(32, limit, visits, &field), 0);
		EXPECT_EQ(field.calls, 32);
		EXPECT_EQ(field.seen, (INT64_C(1) << 32) - 1);
		EXPECT_EQ(field.most, limit == 0 || limit > 32 ? 32 : limit);
		EXPECT_EQ(field.running, 0);
	}
}

IN_TASK(map, nothing_to_do_is_done_at_once)
{
	uint64_t turns = rig_stats().turns;

	EXPECT_EQ(coil_map(0, 4, visits, NULL), 0);
	EXPECT_EQ(rig_stats().turns, turns);
}

static int notes_index(size_t index, void *arg)
{
	(void)arg;
	rig_note((char)('a' + index));
	coil_yield();
	return 0;
}

IN_TASK(map, items_are_begun_in_their_order)
{
	rig_forget();
	EXPECT_EQ(coil_map(8, 3, notes_index, NULL), 0);
	EXPECT_STR_EQ(rig_order, "abcdefgh");
}

static int fails_at(size_t index, void *arg)
{
	struct field *field = arg;
	int rc;

	field->calls++;
	if (index >= field->fails) {
		rc = coil_sleep((int64_t)(10 - index) * COIL_MSEC / 10);
		return rc < 0 ? rc : field->failure - (int)index;
	}
	return coil_sleep((int64_t)index * COIL_USEC) < 0 ? -EINTR : (int)index;
}

IN_TASK(map, the_first_failure_in_the_order_of_the_items_is_returned_and_all_are_called)
{
	struct field field = { .fails = 3, .failure = -100 };
	int results[8];
	struct coil_map_options options = { .size = sizeof options, .results = results };

	EXPECT_EQ(coil_map_with(&options, 8, fails_at, &field), -103);
	EXPECT_EQ(field.calls, 8);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(results[i], i < 3 ? i : -100 - i);
}

IN_TASK(map, keep_going_returns_the_number_of_failures)
{
	struct field field = { .fails = 3, .failure = -100 };
	struct coil_map_options options = {
		.size = sizeof options, .limit = 2, .flags = COIL_KEEP_GOING
	};

	EXPECT_EQ(coil_map_with(&options, 8, fails_at, &field), 5);
	EXPECT_EQ(field.calls, 8);
}

static int four_fails(size_t index, void *arg)
{
	struct field *field = arg;

	field->calls++;
	if (index < 2)
		return (int)index;
	if (index == 4)
		return coil_yield() < 0 ? -EINTR : -104;
	return coil_sleep(COIL_FOREVER);
}

IN_TASK(map, fail_fast_cancels_the_running_ones_and_begins_no_more)
{
	struct field field = { 0 };
	int results[8];
	struct coil_map_options options = {
		.size = sizeof options, .limit = 3, .flags = COIL_FAIL_FAST, .results = results
	};

	EXPECT_EQ(coil_map_with(&options, 8, four_fails, &field), -104);
	EXPECT_EQ(field.calls, 5);
	EXPECT_EQ(results[1], 1);
	EXPECT_EQ(results[2], -ECANCELED);
	EXPECT_EQ(results[3], -ECANCELED);
	EXPECT_EQ(results[4], -104);
	for (int i = 5; i < 8; i++)
		EXPECT_EQ(results[i], -ECANCELED);
	EXPECT_EQ(coil_yield(), 0);
}

struct cancelled_map {
	struct field field;
	int results[8];
	struct coil_map_options options;
};

static int sleeps_after_two(size_t index, void *arg)
{
	struct field *field = arg;

	field->calls++;
	return index < 2 ? (int)index : coil_sleep(COIL_FOREVER);
}

static int maps_for_ever(void *arg)
{
	struct cancelled_map *map = arg;

	return coil_map_with(&map->options, 8, sleeps_after_two, &map->field);
}

static void expect_cancelled(const struct cancelled_map *map)
{
	EXPECT_EQ(map->field.calls, 4);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(map->results[i], i < 2 ? i : -ECANCELED);
}

IN_TASK(map, a_cancel_reaches_the_running_ones_and_the_rest_is_not_begun)
{
	static const int flags[] = { 0, COIL_FAIL_FAST, COIL_KEEP_GOING };

	for (int i = 0; i < 3; i++) {
		struct cancelled_map map = {
			.options = { .size = sizeof map.options, .limit = 2, .flags = flags[i] }
		};
		struct coil_task *task;

		map.options.results = map.results;
		task = coil_spawn(maps_for_ever, &map);
		rig_turns(4);
		coil_cancel_with(task, -ESHUTDOWN, NULL);
		EXPECT_EQ(coil_join(task), -ESHUTDOWN);
		EXPECT_EQ(map.field.calls, 4);
		EXPECT_EQ(map.results[1], 1);
		EXPECT_LT(map.results[2], 0);
		EXPECT_EQ(map.results[7], -ECANCELED);
	}
}

IN_TASK(map, a_deadline_ends_it)
{
	struct cancelled_map map = { .options = { .size = sizeof map.options, .limit = 2 } };

	map.options.results = map.results;
	EXPECT_EQ(coil_timeout(50 * COIL_MSEC, maps_for_ever, &map), -ETIME);
	EXPECT_EQ(map.results[2], -ETIME);
	EXPECT_EQ(map.results[5], -ECANCELED);
}

IN_TASK(map, in_a_cancelled_scope_nothing_is_called)
{
	struct cancelled_map map = { .options = { .size = sizeof map.options } };
	struct coil_scope scope;

	map.options.results = map.results;
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(maps_for_ever(&map), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT_EQ(map.field.calls, 0);
	map.field.calls = 4;
	map.results[0] = 0;
	map.results[1] = 1;
	expect_cancelled(&map);
}

static int cancels_itself_at_one(size_t index, void *arg)
{
	(void)arg;
	if (index == 1)
		coil_cancel(coil_self());
	return coil_sleep(COIL_USEC) < 0 ? -EINTR : (int)index;
}

IN_TASK(map, a_cancel_of_one_items_task_ends_that_item_alone)
{
	int results[4];
	struct coil_map_options options = {
		.size = sizeof options, .limit = 1, .results = results
	};

	/* -EINTR counts as cancelled, as in a gather. */
	EXPECT_EQ(coil_map_with(&options, 4, cancels_itself_at_one, NULL), -ECANCELED);
	EXPECT_EQ(results[1], -EINTR);
	EXPECT_EQ(results[2], 2);
	EXPECT_EQ(results[3], 3);
}

static struct coil_local local = COIL_LOCAL("local", NULL);

static int sees_the_callers_local(size_t index, void *arg)
{
	EXPECT_EQ(coil_local_get(&local), arg);
	EXPECT_EQ(coil_local_set(&local, WORD(index)), 0);
	return 0;
}

IN_TASK(map, each_item_sees_the_callers_locals_and_no_other_items)
{
	EXPECT_EQ(coil_local_set(&local, WORD(77)), 0);
	EXPECT_EQ(coil_map(10, 2, sees_the_callers_local, WORD(77)), 0);
	EXPECT_EQ(coil_local_get(&local), WORD(77));
}

static int computes(size_t index, void *count)
{
	(void)index;
	++*(int *)count;
	return 0;
}

static int ends_soon(void *count)
{
	int seen = *(int *)count;

	return seen < 100000;
}

IN_TASK(map, items_that_never_suspend_let_others_run)
{
	int count = 0;
	struct coil_task *other = coil_spawn(ends_soon, &count);

	EXPECT_EQ(coil_map(100000, 1, computes, &count), 0);
	EXPECT_EQ(count, 100000);
	EXPECT_EQ(coil_join(other), 1);
}

static int maps_inside(size_t index, void *arg)
{
	struct field field = { 0 };

	(void)arg;
	EXPECT_EQ(coil_map(index, 2, visits, &field), 0);
	return field.calls;
}

IN_TASK(map, maps_nest)
{
	int results[5];
	struct coil_map_options options = {
		.size = sizeof options, .limit = 3, .results = results, .name = "outer"
	};

	EXPECT_EQ(coil_map_with(&options, 5, maps_inside, NULL), 0);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(results[i], i);
}

IN_TASK(map, wrong_options_are_refused)
{
	struct coil_map_options options = { .size = sizeof options, .flags = COIL_HARD };

	EXPECT_EQ(coil_map_with(&options, 1, computes, NULL), -EINVAL);
	options = (struct coil_map_options){ .size = 0 };
	EXPECT_EQ(coil_map_with(&options, 1, computes, NULL), -EINVAL);
	EXPECT_EQ(coil_map((size_t)1 << 40, 1, computes, NULL), -EINVAL);
	EXPECT_EQ(coil_map_with(NULL, 0, computes, NULL), 0);
}

static int opens_a_scope(size_t index, void *scope)
{
	(void)index;
	coil_scope_open(scope);
	return 0;
}

static int maps_a_leaver(void *arg)
{
	static struct coil_scope scope;

	(void)arg;
	return coil_map(2, 1, opens_a_scope, &scope);
}

TEST_SIGNAL(map, an_item_that_leaves_a_scope_open_is_misuse, SIGABRT, "an item of coil_map left")
{
	rig_run(maps_a_leaver, NULL);
}
