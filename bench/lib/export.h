/* SPDX-License-Identifier: MIT */
/* Included by the build before each file, as lib/export.h: coil/bench.h is what is exported. */
#ifndef COIL_BENCH_LIB_EXPORT_H
#define COIL_BENCH_LIB_EXPORT_H

#pragma GCC visibility push(default)
#include "coil/bench.h"
#pragma GCC visibility pop

#endif
