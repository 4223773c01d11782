/* SPDX-License-Identifier: MIT */
/*
 * Who observes the loops of this process: the room "see", which stands above and sets this when the
 * library is loaded. In debug mode scheduler->see is its memory of one loop; scheduler->fire is its
 * own then, so that tasks do not switch to one another but come by the loop's stack, where it sees
 * them come and go.
 */
#ifndef COIL_TASK_OBSERVE_H
#define COIL_TASK_OBSERVE_H

#include "task/task.h"

struct scheduler_observer {
	/* On its thread; there is no task yet. */
	void (*opened)(struct scheduler *s);
	/* All tasks have ended, or are left behind; the kernel owes nothing. */
	void (*closing)(struct scheduler *s);
	/* In debug mode: around each turn. */
	void (*turn)(struct scheduler *s, bool begins);
};

extern const struct scheduler_observer *scheduler_observer;

#endif
