/* SPDX-License-Identifier: MIT */
#include "future/ready.h"

#include "future/future.h"
#include "future/notes.h"
#include "support/test.h"

static struct coil_ready ready;

/* 1, 2, 3 in this turn; 4, 5, 6 in the next. */
static void set_up(void)
{
	notes_init();
	ready = (struct coil_ready){ .turn = NULL };
	for (int id = 1; id <= 3; id++)
		ready_push(&ready, note(id));
	ready = (struct coil_ready){ .turn = ready.next.first };
	for (int id = 4; id <= 6; id++)
		ready_push(&ready, note(id));
}

static long fire_turn(void)
{
	struct hook_queue turn = { .first = ready.turn };

	ready.turn = NULL;
	return fire_all(&turn);
}

TEST(ready, an_empty_queue_pops_nothing)
{
	struct hook_queue queue = { .first = NULL };

	EXPECT(!hook_queue_pop(&queue));
	EXPECT(!hook_queue_remove(&queue, note(1)));
}

TEST(ready, it_is_empty_when_both_halves_are)
{
	struct coil_ready none = { .turn = NULL };

	notes_init();
	EXPECT(ready_is_empty(&none));
	ready_push(&none, note(1));
	EXPECT(!ready_is_empty(&none));
	EXPECT(hook_queue_pop(&none.next) == note(1));
	EXPECT(ready_is_empty(&none));
	none.turn = note(1);
	EXPECT(!ready_is_empty(&none));
}

TEST(ready, what_becomes_ready_is_the_next_turns)
{
	set_up();
	EXPECT_EQ(fire_turn(), 123);
	EXPECT(!ready_is_empty(&ready));
	EXPECT_EQ(fire_all(&ready.next), 456);
	EXPECT(ready_is_empty(&ready));
}

TEST(ready, a_chain_is_appended_whole)
{
	struct hook_queue queue = { .first = NULL };

	notes_init();
	note(1)->next = note(2);
	note(2)->next = note(3);
	note(3)->next = note(1); /* as the ring of waiters is */
	hook_queue_append(&queue, note(1), note(3));
	hook_queue_append(&queue, note(4), note(4));
	EXPECT_EQ(fire_all(&queue), 1234);
}

TEST(ready, a_hook_can_be_removed_from_either_half)
{
	static const struct {
		long turn;
		long next;
	} rest[] = { { 23, 456 }, { 13, 456 }, { 12, 456 }, { 123, 56 }, { 123, 46 }, { 123, 45 } };

	for (int id = 1; id <= 6; id++) {
		set_up();
		ready_remove(&ready, note(id));
		EXPECT_EQ(fire_turn(), rest[id - 1].turn);
		EXPECT_EQ(fire_all(&ready.next), rest[id - 1].next);
	}
}

TEST(ready, the_end_is_right_after_the_last_was_removed)
{
	set_up();
	ready_remove(&ready, note(6));
	ready_push(&ready, note(6));
	EXPECT_EQ(fire_all(&ready.next), 456);
	ready_push(&ready, note(4));
	ready_remove(&ready, note(4));
	EXPECT(!ready.next.first);
	ready_push(&ready, note(5));
	EXPECT_EQ(fire_all(&ready.next), 5);
}

TEST_SIGNAL(ready, what_is_not_there_cannot_be_removed, SIGABRT, "was_there")
{
	set_up();
	ready_remove(&ready, note(2));
	ready_remove(&ready, note(2));
}
