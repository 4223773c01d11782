/* SPDX-License-Identifier: MIT */
#include "future/future.h"

#include <errno.h>

#include "future/notes.h"
#include "support/test.h"

static struct coil_ready ready;
static struct coil_future future;
static int cancels;

static void count_cancel(struct coil_future *asked)
{
	EXPECT(asked == &future);
	cancels++;
}

static const struct coil_future_ops cancellable = { .kind = "test", .cancel = count_cancel };
static const struct coil_future_ops not_cancellable = { .kind = "test" };

/* Pending, with @waiters waiters. */
static void set_up(int waiters)
{
	notes_init();
	ready = (struct coil_ready){ .turn = NULL };
	future_init(&future, &ready, &cancellable);
	for (int id = 1; id <= waiters; id++)
		future_add_waiter(&future, note(id));
}

TEST(future, it_begins_pending)
{
	set_up(0);
	EXPECT(future_is_pending(&future));
	EXPECT(!future_is_resolved(&future));
	EXPECT(!coil_future_done(&future));
}

TEST(future, resolve_moves_waiters_in_order)
{
	for (int waiters = 0; waiters <= 3; waiters++) {
		static const long orders[] = { 0, 1, 12, 123 };

		set_up(waiters);
		future_resolve(&future, 42);
		EXPECT(future_is_resolved(&future));
		EXPECT(coil_future_done(&future));
		EXPECT_EQ(coil_future_result(&future), 42);
		EXPECT_EQ(coil_future_result(&future), 42);
		EXPECT(!future.waiters);
		EXPECT(!ready.turn);
		EXPECT_EQ(fire_all(&ready.next), orders[waiters]);
	}
}

TEST(future, waiters_stand_behind_what_was_ready_before)
{
	set_up(2);
	ready_push(&ready, note(5));
	future_resolve(&future, -1);
	ready_push(&ready, note(6));
	EXPECT_EQ(fire_all(&ready.next), 5126);
}

TEST(future, resolving_fires_nobody)
{
	set_up(3);
	future_resolve(&future, 0);
	EXPECT_EQ(fired, 0);
}

TEST(future, each_waiter_can_leave)
{
	static const long rest[] = { 234, 134, 124, 123 };

	for (int id = 1; id <= 4; id++) {
		set_up(4);
		future_remove_waiter(&future, note(id));
		future_resolve(&future, 0);
		EXPECT_EQ(fire_all(&ready.next), rest[id - 1]);
	}
}

TEST(future, waiters_leave_and_others_come)
{
	set_up(1);
	future_remove_waiter(&future, note(1));
	EXPECT(!future.waiters);
	future_add_waiter(&future, note(2));
	future_add_waiter(&future, note(3));
	future_remove_waiter(&future, note(3));
	future_add_waiter(&future, note(1));
	future_remove_waiter(&future, note(2));
	future_add_waiter(&future, note(2));
	future_resolve(&future, 0);
	EXPECT_EQ(fire_all(&ready.next), 12);
}

TEST(future, then_fires_when_it_resolves)
{
	set_up(1);
	coil_future_then(&future, note(2));
	future_resolve(&future, 0);
	EXPECT_EQ(fire_all(&ready.next), 12);
}

TEST(future, then_on_a_resolved_one_fires_in_the_next_turn)
{
	set_up(0);
	future_resolve(&future, 0);
	coil_future_then(&future, note(1));
	EXPECT_EQ(fired, 0);
	EXPECT(!ready.turn);
	EXPECT_EQ(fire_all(&ready.next), 1);
}

TEST(future, a_cancel_goes_to_the_producer)
{
	set_up(1);
	EXPECT(future_cancel(&future));
	EXPECT_EQ(cancels, 1);
	EXPECT(future_is_pending(&future));
	future.ops = &not_cancellable;
	EXPECT(!future_cancel(&future));
	EXPECT_EQ(cancels, 1);
}

TEST(future, it_can_be_started_again)
{
	set_up(1);
	future_resolve(&future, 7);
	EXPECT_EQ(fire_all(&ready.next), 1);
	future_init(&future, &ready, &cancellable);
	EXPECT(future_is_pending(&future));
	future_add_waiter(&future, note(2));
	future_resolve(&future, 8);
	EXPECT_EQ(coil_future_result(&future), 8);
	EXPECT_EQ(fire_all(&ready.next), 2);
}

