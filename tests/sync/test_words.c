/* SPDX-License-Identifier: MIT */
/* What a wait says of what it waits for, in deadlock reports and dumps. */
#include "task/rig.h"
#include "task/deadlock.h"

static struct coil_mutex mutex;
static struct coil_rwlock rwlock;
static struct coil_semaphore semaphore;
static struct coil_wait_group wait_group;
static struct coil_barrier barrier;
static struct coil_limiter limiter;
static struct coil_event event;
static struct coil_queue queue;
static struct coil_channel channel;

/* Spawns @entry, lets it wait, and compares its words. It is cancelled then. */
static void check_words(int (*entry)(void *arg), void *arg, const char *words)
{
	struct coil_task *task = coil_spawn(entry, arg);
	char text[160] = "";

	rig_turns(3);
	task_describe_wait(task, text, sizeof text);
	EXPECT_STR_EQ(text, words);
	task_describe_wait(task, text, 4);
	EXPECT_EQ(strlen(text), 3);
	EXPECT_EQ(coil_cancel(task), 0);
	EXPECT_EQ(coil_join(task), -ECANCELED);
}

static int locks(void *arg)
{
	return coil_mutex_lock(&mutex);
}

static int reads(void *arg)
{
	return coil_rwlock_read_lock(&rwlock);
}

static int writes(void *arg)
{
	return coil_rwlock_write_lock(&rwlock);
}

IN_TASK(words, of_locks_name_the_holder)
{
	coil_mutex_init(&mutex);
	coil_rwlock_init(&rwlock);
	EXPECT_EQ(coil_mutex_lock(&mutex), 0);
	check_words(locks, NULL, "mutex held by task 1 \"main\"");
	coil_mutex_unlock(&mutex);
	EXPECT_EQ(coil_rwlock_write_lock(&rwlock), 0);
	check_words(reads, NULL, "rwlock to read held by task 1 \"main\"");
	coil_rwlock_downgrade(&rwlock);
	check_words(writes, NULL, "rwlock to write held by 1 reader");
	coil_rwlock_read_unlock(&rwlock);
	coil_rwlock_deinit(&rwlock);
	coil_mutex_deinit(&mutex);
}

static int acquires(void *arg)
{
	return coil_semaphore_acquire(&semaphore);
}

static int waits_for_all(void *arg)
{
	return coil_wait_group_wait(&wait_group);
}

static int meets(void *arg)
{
	return coil_barrier_wait(&barrier);
}

static int borrows(void *arg)
{
	return coil_limiter_acquire(&limiter);
}

static int watches(void *arg)
{
	return coil_event_wait(&event);
}

IN_TASK(words, of_what_is_counted_tell_how_many)
{
	coil_semaphore_init(&semaphore, 0);
	coil_wait_group_init(&wait_group);
	coil_wait_group_add(&wait_group, 3);
	coil_barrier_init(&barrier, 4);
	coil_limiter_init(&limiter, 2);
	coil_event_init(&event);
	EXPECT_EQ(coil_limiter_acquire_for(&limiter, &semaphore), 0);
	EXPECT_EQ(coil_limiter_acquire_for(&limiter, &event), 0);
	check_words(acquires, NULL, "semaphore, 1 waiting");
	check_words(waits_for_all, NULL, "wait group, 3 not done");
	check_words(meets, NULL, "barrier, 1 of 4 there");
	check_words(borrows, NULL, "limiter, 2 of 2 borrowed");
	check_words(watches, NULL, "event");
	coil_limiter_release_for(&limiter, &semaphore);
	coil_limiter_release_for(&limiter, &event);
	coil_limiter_deinit(&limiter);
	coil_event_deinit(&event);
	coil_barrier_deinit(&barrier);
	coil_wait_group_deinit(&wait_group);
	coil_semaphore_deinit(&semaphore);
}

static int puts_one(void *arg)
{
	return coil_queue_put(&queue, NULL);
}

static int gets_one(void *arg)
{
	return coil_queue_get(&queue, NULL);
}

static int joins_queue(void *arg)
{
	return coil_queue_join(&queue);
}

static int sends(void *arg)
{
	return coil_channel_send(&channel, NULL);
}

IN_TASK(words, of_queues_and_channels_tell_how_full_they_are)
{
	EXPECT_EQ(coil_queue_init(&queue, 0, 2), 0);
	EXPECT_EQ(coil_channel_init(&channel, 0, 0), 0);
	check_words(gets_one, NULL, "queue get, 0 of 2 items");
	EXPECT_EQ(coil_queue_put(&queue, NULL), 0);
	EXPECT_EQ(coil_queue_put(&queue, NULL), 0);
	check_words(puts_one, NULL, "queue put, 2 of 2 items");
	check_words(joins_queue, NULL, "queue join, 2 not done");
	check_words(sends, NULL, "channel send, 0 of 0 items");
	coil_channel_deinit(&channel);
	coil_queue_deinit(&queue);
	EXPECT_EQ(coil_queue_init(&queue, 0, 0), 0);
	check_words(gets_one, NULL, "queue get, 0 items");
	coil_queue_deinit(&queue);
}

static int closes_a_group(void *arg)
{
	struct coil_group group;

	coil_group_open(&group, COIL_GROUP_FAIL_FAST);
	EXPECT_EQ(coil_go(&group, rig_sleep_for_ever, NULL), 0);
	EXPECT_EQ(coil_go(&group, rig_sleep_for_ever, NULL), 0);
	(void)coil_group_close(&group);
	return -ECANCELED;
}

IN_TASK(words, of_a_group_tell_how_many_are_alive)
{
	check_words(closes_a_group, NULL, "group, 2 alive");
}
