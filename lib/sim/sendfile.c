/* SPDX-License-Identifier: MIT */
/*
 * sendfile(2), as the table of plain calls has it: from a file of the disk to a socket, at once.
 *
 * Invariant: the file's position moves by what the socket has taken.
 */
#include "sim/disk_tree.h"
#include "sim/net.h"

#include <errno.h>
#include <sys/stat.h>

#define PIECE 16384u

static int64_t read_piece(struct sim_file *file, int64_t offset, void *buf, size_t len)
{
	const struct iovec iov = {buf, len};
	const struct sim_io io = {.iov = &iov, .iov_count = 1, .bytes = len, .offset = offset};

	return file->ops->read(file, &io);
}

static int send_piece(struct sim *sim, int socket, struct sim_file *file, int64_t *position,
		      size_t len)
{
	const struct sim_transfer_call call = {socket, MSG_DONTWAIT | MSG_NOSIGNAL};
	size_t room = len < PIECE ? len : PIECE;
	char *buf = sim_alloc(sim, room);
	int64_t rc = read_piece(file, *position, buf, room);

	if (rc > 0)
		rc = sim_net_send(sim, &call, buf, (size_t)rc);
	else if (rc == 0)
		rc = -ENODATA;
	sim_free(sim, buf, room);
	if (rc > 0)
		*position += rc;
	return (int)rc;
}

int sim_disk_sendfile(struct sim *sim, int socket, const struct sim_sendfile_call *call)
{
	struct sim_file *file = sim_fd_file(sim, call->file);
	struct sim_inode *inode = NULL;
	int rc = file ? disk_file_usable(file, &inode) : -EBADF;

	if (rc < 0)
		return rc == -EINVAL ? -EOPNOTSUPP : rc;
	if (!disk_inode_is(inode, S_IFREG))
		return -EOPNOTSUPP;
	if (call->len == 0)
		return 0;
	/* Not in memory: the disk would be waited for. */
	if (sim_happens(sim, SIM_DELAY))
		return -ENODATA;
	return send_piece(sim, socket, file,
			  call->offset ? call->offset : disk_file_position(file), call->len);
}
