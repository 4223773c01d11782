/* SPDX-License-Identifier: MIT */
/*
 * SCM_RIGHTS: files that travel in a message of a unix socket. They are held while they travel, so
 * that the sender may close its descriptor at once.
 *
 * Invariant: dropping a file may release a socket whose queue holds more of them; that one's wait
 * in net->doomed until the outermost call has come to them. Nothing recurs.
 */
#include "sim/net.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct doomed {
	struct coil_list node;
	struct sim_rights *rights;
};

void sim_rights_free(struct sim_net *net, struct sim_rights *rights)
{
	struct doomed *doomed = sim_alloc(net->sim, sizeof *doomed);
	struct coil_list *node;

	list_init(&doomed->node);
	doomed->rights = rights;
	list_push_back(&net->doomed, &doomed->node);
	if (net->is_dropping)
		return;
	net->is_dropping = true;
	while ((node = list_pop_front(&net->doomed))) {
		doomed = list_entry(node, struct doomed, node);
		rights = doomed->rights;
		sim_free(net->sim, doomed, sizeof *doomed);
		for (unsigned i = 0; i < rights->count; i++)
			sim_file_drop(rights->files[i]);
		sim_free(net->sim, rights, sizeof *rights);
	}
	net->is_dropping = false;
}

struct sim_rights *sim_rights_copy(struct sim_net *net, const struct sim_rights *rights)
{
	struct sim_rights *copy = sim_alloc(net->sim, sizeof *copy);

	*copy = *rights;
	for (unsigned i = 0; i < copy->count; i++)
		sim_file_hold(copy->files[i]);
	return copy;
}

/* The descriptors of one control message. */
static int read_fds(struct sim_net *net, const struct cmsghdr *head, struct sim_rights *rights)
{
	size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	if (rights->count + count > SIM_RIGHTS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		struct sim_file *file;
		int fd;

		memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
		file = sim_fd_file(net->sim, fd);
		if (!file)
			return -EBADF;
		sim_file_hold(file);
		rights->files[rights->count++] = file;
	}
	return 0;
}

static int read_message(struct sim_net *net, const struct cmsghdr *head, struct sim_rights *rights)
{
	if (head->cmsg_level != SOL_SOCKET)
		return 0;
	if (head->cmsg_type == SCM_RIGHTS)
		return read_fds(net, head, rights);
	/* Who sends is the one process that there is. */
	return head->cmsg_type == SCM_CREDENTIALS ? 0 : -EINVAL;
}

int sim_rights_read(struct sim_net *net, const void *control, size_t bytes,
		    struct sim_rights **ret_rights)
{
	struct sim_rights *rights;
	size_t at = 0;
	int rc = 0;

	*ret_rights = NULL;
	if (!control || bytes < sizeof(struct cmsghdr))
		return 0;
	rights = sim_alloc(net->sim, sizeof *rights);
	while (rc == 0 && at + sizeof(struct cmsghdr) <= bytes) {
		const struct cmsghdr *head = (const void *)((const char *)control + at);

		if (head->cmsg_len < sizeof *head || head->cmsg_len > bytes - at)
			rc = -EINVAL;
		else
			rc = read_message(net, head, rights);
		at += CMSG_ALIGN(head->cmsg_len);
	}
	if (rc < 0 || rights->count == 0) {
		sim_rights_free(net, rights);
		return rc;
	}
	*ret_rights = rights;
	return 0;
}

/* How many descriptors fit into the caller's memory. */
static unsigned room_for(const struct sim_message *message)
{
	if (!message->control || message->control_bytes < CMSG_LEN(sizeof(int)))
		return 0;
	return (unsigned)((message->control_bytes - CMSG_LEN(0)) / sizeof(int));
}

void sim_rights_install(struct sim_net *net, struct sim_message *message)
{
	const struct sim_rights *rights = message->rights;
	struct cmsghdr *head = message->control;
	unsigned room = room_for(message);
	unsigned count = 0;
	size_t space;

	while (count < rights->count && count < room) {
		int fd = sim_fd_install(net->sim, rights->files[count]);

		if (fd < 0)
			break;
		memcpy(CMSG_DATA(head) + count * sizeof fd, &fd, sizeof fd);
		count++;
	}
	if (count < rights->count)
		message->flags_out |= MSG_CTRUNC;
	if (count == 0) {
		message->control_bytes = 0;
		return;
	}
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(count * sizeof(int));
	space = CMSG_SPACE(count * sizeof(int));
	if (space < message->control_bytes)
		message->control_bytes = space;
}
