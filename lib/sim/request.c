/* SPDX-License-Identifier: MIT */
/*
 * The life of a request, from the SQE to the record of its CQE. See request.h for the states.
 *
 * Invariant: a request is finished exactly once, and freed when its record has been posted. What
 * ends other requests does it in a loop, never from inside of their end.
 */
#include "sim/request.h"

#include <errno.h>
#include <fcntl.h>

#include "base/check.h"
#include "sim/file.h"
#include "sim/table.h"
#include "sim/timeout.h"

#define NO_OPERATION ((const struct sim_operation *)NULL)

static bool is_linked(const struct sim_request *request)
{
	return request->sqe.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
}

/* -- Tables --------------------------------------------------------------------------------------
 */

const struct sim_operation *sim_operation(unsigned opcode)
{
	const struct sim_operation *tables[] = {
		sim_operations_core, sim_operations_files, sim_operations_net
	};

	if (opcode >= SIM_OPCODES)
		return NO_OPERATION;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (tables[i][opcode].attempt)
			return &tables[i][opcode];
	return NO_OPERATION;
}

static const struct sim_operation *operation(const struct sim_request *request)
{
	return sim_operation(request->sqe.opcode);
}

/* By name, once a world: silence would look like an answer of the kernel's. */
static int32_t refuse(struct sim_request *request)
{
	struct sim *sim = request->sim;
	unsigned opcode = request->sqe.opcode;

	if (opcode < 64 && sim->refused >> opcode & 1)
		return -EINVAL;
	sim->refused |= opcode < 64 ? UINT64_C(1) << opcode : 0;
	report("the simulator has no twin of operation %u, %s: -EINVAL", opcode,
	       sim_opcode_name(opcode));
	return -EINVAL;
}

bool sim_request_blocks(const struct sim_request *request)
{
	const struct sim_operation *op = operation(request);
	bool moves = op->traits & (SIM_FILLS | SIM_SENDS);

	return (op->traits & SIM_BLOCKS) ||
	       (moves && request->file && sim_file_blocks(request->file));
}

/* -- The end -------------------------------------------------------------------------------------
 */

static uint32_t wanted_bytes(const struct sim_request *request)
{
	uint32_t bytes = 0;

	if (!request->iov)
		return request->sqe.len;
	for (size_t i = 0; i < request->iov_count; i++)
		bytes += (uint32_t)request->iov[i].iov_len;
	return bytes;
}

/*
 * fsync, rename and others: Linux runs them, answers with an errno, and goes on with the chain.
 * What ends before it runs (no such descriptor, a cancel) does break it.
 */
static bool is_forgiven(const struct sim_request *request, int32_t result)
{
	const struct sim_operation *op = operation(request);

	if (!op || !(op->traits & SIM_FORGIVES) || !(request->traits & REQUEST_BEGUN))
		return false;
	return result != -ECANCELED && (request->file || !(op->traits & SIM_TAKES_FD));
}

/* Does this result break a soft link? Short transfers do: those of sockets with MSG_WAITALL. */
static bool is_failure(const struct sim_request *request, int32_t result)
{
	/* A deadline is no step of the chain; nor is it, with CQE_SKIP_SUCCESS, ever heard of. */
	if (request->sqe.opcode == IORING_OP_LINK_TIMEOUT)
		return false;
	if (result < 0 && is_forgiven(request, result))
		return false;
	if (result < 0)
		return result != -ETIME || request->sqe.opcode != IORING_OP_TIMEOUT ||
		       !(request->sqe.timeout_flags & IORING_TIMEOUT_ETIME_SUCCESS);
	switch (request->sqe.opcode) {
	case IORING_OP_READ:
	case IORING_OP_READV:
	case IORING_OP_READ_FIXED:
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
	case IORING_OP_WRITE_FIXED:
		return (uint32_t)result < wanted_bytes(request);
	case IORING_OP_SEND:
	case IORING_OP_RECV:
	case IORING_OP_SEND_ZC:
		return (request->sqe.msg_flags & MSG_WAITALL) &&
		       (uint32_t)result < request->sqe.len;
	case IORING_OP_SENDMSG:
	case IORING_OP_RECVMSG:
	case IORING_OP_SENDMSG_ZC:
		return (request->sqe.msg_flags & MSG_WAITALL) &&
		       (uint32_t)result < wanted_bytes(request);
	default:
		return false;
	}
}

/*
 * A send that is told not to wait is attempted once, while Linux takes its SQE; what it has to say
 * is posted before that enter does anything else. Of others that end so soon a seed may hold the
 * CQEs back; who sends in silence relies on these.
 */
