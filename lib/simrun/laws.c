/* SPDX-License-Identifier: MIT */
/*
 * Laws that hold between two looks at a loop, and need the earlier one: no timer early, nobody who
 * is ready passed over. Both count: what fires is not seen one by one. See simrun.h.
 */
#include "simrun/simrun.h"

/* Looks in a row after which somebody was passed over. One alone may be a hook taken out. */
#define BEHIND_MAX 8u

/* -- Timers --------------------------------------------------------------------------------------
 */

static uint64_t count_due(const struct simrun_timers *seen, int64_t now)
{
	uint64_t due = 0;

	for (uint32_t i = 0; i < seen->count; i++)
		due += seen->keys[i] <= now;
	return due;
}

/* At most those fired that were due, and those that were set since. */
static bool none_was_early(const struct simrun_timers *seen, const struct coil_loop *loop,
			   int64_t now)
{
	uint64_t fired = loop->timers_fired - seen->fired;
	uint64_t set = loop->timers_started - seen->started;

	return seen->is_cut || fired <= count_due(seen, now) + set;
}

bool simrun_timers_hold(struct simrun_timers *seen, const struct coil_loop *loop, int64_t now)
{
	bool holds = none_was_early(seen, loop, now);

	seen->is_cut = loop->timers.count > SIMRUN_TIMERS_SEEN;
	seen->count = seen->is_cut ? 0 : loop->timers.count;
	for (uint32_t i = 0; i < seen->count; i++)
		seen->keys[i] = loop->timers.entries[i].key;
	seen->fired = loop->timers_fired;
	seen->started = loop->timers_started;
	return holds;
}

/* -- Progress ------------------------------------------------------------------------------------
 */

static uint64_t count_hooks(const struct coil_hook *hook)
{
	uint64_t count = 0;

	for (; hook; hook = hook->next)
		count++;
	return count;
}

/*
 * The queue is served in its order, and one turn fires all that was ready before it, up to a
 * batch: then each fires within as many turns as there are batches before it.
 */
bool simrun_progress_holds(struct simrun_progress *seen, const struct coil_loop *loop)
{
	uint64_t wanted = seen->ready < LOOP_BATCH_MAX ? seen->ready : LOOP_BATCH_MAX;
	int64_t since = (int64_t)(loop->hooks - seen->fired);

	/* The same turn enters once more, after EINTR or EBUSY. */
	if (loop->turns != seen->turns)
		seen->behind = since < (int64_t)wanted ? seen->behind + 1 : 0;
	seen->turns = loop->turns;
	seen->fired = loop->hooks;
	seen->ready = count_hooks(loop->ready.turn) + count_hooks(loop->ready.next.first);
	return seen->behind < BEHIND_MAX;
}
