/* SPDX-License-Identifier: MIT */
/*
 * Dumps by signal. The handler runs on whichever thread takes the signal: it passes it on to every
 * thread that has a loop, and each one writes its own dump, of a loop that it has interrupted and
 * that nobody else changes meanwhile.
 */
#include "see/on_signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ring/calls.h"
#include "see/dump.h"
#include "see/names.h"

#define LOOPS_MAX 256u
#define TURN_WAITS_MAX 2000 /* milliseconds */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int threads[LOOPS_MAX]; /* 0: free */
static struct sigaction before;
static _Atomic int dump_signal;
static _Atomic bool is_writing;
static bool is_debugs; /* set by debug mode, not by the program */

static _Thread_local struct scheduler *own __attribute__((tls_model("initial-exec")));
static _Thread_local bool is_dumping __attribute__((tls_model("initial-exec")));

/* -- Loops ---------------------------------------------------------------------------------------
 */

void on_signal_add_loop(struct scheduler *s)
{
	int thread = call_thread_id();

	own = s;
	for (unsigned i = 0; i < LOOPS_MAX; i++) {
		int nobody = 0;

		if (atomic_compare_exchange_strong(&threads[i], &nobody, thread))
			return;
	}
}

void on_signal_remove_loop(struct scheduler *s)
{
	int thread = call_thread_id();

	(void)s;
	own = NULL;
	for (unsigned i = 0; i < LOOPS_MAX; i++)
		if (atomic_load(&threads[i]) == thread)
			atomic_store(&threads[i], 0);
}

/* -- The handler ---------------------------------------------------------------------------------
 */

/* One after the other, so that each can be read; who writes for very long is not waited for. */
static void take_turn(void)
{
	const struct timespec pause = { 0, 1000000 };

	for (int i = 0; i < TURN_WAITS_MAX && atomic_exchange(&is_writing, true); i++)
		nanosleep(&pause, NULL);
}

static void dump_own(const void *context)
{
	if (!own || is_dumping)
		return;
	is_dumping = true;
	take_turn();
	dump_interrupted(own, STDERR_FILENO, context);
	atomic_store(&is_writing, false);
	is_dumping = false;
}

/* What one thread of this process sends to another was passed on already. */
static bool was_passed_on(const siginfo_t *info)
{
	return info->si_code == SI_TKILL && info->si_pid == getpid() && own;
}

static void handle(int signum, siginfo_t *info, void *context)
{
	int kept = call_keep_errno();
	int self = call_thread_id();

	for (unsigned i = 0; i < LOOPS_MAX && !was_passed_on(info); i++) {
		int thread = atomic_load(&threads[i]);

		if (thread != 0 && thread != self)
			call_signal_thread(thread, signum);
	}
	dump_own(context);
	call_restore_errno(kept);
}

/* -- On and off ----------------------------------------------------------------------------------
 */

static int set_handler(int signum)
{
	struct sigaction action = {
		.sa_sigaction = handle,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};
	int rc;

	names_load();
	sigemptyset(&action.sa_mask);
	rc = calls_kernel.sigaction(signum, NULL, &before);
	if (rc == 0)
		rc = calls_kernel.sigaction(signum, &action, NULL);
	if (rc == 0)
		atomic_store(&dump_signal, signum);
	return rc;
}

/* Somebody else's handler stays. */
static void restore_handler(void)
{
	int signum = atomic_exchange(&dump_signal, 0);
	struct sigaction now;

	if (signum && calls_kernel.sigaction(signum, NULL, &now) == 0 &&
	    (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle)
		calls_kernel.sigaction(signum, &before, NULL);
}

static int set_locked(int signum)
{
	int current = atomic_load(&dump_signal);

	if (signum == 0) {
		restore_handler();
		return 0;
	}
	if (current == signum)
		return 0;
	return current ? -EBUSY : set_handler(signum);
}

int coil_dump_on_signal(int signum)
{
	int rc;

	if (signum < 0 || signum > 64)
		return -EINVAL;
	pthread_mutex_lock(&lock);
	if (is_debugs)
		restore_handler();
	is_debugs = false;
	rc = set_locked(signum);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* What the program has chosen itself has precedence. */
void on_signal_set_debug(bool is_on)
{
	pthread_mutex_lock(&lock);
	if (is_on && atomic_load(&dump_signal) == 0) {
		is_debugs = set_handler(SIGQUIT) == 0;
	} else if (!is_on && is_debugs) {
		restore_handler();
		is_debugs = false;
	}
	pthread_mutex_unlock(&lock);
}

int coil_dump(int fd)
{
	int rc;

	if (!own)
		return -ENOENT;
	names_load();
	is_dumping = true;
	rc = dump_now(own, fd);
	is_dumping = false;
	return rc;
}
