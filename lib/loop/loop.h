/* SPDX-License-Identifier: MIT */
/*
 * One turn: run what is ready, submit, reap, expire. The loop marries ring and future: an operation
 * is a future that a CQE resolves, a timer one that the clock resolves, a promise one that a
 * message from another thread may resolve.
 *
 * Invariant: a turn's second half, turn.h, is the only caller of enter (beside loop_drain, and
 * files_install, which does not sleep); what becomes ready in a turn is fired in the next one; a
 * turn fires a bounded number of hooks.
 *
 * Must not know: that coroutines exist. Who fires hooks on other stacks takes them by loop_next,
 * which hands out the hooks of this turn and opens the next turn in place as long as no enter is
 * due.
 */
#ifndef COIL_LOOP_LOOP_H
#define COIL_LOOP_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/heap.h"
#include "base/list.h"
#include "coil/run.h"
#include "coil/stats.h"
#include "future/future.h"
#include "ring/ring.h"

struct buffers;
struct coil_op;
struct loop_observer;

/* Hooks fired between two looks at the kernel, at the most. */
#define LOOP_BATCH_MAX 1024
/* After so many a turn is not opened in place without a look at the clock and the CQ. */
#define LOOP_HOOKS_PER_GLANCE 128
/* A real enter after so many turns that did not need one. */
#define LOOP_TURNS_PER_ENTER 1024

/* Operations that found the SQ full, linked by the user_data word of their staged SQEs. */
struct backlog {
	struct coil_op *first;
	struct coil_op *last;
};

/* Spinning before the sleep; see loop/spin.c. */
struct spin {
	int mode;
	int64_t limit_ns;
	int64_t slept_at;	/* adaptive: when the last sleep began */
	uint32_t pause;		/* adaptive: short sleeps between two tries */
	uint32_t skipped;	/* so many since the last one */
	bool is_near;		/* the last sleep was short */
};

/* What a message has to wake. */
enum inbox_state {
	INBOX_AWAKE,	/* nothing: the loop will look */
	INBOX_SLEEPS,	/* the loop, in enter, or about to enter */
	INBOX_IS_POLLED, /* the loop around this one, which polls its descriptor */
};

/* Messages from other threads and from signal handlers; see loop/inbox.h. */
struct inbox {
	_Atomic(struct coil_hook *) messages; /* newest first */
	_Atomic uint32_t parked;	/* enum inbox_state */
	struct coil_completion woken;
	uint64_t wake_count;		/* what the read of the eventfd fills */
	bool is_armed;
	bool is_closing;
	_Atomic uint64_t signals;	/* bit n: signal n came in */
	struct coil_hook *on_signal;	/* made ready when signals is not 0 */
};

/* The ring's table of files; see loop/files.h. */
struct files {
	uint32_t *next_free;	/* behind each free slot; of @limit entries, or NULL */
	uint32_t limit;		/* of slots to ask for */
	uint32_t slots;		/* 0: no table yet */
	uint32_t untouched;	/* from this slot on */
	uint32_t first_free;	/* of those that were in use before */
	uint32_t taken;
	bool is_installing;	/* an enter from where somebody runs */
	int refused;		/* why there is no table, once it was asked for */
	struct coil_list loans;
};

/* Sends that nobody waits for; see loop/silent.h. */
struct silents {
	struct silent_send *sends;	/* NULL: there were none yet */
	uint64_t begun;			/* ever */
	uint64_t settled;
};

