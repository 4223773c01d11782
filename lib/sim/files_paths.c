/* SPDX-License-Identifier: MIT */
/*
 * Operations that take paths. prepare() copies them when the SQE is taken, as the kernel's
 * getname(): what is wrong with them as such (empty, too long) is an error there.
 *
 * Must not know: how directories are kept.
 */
#include "sim/files_ops.h"
#include "sim/table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>

#define LARGEFILE 0100000
#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define OPEN_FLAGS                                                                                 \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |      \
	 O_ASYNC | O_DIRECT | LARGEFILE | O_NOATIME | PATH_FLAGS | TMPFILE)
#define RESOLVE_FLAGS                                                                              \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |         \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)
#define HOW_BYTES_MAX 4096
#define STATX_FLAGS                                                                                \
	(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)

/* A path operation knows no fixed files. */
static int path_prepare(const struct io_uring_sqe *sqe, uint64_t unused)
{
	if (sqe->buf_index || unused)
		return -EINVAL;
	return sqe->flags & IOSQE_FIXED_FILE ? -EBADF : 0;
}

static uint64_t fd_in(const struct io_uring_sqe *sqe)
{
	return (uint32_t)sqe->splice_fd_in;
}

/* -- open -----------------------------------------------------------------------------------------
 */

static int32_t open_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int error = path_prepare(sqe, 0);

	if (error)
		return error;
	error = files_copy_path(request, 0, sqe->addr, false);
	if (!error && sqe->file_index && files_copy(request)->how.flags & O_CLOEXEC)
		error = -EINVAL;
	return error;
}

/* openat forgives what openat2 refuses. */
int32_t files_open_prepare(struct sim_request *request)
{
	struct open_how *how = &files_copy(request)->how;
	uint64_t flags = request->sqe.open_flags & OPEN_FLAGS;

	if (flags & O_PATH)
		flags &= PATH_FLAGS;
	how->flags = flags;
	if (flags & (O_CREAT | TMPFILE))
		how->mode = request->sqe.len & 07777;
	return open_prepare(request);
}

int32_t files_open2_prepare(struct sim_request *request)
{
	const uint8_t *bytes = (const uint8_t *)(uintptr_t)request->sqe.off;
	uint8_t *how = (uint8_t *)&files_copy(request)->how;
	size_t size = request->sqe.len;

	if (size < sizeof(struct open_how))
		return -EINVAL;
	if (size > HOW_BYTES_MAX)
		return -E2BIG;
	if (!bytes)
		return -EFAULT;
	for (size_t i = 0; i < size; i++) {
		if (i < sizeof(struct open_how))
			how[i] = bytes[i];
		else if (bytes[i])
			return -E2BIG;
	}
	return open_prepare(request);
}

static int check_resolve(const struct open_how *how)
{
	if (how->resolve & ~(uint64_t)RESOLVE_FLAGS)
		return -EINVAL;
	if (how->resolve & RESOLVE_BENEATH && how->resolve & RESOLVE_IN_ROOT)
		return -EINVAL;
	return 0;
}

/* As build_open_flags in fs/open.c. */
static int check_how(const struct open_how *how)
{
	bool creates = how->flags & (O_CREAT | TMPFILE);

	if (how->flags & ~(uint64_t)OPEN_FLAGS || check_resolve(how))
		return -EINVAL;
	if (how->mode & ~(creates ? UINT64_C(07777) : 0))
		return -EINVAL;
	if (how->flags & O_DIRECTORY && how->flags & O_CREAT)
		return -EINVAL;
	if (how->flags & TMPFILE &&
	    (!(how->flags & O_DIRECTORY) || (how->flags & O_ACCMODE) == O_RDONLY))
		return -EINVAL;
	if (how->flags & O_PATH && how->flags & ~(uint64_t)PATH_FLAGS)
		return -EINVAL;
	if (how->resolve & RESOLVE_CACHED && how->flags & (O_TRUNC | O_CREAT | TMPFILE))
		return -EAGAIN;
	return 0;
}

int32_t files_open_attempt(struct sim_request *request)
{
	const struct files_copy *copy = files_copy(request);
	struct disk_start start = {
		.sim = request->sim,
		.dirfd = request->sqe.fd,
		.resolve = copy->how.resolve,
	};
	int fd = check_how(&copy->how);

	sim_table_begin_open(request);
	if (fd == 0)
		fd = disk_open(&start, copy->paths[0], &copy->how);
	return sim_table_end_open(request, fd);
}

/* -- statx ----------------------------------------------------------------------------------------
 */

