/* SPDX-License-Identifier: MIT */
/*
 * The table of signals, the handler, and ports. See signals.h.
 *
 * What a handler reads is static or in a port, which it visits under the count of its slot: a port
 * is freed when its slot is empty and nobody visits it any more. The handler blocks all signals
 * while it runs, takes no lock, allocates nothing, and leaves errno alone: the wake of a loop is a
 * write to an eventfd that cannot fail. Everything else happens under a lock.
 */
#include "task/signals.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "loop/inbox.h"
#include "task/error.h"

#define PORTS_MAX 64u

struct table_row {
	uint32_t users;
	_Atomic uint32_t programs; /* of these, the ones that are not coil_run */
	struct sigaction before;
};

struct slot {
	_Atomic(struct signal_port *) port;
	_Atomic uint32_t visitors;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table_row table[SIGNALS_END];
static struct slot slots[PORTS_MAX];
static struct signal_port *run_port;
static const struct driver_calls *table_calls;
static _Atomic uint32_t interrupts;

static const int run_signals[] = { SIGINT, SIGTERM };
#define RUN_SIGNALS (sizeof run_signals / sizeof run_signals[0])

static const struct driver_calls *calls_of(struct scheduler *s)
{
	return s->loop.driver->ops->calls;
}

/* -- The ring ------------------------------------------------------------------------------------
 */

/*
 * Many push, one takes. A cell whose turn is n is free for push n; n + 1 says that push n is there
 * to be taken; taken, it is free for push n + SIGNAL_CELLS. False if the ring is full.
 */
static bool cell_push(struct signal_port *port, const siginfo_t *info)
{
	uint32_t head = atomic_load(&port->head);

	for (;;) {
		struct signal_cell *cell = &port->cells[head % SIGNAL_CELLS];
		uint32_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);

		if ((int32_t)(turn - head) < 0)
			return false;
		if (turn != head) {
			head = atomic_load(&port->head);
		} else if (atomic_compare_exchange_weak(&port->head, &head, head + 1)) {
			cell->info = *info;
			atomic_store_explicit(&cell->turn, head + 1, memory_order_release);
			return true;
		}
	}
}

static bool cell_take(struct signal_port *port, siginfo_t *ret_info)
{
	struct signal_cell *cell = &port->cells[port->tail % SIGNAL_CELLS];

	if (atomic_load_explicit(&cell->turn, memory_order_acquire) != port->tail + 1)
		return false;
	*ret_info = cell->info;
	atomic_store_explicit(&cell->turn, port->tail + SIGNAL_CELLS, memory_order_release);
	port->tail++;
	return true;
}

/* -- The handler ---------------------------------------------------------------------------------
 */

/* A standard signal that is on its way already is merged, as in the kernel. */
static void note(struct signal_port *port, const siginfo_t *info)
{
	uint64_t bit = signal_bit(info->si_signo);

	if (!signal_is_realtime(info->si_signo) && (atomic_fetch_or(&port->queued, bit) & bit))
		return;
	if (!cell_push(port, info))
		atomic_fetch_or(&port->facts, bit);
	inbox_signal(&port->scheduler->loop, info->si_signo);
}

/*
 * coil_run's signal. A second SIGINT does not wait for a program that does not listen: it does what
 * it did before us.
 */
static void note_for_run(struct signal_port *port, const siginfo_t *info)
{
	const struct driver_calls *calls = calls_of(port->scheduler);

	if (info->si_signo == SIGINT && atomic_fetch_add(&interrupts, 1) > 0) {
		calls->sigaction(SIGINT, &table[SIGINT].before, NULL);
		calls->raise(SIGINT);
		return;
	}
	note(port, info);
}

static void visit(struct signal_port *port, const siginfo_t *info, bool is_programs)
{
	uint64_t bit = signal_bit(info->si_signo);

	if (is_programs && (atomic_load(&port->wanted) & bit))
		note(port, info);
	else if (!is_programs && (atomic_load(&port->run_wanted) & bit))
		note_for_run(port, info);
}

