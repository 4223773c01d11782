/* SPDX-License-Identifier: MIT */
/* SIGINT and SIGTERM. See signals.h. */
#include "task/signals.h"

#include <stdatomic.h>
#include <string.h>

#include "loop/inbox.h"

static const int watched[] = { SIGINT, SIGTERM };
enum { WATCHED = sizeof watched / sizeof watched[0] };

/* What a handler can see: one loop of the process, and what was before. */
static _Atomic(struct coil_loop *) signal_loop;
static struct sigaction before[WATCHED];
static _Atomic bool is_ours[WATCHED];
static _Atomic uint32_t interrupts;

static const struct driver_calls *calls_of(struct coil_loop *loop)
{
	return loop->driver->ops->calls;
}

static void handle(int signum)
{
	struct coil_loop *loop = atomic_load(&signal_loop);

	if (!loop)
		return;
	/* The second one does not wait for a program that does not listen: it does what it did
	 * before us. */
	if (signum == SIGINT && atomic_fetch_add(&interrupts, 1) > 0) {
		calls_of(loop)->sigaction(SIGINT, &before[0], NULL);
		calls_of(loop)->raise(SIGINT);
		return;
	}
	inbox_signal(loop, signum);
}

static void signals_arrived(struct coil_hook *hook)
{
	struct signal_watch *watch = container_of(hook, struct signal_watch, arrived);
	struct inbox *inbox = &watch->scheduler->loop.inbox;
	uint64_t signals = atomic_exchange(&inbox->signals, 0);

	inbox->on_signal = hook;
	for (int i = 0; i < WATCHED; i++)
		if (signals >> watched[i] & 1)
			watch->on_signal(watch, watched[i]);
}

static void install_one(struct coil_loop *loop, int i)
{
	struct sigaction action;
	struct sigaction old;

	memset(&action, 0, sizeof action);
	action.sa_handler = handle;
	action.sa_flags = SA_RESTART;
	sigemptyset(&action.sa_mask);
	if (calls_of(loop)->sigaction(watched[i], NULL, &old) < 0 || old.sa_handler != SIG_DFL ||
	    (old.sa_flags & SA_SIGINFO))
		return;
	before[i] = old;
	if (calls_of(loop)->sigaction(watched[i], &action, NULL) == 0)
		atomic_store(&is_ours[i], true);
}

void signals_install(struct scheduler *s, struct signal_watch *watch,
		     void (*on_signal)(struct signal_watch *watch, int signum))
{
	struct coil_loop *nobody = NULL;

	watch->arrived.fire = signals_arrived;
	watch->scheduler = s;
	watch->on_signal = on_signal;
	watch->is_installed = atomic_compare_exchange_strong(&signal_loop, &nobody, &s->loop);
	if (!watch->is_installed)
		return;
	atomic_store(&interrupts, 0);
	s->loop.inbox.on_signal = &watch->arrived;
	for (int i = 0; i < WATCHED; i++)
		install_one(&s->loop, i);
}

void signals_restore(struct signal_watch *watch)
{
	struct scheduler *s = watch->scheduler;

	if (!watch->is_installed)
		return;
	for (int i = 0; i < WATCHED; i++)
		if (atomic_exchange(&is_ours[i], false))
			calls_of(&s->loop)->sigaction(watched[i], &before[i], NULL);
	atomic_store(&signal_loop, NULL);
	if (!s->loop.inbox.on_signal)
		ready_remove(&s->loop.ready, &watch->arrived);
	s->loop.inbox.on_signal = NULL;
	watch->is_installed = false;
}

/* -- SIGPIPE -------------------------------------------------------------------------------------
 */

static sigset_t only_sigpipe(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	return set;
}

static bool sigpipe_is_pending(struct scheduler *s)
{
	sigset_t pending;

	sigemptyset(&pending);
	calls_of(&s->loop)->sigpending(&pending);
	return sigismember(&pending, SIGPIPE) == 1;
}

void sigpipe_block(struct scheduler *s)
{
	sigset_t set = only_sigpipe();

	s->sigpipe_was_pending = sigpipe_is_pending(s);
	calls_of(&s->loop)->set_signal_mask(SIG_BLOCK, &set, &s->signal_mask);
}

void sigpipe_restore(struct scheduler *s)
{
	sigset_t set = only_sigpipe();

	if (sigismember(&s->signal_mask, SIGPIPE))
		return;
	if (!s->sigpipe_was_pending && sigpipe_is_pending(s))
		calls_of(&s->loop)->sigtake(&set);
	calls_of(&s->loop)->set_signal_mask(SIG_UNBLOCK, &set, NULL);
}
