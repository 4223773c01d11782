/* SPDX-License-Identifier: MIT */
/* Several things at once. See world.h. */
#include "fuzz/world.h"

#include <time.h>

static unsigned begin_some(struct piece *pieces, struct coil_future **futures)
{
	unsigned n = 1 + take(PIECES);

	for (unsigned i = 0; i < n; i++) {
		piece_begin(&pieces[i]);
		futures[i] = pieces[i].future;
	}
	return n;
}

static void end_all(struct piece *pieces, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		piece_end(&pieces[i], false);
}

void act_race(unsigned depth)
{
	struct piece pieces[PIECES];
	struct coil_future *futures[PIECES];
	unsigned n = begin_some(pieces, futures);
	int winner = coil_race(futures, n);

	(void)depth;
	MUST(winner < (int)n);
	MUST(winner < 0 || coil_future_done(futures[winner]));
	/* The descriptors of losers are closed, those of a race that did not begin are not. */
	for (unsigned i = 0; i < n; i++)
		piece_end(&pieces[i], winner != -ENOMEM && (int)i != winner);
}

void act_gather(unsigned depth)
{
	struct piece pieces[PIECES];
	struct coil_future *futures[PIECES];
	unsigned n = begin_some(pieces, futures);
	int flags = (int)take(3);
	int rc = coil_gather(futures, n, flags);

	(void)depth;
	MUST(rc <= (flags == COIL_KEEP_GOING ? (int)n : 0));
	end_all(pieces, n);
}

void act_wait(unsigned depth)
{
	struct piece pieces[PIECES];
	struct coil_future *futures[PIECES];
	unsigned n = begin_some(pieces, futures);
	int64_t deadline = take(4) ? coil_now() + take_time() : COIL_FOREVER;
	int rc = coil_wait(futures, n, (int)take(3), deadline);

	MUST(rc <= (int)n);
	if (take(2))
		act(depth + 1);
	end_all(pieces, n);
}

void act_as_completed(unsigned depth)
{
	struct piece pieces[PIECES];
	struct coil_future *futures[PIECES];
	unsigned n = begin_some(pieces, futures);
	struct coil_as_completed walk;

	if (coil_as_completed_open(&walk, futures, n) == 0) {
		for (unsigned i = take(n + 2); i > 0; i--) {
			int index = coil_as_completed_next(&walk);

			MUST(index < (int)n);
			MUST(index < 0 || coil_future_done(futures[index]));
			act(depth + 1);
		}
		coil_as_completed_close(&walk);
	}
	end_all(pieces, n);
}

/* Descriptors are opened alone, where it is known who closes them. */
static unsigned make_ops(struct coil_op *ops, struct piece *pieces)
{
	unsigned n = 1 + take(PIECES);

	for (unsigned i = 0; i < n; i++) {
		piece_make_op(&pieces[i]);
		ops[i] = pieces[i].kind == PIECE_OPENS ? coil_op_nop() : pieces[i].op;
	}
	return n;
}

void act_chain(unsigned depth)
{
	static const struct timespec soon = {.tv_nsec = 100000};
	struct piece pieces[PIECES];
	struct coil_op ops[PIECES];
	unsigned n = make_ops(ops, pieces);
	int rc;

	(void)depth;
	if (n > 1 && take(2))
		ops[1] = coil_op_link_timeout(&soon);
	rc = coil_chain(ops, n, take(2) ? COIL_HARD : 0);
	MUST(rc <= 0);
}

void act_gather_ops(unsigned depth)
{
	struct piece pieces[PIECES];
	struct coil_op ops[PIECES];
	unsigned n = make_ops(ops, pieces);
	int flags = (int)take(3);
	int rc = coil_gather_ops(ops, n, flags);

	(void)depth;
	MUST(rc <= (flags == COIL_KEEP_GOING ? (int)n : 0));
	for (unsigned i = 0; i < n && rc != -ENOMEM; i++)
		MUST(coil_future_done(&ops[i].future));
}
