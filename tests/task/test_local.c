/* SPDX-License-Identifier: MIT */
/* Task locals: who sees which value, and when it is destroyed. */
#include "support/shortage.h"
#include "task/rig.h"

static int destroyed[8];

static void count_destroyed(void *value)
{
	destroyed[(intptr_t)value]++;
}

static struct coil_local counted = COIL_LOCAL("counted", count_destroyed);
static struct coil_local plain = COIL_LOCAL("plain", NULL);
static struct coil_local other = { "other", NULL, (void *)77 };

static int reads_plain(void *arg)
{
	(void)arg;
	return (int)(intptr_t)coil_local_get(&plain);
}

IN_TASK(local, a_key_has_its_fallback_until_it_is_set)
{
	struct coil_local made;

	coil_local_init(&made, "made", NULL);
	EXPECT_EQ(coil_local_get(&made), NULL);
	EXPECT_EQ(coil_local_get(&other), WORD(77));
	EXPECT_EQ(coil_local_set(&other, WORD(1)), 0);
	EXPECT_EQ(coil_local_get(&other), WORD(1));
	EXPECT_EQ(coil_local_set(&other, NULL), 0);
	EXPECT_EQ(coil_local_get(&other), NULL);
	EXPECT_EQ(coil_local_get(&made), NULL);
}

static int sets_plain_and_sees_it(void *value)
{
	int before = reads_plain(NULL);

	EXPECT_EQ(coil_local_set(&plain, value), 0);
	EXPECT_EQ(coil_local_get(&plain), value);
	coil_yield();
	EXPECT_EQ(coil_local_get(&plain), value);
	return before;
}

IN_TASK(local, a_child_sees_the_values_at_its_spawn_and_keeps_its_own_to_itself)
{
	struct coil_task *child;

	EXPECT_EQ(coil_local_set(&plain, WORD(1)), 0);
	child = coil_spawn(sets_plain_and_sees_it, WORD(2));
	EXPECT_EQ(coil_local_set(&plain, WORD(3)), 0); /* after the spawn */
	EXPECT_EQ(coil_join(child), 1);
	EXPECT_EQ(coil_local_get(&plain), WORD(3));
}

IN_TASK(local, siblings_do_not_see_each_other)
{
	struct coil_task *children[3];

	EXPECT_EQ(coil_local_set(&plain, WORD(1)), 0);
	for (int i = 0; i < 3; i++)
		children[i] = coil_spawn(sets_plain_and_sees_it, WORD(10 + i));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_join(children[i]), 1);
	EXPECT_EQ(coil_local_get(&plain), WORD(1));
}

static int grandchild_reads(void *arg)
{
	return coil_join(coil_spawn(reads_plain, arg));
}

IN_TASK(local, values_go_down_through_generations_of_every_kind_of_spawn)
{
	struct coil_task_options fresh = { .size = sizeof fresh, .flags = COIL_FRESH_LOCALS };
	struct coil_task_options named = { .size = sizeof named, .name = "named" };

	EXPECT_EQ(coil_local_set(&plain, WORD(5)), 0);
	EXPECT_EQ(coil_join(coil_spawn(grandchild_reads, NULL)), 5);
	EXPECT_EQ(coil_join(coil_spawn_with(&named, reads_plain, NULL)), 5);
	EXPECT_EQ(coil_join(coil_spawn_eager(reads_plain, NULL)), 5);
	EXPECT_EQ(coil_join(coil_spawn_with(&fresh, grandchild_reads, NULL)), 0);
}

static int waits_for_gate(void *gate)
{
	struct coil_promise *promise = gate;

	return coil_await(&promise->future);
}

IN_TASK(local, a_value_is_destroyed_with_the_last_task_that_shares_it)
{
	struct coil_promise gate;
	struct coil_task *first;
	struct coil_task *second;

	memset(destroyed, 0, sizeof destroyed);
	coil_promise_init(&gate);
	EXPECT_EQ(coil_local_set(&counted, WORD(1)), 0);
	first = coil_spawn(rig_return, NULL);
	second = coil_spawn(waits_for_gate, &gate);
	EXPECT_EQ(coil_local_set(&counted, WORD(2)), 0);
	EXPECT_EQ(coil_join(first), 0);
	EXPECT_EQ(destroyed[1], 0); /* the second one has it still */
	coil_promise_resolve(&gate, 0);
	EXPECT_EQ(coil_join(second), 0);
	EXPECT_EQ(destroyed[1], 1);
	EXPECT_EQ(coil_local_set(&counted, WORD(3)), 0);
	EXPECT_EQ(destroyed[2], 1);
	EXPECT_EQ(destroyed[3], 0);
	coil_promise_deinit(&gate);
}

