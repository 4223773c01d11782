/* SPDX-License-Identifier: MIT */
/*
 * Into a loop from other threads: messages through its inbox, and calls whose result comes back.
 *
 * A call lies in its caller's frame, and a cancel of it is a message of its own. So the result may
 * travel only when the cancel has arrived, too, or it would find the frame gone. Who changes
 * CALL_BEGUN first decides:
 *
 *   BEGUN        no cancel is on its way
 *   CANCELLING   the caller has sent one: its arrival cancels the task, or sends the result if the
 *                task has ended meanwhile
 *   CANCELLED    it has arrived
 *   OVER         the task has ended
 */
#include "coil/call.h"

#include <errno.h>

#include "base/alloc.h"
#include "coil/work.h"
#include "loop/inbox.h"
#include "task/await.h"
#include "task/group.h"
#include "task/scope.h"
#include "work/crew.h"

enum call_state { CALL_BEGUN, CALL_CANCELLING, CALL_CANCELLED, CALL_OVER };

static uint32_t state_swap(struct coil_call *call, uint32_t state)
{
	return __atomic_exchange_n(&call->state, state, __ATOMIC_ACQ_REL);
}

static bool state_move(struct coil_call *call, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&call->state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/* -- Posts ---------------------------------------------------------------------------------------
 */

struct post {
	struct coil_hook arrival;
	void (*fn)(void *arg);
	int (*entry)(void *arg);
	void *arg;
};

static void post_arrive(struct coil_hook *hook)
{
	struct post post = *container_of(hook, struct post, arrival);
	struct scheduler *s = scheduler_of(loop_current);
	struct task_spec spec = { .entry = post.entry, .arg = post.arg };

	alloc_free(&alloc_libc, container_of(hook, struct post, arrival), sizeof post);
	if (post.fn)
		post.fn(post.arg);
	else if (!group_spawn_root(s, &spec) && !(s->options.off & COIL_NO_REPORTS))
		report("no memory for the stack of a task that another thread has spawned");
}

static int post_send(struct coil_loop *loop, const struct post *post)
{
	struct post *copy = alloc_zeroed(&alloc_libc, sizeof *copy);

	if (!copy)
		return -ENOMEM;
	*copy = *post;
	copy->arrival.fire = post_arrive;
	inbox_post(loop, &copy->arrival);
	return 0;
}

int coil_post(struct coil_loop *loop, void (*fn)(void *arg), void *arg)
{
	const struct post post = { .fn = fn, .arg = arg };

	check_use(loop != NULL && fn != NULL, "there is no loop, or no function");
	return post_send(loop, &post);
}

int coil_spawn_on(struct coil_loop *loop, int (*entry)(void *arg), void *arg)
{
	const struct post post = { .entry = entry, .arg = arg };

	check_use(loop != NULL && entry != NULL, "there is no loop, or no function");
	return post_send(loop, &post);
}

/* -- Calls, on the loop that is called -----------------------------------------------------------
 */

/* The caller may go on, and the call's memory go away. */
static void answer(struct coil_call *call)
{
	const struct driver_calls *calls = call->loop->driver->ops->calls;

	if (call->answer.loop) {
		coil_promise_resolve_from_thread(&call->answer, call->result);
		return;
	}
	__atomic_store_n(&call->is_answered, 1, __ATOMIC_RELEASE);
	calls->wake_word(&call->is_answered, 1);
}

static void finish(struct coil_call *call, int result)
{
	call->result = result;
	if (state_swap(call, CALL_OVER) != CALL_CANCELLING)
		answer(call);
}

static int call_body(void *arg)
{
	struct coil_call *call = arg;

	finish(call, call->entry(call->arg));
	return 0;
}

static void call_arrive(struct coil_hook *hook)
{
	struct coil_call *call = container_of(hook, struct coil_call, arrival);
	const struct coil_task_options options = { .size = sizeof options, .name = "call" };
	struct scheduler *s = scheduler_of(call->loop);
	const struct task_spec spec = { .options = &options, .entry = call_body, .arg = call };

	call->task = group_spawn_root(s, &spec);
	if (!call->task)
		finish(call, -ENOMEM);
}

static void cancel_arrive(struct coil_hook *hook)
{
	struct coil_call *call = container_of(hook, struct coil_call, cancelled);

	if (state_move(call, CALL_CANCELLING, CALL_CANCELLED))
		scope_cancel(scheduler_of(call->loop), &call->task->own, -ECANCELED,
			     "who called it from another thread was cancelled");
	else
		answer(call);
}

/* -- Calls, on the thread that calls -------------------------------------------------------------
 */

void coil_call_cancel(struct coil_call *call)
{
	if (state_move(call, CALL_BEGUN, CALL_CANCELLING))
		inbox_post(call->loop, &call->cancelled);
}

static void call_future_cancel(struct coil_future *future)
{
	struct coil_promise *promise = container_of(future, struct coil_promise, future);

	coil_call_cancel(container_of(promise, struct coil_call, answer));
}

static const struct coil_future_ops call_ops = {
	.kind = "call into another loop", .cancel = call_future_cancel
};

static bool can_block(const struct driver_calls *calls)
{
	const uint32_t word = 0;

	return calls->wait_word(&word, 1, 0) != -EOPNOTSUPP;
}

/* The answer comes as a promise of the caller's loop. */
static void expect_promise(struct coil_call *call, struct scheduler *s)
{
	if (unlikely(!s->current))
		check_misused("coil_call_start", "called outside of a task, on a thread that runs "
						 "a loop: it would wait for ever");
	coil_promise_init(&call->answer);
	call->answer.future.ops = &call_ops;
	call->owner = &s->current->started;
	(*call->owner)++;
}

int coil_call_start(struct coil_call *call, struct coil_loop *loop, int (*entry)(void *arg),
		    void *arg)
{
	check_use(loop != NULL && entry != NULL, "there is no loop, or no function");
	*call = (struct coil_call){
		.arrival.fire = call_arrive,
		.cancelled.fire = cancel_arrive,
		.loop = loop,
		.entry = entry,
		.arg = arg,
	};
	if (loop_current)
		expect_promise(call, scheduler_of(loop_current));
	else if (!can_block(loop->driver->ops->calls))
		return -EOPNOTSUPP;
	inbox_post(loop, &call->arrival);
	return 0;
}

static int wait_in_task(struct coil_call *call)
{
	int rc = future_await(&call->answer.future);

	(*call->owner)--;
	coil_promise_deinit(&call->answer);
	return rc;
}

static int wait_on_thread(struct coil_call *call)
{
	const struct driver_calls *calls = call->loop->driver->ops->calls;
	struct coil_work *work = crew_current();

	if (work)
		crew_note_call(work, call);
	while (!__atomic_load_n(&call->is_answered, __ATOMIC_ACQUIRE))
		(void)calls->wait_word(&call->is_answered, 0, DRIVER_FOREVER);
	if (work)
		crew_note_call(work, NULL);
	return call->result;
}

int coil_call_wait(struct coil_call *call)
{
	return call->answer.loop ? wait_in_task(call) : wait_on_thread(call);
}

bool coil_call_done(const struct coil_call *call)
{
	if (call->answer.loop)
		return !future_is_pending(&call->answer.future);
	return __atomic_load_n(&call->is_answered, __ATOMIC_ACQUIRE) != 0;
}

int coil_call_on(struct coil_loop *loop, int (*entry)(void *arg), void *arg)
{
	struct coil_call call;
	int rc = coil_call_start(&call, loop, entry, arg);

	return rc < 0 ? rc : coil_call_wait(&call);
}
