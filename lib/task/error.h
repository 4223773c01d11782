/* SPDX-License-Identifier: MIT */
/* The sentence behind coil_last_error: what refused, and what to do. One for each thread. */
#ifndef COIL_TASK_ERROR_H
#define COIL_TASK_ERROR_H

#include "task/task.h"

void error_explain(const char *words, ...) __attribute__((format(printf, 1, 2)));

/* @rc of a sized_read of a struct @name; if it is an error that is explained. */
int error_sized(int rc, const char *name);

/* A stack could not be had: in the words of the driver, if it has some. */
void error_explain_stacks(const struct scheduler *s);

#endif
