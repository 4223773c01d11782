/* SPDX-License-Identifier: MIT */
/*
 * Files and descriptors. A file lives as long as anybody holds it: its descriptors, the requests
 * that use it, other parts of the world. Descriptors begin at SIM_FD_FIRST, so that one that
 * strays to the real kernel is found out; 0, 1 and 2 are there, too, and open from the beginning.
 *
 * Invariant: a file that is held is not released; closed() comes before release(), once.
 */
#include "sim/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* -- Life ----------------------------------------------------------------------------------------
 */

void sim_file_init(struct sim *sim, struct sim_file *file, const struct sim_file_ops *ops,
		   int flags)
{
	file->ops = ops;
	file->sim = sim;
	list_init(&file->waiters);
	list_init(&file->watchers);
	list_init(&file->changed);
	file->id = ++sim->files;
	file->descriptors = 0;
	file->holders = 0;
	file->flags = flags;
}

void sim_file_hold(struct sim_file *file)
{
	file->holders++;
}

void sim_file_drop(struct sim_file *file)
{
	check(file->holders > 0);
	if (--file->holders > 0)
		return;
	check(file->descriptors == 0);
	check(list_is_empty(&file->waiters));
	check(list_is_empty(&file->watchers));
	list_remove(&file->changed);
	file->ops->release(file);
}

void sim_file_changed(struct sim_file *file)
{
	if (list_is_empty(&file->changed))
		list_push_back(&file->sim->changed, &file->changed);
}

unsigned sim_file_poll(struct sim_file *file)
{
	return file->ops->poll ? file->ops->poll(file) : POLLIN | POLLOUT;
}

bool sim_file_blocks(const struct sim_file *file)
{
	return !file->ops->poll;
}

/* -- Descriptors ---------------------------------------------------------------------------------
 */

static struct sim_descriptor *descriptor(struct sim *sim, int fd)
{
	unsigned index = (unsigned)fd - SIM_FD_FIRST;

	if (fd < SIM_FD_FIRST || index >= sim->descriptors_room || !sim->descriptors[index].file)
		return NULL;
	return &sim->descriptors[index];
}

struct sim_file *sim_fd_file(struct sim *sim, int fd)
{
	struct sim_descriptor *found = descriptor(sim, fd);

	if (fd >= 0 && fd <= 2)
		return sim->standard[fd];
	return found ? found->file : NULL;
}

static void grow(struct sim *sim)
{
	unsigned room = sim->descriptors_room ? 2 * sim->descriptors_room : 64;
	struct sim_descriptor *larger = sim_alloc(sim, room * sizeof *larger);

	if (sim->descriptors_room > 0)
		memcpy(larger, sim->descriptors, sim->descriptors_room * sizeof *larger);
	sim_free(sim, sim->descriptors, sim->descriptors_room * sizeof *larger);
	sim->descriptors = larger;
	sim->descriptors_room = room;
}

int sim_fd_install_from(struct sim *sim, struct sim_file *file, int least)
{
	unsigned index = least > SIM_FD_FIRST ? (unsigned)(least - SIM_FD_FIRST) : 0;

	if (sim->descriptors_open >= sim->options.descriptors_max)
		return -EMFILE;
	if (index >= sim->options.descriptors_max)
		return -EINVAL;
	if (index < sim->descriptors_least)
		index = sim->descriptors_least;
	while (index < sim->descriptors_room && sim->descriptors[index].file)
		index++;
	if (least <= SIM_FD_FIRST)
		sim->descriptors_least = index + 1;
	while (index >= sim->descriptors_room)
		grow(sim);
	sim->descriptors[index] = (struct sim_descriptor){.file = file};
	sim->descriptors_open++;
	file->descriptors++;
	sim_file_hold(file);
	return SIM_FD_FIRST + (int)index;
}

int sim_fd_install(struct sim *sim, struct sim_file *file)
{
	return sim_fd_install_from(sim, file, 0);
}

int sim_fd_flags(struct sim *sim, int fd)
{
	struct sim_descriptor *found = descriptor(sim, fd);

	if (fd >= 0 && fd <= 2)
		return 0;
	return found ? found->flags : -EBADF;
}

int sim_fd_set_flags(struct sim *sim, int fd, int flags)
{
	struct sim_descriptor *found = descriptor(sim, fd);

	if (!found)
		return -EBADF;
	found->flags = flags;
	return 0;
}

void sim_file_give_up(struct sim_file *file)
{
	if (--file->descriptors == 0) {
		sim_epoll_forget(file);
		if (file->ops->closed)
			file->ops->closed(file);
	}
	sim_file_drop(file);
}

