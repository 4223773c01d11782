/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: programs on the engine that draw what they do from the seed and know what must come
 * out of it. They run on the simulated kernel, where any operation may fail: what fails is given
 * up, and what has happened must be right nevertheless.
 */
#ifndef COIL_TOOLS_COIL_SIM_SCENARIO_H
#define COIL_TOOLS_COIL_SIM_SCENARIO_H

#include <coil.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scenario {
	const char *name;
	const char *about;
	int (*entry)(void *arg);
};

/* The last one has no name. The first one is the mix of all others. */
extern const struct scenario scenarios[];

/* Something that must hold does not: said, counted, and the run has failed. */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			scenario_broken(__FILE__, __LINE__, #condition);                           \
	} while (0)

void scenario_broken(const char *file, int line, const char *condition);

/* What did not hold since the last call. */
unsigned scenario_take_broken(void);

/* 0 .. @bound - 1 nanoseconds, short ones as often as long ones. */
int64_t pick_time(int64_t bound);
bool pick_one_in(unsigned n);

/* Sleeps, and holds that it was not too short. */
int doze(int64_t duration);

/* On the loopback, at a port of its own, written to @port; NULL: it failed. 0: no maximum. */
struct coil_listener *scenario_listen(char port[8], unsigned connections_max);

/* The byte that stands at @at in every stream of this program. */
unsigned char byte_at(uint64_t at);
void fill_bytes(unsigned char *bytes, size_t count, uint64_t from);
bool are_bytes(const unsigned char *bytes, size_t count, uint64_t from);

/* tasks.c */
int scenario_tree(void *arg);
int scenario_cancel(void *arg);
int scenario_timeout(void *arg);
int scenario_promise(void *arg);

/* waits.c */
int scenario_race(void *arg);
int scenario_gather(void *arg);
int scenario_chain(void *arg);
int scenario_ordered(void *arg);

/* bytes.c */
int scenario_pipe(void *arg);
int scenario_stream(void *arg);
int scenario_datagram(void *arg);

/* server.c */
int scenario_tcp(void *arg);
int scenario_unix(void *arg);

/* echo.c */
int scenario_echo(void *arg);

/* net.c */
int scenario_accept(void *arg);
int scenario_receive(void *arg);
int scenario_udp(void *arg);

/* parked.c */
int scenario_serve(void *arg);
int scenario_pool(void *arg);
int scenario_direct(void *arg);

/* files.c */
int scenario_file(void *arg);
int scenario_power(void *arg);

/* others.c */
int scenario_children(void *arg);
int scenario_futex(void *arg);
int scenario_loops(void *arg);

/* Did a loop end before it began, and its scenario in a deadlock, since the last call? */
bool scenario_take_lost_loop(void);

/* small.c: walks all schedules of small worlds and prints how many there were. 0, or negative. */
int explore_small_worlds(void);

#endif
