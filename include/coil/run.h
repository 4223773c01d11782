/* SPDX-License-Identifier: MIT */
/* Running a program on a loop. */
#ifndef COIL_RUN_H
#define COIL_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "coil/alloc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct coil_loop;

enum coil_spin {
	COIL_SPIN_OFF,	   /* sleep at once */
	COIL_SPIN_FIXED,   /* look for completions for spin_ns before each sleep */
	COIL_SPIN_ADAPTIVE /* the same, as long as it pays: up to spin_ns, nothing on an idle or
			      crowded machine */
};

/* Bits of coil_options.off: what coil_run does unless told not to. */
enum coil_run_off {
	COIL_NO_SIGNALS = 1 << 0,  /* do not take SIGINT and SIGTERM */
	COIL_NO_OVERFLOW = 1 << 1, /* do not report stack overflows */
	COIL_NO_REPORTS = 1 << 2,  /* no reports of this loop, in debug mode too */
	COIL_NO_DIRECT = 1 << 3    /* normal descriptors only (coil/direct.h) */
};

/*
 * How to run. Zero is the default of each field.
 *
 * Of every struct of options in Coil: size is what sizeof says where the program is compiled, so
 * that the struct may grow. What an older program does not know has its default. A newer program
 * may run on an older library as long as what that does not know is zero; else the call fails with
 * -E2BIG, as openat2(2) does. A size that is not set is -EINVAL.
 */
struct coil_options {
	size_t size;			/* sizeof(struct coil_options) */
	const struct coil_alloc
		*alloc; /* heap memory; must outlive the loop; default: the C library's */
	unsigned sq_entries;		/* submission queue, 1..32768; default 256 */
	unsigned cq_entries;		/* completion queue, at most 65536, raised to sq_entries;
					   default 4096 */
	unsigned workers_bounded;	/* kernel threads for files and paths; default 32 */
	unsigned workers_unbounded;	/* kernel threads for the rest; default 64 */
	size_t stack_bytes;  /* a task's stack, 16 KiB..1 GiB; default 64 KiB of address space */
	int64_t shutdown_ns; /* how long to wait for cancelled tasks at the end; default 10 s;
				COIL_FOREVER: no bound */
	int64_t grace_ns;		/* the same bound after SIGTERM; default 10 s */
	int spin;			/* enum coil_spin */
	int64_t spin_ns;		/* default 50 us */
	unsigned off;			/* enum coil_run_off */
	const char *kernel_mask;	/* kernel features to do without, for tests; default:
					   COIL_KERNEL_MASK */
	const char *name;		/* of the main task; default "main" */
	unsigned direct_max; /* direct descriptors (coil/direct.h), 1..1048576; default 16384;
				fewer if RLIMIT_NOFILE, when the first one is opened, is less */
};

/**
 * coil_run - run a program
 * @entry: the main task
 * @arg:   passed to @entry
 *
 * Opens a loop on the calling thread, runs @entry as a task, then cancels the tasks that are left,
 * waits for them, reports failures that nobody looked at, and closes the loop. The first SIGINT or
 * SIGTERM cancels the main task; a second SIGINT takes effect at once, by its old disposition. A
 * signal whose disposition is not the default one keeps it, and while the program itself uses one
 * (coil/signal.h) it cancels nobody. What was offloaded (coil/work.h) is waited for as well; if it
 * does not end within the bound it is named and left behind. If every task waits and nothing is in
 * flight that could end a wait, that is said once on standard error, with who waits for what, and
 * the program sleeps on; a pending promise, work on a helper thread, and a wait for a signal are
 * hope. What the program opened (streams, listeners, queues, caches) it closes before the end: else
 * that is misuse, as is a call inside a task, or on a thread that has a loop.
 * Return: what @entry returned; before it ran: a negative errno, with one sentence on standard
 * error and in coil_last_error() that says what refused io_uring and what to do, and likewise if
 * the kernel refuses the ring later; -ETIME if tasks did not end within the bound: they are named,
 * and the ring and the stacks are leaked on purpose.
 * Since 0.1. Kernel 6.1.
 */
int coil_run(int (*entry)(void *arg), void *arg);

/**
 * coil_run_with - run a program, with options
 * @options: NULL for the defaults
 * @entry:   as coil_run
 * @arg:     as coil_run
 *
 * Return: as coil_run; -EINVAL if an option is out of bounds (coil_last_error() names it).
 * Since 0.1.
 */
int coil_run_with(const struct coil_options *options, int (*entry)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
