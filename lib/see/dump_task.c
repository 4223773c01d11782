/* SPDX-License-Identifier: MIT */
/* One task: its state, what it waits for, its scopes, its stack. See dump.h. */
#include "see/dump.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "base/clock.h"
#include "coro/backtrace.h"
#include "loop/inbox.h"
#include "see/symbol.h"
#include "task/scope.h"
#include "task/view.h"

#define FRAMES_MAX 48u
#define CHILDREN_MAX 16u
#define SCOPES_MAX 64u

void dump_fact(struct dump *dump, unsigned level, const char *name)
{
	text_line(dump->text, level);
	text_add(dump->text, name);
	text_add(dump->text, ": ");
}

void dump_frames(struct dump *dump, void *const *frames, size_t count, unsigned level)
{
	for (size_t i = 0; i < count; i++) {
		dump_fact(dump, level, "at");
		symbol_add(dump->text, frames[i]);
	}
}

/* -- Peers ---------------------------------------------------------------------------------------
 */

static void add_ipv4(struct text *text, const struct sockaddr_in *in)
{
	const unsigned char *octets = (const unsigned char *)&in->sin_addr;

	for (int i = 0; i < 4; i++) {
		text_add(text, i > 0 ? "." : "");
		text_number(text, octets[i]);
	}
	text_add(text, ":");
	text_number(text, ntohs(in->sin_port));
}

static void add_ipv6(struct text *text, const struct sockaddr_in6 *in)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *octets = (const unsigned char *)&in->sin6_addr;

	text_add(text, "[");
	for (int i = 0; i < 16; i++) {
		char two[3] = { digits[octets[i] >> 4], digits[octets[i] & 15], '\0' };

		text_add(text, i > 0 && i % 2 == 0 ? ":" : "");
		text_add(text, two);
	}
	text_add(text, "]:");
	text_number(text, ntohs(in->sin6_port));
}

static void add_unix(struct text *text, const struct sockaddr_un *un, socklen_t bytes)
{
	char path[sizeof un->sun_path + 1];
	size_t length = bytes > offsetof(struct sockaddr_un, sun_path)
				? bytes - offsetof(struct sockaddr_un, sun_path)
				: 0;

	if (length > sizeof un->sun_path)
		length = sizeof un->sun_path;
	memcpy(path, un->sun_path, length);
	path[length] = '\0';
	text_add(text, "unix ");
	if (length > 0 && path[0] == '\0')
		path[0] = '@';
	text_quoted(text, path);
}

/* Nothing where it is no socket, or not connected. */
static void add_peer(struct dump *dump, int fd)
{
	const struct driver_calls *calls = dump->scheduler->loop.driver->ops->calls;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} peer;
	socklen_t bytes = sizeof peer;

	memset(&peer, 0, sizeof peer);
	if (calls->getpeername(fd, &peer.any, &bytes) < 0)
		return;
	text_add(dump->text, ", peer ");
	if (peer.any.sa_family == AF_INET)
		add_ipv4(dump->text, &peer.in);
	else if (peer.any.sa_family == AF_INET6)
		add_ipv6(dump->text, &peer.in6);
	else if (peer.any.sa_family == AF_UNIX)
		add_unix(dump->text, &peer.un, bytes);
	else
		text_add(dump->text, "of another family");
}

/* -- Waits ---------------------------------------------------------------------------------------
 */

static void add_op(struct dump *dump, const struct wait_view *wait)
{
	struct text *text = dump->text;

	if (wait->op_name) {
		text_add(text, wait->op_name);
	} else {
		text_add(text, "operation ");
		text_number(text, wait->opcode);
	}
	if (wait->fd < 0)
		return;
	text_add(text, " on fd ");
	text_number(text, (uint64_t)wait->fd);
	add_peer(dump, wait->fd);
}

static void add_task_name(struct text *text, const struct coil_task *task)
{
	text_add(text, "task ");
	text_number(text, task->id);
	text_add(text, " ");
	text_quoted(text, coil_task_name(task));
}