struct coil_loop {
	struct coil_ready ready;
	uint64_t hooks;			/* taken to be fired, ever */
	uint64_t hooks_bound;		/* hooks, when a look at the kernel is overdue */
	struct ring ring;
	struct heap timers;
	struct backlog operations;	/* not in the kernel yet */
	struct backlog cancels;		/* operations in the kernel whose cancel is not */
	struct inbox inbox;
	struct spin spin;
	uint32_t promises_open;		/* another thread may resolve them */
	uint32_t listeners_open;	/* the kernel may owe them an accept, and never pay */
	const struct loop_observer *observer; /* debug mode's, or NULL; see loop/observe.h */
	struct coil_hook *on_stuck;	/* fired once, before a sleep that nothing can end */
	struct coil_completion embed_fired;
	int64_t embed_deadline;		/* what the kernel was told; CLOCK_FOREVER: nothing */
	int64_t embed_timespec[2];
	struct files files;
	struct driver *driver;
	struct silents silents;
	struct buffers *buffers;	/* NULL: nobody has asked. loop/buffers.h */
	struct registered *registered;	/* memory, or NULL: loop/registered.h */
	struct coil_list lease_copies;	/* loop/leases.h */
	struct coil_list lease_spares;	/* the same, free; the last one first */
	uint32_t lease_spares_count;
	struct coil_list receivers;	/* that are owed something: loop/receiver.h */
	uint64_t receivers_armed;
	uint64_t opcodes_plain;		/* a bit for each operation that op_start may just push */
	const struct coil_alloc *alloc;	/* &counting, below */
	struct coil_alloc counting;
	const struct coil_alloc *below;
	int64_t now;			/* the clock, as read last */
	int64_t turn_began;
	uint32_t started;		/* owner of what is started outside of any task */
	uint64_t turns;
	uint64_t entered_turn;		/* the turn of the last enter */
	uint64_t backlogged;
	uint64_t cancels_pushed;
	uint64_t fallbacks;
	uint64_t at_once;
	uint64_t timers_started;
	uint64_t timers_fired;
	uint64_t posts;
	uint64_t spins_won;
	uint64_t spins_lost;
	uint64_t allocations;
	uint64_t allocated_bytes;
	uint64_t random; /* state of loop_random_below; never 0 */
	uint32_t batch; /* operations that the task that parks waits for as one */
	bool is_called; /* this turn must not sleep: what its caller waits for has happened */
	int broken;			/* the ring's fatal errno, or 0 */
};

/* The calling thread's loop. Initial-exec: it is read in every public call. */
extern _Thread_local struct coil_loop *loop_current
	__attribute__((tls_model("initial-exec")));

_Noreturn void loop_missing(const char *function);

/* Is this the child of a fork, of a thread that ran a loop, which has opened none since? */
bool loop_is_forked(void);

/* The calling thread's loop; without one the program stops, with words. */
static inline struct coil_loop *loop_required(const char *function)
{
	struct coil_loop *loop = loop_current;

	if (unlikely(!loop))
		loop_missing(function);
	return loop;
}

/* Opens the real kernel for a loop with these options. 0 or a negative errno: loop_refusal() has
 * the words. */
int loop_open_kernel(struct driver **ret_driver, const struct coil_options *options);
const char *loop_refusal(void);

/* @options has no zeroes left that stand for defaults. */
void loop_init(struct coil_loop *loop, struct driver *driver, const struct coil_options *options);

/*
 * Lets the kernel finish what it owes, until @deadline. 0, or -ETIME; then loop_deinit abandons the
 * ring.
 */
int loop_drain(struct coil_loop *loop, int64_t deadline);
void loop_deinit(struct coil_loop *loop, bool abandon);

/*
 * For life inside another loop, after a turn that did not wait: what is pushed is submitted, the
 * nearest deadline is with the kernel, and messages wake the ring's descriptor. True if there is
 * more to do at once.
 */
bool loop_prepare_to_be_polled(struct coil_loop *loop);

/* One turn; the only place that blocks. 0, or the fatal errno of a lost ring. */
int loop_turn(struct coil_loop *loop, bool may_wait);

/*
 * Second halves of turns (submit, wait, reap, expire), until a hook is ready: for who has found
 * loop_next without one, and would sleep where it stands. NULL: whoever turns the loop is called,
 * or the ring is lost.
 */
struct coil_hook *loop_wait_for_next(struct coil_loop *loop);

/* The clock, read at most once a turn by the loop itself; this reads it now. */
static inline int64_t loop_read_clock(struct coil_loop *loop)
{
	loop->now = loop->driver->ops->now(loop->driver);
	return loop->now;
}

/*
 * Evenly one of 0..@bound - 1, to be fair with, not to keep secrets with. The seed is the driver's:
 * a simulated kernel repeats the choices. xorshift64*, Vigna 2016.
 */
