/* SPDX-License-Identifier: MIT */
/*
 * Signals: waiting for them, and tasks that run when they come. On any loop, on any number of them.
 *
 * Coil takes a signal from its old disposition when its first user comes, and gives it back when
 * the last one goes: a disposition that somebody else has set meanwhile stays. While the program
 * uses SIGINT or SIGTERM, coil_run does not cancel the main task for it. A signal that every thread
 * blocks is not seen; a loop's thread blocks SIGPIPE. A child of fork has the old dispositions.
 *
 * Every user sees every signal. Standard signals that come faster than they are taken are merged,
 * as in the kernel; realtime ones queue, up to a bound: beyond it what is known of them is lost,
 * but not that they came.
 */
#ifndef COIL_SIGNAL_H
#define COIL_SIGNAL_H

#include <stdint.h>
#include <sys/select.h> /* sigset_t, in strict C too */

#ifdef __cplusplus
extern "C" {
#endif

struct coil_signal_watch;

/**
 * coil_signal_wait - wait for a signal, once
 * @set:      the signals to wait for
 * @ret_info: a siginfo_t, or NULL: number, sender, value; untouched unless a signal came
 *
 * Suspends. Sees what comes after the call; before and after, the signals have their old
 * dispositions: who waits again and again, and wants to miss none in between, opens a watch. A
 * signal that came before a cancel took effect is the result.
 * Return: the signal's number; -EINVAL if @set is empty, or has SIGKILL, SIGSTOP, or one that a
 * fault raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS); -ENOMEM; -ENOBUFS if 64 loops
 * of the process use signals already; the reason of a cancelled scope.
 * Since 0.1. See sigwaitinfo(2), sigaction(2).
 */
int coil_signal_wait(const sigset_t *set, void *ret_info);

/**
 * coil_signal_open - begin to watch signals
 * @ret_watch: the watch; belongs to the calling thread's loop
 * @set:       as coil_signal_wait
 *
 * From now on what comes is kept for coil_signal_next. Does not suspend.
 * Return: 0; -EINVAL, -ENOMEM, -ENOBUFS as coil_signal_wait.
 * Since 0.1. See Go's signal.Notify.
 */
int coil_signal_open(struct coil_signal_watch **ret_watch, const sigset_t *set);

/**
 * coil_signal_next - take the next signal of a watch
 * @watch:    open, of this loop
 * @ret_info: as coil_signal_wait; only si_signo is set if the rest was lost
 *
 * Suspends until there is one. Of several tasks that wait here, the one that came first gets it. A
 * signal that came before a cancel took effect is the result.
 * Return: the signal's number; -EPIPE if the watch is closed meanwhile; the reason of a cancelled
 * scope.
 * Since 0.1.
 */
int coil_signal_next(struct coil_signal_watch *watch, void *ret_info);

/**
 * coil_signal_lost - the realtime signals of a watch that were merged
 * @watch: open, of this loop
 *
 * That there are any is said once on standard error. Does not suspend.
 * Return: count.
 * Since 0.1.
 */
uint64_t coil_signal_lost(const struct coil_signal_watch *watch);

/**
 * coil_signal_close - end a watch
 * @watch: open, of this loop; NULL is allowed
 *
 * What it holds is dropped; who waits on it gets -EPIPE. Does not suspend.
 * Since 0.1.
 */
void coil_signal_close(struct coil_signal_watch *watch);

/**
 * coil_on_signal - run a task whenever a signal comes
 * @signum: as the members of the set of coil_signal_wait
 * @entry:  run as a task of the loop's outermost group; replaces the one that the loop has for this
 *          signal; NULL removes it
 * @arg:    passed to @entry
 *
 * One task at a time: what comes while it runs lets @entry run once more, once for each realtime
 * signal. Each run begins with a copy of the task locals (coil/local.h) that the caller of this has
 * now. A failure of @entry is said on standard error. At the end of the loop all are removed.
 * Does not suspend.
 * Return: 0; -ENOENT if there was none to remove; -EINVAL, -ENOMEM, -ENOBUFS as coil_signal_wait.
 * Since 0.1. See asyncio's add_signal_handler.
 */
int coil_on_signal(int signum, int (*entry)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
