/* SPDX-License-Identifier: MIT */
/*
 * Backtraces: of the running stack, of what a signal interrupted, and of a coroutine that does not
 * run. They may be taken in a signal handler: nothing is allocated, and no frame is followed out
 * of the stack's bounds. A parked coroutine is unwound by its CFI, from the registers that the
 * switch has stored (backtrace_<cpu>.S); with ucontext by frame pointers, which ends early in code
 * that was built without them.
 */
#ifndef COIL_CORO_BACKTRACE_H
#define COIL_CORO_BACKTRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "coro/coro.h"

/* The bounds of a stack; all zeroes: not known. */
struct backtrace_bounds {
	const void *low;
	const void *high;
};

/*
 * The frames of @coro, innermost first: addresses to which calls return, the first one where it
 * parked. It does not run, and lies within @bounds. Returns how many of @max there were.
 */
size_t backtrace_parked(const struct coro *coro, struct backtrace_bounds bounds, void **frames,
			size_t max);

/*
 * The frames of the calling stack. @from, if not NULL: they begin at the frame with that program
 * counter, as a signal handler knows it of whom it has interrupted; none if it is not there.
 */
size_t backtrace_running(const void *from, struct backtrace_bounds bounds, void **frames,
			 size_t max);

/* Of a handler's third argument: the program counter and the stack pointer that it interrupted;
 * NULL where this CPU is not known. */
void backtrace_interrupted(const void *context, void **ret_pc, void **ret_sp);

/*
 * Did it interrupt a switch to @to that was on its stack already, and did not have all of its
 * registers? The program counter is of one coroutine then, the rest of the other: whoever walks
 * that falls. True, too, for some instructions behind it.
 */
bool backtrace_is_arriving(const void *context, const struct coro *to);

#endif
