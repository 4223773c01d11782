/* SPDX-License-Identifier: MIT */
/*
 * Workers. A body runs at a time that the seed chooses, inside of an enter, to its end: nobody sees
 * it half done. See worker.h.
 */
#include "sim/worker.h"

#include "sim/driver.h"
#include "sim/ring.h"

#define WORKER_NS 5000000

struct sim_worker {
	struct sim_event event;
	struct coil_list node;
	void (*body)(void *arg);
	void *arg;
};

static void work(struct sim *sim, struct sim_event *event)
{
	struct sim_worker *worker = container_of(event, struct sim_worker, event);

	sim_trace(sim, "a worker runs");
	worker->body(worker->arg);
	list_remove(&worker->node);
	sim_free(sim, worker, sizeof *worker);
}

int sim_run_elsewhere(struct driver *driver, void (*body)(void *arg), void *arg)
{
	struct sim *sim = sim_ring_of(driver)->sim;
	struct sim_worker *worker = sim_alloc(sim, sizeof *worker);

	check(body != NULL);
	worker->body = body;
	worker->arg = arg;
	list_init(&worker->node);
	list_push_back(&sim->workers, &worker->node);
	sim_event_init(&worker->event, work);
	sim_event_set(sim, &worker->event, sim->now + sim_delay(sim, WORKER_NS));
	return 0;
}

void sim_workers_finish(struct sim *sim)
{
	while (!list_is_empty(&sim->workers)) {
		struct sim_worker *worker =
			container_of(sim->workers.next, struct sim_worker, node);

		sim_event_clear(sim, &worker->event);
		work(sim, &worker->event);
	}
}
