/* SPDX-License-Identifier: MIT */
/*
 * Single flight. A flight is allocated, and lives until its task has ended and everybody who waits
 * for it has left. Nobody's cancel goes through to it: a waiter detaches, as from a promise, and
 * the last one to leave cancels the task.
 */
#include "coil/flight.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "flow/keys.h"
#include "task/await.h"
#include "task/group.h"
#include "task/scope.h"

#define ARG_ALIGN ((size_t)16)

struct flight {
	struct coil_key_node node;
	struct coil_future done;
	struct coil_flights *flights;
	struct coil_task *task; /* NULL when its function has returned */
	int (*entry)(void *arg, void **ret_value);
	void *arg;
	void *value;
	size_t bytes; /* of this allocation: the copies of arg and key lie behind */
	unsigned waiters;
	unsigned shares;
};

static const struct coil_future_ops flight_ops = { .kind = "flight" };

static struct flight *flight_find(const struct coil_flights *flights, const struct coil_key *key)
{
	struct coil_key_node *node = keys_find(&flights->keys, key);

	return node ? container_of(node, struct flight, node) : NULL;
}

/* -- The end of one ------------------------------------------------------------------------------
 */

static void free_if_left(struct scheduler *s, struct flight *flight)
{
	if (flight->waiters == 0 && !flight->task)
		alloc_free(s->loop.alloc, flight, flight->bytes);
}

static int flight_run(void *arg)
{
	struct flight *flight = arg;
	struct scheduler *s = task_scheduler(flight->task);
	int result = flight->entry(flight->arg, &flight->value);

	/* Who waits when it succeeds gets it, also if a cancel comes between. */
	if (flight->value && (result < 0 || flight->waiters == 0) && flight->flights->drop)
		flight->flights->drop(flight->value);
	keys_remove(&flight->flights->keys, &flight->node);
	flight->task = NULL;
	flight->shares = flight->waiters;
	future_resolve(&flight->done, result);
	free_if_left(s, flight);
	return 0;
}

/* -- The beginning of one ------------------------------------------------------------------------
 */

static struct flight *flight_new(struct scheduler *s, struct coil_flights *flights,
				 const struct coil_key *key, const struct coil_flight_call *call)
{
	size_t arg_bytes = (call->arg_bytes + ARG_ALIGN - 1) & ~(ARG_ALIGN - 1);
	size_t head = (sizeof(struct flight) + ARG_ALIGN - 1) & ~(ARG_ALIGN - 1);
	size_t bytes = head + arg_bytes + key_copy_bytes(key);
	struct flight *flight = alloc_zeroed(s->loop.alloc, bytes);
	char *room = (char *)flight + head;

	if (!flight)
		return NULL;
	flight->flights = flights;
	flight->entry = call->entry;
	flight->arg = call->arg;
	flight->bytes = bytes;
	if (call->arg_bytes)
		flight->arg = memcpy(room, call->arg, call->arg_bytes);
	flight->node.key = key_copy(key, room + arg_bytes);
	future_init(&flight->done, &s->loop.ready, &flight_ops);
	return flight;
}

static int flight_start(struct scheduler *s, struct flight *flight)
{
	struct task_spec spec = {
		.group = &flight->flights->group, .entry = flight_run, .arg = flight
	};
	struct coil_task_options options = { .size = sizeof options, .name = "flight" };

	if (keys_add(&flight->flights->keys, s->loop.alloc, &flight->node) < 0)
		return -ENOMEM;
	spec.options = &options;
	flight->task = task_new(s, &spec);
	if (flight->task)
		return 0;
	keys_remove(&flight->flights->keys, &flight->node);
	return -ENOMEM;
}