static int sets_counted(void *value)
{
	EXPECT_EQ(coil_local_set(&counted, value), 0);
	return coil_sleep(COIL_FOREVER);
}

static int spawns_and_leaves(void *arg)
{
	(void)arg;
	EXPECT(coil_spawn(sets_counted, WORD(4)));
	EXPECT_EQ(coil_local_set(&counted, WORD(5)), 0);
	coil_yield();
	return 0;
}

TEST(local, the_end_of_the_loop_destroys_what_is_left)
{
	memset(destroyed, 0, sizeof destroyed);
	EXPECT_EQ(rig_run(spawns_and_leaves, NULL), 0);
	EXPECT_EQ(destroyed[4], 1);
	EXPECT_EQ(destroyed[5], 1);
}

static void sets_another(void *value)
{
	EXPECT(coil_self());
	if (value)
		EXPECT_EQ(coil_local_set(&counted, WORD(6)), 0);
}

static int has_a_stubborn_value(void *arg)
{
	static struct coil_local stubborn = COIL_LOCAL("stubborn", sets_another);

	(void)arg;
	return coil_local_set(&stubborn, WORD(1));
}

IN_TASK(local, a_destructor_may_set_values_of_its_own)
{
	memset(destroyed, 0, sizeof destroyed);
	EXPECT_EQ(coil_join(coil_spawn(has_a_stubborn_value, NULL)), 0);
	EXPECT_EQ(destroyed[6], 1);
}

IN_TASK(local, sets_in_a_row_hold_no_memory)
{
	uint64_t before;

	EXPECT_EQ(coil_local_set(&plain, NULL), 0);
	for (int i = 0; i < 100; i++) /* checking builds fill their quarantine */
		EXPECT_EQ(coil_join(coil_spawn(rig_return, NULL)), 0);
	before = rig_stats().allocated_bytes;
	for (int i = 1; i <= 1000; i++) {
		EXPECT_EQ(coil_local_set(&plain, WORD(i)), 0);
		EXPECT_EQ(coil_join(coil_spawn(reads_plain, NULL)), i);
	}
	EXPECT_EQ(rig_stats().allocated_bytes, before);
}

/* -- Tokens --------------------------------------------------------------------------------------
 */

IN_TASK(local, reset_goes_back_to_the_value_before_the_swap_also_to_none)
{
	struct coil_local_token outer;
	struct coil_local_token inner;

	memset(destroyed, 0, sizeof destroyed);
	EXPECT_EQ(coil_local_swap(&other, WORD(1), &outer), 0);
	EXPECT_EQ(coil_local_swap(&other, WORD(2), &inner), 0);
	EXPECT_EQ(coil_local_set(&other, WORD(3)), 0);
	EXPECT_EQ(coil_local_reset(&inner), 0);
	EXPECT_EQ(coil_local_get(&other), WORD(1));
	EXPECT_EQ(coil_local_reset(&outer), 0);
	EXPECT_EQ(coil_local_get(&other), WORD(77));
}

