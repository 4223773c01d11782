/* SPDX-License-Identifier: MIT */
/*
 * Promises. A resolve on the loop's own thread is a future_resolve; one from another thread travels
 * through the inbox. posting is 1 from before the message is visible until the sending thread does
 * not need the promise any more: deinit waits for that, so that the promise, and the loop behind
 * it, outlive the call.
 */
#include "coil/promise.h"

#include <sched.h>

#include "loop/inbox.h"
#include "loop/observe.h"

/* No cancel: a waiter detaches itself, and the promise stays pending. */
static const struct coil_future_ops promise_ops = { .kind = "promise" };

static void resolve(struct coil_promise *promise, int result)
{
	promise->loop->promises_open--;
	future_resolve(&promise->future, result);
}

static void promise_arrive(struct coil_hook *hook)
{
	struct coil_promise *promise = container_of(hook, struct coil_promise, arrival);

	check_use_of("coil_promise_resolve_from_thread", future_is_pending(&promise->future),
		     "this promise was resolved twice");
	resolve(promise, promise->posted_result);
}

void coil_promise_init(struct coil_promise *promise)
{
	struct coil_loop *loop = loop_required(__func__);

	future_init(&promise->future, &loop->ready, &promise_ops);
	promise->arrival.fire = promise_arrive;
	promise->loop = loop;
	promise->posted_result = 0;
	promise->posting = 0;
	loop->promises_open++;
	if (unlikely(loop->observer))
		promise->future.flags |= FUTURE_OBSERVED;
}

void coil_promise_resolve(struct coil_promise *promise, int result)
{
	struct coil_loop *loop = loop_required(__func__);

	check_use(promise->loop == loop, "this promise belongs to the loop of another thread: "
					 "use coil_promise_resolve_from_thread");
	check_use(future_is_pending(&promise->future), "this promise is resolved already");
	resolve(promise, result);
}

void coil_promise_resolve_from_thread(struct coil_promise *promise, int result)
{
	uint32_t was = __atomic_exchange_n(&promise->posting, 1, __ATOMIC_ACQ_REL);

	check_use(was == 0, "this promise is being resolved from two threads");
	promise->posted_result = result;
	inbox_post(promise->loop, &promise->arrival);
	__atomic_store_n(&promise->posting, 2, __ATOMIC_RELEASE);
}

void coil_promise_deinit(struct coil_promise *promise)
{
	if (!promise)
		return;
	check_use(!future_is_pending(&promise->future) || !promise->future.waiters,
		  "this promise is pending and somebody awaits it");
	while (__atomic_load_n(&promise->posting, __ATOMIC_ACQUIRE) == 1)
		sched_yield();
	check_use(!future_is_pending(&promise->future) || promise->posting == 0,
		  "this promise is on its way from another thread: await it before");
	if (unlikely((promise->future.flags & FUTURE_OBSERVED) && promise->loop == loop_current &&
		     promise->loop->observer))
		promise->loop->observer->promise_ends(promise->loop, promise);
	/* After its loop's end, on whatever thread, a promise is memory alone. */
	if (future_is_pending(&promise->future) && promise->loop == loop_current)
		promise->loop->promises_open--;
	promise->future.state = FUTURE_IDLE;
}