static bool is_prompt(const struct sim_request *request)
{
	return request->sqe.opcode == IORING_OP_SEND && (request->sqe.msg_flags & MSG_DONTWAIT) &&
	       (request->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) &&
	       !(request->sqe.flags & IOSQE_ASYNC);
}

static void record(struct sim_request *request, bool is_last, int32_t result, uint32_t flags)
{
	struct sim_record record = {
		.request = is_last ? request : NULL,
		.order = request->id,
		.cqe = {
			.user_data = request->sqe.user_data,
			.watched = request->watched,
			.result = result,
			.flags = flags,
			.opcode = request->sqe.opcode,
		},
		.is_silent = is_last && (request->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) &&
			     !(request->traits & REQUEST_FAILED),
		.is_prompt = is_prompt(request),
	};

	sim_ring_record(request->ring, &record);
}

static void finish_one(struct sim_request *request, int32_t result)
{
	const struct sim_operation *op = operation(request);

	check(request->state != REQUEST_FINISHED);
	if (!(request->traits & REQUEST_IN_ATTEMPT))
		sim_guard_check(request);
	list_remove(&request->node);
	sim_event_clear(request->sim, &request->event);
	if (result < 0 && request->done > 0)
		result = (int32_t)request->done;
	if (!request->is_settled && is_failure(request, result))
		request->traits |= REQUEST_FAILED;
	if (op && op->drop)
		op->drop(request);
	request->state = REQUEST_FINISHED;
	if (op && (op->traits & SIM_NOTIFIES) && !request->is_settled &&
	    (request->traits & REQUEST_BEGUN) && !(request->traits & REQUEST_IN_ATTEMPT)) {
		record(request, false, result, request->cqe_flags | IORING_CQE_F_MORE);
		request->cqe_flags = IORING_CQE_F_NOTIF;
		result = 0;
	}
	request->result = result;
	record(request, true, result, request->cqe_flags);
}

/* What follows a failed member is cancelled unbegun; its CQEs are left out if that member's success
 * would have been. */
static void fail_followers(struct sim_request *request)
{
	bool is_silent = request->sqe.flags & IOSQE_CQE_SKIP_SUCCESS;
	struct sim_request *next;

	for (struct sim_request *r = request->link; r; r = next) {
		next = r->link;
		r->link = NULL;
		finish_one(r, -ECANCELED);
		container_of(r->ring->done.prev, struct sim_record, node)->is_silent = is_silent;
	}
	request->link = NULL;
}

static void queue(struct sim_request *request)
{
	check(request->state != REQUEST_FINISHED);
	list_remove(&request->node);
	request->state = REQUEST_RUNNABLE;
	list_push_back(&request->ring->runnable, &request->node);
	sim_ring_flag(request->ring);
}

void sim_request_finish(struct sim_request *request, int32_t result)
{
	struct sim_request *timeout = request->timeout;
	struct sim_request *next;

	finish_one(request, result);
	if (timeout) {
		request->timeout = NULL;
		finish_one(timeout, -ECANCELED);
	}
	if ((request->traits & REQUEST_FAILED) && !(request->sqe.flags & IOSQE_IO_HARDLINK))
		fail_followers(request);
	next = request->link;
	request->link = NULL;
	if (next)
		queue(next);
}

void sim_request_release(struct sim_request *request)
{
	struct sim *sim = request->sim;

	check(request->state == REQUEST_FINISHED);
	list_remove(&request->all);
	request->ring->all_count--;
	if (request->file)
		sim_file_drop(request->file);
	if (request->iov)
		sim_free(sim, (void *)(uintptr_t)request->iov,
			 request->iov_count * sizeof *request->iov);
	sim_free(sim, request, sizeof *request);
}

bool sim_request_post_more(struct sim_request *request, int32_t result, uint32_t cqe_flags)
{
	bool is_multishot = !(operation(request)->traits & SIM_NOTIFIES);

	if (is_multishot && (sim_ring_is_full(request->ring) ||
			     sim_happens(request->sim, SIM_MULTISHOT_ENDS))) {
		request->cqe_flags = cqe_flags;
		sim_request_finish(request, result);
		return false;
	}
	record(request, false, result, cqe_flags | IORING_CQE_F_MORE);
	return true;
}

/* -- Attempts ------------------------------------------------------------------------------------
 */

static void delay_is_over(struct sim *sim, struct sim_event *event)
{
	(void)sim;
	queue(container_of(event, struct sim_request, event));
}