IN_TASK(local, the_outer_token_undoes_the_inner_swaps_too)
{
	struct coil_local_token tokens[3];

	memset(destroyed, 0, sizeof destroyed);
	EXPECT_EQ(coil_local_set(&counted, WORD(1)), 0);
	EXPECT_EQ(coil_local_set(&plain, WORD(9)), 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(coil_local_swap(&counted, WORD(2 + i), &tokens[i]), 0);
	EXPECT_EQ(coil_local_reset(&tokens[0]), 0);
	EXPECT_EQ(coil_local_get(&counted), WORD(1));
	EXPECT_EQ(coil_local_get(&plain), WORD(9));
	EXPECT_EQ(destroyed[1], 0);
	for (int i = 2; i <= 4; i++)
		EXPECT_EQ(destroyed[i], 1);
}

IN_TASK(local, a_child_that_was_spawned_after_the_swap_keeps_its_value)
{
	struct coil_local_token token;
	struct coil_task *child;

	memset(destroyed, 0, sizeof destroyed);
	EXPECT_EQ(coil_local_swap(&plain, WORD(4), &token), 0);
	EXPECT_EQ(coil_local_set(&counted, WORD(1)), 0);
	child = coil_spawn(reads_plain, NULL);
	EXPECT_EQ(coil_local_reset(&token), 0);
	EXPECT_EQ(coil_local_get(&plain), NULL);
	EXPECT_EQ(coil_local_get(&counted), WORD(1));
	EXPECT_EQ(coil_join(child), 4);
	EXPECT_EQ(destroyed[1], 0);
}

static int sets_and_swaps(void *arg)
{
	struct coil_local_token token;

	EXPECT_EQ(coil_local_get(&plain), WORD(1));
	EXPECT_EQ(coil_local_set(&plain, WORD(2)), 0);
	EXPECT_EQ(coil_local_swap(&counted, WORD(7), &token), 0);
	return (int)(intptr_t)arg;
}

IN_TASK(local, what_is_set_inside_of_locals_run_is_undone)
{
	memset(destroyed, 0, sizeof destroyed);
	EXPECT_EQ(coil_local_set(&plain, WORD(1)), 0);
	EXPECT_EQ(coil_locals_run(sets_and_swaps, WORD(5)), 5);
	EXPECT_EQ(coil_local_get(&plain), WORD(1));
	EXPECT_EQ(coil_local_get(&counted), NULL);
	EXPECT_EQ(destroyed[7], 1);
}

/* -- Memory that runs out, and misuse ------------------------------------------------------------
 */

static int runs_out(void *arg)
{
	struct coil_local_token token;
	struct coil_task *child;

	(void)arg;
	shortage.is_on = true;
	EXPECT_EQ(coil_local_set(&plain, WORD(1)), -ENOMEM);
	EXPECT_EQ(coil_local_swap(&plain, WORD(1), &token), -ENOMEM);
	EXPECT_EQ(coil_local_get(&plain), NULL);
	shortage.is_on = false;
	EXPECT_EQ(coil_local_set(&plain, WORD(1)), 0);
	EXPECT_EQ(coil_local_swap(&counted, WORD(2), &token), 0);
	child = coil_spawn(reads_plain, NULL);
	shortage.is_on = true;
	EXPECT_EQ(coil_local_set(&plain, WORD(3)), -ENOMEM); /* shared: it would be copied */
	EXPECT_EQ(coil_local_reset(&token), -ENOMEM);
	EXPECT_EQ(coil_local_get(&plain), WORD(1));
	EXPECT_EQ(coil_local_get(&counted), WORD(2));
	EXPECT_EQ(coil_join(child), 1);
	EXPECT_EQ(coil_local_set(&plain, WORD(4)), 0); /* not shared any more */
	shortage.is_on = false;
	EXPECT_EQ(coil_local_reset(&token), 0);
	return 0;
}

TEST(local, without_memory_nothing_changes_and_the_value_stays_the_callers)
{
	struct coil_options options = rig_options();

	memset(destroyed, 0, sizeof destroyed);
	shortage.is_on = false;
	options.alloc = &shortage_alloc;
	EXPECT_EQ(coil_run_with(&options, runs_out, NULL), 0);
	EXPECT_EQ(destroyed[2], 1);
}

static struct coil_local_token shared_token;

static int resets(void *arg)
{
	(void)arg;
	return coil_local_reset(&shared_token);
}

static int resets_in_a_child(void *arg)
{
	(void)arg;
	coil_local_swap(&plain, WORD(1), &shared_token);
	return coil_join(coil_spawn(resets, NULL));
}

static int resets_twice(void *arg)
{
	(void)arg;
	coil_local_swap(&plain, WORD(1), &shared_token);
	coil_local_reset(&shared_token);
	return coil_local_reset(&shared_token);
}

TEST_SIGNAL(local, a_token_of_another_task_is_misuse, SIGABRT, "this token is another task's")
{
	rig_run(resets_in_a_child, NULL);
}

TEST_SIGNAL(local, a_token_serves_once, SIGABRT, "this token was used already")
{
	rig_run(resets_twice, NULL);
}

TEST_SIGNAL(local, get_outside_of_a_task_is_misuse, SIGABRT, "called on a thread that runs no")
{
	coil_local_get(&plain);
}
