/* SPDX-License-Identifier: MIT */
/*
 * All kinds at once under random cancels and deadlines: what they promise holds at each step, and
 * at the end nothing is held, nobody waits and no wake was lost (the scenario ends). A scenario is
 * a function of its seed alone.
 */
#include "task/rig.h"

#define WORKERS 24
#define STEPS 30

struct world {
	unsigned random;
	struct coil_mutex mutex;
	struct coil_cond has_items;
	struct coil_rwlock rwlock;
	struct coil_semaphore semaphore;
	struct coil_limiter limiter;
	struct coil_event event;
	struct coil_wait_group running;
	int items, put, taken;
	int readers, writers, holders;
	bool is_closed;
};

static unsigned draw(struct world *world, unsigned below)
{
	world->random = world->random * 1664525u + 1013904223u;
	return (world->random >> 8) % below;
}

static void dawdle(struct world *world)
{
	for (unsigned turns = draw(world, 4); turns > 0; turns--)
		coil_yield();
}

static int reads(void *arg)
{
	struct world *world = arg;
	int rc = coil_rwlock_read_lock(&world->rwlock);

	if (rc < 0)
		return rc;
	world->readers++;
	EXPECT_EQ(world->writers, 0);
	dawdle(world);
	EXPECT_EQ(world->writers, 0);
	world->readers--;
	coil_rwlock_read_unlock(&world->rwlock);
	return 0;
}

static int writes(void *arg)
{
	struct world *world = arg;
	int rc = coil_rwlock_write_lock(&world->rwlock);

	if (rc < 0)
		return rc;
	EXPECT_EQ(++world->writers, 1);
	EXPECT_EQ(world->readers, 0);
	dawdle(world);
	EXPECT_EQ(world->readers, 0);
	world->writers--;
	if (draw(world, 2)) {
		coil_rwlock_write_unlock(&world->rwlock);
		return 0;
	}
	coil_rwlock_downgrade(&world->rwlock);
	world->readers++;
	dawdle(world);
	world->readers--;
	coil_rwlock_read_unlock(&world->rwlock);
	return 0;
}

static int puts_item(void *arg)
{
	struct world *world = arg;
	int rc = coil_mutex_lock(&world->mutex);

	if (rc < 0)
		return rc;
	world->items++;
	world->put++;
	coil_cond_notify(&world->has_items, 1);
	coil_mutex_unlock(&world->mutex);
	return 0;
}

static int is_worth_a_look(void *arg)
{
	const struct world *world = arg;

	return world->items > 0 || world->is_closed;
}

static int takes_item(void *arg)
{
	struct world *world = arg;
	int rc = coil_mutex_lock(&world->mutex);

	if (rc < 0)
		return rc;
	EXPECT_EQ(++world->holders, 1);
	world->holders--;
	rc = coil_cond_wait_for(&world->has_items, is_worth_a_look, world);
	EXPECT_EQ(++world->holders, 1);
	if (rc > 0 && world->items > 0) {
		world->items--;
		world->taken++;
	}
	world->holders--;
	coil_mutex_unlock(&world->mutex);
	return rc;
}

static int uses_permit(void *arg)
{
	struct world *world = arg;
	int rc = coil_semaphore_acquire(&world->semaphore);

	if (rc < 0)
		return rc;
	dawdle(world);
	coil_semaphore_release(&world->semaphore);
	return 0;
}

static int borrows(void *arg)
{
	struct world *world = arg;
	int rc = coil_limiter_acquire(&world->limiter);

	if (rc < 0)
		return rc;
	dawdle(world);
	coil_limiter_release(&world->limiter);
	return 0;
}

static int flips_event(void *arg)
{
	struct world *world = arg;

	if (coil_event_is_set(&world->event))
		coil_event_clear(&world->event);
	else
		coil_event_set(&world->event);
	coil_limiter_set_total(&world->limiter, 1 + draw(world, 4));
	return 0;
}

static int waits_for_event(void *arg)
{
	return coil_event_wait(&((struct world *)arg)->event);
}

static int (*const deeds[])(void *arg) = {
	reads,	     reads,   writes,	   puts_item,	puts_item,
	takes_item,  uses_permit, borrows, flips_event, waits_for_event,
};

static int works(void *arg)
{
	struct world *world = arg;
	int rc = 0;

	for (int i = 0; i < STEPS && rc >= 0; i++) {
		int (*deed)(void *arg) = deeds[draw(world, sizeof deeds / sizeof *deeds)];

		if (draw(world, 3) == 0)
			rc = coil_timeout(draw(world, 200) * COIL_USEC, deed, world);
		else
			rc = deed(world);
		if (rc == -ETIME)
			rc = coil_cancelling();
		if (draw(world, 4) == 0)
			coil_yield();
	}
	coil_wait_group_done(&world->running);
	return rc;
}

static void open_world(struct world *world, unsigned seed)
{
	*world = (struct world){ .random = seed * 2654435761u + 1 };
	coil_cond_init(&world->has_items, &world->mutex);
	coil_semaphore_init_bounded(&world->semaphore, 2, 2);
	coil_limiter_init(&world->limiter, 2);
	coil_wait_group_add(&world->running, WORKERS);
}

/* Each deinit holds that nobody waits, and nobody holds anything. */
static void close_world(struct world *world)
{
	EXPECT_EQ(world->put, world->taken + world->items);
	EXPECT_EQ(coil_semaphore_value(&world->semaphore), 2);
	EXPECT_EQ(coil_limiter_borrowed(&world->limiter), 0);
	EXPECT_EQ(coil_wait_group_count(&world->running), 0);
	coil_cond_deinit(&world->has_items);
	coil_mutex_deinit(&world->mutex);
	coil_rwlock_deinit(&world->rwlock);
	coil_semaphore_deinit(&world->semaphore);
	coil_limiter_deinit(&world->limiter);
	coil_event_deinit(&world->event);
	coil_wait_group_deinit(&world->running);
}

/* Nobody waits for ever: items for all, the event set. */
static void let_all_end(struct world *world)
{
	EXPECT_EQ(coil_mutex_lock(&world->mutex), 0);
	world->is_closed = true;
	coil_cond_notify_all(&world->has_items);
	coil_mutex_unlock(&world->mutex);
	while (coil_wait_group_count(&world->running) > 0) {
		coil_event_set(&world->event);
		coil_yield();
	}
}

static int storm(void *seed)
{
	struct coil_task *tasks[WORKERS];
	struct world world;

	open_world(&world, (unsigned)(uintptr_t)seed);
	for (int i = 0; i < WORKERS; i++)
		tasks[i] = coil_spawn(works, &world);
	for (int i = 0; i < WORKERS / 2; i++) {
		for (unsigned turns = draw(&world, 30); turns > 0; turns--)
			coil_yield();
		coil_cancel(tasks[draw(&world, WORKERS)]);
	}
	let_all_end(&world);
	EXPECT_EQ(coil_wait_group_wait(&world.running), 0);
	for (int i = 0; i < WORKERS; i++)
		coil_join(tasks[i]);
	close_world(&world);
	return 0;
}

TEST(sync_storm, nothing_is_lost_whatever_is_cancelled)
{
	int seeds = RIG_IS_SLOW ? 20 : 100;

	for (int seed = 1; seed <= seeds; seed++)
		EXPECT_EQ(rig_run(storm, WORD(seed)), 0);
}

TEST(sync_storm, nor_in_another_order_of_tasks)
{
	for (uint64_t seed = 1; seed <= (RIG_IS_SLOW ? 50 : 200); seed++)
		EXPECT_EQ(rig_run_seed(seed, storm, WORD(seed)), 0);
}
