/* SPDX-License-Identifier: MIT */
/* Who runs. See baton.h. */
#include "sim/baton.h"

#include <errno.h>

#include "ring/driver.h"

struct sim_baton {
	pthread_mutex_t lock;
	struct sim_member *holder;
	struct coil_list members;
	unsigned count;
};

static struct sim_member *member_at(struct coil_list *node)
{
	return container_of(node, struct sim_member, node);
}

void sim_baton_init(struct sim *sim)
{
	struct sim_baton *baton = sim_alloc(sim, sizeof *baton);

	pthread_mutex_init(&baton->lock, NULL);
	list_init(&baton->members);
	sim->baton = baton;
}

void sim_baton_deinit(struct sim *sim)
{
	check(list_is_empty(&sim->baton->members));
	pthread_mutex_destroy(&sim->baton->lock);
	sim_free(sim, sim->baton, sizeof *sim->baton);
}

struct sim_member *sim_baton_holder(struct sim *sim)
{
	return sim->baton->holder;
}

struct sim_member *sim_baton_join(struct sim *sim)
{
	struct sim_member *member = sim_alloc(sim, sizeof *member);

	pthread_cond_init(&member->chosen, NULL);
	member->deadline = DRIVER_FOREVER;
	list_init(&member->node);
	list_push_back(&sim->baton->members, &member->node);
	sim->baton->count++;
	if (!sim->baton->holder)
		sim->baton->holder = member;
	return member;
}

static bool can_go_on(const struct sim *sim, const struct sim_member *member)
{
	if (member->waits_for_others)
		return sim->baton->count == 1;
	if (!member->sleeps || member->deadline <= sim->now)
		return true;
	return member->ring && (sim_ring_is_awake(member->ring) || member->ring->has_signal);
}

/* One of those who can go on; NULL: nobody can. */
static struct sim_member *choose(struct sim *sim)
{
	struct sim_member *chosen = NULL;
	struct coil_list *node;
	uint32_t count = 0;
	uint32_t which;

	list_for_each(node, &sim->baton->members)
		count += can_go_on(sim, member_at(node));
	if (count == 0)
		return NULL;
	which = sim_pick(sim, count);
	list_for_each(node, &sim->baton->members) {
		chosen = member_at(node);
		if (can_go_on(sim, chosen) && which-- == 0)
			break;
	}
	return chosen;
}

static void hand_over(struct sim *sim, struct sim_member *next)
{
	pthread_mutex_lock(&sim->baton->lock);
	sim->baton->holder = next;
	pthread_cond_signal(&next->chosen);
	pthread_mutex_unlock(&sim->baton->lock);
}

void sim_baton_begin(struct sim *sim, struct sim_member *member)
{
	pthread_mutex_lock(&sim->baton->lock);
	while (sim->baton->holder != member)
		pthread_cond_wait(&member->chosen, &sim->baton->lock);
	pthread_mutex_unlock(&sim->baton->lock);
}

/* Until somebody can go on: the clock jumps. NULL: nothing can ever happen again. */
static struct sim_member *choose_in_time(struct sim *sim)
{
	struct sim_member *next;

	while (!(next = choose(sim))) {
		const struct sim_hooks *hooks = &sim->options.hooks;
		int64_t when = sim_next_event(sim);
		struct coil_list *node;

		list_for_each(node, &sim->baton->members)
			if (member_at(node)->deadline < when)
				when = member_at(node)->deadline;
		if (when != DRIVER_FOREVER)
			sim_advance(sim, when > sim->now ? when : sim->now);
		else if (!hooks->stuck || !hooks->stuck(hooks->context))
			return NULL;
		sim_settle(sim);
	}
	return next;
}

/* Passes the baton on and waits for it. False: nothing can ever happen again. */
static bool pass_on(struct sim *sim, struct sim_member *member)
{
	struct sim_member *next = choose_in_time(sim);

	if (!next)
		return false;
	if (next != member) {
		hand_over(sim, next);
		sim_baton_begin(sim, member);
	}
	return true;
}

int sim_baton_sleep(struct sim_ring *ring, int64_t deadline)
{
	struct sim *sim = ring->sim;
	struct sim_member *member = sim->baton->holder;
	bool goes_on;

	check(member && member->ring == ring);
	member->sleeps = true;
	member->deadline = deadline;
	goes_on = pass_on(sim, member);
	member->sleeps = false;
	member->deadline = DRIVER_FOREVER;
	if (!goes_on)
		return -EDEADLK;
	if (sim_ring_is_awake(ring))
		return 0;
	return ring->has_signal ? -EINTR : -ETIME;
}

void sim_baton_offer(struct sim_ring *ring)
{
	struct sim *sim = ring->sim;

	if (sim->baton->count > 1)
		pass_on(sim, sim->baton->holder);
}

static void remove_member(struct sim *sim, struct sim_member *member)
{
	list_remove(&member->node);
	sim->baton->count--;
	pthread_cond_destroy(&member->chosen);
	sim_free(sim, member, sizeof *member);
}

void sim_baton_forget(struct sim *sim, struct sim_member *member)
{
	check(sim->baton->holder != member);
	remove_member(sim, member);
}

void sim_baton_leave(struct sim *sim, struct sim_member *member)
{
	struct sim_member *next;

	check(sim->baton->holder == member);
	remove_member(sim, member);
	sim->baton->holder = NULL;
	if (list_is_empty(&sim->baton->members))
		return;
	next = choose_in_time(sim);
	/* Stuck for ever: let the first one find it out for itself. */
	hand_over(sim, next ? next : member_at(sim->baton->members.next));
}

void sim_baton_wait_for_others(struct sim *sim, struct sim_member *member)
{
	check(sim->baton->holder == member);
	member->waits_for_others = true;
	while (sim->baton->count > 1)
		if (!pass_on(sim, member)) {
			struct coil_list *other = sim->baton->members.next;

			if (other == &member->node)
				other = other->next;
			hand_over(sim, member_at(other));
			sim_baton_begin(sim, member);
		}
	member->waits_for_others = false;
}
