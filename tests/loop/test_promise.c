/* SPDX-License-Identifier: MIT */
#include "coil/promise.h"

#include <errno.h>

#include "loop/rig.h"

TEST(promise, waiters_run_in_the_next_turn)
{
	struct note notes[2] = { note_new(1), note_new(2) };
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	coil_future_then(&promise.future, &notes[0].hook);
	coil_future_then(&promise.future, &notes[1].hook);
	coil_promise_resolve(&promise, -EIO);
	EXPECT_EQ(rig_logged, 0);
	EXPECT_EQ(coil_future_result(&promise.future), -EIO);
	rig_turn();
	EXPECT_EQ(rig_digits(), 12);
	coil_promise_deinit(&promise);
	rig_close();
}

TEST(promise, it_cannot_be_cancelled)
{
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	EXPECT(!future_cancel(&promise.future));
	EXPECT(future_is_pending(&promise.future));
	coil_promise_deinit(&promise);
	coil_promise_deinit(NULL);
	rig_close();
}

TEST(promise, from_another_thread_it_travels_through_the_inbox)
{
	struct note note = note_new(1);
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	coil_future_then(&promise.future, &note.hook);
	coil_promise_resolve_from_thread(&promise, 9);
	EXPECT(future_is_pending(&promise.future));
	rig_wait();
	rig_turn();
	EXPECT_EQ(coil_future_result(&promise.future), 9);
	EXPECT_EQ(rig_digits(), 1);
	coil_promise_deinit(&promise);
	rig_close();
}

TEST_SIGNAL(promise, resolving_twice_is_misuse, SIGABRT,
	    "coil: coil_promise_resolve: this promise is resolved already\n")
{
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	coil_promise_resolve(&promise, 0);
	coil_promise_resolve(&promise, 0);
}

TEST_SIGNAL(promise, posting_twice_is_misuse, SIGABRT,
	    "this promise is being resolved from two threads\n")
{
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	coil_promise_resolve_from_thread(&promise, 0);
	coil_promise_resolve_from_thread(&promise, 0);
}

TEST_SIGNAL(promise, resolving_one_that_was_posted_is_misuse, SIGABRT,
	    "this promise was resolved twice\n")
{
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	coil_promise_resolve_from_thread(&promise, 0);
	coil_promise_resolve(&promise, 0);
	rig_wait();
	rig_turn();
}

TEST_SIGNAL(promise, one_of_another_loop_is_misuse, SIGABRT,
	    "coil: coil_promise_resolve: this promise belongs to the loop of another thread: use "
	    "coil_promise_resolve_from_thread\n")
{
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	promise.loop = NULL;
	coil_promise_resolve(&promise, 0);
}

TEST_SIGNAL(promise, one_that_is_awaited_does_not_end, SIGABRT,
	    "coil: coil_promise_deinit: this promise is pending and somebody awaits it\n")
{
	struct note note = note_new(1);
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	coil_future_then(&promise.future, &note.hook);
	coil_promise_deinit(&promise);
}

TEST_SIGNAL(promise, one_on_its_way_does_not_end, SIGABRT,
	    "coil: coil_promise_deinit: this promise is on its way from another thread: await it "
	    "before\n")
{
	struct coil_promise promise;

	rig_open(8, 16);
	coil_promise_init(&promise);
	coil_promise_resolve_from_thread(&promise, 0);
	coil_promise_deinit(&promise);
}

TEST_SIGNAL(promise, it_needs_a_loop, SIGABRT,
	    "coil: coil_promise_init: called on a thread that runs no loop: call it inside "
	    "coil_run\n")
{
	struct coil_promise promise;

	coil_promise_init(&promise);
}
