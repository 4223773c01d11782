/* SPDX-License-Identifier: MIT */
/*
 * raw_timers - a plain 4-ary heap of timers in an array.
 *
 * The heap holds the deadline beside the pointer, so that an order is found
 * without a look at the timer; the timer knows its place, so that it can be
 * cancelled. Four children fill one cache line, because the root stands at
 * index 3. Timers are cancelled in the order of their array, with random
 * deadlines. Between runs the heap is full: every figure is that of arming,
 * cancelling or firing a few among all the timers, not of filling the heap.
 */
#include "raw_micro_private.h"

#include <errno.h>
#include <stdlib.h>

#define ROOT	3u

struct timer {
	uint64_t deadline_ns;
	uint32_t place;		/* in the heap; 0: not armed */
};

struct entry {
	uint64_t deadline_ns;
	struct timer *timer;
};

struct raw_timers {
	struct entry *heap;	/* entries ROOT .. ROOT + armed - 1 */
	struct timer *timers;
	uint32_t armed;
	uint32_t count;
	struct timer **idle;	/* a stack of those not armed */
	uint32_t idle_count;
	uint32_t cancel_next;	/* around the array */
	uint64_t now_ns;	/* the last deadline that has fired */
	uint64_t random;
};

static uint64_t random_next(struct raw_timers *timers)
{
	timers->random ^= timers->random << 13;
	timers->random ^= timers->random >> 7;
	timers->random ^= timers->random << 17;
	return timers->random;
}

static inline void place(struct entry *heap, uint32_t at, struct entry entry)
{
	heap[at] = entry;
	entry.timer->place = at;
}

/* The children of i are 4i - 8 .. 4i - 5: 4 .. 7 for the root. */
static inline uint32_t parent_of(uint32_t at)
{
	return (at + 8) / 4;
}

static inline void sift_up(struct entry *heap, uint32_t at, struct entry entry)
{
	while (at > ROOT) {
		uint32_t parent = parent_of(at);

		if (heap[parent].deadline_ns <= entry.deadline_ns)
			break;
		place(heap, at, heap[parent]);
		at = parent;
	}
	place(heap, at, entry);
}

static inline void sift_down(struct entry *heap, uint32_t end, uint32_t at, struct entry entry)
{
	for (;;) {
		uint32_t child = 4 * at - 8, last = child + 4 < end ? child + 4 : end;
		uint32_t least = child;

		if (child >= end)
			break;
		for (uint32_t i = child + 1; i < last; i++)
			least = heap[i].deadline_ns < heap[least].deadline_ns ? i : least;
		if (entry.deadline_ns <= heap[least].deadline_ns)
			break;
		place(heap, at, heap[least]);
		at = least;
	}
	place(heap, at, entry);
}

static inline void timer_arm(struct raw_timers *timers, struct timer *timer)
{
	struct entry entry = { timer->deadline_ns, timer };

	sift_up(timers->heap, ROOT + timers->armed++, entry);
}

static inline void timer_remove(struct raw_timers *timers, struct timer *timer)
{
	uint32_t at = timer->place, end = ROOT + --timers->armed;
	struct entry last = timers->heap[end];

	timer->place = 0;
	if (at == end)
		return;
	if (at > ROOT && last.deadline_ns < timers->heap[parent_of(at)].deadline_ns)
		sift_up(timers->heap, at, last);
	else
		sift_down(timers->heap, end, at, last);
}

int raw_timers_open(unsigned int count, struct raw_timers **ret_timers)
{
	struct raw_timers *timers = calloc(1, sizeof(*timers));
	size_t bytes = (count + ROOT + 4) * sizeof(*timers->heap);

	if (!timers)
		return -ENOMEM;
	timers->heap = aligned_alloc(64, (bytes + 63) / 64 * 64);
	timers->timers = calloc(count, sizeof(*timers->timers));
	timers->idle = calloc(count, sizeof(struct timer *));
	if (!timers->heap || !timers->timers || !timers->idle) {
		raw_timers_close(timers);
		return -ENOMEM;
	}

	timers->count = count;
	timers->random = 0x123456789abcdef;
	for (uint32_t i = 0; i < count; i++)
		timers->idle[timers->idle_count++] = &timers->timers[count - 1 - i];
	raw_timers_make_full(timers);
	*ret_timers = timers;
	return 0;
}

void raw_timers_close(struct raw_timers *timers)
{
	free(timers->heap);
	free(timers->timers);
	free(timers->idle);
	free(timers);
}

static void renew(struct raw_timers *timers)
{
	for (uint32_t i = 0; i < timers->idle_count; i++)
		timers->idle[i]->deadline_ns = timers->now_ns + (random_next(timers) >> 20);
}

void raw_timers_make_full(struct raw_timers *timers)
{
	renew(timers);
	raw_timers_arm(timers, timers->idle_count);
}

void raw_timers_make_room(struct raw_timers *timers, uint64_t units)
{
	raw_timers_make_full(timers);
	raw_timers_cancel(timers, units);
	renew(timers);
}

void raw_timers_arm(struct raw_timers *timers, uint64_t units)
{
	while (units--)
		timer_arm(timers, timers->idle[--timers->idle_count]);
}

void raw_timers_cancel(struct raw_timers *timers, uint64_t units)
{
	while (units--) {
		struct timer *timer = &timers->timers[timers->cancel_next++];

		timer_remove(timers, timer);
		timers->idle[timers->idle_count++] = timer;
		if (timers->cancel_next == timers->count)
			timers->cancel_next = 0;
	}
}

void raw_timers_fire(struct raw_timers *timers, uint64_t units)
{
	while (units--) {
		struct timer *timer = timers->heap[ROOT].timer;

		timers->now_ns = timer->deadline_ns;
		timer_remove(timers, timer);
		timers->idle[timers->idle_count++] = timer;
	}
}
