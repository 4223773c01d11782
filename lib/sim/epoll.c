/* SPDX-License-Identifier: MIT */
/*
 * Epoll sets: level and edge triggered, one shot, sets within sets. An item does not keep its file
 * open; it goes with the file's last descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "sim/file.h"
#include "sim/poll.h"
#include "sim/request.h"

struct epoll {
	struct sim_file file;
	struct coil_list items;
};

struct item {
	struct coil_list node;		/* in epoll->items */
	struct coil_list watch;		/* in its file's watchers */
	struct epoll *epoll;
	struct sim_file *file;
	struct epoll_event event;
	int fd;
	bool has_changed;		/* since it was told: for EPOLLET */
	bool is_disarmed;		/* EPOLLONESHOT has told */
};

static struct item *item_at(struct coil_list *node)
{
	return container_of(node, struct item, node);
}

static unsigned ready_events(struct item *item)
{
	if (item->is_disarmed || ((item->event.events & EPOLLET) && !item->has_changed))
		return 0;
	return sim_file_poll(item->file) & (item->event.events | EPOLLERR | EPOLLHUP);
}

static void forget(struct item *item)
{
	list_remove(&item->node);
	list_remove(&item->watch);
	sim_free(item->epoll->file.sim, item, sizeof *item);
}

/* Sets within sets are looked through by the poll of each: the kernel allows five deep. */
static unsigned epoll_poll(struct sim_file *file)
{
	struct epoll *epoll = container_of(file, struct epoll, file);
	struct coil_list *node;

	list_for_each(node, &epoll->items)
		if (ready_events(item_at(node)))
			return EPOLLIN;
	return 0;
}

static void epoll_release(struct sim_file *file)
{
	struct epoll *epoll = container_of(file, struct epoll, file);

	while (!list_is_empty(&epoll->items))
		forget(item_at(epoll->items.next));
	sim_free(file->sim, epoll, sizeof *epoll);
}

static const struct sim_file_ops epoll_ops = {
	.name = "epoll set",
	.poll = epoll_poll,
	.release = epoll_release,
};

int sim_epoll_create(struct sim *sim)
{
	struct epoll *epoll = sim_alloc(sim, sizeof *epoll);
	int fd;

	list_init(&epoll->items);
	sim_file_init(sim, &epoll->file, &epoll_ops, O_RDWR);
	fd = sim_fd_install(sim, &epoll->file);
	if (fd < 0)
		sim_free(sim, epoll, sizeof *epoll);
	return fd;
}

/* -- Changes -------------------------------------------------------------------------------------
 */

void sim_epoll_changed(struct sim_file *file)
{
	struct coil_list *node;

	list_for_each(node, &file->watchers) {
		struct item *item = container_of(node, struct item, watch);

		item->has_changed = true;
		sim_file_changed(&item->epoll->file);
	}
}

void sim_epoll_forget(struct sim_file *file)
{
	while (!list_is_empty(&file->watchers))
		forget(container_of(file->watchers.next, struct item, watch));
}

static struct item *find(struct epoll *epoll, const struct sim_file *file, int fd)
{
	struct coil_list *node;

	list_for_each(node, &epoll->items)
		if (item_at(node)->file == file && item_at(node)->fd == fd)
			return item_at(node);
	return NULL;
}

static void arm(struct item *item, const struct epoll_event *event)
{
	item->event = *event;
	item->has_changed = true;
	item->is_disarmed = false;
	sim_file_changed(&item->epoll->file);
}

static int add(struct epoll *epoll, struct sim_file *file, int fd, const struct epoll_event *event)
{
	struct item *item = sim_alloc(file->sim, sizeof *item);

	item->epoll = epoll;
	item->file = file;
	item->fd = fd;
	list_init(&item->node);
	list_init(&item->watch);
	list_push_back(&epoll->items, &item->node);
	list_push_back(&file->watchers, &item->watch);
	arm(item, event);
	return 0;
}