/* The flight under @key, started if there is none; it may wait for room in the group. */
static int flight_get(struct scheduler *s, struct coil_flights *flights, const struct coil_key *key,
		      const struct coil_flight_call *call, struct flight **ret_flight)
{
	int rc;

	*ret_flight = flight_find(flights, key);
	if (*ret_flight)
		return 0;
	rc = group_take_slot(s, &flights->group);
	if (rc < 0)
		return rc;
	*ret_flight = flight_find(flights, key); /* somebody else's, meanwhile */
	if (!*ret_flight) {
		*ret_flight = flight_new(s, flights, key, call);
		rc = *ret_flight ? flight_start(s, *ret_flight) : -ENOMEM;
		if (rc == 0)
			return 0;
		if (*ret_flight)
			alloc_free(s->loop.alloc, *ret_flight, (*ret_flight)->bytes);
	}
	group_give_slot(&flights->group);
	return rc;
}

/* -- Waiting for one -----------------------------------------------------------------------------
 */

/* Who resolves what @task waits for, where that is another task. */
static struct coil_task *waits_for(const struct coil_task *task)
{
	struct coil_future *future = task->awaits;

	if (future && future->ops == &flight_ops)
		return container_of(future, struct flight, done)->task;
	return task_of_future(future);
}

/* Does the flight wait for @self, by flights and joins? Rings that others closed end the walk. */
static bool closes_a_ring(const struct scheduler *s, const struct flight *flight,
			  const struct coil_task *self)
{
	const struct coil_task *task = flight->task;

	for (uint32_t left = s->alive; task && left > 0; left--) {
		if (task == self)
			return true;
		task = waits_for(task);
	}
	return false;
}

/* The caller goes without the result. */
static void leave(struct scheduler *s, struct flight *flight)
{
	if (--flight->waiters == 0 && flight->task) {
		keys_remove(&flight->flights->keys, &flight->node);
		scope_cancel(s, &flight->task->own, -ECANCELED, "nobody waits for it any more");
	}
	free_if_left(s, flight);
}

static int share(struct scheduler *s, struct coil_task *self, struct flight *flight,
		 struct coil_flight_call *call)
{
	int rc;

	flight->waiters++;
	rc = task_await(s, self, &flight->done);
	if (rc >= 0) {
		call->value = flight->value;
		call->shares = flight->shares;
	}
	leave(s, flight);
	return rc;
}

static int flight_do(struct coil_task *self, struct coil_flights *flights,
		     const struct coil_key *key, struct coil_flight_call *call)
{
	struct scheduler *s = task_scheduler(self);
	struct flight *flight;
	int rc;

	if (unlikely(self->scope->effective)) {
		task_yield(s, self);
		return scope_reason_met(self);
	}
	rc = flight_get(s, flights, key, call, &flight);
	if (rc < 0)
		return rc;
	if (closes_a_ring(s, flight, self))
		return -EDEADLK;
	return share(s, self, flight, call);
}

int coil_flight_do(struct coil_flights *flights, struct coil_key key,
		   struct coil_flight_call *given)
{
	struct coil_task *self = task_required(__func__);
	struct coil_flight_call call;
	int rc;

	group_check_open(&flights->group, __func__);
	rc = sized_read(&call, given, sizeof call);
	if (rc < 0)
		return rc;
	call.value = NULL;
	call.shares = 0;
	rc = flight_do(self, flights, &key, &call);
	(void)sized_write(given, &call, sizeof call);
	return rc;
}

/* -- All of them ---------------------------------------------------------------------------------
 */

int coil_flight_forget(struct coil_flights *flights, struct coil_key key)
{
	struct flight *flight;

	(void)scheduler_required(__func__);
	group_check_open(&flights->group, __func__);
	flight = flight_find(flights, &key);
	if (!flight)
		return -ENOENT;
	keys_remove(&flights->keys, &flight->node);
	return 0;
}

void coil_flights_open(struct coil_flights *flights, void (*drop)(void *value))
{
	coil_group_open(&flights->group, COIL_GROUP_SUPERVISE);
	keys_init(&flights->keys, task_scheduler(coil_self())->loop.now);
	flights->drop = drop;
}

int coil_flights_close(struct coil_flights *flights)
{
	struct coil_task *task = task_required(__func__);
	int rc = coil_group_close(&flights->group);

	check(flights->keys.count == 0);
	keys_deinit(&flights->keys, task_scheduler(task)->loop.alloc);
	return rc;
}

void coil_flights_left(const struct coil_flights *flights)
{
	coil_group_left(&flights->group);
}
