/* SPDX-License-Identifier: MIT */
/*
 * Life inside another loop, which polls the ring's descriptor and knows nothing of our timers: the
 * nearest deadline is given to the kernel as one timeout, so that the descriptor becomes readable
 * when it passes.
 */
#ifndef COIL_LOOP_EMBED_H
#define COIL_LOOP_EMBED_H

#include "loop/loop.h"

void embed_init(struct coil_loop *loop);

/* Takes the timeout back; loop_drain waits for it. False if the SQ is full: ask again. */
bool embed_disarm(struct coil_loop *loop);

#endif