static inline uint32_t loop_random_below(struct coil_loop *loop, uint32_t bound)
{
	uint64_t x = loop->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	loop->random = x;
	return (uint32_t)(((x * UINT64_C(2685821657736338717) >> 32) * bound) >> 32);
}

/* What became ready is the new turn's batch. */
static inline void loop_take_batch(struct coil_loop *loop)
{
	loop->turns++;
	loop->ready.turn = loop->ready.next.first;
	loop->ready.next.first = NULL;
}

/* The same after a look at the kernel; what the last turn's bound left over comes first. */
static inline void loop_begin_turn(struct coil_loop *loop)
{
	loop->hooks_bound = loop->hooks + LOOP_BATCH_MAX;
	if (likely(!loop->ready.turn))
		loop_take_batch(loop);
	else
		loop->turns++;
}

/* What came in without an enter: completions, messages, deadlines. Runs nobody's code. */
void loop_glance(struct coil_loop *loop);

bool loop_open_turn_slow(struct coil_loop *loop);

/*
 * Opens the next turn without leaving the stack that asks: nobody needs the kernel, so a turn is
 * but a step from one half of the ready queue to the other. Now and then the clock and the CQ are
 * looked at nevertheless.
 */
static inline bool loop_open_turn(struct coil_loop *loop)
{
	if (unlikely(!loop->ready.next.first || ring_wants_enter(&loop->ring) ||
		     loop->cancels.first || loop->operations.first ||
		     loop->hooks_bound - loop->hooks <= LOOP_BATCH_MAX - LOOP_HOOKS_PER_GLANCE))
		return loop_open_turn_slow(loop);
	loop_take_batch(loop);
	return true;
}

/*
 * The next hook to fire, taken out of the queue; NULL when the turn has to go on with an enter, or
 * nothing is ready.
 */
static inline struct coil_hook *loop_next(struct coil_loop *loop)
{
	struct coil_hook *hook = loop->ready.turn;

	if (!hook) {
		if (unlikely(!loop_open_turn(loop)))
			return NULL;
		hook = loop->ready.turn;
	}
	if (unlikely(loop->hooks == loop->hooks_bound))
		return NULL;
	loop->hooks++;
	loop->ready.turn = hook->next;
	return hook;
}

/* Puts a hook from loop_next back to the front. */
static inline void loop_unnext(struct coil_loop *loop, struct coil_hook *hook)
{
	hook->next = loop->ready.turn;
	loop->ready.turn = hook;
	loop->hooks--;
}

/*
 * Nobody else is ready, and nothing waits for the next enter: what is asked now gains nothing by
 * going with it.
 */
static inline bool loop_has_nothing_else(const struct coil_loop *loop)
{
	return ready_is_empty(&loop->ready) && !ring_has_work(&loop->ring) &&
	       ring_ready(&loop->ring) == 0;
}

/* Silent sends that are begun, and not known to be over. */
static inline uint64_t silents_unsettled(const struct coil_loop *loop)
{
	return loop->silents.begun - loop->silents.settled;
}

/* SQEs of which the kernel will post a CQE, as far as we know. */
static inline uint64_t loop_owed(const struct coil_loop *loop)
{
	return ring_owed(&loop->ring) - silents_unsettled(loop);
}

/* The only way to ring_enter: what it finds lost stays lost, in loop->broken. */
void loop_enter(struct coil_loop *loop, unsigned wait, int64_t timeout_ns);

/* Hands what has completed to its completions: counters and splices only. */
void loop_reap(struct coil_loop *loop);

/* Nothing is ready and no deadline set: fires on_stuck if nothing can ever happen. */
void loop_tell_if_stuck(struct coil_loop *loop);

/* Is anything asked of the kernel, or of other threads? */
static inline bool loop_enter_is_due(const struct coil_loop *loop)
{
	return ring_wants_enter(&loop->ring) || loop->cancels.first || loop->operations.first;
}

/* Walks what can be walked: heap and backlogs. For expensive_check. */
bool loop_is_valid(const struct coil_loop *loop);

void loop_count(const struct coil_loop *loop, struct coil_stats *ret_stats);

#endif
