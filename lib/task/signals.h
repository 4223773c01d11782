/* SPDX-License-Identifier: MIT */
/*
 * SIGINT and SIGTERM of coil_run: a handler that sets a bit in the inbox and wakes the loop (a
 * signalfd would miss signals that another thread of the host leaves unblocked). Taken only where
 * the default disposition stands, by one loop of the process at a time, and given back at the end.
 */
#ifndef COIL_TASK_SIGNALS_H
#define COIL_TASK_SIGNALS_H

#include <signal.h>

#include "task/task.h"

struct signal_watch {
	struct coil_hook arrived;
	struct scheduler *scheduler;
	void (*on_signal)(struct signal_watch *watch, int signum);
	bool is_installed;
};

void signals_install(struct scheduler *s, struct signal_watch *watch,
		     void (*on_signal)(struct signal_watch *watch, int signum));
void signals_restore(struct signal_watch *watch);

void sigpipe_block(struct scheduler *s);
void sigpipe_restore(struct scheduler *s);

#endif
