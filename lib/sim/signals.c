/* SPDX-License-Identifier: MIT */
/*
 * Signals. A handler runs on whoever is inside of an enter when its time has come, which then ends
 * with -EINTR, unless that thread blocks the signal. A default action that would end the process
 * is not taken: a test that sends such a signal has installed a handler before.
 */
#include "sim/procs.h"

#include <errno.h>
#include <string.h>

#include "sim/baton.h"
#include "sim/ring.h"

struct sim_sent {
	struct coil_list node;
	struct sim_event event;
	int signal;
};

void sim_signals_init(struct sim_signals *signals)
{
	list_init(&signals->sent);
	for (int i = 0; i < SIM_SIGNALS; i++)
		signals->actions[i].sa_handler = SIG_DFL;
}

static bool is_signal(int signum)
{
	return signum > 0 && signum < SIM_SIGNALS;
}

static uint64_t bit(int signum)
{
	return UINT64_C(1) << (signum - 1);
}

static void interrupt_loops(struct sim *sim)
{
	struct coil_list *node;

	list_for_each(node, &sim->rings)
		container_of(node, struct sim_ring, node)->has_signal = true;
}

static void deliver(struct sim *sim, int signum)
{
	struct sim_signals *signals = sim_signals(sim);
	struct sigaction action = signals->actions[signum];

	if (signals->blocked & bit(signum)) {
		signals->pending |= bit(signum);
		return;
	}
	if (action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL)
		return;
	if (action.sa_flags & (int)SA_RESETHAND)
		signals->actions[signum].sa_handler = SIG_DFL;
	sim_trace(sim, "signal %d", signum);
	interrupt_loops(sim);
	if (action.sa_flags & SA_SIGINFO) {
		siginfo_t info;

		memset(&info, 0, sizeof info);
		info.si_signo = signum;
		action.sa_sigaction(signum, &info, NULL);
	} else {
		action.sa_handler(signum);
	}
}

static void forget(struct sim *sim, struct sim_sent *sent)
{
	sim_event_clear(sim, &sent->event);
	list_remove(&sent->node);
	sim_free(sim, sent, sizeof *sent);
}

static void arrive(struct sim *sim, struct sim_event *event)
{
	struct sim_sent *sent = container_of(event, struct sim_sent, event);
	int signal = sent->signal;

	forget(sim, sent);
	deliver(sim, signal);
}

void sim_signal_send(struct sim *sim, int signal, int64_t when)
{
	struct sim_sent *sent;

	check(is_signal(signal));
	sent = sim_alloc(sim, sizeof *sent);
	sent->signal = signal;
	list_init(&sent->node);
	list_push_back(&sim_signals(sim)->sent, &sent->node);
	sim_event_init(&sent->event, arrive);
	sim_event_set(sim, &sent->event, when);
}

void sim_signals_deinit(struct sim *sim, struct sim_signals *signals)
{
	while (!list_is_empty(&signals->sent))
		forget(sim, container_of(signals->sent.next, struct sim_sent, node));
}

/* -- Calls ---------------------------------------------------------------------------------------
 */

int sim_sigaction(int signum, const struct sigaction *action, struct sigaction *old)
{
	struct sim_signals *signals = sim_signals(sim_current());

	if (!is_signal(signum) || (action && (signum == SIGKILL || signum == SIGSTOP)))
		return -EINVAL;
	if (old)
		*old = signals->actions[signum];
	if (action)
		signals->actions[signum] = *action;
	return 0;
}

int sim_raise(int signum)
{
	if (!is_signal(signum))
		return -EINVAL;
	deliver(sim_current(), signum);
	return 0;
}

static uint64_t bits_of(const sigset_t *set)
{
	uint64_t bits = 0;

	for (int signum = 1; signum < SIM_SIGNALS; signum++)
		if (sigismember(set, signum) == 1)
			bits |= bit(signum);
	return bits;
}

static void fill(sigset_t *set, uint64_t bits)
{
	sigemptyset(set);
	for (int signum = 1; signum < SIM_SIGNALS; signum++)
		if (bits & bit(signum))
			sigaddset(set, signum);
}

static void deliver_pending(struct sim *sim)
{
	struct sim_signals *signals = sim_signals(sim);

	for (int signum = 1; signum < SIM_SIGNALS; signum++) {
		if (!(signals->pending & ~signals->blocked & bit(signum)))
			continue;
		signals->pending &= ~bit(signum);
		deliver(sim, signum);
	}
}

/* One mask for all threads: the loops of a world block the same signal, SIGPIPE. */
int sim_set_signal_mask(int how, const sigset_t *set, sigset_t *old)
{
	struct sim_signals *signals = sim_signals(sim_current());

	if (old)
		fill(old, signals->blocked);
	if (!set)
		return 0;
	switch (how) {
	case SIG_BLOCK:
		signals->blocked |= bits_of(set);
		return 0;
	case SIG_UNBLOCK:
		signals->blocked &= ~bits_of(set);
		break;
	case SIG_SETMASK:
		signals->blocked = bits_of(set);
		break;
	default:
		return -EINVAL;
	}
	deliver_pending(sim_current());
	return 0;
}

int sim_sigpending(sigset_t *set)
{
	fill(set, sim_signals(sim_current())->pending);
	return 0;
}

int sim_sigtake(const sigset_t *set)
{
	struct sim_signals *signals = sim_signals(sim_current());
	uint64_t there = signals->pending & bits_of(set);
	int signum;

	if (there == 0)
		return -EAGAIN;
	signum = 1 + __builtin_ctzll(there);
	signals->pending &= ~bit(signum);
	return signum;
}
