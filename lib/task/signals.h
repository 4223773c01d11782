/* SPDX-License-Identifier: MIT */
/*
 * Signals, from the process into loops. There is one table of the signals that somebody uses, and a
 * port for each loop that does: a bounded lock-free ring which handlers fill, on whatever thread,
 * and which the loop drains. (A signalfd would miss signals that another thread of the host leaves
 * unblocked.)
 *
 * Who uses a signal is the program, on any loop, or coil_run, on one loop of the process, where the
 * default disposition stands. What the program uses, coil_run does not see.
 */
#ifndef COIL_TASK_SIGNALS_H
#define COIL_TASK_SIGNALS_H

#include <signal.h>

#include "task/task.h"

#define SIGNALS_END 65 /* 1..64, as in the kernel */
#define SIGNAL_CELLS 64u

/* A record of the ring. @turn says whose it is: see cell_push. */
struct signal_cell {
	_Atomic uint32_t turn;
	siginfo_t info;
};

/* Somebody on a loop to whom signals are handed: what stands behind the public functions. */
struct signal_user {
	struct coil_list node; /* in port->users */
	uint64_t mask;
	/* Runs nobody's code. */
	void (*deliver)(struct signal_user *user, const siginfo_t *info);
	/* The loop goes away. */
	void (*forget)(struct signal_user *user);
};

/* coil_run's. */
struct signal_watch {
	struct scheduler *scheduler;
	void (*on_signal)(struct signal_watch *watch, int signum);
	bool is_installed;
};

struct signal_port {
	struct companion companion;
	struct scheduler *scheduler;
	struct coil_hook arrived;
	struct coil_list users;
	struct signal_watch *run;
	unsigned slot;
	bool has_told_loss;
	uint32_t counts[SIGNALS_END]; /* users by signal */
	uint32_t tail;
	/* Handlers': */
	_Atomic uint64_t wanted;     /* by the program */
	_Atomic uint64_t run_wanted; /* by coil_run */
	_Atomic uint64_t queued;     /* standard signals that have a record in the ring */
	_Atomic uint64_t facts;	     /* signals that found no room in it */
	_Atomic uint32_t head;
	struct signal_cell cells[SIGNAL_CELLS];
};

static inline uint64_t signal_bit(int signum)
{
	return UINT64_C(1) << (signum - 1);
}

static inline bool signal_is_realtime(int signum)
{
	return signum >= 32;
}

/* 0 or -EINVAL: can all of @set be used? */
int signal_mask_of(const sigset_t *set, uint64_t *ret_mask);
int signal_mask_check(uint64_t mask);

/* Hands the signals of @user->mask to it from now on. 0, -ENOMEM, -ENOBUFS, -EINVAL. */
int signal_use(struct scheduler *s, struct signal_user *user);
void signal_unuse(struct scheduler *s, struct signal_user *user);

/* That signals were merged which should not be: said once for a loop. */
void signal_tell_loss(struct scheduler *s, int signum);

void signals_install(struct scheduler *s, struct signal_watch *watch,
		     void (*on_signal)(struct signal_watch *watch, int signum));
void signals_restore(struct signal_watch *watch);

void sigpipe_block(struct scheduler *s);
void sigpipe_restore(struct scheduler *s);

#endif
