/* SPDX-License-Identifier: MIT */
/*
 * The second half of a turn: submit, wait, reap, expire. In line, for who cannot afford a return
 * after the system call (ring/enter.h): an operation that is awaited while nobody is ready enters
 * the kernel and goes on in one function. Everybody else has loop_turn and loop_wait_for_next.
 */
#ifndef COIL_LOOP_TURN_H
#define COIL_LOOP_TURN_H

#include "loop/backlog.h"
#include "loop/inbox.h"
#include "loop/loop.h"
#include "loop/spin.h"
#include "loop/timers.h"

static inline __attribute__((always_inline)) void turn_enter(struct coil_loop *loop, unsigned wait,
							     int64_t timeout_ns)
{
	int rc = ring_enter(&loop->ring, wait, timeout_ns);

	if (unlikely(rc < 0))
		loop->broken = rc;
}

/* How long may the turn sleep? Not at all while something is ready, or no message could wake it. */
static inline int64_t turn_time_to_sleep(struct coil_loop *loop, bool may_wait)
{
	int64_t deadline = heap_min(&loop->timers);

	if (!may_wait || loop->is_called || !ready_is_empty(&loop->ready) ||
	    ring_ready(&loop->ring) > 0 || !loop->inbox.is_armed || loop->broken)
		return 0;
	if (deadline == CLOCK_FOREVER)
		return DRIVER_FOREVER;
	if (deadline <= loop_read_clock(loop))
		return 0;
	return deadline - loop->now;
}

/* Nothing may ask for an enter for a long while; the kernel is looked at nevertheless. */
static inline bool turn_is_overdue(const struct coil_loop *loop)
{
	return loop->turns - loop->entered_turn >= LOOP_TURNS_PER_ENTER;
}

/* A batch that is all there is to wait for is waited for as a whole, if it is quick. */
static inline unsigned turn_cqes_wanted(const struct coil_loop *loop)
{
	unsigned inbox_reads = loop->inbox.is_armed;

	return loop->batch > 1 && loop_owed(loop) == loop->batch + inbox_reads &&
			       loop->batch <= loop->ring.memory.cq_entries
		       ? loop->batch
		       : 1;
}

static inline __attribute__((always_inline)) void turn_enter_if_due(struct coil_loop *loop,
								    bool may_wait)
{
	int64_t timeout_ns = turn_time_to_sleep(loop, may_wait);

	/* A spin takes its time off the sleep. */
	if (timeout_ns > 0 && loop->spin.mode != COIL_SPIN_OFF)
		timeout_ns = turn_time_to_sleep(
			loop, !spin_finds_something(loop, timeout_ns) && may_wait);
	if (unlikely(timeout_ns == DRIVER_FOREVER && loop->on_stuck))
		loop_tell_if_stuck(loop);
	if (timeout_ns > 0 && !inbox_park(&loop->inbox, INBOX_SLEEPS))
		timeout_ns = 0;
	if (timeout_ns > 0 || loop_enter_is_due(loop) || turn_is_overdue(loop)) {
		loop->entered_turn = loop->turns;
		turn_enter(loop, timeout_ns > 0 ? turn_cqes_wanted(loop) : 0, timeout_ns);
		if (unlikely(loop->spin.mode == COIL_SPIN_ADAPTIVE) && timeout_ns > 0)
			spin_note_sleep(loop);
	}
	loop->batch = 0;
	inbox_unpark(&loop->inbox);
}

static inline __attribute__((always_inline)) int turn_ask(struct coil_loop *loop, bool may_wait)
{
	backlog_drain(loop);
	turn_enter_if_due(loop, may_wait);
	loop->is_called = false;
	loop_reap(loop);
	inbox_drain(loop);
	timers_expire(loop);
	expensive_check(loop_is_valid(loop));
	return loop->broken;
}

/* loop_wait_for_next. */
static inline __attribute__((always_inline)) struct coil_hook *
turn_wait_for_next(struct coil_loop *loop)
{
	do {
		if (loop->is_called || loop->broken || turn_ask(loop, true) < 0)
			return NULL;
		loop_begin_turn(loop);
	} while (!loop->ready.turn);
	return loop_next(loop);
}

#endif
