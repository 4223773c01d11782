/* SPDX-License-Identifier: MIT */
/* Tasks: spawn, run, end, join. The states are in task.h. */
#include "coil/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "task/await.h"
#include "task/error.h"
#include "task/group.h"
#include "task/local.h"
#include "task/priority.h"
#include "task/scope.h"
#include "task/task.h"

#ifdef COIL_EXPENSIVE_CHECKS
#define QUARANTINE_MAX 64u
#else
#define QUARANTINE_MAX 0u
#endif

/* -- Who is it? ----------------------------------------------------------------------------------
 */

_Noreturn void task_missing(const char *function)
{
	check_misused(function, "called outside of a task: only a task can wait");
}

void task_describe(const struct coil_task *task, char *text, size_t bytes)
{
	const char *place = task->place;

	snprintf(text, bytes, "task %llu \"%s\"%s%s%s", (unsigned long long)task->id,
		 coil_task_name(task), place ? " (spawned at " : "", place ? place : "",
		 place ? ")" : "");
}

void task_check_handle(const struct coil_task *task, const char *function)
{
	if (likely(task->check_word == TASK_CHECK_WORD))
		return;
	if (task->check_word == TASK_CHECK_FREED)
		check_misused(function, "this task was joined already, or its group is closed");
	check_misused(function, "this is not a task");
}

enum task_state task_state(const struct coil_task *task)
{
	if (future_is_resolved(&task->future))
		return TASK_DONE;
	if (task_scheduler(task)->current == task)
		return TASK_RUNNING;
	if (!(task->flags & TASK_HAS_RUN))
		return TASK_NEW;
	return task->awaits && future_is_pending(task->awaits) ? TASK_WAITING : TASK_READY;
}

/* -- Running -------------------------------------------------------------------------------------
 */

void task_fire(struct coil_hook *hook)
{
	struct coil_task *task = container_of(hook, struct coil_task, hook);
	struct scheduler *s = task_scheduler(task);

	check(s->current == NULL);
	s->current = task;
	s->switches++;
	coro_switch(&s->main, &task->coro);
}

static void task_future_cancel(struct coil_future *future)
{
	struct coil_task *task = container_of(future, struct coil_task, future);

	scope_cancel(task_scheduler(task), &task->own, -ECANCELED, "who joined it was cancelled");
}

static const struct coil_future_ops task_ops = { .kind = "task", .cancel = task_future_cancel };

struct coil_task *task_of_future(struct coil_future *future)
{
	return future && future->ops == &task_ops ? container_of(future, struct coil_task, future)
						  : NULL;
}

/* Leaves the stack of a task that is done; it may be the next one's already. */
static inline __attribute__((always_inline)) _Noreturn void
leave_for_good(struct scheduler *s, struct coro *from)
{
	struct coil_hook *hook = loop_next(&s->loop);

	s->switches++;
	if (hook && hook->fire == task_fire) {
		s->current = container_of(hook, struct coil_task, hook);
		coro_switch_final(from, &s->current->coro);
	}
	if (hook)
		loop_unnext(&s->loop, hook);
	s->current = NULL;
	coro_switch_final(from, &s->main);
}

/* Nobody will join it. It runs on its own stack still, so that the stack goes back later: see
 * task_reap_ended. */
static void free_when_left(struct scheduler *s, struct coil_task *task)
{
	list_remove(&task->siblings);
	task->check_word = TASK_CHECK_FREED;
	task->hook.next = s->ended ? &s->ended->hook : NULL;
	s->ended = task;
}

static void check_left_clean(const struct coil_task *task)
{
	check_use(task->scope == &task->own,
		  "this task ends with a scope or group of its own open");
	check_use(task->started == 0,
		  "this task ends with %u operations or timers of its own in flight",
		  task->started);
	check_use(task->locks_held == 0, "this task ends with %u locks of its own held",
		  task->locks_held);
}

static inline __attribute__((always_inline)) _Noreturn void
task_end(struct scheduler *s, struct coil_task *task, int result)
{
	struct coil_group *group = task->group;

	check_left_clean(task);
	group_note_end(s, task, result);
	future_resolve(&task->future, result);
	s->alive--;
	if (s->alive == 0 || task == s->main_task)
		s->loop.is_called = true; /* who turns the loop waits for this */
	if (!(task->flags & TASK_HAS_HANDLE))
		free_when_left(s, task);
	group_give_slot(group);
	leave_for_good(s, &task->coro);
}

static void task_body(void *arg)
{
	struct coil_task *task = arg;
	struct scheduler *s = task_scheduler(task);
	int result;

	task->flags |= TASK_HAS_RUN;
	result = task->entry(task->arg);
	if (unlikely(task->locals))
		locals_end(s, task);
	task_end(s, task, result);
}

