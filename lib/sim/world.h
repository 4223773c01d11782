/* SPDX-License-Identifier: MIT */
/*
 * The world behind all simulated rings: clock, events, memory, descriptors, and who watches. The
 * inside of struct sim, for lib/sim's core and for who runs it.
 *
 * Invariant: one thread at a time is inside (baton.h); what is not here is no part of a run.
 */
#ifndef COIL_SIM_WORLD_H
#define COIL_SIM_WORLD_H

#include "sim/choice.h"
#include "sim/sim.h"

#define SIM_CLOCK_FIRST (INT64_C(1000000) * 1000000000)
#define SIM_FD_FIRST 1000
#define SIM_DELAY_NS 2000000	/* of an operation that takes a while, at the most */

struct sim_baton;

/* A CQE, as it is about to be seen. */
struct sim_cqe {
	uint64_t user_data;
	uint64_t watched;	/* what the watcher left in the request */
	int32_t result;
	uint32_t flags;
	unsigned opcode;
	bool is_foreign;	/* from another ring, by MSG_RING */
};

/* Who watches: each may be NULL. All are called on the thread that is inside. */
struct sim_hooks {
	void *context;
	/* An enter begins: 0, or the negative errno that it ends with at once. */
	int (*turn)(void *context, struct sim_ring *ring);
	/* An SQE was taken; the request's @watched is the watcher's. */
	void (*taken)(void *context, struct sim_request *request);
	void (*posting)(void *context, struct sim_ring *ring, const struct sim_cqe *cqe);
	/*
	 * All loops sleep for ever and no event is set. True: the watcher has done something about
	 * it. False: the enter ends with -EDEADLK.
	 */
	bool (*stuck)(void *context);
	void (*trace)(void *context, const char *line);
	/* What the program writes to descriptor 1 or 2. */
	void (*output)(void *context, int fd, const void *bytes, size_t count);
	/* Memory for stacks is mapped: shall it fail? */
	bool (*map_fails)(void *context);
};

struct sim_options {
	uint64_t seed;
	const uint32_t *limits;		/* SIM_TROUBLE_COUNT of them: see choice_init */
	struct sim_path *path;
	uint64_t disk_bytes;
	unsigned descriptors_max;
	int fault_opcode;		/* of its operations, the fault_at-th fails; -1: none */
	int fault_errno;		/* with this */
	uint64_t fault_at;		/* from 0 on */
	bool fault_goes_on;		/* all later ones fail, too */
	struct sim_hooks hooks;
};

struct sim_descriptor {
	struct sim_file *file;
	int flags;		/* FD_CLOEXEC */
};

struct sim {
	struct sim_options options;
	struct choice choice;
	int64_t now;
	struct heap events;
	uint64_t memory_bytes;
	struct coil_list changed;	/* files: those who wait for them have not been told */
	struct coil_list rings;
	struct coil_list workers;
	struct sim_descriptor *descriptors;
	unsigned descriptors_room;
	unsigned descriptors_open;
	unsigned descriptors_least;	/* all below it are taken */
	struct sim_file *standard[3];
	uint64_t files;
	uint64_t requests;
	uint64_t rings_opened;
	uint64_t enters;
	uint64_t posted;
	uint64_t faults_seen;
	uint64_t refused;		/* bit n: opcode n was named in a report */
	struct sim_baton *baton;
	struct sim_disk *disk;
	struct sim_net *net;
	struct sim_procs *procs;
};

struct sim *sim_new(const struct sim_options *options);

/* All rings are closed. Returns the bytes of the simulator's own that are not back: 0. */
uint64_t sim_end(struct sim *sim);

/* The world of the calling thread, for calls that have no ring at hand. */
void sim_enter_world(struct sim *sim);
bool sim_is_inside(const struct sim *sim);

const char *sim_trouble_name(enum sim_trouble trouble);
const char *sim_opcode_name(unsigned opcode);
const struct sim_operation *sim_operation(unsigned opcode);

/* Moves the clock on and fires what is due. */
void sim_advance(struct sim *sim, int64_t when);

/* The time of the next event; DRIVER_FOREVER: there is none. */
int64_t sim_next_event(const struct sim *sim);

/* Those who wait for files that have changed become runnable. */
void sim_settle(struct sim *sim);

/* A line of the trace, if somebody reads it. */
void sim_trace(struct sim *sim, const char *words, ...) __attribute__((format(printf, 2, 3)));

/* Descriptors that the program has left open: each is named to @line. Returns how many. */
unsigned sim_name_descriptors(struct sim *sim, void (*line)(void *context, const char *text),
			      void *context);

/* FD_CLOEXEC of a descriptor; -EBADF. */
int sim_fd_flags(struct sim *sim, int fd);
int sim_fd_set_flags(struct sim *sim, int fd, int flags);

/* fcntl(F_DUPFD): the lowest free descriptor that is not below @least. */
int sim_fd_install_from(struct sim *sim, struct sim_file *file, int least);

#endif
