/* SPDX-License-Identifier: MIT */
/* Looking for completions for a moment before the loop sleeps: a wake-up costs more than a short
 * wait. */
#ifndef COIL_LOOP_SPIN_H
#define COIL_LOOP_SPIN_H

#include "loop/loop.h"

void spin_init(struct spin *spin, const struct coil_options *options);

/* Spins as the mode says, for @limit_ns at the most. True if there is something to do and the loop
 * must not sleep. */
bool spin_finds_something(struct coil_loop *loop, int64_t limit_ns);

/* In the adaptive mode: the sleep that followed is over. */
void spin_note_sleep(struct coil_loop *loop);

#endif