static void handle(int signum, siginfo_t *info, void *context)
{
	bool is_programs = atomic_load(&table[signum].programs) > 0;

	(void)context;
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		struct signal_port *port;

		if (!atomic_load_explicit(&slots[i].port, memory_order_relaxed))
			continue;
		atomic_fetch_add(&slots[i].visitors, 1);
		port = atomic_load(&slots[i].port);
		if (port)
			visit(port, info, is_programs);
		atomic_fetch_sub(&slots[i].visitors, 1);
	}
}

/* -- The table: under the lock -------------------------------------------------------------------
 */

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == handle;
}

static int row_take(const struct driver_calls *calls, int signum)
{
	struct sigaction action;
	int rc = 0;

	if (table[signum].users == 0) {
		memset(&action, 0, sizeof action);
		action.sa_sigaction = handle;
		action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
		sigfillset(&action.sa_mask);
		rc = calls->sigaction(signum, NULL, &table[signum].before);
		if (rc == 0)
			rc = calls->sigaction(signum, &action, NULL);
	}
	if (rc < 0)
		return rc;
	table_calls = calls;
	table[signum].users++;
	return 0;
}

/* A disposition that is not ours any more was set by somebody who wants it. */
static void row_give_back(const struct driver_calls *calls, int signum)
{
	struct sigaction now;

	check(table[signum].users > 0);
	if (--table[signum].users > 0)
		return;
	if (calls->sigaction(signum, NULL, &now) == 0 && is_ours(&now))
		calls->sigaction(signum, &table[signum].before, NULL);
}

static bool row_is_default(const struct driver_calls *calls, int signum)
{
	struct sigaction now;

	if (table[signum].users > 0)
		now = table[signum].before;
	else if (calls->sigaction(signum, NULL, &now) < 0)
		return false;
	return !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

/* The loops are the parent's, and so is the table. The lock may be held by a thread that is not
 * there. */
static void forget_in_child(void)
{
	pthread_mutex_init(&lock, NULL);
	for (int signum = 1; signum < SIGNALS_END; signum++) {
		if (table[signum].users > 0) {
			table[signum].users = 1;
			row_give_back(table_calls, signum);
		}
		atomic_store(&table[signum].programs, 0);
	}
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		atomic_store(&slots[i].port, NULL);
		atomic_store(&slots[i].visitors, 0);
	}
	run_port = NULL;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_in_child);
}

/* -- Ports ---------------------------------------------------------------------------------------
 */

static void dispatch(struct signal_port *port, const siginfo_t *info)
{
	uint64_t bit = signal_bit(info->si_signo);
	struct coil_list *node;
	bool is_used = false;

	list_for_each(node, &port->users) {
		struct signal_user *user = list_entry(node, struct signal_user, node);

		if (!(user->mask & bit))
			continue;
		user->deliver(user, info);
		is_used = true;
	}
	if (!is_used && port->run && (atomic_load(&port->run_wanted) & bit))
		port->run->on_signal(port->run, info->si_signo);
}

static void dispatch_facts(struct signal_port *port)
{
	uint64_t facts = atomic_exchange(&port->facts, 0);

	for (int signum = 1; signum < SIGNALS_END; signum++) {
		siginfo_t info = { .si_signo = signum };

		if (!(facts & signal_bit(signum)))
			continue;
		if (signal_is_realtime(signum))
			signal_tell_loss(port->scheduler, signum);
		atomic_fetch_and(&port->queued, ~signal_bit(signum));
		dispatch(port, &info);
	}
}

static void signals_arrived(struct coil_hook *hook)
{
	struct signal_port *port = container_of(hook, struct signal_port, arrived);
	struct coil_loop *loop = &port->scheduler->loop;
	siginfo_t info;
	unsigned n = 0;

	atomic_exchange(&loop->inbox.signals, 0);
	loop->inbox.on_signal = hook;
	for (; n < SIGNAL_CELLS && cell_take(port, &info); n++) {
		/* Before it is handed over: what comes from now on is another one. */
		atomic_fetch_and(&port->queued, ~signal_bit(info.si_signo));
		dispatch(port, &info);
	}
	dispatch_facts(port);
	if (n == SIGNAL_CELLS)
		inbox_signal(loop, 0); /* the rest in the next turn */
}

static bool port_is_idle(struct companion *companion)
{
	(void)companion;
	return true;
}

