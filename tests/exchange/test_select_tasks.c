/* SPDX-License-Identifier: MIT */
/*
 * Select over what has no case of its own: a task waits for it, and its future is the case. Whoever
 * takes another case cancels and joins the task, and gives back what it may have got meanwhile.
 */
#include "task/rig.h"

static struct coil_event event;
static struct coil_semaphore permits;
static struct coil_channel channel;

static int waits_for_event(void *arg)
{
	(void)arg;
	return coil_event_wait(&event);
}

static int acquires(void *arg)
{
	(void)arg;
	return coil_semaphore_acquire(&permits);
}

struct waits {
	struct coil_task *event;
	struct coil_task *permit;
};

/* The index of event, permit or channel. */
static int select_all(struct waits *ret_waits)
{
	long item;
	int rc;

	ret_waits->event = coil_spawn(waits_for_event, NULL);
	ret_waits->permit = coil_spawn(acquires, NULL);
	EXPECT(ret_waits->event && ret_waits->permit);
	struct coil_case cases[] = {
		coil_case_future(coil_task_future(ret_waits->event)),
		coil_case_future(coil_task_future(ret_waits->permit)),
		coil_case_receive(&channel, &item),
	};

	rc = coil_select(cases, 3, COIL_IN_ORDER);
	EXPECT(rc < 0 || cases[rc].result == 0);
	return rc;
}

/* Which of the two had got what it waited for: 1 the event, 2 a permit, which is given back. */
static int end_all(const struct waits *waits)
{
	int got = 0;

	coil_cancel(waits->event);
	coil_cancel(waits->permit);
	got |= coil_join(waits->event) == 0 ? 1 : 0;
	if (coil_join(waits->permit) == 0) {
		coil_semaphore_release(&permits);
		got |= 2;
	}
	return got;
}

static void begin(void)
{
	coil_event_init(&event);
	coil_semaphore_init_bounded(&permits, 0, 1);
	EXPECT_EQ(coil_channel_init(&channel, sizeof(long), 1), 0);
}

static void end(void)
{
	coil_channel_deinit(&channel);
	coil_semaphore_deinit(&permits);
	coil_event_deinit(&event);
}

static int sets_later(void *arg)
{
	(void)arg;
	coil_sleep(COIL_MSEC);
	coil_event_set(&event);
	return 0;
}

IN_TASK(select, an_event_is_awaited_by_a_task)
{
	struct waits waits;
	struct coil_task *setter;

	begin();
	setter = coil_spawn(sets_later, NULL);
	EXPECT_EQ(select_all(&waits), 0);
	EXPECT_EQ(end_all(&waits), 1);
	EXPECT_EQ(coil_join(setter), 0);
	end();
}

static int releases_later(void *arg)
{
	(void)arg;
	coil_sleep(COIL_MSEC);
	coil_semaphore_release(&permits);
	return 0;
}

IN_TASK(select, a_permit_is_acquired_by_a_task_and_given_back)
{
	struct waits waits;
	struct coil_task *releaser;

	begin();
	releaser = coil_spawn(releases_later, NULL);
	EXPECT_EQ(select_all(&waits), 1);
	EXPECT_EQ(end_all(&waits), 2);
	EXPECT_EQ(coil_join(releaser), 0);
	EXPECT_EQ(coil_semaphore_value(&permits), 1);
	end();
}

static int sends_later(void *arg)
{
	(void)arg;
	coil_sleep(COIL_MSEC);
	EXPECT_EQ(coil_channel_send(&channel, &(long){ 7 }), 0);
	coil_semaphore_release(&permits); /* too late for the select, in time for the task */
	return 0;
}

IN_TASK(select, a_permit_that_comes_behind_another_case_is_not_lost)
{
	struct waits waits;
	struct coil_task *sender;

	begin();
	sender = coil_spawn(sends_later, NULL);
	EXPECT_EQ(select_all(&waits), 2);
	EXPECT_EQ(end_all(&waits), 2);
	EXPECT_EQ(coil_join(sender), 0);
	EXPECT_EQ(coil_semaphore_value(&permits), 1);
	end();
}

IN_TASK(select, a_cancelled_one_leaves_nobody_in_a_line)
{
	struct coil_scope scope;
	struct waits waits;

	begin();
	coil_scope_open(&scope);
	EXPECT_EQ(coil_scope_deadline(&scope, coil_now() + COIL_MSEC), 0);
	EXPECT_EQ(select_all(&waits), -ETIME);
	EXPECT_EQ(coil_scope_close(&scope), -ETIME);
	EXPECT_EQ(end_all(&waits), 0);
	end();
}
