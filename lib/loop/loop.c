/* SPDX-License-Identifier: MIT */
/*
 * The turn. Everything that blocks, and every decision about when to enter the kernel, is in this
 * file and in turn.h.
 */
#include "loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "loop/backlog.h"
#include "loop/buffers.h"
#include "loop/embed.h"
#include "loop/fallback.h"
#include "loop/files.h"
#include "loop/inbox.h"
#include "loop/leases.h"
#include "loop/observe.h"
#include "loop/receiver.h"
#include "loop/registered.h"
#include "loop/silent.h"
#include "loop/timers.h"
#include "loop/turn.h"
#include "loop/watch.h"

_Thread_local struct coil_loop *loop_current __attribute__((tls_model("initial-exec")));

/* Set in the child of a fork: its parent's loop is not its own. */
static _Thread_local bool loop_forked __attribute__((tls_model("initial-exec")));

/* -- One turn ------------------------------------------------------------------------------------
 */

static void run_ready(struct coil_loop *loop)
{
	struct coil_hook *hook;

	while ((hook = loop_next(loop)))
		hook->fire(hook);
}

void loop_enter(struct coil_loop *loop, unsigned wait, int64_t timeout_ns)
{
	turn_enter(loop, wait, timeout_ns);
}

/*
 * All that the kernel owes is the read for messages, and nobody is known to send one; and receives
 * for which nobody waits.
 */
void loop_tell_if_stuck(struct coil_loop *loop)
{
	struct coil_hook *hook = loop->on_stuck;
	uint64_t owed = loop_owed(loop);

	if (owed > loop->inbox.is_armed + loop->receivers_armed || loop->promises_open > 0 ||
	    loop->operations.first || loop->cancels.first ||
	    owed != loop->inbox.is_armed + receivers_unread(loop))
		return;
	loop->on_stuck = NULL;
	hook->fire(hook);
}

int loop_turn(struct coil_loop *loop, bool may_wait)
{
	loop_begin_turn(loop);
	run_ready(loop);
	return turn_ask(loop, may_wait);
}

struct coil_hook *loop_wait_for_next(struct coil_loop *loop)
{
	return turn_wait_for_next(loop);
}

void loop_glance(struct coil_loop *loop)
{
	loop_reap(loop);
	inbox_drain(loop);
	timers_expire(loop);
}

