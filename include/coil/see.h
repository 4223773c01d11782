/* SPDX-License-Identifier: MIT */
/*
 * Seeing what goes on: reports, debug mode, and the dump of all tasks. Counters are in
 * coil/stats.h.
 */
#ifndef COIL_SEE_H
#define COIL_SEE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a report is about. Those from COIL_REPORT_SLOW on come in debug mode alone. */
enum coil_report_kind {
	COIL_REPORT_OTHER,
	COIL_REPORT_REFUSED,	     /* coil_run could not begin, or the ring was lost */
	COIL_REPORT_LEFT_BEHIND,     /* a task did not end in time */
	COIL_REPORT_FAILURE,	     /* a task failed, and nobody looked at it */
	COIL_REPORT_DEADLOCK,	     /* nothing can ever happen again */
	COIL_REPORT_REPORTER,	     /* the function of coil_on_report failed */
	COIL_REPORT_SLOW,	     /* a task or a hook holds the loop */
	COIL_REPORT_NEVER_AWAITED,   /* an operation, timer or promise that nobody looked at */
	COIL_REPORT_NEVER_JOINED,    /* a task with a handle that nobody used */
	COIL_REPORT_CLOSED_FD,	     /* an fd closed under an operation, or used after it */
	COIL_REPORT_IGNORES_CANCEL   /* a task met its cancellation 1,000 times */
};

/* A report. What it points to is gone when the reporter has returned. */
struct coil_report {
	size_t size;		/* sizeof(struct coil_report) */
	int kind;		/* enum coil_report_kind; there may be more in later versions */
	int error;		/* the negative errno that it is about, or 0 */
	int fd;			/* the descriptor that it is about, or -1 */
	uint64_t task;		/* the id of the task that it is about, or 0 */
	const char *task_name;	/* its name, or NULL */
	const char *place;	/* where it was spawned, or NULL */
	int64_t duration;	/* nanoseconds that it is about, or 0 */
	void *const *frames;	/* a backtrace, innermost first: what backtrace_symbols(3) takes */
	size_t frame_count;	/* 0: there is none */
	const char *words;	/* it all in words: a sentence, and perhaps lines after it; the last
				   line has no newline */
};

/**
 * coil_on_report - say where reports go
 * @fn:  gets each report; NULL: standard error again
 * @arg: passed to @fn
 *
 * One for the process, to be set at any time, also before coil_run. Without one, each report is
 * written to standard error after "coil: ". @fn must not suspend; it runs on the stack and the
 * thread where the report arises: a task's, a loop's own, and for COIL_REPORT_SLOW the thread of
 * debug mode; so it may run on several threads at once. If it returns a negative errno it has
 * failed: that, and the report, are written to standard error. What it reports itself, while it
 * runs, goes there too. Misuse that stops the program is not a report. Does not suspend.
 * Since 0.1.
 */
void coil_on_report(int (*fn)(void *arg, const struct coil_report *report), void *arg);

/* What debug mode looks for. */
enum coil_debug_flags {
	COIL_DEBUG_SLOW = 1 << 0,   /* what holds the loop, with its backtrace at that moment */
	COIL_DEBUG_UNSEEN = 1 << 1, /* what was started or spawned and never looked at */
	COIL_DEBUG_FDS = 1 << 2,    /* closing under an operation, operations after a close */
	COIL_DEBUG_CANCEL = 1 << 3, /* tasks that do not heed their cancellation */
	COIL_DEBUG_DUMP = 1 << 4,   /* SIGQUIT writes a dump, and the program goes on */
	COIL_DEBUG_ALL = (1 << 5) - 1
};

/**
 * coil_set_debug - turn debug mode on or off
 * @flags: enum coil_debug_flags; 0: off
 *
 * For the calling thread's loop, if it has one, at once, and for loops that are opened later on
 * any thread. Each wait and each operation costs about a microsecond more then, and the process
 * has one more thread while COIL_DEBUG_SLOW looks at a loop. In debug mode dumps know how old
 * waits and operations are; of COIL_DEBUG_UNSEEN and COIL_DEBUG_FDS, what was started before it
 * was turned on is not known. On the simulated kernel (coil/sim.h) nothing is ever slow. Does not
 * suspend.
 *
 * The environment does the same when the program starts: COIL_DEBUG=1 or =all, or a list of the
 * words slow, unseen, fds, cancel and dump; "slow=250" sets the threshold in milliseconds,
 * "signal=10" the signal of coil_set_slow. It is ignored in set-user-ID programs.
 * Return: 0; -EINVAL for unknown flags; -ENOMEM, and no thread, too: the loop is as before.
 * Since 0.1.
 */
int coil_set_debug(unsigned flags);

/**
 * coil_set_slow - say what is slow
 * @threshold: nanoseconds, 1 ms to 1 hour; default 100 ms
 * @signum:    the signal that asks a loop's thread for its backtrace, default SIGURG, which does
 *             nothing where there is no handler; 0: leave it as it is
 *
 * COIL_DEBUG_SLOW: a task, or a hook, that runs for longer without waiting is reported while it
 * runs, and once more with the time that it took when it is done; at most five a minute and loop. A
 * handler that the program has for @signum gets the signals that are not ours; on a thread that
 * blocks it the report has no backtrace. Takes effect for all loops. Does not suspend.
 * Return: 0; -EINVAL out of bounds; -EBUSY for another signal than before once debug mode uses it.
 * Since 0.1. See pthread_kill(3), backtrace(3).
 */
int coil_set_slow(int64_t threshold, int signum);

/**
 * coil_dump - write what each task does
 * @fd: a descriptor; written to by write(2), which blocks if it does
 *
 * The calling thread's loop, in plain text of one line a fact, indented by two spaces a level: the
 * loop's counters; each group and, inside of it, its tasks with their state, where they were
 * spawned, what they wait for (operation, descriptor, peer, deadline; in debug mode for how long),
 * how far a gather has come, their scopes with deadlines, who cancelled them with which reason,
 * their backtraces, and their groups in turn. docs/dump.md describes every line; none goes away
 * within a version 1 of the format, new ones may come. Does not suspend.
 * Return: 0; -ENOENT if the calling thread has no loop; the negative errno of write(2).
 * Since 0.1.
 */
int coil_dump(int fd);

/**
 * coil_dump_on_signal - write a dump of every loop when a signal comes
 * @signum: 1..64; 0: not any more, its disposition is as before
 *
 * The dumps go to standard error, one after the other, and the program goes on: while it waits, and
 * while a task computes and does not come back, which the dump shows with its backtrace. Each
 * loop's thread writes its own, if it does not block @signum; up to 256 loops. It runs on the
 * thread's alternate signal stack; where COIL_NO_OVERFLOW is set and the program has none, it needs
 * 8 KiB of the stack that it interrupts. COIL_DEBUG_DUMP does the same with SIGQUIT. Does not
 * suspend.
 * Return: 0; -EINVAL if the signal does not exist or cannot be caught; -EBUSY if another one is
 * set.
 * Since 0.1. See sigaction(2).
 */
int coil_dump_on_signal(int signum);

#ifdef __cplusplus
}
#endif

#endif
