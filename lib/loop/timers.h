/* SPDX-License-Identifier: MIT */
/*
 * Timers: one heap a loop. An alarm says what it does when it expires: a timer resolves its future,
 * a hook becomes ready. Neither runs anybody's code.
 */
#ifndef COIL_LOOP_TIMERS_H
#define COIL_LOOP_TIMERS_H

#include "coil/timer.h"
#include "loop/loop.h"

enum alarm_kind {
	ALARM_TIMER, /* in a struct coil_timer */
	ALARM_HOOK   /* in a struct hook_alarm */
};

/* A hook that becomes ready at a deadline. */
struct hook_alarm {
	struct coil_hook hook;
	struct coil_alarm alarm;
};

static inline void alarm_init(struct coil_alarm *alarm, enum alarm_kind kind)
{
	heap_node_init(&alarm->node);
	alarm->kind = kind;
	alarm->reserved = 0;
}

/* 0 or -ENOMEM. @alarm is not set. CLOCK_FOREVER is never, and takes no place in the heap. */
int alarm_set(struct coil_loop *loop, struct coil_alarm *alarm, int64_t deadline);

static inline bool alarm_is_set(const struct coil_alarm *alarm)
{
	return heap_contains(&alarm->node);
}

/* Takes @alarm out of the heap; nothing happens if it is not set. */
void alarm_clear(struct coil_loop *loop, struct coil_alarm *alarm);

void timers_expire_due(struct coil_loop *loop);

/* Resolves what is due. The clock is read only if there are timers at all. */
static inline void timers_expire(struct coil_loop *loop)
{
	if (loop->timers.count > 0)
		timers_expire_due(loop);
}

/* As coil_timer_start; @owner is counted up until the timer is done: who may not end before. */
int timer_start(struct coil_loop *loop, struct coil_timer *timer, int64_t deadline,
		uint32_t *owner);

/* The timer behind a future, or NULL if something else is. */
struct coil_timer *timer_of_future(struct coil_future *future);

#endif
