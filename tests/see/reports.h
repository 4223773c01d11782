/* SPDX-License-Identifier: MIT */
/* A reporter that collects what it gets. */
#ifndef COIL_TESTS_SEE_REPORTS_H
#define COIL_TESTS_SEE_REPORTS_H

#include <stdbool.h>

#include <coil.h>

/* Takes all reports from now on; back to standard error, with all forgotten. */
void reports_begin(void);
void reports_end(void);

/* How many of @kind there were; -1: of any. */
int reports_count(int kind);

/* Copies the words of the last one of @kind with @needle in it; false if there is none. */
bool reports_have(int kind, const char *needle);

/* The last one of @kind, its words and strings apart. */
struct coil_report reports_last(int kind);

/* Waits, blocking, up to 5 s for one of @kind. */
bool reports_await(int kind);

#endif