static void delay(struct sim_request *request)
{
	request->state = REQUEST_DELAYED;
	request->event.fire = delay_is_over;
	sim_event_set(request->sim, &request->event,
		      request->sim->now + sim_delay(request->sim, SIM_DELAY_NS));
}

/* The LINK_TIMEOUT behind it starts to count, and is no member of the chain any more. */
static void arm_timeout(struct sim_request *request)
{
	struct sim_request *timeout = request->link;

	if (!timeout || timeout->sqe.opcode != IORING_OP_LINK_TIMEOUT)
		return;
	request->link = timeout->link;
	timeout->link = NULL;
	sim_link_timeout_aim(timeout, request);
	timeout->state = REQUEST_WAITING;
	timeout->traits |= REQUEST_BEGUN;
	request->timeout = timeout;
	operation(timeout)->attempt(timeout);
}

/* 0, or the errno with which it ends before it begins. */
static int32_t find_file(struct sim_request *request)
{
	const struct sim_operation *op = operation(request);

	/* Buffers can be had by these alone. */
	if ((request->sqe.flags & IOSQE_BUFFER_SELECT) && request->sqe.opcode != IORING_OP_RECV &&
	    !(request->sqe.opcode == IORING_OP_RECVMSG &&
	      (request->sqe.ioprio & IORING_RECV_MULTISHOT)))
		return -ENOBUFS;
	if (!(op->traits & SIM_TAKES_FD))
		return 0;
	if (request->sqe.flags & IOSQE_FIXED_FILE)
		request->file = sim_table_file(request->ring, (unsigned)request->sqe.fd);
	else
		request->file = sim_fd_file(request->sim, request->sqe.fd);
	/* What was opened with O_PATH is a place, no file. */
	if (request->file && (request->file->flags & O_PATH))
		request->file = NULL;
	if (!request->file)
		return -EBADF;
	sim_file_hold(request->file);
	return 0;
}

/* What answers for others, or would lose count of time, is never late by itself. */
static bool may_be_late(const struct sim_request *request)
{
	if (is_prompt(request))
		return false;
	switch (request->sqe.opcode) {
	case IORING_OP_TIMEOUT:
	case IORING_OP_TIMEOUT_REMOVE:
	case IORING_OP_LINK_TIMEOUT:
	case IORING_OP_ASYNC_CANCEL:
	case IORING_OP_POLL_REMOVE:
	case IORING_OP_FIXED_FD_INSTALL:
		return false;
	default:
		return request->file != request->ring->wake_file;
	}
}

/* The file is found now, not when the SQE was taken. True if an attempt may follow at once. */
static bool begin(struct sim_request *request)
{
	int32_t rc;

	request->traits |= REQUEST_BEGUN;
	rc = find_file(request);
	arm_timeout(request);
	if (rc == 0)
		rc = sim_fault(request);
	if (rc < 0) {
		sim_request_finish(request, rc);
		return false;
	}
	if (sim_request_blocks(request))
		request->traits |= REQUEST_IN_WORKER;
	if ((request->traits & REQUEST_IN_WORKER) ||
	    (may_be_late(request) && ((request->sqe.flags & IOSQE_ASYNC) ||
				      sim_happens(request->sim, SIM_DELAY)))) {
		delay(request);
		return false;
	}
	return true;
}

/* A late cancel reaches what would sleep now: Linux says so in more than one way. */
static int32_t interrupted_result(struct sim_request *request)
{
	static const int32_t ways[] = {-ECANCELED, -EINTR, -512};

	return ways[sim_pick(request->sim, sizeof ways / sizeof *ways)];
}

static void wait(struct sim_request *request)
{
	struct sim_file *file = request->waits_for ? request->waits_for : request->file;

	request->traits &= ~(uint32_t)(REQUEST_IN_WORKER | REQUEST_IN_ATTEMPT);
	if (request->traits & REQUEST_INTERRUPTED) {
		sim_request_finish(request, interrupted_result(request));
		return;
	}
	/* What it waits for may have happened in the attempt itself. */
	if (request->state == REQUEST_RUNNABLE)
		return;
	request->state = REQUEST_WAITING;
	if (file)
		list_push_back(&file->waiters, &request->node);
	sim_guard_take(request);
}

void sim_request_attempt(struct sim_request *request)
{
	int32_t result;

	check(request->state != REQUEST_FINISHED);
	list_remove(&request->node);
	request->state = REQUEST_WAITING;
	if (!(request->traits & REQUEST_BEGUN) && !begin(request))
		return;
	sim_guard_check(request);
	request->traits |= REQUEST_IN_ATTEMPT;
	result = operation(request)->attempt(request);
	if (request->state == REQUEST_FINISHED)
		return;
	if (result == SIM_WAIT)
		wait(request);
	else
		sim_request_finish(request, result);
}

