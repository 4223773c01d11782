/* SPDX-License-Identifier: MIT */
/* Watching signals, and tasks that run when they come. See signals.h for how they get here. */
#include "coil/signal.h"

#include <errno.h>
#include <string.h>

#include "task/await.h"
#include "task/error.h"
#include "task/group.h"
#include "task/local.h"
#include "task/signals.h"

#define WATCH_RECORDS 16u

struct coil_signal_watch {
	struct signal_user user;
	struct scheduler *scheduler;
	struct coil_list waiting;
	uint64_t facts; /* signals of which nothing else is known */
	uint64_t lost;
	uint32_t first;
	uint32_t count;
	bool is_closed;
	siginfo_t records[WATCH_RECORDS];
};

/* Somebody who waits for the next signal of a watch. In its frame. */
struct signal_wait {
	struct coil_future future;
	struct coil_list node;
	siginfo_t info;
};

/* -- Watches -------------------------------------------------------------------------------------
 */

static bool holds(const struct coil_signal_watch *watch, int signum)
{
	for (uint32_t i = 0; i < watch->count; i++)
		if (watch->records[(watch->first + i) % WATCH_RECORDS].si_signo == signum)
			return true;
	return false;
}

/* Nobody waits: what comes is kept. Standard signals are merged, as in the kernel. */
static void keep(struct coil_signal_watch *watch, const siginfo_t *info)
{
	bool is_realtime = signal_is_realtime(info->si_signo);

	if (!is_realtime && holds(watch, info->si_signo))
		return;
	if (watch->count < WATCH_RECORDS) {
		watch->records[(watch->first + watch->count++) % WATCH_RECORDS] = *info;
		return;
	}
	watch->facts |= signal_bit(info->si_signo);
	if (!is_realtime)
		return;
	watch->lost++;
	signal_tell_loss(watch->scheduler, info->si_signo);
}

static void watch_deliver(struct signal_user *user, const siginfo_t *info)
{
	struct coil_signal_watch *watch = container_of(user, struct coil_signal_watch, user);
	struct coil_list *node = list_pop_front(&watch->waiting);
	struct signal_wait *wait;

	if (!node) {
		keep(watch, info);
		return;
	}
	wait = list_entry(node, struct signal_wait, node);
	wait->info = *info;
	future_resolve(&wait->future, info->si_signo);
}

/* Its task did not close it, and has ended with its loop. */
static void watch_forget(struct signal_user *user)
{
	struct coil_signal_watch *watch = container_of(user, struct coil_signal_watch, user);

	watch->is_closed = true;
	alloc_free(watch->scheduler->loop.alloc, watch, sizeof *watch);
}

static void once_forget(struct signal_user *user)
{
	container_of(user, struct coil_signal_watch, user)->is_closed = true;
}

static int watch_init(struct coil_signal_watch *watch, struct scheduler *s, uint64_t mask)
{
	watch->user.mask = mask;
	watch->user.deliver = watch_deliver;
	watch->user.forget = watch_forget;
	watch->scheduler = s;
	list_init(&watch->waiting);
	watch->facts = 0;
	watch->lost = 0;
	watch->first = 0;
	watch->count = 0;
	watch->is_closed = false;
	return signal_use(s, &watch->user);
}

/* What has come and was not taken: its number, or 0. */
static int take_kept(struct coil_signal_watch *watch, siginfo_t *ret_info)
{
	if (watch->count > 0) {
		*ret_info = watch->records[watch->first];
		watch->first = (watch->first + 1) % WATCH_RECORDS;
		watch->count--;
		return ret_info->si_signo;
	}
	if (!watch->facts)
		return 0;
	memset(ret_info, 0, sizeof *ret_info);
	ret_info->si_signo = __builtin_ctzll(watch->facts) + 1;
	watch->facts &= watch->facts - 1;
	return ret_info->si_signo;
}

