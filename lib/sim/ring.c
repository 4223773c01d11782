/* SPDX-License-Identifier: MIT */
/*
 * Enter: takes SQEs, attempts, posts, and sleeps by letting the clock jump. Returns what
 * io_uring_enter(2) would: the count of SQEs taken hides EINTR and ETIME.
 */
#include "sim/ring.h"

#include <errno.h>

#include "base/clock.h"
#include "sim/baton.h"
#include "sim/driver.h"
#include "sim/request.h"
#include "sim/timeout.h"

/* Time does not stand still for a loop that never sleeps. */
#define ENTER_NS 200
#define RUNS_MAX 1000000u

/* A seed takes any of the oldest: of thousands it would cost as many steps to go to each. */
#define CHOICE_WINDOW 64u

/* -- Records -------------------------------------------------------------------------------------
 */

void sim_ring_flag(struct sim_ring *ring)
{
	unsigned flags = 0;

	if (!list_is_empty(&ring->done) || !list_is_empty(&ring->runnable))
		flags |= IORING_SQ_TASKRUN;
	if (!list_is_empty(&ring->overflown))
		flags |= IORING_SQ_CQ_OVERFLOW;
	__atomic_store_n(&ring->sq_flags, flags, __ATOMIC_RELEASE);
}

void sim_ring_record(struct sim_ring *ring, const struct sim_record *record)
{
	struct sim_record *own = sim_alloc(ring->sim, sizeof *own);

	*own = *record;
	list_init(&own->node);
	list_push_back(&ring->done, &own->node);
	ring->done_count++;
	sim_ring_flag(ring);
}

static unsigned ready(const struct sim_ring *ring)
{
	return ring->cq_tail - __atomic_load_n(&ring->cq_head, __ATOMIC_ACQUIRE);
}

bool sim_ring_is_full(struct sim_ring *ring)
{
	return !list_is_empty(&ring->overflown) ||
	       ready(ring) + ring->done_count >= ring->driver.rings.cq_entries;
}

bool sim_ring_is_awake(const struct sim_ring *ring)
{
	return !list_is_empty(&ring->done) || !list_is_empty(&ring->runnable);
}

/* -- Posting -------------------------------------------------------------------------------------
 */

static void free_record(struct sim_ring *ring, struct sim_record *record)
{
	list_remove(&record->node);
	if (record->request)
		sim_request_release(record->request);
	sim_free(ring->sim, record, sizeof *record);
}

static void write_cqe(struct sim_ring *ring, const struct sim_record *record)
{
	const struct sim_hooks *hooks = &ring->sim->options.hooks;
	const struct sim_cqe *cqe = &record->cqe;
	struct io_uring_cqe *slot =
		&ring->driver.rings.cqes[ring->cq_tail & (ring->driver.rings.cq_entries - 1)];

	if (hooks->posting)
		hooks->posting(hooks->context, ring, cqe);
	sim_trace(ring->sim, "ring %u posts %s #%llu: %d%s", ring->index,
		  sim_opcode_name(cqe->opcode), (unsigned long long)record->order, cqe->result,
		  cqe->flags & IORING_CQE_F_MORE ? ", more" : "");
	slot->user_data = cqe->user_data;
	slot->res = cqe->result;
	slot->flags = cqe->flags;
	ring->sim->posted++;
	__atomic_store_n(&ring->cq_tail, ring->cq_tail + 1, __ATOMIC_RELEASE);
}

static bool has_room(struct sim_ring *ring)
{
	return ready(ring) < ring->driver.rings.cq_entries;
}

static void flush_overflown(struct sim_ring *ring)
{
	while (!list_is_empty(&ring->overflown) && has_room(ring)) {
		struct sim_record *record =
			container_of(ring->overflown.next, struct sim_record, node);

		write_cqe(ring, record);
		free_record(ring, record);
	}
}

/* The first of those of the same request: they keep their order. */
static struct sim_record *first_of(struct sim_ring *ring, uint64_t order)
{
	struct coil_list *node = ring->done.next;