int32_t files_statx_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	bool may_be_empty = sqe->statx_flags & AT_EMPTY_PATH;
	int error = path_prepare(sqe, fd_in(sqe));

	if (error)
		return error;
	/* Linux 6.11: no path at all is an empty one. */
	if (!sqe->addr && may_be_empty)
		return files_copy_path(request, 0, (uintptr_t) "", true);
	return files_copy_path(request, 0, sqe->addr, may_be_empty);
}

int32_t files_statx_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	const char *path = files_copy(request)->paths[0];
	void *answer = (void *)(uintptr_t)sqe->off;
	struct sim_file *file = sim_fd_file(request->sim, sqe->fd);
	struct disk_start start = { .sim = request->sim, .dirfd = sqe->fd };
	struct sim_inode *inode = NULL;
	int error;

	if (sqe->len & STATX__RESERVED || sqe->statx_flags & ~(unsigned)STATX_FLAGS ||
	    (sqe->statx_flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	start.how = sqe->statx_flags & AT_SYMLINK_NOFOLLOW ? 0 : DISK_FOLLOW;
	if (sqe->statx_flags & AT_EMPTY_PATH)
		start.how |= DISK_EMPTY;
	if (!*path && file && disk_file_inode(file, &inode) == -EINVAL) {
		if (answer)
			disk_stat_other(file, answer);
		return answer ? 0 : -EFAULT;
	}
	error = disk_lookup(&start, path, &inode);
	if (error || !answer)
		return error ? error : -EFAULT;
	disk_stat(inode, answer);
	return 0;
}

/* -- Names ----------------------------------------------------------------------------------------
 */

int32_t files_rename_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int error = path_prepare(sqe, fd_in(sqe));

	if (!error)
		error = files_copy_path(request, 0, sqe->addr, false);
	return error ? error : files_copy_path(request, 1, sqe->addr2, false);
}

int32_t files_rename_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	const struct files_copy *copy = files_copy(request);
	struct disk_start from = { .sim = request->sim, .dirfd = sqe->fd };
	struct disk_start to = { .sim = request->sim, .dirfd = (int)sqe->len };

	return disk_rename(&from, copy->paths[0], &to, copy->paths[1], sqe->rename_flags);
}

int32_t files_unlink_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int error = path_prepare(sqe, sqe->off | sqe->len | fd_in(sqe));

	if (!error && sqe->unlink_flags & ~(unsigned)AT_REMOVEDIR)
		error = -EINVAL;
	return error ? error : files_copy_path(request, 0, sqe->addr, false);
}

int32_t files_unlink_attempt(struct sim_request *request)
{
	const char *path = files_copy(request)->paths[0];
	struct disk_start start = { .sim = request->sim, .dirfd = request->sqe.fd };

	if (request->sqe.unlink_flags & AT_REMOVEDIR)
		return disk_rmdir(&start, path);
	return disk_unlink(&start, path);
}

int32_t files_mkdir_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int error = path_prepare(sqe, sqe->off | (uint32_t)sqe->rw_flags | fd_in(sqe));

	return error ? error : files_copy_path(request, 0, sqe->addr, false);
}

int32_t files_mkdir_attempt(struct sim_request *request)
{
	struct disk_start start = { .sim = request->sim, .dirfd = request->sqe.fd };

	return disk_mkdir(&start, files_copy(request)->paths[0], request->sqe.len);
}

int32_t files_symlink_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int error = path_prepare(sqe, sqe->len | (uint32_t)sqe->rw_flags | fd_in(sqe));

	if (!error)
		error = files_copy_path(request, 0, sqe->addr, false);
	return error ? error : files_copy_path(request, 1, sqe->addr2, false);
}

int32_t files_symlink_attempt(struct sim_request *request)
{
	const struct files_copy *copy = files_copy(request);
	struct disk_start start = { .sim = request->sim, .dirfd = request->sqe.fd };

	return disk_symlink(&start, copy->paths[1], copy->paths[0]);
}

int32_t files_link_prepare(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	int error = path_prepare(sqe, fd_in(sqe));

	if (!error)
		error = files_copy_path(request, 0, sqe->addr,
					sqe->hardlink_flags & AT_EMPTY_PATH);
	return error ? error : files_copy_path(request, 1, sqe->addr2, false);
}

int32_t files_link_attempt(struct sim_request *request)
{
	const struct io_uring_sqe *sqe = &request->sqe;
	const struct files_copy *copy = files_copy(request);
	struct disk_start from = { .sim = request->sim, .dirfd = sqe->fd };
	struct disk_start to = { .sim = request->sim, .dirfd = (int)sqe->len };

	if (sqe->hardlink_flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (sqe->hardlink_flags & AT_SYMLINK_FOLLOW)
		from.how |= DISK_FOLLOW;
	if (sqe->hardlink_flags & AT_EMPTY_PATH)
		from.how |= DISK_EMPTY;
	return disk_link(&from, copy->paths[0], &to, copy->paths[1]);
}
