/* SPDX-License-Identifier: MIT */
/*
 * What a fuzzed program has: the bytes that say what it does, and what its tasks share. All tasks
 * take from the same bytes, in the order in which they run; the world ends soon after the last one.
 */
#ifndef COIL_TESTS_FUZZ_WORLD_H
#define COIL_TESTS_FUZZ_WORLD_H

#include <coil.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROMISES 4
#define HANDLES 8
#define FDS 12
#define WORDS 2
#define TASKS_MAX 40
#define DEPTH_MAX 4
#define PIECES 4

struct world {
	const uint8_t *bytes;
	size_t left;
	struct coil_promise promises[PROMISES];
	struct coil_task *handles[HANDLES]; /* whoever joins one, or waits for it, takes it out */
	struct coil_group group;	    /* of all that have a handle */
	int fds[FDS];			    /* -1: closed */
	uint32_t words[WORDS];		    /* of futexes */
	unsigned tasks;
};

extern struct world world;

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline unsigned take(unsigned bound)
{
	if (world.left == 0)
		return 0;
	world.left--;
	return *world.bytes++ % bound;
}

/* Up to a second, short ones more often. */
static inline int64_t take_time(void)
{
	return (INT64_C(1) << take(30)) - 1;
}

/* -- pieces.c: things to wait for -----------------------------------------------------------------
 */

enum piece_kind { PIECE_OP, PIECE_OPENS, PIECE_TIMER, PIECE_PROMISE, PIECE_TASK };

struct piece {
	struct coil_op op;
	struct coil_timer timer;
	struct coil_task *task;
	struct coil_future *future;
	enum piece_kind kind;
	char bytes[64];
};

/* An operation, inert. */
void piece_make_op(struct piece *piece);

/* Any, on its way. */
void piece_begin(struct piece *piece);

/* Lets it end, and gives back what it has: not a descriptor that is closed already. */
void piece_end(struct piece *piece, bool is_closed);

/* A handle out of the table, not the caller's own; NULL. */
struct coil_task *handle_take(void);
void handle_put(struct coil_task *task);

/* -- acts.c: what a task does ---------------------------------------------------------------------
 */

void act(unsigned depth);

/* Some more, as the bytes say. */
void act_some(unsigned depth);

/* -- waits.c: several things at once --------------------------------------------------------------
 */

void act_race(unsigned depth);
void act_gather(unsigned depth);
void act_wait(unsigned depth);
void act_as_completed(unsigned depth);
void act_chain(unsigned depth);
void act_gather_ops(unsigned depth);

#endif
