/* SPDX-License-Identifier: MIT */
/* outputs - the files that a run was told to write, by their formats. */
#ifndef COIL_BENCH_LIB_OUTPUTS_H
#define COIL_BENCH_LIB_OUTPUTS_H

#include <stdbool.h>

#include "coil/bench.h"

#define OUTPUTS (COIL_BENCH_HGRM + 1)

struct outputs {
	const char *paths[OUTPUTS]; /* by enum coil_bench_format; "-": stdout; NULL: none */
};

/*
 * Whether each can be written, before the hour of measuring; makes those that are not there. Says
 * on stderr, in the program's name, which cannot.
 */
bool outputs_check(const struct outputs *outputs, const char *program);
bool outputs_has_stdout(const struct outputs *outputs);
/* false and words on stderr if one could not be written; the others are. */
bool outputs_write(const struct outputs *outputs, const char *program,
		   const struct coil_bench *bench);

#endif