/* -- Spawn ---------------------------------------------------------------------------------------
 */

#define TASK_ALIGN ((size_t)64)

/* The task lies below the stack's header, what is copied for it below the task. */
static struct coil_task *place_task(struct stack *stack)
{
	uintptr_t top = (uintptr_t)stack_top(stack) - sizeof(struct coil_task);

	return (struct coil_task *)(top & ~(uintptr_t)15);
}

static void *place_arg(struct coil_task *task, const struct coil_task_options *options, void *arg)
{
	char *copy = (char *)task - ((options->arg_bytes + TASK_ALIGN - 1) & ~(TASK_ALIGN - 1));

	copy = (char *)((uintptr_t)copy & ~(uintptr_t)15);
	memcpy(copy, arg, options->arg_bytes);
	return copy;
}

static void task_init(struct scheduler *s, struct coil_task *task, const struct task_spec *spec)
{
	future_init(&task->future, &s->loop.ready, &task_ops);
	task->hook.fire = s->fire;
	task->awaits = NULL;
	task->scope = &task->own;
	task->groups = NULL;
	task->group = spec->group;
	task->entry = spec->entry;
	task->arg = spec->arg;
	task->name = spec->options ? spec->options->name : NULL;
	task->place = spec->place;
	task->handshake = spec->handshake;
	task->id = ++s->spawned;
	task->started = 0;
	task->cancels_met = 0;
	task->check_word = TASK_CHECK_WORD;
	task->flags = spec->has_handle ? TASK_HAS_HANDLE : 0;
	task->locks_held = 0;
	task->budget = TASK_BUDGET;
	task->locals = NULL;
	scope_init(&task->own, &spec->group->scope, task, 0);
	list_init(&task->siblings);
	list_push_back(&spec->group->tasks, &task->siblings);
}

/* What a task has from the one that spawns it, unless its options say otherwise. */
static void inherit(struct coil_task *task, const struct coil_task *parent,
		    const struct coil_task_options *options)
{
	if (parent->locals && !(options && options->flags & COIL_FRESH_LOCALS))
		task->locals = locals_share(parent->locals);
	if (parent->flags & TASK_BACKGROUND)
		priority_set(task, COIL_PRIORITY_BACKGROUND);
}

static void apply_options(struct coil_task *task, const struct coil_task_options *options)
{
	if (options->flags & COIL_NO_BUDGET)
		task->flags |= TASK_NO_BUDGET;
	if (options->priority)
		priority_set(task, options->priority);
}

/*
 * The new task's first step, at once. The one that spawns it waits at the head of the ready queue:
 * whatever parks or ends next hands over to it.
 */
static void run_at_once(struct scheduler *s, struct coil_task *self, struct coil_task *task)
{
	self->hook.fire = s->fire; /* nobody comes between, also if it is in the background */
	loop_unnext(&s->loop, &self->hook);
	s->current = task;
	s->switches++;
	coro_switch(&self->coro, &task->coro);
	priority_choose_hook(self);
}

/* Inline where tasks are spawned most often: @spec need not exist in memory there. */
static inline __attribute__((always_inline)) struct coil_task *
task_make(struct scheduler *s, const struct task_spec *spec)
{
	const struct coil_task_options *options = spec->options;
	struct coil_task *parent = s->current;
	struct coil_task *task;
	struct stack *stack;
	void *top;

	task_reap_ended(s);
	stack = stack_acquire(&s->stacks, options ? options->stack_bytes : 0);

	if (unlikely(!stack)) {
		error_explain_stacks(s);
		return NULL;
	}
	task = place_task(stack);
	top = task;
	task->stack = stack;
	task_init(s, task, spec);
	if (options && options->arg_bytes)
		top = task->arg = place_arg(task, options, spec->arg);
	coro_init(&task->coro, stack_low(stack), top, task_body, task);
	s->alive++;
	if (unlikely(parent && (parent->locals || parent->flags & TASK_BACKGROUND)))
		inherit(task, parent, options);
	if (options)
		apply_options(task, options);
	if (parent && options && options->flags & COIL_EAGER)
		run_at_once(s, parent, task);
	else
		ready_push(&s->loop.ready, &task->hook);
	return task;
}

struct coil_task *task_new(struct scheduler *s, const struct task_spec *spec)
{
	return task_make(s, spec);
}

static inline __attribute__((always_inline)) struct coil_task *spawn_here(struct scheduler *s,
									  struct task_spec *spec)
{
	struct coil_task *task;

	spec->has_handle = true;
	if (unlikely(group_take_slot(s, spec->group) < 0))
		return NULL;
	task = task_make(s, spec);
	if (unlikely(!task))
		group_give_slot(spec->group);
	return task;
}

