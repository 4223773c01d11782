/* SPDX-License-Identifier: MIT */
/* coil_run, and a loop without it. */
#include "task/run.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/sized.h"
#include "coil/error.h"
#include "coil/loop.h"
#include "loop/timers.h"
#include "task/deadlock.h"
#include "task/error.h"
#include "task/group.h"
#include "task/scope.h"
#include "task/signals.h"

/* -- Options -------------------------------------------------------------------------------------
 */

static const struct coil_options defaults = {
	.size = sizeof defaults,
	.alloc = &alloc_libc,
	.sq_entries = 256,
	.cq_entries = 4096,
	.workers_bounded = 32,
	.workers_unbounded = 64,
	.shutdown_ns = 10 * COIL_SEC,
	.grace_ns = 10 * COIL_SEC,
	.spin = COIL_SPIN_OFF,
	.spin_ns = 50 * COIL_USEC,
	.name = "main",
	.direct_max = 16384,
};

#define OR_DEFAULT(field) \
	(options->field = options->field ? options->field : defaults.field)

static void fill_in(struct coil_options *options)
{
	OR_DEFAULT(alloc);
	OR_DEFAULT(sq_entries);
	OR_DEFAULT(cq_entries);
	OR_DEFAULT(workers_bounded);
	OR_DEFAULT(workers_unbounded);
	OR_DEFAULT(shutdown_ns);
	OR_DEFAULT(grace_ns);
	OR_DEFAULT(spin_ns);
	OR_DEFAULT(name);
	OR_DEFAULT(direct_max);
	if (options->cq_entries < options->sq_entries)
		options->cq_entries = options->sq_entries;
}

static int refuse(const char *field, long long value, const char *bounds)
{
	error_explain("coil_options: %s is %lld: it has to be %s", field, value, bounds);
	return -EINVAL;
}

int run_read_options(const struct coil_options *given, struct coil_options *options)
{
	int rc = error_sized(sized_read(options, given, sizeof *options), "coil_options");

	if (rc < 0)
		return rc;
	fill_in(options);
	if (options->sq_entries > 32768)
		return refuse("sq_entries", options->sq_entries, "1 to 32768");
	if (options->cq_entries > 65536)
		return refuse("cq_entries", options->cq_entries, "sq_entries to 65536");
	if (options->direct_max > 1048576)
		return refuse("direct_max", options->direct_max, "1 to 1048576");
	if (options->stack_bytes &&
	    (options->stack_bytes < STACK_BYTES_MIN || options->stack_bytes > STACK_BYTES_MAX))
		return refuse("stack_bytes", (long long)options->stack_bytes, "16 KiB to 1 GiB");
	if (options->spin < COIL_SPIN_OFF || options->spin > COIL_SPIN_ADAPTIVE)
		return refuse("spin", options->spin, "an enum coil_spin");
	if (options->off & ~(unsigned)(COIL_NO_SIGNALS | COIL_NO_OVERFLOW | COIL_NO_REPORTS |
				       COIL_NO_DIRECT))
		return refuse("off", options->off, "of enum coil_run_off");
	if (options->spin_ns < 0 || options->shutdown_ns < 0 || options->grace_ns < 0)
		return refuse("a duration", -1, "at least 0");
	if (!options->alloc->alloc || !options->alloc->resize || !options->alloc->free)
		return refuse("alloc", 0, "complete");
	return 0;
}

static int open_kernel(struct driver **ret_driver, const struct coil_options *options)
{
	int rc = loop_open_kernel(ret_driver, options);

	if (rc < 0)
		error_explain("%s", loop_refusal());
	return rc;
}

static int open_on_kernel(struct scheduler **ret_scheduler, const struct coil_options *options)
{
	struct driver *driver;
	int rc = open_kernel(&driver, options);

	return rc < 0 ? rc : scheduler_open(ret_scheduler, driver, options);
}

/* -- coil_run ------------------------------------------------------------------------------------
 */

struct run {
	struct scheduler *scheduler;
	struct coil_task *main;
	struct signal_watch signals;
	struct hook_alarm grace;
	bool grace_has_passed;
	bool has_grace;
};

static void grace_passed(struct coil_hook *hook)
{
	container_of(hook, struct run, grace.hook)->grace_has_passed = true;
	loop_current->is_called = true;
}

static void begin_grace(struct run *run)
{
	struct coil_loop *loop = &run->scheduler->loop;
	int64_t end = clock_add(loop_read_clock(loop), run->scheduler->options.grace_ns);

	if (!run->has_grace && alarm_set(loop, &run->grace.alarm, end) == 0)
		run->has_grace = end != CLOCK_FOREVER;
}

static void end_grace(struct run *run)
{
	struct coil_loop *loop = &run->scheduler->loop;

	if (!run->has_grace || run->grace_has_passed)
		return;
	if (alarm_is_set(&run->grace.alarm))
		alarm_clear(loop, &run->grace.alarm);
	else
		ready_remove(&loop->ready, &run->grace.hook);
}

static void interrupted(struct signal_watch *watch, int signum)
{
	struct run *run = container_of(watch, struct run, signals);

	if (signum == SIGTERM)
		begin_grace(run);
	if (!future_is_resolved(&run->main->future))
		scope_cancel(run->scheduler, &run->main->own, -ECANCELED,
			     signum == SIGTERM ? "SIGTERM" : "SIGINT");
}