static void add_left(struct dump *dump, int64_t deadline)
{
	text_add(dump->text, deadline < dump->now ? ", was due " : ", due in ");
	text_seconds(dump->text,
		     deadline < dump->now ? dump->now - deadline : deadline - dump->now);
	text_add(dump->text, deadline < dump->now ? " ago" : "");
}

void dump_wait(struct dump *dump, struct coil_future *future)
{
	struct text *text = dump->text;
	struct wait_view wait;
	char words[120];

	wait_view_read(future, &wait);
	future_describe(future, words, sizeof words);
	if (wait.op)
		add_op(dump, &wait);
	else if (wait.task)
		add_task_name(text, wait.task);
	else
		text_add(text, words);
	if (wait.deadline != CLOCK_FOREVER)
		add_left(dump, wait.deadline);
	if (wait.progress.of > 0) {
		text_add(text, ", ");
		text_number(text, wait.progress.done);
		text_add(text, " of ");
		text_number(text, wait.progress.of);
		text_add(text, " done");
	}
	if (wait.is_done) {
		text_add(text, ", done with ");
		text_error(text, wait.result);
	}
}

static void dump_children(struct dump *dump, struct coil_future *future, unsigned level)
{
	struct combine_progress progress;

	if (!combine_progress(future, &progress))
		return;
	for (uint32_t i = 0; i < progress.of && i < CHILDREN_MAX; i++) {
		dump_fact(dump, level, "of");
		dump_wait(dump, combine_child(future, i));
	}
	if (progress.of > CHILDREN_MAX) {
		dump_fact(dump, level, "and");
		text_number(dump->text, progress.of - CHILDREN_MAX);
		text_add(dump->text, " more");
	}
}

/* How long does it wait already? In debug mode it is known. */
static void add_age(struct dump *dump, const struct coil_task *task)
{
	const struct see *see = dump->scheduler->see;
	const struct seen_task *seen = see ? see_task(see, task) : NULL;

	if (!seen)
		return;
	text_add(dump->text, ", for ");
	text_seconds(dump->text, dump->now - seen->paused);
}

static void dump_awaits(struct dump *dump, struct coil_task *task, unsigned level)
{
	struct coil_future *future = task->awaits;

	if (!future)
		return;
	dump_fact(dump, level, "awaits");
	dump_wait(dump, future);
	add_age(dump, task);
	if (task->flags & TASK_ASKED)
		text_add(dump->text, ", asked to finish");
	dump_children(dump, future, level + 1);
}

/* -- Scopes --------------------------------------------------------------------------------------
 */

static void add_reason(struct dump *dump, const struct scope_view *scope)
{
	struct text *text = dump->text;

	text_add(text, ", cancelled with ");
	text_error(text, scope->reason);
	if (scope->text) {
		text_add(text, " ");
		text_quoted(text, scope->text);
	}
	if (scope->canceller) {
		text_add(text, " by task ");
		text_number(text, scope->canceller);
	} else {
		text_add(text, " by the loop");
	}
	if (scope->requests > 1) {
		text_add(text, ", ");
		text_number(text, scope->requests);
		text_add(text, " requests");
	}
}

/* The ones that say something: a plain open scope is none of these. */
static void dump_scopes(struct dump *dump, const struct coil_task *task, unsigned level)
{
	const struct coil_scope *scope = task->scope;

	for (unsigned i = 0; scope && i < SCOPES_MAX; i++) {
		struct scope_view view;

		scope_view_read(scope, &view);
		if (view.reason || view.is_shield || view.deadline != CLOCK_FOREVER) {
			dump_fact(dump, level, "scope");
			text_add(dump->text, scope == &task->own ? "its own"
					     : view.is_group	 ? "a group's"
					     : view.is_shield	 ? "a shield"
								 : "inside");
			if (view.deadline != CLOCK_FOREVER)
				add_left(dump, view.deadline);
			if (view.reason)
				add_reason(dump, &view);
		}
		if (scope == &task->own)
			return;
		scope = scope->parent;
	}
}

