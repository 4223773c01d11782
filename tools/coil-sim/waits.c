/* SPDX-License-Identifier: MIT */
/* Combinators. */
#include "scenario.h"

#define RUNNERS 5
#define SLACK (2 * COIL_MSEC)

struct runners {
	struct coil_timer timers[RUNNERS];
	struct coil_future *futures[RUNNERS];
	int64_t deadlines[RUNNERS];
	unsigned n;
};

/* False: memory ran out; those that were started are cancelled. */
static bool start(struct runners *runners)
{
	runners->n = 1 + coil_sim_pick(RUNNERS);
	for (unsigned i = 0; i < runners->n; i++) {
		runners->deadlines[i] = coil_now() + pick_time(COIL_SEC);
		runners->futures[i] = &runners->timers[i].future;
		if (coil_timer_start(&runners->timers[i], runners->deadlines[i]) == 0)
			continue;
		while (i-- > 0)
			coil_timer_cancel(&runners->timers[i]);
		return false;
	}
	return true;
}

int scenario_race(void *arg)
{
	struct runners runners;
	int winner;

	(void)arg;
	if (!start(&runners))
		return 0;
	winner = coil_race(runners.futures, runners.n);
	HOLDS(winner >= 0 && winner < (int)runners.n);
	if (winner < 0)
		return 0;
	HOLDS(coil_now() >= runners.deadlines[winner]);
	for (unsigned i = 0; i < runners.n; i++) {
		HOLDS(coil_future_done(runners.futures[i]));
		HOLDS(runners.deadlines[winner] <= runners.deadlines[i] + SLACK);
	}
	return 0;
}

int scenario_ordered(void *arg)
{
	struct coil_as_completed walk;
	struct runners runners;
	int64_t last = 0;
	unsigned seen = 0;
	int index;

	(void)arg;
	if (!start(&runners))
		return 0;
	HOLDS(coil_as_completed_open(&walk, runners.futures, runners.n) == 0);
	while ((index = coil_as_completed_next(&walk)) >= 0) {
		seen++;
		HOLDS(coil_now() >= runners.deadlines[index]);
		HOLDS(runners.deadlines[index] + SLACK >= last);
		last = runners.deadlines[index];
	}
	HOLDS(index == -ENOENT);
	HOLDS(seen == runners.n);
	coil_as_completed_close(&walk);
	return 0;
}

/* -- gather --------------------------------------------------------------------------------------
 */

#define OPS 12

static struct coil_op pick_op(bool *ret_fails)
{
	*ret_fails = pick_one_in(6);
	return *ret_fails ? coil_op_close(99) : coil_op_nop();
}

int scenario_gather(void *arg)
{
	struct coil_op ops[OPS];
	bool fails[OPS];
	unsigned n = 1 + coil_sim_pick(OPS);
	unsigned failures = 0;
	int rc;

	(void)arg;
	for (unsigned i = 0; i < n; i++) {
		ops[i] = pick_op(&fails[i]);
		failures += fails[i];
	}
	rc = coil_gather_ops(ops, n, COIL_KEEP_GOING);
	HOLDS(rc == (int)failures);
	for (unsigned i = 0; i < n; i++)
		HOLDS(coil_future_result(&ops[i].future) == (fails[i] ? -EBADF : 0));
	return 0;
}

/* -- chain ---------------------------------------------------------------------------------------
 */

int scenario_chain(void *arg)
{
	struct coil_op ops[OPS];
	bool fails[OPS];
	unsigned n = 1 + coil_sim_pick(OPS);
	unsigned first = n;
	bool hard = pick_one_in(2);
	int rc;

	(void)arg;
	for (unsigned i = 0; i < n; i++) {
		ops[i] = pick_op(&fails[i]);
		if (fails[i] && first == n)
			first = i;
	}
	rc = coil_chain(ops, n, hard ? COIL_HARD : 0);
	HOLDS(rc == (first == n ? 0 : -EBADF));
	for (unsigned i = 0; i < n; i++) {
		int expected = fails[i] ? -EBADF : 0;

		if (!hard && i > first)
			expected = -ECANCELED;
		HOLDS(coil_future_result(&ops[i].future) == expected);
	}
	return 0;
}