TEST(future, results_that_mean_a_cancel)
{
	static const int cancelled[] = { -125, -4, -512, -513, -514, -515, -516 };
	static const int others[] = { 0, 1, -1, -11, -62, -511, -517, 125, 512, INT32_MIN };

	for (unsigned i = 0; i < sizeof cancelled / sizeof cancelled[0]; i++)
		EXPECT(result_is_cancel(cancelled[i]));
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
		EXPECT(!result_is_cancel(others[i]));
}

TEST_SIGNAL(future, the_result_of_a_pending_one_is_misuse, SIGABRT,
	    "coil: coil_future_result: this future is still pending: await it first\n")
{
	set_up(0);
	coil_future_result(&future);
}

TEST_SIGNAL(future, the_result_of_an_idle_one_is_misuse, SIGABRT,
	    "coil: coil_future_result: this future was never started\n")
{
	coil_future_result(&future);
}

TEST_SIGNAL(future, then_on_an_idle_one_is_misuse, SIGABRT,
	    "coil: coil_future_then: this future was never started\n")
{
	notes_init();
	coil_future_then(&future, note(1));
}

TEST_SIGNAL(future, it_is_resolved_once, SIGABRT, "future->state == FUTURE_PENDING")
{
	set_up(0);
	future_resolve(&future, 0);
	future_resolve(&future, 0);
}

TEST_SIGNAL(future, nobody_waits_for_a_resolved_one, SIGABRT, "future->state == FUTURE_PENDING")
{
	set_up(0);
	future_resolve(&future, 0);
	future_add_waiter(&future, note(1));
}

TEST_SIGNAL(future, a_resolved_one_is_not_cancelled, SIGABRT, "future->state == FUTURE_PENDING")
{
	set_up(0);
	future_resolve(&future, 0);
	future_cancel(&future);
}

TEST_SIGNAL(future, a_stranger_cannot_leave, SIGABRT, "was_there")
{
	set_up(3);
	future_remove_waiter(&future, note(4));
}

TEST_SIGNAL(future, nobody_can_leave_where_nobody_waits, SIGABRT, "was_there")
{
	set_up(0);
	future_remove_waiter(&future, note(1));
}

TEST(future, unthen_takes_a_hook_back_while_pending_and_while_ready_and_tells_if_it_has_fired)
{
	set_up(0);
	for (int id = 1; id <= 3; id++)
		coil_future_then(&future, note(id));
	EXPECT_EQ(coil_future_unthen(&future, note(2)), 0);
	EXPECT_EQ(coil_future_unthen(&future, note(2)), -ENOENT);
	EXPECT_EQ(coil_future_unthen(&future, note(4)), -ENOENT);
	future_resolve(&future, 0);
	EXPECT_EQ(coil_future_unthen(&future, note(3)), 0);
	coil_future_then(&future, note(5));
	EXPECT_EQ(fire_all(&ready.next), 15);
	EXPECT_EQ(coil_future_unthen(&future, note(1)), -ENOENT);
}

TEST(future, unthen_of_one_that_nobody_waits_for_finds_nothing)
{
	set_up(0);
	EXPECT_EQ(coil_future_unthen(&future, note(1)), -ENOENT);
	coil_future_then(&future, note(1));
	EXPECT_EQ(coil_future_unthen(&future, note(1)), 0);
	EXPECT(!future.waiters);
}

TEST_SIGNAL(future, unthen_of_one_that_was_never_started, SIGABRT, "this future was never started")
{
	set_up(0);
	future.state = FUTURE_IDLE;
	coil_future_unthen(&future, note(1));
}

TEST_SIGNAL(future, then_on_one_that_is_counted, SIGABRT, "is in a gather or a chain")
{
	struct countdown countdown;

	set_up(0);
	countdown_init(&countdown, &ready, &cancellable, 1);
	future_count(&future, &countdown);
	coil_future_then(&future, note(1));
}
