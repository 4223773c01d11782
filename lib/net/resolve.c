/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo blocks for as long as it likes and cannot be stopped. So it runs on a thread of its
 * own, and the task that waits may leave it behind: the one wait of the library that is left before
 * it is over. What the thread touches is on the C library's heap, since a loop's allocator is the
 * loop's thread's alone.
 *
 *   ASKED      the thread is at work, the task waits
 *   LEFT       the task went away: the thread frees the request
 *   ANSWERED   the thread is about to resolve the promise, or has: the task frees the request
 *
 * Who changes ASKED first decides; the promise is resolved only if nobody left, so the loop is
 * still there then.
 */
#include "net/resolve.h"

#include "base/alloc.h"
#include "coil/promise.h"
#include "loop/loop.h"
#include "task/await.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES 1025 /* NI_MAXHOST */
#define SERVICE_BYTES 64

enum request_state { REQUEST_ASKED, REQUEST_LEFT, REQUEST_ANSWERED };

struct resolve_request {
	struct coil_promise promise;
	const struct driver_calls *calls;
	_Atomic int state;
	char host[HOST_BYTES];
	char service[SERVICE_BYTES];
	struct sockaddr_storage storages[RESOLVE_ADDRESSES_MAX];
	socklen_t bytes[RESOLVE_ADDRESSES_MAX];
	struct address addresses[RESOLVE_ADDRESSES_MAX];
};

static struct resolve_request *request_new(void)
{
	return alloc_zeroed(&alloc_libc, sizeof(struct resolve_request));
}

void resolve_free(struct resolve_request *request)
{
	alloc_free(&alloc_libc, request, sizeof *request);
}

struct address *resolve_addresses(struct resolve_request *request)
{
	return request->addresses;
}

/* On the other thread. */
static void ask(void *arg)
{
	struct resolve_request *request = arg;
	int asked = REQUEST_ASKED;
	int rc = request->calls->resolve(request->host,
					 request->service[0] ? request->service : NULL, 0,
					 request->storages, request->bytes, RESOLVE_ADDRESSES_MAX);

	if (atomic_compare_exchange_strong(&request->state, &asked, REQUEST_ANSWERED))
		coil_promise_resolve_from_thread(&request->promise, rc);
	else
		resolve_free(request);
}

/* The count or error; or the reason of a cancel, which leaves the request to its thread. */
static int await_answer(struct resolve_request *request)
{
	struct coil_task *task = task_required("coil_connect_tcp");
	struct coil_future *future = &request->promise.future;
	int asked = REQUEST_ASKED;
	int rc = future_await(future);

	if (future_is_pending(future)) {
		if (atomic_compare_exchange_strong(&request->state, &asked, REQUEST_LEFT))
			return rc;
		/* The answer is on its way: it takes no longer than a wake of this loop. */
		task_wait_to_the_end(task_scheduler(task), task, future);
	}
	coil_promise_deinit(&request->promise);
	if (rc <= 0)
		resolve_free(request);
	return rc;
}

static int request_fill(struct resolve_request *request, const char *host, const char *service)
{
	int host_bytes = snprintf(request->host, sizeof request->host, "%s", host);
	int service_bytes =
		snprintf(request->service, sizeof request->service, "%s", service ? service : "");

	/* No name is so long. */
	if (host_bytes <= 0 || host_bytes >= HOST_BYTES || service_bytes >= SERVICE_BYTES)
		return -ENOENT;
	return 0;
}

int resolve(struct coil_loop *loop, const char *host, const char *service,
	    struct resolve_request **ret_request)
{
	struct resolve_request *request = request_new();
	int rc;

	if (!request)
		return -ENOMEM;
	coil_promise_init(&request->promise);
	request->calls = loop->driver->ops->calls;
	rc = request_fill(request, host, service);
	if (rc == 0)
		rc = loop->driver->ops->run_elsewhere(loop->driver, ask, request);
	if (rc < 0) {
		resolve_free(request);
		return rc;
	}
	rc = await_answer(request);
	if (rc <= 0)
		return rc ? rc : -ENOENT;
	for (int i = 0; i < rc; i++) {
		request->addresses[i].storage = request->storages[i];
		request->addresses[i].bytes = request->bytes[i];
	}
	*ret_request = request;
	return rc;
}