static void signal_wait_cancel(struct coil_future *future)
{
	struct signal_wait *wait = container_of(future, struct signal_wait, future);

	list_remove(&wait->node);
	future_resolve(future, -ECANCELED);
}

static const struct coil_future_ops signal_wait_ops = {
	.kind = "signal", .cancel = signal_wait_cancel
};

static int watch_next(struct coil_signal_watch *watch, struct coil_task *task, void *ret_info)
{
	struct scheduler *s = watch->scheduler;
	struct signal_wait wait;
	int rc = take_kept(watch, &wait.info);

	if (rc == 0) {
		future_init(&wait.future, &s->loop.ready, &signal_wait_ops);
		list_init(&wait.node);
		list_push_back(&watch->waiting, &wait.node);
		rc = task_await(s, task, &wait.future);
	}
	if (rc > 0 && ret_info)
		memcpy(ret_info, &wait.info, sizeof wait.info);
	return rc;
}

static void watch_deinit(struct coil_signal_watch *watch)
{
	struct coil_list *node;

	signal_unuse(watch->scheduler, &watch->user);
	while ((node = list_pop_front(&watch->waiting)))
		future_resolve(&list_entry(node, struct signal_wait, node)->future, -EPIPE);
}

int coil_signal_wait(const sigset_t *set, void *ret_info)
{
	struct coil_task *task = task_required(__func__);
	struct coil_signal_watch watch;
	uint64_t mask;
	int rc = signal_mask_of(set, &mask);

	if (rc == 0)
		rc = watch_init(&watch, task_scheduler(task), mask);
	if (rc < 0)
		return rc;
	watch.user.forget = once_forget;
	rc = watch_next(&watch, task, ret_info);
	watch_deinit(&watch);
	return rc;
}

int coil_signal_open(struct coil_signal_watch **ret_watch, const sigset_t *set)
{
	struct scheduler *s = scheduler_required(__func__);
	struct coil_signal_watch *watch;
	uint64_t mask;
	int rc = signal_mask_of(set, &mask);

	if (rc < 0)
		return rc;
	watch = alloc_zeroed(s->loop.alloc, sizeof *watch);
	if (!watch)
		return -ENOMEM;
	rc = watch_init(watch, s, mask);
	if (rc < 0)
		alloc_free(s->loop.alloc, watch, sizeof *watch);
	else
		*ret_watch = watch;
	return rc;
}

static void check_is_own(const struct coil_signal_watch *watch, const char *function)
{
	if (unlikely(watch->scheduler != scheduler_required(function)))
		check_misused(function, "this watch belongs to the loop of another thread");
}

int coil_signal_next(struct coil_signal_watch *watch, void *ret_info)
{
	struct coil_task *task = task_required(__func__);

	check_is_own(watch, __func__);
	return watch_next(watch, task, ret_info);
}

uint64_t coil_signal_lost(const struct coil_signal_watch *watch)
{
	check_is_own(watch, __func__);
	return watch->lost;
}

void coil_signal_close(struct coil_signal_watch *watch)
{
	if (!watch)
		return;
	check_is_own(watch, __func__);
	watch_deinit(watch);
	alloc_free(watch->scheduler->loop.alloc, watch, sizeof *watch);
}

/* -- Tasks that run when signals come ------------------------------------------------------------
 */

/* The signal handler of one loop for one signal, to use the word as asyncio does. */
struct signal_entry {
	struct signal_user user;
	struct scheduler *scheduler;
	int signum;
	int (*entry)(void *arg);
	void *arg;
	struct local_table *locals; /* of who registered it */
	uint32_t arrivals;
	bool is_running;
	bool is_removed;
};

static void entry_free(struct signal_entry *entry)
{
	locals_drop(entry->scheduler, entry->locals);
	alloc_free(entry->scheduler->loop.alloc, entry, sizeof *entry);
}

