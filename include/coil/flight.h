/* SPDX-License-Identifier: MIT */
/*
 * Single flight: concurrent calls under one key run the function once and share its result. The
 * function runs in a task of its own, so that no caller's cancellation ends it for the others.
 */
#ifndef COIL_FLIGHT_H
#define COIL_FLIGHT_H

#include "coil/group.h"
#include "coil/key.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the caller's memory. Private but for @group. */
struct coil_flights {
	struct coil_group group;
	struct coil_key_table keys;
	void (*drop)(void *value);
};

/* What to call, and what came of it. */
struct coil_flight_call {
	size_t size; /* sizeof(struct coil_flight_call) */
	int (*entry)(void *arg, void **ret_value);
	void *arg;
	size_t arg_bytes; /* > 0: so many bytes at @arg are copied; otherwise @arg has to outlive
			     the flight, which may go on without the caller */
	void *value;	  /* out: what @entry stored; NULL on failure */
	unsigned shares;  /* out: how many callers got @value, this one included */
};

/**
 * coil_flights_open - begin to share calls
 * @flights: uninitialised memory in the caller's frame; must stay until coil_flights_close
 * @drop:    called with a value that nobody gets, because the function failed or every caller has
 *           left; must not wait; may be NULL
 *
 * The flights are tasks of @flights->group, a group of the calling task that supervises:
 * coil_group_cancel ends them, coil_group_limit bounds them. Does not suspend.
 * Since 0.1. See golang.org/x/sync/singleflight.
 */
void coil_flights_open(struct coil_flights *flights, void (*drop)(void *value));

/**
 * coil_flight_do - call a function, or share in a call of it that is under way
 * @flights: open, of this loop
 * @key:     copied
 * @call:    its size, entry and arg are set; those of the first caller are used; value and shares
 *           are filled if the call succeeded
 *
 * Suspends until the function has returned; with what it inherits from the first caller (task
 * locals, priority). A cancelled caller leaves, and the flight goes on as long as somebody waits
 * for it; when the last one has left it is cancelled, and later callers start a new one. Who was
 * given the result already keeps it. In an already cancelled scope nothing is started or shared.
 * Return: what the function returned; -EDEADLK if the flight waits for the calling task; -EINVAL if
 * size is 0; -ENOMEM; the reason of a cancelled scope.
 * Since 0.1.
 */
int coil_flight_do(struct coil_flights *flights, struct coil_key key,
		   struct coil_flight_call *call);

/**
 * coil_flight_forget - let the next caller start anew
 * @flights: open, of this loop
 * @key:     of a flight
 *
 * Who shares in the flight already gets its result. Does not suspend.
 * Return: 0; -ENOENT if there is no such flight.
 * Since 0.1.
 */
int coil_flight_forget(struct coil_flights *flights, struct coil_key key);

/**
 * coil_flights_close - wait for the flights, and leave the group
 * @flights: its group is the calling task's innermost scope
 *
 * As coil_group_close; a failed flight is its callers' business alone.
 * Return: as coil_group_close: 0, or the reason of the group's scope.
 * Since 0.1.
 */
int coil_flights_close(struct coil_flights *flights);

/**
 * coil_flights_left - behind COIL_AUTO(flights): stops the program if they are still open
 */
void coil_flights_left(const struct coil_flights *flights);

#ifdef __cplusplus
}
#endif

#endif