/* Handlers that run now are waited for; they are short. */
static void slot_clear(struct slot *slot)
{
	atomic_store(&slot->port, NULL);
	while (atomic_load(&slot->visitors) > 0)
		sched_yield();
}

static void port_close(struct companion *companion)
{
	struct signal_port *port = container_of(companion, struct signal_port, companion);
	struct scheduler *s = port->scheduler;

	while (!list_is_empty(&port->users)) {
		struct signal_user *user =
			list_entry(port->users.next, struct signal_user, node);

		signal_unuse(s, user);
		user->forget(user);
	}
	if (port->run)
		signals_restore(port->run);
	list_remove(&companion->node);
	slot_clear(&slots[port->slot]);
	if (!s->loop.inbox.on_signal)
		ready_remove(&s->loop.ready, &port->arrived);
	s->loop.inbox.on_signal = NULL;
	s->signals = NULL;
	alloc_free(s->loop.alloc, port, sizeof *port);
}

static int slot_take(struct signal_port *port)
{
	for (unsigned i = 0; i < PORTS_MAX; i++) {
		if (atomic_load(&slots[i].port))
			continue;
		port->slot = i;
		atomic_store(&slots[i].port, port);
		return 0;
	}
	error_explain("%u loops of this process use signals: there can be no more", PORTS_MAX);
	return -ENOBUFS;
}

static void port_init(struct signal_port *port, struct scheduler *s)
{
	port->scheduler = s;
	port->arrived.fire = signals_arrived;
	port->companion.is_idle = port_is_idle;
	port->companion.leave = port_close;
	list_init(&port->companion.node);
	list_init(&port->users);
	for (uint32_t i = 0; i < SIGNAL_CELLS; i++)
		atomic_init(&port->cells[i].turn, i);
}

/* Under the lock: the loop has a port. 0, -ENOMEM or -ENOBUFS. */
static int port_open(struct scheduler *s)
{
	static pthread_once_t forks_watched = PTHREAD_ONCE_INIT;
	struct signal_port *port;
	int rc;

	if (s->signals)
		return 0;
	pthread_once(&forks_watched, watch_forks);
	port = alloc_zeroed(s->loop.alloc, sizeof *port);
	if (!port)
		return -ENOMEM;
	port_init(port, s);
	rc = slot_take(port);
	if (rc < 0) {
		alloc_free(s->loop.alloc, port, sizeof *port);
		return rc;
	}
	list_push_back(&s->companions, &port->companion.node);
	s->loop.inbox.on_signal = &port->arrived;
	s->signals = port;
	return 0;
}

/* -- Users ---------------------------------------------------------------------------------------
 */

int signal_mask_check(uint64_t mask)
{
	uint64_t refused = signal_bit(SIGKILL) | signal_bit(SIGSTOP) | signal_bit(SIGSEGV) |
			   signal_bit(SIGBUS) | signal_bit(SIGFPE) | signal_bit(SIGILL) |
			   signal_bit(SIGTRAP) | signal_bit(SIGSYS);

	if (mask == 0 || (mask & refused)) {
		error_explain("no signal is given, or one that cannot be waited for: SIGKILL, "
			      "SIGSTOP, or what a fault raises");
		return -EINVAL;
	}
	return 0;
}

int signal_mask_of(const sigset_t *set, uint64_t *ret_mask)
{
	uint64_t mask = 0;

	for (int signum = 1; signum < SIGNALS_END; signum++)
		if (sigismember(set, signum) == 1)
			mask |= signal_bit(signum);
	*ret_mask = mask;
	return signal_mask_check(mask);
}

/* Under the lock. The port wants the signal before a handler can run for it. */
static int use_one(struct signal_port *port, int signum)
{
	int rc;

	atomic_fetch_or(&port->wanted, signal_bit(signum));
	atomic_fetch_add(&table[signum].programs, 1);
	rc = row_take(calls_of(port->scheduler), signum);
	if (rc == 0) {
		port->counts[signum]++;
		return 0;
	}
	atomic_fetch_sub(&table[signum].programs, 1);
	atomic_fetch_and(&port->wanted, ~signal_bit(signum));
	return rc;
}