int sim_fd_close(struct sim *sim, int fd)
{
	struct sim_descriptor *found = descriptor(sim, fd);
	struct sim_file *file;

	if (fd >= 0 && fd <= 2)
		return 0;
	if (!found)
		return -EBADF;
	file = found->file;
	found->file = NULL;
	if ((unsigned)fd - SIM_FD_FIRST < sim->descriptors_least)
		sim->descriptors_least = (unsigned)fd - SIM_FD_FIRST;
	sim->descriptors_open--;
	sim_file_give_up(file);
	return 0;
}

unsigned sim_name_descriptors(struct sim *sim, void (*line)(void *context, const char *text),
			      void *context)
{
	unsigned left = 0;
	char text[96];

	for (unsigned i = 0; i < sim->descriptors_room; i++) {
		const struct sim_file *file = sim->descriptors[i].file;

		if (!file)
			continue;
		left++;
		snprintf(text, sizeof text, "descriptor %u, a %s, was left open",
			 i + SIM_FD_FIRST, file->ops->name);
		line(context, text);
	}
	return left;
}

/* -- Standard input, output and error ------------------------------------------------------------
 */

struct standard {
	struct sim_file file;
	int fd;
};

static int64_t standard_read(struct sim_file *file, const struct sim_io *io)
{
	(void)file;
	(void)io;
	return 0;
}

static int64_t standard_write(struct sim_file *file, const struct sim_io *io)
{
	const struct sim_hooks *hooks = &file->sim->options.hooks;
	struct standard *standard = container_of(file, struct standard, file);
	size_t done = 0;

	if (standard->fd == 0)
		return -EBADF;
	while (done < io->bytes) {
		char piece[256];
		size_t room = io->bytes - done < sizeof piece ? io->bytes - done : sizeof piece;
		size_t n = sim_io_drain(io, done, piece, room);

		if (hooks->output)
			hooks->output(hooks->context, standard->fd, piece, n);
		done += n;
	}
	return (int64_t)done;
}

static unsigned standard_poll(struct sim_file *file)
{
	(void)file;
	return POLLIN | POLLOUT;
}

static void standard_release(struct sim_file *file)
{
	sim_free(file->sim, container_of(file, struct standard, file), sizeof(struct standard));
}

static const struct sim_file_ops standard_ops = {
	.name = "standard stream",
	.read = standard_read,
	.write = standard_write,
	.poll = standard_poll,
	.release = standard_release,
};

void sim_files_init(struct sim *sim)
{
	for (int fd = 0; fd <= 2; fd++) {
		struct standard *standard = sim_alloc(sim, sizeof *standard);

		standard->fd = fd;
		sim_file_init(sim, &standard->file, &standard_ops, fd ? O_WRONLY : O_RDONLY);
		sim_file_hold(&standard->file);
		sim->standard[fd] = &standard->file;
	}
}

void sim_files_close(struct sim *sim)
{
	for (unsigned i = 0; i < sim->descriptors_room; i++)
		if (sim->descriptors[i].file)
			sim_fd_close(sim, SIM_FD_FIRST + (int)i);
}

void sim_files_deinit(struct sim *sim)
{
	for (int fd = 0; fd <= 2; fd++)
		sim_file_drop(sim->standard[fd]);
	sim_free(sim, sim->descriptors, sim->descriptors_room * sizeof *sim->descriptors);
}

/* -- Scatter and gather --------------------------------------------------------------------------
 */

/* Copies between @bytes and @io's memory from its @done-th byte on. */
static size_t copy(const struct sim_io *io, size_t done, void *bytes, size_t count, bool to_caller)
{
	size_t copied = 0;

	for (size_t i = 0; i < io->iov_count && copied < count; i++) {
		const struct iovec *iov = &io->iov[i];
		size_t left;
		char *place;

		if (done >= iov->iov_len) {
			done -= iov->iov_len;
			continue;
		}
		place = (char *)iov->iov_base + done;
		left = iov->iov_len - done;
		left = left < count - copied ? left : count - copied;
		if (to_caller)
			memcpy(place, (char *)bytes + copied, left);
		else
			memcpy((char *)bytes + copied, place, left);
		copied += left;
		done = 0;
	}
	return copied;
}

size_t sim_io_fill(const struct sim_io *io, size_t done, const void *bytes, size_t count)
{
	/* Only read from: the one loop serves both directions. */
	return copy(io, done, (void *)(uintptr_t)bytes, count, true);
}

size_t sim_io_drain(const struct sim_io *io, size_t done, void *bytes, size_t count)
{
	return copy(io, done, bytes, count, false);
}
