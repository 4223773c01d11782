/* SPDX-License-Identifier: MIT */
/*
 * semantics.md B17: threads and context, as far as it concerns tasks. B17.2 (to_thread) is in
 * tests/work/test_locals.c, calls from one loop to another in tests/work/test_call.c, signals'
 * tasks in tests/task/test_signal_tasks.c.
 */
#include "rules/child.h"

#include <pthread.h>

static void *fails_in_a_thread(void *promise)
{
	coil_promise_resolve_from_thread(promise, -EIO);
	return NULL;
}

IN_REAL_TASK(rules, b17_1_a_result_or_a_failure_comes_from_a_thread)
{
	struct coil_promise promise;
	pthread_t thread;

	coil_promise_init(&promise);
	EXPECT_EQ(pthread_create(&thread, NULL, fails_in_a_thread, &promise), 0);
	EXPECT_EQ(coil_await(&promise.future), -EIO);
	pthread_join(thread, NULL);
	coil_promise_deinit(&promise);
}

static struct coil_local local = COIL_LOCAL("local", NULL);

static int reads(void *arg)
{
	(void)arg;
	return (int)(intptr_t)coil_local_get(&local);
}

static int sets_and_reads(void *value)
{
	EXPECT_EQ(coil_local_set(&local, value), 0);
	return reads(NULL);
}

IN_TASK(rules, b17_3_a_child_has_a_copy_as_of_its_creation)
{
	struct coil_group group;
	struct coil_task *early;

	EXPECT_EQ(coil_local_set(&local, WORD(1)), 0);
	early = coil_spawn(reads, NULL);
	EXPECT_EQ(coil_local_set(&local, WORD(2)), 0);
	EXPECT_EQ(coil_join(early), 1);
	EXPECT_EQ(coil_join(coil_spawn(sets_and_reads, WORD(3))), 3);
	EXPECT_EQ(coil_local_get(&local), WORD(2));
	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_join(coil_spawn(reads, NULL)), 2);
	EXPECT_EQ(coil_group_close(&group), 0);
}

static int hook_fired;

static void fire(struct coil_hook *hook)
{
	(void)hook;
	hook_fired += coil_self() == NULL;
}

/* asyncio copies the context into callbacks; a hook has no task and no locals, and what it spawns
 * begins with none. */
IN_TASK(rules, b17_3_a_callback_has_no_context)
{
	struct coil_hook hook = { .fire = fire };
	struct coil_timer timer;

	hook_fired = 0;
	EXPECT_EQ(coil_local_set(&local, WORD(4)), 0);
	EXPECT_EQ(coil_timer_start(&timer, coil_now()), 0);
	coil_future_then(&timer.future, &hook);
	EXPECT_EQ(coil_await(&timer.future), 0);
	coil_yield();
	EXPECT_EQ(hook_fired, 1);
}

IN_TASK(rules, b17_3_a_token_goes_back_to_the_value_before)
{
	struct coil_local_token token;

	EXPECT_EQ(coil_local_set(&local, WORD(1)), 0);
	EXPECT_EQ(coil_local_swap(&local, WORD(2), &token), 0);
	EXPECT_EQ(coil_join(coil_spawn(reads, NULL)), 2);
	EXPECT_EQ(coil_local_reset(&token), 0);
	EXPECT_EQ(coil_join(coil_spawn(reads, NULL)), 1);
}
