/* SPDX-License-Identifier: MIT */
/*
 * Tasks: code that can wait. A task is a future (it resolves with what its entry returned), a hook
 * (that switches to its stack) and a coroutine; it lives at the top of its own stack.
 *
 *   NEW      spawned; its hook is in the ready queue
 *   READY    its hook is in the ready queue
 *   RUNNING  it is scheduler->current
 *   WAITING  its hook is among the waiters of the pending future that it awaits
 *   DONE     its entry has returned; its slot stays until it is joined, or its group is closed
 *
 * Invariant: a live task is in exactly one of these places. Which one follows from what it awaits,
 * so that resolving a future needs to touch no task: task_state() computes it, and every park and
 * every resume checks it.
 */
#ifndef COIL_TASK_TASK_H
#define COIL_TASK_TASK_H

#include <signal.h>

#include "coil/group.h"
#include "coil/scope.h"
#include "coil/task.h"
#include "coro/coro.h"
#include "coro/stack.h"
#include "loop/loop.h"

enum task_state {
	TASK_NEW,
	TASK_READY,
	TASK_RUNNING,
	TASK_WAITING,
	TASK_DONE
};

enum task_flag {
	TASK_HAS_RUN = 1 << 0,
	TASK_HAS_HANDLE = 1 << 1, /* from coil_spawn: kept until it is joined */
	TASK_JOINED = 1 << 2,	  /* somebody joins it */
	TASK_ASKED = 1 << 3,	 /* what it awaits was asked to finish soon, or must not be asked */
	TASK_LOOKED_AT = 1 << 4, /* somebody looked at its result */
	TASK_IN_GROUP_LIST = 1 << 5,
	TASK_BACKGROUND = 1 << 6, /* runs when no other task is ready; see priority.h */
	TASK_NO_BUDGET = 1 << 7, /* its waits may go on without suspending for ever */
	TASK_FAILURE_TOLD = 1 << 8 /* its unseen failure was reported already */
};

/* Waits in a row that complete without suspending; the last one yields. */
#define TASK_BUDGET 128u

/* Idle stacks that keep all their pages. */
#define STACKS_KEPT 1024u

#define TASK_CHECK_WORD 0x7a5c0de1u
#define TASK_CHECK_FREED 0xdeadc0deu

struct handshake;
struct local_table;
struct see;

#define TASK_LINE 64	/* bytes of a line of the caches */

struct coil_task {
	struct coil_future future;
	/* Two lines of the caches: all that a wait and a wake touch. */
	struct coil_hook hook;
	struct coil_future *awaits;
	struct coro coro;
	uint32_t flags;
	uint32_t budget;	   /* waits that may still complete without suspending */
	struct coil_scope *scope; /* the innermost one */
	uint64_t id;
	const char *place;
	struct coil_scope own; /* begins with what is asked for */
	/* And the rest. */
	struct local_table *locals;
	struct coil_group *groups; /* open ones, innermost first */
	struct coil_group *group;  /* the one it belongs to */
	struct coil_list siblings;
	int (*entry)(void *arg);
	void *arg;
	const char *name;
	struct stack *stack;
	struct handshake *handshake;
	uint32_t started; /* operations and timers in flight that it started */
	uint32_t check_word;
	uint32_t locks_held; /* mutexes and the like: who locks unlocks */
	uint32_t cancels_met; /* in the scope that is cancelled */
};

#ifndef HOOKS_SWITCH
_Static_assert(sizeof(struct coil_task) <= 320, "a task shares one page with its sleeping frames");
#ifndef CORO_USES_UCONTEXT
_Static_assert((sizeof(struct coil_task) + sizeof(struct stack) -
		offsetof(struct coil_task, hook)) % TASK_LINE == 0 &&
		       offsetof(struct coil_task, flags) ==
			       offsetof(struct coil_task, hook) + TASK_LINE,
	       "the hook begins a line, and the flags the next");
#endif
#endif

/* Tasks in the background that are ready; see priority.h. */
struct background {
	struct hook_queue queue;
	struct coil_hook pump; /* in the ready queue while the queue has somebody */
	bool pump_is_ready;
	uint64_t served; /* hooks fired when the last one was let run */
};

struct coil_pool;
struct signal_port;

/*
 * What a loop has beside its tasks and must see the end of: a pool of threads. The last thing that
 * happens to one in its turn makes the loop look: is_called.
 */
struct companion {
	struct coil_list node; /* in scheduler->companions */
	bool (*is_idle)(struct companion *companion);
	/* The loop goes away now. Takes the companion out of the list; says what is left. */
	void (*leave)(struct companion *companion);
};

/* One loop with tasks. The loop is the first member: the two are one object. */
struct scheduler {
	struct coil_loop loop;
	struct coil_task *current;
	struct coro main;
	struct coil_task *main_task; /* of coil_run, or NULL */
	uint64_t switches;
	struct stack_pool stacks;
	/* Scopes whose cancellation has not reached their inside yet. */
	struct coil_scope *cancelled;
	/* Their stacks go back once nobody runs on them; linked by their hooks. */
	struct coil_task *ended;
	sigset_t signal_mask; /* of the thread, before */
	bool sigpipe_was_pending;
	bool is_cancelling;
	bool is_stepping;
	bool is_ending;	/* scheduler_close waits for what is left */
	uint64_t spawned;
	uint32_t alive;
	struct coil_group root;
	struct coil_options options;
	struct coil_hook stuck;
	struct coil_list companions;
	struct signal_port *signals; /* NULL until signals are used */
	struct coil_pool *pool;	/* the loop's own, of the work room; NULL until it is used */
	struct coil_pool *names; /* of threads that ask for names, of the net room; likewise */
	struct hook_queue quarantine;
	uint32_t quarantine_count;
	struct background background;
	uint64_t local_swaps; /* so many so far */
	void (*fire)(struct coil_hook *hook); /* of every task: task_fire, or debug mode's */
	struct see *see;	/* what debug mode knows, or NULL; see task/observe.h */
	unsigned debug;		/* enum coil_debug_flags */
	bool asks;		/* a task that parks may enter the kernel on its own stack */
};