static int64_t time_left(const struct run *run)
{
	struct scheduler *s = run->scheduler;
	int64_t bound_ns = s->options.shutdown_ns;
	int64_t grace_ns;

	if (!run->has_grace)
		return bound_ns;
	if (run->grace_has_passed)
		return 0;
	grace_ns = run->grace.alarm.node.key - loop_read_clock(&s->loop);
	return grace_ns < bound_ns ? (grace_ns > 0 ? grace_ns : 0) : bound_ns;
}

static void report_refusal(const struct coil_options *options)
{
	if (!(options->off & COIL_NO_REPORTS))
		report_about(REPORT_ABOUT(COIL_REPORT_REFUSED), "%s", coil_last_error());
}

static int run_to_the_end(struct run *run)
{
	struct scheduler *s = run->scheduler;
	int64_t bound_ns;
	int result = -ETIME;
	int rc = 0;

	while (rc == 0 && !future_is_resolved(&run->main->future) && !run->grace_has_passed)
		rc = scheduler_turn(s, true);
	run->main->flags |= TASK_LOOKED_AT;
	if (future_is_resolved(&run->main->future))
		result = run->main->future.result;
	bound_ns = time_left(run);
	end_grace(run);
	signals_restore(&run->signals);
	if (rc < 0)
		report_refusal(&s->options);
	if (scheduler_close(s, bound_ns) < 0 && rc == 0)
		return -ETIME;
	return rc < 0 ? rc : result;
}

int run_on_driver(struct driver *driver, const struct coil_options *options,
		  int (*entry)(void *arg), void *arg)
{
	struct run run = { .grace.hook.fire = grace_passed };
	struct coil_task_options task_options = { .size = sizeof task_options };
	struct task_spec spec = {
		.options = &task_options, .entry = entry, .arg = arg, .has_handle = true
	};
	int rc = scheduler_open(&run.scheduler, driver, options);

	if (rc < 0) {
		report_refusal(options);
		return rc;
	}
	alarm_init(&run.grace.alarm, ALARM_HOOK);
	task_options.name = options->name;
	spec.group = &run.scheduler->root;
	group_take_slot(run.scheduler, spec.group);
	run.main = task_new(run.scheduler, &spec);
	if (!run.main) {
		group_give_slot(spec.group);
		scheduler_close(run.scheduler, 0);
		report_refusal(options);
		return -ENOMEM;
	}
	run.scheduler->main_task = run.main;
	run.scheduler->asks = !run.scheduler->see;
	if (!driver->is_simulated && !(options->off & COIL_NO_REPORTS))
		deadlock_watch(run.scheduler);
	if (!(options->off & COIL_NO_SIGNALS))
		signals_install(run.scheduler, &run.signals, interrupted);
	return run_to_the_end(&run);
}

int coil_run_with(const struct coil_options *given, int (*entry)(void *arg), void *arg)
{
	struct coil_options options;
	struct driver *driver;
	int rc;

	check_use(loop_current == NULL, "this thread runs a loop already: coil_run does not nest");
	rc = run_read_options(given, &options);
	if (rc == 0)
		rc = open_kernel(&driver, &options);
	if (rc < 0) {
		report_refusal(&options);
		return rc;
	}
	return run_on_driver(driver, &options, entry, arg);
}

int coil_run(int (*entry)(void *arg), void *arg)
{
	return coil_run_with(NULL, entry, arg);
}

/* -- A loop without coil_run ---------------------------------------------------------------------
 */

static struct scheduler *own_loop(struct coil_loop *loop, const char *function)
{
	if (unlikely(!loop || loop != loop_current))
		check_misused(function, "this loop belongs to another thread, or is closed");
	return scheduler_of(loop);
}

int coil_loop_open(struct coil_loop **ret_loop, const struct coil_options *given)
{
	struct coil_options options;
	struct scheduler *s;
	int rc;

	check_use(loop_current == NULL, "this thread has a loop already");
	rc = run_read_options(given, &options);
	if (rc == 0)
		rc = open_on_kernel(&s, &options);
	if (rc == 0)
		*ret_loop = &s->loop;
	return rc;
}

int coil_loop_step(struct coil_loop *loop, int flags)
{
	struct scheduler *s = own_loop(loop, __func__);
	int rc;

	check_use(s->current == NULL, "called inside a task: the loop is turning already");
	loop->driver->ops->poll_clear(loop->driver);
	rc = scheduler_turn(s, !(flags & (COIL_STEP_NOWAIT | COIL_STEP_EMBED)));
	if (rc < 0)
		return rc;
	if (flags & COIL_STEP_EMBED)
		return loop_prepare_to_be_polled(loop);
	return !ready_is_empty(&loop->ready);
}

int coil_loop_fd(struct coil_loop *loop)
{
	struct driver *driver = own_loop(loop, __func__)->loop.driver;

	return driver->ops->poll_fd(driver);
}

unsigned coil_loop_alive(const struct coil_loop *loop)
{
	check_use(loop && loop == loop_current,
		  "this loop belongs to another thread, or is closed");
	return ((const struct scheduler *)(const void *)loop)->alive; /* its first member */
}

int coil_loop_close(struct coil_loop *loop)
{
	struct scheduler *s = own_loop(loop, __func__);

	check_use(s->current == NULL,
		  "called inside a task: only the thread itself can close its loop");
	return scheduler_close(s, s->options.shutdown_ns);
}
