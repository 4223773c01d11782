/* SPDX-License-Identifier: MIT */
/*
 * Children: their ends are chosen, waitid finds them, a pidfd is readable from the end on. As with
 * Linux a child that has ended stays until it is waited for.
 */
#include "sim/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#define PID_FIRST 30000

struct child {
	struct coil_list node;
	struct sim_event end;
	struct coil_list pidfds;
	pid_t pid;
	int status;
	int signal;
	bool has_ended;
};

struct pidfd {
	struct sim_file file;
	struct coil_list node;		/* in its child's */
	struct child *child;		/* NULL: it was waited for */
};

struct sim_procs {
	struct coil_list children;
	struct coil_list waiters;	/* of waitid: struct wait */
	struct coil_list futexes;
	struct sim_signals signals;
	pid_t next_pid;
};

/* A WAITID request that waits. */
struct wait {
	struct coil_list node;
	struct sim_request *request;
};

struct sim_procs *sim_procs_new(struct sim *sim)
{
	struct sim_procs *procs = sim_alloc(sim, sizeof *procs);

	list_init(&procs->children);
	list_init(&procs->waiters);
	list_init(&procs->futexes);
	sim_signals_init(&procs->signals);
	procs->next_pid = PID_FIRST;
	return procs;
}

struct coil_list *sim_futex_waiters(struct sim *sim)
{
	return &sim_procs(sim)->futexes;
}

struct sim_signals *sim_signals(struct sim *sim)
{
	return &sim_procs(sim)->signals;
}

static struct child *child_at(struct coil_list *node)
{
	return container_of(node, struct child, node);
}

static void reap(struct sim *sim, struct child *child)
{
	struct coil_list *node;

	while ((node = list_pop_front(&child->pidfds)))
		container_of(node, struct pidfd, node)->child = NULL;
	sim_event_clear(sim, &child->end);
	list_remove(&child->node);
	sim_free(sim, child, sizeof *child);
}

/* Of those who wait, only who asked for this child, as Linux does. */
static void tell_waiters(struct sim *sim, const struct child *child)
{
	struct coil_list *node;
	struct coil_list *next;

	for (node = sim_procs(sim)->waiters.next; node != &sim_procs(sim)->waiters; node = next) {
		const struct wait *wait = container_of(node, struct wait, node);
		const struct io_uring_sqe *sqe = &wait->request->sqe;

		next = node->next;
		if (sqe->len != P_PID || sqe->fd == child->pid)
			sim_request_retry(wait->request);
	}
}

static void end(struct sim *sim, struct sim_event *event)
{
	struct child *child = container_of(event, struct child, end);
	struct coil_list *node;

	child->has_ended = true;
	sim_trace(sim, "child %d ends", (int)child->pid);
	list_for_each(node, &child->pidfds)
		sim_file_changed(&container_of(node, struct pidfd, node)->file);
	tell_waiters(sim, child);
	sim_signal_send(sim, SIGCHLD, sim->now);
}

pid_t sim_child(struct sim *sim, const struct sim_end *chosen)
{
	struct child *child = sim_alloc(sim, sizeof *child);

	child->pid = sim_procs(sim)->next_pid++;
	child->status = chosen->status & 0xff;
	child->signal = chosen->signal;
	list_init(&child->node);
	list_init(&child->pidfds);
	list_push_back(&sim_procs(sim)->children, &child->node);
	sim_event_init(&child->end, end);
	if (chosen->when != DRIVER_FOREVER)
		sim_event_set(sim, &child->end, chosen->when);
	return child->pid;
}

static struct child *find(struct sim *sim, pid_t pid)
{
	struct coil_list *node;

	list_for_each(node, &sim_procs(sim)->children)
		if (child_at(node)->pid == pid)
			return child_at(node);
	return NULL;
}

int sim_child_kill(struct sim *sim, pid_t pid, int signal)
{
	struct child *child = find(sim, pid);

	if (!child)
		return -ESRCH;
	if (child->has_ended)
		return 0;
	child->signal = signal;
	sim_event_clear(sim, &child->end);
	sim_event_set(sim, &child->end, sim->now);
	return 0;
}

void sim_procs_free(struct sim_procs *procs)
{
	struct sim *sim = sim_current();

	while (!list_is_empty(&procs->children))
		reap(sim, child_at(procs->children.next));
	check(list_is_empty(&procs->waiters));
	check(list_is_empty(&procs->futexes));
	sim_signals_deinit(sim, &procs->signals);
	sim_free(sim, procs, sizeof *procs);
}

/* -- Pidfds --------------------------------------------------------------------------------------
 */

static unsigned pidfd_poll(struct sim_file *file)
{
	const struct pidfd *pidfd = container_of(file, struct pidfd, file);

	if (!pidfd->child)
		return POLLIN | POLLHUP;
	return pidfd->child->has_ended ? POLLIN : 0;
}

static void pidfd_release(struct sim_file *file)
{
	struct pidfd *pidfd = container_of(file, struct pidfd, file);

	list_remove(&pidfd->node);
	sim_free(file->sim, pidfd, sizeof *pidfd);
}

static const struct sim_file_ops pidfd_ops = {
	.name = "pidfd",
	.poll = pidfd_poll,
	.release = pidfd_release,
};

