/* SPDX-License-Identifier: MIT */
/* Hooks that write down their numbers when they are fired. */
#ifndef COIL_TESTS_FUTURE_NOTES_H
#define COIL_TESTS_FUTURE_NOTES_H

#include "future/ready.h"

#define NOTES 6

struct note {
	struct coil_hook hook;
	int id;
};

static struct note notes[NOTES];
static long fired; /* digits, in order */

static inline void note_fire(struct coil_hook *hook)
{
	fired = 10 * fired + container_of(hook, struct note, hook)->id;
}

/* Numbered from 1. */
static inline void notes_init(void)
{
	fired = 0;
	for (int i = 0; i < NOTES; i++)
		notes[i] = (struct note){ .hook.fire = note_fire, .id = i + 1 };
}

static inline struct coil_hook *note(int id)
{
	return &notes[id - 1].hook;
}

/* Fires all of @queue and returns the digits. */
static inline long fire_all(struct hook_queue *queue)
{
	struct coil_hook *hook;

	fired = 0;
	while ((hook = hook_queue_pop(queue)))
		hook->fire(hook);
	return fired;
}

#endif
