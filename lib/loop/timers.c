/* SPDX-License-Identifier: MIT */
/* Timers and alarms on the loop's heap. */
#include "loop/timers.h"

#include <errno.h>

#include "base/clock.h"

_Static_assert(sizeof(struct coil_timer) == 64, "a timer is one cache line");
_Static_assert(offsetof(struct coil_alarm, node) == 0, "a heap node is found as its alarm");

int alarm_set(struct coil_loop *loop, struct coil_alarm *alarm, int64_t deadline)
{
	int rc;

	check(!alarm_is_set(alarm));
	if (deadline == CLOCK_FOREVER)
		return 0;
	rc = heap_reserve(&loop->timers);
	if (rc < 0)
		return rc;
	heap_push(&loop->timers, &alarm->node, deadline);
	loop->timers_started++;
	return 0;
}

void alarm_clear(struct coil_loop *loop, struct coil_alarm *alarm)
{
	if (alarm_is_set(alarm))
		heap_remove(&loop->timers, &alarm->node);
}

static void timer_resolve(struct coil_timer *timer, int result)
{
	(*timer->owner)--;
	future_resolve(&timer->future, result);
}

static void alarm_expire(struct coil_loop *loop, struct coil_alarm *alarm)
{
	loop->timers_fired++;
	if (alarm->kind == ALARM_TIMER)
		timer_resolve(container_of(alarm, struct coil_timer, alarm), 0);
	else
		ready_push(&loop->ready, &container_of(alarm, struct hook_alarm, alarm)->hook);
}

void timers_expire_due(struct coil_loop *loop)
{
	int64_t now = loop_read_clock(loop);

	while (heap_min(&loop->timers) <= now)
		alarm_expire(loop, (struct coil_alarm *)(void *)heap_pop(&loop->timers));
}

static void timer_cancel(struct coil_future *future)
{
	struct coil_timer *timer = container_of(future, struct coil_timer, future);
	struct coil_loop *loop = container_of(future->ready, struct coil_loop, ready);

	alarm_clear(loop, &timer->alarm);
	timer_resolve(timer, -ECANCELED);
}

static const struct coil_future_ops timer_ops = { .kind = "timer", .cancel = timer_cancel };

struct coil_timer *timer_of_future(struct coil_future *future)
{
	return future->ops == &timer_ops ? container_of(future, struct coil_timer, future) : NULL;
}

int timer_start(struct coil_loop *loop, struct coil_timer *timer, int64_t deadline,
		uint32_t *owner)
{
	int rc;

	alarm_init(&timer->alarm, ALARM_TIMER);
	rc = alarm_set(loop, &timer->alarm, deadline);
	if (rc < 0)
		return rc;
	future_init(&timer->future, &loop->ready, &timer_ops);
	timer->owner = owner;
	(*owner)++;
	return 0;
}

int coil_timer_cancel(struct coil_timer *timer)
{
	struct coil_loop *loop = loop_required(__func__);

	check_use(timer->future.ready == &loop->ready,
		  "this timer belongs to the loop of another thread");
	future_look(&timer->future);
	if (!future_is_pending(&timer->future))
		return -EALREADY;
	timer_cancel(&timer->future);
	return 0;
}
