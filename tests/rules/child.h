/* SPDX-License-Identifier: MIT */
/* What the tests of this room share beyond the task room's rig. */
#ifndef COIL_TESTS_RULES_CHILD_H
#define COIL_TESTS_RULES_CHILD_H

#include "task/rig.h"

/* A program whose main task breaks a rule and is stopped with these words. */
#define STOPS(name, words) STOPS_IN_TASK(rules, name, words)

/* Tasks. */
int child_awaits(void *promise);      /* the promise's result */
int child_awaits_any(void *future);   /* the future's */

#endif
