/* SPDX-License-Identifier: MIT */
/* The world: its clock, its events, its memory, its parts. See world.h. */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "ring/offer.h"
#include "sim/baton.h"
#include "sim/file.h"
#include "sim/ring.h"
#include "sim/worker.h"

/* One world for each thread that takes part in it. */
static _Thread_local struct sim *current;

struct sim *sim_current(void)
{
	check(current != NULL);
	return current;
}

void sim_enter_world(struct sim *sim)
{
	current = sim;
}

bool sim_is_inside(const struct sim *sim)
{
	return current == sim;
}

/* -- Memory --------------------------------------------------------------------------------------
 */

/* Failures of memory are the engine's to meet, not the simulator's. */
void *sim_alloc(struct sim *sim, size_t bytes)
{
	void *memory = alloc_zeroed(&alloc_libc, bytes);

	check(memory != NULL);
	sim->memory_bytes += bytes;
	return memory;
}

void sim_free(struct sim *sim, void *memory, size_t bytes)
{
	if (!memory)
		return;
	check(sim->memory_bytes >= bytes);
	sim->memory_bytes -= bytes;
	alloc_free(&alloc_libc, memory, bytes);
}

/* -- Time ----------------------------------------------------------------------------------------
 */

int64_t sim_now(const struct sim *sim)
{
	return sim->now;
}

int64_t sim_next_event(const struct sim *sim)
{
	return heap_min(&sim->events);
}

void sim_event_init(struct sim_event *event,
		    void (*fire)(struct sim *sim, struct sim_event *event))
{
	heap_node_init(&event->node);
	event->fire = fire;
}

void sim_event_set(struct sim *sim, struct sim_event *event, int64_t when)
{
	int rc = heap_reserve(&sim->events);

	check(rc == 0);
	check(event->fire != NULL);
	check(!sim_event_is_set(event));
	heap_push(&sim->events, &event->node, when);
}

void sim_event_clear(struct sim *sim, struct sim_event *event)
{
	if (sim_event_is_set(event))
		heap_remove(&sim->events, &event->node);
}

void sim_advance(struct sim *sim, int64_t when)
{
	check(when >= sim->now);
	/* Each event sees the time that it was set for. */
	while (heap_min(&sim->events) <= when) {
		struct coil_heap_node *node = heap_pop(&sim->events);
		struct sim_event *event = container_of(node, struct sim_event, node);

		if (node->key > sim->now)
			sim->now = node->key;
		event->fire(sim, event);
	}
	sim->now = when;
}

/* -- Who waits for a file -------------------------------------------------------------------------
 */

void sim_settle(struct sim *sim)
{
	struct coil_list *node;

	while ((node = list_pop_front(&sim->changed))) {
		struct sim_file *file = container_of(node, struct sim_file, changed);
		struct coil_list *waiter;

		while ((waiter = file->waiters.next) != &file->waiters)
			sim_request_retry(container_of(waiter, struct sim_request, node));
		sim_epoll_changed(file);
	}
}

/* -- Words ---------------------------------------------------------------------------------------
 */

void sim_trace(struct sim *sim, const char *words, ...)
{
	char line[256];
	va_list args;
	int n;

	if (!sim->options.hooks.trace)
		return;
	n = snprintf(line, sizeof line, "%12lld.%06lld  ",
		     (long long)((sim->now - SIM_CLOCK_FIRST) / 1000000),
		     (long long)((sim->now - SIM_CLOCK_FIRST) % 1000000));
	va_start(args, words);
	vsnprintf(line + n, sizeof line - (size_t)n, words, args);
	va_end(args);
	sim->options.hooks.trace(sim->options.hooks.context, line);
}

const char *sim_opcode_name(unsigned opcode)
{
	const char *name = driver_opcode_name(opcode);

	return name ? name : "unknown";
}

/* -- Begin and end -------------------------------------------------------------------------------
 */

struct sim_disk *sim_disk(const struct sim *sim)
{
	return sim->disk;
}

struct sim_net *sim_net(const struct sim *sim)
{
	return sim->net;
}

struct sim_procs *sim_procs(const struct sim *sim)
{
	return sim->procs;
}

struct sim *sim_new(const struct sim_options *options)
{
	struct sim *sim = alloc_zeroed(&alloc_libc, sizeof *sim);

	check(sim != NULL);
	sim->options = *options;
	sim->now = SIM_CLOCK_FIRST;
	choice_init(&sim->choice, options->seed, options->limits, options->path);
	heap_init(&sim->events, &alloc_libc);
	list_init(&sim->changed);
	list_init(&sim->rings);
	list_init(&sim->workers);
	sim_baton_init(sim);
	sim_files_init(sim);
	sim->disk = sim_disk_new(sim);
	sim->net = sim_net_new(sim);
	sim->procs = sim_procs_new(sim);
	return sim;
}

uint64_t sim_end(struct sim *sim)
{
	struct sim *before = current;
	uint64_t left;

	current = sim;
	check(list_is_empty(&sim->rings));
	sim_workers_finish(sim);
	sim_files_close(sim);
	sim_procs_free(sim->procs);
	sim_net_free(sim->net);
	sim_disk_free(sim->disk);
	sim_files_deinit(sim);
	sim_baton_deinit(sim);
	left = sim->memory_bytes;
	heap_deinit(&sim->events);
	alloc_free(&alloc_libc, sim, sizeof *sim);
	current = before == sim ? NULL : before;
	return left;
}