static void unuse_one(struct signal_port *port, int signum)
{
	row_give_back(calls_of(port->scheduler), signum);
	atomic_fetch_sub(&table[signum].programs, 1);
	if (--port->counts[signum] == 0)
		atomic_fetch_and(&port->wanted, ~signal_bit(signum));
}

static void unuse_all(struct signal_port *port, uint64_t mask)
{
	for (int signum = 1; signum < SIGNALS_END; signum++)
		if (mask & signal_bit(signum))
			unuse_one(port, signum);
}

/* All of them or none. */
static int use_all(struct signal_port *port, uint64_t mask)
{
	for (int signum = 1; signum < SIGNALS_END; signum++) {
		uint64_t bit = signal_bit(signum);
		int rc = mask & bit ? use_one(port, signum) : 0;

		if (rc < 0) {
			unuse_all(port, mask & (bit - 1));
			return rc;
		}
	}
	return 0;
}

int signal_use(struct scheduler *s, struct signal_user *user)
{
	int rc;

	list_init(&user->node);
	pthread_mutex_lock(&lock);
	rc = port_open(s);
	if (rc == 0)
		rc = use_all(s->signals, user->mask);
	pthread_mutex_unlock(&lock);
	if (rc < 0)
		return rc;
	list_push_back(&s->signals->users, &user->node);
	s->loop.promises_open++;
	return 0;
}

void signal_unuse(struct scheduler *s, struct signal_user *user)
{
	pthread_mutex_lock(&lock);
	unuse_all(s->signals, user->mask);
	pthread_mutex_unlock(&lock);
	list_remove(&user->node);
	s->loop.promises_open--;
}

void signal_tell_loss(struct scheduler *s, int signum)
{
	if (s->signals->has_told_loss || (s->options.off & COIL_NO_REPORTS))
		return;
	s->signals->has_told_loss = true;
	report("realtime signal %d came faster than it was taken: some were merged", signum);
}

/* -- coil_run ------------------------------------------------------------------------------------
 */

void signals_install(struct scheduler *s, struct signal_watch *watch,
		     void (*on_signal)(struct signal_watch *watch, int signum))
{
	const struct driver_calls *calls = calls_of(s);

	watch->scheduler = s;
	watch->on_signal = on_signal;
	watch->is_installed = false;
	pthread_mutex_lock(&lock);
	if (!run_port && port_open(s) == 0) {
		watch->is_installed = true;
		run_port = s->signals;
		run_port->run = watch;
		atomic_store(&interrupts, 0);
	}
	for (unsigned i = 0; watch->is_installed && i < RUN_SIGNALS; i++)
		if (row_is_default(calls, run_signals[i]) &&
		    row_take(calls, run_signals[i]) == 0)
			atomic_fetch_or(&run_port->run_wanted, signal_bit(run_signals[i]));
	pthread_mutex_unlock(&lock);
}

void signals_restore(struct signal_watch *watch)
{
	uint64_t wanted;

	if (!watch->is_installed)
		return;
	watch->is_installed = false;
	pthread_mutex_lock(&lock);
	wanted = atomic_exchange(&run_port->run_wanted, 0);
	for (unsigned i = 0; i < RUN_SIGNALS; i++)
		if (wanted & signal_bit(run_signals[i]))
			row_give_back(calls_of(watch->scheduler), run_signals[i]);
	run_port->run = NULL;
	run_port = NULL;
	pthread_mutex_unlock(&lock);
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
	calls_of(s)->sigpending(&pending);
	return sigismember(&pending, SIGPIPE) == 1;
}

void sigpipe_block(struct scheduler *s)
{
	sigset_t set = only_sigpipe();

	s->sigpipe_was_pending = sigpipe_is_pending(s);
	calls_of(s)->set_signal_mask(SIG_BLOCK, &set, &s->signal_mask);
}

void sigpipe_restore(struct scheduler *s)
{
	sigset_t set = only_sigpipe();

	if (sigismember(&s->signal_mask, SIGPIPE))
		return;
	if (!s->sigpipe_was_pending && sigpipe_is_pending(s))
		calls_of(s)->sigtake(&set);
	calls_of(s)->set_signal_mask(SIG_UNBLOCK, &set, NULL);
}