	while (container_of(node, struct sim_record, node)->order != order)
		node = node->next;
	return container_of(node, struct sim_record, node);
}

static struct sim_record *choose(struct sim_ring *ring)
{
	struct coil_list *node = ring->done.next;
	uint32_t count = ring->done_count < CHOICE_WINDOW ? ring->done_count : CHOICE_WINDOW;

	if (count > 1 && sim_happens(ring->sim, SIM_REORDER))
		for (uint32_t n = sim_pick(ring->sim, count); n > 0; n--)
			node = node->next;
	return first_of(ring, container_of(node, struct sim_record, node)->order);
}

/* What does not fit is kept, and what comes after it waits behind it. */
static void post_one(struct sim_ring *ring, struct sim_record *record)
{
	struct sim_request *request = record->request;

	ring->done_count--;
	if (record->is_silent) {
		free_record(ring, record);
		return;
	}
	sim_timeout_count(ring, record->cqe.opcode);
	if (has_room(ring) && list_is_empty(&ring->overflown) &&
	    !sim_happens(ring->sim, SIM_OVERFLOW)) {
		write_cqe(ring, record);
		free_record(ring, record);
		return;
	}
	record->request = NULL;
	list_remove(&record->node);
	list_push_back(&ring->overflown, &record->node);
	if (request)
		sim_request_release(request);
}

static void post_prompt(struct sim_ring *ring)
{
	struct coil_list *node, *next;

	for (node = ring->done.next; node != &ring->done; node = next) {
		struct sim_record *record = container_of(node, struct sim_record, node);

		next = node->next;
		if (record->is_prompt)
			post_one(ring, record);
	}
}

void sim_ring_post(struct sim_ring *ring, bool all)
{
	flush_overflown(ring);
	post_prompt(ring);
	while (!list_is_empty(&ring->done)) {
		if (!all && sim_happens(ring->sim, SIM_HOLD_BACK))
			break;
		post_one(ring, choose(ring));
	}
	sim_ring_flag(ring);
}

/* -- Running -------------------------------------------------------------------------------------
 */

static struct sim_request *next_runnable(struct sim_ring *ring)
{
	struct coil_list *node = ring->runnable.next;

	if (node == &ring->runnable)
		return NULL;
	if (node->next != &ring->runnable && sim_happens(ring->sim, SIM_REORDER)) {
		uint32_t count = 0;

		for (struct coil_list *n = node; n != &ring->runnable && count < CHOICE_WINDOW;
		     n = n->next)
			count++;
		for (uint32_t n = sim_pick(ring->sim, count); n > 0; n--)
			node = node->next;
	}
	return container_of(node, struct sim_request, node);
}

void sim_ring_run(struct sim_ring *ring)
{
	struct sim_request *request;
	unsigned runs = 0;

	do {
		sim_settle(ring->sim);
		while ((request = next_runnable(ring))) {
			check(runs++ < RUNS_MAX);
			sim_request_attempt(request);
			sim_settle(ring->sim);
		}
	} while (sim_request_undefer(ring));
	sim_ring_flag(ring);
}

static void take(struct sim_ring *ring, unsigned count)
{
	const struct driver_rings *rings = &ring->driver.rings;

	for (; count > 0; count--) {
		struct io_uring_sqe sqe = rings->sqes[ring->sq_head & (rings->sq_entries - 1)];

		__atomic_store_n(&ring->sq_head, ring->sq_head + 1, __ATOMIC_RELEASE);
		sim_request_take(ring, &sqe);
		sim_settle(ring->sim);
	}
	sim_request_end_chain(ring);
}

static bool goes_on(const struct sim_ring *ring, unsigned index)
{
	const struct driver_rings *rings = &ring->driver.rings;
	const struct io_uring_sqe *sqe =
		&rings->sqes[(ring->sq_head + index) & (rings->sq_entries - 1)];

	return sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
}

