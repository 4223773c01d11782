/* SPDX-License-Identifier: MIT */
/* What the tests of this room share beyond the task room's rig. */
#ifndef COIL_TESTS_RULES_CHILD_H
#define COIL_TESTS_RULES_CHILD_H

#include "task/rig.h"

/* A program whose main task breaks a rule and is stopped with these words. */
#define STOPS(name, words)                                                                         \
	static void name##_steps(void);                                                            \
	static int name##_entry(void *arg)                                                         \
	{                                                                                          \
		(void)arg;                                                                         \
		name##_steps();                                                                    \
		return 0;                                                                          \
	}                                                                                          \
	TEST_SIGNAL(rules, name, SIGABRT, words)                                                   \
	{                                                                                          \
		rig_run(name##_entry, NULL);                                                       \
	}                                                                                          \
	static void name##_steps(void)

/* Runs @body in a child; its wait status, and what it wrote to stderr. */
int child_run(void (*body)(void), char *text, size_t bytes);

/* Tasks. */
int child_awaits(void *promise);      /* the promise's result */
int child_awaits_any(void *future);   /* the future's */

#endif
