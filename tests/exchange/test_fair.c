/* SPDX-License-Identifier: MIT */
/* Who never has to wait lets the others run all the same (semantics.md A7). */
#include "task/rig.h"

static struct coil_channel channel;
static struct coil_queue queue;
static struct coil_shared_queue shared;
static struct coil_broadcast broadcast;
static struct coil_subscriber subscriber;
static struct coil_latest latest;
static struct coil_observer observer;
static struct coil_oneshot oneshot;

static int sends_and_receives(void)
{
	int rc = coil_channel_try_send(&channel, NULL);

	return rc < 0 ? rc : coil_channel_receive(&channel, NULL);
}

static int sends(void)
{
	int rc = coil_channel_send(&channel, NULL);

	return rc < 0 ? rc : coil_channel_try_receive(&channel, NULL);
}

static int puts_it(void)
{
	int rc = coil_queue_put(&queue, NULL);

	return rc < 0 ? rc : coil_queue_try_get(&queue, NULL);
}

static int takes_it(void)
{
	int rc = coil_queue_try_put(&queue, NULL);

	return rc < 0 ? rc : coil_queue_get(&queue, NULL);
}

static int puts_into_shared(void)
{
	int rc = coil_shared_queue_put(&shared, NULL);

	return rc < 0 ? rc : coil_shared_queue_try_get(&shared, NULL);
}

static int takes_from_shared(void)
{
	int rc = coil_shared_queue_try_put(&shared, NULL);

	return rc < 0 ? rc : coil_shared_queue_get_until(&shared, NULL, 0);
}

static int hears(void)
{
	int rc = coil_broadcast_send(&broadcast, NULL);

	return rc < 0 ? rc : coil_broadcast_receive(&subscriber, NULL);
}

static int sees(void)
{
	int rc = coil_latest_set(&latest, NULL);

	return rc < 0 ? rc : coil_latest_changed(&observer);
}

static int receives_once(void)
{
	return coil_oneshot_receive(&oneshot, NULL) == -EPIPE ? 0 : -EIO;
}

static int selects(void)
{
	struct coil_case c = coil_case_put(&queue, NULL);
	int rc = coil_select(&c, 1, 0);

	return rc < 0 ? rc : coil_queue_try_get(&queue, NULL);
}

static int notes(void *flag)
{
	*(bool *)flag = true;
	return 0;
}

static void check_budget(int (*does)(void), const char *name)
{
	bool has_run = false;
	struct coil_task *task = coil_spawn(notes, &has_run);
	int times = 0;

	while (!has_run && times < 1000) {
		EXPECT_EQ(does(), 0);
		times++;
	}
	if (times < 64 || times > 128)
		FAIL(name);
	EXPECT_EQ(coil_join(task), 0);
}

IN_TASK(exchange, a7_what_need_not_wait_yields_after_a_budget)
{
	const struct coil_queue_options options = { .size = sizeof options, .capacity = 4 };

	EXPECT_EQ(coil_channel_init(&channel, 0, 4), 0);
	EXPECT_EQ(coil_queue_init(&queue, 0, 4), 0);
	EXPECT_EQ(coil_shared_queue_init(&shared, &options), 0);
	EXPECT_EQ(coil_broadcast_init(&broadcast, 0, 4), 0);
	coil_broadcast_subscribe(&broadcast, &subscriber);
	coil_latest_init(&latest, NULL, 0);
	coil_latest_observe(&latest, &observer);
	coil_oneshot_init(&oneshot, NULL, 0);
	coil_oneshot_drop(&oneshot);
	check_budget(sends_and_receives, "channel receive");
	check_budget(sends, "channel send");
	check_budget(puts_it, "queue put");
	check_budget(takes_it, "queue get");
	check_budget(puts_into_shared, "shared queue put");
	check_budget(takes_from_shared, "shared queue get");
	check_budget(hears, "broadcast");
	check_budget(sees, "latest value");
	check_budget(receives_once, "oneshot");
	check_budget(selects, "select");
	coil_oneshot_deinit(&oneshot);
	coil_latest_deinit(&latest);
	coil_broadcast_unsubscribe(&subscriber);
	coil_broadcast_deinit(&broadcast);
	coil_shared_queue_deinit(&shared);
	coil_queue_deinit(&queue);
	coil_channel_deinit(&channel);
}