int sim_pidfd_open(pid_t pid, unsigned flags)
{
	struct sim *sim = sim_current();
	struct child *child;
	struct pidfd *pidfd;
	int fd;

	if (pid <= 0 || (flags & ~(unsigned)O_NONBLOCK))
		return -EINVAL;
	child = find(sim, pid);
	if (!child)
		return -ESRCH;
	pidfd = sim_alloc(sim, sizeof *pidfd);
	pidfd->child = child;
	list_init(&pidfd->node);
	sim_file_init(sim, &pidfd->file, &pidfd_ops, O_RDWR | (int)flags);
	fd = sim_fd_install(sim, &pidfd->file);
	if (fd < 0)
		sim_free(sim, pidfd, sizeof *pidfd);
	else
		list_push_back(&child->pidfds, &pidfd->node);
	return fd;
}

/* -- waitid --------------------------------------------------------------------------------------
 */

struct query {
	int type;
	id_t id;
	int options;
	const struct child *only;	/* of P_PIDFD */
};

static bool matches(const struct query *query, const struct child *child)
{
	switch (query->type) {
	case P_PID:
		return child->pid == (pid_t)query->id;
	case P_PIDFD:
		return child == query->only;
	default:
		return true; /* all are in the program's own group */
	}
}

static int read_query(struct sim *sim, struct query *query)
{
	int waits = WEXITED | WSTOPPED | WCONTINUED;
	struct sim_file *file;

	if ((query->options & ~(waits | WNOHANG | WNOWAIT)) || !(query->options & waits))
		return -EINVAL;
	switch (query->type) {
	case P_ALL:
	case P_PGID:
		return 0;
	case P_PID:
		return (pid_t)query->id > 0 ? 0 : -EINVAL;
	case P_PIDFD:
		file = sim_fd_file(sim, (int)query->id);
		if (!file || file->ops != &pidfd_ops)
			return -EBADF;
		query->only = container_of(file, struct pidfd, file)->child;
		return query->only ? 0 : -ECHILD;
	default:
		return -EINVAL;
	}
}

/* Copied: a kernel takes memory of any alignment. */
static void describe(const struct child *child, void *info)
{
	siginfo_t found;

	memset(&found, 0, sizeof found);
	found.si_signo = SIGCHLD;
	found.si_pid = child->pid;
	found.si_code = child->signal ? CLD_KILLED : CLD_EXITED;
	found.si_status = child->signal ? child->signal : child->status;
	memcpy(info, &found, sizeof found);
}

/* 0 with *@ret_child, if one has ended; -EAGAIN: not yet; -ECHILD: nobody is waited for. */
static int look(struct sim *sim, const struct query *query, struct child **ret_child)
{
	struct coil_list *node;
	int rc = -ECHILD;

	list_for_each(node, &sim_procs(sim)->children) {
		struct child *child = child_at(node);

		if (!matches(query, child))
			continue;
		if (child->has_ended && (query->options & WEXITED)) {
			*ret_child = child;
			return 0;
		}
		rc = -EAGAIN;
	}
	return rc;
}

/* 0, -EAGAIN, or another negative errno. */
static int take(struct sim *sim, struct query *query, void *info)
{
	struct child *child = NULL;
	int rc = read_query(sim, query);

	if (rc == 0)
		rc = look(sim, query, &child);
	if (rc < 0)
		return rc;
	if (info)
		describe(child, info);
	if (!(query->options & WNOWAIT))
		reap(sim, child);
	return 0;
}

int sim_waitid(int type, id_t id, void *info, int options)
{
	struct query query = {.type = type, .id = id, .options = options};
	int rc = take(sim_current(), &query, info);

	if (rc != -EAGAIN)
		return rc;
	/* The engine never calls it without: a call that blocks would stop the world. */
	check(options & WNOHANG);
	if (info)
		memset(info, 0, sizeof(siginfo_t));
	return 0;
}

int32_t sim_waitid_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	struct wait *wait;

	if (sqe->addr || sqe->buf_index || sqe->addr3 || sqe->waitid_flags)
		return -EINVAL;
	wait = sim_alloc(request->sim, sizeof *wait);
	wait->request = request;
	list_init(&wait->node);
	request->own = wait;
	return 0;
}

int32_t sim_waitid_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	struct query query = {
		.type = (int)sqe->len, .id = (id_t)sqe->fd, .options = (int)sqe->file_index
	};
	void *info = (void *)(uintptr_t)sqe->addr2;
	struct wait *wait = request->own;
	int rc = take(request->sim, &query, info);

	if (rc != -EAGAIN)
		return rc;
	if (query.options & WNOHANG) {
		if (info)
			memset(info, 0, sizeof(siginfo_t));
		return 0;
	}
	if (list_is_empty(&wait->node))
		list_push_back(&sim_procs(request->sim)->waiters, &wait->node);
	return SIM_WAIT;
}

void sim_waitid_drop(struct sim_request *request)
{
	struct wait *wait = request->own;

	if (!wait)
		return;
	list_remove(&wait->node);
	sim_free(request->sim, wait, sizeof *wait);
	request->own = NULL;
}