/* Linux takes fewer only where it finds no memory; a chain it would tear, the seed does not. */
static unsigned count_to_take(struct sim_ring *ring, unsigned to_submit)
{
	unsigned there = __atomic_load_n(&ring->sq_tail, __ATOMIC_ACQUIRE) - ring->sq_head;
	unsigned count = to_submit < there ? to_submit : there;
	unsigned some;

	if (count < 2 || !sim_happens(ring->sim, SIM_ENTER_PARTIAL))
		return count;
	some = 1 + sim_pick(ring->sim, count);
	while (some < count && goes_on(ring, some - 1))
		some++;
	return some < count ? some : count;
}

/* -- Enter ---------------------------------------------------------------------------------------
 */

struct sleep {
	unsigned wait;
	int64_t deadline;
	int64_t patience_end;	/* then one CQE is enough */
};

static int64_t sleeps_until(const struct sleep *sleep)
{
	return sleep->wait > 1 && sleep->patience_end < sleep->deadline ? sleep->patience_end
									: sleep->deadline;
}

/* 0: what was waited for is there. */
static int fall_asleep(struct sim_ring *ring, struct sleep *sleep)
{
	struct sim *sim = ring->sim;

	while (ready(ring) < sleep->wait) {
		int rc;

		/* Nobody sleeps on what did not fit: it is looked after first. */
		if (!list_is_empty(&ring->overflown)) {
			flush_overflown(ring);
			return 0;
		}
		if (ring->has_signal || sim_happens(sim, SIM_ENTER_EINTR))
			return -EINTR;
		if (sim_happens(sim, SIM_EARLY_WAKE))
			return 0;
		if (list_is_empty(&ring->done)) {
			rc = sim_baton_sleep(ring, sleeps_until(sleep));
			if (rc == -ETIME && sleep->wait > 1)
				sleep->wait = 1;
			else if (rc < 0)
				return rc;
			sim_ring_run(ring);
		}
		sim_ring_post(ring, true);
	}
	return 0;
}

static int refuse_entry(struct sim *sim)
{
	static const int ways[] = {-EBUSY, -EAGAIN};

	if (!sim_happens(sim, SIM_ENTER_EBUSY))
		return 0;
	return ways[sim_pick(sim, sizeof ways / sizeof *ways)];
}

static int begin_enter(struct sim_ring *ring)
{
	struct sim *sim = ring->sim;
	int rc = 0;

	sim->enters++;
	ring->has_signal = false;
	if (sim->options.hooks.turn)
		rc = sim->options.hooks.turn(sim->options.hooks.context, ring);
	if (rc < 0)
		return rc;
	sim_advance(sim, sim->now + ENTER_NS);
	return refuse_entry(sim);
}

int sim_ring_enter(struct driver *driver, unsigned to_submit, unsigned wait, int64_t timeout_ns)
{
	struct sim_ring *ring = sim_ring_of(driver);
	struct sleep sleep = {.wait = timeout_ns > 0 ? wait : 0};
	unsigned count;
	int rc;

	check(to_submit <= driver->rings.sq_entries);
	check(wait <= driver->rings.cq_entries);
	rc = begin_enter(ring);
	if (rc < 0)
		return rc;
	if (sleep.wait > 1 && !(driver->features & DRIVER_MIN_WAIT))
		sleep.wait = 1;
	sleep.deadline = clock_add(ring->sim->now, timeout_ns);
	sleep.patience_end = clock_add(ring->sim->now, INT64_C(1000) * DRIVER_PATIENCE_USEC);
	count = count_to_take(ring, to_submit);
	take(ring, count);
	sim_ring_run(ring);
	sim_ring_post(ring, false);
	/* An enter that did not take all does not wait: io_uring_enter(2). */
	rc = count < to_submit ? 0 : fall_asleep(ring, &sleep);
	sim_ring_flag(ring);
	sim_baton_offer(ring);
	if (rc == -EINTR || rc == -ETIME || rc == 0)
		return count > 0 ? (int)count : rc;
	return rc;
}
