/* SPDX-License-Identifier: MIT */
/* Reports: a sentence for whoever runs the program, by coil_on_report or on standard error. */
#ifndef COIL_BASE_REPORT_H
#define COIL_BASE_REPORT_H

#include "coil/see.h"

/* What is longer is cut. */
#define REPORT_BYTES_MAX 1000u

/* What @about does not say: of this kind, and about nothing in particular. */
#define REPORT_ABOUT(kind_, ...) REPORT_ABOUT_FD(kind_, -1, __VA_ARGS__)
#define REPORT_ABOUT_FD(kind_, fd_, ...) \
	(&(const struct coil_report){ .kind = (kind_), .fd = (fd_), __VA_ARGS__ })

/* Of @kind COIL_REPORT_OTHER. */
void report(const char *words, ...) __attribute__((format(printf, 1, 2)));

/* With what is known beside the words. @about needs neither size nor words. */
void report_about(const struct coil_report *about, const char *words, ...)
	__attribute__((format(printf, 2, 3)));

/* All of it is the caller's: size and words, of any length, are set. */
void report_deliver(const struct coil_report *report);

#endif
