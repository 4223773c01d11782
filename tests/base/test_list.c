/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "support/test.h"

struct item {
	int id;
	struct coil_list node;
};

static struct item items[4];
static struct coil_list list;

static void set_up(void)
{
	list_init(&list);
	for (int i = 0; i < 4; i++) {
		items[i].id = i;
		list_init(&items[i].node);
	}
}

/* The ids in order, as a number: 123 is items 1, 2, 3; then the same from the back. */
static int forwards(void)
{
	struct coil_list *node;
	int digits = 0;

	list_for_each (node, &list)
		digits = 10 * digits + list_entry(node, struct item, node)->id;
	return digits;
}

static int backwards(void)
{
	int digits = 0;

	for (struct coil_list *node = list.prev; node != &list; node = node->prev)
		digits = 10 * digits + list_entry(node, struct item, node)->id;
	return digits;
}

static void push_three(void)
{
	set_up();
	for (int i = 1; i < 4; i++)
		list_push_back(&list, &items[i].node);
}

TEST(list, an_empty_list_has_nothing_to_pop)
{
	set_up();
	EXPECT(list_is_empty(&list));
	EXPECT(!list_pop_front(&list));
	EXPECT_EQ(forwards(), 0);
}

TEST(list, both_ends_and_the_middle)
{
	set_up();
	list_push_back(&list, &items[2].node);
	list_push_front(&list, &items[1].node);
	list_insert_before(&list, &items[3].node);
	EXPECT_EQ(forwards(), 123);
	EXPECT_EQ(backwards(), 321);
	EXPECT(!list_is_empty(&items[2].node));
	EXPECT(!list_is_empty(&list));
}

TEST(list, pop_takes_them_in_order)
{
	push_three();
	for (int i = 1; i < 4; i++)
		EXPECT(list_pop_front(&list) == &items[i].node);
	EXPECT(list_is_empty(&list));
	for (int i = 1; i < 4; i++)
		EXPECT(list_is_empty(&items[i].node));
}

TEST(list, each_place_can_be_left)
{
	static const int rest[] = { 23, 13, 12 };

	for (int i = 1; i < 4; i++) {
		push_three();
		list_remove(&items[i].node);
		EXPECT_EQ(forwards(), rest[i - 1]);
		EXPECT_EQ(backwards(), rest[i - 1] % 10 * 10 + rest[i - 1] / 10);
		EXPECT(list_is_empty(&items[i].node));
	}
}

TEST(list, a_node_outside_may_be_removed_and_come_again)
{
	push_three();
	list_remove(&items[0].node);
	list_remove(&items[2].node);
	list_remove(&items[2].node);
	list_push_back(&list, &items[2].node);
	EXPECT_EQ(forwards(), 132);
}

TEST_SIGNAL(list, a_node_in_a_list_cannot_enter_another, SIGABRT, "list_is_empty(node)")
{
	push_three();
	list_push_back(&list, &items[2].node);
}

TEST_SIGNAL(list, a_torn_list_is_seen, SIGABRT, "node->next->prev == node")
{
	push_three();
	items[3].node.prev = &list;
	list_remove(&items[2].node);
}