bool loop_open_turn_slow(struct coil_loop *loop)
{
	if (!loop->ready.next.first || loop_enter_is_due(loop) || turn_is_overdue(loop))
		return false;
	loop_glance(loop);
	loop_begin_turn(loop);
	return true;
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

_Noreturn void loop_missing(const char *function)
{
	if (loop_forked)
		check_misused(function, "called in the child of a fork: the loop is the parent's; "
					"only exec and _exit are safe here");
	check_misused(function, "called on a thread that runs no loop: call it inside coil_run");
}

bool loop_is_forked(void)
{
	return loop_forked && !loop_current;
}

static void forget_loop_in_child(void)
{
	loop_forked = loop_current != NULL || loop_forked;
	loop_current = NULL;
}

/* What is done once in a process, however many threads open loops at the same time. */
static void open_first(void)
{
	pthread_atfork(NULL, NULL, forget_loop_in_child);
	watch_init();
}

static void *counting_alloc(void *context, size_t bytes)
{
	struct coil_loop *loop = context;
	void *memory = loop->below->alloc(loop->below->context, bytes);

	if (memory) {
		loop->allocations++;
		loop->allocated_bytes += bytes;
	}
	return memory;
}

static void *counting_resize(void *context, void *memory, size_t old_bytes, size_t new_bytes)
{
	struct coil_loop *loop = context;

	memory = loop->below->resize(loop->below->context, memory, old_bytes, new_bytes);
	if (memory) {
		loop->allocations++;
		loop->allocated_bytes += new_bytes - old_bytes;
	}
	return memory;
}

static void counting_free(void *context, void *memory, size_t bytes)
{
	struct coil_loop *loop = context;

	loop->allocated_bytes -= bytes;
	loop->below->free(loop->below->context, memory, bytes);
}

/* Without randomness there is fairness still: one seed is as good as another. */
static void seed_random(struct coil_loop *loop)
{
	const struct driver_ops *ops = loop->driver->ops;

	if (!ops->random || ops->random(loop->driver, &loop->random, sizeof loop->random) < 0)
		loop->random = 0;
	loop->random |= 1;
}

static void count_allocations(struct coil_loop *loop, const struct coil_alloc *below)
{
	loop->below = below;
	loop->counting = (struct coil_alloc){
		.size = sizeof loop->counting,
		.alloc = counting_alloc,
		.resize = counting_resize,
		.free = counting_free,
		.context = loop,
	};
	loop->alloc = &loop->counting;
}

int loop_open_kernel(struct driver **ret_driver, const struct coil_options *options)
{
	const struct driver_options driver_options = {
		.sq_entries = options->sq_entries,
		.cq_entries = options->cq_entries,
		.workers_bounded = options->workers_bounded,
		.workers_unbounded = options->workers_unbounded,
		.mask = options->kernel_mask,
	};

	return driver_kernel_open(ret_driver, &driver_options);
}

const char *loop_refusal(void)
{
	return driver_refusal();
}

void loop_observe(struct coil_loop *loop, const struct loop_observer *observer)
{
	loop->observer = observer;
	loop->opcodes_plain =
		observer || watch_is_on ? 0
					: fallback_opcodes_unneeded(loop->driver) &
						  files_opcodes_unneeded();
}

void loop_init(struct coil_loop *loop, struct driver *driver, const struct coil_options *options)
{
	static pthread_once_t is_first = PTHREAD_ONCE_INIT;

	check(loop_current == NULL);
	memset(loop, 0, sizeof *loop);
	pthread_once(&is_first, open_first);
	count_allocations(loop, options->alloc);
	loop->driver = driver;
	loop_observe(loop, NULL);
	loop->hooks_bound = LOOP_BATCH_MAX;
	seed_random(loop);
	ring_init(&loop->ring, driver);
	heap_init(&loop->timers, loop->alloc);
	list_init(&loop->receivers);
	list_init(&loop->lease_copies);
	list_init(&loop->lease_spares);
	inbox_init(&loop->inbox);
	files_init(loop, options);
	spin_init(&loop->spin, options);
	loop_read_clock(loop);
	inbox_arm(loop);
	embed_init(loop);
	loop_current = loop;
	loop_forked = false;
}

/* Is all that may end by itself only on demand asked to end? Then the drain may sleep. */
static bool ask_for_the_end(struct coil_loop *loop)
{
	bool is_inbox_asked = inbox_disarm(loop);
	bool is_timeout_asked = embed_disarm(loop);
	bool are_receivers_asked = receivers_disarm(loop);

	backlog_drain(loop);
	return is_inbox_asked && is_timeout_asked && are_receivers_asked &&
	       !backlog_wants_enter(loop);
}

int loop_drain(struct coil_loop *loop, int64_t deadline)
{
	int64_t left;

	do {
		if (loop->broken)
			return -ETIME;
		left = deadline == CLOCK_FOREVER ? DRIVER_FOREVER
						 : deadline - loop_read_clock(loop);
		loop_enter(loop, ask_for_the_end(loop) && left > 0, left);
		loop_reap(loop);
	} while (ring_owed(&loop->ring) > 0 && left > 0);
	return ring_owed(&loop->ring) > 0 ? -ETIME : 0;
}

void loop_deinit(struct coil_loop *loop, bool abandon)
{
	check(loop_current == loop);
	loop_current = NULL;
	if (!abandon) {
		silents_close(loop);
		leases_close(loop);
		buffers_close(loop);
		registered_forget(loop);
	}
	loop->driver->ops->close(loop->driver, abandon);
	if (abandon)
		return;
	check(ring_owed(&loop->ring) == 0);
	heap_deinit(&loop->timers);
	files_deinit(loop);
	check_use(loop->allocated_bytes == 0,
		  "%llu bytes of a loop's memory are in use at its end: what was opened (a stream, "
		  "a listener, a queue, a cache, ...) has to be closed before",
		  (unsigned long long)loop->allocated_bytes);
}

bool loop_is_valid(const struct coil_loop *loop)
{
	return heap_is_valid(&loop->timers) && backlog_is_valid(&loop->operations) &&
	       backlog_is_valid(&loop->cancels);
}

void loop_count(const struct coil_loop *loop, struct coil_stats *ret_stats)
{
	const struct ring *ring = &loop->ring;

	ret_stats->turns = loop->turns;
	ret_stats->hooks = loop->hooks;
	ret_stats->enters = ring->enters;
	ret_stats->waits = ring->waits;
	ret_stats->sqes = ring->pushed;
	ret_stats->cqes = ring->reaped;
	ret_stats->cq_overflows = ring->overflows;
	ret_stats->enter_retries = ring->retries;
	ret_stats->owed = loop_owed(loop);
	ret_stats->spins_won = loop->spins_won;
	ret_stats->spins_lost = loop->spins_lost;
	ret_stats->backlogged = loop->backlogged;
	ret_stats->cancels = loop->cancels_pushed;
	ret_stats->fallbacks = loop->fallbacks;
	ret_stats->at_once = loop->at_once;
	ret_stats->timers_started = loop->timers_started;
	ret_stats->timers_fired = loop->timers_fired;
	ret_stats->timers = loop->timers.count;
	ret_stats->direct = loop->files.taken;
	ret_stats->posts = loop->posts;
	ret_stats->allocations = loop->allocations;
	ret_stats->allocated_bytes = loop->allocated_bytes;
}

struct coil_loop *coil_loop_current(void)
{
	return loop_current;
}

int64_t coil_now(void)
{
	struct coil_loop *loop = loop_current;

	return loop ? loop->driver->ops->now(loop->driver) : clock_now();
}