/* -- The stack -----------------------------------------------------------------------------------
 */

static size_t frames_of(const struct dump *dump, const struct coil_task *task, void **frames)
{
	struct backtrace_bounds bounds = { stack_low(task->stack), stack_top(task->stack) };
	bool is_current = dump->scheduler->current == task;
	void *pc = NULL;
	void *sp = NULL;

	if (dump->context)
		backtrace_interrupted(dump->context, &pc, &sp);
	/* Who is leaving has not stored all of its registers as long as it is on its stack. */
	if (!is_current)
		return sp >= bounds.low && sp < bounds.high
			       ? 0
			       : backtrace_parked(&task->coro, bounds, frames, FRAMES_MAX);
	if (!dump->context)
		return backtrace_running(NULL, bounds, frames, FRAMES_MAX);
	if (sp < bounds.low || sp >= bounds.high ||
	    backtrace_is_arriving(dump->context, &task->coro))
		return 0;
	return backtrace_running(pc, bounds, frames, FRAMES_MAX);
}

static void dump_stack(struct dump *dump, const struct coil_task *task, enum task_state state,
		       unsigned level)
{
	void *frames[FRAMES_MAX];
	size_t count;

	if (state == TASK_DONE || state == TASK_NEW)
		return;
	count = frames_of(dump, task, frames);
	dump_fact(dump, level, "stack");
	text_number(dump->text, stack_bytes(task->stack));
	text_add(dump->text, " bytes");
	if (count == 0)
		text_add(dump->text, ", interrupted in a switch");
	dump_frames(dump, frames, count, level + 1);
}

/* -- All of it -----------------------------------------------------------------------------------
 */

/* A task that asks the kernel itself runs only in so far as it sleeps there. */
static enum task_state state_of(const struct dump *dump, const struct coil_task *task)
{
	enum task_state state = task_state(task);

	if (state == TASK_RUNNING && task->awaits && future_is_pending(task->awaits) &&
	    atomic_load(&dump->scheduler->loop.inbox.parked) != INBOX_AWAKE)
		return TASK_WAITING;
	return state;
}

static void dump_times(struct dump *dump, const struct coil_task *task, unsigned level)
{
	const struct see *see = dump->scheduler->see;
	const struct seen_task *seen = see ? see_task(see, task) : NULL;

	if (!seen)
		return;
	dump_fact(dump, level, "ran");
	text_number(dump->text, seen->runs);
	text_add(dump->text, " times, ");
	text_seconds(dump->text, seen->busy);
}

static void dump_empty_groups(struct dump *dump, const struct coil_task *task, unsigned level)
{
	for (const struct coil_group *group = task->groups; group; group = group->outer) {
		if (!list_is_empty(&group->tasks))
			continue;
		dump_fact(dump, level, "group");
		text_add(dump->text, "no tasks");
	}
}

void dump_task(struct dump *dump, struct coil_task *task, unsigned level)
{
	enum task_state state = state_of(dump, task);
	struct task_view view;

	task_view_read(task, &view);
	text_line(dump->text, level);
	add_task_name(dump->text, task);
	text_add(dump->text, ": ");
	text_add(dump->text, task_state_words(state));
	if (state == TASK_DONE) {
		text_add(dump->text, " with ");
		text_error(dump->text, view.result);
		text_add(dump->text, view.is_looked_at ? "" : ", not joined");
	}
	if (view.place) {
		dump_fact(dump, level + 1, "spawned at");
		text_add(dump->text, view.place);
	}
	dump_times(dump, task, level + 1);
	if (view.started > 0) {
		dump_fact(dump, level + 1, "started");
		text_number(dump->text, view.started);
		text_add(dump->text, " in flight");
	}
	if (state != TASK_DONE)
		dump_awaits(dump, task, level + 1);
	dump_scopes(dump, task, level + 1);
	dump_stack(dump, task, state, level + 1);
	dump_empty_groups(dump, task, level + 1);
}
