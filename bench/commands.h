/* SPDX-License-Identifier: MIT */
/* The commands of coil-bench that measure nothing. As main(), without the program's own name. */
#ifndef COIL_BENCH_COMMANDS_H
#define COIL_BENCH_COMMANDS_H

#include "lib/model.h"

int compare_main(int argc, char **argv);
int report_main(int argc, char **argv);
int count_main(int argc, char **argv);

/* Reads results from a file that coil-bench wrote. What is wrong is said on stderr; else 0. */
int read_results(const char *path, struct coil_bench **ret_bench);

#endif
