/* SPDX-License-Identifier: MIT */
/*
 * Included by the build before each file of the library (-include), and by nothing else:
 * what the public headers declare is exported, and every other symbol stays hidden. So no
 * prototype carries a marker.
 */
#ifndef COIL_EXPORT_H
#define COIL_EXPORT_H

#ifndef __ASSEMBLER__
#pragma GCC visibility push(default)
#include "coil.h"
#pragma GCC visibility pop
#endif

#endif
