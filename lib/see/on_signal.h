/* SPDX-License-Identifier: MIT */
/* Which loops there are, so that a signal can make each one's thread write its dump. */
#ifndef COIL_SEE_ON_SIGNAL_H
#define COIL_SEE_ON_SIGNAL_H

#include <stdbool.h>

#include "task/task.h"

void on_signal_add_loop(struct scheduler *s);
void on_signal_remove_loop(struct scheduler *s);

/* Debug mode's SIGQUIT. */
void on_signal_set_debug(bool is_on);

#endif
