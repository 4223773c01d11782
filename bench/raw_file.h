/* SPDX-License-Identifier: MIT */
/* raw_file - a file to be read, which is in memory and written back already. */
#ifndef COIL_BENCH_RAW_FILE_H
#define COIL_BENCH_RAW_FILE_H

#include <stddef.h>

/**
 * raw_file_open - a file in $TMPDIR that has no name any more
 * @bytes: how many it has
 *
 * Its pages are written back now, not in somebody's window.
 * Return: the descriptor, to be closed; or a negative errno.
 */
int raw_file_open(size_t bytes);

#endif
