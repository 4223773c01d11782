/* SPDX-License-Identifier: MIT */
/*
 * Processes, signals and futexes. A child does nothing but end, when and how the test says; there
 * is one process for all loops of the world, and one table of signal handlers.
 */
#ifndef COIL_SIM_PROCS_H
#define COIL_SIM_PROCS_H

#include <signal.h>

#include "sim/world.h"

/* -- Children (procs.c) ---------------------------------------------------------------------------
 */

/* A child that ends at @when with @status, or by @signal if that is not 0. Its pid. */
struct sim_end {
	int64_t when;
	int status;
	int signal;
};

pid_t sim_child(struct sim *sim, const struct sim_end *end);

/* It ends now, if it has not, by @signal. 0 or -ESRCH. */
int sim_child_kill(struct sim *sim, pid_t pid, int signal);

int sim_waitid(int type, id_t id, void *info, int options);
int sim_pidfd_open(pid_t pid, unsigned flags);

int32_t sim_waitid_prepare(struct sim_request *request);
int32_t sim_waitid_attempt(struct sim_request *request);
void sim_waitid_drop(struct sim_request *request);

/* -- Signals (signals.c) --------------------------------------------------------------------------
 */

#define SIM_SIGNALS 65

struct sim_signals {
	struct sigaction actions[SIM_SIGNALS];
	uint64_t pending;		/* bit n: signal n, blocked by every thread */
	uint64_t blocked;
	struct coil_list sent;		/* struct sim_sent: on their way */
};

/* The process gets @signal at @when: its handler runs inside of an enter, which ends with EINTR. */
void sim_signal_send(struct sim *sim, int signal, int64_t when);
struct sim_signals *sim_signals(struct sim *sim);
void sim_signals_init(struct sim_signals *signals);
void sim_signals_deinit(struct sim *sim, struct sim_signals *signals);

int sim_sigaction(int signum, const struct sigaction *action, struct sigaction *old);
int sim_raise(int signum);
int sim_set_signal_mask(int how, const sigset_t *set, sigset_t *old);
int sim_sigpending(sigset_t *set);
int sim_sigtake(const sigset_t *set);

/* -- Futexes (futex.c) ----------------------------------------------------------------------------
 */

struct coil_list *sim_futex_waiters(struct sim *sim);

int32_t sim_futex_wait_prepare(struct sim_request *request);
int32_t sim_futex_wait_attempt(struct sim_request *request);
int32_t sim_futex_waitv_prepare(struct sim_request *request);
int32_t sim_futex_waitv_attempt(struct sim_request *request);
int32_t sim_futex_wake_prepare(struct sim_request *request);
int32_t sim_futex_wake_attempt(struct sim_request *request);
void sim_futex_drop(struct sim_request *request);

#endif
