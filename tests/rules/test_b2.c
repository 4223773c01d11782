/* SPDX-License-Identifier: MIT */
/* semantics.md B2: futures. */
#include "rules/child.h"

#include <pthread.h>

IN_TASK(rules, b2_1_a_future_is_pending_and_then_done_for_good)
{
	struct coil_promise promise;

	coil_promise_init(&promise);
	EXPECT(!coil_future_done(&promise.future));
	coil_promise_resolve(&promise, 4);
	EXPECT(coil_future_done(&promise.future));
	EXPECT_EQ(coil_future_result(&promise.future), 4);
	EXPECT_EQ(coil_future_result(&promise.future), 4);
	coil_promise_deinit(&promise);
}

STOPS(b2_1_a_second_result_is_misuse, "this promise is resolved already")
{
	struct coil_promise promise;

	coil_promise_init(&promise);
	coil_promise_resolve(&promise, 1);
	coil_promise_resolve(&promise, 1);
}

STOPS(b2_1_reading_early_is_misuse, "this future is still pending")
{
	struct coil_promise promise;

	coil_promise_init(&promise);
	coil_future_result(&promise.future);
}

struct note_hook {
	struct coil_hook hook;
	char letter;
};

static struct coil_local local = COIL_LOCAL("local", NULL);

/* asyncio captures the context of add_done_callback; Coil's hooks belong to no task. */
static void fire_note(struct coil_hook *hook)
{
	EXPECT_EQ(coil_self(), NULL);
	rig_note(((struct note_hook *)(void *)hook)->letter);
}

IN_TASK(rules, b2_2_callbacks_run_in_order_from_the_ready_queue_and_never_inline)
{
	struct note_hook hooks[3];
	struct coil_promise promise;

	rig_forget();
	EXPECT_EQ(coil_local_set(&local, WORD(1)), 0);
	coil_promise_init(&promise);
	for (int i = 0; i < 3; i++) {
		hooks[i] = (struct note_hook){ { NULL, fire_note }, (char)('a' + i) };
		if (i < 2)
			coil_future_then(&promise.future, &hooks[i].hook);
	}
	coil_promise_resolve(&promise, 0);
	EXPECT_STR_EQ(rig_order, "");
	coil_future_then(&promise.future, &hooks[2].hook); /* done already: scheduled at once */
	EXPECT_STR_EQ(rig_order, "");
	coil_yield();
	EXPECT_STR_EQ(rig_order, "abc");
	coil_promise_deinit(&promise);
}

/* asyncio removes all that are equal; a hook stands in one list at a time, so that there is one. */
IN_TASK(rules, b2_2_removing_a_callback_says_whether_it_was_there)
{
	struct note_hook hook = { { NULL, fire_note }, 'a' };
	struct coil_promise promise;

	rig_forget();
	coil_promise_init(&promise);
	EXPECT_EQ(coil_future_unthen(&promise.future, &hook.hook), -ENOENT);
	coil_future_then(&promise.future, &hook.hook);
	EXPECT_EQ(coil_future_unthen(&promise.future, &hook.hook), 0);
	EXPECT_EQ(coil_future_unthen(&promise.future, &hook.hook), -ENOENT);
	coil_promise_resolve(&promise, 0);
	coil_yield();
	EXPECT_STR_EQ(rig_order, "");
	coil_promise_deinit(&promise);
}

IN_TASK(rules, b2_3_cancel_says_whether_it_was_done_and_schedules_the_callbacks)
{
	struct note_hook hook = { { NULL, fire_note }, 'a' };
	struct coil_timer timer;

	rig_forget();
	EXPECT_EQ(coil_timer_start(&timer, COIL_FOREVER), 0);
	coil_future_then(&timer.future, &hook.hook);
	EXPECT_EQ(coil_timer_cancel(&timer), 0);
	EXPECT_STR_EQ(rig_order, "");
	coil_yield();
	EXPECT_STR_EQ(rig_order, "a");
	EXPECT_EQ(coil_timer_cancel(&timer), -EALREADY);
}

static int looks_at_one_of_two(void *arg)
{
	struct coil_task *seen = coil_spawn(rig_return, WORD(-ELOOP));

	coil_spawn(rig_return, WORD(-EXDEV));
	coil_await(coil_task_future(seen));
	return (int)(intptr_t)arg;
}

static void looks_at_one(void)
{
	rig_run(looks_at_one_of_two, NULL);
}

TEST(rules, b2_4_a_failure_that_nobody_read_is_reported)
{
	char text[4096];

	EXPECT_EQ(test_run_in_child(looks_at_one, text, sizeof text), 0);
	EXPECT(strstr(text, "failed with EXDEV, and nobody looked at it"));
	EXPECT(!strstr(text, "ELOOP"));
}

static void *resolves(void *promise)
{
	coil_promise_resolve_from_thread(promise, 5);
	return NULL;
}

/* asyncio refuses StopIteration, which would end the generator of who awaits. */
IN_TASK(rules, b2_5_no_failure_is_refused_and_each_arrives_as_it_was_set)
{
	const int failures[] = { -1, -ECANCELED, -ETIME, -EINTR, -EAGAIN, -ENODATA, -4095 };
	struct coil_promise promise;

	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		coil_promise_init(&promise);
		coil_promise_resolve(&promise, failures[i]);
		EXPECT_EQ(coil_await(&promise.future), failures[i]);
		EXPECT_EQ(coil_future_result(&promise.future), failures[i]);
		coil_promise_deinit(&promise);
	}
}

IN_REAL_TASK(rules, b2_6_a_result_that_comes_after_a_cancel_is_tolerated)
{
	struct coil_promise promise;
	struct coil_task *task;
	pthread_t thread;
	int fds[2];

	coil_promise_init(&promise);
	task = coil_spawn(child_awaits, &promise);
	coil_yield();
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), -ECANCELED);
	EXPECT_EQ(pthread_create(&thread, NULL, resolves, &promise), 0);
	EXPECT_EQ(coil_await(&promise.future), 5);
	pthread_join(thread, NULL);
	coil_promise_deinit(&promise);
	/* The loop's own: a byte that comes with the cancel. */
	rig_pair(fds);
	task = coil_spawn(rig_recv_byte, WORD(fds[0]));
	coil_yield();
	EXPECT_EQ(write(fds[1], "!", 1), 1);
	coil_cancel(task);
	EXPECT_EQ(coil_join(task), '!');
	rig_close(fds);
}