static void tell_failure(const struct signal_entry *entry, int result)
{
	if (result >= 0 || result_is_cancel(result) ||
	    (entry->scheduler->options.off & COIL_NO_REPORTS))
		return;
	report("the task for SIG%s failed with %s",
	       sigabbrev_np(entry->signum) ? sigabbrev_np(entry->signum) : "RT",
	       strerrorname_np(-result));
}

static int entry_body(void *arg)
{
	struct signal_entry *entry = arg;
	struct scheduler *s = entry->scheduler;
	struct coil_task *self = s->current;

	while (entry->arrivals > 0 && !entry->is_removed) {
		entry->arrivals--;
		self->locals = locals_share(entry->locals);
		tell_failure(entry, entry->entry(entry->arg));
		locals_end(s, self);
	}
	entry->is_running = false;
	if (entry->is_removed)
		entry_free(entry);
	return 0;
}

static void entry_deliver(struct signal_user *user, const siginfo_t *info)
{
	struct signal_entry *entry = container_of(user, struct signal_entry, user);
	const struct coil_task_options options = { .size = sizeof options, .name = "signal" };
	const struct task_spec spec = { .options = &options, .entry = entry_body, .arg = entry };

	if (signal_is_realtime(info->si_signo))
		entry->arrivals++;
	else
		entry->arrivals = 1;
	if (entry->is_running)
		return;
	entry->is_running = group_spawn_root(entry->scheduler, &spec) != NULL;
	if (!entry->is_running && !(entry->scheduler->options.off & COIL_NO_REPORTS))
		report("no memory for the stack of the task for signal %d", entry->signum);
}

/* After the loop's tasks. Where one is left behind, so is this. */
static void entry_forget(struct signal_user *user)
{
	struct signal_entry *entry = container_of(user, struct signal_entry, user);

	entry->is_removed = true;
	if (!entry->is_running)
		entry_free(entry);
}

static struct signal_entry *entry_find(struct scheduler *s, int signum)
{
	struct coil_list *node;

	if (!s->signals)
		return NULL;
	list_for_each(node, &s->signals->users) {
		struct signal_user *user = list_entry(node, struct signal_user, node);

		if (user->deliver == entry_deliver && user->mask == signal_bit(signum))
			return container_of(user, struct signal_entry, user);
	}
	return NULL;
}

static int entry_remove(struct scheduler *s, struct signal_entry *entry)
{
	if (!entry)
		return -ENOENT;
	signal_unuse(s, &entry->user);
	entry_forget(&entry->user);
	return 0;
}

static int entry_add(struct scheduler *s, const struct signal_entry *given)
{
	struct signal_entry *entry = alloc_zeroed(s->loop.alloc, sizeof *entry);
	int rc;

	if (!entry)
		return -ENOMEM;
	*entry = *given;
	locals_share(entry->locals);
	rc = signal_use(s, &entry->user);
	if (rc < 0)
		entry_free(entry);
	return rc;
}

int coil_on_signal(int signum, int (*entry)(void *arg), void *arg)
{
	struct scheduler *s = scheduler_required(__func__);
	struct signal_entry given = {
		.user = { .deliver = entry_deliver, .forget = entry_forget },
		.scheduler = s,
		.signum = signum,
		.entry = entry,
		.arg = arg,
	};
	struct signal_entry *old;
	struct local_table *dropped;
	int rc;

	if (signum > 0 && signum < SIGNALS_END)
		given.user.mask = signal_bit(signum);
	rc = signal_mask_check(given.user.mask);
	if (rc < 0)
		return rc;
	old = entry_find(s, signum);
	if (!entry)
		return entry_remove(s, old);
	given.locals = s->current ? s->current->locals : NULL;
	if (!old)
		return entry_add(s, &given);
	dropped = old->locals;
	old->entry = entry;
	old->arg = arg;
	old->locals = locals_share(given.locals);
	locals_drop(s, dropped);
	return 0;
}
