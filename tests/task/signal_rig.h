/* SPDX-License-Identifier: MIT */
/* What the tests of signals share. */
#ifndef COIL_TESTS_TASK_SIGNAL_RIG_H
#define COIL_TESTS_TASK_SIGNAL_RIG_H

#include "task/rig.h"

static inline sigset_t set_of(int signum)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signum);
	return set;
}

static inline bool is_default(int signum)
{
	struct sigaction now;

	return sigaction(signum, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
	       now.sa_handler == SIG_DFL;
}

static inline int signal_rig_waits(void *signum)
{
	sigset_t set = set_of((int)(intptr_t)signum);

	return coil_signal_wait(&set, NULL);
}

#endif
