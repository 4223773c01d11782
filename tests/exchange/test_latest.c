/* SPDX-License-Identifier: MIT */
/* Latest values. */
#include "task/rig.h"

#define ITEM(value) (&(long){ value })

static int waits_for_change(void *observer)
{
	return coil_latest_changed(observer);
}

IN_TASK(latest, an_observer_sees_the_newest_and_not_what_was_between)
{
	struct coil_latest latest;
	struct coil_observer observer;
	struct coil_item_stats stats = { .size = sizeof stats };
	long slot = 1;
	long value = 0;

	coil_latest_init(&latest, &slot, sizeof slot);
	coil_latest_observe(&latest, &observer);
	EXPECT(!coil_latest_has_changed(&observer));
	EXPECT_EQ(coil_latest_set(&latest, ITEM(2)), 0);
	EXPECT_EQ(coil_latest_set(&latest, ITEM(3)), 0);
	EXPECT(coil_latest_has_changed(&observer));
	EXPECT_EQ(coil_latest_changed(&observer), 0);
	EXPECT(!coil_latest_has_changed(&observer));
	coil_latest_look(&observer, &value);
	EXPECT_EQ(value, 3);
	EXPECT_EQ(coil_latest_set(&latest, ITEM(4)), 0);
	coil_latest_get(&latest, &value);
	EXPECT_EQ(value, 4);
	EXPECT(coil_latest_has_changed(&observer)); /* get is nobody's look */
	coil_latest_look(&observer, NULL);
	EXPECT(!coil_latest_has_changed(&observer));
	EXPECT_EQ(coil_latest_stats(&latest, &stats), 0);
	EXPECT_EQ(stats.sent, 3);
	coil_latest_deinit(&latest);
	coil_latest_deinit(NULL);
}

IN_TASK(latest, a_change_wakes_all_who_wait)
{
	struct coil_latest latest;
	struct coil_observer observers[3];
	struct coil_task *tasks[3];
	long slot = 1;

	coil_latest_init(&latest, &slot, sizeof slot);
	for (int i = 0; i < 3; i++) {
		coil_latest_observe(&latest, &observers[i]);
		tasks[i] = coil_spawn(waits_for_change, &observers[i]);
	}
	rig_turns(2);
	EXPECT_EQ(coil_cancel(tasks[0]), 0);
	EXPECT_EQ(coil_latest_set(&latest, ITEM(2)), 0);
	EXPECT_EQ(coil_cancel(tasks[1]), 0); /* too late */
	EXPECT_EQ(coil_join(tasks[0]), -ECANCELED);
	EXPECT_EQ(coil_join(tasks[1]), 0);
	EXPECT_EQ(coil_join(tasks[2]), 0);
	EXPECT(coil_latest_has_changed(&observers[0]));
	EXPECT(!coil_latest_has_changed(&observers[1]));
	coil_latest_deinit(&latest);
}

IN_TASK(latest, closing_wakes_who_waits_and_keeps_the_value)
{
	struct coil_latest latest;
	struct coil_observer waits, behind;
	struct coil_task *task;
	long slot = 1;
	long value = 0;

	coil_latest_init(&latest, &slot, sizeof slot);
	coil_latest_observe(&latest, &behind);
	EXPECT_EQ(coil_latest_set(&latest, ITEM(2)), 0);
	coil_latest_observe(&latest, &waits);
	task = coil_spawn(waits_for_change, &waits);
	rig_turns(2);
	coil_latest_close(&latest);
	coil_latest_close(&latest);
	EXPECT_EQ(coil_join(task), -EPIPE);
	EXPECT_EQ(coil_latest_changed(&behind), 0); /* the last change is still told */
	EXPECT_EQ(coil_latest_changed(&behind), -EPIPE);
	EXPECT_EQ(coil_latest_set(&latest, ITEM(3)), -EPIPE);
	coil_latest_get(&latest, &value);
	EXPECT_EQ(value, 2);
	coil_latest_deinit(&latest);
}

IN_TASK(latest, a_cancelled_scope_or_a_deadline_ends_the_wait)
{
	struct coil_latest latest;
	struct coil_observer observer;
	struct coil_scope scope;
	long slot = 1;

	coil_latest_init(&latest, &slot, sizeof slot);
	coil_latest_observe(&latest, &observer);
	EXPECT_EQ(coil_timeout(1 * COIL_MSEC, waits_for_change, &observer), -ETIME);
	EXPECT_EQ(coil_latest_set(&latest, ITEM(2)), 0);
	coil_scope_open(&scope);
	coil_scope_cancel(&scope, -ECANCELED, NULL);
	EXPECT_EQ(coil_latest_changed(&observer), -ECANCELED);
	EXPECT_EQ(coil_scope_close(&scope), -ECANCELED);
	EXPECT(coil_latest_has_changed(&observer));
	coil_latest_deinit(&latest);
}

static int deinit_while_somebody_waits(void *arg)
{
	struct coil_latest latest;
	struct coil_observer observer;

	(void)arg;
	coil_latest_init(&latest, NULL, 0);
	coil_latest_observe(&latest, &observer);
	coil_spawn(waits_for_change, &observer);
	rig_turns(2);
	coil_latest_deinit(&latest);
	return 0;
}

TEST_SIGNAL(latest, deinit_while_somebody_waits_stops, SIGABRT,
	    "coil_latest_deinit: task 1 \"main\": somebody waits for a change: close it first")
{
	rig_run_real(deinit_while_somebody_waits, NULL);
}