void sim_request_retry(struct sim_request *request)
{
	if (request->state == REQUEST_WAITING)
		queue(request);
}

/* -- Taking --------------------------------------------------------------------------------------
 */

static struct sim_request *request_new(struct sim_ring *ring, const struct io_uring_sqe *sqe)
{
	struct sim_request *request = sim_alloc(ring->sim, sizeof *request);

	request->ring = ring;
	request->sim = ring->sim;
	request->sqe = *sqe;
	request->id = ++ring->sim->requests;
	list_init(&request->node);
	list_init(&request->all);
	sim_event_init(&request->event, NULL);
	list_push_back(&ring->all, &request->all);
	ring->all_count++;
	return request;
}

static int32_t prepare(struct sim_request *request)
{
	const struct sim_operation *op = operation(request);
	struct sim_ring *ring = request->ring;

	if (!op)
		return refuse(request);
	if (request->sqe.flags & IOSQE_CQE_SKIP_SUCCESS)
		ring->drain_is_refused = true;
	if ((request->sqe.flags & IOSQE_IO_DRAIN) && ring->drain_is_refused)
		return -EOPNOTSUPP;
	return op->prepare ? op->prepare(request) : 0;
}

/* One bad SQE cancels its whole chain, head included. */
static void refuse_chain(struct sim_request *head)
{
	struct sim_request *next;

	for (struct sim_request *r = head; r; r = next) {
		next = r->link;
		r->link = NULL;
		finish_one(r, r->traits & REQUEST_IS_BAD ? r->result : -ECANCELED);
	}
}

static bool must_be_deferred(struct sim_ring *ring, const struct sim_request *head)
{
	if (!list_is_empty(&ring->deferred))
		return true;
	for (const struct sim_request *r = head; r; r = r->link)
		if (r->sqe.flags & IOSQE_IO_DRAIN)
			return true;
	return false;
}

static bool chain_is_bad(const struct sim_request *head)
{
	for (const struct sim_request *r = head; r; r = r->link)
		if (r->traits & REQUEST_IS_BAD)
			return true;
	return false;
}

void sim_request_end_chain(struct sim_ring *ring)
{
	struct sim_request *head = ring->chain_head;

	ring->chain_head = NULL;
	ring->chain_tail = NULL;
	if (!head)
		return;
	if (chain_is_bad(head))
		refuse_chain(head);
	else if (must_be_deferred(ring, head))
		list_push_back(&ring->deferred, &head->node);
	else
		sim_request_attempt(head);
}

void sim_request_take(struct sim_ring *ring, const struct io_uring_sqe *sqe)
{
	const struct sim_hooks *hooks = &ring->sim->options.hooks;
	struct sim_request *request = request_new(ring, sqe);

	if (hooks->taken)
		hooks->taken(hooks->context, request);
	sim_trace(ring->sim, "ring %u takes %s #%llu", ring->index, sim_opcode_name(sqe->opcode),
		  (unsigned long long)request->id);
	request->result = prepare(request);
	if (request->result < 0)
		request->traits |= REQUEST_IS_BAD;
	else
		sim_guard_take(request);
	if (ring->chain_tail)
		ring->chain_tail->link = request;
	else
		ring->chain_head = request;
	ring->chain_tail = request;
	if (!is_linked(request))
		sim_request_end_chain(ring);
}

/* -- DRAIN ---------------------------------------------------------------------------------------
 */

static bool is_behind(const struct sim_ring *ring, const struct sim_request *request)
{
	for (struct coil_list *node = ring->all.next; node != &request->all; node = node->next)
		if (container_of(node, struct sim_request, all)->state != REQUEST_FINISHED)
			return true;
	return false;
}

bool sim_request_undefer(struct sim_ring *ring)
{
	struct sim_request *head;

	if (list_is_empty(&ring->deferred))
		return false;
	head = container_of(ring->deferred.next, struct sim_request, node);
	if (is_behind(ring, head))
		return false;
	/* Those behind it that do not drain themselves go with it. */
	do {
		bool drains = head->sqe.flags & IOSQE_IO_DRAIN;

		queue(head);
		if (drains || list_is_empty(&ring->deferred))
			break;
		head = container_of(ring->deferred.next, struct sim_request, node);
	} while (!(head->sqe.flags & IOSQE_IO_DRAIN));
	return true;
}
