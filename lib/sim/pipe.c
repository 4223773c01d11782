/* SPDX-License-Identifier: MIT */
/*
 * Pipes: 64 KiB in a circle, a file for each end.
 *
 * A pipe has no positions: an offset is ignored, as io_uring does where preadv2(2) would refuse it.
 *
 * Invariant: a write of up to PIPE_BUF bytes goes in whole or not at all; both ends are in one
 * piece of memory, which goes with the second of them.
 */
#include "sim/pipe.h"

#include "sim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

struct sim_pipe {
	struct sim_file reader;
	struct sim_file writer;
	bool reader_is_gone;
	bool writer_is_gone;
	size_t head;		/* of the bytes that are in it */
	size_t count;
	unsigned char bytes[SIM_PIPE_BYTES];
};

static void changed(struct sim_pipe *pipe)
{
	if (!pipe->reader_is_gone)
		sim_file_changed(&pipe->reader);
	if (!pipe->writer_is_gone)
		sim_file_changed(&pipe->writer);
}

/* @count bytes from @start on, in one or two pieces. */
static size_t pieces(struct sim_pipe *pipe, size_t start, size_t count, struct iovec iov[2])
{
	size_t first;

	start %= SIM_PIPE_BYTES;
	first = SIM_PIPE_BYTES - start < count ? SIM_PIPE_BYTES - start : count;
	iov[0] = (struct iovec){pipe->bytes + start, first};
	iov[1] = (struct iovec){pipe->bytes, count - first};
	return count;
}

size_t sim_pipe_filled(struct sim_pipe *pipe, struct iovec iov[2])
{
	return pieces(pipe, pipe->head, pipe->count, iov);
}

size_t sim_pipe_free(struct sim_pipe *pipe, struct iovec iov[2])
{
	return pieces(pipe, pipe->head + pipe->count, SIM_PIPE_BYTES - pipe->count, iov);
}

void sim_pipe_take(struct sim_pipe *pipe, size_t bytes)
{
	check(bytes <= pipe->count);
	pipe->head = (pipe->head + bytes) % SIM_PIPE_BYTES;
	pipe->count -= bytes;
	if (bytes)
		changed(pipe);
}

void sim_pipe_add(struct sim_pipe *pipe, size_t bytes)
{
	check(bytes <= SIM_PIPE_BYTES - pipe->count);
	pipe->count += bytes;
	if (bytes)
		changed(pipe);
}

bool sim_pipe_has_writer(const struct sim_pipe *pipe)
{
	return !pipe->writer_is_gone;
}

bool sim_pipe_has_reader(const struct sim_pipe *pipe)
{
	return !pipe->reader_is_gone;
}

/* -- The ends as files ------------------------------------------------------------------------- */

static int64_t pipe_read(struct sim_file *file, const struct sim_io *io)
{
	struct sim_pipe *pipe = container_of(file, struct sim_pipe, reader);
	struct iovec iov[2];
	size_t moved;

	if (io->bytes == 0)
		return 0;
	if (sim_pipe_filled(pipe, iov) == 0)
		return pipe->writer_is_gone ? 0 : -EAGAIN;
	for (size_t i = 0; i < 2; i++)
		if (iov[i].iov_len > io->bytes - (i ? iov[0].iov_len : 0))
			iov[i].iov_len = io->bytes - (i ? iov[0].iov_len : 0);
	moved = sim_io_fill(io, 0, iov[0].iov_base, iov[0].iov_len);
	moved += sim_io_fill(io, moved, iov[1].iov_base, iov[1].iov_len);
	sim_pipe_take(pipe, moved);
	return (int64_t)moved;
}

static int64_t pipe_write(struct sim_file *file, const struct sim_io *io)
{
	struct sim_pipe *pipe = container_of(file, struct sim_pipe, writer);
	size_t bytes = io->bytes;
	struct iovec iov[2];
	size_t room = sim_pipe_free(pipe, iov);
	size_t moved;

	if (bytes == 0)
		return 0;
	if (pipe->reader_is_gone)
		return -EPIPE;
	if (room == 0 || (bytes <= SIM_PIPE_ATOMIC && bytes > room))
		return -EAGAIN;
	if (bytes > room)
		bytes = room;
	if (iov[0].iov_len > bytes)
		iov[0].iov_len = bytes;
	moved = sim_io_drain(io, 0, iov[0].iov_base, iov[0].iov_len);
	moved += sim_io_drain(io, moved, iov[1].iov_base, bytes - moved);
	sim_pipe_add(pipe, moved);
	return (int64_t)moved;
}

