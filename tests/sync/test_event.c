/* SPDX-License-Identifier: MIT */
/* Events: semantics.md B13.2. */
#include "task/rig.h"

static struct coil_event event;

static int waits(void *letter)
{
	int rc = coil_event_wait(&event);

	if (rc == 0)
		rig_note((char)(intptr_t)letter);
	return rc;
}

static void begin(void)
{
	rig_forget();
	coil_event_init(&event);
}

IN_TASK(event, b13_2_set_wakes_all_in_order)
{
	struct coil_task *tasks[4];
	struct coil_event_stats stats = { .size = sizeof stats };

	begin();
	for (int i = 0; i < 4; i++)
		tasks[i] = coil_spawn(waits, WORD('a' + i));
	coil_yield();
	EXPECT(!coil_event_is_set(&event));
	coil_event_set(&event);
	coil_event_set(&event);
	EXPECT(coil_event_is_set(&event));
	EXPECT_STR_EQ(rig_order, ""); /* in the next turn */
	coil_yield();
	EXPECT_STR_EQ(rig_order, "abcd");
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(coil_join(tasks[i]), 0);
	EXPECT_EQ(coil_event_stats(&event, &stats), 0);
	EXPECT_EQ(stats.sets, 1);
	EXPECT_EQ(stats.waits, 4);
	EXPECT_EQ(stats.waiters, 0);
	EXPECT_EQ(stats.is_set, 1);
	coil_event_deinit(&event);
}

IN_TASK(event, b13_2_wait_returns_at_once_when_set)
{
	uint64_t turns;
	struct coil_scope scope;

	begin();
	coil_event_set(&event);
	turns = rig_stats().turns;
	EXPECT_EQ(coil_event_wait(&event), 0);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_event_wait(&event), 0); /* not a wait */
	EXPECT_EQ(coil_scope_close(&scope), 0);
	EXPECT_EQ(rig_stats().turns, turns);
	coil_event_deinit(&event);
}

IN_TASK(event, b13_2_set_and_cleared_at_once_it_wakes_all_the_same)
{
	struct coil_task *task;

	begin();
	task = coil_spawn(waits, WORD('a'));
	coil_yield();
	coil_event_set(&event);
	coil_event_clear(&event);
	EXPECT(!coil_event_is_set(&event));
	EXPECT_EQ(coil_join(task), 0);
	EXPECT_EQ(coil_timeout(COIL_MSEC, waits, WORD('x')), -ETIME);
	coil_event_deinit(&event);
}

IN_TASK(event, a_cancelled_waiter_leaves_and_one_that_was_woken_does_not)
{
	struct coil_task *first, *second;

	begin();
	first = coil_spawn(waits, WORD('a'));
	second = coil_spawn(waits, WORD('b'));
	coil_yield();
	coil_cancel(first);
	coil_event_set(&event);
	coil_cancel(second);
	EXPECT_EQ(coil_join(first), -ECANCELED);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_STR_EQ(rig_order, "b");
	coil_event_deinit(&event);
}

IN_TASK(event, in_a_cancelled_scope_it_is_not_waited_for)
{
	struct coil_scope scope;

	begin();
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -EIO, NULL);
	EXPECT_EQ(coil_event_wait(&event), -EIO);
	EXPECT_EQ(coil_scope_close(&scope), -EIO);
	coil_event_deinit(&event);
}

/* A waiter that was woken does not touch it: its owner may go. */
static int sets_and_leaves(void *arg)
{
	struct coil_event *own = malloc(sizeof *own);
	struct coil_event **ret_event = arg;

	coil_event_init(own);
	*ret_event = own;
	rig_turns(2);
	coil_event_set(own);
	coil_event_deinit(own);
	free(own);
	return 0;
}

static int waits_there(void *arg)
{
	return coil_event_wait(*(struct coil_event **)arg);
}

IN_TASK(event, who_sets_it_may_free_it)
{
	struct coil_event *own = NULL;
	struct coil_task *owner = coil_spawn(sets_and_leaves, &own);
	struct coil_task *waiter = coil_spawn(waits_there, &own);

	EXPECT_EQ(coil_join(owner), 0);
	EXPECT_EQ(coil_join(waiter), 0);
	coil_event_deinit(NULL);
}

static void set_by_hook(struct coil_hook *hook)
{
	(void)hook;
	coil_event_set(&event);
}

IN_TASK(event, it_may_be_set_outside_of_tasks)
{
	struct coil_hook hook = { .fire = set_by_hook };
	struct coil_promise promise;

	begin();
	coil_promise_init(&promise);
	coil_future_then(&promise.future, &hook);
	coil_promise_resolve(&promise, 0);
	EXPECT_EQ(coil_event_wait(&event), 0);
	coil_promise_deinit(&promise);
	coil_event_deinit(&event);
}
