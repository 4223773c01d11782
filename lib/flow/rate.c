/* SPDX-License-Identifier: MIT */
/*
 * Rate limiters. The level of the bucket is counted in tokens times the period: each nanosecond
 * brings @tokens of these units, a token takes @period of them, and nothing is ever rounded.
 *
 * One alarm, for the first in the line. While somebody waits the bucket may hold its tokens besides
 * the burst: what comes in between its deadline and the moment at which the loop sees it is not
 * lost.
 */
#include "coil/rate.h"

#include <errno.h>

#include "base/clock.h"
#include "base/list.h"
#include "loop/timers.h"
#include "task/await.h"
#include "task/scope.h"

#define RATE_CHECK_WORD 0x7a7e70c3u

_Static_assert(offsetof(struct coil_rate, alarm) - offsetof(struct coil_rate, refilled) ==
		       offsetof(struct hook_alarm, alarm),
	       "a limiter's hook and alarm are a hook_alarm");

/* Somebody in the line. In its frame. */
struct rate_wait {
	struct coil_future future;
	struct coil_list node;
	struct coil_rate *rate;
	uint64_t need;
};

static struct rate_wait *first_in_line(const struct coil_rate *rate)
{
	return list_is_empty(&rate->waiting)
		       ? NULL
		       : list_entry(rate->waiting.next, struct rate_wait, node);
}

static uint64_t level_max(const struct coil_rate *rate)
{
	const struct rate_wait *first = first_in_line(rate);

	return first ? rate->full + first->need : rate->full;
}

/* What has come in since the last look. */
static void refill(struct coil_rate *rate)
{
	int64_t now = loop_read_clock(rate->loop);
	uint64_t max = level_max(rate);
	uint64_t elapsed;
	uint64_t room;

	if (now <= rate->updated)
		return;
	elapsed = (uint64_t)(now - rate->updated);
	/* More than the maximum is in it where the first in the line has just left. */
	room = max > rate->level ? max - rate->level : 0;
	rate->level += elapsed > room / rate->tokens ? room : elapsed * rate->tokens;
	rate->updated = now;
}

static bool take(struct coil_rate *rate, uint64_t need)
{
	if (rate->level < need)
		return false;
	rate->level -= need;
	return true;
}

static void answer(struct rate_wait *wait, int result)
{
	list_remove(&wait->node);
	future_resolve(&wait->future, result);
}

static void disarm(struct coil_rate *rate)
{
	if (!rate->is_armed)
		return;
	rate->is_armed = false;
	if (alarm_is_set(&rate->alarm))
		alarm_clear(rate->loop, &rate->alarm);
	else
		ready_remove(&rate->loop->ready, &rate->refilled);
}

/* An alarm for the time when @wait's tokens are there; the level is up to date. */
static int arm(struct coil_rate *rate, const struct rate_wait *wait)
{
	uint64_t lacks = wait->need - rate->level;
	uint64_t ns = lacks / rate->tokens + (lacks % rate->tokens != 0);
	int rc = alarm_set(rate->loop, &rate->alarm, clock_add(rate->updated, (int64_t)ns));

	rate->is_armed = rc == 0;
	return rc;
}

/* Gives the line what is there, and sees to the alarm of the first who has to wait on. */
static void serve(struct coil_rate *rate)
{
	struct rate_wait *first;

	disarm(rate);
	refill(rate);
	while ((first = first_in_line(rate))) {
		if (take(rate, first->need))
			answer(first, 0);
		else if (arm(rate, first) < 0)
			answer(first, -ENOMEM);
		else
			break;
	}
	if (rate->level > level_max(rate))
		rate->level = level_max(rate);
}

static void refilled_fire(struct coil_hook *hook)
{
	struct coil_rate *rate = container_of(hook, struct coil_rate, refilled);

	rate->is_armed = false;
	serve(rate);
}

static void rate_wait_cancel(struct coil_future *future)
{
	struct rate_wait *wait = container_of(future, struct rate_wait, future);
	struct coil_rate *rate = wait->rate;
	bool was_first = wait == first_in_line(rate);

	answer(wait, -ECANCELED);
	if (was_first)
		serve(rate);
}

static const struct coil_future_ops rate_wait_ops = {
	.kind = "rate limit", .cancel = rate_wait_cancel
};

/* -- The public face -----------------------------------------------------------------------------
 */

int coil_rate_init(struct coil_rate *rate, uint64_t tokens, int64_t period, uint64_t burst)
{
	struct coil_loop *loop = loop_required(__func__);
	uint64_t full;

	rate->check_word = 0;
	if (tokens == 0 || period <= 0 || burst == 0 ||
	    __builtin_mul_overflow(burst, (uint64_t)period, &full) || full > INT64_MAX)
		return -EINVAL;
	rate->refilled.fire = refilled_fire;
	alarm_init(&rate->alarm, ALARM_HOOK);
	list_init(&rate->waiting);
	rate->loop = loop;
	rate->tokens = tokens;
	rate->period = (uint64_t)period;
	rate->full = full;
	rate->level = full;
	rate->updated = loop_read_clock(loop);
	rate->is_armed = false;
	rate->check_word = RATE_CHECK_WORD;
	return 0;
}

static void check_rate(const struct coil_rate *rate, const char *function)
{
	if (unlikely(rate->check_word != RATE_CHECK_WORD))
		check_misused(function, "this is not a rate limiter, or its init failed");
	if (unlikely(rate->loop != loop_required(function)))
		check_misused(function, "this rate limiter belongs to the loop of another thread");
}

/* 0, -EAGAIN or -EINVAL. */
static int try_acquire(struct coil_rate *rate, uint64_t n)
{
	if (n > rate->full / rate->period)
		return -EINVAL;
	if (n == 0)
		return 0;
	if (!list_is_empty(&rate->waiting))
		return -EAGAIN;
	/* Also if there are enough: what came in while the bucket was full must not count later. */
	refill(rate);
	return take(rate, n * rate->period) ? 0 : -EAGAIN;
}

int coil_rate_try_acquire(struct coil_rate *rate, uint64_t n)
{
	check_rate(rate, __func__);
	return try_acquire(rate, n);
}

int coil_rate_acquire(struct coil_rate *rate, uint64_t n)
{
	struct coil_task *task = task_required(__func__);
	struct scheduler *s = task_scheduler(task);
	struct rate_wait wait;
	int rc;

	check_rate(rate, __func__);
	if (unlikely(task->scope->effective)) {
		task_yield(s, task);
		return scope_reason_met(task);
	}
	rc = try_acquire(rate, n);
	if (rc != -EAGAIN) {
		task_pay(task);
		return rc;
	}
	future_init(&wait.future, &s->loop.ready, &rate_wait_ops);
	list_init(&wait.node);
	wait.rate = rate;
	wait.need = n * rate->period;
	list_push_back(&rate->waiting, &wait.node);
	if (&wait == first_in_line(rate))
		serve(rate);
	return task_await(s, task, &wait.future);
}

uint64_t coil_rate_available(struct coil_rate *rate)
{
	check_rate(rate, __func__);
	if (!list_is_empty(&rate->waiting))
		return 0;
	refill(rate);
	return rate->level / rate->period;
}

void coil_rate_deinit(struct coil_rate *rate)
{
	if (!rate || rate->check_word != RATE_CHECK_WORD)
		return;
	check_use(list_is_empty(&rate->waiting), "somebody waits for this rate limiter");
	disarm(rate);
	rate->check_word = 0;
}