static unsigned reader_poll(struct sim_file *file)
{
	const struct sim_pipe *pipe = container_of(file, struct sim_pipe, reader);

	return (pipe->count ? POLLIN : 0u) | (pipe->writer_is_gone ? POLLHUP : 0u);
}

static unsigned writer_poll(struct sim_file *file)
{
	const struct sim_pipe *pipe = container_of(file, struct sim_pipe, writer);
	bool room = SIM_PIPE_BYTES - pipe->count >= SIM_PIPE_ATOMIC;

	return (room ? POLLOUT : 0u) | (pipe->reader_is_gone ? POLLERR : 0u);
}

static void free_after_both(struct sim_pipe *pipe)
{
	struct sim *sim = pipe->reader.sim;

	changed(pipe);
	if (pipe->reader_is_gone && pipe->writer_is_gone)
		sim_free(sim, pipe, sizeof *pipe);
}

static void reader_release(struct sim_file *file)
{
	struct sim_pipe *pipe = container_of(file, struct sim_pipe, reader);

	pipe->reader_is_gone = true;
	free_after_both(pipe);
}

static void writer_release(struct sim_file *file)
{
	struct sim_pipe *pipe = container_of(file, struct sim_pipe, writer);

	pipe->writer_is_gone = true;
	free_after_both(pipe);
}

/* The wrong direction: what read(2) says of a descriptor that is open for writing alone. */
static int64_t not_open(struct sim_file *file, const struct sim_io *io)
{
	(void)file;
	(void)io;
	return -EBADF;
}

static const struct sim_file_ops reader_ops = {
	.name = "pipe (read end)",
	.read = pipe_read,
	.write = not_open,
	.poll = reader_poll,
	.release = reader_release,
};

static const struct sim_file_ops writer_ops = {
	.name = "pipe (write end)",
	.read = not_open,
	.write = pipe_write,
	.poll = writer_poll,
	.release = writer_release,
};

struct sim_pipe *sim_pipe_read_end(struct sim_file *file)
{
	return file->ops == &reader_ops ? container_of(file, struct sim_pipe, reader) : NULL;
}

struct sim_pipe *sim_pipe_write_end(struct sim_file *file)
{
	return file->ops == &writer_ops ? container_of(file, struct sim_pipe, writer) : NULL;
}

/* -- Made -------------------------------------------------------------------------------------- */

static int install(struct sim *sim, struct sim_file *file, int flags)
{
	int fd = sim_fd_install(sim, file);

	if (fd >= 0 && (flags & O_CLOEXEC))
		sim_fd_set_flags(sim, fd, FD_CLOEXEC);
	return fd;
}

/* Packets (O_DIRECT) are not there: a kernel without them says the same. */
int sim_pipe(struct sim *sim, int fds[2], int flags)
{
	struct sim_pipe *pipe;
	int ends[2];

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	pipe = sim_alloc(sim, sizeof *pipe);
	sim_file_init(sim, &pipe->reader, &reader_ops, O_RDONLY | (flags & O_NONBLOCK));
	sim_file_init(sim, &pipe->writer, &writer_ops, O_WRONLY | (flags & O_NONBLOCK));
	sim_file_hold(&pipe->reader);
	sim_file_hold(&pipe->writer);
	ends[0] = install(sim, &pipe->reader, flags);
	ends[1] = ends[0] < 0 ? ends[0] : install(sim, &pipe->writer, flags);
	if (ends[1] < 0 && ends[0] >= 0)
		sim_fd_close(sim, ends[0]);
	sim_file_drop(&pipe->reader);
	sim_file_drop(&pipe->writer);
	if (ends[1] < 0)
		return ends[1];
	fds[0] = ends[0];
	fds[1] = ends[1];
	return 0;
}
