/* SPDX-License-Identifier: MIT */
/*
 * splice(2) and tee(2): bytes between a pipe and another file, or from pipe to pipe; and the
 * operation that makes a pipe.
 *
 * Invariant: one attempt moves what can be moved now and never waits; what it would have to wait
 * for is in splice->waits_for.
 */
#include "sim/net_ops.h"
#include "sim/pipe.h"
#include "sim/table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Takes what is behind @bytes away from two pieces. */
static void cut(struct iovec iov[2], size_t bytes)
{
	iov[0].iov_len = least(iov[0].iov_len, bytes);
	iov[1].iov_len = least(iov[1].iov_len, bytes - iov[0].iov_len);
}

static int64_t wait_for(struct sim_splice *splice, struct sim_file *file)
{
	splice->waits_for = file;
	return -EAGAIN;
}

/* -- Pipe to pipe ------------------------------------------------------------------------------ */

static int64_t copy(struct sim_splice *splice, bool takes)
{
	struct sim_pipe *from = sim_pipe_read_end(splice->from);
	struct sim_pipe *to = sim_pipe_write_end(splice->to);
	struct iovec source[2];
	struct iovec target[2];
	size_t there = sim_pipe_filled(from, source);
	size_t room = sim_pipe_free(to, target);
	size_t moved = 0;
	struct sim_io io = {.iov = target, .iov_count = 2, .offset = -1};

	if (!sim_pipe_has_reader(to))
		return -EPIPE;
	if (there == 0)
		return sim_pipe_has_writer(from) ? wait_for(splice, splice->from) : 0;
	if (room == 0)
		return wait_for(splice, splice->to);
	io.bytes = least(splice->bytes, least(there, room));
	cut(source, io.bytes);
	for (size_t i = 0; i < 2; i++)
		moved += sim_io_fill(&io, moved, source[i].iov_base, source[i].iov_len);
	if (takes)
		sim_pipe_take(from, moved);
	sim_pipe_add(to, moved);
	return (int64_t)moved;
}

/* -- Pipe and file ----------------------------------------------------------------------------- */

static int64_t to_file(struct sim_splice *splice, struct sim_pipe *from)
{
	struct sim_file *to = splice->to;
	struct iovec iov[2];
	size_t there = sim_pipe_filled(from, iov);
	struct sim_io io = {.iov = iov, .iov_count = 2, .offset = splice->to_offset};
	int64_t rc;

	if (splice->from_offset != -1)
		return -ESPIPE;
	if (!to->ops->write || (to->flags & O_APPEND))
		return -EINVAL;
	if (there == 0)
		return sim_pipe_has_writer(from) ? wait_for(splice, splice->from) : 0;
	io.bytes = least(splice->bytes, there);
	cut(iov, io.bytes);
	rc = to->ops->write(to, &io);
	if (rc == -EAGAIN)
		return wait_for(splice, to);
	if (rc > 0)
		sim_pipe_take(from, (size_t)rc);
	return rc;
}

static int64_t from_file(struct sim_splice *splice, struct sim_pipe *to)
{
	struct sim_file *from = splice->from;
	struct iovec iov[2];
	size_t room = sim_pipe_free(to, iov);
	struct sim_io io = {.iov = iov, .iov_count = 2, .offset = splice->from_offset};
	int64_t rc;

	if (splice->to_offset != -1)
		return -ESPIPE;
	if (!from->ops->read)
		return -EINVAL;
	if (!sim_pipe_has_reader(to))
		return -EPIPE;
	if (room == 0)
		return wait_for(splice, splice->to);
	io.bytes = least(splice->bytes, room);
	cut(iov, io.bytes);
	rc = from->ops->read(from, &io);
	if (rc == -EAGAIN)
		return wait_for(splice, from);
	if (rc > 0)
		sim_pipe_add(to, (size_t)rc);
	return rc;
}

/* -- Either ------------------------------------------------------------------------------------ */

static int refuse(const struct sim_splice *splice)
{
	const unsigned known =
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

	if (splice->flags & ~known)
		return -EINVAL;
	if ((splice->from->flags & O_ACCMODE) == O_WRONLY ||
	    (splice->to->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	return 0;
}

/* Are they the two ends of one pipe? */
static bool is_circle(struct sim_splice *splice)
{
	return sim_pipe_read_end(splice->from) == sim_pipe_write_end(splice->to);
}

int64_t sim_splice(struct sim_splice *splice)
{
	struct sim_pipe *from = sim_pipe_read_end(splice->from);
	struct sim_pipe *to = sim_pipe_write_end(splice->to);
	int rc = refuse(splice);

	if (rc < 0)
		return rc;
	if (splice->bytes == 0)
		return 0;
	if (!from && !to)
		return -EINVAL;
	if (!from)
		return from_file(splice, to);
	if (!to)
		return to_file(splice, from);
	if (splice->from_offset != -1 || splice->to_offset != -1)
		return -ESPIPE;
	return is_circle(splice) ? -EINVAL : copy(splice, true);
}

int64_t sim_tee(struct sim_splice *splice)
{
	int rc = refuse(splice);

	if (rc < 0)
		return rc;
	if (splice->bytes == 0)
		return 0;
	if (!sim_pipe_read_end(splice->from) || !sim_pipe_write_end(splice->to) ||
	    is_circle(splice))
		return -EINVAL;
	return copy(splice, false);
}

/* -- The operations ---------------------------------------------------------------------------- */

/* The file to move from is found with the first attempt, and held. */
static int32_t find_source(struct sim_request *request)
{
	struct sim_net_args *args = request->own;
	struct sim_file *from;

	if (args)
		return 0;
	if (request->sqe.splice_flags & SPLICE_F_FD_IN_FIXED)
		from = sim_table_file(request->ring, (unsigned)request->sqe.splice_fd_in);
	else
		from = sim_fd_file(request->sim, request->sqe.splice_fd_in);
	if (!from)
		return -EBADF;
	sim_file_hold(from);
	sim_net_args_new(request)->from = from;
	return 0;
}

static int32_t attempt(struct sim_request *request, struct sim_splice *splice,
		       int64_t (*move)(struct sim_splice *splice))
{
	const struct io_uring_sqe *sqe = &request->sqe;
	struct sim_net_args *args;
	int32_t rc = find_source(request);

	if (rc < 0)
		return rc;
	args = request->own;
	splice->from = args->from;
	splice->to = request->file;
	splice->bytes = sqe->len;
	splice->flags = sqe->splice_flags & ~(unsigned)SPLICE_F_FD_IN_FIXED;
	rc = (int32_t)move(splice);
	if (rc != -EAGAIN || (splice->flags & SPLICE_F_NONBLOCK))
		return rc;
	request->waits_for = splice->waits_for;
	return SIM_WAIT;
}

int32_t sim_splice_attempt(struct sim_request *request)
{
	struct sim_splice splice = {
		.from_offset = (int64_t)request->sqe.splice_off_in,
		.to_offset = (int64_t)request->sqe.off,
	};

	return attempt(request, &splice, sim_splice);
}

int32_t sim_tee_attempt(struct sim_request *request)
{
	struct sim_splice splice = {.from_offset = -1, .to_offset = -1};

	return attempt(request, &splice, sim_tee);
}

int32_t sim_pipe_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int *out = (void *)(uintptr_t)sqe->addr;
	int fds[2];
	int rc;

	if (sqe->file_index)
		return -ENXIO;
	if (!out)
		return -EFAULT;
	rc = sim_pipe(request->sim, fds, (int)sqe->open_flags);
	if (rc == 0)
		memcpy(out, fds, sizeof fds);
	return rc;
}
