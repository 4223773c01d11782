/* SPDX-License-Identifier: MIT */
/* POLL_ADD and POLL_REMOVE: one shot, multishot, and updates. */
#include "sim/poll.h"

#include <errno.h>
#include <poll.h>

#include "sim/file.h"
#include "sim/request.h"

#define ALWAYS (POLLERR | POLLHUP | POLLRDHUP) /* io_uring asks for these itself */
#define ADD_FLAGS (IORING_POLL_ADD_MULTI | IORING_POLL_ADD_LEVEL)
#define UPDATE_FLAGS                                                                               \
	(IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA | IORING_POLL_ADD_MULTI)

int32_t sim_poll_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	if (sqe->buf_index || sqe->off || sqe->addr || (sqe->len & ~(unsigned)ADD_FLAGS))
		return -EINVAL;
	if ((sqe->len & IORING_POLL_ADD_MULTI) && (sqe->flags & IOSQE_CQE_SKIP_SUCCESS))
		return -EINVAL;
	return 0;
}

/* A multishot poll tells the state at its begin, then each change. */
int32_t sim_poll_attempt(struct sim_request *request)
{
	unsigned mask = sim_file_poll(request->file) & (request->sqe.poll32_events | ALWAYS);

	if (mask == 0)
		return SIM_WAIT;
	if (!(request->sqe.len & IORING_POLL_ADD_MULTI))
		return (int32_t)mask;
	sim_request_post_more(request, (int32_t)mask, 0);
	return SIM_WAIT;
}

int32_t sim_poll_remove_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	bool updates_events = sqe->len & IORING_POLL_UPDATE_EVENTS;
	bool updates_user_data = sqe->len & IORING_POLL_UPDATE_USER_DATA;

	if (sqe->buf_index || sqe->splice_fd_in || (sqe->len & ~(unsigned)UPDATE_FLAGS))
		return -EINVAL;
	if (sqe->len == IORING_POLL_ADD_MULTI)
		return -EINVAL;
	if (!updates_user_data && sqe->off)
		return -EINVAL;
	return !updates_events && sqe->poll32_events ? -EINVAL : 0;
}

static struct sim_request *find(const struct sim_request *by)
{
	struct coil_list *node;

	list_for_each(node, &by->ring->all) {
		struct sim_request *request = container_of(node, struct sim_request, all);

		if (request->sqe.opcode == IORING_OP_POLL_ADD &&
		    request->sqe.user_data == by->sqe.addr &&
		    request->state != REQUEST_FINISHED && (request->traits & REQUEST_BEGUN))
			return request;
	}
	return NULL;
}

static void update(struct sim_request *target, const struct io_uring_sqe *sqe)
{
	if (sqe->len & IORING_POLL_UPDATE_EVENTS) {
		target->sqe.poll32_events = sqe->poll32_events;
		target->sqe.len = (target->sqe.len & ~(unsigned)IORING_POLL_ADD_MULTI) |
				  (sqe->len & IORING_POLL_ADD_MULTI);
	}
	if (sqe->len & IORING_POLL_UPDATE_USER_DATA)
		target->sqe.user_data = sqe->off;
	sim_request_retry(target);
}

int32_t sim_poll_remove_attempt(struct sim_request *request)
{
	struct sim_request *target = find(request);
	int rc = target ? sim_cancel_decide(target) : -ENOENT;

	if (rc < 0)
		return rc;
	if (request->sqe.len & (IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA)) {
		update(target, &request->sqe);
		return 0;
	}
	sim_request_finish(request, 0);
	sim_cancel_end(target);
	return SIM_WAIT;
}