static struct coil_task *spawn(struct scheduler *s, struct task_spec *spec)
{
	return spawn_here(s, spec);
}

struct coil_task *coil_spawn_at(const char *place, int (*entry)(void *arg), void *arg)
{
	struct scheduler *s = scheduler_required("coil_spawn");
	struct task_spec spec = {
		.group = group_default(s), .entry = entry, .arg = arg, .place = place
	};

	return spawn_here(s, &spec);
}

struct coil_task *(coil_spawn)(int (*entry)(void *arg), void *arg)
{
	return coil_spawn_at(NULL, entry, arg);
}

struct coil_task *coil_spawn_eager_at(const char *place, int (*entry)(void *arg), void *arg)
{
	static const struct coil_task_options eager = { .size = sizeof eager, .flags = COIL_EAGER };
	struct scheduler *s = scheduler_required("coil_spawn_eager");
	struct task_spec spec = { .options = &eager, .group = group_default(s), .entry = entry,
				  .arg = arg, .place = place };

	return spawn(s, &spec);
}

struct coil_task *(coil_spawn_eager)(int (*entry)(void *arg), void *arg)
{
	return coil_spawn_eager_at(NULL, entry, arg);
}

static size_t default_stack_bytes(void)
{
	size_t bytes = scheduler_here()->options.stack_bytes;

	return bytes ? bytes : STACK_BYTES_DEFAULT;
}

int task_read_options(const struct coil_task_options *given,
		      struct coil_task_options *ret_options)
{
	int rc = sized_read(ret_options, given, sizeof *ret_options);
	size_t stack_bytes;

	if (unlikely(rc < 0))
		return error_sized(rc, "coil_task_options");
	stack_bytes = ret_options->stack_bytes;
	if (stack_bytes && (stack_bytes < STACK_BYTES_MIN || stack_bytes > STACK_BYTES_MAX)) {
		error_explain("coil_task_options: stack_bytes is %zu: it has to be 16 KiB to 1 GiB",
			      stack_bytes);
		return -EINVAL;
	}
	if (ret_options->flags & ~(COIL_EAGER | COIL_NO_BUDGET | COIL_FRESH_LOCALS) ||
	    ret_options->priority < COIL_PRIORITY_INHERIT ||
	    ret_options->priority > COIL_PRIORITY_BACKGROUND) {
		error_explain("coil_task_options: flags are %#x and priority is %d: they have to "
			      "be of enum coil_task_flags and enum coil_priority",
			      (unsigned)ret_options->flags, ret_options->priority);
		return -EINVAL;
	}
	stack_bytes = stack_bytes ? stack_bytes : default_stack_bytes();
	if (ret_options->arg_bytes > stack_bytes / 4) {
		error_explain(
			"coil_task_options: arg_bytes is %zu: at most a quarter of the stack, %zu",
			ret_options->arg_bytes, stack_bytes / 4);
		return -EINVAL;
	}
	return 0;
}

struct coil_task *coil_spawn_with_at(const char *place, const struct coil_task_options *options,
				     int (*entry)(void *arg), void *arg)
{
	struct scheduler *s = scheduler_required("coil_spawn_with");
	struct coil_task_options read;
	struct task_spec spec = { .options = &read, .entry = entry, .arg = arg };

	if (task_read_options(options, &read) < 0)
		return NULL;
	spec.group = read.group ? read.group : group_default(s);
	spec.place = read.place ? read.place : place;
	group_check_open(spec.group, "coil_spawn_with");
	return spawn(s, &spec);
}

struct coil_task *(coil_spawn_with)(const struct coil_task_options *options,
				    int (*entry)(void *arg), void *arg)
{
	return coil_spawn_with_at(NULL, options, entry, arg);
}

/* -- Join, and the end of a handle ---------------------------------------------------------------
 */

static void give_stack_back(struct scheduler *s, struct coil_task *task)
{
	coro_deinit(&task->coro);
	stack_release(&s->stacks, task->stack);
}

/* In checking builds a freed slot is kept for a while, so that a stale handle is found out. */
static void quarantine(struct scheduler *s, struct coil_task *task)
{
	struct coil_hook *oldest;

	hook_queue_append(&s->quarantine, &task->hook, &task->hook);
	if (++s->quarantine_count <= QUARANTINE_MAX)
		return;
	oldest = hook_queue_pop(&s->quarantine);
	s->quarantine_count--;
	give_stack_back(s, container_of(oldest, struct coil_task, hook));
}

static void free_slot(struct scheduler *s, struct coil_task *task)
{
	if (QUARANTINE_MAX > 0)
		quarantine(s, task);
	else
		give_stack_back(s, task);
}

