/* SPDX-License-Identifier: MIT */
/* What tasks hand to each other and wait for: an iteration is an item, or a turn of each task. */
#include "counts.h"

#define RIVALS 4

/* -- Channel and queue ------------------------------------------------------------------------- */

struct pipe {
	struct coil_channel channel;
	struct coil_channel other;
	struct coil_queue queue;
	unsigned times;
};

static int channel_main(void *arg)
{
	struct pipe *pipe = arg;

	for (unsigned i = 0; i < pipe->times; i++)
		must(coil_channel_send(&pipe->channel, &i) == 0, "a send failed");
	return 0;
}

static void run_channel(unsigned times)
{
	struct pipe pipe = { .times = times };
	struct coil_task *task;
	unsigned item;

	must(coil_channel_init(&pipe.channel, sizeof(unsigned), 0) == 0, "no channel");
	task = coil_spawn(channel_main, &pipe);
	for (unsigned i = 0; i < times; i++)
		must(coil_channel_receive(&pipe.channel, &item) == 0 && item == i,
		     "a receive failed");
	must(coil_join(task) == 0, "a task failed");
	coil_channel_deinit(&pipe.channel);
}

static int queue_main(void *arg)
{
	struct pipe *pipe = arg;

	for (unsigned i = 0; i < pipe->times; i++)
		must(coil_queue_put(&pipe->queue, &i) == 0, "a put failed");
	return 0;
}

static void run_queue(unsigned times)
{
	struct pipe pipe = { .times = times };
	struct coil_task *task;
	unsigned item;

	must(coil_queue_init(&pipe.queue, sizeof(unsigned), 8) == 0, "no queue");
	task = coil_spawn(queue_main, &pipe);
	for (unsigned i = 0; i < times; i++) {
		must(coil_queue_get(&pipe.queue, &item) == 0 && item == i, "a get failed");
		coil_queue_task_done(&pipe.queue);
	}
	must(coil_join(task) == 0, "a task failed");
	coil_queue_deinit(&pipe.queue);
}

/* Two channels, of which one has something, and a deadline that does not pass. */
static void run_select(unsigned times)
{
	struct pipe pipe = { .times = times };
	struct coil_task *task;
	unsigned item, nothing;

	must(coil_channel_init(&pipe.channel, sizeof(unsigned), 0) == 0, "no channel");
	must(coil_channel_init(&pipe.other, sizeof(unsigned), 0) == 0, "no channel");
	task = coil_spawn(channel_main, &pipe);
	for (unsigned i = 0; i < times; i++) {
		struct coil_case cases[] = {
			coil_case_receive(&pipe.other, &nothing),
			coil_case_receive(&pipe.channel, &item),
			coil_case_deadline(coil_now() + 60 * COIL_SEC),
		};

		must(coil_select(cases, 3, COIL_IN_ORDER) == 1 && item == i, "a select failed");
	}
	must(coil_join(task) == 0, "a task failed");
	coil_channel_deinit(&pipe.other);
	coil_channel_deinit(&pipe.channel);
}

/* -- Locks ------------------------------------------------------------------------------------- */

struct rivals {
	struct coil_mutex mutex;
	struct coil_semaphore semaphore;
	struct coil_event event;
	unsigned times;
};

/* Each holds what the others want over a yield. */
static int mutex_main(void *arg)
{
	struct rivals *rivals = arg;

	for (unsigned left = rivals->times; left; left--) {
		must(coil_mutex_lock(&rivals->mutex) == 0, "a lock failed");
		coil_yield();
		coil_mutex_unlock(&rivals->mutex);
	}
	return 0;
}

static int semaphore_main(void *arg)
{
	struct rivals *rivals = arg;

	for (unsigned left = rivals->times; left; left--) {
		must(coil_semaphore_acquire(&rivals->semaphore) == 0, "an acquire failed");
		coil_yield();
		coil_semaphore_release(&rivals->semaphore);
	}
	return 0;
}

static void run_rivals(int (*entry)(void *arg), struct rivals *rivals)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	for (unsigned i = 0; i < RIVALS; i++)
		must(coil_go(&group, entry, rivals) == 0, "no task");
	must(coil_group_close(&group) == 0, "a task failed");
}

static void run_mutex(unsigned times)
{
	struct rivals rivals = { .times = times };

	coil_mutex_init(&rivals.mutex);
	run_rivals(mutex_main, &rivals);
	coil_mutex_deinit(&rivals.mutex);
}

static void run_semaphore(unsigned times)
{
	struct rivals rivals = { .times = times };

	coil_semaphore_init(&rivals.semaphore, 2);
	run_rivals(semaphore_main, &rivals);
	coil_semaphore_deinit(&rivals.semaphore);
}

const struct scenario scenarios_exchange[] = {
	{ "channel", run_channel },
	{ "queue", run_queue },
	{ "select", run_select },
	{ "mutex_4", run_mutex },
	{ "semaphore_4", run_semaphore },
	{ NULL, NULL },
};
