/* SPDX-License-Identifier: MIT */
#include "future/future.h"

#include "future/notes.h"
#include "support/test.h"

static struct coil_ready ready;
static struct countdown countdown;
static struct coil_future children[3];

static const struct coil_future_ops ops = { .kind = "test" };

static void set_up(uint32_t count)
{
	notes_init();
	ready = (struct coil_ready){ .turn = NULL };
	countdown_init(&countdown, &ready, &ops, count);
	for (uint32_t i = 0; i < count; i++) {
		future_init(&children[i], &ready, &ops);
		future_count(&children[i], &countdown);
	}
	if (count)
		future_add_waiter(&countdown.future, note(1));
}

TEST(countdown, of_nothing_is_over_at_once)
{
	set_up(0);
	EXPECT(future_is_resolved(&countdown.future));
	EXPECT_EQ(coil_future_result(&countdown.future), 0);
}

TEST(countdown, resolves_with_the_last_child)
{
	set_up(3);
	future_resolve(&children[1], 5);
	future_resolve(&children[2], -5);
	EXPECT(future_is_pending(&countdown.future));
	EXPECT_EQ(countdown.left, 1);
	EXPECT_EQ(fire_all(&ready.next), 0);
	future_resolve(&children[0], 0);
	EXPECT(future_is_resolved(&countdown.future));
	EXPECT_EQ(coil_future_result(&countdown.future), 0);
	EXPECT_EQ(fire_all(&ready.next), 1);
	EXPECT_EQ(coil_future_result(&children[2]), -5);
}

TEST(countdown, a_child_counts_once_and_can_be_waited_for_after)
{
	set_up(2);
	future_resolve(&children[0], 5);
	EXPECT_EQ(children[0].flags, 0);
	EXPECT(!children[0].waiters);
	future_init(&children[0], &ready, &ops);
	future_add_waiter(&children[0], note(2));
	future_resolve(&children[0], 6);
	EXPECT_EQ(countdown.left, 1);
	EXPECT_EQ(fire_all(&ready.next), 2);
	future_resolve(&children[1], 0);
}

TEST(countdown, wakes_early_on_a_failure_if_told_so)
{
	set_up(3);
	countdown.wakes_on_failure = true;
	future_resolve(&children[0], 1);
	EXPECT(future_is_pending(&countdown.future));
	future_resolve(&children[1], -1);
	EXPECT(future_is_resolved(&countdown.future));
	EXPECT_EQ(countdown.left, 1);
	EXPECT_EQ(fire_all(&ready.next), 1);
	future_resolve(&children[2], -1);
	EXPECT_EQ(countdown.left, 0);
	EXPECT_EQ(fire_all(&ready.next), 0);
}

TEST(countdown, wakes_on_each_if_told_so)
{
	set_up(3);
	countdown.wakes_on_each = true;
	for (uint32_t i = 0; i < 3; i++) {
		future_resolve(&children[i], 0);
		EXPECT(future_is_resolved(&countdown.future));
		EXPECT_EQ(fire_all(&ready.next), 1);
		countdown_rearm(&countdown);
		EXPECT_EQ(future_is_pending(&countdown.future), i < 2);
		if (i < 2)
			future_add_waiter(&countdown.future, note(1));
	}
}

TEST(countdown, counts_on_while_it_is_woken)
{
	set_up(3);
	countdown.wakes_on_each = true;
	future_resolve(&children[0], 0);
	future_resolve(&children[1], 0);
	future_resolve(&children[2], 0);
	EXPECT_EQ(countdown.left, 0);
	countdown_rearm(&countdown);
	EXPECT(future_is_resolved(&countdown.future));
	EXPECT_EQ(fire_all(&ready.next), 1);
}

TEST(countdown, rearmed_it_resolves_with_the_last)
{
	set_up(2);
	countdown.wakes_on_failure = true;
	future_resolve(&children[0], -1);
	EXPECT_EQ(fire_all(&ready.next), 1);
	countdown_rearm(&countdown);
	future_add_waiter(&countdown.future, note(2));
	future_resolve(&children[1], 0);
	EXPECT_EQ(fire_all(&ready.next), 2);
}

TEST(countdown, can_count_a_countdown)
{
	struct countdown outer;

	set_up(0);
	countdown_init(&outer, &ready, &ops, 1);
	countdown_init(&countdown, &ready, &ops, 1);
	future_init(&children[0], &ready, &ops);
	future_count(&children[0], &countdown);
	future_count(&countdown.future, &outer);
	future_add_waiter(&outer.future, note(3));
	future_resolve(&children[0], 0);
	EXPECT_EQ(fire_all(&ready.next), 3);
}

TEST_SIGNAL(countdown, cannot_count_below_nothing, SIGABRT, "countdown->left > 0")
{
	set_up(0);
	countdown_note(&countdown, 0);
}

TEST_SIGNAL(countdown, a_pending_one_is_not_rearmed, SIGABRT, "future_is_resolved(")
{
	set_up(1);
	countdown_rearm(&countdown);
}

TEST_SIGNAL(countdown, a_counted_future_takes_no_hooks, SIGABRT, "FUTURE_COUNTED")
{
	set_up(1);
	future_add_waiter(&children[0], note(2));
}

TEST_SIGNAL(countdown, a_counted_future_has_no_hooks_to_remove, SIGABRT, "FUTURE_COUNTED")
{
	set_up(1);
	future_remove_waiter(&children[0], note(2));
}

TEST_SIGNAL(countdown, a_future_with_waiters_cannot_be_counted, SIGABRT, "waiters == NULL")
{
	set_up(1);
	future_count(&countdown.future, &countdown);
}
