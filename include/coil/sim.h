/* SPDX-License-Identifier: MIT */
/*
 * The simulated kernel: a program runs on it as on the real one, but all that happens around it is
 * a function of one seed. Time is virtual and jumps when nobody has anything to do; sockets, files,
 * pipes and children exist in memory; what may go wrong goes wrong, as often as the seed says. A
 * run that fails names its seed, and the same seed fails again.
 *
 *     static int service(void *arg) { ... coil_listen_tcp(...) ... }
 *
 *     for (uint64_t seed = 1; seed <= 1000; seed++) {
 *             struct coil_sim_options options = {
 *                     .size = sizeof options, .seed = seed, .profile = COIL_SIM_WILD
 *             };
 *
 *             assert(coil_sim_run(&options, service, NULL) == 0);
 *     }
 *
 * The program must take all that is not its own computation from Coil: the clock from coil_now,
 * files and sockets from coil_..., randomness from what it is given. A descriptor of the real
 * kernel is -EBADF in here, and those of the simulation begin at 1000. Threads are those of
 * coil_sim_loop, and coil_offload and pools, whose work runs when the seed says: a thread of the
 * program's own that posts to a loop of the simulation (coil_post, coil_call, coil_spawn_on,
 * coil_promise_resolve_from_thread, ...) stops the program, with words, and none is waited for.
 */
#ifndef COIL_SIM_H
#define COIL_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "coil/run.h"

