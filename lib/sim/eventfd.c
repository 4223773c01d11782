/* SPDX-License-Identifier: MIT */
/* Eventfds, as eventfd(2) without EFD_SEMAPHORE: counters that can be waited for. */
#include "sim/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

struct eventfd {
	struct sim_file file;
	uint64_t count;
};

static struct eventfd *eventfd_of(struct sim_file *file)
{
	return container_of(file, struct eventfd, file);
}

static size_t capacity(const struct sim_io *io)
{
	size_t bytes = 0;

	for (size_t i = 0; i < io->iov_count; i++)
		bytes += io->iov[i].iov_len;
	return bytes;
}

static int64_t eventfd_read(struct sim_file *file, const struct sim_io *io)
{
	struct eventfd *eventfd = eventfd_of(file);

	/* A cut for short I/O means nothing to eight bytes that come together. */
	if (capacity(io) < sizeof eventfd->count)
		return -EINVAL;
	if (eventfd->count == 0)
		return -EAGAIN;
	sim_io_fill(io, 0, &eventfd->count, sizeof eventfd->count);
	eventfd->count = 0;
	sim_file_changed(file);
	return sizeof eventfd->count;
}

static int64_t eventfd_write(struct sim_file *file, const struct sim_io *io)
{
	uint64_t n;

	if (capacity(io) < sizeof n)
		return -EINVAL;
	sim_io_drain(io, 0, &n, sizeof n);
	if (n == UINT64_MAX)
		return -EINVAL;
	return sim_eventfd_add(file, n) < 0 ? -EAGAIN : (int64_t)sizeof n;
}

static unsigned eventfd_poll(struct sim_file *file)
{
	uint64_t count = eventfd_of(file)->count;

	return (count > 0 ? POLLIN : 0) | (count < UINT64_MAX - 1 ? POLLOUT : 0);
}

static void eventfd_release(struct sim_file *file)
{
	sim_free(file->sim, eventfd_of(file), sizeof(struct eventfd));
}

static const struct sim_file_ops eventfd_ops = {
	.name = "eventfd",
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

int sim_eventfd(struct sim *sim, uint64_t count, int flags)
{
	struct eventfd *eventfd = sim_alloc(sim, sizeof *eventfd);
	int fd;

	eventfd->count = count;
	sim_file_init(sim, &eventfd->file, &eventfd_ops, O_RDWR | (flags & O_NONBLOCK));
	fd = sim_fd_install(sim, &eventfd->file);
	if (fd < 0)
		sim_free(sim, eventfd, sizeof *eventfd);
	return fd;
}

int sim_eventfd_add(struct sim_file *file, uint64_t count)
{
	struct eventfd *eventfd = eventfd_of(file);

	if (file->ops != &eventfd_ops)
		return -EINVAL;
	if (count > UINT64_MAX - 1 - eventfd->count)
		return -EAGAIN;
	eventfd->count += count;
	sim_file_changed(file);
	return 0;
}
