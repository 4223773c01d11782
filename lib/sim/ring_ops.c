/* SPDX-License-Identifier: MIT */
/* Operations on rings and descriptors themselves: close, messages, the table of files. */
#include "sim/ring_ops.h"

#include <errno.h>

#include "sim/request.h"

int32_t sim_nop_prepare(struct sim_request *request)
{
	const unsigned known = IORING_NOP_INJECT_RESULT;

	return request->sqe.nop_flags & ~known ? -EINVAL : 0;
}

int32_t sim_nop_attempt(struct sim_request *request)
{
	bool has_result = request->sqe.nop_flags & IORING_NOP_INJECT_RESULT;

	return has_result ? (int32_t)request->sqe.len : 0;
}

/* A slot of the table of registered files: there is no table. */
int32_t sim_close_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	if (sqe->off || sqe->addr || sqe->len || sqe->rw_flags || sqe->buf_index)
		return -EINVAL;
	return sqe->flags & IOSQE_FIXED_FILE ? -EBADF : 0;
}

int32_t sim_close_attempt(struct sim_request *request)
{
	struct sim_file *file = sim_fd_file(request->sim, request->sqe.fd);

	if (request->sqe.file_index)
		return -ENXIO;
	/* Linux does not let a request close a ring. */
	if (!file || sim_ring_at(file))
		return -EBADF;
	return sim_fd_close(request->sim, request->sqe.fd);
}

int32_t sim_msg_ring_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	const unsigned known = IORING_MSG_RING_CQE_SKIP | IORING_MSG_RING_FLAGS_PASS;

	if (sqe->buf_index || (sqe->msg_ring_flags & ~known))
		return -EINVAL;
	return 0;
}

/* The record of the other ring: posted by that one's next enter. */
static int32_t send_data(struct sim_ring *target, const struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	bool passes_flags = sqe->msg_ring_flags & IORING_MSG_RING_FLAGS_PASS;
	struct sim_record record = {
		.order = request->id,
		.cqe = {
			.user_data = sqe->off,
			.result = (int32_t)sqe->len,
			.flags = passes_flags ? sqe->file_index : 0,
			.opcode = IORING_OP_MSG_RING,
			.is_foreign = true,
		},
	};

	if (!passes_flags && sqe->file_index)
		return -EINVAL;
	sim_ring_record(target, &record);
	return 0;
}

int32_t sim_msg_ring_attempt(struct sim_request *request)
{
	struct sim_ring *target = sim_ring_at(request->file);

	if (!target)
		return -EBADFD;
	switch (request->sqe.addr) {
	case IORING_MSG_DATA:
		return send_data(target, request);
	case IORING_MSG_SEND_FD:
		return target == request->ring ? -EINVAL : -EBADF; /* no registered file to send */
	default:
		return -EINVAL;
	}
}

/* Nothing can be registered through the seam, so that Linux says the same. */
int32_t sim_files_update_attempt(struct sim_request *request)
{
	if (request->sqe.rw_flags || request->sqe.splice_fd_in || !request->sqe.len)
		return -EINVAL;
	return -ENXIO;
}

/* Without IOSQE_FIXED_FILE there is nothing to install from; with it there is no table. */
int32_t sim_fixed_fd_install_attempt(struct sim_request *request)
{
	(void)request;
	return -EBADF;
}