void task_free(struct coil_task *task)
{
	check(future_is_resolved(&task->future));
	list_remove(&task->siblings);
	task->check_word = TASK_CHECK_FREED;
	free_slot(task_scheduler(task), task);
}

void task_reap_ended_slow(struct scheduler *s)
{
	while (s->ended) {
		struct coil_task *task = s->ended;
		struct coil_hook *next = task->hook.next;

		s->ended = next ? container_of(next, struct coil_task, hook) : NULL;
		free_slot(s, task);
	}
}

void task_free_quarantine(struct scheduler *s)
{
	struct coil_hook *hook;

	while ((hook = hook_queue_pop(&s->quarantine)))
		give_stack_back(s, container_of(hook, struct coil_task, hook));
	s->quarantine_count = 0;
}

/* Whoever waits for @task waits for @self too: it is the same, or an ancestor, whose group waits.
 */
static bool ends_after(const struct coil_task *task, const struct coil_task *self)
{
	for (const struct coil_task *t = self; t; t = t->group->scope.task)
		if (t == task)
			return true;
	return false;
}

/* Along the tasks that wait for one another: no ring of them exists, since nobody may close one. */
bool task_closes_a_ring(const struct coil_task *self, struct coil_future *future)
{
	struct coil_task *task;

	for (task = task_of_future(future); task; task = task_of_future(task->awaits))
		if (future_is_pending(&task->future) && ends_after(task, self))
			return true;
	return false;
}

static inline __attribute__((always_inline)) int
join_pending(struct scheduler *s, struct coil_task *self, struct coil_task *task)
{
	int was_asked = self->scope->effective;
	int rc;

	if (task_closes_a_ring(self, &task->future))
		return -EDEADLK;
	task->flags |= TASK_JOINED;
	rc = task_await_here(s, self, &task->future);
	/* A child that ended with the reason that it was cancelled with says nothing of its own. */
	if ((was_asked || self->scope->effective) && rc < 0 && rc == task->own.effective)
		rc = scope_reason_met(self);
	return rc;
}

int coil_join(struct coil_task *task)
{
	struct scheduler *s = scheduler_required(__func__);
	struct coil_task *self = task_running(s, __func__);
	bool has_waited;
	int rc;

	if (!task)
		return -ENOMEM;
	task_check_handle(task, __func__);
	check_use(task != self, "a task cannot await itself");
	check_use(task->future.ready == &s->loop.ready,
		  "this task belongs to the loop of another thread");
	check_use(task->flags & TASK_HAS_HANDLE, "this task came from coil_go and has no handle");
	check_use(!(task->flags & TASK_JOINED),
		  "this task is being joined already: others use coil_task_future");
	has_waited = !future_is_resolved(&task->future);
	rc = has_waited ? join_pending(s, self, task) : task->future.result;
	if (future_is_resolved(&task->future))
		task_free(task);
	if (!has_waited)
		task_pay(self);
	return rc;
}

/* -- The small public functions ------------------------------------------------------------------
 */

int coil_cancel_with(struct coil_task *task, int reason, const char *text)
{
	struct scheduler *s = scheduler_required(__func__);

	if (!task)
		return 0;
	task_check_handle(task, __func__);
	check_use(reason < 0, "the reason %d is not a negative errno", reason);
	check_use(task->future.ready == &s->loop.ready,
		  "this task belongs to the loop of another thread");
	if (future_is_resolved(&task->future))
		return -EALREADY;
	scope_cancel(s, &task->own, reason, text);
	return 0;
}

int coil_cancel(struct coil_task *task)
{
	return coil_cancel_with(task, -ECANCELED, NULL);
}

int coil_uncancel(void)
{
	struct coil_task *task = task_required(__func__);
	struct coil_scope *own = &task->own;

	if (own->requests > 0 && --own->requests == 0) {
		own->reason = 0;
		own->text = NULL;
		task->cancels_met = 0;
		scope_refresh_task(task);
	}
	return (int)own->requests;
}

struct coil_task *coil_self(void)
{
	return loop_current ? scheduler_of(loop_current)->current : NULL;
}

const char *coil_task_name(const struct coil_task *task)
{
	return task->name ? task->name : "task";
}

void coil_task_set_name(struct coil_task *task, const char *name)
{
	task_check_handle(task, __func__);
	task->name = name;
	coro_set_name(&task->coro, coil_task_name(task));
}

uint64_t coil_task_id(const struct coil_task *task)
{
	task_check_handle(task, __func__);
	return task->id;
}

struct coil_future *coil_task_future(struct coil_task *task)
{
	task_check_handle(task, __func__);
	task->flags |= TASK_LOOKED_AT;
	return &task->future;
}

size_t coil_task_stack_used(const struct coil_task *task)
{
	task_check_handle(task, __func__);
	return stack_high_water(task->stack);
}