#ifdef __cplusplus
extern "C" {
#endif

enum coil_sim_profile {
	COIL_SIM_CALM, /* nothing goes wrong: all that the kernel may choose, it chooses the usual
			  way */
	COIL_SIM_ODD,  /* what a correct program must not notice: order, delays, short reads and
			  writes, EINTR, cancels that come too late */
	COIL_SIM_WILD  /* errors as well: resets, lost datagrams, full disks, errnos of manual
			  pages */
};

/* Bits of coil_sim_options.off. */
enum coil_sim_off {
	COIL_SIM_NO_REPORTS = 1 << 0,  /* nothing is written to standard error */
	COIL_SIM_NO_OUTPUT = 1 << 1,   /* what the program writes to descriptors 1 and 2 is lost */
	COIL_SIM_NO_LEAKS = 1 << 2,    /* descriptors that are left open are no failure */
	COIL_SIM_FAIL_ONWARDS = 1 << 3 /* fail_..._at and fault_at: all later ones, too */
};

/* What a run did. */
struct coil_sim_result {
	size_t size;		/* set by the caller: sizeof(struct coil_sim_result) */
	uint64_t seed;		/* that was used */
	uint64_t hash;		/* over each step, operation and result: equal for equal runs */
	uint64_t turns;		/* enters */
	uint64_t operations;	/* completions */
	int64_t virtual_ns;	/* that passed */
	uint64_t allocations;	/* of all loops, those that failed included */
	uint64_t mappings;	/* of memory for stacks, likewise */
	uint64_t rings;		/* that were set up, likewise */
	uint64_t faults;	/* operations of fault_operation */
	int failure;		/* 0, or what coil_sim_run returned for it */
	char troubles[480];	/* the probabilities that the seed drew, on one line */
};

/* How to simulate. Zero is the default of each field. */
struct coil_sim_options {
	size_t size;		/* sizeof(struct coil_sim_options) */
	uint64_t seed;		/* 0: the environment's COIL_SIM_SEED, or 1 */
	int profile;		/* enum coil_sim_profile */
	const char *troubles;	/* "SHORT_READ=10,RESET=0": the most that the probability of each
				   may be, in percent, whatever the profile says; "ALL=0" for all */
	unsigned descriptors_max; /* open at the same time; default 1024 */
	uint64_t disk_bytes;	/* default 256 MiB */
	uint64_t turns_max;	/* default 10,000,000 */
	int64_t time_max_ns;	/* of virtual time; default ten years */
	void (*trace)(void *context, const char *line); /* each event; or COIL_SIM_TRACE=1 in the
							   environment, to standard error */
	void *trace_context;
	uint64_t fail_alloc_at;	/* the n-th allocation of the engine fails, from 1 on */
	uint64_t fail_map_at;	/* the n-th mapping of memory for stacks fails, from 1 on */
	uint64_t fail_open_at;	/* the n-th ring cannot be set up, from 1 on: -ENOMEM */
	const char *fault_operation; /* "recv": of these operations, the one that follows fails */
	uint64_t fault_at;	/* the n-th, from 1 on; default 1 */
	int fault_errno;	/* positive: with this */
	unsigned troubles_max;	/* coil_sim_explore: in one run; default 2 */
	unsigned off;		/* enum coil_sim_off */
	const struct coil_options *run; /* how to run the program; spin, signals and kernel_mask
					   work, too, the latter not from the environment */
	struct coil_sim_result *result; /* NULL: not wanted */
};

/**
 * coil_sim_run - run a program on the simulated kernel
 * @options: NULL for the defaults
 * @entry:   the main task
 * @arg:     passed to @entry
 *
 * As coil_run_with, in a world of its own that is gone afterwards; nothing of it is shared with
 * other runs, so that several threads may simulate at the same time, each its own. A program that
 * breaks a rule of memory (a buffer in flight is touched, an operation completes for a frame that
 * is gone), or to whose loop a thread posts that is no part of the simulation, is stopped at once,
 * by abort, with words; every other failure is reported on standard
 * error, with the seed, the probabilities that it drew and the line that replays it.
 * Return: what @entry returned; or
 * -EDEADLK: nothing could ever happen again; each task was named, with what it waited for, and then
 * cancelled;
 * -ETIME: turns_max or time_max_ns was reached, or tasks did not end within the bound of the run's
 * options;
 * -EMFILE: descriptors were left open at the end: each was named;
 * -ENOMEM: memory failed before @entry could begin, by fail_..._at;
 * -EINVAL: an option is out of bounds: coil_last_error() names it.
 * Since 0.1. Needs no io_uring.
 */
int coil_sim_run(const struct coil_sim_options *options, int (*entry)(void *arg), void *arg);

/**
 * coil_sim_explore - run a program once for every combination of choices
 * @options:       as coil_sim_run; the profile and troubles say what may happen at all
 * @depth_max:     choices of a run that are walked; later ones go the usual way; 1..65536
 * @entry:         the main task
 * @arg:           passed to @entry
 * @ret_schedules: how many runs there were; may be NULL
 *
 * The exhaustive sister of many seeds, for worlds small enough: every choice takes each of its
 * ways, with at most troubles_max troubles in one run. Stops at the first run that does not return
 * 0, and says its number.
 * Return: 0; else as coil_sim_run; -E2BIG: all returned 0, but some had more choices than
 * @depth_max.
 * Since 0.1.
 */
int coil_sim_explore(const struct coil_sim_options *options, unsigned depth_max,
		     int (*entry)(void *arg), void *arg, uint64_t *ret_schedules);

/**
 * coil_sim_loop - start another loop in the world of the calling one
 * @options: as coil_run_with
 * @entry:   its main task
 * @arg:     passed to @entry
 *
 * It runs on a thread of its own; only one of the loops runs at any time, and which is the seed's
 * to choose, whenever one of them sleeps. coil_sim_run returns when all have ended; it returns what
 * a further loop returned, if that is negative and its own is not. Does not suspend.
 * Return: 0; -EAGAIN as pthread_create(3); -ENOMEM: fail_open_at; -EINVAL: an option of the loop is
 * out of bounds: coil_last_error() names it.
 * Since 0.1.
 */
int coil_sim_loop(const struct coil_options *options, int (*entry)(void *arg), void *arg);

/**
 * coil_sim_active - is the calling thread in a simulation?
 *
 * Return: 1 or 0.
 * Since 0.1.
 */
int coil_sim_active(void);

/**
 * coil_sim_pick - let the seed choose
 * @count: of how many, at least 1
 *
 * For what a test itself leaves to chance. Inside a simulation only. Does not suspend.
 * Return: 0 .. @count - 1.
 * Since 0.1.
 */
unsigned coil_sim_pick(unsigned count);

/**
 * coil_sim_child - give the program a child process
 * @after_ns: when it ends, from now on; COIL_FOREVER: not by itself
 * @status:   its exit status
 *
 * For coil_waitid. Inside a simulation only. Does not suspend.
 * Return: its pid.
 * Since 0.1.
 */
int coil_sim_child(int64_t after_ns, int status);

/**
 * coil_sim_kill - send a signal
 * @pid:    a child, which ends by it at once; 0: the program itself, whose handler runs when it
 *          sleeps next
 * @signum: 1..64
 *
 * Inside a simulation only. Does not suspend.
 * Return: 0; -ESRCH if there is no such child; -EINVAL.
 * Since 0.1.
 */
int coil_sim_kill(int pid, int signum);

/**
 * coil_sim_power_loss - the machine of the simulation loses its power and comes back
 *
 * The disk has what was synced and, by the seed, some of what was not. Descriptors of files that
 * were open answer -EIO from now on. The program goes on: it plays the one that is started after.
 * Inside a simulation only. Does not suspend.
 * Since 0.1.
 */
void coil_sim_power_loss(void);

/**
 * coil_sim_socketpair - two connected sockets, as by socketpair(2)
 * @type: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
 * @fds:  the two descriptors, now the caller's
 *
 * Inside a simulation only. Does not suspend.
 * Return: 0; -EMFILE, -EINVAL.
 * Since 0.1.
 */
int coil_sim_socketpair(int type, int fds[2]);

/**
 * coil_sim_eventfd - an eventfd of the simulation
 * @count: its counter
 * @flags: as eventfd(2), without EFD_SEMAPHORE
 *
 * Inside a simulation only. Does not suspend.
 * Return: the descriptor, now the caller's; -EMFILE.
 * Since 0.1.
 */
int coil_sim_eventfd(unsigned count, int flags);

/**
 * coil_sim_epoll - an epoll set of the simulation
 *
 * Inside a simulation only. Does not suspend.
 * Return: the descriptor, now the caller's; -EMFILE.
 * Since 0.1.
 */
int coil_sim_epoll(void);

/**
 * coil_sim_ring_fd - the descriptor of the calling loop's ring
 *
 * For IORING_OP_MSG_RING. Inside a simulation only. Does not suspend.
 * Return: the descriptor, still the loop's.
 * Since 0.1.
 */
int coil_sim_ring_fd(void);

#ifdef __cplusplus
}
#endif

#endif
