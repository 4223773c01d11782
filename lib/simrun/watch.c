/* SPDX-License-Identifier: MIT */
/* Who watches the world: the hash, the completions, the limits, and the end of all hope. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/inbox.h"
#include "simrun/simrun.h"
#include "task/scope.h"

/* Turns that cancelled loops get before the world gives up. */
#define GRACE_TURNS 1000000u

_Thread_local struct simrun_loop *simrun_current;

/* -- The hash ------------------------------------------------------------------------------------
 */

static void add_to_hash(struct simrun *run, uint64_t word)
{
	for (int i = 0; i < 8; i++, word >>= 8)
		run->hash = (run->hash ^ (word & 0xff)) * UINT64_C(0x100000001b3);
}

/* -- Completions ---------------------------------------------------------------------------------
 */

/* The function behind a user_data: the first word of a completion. */
static uint64_t function_behind(uint64_t user_data)
{
	uint64_t word = 0;

	_Static_assert(sizeof word == sizeof(void (*)(void)), "pointers are words");
	if (user_data)
		memcpy(&word, (const void *)(uintptr_t)user_data, sizeof word);
	return word;
}

static void taken(void *context, struct sim_request *request)
{
	(void)context;
	request->watched = function_behind(request->sqe.user_data);
}

static void posting(void *context, struct sim_ring *ring, const struct sim_cqe *cqe)
{
	struct simrun *run = context;

	run->operations++;
	add_to_hash(run, run->sim->enters);
	add_to_hash(run, cqe->opcode | (uint64_t)ring->index << 32);
	add_to_hash(run, (uint32_t)cqe->result | (uint64_t)cqe->flags << 32);
	if (cqe->is_foreign || function_behind(cqe->user_data) == cqe->watched)
		return;
	check_misused("sim", "a %s completes (%d) for a frame that is gone: whoever started it "
			     "did not wait", sim_opcode_name(cqe->opcode), cqe->result);
}

/* -- Stopping ------------------------------------------------------------------------------------
 */

static void stop_fired(struct coil_hook *hook)
{
	struct simrun_loop *loop = container_of(hook, struct simrun_loop, stop);
	struct scheduler *s = loop->scheduler;

	if (s && s->main_task && !future_is_resolved(&s->main_task->future))
		scope_cancel(s, &s->main_task->own, loop->stop_reason, "the simulation ends");
}

void simrun_stop(struct simrun *run, int reason)
{
	run->stopped_at = run->sim->enters;
	for (unsigned i = 0; i < run->loop_count; i++) {
		struct simrun_loop *loop = run->loops[i];

		if (!loop->scheduler || loop->is_stopping)
			continue;
		loop->is_stopping = true;
		loop->stop_reason = reason;
		loop->stop.fire = stop_fired;
		inbox_post(&loop->scheduler->loop, &loop->stop);
	}
}

static bool stuck(void *context)
{
	struct simrun *run = context;

	if (run->stopped_at)
		return false;
	simrun_fail(run, -EDEADLK, "deadlock: nothing can ever happen again; who waits for what:");
	simrun_stop(run, -EDEADLK);
	return true;
}

static void check_limits(struct simrun *run)
{
	if (run->stopped_at)
		return;
	if (run->sim->enters > run->options.turns_max)
		simrun_fail(run, -ETIME, "the bound on turns is reached (turns_max)");
	else if (run->sim->now - SIM_CLOCK_FIRST > run->options.time_max_ns)
		simrun_fail(run, -ETIME, "the bound on virtual time is reached (time_max_ns)");
	else
		return;
	simrun_stop(run, -ETIME);
}

static int turn(void *context, struct sim_ring *ring)
{
	struct simrun *run = context;
	struct simrun_loop *loop = simrun_current;

	check(loop->ring == ring);
	if (!loop->scheduler) {
		loop->scheduler = scheduler_of(loop_current);
		simrun_mark_checks(loop);
	}
	if (run->stopped_at && run->sim->enters > run->stopped_at + GRACE_TURNS)
		return -EOWNERDEAD;
	simrun_check(loop);
	add_to_hash(run, loop->progress.fired ^ (uint64_t)run->sim->now);
	simrun_shuffle(loop);
	check_limits(run);
	return 0;
}

/* -- The rest ------------------------------------------------------------------------------------
 */

static void trace(void *context, const char *line)
{
	struct simrun *run = context;

	if (run->options.trace)
		run->options.trace(run->options.trace_context, line);
	else
		fprintf(stderr, "%s\n", line);
}

static void output(void *context, int fd, const void *bytes, size_t count)
{
	struct simrun *run = context;

	if (!(run->options.off & COIL_SIM_NO_OUTPUT))
		fwrite(bytes, 1, count, fd == 2 ? stderr : stdout);
}

static bool map_fails(void *context)
{
	struct simrun *run = context;

	return simrun_runs_short(&run->mappings);
}

struct sim_hooks simrun_hooks(struct simrun *run)
{
	const char *wanted = getenv("COIL_SIM_TRACE");
	bool traces = run->options.trace || (wanted && strcmp(wanted, "1") == 0);

	return (struct sim_hooks){
		.context = run,
		.turn = turn,
		.taken = taken,
		.posting = posting,
		.stuck = stuck,
		.trace = traces ? trace : NULL,
		.output = output,
		.map_fails = map_fails,
	};
}
