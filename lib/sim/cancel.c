/* SPDX-License-Identifier: MIT */
/*
 * ASYNC_CANCEL, and what every other way of ending a request early has in common with it. A cancel
 * that is too late (-EALREADY) or finds nothing (-ENOENT) leaves its target to its own end; there
 * must be one, so that only what is on its way by itself can win.
 */
#include "sim/request.h"
#include "sim/table.h"

#include <errno.h>

#define CANCEL_FLAGS                                                                               \
	(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY |              \
	 IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_OP)

/* -- One target ----------------------------------------------------------------------------------
 */

/* Queued for a worker it goes; in one it is interrupted at the most; a disk's is not even found. */
static int decide_in_worker(struct sim_request *request)
{
	switch (sim_pick(request->sim, 3)) {
	case 0:
		return 0;
	case 1:
		request->traits |= REQUEST_INTERRUPTED;
		return -EALREADY;
	default:
		return -ENOENT;
	}
}

static int decide_on_its_way(struct sim_request *request)
{
	if (request->traits & REQUEST_IN_WORKER)
		return decide_in_worker(request);
	if (!sim_happens(request->sim, SIM_CANCEL_LOSES))
		return 0;
	request->traits |= REQUEST_INTERRUPTED;
	return -EALREADY;
}

static int decide_waiting(const struct sim_request *request)
{
	switch (request->sqe.opcode) {
	case IORING_OP_LINK_TIMEOUT:
		return -ENOENT;
	case IORING_OP_WAITID:
	case IORING_OP_FUTEX_WAIT:
	case IORING_OP_FUTEX_WAITV:
		return 1;
	default:
		return 0;
	}
}

int sim_cancel_decide(struct sim_request *request)
{
	if (request->is_settled || (request->traits & REQUEST_IN_ATTEMPT) ||
	    !(request->traits & REQUEST_BEGUN))
		return -ENOENT;
	switch ((enum request_state)request->state) {
	case REQUEST_HELD:
	case REQUEST_FINISHED:
		return -ENOENT;
	case REQUEST_RUNNABLE:
	case REQUEST_DELAYED:
		return decide_on_its_way(request);
	case REQUEST_WAITING:
		return decide_waiting(request);
	}
	return -ENOENT;
}

void sim_cancel_end(struct sim_request *request)
{
	if (request->state != REQUEST_FINISHED)
		sim_request_finish(request, -ECANCELED);
}

/* -- The operation -------------------------------------------------------------------------------
 */

int32_t sim_cancel_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	unsigned flags = sqe->cancel_flags;

	if (sqe->off || sqe->splice_fd_in || (flags & ~(unsigned)CANCEL_FLAGS))
		return -EINVAL;
	if ((flags & IORING_ASYNC_CANCEL_ANY) &&
	    (flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)))
		return -EINVAL;
	return 0;
}

static bool is_timer(const struct sim_request *request)
{
	return request->sqe.opcode == IORING_OP_TIMEOUT ||
	       request->sqe.opcode == IORING_OP_LINK_TIMEOUT;
}

struct search {
	const struct io_uring_sqe *sqe;
	const struct sim_file *file;
	unsigned flags;
};

static bool matches(const struct search *search, const struct sim_request *request)
{
	unsigned keys = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP;
	bool by_user_data = !(search->flags & keys) ||
			    (search->flags & IORING_ASYNC_CANCEL_USERDATA);

	if (search->flags & IORING_ASYNC_CANCEL_ANY)
		return true;
	if ((search->flags & IORING_ASYNC_CANCEL_FD) &&
	    (is_timer(request) || request->file != search->file))
		return false;
	if ((search->flags & IORING_ASYNC_CANCEL_OP) &&
	    request->sqe.opcode != (uint8_t)search->sqe->len)
		return false;
	return !by_user_data || request->sqe.user_data == search->sqe->addr;
}

/* Decides over each match, in the order of submission, before any of them ends. */
static int decide_all(struct sim_request *cancel, const struct search *search,
		      struct coil_list *ret_ended)
{
	bool all = search->flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
	struct coil_list *node;
	struct coil_list *next;
	int count = 0;

	for (node = cancel->ring->all.next; node != &cancel->ring->all; node = next) {
		struct sim_request *request = container_of(node, struct sim_request, all);
		int rc;

		next = node->next;
		if (!matches(search, request))
			continue;
		rc = sim_cancel_decide(request);
		if (rc == -ENOENT)
			continue;
		count++;
		if (rc >= 0) {
			list_remove(&request->node);
			list_push_back(ret_ended, &request->node);
		}
		if (!all)
			return rc;
	}
	return all ? count : -ENOENT;
}

int32_t sim_cancel_attempt(struct sim_request *cancel)
{
	struct search search = {.sqe = &cancel->sqe, .flags = cancel->sqe.cancel_flags};
	struct coil_list ended;
	struct coil_list *node;
	int rc;

	if (search.flags & IORING_ASYNC_CANCEL_FD) {
		search.file = search.flags & IORING_ASYNC_CANCEL_FD_FIXED
				      ? sim_table_file(cancel->ring, (unsigned)cancel->sqe.fd)
				      : sim_fd_file(cancel->sim, cancel->sqe.fd);
		if (!search.file)
			return -EBADF;
	}
	list_init(&ended);
	rc = decide_all(cancel, &search, &ended);
	/* Its own CQE comes first: what it ends completes by work that is only put in line. */
	sim_request_finish(cancel, rc);
	while ((node = list_pop_front(&ended)))
		sim_cancel_end(container_of(node, struct sim_request, node));
	return SIM_WAIT;
}
