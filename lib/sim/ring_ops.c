/* SPDX-License-Identifier: MIT */
/* Operations on rings and descriptors themselves: close, messages, the table of files. */
#include "sim/ring_ops.h"

#include <errno.h>
#include <fcntl.h>

#include "sim/request.h"
#include "sim/table.h"

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

int32_t sim_close_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	if (sqe->off || sqe->addr || sqe->len || sqe->rw_flags || sqe->buf_index)
		return -EINVAL;
	if (sqe->flags & IOSQE_FIXED_FILE)
		return -EBADF;
	return sqe->file_index && sqe->fd ? -EINVAL : 0;
}

int32_t sim_close_attempt(struct sim_request *request)
{
	struct sim_file *file = sim_fd_file(request->sim, request->sqe.fd);

	if (request->sqe.file_index)
		return sim_table_remove(request->ring, request->sqe.file_index - 1);
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

static int32_t update_slot(struct sim_request *request, int *fd, unsigned slot)
{
	struct sim_ring *ring = request->ring;

	if (*fd == IORING_REGISTER_FILES_SKIP)
		return 0;
	return sim_table_set(&ring->driver, slot, *fd);
}

/* As many as it comes to; an errno only where the first one fails. */
int32_t sim_files_update_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int *fds = (int *)(uintptr_t)sqe->addr;
	int32_t rc = 0;
	unsigned done;

	if (sqe->rw_flags || sqe->splice_fd_in || !sqe->len)
		return -EINVAL;
	if (!request->ring->table)
		return -ENXIO;
	for (done = 0; done < sqe->len && rc == 0; done++)
		rc = update_slot(request, &fds[done], (unsigned)sqe->off + done);
	return rc < 0 && done == 1 ? rc : (int32_t)done - (rc < 0);
}

int32_t sim_fixed_fd_install_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	if (sqe->off || sqe->addr || sqe->len || sqe->buf_index || sqe->splice_fd_in || sqe->addr3)
		return -EINVAL;
	if (!(sqe->flags & IOSQE_FIXED_FILE))
		return -EBADF;
	return sqe->install_fd_flags & ~(unsigned)IORING_FIXED_FD_NO_CLOEXEC ? -EINVAL : 0;
}

int32_t sim_fixed_fd_install_attempt(struct sim_request *request)
{
	bool passes_exec = request->sqe.install_fd_flags & IORING_FIXED_FD_NO_CLOEXEC;
	int fd = sim_fd_install(request->sim, request->file);

	if (fd >= 0)
		sim_fd_set_flags(request->sim, fd, passes_exec ? 0 : FD_CLOEXEC);
	return fd;
}