static inline struct scheduler *scheduler_of(struct coil_loop *loop)
{
	return container_of(loop, struct scheduler, loop);
}

_Noreturn void task_missing(const char *function);

static inline struct scheduler *scheduler_required(const char *function)
{
	return scheduler_of(loop_required(function));
}

/* The task of @s that runs; outside of one the program stops, with words. */
static inline struct coil_task *task_running(const struct scheduler *s, const char *function)
{
	struct coil_task *task = s->current;

	if (unlikely(!task))
		task_missing(function);
	return task;
}

/* The calling task. Who needs its scheduler, too, asks for that first: then one need not wait for
 * the other. */
static inline struct coil_task *task_required(const char *function)
{
	return task_running(scheduler_required(function), function);
}

static inline struct scheduler *task_scheduler(const struct coil_task *task)
{
	return scheduler_of(container_of(task->future.ready, struct coil_loop, ready));
}

/* The same of the task that runs, by way of the thread: a load that waits for no other. */
static inline struct scheduler *scheduler_here(void)
{
	return scheduler_of(loop_current);
}

enum task_state task_state(const struct coil_task *task);

/* The hook of every task but those in the background: resumes it, on the loop's own stack. */
void task_fire(struct coil_hook *hook);

/* Whatever stands behind coil_spawn and coil_go. @slot_is_taken: the group's limit has been seen
 * to. */
struct task_spec {
	const struct coil_task_options *options;
	struct coil_group *group;
	int (*entry)(void *arg);
	void *arg;
	const char *place;
	struct handshake *handshake;
	bool has_handle;
};

/* Reads what a caller gave, which may be an older, shorter struct, or a newer one. A negative
 * errno with the words in coil_last_error(). */
int task_read_options(const struct coil_task_options *given,
		      struct coil_task_options *ret_options);

struct coil_task *task_new(struct scheduler *s, const struct task_spec *spec);

/* Would @self, waiting for @future, wait for itself? */
bool task_closes_a_ring(const struct coil_task *self, struct coil_future *future);

/* Frees a task that is DONE; not the one that runs on its own stack still. */
void task_free(struct coil_task *task);

/* Gives back the stacks of tasks that ended without anybody to join them. */
void task_reap_ended_slow(struct scheduler *s);

static inline void task_reap_ended(struct scheduler *s)
{
	if (s->ended)
		task_reap_ended_slow(s);
}

/* Between two turns: stacks of ended tasks go back to the pool, idle memory to the kernel. */
static inline void scheduler_tidy(struct scheduler *s)
{
	task_reap_ended(s);
	if (unlikely(stack_pool_is_fat(&s->stacks, STACKS_KEPT)) &&
	    ready_is_empty(&s->loop.ready))
		stack_pool_trim(&s->stacks, STACKS_KEPT);
}

/* At the end of a loop: what quarantine still holds. */
void task_free_quarantine(struct scheduler *s);

/* "task 7 \"reader\" (spawned at server.c:12)". Safe in a signal handler. */
void task_describe(const struct coil_task *task, char *text, size_t bytes);

/* "task 7 \"reader\"" of a number alone; with the name if it is among the first thousand tasks. */
struct words;
void task_describe_id(struct words *words, struct scheduler *s, uint64_t id);

/* The task behind a future; NULL if something else is, or there is none. */
struct coil_task *task_of_future(struct coil_future *future);

/* What a report about @task says beside its words: for REPORT_ABOUT. */
#define REPORT_TASK(task_)                                                                         \
	.task = (task_)->id, .task_name = coil_task_name(task_), .place = (task_)->place

/* A task of this loop whose handle is good; otherwise the program stops, with words. */
void task_check_handle(const struct coil_task *task, const char *function);

/*
 * Nobody is ready: the task that parks asks the kernel itself, on its own stack, which saves two
 * switches and the returns that the processor would predict wrongly. NULL: the loop's own stack has
 * to go on. A host that takes single steps wants its stack back after each.
 */
static inline struct coil_hook *task_ask(struct scheduler *s)
{
	if (!s->asks)
		return NULL;
	scheduler_tidy(s);
	return loop_wait_for_next(&s->loop);
}

typedef struct coil_hook *task_asker(struct scheduler *s);

/*
 * Goes to sleep and lets the next one run; returns when somebody has fired the task's hook, which
 * was put into a list before. Straight from stack to stack where the next hook is a task's; by the
 * loop's own stack otherwise.
 */
static inline __attribute__((always_inline)) void
task_park_asking(struct scheduler *s, struct coil_task *task, task_asker *ask)
{
	struct coil_hook *hook = loop_next(&s->loop);
	struct coil_task *next;

	check(s->current == task);
	if (unlikely(!hook))
		hook = ask(s);
	if (likely(hook && hook->fire == task_fire)) {
		next = container_of(hook, struct coil_task, hook);
		if (next == task)
			return;
		s->current = next;
		s->switches++;
		coro_switch(&task->coro, &next->coro);
		return;
	}
	if (hook)
		loop_unnext(&s->loop, hook);
	s->current = NULL;
	s->switches++;
	coro_switch(&task->coro, &s->main);
}

static inline __attribute__((always_inline)) void task_park(struct scheduler *s,
							    struct coil_task *task)
{
	task_park_asking(s, task, task_ask);
}

#endif