/* Would watching @file close a ring, or go deeper than Linux lets sets be nested? Sets that hold
 * sets are refused, which keeps both away. */
static bool is_too_deep(struct sim_file *file)
{
	struct coil_list *node;
	struct epoll *inner;

	if (file->ops != &epoll_ops)
		return false;
	inner = container_of(file, struct epoll, file);
	list_for_each(node, &inner->items)
		if (item_at(node)->file->ops == &epoll_ops)
			return true;
	return false;
}

static int change(struct epoll *epoll, int operation, int fd, const struct epoll_event *event)
{
	struct sim_file *file = sim_fd_file(epoll->file.sim, fd);
	struct item *item;

	if (!file)
		return -EBADF;
	if (sim_file_blocks(file))
		return -EPERM;
	if (file == &epoll->file)
		return -EINVAL;
	item = find(epoll, file, fd);
	switch (operation) {
	case EPOLL_CTL_ADD:
		if (item)
			return -EEXIST;
		return is_too_deep(file) ? -ELOOP : add(epoll, file, fd, event);
	case EPOLL_CTL_MOD:
		if (item)
			arm(item, event);
		return item ? 0 : -ENOENT;
	case EPOLL_CTL_DEL:
		if (item)
			forget(item);
		return item ? 0 : -ENOENT;
	default:
		return -EINVAL;
	}
}

int sim_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	struct sim_file *file = sim_fd_file(sim_current(), epoll_fd);

	if (!file)
		return -EBADF;
	if (file->ops != &epoll_ops)
		return -EINVAL;
	if (!event && operation != EPOLL_CTL_DEL)
		return -EFAULT;
	return change(container_of(file, struct epoll, file), operation, fd, event);
}

/* -- Waiting -------------------------------------------------------------------------------------
 */

/* What is told goes to the end, so that many ready ones take turns. */
int sim_epoll_take(struct sim_file *file, struct epoll_event *events, int events_max)
{
	struct epoll *epoll = container_of(file, struct epoll, file);
	struct coil_list *last = epoll->items.prev;
	struct coil_list *node = epoll->items.next;
	int count = 0;

	if (file->ops != &epoll_ops || events_max <= 0)
		return -EINVAL;
	for (bool is_last = list_is_empty(&epoll->items); !is_last && count < events_max;) {
		struct item *item = item_at(node);
		unsigned ready = ready_events(item);

		is_last = node == last;
		node = node->next;
		if (!ready)
			continue;
		events[count] = item->event;
		events[count++].events = ready;
		item->has_changed = false;
		item->is_disarmed = item->event.events & EPOLLONESHOT;
		list_remove(&item->node);
		list_push_back(&epoll->items, &item->node);
	}
	return count;
}

int32_t sim_epoll_ctl_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	struct epoll_event *copy;

	if (sqe->buf_index || sqe->splice_fd_in)
		return -EINVAL;
	if ((int)sqe->len == EPOLL_CTL_DEL)
		return 0;
	copy = sim_alloc(request->sim, sizeof *copy);
	request->own = copy;
	memcpy(copy, (const void *)(uintptr_t)sqe->addr, sizeof *copy);
	return 0;
}

int32_t sim_epoll_ctl_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	return sim_epoll_ctl(sqe->fd, (int)sqe->len, (int)sqe->off, request->own);
}

void sim_epoll_ctl_drop(struct sim_request *request)
{
	sim_free(request->sim, request->own, sizeof(struct epoll_event));
	request->own = NULL;
}

int32_t sim_epoll_wait_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;

	return sqe->off || sqe->rw_flags || sqe->buf_index || sqe->splice_fd_in ? -EINVAL : 0;
}

int32_t sim_epoll_wait_attempt(struct sim_request *request)
{
	int n = sim_epoll_take(request->file, (void *)(uintptr_t)request->sqe.addr,
			       (int)request->sqe.len);

	return n == 0 ? SIM_WAIT : n;
}
